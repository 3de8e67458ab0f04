"""Whole photographs through a network, in tiles where they are large."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grids.errors import GridsError
from grids.training.validation import restore

WHOLE = 2 * 2**20
"""Pixels of a photograph that a network is given in one piece, at most."""
TILE, OVERLAP = 512, 64
SMALLEST = 128
"""Tiles become no smaller than this where memory runs out."""
MEMORY = 2 * 2**30
"""Bytes that a network may take; it is given fewer pixels at once where it takes more."""
SHARE = 4.5
"""Memory that Restormer takes, in terms of its widest map: 9.3 kB for a pixel with 510 channels of 4 bytes."""
PROBE = 32


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
        tile: side of the tiles; None for what the network's memory allows: none up to 2 megapixels, else 512 at most.
            Where the memory of the device runs out nevertheless, tiles of half the side are tried, down to 128.
        overlap: pixels that neighbours share at least; less than `tile`.

    Returns:
        (3, H, W) float32, not clipped, on the CPU.

    Raises:
        GridsError: the smallest tile is too much for the memory of the device.
    """
    side = tile or _side(network, image, device)
    while True:
        try:
            return _in_tiles(network, image, device, side, min(overlap, side - 1))
        except torch.OutOfMemoryError:
            side = min(side, max(image.shape[-2:]))
        torch.cuda.empty_cache()  # here, since the traceback of the error holds what fills the memory
        if side <= SMALLEST:
            raise GridsError(f"out of memory: the network is too large for tiles of {side} pixels on this device")
        side = max(SMALLEST, min(TILE, side // 2))


def _side(network: nn.Module, image: Tensor, device: torch.device | str) -> int:
    """The side of tiles that the network has memory for; that of the whole photograph where it is small enough."""
    height, width = image.shape[-2:]
    if height * width <= SMALLEST**2:
        return max(height, width)
    pixels = min(WHOLE, int(MEMORY / (4 * SHARE * _widest(network, device))))
    return max(height, width) if height * width <= pixels else max(SMALLEST, min(TILE, math.isqrt(pixels) // 32 * 32))


def _widest(network: nn.Module, device: torch.device | str) -> float:
    """Values of the largest map in a network, for each pixel of its input; at least the 3 of the image."""
    values = [3.0]

    def note(_module: nn.Module, _given: object, made: object) -> None:
        if isinstance(made, Tensor):
            values.append(made.numel() / PROBE**2)

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        restore(network, torch.zeros(1, 3, PROBE, PROBE), device)
    finally:
        for hook in hooks:
            hook.remove()
    return max(values)


def _in_tiles(network: nn.Module, image: Tensor, device: torch.device | str, side: int, overlap: int) -> Tensor:
    height, width = image.shape[-2:]
    if max(height, width) <= side:
        return restore(network, image[None], device)[0]
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
