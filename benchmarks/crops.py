"""The degraded crops that the restorers of several scripts are measured on, photograph by photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from common import eval_photographs, split_files
from pairs import example, val_crops
from torch import Tensor, nn

from grids.images import read_photo
from grids.images.tensors import crop_middle, to_bytes, to_unit
from grids.metrics import psnr
from grids.random import seeded
from grids.restoration.forward import restore

WAYS = ("as made", "after JPEG 90")
SETS = ("kodak24", "bsds100")
"""Of photographs that nothing learns from or is chosen by."""
MIDDLE = 256
"""Pixels of the middle of such a photograph that is measured, at most."""
ByTask = Mapping[str, Sequence[float]]
"""PSNR of every photograph, dB, by task."""


class Crops:
    """Crops of photographs, degraded once in every way.

    Args:
        clean: (each * photographs, 3, H, W) in [0, 1]: a crop of every photograph, then the second of every one.
        photographs: how many there are.
    """

    def __init__(self, clean: Tensor, photographs: int) -> None:
        self.clean, self.photographs = clean, photographs
        self._made: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}

    @classmethod
    def val(cls, each: int) -> Crops:
        """Of split val, so many of every photograph."""
        photographs = len(split_files("val"))
        return cls(val_crops(each * photographs), photographs)

    @classmethod
    def middles(cls, name: str) -> Crops:
        """The middles of the photographs of a set of data/eval; pictures that lie on their side are turned."""
        images = (crop_middle(read_photo(file).tensor(), MIDDLE) for file in eval_photographs(name))
        clean = torch.stack([image if image.shape[-1] >= image.shape[-2] else image.mT for image in images])
        return cls(clean, len(clean))

    def examples(self, task: str, way: str) -> tuple[Tensor, Tensor]:
        """Inputs and targets, uint8: made at the first call."""
        if (task, way) not in self._made:
            inputs, targets = example(task, way, self.clean, seeded(11))
            self._made[task, way] = to_bytes(inputs), to_bytes(targets)
        return self._made[task, way]

    def psnr(self, network: nn.Module, task: str, way: str, device: str) -> list[float]:
        """Of what a network makes of them, dB: the mean of each photograph."""
        inputs, targets = self.examples(task, way)
        each = psnr(restore(network, inputs, device), to_unit(targets)).view(-1, self.photographs).mean(0)
        return [round(value, 3) for value in each.tolist()]

    def scores(self, network: nn.Module, tasks: Sequence[str], device: str) -> dict[str, ByTask]:
        """The same by way and task."""
        return {way: {task: self.psnr(network, task, way, device) for task in tasks} for way in WAYS}
