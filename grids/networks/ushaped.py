"""The plan that NAFNet and the residual U-Net share: blocks at full resolution, at half of it, and so on, and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from torch import Tensor, nn

from grids.networks.blocks import pad_to_multiple, run_encoder
from grids.networks.state_dict import count_parts, load_strict, mismatch_error, read_width

Blocks = tuple[Sequence[int], int, Sequence[int]]
"""How many the levels of the encoder, the bottom and the levels of the decoder have."""


class UShaped(nn.Module):
    """Blocks on the way down and up, with additive skips, plus the input.

    Any size: images are padded to a multiple of 2^levels and cut again.

    Args:
        width: channels at full resolution; each level down doubles them.
        encoder: blocks of every level, from full resolution down.
        middle: blocks at the bottom.
        decoder: blocks of every level, from the bottom up; as many levels as the encoder.
        block: channels -> a block, which keeps the size of its maps.
        sees: how far a block sees, in pixels of its level.
        bias: of the convolutions that are in no block, but for those of the way up, which have none.

    Attributes:
        multiple: 2^levels, pixels; tiles begin at multiples of it.
        reach: how far from a pixel its result depends on others, pixels, but for what blocks pool over the image.
        scale: 1, outputs have the size of the inputs.
    """

    scale = 1
    title: str
    """What errors call the network."""

    def __init__(
        self,
        width: int,
        encoder: Sequence[int],
        middle: int,
        decoder: Sequence[int],
        *,
        block: Callable[[int], nn.Module],
        sees: int,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1, bias=bias)
        self.last = nn.Conv2d(width, 3, 3, padding=1, bias=bias)
        self.multiple = 2 ** len(encoder)  # images that begin at multiples of this are shrunk alike
        # so far a pixel acts, but through means: blocks and the shrinking at the scale of their level, first and last
        levels = enumerate(zip(encoder, reversed(decoder), strict=True))
        self.reach = 2 + sum(2**level * (sees * (down + up) + 1) for level, (down, up) in levels)
        self.reach += self.multiple * sees * middle
        self.encoder, self.down = nn.ModuleList(), nn.ModuleList()
        for blocks in encoder:
            self.encoder.append(_row(block, width, blocks))
            self.down.append(nn.Conv2d(width, 2 * width, 2, stride=2, bias=bias))
            width *= 2
        self.middle = _row(block, width, middle)
        self.up, self.decoder = nn.ModuleList(), nn.ModuleList()
        for blocks in decoder:
            self.up.append(nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2)))
            width //= 2
            self.decoder.append(_row(block, width, blocks))

    def forward(self, images: Tensor) -> Tensor:
        """Restore a batch of images.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size.

        Returns:
            (B, 3, H, W), not clipped.
        """
        whole = pad_to_multiple(images, self.multiple)
        x, skips = run_encoder(self.first(whole), self.encoder, self.down)
        x = self.middle(x)
        for up, decode in zip(self.up, self.decoder, strict=True):
            x = decode(up(x) + skips.pop())
        output: Tensor = self.last(x) + whole
        return output[..., : images.shape[-2], : images.shape[-1]]

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """Make the network that a state dict belongs to: width, levels and blocks are read off it.

        Args:
            state: all of its weights, under our names.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of a network of this class; the first entry that is wrong is named.
        """
        encoder, decoder = (
            [count_parts(state, f"{part}.{level}.") for level in range(count_parts(state, f"{part}."))]
            for part in ("encoder", "decoder")
        )
        middle = count_parts(state, "middle.")
        width = read_width(state, "first.weight", cls.title, sum((*encoder, middle, *decoder)), len(encoder))
        if len(encoder) != len(decoder):
            raise mismatch_error(cls.title, f"it has {len(encoder)} levels on the way down and {len(decoder)} up")
        return load_strict(cls._of_sizes(width, (encoder, middle, decoder), state), state, cls.title)

    @classmethod
    @abstractmethod
    def _of_sizes(cls, width: int, blocks: Blocks, state: Mapping[str, Tensor]) -> Self:
        """A network of these sizes; what else is to be known of it, the state tells."""


def _row(block: Callable[[int], nn.Module], channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(block(channels) for _ in range(count)))
