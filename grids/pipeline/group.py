"""From known drops to groups. Nothing here imports torch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grids.errors import GridsError, RunError
from grids.io import make_folder
from grids.pipeline.compare import load_similarity
from grids.pipeline.outputs import write_grouping
from grids.pipeline.run_folder import TRIALS, RunFolder
from grids.results import DeltaStep, Grouping, SimilarityMatrix, Trial
from grids.search import (
    DropTable,
    Planned,
    Problem,
    Search,
    TrialLog,
    find_method,
    groups_over_delta,
    run_search,
    trials_at_hand,
)
from grids.search.drop_table import STUDY
from grids.search.larger import LargerGroups
from grids.search.methods.base import too_many
from grids.search.problem import ENUMERATED, Answer
from grids.search.run import plan_search


@dataclass(frozen=True)
class SearchSettings:
    """Which groups are wanted, and how they are searched for.

    Args:
        delta: the largest drop that a degradation may have in its group, dB, at least 0.
        method: "exact" (the fewest groups), "paper" (GRIDS, Algorithm 1) or "agglomerative" (a baseline).
        delta_for: degradations with a delta of their own, dB.
        shortcuts: suppose that a group is never better than a part of it, and ask for fewer groups.
        all_solutions: list all partitions with as few groups, too.
        seed: of the order of groups whose distances tie; None for 0, or that of the restorers where they are trained.
        allow_below_input: where restorers are trained, a degradation may lose all of delta even if it then ends below
            its own input. Else it may lose no more than its own restorer gains, unless it has a delta of its own.

    Raises:
        UnknownNameError: there is no such method.
    """

    delta: float = 0.7
    method: str = "exact"
    delta_for: Mapping[str, float] = field(default_factory=dict)
    shortcuts: bool = True
    all_solutions: bool = False
    seed: int | None = None
    allow_below_input: bool = False

    def __post_init__(self) -> None:
        find_method(self.method)

    def problem(self, similarity: SimilarityMatrix, seed: int = 0) -> Problem:
        """The grouping problem over some degradations.

        Args:
            similarity: S between them; all of them are grouped.
            seed: of the order of groups whose distances tie, where these settings name none.

        Raises:
            GridsError: delta or the seed is negative or not a number, `delta_for` names an unknown degradation, or
                there are none, or more than 62.
        """
        drawn = seed if self.seed is None else self.seed
        return Problem(similarity, self.delta, dict(self.delta_for), self.shortcuts, seed=drawn)


def group_degradations(
    search: SearchSettings | None = None,
    drops: str | Path | DropTable = STUDY,
    similarity: str | Path | SimilarityMatrix = "builtin",
    *,
    degradations: Sequence[str] | None = None,
    max_groups: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    on_trial: Callable[[Trial], None] | None = None,
) -> Grouping:
    """Group degradations by a table of known drops. Source: GRIDS, section 5.1.

    Args:
        search: delta, and how groups are searched for; the defaults if None.
        drops: a CSV file (columns group, degradation, drop and, if wanted, noise; see DropTable.load), "study" for the
            trainings of our own study, or "paper" for the drops that GRIDS published for Restormer. Groups that it
            does not hold are unknown, and left out; but for "exact" a part of a larger group has the drops of that
            group's restorer, where all drops of the part are within delta.
        similarity: a matrix, a run folder, a similarity.json, or "builtin". It decides in which order groups are
            looked up, and so what "paper" and "agglomerative" find.
        degradations: names, for some of the matrix only.
        max_groups: an error where more are needed.
        out: a run folder, for groups.json, trials.sqlite, report.html and the figures; made if needed.
        resume: go on with the trials.sqlite of `out`; without, an earlier log of a table is replaced.
        on_trial: called after every answer.

    Returns:
        The partition, with its certificate and all that was asked for.

    Raises:
        GridsError: a name, value or file is wrong, or there is no partition; the message names it.
    """
    if max_groups is not None and max_groups < 1:
        raise GridsError(f"the number of groups must be at least 1, but is {max_groups}")
    wanted = search or SearchSettings()
    known = _known(wanted, drops, similarity, degradations)
    table, problem, answers = known.table, known.problem, known.answers
    with contextlib.ExitStack() as stack:
        if out is not None:
            stack.enter_context(RunFolder(Path(out)).working())
        log = stack.enter_context(contextlib.closing(_log(Path(out), table, resume))) if out is not None else None
        running = Search(problem, wanted.method, log=log)
        _tell_singles(running, table)
        if wanted.method == "exact" and problem.n > ENUMERATED:  # it would ask for every group: read the table at once
            running.know(answers)
        run_search(running, replace(table, answers=answers), on_trial=on_trial)
        found = running.result(all_solutions=wanted.all_solutions, at_hand=answers)
        settings = {
            "source": table.source,
            "drops_sha256": table.sha256,
            "groups_in_the_table": sum(len(group) > 1 for group in table.answers),
            "similarity": str(similarity) if isinstance(similarity, (str, Path)) else "given",
        }
        if served := known.served_by(found):
            settings["served_by"] = served
        found = replace(found, settings={**settings, **found.settings})
        recorded = {problem.mask(group): answer for group, answer in table.answers.items()}
        steps = groups_over_delta(problem, recorded, known.larger)
        check_count(found, max_groups, steps)
        if out is not None:
            asked = {trial.group for trial in found.trials}
            at_hand = trials_at_hand(problem, table.answers)
            others = [trial for trial in at_hand if trial.group not in asked]
            write_grouping(found, problem.similarity, out, steps=steps, others=others)
        return found


def plan_grouping(
    search: SearchSettings | None = None,
    drops: str | Path | DropTable = STUDY,
    similarity: str | Path | SimilarityMatrix = "builtin",
    *,
    degradations: Sequence[str] | None = None,
) -> list[Planned]:
    """List the groups that a search would ask for, those that the table lacks included. Nothing is written.

    Answers that the table holds are used; the others are supposed to come out as the distances let expect. So it tells
    which trainings would be wanted first.

    Args:
        search, drops, similarity, degradations: as for `group_degradations`.

    Returns:
        The groups in the order of the questions, with the mean of S, the verdict, and whether that is known.

    Raises:
        GridsError: as for `group_degradations`.
    """
    wanted = search or SearchSettings()
    known = _known(wanted, drops, similarity, degradations)
    return plan_search(replace(known.problem, askable=None), wanted.method, known.answers)


@dataclass(frozen=True)
class _Known:
    """A problem, and what a table says of it.

    Args:
        problem: over the degradations that are wanted.
        table: of their groups.
        larger: their groups that are parts of larger ones.
        answers: of both; of parts only those within delta.
        order: of the names of all degradations.
    """

    problem: Problem
    table: DropTable
    larger: LargerGroups
    answers: Mapping[frozenset[str], Answer]
    order: tuple[str, ...]

    def served_by(self, found: Grouping) -> dict[str, list[str]]:
        """The groups of a partition that have the drops of a larger one's restorer: their names, and that group."""
        masks = {group.id: self.problem.mask(group.degradations) for group in found.groups}
        servers = {name: self.larger.server(mask) for name, mask in masks.items()}
        return {name: sorted(server, key=self.order.index) for name, server in servers.items() if server}


def _known(
    search: SearchSettings,
    drops: str | Path | DropTable,
    similarity: str | Path | SimilarityMatrix,
    degradations: Sequence[str] | None,
) -> _Known:
    matrix = similarity if isinstance(similarity, SimilarityMatrix) else load_similarity(similarity)
    whole = drops if isinstance(drops, DropTable) else DropTable.load(drops)
    whole.check_names(matrix.degradations)
    some = matrix if degradations is None else matrix.subset(tuple(degradations))
    problem = search.problem(some)
    table = whole if degradations is None else whole.subset(degradations)
    larger = LargerGroups(problem, whole.answers if search.method == "exact" else {})  # others as they are published
    parts = {frozenset(problem.names(mask)): answer for mask, answer in larger.at().items()}
    answers = {**parts, **table.answers}
    held = frozenset(problem.mask(group) for group in answers if len(group) > 1)
    return _Known(replace(problem, askable=held), table, larger, answers, matrix.degradations)


def check_count(found: Grouping, most: int | None, steps: Sequence[DeltaStep]) -> None:
    """Check the number of groups that were found against the number that is wanted.

    Args:
        found: the partition.
        most: the largest number of groups; None for any.
        steps: how many groups each delta takes, by rising delta, for a hint; may be empty.

    Raises:
        GridsError: there are more groups; the message names the delta that would do, if a larger one does.
    """
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
    identity = TrialLog.identity_of(file)
    if not resume and identity is not None and identity.get("evaluator") != "table":
        raise RunError(f"'{file}' holds answers of trainings: `resume` goes on with them, or choose another folder")
    return TrialLog(file, {"evaluator": "table", "drops_sha256": table.sha256[:16]}, replace=not resume)
