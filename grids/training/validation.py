"""Fixed crops with fixed degradations, on which all restorers are measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from grids.errors import look_up
from grids.images.tensors import to_bytes, to_unit
from grids.metrics import psnr
from grids.networks.heads import select_head
from grids.random import seeded
from grids.restoration.forward import restore
from grids.training.pair_settings import JPEG_90
from grids.training.pairs import save_some
from grids.training.photographs import Photographs
from grids.training.tasks import Task

COUNT = 32
SIDE = 96
SEED = 1_000_003  # not a user's: the pixels that models are compared on never change


class Validation:
    """The validation crops of some tasks: fixed windows of photographs, degraded once, the same for every restorer.

    Args:
        tasks: what is measured.
        photographs: none of which was learnt from, each at least 8 pixels a side.
        side: of the crops, pixels, at most; photographs that are smaller make all crops smaller, to a multiple of 8.
        count: of the crops, spread evenly over the photographs.

    Attributes:
        tasks: by name.
        side: of the crops as they are, pixels.
    """

    def __init__(self, tasks: Sequence[Task], photographs: Photographs, side: int = SIDE, count: int = COUNT) -> None:
        self.tasks = {task.name: task for task in tasks}
        self.photographs = photographs
        least = min(map(min, photographs.sizes))
        self.side, self.count = min(side, least // 8 * 8), count
        self._made: dict[str, tuple[Tensor, Tensor]] = {}

    def examples(self, task: str) -> tuple[Tensor, Tensor]:
        """The crops of a task; they are made at the first call and kept.

        Args:
            task: its name.

        Returns:
            inputs and targets, (N, 3, side, side) uint8 on the CPU; inputs are smaller for super-resolution. Do not
            change them.

        Raises:
            UnknownNameError: it is none of the tasks.
        """
        if task not in self._made:
            self._made[task] = look_up("task", task, self.tasks).examples(self.photographs, self.side, self.count, SEED)
        return self._made[task]

    @cached_property
    def digest(self) -> str:
        """A checksum of what is measured on: the photographs, and the side, number and seed of the crops.

        The tasks are not in it; they have `grids.training.tasks.fingerprint`.
        """
        return hashlib.sha256(f"{self.photographs.digest} {self.side} {self.count} {SEED}".encode()).hexdigest()

    def psnr(
        self, network: nn.Module | None, tasks: Iterable[str], device: torch.device | str, saved: bool = False
    ) -> dict[str, float]:
        """The mean PSNR over the crops of each task: RGB, rounded to 8 bit, no border cut.

        Args:
            network: to be measured, on the device; None for the inputs as they are, which must then have the size of
                the targets. Where it has a head for each task, that of the task is taken.
            tasks: their names.
            device: where it computes, in float32.
            saved: save the inputs as JPEG of quality 90 (4:2:0) first. Tasks of super-resolution,
                whose inputs are smaller than their targets, are left out then.

        Returns:
            dB by task; at most 100 for each crop.

        Raises:
            UnknownNameError: a name is none of the tasks, or the network has heads, but none for a task.
        """
        found = {}
        for task in tasks:
            inputs, targets = self.examples(task)
            if saved and inputs.shape != targets.shape:
                continue
            if saved:
                inputs = to_bytes(save_some(to_unit(inputs), JPEG_90, seeded(SEED))[0])
            restored = to_unit(inputs) if network is None else restore(select_head(network, task), inputs, device)
            found[task] = float(psnr(restored, to_unit(targets)).mean())
        return found
