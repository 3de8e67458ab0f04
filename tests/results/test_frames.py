"""The tables that people take away, as DataFrames, and the CSV that is written from them."""

from __future__ import annotations

import io
import math
import subprocess
import sys

import numpy as np
import pandas as pd

from grids.results import (
    WORST,
    Evaluation,
    Group,
    Grouping,
    Ranked,
    Score,
    Selection,
    SimilarityMatrix,
    selections_csv,
    selections_frame,
)

NAMES = ("jpeg", "ringing", "a,b")


def test_a_similarity_matrix() -> None:
    values = np.array([[0, 1.25, 3], [1.25, 0, 2.00005], [3, 2.00005, 0]])
    matrix = SimilarityMatrix(NAMES, values)
    frame = matrix.to_frame()
    assert tuple(frame.index) == tuple(frame.columns) == NAMES and frame.index.name == "degradation"
    assert frame.loc["jpeg", "ringing"] == 1.25
    frame.loc["jpeg", "ringing"] = 7.0
    assert matrix.distance("jpeg", "ringing") == 1.25
    assert matrix.to_csv() == (
        'degradation,jpeg,ringing,"a,b"\njpeg,0.0000,1.2500,3.0000\nringing,1.2500,0.0000,2.0000\n'
        '"a,b",3.0000,2.0000,0.0000\n'
    )
    read = pd.read_csv(io.StringIO(matrix.to_csv()), index_col="degradation")
    np.testing.assert_allclose(read.to_numpy(), values, atol=1e-4)


def test_a_grouping_has_a_row_for_each_degradation() -> None:
    groups = (
        Group("C1", ("jpeg", "ringing"), {"jpeg": 0.25, "ringing": -0.5}, 1.25, "models/a.safetensors"),
        Group("C2", ("haze", "rain"), {WORST: 0.5}, 2.0),
        Group("C3", ("blur",), {"blur": 0.0}),
    )
    found = Grouping(0.7, "exact", groups, "proved", 3, upper_bounds={"jpeg": 30.5})
    frame = found.to_frame().set_index("degradation")
    assert tuple(frame.index) == found.degradations
    assert frame.groupby("group", sort=False).size().to_dict() == {"C1": 2, "C2": 2, "C3": 1}
    assert frame.loc["ringing", "drop"] == -0.5 and frame.loc["ringing", "max_drop"] == 0.25
    assert math.isnan(frame.loc["haze", "drop"]) and frame.loc["haze", "max_drop"] == 0.5
    assert frame.loc["jpeg", "upper_bound"] == 30.5 and math.isnan(frame.loc["blur", "upper_bound"])
    assert frame.loc["jpeg", "weights"] == "models/a.safetensors" and frame.loc["blur", "distance"] == 0.0


def test_an_evaluation_has_a_row_for_each_photograph() -> None:
    scores = (
        Score("jpeg", "a.png", 20.0, 0.5, 22.5, 0.75),
        Score("haze", 'b "2".png', 1 / 3, 0.1, 30.0, 0.9, "JPEG 90"),
    )
    found = Evaluation("m", "unet", 0, scores)
    frame = found.to_frame()
    assert list(frame.columns) == [*Score._fields, "gain"]
    assert frame.groupby("task")["gain"].mean()["jpeg"] == 2.5
    assert found.to_csv() == (
        "task,photograph,input_psnr,input_ssim,psnr,ssim,saved,gain\n"
        "jpeg,a.png,20.0,0.5,22.5,0.75,,2.5\n"
        f'haze,"b ""2"".png",{1 / 3!r},0.1,30.0,0.9,JPEG 90,{30 - 1 / 3!r}\n'
    )
    assert Evaluation("m", "unet", 0, ()).to_csv().count("\n") == 1


def test_selections_have_a_row_for_each_image() -> None:
    ranking = (Ranked("C1", ("jpeg",), 1.0, 0.75), Ranked("C2", ("haze",), 2.0, 0.25))
    chosen = Selection("a.png", "known", ranking, {"jpeg": 0.7, "haze": 1 / 3}, 1.5, (0.5, 2.5), 0.9, 0.25, 0.95)
    clean = Selection("b.png", "clean", (), {"clean": 1.0})
    frame = selections_frame([chosen, clean])
    assert frame["predicted_gain_db"].dtype == float and frame["group"].isna().tolist() == [False, True]
    assert frame.loc[0, "probability_C1"] == 0.75 and math.isnan(frame.loc[1, "probability_C1"])
    assert selections_csv([chosen, clean]) == (
        "image,verdict,group,degradation,predicted_gain_db,low_db,high_db,gain_probability,distance,"
        "probability_C1,probability_C2,probability_clean,probability_haze,probability_jpeg\n"
        "a.png,known,C1,jpeg,1.5,0.5,2.5,0.95,0.25,0.75,0.25,,0.333333,0.7\n"
        "b.png,clean,,clean,,,,,0,,,1,,\n"
    )
    assert selections_csv([]).startswith("image,verdict,group,degradation,predicted_gain_db")


def test_pandas_is_imported_by_frames_only() -> None:
    code = (
        "import sys, grids.results, grids.pipeline.group, grids.pipeline.train_groups; print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
