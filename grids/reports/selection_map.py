"""A photograph tinted by the restorer that each part of it needs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from grids.errors import GridsError
from grids.images.tensors import LUMA
from grids.reports.colors import readable_on
from grids.reports.sheet import cut_to, lettering
from grids.reports.text import printable
from grids.results import CLEAN_CELL, HIDDEN_CELL, UNKNOWN_CELL

LARGEST, SMALLEST = 1600, 480
"""Pixels of the longer side: larger photographs are scaled down, much smaller ones enlarged by whole factors."""
FAINTEST, STRONGEST = 0.2, 0.65
"""Opacity of a tint at probability 0 and 1."""
GREY, INK, MUTED, PAPER = (128, 128, 128), (31, 41, 51), (102, 114, 127), (255, 255, 255)
LEGEND = 900  # pixels that it may take in width; longer lines are cut
HINT = "the stronger the tint, the surer"
HATCH = 12  # pixels from one stripe to the next
MARGIN, SWATCH, LINE = 14, 18, 26
# Okabe and Ito's colours (2008), which colour-blind people tell apart; then the same, darker
_HUES = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (213, 94, 0), (0, 114, 178), (240, 228, 66))
PALETTE = (*_HUES, *(tuple(round(0.55 * value) for value in hue) for hue in _HUES))

Array = np.ndarray[Any, np.dtype[Any]]


def paint_map(pixels: Array, labels: Array, probabilities: Array, names: Sequence[str]) -> bytes:
    """Paint a photograph, each cell tinted by its group, the stronger the likelier, over a legend.

    Clean cells and those without a visible pixel keep their colours; unknown ones are grey and hatched. A photograph
    with a side above 1600 pixels is scaled down; a small one is enlarged by whole factors, to 480 pixels at most.

    Args:
        pixels: (H, W, 3) uint8 RGB; not changed.
        labels: (rows, columns) of whole numbers: index into `names`, -1 clean, -2 unknown, -3 nothing visible. The
            cells divide the photograph evenly.
        probabilities: (rows, columns) of the labels, in [0, 1]; NaN counts as 0.
        names: of the groups, their ids first: "C1 (jpeg, ringing)". The first word stands in the picture too.

    Returns:
        A PNG; the same bytes for the same input.

    Raises:
        GridsError: an array has another form, or a label has no name.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    _check(pixels, labels, probabilities, names)
    picture = _resized(pixels)
    height, width = picture.shape[:2]
    rows, columns = _cells(height, labels.shape[0]), _cells(width, labels.shape[1])
    drawn = labels[rows][:, columns]
    opacity = FAINTEST + (STRONGEST - FAINTEST) * np.clip(np.nan_to_num(probabilities), 0, 1)[rows][:, columns]
    image = Image.fromarray(_outlined(_tinted(picture, drawn, opacity), drawn))
    _tag(image, drawn, names)
    return _with_legend(image, _entries(labels, names))


def _check(pixels: Array, labels: Array, probabilities: Array, names: Sequence[str]) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise GridsError(f"a map needs pixels (H, W, 3) of uint8, but got {pixels.shape} of {pixels.dtype}")
    if labels.ndim != 2 or labels.size == 0 or labels.dtype.kind not in "iu" or labels.shape != probabilities.shape:
        raise GridsError(
            f"a map needs whole-numbered labels and probabilities, (rows, columns) both, but got {labels.shape} of "
            f"{labels.dtype} and {probabilities.shape}"
        )
    if labels.min() < HIDDEN_CELL or labels.max() >= len(names):
        raise GridsError(
            f"labels of a map must be -3 to {len(names) - 1}, but go from {labels.min()} to {labels.max()}"
        )


def _resized(pixels: Array) -> Array:
    """The photograph at the size that is painted."""
    longest = max(pixels.shape[:2])
    scale = LARGEST / longest if longest > LARGEST else float(max(SMALLEST // longest, 1))
    if scale == 1:
        return pixels
    size = [max(round(side * scale), 1) for side in (pixels.shape[1], pixels.shape[0])]
    how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((size[0], size[1]), how))


def _cells(length: int, count: int) -> Array:
    """(length,): the cell that each painted row or column lies in."""
    return np.asarray(np.arange(length) * count // length)


def _tinted(picture: Array, labels: Array, opacity: Array) -> Array:
    colours = np.array([PAPER, GREY, (0, 0, 0), *PALETTE], dtype=np.float32)
    at = np.where(labels >= 0, labels % len(PALETTE), labels) + 3
    base = picture.astype(np.float32)
    # under a tint the photograph is nearly grey: its own colours would be taken for a group's
    grey = (base @ np.array(LUMA, dtype=np.float32))[..., None]
    mixed = (0.2 * base + 0.8 * grey) * (1 - opacity[..., None]) + colours[at] * opacity[..., None]
    out = np.where(np.isin(labels, (CLEAN_CELL, HIDDEN_CELL))[..., None], base, mixed)
    y, x = np.ogrid[: labels.shape[0], : labels.shape[1]]
    stripes = (labels == UNKNOWN_CELL) & ((x + y) % HATCH < 2)
    out[stripes] = 0.3 * out[stripes]
    return np.rint(out).clip(0, 255).astype(np.uint8)


def _outlined(picture: Array, labels: Array) -> Array:
    """White lines, two pixels wide, between cells of different labels."""
    edge = np.zeros(labels.shape, dtype=bool)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    picture[edge] = PAPER
    return picture


def _tag(image: Image.Image, labels: Array, names: Sequence[str]) -> None:
    """Write the group's id into every region that has the room for it."""
    pen = ImageDraw.Draw(image)
    for label in np.unique(labels[labels >= 0]):
        text, colour = _id(names[label]), _colour(int(label))
        wide, tall = lettering().getlength(text) + 12, float(LINE)
        regions, count = ndimage.label(labels == label)
        # how far each pixel is from the region's edge: the id stands where there is most room
        for region, box in zip(range(1, count + 1), ndimage.find_objects(regions), strict=True):
            if max(side.stop - side.start for side in box) < tall:
                continue
            inside = np.pad(regions[box] == region, 1)
            depth = ndimage.distance_transform_cdt(inside, metric="chessboard")
            deepest = np.unravel_index(int(depth.argmax()), depth.shape)
            if depth.max() < max(wide, tall) / 2:
                continue
            x, y = int(box[1].start + deepest[1] - 1), int(box[0].start + deepest[0] - 1)
            pen.rounded_rectangle((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), 5, fill=colour)
            pen.text((x, y), text, font=lettering(), fill=readable_on([value / 255 for value in colour]), anchor="mm")


def _entries(labels: Array, names: Sequence[str]) -> list[tuple[int, str]]:
    """The lines of the legend: label and text, the groups in their order, then what else there is."""
    others = {CLEAN_CELL: "clean, not tinted", UNKNOWN_CELL: "unknown", HIDDEN_CELL: "transparent, not looked at"}
    there = {label: name for label, name in others.items() if np.any(labels == label)}
    return [(k, f"{name}: {_share(labels, k)}") for k, name in (*enumerate(map(printable, names)), *there.items())]


def _share(labels: Array, label: int) -> str:
    return f"{100 * np.mean(labels == label):.0f} % of the cells"


def _with_legend(image: Image.Image, entries: Sequence[tuple[int, str]]) -> bytes:
    left = MARGIN + SWATCH + 10
    needed = left + max(lettering().getlength(text) for text in (HINT, *(text for _, text in entries))) + MARGIN
    width = max(image.width, min(int(needed) + 1, LEGEND))
    page = Image.new("RGB", (width, image.height + LINE * (len(entries) + 1) + 2 * MARGIN), PAPER)
    page.paste(image, ((width - image.width) // 2, 0))
    pen = ImageDraw.Draw(page)
    top = image.height + MARGIN
    for label, text in entries:
        page.paste(_swatch(label), (MARGIN, top))
        pen.text((left, top + SWATCH / 2), cut_to(text, width - left - MARGIN), font=lettering(), fill=INK, anchor="lm")
        top += LINE
    pen.text((MARGIN, top + SWATCH / 2), HINT, font=lettering(), fill=MUTED, anchor="lm")
    out = io.BytesIO()
    page.save(out, format="PNG")
    return out.getvalue()


def _swatch(label: int) -> Image.Image:
    flat = np.full((SWATCH, SWATCH, 3), 255 if label in (CLEAN_CELL, HIDDEN_CELL) else 128, np.uint8)
    if label >= 0:
        flat[:] = _colour(label)
    elif label == UNKNOWN_CELL:
        y, x = np.ogrid[:SWATCH, :SWATCH]
        flat[(x + y) % (HATCH // 2) < 2] = 60
    flat[[0, -1]] = flat[:, [0, -1]] = INK
    return Image.fromarray(flat)


def _colour(label: int) -> tuple[int, int, int]:
    red, green, blue = PALETTE[label % len(PALETTE)]
    return red, green, blue


def _id(name: str) -> str:
    return printable(name.split()[0] if name.split() else name)[:12]
