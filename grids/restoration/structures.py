"""Keeps what a restorer would erase although nothing was drawn over the photograph.

Restorers that also learnt inpainting take black borders, lettering and outlines for what was drawn over a photograph.
"""

from __future__ import annotations

import numpy as np

from grids.images.tensors import Pixels, to_16_bit
from grids.results import Selection
from grids.results.selection import DRAWN

HOLES = (DRAWN, "salt_pepper")
"""Degradations under which whole areas must change."""
IMPROBABLE = 0.05
"""Together they have a lower probability than this where nothing needs to be redrawn."""
SIDE = 9
"""Of the squares whose mean counts, pixels: noise and the errors of JPEG cancel out in them."""
LIMIT = 24
"""A mean that changes by more, in units of 1/255, is a structure that was erased."""
STRIP = 1024
"""Rows that are looked at together."""


def redraws(selection: Selection) -> bool:
    """Whether the chosen restorer would erase structures that are the photograph's own.

    Args:
        selection: with a chosen group.

    Returns:
        True where the group restores inpainting, but the image hardly bears that or salt-and-pepper; False also where
        the probabilities of single degradations are not known.
    """
    if not selection.ranking or DRAWN not in selection.ranking[0].degradations or not selection.degradations:
        return False
    return sum(selection.degradations.get(name, 0.0) for name in HOLES) < IMPROBABLE


def with_depth_of(other: Pixels, pixels: Pixels) -> Pixels:
    """Pixels in 16 bits where others are.

    Args:
        other: uint8 or uint16.
        pixels: of the same type, or uint8.

    Returns:
        (H, W, 3) of the type of `other`.
    """
    return pixels if pixels.dtype == other.dtype else to_16_bit(pixels)


def keep_structures(before: Pixels, after: Pixels) -> Pixels:
    """Take back what a restorer did where it changes the mean of 9 x 9 pixels by more than 24/255 in a channel.

    Args:
        before: (H, W, 3), uint8 or uint16.
        after: the same, restored; uint16 if `before` is.

    Returns:
        `after`, with the pixels of `before` up to 8 pixels from the middles of such squares.
    """
    import cv2  # most images need none of this

    before = with_depth_of(after, before)
    limit = LIMIT * (1 if after.dtype == np.uint8 else 257)
    height, kernel = len(before), np.ones((2 * SIDE - 1,) * 2, np.uint8)
    margin, result = len(kernel), after.copy()
    for top in range(0, height, STRIP):
        first, bottom = max(0, top - margin), min(height, top + STRIP)
        rows = slice(first, min(height, bottom + margin))
        old, new = (cv2.blur(pixels[rows], (SIDE, SIDE)).astype(np.int32) for pixels in (before, after))
        erased = (np.abs(new - old).max(2) > limit).astype(np.uint8)
        kept = cv2.dilate(erased, kernel)[top - first : bottom - first].astype(bool)
        result[top:bottom][kept] = before[top:bottom][kept]
    return result
