"""The photographs that crops are cut from, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from grids.degradations.resampling import reduce_size
from grids.errors import ImageError
from grids.images import Photo, ReadOptions, read_photo, read_photos
from grids.images.tensors import byte_planes
from grids.images.transparency import seen_part
from grids.random import seeded

MEMORY = 4 * 2**30
"""Bytes of pixels that are kept in memory."""


class Photographs:
    """8-bit RGB photographs to cut crops from, kept in memory as far as they fit.

    What a crop holds depends on the numbers drawn alone, never on what is in memory. Files that cannot be used are
    passed over, which `reading.on_skip` is told; a single one is an error.

    Args:
        paths: the files, in the order that their numbers follow; all are read when the object is made.
        least: pixels that both sides of a photograph must have at least.
        reading: how they are read; None for the defaults.
        whole: keep wholly transparent pixels and what lies around them, so that the two images of a pair stay in place.
            Else a photograph is the rectangle around its visible pixels.
        memory: bytes to keep, one for each value; photographs beyond are read again whenever a crop of them is wanted.

    Attributes:
        paths: the files that are used, by number.
        sizes: height and width of each, pixels.
        digests: of each, a checksum of its pixels.
        digest: a checksum of all pixels, whatever the files are called.

    Raises:
        ImageError: none can be used.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        least: int,
        reading: ReadOptions | None = None,
        *,
        whole: bool = False,
        memory: int = MEMORY,
    ) -> None:
        self._whole = whole
        self.paths: list[Path] = []
        self._kept: list[Tensor | None] = []
        self.sizes: list[tuple[int, int]] = []
        self.digests: list[bytes] = []
        self._reading = reading or ReadOptions()
        digest = hashlib.sha256()
        for photo in read_photos(paths, self._reading, least):
            pixels = self._tensor(photo)
            content = _content(pixels)
            digest.update(content)
            memory -= pixels.numel()
            assert photo.path is not None
            self.paths.append(photo.path)
            self.sizes.append((pixels.shape[1], pixels.shape[2]))
            self._kept.append(pixels if memory >= 0 else None)
            self.digests.append(hashlib.sha256(content).digest())
        self.digest = digest.hexdigest()

    def __len__(self) -> int:
        return len(self.paths)

    def _tensor(self, photo: Photo) -> Tensor:
        return byte_planes((photo if self._whole else seen_part(photo).photo).pixels)

    def pixels(self, number: int) -> Tensor:
        """The pixels of a photograph, from memory or from its file.

        Args:
            number: from 0.

        Returns:
            (3, H, W) uint8 on the CPU. It may be the tensor that is kept: do not change it.

        Raises:
            ImageError: its file is wanted, but is gone or no longer what it was.
        """
        kept = self._kept[number]
        if kept is not None:
            return kept
        pixels = self._tensor(read_photo(self.paths[number], self._reading.max_pixels))
        if hashlib.sha256(_content(pixels)).digest() != self.digests[number]:
            raise ImageError(f"'{self.paths[number]}' has changed since the training began")
        return pixels

    def random_crop(self, side: int, generator: torch.Generator, reduction: float = 1.0) -> Tensor:
        """A crop at a random place of a random photograph, turned and mirrored at random.

        Args:
            side: pixels; no photograph may be smaller.
            generator: on the CPU; six numbers are drawn from it.
            reduction: more than 0, at most 1. The photograph is reduced to this share of its sides before the crop is
                cut; less where it would become smaller than the crop.

        Returns:
            (3, side, side) uint8. It may be a view of what is kept: do not change it.

        Raises:
            ImageError: as for `pixels`.
        """
        return random_window([self.pixels], self.sizes, side, generator, reduction)[0]

    def windows(self, side: int, count: int) -> Tensor:
        """Fixed windows of all photographs in turn, the same in every process; see `fixed_windows`.

        Args:
            side: pixels; no photograph may be smaller.
            count: how many, at least 1.

        Returns:
            (count, 3, side, side) uint8, copied.

        Raises:
            ImageError: as for `pixels`.
        """
        places = fixed_windows(self.sizes, side, count)
        return torch.stack([self.pixels(i)[:, y : y + side, x : x + side] for i, y, x in places])


def _content(pixels: Tensor) -> bytes:
    """What a checksum of pixels is of."""
    return str(tuple(pixels.shape)).encode() + pixels.numpy().tobytes()


def fixed_windows(sizes: Sequence[tuple[int, int]], side: int, count: int) -> list[tuple[int, int, int]]:
    """Where to cut windows from images: the middle of every image first, then random places of all in turn.

    Of more images than windows an even choice is taken, one window each. The places are drawn from a fixed seed.

    Args:
        sizes: height and width of every image, pixels; no side may be shorter than `side`.
        side: of the windows, pixels.
        count: how many windows.

    Returns:
        for each window (number of the image, top row, left column).

    >>> fixed_windows([(64, 48)], side=32, count=1)
    [(0, 16, 8)]
    """
    if len(sizes) > count:
        numbers = [i * len(sizes) // count for i in range(count)]
    else:
        numbers = [i % len(sizes) for i in range(count)]
    places = torch.rand(count, 2, generator=seeded(0), dtype=torch.float64).tolist()
    found = []
    for i, number in enumerate(numbers):
        across, down = places[i] if i >= len(sizes) else (0.5, 0.5)
        height, width = sizes[number]
        found.append((number, int(across * (height - side)), int(down * (width - side))))
    return found


def random_window(
    sources: Sequence[Callable[[int], Tensor]],
    sizes: Sequence[tuple[int, int]],
    side: int,
    generator: torch.Generator,
    reduction: float = 1.0,
) -> list[Tensor]:
    """The same random window, turned and mirrored alike, of the images that several sources hold under one number.

    Args:
        sources: number -> (C, H, W); for pairs, one of the inputs and one of the targets.
        sizes: height and width by number, pixels; no side may be shorter than `side`.
        side: of the window, pixels.
        generator: on the CPU; draws six numbers, whatever comes out.
        reduction: more than 0, at most 1: the images are reduced to this share of their sides before the window is cut;
            less where they would become smaller than it.

    Returns:
        for each source (C, side, side), of its own type. It may be a view of the source's image.
    """
    draws = torch.rand(6, generator=generator, dtype=torch.float64).tolist()
    number = int(draws[0] * len(sizes))
    height, width = sizes[number]
    span = min(round(side / reduction), height, width)
    top, left = int(draws[1] * (height - span + 1)), int(draws[2] * (width - span + 1))
    found = []
    for pixels in sources:
        window = pixels(number)[:, top : top + span, left : left + span]
        if span > side:
            window = reduce_size(window, (side, side), "area")  # of bytes, rounded as a smaller file would be
        if draws[3] < 0.5:
            window = window.flip(1)
        if draws[4] < 0.5:
            window = window.flip(2)
        found.append(window.transpose(1, 2) if draws[5] < 0.5 else window)
    return found
