"""What is seen of a photograph: the colours of wholly transparent pixels are nobody's, whatever a file holds there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grids.errors import ImageError
from grids.images.libraries import opencv
from grids.images.photo import Photo
from grids.images.tensors import Pixels, to_8_bit

if TYPE_CHECKING:
    from torch import Tensor

Mask = npt.NDArray[np.bool_]
NEAR = 128
"""Pixels from a visible one; hidden ones farther off have the mean colour. It is more than most networks see."""


class Seen(NamedTuple):
    """The part of a photograph that is seen.

    Args:
        photo: the rectangle around all visible pixels; the hidden colours in it are those of visible pixels nearby.
        window: its rows and columns in the whole.
        visible: (H, W) of bool, of the rectangle; None where all of it is visible.
    """

    photo: Photo
    window: tuple[slice, slice]
    visible: Mask | None

    def mask(self) -> Tensor | None:
        """Which pixels of the rectangle are visible, as a tensor.

        Returns:
            (H, W) of bool on the CPU, sharing the memory of `visible`; None where all of them are.
        """
        import torch

        return None if self.visible is None else torch.from_numpy(self.visible)


def seen_part(photo: Photo) -> Seen:
    """What is seen of a photograph: all pixels but those whose alpha is 0.

    Args:
        photo: one without alpha, or without wholly transparent pixels, is seen as it is, and not copied.

    Returns:
        The rectangle around all visible pixels, the hidden ones in it filled by `fill_hidden`.

    Raises:
        ImageError: no pixel is visible.
    """
    if photo.alpha is None or photo.alpha.all():
        return Seen(photo, (slice(0, photo.height), slice(0, photo.width)), None)
    rows, columns = seen_window(photo)
    alpha = photo.alpha[rows, columns]
    shown = alpha != 0
    whole = bool(shown.all())
    pixels = photo.pixels[rows, columns] if whole else fill_hidden(photo.pixels[rows, columns], shown)
    return Seen(replace(photo, pixels=pixels, alpha=alpha), (rows, columns), None if whole else shown)


def seen_window(photo: Photo) -> tuple[slice, slice]:
    """Where the rectangle around all visible pixels lies.

    Args:
        photo: with alpha or without; without, all of it is visible.

    Returns:
        Its rows and its columns, as slices.

    Raises:
        ImageError: no pixel is visible.
    """
    if photo.alpha is None:
        return slice(0, photo.height), slice(0, photo.width)
    rows, columns = (_extent(np.asarray(photo.alpha.any(axis))) for axis in (1, 0))
    return rows, columns


def with_seen(photo: Photo, seen: Seen, part: Photo) -> Photo:
    """A photograph with other visible pixels; hidden ones stay as they are.

    Args:
        photo: the whole photograph, which is not changed.
        seen: what `seen_part` returned for it.
        part: what was made from `seen.photo`: of its size and bit depth.

    Returns:
        A new photo with the metadata of `photo`; `part` itself where all of the photograph is visible.
    """
    if part.pixels.shape == photo.pixels.shape and seen.visible is None:
        return part
    pixels = photo.pixels.copy()
    window = pixels[seen.window]
    where: Any = slice(None) if seen.visible is None else seen.visible
    window[where] = part.pixels[where]
    return replace(photo, pixels=pixels)


def without_hidden(photo: Photo) -> Pixels:
    """Pixels in which those that are wholly transparent are white.

    Args:
        photo: with alpha or without; partly transparent pixels keep their colours.

    Returns:
        (H, W, 3) of the same depth: the photo's own array where nothing is hidden.
    """
    if photo.alpha is None or photo.alpha.all():
        return photo.pixels
    white = np.iinfo(photo.pixels.dtype).max
    return np.where((photo.alpha == 0)[..., None], white, photo.pixels).astype(photo.pixels.dtype)


def on_white(photo: Photo) -> Pixels:
    """What a viewer shows of a photograph on white paper.

    Args:
        photo: its colours are mixed with white by its alpha.

    Returns:
        (H, W, 3) uint8; the photo's own array where it has 8 bits and no alpha.
    """
    pixels = to_8_bit(photo.pixels)
    if photo.alpha is None:
        return pixels
    opacity = to_8_bit(photo.alpha)[..., None].astype(np.uint16)
    return ((pixels * opacity + (255 - opacity) * 255 + 127) // 255).astype(np.uint8)


def fill_hidden(pixels: Pixels, visible: Mask) -> Pixels:
    """Pixels whose hidden colours are a mirror image of what is beside them, as far as it goes.

    Nearest colours, drawn out into streaks, have no grain: networks err more beside them. Beyond 128 pixels from a
    visible one, hidden pixels have the mean colour.

    Args:
        pixels: (H, W, C), uint8 or uint16.
        visible: (H, W) of bool, at least one of them.

    Returns:
        A new array of the same shape and type; visible pixels keep their values.

    Raises:
        ImageError: OpenCV cannot be imported.
    """
    cv2 = opencv()
    distances, labels = cv2.distanceTransformWithLabels(
        (~visible).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.flatnonzero(visible).astype(np.int32)
    nearest = np.zeros(int(labels.max()) + 1, np.int32)  # by label, the place of the visible pixel that it stands for
    nearest[labels.ravel()[places]] = places
    filled = np.where(visible[..., None], pixels, np.rint(pixels[visible].mean(0)).astype(pixels.dtype))
    rows, columns = np.nonzero(~visible & (distances <= NEAR))
    beside = np.divmod(nearest[labels[rows, columns]], pixels.shape[1])
    filled[rows, columns] = pixels[_mirrored(visible, (rows, columns), beside)]
    return filled


def _mirrored(
    visible: Mask, places: tuple[npt.NDArray[Any], ...], nearest: tuple[npt.NDArray[Any], ...]
) -> tuple[npt.NDArray[Any], ...]:
    """Rows and columns as far behind the nearest visible pixels as these are away, where those are visible."""
    behind = [2 * near - place for place, near in zip(places, nearest, strict=True)]
    inside = [np.clip(far, 0, side - 1) for far, side in zip(behind, visible.shape, strict=True)]
    usable = visible[tuple(inside)] & (inside[0] == behind[0]) & (inside[1] == behind[1])
    return tuple(np.where(usable, far, near) for far, near in zip(inside, nearest, strict=True))


def _extent(some: Mask) -> slice:
    """From the first to the last that is true."""
    found = np.flatnonzero(some)
    if not found.size:
        raise ImageError("it is wholly transparent: there is nothing to see")
    return slice(int(found[0]), int(found[-1]) + 1)
