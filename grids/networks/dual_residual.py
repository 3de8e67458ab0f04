"""DuRB-M, the dual residual block for several tasks, and its channel attention (Liu, Suganuma, Okatani)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.errors import unknown_name
from grids.networks.blocks import shrink_weights
from grids.networks.pooling import GlobalMean, LearnedInstanceNorm

BETA = 3
SHARE = 0.2
"""The scale that the norms of a block's residuals begin with, so that these begin small."""


class TotalVariation(nn.Module):
    """How much every channel varies: the mean of |difference|^3 of vertical neighbours, plus that of horizontal ones.

    (B, C, H, W) -> (B, C, 1, 1). H and W must be at least 2: without neighbours the result is NaN. The cubes overflow
    in float16.
    Source: Liu, Suganuma, Okatani, eq. 6, beta = 3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.vertical, self.horizontal = GlobalMean(), GlobalMean()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 1, 1)."""
        down, right = (x.diff(dim=dim).abs().pow(BETA) for dim in (2, 3))
        return self.vertical(down) + self.horizontal(right)


Statistic = Literal["gap", "tv"]
STATISTICS: dict[Statistic, type[nn.Module]] = {"gap": GlobalMean, "tv": TotalVariation}
"""What the attention can know of a channel: its mean, its total variation."""


class ChannelAttention(nn.Module):
    """Squeeze and excitation: each channel times a weight in (0, 1) that is computed from statistics of all channels.

    (B, C, H, W) -> the same. Computed in float32, since cubes overflow in float16. Source: Liu, Suganuma, Okatani,
    section 4.1; how the statistics are merged is in a lost figure: they are concatenated, which gives the paper's
    number of layers.

    Args:
        channels: C.
        hidden: width between the two layers, as in the code of the dual residual networks, not a ratio.
        statistics: names out of `STATISTICS`, at least one.

    Raises:
        UnknownNameError: a statistic is none of these.
    """

    def __init__(self, channels: int, hidden: int, statistics: Sequence[Statistic]) -> None:
        super().__init__()
        for name in statistics:
            if name not in STATISTICS:
                raise unknown_name("statistic", name, STATISTICS)
        self.statistics = nn.ModuleList(STATISTICS[name]() for name in statistics)
        # named after the statistics, since shapes alone would not tell one from another
        self.squeeze = nn.ModuleDict({"_".join(statistics): nn.Linear(len(statistics) * channels, hidden)})
        self.excite = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and dtype."""
        (squeeze,) = self.squeeze.values()
        with _float32(x.device):
            known = torch.cat([statistic(x.float()) for statistic in self.statistics], dim=1).flatten(1)
            weights = torch.sigmoid(self.excite(F.relu(squeeze(known))))
        return x * weights[:, :, None, None].to(x.dtype)


class AttendedResidual(nn.Module):
    """SE-ResNet module, ReLU(x + attention(conv3(ReLU(conv3(x))))): (B, C, H, W) -> the same. Source: Fig. 5.

    Args:
        channels: C.
        hidden, statistics: see `ChannelAttention`; without statistics there is no attention.
    """

    def __init__(self, channels: int, hidden: int, statistics: Sequence[Statistic]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = ChannelAttention(channels, hidden, statistics) if statistics else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return F.relu(x + self.attention(self.conv2(F.relu(self.conv1(x)))))


class DualBlock(nn.Module):
    """One dual residual block: maps x at a quarter of the size and r at half of it go through, each with its residual.

    Source: Liu, Suganuma, Okatani, section 4.2; its 13 weight layers fix the order of layers. The code of the dual
    residual networks pads by reflection, which small images do not allow; here zeros. All convolutions outside the
    SE-ResNet modules are normalised over the image, as in that code's network for blur (DuRN-U; the biases before the
    norms do nothing): without, L1 presses all maps to 0 (docs/results.md). Those inside are not, since their attention
    needs the means and variations of the maps.

    Args:
        channels: C of both maps.
        kernel: side of the larger convolution after the enlargement, odd.
        hidden, statistics: of the attention in the leading module, see `AttendedResidual`; the attention in branch (b)
            always gets means alone.
        fusion: shrink in two branches, (a) as in DuRB-U and (b) as in DuRB-US, and merge them; else (b) alone.
        norm: normalise; else the sizes of maps are left to their weights, as in that code's network for haze (DuRN-US).
    """

    def __init__(
        self, channels: int, kernel: int, hidden: int, statistics: Sequence[Statistic], fusion: bool, norm: bool = True
    ) -> None:
        super().__init__()
        self.lead = AttendedResidual(channels, hidden, statistics)
        self.up = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.large = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.plain = nn.Conv2d(channels, channels, 3, stride=2, padding=1) if fusion else None
        self.attended = nn.Sequential(
            AttendedResidual(channels, hidden, ("gap",)), nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        )
        self.fuse = nn.Conv2d(2 * channels, channels, 3, padding=1) if fusion else None
        names = ("large", "attended", "plain", "fuse") if fusion else ("large", "attended")
        residuals = ("large", names[-1])  # what is added to r, and to x
        self.norms = nn.ModuleDict({"up": make_norm(4 * channels, norm)})
        for name in names:
            self.norms[name] = make_norm(channels, norm, SHARE if name in residuals else 1.0)

    def shrink_residuals(self) -> None:
        """Let all residuals begin small; to be called after the weights were drawn, such as by `init_for_relu`.

        The last weights of each residual are multiplied by a tenth. Where the block is normalised, the norms of its two
        main residuals have small scales from the start instead.
        """
        assert isinstance(self.attended[0], AttendedResidual) and isinstance(self.attended[1], nn.Conv2d)
        shrink_weights(self.lead.conv2, self.attended[0].conv2)
        if not isinstance(self.norms["large"], LearnedInstanceNorm):
            shrink_weights(self.large, self.fuse or self.attended[1])

    def forward(self, x: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """Run both maps through the block.

        Args:
            x: (B, C, H, W), at a quarter of the image's size.
            r: (B, C, 2H, 2W), at half of it.

        Returns:
            The next x and r, of the same shapes, at least 0.
        """
        norms = self.norms
        enlarged = F.pixel_shuffle(norms["up"](self.up(self.lead(x))), 2)
        r = F.relu(r + norms["large"](self.large(enlarged)))
        shrunk = norms["attended"](self.attended(r))
        if self.plain is not None and self.fuse is not None:
            shrunk = norms["fuse"](self.fuse(torch.cat([norms["plain"](self.plain(r)), shrunk], dim=1)))
        return F.relu(x + shrunk), r


def make_norm(channels: int, norm: bool, scale: float = 1.0) -> nn.Module:
    """Make an instance norm with a learned scale and shift, or, in its place, a layer that does nothing.

    Args:
        channels: of the maps.
        norm: whether to normalise.
        scale: that the norm begins with.
    """
    return LearnedInstanceNorm(channels, scale) if norm else nn.Identity()


def _float32(device: torch.device) -> torch.autocast | nullcontext[None]:
    """Mixed precision off; the meta device has none."""
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()
