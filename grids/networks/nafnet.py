"""NAFNet (Chen, Chu, Zhang, Sun, ECCV 2022): a U-shaped network without activation functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.networks.blocks import GlobalMean, LayerNorm2d, descended, padded
from grids.networks.states import entry, loaded, numbered


class NAFBlock(nn.Module):
    """Two residual steps, each gated by a product of channel halves. (B, C, H, W) -> the same. Source: section 4."""

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
        y = _gate(self.depthwise(self.expand1(self.norm1(x))))
        y = y * self.attention(self.pool(y))  # simplified channel attention
        x = x + _scaled(self.project1, y, self.beta)
        y = _gate(self.expand2(self.norm2(x)))
        output: Tensor = x + _scaled(self.project2, y, self.gamma)
        return output


class NAFNet(nn.Module):
    """NAFNet, plus the input. Any size: images are padded to a multiple of 2^levels and cut again.

    Args:
        width: channels at full resolution; each level down doubles them.
        encoder: blocks of every level, from full resolution down.
        middle: blocks at the bottom.
        decoder: blocks of every level, from the bottom up; as many levels as the encoder.
    """

    scale = 1

    def __init__(
        self,
        width: int = 16,
        encoder: Sequence[int] = (1, 1, 2),
        middle: int = 2,
        decoder: Sequence[int] = (1, 1, 1),
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)
        self.multiple = 2 ** len(encoder)  # images that begin at multiples of this are shrunk alike
        # so far a pixel acts, but through means: 3 x 3 kernels and the shrinking, at the scale of their level
        levels = enumerate(zip(encoder, reversed(decoder), strict=True))
        self.reach = 2 + sum(2**level * (down + 1 + up) for level, (down, up) in levels) + self.multiple * middle
        self.encoder, self.down = nn.ModuleList(), nn.ModuleList()
        for blocks in encoder:
            self.encoder.append(_blocks(width, blocks))
            self.down.append(nn.Conv2d(width, 2 * width, 2, stride=2))
            width *= 2
        self.middle = _blocks(width, middle)
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for blocks in decoder:
            self.up.append(nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2)))
            width //= 2
            self.decoder.append(_blocks(width, blocks))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the same, not clipped."""
        whole = padded(images, self.multiple)
        x, skips = descended(self.first(whole), self.encoder, self.down)
        x = self.middle(x)
        for up, decode in zip(self.up, self.decoder, strict=True):
            x = decode(up(x) + skips.pop())
        output: Tensor = self.last(x) + whole
        return output[..., : images.shape[-2], : images.shape[-1]]

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> NAFNet:
        """The network that a state dict belongs to. Raises WeightsError."""
        what = "a NAFNet"
        width = entry(state, "first.weight", 4, what).shape[0]
        encoder, decoder = (
            [numbered(state, f"{part}.{level}.") for level in range(numbered(state, f"{part}."))]
            for part in ("encoder", "decoder")
        )
        return loaded(cls(width, encoder, numbered(state, "middle."), decoder), state, what)


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(NAFBlock(channels) for _ in range(count)))


def _gate(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=1)
    return first * second


def _scaled(projection: nn.Conv2d, x: Tensor, scale: Tensor) -> Tensor:
    """projection(x) * scale, with the scale in the 1 x 1 kernel: one pass less over the maps."""
    assert projection.bias is not None
    return F.conv2d(x, projection.weight * scale.unsqueeze(-1), projection.bias * scale.flatten())
