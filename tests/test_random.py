"""Generators and derived seeds: the same for the same numbers, others for others, none of them global."""

from __future__ import annotations

import itertools

import pytest
import torch
from contracts import raises_line

from grids.random import draw_seeds, generator_for, global_seed, seed_for, seeded


def test_nothing_is_drawn_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    draw_seeds(3, seeded(1))
    torch.rand(3, generator=generator_for(1, 2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    raises_line(lambda: seeded(seed), "seed must be 0 to 2^63 - 1", str(seed))


def test_seeds_of_parts_are_those_of_runs_that_are_there() -> None:
    """Run folders are recognised by what was drawn with these: they never change."""
    assert seed_for(0, "jpeg") == 13292826747146944
    assert seed_for(7, "caf\udce9.png") == 71947531397406703
    parts = [seed_for(seed, name) for seed, name in itertools.product(range(20), ("jpeg", "haze", ""))]
    assert len(set(parts)) == 60 and 0 <= min(parts) <= max(parts) < 2**56


def test_seeds_of_images_are_drawn_in_turn() -> None:
    generator = seeded(3)
    first, then = draw_seeds(4, generator), draw_seeds(4, generator)
    assert first.dtype == torch.int64 and len({*first.tolist(), *then.tolist()}) == 8
    assert torch.equal(draw_seeds(4, seeded(3)), first)


def test_a_global_seed_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(seed: int) -> None:
        raise AssertionError("all GPUs would begin anew")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    before = torch.get_rng_state()
    with global_seed(3, torch.device("cpu")):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    with global_seed(3, torch.device("cpu")):
        assert torch.equal(torch.rand(4), first)
    assert torch.equal(first, torch.rand(4, generator=torch.Generator().manual_seed(3)))
