"""Whole photographs through a network, in tiles where they are large."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grids.training.validation import restore

WHOLE = 2 * 2**20
"""Pixels of a photograph that a network is given in one piece."""
TILE, OVERLAP = 512, 64


def restore_image(
    network: nn.Module,
    image: Tensor,
    device: torch.device | str = "cpu",
    *,
    tile: int | None = None,
    overlap: int = OVERLAP,
) -> Tensor:
    """What a restorer makes of a photograph of any size; tiles fade into one another, so that no seam shows.

    Args:
        network: keeps the size of images; it must lie on the device.
        image: (3, H, W), uint8, or floating point in [0, 1].
        device: where the network lies.
        tile: side of the tiles; None for 512, and for none where the photograph has 2 megapixels at most.
        overlap: pixels that neighbours share at least; less than `tile`.

    Returns:
        (3, H, W) float32, not clipped, on the CPU.
    """
    height, width = image.shape[-2:]
    if tile is None and height * width <= WHOLE:
        return restore(network, image[None], device)[0]
    side = tile or TILE
    rows, columns = (_places(size, side, overlap) for size in (height, width))
    down, across = (_weights(size, side, overlap, places) for size, places in ((height, rows), (width, columns)))
    result = torch.zeros(3, height, width)
    for top, row in zip(rows, down, strict=True):
        for left, column in zip(columns, across, strict=True):
            window = slice(top, top + len(row)), slice(left, left + len(column))
            made = restore(network, image[None, :, window[0], window[1]], device)[0]
            result[:, window[0], window[1]] += made * row[:, None] * column
    return result


def _places(size: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin: evenly, the first at 0 and the last at the end."""
    count = 1 if size <= tile else math.ceil((size - overlap) / (tile - overlap))
    return [i * (size - tile) // (count - 1) if count > 1 else 0 for i in range(count)]


def _weights(size: int, tile: int, overlap: int, places: list[int]) -> list[Tensor]:
    """For each place the weights of its pixels: they climb over the overlap, and add up to 1 everywhere."""
    length = min(tile, size)
    climb = torch.arange(1, length + 1).clamp_max(overlap + 1).float()
    window = torch.minimum(climb, climb.flip(0))
    total = torch.zeros(size)
    for place in places:
        total[place : place + length] += window
    return [window / total[place : place + length] for place in places]
