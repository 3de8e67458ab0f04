"""The figures of drops and of the number of groups."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from reports.figures_and_pages import Page, assert_inside, boxes_overlap, texts
from reports.sample_records import (
    NAMES,
    PAPER_GROUPS,
    STEPS,
    eleven,
    grouping,
    grouping_page,
    paper,
    random_matrix,
    searched,
)

from grids.reports import grouping as records
from grids.reports import grouping_text
from grids.reports.drops import drop_against_distance, groups_over_delta
from grids.results import WORST, DeltaStep, Trial


@pytest.mark.parametrize("count", [0, 1, 2, 3, 60])
def test_drops_of_few_and_many_stay_on_the_paper(count: int) -> None:
    figure = drop_against_distance(paper(trials=searched(eleven(), count)))
    assert_inside(figure)
    assert not boxes_overlap(figure, {"C1", "C2", "C3", "C4"})
    assert ("rank correlation" in figure.axes[0].get_title(loc="right")) == (count > 3)  # one of them failed


def test_drops_without_any_group_of_two() -> None:
    figure = drop_against_distance(grouping(random_matrix(1), [("degradation_0",)]))
    assert any("no drop" in text.get_text() for text, _ in texts(figure))
    assert_inside(figure)


def test_every_known_drop_is_a_point_with_its_verdict() -> None:
    trials = searched(eleven(), 60)
    axes = drop_against_distance(paper(trials=trials)).axes[0]
    drawn = sorted(tuple(np.round(xy, 6)) for c in axes.collections for xy in np.asarray(c.get_offsets()))
    expected = sorted((round(t.distance, 6), round(t.worst, 6)) for t in trials if t.worst is not None)
    assert np.allclose(drawn, expected) and len(drawn) == 59
    assert len(axes.collections) == 3  # within, beyond and undecided; of the failed one nothing is known


@pytest.mark.parametrize("huge", [40.0, -40.0, 5e5])
def test_a_few_huge_drops_do_not_flatten_the_rest(huge: float) -> None:
    trials = searched(eleven(), 40)
    far = replace(trials[0], drops=dict.fromkeys(trials[0].group, huge))
    figure = drop_against_distance(paper(trials=(far, *trials[1:], replace(far, drops={WORST: float("inf")}))))
    axes = figure.axes[0]
    zero, delta, top = (axes.transData.transform((4, y))[1] for y in (0.0, 0.7, axes.get_ylim()[1]))
    assert axes.get_yscale() == "symlog" and delta - zero > 0.08 * (top - zero)
    assert_inside(figure)
    labels = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(labels, 2))


def test_zero_delta_and_equal_drops() -> None:
    equal = [Trial(pair, "beyond", {WORST: 0.0}, distance=2.0) for pair in itertools.combinations(NAMES[:3], 2)]
    found = paper(delta=0.0, trials=tuple(equal))
    assert records.rank_correlation(records.points(found.trials)) is None
    assert_inside(drop_against_distance(found))
    assert_inside(groups_over_delta(STEPS, 0.0))


@pytest.mark.parametrize("delta", [0.0, 0.7, 5.0])
def test_steps_hold_until_the_next_one(delta: float) -> None:
    figure = groups_over_delta(STEPS, delta)
    axes = figure.axes[0]
    (line,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert list(line.get_ydata()) == [11, 6, 4, 1, 1]
    assert list(line.get_xdata())[:4] == [step.delta for step in STEPS]
    known = {0.0: "11 groups", 0.7: "4 groups", 5.0: "1 group"}
    assert any(text.get_text() == f"delta {delta:g} dB: {known[delta]}" for text in axes.texts)
    assert len(axes.collections) == 1  # the band
    assert_inside(figure)


@pytest.mark.parametrize("steps", [[], [DeltaStep(0.9, 3, 3)], [DeltaStep(0, 2, 2), DeltaStep(300.0, 1, 1)]])
def test_steps_that_are_few_late_or_far(steps: list[DeltaStep]) -> None:
    figure = groups_over_delta(steps, 0.7)
    assert_inside(figure)
    assert not figure.axes[0].collections


def test_page_holds_the_drops_the_search_and_what_it_rests_on() -> None:
    similarity = eleven()
    found = paper(
        trials=searched(similarity, 30),
        upper_bounds=dict.fromkeys(NAMES, 31.25),
        delta_for={"jpeg": 1.0},
        shortcuts={"a part is beyond": 1520},
        undecided=tuple(itertools.combinations(NAMES, 2)),
        alternatives=(PAPER_GROUPS,) * 25,
        settings={"source": "a table", "seed": 17},
    )
    page = Page(grouping_page(found, similarity, title="t"))
    for group in found.groups:
        for name, drop in group.drops.items():
            assert f"{name.replace('_', ' ')} {drop:.2f} {'1' if name == 'jpeg' else '0.7'} 31.25" in page.text
    for number, asked in enumerate(found.trials, 1):
        assert f"{number} {' + '.join(asked.group).replace('_', ' ')}" in page.text
        assert f"{grouping_text.worst_text(asked)} {asked.verdict} the next on the list" in page.text
    for part in ("out of memory", 'shortcut "a part is beyond" 1520 groups', "and 35 more", "and 5 more.", "seed 17"):
        assert part in page.text
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 2  # no steps were given
