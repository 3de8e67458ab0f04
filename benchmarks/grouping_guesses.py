"""The parts of `grouping.py` about the guesses of `exact` at groups that nobody has asked for yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import numpy as np
from common import table
from grouping_outcomes import ELEVEN, Outcome, part_of, percent, solve
from simulated import DELTA, LAWS, Law, Simulated, simulate_law

import grids
from grids.results import FloatArray
from grids.search import Answer, DropTable, Problem, Search
from grids.search.answers import BEYOND, WITHIN, Answers
from grids.search.drop_model import learn_from
from grids.search.methods import exact
from grids.search.run import best_so_far, run_search
from grids.search.surrogate import BeyondSurrogate

EARLIER = Path(__file__).parent / "study" / "nafnet-250.csv"
ERROR = 0.05
"""dB, of the drops under several laws."""
GUESSES = {"verdicts": BeyondSurrogate, "drops": learn_from}
"""By what they learn from."""
Known = Mapping[frozenset[str], Answer]
COUNTS = (0, 10, 30, 80)
"""Answers that are learnt from."""
AFTER = (5, 10, 15, 20, 30)
"""Answers."""


def laws(problems: int) -> None:
    """How much training it saves to learn from drops, not only from verdicts."""
    count = part_of(problems, 0.2)
    print(f"\nn = {ELEVEN}, {count} problems for each law, errors of {ERROR:g} dB; `exact`, told of the mix first.")
    print("The mix counts. The laws other than clusters are of the form of the model of drops itself.\n")
    rows = []
    for law in LAWS:
        found = {what: searched(law, guess, count) for what, guess in GUESSES.items()}
        tasks = {what: np.array([trained_tasks(one) for one in some]) for what, some in found.items()}
        saved = tasks["verdicts"] - tasks["drops"]
        error = saved.std(ddof=1) / len(saved) ** 0.5
        for what, some in found.items():
            answers = [one.found.trainings for one in some]
            cells = f"{np.mean(answers):.1f}", max(answers), f"{tasks[what].mean():.0f}"
            fewer = "-" if what == "verdicts" else f"{saved.mean():.0f} ± {error:.0f}"
            rows.append((law, what, *cells, fewer, percent(one.within for one in some)))
    header = ("law", "learns from", "answers: mean", "most", "their tasks: mean", "fewer", "truly within")
    print(table(header, rows), flush=True)


def searched(law: Law, guess: object, count: int) -> list[Outcome]:
    """Searches that guess in this way."""
    with mock.patch.object(exact, "learn_from", guess):
        return [solve(simulate_law(law, ELEVEN, seed, ERROR), "exact", mix=True) for seed in range(count)]


def trained_tasks(outcome: Outcome) -> int:
    """The tasks of all groups that were asked for: what trainings cost with equal steps for each task."""
    return sum(len(trial.group) for trial in outcome.found.trials)


def anytime(problems: int) -> None:
    """How few groups there are after so many answers, by `Problem.anytime` or without."""
    count = part_of(problems, 0.1)
    print(f"\nn = {ELEVEN}, {count} problems for each law, errors of {ERROR:g} dB; `exact`, told of the mix first.\n")
    rows = []
    for law in LAWS:
        for way in (False, True):
            runs = [groups_on_the_way(simulate_law(law, ELEVEN, seed, ERROR), way) for seed in range(count)]
            on_the_way = (np.mean([found[min(after, len(found) - 1)] for found, _ in runs]) for after in AFTER)
            ends = np.mean([(found[-1], len(found) - 1, tasks) for found, tasks in runs], 0)
            rows.append((law, "anytime" if way else "-", *(f"{mean:.1f}" for mean in (*on_the_way, *ends))))
    head = ("law", "", *(f"groups after {after}" for after in AFTER), "at the end", "answers", "their tasks")
    print(table(head, rows), flush=True)


def groups_on_the_way(simulated: Simulated, way: bool) -> tuple[list[int], int]:
    """The groups of the best partition after every answer, and the tasks of all groups that were asked for."""
    search = Search(Problem(simulated.similarity, DELTA, anytime=way))
    everything = frozenset(simulated.similarity.degradations)
    search.tell(everything, *simulated(everything))
    found = [len(best_so_far(search))]
    run_search(search, simulated, on_trial=lambda trial: found.append(len(best_so_far(search))))
    return found, sum(len(trial.group) for trial in search.trials)


def recorded(problems: int) -> None:
    """How well the verdicts on the trainings of the study of 250 steps are guessed from some of them."""
    answers, similarity = DropTable.load(EARLIER).answers, grids.builtin_similarity()
    orders = part_of(problems, 0.2)
    print(f"\nnafnet-250, trainings of {len(answers)} groups in {orders} orders; some are told, others guessed;")
    print("mean log-loss, with the standard error over orders; a coin has 0.69.\n")
    rows = []
    for delta in (0.3, 0.5, 0.7, 1.0):
        for what in GUESSES:
            losses = np.array([losses_of(what, delta, seed, answers, similarity) for seed in range(orders)])
            errors = losses.std(0, ddof=1) / orders**0.5
            cells = (f"{mean:.2f} ± {error:.2f}" for mean, error in zip(losses.mean(0), errors, strict=True))
            rows.append((f"{delta:g}", what, *cells))
    print(table(("delta, dB", "learns from", *(f"{count} answers" for count in COUNTS)), rows), flush=True)


def losses_of(what: str, delta: float, seed: int, known: Known, similarity: grids.SimilarityMatrix) -> FloatArray:
    """The log-loss on the groups that come after so many (`COUNTS`) in an order."""
    problem = Problem(similarity, delta)
    groups = [group for group in known if len(group) > 1]
    order = np.random.default_rng(seed).permutation(len(groups))
    found = []
    for count in COUNTS:
        told, asked = Answers(problem), Answers(problem)
        told.know({groups[i]: known[groups[i]] for i in order[:count]})
        asked.know({groups[i]: known[groups[i]] for i in order[max(COUNTS) :]})  # the same ones for every count
        masks = asked.having(WITHIN) + asked.having(BEYOND)
        beyond = np.array([asked.verdicts[mask] == BEYOND for mask in masks])
        p = GUESSES[what](problem, told).beyond(masks)
        found.append(float(-np.log(np.where(beyond, p, 1 - p)).mean()))
    return np.array(found)
