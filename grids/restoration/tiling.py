"""Whole photographs through a network, in tiles where they are large."""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from grids import devices
from grids.errors import GridsError
from grids.networks.blocks import GlobalMean, MeansOfTiles
from grids.restoration.forward import restore
from grids.restoration.layout import Span, scatter_tiles, split_with_margins, split_with_overlaps

WHOLE = 2 * 2**20
"""Pixels of a photograph that a network is given in one piece, at most."""
TILE, OVERLAP = 512, 32
SMALLEST = 128
"""Sides of tiles, at least: they become no smaller where memory runs out."""
MEMORY = 2 * 2**30
"""Bytes that a network may take; it is given fewer pixels at once where it takes more. One with a finite reach may take
more, up to half of what is free, where tiles would else be mostly margin."""
SHARE = 4.5
"""Memory that Restormer takes, in terms of its widest map: 9.3 kB for a pixel with 510 channels of 4 bytes."""
WINDOW = math.ceil(2 / (1 - math.sqrt(2 / 3)))
"""A window of so many margins leaves two thirds of itself to a tile; larger ones take more memory for little."""
PROBE = 32
SETTLED = 1 / 255
"""A pass over all tiles that changes no value by more was the last one."""
FIRST = 16
"""So many tiles, or a quarter of them, give the means that the first pass over all of them begins with."""


class Part(NamedTuple):
    """A part of a photograph that has been restored.

    Args:
        rows: which rows of the photograph it is.
        columns: which columns.
        made: (3, h, w) of these rows and columns, float32, not clipped, on the CPU.
    """

    rows: slice
    columns: slice
    made: Tensor


def restore_image(
    network: nn.Module,
    image: Tensor,
    device: torch.device | str = "cpu",
    *,
    tile: int | None = None,
    overlap: int = OVERLAP,
) -> Tensor:
    """Restore a photograph of any size.

    A network that says how far it sees (`reach`, with `multiple`) and pools nothing over the image gets every tile with
    as much around it, so that tiles give the whole's result, up to the rounding of float32. Tiles of others overlap and
    fade into one another, so that no seam shows.

    Args:
        network: keeps the size of images; it must lie on the device.
        image: (3, H, W), uint8 or uint16, or floating point in [0, 1]. It is not changed.
        device: where the network lies.
        tile: side of the tiles; None for what the memory allows: none up to 2 megapixels; beyond, with what is around
            them, so large that less than a third of the work is done twice, or else 512 at most. Where the memory of
            the device runs out nevertheless, tiles of half the side are tried, down to 128.
        overlap: pixels that tiles which fade into one another share at least; less than `tile`. They share more where
            the network says that it sees farther, up to half a tile.

    Returns:
        (3, H, W) float32, not clipped, on the CPU. Where the network says how far it sees, and takes means from the
        whole image besides (`GlobalMean`), tiles give the whole's result within 1/255: at first each network pass
        gathers the means for the next one, until they change nothing any more.
        Computed in float32: bf16 errs by 1.1 to 3.5 / 255 with the restorers that ship.

    Raises:
        GridsError: the smallest tile is too much for the memory of the device, or the network changes the size.
    """
    result = torch.empty(image.shape)
    for rows, columns, made in restore_parts(network, image, device, tile=tile, overlap=overlap):
        result[:, rows, columns] = made
    return result


def restore_parts(
    network: nn.Module,
    image: Tensor,
    device: torch.device | str = "cpu",
    *,
    tile: int | None = None,
    overlap: int = OVERLAP,
) -> Iterator[Part]:
    """Restore a photograph part by part, so that nobody needs to hold the whole of a large one in floating point.

    All parts together are the whole, as `restore_image` gives it. Where memory runs out on the way, some come again,
    made from smaller tiles: the later ones count.

    Args:
        network, image, device, tile, overlap: as for `restore_image`.

    Yields:
        Tile by tile for a network that says how far it sees and pools nothing over the image; for others, and for
        images that fit into one tile, a single part, the whole.

    Raises:
        GridsError: the smallest tile is too much for the memory of the device.
    """
    side = tile or choose_side(network, image, device)
    while True:
        try:
            yield from _restore_in_tiles(network, image, device, side, min(overlap, side - 1))
            return
        except (MemoryError, RuntimeError) as error:
            # PyTorch has no exception of its own for the memory of CPUs and of Apple's GPUs
            said = re.search("allocate memory|out of memory|not enough memory|ALLOC_FAILED", str(error))
            if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and said is None:
                raise
            side = min(side, max(image.shape[-2:]))
        torch.cuda.empty_cache()  # here, since the traceback of the error holds what fills the memory
        if side <= SMALLEST:
            raise GridsError(f"out of memory: the network is too large for tiles of {side} pixels on this device")
        side = max(SMALLEST, min(TILE, side // 2))


def choose_side(network: nn.Module, image: Tensor, device: torch.device | str) -> int:
    """Choose the side of tiles by the memory that the network takes: it is run once on a small image to find out.

    Args:
        network: it is not changed; a copy is run.
        image: (3, H, W); only its size counts.
        device: where the network lies.

    Returns:
        Pixels, at least 128, but for smaller photographs; the longer side of the photograph where it can go through
        whole.
    """
    height, width = image.shape[-2:]
    if height * width <= SMALLEST**2:
        return max(height, width)
    each = 4 * SHARE * _widest(network, device)
    pixels = min(WHOLE, int(MEMORY / each))
    if height * width <= pixels:
        return max(height, width)
    if not (margin := _margin(network)):
        return max(SMALLEST, min(TILE, math.isqrt(pixels) // 32 * 32))
    window = min(WINDOW * margin, math.isqrt(int(devices.free_memory(device) / 2 / each)))
    return max(SMALLEST, window - 2 * margin)


def _margin(network: nn.Module) -> int:
    """What a tile needs around it for the whole's result: pixels, a multiple of the network's; 0 where none will do."""
    reach, multiple = getattr(network, "reach", 0), _multiple(network)
    pools = any(isinstance(module, GlobalMean) for module in network.modules())
    return 0 if pools else math.ceil(reach / multiple) * multiple


def _multiple(network: nn.Module) -> int:
    """Images that begin at multiples of this are shrunk alike by the network."""
    return int(getattr(network, "multiple", 1))


def _widest(network: nn.Module, device: torch.device | str) -> float:
    """Values of the largest map in a network, for each pixel of its input; at least the 3 of the image."""
    values, own = [3.0], copy.deepcopy(network)  # other threads may use the network, which hooks would change

    def note(_module: nn.Module, _given: object, made: object) -> None:
        if isinstance(made, Tensor):
            values.append(made.numel() / PROBE**2)

    for module in own.modules():
        module.register_forward_hook(note)
    restore(own, torch.zeros(1, 3, PROBE, PROBE), device)
    return max(values)


def _restore_in_tiles(
    network: nn.Module, image: Tensor, device: torch.device | str, side: int, overlap: int
) -> Iterator[Part]:
    height, width = image.shape[-2:]
    if max(height, width) <= side:
        yield Part(slice(0, height), slice(0, width), _restore_tile(network, image, device))
    elif margin := _margin(network):
        yield from _restore_with_margins(network, image, device, side, margin)
    else:
        yield Part(slice(0, height), slice(0, width), _restore_fading(network, image, device, side, overlap))


def _restore_tile(network: nn.Module, image: Tensor, device: torch.device | str) -> Tensor:
    """What a network makes of (3, h, w). Raises GridsError where that has another shape."""
    made = restore(network, image[None], device)[0]
    if made.shape != image.shape:
        shapes = f"{tuple(image.shape)} it made {tuple(made.shape)}"
        raise GridsError(f"a restorer must keep the size of an image, (3, H, W), but of {shapes}")
    return made


def _restore_fading(network: nn.Module, image: Tensor, device: torch.device | str, side: int, overlap: int) -> Tensor:
    """Tiles that overlap and fade into one another."""
    multiple, reach = _multiple(network), getattr(network, "reach", 0)
    overlap = max(overlap, min(2 * reach, side // 2))
    tile = max(side, multiple)
    order = scatter_tiles(*(split_with_overlaps(size, tile, overlap, multiple, reach) for size in image.shape[-2:]))
    passes = sum(isinstance(module, GlobalMean) for module in network.modules())
    with MeansOfTiles() as means:
        if passes:
            _run_pass(network, image, device, order[: max(FIRST, len(order) // 4)], means)
        result = _run_pass(network, image, device, order, means)
        for _ in range(passes):  # the means of a pool are those of the whole once all before it have had theirs
            before, result = result, _run_pass(network, image, device, order, means)
            if _largest_change(before, result) <= SETTLED:
                break
    return result


def _restore_with_margins(
    network: nn.Module, image: Tensor, device: torch.device | str, side: int, margin: int
) -> Iterator[Part]:
    """Tiles side by side, each made from what is around it, too."""
    rows, columns = (split_with_margins(size, side, _multiple(network), margin) for size in image.shape[-2:])
    for row, column in itertools.product(rows, columns):
        made = _restore_tile(network, image[:, row.seen, column.seen], device)
        yield Part(row.core, column.core, made[:, row.inner, column.inner])


def _run_pass(
    network: nn.Module,
    image: Tensor,
    device: torch.device | str,
    order: Sequence[tuple[Span, Span]],
    means: MeansOfTiles,
) -> Tensor:
    """All tiles once, with the means that the pools know; then these know better ones."""
    result = torch.zeros(image.shape)
    for row, column in order:
        rows, columns = (slice(span.start, span.start + len(span.weights)) for span in (row, column))
        top, bottom, left, right = (edge / span.padded for span in (row, column) for edge in span.core)
        means.window = top, bottom, left, right
        made = _restore_tile(network, image[:, rows, columns], device)
        result[:, rows, columns] += made.mul_(row.weights[:, None]).mul_(column.weights)
    means.fix_gathered()
    return result


def _largest_change(before: Tensor, after: Tensor) -> float:
    """Between two results as files would hold them; a plane at a time, for less memory."""
    return max(float((a.clamp(0, 1) - b.clamp(0, 1)).abs().amax()) for a, b in zip(before, after, strict=True))
