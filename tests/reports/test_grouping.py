"""Tests."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from reports.figures_and_pages import HOSTILE, Page, assert_inside
from reports.sample_records import (
    NAMES,
    PAPER_GROUPS,
    STEPS,
    eleven,
    grouping,
    grouping_page,
    made,
    paper,
    random_matrix,
    searched,
    trial,
)

from grids.errors import GridsError
from grids.reports import grouping as records
from grids.reports import grouping_text
from grids.reports.drops import drop_against_distance, groups_over_delta
from grids.reports.graph import draw_graph
from grids.reports.painting import figure_bytes
from grids.results import WORST, Group, Grouping, SimilarityMatrix, Trial


def many(count: int = 50, trials: int = 400) -> tuple[SimilarityMatrix, Grouping]:
    similarity = random_matrix(count)
    parts = [similarity.degradations[k::14] for k in range(min(14, count))]
    found = grouping(similarity, parts)
    return similarity, replace(found, trials=found.trials + (searched(similarity, trials) if count > 1 else ()))


@pytest.mark.slow
def test_the_same_bytes_twice() -> None:
    similarity, found = eleven(), paper(trials=searched(eleven(), 40))
    for paint in (
        lambda: draw_graph(similarity, groups=PAPER_GROUPS),
        lambda: drop_against_distance(found),
        lambda: groups_over_delta(STEPS, 0.7),
    ):
        for kind in ("png", "svg"):
            assert figure_bytes(paint(), kind) == figure_bytes(paint(), kind)  # type: ignore[arg-type]
    assert grouping_page(found, similarity, title="t") == grouping_page(found, similarity, title="t")


@pytest.mark.parametrize(
    "certificate, expected",
    [
        ("proved", "proved: no partition has fewer groups\n"),
        ("proved-if-monotone", "no partition has fewer, if a group is never better than a part of it"),
        ("heuristic", "found by search; at least 3 groups are needed, by the answers"),
    ],
)
def test_text_of_a_certificate(certificate: str, expected: str) -> None:
    found = paper(certificate=certificate, lower_bound=3)
    assert expected in grouping_text.grouping_text(found)
    assert expected.partition(": ")[2].strip() in Page(grouping_page(found, eleven(), title="t")).text


def test_text_of_a_grouping() -> None:
    asked = trial(eleven(), PAPER_GROUPS[1])
    found = paper(
        settings={"source": "answers of a table"},
        delta_for={"jpeg": 1.0},
        limits_by_gain={"ringing": 0.25},
        shortcuts={"a part is beyond": 1520},
        contradictions=1,
        undecided=(("jpeg", "ringing"),),
        unknown=12,
        hangs_on=tuple(itertools.combinations(NAMES[:4], 2)),
        alternatives=(PAPER_GROUPS, PAPER_GROUPS[::-1]),
    )
    text = grouping_text.grouping_text(found)
    head = "4 groups of 11 degradations, delta 0.7 dB (ringing 0.25 dB by its gain, jpeg 1 dB), method exact"
    assert text.startswith(f"answers of a table\n{head}\n")
    page = Page(grouping_page(found, eleven(), title="t")).text
    assert "may lose, dB" in page and "limit of ringing: what its own restorer gains 0.25 dB" in page
    assert f"C2  super_resolution, ringing, defocus_blur      {asked.worst:.2f} dB (super_resolution)\n" in text
    for part in (
        "4 answers asked for, of 2036 possible groups",
        "1520 (a part is beyond)",
        "shortcuts: 1 pair\n",
        "undecided: jpeg + ringing\n",
        "12 groups",
        "and 3 more\n",
        "2 partitions have as few groups",
    ):
        assert part in text
    plain = grouping_text.grouping_text(paper())
    assert not any(word in plain for word in ("undecided", "unknown", "contradict", "partitions", "spared"))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_text_fits_and_loses_nothing(width: int) -> None:
    _, found = many()
    for text in (grouping_text.grouping_text(found, width), grouping_text.trials_text(found.trials, width)):
        assert max(map(len, text.splitlines())) <= width
        assert all(name in text for name in found.degradations)
    assert "1.1e15" in grouping_text.grouping_text(found, width)


def test_text_of_single_groups_odd_names_and_partial_knowledge() -> None:
    lone = Grouping(0.7, "exact", (Group("C1", (odd := "a\nb\x1b[31m",), {odd: 0.0}),), "proved", 1)
    text = grouping_text.grouping_text(lone)
    assert "alone" in text and "\x1b" not in text and "of 0 possible groups" in text
    assert grouping_text.trials_text(()) == "no group was asked for\n"
    only_worst = Group("C1", ("a", "b"), {WORST: -0.001})
    assert grouping_text.worst_drop_text(only_worst) == "0.00 dB"
    assert grouping_text.worst_drop_text(replace(only_worst, drops={"a": 0.5})) == "≥ 0.50 dB (a)"


@pytest.mark.parametrize(
    "known, expected",
    [
        ({"drops": {"a": 0.2, "b": 0.5}}, "0.50"),
        ({"drops": {"a": 0.2}}, "≥ 0.20"),
        ({"drops": {"a": 0.2}, "at_least": {"b": 0.1}}, "≥ 0.20"),
        ({"drops": {WORST: 0.7}, "at_least": {"b": 0.1}}, "0.70"),
        ({}, "-"),
    ],
)
def test_worst_drop_of_a_trial(known: dict[str, dict[str, float]], expected: str) -> None:
    asked = Trial(("a", "b"), "undecided", why="w", reason="r", **known)  # type: ignore[arg-type]
    assert grouping_text.worst_text(asked) == expected
    assert grouping_text.trials_text([asked]).splitlines()[1].split() == ["1", "a", "+", "b", "0.00", *expected.split(),
                                                                   "undecided", "w;", "r"]  # fmt: skip


def test_rank_correlation_and_possible_groups() -> None:
    trials = [Trial(("a", "b"), "within", {WORST: drop}, distance=s) for s, drop in ((1, 1), (2, 4), (3, 9), (4, 8))]
    assert records.rank_correlation(records.points(trials)) == pytest.approx(0.8)
    assert records.rank_correlation(records.points(trials[:2])) is None
    assert [grouping_text.possible_groups(n) for n in (1, 2, 3, 11, 30)] == ["0", "1", "4", "2036", "1073741793"]
    assert grouping_text.possible_groups(31) == "2.1e9" and grouping_text.possible_groups(2000).endswith("e602")


@pytest.mark.parametrize("count", [1, 2, 11, 50])
def test_page_of_few_and_many(count: int) -> None:
    similarity, found = many(count)
    page = Page(grouping_page(found, similarity, title="A title", steps=STEPS))
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 3
    assert all(name.replace("_", " ") in page.text for name in found.degradations)
    numbered = len(found.trials)
    assert (f"Of {numbered}, the first 200 and the last 100 are shown." in page.text) == (count > 1)
    if count > 1:
        assert f"{numbered - 300} groups not shown" in page.text
        assert page.text.count("the next on the list") + page.text.count("a group of the partition") == 300


def test_a_matrix_may_hold_more_than_the_grouping_but_not_less() -> None:
    found = grouping(eleven(), PAPER_GROUPS[:2])
    assert "salt pepper" not in Page(grouping_page(found, eleven(), title="t")).text
    with pytest.raises(GridsError, match="unknown degradation 'gaussian_blur'"):
        grouping_page(found, eleven().subset(NAMES[1:]), title="t")


def test_hostile_text_is_escaped() -> None:
    names = [HOSTILE, "$x$ $\\frac$", "a\nb\x00", "<b>", '"><img src=x>']
    similarity = made(names, np.eye(5))
    found = grouping(similarity, [names[:2], names[2:4], names[4:]], settings={"source": HOSTILE, HOSTILE: HOSTILE})
    odd = replace(
        found,
        groups=(replace(found.groups[0], id=HOSTILE), *found.groups[1:]),
        trials=(*found.trials, trial(similarity, names[1:3], why=HOSTILE, reason=HOSTILE)),
        method=HOSTILE,
        shortcuts={HOSTILE: 1},
        hangs_on=(tuple(names[:2]),),
        delta_for={HOSTILE: 1.0},
        descriptor_sha256=HOSTILE,
        grids_version=HOSTILE,
    )
    page = grouping_page(odd, similarity, title=HOSTILE, steps=STEPS)
    assert "<script" not in page and "<img src=x" not in page and "<b>(<" not in page
    assert Page(page).text.count(HOSTILE) > 8
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}" in Page(page).text
    for figure in (
        draw_graph(similarity, groups=odd.partition, ids=[HOSTILE, "$x$", "a\nb"]),
        drop_against_distance(odd),
    ):
        assert figure_bytes(figure, "svg").startswith(b"<?xml")
        assert_inside(figure)
    assert "\x00" not in grouping_text.grouping_text(odd) + grouping_text.trials_text(odd.trials)
