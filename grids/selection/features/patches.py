"""Patches of an image, chosen by their detail."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.images.tensors import to_unit
from grids.selection.features.strips import pool, strips, take

SIDE = 32
"""Of a patch for the descriptor, pixels."""
LEAST_STRIDE = 8
"""Pixels between candidates, at least; at most they stand side by side, with enough of them to choose from."""
DETAILED = 0.5
"""Of the candidates, the share with the most detail: flat ones tell sharp and blurred images apart badly."""
VISIBLE = 0.9
"""Of what the most visible part of an image shows, the least that a part must show to be looked at."""


def is_shown(shares: Tensor) -> Tensor:
    """Tell which parts of a partly transparent image show about as much as the part that shows most.

    Args:
        shares: any shape, at least one value: of visible pixels in each part, 0 to 1.

    Returns:
        bool, of the same shape; at least one is True.

    >>> is_shown(torch.tensor([0.2, 0.5, 0.46])).tolist()
    [False, True, True]
    """
    return shares >= VISIBLE * shares.max()


def choose_patches(image: Tensor, count: int, side: int = SIDE, visible: Tensor | None = None) -> Tensor:
    """Patches spread evenly over the ranks of detail, from the most detailed to the median of the image.

    They depend on the pixels alone. An image smaller than a patch is continued by its border pixels.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16.
        count: how many, at most.
        side: of a patch, pixels.
        visible: (H, W) bool, which pixels are to be looked at: patches that show less of them than others are left out.

    Returns:
        (N, 3, side, side), float32 in [0, 1], N = count, or fewer where the image has no more.
    """
    image = pad_to_patch(image, side)
    detail, stride = measure_detail(image, count / DETAILED, side)
    order = detail.flatten().argsort(descending=True, stable=True)
    if visible is not None:
        shares = pool(pad_to_patch(visible[None], side), side, stride).flatten()
        order = order[is_shown(shares)[order]]
    eligible = min(len(order), max(round(DETAILED * len(order)), count))
    wanted = min(count, eligible)
    ranks = [(2 * i + 1) * eligible // (2 * wanted) for i in range(wanted)]
    places = [divmod(int(place), detail.shape[1]) for place in order[ranks]]
    return cut_patches(image, [(row * stride, column * stride) for row, column in places], side)


def pad_to_patch(image: Tensor, side: int = SIDE) -> Tensor:
    """Continue an image that is smaller than a patch by its last row and column.

    Args:
        image: (C, H, W), floating point, uint8, uint16 or bool.
        side: of a patch, pixels.

    Returns:
        (C, at least side, at least side), float32 in [0, 1] where it was continued, else the image itself, as it is.
    """
    height, width = image.shape[-2:]
    below, right = max(0, side - height), max(0, side - width)
    return F.pad(to_unit(image)[None], (0, right, 0, below), mode="replicate")[0] if below or right else image


def cut_patches(image: Tensor, corners: list[tuple[int, int]], side: int = SIDE) -> Tensor:
    """Cut patches out of an image.

    Args:
        image: (3, H, W), floating point in [0, 1], uint8 or uint16.
        corners: at least one: the row and the column of the top left pixel of each patch, which must lie wholly within
            the image (not checked).
        side: of a patch, pixels.

    Returns:
        (N, 3, side, side), float32 in [0, 1], copies.
    """
    return to_unit(torch.stack([image[:, y : y + side, x : x + side] for y, x in corners]))


def measure_detail(image: Tensor, wanted: float, side: int = SIDE) -> tuple[Tensor, int]:
    """The mean absolute difference between neighbours, in grey, of every candidate; and their stride in pixels.

    Args:
        image: (3, H, W), both sides at least that of a patch.
        wanted: so many candidates at least, if a stride of 8 pixels gives them.
        side: of a candidate, pixels.

    Returns:
        (rows, columns), and the stride.
    """
    height, width = image.shape[-2:]
    stride = side
    while stride > LEAST_STRIDE and ((height - side) // stride + 1) * ((width - side) // stride + 1) < wanted:
        stride //= 2
    parts = strips(height, width, side, stride)
    found = [F.avg_pool2d(_edges(image, rows)[None], side, stride)[0] for rows in parts]
    return torch.cat(found), stride


def _edges(image: Tensor, rows: slice) -> Tensor:
    """The absolute differences of grey to the pixels on the left and above, added up: of some rows."""
    above = min(1, rows.start)
    grey = take(image, slice(rows.start - above, rows.stop)).mean(0)
    edges = torch.zeros_like(grey)
    edges[:, 1:] += (grey[:, 1:] - grey[:, :-1]).abs()
    edges[1:] += (grey[1:] - grey[:-1]).abs()
    return edges[above:]
