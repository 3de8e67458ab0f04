"""`grids evaluate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from grids.commands import options, values
from grids.commands.options import declared, shared
from grids.io import STDIO, write_text


@dataclass(frozen=True)
class EvaluationData:
    """What a restorer is measured on, beside IMAGES; see `evaluate_restorer`.

    Args:
        tasks: names; None for those of the model.
        network: a preset of `grids.networks.TABLE`; None if the file says which.
        pairs: tasks from two folders, "INPUTS:TARGETS" by name.
        functions: degradations of the user's own, "FILE.py:FUNCTION" by name.
        as_made: do not also measure after JPEG 90.
    """

    tasks: tuple[str, ...] | None = shared(options.tasks("Names, separated by commas; all: the tasks of the model."))
    network: str | None = declared(help="Network of MODEL, if its file does not say; see `grids networks`.")
    pairs: dict[str, str] = shared(options.pairs("Two folders with real images of a task, or of a new one."))
    functions: dict[str, str] = shared(options.plugins("A function of your own, as one more task."))
    as_made: bool = declared(is_flag=True, help="Do not also measure after JPEG 90 (takes half the time).")


@click.command(cls=options.Command)
@click.argument("model", type=Path)
@click.argument("images", nargs=-1)
@options.record("data", EvaluationData, "Data")
@options.section("Output")
@click.option("--csv", type=Path, metavar="FILE", help="Write the scores of every photograph.")
@options.as_json("Print JSON instead of a table.")
@options.device
@options.reading
@options.seed
def evaluate(
    model: Path,
    images: tuple[str, ...],
    data: EvaluationData,
    csv: Path | None,
    as_json: bool,
    device: str,
    reading: options.Reading,
    seed: int,
) -> None:
    """Measure MODEL, the file of a restorer, on whole photographs, IMAGES: folders, files, or the word `builtin`
    (the default).

    Prints PSNR and SSIM (RGB, 8 bits, no border cut) before and after restoring, for each task: of the degraded
    photographs, and of the same photographs saved once as JPEG 90 (4:2:0), because most photographs are JPEGs.

    \b
    Examples:
      grids evaluate runs/train/model.safetensors photos/
      grids evaluate runs/train/model.safetensors photos/ --tasks jpeg,ringing --csv scores.csv
      grids evaluate fog.safetensors --tasks fog --pairs fog=foggy/:clear/
      grids evaluate model.safetensors --tasks rain --pairs rain=rainy/:clear/          # real images of a known task
      grids evaluate NAFNet-SIDD-width32.pth photos/ --tasks gaussian_noise          # as published
    """
    from grids.pipeline.evaluate import evaluate_restorer
    from grids.pipeline.inputs import TaskSources, pair_files, photo_paths
    from grids.pipeline.targets import check_targets
    from grids.reports.scores import evaluation_text

    reading.use_threads()
    reading.pipe(csv, as_json)
    chosen = values.chosen_images(images)
    if csv is not None:
        check_targets([csv], [model, *photo_paths(chosen), *pair_files(data.pairs)])
    with reading.progress() as bar:
        found = evaluate_restorer(
            model,
            chosen,
            TaskSources(data.tasks, data.functions, data.pairs),
            network=data.network,
            as_made=data.as_made,
            seed=seed,
            device=device,
            reading=reading.options,
            on_score=lambda _: bar.update(),
        )
    if csv is not None:
        write_text(csv, found.to_csv())
    if as_json:
        options.echo(json.dumps(found.to_json()))
    else:
        reading.say(evaluation_text(found))
        if csv not in (None, STDIO):
            reading.say(f"every photograph  {csv}")
    reading.count_skipped()
