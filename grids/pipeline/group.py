"""From known drops to groups, and the files of a grouping. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from grids.errors import GridsError, RunError, unknown_name
from grids.io import make_folder, write_text
from grids.pipeline.matrices import load_similarity
from grids.reports.grouping import counted
from grids.results import DeltaStep, Grouping, SimilarityMatrix, TrainingReport, Trial
from grids.search import (
    METHODS,
    DropTable,
    Planned,
    Problem,
    Search,
    TrialLog,
    groups_over_delta,
    run_search,
    trials_at_hand,
)
from grids.search.drop_table import STUDY
from grids.search.dry_run import plan
from grids.search.problem import ENUMERATED
from grids.search.search import too_many

TRIALS = "trials.sqlite"


def group_degradations(
    delta: float = 0.7,
    drops: str | Path | DropTable = STUDY,
    similarity: str | Path | SimilarityMatrix = "builtin",
    *,
    method: str = "exact",
    degradations: Sequence[str] | None = None,
    delta_for: Mapping[str, float] | None = None,
    shortcuts: bool = True,
    max_groups: int | None = None,
    all_solutions: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    on_trial: Callable[[Trial], None] | None = None,
) -> Grouping:
    """Group degradations by a table of known drops. Source: GRIDS, section 5.1.

    Args:
        delta: the largest drop that a degradation may have in its group, dB, at least 0.
        drops: a CSV file (columns group, degradation, drop and, if wanted, noise; see DropTable.load), "study" for the
            trainings of our own study, or "paper" for the drops that GRIDS published for Restormer. Groups that it
            does not hold are unknown, and left out.
        similarity: a matrix, a run folder, a similarity.json, or "builtin". It decides in which order groups are
            looked up, and so what "paper" and "agglomerative" find.
        method: "exact" (the fewest groups), "paper" (GRIDS, Algorithm 1) or "agglomerative" (a baseline).
        degradations: names, for some of the matrix only.
        delta_for, shortcuts, max_groups, all_solutions, seed, on_trial: as for `search_groups`.
        out: a run folder, for groups.json, trials.sqlite, report.html and the figures; made if needed.
        resume: go on with the trials.sqlite of `out`; without, an earlier log of a table is replaced.

    Returns:
        The partition, with its certificate and all that was asked for.

    Raises:
        GridsError: a name, value or file is wrong, or there is no partition; the message names it.
    """
    if max_groups is not None and max_groups < 1:
        raise GridsError(f"the number of groups must be at least 1, but is {max_groups}")
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    table, problem = _problem(drops, similarity, degradations, delta, delta_for, shortcuts, seed)
    log = _log(Path(out), table, resume) if out is not None else None
    try:
        search = Search(problem, method, log=log)
        _tell_singles(search, table)
        if method == "exact" and problem.n > ENUMERATED:  # it would ask for every group: read the table at once
            search.know(table.answers)
        run_search(search, table, on_trial=on_trial)
        found = search.result(all_solutions=all_solutions, at_hand=table.answers)
    finally:
        if log is not None:
            log.close()
    settings = {
        "source": table.source,
        "drops_sha256": table.sha256,
        "groups_in_the_table": len(problem.askable or ()),
        "similarity": str(similarity) if isinstance(similarity, (str, Path)) else "given",
    }
    found = replace(found, settings={**settings, **found.settings})
    steps = groups_over_delta(problem, {problem.mask(group): answer for group, answer in table.answers.items()})
    check_count(found, max_groups, steps)
    if out is not None:
        asked = {trial.group for trial in found.trials}
        at_hand = trials_at_hand(problem, table.answers)
        others = [trial for trial in at_hand if trial.group not in asked]
        write_grouping(found, problem.similarity, out, steps=steps, others=others)
    return found


def plan_grouping(
    delta: float = 0.7,
    drops: str | Path | DropTable = STUDY,
    similarity: str | Path | SimilarityMatrix = "builtin",
    *,
    method: str = "exact",
    degradations: Sequence[str] | None = None,
    delta_for: Mapping[str, float] | None = None,
    shortcuts: bool = True,
    seed: int = 0,
) -> list[Planned]:
    """In which order a search over all groups would ask, those that the table lacks included.

    Answers that the table holds are used; the others are supposed to come out as the distances let expect. So it tells
    which trainings would be wanted first. Args and errors are those of `group_degradations`; nothing is written.
    """
    table, problem = _problem(drops, similarity, degradations, delta, delta_for, shortcuts, seed)
    return plan(replace(problem, askable=None), method, table.answers)


def write_grouping(
    grouping: Grouping,
    similarity: SimilarityMatrix,
    out: str | Path,
    *,
    steps: Sequence[DeltaStep] = (),
    others: Sequence[Trial] = (),
    training: TrainingReport | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> dict[str, Path]:
    """Write what a run folder shows of a grouping.

    Args:
        grouping: what was found.
        similarity: S between its degradations, for the graph.
        out: the run folder, made if needed.
        steps: the number of groups over delta (`grids.search.groups_over_delta`), for the page and a figure.
        others: groups with an answer that was not asked for, for the picture of drops.
        training, pictures: the restorers behind the drops, for the page; see `grouping_page`.

    Returns:
        The files by name: groups.json, partition.png, partition.svg, drops.png, drops.svg, delta.png and delta.svg
        (with steps), report.html (groups.html in the folder of a similarity run, whose page stays).

    Raises:
        GridsError: a file cannot be written.
    """
    from grids.pipeline.figures import write_figures  # matplotlib takes half a second
    from grids.reports.drops import drop_against_distance
    from grids.reports.drops import groups_over_delta as draw_steps
    from grids.reports.graph import draw_graph
    from grids.reports.html import grouping_page

    folder = make_folder(Path(out))
    written = {"groups.json": grouping.save(folder / "groups.json")}
    figures = {
        "partition": draw_graph(similarity, groups=grouping.partition),
        "drops": drop_against_distance(grouping, others),
    }
    if steps:
        figures["delta"] = draw_steps(steps, grouping.delta)
    written |= write_figures(folder, figures)
    title = f"{counted(len(grouping), 'group')} for {counted(len(similarity), 'degradation')}"
    page = grouping_page(
        grouping, similarity, title=title, steps=steps, others=others, training=training, pictures=pictures
    )
    report = report_file(folder)
    return written | {report.name: write_text(report, page)}


def report_file(folder: Path) -> Path:
    """The page of a grouping: report.html, or groups.html where that is the page of a similarity matrix."""
    return folder / ("groups.html" if (folder / "similarity.json").exists() else "report.html")


def _problem(
    drops: str | Path | DropTable,
    similarity: str | Path | SimilarityMatrix,
    degradations: Sequence[str] | None,
    delta: float,
    delta_for: Mapping[str, float] | None,
    shortcuts: bool,
    seed: int,
) -> tuple[DropTable, Problem]:
    matrix = similarity if isinstance(similarity, SimilarityMatrix) else load_similarity(similarity)
    table = drops if isinstance(drops, DropTable) else DropTable.load(drops)
    table.check_names(matrix.degradations)
    if degradations is not None:
        matrix = matrix.subset(tuple(degradations))
        table = table.within(matrix.degradations)
    problem = Problem(matrix, delta, dict(delta_for or {}), shortcuts, seed=seed)
    held = frozenset(problem.mask(group) for group in table.answers if len(group) > 1)
    return table, replace(problem, askable=held)


def check_count(found: Grouping, most: int | None, steps: Sequence[DeltaStep]) -> None:
    """Raise GridsError for more groups than wanted, with the delta that would do."""
    if most is None or len(found) <= most:
        return
    enough = next((step.delta for step in steps if step.groups <= most), None)
    hint = f"; delta {enough:g} dB would do" if enough is not None and enough > found.delta else ""
    raise too_many(len(found), most, found.delta, hint)


def _tell_singles(search: Search, table: DropTable) -> None:
    """A table may say what a restorer for one degradation loses; otherwise that is nothing."""
    for group, answer in table.answers.items():
        if len(group) == 1:
            search.tell(group, answer.drops, answer.noise)


def _log(out: Path, table: DropTable, resume: bool) -> TrialLog:
    """The log of a run folder: the one that is there, or a new one. What can be looked up again may be replaced."""
    file = make_folder(out) / TRIALS
    if resume and not file.exists():
        raise RunError(f"there is nothing to resume: '{file}' does not exist")
    if not resume and file.exists():
        if (user := TrialLog.in_use(file)) is not None:
            raise RunError(f"'{file}' is in use by {user}: --resume joins that search, or choose another folder")
        identity = TrialLog.identity_of(file) or {}
        if identity.get("evaluator") != "table":
            raise RunError(f"'{file}' holds answers of trainings: --resume goes on with them, or choose another folder")
        try:
            file.unlink()
        except OSError as error:
            raise RunError(f"cannot replace '{file}': {error.strerror or error}") from error
    return TrialLog(file, {"evaluator": "table", "drops_sha256": table.sha256[:16]})
