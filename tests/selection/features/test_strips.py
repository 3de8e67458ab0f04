from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from grids.images.tensors import planes_of, to_tensor
from grids.selection.features import describe, strips
from grids.selection.features.strips import pool
from grids.similarity.descriptor import Descriptor


def noise(height: int, width: int, dtype: type = np.uint8) -> np.ndarray:
    drawn = np.random.default_rng(height).normal(0.5, 0.15, (height, width, 3)).clip(0, 1)
    return np.rint(drawn * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize(("height", "step"), [(1, 4), (3, 4), (4, 4), (7, 4), (8, 4), (61, 4), (64, 4), (61, 7)])
@pytest.mark.parametrize("pixels", [1, 100, 10**6])
def test_strips_are_all_rows_once(height: int, step: int, pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "PIXELS", pixels)
    found = list(strips.strips(height, 5, step))
    assert [row for rows in found for row in range(height)[rows]] == list(range(height))
    assert all(rows.start % step == 0 and rows.stop - rows.start >= min(step, height) for rows in found)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pooled_in_strips(ceil_mode: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.from_numpy(noise(61, 47)).permute(2, 0, 1)
    whole = F.avg_pool2d(image.float() / 255, 6, ceil_mode=ceil_mode)
    monkeypatch.setattr(strips, "PIXELS", 600)
    assert torch.allclose(pool(image, 6, ceil_mode=ceil_mode), whole, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("hidden", [False, True])
def test_statistics_hang_neither_on_the_strips_nor_on_the_type(
    dtype: type, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, descriptor = noise(709, 767, dtype), Descriptor()
    visible = torch.ones(709, 767, dtype=torch.bool) if hidden else None
    if visible is not None:
        visible[:250, 200:] = False
    expected = describe(descriptor, to_tensor(pixels), visible)
    assert np.array_equal(describe(descriptor, planes_of(pixels), visible), expected)
    monkeypatch.setattr(strips, "PIXELS", 767 * 70)
    assert describe(descriptor, planes_of(pixels), visible) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count a process's memory otherwise")
def test_memory_of_a_large_photograph(tmp_path: Path) -> None:
    """It is looked at strip by strip: as floating point the whole would take 300 MB more. Starting takes 450 MB."""
    height, width = 4000, 6000
    Image.fromarray(np.tile(noise(400, 600), (10, 10, 1))).save(tmp_path / "large.png", compress_level=1)
    code = "import sys, grids; grids.Selector.builtin().select(sys.argv[1]); print(*open('/proc/self/status'))"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "large.png"], capture_output=True, text=True, check=True
    )
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", done.stdout)  # of this process alone, as getrusage's is not
    assert int(peak) * 1024 < 3 * height * width * 3 + 600e6
