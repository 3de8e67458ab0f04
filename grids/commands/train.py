"""`grids train`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grids.commands import options, values
from grids.commands.options import declared, shared
from grids.commands.training_options import DATA, TRAINING, RunOptions, SourceOptions, TrainingOptions
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.results import TrainingReport


@dataclass(frozen=True)
class Single:
    """Options of `grids train` that `grids group` does not have.

    Args:
        topology: where the decoders of a recipe's network attach.
        loss: replaces the loss of the budget.
        resume: fail if there is nothing to resume.
    """

    topology: str | None = declared(metavar="TEXT", help="Where decoders attach, e.g. R>B>J>H (liu-durbm).")
    loss: str | None = declared(help="log-mse, l1, charbonnier, ssim-l1.  [default: by budget]")
    resume: bool = shared(options.resume)


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@options.section(DATA)
@options.tasks("Names, separated by commas; all: the paper's eleven, or the recipe's.")
@options.record("sources", SourceOptions, DATA)
@options.record("training", TrainingOptions, TRAINING)
@options.record("single", Single, TRAINING)
@options.section("Output")
@options.weights_file("runs/train/model.safetensors")
@options.as_json("Print the record of the training instead of a table.")
@options.record("run", RunOptions, TRAINING)
@options.reading
@options.seed
def train(
    images: tuple[str, ...],
    tasks: tuple[str, ...] | None,
    sources: SourceOptions,
    training: TrainingOptions,
    single: Single,
    out: Path,
    as_json: bool,
    run: RunOptions,
    reading: options.Reading,
    seed: int,
) -> None:
    """Train one restorer on IMAGES: folders (with all below them), files, or the word `builtin` (the default).

    It starts from the built-in weights of its network, if there are any. The same command resumes a training that was
    interrupted (by Ctrl-C, --time-budget or a crash).

    --data selects the training pairs. photographs: also faint degradations, half of the inputs saved as JPEG of 75 or
    more afterwards, some grey, some clean. camera: the same, with more of the soft detail and coarse grain of cameras,
    for a restorer of noise alone. pristine (as in the papers, implied by --budget paper): degraded clean crops.

    \b
    Examples:
      grids train --tasks gaussian_noise,jpeg photos/
      grids train --tasks poisson_noise,gaussian_noise --data camera photos/
      grids train --network restormer --budget standard photos/ --val others/ --out runs/mine/restormer.safetensors
      grids train --tasks fog,jpeg --pairs fog=foggy/:clear/ photos/ --time-budget 20m
      grids train --tasks rain --start runs/train/model.safetensors --out rain.safetensors
      grids train --recipe liu-durbm photos/ --out runs/liu/model.safetensors
    """
    from grids.pipeline.train import train_restorer
    from grids.reports.training_text import below_text

    reading.use_threads()
    train_this = partial(
        train_restorer,
        values.chosen_images(images),
        sources.of(tasks),
        training.resolve(seed, "standard", single.loss, topology=single.topology),
        val=values.chosen_images(sources.val),
        out=out,
        resume=single.resume,
    )
    report = run_training(train_this, out, run, reading)
    print_training(report, out, "input", as_json, reading)
    if not reading.quiet and (below := below_text(report)):
        options.echo(f"warning: {below}", err=True)
    reading.count_skipped()


def run_training(
    training: Callable[..., TrainingReport], out: Path, run: RunOptions, reading: options.Reading
) -> TrainingReport:
    """Train with a bar, and say how to go on where that is broken off.

    Args:
        training: `train_restorer` or `train_descriptor`, with what is trained.
        out: the file of the weights.
        run, reading: the other arguments.

    Raises:
        GridsError: as the training; or its time is over, with a checkpoint.
    """
    from grids.commands.progress import Steps
    from grids.pipeline.run_folder import RunFolder
    from grids.pipeline.targets import check_targets
    from grids.training.trainer import OutOfTimeError

    folder = RunFolder.of_model(out)
    check_targets([run.log], [out, folder.settings, folder.checkpoint])
    try:
        with Steps(reading.quiet, run.log) as steps:
            return training(reading=reading.options, control=run.control(steps))
    except OutOfTimeError as error:
        raise GridsError(f"{error}: the same command goes on from there") from error
    except KeyboardInterrupt as interrupt:
        if out.with_suffix(".ckpt").exists():
            word = str(interrupt) or "interrupted"
            kept = f"{word}: what was learnt is kept; the same command goes on from there"
            raise click.Abort(kept) from interrupt  # click would make a bare one of KeyboardInterrupt
        raise


def print_training(report: TrainingReport, out: Path, before: str, as_json: bool, reading: options.Reading) -> None:
    """Print what a training reaches: a table and the file of the weights, or JSON.

    Args:
        report: of the training.
        out: the file of the weights.
        before: the heading of what the network was given, "input" or "bicubic".
        as_json: print the report as JSON, also with --quiet.
        reading: says whether text is printed, and where.
    """
    from grids.reports.scores import restorer_text

    if as_json:
        options.echo(json.dumps(report.to_json()))
    else:
        reading.say(restorer_text(report, before))
        reading.say(f"weights  {out}")
