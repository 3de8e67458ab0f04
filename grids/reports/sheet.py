"""A contact sheet: small pictures with a label under each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from grids.errors import GridsError
from grids.images.tensors import Pixels
from grids.reports.text import shown

MAX_TILE, MAX_HEIGHT, MIN_CELL = 384, 1536, 200  # pixels; a label needs some room under a tiny picture
MARGIN, GAP, FONT_SIZE, LINE, LABEL_GAP = 16, 14, 17, 22, 6
INK, PAPER = (31, 41, 51), (255, 255, 255)


def contact_sheet(tiles: Sequence[tuple[str, Pixels]], columns: int = 4) -> bytes:
    """Arrange pictures in rows, with a label under each.

    Args:
        tiles: (label, picture), a picture being (H, W, 3) uint8 RGB; those wider than 384 pixels or higher than 1536
            are scaled down, none is stretched or scaled up. Their sizes may differ. Labels that are too wide are broken
            at spaces.
        columns: how many stand in a row.

    Returns:
        A PNG; the same bytes for the same tiles.

    Raises:
        GridsError: no tiles, no columns, or a picture of another form.
    """
    if not tiles or columns < 1:
        raise GridsError(f"a contact sheet needs a picture and a column, but got {len(tiles)} and {columns}")
    pictures = [_scaled(label, pixels) for label, pixels in tiles]
    cell = max(MIN_CELL, *(picture.width for picture in pictures))
    labels = [_wrapped(shown(label), cell) for label, _ in tiles]
    columns = min(columns, len(tiles))
    rows = [range(start, min(start + columns, len(tiles))) for start in range(0, len(tiles), columns)]
    tall = [max(pictures[k].height for k in row) for row in rows]
    deep = [LABEL_GAP + LINE * max(len(labels[k]) for k in row) for row in rows]
    width = 2 * MARGIN + columns * cell + (columns - 1) * GAP
    height = 2 * MARGIN + sum(tall) + sum(deep) + (len(rows) - 1) * GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = MARGIN
    for row, picture_height, label_height in zip(rows, tall, deep, strict=True):
        for column, k in enumerate(row):
            left = MARGIN + column * (cell + GAP)
            picture = pictures[k]
            corner = (left + (cell - picture.width) // 2, top + picture_height - picture.height)
            sheet.paste(picture, corner)
            for line, text in enumerate(labels[k]):
                middle = (left + cell / 2, top + picture_height + LABEL_GAP + line * LINE)
                pen.text(middle, text, font=lettering(), fill=INK, anchor="ma")
        top += picture_height + label_height + GAP
    out = io.BytesIO()
    sheet.save(out, format="PNG", optimize=True)
    return out.getvalue()


def as_jpeg(png: bytes) -> bytes:
    """Turn a sheet into a JPEG of quality 85 without reduced chroma, for pages that hold many.

    Args:
        png: a PNG file, RGB.

    Returns:
        A JPEG file, much smaller for photographs; what it shows looks the same.
    """
    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as sheet:
        sheet.save(out, format="JPEG", quality=85, subsampling=0, optimize=True)
    return out.getvalue()


def _scaled(label: str, pixels: Pixels) -> Image.Image:
    pixels = np.asarray(pixels)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise GridsError(f"the picture '{label}' must be (H, W, 3) uint8, but is {pixels.shape} {pixels.dtype}")
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    scale = min(MAX_TILE / picture.width, MAX_HEIGHT / picture.height)
    if scale >= 1:
        return picture
    width, height = (max(round(side * scale), 1) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _wrapped(text: str, width: int) -> list[str]:
    """The text as one line where it fits into `width` pixels, else broken at its spaces; a word too long is cut."""
    if lettering().getlength(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and lettering().getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(cut_to(word, width))
    return lines


def cut_to(word: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis in place of its end.

    Args:
        word: one line.
        width: pixels, in `lettering`.

    Returns:
        The text itself where it is narrow enough; the ellipsis alone where not even one letter fits.
    """
    if lettering().getlength(word) <= width:
        return word
    kept = next((end for end in range(len(word) - 1, 0, -1) if lettering().getlength(word[:end] + "…") <= width), 0)
    return word[:kept] + "…"


@cache
def lettering() -> ImageFont.FreeTypeFont:
    """The font of labels under and in pictures: DejaVu Sans of 17 pixels, from matplotlib's files.

    So labels look the same on all machines. It is loaded once.
    """
    import matplotlib

    # matplotlib's own copy, so that the sheet is the same on a machine without fonts; BASIC, so that it is without raqm
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
