"""The restorers of `from_start.py`: which there are, the steps that the hours bear, training and measuring."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from common import keep_settings, machine, split_files
from crops import SETS, WAYS, ByTask, Crops
from from_start_settings import TASKS, Found, Group, Settings
from hours import Told, clock_of
from pairs import Gains, gains_of, val_crops
from torch import Tensor

from grids import group_degradations
from grids.degradations import degradation
from grids.errors import unknown_name
from grids.io import locked, write_text
from grids.pipeline.experiments import make_experiment
from grids.pipeline.inputs import TaskSources
from grids.restoration.models import initialize, load_start, save_restorer, start_weights
from grids.training.callbacks import Callbacks
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.experiment import Experiment
from grids.training.pair_settings import CAMERA
from grids.training.trainer import Measuring, TrainingResult, train
from grids.weights import sha256

SKIPPED, TIMED = 20, 200
"""Steps that come before those that are timed, and these: a GPU chooses its kernels in the first ones."""
ROUND = 500
NOISE = "noise"
SHIPPED = ("mix", "found", "paper", NOISE)
"""With these the names of what ships begin; single tasks do not ship."""
FOUND = "found.json"
START = "start.json"
"""What the weights that all start from gain."""


@dataclass(frozen=True)
class Measured:
    """A restorer that is trained, as NAME.json and the record of NAME.safetensors tell of it.

    Args:
        preset: of its network.
        tasks: in their order.
        steps: of this model.
        steps_per_task: `steps`, shared among its tasks.
        recipe: its settings.
        start_sha256: of the weights that it started from.
        gains: PSNR over the input in the ways of `WAYS`, dB.
        machine: that it was measured on.
        elsewhere: PSNR of every photograph of the sets of `SETS`, dB, by set, way and task; older records have none.
    """

    preset: str
    tasks: Group
    steps: int
    steps_per_task: int
    recipe: Mapping[str, Any]
    start_sha256: str
    gains: Gains
    machine: str
    elsewhere: Mapping[str, Mapping[str, ByTask]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Measured | None:
        if not file.exists():
            return None
        record = json.loads(file.read_text())
        return cls(**{**record, "tasks": tuple(record["tasks"])})


@cache
def paper_groups() -> tuple[Group, ...]:
    """The groups that the paper's drops lead to."""
    return group_degradations(drops="paper", degradations=TASKS).partition


def restorers_of(found: Sequence[Group]) -> dict[str, Group]:
    """What is trained, by name, in its order; a group that occurs in two places is trained once."""
    parts = (("found", found), ("paper", paper_groups()))
    groups = ((f"{part}_{number}", group) for part, some in parts for number, group in enumerate(some, 1))
    # what cameras leave is weaker and coarser than what is made: one that expects noise alone takes off far more of it
    noise = tuple(task for task in TASKS if degradation(task).noise)
    wanted: dict[str, Group] = {}
    for name, group in (("mix", TASKS), *groups, (NOISE, noise), *((task, (task,)) for task in TASKS)):
        if group and (name == NOISE or group not in wanted.values()):  # that one has data of its own
            wanted[name] = group
    return wanted


def partition_of(name: str) -> str:
    """What the name of a restorer begins with."""
    return name.split("_")[0]


def trained_in(folder: Path) -> dict[str, Measured]:
    """The restorers that are there, by name, in their order."""
    names = restorers_of(Found.read(folder / FOUND).groups)
    found = ((name, Measured.read(folder / f"{name}.json")) for name in names)
    return {name: one for name, one in found if one is not None}


class Timed(Told):
    """Notes when every step was done."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.clock, self.times = clock_of(device), list[float]()

    def step(self, done: int) -> None:
        self.times.append(self.clock())


class FromStart:
    """The trainings in their folder; each part that is done is read.

    Args:
        folder: of checkpoints and results.
        settings: of the trainings.
        deadline: `time.monotonic()` at which OutOfTimeError is raised, with a checkpoint written.
    """

    def __init__(self, folder: Path, settings: Settings, deadline: float = math.inf) -> None:
        self.folder, self.settings, self.deadline = folder, settings, deadline
        keep_settings(folder, settings.to_json())

    @cached_property
    def experiment(self) -> Experiment:
        settings = self.settings.training()
        made = make_experiment(split_files("fit"), split_files("val"), TaskSources(TASKS), settings)
        keep_settings(self.folder, made.photographs.digest + "\n", "photographs.txt")
        state = start_weights(self.settings.start, settings.network)
        return replace(made, start=state, start_sha256=sha256(self.settings.start))

    @cached_property
    def sets(self) -> Mapping[str, Crops]:
        return {name: Crops.middles(name) for name in SETS}

    @cached_property
    def crops(self) -> Tensor:
        """What restorers are measured on."""
        return val_crops(self.settings.count)

    def train(self, worker: int = 0, workers: int = 1, only: Sequence[str] | None = None) -> None:
        """All in its order, or some by name, from where it was broken off; one process for each worker."""
        with locked(self.folder, self.folder / f".lock-{worker}"):
            with locked(self.folder, self.folder / ".lock"):
                wanted = restorers_of(self.find_groups().groups)
                if unknown := {*(only or ())} - {*wanted}:
                    raise unknown_name("restorer", min(unknown), wanted)
                self.measure_start()
                shipped = [group for name, group in wanted.items() if partition_of(name) in SHIPPED]
                steps = self.choose_steps(sum(map(len, shipped)))
            chosen = [one for one in wanted.items() if only is None or one[0] in only]
            for name, group in chosen[worker::workers]:
                self.restorer(name, group, steps)

    def measure_start(self) -> None:
        """Write down what is gained before anything is trained."""
        file = self.folder / START
        if not file.exists():
            network = initialize(self.settings.network, 0)
            load_start(network, start_weights(self.settings.start, self.settings.network))
            gains = gains_of(network.to(self.settings.device), self.crops, TASKS, WAYS, self.settings.device)
            write_text(file, json.dumps(gains, indent=1) + "\n")

    def find_groups(self) -> Found:
        """The groups of the study: written down once, whatever it comes to later."""
        file = self.folder / FOUND
        if not file.exists():
            Found.of("study").write(file)
        return Found.read(file)

    def choose_steps(self, tasks: int) -> int:
        """The steps for each task, of models of so many tasks together: written down once, whatever comes after."""
        file = self.folder / "steps.json"
        if not file.exists():
            second = self.time_step()
            fitting = int(3600 * self.settings.hours / (second * tasks))
            steps = self.settings.steps
            if fitting < steps:  # at least so many, whatever they take
                steps = min(steps, max(ROUND, fitting // ROUND * ROUND))
            hours = steps * tasks * second / 3600
            print(f"{steps} steps for each task: {1000 * second:.1f} ms each, {hours:.2f} hours", flush=True)
            record = {"steps": steps, "seconds_a_step": second, "hours": hours, "machine": machine()}
            write_text(file, json.dumps(record, indent=1) + "\n")
        return int(json.loads(file.read_text())["steps"])

    def time_step(self) -> float:
        """Seconds of a step of the mix, on this machine."""
        timed = Timed(self.settings.device)
        config = self.experiment.config.of_model(len(TASKS), self.experiment.config.seed)
        config = replace(config, iterations=SKIPPED + TIMED)
        self.fit(self.experiment, TASKS, config, Checkpointing(deadline=self.deadline), timed)
        return (timed.times[-1] - timed.times[SKIPPED - 1]) / (len(timed.times) - SKIPPED)

    def restorer(self, name: str, group: Group, steps: int) -> Measured:
        """A restorer with its weights and figures: trained and measured now, or read."""
        file, checkpoint = self.folder / f"{name}.json", self.folder / f"{name}.ckpt"
        if (done := Measured.read(file)) is not None:
            return done
        print(f"{name}: {' + '.join(group)}", flush=True)
        recipe = replace(self.experiment.config, iterations=steps)
        if name == NOISE:  # less is lost by it here than where other kinds are learnt, too
            recipe = replace(recipe, data=CAMERA)
        experiment = replace(self.experiment, config=recipe)
        config = experiment.config.of_model(len(group), experiment.config.seed)
        key = experiment.key(group, 0, torch.device(self.settings.device))
        checkpointing = Checkpointing(checkpoint, key, deadline=self.deadline)
        result = self.fit(experiment, group, config, checkpointing, Told())
        network, device = result.network.to(self.settings.device), self.settings.device
        gains = gains_of(network, self.crops, group, WAYS, device)
        found = Measured(
            experiment.network,
            group,
            config.iterations,
            steps,
            experiment.config.to_json(),
            experiment.start_sha256,
            gains,
            machine(),
            {name: crops.scores(network, group, device) for name, crops in self.sets.items()},
        )
        save_restorer(self.folder / f"{name}.safetensors", result.network, asdict(found), half=True)
        write_text(file, json.dumps(asdict(found), indent=1) + "\n")
        checkpoint.unlink(missing_ok=True)
        if result.interrupted:  # Ctrl-C after the last step
            raise result.interrupted
        return found

    def fit(
        self,
        experiment: Experiment,
        group: Group,
        config: TrainingConfig,
        checkpointing: Checkpointing,
        callbacks: Callbacks,
        measuring: Measuring | None = None,
    ) -> TrainingResult:
        """Train a restorer of these kinds from the start of an experiment, on its data."""
        device = torch.device(self.settings.device)
        batches = experiment.make_batches(group, config.seed, device)
        return train(
            experiment.make_system(group, config.seed),
            batches,
            config,
            device=device,
            measuring=measuring,
            checkpointing=checkpointing,
            callbacks=callbacks,
        )
