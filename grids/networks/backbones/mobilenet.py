"""MobileNetV2 (Sandler et al., CVPR 2018): the part of it that others take maps from, and how it is laid out.

The names in its state dict are torchvision's, so that the published ImageNet weights fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from torch import Tensor, nn

from grids.networks.state_dict import load_strict

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, and stride of the first one. Source: table 2."""
TAPS = {1: 16, 3: 24, 6: 32, 10: 64, 15: 160}
"""Layers whose output the trunk returns, the last of each size (DeblurGAN-v2's choice), and their channels."""


class InvertedResidual(nn.Module):
    """1 x 1 to more channels, 3 x 3 depth-wise, 1 x 1 to few without an activation. Source: section 3.3.

    (B, channels, H, W) -> (B, out, H / stride, W / stride); the input is added where the two are of one size.

    Args:
        channels, out: of the input and of the output.
        stride: of the depth-wise convolution, 1 or 2.
        expansion: channels of the depth-wise convolution, in terms of the input's.
    """

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * channels
        wider = [] if expansion == 1 else [_conv(channels, hidden, 1)]
        depthwise = _conv(hidden, hidden, 3, stride, groups=hidden)
        self.conv = nn.Sequential(*wider, depthwise, nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, out, H / stride, W / stride), rounded up."""
        return x + self.conv(x) if self.shortcut else self.conv(x)


class MobileTrunk(nn.Module):
    """The first 16 layers of MobileNetV2: (B, 3, H, W) -> maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size.

    Args:
        width: channels of the first convolution, a multiple of 8; the published network has 32, and the channels of all
            layers are in proportion, rounded to multiples of 8.

    Attributes:
        channels: of the five maps; 16, 24, 32, 64 and 160 for the published width.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(*islice(_layers(width), max(TAPS) + 1))
        self.channels = tuple(_scaled(channels, width) for channels in TAPS.values())
        _initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the maps at five scales.

        Args:
            images: (B, 3, H, W).

        Returns:
            Maps at H / 2, H / 4, H / 8, H / 16 and H / 32, rounded up, the finest one first; their channels are
            `channels`.
        """
        x, maps = images, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                maps.append(x)
        return maps


def load_trunk(trunk: MobileTrunk, state: Mapping[str, Tensor]) -> MobileTrunk:
    """Put the part of a MobileNetV2's state that a trunk has into it.

    Args:
        trunk: its weights are replaced, in place.
        state: under torchvision's names; entries that the trunk does not have are passed over.

    Returns:
        The same trunk.

    Raises:
        WeightsError: an entry is missing or has another shape than the trunk's; the first one is named.
    """
    part = {key: state[key] for key in trunk.state_dict() if key in state}
    return load_strict(trunk, part, "a MobileNetV2 of this width")


def _layers(width: int) -> Iterator[nn.Module]:
    channels = _scaled(32, width)
    yield _conv(3, channels, 3, stride=2)
    for expansion, published, blocks, stride in STAGES:
        out = _scaled(published, width)
        for block in range(blocks):
            yield InvertedResidual(channels, out, 1 if block else stride, expansion)
            channels = out
    yield _conv(channels, _scaled(1280, max(width, 32)), 1)


def _conv(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU6())


def _scaled(published: int, width: int) -> int:
    """The nearest multiple of 8 to the channels in proportion, but not less than 90% of them."""
    exact = published * width / 32
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
