"""Texts in cells of a CSV: none is a formula, and all come back."""

from __future__ import annotations

import pytest

from grids.cells import from_cell, to_cell

FORMULAS = ("=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(1)", "\tx", "\rx")


@pytest.mark.parametrize("text", [*FORMULAS, *(f"'{text}" for text in FORMULAS), "'", "''=x", "", "it's", "a=b"])
def test_a_cell_is_never_a_formula_and_comes_back(text: str) -> None:
    assert to_cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert from_cell(to_cell(text)) == text
    assert (to_cell(text) == text) == (text.lstrip("'")[:1] not in ("=", "+", "-", "@", "\t", "\r") or not text)
