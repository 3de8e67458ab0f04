"""Small things placed and painted: evenly, as many as asked for, by the seed."""

from __future__ import annotations

import pytest
import torch
from contracts import generator, scene
from degradations.weather import applied

from grids.degradations import Parameters, degradation
from grids.degradations.scatter import paint, scatter


def test_things_lie_evenly_in_the_frame_and_its_margin() -> None:
    items = scatter(torch.tensor([0.01, 0.02]), 50, 80, 10, 1, (0, 1), least=1)
    counts = items.shown.sum(1)
    for count, density in zip(counts.tolist(), (0.01, 0.02), strict=True):
        assert count == pytest.approx(1 + (density * 4000 - 1) * 70 * 100 / 4000, abs=1)
    assert bool((items.x[:, 0].abs() < 80).all())
    assert float(items.x.min()) >= -10.5
    assert float(items.x.max()) <= 89.5
    assert float(items.y.min()) >= -10.5
    assert float(items.y.max()) <= 59.5


def test_more_things_leave_the_first_ones_where_they_were() -> None:
    few, many = (scatter(torch.full((3,), density), 40, 40, 5, 2, (1, 2, 3)) for density in (0.01, 0.05))
    count = few.x.shape[1]
    assert many.x.shape[1] > 2 * count
    assert torch.equal(many.x[:, :count][few.shown], few.x[few.shown])
    assert torch.equal(many.draws[:, :count][few.shown], few.draws[few.shown])


def test_counts_are_right_on_average() -> None:
    items = scatter(torch.full((4000,), 0.3 / 64), 8, 8, 0, 0, range(4000))
    assert float(items.shown.sum(1).float().mean()) == pytest.approx(0.3, abs=0.03)


def test_paint_sums_or_takes_the_largest_and_drops_what_lies_outside() -> None:
    x, y = torch.tensor([[[1, 1, -1, 5]]]), torch.tensor([[[2, 2, 0, 0]]])
    values = torch.tensor([[[3, 4, 9, 9]]])
    for reduce, expected in (("sum", 7), ("amax", 4)):
        found = paint(values, x, y, 4, 3, reduce)
        assert found.shape == (1, 4, 3)
        assert int(found[0, 2, 1]) == int(found.sum()) == expected


@pytest.mark.parametrize("name", ["rain", "raindrop", "snow"])
def test_the_layout_is_that_of_the_seed(name: str) -> None:
    kind, images = degradation(name), scene(1)
    first: Parameters = kind.sample(images.shape, generator(), 0.5)
    other = first | {"seed": first["seed"] + 1}
    assert not torch.equal(kind.apply(images, first), kind.apply(images, other))


@pytest.mark.parametrize("name", ["rain", "raindrop", "snow"])
def test_even_a_small_picture_bears_one(name: str) -> None:
    images = torch.full((1, 3, 12, 12), 0.4)
    for seed in range(20):
        assert not torch.equal(applied(name, images, 0.0, seed), images)
