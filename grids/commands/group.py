"""`grids group`: the search over known drops; with photographs, see group_training.py."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grids.commands import options
from grids.commands.options import declared, record, shared
from grids.commands.training_options import DATA, TRAINING, RunOptions, SourceOptions, TrainingOptions
from grids.commands.values import named_pairs
from grids.errors import GridsError

if TYPE_CHECKING:
    from grids.pipeline.group import SearchSettings
    from grids.results import Grouping, Trial
    from grids.search import Planned

STUDY = "study"


def _deltas(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for name, value in named_pairs(given, "--delta-for", "NAME=DB").items():
        try:
            found[name] = float(value)
        except ValueError:
            raise GridsError(f"--delta-for {name} takes a number of dB, not '{value}'") from None
    return found


@dataclass(frozen=True)
class SearchOptions:
    """What groups may lose, and how they are searched for; see `group_degradations`.

    Args:
        delta: the largest drop of a degradation in its group, dB.
        delta_for: another delta for single degradations, dB by name.
        drops: the table of drops, a CSV file, "study" or "paper"; None for "study", or for trainings.
        similarity: a similarity.json, a run folder, or "builtin".
        method: "exact", "paper" or "agglomerative".
        degradations: names; None for all of the matrix, or with trainings for what is usual.
        max_groups: more groups are an error; None for any number.
        all_solutions: list every partition with as few groups that the answers allow.
        no_shortcuts: do not assume that a group is never better than a part of it.
    """

    delta: float = declared(
        type=float, default=0.7, show_default=True, help="Largest drop of a degradation in its group, dB."
    )
    delta_for: dict[str, float] = declared(
        multiple=True, metavar="NAME=DB", callback=_deltas, help="A different delta for one degradation."
    )
    drops: str | None = declared(
        help="A CSV with the columns group (names joined by +), degradation, drop (dB) and, optionally, noise; "
        "`study` (our trainings); or `paper` (GRIDS, for Restormer).  [default: study]"
    )
    similarity: str = declared(
        default="builtin", show_default=True, help="A similarity.json, a run folder, or `builtin`."
    )
    method: str = declared(default="exact", show_default=True, help="exact, paper or agglomerative.")
    degradations: tuple[str, ...] | None = shared(
        options.names("--degradations", help="Names, separated by commas.  [default: all of the matrix]")
    )
    max_groups: int | None = declared(type=click.IntRange(min=1), help="Fail if more groups are needed.")
    all_solutions: bool = declared(is_flag=True, help="List all partitions with the fewest groups.")
    no_shortcuts: bool = declared(is_flag=True, help="Do not assume that a group is never better than a part of it.")

    def settings(self, seed: int | None = None) -> SearchSettings:
        """The same as the pipeline takes it.

        Args:
            seed: of the order of groups whose distances tie; None for that of the trainings.

        Raises:
            GridsError: the method is unknown.
        """
        from grids.pipeline.group import SearchSettings

        shortcuts = not self.no_shortcuts
        return SearchSettings(self.delta, self.method, self.delta_for, shortcuts, self.all_solutions, seed)


@dataclass(frozen=True)
class GroupTraining:
    """What only `grids group IMAGES` knows; see `train_groups`.

    Args:
        only: "upper-bounds" or "search", a part of the work; None for all.
        partition: a groups.json whose groups are trained, without a search; None for a search.
        repeats: seeds that a group is trained with at most, near delta or with very uncertain drops.
        no_early_stop: train groups that are clearly beyond delta to their end.
        allow_below_input: let degradations lose delta even where they then end below their own input.
    """

    only: str | None = declared(help="Do only a part: upper-bounds or search.")
    partition: Path | None = declared(
        "--from", type=Path, metavar="GROUPS.JSON", help="Train the groups of this file, without a search."
    )
    repeats: int = declared(
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="Most seeds for a group with a drop close to delta or very uncertain.",
    )
    no_early_stop: bool = declared(is_flag=True, help="Do not stop trainings of groups that are clearly beyond delta.")
    allow_below_input: bool = declared(
        is_flag=True, help="Let a degradation lose delta even where its restorer alone gains less over the input."
    )


@dataclass(frozen=True)
class Output:
    """What `grids group` writes and prints.

    Args:
        dry_run: print what would be asked for or trained, and write nothing.
        out: the run folder; None for runs/group, or with trainings runs/groups.
        resume: go on with the log of answers that the run folder holds.
        trials: print every group that was asked for, too.
        as_json: print groups.json instead of text.
    """

    dry_run: bool = declared(is_flag=True, help="Only print what would be looked up or trained, and how long.")
    out: Path | None = declared(
        "--out", "-o", type=Path, help="The run folder.  [default: runs/group, with IMAGES runs/groups]"
    )
    resume: bool = declared(
        is_flag=True, help="Continue the trials.sqlite of the run folder (always done with IMAGES)."
    )
    trials: bool = declared(is_flag=True, help="Also print every group that was asked for.")
    as_json: bool = shared(options.as_json("Print groups.json instead of text."))


OF_TRAININGS = (SourceOptions, TrainingOptions, GroupTraining, RunOptions)


@click.command(cls=options.Command)
@click.argument("images", nargs=-1)
@record("search", SearchOptions, "Search")
@record("sources", SourceOptions, DATA)
@record("training", TrainingOptions, TRAINING)
@record("groups", GroupTraining, TRAINING)
@record("run", RunOptions, TRAINING)
@record("output", Output, "Output")
@options.reading
@options.seed
def group(
    images: tuple[str, ...],
    search: SearchOptions,
    sources: SourceOptions,
    training: TrainingOptions,
    groups: GroupTraining,
    output: Output,
    run: RunOptions,
    reading: options.Reading,
    seed: int,
) -> None:
    """Group degradations: find the fewest groups such that one restorer per group loses at most delta dB against
    restorers for single degradations.

    With IMAGES (folders, files or the word `builtin`), restorers are trained and measured on them. Without, the drops
    of groups are looked up in a table; groups that are not in the table are unknown and not used.

    --data selects the training pairs. photographs: also faint degradations, half of the inputs saved as JPEG of 75 or
    more afterwards, some grey, some clean. camera: with more soft detail and coarse grain. pristine (as in the paper,
    implied by --budget paper): degraded clean crops.

    \b
    Examples:
      grids group --delta 0.7
      grids group photos/ --delta 0.7 --time-budget 20m --out runs/mine
      grids group photos/ --from runs/mine --network restormer --budget standard --out runs/restormer
      grids group photos/ --recipe liu-durbm --out runs/liu
      grids group photos/ --pairs fog=foggy/:clear/ --degradations fog,jpeg,gaussian_noise --similarity runs/s
      grids group --delta 0.5 --drops drops.csv --similarity runs/mine --out runs/groups
      grids group --degradations jpeg,gaussian_noise,salt_pepper --method paper --dry-run
    """
    if images or groups.partition is not None:
        from grids.commands.group_training import group_by_training

        group_by_training(images, search, sources, training, groups, output, run, reading, seed)
        return
    _refuse_training_options()
    problem: dict[str, Any] = {
        "search": search.settings(seed),
        "drops": search.drops or STUDY,
        "similarity": search.similarity,
        "degradations": search.degradations,
    }
    if output.dry_run:
        from grids.pipeline.group import plan_grouping

        _print_plan(plan_grouping(**problem), output.as_json)
    else:
        _search(problem, search, output, reading)


def _refuse_training_options() -> None:
    """Raise GridsError for an option of trainings, which need photographs."""
    context = click.get_current_context()
    of_trainings = {field.name for kind in OF_TRAININGS for field in fields(kind)}
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if given and option.name in of_trainings:
            raise GridsError(f"{option.opts[0]} is for trainings: name the photographs to train on, or `builtin`")


def _search(problem: dict[str, Any], search: SearchOptions, output: Output, reading: options.Reading) -> None:
    """Group by known drops, and print the groups."""
    from grids.pipeline.group import group_degradations
    from grids.pipeline.outputs import report_file, stored_grouping
    from grids.reports.grouping_text import grouping_text, trials_text

    out = output.out or Path("runs/group")
    asked: list[Trial] = []
    before = stored_grouping(out)
    with reading.progress(unit="answers") as bar:

        def on_trial(trial: Trial) -> None:
            asked.append(trial)
            bar.update()

        found = group_degradations(
            **problem,
            max_groups=search.max_groups,
            resume=output.resume,
            out=out,
            on_trial=on_trial,
        )
    say_replaced(before, found, out, reading)
    if output.as_json:
        trials = {"trials": [asdict(trial) for trial in found.trials]} if output.trials else {}
        options.echo(json.dumps(found.to_json() | trials))
    elif not reading.quiet:
        options.echo(grouping_text(found))
        if output.trials:
            options.echo(trials_text(found.trials))
        options.echo(f"groups   {out / 'groups.json'}\nreport   {report_file(out)}")
        if output.resume:
            options.echo(f"{found.trainings - len(asked)} of the answers were in {out / 'trials.sqlite'}", err=True)


def say_replaced(before: Grouping | None, found: Grouping, out: Path, reading: options.Reading) -> None:
    """Say on stderr, unless --quiet, which other settings the groups had that a run folder held before.

    Args:
        before: these groups, if there were any.
        found: the new ones.
        out: the run folder.
        reading: whether to be quiet.
    """
    from grids.pipeline.outputs import replaced_text

    if not reading.quiet and (text := replaced_text(before, found)):
        options.echo(f"{out / 'groups.json'} {text} (--out keeps both)", err=True)


def _print_plan(planned: list[Planned], as_json: bool) -> None:
    if as_json:
        options.echo(json.dumps([step._asdict() for step in planned]))
        return
    options.echo(
        "What a search over all groups would ask for, in this order. Verdicts with a ? are not in the table: they\n"
        "are what the distances let expect, and true answers change what follows."
    )
    for number, step in enumerate(planned, 1):
        verdict = step.verdict + ("" if step.known else "?")
        options.echo(f"{number:4d}  S {step.distance:4.2f}  {verdict:10s}  {' + '.join(step.group)}  ({step.why})")
    missing = sum(not step.known for step in planned)
    options.echo(f"{len(planned)} answers, {missing} of them not in the table. Nothing was written.")
