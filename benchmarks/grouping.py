"""How few groups each search method finds, how many answers it asks for, and whether its certificates hold.

    OMP_NUM_THREADS=1 python benchmarks/grouping.py [--only methods] [--problems 100]

On simulated problems (simulated.py says how they are made) whose fewest groups are known from all 2^n drops, and on
the drops that GRIDS published. Seeds are 0, 1, 2, ... in every part. Whatever cannot be right (a group beyond delta, a
certificate that is false, a group asked for twice) is listed at the end.
"""

from __future__ import annotations

import argparse
import heapq
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from common import machine, table
from grouping_guesses import anytime, laws, recorded
from grouping_outcomes import (
    COLUMNS,
    ELEVEN,
    TARGET,
    certificates,
    columns,
    correlation,
    part_of,
    percent,
    possible,
    solve,
    wrong,
)
from simulated import BUMPS, DELTA, NOISE, Alone, Simulated, simulate

import grids
from grids.results import CERTIFICATES, Grouping
from grids.search import METHODS, DropTable, Problem, Search, run_search, tag_selection
from grids.search.partitions import Best, solve_set_partition


def methods(problems: int) -> None:
    """The methods against the truth, for n = 6 to 14."""
    sizes = {6: problems, 8: problems, 10: problems, ELEVEN: problems}
    sizes |= {12: part_of(problems, 0.5), 14: part_of(problems, 0.2)}
    for monotone in (True, False):
        kind = "monotone" if monotone else f"not monotone: close ones gain, bumps of {BUMPS:g} dB"
        print(f"\nDrops {kind}; delta {DELTA:g} dB, similarity noise {NOISE:g}, shortcuts on.\n")
        rows, notes = [], []
        for n, count in sizes.items():
            made = [simulate(n, seed, monotone=monotone) for seed in range(count)]
            notes.append(f"{correlation(made):.2f} (n = {n})")
            for method in METHODS:
                outcomes = [solve(problem, method) for problem in made]
                seconds = np.median([outcome.seconds for outcome in outcomes])
                rows.append((n, count, method, *columns(outcomes, n), *certificates(outcomes), f"{seconds:.2f}"))
            rows.append((n, count, "every group", "100%", "0.00", possible(n), possible(n), "100.0%", "", "", "", ""))
        print(table(("n", "problems", "method", *COLUMNS, *CERTIFICATES, "own s, median"), rows))
        print(f"\nRank correlation of mean distance and worst drop, groups of 2 to 5: {', '.join(notes)}", flush=True)
        tag_budgets({n: part_of(count, 0.2) for n, count in sizes.items() if n <= ELEVEN}, monotone)


def tag_budgets(sizes: dict[int, int], monotone: bool) -> None:
    """How large a budget TAG's selection needs."""
    print("\nTAG's selection for budgets of 1, 2, ... groups, all of them asked for, until each degradation is in one")
    print("that costs it at most delta (groups may overlap, and others in the group may lose more):\n")
    rows = []
    for n, count in sizes.items():
        made = [simulate(n, seed, monotone=monotone) for seed in range(count)]
        found = [tag_budget(problem) for problem in made]
        budgets, answers = np.array(found).T
        ended = budgets > 0
        excess = (budgets - [problem.fewest() for problem in made])[ended]
        answered = f"{answers.mean():.1f}", answers.max()
        mean = f"{budgets[ended].mean():.2f}", f"{excess.mean():+.2f}"
        rows.append((n, count, percent(ended), *mean, percent(excess <= 0), *answered))
    header = ["n", "problems", "serves all", "mean budget", "beside the fewest groups", "no more than these"]
    print(table([*header, "answers: mean", "most"], rows), flush=True)


def tag_budget(simulated: Simulated) -> tuple[int, int]:
    """The budget that serves every degradation, 0 if none does, and the groups asked for up to it."""
    asked: set[int] = set()
    for budget in range(1, simulated.n + 1):
        groups = [simulated.mask(group) for group in tag_selection(simulated.similarity, budget)]
        asked.update(mask for mask in groups if mask & (mask - 1))
        served = 0
        for mask in groups:
            rows = [i for i in range(simulated.n) if mask >> i & 1]
            drops = simulated.drops_of(mask)
            served |= sum(1 << i for i, drop in zip(rows, drops, strict=True) if drop <= DELTA + 1e-9)
        if served == (1 << simulated.n) - 1:
            return budget, len(asked)
    return 0, len(asked)  # alone scores worst, so whom no close group suits is never served


def noise(problems: int) -> None:
    """What a similarity that tells less costs."""
    count = part_of(problems, 0.5)
    print(f"\nn = {ELEVEN}, {count} problems for each noise of the similarity, the drops the same; monotone.\n")
    rows = []
    for level in (0, 0.25, 0.5, 1, 2, 4):
        made = [simulate(ELEVEN, seed, similarity_noise=level) for seed in range(count)]
        rho = f"{correlation(made):.2f}"
        for method in METHODS:
            outcomes = [solve(problem, method) for problem in made]
            under = percent(outcome.found.trainings <= TARGET * possible(ELEVEN) for outcome in outcomes)
            rows.append((f"{level:g}", rho, method, *columns(outcomes, ELEVEN), under))
    print(table(("noise", "rank correlation", "method", *COLUMNS, f"at most {TARGET:.0%}"), rows), flush=True)


def shortcuts(problems: int) -> None:
    """What it saves to take a group to be never better than a part of it."""
    most = int(TARGET * possible(ELEVEN))
    print(f"\nMonotone drops. At n = {ELEVEN} at most {TARGET:.0%} of {possible(ELEVEN)} groups ({most}) are wanted.\n")
    settings = [(ELEVEN, "paper", True, problems), (ELEVEN, "exact", True, problems)]
    settings += [(n, "exact", True, part_of(problems, 0.2)) for n in (6, 8, 10)]
    settings += [(n, "exact", False, part_of(problems, 0.2)) for n in (6, 8, 10)]
    settings += [(ELEVEN, "paper", False, problems), (ELEVEN, "exact", False, part_of(problems, 0.04))]
    rows = []
    for n, method, used, count in settings:
        outcomes = [solve(simulate(n, seed), method, shortcuts=used) for seed in range(count)]
        under = percent(outcome.found.trainings <= TARGET * possible(n) for outcome in outcomes)
        seconds = f"{np.median([outcome.seconds for outcome in outcomes]):.2f}"
        on = "on" if used else "off"
        rows.append((n, method, on, count, *columns(outcomes, n), under, *certificates(outcomes), seconds))
        print(f"{n} {method} {on}", file=sys.stderr, flush=True)
    header = ("n", "method", "shortcuts", "problems", *COLUMNS, f"at most {TARGET:.0%}", *CERTIFICATES, "own s, median")
    print(table(header, rows), flush=True)


def noisy(problems: int) -> None:
    """What drops with a standard error do."""
    count = part_of(problems, 0.5)
    print(f"\nn = {ELEVEN}, {count} problems; drops with normal errors, whose standard error the search is told.")
    print("Within delta and fewest by the true drops; a false certificate is one above the true fewest.\n")
    rows = []
    for error in (0.0, 0.05, 0.1, 0.2):
        for method in METHODS:
            outcomes = [solve(simulate(ELEVEN, seed, error=error), method) for seed in range(count)]
            undecided = f"{np.mean([len(outcome.found.undecided) for outcome in outcomes]):.1f}"
            truly = percent(outcome.within for outcome in outcomes)
            rows.append((f"{error:g}", method, truly, *columns(outcomes, ELEVEN), undecided, *certificates(outcomes)))
    print(table(("error, dB", "method", "truly within", *COLUMNS, "undecided", *CERTIFICATES), rows), flush=True)


def parallel(problems: int) -> None:
    """What evaluating several groups at once saves."""
    count, ways = part_of(problems, 0.2), (1, 2, 4, 8)
    print(f"\nn = {ELEVEN}, {count} problems; an evaluation takes a log-normal time (sigma 0.3), seeded by its group.")
    print("Time until the result beside one at a time; asked for, answered or not.\n")
    rows = []
    for method in ("paper", "exact"):
        made = [simulate(ELEVEN, seed) for seed in range(count)]
        runs = {at_once: np.array([makespan(problem, method, at_once) for problem in made]) for at_once in ways}
        for at_once, run in runs.items():
            faster = run[:, 0] / runs[1][:, 0]
            surplus = (run[:, 1] / runs[1][:, 1]).mean() - 1
            cells = f"{faster.mean():.2f}", f"{1 / at_once:.2f}", f"{run[:, 1].mean():.1f}", f"{surplus:+.0%}"
            rows.append((method, at_once, *cells, percent(run[:, 2] == 0)))
    print(table(("method", "at once", "time", "ideal", "asked for: mean", "surplus", "minimal"), rows), flush=True)


def makespan(simulated: Simulated, method: str, at_once: int) -> tuple[float, int, int]:
    """The simulated time until the result is there, the groups asked for, and the groups in excess."""
    search = Search(Problem(simulated.similarity, DELTA), method)
    running: list[tuple[float, int, frozenset[str]]] = []
    clock, asked = 0.0, 0
    while not search.is_finished():
        while len(running) < at_once and (group := search.ask()) is not None:
            mask, asked = simulated.mask(group), asked + 1
            duration = np.random.default_rng((simulated.seed, mask, 3)).lognormal(0.0, 0.3)
            heapq.heappush(running, (clock + duration, mask, group))
        clock, _, group = heapq.heappop(running)
        search.tell(group, *simulated(group))
    return clock, asked, len(search.result()) - simulated.fewest()


def large(problems: int) -> None:
    """Time and memory for many degradations."""
    count = part_of(problems, 0.03)
    print(f"\n{count} problems of each size, n / 4 clusters, monotone; every search in a process of its own.")
    print("Wanted: at most 60 s and 2 GiB. Means; the most of seconds and memory. CPU seconds hold the evaluations,")
    print("and other work on the machine hardly moves them.\n")
    rows = []
    for n in (20, 30, 40, 50):
        for method in METHODS:
            runs = [in_a_process(n, method, seed) for seed in range(count)]
            frame = pd.DataFrame(runs)
            mean, most = frame.mean(numeric_only=True), frame.max()
            words = ", ".join(f"{(frame['certificate'] == word).sum()}" for word in CERTIFICATES)
            cells = f"{mean['groups']:.1f}", f"{mean['lower_bound']:.1f}", words, f"{mean['answers']:.0f}"
            own = f"{mean['seconds']:.1f}", f"{most['seconds']:.1f}", f"{mean['cpu']:.1f}"
            rows.append((n, method, *cells, *own, f"{most['memory']:.2f}"))
            print(f"{n} {method}", file=sys.stderr, flush=True)
    words = ", ".join(CERTIFICATES)
    header = ["n", "method", "groups", "bound if monotone", words, "answers", "own s", "most", "CPU s"]
    print(table([*header, "peak memory, GiB"], rows), flush=True)


def in_a_process(n: int, method: str, seed: int) -> Alone:
    """What `simulated.py` prints of one search."""
    command = [sys.executable, str(Path(__file__).with_name("simulated.py")), str(n), method, str(seed)]
    found: Alone = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if found["worst"] > DELTA + 1e-9:
        wrong.append(f"a group is beyond delta (n {n}, seed {seed}, {method})")
    return found


def published(problems: int) -> None:
    """The drops that GRIDS published for eleven degradations, with the similarity that ships."""
    similarity, drops = grids.builtin_similarity(), DropTable.load("paper")
    everyone = Problem(similarity, DELTA)
    held = frozenset(everyone.mask(group) for group in drops.answers if len(group) > 1)
    print(f"\n{len(held)} of {possible(len(similarity))} groups are published; delta {DELTA:g} dB. Certificates and")
    print("what the result hangs on count all published groups, asked for or not.\n")
    rows, lines = [], []
    for used in (True, False):
        for method in METHODS:
            search = Search(Problem(similarity, DELTA, shortcuts=used, askable=held), method)
            run_search(search, drops)
            found = search.result(at_hand=drops.answers)
            on = "on" if used else "off"
            counts = len(found), found.trainings, found.certificate, found.lower_bound, found.unknown
            rows.append((method, on, *counts, len(found.hangs_on), max_drop(found)))
            lines.append(f"- {method}, shortcuts {on}: {joined(found.partition)}")
            lines.append(f"  hangs on {joined(found.hangs_on[:3])}{', ...' if len(found.hangs_on) > 3 else ''}")
    header = ("groups", "answers", "certificate", "lower bound", "unknown groups", "hangs on", "worst drop, dB")
    print(table(("method", "shortcuts", *header), rows))
    print("\n".join(["", *lines]), flush=True)


def solvers(problems: int) -> None:
    """The cheapest partition into groups of at most four, costs of 1 and a little, found in two ways."""
    rows = []
    for n in (11, 14):
        groups = np.array([mask for mask in range(1, 1 << n) if mask.bit_count() <= 4])
        costs = 1 + 1e-4 * np.random.default_rng(0).random(len(groups))
        start = time.perf_counter()
        value = Best(groups, costs, n).value[-1]
        middle = time.perf_counter()
        picked = solve_set_partition(groups.tolist(), n, costs)
        end = time.perf_counter()
        more = "none found" if picked is None else f"{costs[np.isin(groups, picked.groups)].sum() - value:.1e}"
        rows.append((n, len(groups), f"{middle - start:.3f}", f"{end - middle:.1f}", more))
    header = ("n", "groups", "dynamic programming, s", "integer program (HiGHS), s", "its value is larger by")
    print(table(header, rows), flush=True)


def joined(groups: Iterable[Sequence[str]]) -> str:
    return ", ".join("+".join(group) for group in groups) or "nothing"


def max_drop(found: Grouping) -> str:
    return f"{max(group.max_drop for group in found.groups):.2f}"


PARTS: dict[str, Callable[[int], None]] = {
    part.__name__: part
    for part in (methods, noise, shortcuts, noisy, laws, anytime, recorded, parallel, large, published, solvers)
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=tuple(PARTS), help="one part")
    parser.add_argument("--problems", type=int, default=100, help="for the quickest settings; the slow ones take fewer")
    options = parser.parse_args()
    print(machine(), flush=True)
    for name in [options.only] if options.only else PARTS:
        print(f"\n## {name}", flush=True)
        PARTS[name](options.problems)
    print(f"\nWrong: {'nothing' if not wrong else ''}")
    print("\n".join(f"- {line}" for line in wrong))
