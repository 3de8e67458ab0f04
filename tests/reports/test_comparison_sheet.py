"""Sheets of restored crops."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from grids import GridsError
from grids.reports import comparison_sheet
from grids.reports.comparison_sheet import Restored, restored_sheet
from grids.reports.sheet import MARGIN


@dataclass
class Seen:
    """What a sheet was asked to show."""

    tiles: list[tuple[str, np.ndarray]]
    columns: int


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    kept = Seen([], 0)

    def sheet(tiles: list[tuple[str, np.ndarray]], columns: int) -> bytes:
        kept.tiles, kept.columns = tiles, columns
        return b""

    monkeypatch.setattr(comparison_sheet, "contact_sheet", sheet)
    return kept


def crop(value: int, side: int = 16) -> torch.Tensor:
    return torch.full((3, side, side), value, dtype=torch.uint8)


def test_a_row_for_each_task_with_the_psnr_under_every_crop(seen: Seen) -> None:
    alone, wild = torch.full((3, 16, 16), 0.5), torch.full((3, 16, 16), 7.0)
    restored_sheet(
        {
            "jpeg": Restored(crop(108), crop(128), {"alone": alone, "mix": crop(138)}),
            "noise": Restored(crop(0), crop(255), {"alone": wild, "group C1": crop(254)}),
        }
    )
    assert seen.columns == 5
    error = {gap: f"{10 * np.log10(255**2 / gap**2):.2f} dB" for gap in (1, 10, 20, 255)}
    assert [label for label, _ in seen.tiles] == [
        *("jpeg  " + error[20], "alone  100.00 dB", "mix  " + error[10], "", "target"),
        *("noise  " + error[255], "alone  100.00 dB", "", "group C1  " + error[1], "target"),
    ]
    assert [int(pixels[0, 0, 0]) for _, pixels in seen.tiles] == [108, 128, 138, 255, 128, 0, 255, 255, 254, 255]


@pytest.mark.parametrize("side, shown", [(16, 256), (80, 240), (200, 200), (300, 300)])
def test_small_crops_are_enlarged_pixel_by_pixel(seen: Seen, side: int, shown: int) -> None:
    pixels = torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    restored_sheet({"jpeg": Restored(pixels, pixels, {})})
    for _, tile in seen.tiles:
        assert tile.shape == (shown, shown, 3) and tile.dtype == np.uint8
        assert np.array_equal(tile[:: shown // side, :: shown // side], pixels.permute(1, 2, 0).numpy())


def test_the_sheet_is_a_png_and_the_same_twice() -> None:
    crops = {f"task_{k}": Restored(crop(9, 32), crop(8, 32), {"alone": torch.rand(3, 32, 32)}) for k in range(20)}
    data = restored_sheet(crops)
    assert data == restored_sheet(crops)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG" and picture.width == 2 * MARGIN + 3 * 256 + 2 * 14


@pytest.mark.parametrize(
    "given, expected",
    [
        (Restored(crop(0), crop(0), {"mix": crop(0, 24)}), r"crop 'mix' of 'jpeg' is \(3, 24, 24\), but its target"),
        (Restored(crop(0, 8), crop(0), {}), "the degraded crop of 'jpeg' is"),
        (Restored(crop(0), crop(0)[None], {}), r"the target of 'jpeg' must be \(3, H, W\), but is \(1, 3, 16, 16\)"),
        (Restored(crop(0).int(), crop(0), {}), "must be uint8 or floating point, but is torch.int32"),
    ],
)
def test_other_crops_are_refused(given: Restored, expected: str) -> None:
    with pytest.raises(GridsError, match=expected):
        restored_sheet({"jpeg": given})


def test_no_crops_are_an_error() -> None:
    with pytest.raises(GridsError, match="at least one task"):
        restored_sheet({})
