"""The table of an evaluation, as a data frame and as CSV."""

from __future__ import annotations

from grids.results import (
    Evaluation,
    Score,
)


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
