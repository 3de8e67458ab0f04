"""Means over whole images, also of images that come in tiles, and the norms that are computed from them."""

from __future__ import annotations

from contextvars import ContextVar

import torch
from torch import Tensor, nn


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
