"""Tests."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from fake_selector import BRIGHT, DARK, clean, made, unknown
from PIL import Image

from grids.errors import GridsError
from grids.reports.selection import advice, selection_text, selections_table, short_name
from grids.reports.selection_map import paint_map
from grids.reports.selection_words import outcome_text, promise_text, verdict_text
from grids.results import HIDDEN_CELL, KNOWN, Ranked, Selection

NAMES = ("C1 (jpeg, ringing)", "C2 (motion_blur, salt_pepper)")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (
            made(),
            "Restore it with group C1 (jpeg, ringing): it should gain about 3.1 dB "
            "(2.2 to 4.0 in nine of ten such images).",
        ),
        (
            made(interval=None, ranking=(Ranked("mine", (), 0, 1),)),
            "Restore it with group mine: it should gain about 3.1 dB.",
        ),
        (
            made(coverage=0.95),
            "Restore it with group C1 (jpeg, ringing): it should gain about 3.1 dB "
            "(2.2 to 4.0 in 95 % of such images).",
        ),
        (
            made(predicted_gain=None, interval=None),
            "Restore it with group C1 (jpeg, ringing); how much that gains has not been measured.",
        ),
        (
            made(predicted_gain=0.04, interval=(-0.1, 0.2)),
            "Restore it with group C1 (jpeg, ringing): it should gain about 0.0 dB "
            "(-0.1 to 0.2 in nine of ten such images).",
        ),
        (
            made(gain_probability=0.964),
            "Restore it with group C1 (jpeg, ringing): it should gain about 3.1 dB "
            "(2.2 to 4.0 in nine of ten such images; a gain at all in 96 %).",
        ),
        (
            made(gain_probability=0.62, interval=None),
            "Group C1 (jpeg, ringing) is the best for it, but a gain is uncertain: expect about +3.1 dB "
            "(a gain at all in 62 %).",
        ),
        (
            made(predicted_gain=-0.42, interval=None),
            "Group C1 (jpeg, ringing) is the best for it, but a gain is uncertain: expect about -0.4 dB.",
        ),
        (clean(), "It looks clean: leave it as it is."),
        (
            unknown(),
            "It is unlike anything that these restorers were trained for: do not trust them here; "
            "`grids restore --group` forces one.",
        ),
    ],
)
def test_advice_is_that_of_the_verdict(selection: Selection, expected: str) -> None:
    assert advice(selection) == expected


def test_the_text_of_one_image() -> None:
    assert selection_text(made()).splitlines() == [
        "photo.png: known, group C1 (jpeg, ringing)",
        "likeliest: jpeg 70 %, ringing 20 %, salt_pepper 9 %",
        "  group  degradations              divergence  probability  predicted gain",
        "  C1     jpeg, ringing                 0.0123         70 %         +3.1 dB",
        "  C2     motion_blur, salt_pepper        0.31         30 %         -0.4 dB",
        advice(made()),
    ]
    assert selection_text(clean()).splitlines()[0] == "photo.png: clean"
    assert (
        selection_text(unknown(image="")).splitlines()[0]
        == "the image: unknown, unlike anything known (distance 2.5, above 1)"
    )


def test_what_is_not_known_is_left_out() -> None:
    text = selection_text(made(degradations={}, ranking=(Ranked("C1", ("haze",), math.nan, math.nan),)))
    assert "likeliest" not in text
    assert text.splitlines()[2].split() == ["C1", "haze", "-", "-", "-"]
    assert selection_text(clean(degradations={}, ranking=())).splitlines() == ["photo.png: clean", advice(clean())]


def test_the_text_is_no_wider_than_asked() -> None:
    wide = made(ranking=(Ranked("C1", tuple(f"degradation_{k}" for k in range(11)), 0.1, 1.0, 2.0), BRIGHT))
    assert max(map(len, selection_text(wide, width=80).splitlines()[1:])) <= 80


def test_the_table_of_many_images() -> None:
    text = selections_table(
        [made(gain_probability=0.97), clean(image="b.png"), unknown(image="c.png"), made(ranking=(BRIGHT, DARK))]
    )
    assert text.splitlines() == [
        "  image      needs    likeliest  probability  predicted gain      interval  gain likely",
        "  photo.png  C1       jpeg              70 %         +3.1 dB  +2.2 to +4.0         97 %",
        "  b.png      clean    clean             97 %",
        "  c.png      unknown  jpeg              70 %",
        "  photo.png  C2       jpeg              70 %         +3.1 dB  +2.2 to +4.0",
        "4 images: C1 1, C2 1, clean 1, unknown 1",
    ]
    assert selections_table([]) == "no images"


def test_a_group_of_many_degradations_is_not_named_whole() -> None:
    mix = made(ranking=(Ranked("mix", tuple(f"degradation_{k}" for k in range(11)), 0.1, 1.0, 2.0), BRIGHT))
    assert advice(mix).startswith("Restore it with group mix (11 degradations): ")
    assert selection_text(mix).splitlines()[3].split()[:3] == ["mix", "11", "degradations"]


def test_the_table_without_single_degradations_gives_the_probability_of_the_group() -> None:
    lines = selections_table([made(degradations={}), clean(degradations={})]).splitlines()
    assert "likeliest" not in lines[0]
    assert lines[1].split()[:4] == ["photo.png", "C1", "70", "%"]
    assert lines[2].split() == ["photo.png", "clean"]


def test_names_that_a_terminal_would_choke_on_or_that_are_long() -> None:
    nasty = "a\x1b[31m\nb\udcff.png"
    for text in (selection_text(made(image=nasty)), selections_table([made(image=nasty)])):
        assert all(line.isprintable() for line in text.splitlines()) and "\N{REPLACEMENT CHARACTER}[31m" in text
    name = short_name("some/very/deep/folder" * 9 + "/photo.png")
    assert len(name) == 48 and name.startswith("some/very") and name.endswith("/photo.png") and "…" in name


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_map_tints_by_group_and_leaves_clean_cells_alone() -> None:
    pixels = np.full((480, 640, 3), (90, 130, 170), np.uint8)
    labels = np.array([[0, 1, -1, -2]])
    data = paint_map(pixels, labels, np.ones((1, 4)), NAMES)
    assert data == paint_map(pixels, labels, np.ones((1, 4)), NAMES)
    page = opened(data)
    assert page.shape[1] == 640 and page.shape[0] > 480
    first, second, untouched, grey = (page[20, 160 * k + 30] for k in range(4))
    assert tuple(untouched) == (90, 130, 170)
    assert first[0] > first[2] + 60 and second[2] > second[0] + 60  # orange, blue
    assert np.ptp(grey) < 12
    assert len(np.unique(page[20:200, 490:630, 0])) == 2  # hatched
    assert tuple(page[20, 160]) == (255, 255, 255)  # the line between two groups


def test_the_tint_is_the_stronger_the_likelier() -> None:
    pixels = np.full((500, 500, 3), 128, np.uint8)
    faint, strong = (opened(paint_map(pixels, np.array([[0]]), np.array([[p]]), NAMES))[5, 5] for p in (0.0, 1.0))
    assert 0 < np.ptp(faint) < np.ptp(strong)


@pytest.mark.parametrize(
    "size, expected",
    [((10, 20000), (1, 1600)), ((100, 50), (400, 200)), ((1, 1), (480, 480)), ((900, 700), (900, 700))],
)
def test_photographs_of_any_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    labels = np.zeros((-(-size[0] // 32), -(-size[1] // 32)), int)
    page = opened(paint_map(np.zeros((*size, 3), np.uint8), labels, np.ones(labels.shape), NAMES))
    assert page.shape[1] >= expected[1] and page.shape[0] >= expected[0] + 40


def test_a_map_with_many_groups_and_odd_names() -> None:
    names = [f"G{k} {'long_name ' * 30}\x1b" for k in range(20)] + [""]
    labels = np.arange(21)[None]
    assert opened(paint_map(np.zeros((30, 21, 3), np.uint8), labels, np.full((1, 21), np.nan), names)).shape[1] <= 960


def test_cells_without_a_visible_pixel_are_not_tinted() -> None:
    pixels = np.full((480, 480, 3), 250, np.uint8)
    data = paint_map(pixels, np.array([[0, HIDDEN_CELL]]), np.ones((1, 2)), NAMES)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    left = (picture.shape[1] - 480) // 2
    assert (picture[100, left + 300 : left + 450] == 250).all()
    assert not (picture[100, left + 10 : left + 150] == 250).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixels": np.zeros((4, 4), np.uint8)}, "pixels"),
        ({"pixels": np.zeros((4, 4, 3))}, "uint8"),
        ({"labels": np.array([[2]])}, "-3 to 1"),
        ({"labels": np.array([[-4]])}, "-3 to 1"),
        ({"labels": np.array([[0.5]])}, "whole"),
        ({"probabilities": np.ones((1, 2))}, "both"),
    ],
)
def test_maps_that_cannot_be(changes: dict[str, object], message: str) -> None:
    given = {
        "pixels": np.zeros((4, 4, 3), np.uint8),
        "labels": np.array([[0]]),
        "probabilities": np.ones((1, 1)),
        "names": NAMES,
    }
    with pytest.raises(GridsError, match=message):
        paint_map(**{**given, **changes})  # type: ignore[arg-type]


def test_below_one_half_it_is_perhaps_that() -> None:
    assert verdict_text(made(degradations={"jpeg": 0.49})) == "known, group C1, perhaps jpeg (49 %)"


def test_a_drawing_is_to_be_left() -> None:
    drawing = made(degradations={"inpainting": 0.97}, ranking=(Ranked("C1", ("inpainting",), 0, 1),), flat=True)
    assert "leave it as it is, if it is a drawing" in advice(drawing)


@pytest.mark.parametrize(
    ("groups", "why", "unchanged", "drawing", "says"),
    [
        ((), "unchanged", "D", False, "left as it is: the restorer of D changes nothing in it"),
        ((), "uncertain", "D", False, "left as it is: the restorer of D changes nothing in it, and no other is chosen"),
        (("C1",), "done", "D", False, "the restorer of D changes nothing in it; restored with C1"),
        (("C1",), "unchanged", "D", False, "restored with C1, then the restorer of D changes nothing in it"),
        ((), "uncertain", None, True, "uncertain, left as it is: it looks like a drawing (`grids restore --group ID`"),
        ((), "uncertain", None, False, "uncertain, left as it is: a gain, or one degradation, is not likely enough ("),
        ((), "clean", None, False, "left as it is"),
    ],
)
def test_what_was_done_in_words(
    groups: tuple[str, ...], why: str, unchanged: str | None, drawing: bool, says: str
) -> None:
    assert outcome_text(groups, why, unchanged, drawing=drawing).startswith(says)


def test_the_gain_of_a_group_that_was_not_chosen_is_told_as_its_own() -> None:
    ranking = (Ranked("C1", ("jpeg",), 0.1, 0.9, 1.5), Ranked("D", ("gaussian_blur",), 0.3, 0.1, -0.02))
    found = Selection("", KNOWN, ranking, {"jpeg": 0.9}, 1.5)
    assert promise_text(found) == promise_text(found, "C1") == "predicted gain +1.50 dB"
    assert promise_text(found, "D") == "predicted gain of D -0.02 dB"
    assert promise_text(found, "C9") == ""
