"""Restores whole photographs with a network, large ones in tiles."""

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
from grids.restoration.layout import Span, scatter_tiles, split_with_margins, split_with_overlaps

WHOLE = 2 * 2**20
"""The most pixels that are restored in one piece, without tiles."""
TILE, OVERLAP = 512, 32
SMALLEST = 128
"""The smallest side of tiles: it is not halved further when memory runs out."""
MEMORY = 2 * 2**30
"""Memory budget of a network in bytes, which limits the size of its inputs. A network with a finite receptive field may
use up to half of the free memory, where its tiles would otherwise be mostly margin."""
SHARE = 4.5
"""Memory that Restormer needs, as a multiple of its largest feature map: 9.3 kB a pixel, with 510 channels of 4
bytes."""
WINDOW = math.ceil(2 / (1 - math.sqrt(2 / 3)))
"""Side of a tile with its margins, in margins: two thirds of its area are then the tile. Larger windows take more
memory for little gain."""
PROBE = 32
SETTLED = 1 / 255
"""Passes over the tiles end when no value changes by more than this."""
FIRST = 16
"""Number of tiles (or a quarter of all, if that is more) that give the initial means for the first full pass."""


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

    If the network declares its receptive field (attribute `reach`, in pixels to each side; see also `multiple`) and has
    no global pooling, each tile is computed with that much context around it. The tiled result then equals the untiled
    one, up to float32 rounding. Tiles of other networks overlap and are blended, so that no seam shows. A network with
    a method `settle` (`Deconvolution`) is shown the whole photograph first, and what that returns restores the tiles:
    these differ a little from the untiled result.

    Args:
        network: a network that keeps the size of images; it must be on the device.
        image: (3, H, W), uint8 or uint16, or floating point in [0, 1]. It is not changed.
        device: where the network is.
        tile: side of the tiles. With None it depends on the memory that the network needs: there are no tiles up to 2
            megapixels, or fewer for networks that need much memory. Beyond that, tiles with context are so large that
            about a third of the computation, or less, is spent on context if memory allows; blended tiles have a side
            of 512 at most. If the device runs out of memory anyway, tiles of half the side are tried, down to 128.
        overlap: the least number of pixels that neighbouring blended tiles share; less than `tile`. They share more if
            the network declares a larger receptive field, up to half a tile.

    Returns:
        (3, H, W) float32, not clipped, on the CPU. For a network that declares its receptive field and also takes means
        over the whole image (`GlobalMean`), the tiled result equals the untiled one within 1/255: the means gathered in
        one pass over the tiles are used in the next, until the result no longer changes. Everything is computed in
        float32, because bf16 errs by 1.1 to 3.5 / 255 with the built-in restorers.

    Raises:
        GridsError: the device has too little memory for the smallest tile, or the network changes the size.
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
    """Restore a photograph part by part, so that the caller need not hold all of a large one in floating point.

    Together the parts are the result of `restore_image`. If memory runs out on the way, some parts are yielded again,
    computed from smaller tiles; the later ones replace the earlier ones.

    Args:
        network, image, device, tile, overlap: as for `restore_image`.

    Yields:
        One part per tile for a network that declares its receptive field and has no global pooling. For other networks,
        and for images that fit into one tile, a single part: the whole image.

    Raises:
        GridsError: as for `restore_image`.
    """
    if (settle := getattr(network, "settle", None)) is not None:  # what it finds in the whole holds for its tiles
        network = settle(image.to(device))
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
    """Choose the side of the tiles by the memory that the network needs, estimated by running it on a small image.

    Args:
        network: it is not changed; a copy is run.
        image: (3, H, W); only its size is used.
        device: where the network is.

    Returns:
        Pixels. If the photograph can be restored in one piece, its longer side; otherwise at least 128.
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
    """Context in pixels that a tile needs for the untiled result, a multiple of `multiple`; 0 if no context will do."""
    reach, multiple = getattr(network, "reach", 0), _multiple(network)
    pools = any(isinstance(module, GlobalMean) for module in network.modules())
    return 0 if pools else math.ceil(reach / multiple) * multiple


def _multiple(network: nn.Module) -> int:
    """Tiles must begin at multiples of this to be downsampled by the network in the same way as the whole image."""
    return int(getattr(network, "multiple", 1))


def _widest(network: nn.Module, device: torch.device | str) -> float:
    """Values per input pixel of the largest feature map in a network; at least the 3 of the image."""
    values, own = [3.0], copy.deepcopy(network)  # hooks would change the network, which other threads may use

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
    """The output of a network for an image (3, h, w). Raises GridsError if its shape differs."""
    made = restore(network, image[None], device)[0]
    if made.shape != image.shape:
        shapes = f"{tuple(image.shape)} it made {tuple(made.shape)}"
        raise GridsError(f"a restorer must keep the size of an image, (3, H, W), but of {shapes}")
    return made


def _restore_fading(network: nn.Module, image: Tensor, device: torch.device | str, side: int, overlap: int) -> Tensor:
    """Restore overlapping tiles and blend them."""
    multiple, reach = _multiple(network), getattr(network, "reach", 0)
    overlap = max(overlap, min(2 * reach, side // 2))
    tile = max(side, multiple)
    order = scatter_tiles(*(split_with_overlaps(size, tile, overlap, multiple, reach) for size in image.shape[-2:]))
    passes = sum(isinstance(module, GlobalMean) for module in network.modules())
    with MeansOfTiles() as means:
        if passes:
            _run_pass(network, image, device, order[: max(FIRST, len(order) // 4)], means)
        result = _run_pass(network, image, device, order, means)
        for _ in range(passes):  # a pool has the means of the whole image once all pools before it have them
            before, result = result, _run_pass(network, image, device, order, means)
            if _largest_change(before, result) <= SETTLED:
                break
    return result


def _restore_with_margins(
    network: nn.Module, image: Tensor, device: torch.device | str, side: int, margin: int
) -> Iterator[Part]:
    """Restore adjoining tiles, each with context around it."""
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
    """Restore and blend all tiles with the current means of the pools, then update these means."""
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
    """The largest difference between two results, clipped as in files; channel by channel, to save memory."""
    return max(float((a.clamp(0, 1) - b.clamp(0, 1)).abs().amax()) for a, b in zip(before, after, strict=True))
