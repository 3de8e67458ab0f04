"""The table of selections, as a data frame and as CSV."""

from __future__ import annotations

import math

from grids.results import (
    Ranked,
    Selection,
    selections_csv,
    selections_frame,
)


def test_selections_have_a_row_for_each_image() -> None:
    ranking = (Ranked("C1", ("jpeg",), 1.0, 0.75), Ranked("C2", ("haze",), 2.0, 0.25))
    chosen = Selection("a.png", "known", ranking, {"jpeg": 0.7, "haze": 1 / 3}, 1.5, (0.5, 2.5), 0.9, 0.25, 0.95)
    clean = Selection("b.png", "clean", (), {"clean": 1.0})
    frame = selections_frame([chosen, clean])
    assert frame["predicted_gain_db"].dtype == float and frame["group"].isna().tolist() == [False, True]
    assert frame.loc[0, "probability_C1"] == 0.75 and math.isnan(frame.loc[1, "probability_C1"])
    assert selections_csv([chosen, clean]) == (
        "image,verdict,group,degradation,predicted_gain_db,low_db,high_db,gain_probability,flat,distance,"
        "probability_C1,probability_C2,probability_clean,probability_haze,probability_jpeg\n"
        "a.png,known,C1,jpeg,1.5,0.5,2.5,0.95,False,0.25,0.75,0.25,,0.333333,0.7\n"
        "b.png,clean,,clean,,,,,False,0,,,1,,\n"
    )
    assert selections_csv([]).startswith("image,verdict,group,degradation,predicted_gain_db")
