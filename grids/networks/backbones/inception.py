"""Inception-ResNet-v2 (Szegedy et al., AAAI 2017), under the names of the weights that Cadene published for PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kernel = int | tuple[int, int]
CLASSIFIER = ("repeat_2.", "block8.", "conv2d_7b.", "last_linear.")
"""How the keys begin that come after the trunk."""


class ConvUnit(nn.Module):
    """ReLU(batch norm(convolution)): (B, inputs, H, W) -> (B, channels, ceil(H / stride), ceil(W / stride)).

    Args:
        inputs, channels: of the input and of the output.
        kernel: side of the convolution, or its (height, width); odd.
        stride: in both directions.
    """

    def __init__(self, inputs: int, channels: int, kernel: Kernel = 1, stride: int = 1) -> None:
        super().__init__()
        high, wide = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        self.conv = nn.Conv2d(inputs, channels, (high, wide), stride, (high // 2, wide // 2), bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, channels, ceil(H / stride), ceil(W / stride)), at least 0."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side: each gets the same input, and their outputs are concatenated along the channels.

    Args:
        branches: each (B, C, H, W) -> (B, some, h, w) with the same h and w; in the state dict they are called branch0,
            branch1, ...
    """

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.names = [f"branch{i}" for i in range(len(branches))]
        for name, branch in zip(self.names, branches, strict=True):
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, sum of the branches' channels, h, w)."""
        return torch.cat([self.get_submodule(name)(x) for name in self.names], dim=1)


class Residual(Mixed):
    """x + scale * conv1x1(branches of x), then ReLU except in the last block. (B, channels, H, W) -> the same.

    Args:
        channels: of input and output.
        inner: that the branches have together.
        scale: of what is added.
        branches: each (B, channels, H, W) -> (B, some, H, W).
        last: without ReLU.
    """

    def __init__(self, channels: int, inner: int, scale: float, *branches: nn.Module, last: bool = False) -> None:
        super().__init__(*branches)
        self.conv2d = nn.Conv2d(inner, channels, 1)
        self.scale, self.last = scale, last

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        x = x + self.scale * self.conv2d(super().forward(x))
        return x if self.last else F.relu(x)


class InceptionTrunk(nn.Module):
    """Inception-ResNet-v2 up to its last reduction, `mixed_7a`: maps at five scales.

    All layers are padded ("same"), also those of the stem and of the reductions, which the published network leaves
    unpadded: so maps have the size of the image divided by their stride. Weights are the same, and so is what they make
    of the inside of an image.

    Args:
        width: channels of the first layer, 32 as published; all others are in proportion.
        repeats: residual blocks at a stride of 8 and of 16 pixels.

    Attributes:
        channels: of the five maps.
    """

    def __init__(self, width: int = 32, repeats: Sequence[int] = (10, 20)) -> None:
        super().__init__()
        n = _proportion(width)
        self.channels = tuple(n(count) for count in (32, 64, 192, 1088, 2080))
        self.conv2d_1a = ConvUnit(3, n(32), 3, stride=2)
        self.conv2d_2a = ConvUnit(n(32), n(32), 3)
        self.conv2d_2b = ConvUnit(n(32), n(64), 3)
        self.maxpool_3a = _halving_pool()
        self.conv2d_3b = ConvUnit(n(64), n(80))
        self.conv2d_4a = ConvUnit(n(80), n(192), 3)
        self.maxpool_5a = _halving_pool()
        self.mixed_5b = _mixed_5b(width)
        self.repeat = nn.Sequential(*(_block35(width) for _ in range(repeats[0])))
        self.mixed_6a = _mixed_6a(width)
        self.repeat_1 = nn.Sequential(*(_block17(width) for _ in range(repeats[1])))
        self.mixed_7a = _mixed_7a(width)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Compute the maps at five scales.

        Args:
            images: (B, 3, H, W) in [-1, 1].

        Returns:
            Maps at H / 2, H / 4, H / 8, H / 16 and H / 32, rounded up, the finest one first; their channels are
            `channels`.
        """
        first = self.conv2d_1a(images)
        second = self.maxpool_3a(self.conv2d_2b(self.conv2d_2a(first)))
        third = self.maxpool_5a(self.conv2d_4a(self.conv2d_3b(second)))
        fourth = self.mixed_6a(self.repeat(self.mixed_5b(third)))
        return [first, second, third, fourth, self.mixed_7a(self.repeat_1(fourth))]


def trunk_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the state of an `InceptionTrunk` out of that of the classifier, or of a trunk.

    Weights as old as the published ones do not count the batches that normalisation has seen: the count begins at 0.

    Args:
        state: under Cadene's names. It is not changed.

    Returns:
        The entries that do not belong to what comes after the trunk; whether they fit a trunk is not checked.
    """
    kept = {key: value for key, value in state.items() if not key.startswith(CLASSIFIER)}
    counts = (f"{key.removesuffix('running_mean')}num_batches_tracked" for key in kept if key.endswith("running_mean"))
    return {count: torch.zeros((), dtype=torch.long) for count in counts} | kept


def _proportion(width: int) -> Callable[[int], int]:
    return lambda channels: channels * width // 32


def _chain(width: int, inputs: int, *steps: tuple[int, Kernel], stride: int = 1) -> nn.Sequential:
    """Units of (channels at the published width, kernel), one after the other; the last one has the stride."""
    n, units = _proportion(width), []
    for i, (channels, kernel) in enumerate(steps):
        units.append(ConvUnit(n(inputs), n(channels), kernel, stride if i == len(steps) - 1 else 1))
        inputs = channels
    return nn.Sequential(*units)


def _halving_pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, padding=1)


def _mixed_5b(width: int) -> Mixed:
    n = _proportion(width)
    return Mixed(
        ConvUnit(n(192), n(96)),
        _chain(width, 192, (48, 1), (64, 5)),
        _chain(width, 192, (64, 1), (96, 3), (96, 3)),
        nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), ConvUnit(n(192), n(64))),
    )


def _block35(width: int) -> Residual:
    return _residual(width, 320, 0.17, 32, ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))


def _mixed_6a(width: int) -> Mixed:
    n = _proportion(width)
    return Mixed(
        ConvUnit(n(320), n(384), 3, stride=2),
        _chain(width, 320, (256, 1), (256, 3), (384, 3), stride=2),
        _halving_pool(),
    )


def _block17(width: int) -> Residual:
    return _residual(width, 1088, 0.10, 192, ((128, 1), (160, (1, 7)), (192, (7, 1))))


def _mixed_7a(width: int) -> Mixed:
    return Mixed(
        _chain(width, 1088, (256, 1), (384, 3), stride=2),
        _chain(width, 1088, (256, 1), (288, 3), stride=2),
        _chain(width, 1088, (256, 1), (288, 3), (320, 3), stride=2),
        _halving_pool(),
    )


def _residual(
    width: int, channels: int, scale: float, first: int, *chains: Sequence[tuple[int, Kernel]], last: bool = False
) -> Residual:
    """A block of one 1 x 1 unit of `first` channels and some chains; all channels at the published width."""
    n = _proportion(width)
    inner = first + sum(steps[-1][0] for steps in chains)
    branches = [ConvUnit(n(channels), n(first)), *(_chain(width, channels, *steps) for steps in chains)]
    return Residual(n(channels), n(inner), scale, *branches, last=last)
