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
from grids.networks.pooling import GlobalMean, MeansOfTiles
from grids.restoration.forward import restore

WHOLE = 2 * 2**20
"""Pixels of a photograph that a network is given in one piece, at most."""
TILE, OVERLAP = 512, 32
SMALLEST = 128
"""Tiles become no smaller than this where memory runs out."""
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
GOLDEN = (math.sqrt(5) - 1) / 2


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
    for rows, columns, made in restored_parts(network, image, device, tile=tile, overlap=overlap):
        result[:, rows, columns] = made
    return result


def restored_parts(
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
    side = tile or default_side(network, image, device)
    while True:
        try:
            yield from _in_tiles(network, image, device, side, min(overlap, side - 1))
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


def default_side(network: nn.Module, image: Tensor, device: torch.device | str) -> int:
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


def _in_tiles(network: nn.Module, image: Tensor, device: torch.device | str, side: int, overlap: int) -> Iterator[Part]:
    height, width = image.shape[-2:]
    if max(height, width) <= side:
        yield Part(slice(0, height), slice(0, width), _restored(network, image, device))
    elif margin := _margin(network):
        yield from _with_margins(network, image, device, side, margin)
    else:
        yield Part(slice(0, height), slice(0, width), _fading(network, image, device, side, overlap))


def _restored(network: nn.Module, image: Tensor, device: torch.device | str) -> Tensor:
    """What a network makes of (3, h, w). Raises GridsError where that has another shape."""
    made = restore(network, image[None], device)[0]
    if made.shape != image.shape:
        shapes = f"{tuple(image.shape)} it made {tuple(made.shape)}"
        raise GridsError(f"a restorer must keep the size of an image, (3, H, W), but of {shapes}")
    return made


def _fading(network: nn.Module, image: Tensor, device: torch.device | str, side: int, overlap: int) -> Tensor:
    """Tiles that overlap and fade into one another."""
    height, width = image.shape[-2:]
    multiple, reach = _multiple(network), getattr(network, "reach", 0)
    overlap = max(overlap, min(2 * reach, side // 2))
    rows, columns = (_spans(size, max(side, multiple), overlap, multiple, reach) for size in (height, width))
    order = _scattered(list(itertools.product(rows, columns)))
    passes = sum(isinstance(module, GlobalMean) for module in network.modules())
    with MeansOfTiles() as means:
        if passes:
            _one_pass(network, image, device, order[: max(FIRST, len(order) // 4)], means)
        result = _one_pass(network, image, device, order, means)
        for _ in range(passes):  # the means of a pool are those of the whole once all before it have had theirs
            before, result = result, _one_pass(network, image, device, order, means)
            if _largest_change(before, result) <= SETTLED:
                break
    return result


def _with_margins(
    network: nn.Module, image: Tensor, device: torch.device | str, side: int, margin: int
) -> Iterator[Part]:
    """Tiles side by side, each made from what is around it, too."""
    rows, columns = (_cores(size, side, _multiple(network), margin) for size in image.shape[-2:])
    for row, column in itertools.product(rows, columns):
        made = _restored(network, image[:, row.seen, column.seen], device)
        yield Part(row.core, column.core, made[:, row.inner, column.inner])


class _Core(NamedTuple):
    """Rows or columns of a tile: where it goes, what it is made from, and where it lies in that."""

    core: slice
    seen: slice
    inner: slice


def _cores(size: int, side: int, multiple: int, margin: int) -> list[_Core]:
    """Tiles of equal sides, of `side` or the least multiple; the last may be smaller."""
    count = math.ceil(size / side)
    step = max(1, min(side // multiple, math.ceil(size / (count * multiple)))) * multiple
    found = []
    for start in range(0, size, step):
        end, first = min(size, start + step), max(0, start - margin)
        seen = slice(first, min(size, end + margin))
        found.append(_Core(slice(start, end), seen, slice(start - first, end - first)))
    return found


class _Span(NamedTuple):
    """Rows or columns of a tile: from `start`, with `weights` for each, `core` (of `padded`) being no other tile's."""

    start: int
    weights: Tensor
    core: tuple[int, int]
    padded: int


def _one_pass(
    network: nn.Module,
    image: Tensor,
    device: torch.device | str,
    order: Sequence[tuple[_Span, _Span]],
    means: MeansOfTiles,
) -> Tensor:
    """All tiles once, with the means that the pools know; then these know better ones."""
    result = torch.zeros(image.shape)
    for row, column in order:
        window = slice(row.start, row.start + len(row.weights)), slice(column.start, column.start + len(column.weights))
        top, bottom, left, right = (edge / span.padded for span in (row, column) for edge in span.core)
        means.window = top, bottom, left, right
        made = _restored(network, image[:, window[0], window[1]], device)
        result[:, window[0], window[1]] += made.mul_(row.weights[:, None]).mul_(column.weights)
    means.fix_gathered()
    return result


def _largest_change(before: Tensor, after: Tensor) -> float:
    """Between two results as files would hold them; a plane at a time, for less memory."""
    return max(float((a.clamp(0, 1) - b.clamp(0, 1)).abs().amax()) for a, b in zip(before, after, strict=True))


def _scattered(tiles: list[tuple[_Span, _Span]]) -> list[tuple[_Span, _Span]]:
    """The tiles in an order in which any few that follow one another come from all over the image.

    So the means that are gathered on the way soon resemble those of the whole.
    """
    places = sorted(range(len(tiles)), key=lambda k: k * GOLDEN % 1)
    return [tiles[k] for k in places]


def _spans(size: int, tile: int, overlap: int, multiple: int, reach: int) -> list[_Span]:
    starts = _places(size, tile, overlap, multiple)
    weights = _weights(size, tile, starts, reach)
    ends = [start + len(weight) for start, weight in zip(starts, weights, strict=True)]
    # between two tiles the cores meet in the middle of what they share
    meets = [(start + end) // 2 // multiple * multiple for start, end in zip(starts[1:], ends, strict=False)]
    padded = [math.ceil(len(weight) / multiple) * multiple for weight in weights]
    borders = [0, *meets, starts[-1] + padded[-1]]
    return [
        _Span(start, weight, (borders[k] - start, borders[k + 1] - start), padded[k])
        for k, (start, weight) in enumerate(zip(starts, weights, strict=True))
    ]


def _places(size: int, tile: int, overlap: int, multiple: int = 1) -> list[int]:
    """Where tiles begin: evenly, at multiples, the first at 0; the last may be shorter than a tile."""
    if size <= tile:
        return [0]
    step = max(1, (tile - overlap) // multiple) * multiple
    count = math.ceil((size - tile) / step)
    return [math.ceil(k * (size - tile) / (count * multiple)) * multiple for k in range(count + 1)]


def _weights(size: int, tile: int, places: Sequence[int], reach: int) -> list[Tensor]:
    """For each place the weights of its pixels, which add up to 1 everywhere.

    From one tile to the next they fade over the middle quarter of what the two share, or less where the network sees
    farther than the rest: at its own edge a tile sees too little. At an edge of the image, which no neighbour shares,
    it sees all there is.
    """
    pixels = torch.arange(size)
    begun = [torch.ones(size)]  # of each tile and those after it, at every pixel
    for before, start in itertools.pairwise(places):
        shared = min(before + tile, size) - start
        margin = max(3 * shared // 8, reach if 2 * reach <= shared else 0)
        begun.append((pixels + 1 - start - margin).clamp(0, width := shared + 1 - 2 * margin) / width)
    begun.append(torch.zeros(size))
    found = [these - later for these, later in itertools.pairwise(begun)]
    return [weights[place : place + tile] for place, weights in zip(places, found, strict=True)]
