"""Building blocks that several networks share."""

from __future__ import annotations

from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + conv3(ReLU(conv3(x))), without batch normalisation: (B, C, H, W) -> the same.

    Args:
        channels: C.
        bias: of the convolutions.
    """

    def __init__(self, channels: int, bias: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x + self.conv2(F.relu(self.conv1(x)))


class GlobalMean(nn.Module):
    """The mean of every channel over the image: (B, C, H, W) -> (B, C, 1, 1).

    What a network sees of the whole image passes through here, so that an image can come in tiles too: inside a
    `MeansOfTiles` it gives means of the whole image for each of its tiles.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 1, 1): the means of x, or of the image that it is a tile of (see `MeansOfTiles`)."""
        tiles = _TILES.get()
        return self.average(x) if tiles is None else tiles.mean(self, x)

    def average(self, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Compute the means of one map, whatever `MeansOfTiles` is around it.

        Args:
            x: (B, C, H, W).
            dtype: in which they are summed and returned; None for that of x.

        Returns:
            (B, C, 1, 1).
        """
        return x.mean(dim=(2, 3), keepdim=True, dtype=dtype)


class MeansOfTiles:
    """The means of an image that comes in tiles, for every `GlobalMean` of the network that it goes through.

    They hold within `with`, in the thread that entered it alone: nothing is written into the network, which other
    threads may use meanwhile. Use: set `window`, run the network on a tile, and so on for all tiles; then
    `fix_gathered`, and run all tiles again, until the result changes no more (see `grids.restoration.tiling`).

    Attributes:
        window: (top, bottom, left, right) of the part of a tile whose means are gathered, as fractions of its sides;
            None to gather nothing. Parts of all tiles together should be the image, each pixel once.
        fixed: for each pool the means that it gives for every tile, (1, C, 1, 1); without, it gives those gathered so
            far, or where nothing is gathered, those of what comes.
    """

    def __init__(self) -> None:
        self.window: tuple[float, float, float, float] | None = None
        self.fixed: dict[GlobalMean, Tensor] = {}
        self._gathered: dict[GlobalMean, tuple[Tensor, int]] = {}

    def __enter__(self) -> MeansOfTiles:
        self._before = _TILES.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _TILES.reset(self._before)

    def mean(self, pool: GlobalMean, x: Tensor) -> Tensor:
        """Give what a pool is to return for the map of a tile, and gather its means; called by `GlobalMean`.

        Args:
            pool: the pool that asks; each has means of its own.
            x: (B, C, h, w), its map of the tile.

        Returns:
            (1, C, 1, 1) of the image, float32; or (B, C, 1, 1) of x itself while nothing is known.
        """
        if self.window is not None:
            self._gather(pool, x, self.window)
        if pool in self.fixed:
            return self.fixed[pool]
        return self._average_gathered(pool) if pool in self._gathered else pool.average(x)

    def fix_gathered(self) -> None:
        """Give from now on the means of what was gathered, and begin to gather anew.

        To be called once all tiles have passed. A pool for which nothing was gathered since the last call loses its
        fixed means.
        """
        self.fixed = {pool: self._average_gathered(pool) for pool in self._gathered}
        self._gathered = {}

    def _gather(self, pool: GlobalMean, x: Tensor, window: tuple[float, float, float, float]) -> None:
        (height, width), (top, bottom, left, right) = x.shape[-2:], window
        part = x[..., round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
        wide = torch.float32 if x.device.type == "mps" else torch.float64  # which has no float64
        values = part.numel() // part.shape[1]
        total, count = self._gathered.get(pool, (0.0, 0))
        mean = pool.average(part, wide).mean(dim=0, keepdim=True)
        self._gathered[pool] = total + values * mean, count + values

    def _average_gathered(self, pool: GlobalMean) -> Tensor:
        total, count = self._gathered[pool]
        return (total / count).float()


_TILES: ContextVar[MeansOfTiles | None] = ContextVar("tiles", default=None)


class GlobalMoments(GlobalMean):
    """The mean of every channel, then that of its squares: (B, C, H, W) -> (B, 2 C, 1, 1).

    Both are one pool for `MeansOfTiles`, so that a norm needs one pass over the tiles and not two. Squares may overflow
    in float16.
    """

    def average(self, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """(B, C, H, W) -> (B, 2 C, 1, 1), as `GlobalMean.average`."""
        return torch.cat((super().average(x, dtype), super().average(x.square(), dtype)), dim=1)


class InstanceNorm(nn.Module):
    """Normalise each channel of each image over its pixels: (B, C, H, W) -> the same. Nothing is learned.

    The same in training and at test, and twice differentiable. A map of one pixel becomes 0, where torch's refuses it.
    Computed in float32 or float64, since squares overflow in float16. Mean and variance come from one pool, so that
    images in tiles need fewer passes (see `grids.restoration.tiling`).

    Args:
        epsilon: added to the variance.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.moments = GlobalMoments()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and dtype."""
        exact = x if x.dtype == torch.float64 else x.float()
        mean, squares = self.moments(exact).chunk(2, dim=1)
        variance = (squares - mean.square()).clamp_min(0)
        return ((exact - mean) * torch.rsqrt(variance + self.epsilon)).to(x.dtype)


class LearnedInstanceNorm(InstanceNorm):
    """An `InstanceNorm`, then a scale and a shift for each channel, which are learned: (B, C, H, W) -> the same.

    Args:
        channels: C.
        scale: that it begins with, the same for all channels; the shift begins at 0.
        epsilon: added to the variance.
    """

    def __init__(self, channels: int, scale: float = 1.0, epsilon: float = 1e-5) -> None:
        super().__init__(epsilon)
        self.weight = nn.Parameter(torch.full((channels,), scale))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return super().forward(x) * self.weight[:, None, None] + self.bias[:, None, None]


class LayerNorm2d(nn.Module):
    """Normalise each pixel over its channels, then scale and shift: (B, C, H, W) -> the same.

    Args:
        channels: C.
        bias: learn a shift too; without one, the mean stays where it is, as in Restormer's bias-free norm.
        epsilon: added to the variance.
    """

    def __init__(self, channels: int, bias: bool = True, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if self.bias is None:
            variance = x.var(dim=1, unbiased=False, keepdim=True)
            return x * torch.rsqrt(variance + self.epsilon) * self.weight[:, None, None]
        # in channels_last memory a view of contiguous rows: several times quicker than reducing over dimension 1
        rows = x.permute(0, 2, 3, 1)
        return F.layer_norm(rows, rows.shape[-1:], self.weight, self.bias, self.epsilon).permute(0, 3, 1, 2)


class TransposedAttention(nn.Module):
    """MDTA: self-attention between channels, so linear in the number of pixels. (B, C, H, W) -> the same.

    Source: Restormer (Zamir et al., CVPR 2022), section 3.1, eq. 1.

    Args:
        channels: C, a multiple of heads.
        heads: channels are attended to within heads.
        bias: of the convolutions.
    """

    def __init__(self, channels: int, heads: int, bias: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=bias)
        self.qkv_depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=bias)
        self.project = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        b, c, h, w = x.shape
        q, k, v = self.qkv_depthwise(self.qkv(x)).reshape(b, 3 * self.heads, c // self.heads, h * w).chunk(3, dim=1)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        attention = (q @ k.transpose(-2, -1) * self.temperature).softmax(dim=-1)  # (B, heads, C / heads, C / heads)
        return self.project((attention @ v).reshape(b, c, h, w))


class GatedFeedForward(nn.Module):
    """GDFN: two branches of 1 x 1 and depth-wise 3 x 3 convolutions, one gating the other through GELU.

    Source: Restormer, section 3.2, eq. 2. (B, C, H, W) -> the same.

    Args:
        channels: C.
        expansion: hidden channels = floor(expansion C).
        bias: of the convolutions.
    """

    def __init__(self, channels: int, expansion: float = 2.66, bias: bool = False) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.expand = nn.Conv2d(channels, 2 * hidden, 1, bias=bias)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=bias)
        self.project = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        gate, value = self.depthwise(self.expand(x)).chunk(2, dim=1)
        return self.project(F.gelu(gate) * value)


class TransformerBlock(nn.Module):
    """Restormer's block: x + MDTA(norm(x)), then x + GDFN(norm(x)). (B, C, H, W) -> the same.

    Args:
        channels: C, a multiple of heads.
        heads: see `TransposedAttention`.
        norm_bias: of the two norms, see `LayerNorm2d`.
    """

    def __init__(self, channels: int, heads: int, norm_bias: bool = True) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(channels, norm_bias, 1e-5)
        self.attention = TransposedAttention(channels, heads)
        self.norm2 = LayerNorm2d(channels, norm_bias, 1e-5)
        self.feed_forward = GatedFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


def init_for_relu(network: nn.Module) -> None:
    """Draw the weights of all convolutions so that maps keep their size through ReLUs; set their biases to 0.

    For layers that nothing normalises: with torch's own weights the last of some twenty layers sees hundredths of what
    the first one does, and small trainings end where they began. Source: He et al., ICCV 2015.

    Args:
        network: changed in place; transposed convolutions and other layers are left as they are. PyTorch's global
            generator is drawn from.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@torch.no_grad()
def shrink_weights(*last: nn.Conv2d, share: float = 0.1) -> None:
    """Shrink the last convolutions of residual branches, or every sum would double the variance.

    Args:
        last: these convolutions; their weights are changed.
        share: what is left of the weights.
    """
    for convolution in last:
        convolution.weight.mul_(share)


def run_encoder(x: Tensor, encoder: nn.ModuleList, down: nn.ModuleList) -> tuple[Tensor, list[Tensor]]:
    """Run the way down of a U-shaped network.

    Args:
        x: (B, C, H, W), what enters the top level.
        encoder: the layers of every level, the top one first.
        down: what shrinks the output of each level, as many.

    Returns:
        What reaches the bottom, and the outputs of all levels before they are shrunk, the top one first.
    """
    skips = []
    for encode, shrink in zip(encoder, down, strict=True):
        x = encode(x)
        skips.append(x)
        x = shrink(x)
    return x, skips


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Enlarge images at the bottom and right, by repeating their edge, to a multiple of `multiple` pixels a side.

    Args:
        images: (B, C, H, W), floating point. They are not changed.
        multiple: pixels, at least 1.

    Returns:
        (B, C, H', W'), less than `multiple` larger on each side.

    >>> pad_to_multiple(torch.zeros(1, 3, 5, 8), 4).shape
    torch.Size([1, 3, 8, 8])
    """
    h, w = images.shape[-2:]
    return F.pad(images, (0, -w % multiple, 0, -h % multiple), mode="replicate")
