"""How a network is trained: everything but the network and the photographs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from grids.errors import GridsError, unknown_name
from grids.training.pair_settings import PHOTOGRAPHS, PRISTINE, PairSettings
from grids.training.samplers import check_sampler

VERSION = 2
"""Raised when training itself changes, so that what older code trained is told apart."""
MOST = 4096
"""Crops in a batch."""
LossName = Literal["l1", "charbonnier", "ssim-l1", "log-mse"]
Schedule = Literal["cosine", "linear", "constant"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
StepsPer = Literal["task", "model"]
LOSSES: tuple[LossName, ...] = get_args(LossName)
"""Names of `grids.training.losses.LOSSES`: this module knows no torch."""
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
LANDING = 1 / 11
"""Share of the steps of the schedule "constant" in which the rate goes down: a further tenth of those before."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
STEPS_PER: tuple[StepsPer, ...] = get_args(StepsPer)


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained: the number of steps, the batches, the optimizer, the loss.

    Args:
        iterations: optimizer steps, at least 1; for each task or for the model, as `steps_per` says (see `steps`).
        crop: side of the square crops, pixels, a multiple of 8 from 16 to 1024.
        batch: crops in a step, 1 to 4096.
        learning_rate: AdamW's, at its peak; more than 0, at most 1.
        final: share of the learning rate that is left at the end, 0 to 1.
        warm_up: share of the iterations in which the learning rate climbs to its peak, 0 to 1.
        betas: AdamW's decay of the mean of the gradients and of the mean of their squares, both in [0, 1).
        weight_decay: AdamW's, 0 or more.
        loss: "l1", "charbonnier", "ssim-l1" or "log-mse", see `grids.training.losses`. Some recipes have losses of
            their own and pass over it.
        precision: "fp32", "bf16", "fp16" (NVIDIA GPUs only, which is checked before a training begins), or "auto": bf16
            where the device computes in it, else fp32.
        clip: the largest norm of all gradients together: longer ones are shortened to it; 0 leaves them as they are.
        accumulate: parts that a batch is computed in, to need less memory; the result is the same up to rounding, but
            for batch norm and critics, which see each part by itself. At most one part for each crop.
        average: decay of the moving average of the weights, in [0, 1). The average is what is measured and kept; 0
            keeps the last weights. In the first steps the decay is smaller.
        seed: of all that is drawn, 0 to 2^63 - 1.
        schedule: of the learning rate. "cosine": down to `final` along half a cosine after the warm-up; "linear": the
            same rate for half of the steps, then straight down; "constant": the same rate but for the last eleventh of
            the steps, so that a training can be extended.
        sampler: which tasks a batch is made of: "mixed", "each", "turns", "cycles" or "temperature", see
            `grids.training.samplers.sampler`.
        data: how inputs and targets are made of crops, see `grids.training.pair_settings.PairSettings`.
        steps_per: "task": a model of k tasks trains k times as long, so that each task gets as many samples as it would
            alone; "model": every model trains as long as any other (GRIDS, section 5.3).

    Raises:
        GridsError: a value is out of range.
        UnknownNameError: the loss, schedule, precision, sampler or `steps_per` is unknown.
    """

    iterations: int = 150
    crop: int = 64
    batch: int = 8
    learning_rate: float = 5e-4
    final: float = 0.01
    warm_up: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    loss: LossName = "l1"
    precision: Precision = "auto"
    clip: float = 1.0
    accumulate: int = 1
    average: float = 0.99
    seed: int = 0
    schedule: Schedule = "cosine"
    sampler: str = "mixed"
    data: PairSettings = PHOTOGRAPHS
    steps_per: StepsPer = "task"

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "accumulate"):
            if getattr(self, name) < 1:
                raise GridsError(f"{name} must be at least 1, but is {getattr(self, name)}")
        if self.batch > MOST:
            raise GridsError(f"batch must be at most {MOST}, but is {self.batch}")
        if not (16 <= self.crop <= 1024 and self.crop % 8 == 0):
            raise GridsError(f"the crop must be a multiple of 8 from 16 to 1024 pixels, but is {self.crop}")
        if not (0 < self.learning_rate <= 1 and math.isfinite(self.learning_rate)):
            raise GridsError(f"the learning rate must be more than 0 and at most 1, but is {self.learning_rate}")
        self._check_shares()
        if not 0 <= self.seed < 2**63:
            raise GridsError(f"seed must be 0 to 2^63 - 1, but is {self.seed}")
        for what, value, known in (
            ("loss", self.loss, LOSSES),
            ("schedule", self.schedule, SCHEDULES),
            ("precision", self.precision, PRECISIONS),
            ("count of steps", self.steps_per, STEPS_PER),
        ):
            if value not in known:
                raise unknown_name(what, value, known)
        check_sampler(self.sampler)

    def _check_shares(self) -> None:
        for name in ("final", "warm_up"):
            if not 0 <= getattr(self, name) <= 1:
                raise GridsError(f"{name} must be 0 to 1, but is {getattr(self, name)}")
        for name in ("clip", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise GridsError(f"{name} must be a number, 0 or more, but is {getattr(self, name)}")
        for name, value in (("average", self.average), *(("betas", beta) for beta in self.betas)):
            if not 0 <= value < 1:
                raise GridsError(f"{name} must be at least 0 and less than 1, but is {value}")
        if len(self.betas) != 2:
            raise GridsError(f"betas must be two numbers, but are {self.betas}")

    def steps(self, tasks: int) -> int:
        """The optimizer steps of a model.

        Args:
            tasks: how many tasks it is trained for, at least 1.

        Returns:
            `iterations`, times `tasks` where `steps_per` is "task".

        >>> import grids
        >>> grids.TrainingConfig(iterations=100).steps(tasks=3)
        300
        """
        return self.iterations * (tasks if self.steps_per == "task" else 1)

    def of_model(self, tasks: int, seed: int) -> TrainingConfig:
        """The settings of one model, with its own number of steps and its own seed.

        Args:
            tasks: how many tasks it is trained for, at least 1.
            seed: of what is drawn in its training, 0 to 2^63 - 1.

        Returns:
            a copy in which `iterations` counts the steps of this model, so that `steps_per` is "model".

        Raises:
            GridsError: the seed is out of range.
        """
        return replace(self, iterations=self.steps(tasks), steps_per="model", seed=seed)

    def rate(self, step: int) -> float:
        """The learning rate of a step.

        First a linear climb to the peak, over `warm_up` of the iterations and one step at least. Then half a cosine
        (GRIDS, section 5.3), or the schedule "linear" (Martyniuk 2019, section 4: constant for half of the epochs, then
        linearly down), or "constant" (warm-up, stable, decay: Hu et al., MiniCPM, 2024).

        Args:
            step: counted from 0, of `iterations` steps: `steps_per` plays no part here, see `of_model`.

        Returns:
            the rate, at most the peak; at the end it comes near to `final` times the peak.

        >>> import grids
        >>> config = grids.TrainingConfig(iterations=100, learning_rate=1e-3, final=0.0, warm_up=0.0)
        >>> round(config.rate(50), 6)
        0.000508
        """
        climb = max(1, round(self.warm_up * self.iterations))
        if step < climb:
            return self.learning_rate * (step + 1) / climb
        done = (step - climb) / max(1, self.iterations - climb)
        low = self.final * self.learning_rate
        if self.schedule != "cosine":
            falling = 0.5 if self.schedule == "linear" else LANDING
            return low + (self.learning_rate - low) * min(1.0, max(0.0, (1 - step / self.iterations) / falling))
        return low + (self.learning_rate - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON, for records and checksums.

        Returns:
            one entry for each field, and "version", which is raised when training itself changes. `steps_per` is left
            out where it is "model", and `data.coarse` and `data.soft` where they are 0: settings from before there
            were such have equal JSON.
        """
        data = asdict(self.data) | {"qualities": list(self.data.qualities)}
        for later in ("coarse", "soft"):
            if not data[later]:
                del data[later]
        found = {"version": VERSION, **asdict(self), "betas": list(self.betas), "data": data}
        if self.steps_per == "model":
            del found["steps_per"]
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingConfig:
        """The settings that `to_json` wrote.

        Args:
            data: its result, also after a way through a JSON file. It is not changed.

        Returns:
            settings equal to those that were written.

        Raises:
            GridsError: they are of another version, an entry is missing, unknown or of the wrong type, or a value is
                out of range.
        """
        given = dict(data)
        if (version := given.pop("version", None)) != VERSION:
            raise GridsError(f"settings of a training of version {version}, but this grids trains by version {VERSION}")
        try:
            data = dict(given["data"])
            given.setdefault("steps_per", "model")
            pairs = PairSettings(**{**data, "qualities": tuple(data["qualities"])})
            return cls(**{**given, "betas": tuple(given["betas"]), "data": pairs})
        except (KeyError, TypeError) as error:
            raise GridsError(f"settings of a training of the wrong form ({error})") from error


BUDGETS: dict[str, TrainingConfig] = {
    # few steps from weights that have come to rest: a higher rate moves them more than it teaches
    "quick": TrainingConfig(learning_rate=5e-5, loss="log-mse"),
    "standard": TrainingConfig(iterations=4000, crop=96, loss="log-mse"),
    # GRIDS, section 5.3: AdamW at 2e-4, warm-up and cosine, batches of 8 crops of 256, 600,000 iterations
    "paper": TrainingConfig(
        iterations=600_000,
        crop=256,
        learning_rate=2e-4,
        final=0.0,
        warm_up=0.005,
        clip=0.0,
        average=0.999,
        data=PRISTINE,
        steps_per="model",
    ),
}
"""The settings of each budget."""
