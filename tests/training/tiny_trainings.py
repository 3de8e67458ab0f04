"""What the tests of training share: tiny networks, systems, batches and experiments; trainings that are broken off."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grids import networks
from grids.degradations import degradation
from grids.networks import NAFNet
from grids.networks.table import Preset
from grids.training import trainer
from grids.training.callbacks import NullCallbacks
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.experiment import Experiment
from grids.training.photographs import Photographs
from grids.training.systems.base import Modules, SupervisedSystem, System
from grids.training.tasks import Synthesized
from grids.training.trainer import Measuring, TrainingResult
from grids.training.validation import Validation

TINY = Preset(NAFNet, "for tests", {"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,)})
NAMES = ("gaussian_noise", "salt_pepper")


def small(**changes: Any) -> TrainingConfig:
    """A config of a moment."""
    config = TrainingConfig(iterations=12, crop=16, batch=4, precision="fp32", learning_rate=1e-3)
    return replace(config, **changes)


class Told(NullCallbacks):
    """Passes on how many steps are done, and what is said."""

    def __init__(self, on_step: Callable[[int], Any] | None = None, say: Callable[[str], Any] | None = None) -> None:
        self.on_step, self.on_say = on_step, say

    def step(self, done: int) -> None:
        if self.on_step is not None:
            self.on_step(done)

    def say(self, text: str) -> None:
        if self.on_say is not None:
            self.on_say(text)


def train(
    system: System,
    batches: Callable[[int, int], Batch],
    config: TrainingConfig,
    *,
    checks: Sequence[int] = (),
    measure: Any = None,
    stop: Callable[[Any], str] = lambda point: "",
    checkpoint: Path | None = None,
    on_step: Callable[[int], Any] | None = None,
    say: Callable[[str], Any] | None = None,
    **kept: Any,
) -> TrainingResult:
    """The loop, its settings given one by one; `kept` are those of `Checkpointing`."""
    return trainer.train(
        system,
        batches,
        config,
        measuring=None if measure is None else Measuring(checks, measure, stop),
        checkpointing=Checkpointing(checkpoint, **kept),
        callbacks=Told(on_step, say),
    )


def toy(step: int, retry: int = 0) -> Batch:
    """The batch of a step: four noisy images of 8 x 8."""
    generator = torch.Generator().manual_seed(1000 * retry + step)
    targets = torch.rand(4, 3, 8, 8, generator=generator)
    inputs = (targets + 0.1 * torch.randn(targets.shape, generator=generator)).clamp(0, 1)
    return Batch(inputs, targets, torch.zeros(4, dtype=torch.long))


def convolution(seed: int = 0) -> nn.Module:
    """A network of 84 weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Conv2d(3, 3, 3, padding=1)


class Plain(System):
    """One network under plain gradient descent, so that a step shows its gradient; what it does is counted."""

    kept = "network"

    def __init__(self, most: int = 1000, scale: float = 1.0) -> None:
        self.modules = {"network": convolution()}
        self.most, self.scale = most, scale
        self.sizes: list[int] = []

    def optimizers(self, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
        return {"network": torch.optim.SGD(self.modules["network"].parameters(), config.learning_rate)}

    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        self.sizes.append(len(batch.tasks))
        if len(batch.tasks) > self.most:
            raise torch.OutOfMemoryError("no memory")
        yield "network", self.scale * (modules["network"](batch.inputs) - batch.targets).square().mean()


class Adversarial(System):
    """A network and its critic, which learns first; `moved` tells whose weights had changed when."""

    kept = "network"

    def __init__(self, rest: int = 1) -> None:
        self.modules = {"network": convolution(1), "critic": convolution(2)}
        self.rest = rest  # the network learns in every so many-th step
        self.made: dict[str, torch.optim.Optimizer] = {}
        self.moved: list[tuple[int, str, tuple[str, ...]]] = []

    def optimizers(self, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
        rates = {"critic": 2 * config.learning_rate, "network": config.learning_rate}
        self.made = {name: torch.optim.Adam(self.modules[name].parameters(), rate) for name, rate in rates.items()}
        return self.made

    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        before = self._weights()
        restored = modules["network"](batch.inputs)
        yield "critic", modules["critic"](restored.detach()).mean() - modules["critic"](batch.targets).mean()
        self._note(step, "critic", before)
        if step % self.rest:
            return
        before = self._weights()
        yield "network", (restored - batch.targets).abs().mean() - 0.01 * modules["critic"](restored).mean()
        self._note(step, "network", before)

    def _weights(self) -> dict[str, Tensor]:
        return {
            name: torch.cat([p.detach().flatten() for p in module.parameters()])
            for name, module in self.modules.items()
        }

    def _note(self, step: int, name: str, before: dict[str, Tensor]) -> None:
        now = self._weights()
        self.moved.append((step, name, tuple(sorted(key for key in now if not torch.equal(now[key], before[key])))))


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    """Whether two networks are equal bit by bit."""
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def furthest(first: nn.Module, second: nn.Module) -> float:
    """The largest difference of their weights."""
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((one - two).detach().abs().max()) for one, two in pairs)


def tiny_experiment(files: Sequence[Path], names: Sequence[str] = NAMES, **changes: Any) -> Experiment:
    """Two tasks on a few photographs, the last of which is measured on; a preset "tiny" comes into the table."""
    networks.TABLE["tiny"] = TINY
    tasks = [Synthesized(degradation(name)) for name in names]
    photographs, held = Photographs(files[:-1], 16), Photographs(files[-1:], 16)
    config = small(iterations=6, batch=2, learning_rate=5e-3)
    experiment = Experiment(tasks, photographs, Validation(tasks, held, 32, 3), "tiny", config)
    return replace(experiment, **changes)


LEARNT = small(clip=0.5, average=0.9)


class BrokenError(Exception):
    """What breaks a training off."""


def restorer(loss: str = "l1") -> SupervisedSystem:
    return SupervisedSystem(convolution(), loss)


def mean_error(network: nn.Module) -> dict[str, float]:
    """Stands for a PSNR: it depends on every weight."""
    batch = toy(999)
    with torch.no_grad():
        return {"toy": float((network(batch.inputs) - batch.targets).square().mean())}


def breaking_at(last: int) -> Callable[[int], None]:
    def on_step(done: int) -> None:
        if done == last:
            raise BrokenError

    return on_step


def broken_off(
    make: Callable[[], System],
    config: TrainingConfig,
    breaks: Sequence[int],
    file: Path,
    every_steps: int,
    **options: Any,
) -> tuple[System, TrainingResult]:
    """Train, broken off after these steps, and each time go on from the checkpoint with a new system."""
    for last in sorted(breaks):
        with pytest.raises(BrokenError):
            train(make(), toy, config, checkpoint=file, every_steps=every_steps, on_step=breaking_at(last), **options)
    system = make()
    return system, train(system, toy, config, checkpoint=file, **options)


def assert_same(one: tuple[System, TrainingResult], two: tuple[System, TrainingResult]) -> None:
    assert same_weights(one[1].network, two[1].network)
    assert one[1].curve == two[1].curve
    for name, module in one[0].modules.items():
        assert same_weights(module, two[0].modules[name]), name


def weights(system: System) -> Tensor:
    """A copy of those of the kept module, in float64."""
    return torch.cat([value.detach().double().flatten() for value in system.modules[system.kept].parameters()])


def state_of(file: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(io.BytesIO(file.read_bytes().split(b"\n", 2)[2]), weights_only=True)
    return state
