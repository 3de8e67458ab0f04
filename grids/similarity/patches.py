"""Drawing clean crops from photographs, degrading them, and cutting patches from the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grids.degradations import Degradation
from grids.degradations.base import check_rows
from grids.errors import ImageError
from grids.images import Photo, ReadOptions, Skipped, read_photos
from grids.images.tensors import to_8_bit, to_unit
from grids.images.transparency import seen_part
from grids.random import seed_for, seeded

CROP = 256
"""Side of the clean crop that is degraded (GRIDS trains on crops of this size)."""
MARGIN = 24
"""Context kept around a patch where the photograph allows: no degradation reaches further than 16 pixels."""
CHUNK = 16

Uint8Array = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Crops:
    """N clean crops, each with the position of its patch. The whole crop is degraded; only the patch is described.

    Args:
        pixels: N arrays (H, W, 3), uint8 RGB. Their sides are 256, or the side of the patch plus 48 if that is more;
            less if the photograph is smaller.
        corners: (N, 2), top and left of the patch within its crop, pixels.
        photo: (N,), the photograph of each crop, as an index into `names`.
        names: the photographs' file names, without folders.
        patch_size: side of the patches, pixels.
    """

    pixels: list[Uint8Array]
    corners: np.ndarray[Any, np.dtype[np.int64]]
    photo: np.ndarray[Any, np.dtype[np.int64]]
    names: tuple[str, ...]
    patch_size: int

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def digest(self) -> str:
        """A SHA-256 checksum of the pixels and positions, 64 hexadecimal digits, independent of the file names.

        It is computed once and cached, so the arrays must not be changed afterwards.
        """
        digest = hashlib.sha256(f"{self.patch_size} {self.photo.tolist()} {self.corners.tolist()}".encode())
        for crop in self.pixels:
            digest.update(str(crop.shape).encode())
            digest.update(crop.tobytes())
        return digest.hexdigest()


def draw_crops(
    paths: Sequence[Path],
    patches: int,
    patch_size: int,
    seed: int,
    reading: ReadOptions | None = None,
) -> Crops:
    """Draw crops at random positions, the same number from each photograph.

    The numbers of crops of two photographs differ by at most one. If there are more photographs than crops, a random
    selection of them is used. A photograph that cannot be used is reported and left out, as if it had not been given.
    Fully transparent borders are cut off first.

    Args:
        paths: the photographs, in any order.
        patches: N, how many crops to draw, at least 1.
        patch_size: side of the patches, pixels; neither side of a photograph may be shorter.
        seed: for the selection and the positions, 0 or more. The selection also depends on the names of the files, but
            not on their folders.
        reading: the size limit, and the function called with each skipped file; the defaults if None.

    Returns:
        The crops: photographs in the order of their paths, the crops of one photograph next to each other; 16-bit
        photographs are rounded to 8 bits.

    Raises:
        ImageError: no photograph can be used.
    """
    reading = reading or ReadOptions()
    skipped: list[Path] = []

    def skip(bad: Skipped) -> None:
        skipped.append(bad.path)
        reading.skip(bad.path, bad.reason)

    usable = sorted(paths)
    while True:
        chosen = _choose(usable, patches, seed)
        photos = read_photos(chosen, replace(reading, on_skip=skip), patch_size)
        try:
            crops = _cut(photos, len(chosen), patches, patch_size, seed)
        except ImageError as error:
            if set(usable) <= set(skipped) or len(usable) == 1:
                raise
            if len(chosen) == 1:  # `read_photos` raises for a single file instead of skipping it
                skip(Skipped(chosen[0], str(error)))
        bad = set(skipped) & set(chosen)
        if not bad:
            return crops
        usable = [path for path in usable if path not in bad]


def _choose(paths: Sequence[Path], patches: int, seed: int) -> list[Path]:
    """A random choice of at most one photograph per patch; ranks depend on own names, so bad files affect no others."""
    lots = sorted(paths, key=lambda path: (seed_for(seed, path.name), path))
    return sorted(lots[:patches])


def _cut(photos: Iterator[Photo], count: int, patches: int, patch_size: int, seed: int) -> Crops:
    rng = np.random.default_rng([seed, 2])
    found: list[tuple[Uint8Array, tuple[int, int], int]] = []
    names: list[str] = []
    for number, photo in enumerate(photos):
        share = patches * (number + 1) // count - patches * number // count
        whole = to_8_bit(seen_part(photo).photo.pixels)
        found += [(*_cut_one(whole, patch_size, rng), number) for _ in range(share)]
        names.append(photo.path.name if photo.path else str(number))
    pixels, corners, photo_index = zip(*found, strict=True)
    return Crops(list(pixels), np.array(corners), np.array(photo_index), tuple(names), patch_size)


def _cut_one(whole: Uint8Array, patch_size: int, rng: np.random.Generator) -> tuple[Uint8Array, tuple[int, int]]:
    starts, corner = [], []
    side = max(CROP, patch_size + 2 * MARGIN)
    for size in whole.shape[:2]:
        span = min(side, size)
        margin = min(MARGIN, (span - patch_size) // 2)
        starts.append(slice(first := int(rng.integers(size - span + 1)), first + span))
        corner.append(int(rng.integers(margin, span - patch_size - margin + 1)))
    return whole[starts[0], starts[1]].copy(), (corner[0], corner[1])


def degraded_patches(crops: Crops, degradation: Degradation | None, seed: int) -> Tensor:
    """Degrade each crop with its own random parameters and cut out the patches.

    The parameters cover the degradation's whole range evenly (Latin hypercube sampling, see `Degradation.sample`). The
    results are rounded to 8 bits, as in image files.

    Args:
        crops: N clean crops; they are not changed.
        degradation: what to apply; None leaves them clean.
        seed: for the parameters, 0 to 2^63 - 1.

    Returns:
        (N, 3, patch_size, patch_size), float32 in [0, 1], on the CPU, in the order of the crops.

    Raises:
        GridsError: the seed is out of range, the degradation rejects the images, or it samples parameters for a wrong
            number of images.
    """
    size = crops.patch_size
    patches = torch.empty((len(crops), 3, size, size))
    generator = seeded(seed)
    for shape, rows in _rows_by_shape(crops).items():
        # drawn for all at once, so that the samples cover the whole range evenly
        parameters = degradation.sample((len(rows), 3, *shape[:2]), generator) if degradation else {}
        check_rows(parameters, len(rows))
        for first in range(0, len(rows), CHUNK):
            part = slice(first, first + CHUNK)
            pixels = torch.from_numpy(np.stack([crops.pixels[i] for i in rows[part]]))
            images = to_unit(pixels.permute(0, 3, 1, 2))
            if degradation is not None:
                images = degradation.apply(images, {name: value[part] for name, value in parameters.items()})
            for row, image in zip(rows[part], images, strict=True):
                top, left = crops.corners[row]
                patches[row] = image[:, top : top + size, left : left + size]
    return patches


def _rows_by_shape(crops: Crops) -> dict[tuple[int, ...], list[int]]:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i, crop in enumerate(crops.pixels):
        by_shape.setdefault(crop.shape, []).append(i)
    return by_shape
