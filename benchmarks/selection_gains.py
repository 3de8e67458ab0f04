"""Predicted and true gains of the chosen restorers, and what choosing costs: tables of `selection_report.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import selection as source
from common import table
from scipy.stats import spearmanr
from selection_judging import Sets, called_clean, judged, members

from grids.results import GGDParams
from grids.selection.grids_rule import average_ggd, compute_divergences
from grids.selection.profile import Profile
from grids.selection.samples import Samples


def predicted(profile: Profile, some: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the images that a restorer is chosen for: predicted and true gain of the chosen group, half the interval."""
    whitened, chances, distance = judged(profile, some)
    chosen = (chances @ members("found")).argmax(1)
    rows = np.arange(len(some))
    assert profile.gains is not None
    guess = profile.gains.predict(whitened, chances)[rows, chosen]
    true = some.gains[rows, chosen]
    skip = (distance > 1) | called_clean(profile, chances, distance) | (some.kinds == 0)
    true = np.where(skip, np.nan, true)
    return guess, true, profile.gains.half_width(chances)


def gains(profile: Profile, samples: Sets, folder: Path) -> None:
    rows = []
    rng = np.random.default_rng(0)
    for (name, factor), some in samples.items():
        guess, true, half = predicted(profile, some)
        known = np.isfinite(true)
        inside = np.abs(guess - true) <= half
        within = [
            spearmanr(guess[mine], true[mine])[0]
            for kind in range(1, len(source.KINDS))
            if (mine := known & (some.kinds == kind)).sum() > 4
        ]
        photographs = np.unique(some.photographs)
        shares = []
        for _ in range(1000):
            drawn = rng.choice(photographs, len(photographs))
            count = np.bincount(np.searchsorted(photographs, drawn), minlength=len(photographs))
            weight = count[np.searchsorted(photographs, some.photographs)] * known
            shares.append((weight * inside).sum() / weight.sum())
        low, high = np.quantile(shares, (0.025, 0.975))
        row = [name, f"1/{factor:g}", known.sum(), f"{spearmanr(guess[known], true[known])[0]:.3f}"]
        row += [f"{np.mean(within):.2f} ({min(within):.2f} to {max(within):.2f})"]
        row += [f"{np.abs(guess - true)[known].mean():.2f}", f"{100 * inside[known].mean():.1f}"]
        row += [f"{100 * low:.1f} to {100 * high:.1f}", f"{2 * half[known].mean():.2f}"]
        rows.append([*row, plain_distance(profile, name, factor, folder, some, known, true)])
    print("\npredicted and true gain of the chosen group's restorer\n")
    head = ["images of", "size", "n", "Spearman", "within kinds, mean (least to most)", "mean error, dB"]
    head += ["in the interval, %", "95 % of bootstraps by photograph", "mean width, dB"]
    print(table([*head, "the paper's distance: Spearman with the gain"], rows))


def plain_distance(
    profile: Profile, name: str, factor: float, folder: Path, some: Samples, known: np.ndarray, true: np.ndarray
) -> str:
    """The rank correlation of the gain with minus the divergence that the paper reads it off."""
    if not (folder / f"ggd-{name}@{factor:g}.npy").exists():
        return "-"
    fitted = source.ggd_of(name, folder, factor)
    groups = source.groups_of("found")
    reference = {group.id: average_ggd([profile.ggd[kind] for kind in group.degradations]) for group in groups}
    least = [
        min(compute_divergences(GGDParams(*map(float, fitted[photograph, kind])), reference).values())
        for photograph, kind in zip(some.photographs, some.kinds, strict=True)
    ]
    return f"{spearmanr(-np.array(least)[known], true[known])[0]:.2f}"


def regret(profile: Profile, samples: Sets) -> None:
    rows = []
    for (name, factor), some in samples.items():
        whitened, chances, distance = judged(profile, some)
        degraded = (some.kinds > 0) & np.isfinite(some.gains).all(1)
        chosen = (chances @ members("found")).argmax(1)
        groups = some.gains[:, :4]
        mix, oracle = some.gains[:, 4], np.maximum(groups.max(1), 0)
        assert profile.gains is not None
        expected = profile.gains.predict(whitened, chances)[np.arange(len(some)), chosen]
        touched = (distance <= 1) & ~called_clean(profile, chances, distance) & (expected > 0)
        got = np.where(touched, groups[np.arange(len(some)), chosen], 0.0)
        forced = groups[np.arange(len(some)), chosen]
        own = groups[np.arange(len(some)), members("found")[some.kinds].argmax(1)]
        lost, without = (oracle - got)[degraded].mean(), (oracle - forced)[degraded].mean()
        above = (oracle - mix)[degraded].mean()
        values = (mix[degraded].mean(), own[degraded].mean(), oracle[degraded].mean(), got[degraded].mean())
        row = [name, f"1/{factor:g}", *(f"{value:.2f}" for value in values), f"{lost:.3f}", f"{without:.3f}"]
        rows.append([*row, f"{100 * lost / above:.0f} %", f"{values[3] - values[0]:+.2f}"])
    print("\nmean gain over the input, dB, of degraded images; an image left untouched gains 0\n")
    head = (
        "images of",
        "size",
        "mix",
        "own group",
        "best of all and untouched",
        "select and restore",
        "regret",
        "regret, nothing left untouched",
    )
    print(table((*head, "regret / (best - mix)", "select and restore - mix"), rows))
