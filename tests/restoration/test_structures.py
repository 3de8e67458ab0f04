"""What was not drawn over a photograph is not erased."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grids.images import Photo
from grids.restoration import structures
from grids.restoration.restore import RestoreSettings, restore_photo
from grids.restoration.structures import keep_structures
from grids.results import KNOWN, Ranked, Selection

GROUP = ("jpeg", "inpainting")


class Eraser(nn.Module):
    """Makes what is black grey, and all else a little brighter."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.where(images < 0.1, torch.full_like(images, 0.5), images + 2 / 255)


def lined(dtype: type = np.uint8) -> np.ndarray:
    """A grey picture with a broad black line and a black point."""
    pixels = np.full((80, 120, 3), 128, np.uint8)
    pixels[30:40] = 0
    pixels[70, 100] = 0
    return pixels if dtype == np.uint8 else pixels.astype(np.uint16) * 257


def selection(inpainting: float, degradations: tuple[str, ...] = GROUP) -> Selection:
    return Selection(
        "", KNOWN, (Ranked("C1", degradations, 0.1, 0.9, 1.0),), {"jpeg": 0.9, "inpainting": inpainting}, 1.0
    )


@pytest.mark.parametrize(
    ("answer", "forced", "erased"),
    [
        (selection(0.01), None, False),
        (selection(0.06), None, True),
        (selection(0.01), "C1", True),  # as it was asked for
        (selection(0.01, ("jpeg",)), None, True),  # of a restorer that draws over nothing
        (replace(selection(0.01), degradations={}), None, True),
    ],
)
def test_lines_are_kept_where_none_was_drawn(answer: Selection, forced: str | None, erased: bool) -> None:
    pixels = lined()
    found = restore_photo(Photo(pixels), lambda _: answer, lambda _: Eraser(), RestoreSettings(forced)).photo.pixels
    assert (found[35, 60] == (128 if erased else 0)).all()
    assert (found[10, 60] == 130).all()
    assert (found[70, 100] == 128).all()  # a point is noise


@pytest.mark.parametrize("strip", [1024, 7])
@pytest.mark.parametrize(("old", "new"), [(np.uint8, np.uint8), (np.uint16, np.uint16), (np.uint8, np.uint16)])
def test_strips_and_bits_make_no_difference(strip: int, old: type, new: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structures, "STRIP", strip)
    before, after = lined(old), np.full((80, 120, 3), 128 if new == np.uint8 else 128 * 257, new)
    found = keep_structures(before, after) // (1 if new == np.uint8 else 257)
    expected = np.full((80, 120, 3), 128)
    expected[30:40] = 0
    expected[70, 100] = 128
    assert np.array_equal(found, expected)
    assert found.dtype == new and (after == after[0, 0]).all()
