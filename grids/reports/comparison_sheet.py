"""What restorers make of degraded crops, as one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grids.errors import GridsError
from grids.images.tensors import Pixels, to_pixels, to_unit
from grids.metrics import psnr
from grids.reports.sheet import contact_sheet

SIDE = 256
"""Smaller crops are enlarged by a whole factor, pixel by pixel, to at most so many pixels."""


class Restored(NamedTuple):
    """A validation crop of a task, and what restorers make of it.

    Args:
        degraded: (3, H, W) RGB, uint8, or floating point in [0, 1]: what the restorers were given.
        target: the same crop without damage, of the same shape; uint8, or floating point in [0, 1].
        restored: label of a restorer ("alone", "mix", "group C1") -> its result, of the same shape; values outside
            [0, 1] are clipped.
    """

    degraded: Tensor
    target: Tensor
    restored: Mapping[str, Tensor]


def restored_sheet(crops: Mapping[str, Restored]) -> bytes:
    """A PNG with a row for each task: the degraded crop, what each restorer makes of it, and the target.

    Args:
        crops: by task, in the order of the rows. A label is a column, in the order in which labels first appear; its
            place stays empty in the row of a task that lacks it.

    Returns:
        The picture, with the PSNR in dB under every crop (RGB, 8 bit, no border cut).

    Raises:
        GridsError: there are no crops, or one is not (3, H, W) or not as large as its target.
    """
    if not crops:
        raise GridsError("a sheet of restored crops needs at least one task")
    labels = list(dict.fromkeys(label for crop in crops.values() for label in crop.restored))
    tiles: list[tuple[str, Pixels]] = []
    for task, crop in crops.items():
        target = _image(crop.target, f"target of '{task}'")
        tiles.append(_tile(task, crop.degraded, target, f"degraded crop of '{task}'"))
        for label in labels:
            if label in crop.restored:
                tiles.append(_tile(label, crop.restored[label], target, f"crop '{label}' of '{task}'"))
            else:
                tiles.append(("", np.full_like(_pixels(target), 255)))
        tiles.append(("target", _pixels(target)))
    return contact_sheet(tiles, columns=len(labels) + 2)


def _tile(label: str, crop: Tensor, target: Tensor, what: str) -> tuple[str, Pixels]:
    image = _image(crop, what)
    if image.shape != target.shape:
        raise GridsError(f"the {what} is {tuple(image.shape)}, but its target {tuple(target.shape)}")
    return f"{label}  {float(psnr(image[None], target[None])):.2f} dB", _pixels(image)


def _image(crop: Tensor, what: str) -> Tensor:
    """(3, H, W) float32 on the CPU; uint8 is brought to [0, 1]."""
    if crop.ndim != 3 or crop.shape[0] != 3 or crop.numel() == 0:
        raise GridsError(f"the {what} must be (3, H, W), but is {tuple(crop.shape)}")
    if crop.dtype != torch.uint8 and not crop.is_floating_point():
        raise GridsError(f"the {what} must be uint8 or floating point, but is {crop.dtype}")
    return to_unit(crop.detach().cpu())


def _pixels(image: Tensor) -> Pixels:
    """(H, W, 3) uint8, enlarged if small."""
    factor = max(1, SIDE // max(image.shape[1:]))
    pixels = to_pixels(image)
    return np.asarray(pixels.repeat(factor, 0).repeat(factor, 1))
