"""Windows of a large image: evenly spaced, those that show little left out."""

from __future__ import annotations

import pytest
import torch

from grids.selection.features.windows import WINDOW, WINDOWS, choose_windows

SIDE = WINDOW * WINDOWS


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (SIDE, SIDE)])
def test_an_image_that_is_no_larger_is_looked_at_whole(size: tuple[int, int]) -> None:
    assert choose_windows(*size) == [(slice(0, size[0]), slice(0, size[1]))]
    hidden = torch.zeros(size, dtype=torch.bool)
    hidden[0, 0] = True
    assert choose_windows(*size, hidden) == [(slice(0, size[0]), slice(0, size[1]))]


def test_windows_reach_from_border_to_border() -> None:
    found = choose_windows(SIDE + 1, 2 * SIDE)
    assert len(found) == WINDOWS**2
    for number, size in enumerate((SIDE + 1, 2 * SIDE)):
        starts = sorted({window[number].start for window in found})
        assert starts[0] == 0 and starts[-1] == size - WINDOW and len(starts) == WINDOWS
    long = choose_windows(100, 20 * SIDE)
    assert len(long) == WINDOWS and all(window[0] == slice(0, 100) for window in long)


def test_windows_that_show_little_are_left_out() -> None:
    visible = torch.zeros((2 * SIDE, 2 * SIDE), dtype=torch.bool)
    visible[:SIDE] = True
    found = choose_windows(2 * SIDE, 2 * SIDE, visible)
    assert len(found) == WINDOWS**2 // 2 and all(window[0].start < SIDE for window in found)
    one = torch.zeros_like(visible)
    one[-1, -1] = True
    last = slice(2 * SIDE - WINDOW, 2 * SIDE)
    assert choose_windows(2 * SIDE, 2 * SIDE, one) == [(last, last)]
