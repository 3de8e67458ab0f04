"""What mixes with what: single tasks, mixes, pairs and larger groups, trained from one start with equal steps a task.

    python benchmarks/mixing.py train [--folder runs/mixing] [--hours 11] [--worker 0/2] [--groups A+B C+D]
    python benchmarks/mixing.py report [--folder runs/mixing]      # tables, as Markdown
    python benchmarks/mixing.py export [--folder runs/mixing]  # study/unet-1000.jsonl, its card, the table that ships

Every training that ends is a line of FOLDER/records-K.jsonl; with those of the committed file it is never done again.
A training that was broken off goes on. Workers K of N take what is next and no other has (with --only singles, every
N-th). --groups are trained before the plan. The search for the fewest groups is done at several deltas, and what it
asks for is trained, too. After --hours (of one core, all workers together; on a GPU, time on the clock) no further one
begins. Restorers are measured at their end, on crops of 128 pixels of split val, three a photograph, as made and saved
as JPEG 90; those of the paper's Table 1 on the middles of Kodak24 and bsds100, too. The weights of the single tasks
stay in the folder: `train --only singles` makes them again. `train --only second-seeds` comes before the rest of the
plan: the second seeds of ten groups of three to six.

One core: OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE nice python benchmarks/mixing.py train
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import torch
from common import (
    WEIGHTS,
    add_work_options,
    append_record,
    machine,
    parse_work,
    parser,
    read_records,
)
from crops import SETS, WAYS, Crops
from from_start_settings import Found, Settings
from from_start_training import FromStart
from hours import Counted, Hours, clock_of
from mixing_drops import table_of
from mixing_export import export
from mixing_plan import (
    SEARCHED_DELTAS,
    first_plan,
    is_in_table,
    is_measured_half_way,
    longer_plan,
    models_plan,
    next_plan,
    other_pairs,
    searched,
    second_seeds,
)
from mixing_report import report
from mixing_trials import FILE, STEPS, Asked, Group, Records, Trained, read
from torch import nn

from grids.degradations import ELEVEN as TASKS
from grids.errors import GridsError, InUseError
from grids.io import locked
from grids.restoration.models import save_restorer
from grids.search.drop_table import JOIN
from grids.training.checkpoint import Checkpointing
from grids.training.config import TrainingConfig
from grids.training.trainer import Measuring, OutOfTimeError
from grids.weights import sha256

CROPS = 3
"""Of every photograph that restorers are measured on."""


class Mixing:
    """The trainings of the plan, in their folder.

    Args:
        chosen: the options of the command line.
    """

    def __init__(self, chosen: argparse.Namespace) -> None:
        settings = Settings(
            chosen.network,
            chosen.start,
            STEPS,
            chosen.hours,
            chosen.device,
            chosen.crop,
            chosen.batch,
            chosen.crops,
        )
        self.chosen, self.folder = chosen, Path(chosen.folder)
        self.trainer = FromStart(self.folder, settings)
        self.settings = settings_of(self.folder)

    @cached_property
    def crops(self) -> Crops:
        return Crops.val(self.chosen.crops)

    @cached_property
    def sets(self) -> Mapping[str, Crops]:
        return {name: Crops.middles(name) for name in SETS}

    @cached_property
    def deadline(self) -> float:
        """Of `--seconds`, which are those of trainings: photographs are read before."""
        assert self.trainer.experiment
        return time.monotonic() + float(self.chosen.seconds)

    def records(self) -> Records:
        """All that is trained, by this worker and others, here and in the committed file."""
        return records_of(self.folder)

    def train(self) -> None:
        """What this worker is to train; one process for each worker."""
        with locked(self.folder, self.folder / f".lock-{self.chosen.worker[0]}"):
            if self.chosen.only == "singles":
                self.train_singles()
            else:
                self.train_plan()

    def train_plan(self) -> None:
        """Whatever is missing and no other worker has at hand, until the hours are spent or nothing is left."""
        while True:
            with self.claimed() as asked:
                if asked is None:
                    break
                spent = sum(one.hours for one in self.records().values())
                if spent >= self.chosen.hours:
                    raise OutOfTimeError(f"{spent:.1f} hours are spent")
                self.train_one(asked)
        others = next(self.missing(), None)
        print("all is trained" if others is None else "other workers come first: the same command goes on after them")

    @contextlib.contextmanager
    def claimed(self) -> Iterator[Asked | None]:
        """The next training that is missing and that no other worker has at hand; None where there is none."""
        for asked in self.missing():
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(self.lock_of(asked))
                except InUseError:
                    continue
                if asked not in self.records():
                    yield asked
                    return
        yield None

    def lock_of(self, asked: Asked) -> contextlib.AbstractContextManager[object]:
        """For one worker at a time; InUseError where another one has it."""
        return locked(self.folder, self.folder / f".{asked.name}.lock")

    def missing(self) -> Iterator[Asked]:
        """What is not trained yet, in its order."""
        done = self.records()
        plan = second_seeds(done) if self.chosen.only == "second-seeds" else self.plan(done)
        yield from (asked for asked in plan if asked not in done)

    def plan(self, done: Records) -> Iterator[Asked]:
        """Everything, in its order; what hangs on the groups found only when nothing is missing before."""
        missing = False
        for asked in itertools.chain(map(Asked, self.chosen.groups), first_plan(), searched(done, SEARCHED_DELTAS[:1])):
            missing = missing or asked not in done
            yield asked
        if not missing:
            yield from models_plan(Found.of(table_of(done)).groups)
            yield from second_seeds(done)
        yield from itertools.chain(next_plan(), other_pairs(), searched(done, SEARCHED_DELTAS[1:]), longer_plan())

    def train_singles(self) -> None:
        """The restorers of one task, of the first seed, whose weights are not in the folder."""
        worker, workers = self.chosen.worker
        for task in TASKS[worker::workers]:
            asked = Asked((task,))
            if not self.weights_of(asked).exists():
                with self.lock_of(asked):
                    self.train_one(asked)

    def weights_of(self, asked: Asked) -> Path:
        return self.folder / f"{asked.name}.safetensors"

    def train_one(self, asked: Asked) -> None:
        """Train a restorer, or go on; measure it, and write its line."""
        print(f"{time.strftime('%H:%M:%S')} {asked.name}", flush=True)
        plain = self.trainer.experiment
        recipe = replace(plain.config, iterations=asked.steps, steps_per=asked.per)
        experiment = replace(plain, config=recipe)
        config = recipe.of_model(len(asked.group), recipe.seed + asked.seed)
        device = self.chosen.device
        key = experiment.key(asked.group, asked.seed, torch.device(device))
        checkpoint = self.folder / f"{asked.name}.ckpt"
        measuring = Measuring((config.iterations // 2,), lambda network: self.means(network, asked))
        told = Counted(Hours(self.folder / f"{asked.name}.hours.csv", clock_of(device)))
        try:
            result = self.trainer.fit(
                experiment,
                asked.group,
                config,
                Checkpointing(checkpoint, key, deadline=self.deadline),
                told,
                measuring if is_measured_half_way(asked) else None,
            )
        finally:
            told.write()
        network = result.network.to(device)
        found = self.crops.scores(network, asked.group, device)
        sets = self.sets if is_in_table(asked) else {}
        elsewhere = {name: one.scores(network, asked.group, device) for name, one in sets.items()}
        half = dict(result.curve[0].psnr) if result.curve else {}
        trained = Trained(asked, found, elsewhere, half, round(told.write(), 4), machine(), self.settings)
        if len(asked.group) == 1 and (asked.seed, asked.steps) == (0, STEPS):
            save_restorer(
                self.weights_of(asked), result.network, {**asdict(trained), "preset": plain.network}, half=True
            )
        if asked not in self.records():
            append_record(self.folder / f"records-{self.chosen.worker[0]}.jsonl", trained.to_json())
        checkpoint.unlink(missing_ok=True)
        told.hours.file.unlink(missing_ok=True)
        if result.interrupted:
            raise result.interrupted

    def means(self, network: nn.Module, asked: Asked) -> Mapping[str, float]:
        """PSNR as made, the mean over all photographs."""
        each = {task: self.crops.psnr(network, task, WAYS[0], self.chosen.device) for task in asked.group}
        return {task: sum(values) / len(values) for task, values in each.items()}


def group_of(text: str) -> Group:
    """The tasks of an option, in their order."""
    names = text.split(JOIN)
    if unknown := set(names) - {*TASKS}:
        raise argparse.ArgumentTypeError(f"unknown tasks: {', '.join(sorted(unknown))} (known: {', '.join(TASKS)})")
    return tuple(task for task in TASKS if task in names)


def settings_of(folder: Path) -> str:
    """The checksum of the settings of a folder; where there are none, that of the committed file."""
    file = folder / "settings.json"
    if file.exists():
        return sha256(file)
    return next((str(record["settings"]) for record in read_records(FILE)), "")


def records_of(folder: Path) -> Records:
    """The trainings of the settings of a folder, in it and in the committed file."""
    return read(settings_of(folder), FILE, *sorted(folder.glob("records-*.jsonl")))


def main(given: Sequence[str] | None = None) -> None:
    try:
        run(given)
    except GridsError as error:
        raise SystemExit(f"mixing: {error}") from error


def run(given: Sequence[str] | None) -> None:
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "report", "export"))
    options.add_argument("--folder", type=Path, default=Path("runs/mixing"))
    options.add_argument(
        "--only",
        choices=("singles", "second-seeds"),
        help="the weights of the single tasks that are missing; the second seeds of groups of three to six",
    )
    options.add_argument("--groups", nargs="+", type=group_of, default=(), help="tasks joined by +, before the plan")
    options.add_argument("--start", type=Path, default=WEIGHTS / "unet_start.safetensors", help="what all start from")
    options.add_argument("--network", default="unet")
    options.add_argument("--hours", type=float, default=11.0, help="of all trainings together")
    options.add_argument("--crop", type=int, default=TrainingConfig.crop)
    options.add_argument("--batch", type=int, default=TrainingConfig.batch)
    options.add_argument("--crops", type=int, default=CROPS, help="of every photograph that is measured on")
    add_work_options(options)
    chosen = parse_work(options, given)
    if chosen.what == "train":
        print(machine(), flush=True)
        try:
            Mixing(chosen).train()
        except OutOfTimeError as error:
            print(f"{error}: the same command goes on")
        return
    records = records_of(chosen.folder)
    if not records:
        raise SystemExit(f"mixing: nothing is trained yet in '{chosen.folder}'")
    if chosen.what == "export":
        export(chosen.folder, records, Crops.val(chosen.crops))
    print(report(records))


if __name__ == "__main__":
    main()
