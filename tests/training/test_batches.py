from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from grids.degradations.artifacts import line_mask
from grids.degradations.compression import codec_jpeg
from grids.degradations.table import TABLE
from grids.images import list_images
from grids.random import generator_for, seeded
from grids.training.datasets import Batches
from grids.training.photographs import Photographs
from grids.training.samplers import deal
from grids.training.tasks import Synthesized, Task


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


def test_the_codec_gives_the_same_with_and_without_a_pool() -> None:
    images = torch.rand(3, 3, 24, 24, generator=seeded(0))
    quality = torch.tensor([10.0, 35.0, 60.0])
    alone = codec_jpeg(images, quality)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert torch.equal(codec_jpeg(images, quality), alone)
    finally:
        torch.set_num_threads(before)


def test_a_line_that_is_not_shown_leaves_no_pixel() -> None:
    ends = torch.tensor([[[2.0, 2.0, 9.0, 9.0], [1.0, 12.0, 14.0, 3.0]]])
    thickness = torch.full((1, 2), 3.0)

    def drawn(*shown: bool) -> Tensor:
        return line_mask(ends, thickness, torch.tensor([shown]), 16, 16)

    assert not drawn(False, False).any()
    assert torch.equal(drawn(True, True), torch.maximum(drawn(True, False), drawn(False, True)))
    assert drawn(True, False).any() and not torch.equal(drawn(True, False), drawn(False, True))
