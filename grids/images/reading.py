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
    """How photographs are read, and which functions are called with remarks on them.

    Args:
        max_pixels: larger photographs are rejected by their header, before anything is decoded.
        on_skip: called with each unusable file among several (`list.append` works); None to ignore them.
        on_note: called with a file and a remark for the user, such as that only one of several pages is used; None to
            ignore remarks.
    """

    max_pixels: int = MAX_PIXELS
    on_skip: Callable[[Skipped], object] | None = None
    on_note: Callable[[Path, str], object] | None = None

    def skip(self, path: Path, reason: str) -> None:
        """Report an unusable file to `on_skip`, if it is set.

        Args:
            path: the file.
            reason: the reason, in one line that does not repeat the path.
        """
        if self.on_skip is not None:
            self.on_skip(Skipped(path, reason))

    def note(self, path: Path, text: str) -> None:
        """Report a remark on a file to `on_note`, if it is set.

        Args:
            path: the file.
            text: the remark, in one line that does not repeat the path.
        """
        if self.on_note is not None:
            self.on_note(path, text)


def read_photo(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> Photo:
    """Read one photograph, whole and upright. A file that cannot be read completely is an error.

    Grey and 1-bit images get three equal channels, and `Photo.grey` is set. Palette and CMYK images become RGB. Of
    animations the first frame is read. Grey and colour PNG, TIFF, PGM and PPM keep 16 bits a channel; AVIF, JPEG 2000
    and CMYK images with more than 8 bits are reduced to 8.

    Args:
        path: the file; "-" for standard input.
        max_pixels: larger photographs are rejected by their header, before anything is decoded.

    Returns:
        The photo, with its metadata. Colour profiles are kept, not applied.

    Raises:
        ImageError: the file is missing, not a readable image, truncated, damaged, of floating point, fully transparent,
            or too large.
    """
    try:
        return _read(Path(path), max_pixels)
    except ImageError as error:
        raise unusable(Skipped(Path(path), str(error))) from error


def read_photos(paths: Sequence[Path], reading: ReadOptions | None = None, min_side: int = 1) -> Iterator[Photo]:
    """Read photographs one after another, skipping those that cannot be used.

    This is a generator: each photograph is read when it is needed.

    Args:
        paths: the files. If there is only one, it is not skipped: its error is raised.
        reading: the size limit, and the function called with each skipped file; the defaults if None.
        min_side: the shortest allowed side, pixels, of the rectangle around all pixels that are not fully transparent.

    Yields:
        The usable photographs, in the order of the paths.

    Raises:
        ImageError: there are no files, or none can be used; with several files this is raised at the end.
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
    """Read a photograph, or return why it cannot be used. Neither raises an `ImageError` nor reports anything.

    Args:
        path: the file; "-" for standard input.
        max_pixels: larger photographs are rejected by their header.
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
    """Read the number of pixels from a file's header, to estimate its memory before it is read.

    Args:
        path: the file.
        max_pixels: a file with clearly more pixels may give 0, because reading it is rejected anyway.

    Returns:
        Width times height; 0 if the header cannot be read, or for standard input, which can be read only once. Nothing
        is raised.
    """
    if path == STDIO:
        return 0
    try:
        with _open(path) as stream, strict_pillow(max_pixels):
            return header_pixels(stream)
    except Exception:  # Pillow raises nearly anything for damaged files; reading it later says what is wrong
        return 0


def note_pages(photo: Photo, reading: ReadOptions) -> None:
    """Report a photo that is only the first of several pages or frames in its file.

    Args:
        photo: the photo; nothing is reported for one without a path or of a single page.
        reading: the options whose `on_note` is called.
    """
    if photo.pages > 1 and photo.path is not None:
        reading.note(photo.path, f"only the first of its {photo.pages} pages or frames is used")


def unusable(bad: Skipped) -> ImageError:
    """Make the error for a file that was needed but cannot be used. It is returned, not raised.

    Args:
        bad: the file and the reason.

    Returns:
        An error whose one-line message names both.
    """
    return ImageError(" ".join(f"cannot use the image '{os.fspath(bad.path)}': {bad.reason}".split()))


def _read(path: Path, max_pixels: int) -> Photo:
    """As `read_photo`, but the errors do not name the file."""
    with _open(path) as stream, strict_pillow(max_pixels):
        try:
            return decode(stream, path, max_pixels)
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(unidentified(stream)) from error
        except Image.DecompressionBombError as error:  # for WebP, checked before its decoder allocates memory
            size = re.search(r"\d+", str(error))
            raise too_large(int(size[0]) if size else 0, max_pixels) from error
        except MemoryError as error:
            raise ImageError("there is not enough memory to decode it") from error
        except Exception as error:  # Pillow raises nearly anything for damaged files, from KeyError to struct.error
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
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would block
            raise ImageError("it is not a regular file")
        if status.st_size == 0:
            raise ImageError("it is an empty file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise ImageError(explain_missing(path, error)) from error
