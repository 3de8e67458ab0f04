"""Messages of errors are one line, and unknown names get the nearest one suggested."""

from __future__ import annotations

import pytest

from grids.errors import GridsError, ImageError, RunError, UnknownNameError, WeightsError, unknown_name


def test_every_error_is_a_grids_error_of_one_line() -> None:
    for kind in (GridsError, ImageError, RunError, UnknownNameError, WeightsError):
        error = kind("two\nlines  and\tblanks ")
        assert isinstance(error, GridsError) and str(error) == "two lines and blanks"


@pytest.mark.parametrize(
    ("name", "suggested"), [("jpg", "jpeg"), ("JPEG", "jpeg"), ("haize", "haze"), ("xxxx", None), ("", None)]
)
def test_the_nearest_name_is_suggested_where_one_is_near(name: str, suggested: str | None) -> None:
    said = str(unknown_name("degradation", name, ["jpeg", "haze"]))
    assert said.startswith(f"unknown degradation '{name}'") and said.endswith("(known: haze, jpeg)")
    assert (f"did you mean '{suggested}'?" in said) if suggested else ("did you mean" not in said)
