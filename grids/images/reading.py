"""Reading photographs: whole and upright, or not at all."""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from grids.errors import ImageError
from grids.images.decoding import decode, header_pixels, too_large, unidentified
from grids.images.libraries import strict_pillow
from grids.images.listing import explain_missing
from grids.images.photo import Photo, Skipped
from grids.images.transparency import seen_window
from grids.io import STDIO

MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class ReadOptions:
    """How photographs are read, and who is told what was noticed about them.

    Args:
        max_pixels: larger ones are refused by their header, before anything is decoded.
        on_skip: called with every file of several that cannot be used (`list.append` will do); None to tell nobody.
        on_note: called with a file and what a user should know of it, such as that one of several pages is used; None
            to tell nobody.
    """

    max_pixels: int = MAX_PIXELS
    on_skip: Callable[[Skipped], object] | None = None
    on_note: Callable[[Path, str], object] | None = None

    def skip(self, path: Path, reason: str) -> None:
        """Report a file that cannot be used, to `on_skip` if there is one.

        Args:
            path: the file.
            reason: why, in a line that does not repeat the path.
        """
        if self.on_skip is not None:
            self.on_skip(Skipped(path, reason))

    def note(self, path: Path, text: str) -> None:
        """Report what a user should know of a file, to `on_note` if there is one.

        Args:
            path: the file.
            text: a remark in a line that does not repeat the path.
        """
        if self.on_note is not None:
            self.on_note(path, text)


def read_photo(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Photo:
    """Read one photograph: whole and upright, or not at all.

    Grey and 1-bit images have three equal channels, and `Photo.grey` is set; palette and CMYK ones become RGB; of
    animations the first frame is read. 16 bits a channel are kept for grey and colour PNG, TIFF, PGM and PPM; deeper
    AVIF, JPEG 2000 and CMYK arrive with 8.

    Args:
        path: the file; "-" for standard input.
        max_pixels: refuse larger ones by their header, before anything is decoded.

    Returns:
        The photo, with its metadata. Colour profiles are kept, not applied.

    Raises:
        ImageError: missing, not a readable image, truncated, damaged, of floating point, wholly transparent, or too
            large.
    """
    try:
        return _read(Path(path), max_pixels)
    except ImageError as error:
        raise unusable(Skipped(Path(path), str(error))) from error


def read_photos(paths: Sequence[Path], reading: ReadOptions | None = None, min_side: int = 1) -> Iterator[Photo]:
    """Read photographs one after another, passing over those that cannot be used.

    It is a generator: a photograph is read when it is asked for.

    Args:
        paths: the files. A single one is not passed over: what is wrong with it is raised.
        reading: the largest size, and what is called with every file passed over; the defaults if None.
        min_side: pixels that both sides must have, those of the rectangle around what is not wholly transparent.

    Yields:
        Those that can be used, in the order of the paths.

    Raises:
        ImageError: the only file, or every one of several, cannot be used, or there are no files; of several it is
            raised at the end.
    """
    reading = reading or ReadOptions()
    used, first = 0, ""
    for path in paths:
        photo = read_or_skip(path, reading.max_pixels, min_side)
        if isinstance(photo, Skipped):
            if len(paths) == 1:
                raise unusable(photo)
            first = first or f"'{path}': {photo.reason}"
            reading.skip(photo.path, photo.reason)
            continue
        used += 1
        note_pages(photo, reading)
        yield photo
    if not used:
        reason = f"none of {len(paths)} images can be used (the first, {first})" if paths else "no images given"
        raise ImageError(reason)


def read_or_skip(path: Path, max_pixels: int, min_side: int = 1) -> Photo | Skipped:
    """A photograph, or why it cannot be used. Nothing is raised for it, and nobody is told.

    Args:
        path: the file; "-" for standard input.
        max_pixels: larger ones are refused by their header.
        min_side: as for `read_photos`.

    Returns:
        The photo, or the file with the reason.
    """
    try:
        photo = _read(Path(path), max_pixels)
        height, width = (side.stop - side.start for side in seen_window(photo))
        if min(height, width) < min_side:
            raise ImageError(f"{width} x {height} pixels, but at least {min_side} are needed")
    except ImageError as error:
        return Skipped(Path(path), str(error))
    return photo


def count_pixels(path: Path, max_pixels: int) -> int:
    """How many pixels a file has by its header, to reckon with its memory before it is read.

    Args:
        path: the file.
        max_pixels: files of more than about so many may count as 0, as reading them is refused anyway.

    Returns:
        Width times height; 0 where that cannot be read, or only once (standard input). Nothing is raised.
    """
    if path == STDIO:
        return 0
    try:
        with _open(path) as stream, strict_pillow(max_pixels):
            return header_pixels(stream)
    except Exception:  # damaged bytes raise nearly anything in Pillow; who reads the photograph says what is wrong
        return 0


def note_pages(photo: Photo, reading: ReadOptions) -> None:
    """Report that a photo is the first of several in its file; of others nothing is said.

    Args:
        photo: what was read; one without a path is passed over.
        reading: whose `on_note` is called.
    """
    if photo.pages > 1 and photo.path is not None:
        reading.note(photo.path, f"only the first of its {photo.pages} pages or frames is used")


def unusable(bad: Skipped) -> ImageError:
    """The error for a file without which there is nothing to do; it is returned, not raised.

    Args:
        bad: the file and the reason.

    Returns:
        An error whose message names both, in one line.
    """
    return ImageError(" ".join(f"cannot use the image '{os.fspath(bad.path)}': {bad.reason}".split()))


def _read(path: Path, max_pixels: int) -> Photo:
    """`read_photo`, whose errors do not name the file."""
    with _open(path) as stream, strict_pillow(max_pixels):
        try:
            return decode(stream, path, max_pixels)
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(unidentified(stream)) from error
        except Image.DecompressionBombError as error:  # WebP checks before its decoder takes memory
            size = re.search(r"\d+", str(error))
            raise too_large(int(size[0]) if size else 0, max_pixels) from error
        except MemoryError as error:
            raise ImageError("there is not enough memory to decode it") from error
        except Exception as error:  # damaged bytes raise nearly anything in Pillow, from KeyError to struct.error
            raise ImageError(f"it is truncated or damaged ({' '.join(str(error).split())[:120]})") from error


def _open(path: Path) -> IO[bytes]:
    if path == STDIO:
        if sys.stdin is None or not (data := sys.stdin.buffer.read()):
            raise ImageError("nothing came from standard input")
        return io.BytesIO(data)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("it is a folder")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise ImageError("it is not a regular file")
        if status.st_size == 0:
            raise ImageError("it is an empty file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise ImageError(explain_missing(path, error)) from error
