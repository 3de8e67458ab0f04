"""The two-scale network with a structure task of Shen et al. (EURASIP JWCN 2019), for blurred faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.errors import GridsError, unknown_name
from grids.networks.blocks import init_for_relu, pad_to_multiple, shrink_weights
from grids.networks.state_dict import count_parts, load_strict, read_width

Stream = Literal["image", "structure"]
IMAGE: Stream = "image"
STRUCTURE: Stream = "structure"


class WideBlock(nn.Module):
    """A residual block of 5 x 5 convolutions, x + conv5(ReLU(conv5(ReLU(x)))): (B, C, H, W) -> the same.

    Source: "ResBlock" of Shen et al., its ReLU where their CVPR 2018 network has it: before, not after the sum.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.conv2 = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class ShenFace(nn.Module):
    """Restores an image at half its size, then at its size, with the same layers; a second head restores its structure.

    The structure stream is given the gradient magnitudes of the image, (B, 3, H, W), and leads through the same trunk
    and a head of its own; it teaches the trunk where edges are and is needed in training only. The output is the
    restored image itself, to which the input is not added. Without normalisation; the range stays [0, 1].

    Any size: with two scales images are padded to a multiple of 2 and cut again.

    Source: Shen, Xu, Zhang, Guo, Jiang, "A multi-task approach to face deblurring", section 3, eq. 2; ReLU, padding
    and the transposed convolution as in "Deep Semantic Face Deblurring" (Shen et al., CVPR 2018).

    Args:
        width: channels of every layer.
        blocks: residual blocks of the trunk.
        scales: 2, or 1 for the image at its size alone.
        structure: have the second head; without, there is a single task.

    Raises:
        GridsError: scales is neither 1 nor 2.
    """

    scale = 1

    def __init__(self, width: int = 64, blocks: int = 6, scales: int = 2, structure: bool = True) -> None:
        super().__init__()
        if scales not in (1, 2):
            raise GridsError(f"a face network has 1 or 2 scales, not {scales}")
        self.scales = scales
        self.multiple = scales
        # so far a pixel acts: 11 x 11 and 5 x 5 kernels, once more at half the size, and the enlargement between them
        own = 15 + 4 * blocks
        self.reach = own if scales == 1 else 3 * own + 2
        self.first = nn.Conv2d(6, width, 11, padding=5)
        self.conv2, self.conv3 = _conv(width, width), _conv(width, width)
        self.blocks = nn.Sequential(*(WideBlock(width) for _ in range(blocks)))
        streams = (IMAGE, STRUCTURE) if structure else (IMAGE,)
        self.heads = nn.ModuleDict({stream: _head(width) for stream in streams})
        ups = streams if scales == 2 else ()
        self.ups = nn.ModuleDict({stream: nn.ConvTranspose2d(3, 3, 4, stride=2, padding=1) for stream in ups})
        init_for_relu(self)
        shrink_weights(*(block.conv2 for block in self.blocks))  # type: ignore[arg-type]

    @torch.no_grad()
    def init_to_identity(self) -> None:
        """Set weights, in place, so that the network gives back its input.

        Three channels of every layer then carry the image, and the heads give back these alone. As the input is not
        added to the output, random layers begin some 20 dB below it. Biases and the enlargement between the two scales
        are left as they are; all other channels keep their weights.
        """
        _carry(self.first, offset=3)
        for layer in (self.conv2, self.conv3):
            _carry(layer)
        for block in self.blocks:
            block.conv2.weight[:3] = 0  # type: ignore[operator, union-attr]
        for head in self.heads.values():
            *inner, last = [layer for layer in head.modules() if isinstance(layer, nn.Conv2d)]
            for layer in inner:
                _carry(layer)
            _carry(last)

    @overload
    def forward(self, images: Tensor, stream: Stream = IMAGE, every_scale: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, images: Tensor, stream: Stream = IMAGE, *, every_scale: Literal[True]) -> list[Tensor]: ...

    def forward(self, images: Tensor, stream: Stream = IMAGE, every_scale: bool = False) -> Tensor | list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> the same, not clipped.

        Args:
            images: the images, or their gradient magnitudes for the structure stream.
            stream: "image" or "structure".
            every_scale: return the results of all scales, sized as by `pyramid`, the smallest first.

        Raises:
            UnknownNameError: there is no such stream.
        """
        if stream not in self.heads:
            raise unknown_name("stream of this face network", stream, self.heads)
        results: list[Tensor] = []
        for given in self._scaled(pad_to_multiple(images, self.multiple)):
            coarser = self.ups[stream](results[-1]) if results else given
            results.append(self.heads[stream](self._trunk(torch.cat([coarser, given], dim=1))))
        results[-1] = results[-1][..., : images.shape[-2], : images.shape[-1]]
        return results if every_scale else results[-1]

    def training_outputs(self, images: Tensor) -> list[Tensor]:
        """Run all that is trained, where `forward` shows the image at its full size alone.

        Args:
            images: (B, 3, H, W) in [0, 1]; here both streams get them.

        Returns:
            The results of the image stream, then those of the structure stream where there is one; of each the smallest
            scale first. Sizes are those of `pyramid`.
        """
        return [result for stream in self.heads for result in self(images, stream, every_scale=True)]

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Scale images to what every scale of the network sees, or is to make of them.

        Args:
            images: (B, 3, H, W).

        Returns:
            One tensor for each scale, the smallest first, the last being the images themselves. The smaller one is
            halved by area, (B, 3, (H + 1) // 2, (W + 1) // 2): an odd side is padded first.
        """
        return [*self._scaled(pad_to_multiple(images, self.multiple))[:-1], images]

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> ShenFace:
        """Make the network that a state dict belongs to: width, blocks, scales and heads are read off it.

        Args:
            state: all of its weights, under our names.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of such a network; the first entry that is wrong is named.
        """
        what = "a face network"
        blocks = count_parts(state, "blocks.")
        width = read_width(state, "first.weight", what, blocks, sees=(6, 11, 11))
        scales = 2 if count_parts(state, "ups.") else 1
        structure = any(key.startswith(f"heads.{STRUCTURE}.") for key in state)
        return load_strict(cls(width, blocks, scales, structure), state, what)

    def _scaled(self, whole: Tensor) -> list[Tensor]:
        return [whole] if self.scales == 1 else [F.avg_pool2d(whole, 2), whole]

    def _trunk(self, pairs: Tensor) -> Tensor:
        """(B, 6, H, W), the enlarged result of the smaller scale and the image -> (B, C, H, W)."""
        x = self.conv3(F.relu(self.conv2(F.relu(self.first(pairs)))))
        return F.relu(self.blocks(x))


def _carry(layer: nn.Conv2d, offset: int = 0) -> None:
    """Make the first three channels that leave a layer those three that enter it from `offset` on."""
    middle = layer.kernel_size[0] // 2
    layer.weight[:3] = 0
    for channel in range(3):
        layer.weight[channel, offset + channel, middle, middle] = 1


def _conv(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 5, padding=2)


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, 3))
