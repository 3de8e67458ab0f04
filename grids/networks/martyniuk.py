"""The two networks of Martyniuk, "Multi-task learning for image restoration" (thesis, UCU Lviv, 2019).

An encoder for all tasks and a decoder for each, whose output, through tanh, is added to the image. Inside, values are
in [-1, 1], as in the thesis; its clamping is left to whoever writes the image. The norms of encoder and decoders are
those of the image at hand, also at test: the thesis measures that way, though its code keeps running means too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.networks.backbones.inception import InceptionTrunk, trunk_state
from grids.networks.blocks import pad_to_multiple
from grids.networks.heads import ANY, MultiHead, read_tasks
from grids.networks.pooling import InstanceNorm
from grids.networks.state_dict import count_parts, load_strict, read_width


class _Martyniuk(MultiHead):
    """What both networks do: image + tanh(decoder of a task(encoder(image)))."""

    encoder: nn.Module

    def encode(self, images: Tensor) -> Sequence[Tensor]:
        return self.encoder(images)

    def decode(self, task: str, *shared: Tensor) -> Tensor:
        return torch.tanh(self.decoders[task](*shared))


class MartyniukResNet(_Martyniuk):
    """The generator of DeblurGAN, cut behind its residual blocks into an encoder and decoders.

    Any size: images are padded to a multiple of 8 and cut again. Source: the thesis, section 3.2, and its code.

    Args:
        tasks: their names.
        width: channels at full resolution; each of the two levels down doubles them.
        blocks: residual blocks at a quarter of the resolution.
    """

    multiple = 8

    def __init__(self, tasks: Iterable[str] = ANY, width: int = 64, blocks: int = 9) -> None:
        super().__init__(tasks)
        # so far a pixel acts, but through means: 7 x 7 and 3 x 3 kernels at the scale of their level
        self.reach = (3 + 1 + 2) + 8 * blocks + (4 + 2 + 3)
        self.encoder = _ResNetEncoder(width, blocks)
        self.decoders = nn.ModuleDict({task: _resnet_decoder(width) for task in self.tasks})

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> MartyniukResNet:
        """Make the network that a state dict belongs to: tasks, width and number of blocks are read off it.

        Args:
            state: all of its weights, under our names.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of such a network; the first entry that is wrong is named.
        """
        what = "a ResNet of Martyniuk"
        blocks = count_parts(state, "encoder.blocks.")
        width = read_width(state, "encoder.first.0.weight", what, blocks, 2, (3, 7, 7))
        return load_strict(cls(read_tasks(state, what), width, blocks), state, what)


class MartyniukFPN(_Martyniuk):
    """A feature pyramid on Inception-ResNet-v2, whose finest map joins each decoder.

    Any size: images are padded to a multiple of 32 and cut again. Source: the thesis, section 3.2, and its code, which
    pads the maps of an unpadded trunk, for 256 x 256 pixels; here the trunk pads its layers.

    Args:
        tasks: their names.
        width: of the trunk, see `InceptionTrunk`.
        repeats: residual blocks of the trunk.
        channels: of the pyramid; its finest map has half as many.
    """

    multiple = 32

    def __init__(
        self, tasks: Iterable[str] = ANY, width: int = 32, repeats: Sequence[int] = (10, 20), channels: int = 256
    ) -> None:
        super().__init__(tasks)
        # through the coarsest maps: of stem and reductions, of what is enlarged, and of the residual blocks
        self.reach = 85 + 96 + 16 * repeats[0] + 48 * repeats[1]
        self.encoder: _Pyramid = _Pyramid(width, repeats, channels)
        self.decoders = nn.ModuleDict({task: _PyramidDecoder(channels // 2) for task in self.tasks})

    def pad(self, images: Tensor) -> Tensor:
        """As the base class; in training, images of up to 32 pixels become 64 pixels wide and high."""
        # the trunk's batch normalisation refuses to learn from a single pixel
        single = self.training and max(images.shape[-2:]) <= self.multiple
        return pad_to_multiple(images, 2 * self.multiple if single else self.multiple)

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        """Put weights into the trunk: those that Cadene published for ImageNet, or any of its width and repeats.

        Args:
            state: of a trunk, or of the whole classifier, whose other entries are passed over.

        Raises:
            WeightsError: a key is missing, does not belong to it, or has another shape.
        """
        load_strict(self.encoder.trunk, trunk_state(state), "the trunk of this network (Inception-ResNet-v2)")

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> MartyniukFPN:
        """Make the network that a state dict belongs to: tasks and sizes are read off it.

        Args:
            state: all of its weights, under our names.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of such a network; the first entry that is wrong is named.
        """
        what, trunk = "an FPN of Martyniuk", "encoder.trunk"
        repeats = [count_parts(state, f"{trunk}.{part}.") for part in ("repeat", "repeat_1")]
        width = read_width(state, f"{trunk}.conv2d_1a.conv.weight", what, sum(repeats), 5)
        channels = read_width(state, "encoder.laterals.4.weight", what, 4, sees=None)
        return load_strict(cls(read_tasks(state, what), width, repeats, channels), state, what)


class _ResNetEncoder(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> one map, (B, 4 width, H / 4, W / 4)."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.first = _normalised(_conv7(3, width))
        self.down = nn.Sequential(
            _normalised(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)),
            _normalised(nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)),
        )
        self.blocks = nn.Sequential(*(_ResNetBlock(4 * width) for _ in range(blocks)))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (self.blocks(self.down(self.first(images))),)


class _ResNetBlock(nn.Module):
    """x + norm(conv3(dropout(ReLU(norm(conv3(x)))))): (B, C, H, W) -> the same. Dropout acts in training alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.norm1 = InstanceNorm()
        self.dropout = nn.Dropout(0.5)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.norm2 = InstanceNorm()

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(self.norm1(self.conv1(x))))
        return x + self.norm2(self.conv2(y))


def _resnet_decoder(width: int) -> nn.Sequential:
    """(B, 4 width, H / 4, W / 4) -> (B, 3, H, W), before tanh."""
    return nn.Sequential(
        _normalised(nn.ConvTranspose2d(4 * width, 2 * width, 3, stride=2, padding=1, output_padding=1)),
        _normalised(nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1)),
        _conv7(width, 3),
    )


class _Pyramid(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> maps of C / 2 channels at H / 2, of 2 C channels at H / 4; C is `channels`."""

    def __init__(self, width: int, repeats: Sequence[int], channels: int) -> None:
        super().__init__()
        self.trunk = InceptionTrunk(width, repeats)
        outputs = (channels // 2, *[channels] * 4)
        sizes = zip(self.trunk.channels, outputs, strict=True)
        self.laterals = nn.ModuleList(nn.Conv2d(found, made, 1, bias=False) for found, made in sizes)
        self.heads = nn.ModuleList(_pyramid_head(channels) for _ in range(4))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        finest, *maps = (lateral(x) for lateral, x in zip(self.laterals, self.trunk.maps(images), strict=True))
        for level in (2, 1, 0):  # top-down, the coarsest one first
            maps[level] = maps[level] + F.interpolate(maps[level + 1], scale_factor=2)
        made = [
            F.interpolate(head(x), scale_factor=2**i) for i, (head, x) in enumerate(zip(self.heads, maps, strict=True))
        ]
        return finest, torch.cat(made, dim=1)


def _pyramid_head(channels: int) -> nn.Sequential:
    conv1 = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)
    conv2 = nn.Conv2d(channels // 2, channels // 2, 3, padding=1, bias=False)
    return nn.Sequential(conv1, nn.ReLU(), conv2, nn.ReLU())


class _PyramidDecoder(nn.Module):
    """The maps of `_Pyramid` -> (B, 3, H, W), before tanh; `channels` are those of the finest map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.smooth1 = _normalised(nn.Conv2d(4 * channels, channels, 3, padding=1))
        self.smooth2 = _normalised(nn.Conv2d(channels, channels // 2, 3, padding=1))
        self.last = nn.Conv2d(channels // 2, 3, 3, padding=1)

    def forward(self, finest: Tensor, joined: Tensor) -> Tensor:
        x = F.interpolate(self.smooth1(joined), scale_factor=2) + finest
        return self.last(F.interpolate(self.smooth2(x), scale_factor=2))


def _normalised(conv: nn.Module) -> nn.Sequential:
    return nn.Sequential(conv, InstanceNorm(), nn.ReLU())


def _conv7(inputs: int, channels: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, channels, 7, padding=3, padding_mode="reflect")
