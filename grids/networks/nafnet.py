"""NAFNet (Chen, Chu, Zhang, Sun, ECCV 2022): a U-shaped network without activation functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.networks.blocks import LayerNorm2d
from grids.networks.pooling import GlobalMean
from grids.networks.ushaped import Blocks, UShaped


class NAFBlock(nn.Module):
    """Two residual steps without activation functions: each multiplies one half of its channels by the other.

    (B, C, H, W) -> the same. The first step has a depth-wise convolution and weighs channels by their means over the
    image, the second has 1 x 1 convolutions alone. Both begin at 0, so that a fresh block gives back its input.
    Source: NAFNet (Chen et al., ECCV 2022), section 4.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(channels)
        self.expand1 = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.pool = GlobalMean()
        self.attention = nn.Conv2d(channels, channels, 1)
        self.project1 = nn.Conv2d(channels, channels, 1)
        self.norm2 = LayerNorm2d(channels)
        self.expand2 = nn.Conv2d(channels, 2 * channels, 1)
        self.project2 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        y = _gate(self.depthwise(self.expand1(self.norm1(x))))
        y = y * self.attention(self.pool(y))  # simplified channel attention
        x = x + _scaled(self.project1, y, self.beta)
        y = _gate(self.expand2(self.norm2(x)))
        return x + _scaled(self.project2, y, self.gamma)


class NAFNet(UShaped):
    """NAFNet, plus the input: a U-shaped network of `NAFBlock`s.

    Any size: images are padded to a multiple of 2^levels and cut again. Source: Chen, Chu, Zhang, Sun, ECCV 2022.

    Args:
        width: channels at full resolution; each level down doubles them.
        encoder: blocks of every level, from full resolution down.
        middle: blocks at the bottom.
        decoder: blocks of every level, from the bottom up; as many levels as the encoder.
    """

    title = "a NAFNet"

    def __init__(
        self, width: int = 16, encoder: Sequence[int] = (1, 1, 2), middle: int = 2, decoder: Sequence[int] = (1, 1, 1)
    ) -> None:
        super().__init__(width, encoder, middle, decoder, block=NAFBlock, sees=1)

    @classmethod
    def _of_sizes(cls, width: int, blocks: Blocks, state: Mapping[str, Tensor]) -> NAFNet:
        return cls(width, *blocks)


def _gate(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=1)
    return first * second


def _scaled(projection: nn.Conv2d, x: Tensor, scale: Tensor) -> Tensor:
    """projection(x) * scale, with the scale in the 1 x 1 kernel: one pass less over the maps."""
    assert projection.bias is not None
    return F.conv2d(x, projection.weight * scale.unsqueeze(-1), projection.bias * scale.flatten())
