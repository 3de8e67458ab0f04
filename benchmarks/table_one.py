"""Table 1 of the GRIDS paper: restorers of one kind, of all, of groups, with standard errors over photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from common import table
from crops import ByTask

from grids.degradations import ELEVEN as TASKS

DRAWS = 1000
SINGLE, MIX, GROUPED = "single", "mix", ("paper", "found")
"""The columns that there may be."""
PUBLISHED = {
    "SRResNet": (
        (26.97, 25.36, 34.21, 34.62, 32.76, 40.15, 31.37, 33.06, 31.70, 30.08, 44.93),
        (25.92, 22.61, 33.34, 33.70, 30.71, 37.07, 30.83, 32.51, 30.57, 29.62, 43.79),
        (26.71, 25.09, 34.77, 35.16, 32.54, 39.95, 31.29, 33.13, 31.90, 30.22, 45.73),
    ),
    "Restormer": (
        (27.99, 31.80, 37.92, 37.42, 34.17, 41.81, 32.14, 33.83, 32.55, 30.64, 46.12),
        (27.39, 26.48, 35.36, 34.10, 32.29, 38.91, 31.30, 32.96, 31.56, 29.77, 42.71),
        (28.22, 31.71, 37.24, 38.68, 34.03, 41.30, 32.23, 33.88, 32.86, 30.71, 46.57),
    ),
}
"""GRIDS, Table 1, on DIV2K-Valid, PSNR in dB of the kinds in the order of `TASKS`: single, mix, grouped."""


def bootstrapped(values: np.ndarray) -> np.ndarray:
    """The standard errors of the means of rows, (N, photographs): of the means of draws of photographs."""
    count = values.shape[1]
    shares = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS) / count
    return np.asarray((values @ shares.T).std(1))


def table_one(columns: Mapping[str, ByTask]) -> str:
    """PSNR of the restorers that each column has for a kind, and what groups and single tasks gain over the mix.

    Args:
        columns: by name (`SINGLE`, `MIX`, `GROUPED`) the PSNR of every photograph by kind; kinds may be missing.

    Returns:
        Markdown; differences are paired, with the standard error over photographs; the last row has the mean over the
        kinds that all columns have.
    """
    wanted = [name for name in (SINGLE, MIX, *GROUPED) if name in columns]
    others = [name for name in wanted if name != MIX] if MIX in columns else []
    rows = [
        (
            task,
            *(mean_of(columns[name].get(task)) for name in wanted),
            *(gained(columns, name, (task,)) for name in others),
            *(published(network, TASKS.index(task)) for network in PUBLISHED),
        )
        for task in TASKS
    ]
    common = [task for task in TASKS if all(task in columns[name] for name in wanted)]
    means = [mean_of([value for task in common for value in columns[name][task]]) for name in wanted]
    theirs = (published(network, *map(TASKS.index, common)) for network in PUBLISHED)
    rows.append((f"mean of {len(common)}", *means, *(gained(columns, name, common) for name in others), *theirs))
    head = [f"{name} - {MIX}" for name in others]
    return table(("", *wanted, *head, *(f"published, {network}: grouped - mix" for network in PUBLISHED)), rows)


def mean_of(values: Sequence[float] | None) -> str:
    return f"{np.mean(values):.2f}" if values else "-"


def gained(columns: Mapping[str, ByTask], name: str, tasks: Sequence[str]) -> str:
    """Over the mix, photograph by photograph, with its standard error; the photographs are those of all tasks."""
    if not tasks or any(task not in columns[one] for one in (name, MIX) for task in tasks):
        return "-"
    difference = np.mean([np.subtract(columns[name][task], columns[MIX][task]) for task in tasks], 0)
    return f"{difference.mean():+.2f} ± {bootstrapped(difference[None])[0]:.2f}"


def published(network: str, *numbers: int) -> str:
    """What the paper's groups gain over its mix, the mean over kinds by their numbers."""
    _, mix, grouped = PUBLISHED[network]
    return f"{np.mean([grouped[number] - mix[number] for number in numbers]):+.2f}"
