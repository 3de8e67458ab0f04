"""The generator of Walha, Drira, Bedhief (ICAART 2024): a multi-scale encoder, a transformer decoder for each task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.errors import unknown_name
from grids.networks.backbones.mobilenet import MobileTrunk, load_trunk
from grids.networks.blocks import TransformerBlock, pad_to_multiple
from grids.networks.heads import MultiHead, read_tasks
from grids.networks.state_dict import count_parts, get_entry, list_parts, load_strict, read_heads, read_width

WIDTHS = (32, 32, 64, 128, 256, 256, 256, 256)
"""Filters of the eight units of a block. The paper goes on to 2048: 101 million parameters for the four blocks."""
Entry = Literal["softmax", "relu"]
ENTRIES: dict[Entry, Callable[[Tensor], Tensor]] = {"softmax": lambda x: x.softmax(dim=1), "relu": F.relu}
KEPT, LITERAL = "kept", "literal"


class Pyramid(nn.Module):
    """Feature pyramid on MobileNetV2: images in [-1, 1] -> M0 ... M4 at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size.

    Source: section 3.2, eq. 1; widths and layers from the mobile pyramid of DeblurGAN-v2 (the paper gives none), with
    batch norm, as in the trunk.

    Args:
        width: of the trunk, see `grids.networks.backbones.mobilenet.MobileTrunk`.
        channels: of M1 to M4; M0 has half as many.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.trunk = MobileTrunk(width)
        outs = (channels // 2, *[channels] * 4)
        pairs = zip(self.trunk.channels, outs, strict=True)
        self.lateral = nn.ModuleList(nn.Conv2d(given, out, 1, bias=False) for given, out in pairs)
        self.smooth = nn.ModuleList(nn.Sequential(*_normed(channels, channels), nn.ReLU()) for _ in range(3))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1], H and W multiples of 32 -> M0 (B, channels / 2, H / 2, W / 2), and M1 to M4."""
        maps = [lateral(x) for lateral, x in zip(self.lateral, self.trunk(images), strict=True)]
        for level in (3, 2, 1):
            maps[level] = self.smooth[level - 1](maps[level] + _doubled(maps[level + 1]))
        return maps


class ConvPoolBlock(nn.Module):
    """CMB: units of 3 x 3 convolution, max-pooling and ReLU, then a 1 x 1 convolution. Source: section 3.2.

    (B, C, H, W) -> (B, out, H, W), or, with `literal`, (B, out, h, w) where h or w is 1 after enough units.

    Args:
        channels: C.
        widths: filters of the units.
        out: channels that leave the block.
        literal: pool 2 x 2 with stride 2 until a side is 1, as the paper says; else 3 x 3 with stride 1, since eight
            halvings leave no positions.
    """

    def __init__(self, channels: int, widths: Sequence[int], out: int, literal: bool) -> None:
        super().__init__()
        pairs = zip((channels, *widths[:-1]), widths, strict=True)
        self.units = nn.ModuleList(nn.Conv2d(given, width, 3, padding=1) for given, width in pairs)
        self.project = nn.Conv2d(widths[-1], out, 1)
        self.literal = literal

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out, H, W), or smaller with `literal`."""
        for convolution in self.units:
            x = F.relu(self._pooled(convolution(x)))
        return self.project(x)

    def _pooled(self, x: Tensor) -> Tensor:
        if not self.literal:
            return F.max_pool2d(x, 3, stride=1, padding=1)
        return F.max_pool2d(x, 2) if min(x.shape[-2:]) > 1 else x


class TransformerDecoder(nn.Module):
    """The head of a task: features at 1/4 of the size and M0 at 1/2 -> a change of the image, in (-1, 1).

    Convolution, batch norm, softmax over channels, then M0 beside it; transformer blocks at 1/2 and at the full size,
    with a skip from the first to the last ones. Source: section 3.3; numbers of blocks and scales are ours.

    Args:
        given: channels of the features.
        channels: at 1/2 of the size, M0's among them; half as many at the full size.
        blocks: transformer blocks before the skip, beside it, and after it.
        heads: of the attention at 1/2 and at the full size.
        entry: "softmax" or "relu", after the batch norm.
    """

    def __init__(self, given: int, channels: int, blocks: int, heads: Sequence[int], entry: Entry) -> None:
        super().__init__()
        fine = channels // 2
        # the name is in the keys, so that a state tells which it is
        self.entry = nn.ModuleDict({entry: nn.Sequential(*_normed(given, fine))})
        self.first = _transformers(channels, blocks, heads[0])
        self.second = _transformers(channels, blocks, heads[0])
        self.up = nn.Conv2d(channels, fine, 3, padding=1)
        self.skip = nn.Conv2d(channels, fine, 1, bias=False)
        self.third = _transformers(fine, blocks, heads[1])
        self.last = nn.Conv2d(fine, 3, 3, padding=1)

    def forward(self, features: Tensor, m0: Tensor) -> Tensor:
        """Make the change of an image.

        Args:
            features: (B, given, H / 4, W / 4).
            m0: (B, channels / 2, H / 2, W / 2), the finest map of the pyramid.

        Returns:
            (B, 3, H, W) in (-1, 1).
        """
        x = self.first(torch.cat([_doubled(self.entered(features)), m0], dim=1))
        x = self.up(self.second(x)) + self.skip(x)
        return torch.tanh(self.last(self.third(_doubled(x))))

    def entered(self, features: Tensor) -> Tensor:
        """Compute what the features are after convolution, batch norm and softmax or ReLU.

        Args:
            features: (B, given, h, w).

        Returns:
            (B, channels / 2, h, w), at least 0; with softmax the channels of each pixel add up to 1.
        """
        [(name, convolution)] = self.entry.items()
        return ENTRIES[name](convolution(features))  # type: ignore[index]


class WalhaNet(MultiHead):
    """The generator, plus the input. Any size: images are padded to a multiple of 32 and cut again.

    Those of 32 pixels or less are padded to 64, since batch norm needs more than one pixel in training.

    Args:
        tasks: names.
        width: of the trunk; 32 is the published MobileNetV2.
        channels: of the pyramid and, at 1/2 of the size, of the decoders.
        widths: filters of the units in the convolution and pooling blocks.
        blocks, heads: of the decoders' transformers, see `TransformerDecoder`.
        entry: "softmax", as in the paper, or "relu", at the entry of the decoders.
        literal: poolings that halve, see `ConvPoolBlock`.
        multi_scale: with the convolution and pooling blocks; without them, M1 alone goes to the decoders.

    Raises:
        UnknownNameError: for another entry.
    """

    multiple = 32

    def __init__(
        self,
        tasks: Iterable[str],
        width: int = 32,
        channels: int = 128,
        widths: Sequence[int] = WIDTHS,
        blocks: int = 1,
        heads: Sequence[int] = (4, 2),
        entry: Entry = "softmax",
        literal: bool = False,
        multi_scale: bool = True,
    ) -> None:
        super().__init__(tasks)
        if entry not in ENTRIES:
            raise unknown_name("entry", entry, ENTRIES)
        self.encoder = Pyramid(width, channels)
        self.scales = nn.ModuleDict()
        if multi_scale:
            scales = (ConvPoolBlock(channels, widths, channels // 2, literal) for _ in range(4))
            self.scales[LITERAL if literal else KEPT] = nn.ModuleList(scales)
        given = 2 * channels if multi_scale else channels
        self.decoders = nn.ModuleDict(
            {task: TransformerDecoder(given, channels, blocks, heads, entry) for task in self.tasks}
        )

    def pad(self, images: Tensor) -> Tensor:
        """As the base class; images of up to 32 pixels become 64 pixels wide and high."""
        return pad_to_multiple(images, self.multiple if max(images.shape[-2:]) > self.multiple else 2 * self.multiple)

    def encode(self, images: Tensor) -> Sequence[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> the features that the decoders share, at 1/4 of the size, and M0 at 1/2."""
        maps = self.encoder(images)
        return self._features(maps), maps[0]

    def decode(self, task: str, *shared: Tensor) -> Tensor:
        """The maps of `encode` -> (B, 3, H, W) in (-1, 1), through the task's decoder."""
        return self.decoders[task](*shared)

    def _features(self, maps: Sequence[Tensor]) -> Tensor:
        """What the decoders share, at the size of M1: what the blocks make of M1 to M4, or M1 itself."""
        if not self.scales:
            return maps[1]
        [blocks] = self.scales.values()
        low = [block(x) for block, x in zip(blocks, maps[1:], strict=True)]  # type: ignore[call-overload]
        return torch.cat([F.interpolate(x, maps[1].shape[-2:], mode="nearest") for x in low], dim=1)

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        """Start the trunk from a MobileNetV2's state, such as the published ImageNet weights.

        Args:
            state: under torchvision's names; entries that the trunk does not have are passed over.

        Raises:
            WeightsError: an entry is missing or has another shape; the first one is named.
        """
        load_trunk(self.encoder.trunk, state)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> WalhaNet:
        """Make the network that a state dict belongs to: tasks, sizes and switches are read off it.

        Args:
            state: all of its weights, under our names.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of such a network; the first entry that is wrong is named.
        """
        what = "a WalhaNet"
        width = read_width(state, "encoder.trunk.features.0.0.weight", what, 1, 2)
        channels = read_width(state, "encoder.lateral.1.weight", what, 3, sees=None)
        tasks = read_tasks(state, what)
        head = f"decoders.{tasks[0]}"
        parts = (("first", channels), ("third", channels // 2))
        heads = [read_heads(state, f"{head}.{part}.0.attention.temperature", count, what) for part, count in parts]
        scales = list_parts(state, "scales.")
        units = f"scales.{LITERAL if LITERAL in scales else KEPT}.0.units"
        count = max(1, count_parts(state, f"{units}.")) if scales else 0
        network = cls(
            tasks,
            width,
            channels,
            [get_entry(state, f"{units}.{i}.weight", 4, what).shape[0] for i in range(count)],
            count_parts(state, f"{head}.first."),
            heads,
            entry="relu" if "relu" in list_parts(state, f"{head}.entry.") else "softmax",
            literal=LITERAL in scales,
            multi_scale=bool(scales),
        )
        return load_strict(network, state, what)


def _normed(channels: int, out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)


def _transformers(channels: int, count: int, heads: int) -> nn.Sequential:
    return nn.Sequential(*(TransformerBlock(channels, heads) for _ in range(count)))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
