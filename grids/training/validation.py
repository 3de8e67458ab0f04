"""Fixed crops with fixed degradations, on which all restorers are measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from grids.degradations import seeded
from grids.devices import exact_float32
from grids.networks.heads import headed
from grids.training.metrics import psnr
from grids.training.pair_settings import JPEG_90
from grids.training.pairs import save_some
from grids.training.photographs import Photographs
from grids.training.tasks import Task

COUNT = 32
SIDE = 96
PART = 2**16  # pixels that a network is given at once: its maps stay small enough to be used again
SEED = 1_000_003  # not a user's: the pixels that models are compared on never change


class Validation:
    """The validation crops of some tasks: fixed windows of photographs, degraded once.

    Args:
        tasks: what is measured.
        photographs: none of which was learnt from.
        side: of the crops, at most; photographs that are smaller make all crops smaller, to a multiple of 8.
        count: of the crops, spread evenly over the photographs.
    """

    def __init__(self, tasks: Sequence[Task], photographs: Photographs, side: int = SIDE, count: int = COUNT) -> None:
        self.tasks = {task.name: task for task in tasks}
        self.photographs = photographs
        least = min(map(min, photographs.sizes))
        self.side, self.count = min(side, least // 8 * 8), count
        self._made: dict[str, tuple[Tensor, Tensor]] = {}

    def examples(self, task: str) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a task: uint8 (N, 3, side, side)."""
        if task not in self._made:
            self._made[task] = self.tasks[task].examples(self.photographs, self.side, self.count, SEED)
        return self._made[task]

    @cached_property
    def digest(self) -> str:
        """A checksum of what is measured on."""
        return hashlib.sha256(f"{self.photographs.digest} {self.side} {self.count} {SEED}".encode()).hexdigest()

    def psnr(
        self, network: nn.Module | None, tasks: Iterable[str], device: torch.device | str, saved: bool = False
    ) -> dict[str, float]:
        """The mean PSNR over the crops of each task, dB; of the inputs where the network is None.

        Args:
            network: to be measured, on the device.
            tasks: their names.
            device: where.
            saved: save the inputs as JPEG of quality 90 first; tasks whose inputs are smaller than their targets, which
                make no photographs of their own, are left out then.
        """
        found = {}
        for task in tasks:
            inputs, targets = self.examples(task)
            if saved and inputs.shape != targets.shape:
                continue
            if saved:
                inputs = save_some(inputs.float().div(255), JPEG_90, seeded(SEED))[0].mul(255).round().byte()
            restored = inputs.float().div(255) if network is None else restore(headed(network, task), inputs, device)
            found[task] = float(psnr(restored, targets.float().div(255)).mean())
        return found


@torch.no_grad()
def restore(network: nn.Module, inputs: Tensor, device: torch.device | str) -> Tensor:
    """What a network makes of images of one size: float32 (N, 3, H, W) on the CPU, computed in float32.

    Args:
        network: any; its mode is left as it was.
        inputs: (N, 3, H, W), uint8, or floating point in [0, 1].
        device: where the network lies.
    """
    device = torch.device(device)
    training = network.training
    network.eval()
    step = max(1, PART // (inputs.shape[-1] * inputs.shape[-2]))
    try:
        with exact_float32(), torch.autocast(device.type, enabled=False):
            parts = [
                network(_scaled(part.to(device)).to(memory_format=torch.channels_last)).float().cpu()
                for part in inputs.split(step)
            ]
    finally:
        network.train(training)
    return torch.cat(parts)


def _scaled(images: Tensor) -> Tensor:
    return images.float() if images.is_floating_point() else images.float().div(255)
