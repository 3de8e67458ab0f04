"""Restormer (Zamir et al., CVPR 2022), written from the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from grids.networks.blocks import TransformerBlock, pad_to_multiple, run_encoder
from grids.networks.state_dict import count_parts, load_strict, read_heads, read_width


class Restormer(nn.Module):
    """Restormer, plus the input: four levels, the topmost decoder without a reduction of channels, refinement blocks.

    Any size: images are padded to a multiple of 8 and cut again.

    Args:
        width: channels of the first level; each level down doubles them.
        blocks: of the four levels, the bottom one last.
        refinement: blocks after the decoder.
        heads: of the attention in the four levels.
        norm_bias: of the norms; the published denoising networks have none.
    """

    scale = 1
    multiple = 8

    def __init__(
        self,
        width: int = 48,
        blocks: Sequence[int] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: Sequence[int] = (1, 2, 4, 8),
        norm_bias: bool = True,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        self.first = _conv(3, width)
        self.encoder = nn.ModuleList(_level(widths[i], blocks[i], heads[i], norm_bias) for i in range(3))
        # half the channels, then four times as many at half the size
        self.down = nn.ModuleList(nn.Sequential(_conv(c, c // 2), nn.PixelUnshuffle(2)) for c in widths[:3])
        self.bottom = _level(widths[3], blocks[3], heads[3], norm_bias)
        self.up = nn.ModuleList(nn.Sequential(_conv(c, 2 * c), nn.PixelShuffle(2)) for c in widths[:0:-1])
        # skips double the channels: levels 3 and 2 halve them again, the first keeps 2 x width
        self.reduce = nn.ModuleList(nn.Conv2d(2 * c, c, 1, bias=False) for c in (widths[2], widths[1]))
        top = 2 * width
        decoded = ((widths[2], 2), (widths[1], 1), (top, 0))
        self.decoder = nn.ModuleList(_level(channels, blocks[i], heads[i], norm_bias) for channels, i in decoded)
        self.refinement = _level(top, refinement, heads[0], norm_bias)
        self.last = _conv(top, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Restore a batch of images.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size.

        Returns:
            (B, 3, H, W), not clipped. Attention sees all of an image, so a part of it alone has another result.
        """
        whole = pad_to_multiple(images, self.multiple)
        x, skips = run_encoder(self.first(whole), self.encoder, self.down)
        x = self.bottom(x)
        for level, (up, decode) in enumerate(zip(self.up, self.decoder, strict=True)):
            x = torch.cat([up(x), skips.pop()], dim=1)
            if level < len(self.reduce):
                x = self.reduce[level](x)
            x = decode(x)
        output: Tensor = self.last(self.refinement(x)) + whole
        return output[..., : images.shape[-2], : images.shape[-1]]

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Restormer:
        """Make the network that a state dict belongs to: sizes, heads and kind of norm are read off it.

        Args:
            state: all of its weights, under our names (for published ones see `grids.networks.published`).

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of a Restormer; the first entry that is wrong is named.
        """
        what = "a Restormer"
        levels = [*(f"encoder.{i}" for i in range(3)), "bottom"]
        blocks = [count_parts(state, f"{level}.") for level in levels]
        refinement = count_parts(state, "refinement.")
        width = read_width(state, "first.weight", what, sum(blocks) + refinement, 3)
        keys = (f"{level}.0.attention.temperature" for level in levels)
        heads = [read_heads(state, key, width << i, what) for i, key in enumerate(keys)]
        norm_bias = "bottom.0.norm1.bias" in state
        return load_strict(cls(width, blocks, refinement, heads, norm_bias), state, what)


def _conv(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, bias=False)


def _level(channels: int, blocks: int, heads: int, norm_bias: bool) -> nn.Sequential:
    return nn.Sequential(*(TransformerBlock(channels, heads, norm_bias) for _ in range(blocks)))
