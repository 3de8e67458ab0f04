"""Finding the faces in a photograph, and cutting them out."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from grids.errors import ImageError
from grids.images.tensors import Pixels, to_8_bit

LONG_SIDE = 480
"""Photographs are reduced to so many pixels before they are searched."""
WINDOW = 24
"""Side of the detector's window, pixels: the smallest face, a twentieth of the long side of a large photograph."""
VOTES = 6
"""So many windows must agree on a face. In 65 portraits 8 to 45 did; in 5 of 124 other photographs 6 to 12 on none."""
MARGIN = 0.3
"""What a crop shows around a face, on each side, in terms of the face."""

Windows = npt.NDArray[np.float64]  # (N, 4): left, top, width, height


class Box(NamedTuple):
    """A face in a photograph, from the brows to the chin, in pixels of the upright photograph.

    Args:
        left: column of its leftmost pixels, 0 or more.
        top: row of its topmost pixels, 0 or more.
        width: in pixels.
        height: in pixels.
    """

    left: int
    top: int
    width: int
    height: int


def find_faces(pixels: Pixels) -> list[Box]:
    """The frontal, upright faces in a photograph, the largest first; scikit-image's cascade of local binary patterns.

    It takes some patterns for faces, and misses faces that are turned, tilted, covered, or less wide than a twentieth
    of the photograph. What it finds several times, at neighbouring places and sizes, is one face, and counts. Larger
    photographs are reduced to a long side of 480 pixels first.

    Args:
        pixels: (H, W, 3) RGB, uint8 or uint16.

    Returns:
        A box for each face, within the photograph; none where a side, so reduced, is shorter than the detector's window
        of 24 pixels.

    Raises:
        ImageError: the detector is missing from the installed scikit-image.
    """
    height, width = pixels.shape[:2]
    factor = max(1.0, max(height, width) / LONG_SIDE)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    grey = np.asarray(Image.fromarray(to_8_bit(pixels)).convert("L").resize(size, Image.Resampling.BOX))
    if min(grey.shape) < WINDOW:
        return []
    found = _detector().detect_multi_scale(
        grey,
        scale_factor=1.2,
        step_ratio=1,
        min_size=(WINDOW, WINDOW),
        max_size=(min(grey.shape), min(grey.shape)),
        min_neighbor_number=1,
        intersection_score_threshold=2.0,  # merge nothing: it would not tell how many windows a face has
    )
    windows = np.array([[one["c"], one["r"], one["width"], one["height"]] for one in found], dtype=float)
    faces = _agreed(windows.reshape(-1, 4)) * np.tile((width / size[0], height / size[1]), 2)
    return [_inside(face, width, height) for face in faces[np.argsort(-faces[:, 2], kind="stable")]]


def square_of(box: Box, width: int, height: int, margin: float = MARGIN) -> Box:
    """The square that shows a face and its surroundings, moved and, where it is too large, cut down into the image.

    Args:
        box: the face.
        width, height: of the image.
        margin: what is added on each side, in terms of the longer side of the box.

    Returns:
        A box of equal sides within the image, centred on the face where the border allows it.

    >>> square_of(Box(10, 20, 40, 40), 200, 100, margin=0.25)
    Box(left=0, top=10, width=60, height=60)
    """
    side = min(round(max(box.width, box.height) * (1 + 2 * margin)), width, height)
    left = round(box.left + (box.width - side) / 2)
    top = round(box.top + (box.height - side) / 2)
    return Box(max(0, min(left, width - side)), max(0, min(top, height - side)), side, side)


def crop_face(pixels: Pixels, box: Box, side: int = 128, margin: float = MARGIN) -> Pixels:
    """A face and its surroundings as a square, reduced by averaging areas, never enlarged.

    Args:
        pixels: (H, W, 3), uint8 or uint16.
        box: the face, within the image.
        side: of the result, pixels.
        margin: as for `square_of`.

    Returns:
        (side, side, 3) of the same dtype.

    Raises:
        ImageError: the square is smaller than `side`.
    """
    square = square_of(box, pixels.shape[1], pixels.shape[0], margin)
    if square.width < side:
        raise ImageError(f"the face and its surroundings are {square.width} pixels wide, less than {side}")
    part = pixels[square.top : square.top + square.height, square.left : square.left + square.width]
    areas = _areas(square.width, side)
    reduced = np.einsum("ij,jkc,lk->ilc", areas, part, areas, optimize=True)
    return np.rint(reduced).astype(pixels.dtype)


def _areas(size: int, side: int) -> npt.NDArray[np.float64]:
    """(side, size): how much of each of `side` equal pieces of a line each of `size` pixels covers."""
    edges = np.linspace(0, size, side + 1)[:, None]
    pixel = np.arange(size)
    covered = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
    return covered.clip(min=0) * (side / size)


@functools.cache
def _detector() -> Any:
    import skimage.data
    from skimage.feature import Cascade

    # scikit-image's own function for the name would download a missing file
    file = Path(skimage.data.__file__).with_name("lbpcascade_frontalface_opencv.xml")
    if not file.is_file():
        raise ImageError("the face detector, a file of scikit-image, is missing: install scikit-image again")
    return Cascade(str(file))


def _agreed(windows: Windows) -> Windows:
    """The medians of windows that agree with one another, the most agreed on first, each part of the image once."""
    faces = []
    while len(windows):
        shared = np.array([_shared(window, windows) for window in windows])
        areas = windows[:, 2] * windows[:, 3]
        alike = shared > (areas[:, None] + areas) / 3  # more than half of what both cover
        best = alike[alike.sum(axis=1).argmax()]
        if best.sum() < VOTES:
            break
        face = np.median(windows[best], axis=0)
        faces.append(face)
        inside = _shared(face, windows) > 0.4 * np.minimum(areas, face[2] * face[3])
        windows = windows[~(best | inside)]
    return np.array(faces).reshape(-1, 4)


def _shared(window: Windows, windows: Windows) -> Windows:
    """(4,) and (N, 4) -> (N,): the area that a window shares with each of others."""
    low = np.maximum(window[:2], windows[:, :2])
    high = np.minimum(window[:2] + window[2:], windows[:, :2] + windows[:, 2:])
    return (high - low).clip(min=0).prod(axis=1)


def _inside(face: Windows, width: int, height: int) -> Box:
    left, top, right, bottom = (round(float(edge)) for edge in (*face[:2], *(face[:2] + face[2:])))
    left, top = max(0, left), max(0, top)
    return Box(left, top, min(right, width) - left, min(bottom, height) - top)
