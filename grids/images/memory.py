"""Photographs from what other libraries hold in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from grids.errors import ImageError
from grids.images.decoding import is_grey, to_rgb, upright
from grids.images.exif import read_exif
from grids.images.photo import Photo


def photo_from_array(pixels: npt.NDArray[Any]) -> Photo:
    """A photo without metadata from an array.

    Args:
        pixels: (H, W), (H, W, 1) grey, (H, W, 2) grey with alpha, (H, W, 3) RGB or (H, W, 4) RGB with alpha, uint8 or
            uint16 in either byte order; OpenCV's BGR must be turned round before.

    Returns:
        The photo, `grey` where the array has no colours. It may share the memory of the array.

    Raises:
        ImageError: another shape or dtype.

    >>> photo_from_array(np.zeros((4, 6), np.uint16)).bits
    16
    """
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    planes = native[..., None] if native.ndim == 2 else native
    if planes.ndim != 3 or planes.shape[2] not in (1, 2, 3, 4) or planes.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            "an array must be (H, W) or (H, W, 1 to 4), uint8 or uint16, "
            f"but is {pixels.shape} of {pixels.dtype}; floating point comes as a tensor, (3, H, W) in [0, 1]"
        )
    count = planes.shape[2]
    colours = np.repeat(planes[..., :1], 3, axis=2) if count < 3 else planes[..., :3]
    alpha = np.ascontiguousarray(planes[..., -1]) if count in (2, 4) else None
    return Photo(np.ascontiguousarray(colours), alpha, grey=count < 3)


def photo_from_pillow(image: Image.Image) -> Photo:
    """A photo without metadata from an image of Pillow's, turned upright as its EXIF says.

    Args:
        image: in any mode but those of floating point; it is decoded if it was not yet. 16 bits a channel are kept
            where Pillow has them, which are grey images.

    Returns:
        The photo; `grey` where Pillow's mode has one channel besides alpha. A grey PNG with alpha and 16 bits is RGBA
        for Pillow, so it counts as one with colours.

    Raises:
        ImageError: it is of floating point, holds integers outside 0 to 65535, or is truncated or damaged.
    """
    try:
        grey = is_grey(image)  # before loading, which empties the list of tiles
        image.load()
        block = image.info.get("exif")
        given = read_exif(block).orientation if isinstance(block, bytes) else image.getexif().get(274)
        pixels, alpha = to_rgb(image)
    except ImageError:
        raise
    except Exception as error:  # damaged bytes raise nearly anything in Pillow
        raise ImageError(f"the image is truncated or damaged ({' '.join(str(error).split())[:120]})") from error
    turned = given if isinstance(given, int) and image.format != "TIFF" else 1  # Pillow turns a TIFF itself
    return Photo(upright(pixels, turned), None if alpha is None else upright(alpha, turned), grey=grey)
