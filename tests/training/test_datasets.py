"""Batches: a pure function of seed, step and retry, with tasks dealt evenly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.table import TABLE
from grids.images import list_images
from grids.random import generator_for
from grids.training.datasets import Batch, Batches
from grids.training.photographs import Photographs
from grids.training.samplers import deal
from grids.training.tasks import Synthesized, Task

KINDS = ("gaussian_noise", "salt_pepper", "jpeg")


def batches(photographs: Photographs, *names: str, seed: int = 0, batch: int = 5) -> Batches:
    return Batches([Synthesized(degradation(name)) for name in names or KINDS], photographs, 16, batch, seed)


def equal(first: Batch, second: Batch) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("inputs", "targets", "tasks"))


def test_a_batch(photographs: Photographs) -> None:
    batch = batches(photographs)(3)
    assert batch.inputs.shape == batch.targets.shape == (5, 3, 16, 16)
    assert batch.inputs.dtype == batch.targets.dtype == torch.float32
    for part in (batch.inputs, batch.targets):
        assert 0 <= float(part.min()) <= float(part.max()) <= 1
    assert batch.tasks.shape == (5,)
    assert all(not torch.equal(a, b) for a, b in zip(batch.inputs, batch.targets, strict=True))


def test_batches_are_a_function_of_seed_step_and_retry(photographs: Photographs) -> None:
    one, two = batches(photographs), batches(photographs)
    later = [two(step) for step in (9, 4, 0)]  # in any order
    torch.manual_seed(5)
    assert all(equal(one(step), batch) for step, batch in zip((9, 4, 0), later, strict=True))
    assert equal(one(4, 2), two(4, 2))
    different = [one(4), one(5), one(4, 1), one(4, 2), batches(photographs, seed=1)(4), one(1, 4)]
    assert all(not torch.equal(a.targets, b.targets) for i, a in enumerate(different) for b in different[:i])


def test_drawing_leaves_the_global_generator_alone(photographs: Photographs) -> None:
    before = torch.get_rng_state()
    batches(photographs)(0)
    assert torch.equal(torch.get_rng_state(), before)


def test_crops_do_not_depend_on_the_tasks(photographs: Photographs) -> None:
    for step in range(4):
        whole = batches(photographs)(step).targets
        assert torch.equal(whole, batches(photographs, "jpeg")(step).targets)
        assert torch.equal(whole, batches(photographs, "salt_pepper", "jpeg")(step).targets)


def test_crops_do_not_depend_on_memory(files: list[Path]) -> None:
    one, two = (batches(Photographs(files, 16, memory=memory)) for memory in (0, 10**9))
    assert all(equal(one(step), two(step)) for step in range(3))


def test_every_image_is_degraded_by_its_task(photographs: Photographs) -> None:
    """Salt and pepper leaves most pixels alone, noise next to none."""
    batch = batches(photographs, "salt_pepper", "gaussian_noise", batch=8)(0)
    for image, target, task in zip(batch.inputs, batch.targets, batch.tasks.tolist(), strict=True):
        untouched = float((image == target).float().mean())
        assert (untouched > 0.5) == (task == 0)
    assert sorted(batch.tasks.tolist()) == [0] * 4 + [1] * 4


@given(st.integers(1, 12), st.integers(0, 30), st.integers(1, 8), st.integers(0, 2**63 - 1))
def test_over_whole_decks_every_task_comes_equally_often(tasks: int, deck: int, decks: int, seed: int) -> None:
    found = deal([1] * tasks, deck * tasks, decks * tasks, seed)
    assert Counter(found) == dict.fromkeys(range(tasks), decks)


@given(st.integers(1, 12), st.integers(0, 50), st.integers(1, 40), st.integers(0, 2**63 - 1))
def test_dealing_goes_on_where_it_ended(tasks: int, first: int, count: int, seed: int) -> None:
    found = deal([1] * tasks, first, count, seed)
    assert found == deal([1] * tasks, 0, first + count, seed)[first:]
    times = Counter(found)
    assert max(times.values()) - min(times.get(task, 0) for task in range(tasks)) <= 2  # part of a deck at either end


def test_decks_are_shuffled() -> None:
    decks = [tuple(deal([1] * 5, 5 * i, 5, 0)) for i in range(20)]
    assert len(set(decks)) > 10
    assert deal([1] * 5, 0, 40, 0) != deal([1] * 5, 0, 40, 1)


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 9])
def test_a_batch_in_parts(photographs: Photographs, parts: int) -> None:
    batch = batches(photographs)(0)
    pieces = batch.split(parts)
    assert len(pieces) == min(parts, 5)
    sizes = [len(piece.tasks) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    joined = Batch(*(torch.cat([getattr(p, name) for p in pieces]) for name in ("inputs", "targets", "tasks")))
    assert equal(joined, batch)


def test_generators_of_numbers() -> None:
    states = [
        generator_for(*numbers).get_state() for numbers in ((0, 1, 2), (0, 2, 1), (0, 1, 3), (0, 1, 2), (9, 1, 2))
    ]
    assert torch.equal(states[0], states[3])
    assert len({tuple(state.tolist()) for state in states}) == 4


def told_plainly(tasks: list[Task], photographs: Photographs, crop: int, batch: int, step: int, retry: int) -> Tensor:
    """The inputs of a step, row by row: trainings that were broken off go on with these very pixels."""
    generator = generator_for(5, step, retry, 0)
    crops = []
    for _ in range(batch):
        torch.rand(2, generator=generator)  # whether the photograph is reduced, and how far
        crops.append(photographs.random_crop(crop, generator))
    clean = torch.stack(crops).float().div(255)
    numbers = deal([1] * len(tasks), step * batch, batch, 5)
    inputs = torch.empty_like(clean)
    generator = generator_for(5, step, retry, 1)
    for number in sorted(set(numbers)):
        rows = torch.tensor([i for i, other in enumerate(numbers) if other == number])
        inputs[rows], targets = tasks[number].draw(clean[rows], generator)
        assert torch.equal(targets, clean[rows])
    return torch.cat([inputs, clean])


@pytest.mark.parametrize("count, batch", [(11, 8), (3, 8), (1, 2)])
def test_the_pixels_of_a_step_stay_what_they_are(photos: Path, count: int, batch: int) -> None:
    tasks: list[Task] = [Synthesized(kind) for kind in TABLE[:count]]
    photographs = Photographs(list_images([photos]), 32)
    batches = Batches(tasks, photographs, 32, batch, 5)
    for step, retry in ((0, 0), (1, 0), (7, 2)):
        found = batches(step, retry)
        expected = told_plainly(tasks, photographs, 32, batch, step, retry)
        assert torch.equal(torch.cat([found.inputs, found.targets]), expected)
        assert found.tasks.tolist() == deal([1] * count, step * batch, batch, 5)
