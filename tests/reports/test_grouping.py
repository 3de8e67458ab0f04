from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path
from reports.samples import NAMES, PAPER_GROUPS, eleven, grouping, grouping_page, made, random_matrix, searched, trial
from reports.test_figures import texts
from reports.test_html import HOSTILE, Page

from grids.errors import GridsError
from grids.reports import colors, grouping_text, painting
from grids.reports import grouping as records
from grids.reports.drops import drop_against_distance, groups_over_delta
from grids.reports.graph import draw_graph
from grids.reports.painting import figure_bytes
from grids.reports.partition import PALETTE, look_of
from grids.results import WORST, DeltaStep, Group, Grouping, SimilarityMatrix, Trial

STEPS = [DeltaStep(0, 11, 9), DeltaStep(0.3, 6, 5), DeltaStep(0.66, 4, 4), DeltaStep(2.5, 1, 1)]
# Machado, Oliveira and Fernandes (2009): linear sRGB as it is seen without red and without green cones
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def paper(**extra: object) -> Grouping:
    return grouping(eleven(), PAPER_GROUPS, **extra)


def many(count: int = 50, trials: int = 400) -> tuple[SimilarityMatrix, Grouping]:
    similarity = random_matrix(count)
    parts = [similarity.degradations[k::14] for k in range(min(14, count))]
    found = grouping(similarity, parts)
    return similarity, replace(found, trials=found.trials + (searched(similarity, trials) if count > 1 else ()))


def assert_inside(figure: Figure) -> None:
    with painting.style():
        drawn = figure.get_tightbbox()
    assert min(drawn.x0, drawn.y0) >= -1e-6
    assert np.all(np.array([drawn.x1, drawn.y1]) <= figure.get_size_inches() + 1e-6)


def boxes_overlap(figure: Figure, words: set[str]) -> bool:
    boxes = [box for text, box in texts(figure) if text.get_text() in words]
    assert len(boxes) == len(words)
    return any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("seen", [np.eye(3), PROTANOPIA, DEUTERANOPIA])
def test_the_colours_of_groups_differ_for_everyone(seen: np.ndarray) -> None:
    rgb = np.array([colors.to_rgb(colour) for colour in PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = np.array([TO_LAB @ np.cbrt(TO_CONES @ np.clip(seen @ colour, 0, 1)) for colour in linear])
    assert len(PALETTE) == 12
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(lab, 2)) > 0.07
    assert len({look_of(k) for k in range(36)}) == 36
    assert min(colors.contrast("#1f2933", look_of(k).tint) for k in range(12)) > 4.5


@pytest.mark.parametrize("count", [1, 2, 3, 11, 50])
def test_a_graph_with_groups_has_every_name_and_tag_once_and_apart(count: int) -> None:
    similarity = random_matrix(count)
    parts = [similarity.degradations[k::14] for k in range(min(14, count))]
    figure = draw_graph(similarity, groups=parts)
    names = {name.replace("_", " ") for name in similarity.degradations}
    assert not boxes_overlap(figure, names | {f"C{k}" for k in range(1, len(parts) + 1)})
    assert_inside(figure)
    assert max(figure.get_size_inches()) < 20
    assert len(figure.axes[0].patches) == len(parts)


def test_the_shape_of_a_group_holds_its_boxes_and_no_others() -> None:
    similarity = eleven()
    parts = [NAMES[:3], NAMES[3:6], NAMES[6:9], NAMES[9:]]
    axes = draw_graph(similarity, groups=parts).axes[0]
    places = {text.get_text().replace(" ", "_"): text.get_position() for text in axes.texts}
    for part, patch in zip(parts, axes.patches, strict=True):
        shape = patch.get_path()
        pieces = shape.to_polygons(closed_only=False)
        held = {name for name in NAMES if any(Path(piece).contains_point(places[name]) for piece in pieces)}
        assert set(part) <= held
        assert held == set(part) or len(pieces) > 1  # a hull never swallows; a stroke may have to pass behind


def test_graph_with_groups_takes_ids_and_refuses_what_is_no_partition() -> None:
    similarity = eleven()
    drawn = {text.get_text() for text, _ in texts(draw_graph(similarity, groups=PAPER_GROUPS, ids=list("pqrs")))}
    assert {"p", "q", "r", "s"} <= drawn and "C1" not in drawn
    for parts in (PAPER_GROUPS[:3], (*PAPER_GROUPS, ("jpeg",)), (*PAPER_GROUPS, ()), ()):
        with pytest.raises(GridsError, match="partition"):
            draw_graph(similarity, groups=parts)
    with pytest.raises(GridsError, match="one id"):
        draw_graph(similarity, groups=PAPER_GROUPS, ids=["a"])


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
        shortcuts={"a part is beyond": 1520},
        contradictions=1,
        undecided=(("jpeg", "ringing"),),
        unknown=12,
        hangs_on=tuple(itertools.combinations(NAMES[:4], 2)),
        alternatives=(PAPER_GROUPS, PAPER_GROUPS[::-1]),
    )
    text = grouping_text.grouping_text(found)
    assert text.startswith("answers of a table\n4 groups of 11 degradations, delta 0.7 dB (jpeg 1 dB), method exact\n")
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
