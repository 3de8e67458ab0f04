"""A plain residual U-Net: convolutions and ReLUs, no norm, no attention, nothing pooled over the image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from grids.networks.blocks import ResidualBlock
from grids.networks.ushaped import Blocks, UShaped


class UNet(UShaped):
    """DRUNet (Zhang et al., TPAMI 2021, section 3.1) at any size, without its map of the noise level, plus the input.

    Residual blocks of two 3 x 3 convolutions, 2 x 2 convolutions of stride 2 down, 1 x 1 convolutions and a pixel
    shuffle up (what a 2 x 2 transposed convolution of stride 2 computes), additive skips. A fresh one gives back its
    input. The result of a pixel depends on the pixels within `reach` alone.

    Args:
        width: channels at full resolution; each level down doubles them.
        levels: how often maps are halved.
        blocks: residual blocks of every level, on the way down and on the way up, and at the bottom.
        bias: of the convolutions; DRUNet has none.
    """

    title = "a U-Net"

    def __init__(self, width: int = 16, levels: int = 3, blocks: int = 2, bias: bool = True) -> None:
        each = (blocks,) * levels
        super().__init__(width, each, blocks, each, block=partial(ResidualBlock, bias=bias), sees=2, bias=bias)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    @classmethod
    def _of_sizes(cls, width: int, blocks: Blocks, state: Mapping[str, Tensor]) -> UNet:
        return cls(width, len(blocks[0]), blocks[1], "first.bias" in state)
