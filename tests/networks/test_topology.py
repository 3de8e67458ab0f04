"""Topologies as text: what they mean, round trips, and errors that say where."""

from __future__ import annotations

import itertools

import pytest
from contracts import raises_line
from hypothesis import given
from hypothesis import strategies as st

from grids.networks.topology import LETTERS, parse, resolve_stages, write

THREE = ("haze", "motion_blur", "rain")
FOUR = (*THREE, "jpeg")


@pytest.mark.parametrize(
    ("text", "tasks", "stages"),
    [
        ("R>B>H", THREE, (("rain",), ("motion_blur",), ("haze",))),
        ("BH>R", THREE, (("motion_blur", "haze"), ("rain",))),
        ("RBH", THREE, (("rain", "motion_blur", "haze"),)),
        ("R>B>J>H", FOUR, (("rain",), ("motion_blur",), ("jpeg",), ("haze",))),
        ("rain>motion_blur+haze", THREE, (("rain",), ("motion_blur", "haze"))),
        (" R > haze + B ", THREE, (("rain",), ("haze", "motion_blur"))),
        ("RB+snow>haze", (*THREE, "snow"), (("rain", "motion_blur", "snow"), ("haze",))),
        ("haze", ("haze",), (("haze",),)),
    ],
)
def test_a_text_means_its_stages(text: str, tasks: tuple[str, ...], stages: tuple[tuple[str, ...], ...]) -> None:
    assert parse(text, tasks) == stages
    assert parse(write(stages), tasks) == stages


@pytest.mark.parametrize("text", ["R>B>H", "BH>R", "HB>R", "RBH", "H>RB"])
def test_letters_are_written_as_they_were_read(text: str) -> None:
    assert write(parse(text, THREE)) == text


def test_tasks_without_a_letter_are_written_in_full() -> None:
    assert write((("rain", "snow"), ("haze",))) == "rain+snow>H"
    assert write(((), (), ("haze",))) == ">>H"
    assert parse("RB", ("motion_blur", "rain")) == (("rain", "motion_blur"),)


def test_the_thirteen_of_three_tasks() -> None:
    """Table 2: all ways of sharing three tasks out among places, in order."""
    shared = {
        tuple(tuple(sorted(t for t in THREE if at[t] == place)) for place in range(max(at.values()) + 1))
        for at in (dict(zip(THREE, places, strict=True)) for places in itertools.product(range(3), repeat=3))
        if set(at.values()) == set(range(max(at.values()) + 1))
    }
    assert len(shared) == 13
    assert {parse(write(stages), THREE) for stages in shared} == shared


@given(st.data())
def test_a_topology_survives_its_text(data: st.DataObject) -> None:
    tasks = data.draw(st.permutations([*LETTERS.values(), "snow", "gaussian_noise"]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tasks) - 1))))
    stages = tuple(tuple(tasks[a:b]) for a, b in itertools.pairwise([0, *cuts, len(tasks)]))
    assert parse(write(stages), tasks) == stages


@pytest.mark.parametrize(
    ("text", "character", "why"),
    [
        ("R>B", 4, "the task 'haze' is missing"),
        ("R>R>BH", 3, "the task 'rain' is there already"),
        ("R>BrainH", 3, "'BrainH' is none of the tasks (H haze, B motion_blur, R rain)"),
        ("RXH", 2, "'X' is none of the tasks"),
        ("RBHJ", 4, "'J' is none of the tasks"),
        ("rain > moton_blur", 8, "'moton_blur' is none of the tasks"),
        ("rain+H+rain>B", 8, "the task 'rain' is there already"),
        ("R>>BH", 3, "a task must stand here"),
        (">RBH", 1, "a task must stand here"),
        ("RBH>", 5, "a task must stand here"),
        ("R> >BH", 3, "a task must stand here"),
        ("rain++haze", 6, "a task must stand here"),
        ("", 1, "a task must stand here"),
        ("R-B-H", 2, "'-' is none of the tasks"),
        ("R\nB\nX", 5, "'X' is none of the tasks"),
    ],
)
def test_errors_say_where(text: str, character: int, why: str) -> None:
    raises_line(lambda: parse(text, THREE), "topology", f"at character {character}: {why}")


def test_stages_of() -> None:
    assert resolve_stages(None, THREE) == (THREE,)
    assert resolve_stages("R>B>H", THREE) == (("rain",), ("motion_blur",), ("haze",))
    assert resolve_stages([[], ["haze", "rain", "motion_blur"]], THREE) == ((), ("haze", "rain", "motion_blur"))
    for wrong in ((), (("haze", "rain"),), (THREE, ("haze",)), (THREE, ()), (("haze", "rain"), ("snow",))):
        raises_line(lambda w=wrong: resolve_stages(w, THREE), f"'{write(wrong)}'", "haze, motion_blur, rain")
