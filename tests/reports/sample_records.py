"""Matrices and groupings that look like measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from grids.degradations import ELEVEN
from grids.reports import html
from grids.results import (
    DeltaStep,
    GGDParams,
    Group,
    Grouping,
    Point,
    SimilarityMatrix,
    TrainingReport,
    TrainingRun,
    Trial,
    Verdict,
)

NAMES = list(ELEVEN)
# blurs, sharp artefacts and noises in three corners, so that the clusters mean something
PLACES = np.array(
    [[0, 0], [0.9, 0.6], [1.2, -0.6], [-0.8, -1.1], [-1.4, 0.3], [0.6, -1.5], [-2.2, -1.6], [1.9, 2.4], [-0.5, 2.9],
     [2.6, 1.6], [1.1, 3.1]]
)  # fmt: skip
STEPS = [DeltaStep(0, 11, 9), DeltaStep(0.3, 6, 5), DeltaStep(0.66, 4, 4), DeltaStep(2.5, 1, 1)]
"""Groups over delta, as searches count them."""


def made(names: list[str], places: np.ndarray, **changes: Any) -> SimilarityMatrix:
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
    top = gaps.max() or 1.0
    matrix = np.where(gaps > 0, 1.5 + 3.1 * gaps / top, 0.0)
    np.fill_diagonal(matrix, 0.0)
    return replace(SimilarityMatrix(tuple(names), matrix), **changes)


def eleven(seed: int = 0, **changes: Any) -> SimilarityMatrix:
    places = PLACES + 0.25 * np.random.default_rng(seed).standard_normal(PLACES.shape) * (seed > 0)
    base = made(NAMES, places)
    spread = 0.12 + 0.02 * base.matrix
    np.fill_diagonal(spread, 0.0)
    ggd = {name: GGDParams(0.55 + 0.07 * k, 0.8 + 0.31 * k) for k, name in enumerate(["clean", *NAMES])}
    settings = {"images": 50, "patch": 64, "seed": seed, "layers": ["conv_20"], "range": {"jpeg": [10, 60]}}
    measured = SimilarityMatrix(
        base.degradations, base.matrix, ggd, base.matrix - spread, base.matrix + spread, settings, "3f5a" * 16, "0.1.0"
    )
    return replace(measured, **changes)


def random_matrix(count: int, seed: int = 1) -> SimilarityMatrix:
    places = np.random.default_rng(seed).standard_normal((count, 4))
    return made([f"degradation_{k}" for k in range(count)], places)


PAPER_GROUPS = (tuple(NAMES[:3]), tuple(NAMES[3:6]), tuple(NAMES[6:9]), tuple(NAMES[9:]))


def trial(similarity: SimilarityMatrix, group: Sequence[str], delta: float = 0.7, **changes: Any) -> Trial:
    """A group with drops that grow with its S, exact and the same each time."""
    drops = {name: round(0.25 * similarity.group_distance(tuple(group)) - 0.65 + 0.02 * len(name), 3) for name in group}
    verdict: Verdict = "within" if max(drops.values()) <= delta else "beyond"
    distance = similarity.group_distance(tuple(group))
    return replace(Trial(tuple(group), verdict, drops, distance=distance, why="the next on the list"), **changes)


def grouping(similarity: SimilarityMatrix, partition: Sequence[Sequence[str]], **changes: Any) -> Grouping:
    """A grouping into `partition`, with made-up drops and, by default, its groups as the trials."""
    trials = tuple(trial(similarity, names, why="a group of the partition") for names in partition if len(names) > 1)
    answers = {asked.group: asked for asked in trials}
    groups = tuple(
        Group(f"C{k}", tuple(names), answers[tuple(names)].drops, answers[tuple(names)].distance)
        if len(names) > 1
        else Group(f"C{k}", tuple(names), {names[0]: 0.0})
        for k, names in enumerate(partition, 1)
    )
    made_up = Grouping(
        delta=0.7,
        method="exact",
        groups=groups,
        certificate="proved-if-monotone",
        lower_bound=len(groups),
        trainings=len(trials),
        trials=trials,
        settings={"seed": 0},
        descriptor_sha256="3f5a" * 16,
        grids_version="0.1.0",
    )
    return replace(made_up, **changes)


def searched(similarity: SimilarityMatrix, count: int, seed: int = 0) -> tuple[Trial, ...]:
    """So many trials of random groups: some undecided, some known from below, one failed."""
    generator = np.random.default_rng(seed)
    found = []
    for k in range(count):
        size = int(generator.integers(2, min(6, len(similarity)) + 1))
        rows = sorted(generator.choice(len(similarity), size, replace=False))
        group = tuple(similarity.degradations[row] for row in rows)
        asked = trial(similarity, group, ruled_out=int(generator.integers(0, 90)))
        if k % 7 == 3:
            asked = replace(asked, verdict="beyond", drops={}, at_least={group[0]: 0.9 + 0.1 * (k % 5)})
        elif k % 11 == 5:
            asked = replace(asked, verdict="undecided", noise=dict.fromkeys(group, 0.05))
        elif k == 1:
            asked = replace(asked, verdict="failed", drops={}, reason="out of memory")
        found.append(asked)
    return tuple(found)


INPUTS = (24.31, 25.02, 26.4, 25.77, 27.9, 23.86, 29.13, 22.47, 19.58, 20.31, 17.2)
BOUNDS = (27.8, 28.9, 29.35, 27.61, 31.02, 27.4, 31.14, 28.02, 31.3, 29.4, 35.93)
LATE = (0.04, 0.07, 0.02, 0.05, 0.23, 0.08, 0.03, 0.06, 0.17, 0.05, 0.31)


def training(group: Sequence[str], ends: Sequence[float], late: Sequence[float], **changes: Any) -> TrainingRun:
    """A training of 3000 steps that ends with `ends`, `late` of them after 1500."""
    curve = tuple(
        Point(step, loss, {task: end - share * gain for task, end, gain in zip(group, ends, late, strict=True)})
        for step, loss, share in ((750, 0.04, 2.4), (1500, 0.036, 1.0), (3000, 0.033, 0.0))
    )
    file = f"models/{'+'.join(group)}.safetensors"
    return replace(TrainingRun(tuple(group), 0, curve, seconds=431.0, file=file), **changes)


def trained(
    names: Sequence[str] = NAMES,
    groups: Sequence[Sequence[str]] = PAPER_GROUPS,
    *,
    mix: bool = True,
    **changes: Any,
) -> TrainingReport:
    """Upper bounds, the mix with two seeds, and the groups; the last task of every group gains in it."""
    row = {name: k % len(INPUTS) for k, name in enumerate(names)}

    def run(group: Sequence[str], drop: float, repeat: int = 0) -> TrainingRun:
        drops = [drop * (1 + row[name] % 4) * (-0.3 if 0 < drop < 0.3 and name == group[-1] else 1) for name in group]
        ends = [BOUNDS[row[name]] - lost for name, lost in zip(group, drops, strict=True)]
        return training(group, ends, [LATE[row[name]] for name in group], repeat=repeat)

    runs = [run((name,), 0.0) for name in names]
    if mix and len(names) > 1:
        runs += [run(names, 0.43), run(names, 0.45, repeat=1)]
        runs.append(replace(run(names[:2], 0.9), curve=run(names[:2], 0.9).curve[:1], stopped="it had lost 2 dB"))
    runs += [run(group, 0.13) for group in groups if 1 < len(group) < len(names)]
    settings = {"iterations": 3000, "crop": 64, "batch": 8, "photographs": 80, "validation_crops": 60, "repeats": 2}
    report = TrainingReport(
        network="nafnet",
        start="from a restorer for all tasks (12000 steps from scratch)",
        settings=settings,
        inputs={name: INPUTS[row[name]] for name in names},
        runs=tuple(runs),
        groups=tuple(map(tuple, groups)),
        noise={name: 0.02 + 0.003 * row[name] for name in names},
    )
    return replace(report, **changes)


def similarity_page(*args: Any, **options: Any) -> str:
    """The page of a similarity report."""
    return html.similarity_report(*args, **options).page


def comparison_page(*args: Any, **options: Any) -> str:
    """The page of a comparison."""
    return html.comparison_report(*args, **options).page


def grouping_page(*args: Any, **options: Any) -> str:
    """The page of a grouping."""
    return html.grouping_report(*args, **options).page


def training_page(*args: Any, **options: Any) -> str:
    """The page of trainings."""
    return html.training_report(*args, **options).page


def paper(**extra: object) -> Grouping:
    """The paper's groups, of the eleven."""
    return grouping(eleven(), PAPER_GROUPS, **extra)
