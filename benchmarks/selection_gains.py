"""Predicted and true gains of the chosen restorers, what choosing costs, and harm: tables of `selection_report.py`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import selection as source
from common import LOSS, table
from scipy.stats import spearmanr
from selection_candidates import candidates, groups_of
from selection_judging import Sets, members

from grids.results import GGDParams
from grids.selection.gain_model import Forecast
from grids.selection.grids_rule import average_ggd, compute_divergences
from grids.selection.judge import judge
from grids.selection.profile import Profile
from grids.selection.samples import Samples

LEAST_PHOTOGRAPHS = 5
CHANCES = (0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0001)
THRESHOLDS = (0.0, 0.5, 0.65, 0.7, 0.8, 0.85, 0.9, 0.95)


class Choice(NamedTuple):
    """What is chosen for each of N images, and what comes of it.

    chosen: (N,), the candidate.
    forecast: of its restorer.
    true: (N,), what that restorer gains, dB.
    known: (N,), whether the verdict is "known".
    restored: (N,), whether the image is restored, since a gain is likely.
    """

    chosen: np.ndarray
    forecast: Forecast
    true: np.ndarray
    known: np.ndarray
    restored: np.ndarray


def choose(profile: Profile, some: Samples) -> Choice:
    """As `grids restore` chooses; nothing is forecast where no group is chosen."""
    if profile.gains is None:
        raise SystemExit("the profile predicts no gains")
    numbers = {group.id: number for number, group in enumerate(profile.groups)}
    found = judge(profile, some.statistics, ("",) * len(some))
    chosen = np.array([numbers[one.ranking[0].group] for one in found])
    told = [(one.predicted_gain, *(one.interval or (None, None)), one.gain_probability) for one in found]
    gain, low, high, chance = np.array(told, float).T
    known, restored = np.array([(one.group is not None, one.promises()) for one in found]).T
    true = some.gains[np.arange(len(some)), chosen]
    forecast = Forecast(gain[:, None], gain, low, high, chance, profile.gains.coverage)
    return Choice(chosen, forecast, true, known, restored)


def gains(profile: Profile, samples: Sets, folder: Path) -> None:
    rows, kinds = [], []
    for (name, factor), some in samples.items():
        found = choose(profile, some)
        known = found.known & (some.kinds > 0) & np.isfinite(found.true)
        guess, true = found.forecast.gain, found.true
        inside = (found.forecast.low <= true) & (true <= found.forecast.high)
        within = {
            label: spearmanr(guess[mine], true[mine])[0]
            for kind, label in enumerate(source.KINDS)
            if (mine := known & (some.kinds == kind)).sum() >= LEAST_PHOTOGRAPHS
        }
        width = (found.forecast.high - found.forecast.low)[known]
        values = list(within.values())
        row = [name, f"1/{factor:g}", known.sum(), f"{spearmanr(guess[known], true[known])[0]:.3f}"]
        row += [f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"]
        row += [f"{np.abs(guess - true)[known].mean():.2f}", f"{100 * inside[known].mean():.1f}"]
        row += [bootstrapped_share(some.photographs, known, inside), f"{width.mean():.2f}"]
        rows.append([*row, plain_distance(profile, name, factor, folder, some, known, true)])
        kinds.append([name, f"1/{factor:g}", *(f"{within.get(label, np.nan):.2f}" for label in source.KINDS[1:])])
    print("\npredicted and true gain of the chosen restorer\n")
    head = ["images of", "size", "n", "Spearman", "within kinds, mean (least to most)", "mean error, dB"]
    head += ["in the interval, %", "95 % of bootstraps by photograph", "mean width, dB"]
    print(table([*head, "the paper's distance: Spearman with the gain"], rows))
    print("\nSpearman of predicted and true gain within each kind\n")
    print(table(["images of", "size", *source.KINDS[1:]], kinds))


def bootstrapped_share(numbers: np.ndarray, known: np.ndarray, inside: np.ndarray) -> str:
    """Between what the share of known images inside lies in 95 % of draws of photographs, in per cent."""
    rng = np.random.default_rng(0)
    photographs = np.unique(numbers)
    shares = []
    for _ in range(1000):
        drawn = rng.choice(photographs, len(photographs))
        count = np.bincount(np.searchsorted(photographs, drawn), minlength=len(photographs))
        weight = count[np.searchsorted(photographs, numbers)] * known
        shares.append((weight * inside).sum() / weight.sum())
    low, high = np.quantile(shares, (0.025, 0.975))
    return f"{100 * low:.1f} to {100 * high:.1f}"


def plain_distance(
    profile: Profile, name: str, factor: float, folder: Path, some: Samples, known: np.ndarray, true: np.ndarray
) -> str:
    """The rank correlation of the gain with minus the divergence that the paper reads it off."""
    if not (folder / f"ggd-{name}@{factor:g}.npy").exists():
        return "-"
    fitted = source.ggd_of(name, folder, factor)
    groups = groups_of("found")
    reference = {group.id: average_ggd([profile.ggd[kind] for kind in group.degradations]) for group in groups}
    least = [
        min(compute_divergences(GGDParams(*map(float, fitted[photograph, kind])), reference).values())
        for photograph, kind in zip(some.photographs, some.kinds, strict=True)
    ]
    return f"{spearmanr(-np.array(least)[known], true[known])[0]:.2f}"


def regret(profile: Profile, samples: Sets) -> None:
    rows = []
    for (name, factor), some in samples.items():
        found = choose(profile, some)
        degraded = (some.kinds > 0) & np.isfinite(some.gains).all(1)
        mix, best = some.gains[:, -1], some.gains.max(1)
        own, paper = (gains_of_own_group(some, partition) for partition in ("found", "paper"))
        forced, got = found.true, np.where(found.restored, found.true, 0.0)
        oracle = np.maximum(best, 0)
        means = [float(one[degraded].mean()) for one in (mix, own, paper, oracle, forced, got)]
        row = [name, f"1/{factor:g}", *(f"{mean:.2f}" for mean in means)]
        row += [f"{(best - forced)[degraded].mean():.3f}", f"{(oracle - got)[degraded].mean():.3f}"]
        for group in (own, paper):
            difference = (group - mix)[degraded]
            error = clustered_error(difference, some.photographs[degraded])
            row.append(f"{difference.mean():+.3f} ± {error:.3f}")
        rows.append(row)
    print("\nmean gain over the input, dB, of degraded images; an image left untouched gains 0\n")
    head = ["images of", "size", "mix", "own group found", "the paper's", "best or untouched", "chosen"]
    head += ["chosen or untouched", "regret of the choice", "regret, untouched ones too"]
    head += ["own group found - mix", "the paper's - mix"]
    print(table(head, rows))


def gains_of_own_group(samples: Samples, partition: str) -> np.ndarray:
    """(N,): what each image gains by the restorer that a partition has for its kind, dB; for clean ones any."""
    numbers = {one.weights: number for number, one in enumerate(candidates())}
    columns = np.array([numbers[one.weights] for one in groups_of(partition)])
    own = columns[members(partition)[samples.kinds].argmax(1)]
    return np.asarray(samples.gains[np.arange(len(samples)), own])


def clustered_error(values: np.ndarray, photographs: np.ndarray) -> float:
    """The standard error of a mean over images, of which those of one photograph hang together."""
    means = np.array([values[photographs == one].mean() for one in np.unique(photographs)])
    return float(means.std(ddof=1) / np.sqrt(len(means)))


def harm(profile: Profile, samples: Sets) -> None:
    rows = []
    for (name, factor), some in samples.items():
        found = choose(profile, some)
        clean, degraded = some.kinds == 0, (some.kinds > 0) & np.isfinite(found.true)
        changed = found.restored & degraded
        lost = changed & (found.true < -LOSS)
        uncertain = degraded & found.known & ~found.restored
        row = [name, f"1/{factor:g}", f"{100 * found.restored[clean].mean():.1f}"]
        row += [f"{100 * changed.sum() / degraded.sum():.1f}", f"{100 * uncertain.sum() / degraded.sum():.1f}"]
        missed = np.where(uncertain, np.maximum(found.true, 0), 0)[degraded].mean()
        rows.append([*row, f"{100 * lost.sum() / max(1, changed.sum()):.1f}", f"{missed:.3f}"])
    print(f"\nper cent of images; harmed: of the restored ones those that lose more than {LOSS} dB\n")
    head = ("images of", "size", "clean ones restored", "degraded ones restored", "uncertain", "harmed")
    print(table((*head, "gain missed by leaving uncertain ones, dB"), rows))


def likelihood(profile: Profile, samples: Sets) -> None:
    """How often there was a gain, by how likely it was said to be; and what each threshold of restoring costs."""
    chosen = [(some, choose(profile, some)) for some in samples.values()]
    use = [found.known & (some.kinds > 0) & np.isfinite(found.true) for some, found in chosen]
    said = np.concatenate([found.forecast.probability[rows] for (_, found), rows in zip(chosen, use, strict=True)])
    true = np.concatenate([found.true[rows] for (_, found), rows in zip(chosen, use, strict=True)])
    rows = []
    for low, high in itertools.pairwise(CHANCES):
        inside = (said >= low) & (said < high)
        if inside.any():
            numbers = f"{said[inside].mean():.3f}", f"{(true[inside] > 0).mean():.3f}"
            rows.append((f"{low:g} to {min(high, 1):g}", inside.sum(), *numbers))
    print("\nprobability of a gain, of degraded images that a group is chosen for, and how often there was one\n")
    print(table(("probability", "images", "mean", "gained"), rows))
    rows = []
    for threshold in THRESHOLDS:
        restored = said >= threshold
        kept = np.where(restored, true, 0).sum() / true.sum()
        lost = (true[restored] < -LOSS).mean()
        rows.append((f"{threshold:g}", f"{100 * restored.mean():.0f}", f"{100 * kept:.1f}", f"{100 * lost:.2f}"))
    head = ("restored from", "restored, %", "of the gain of restoring all, %", f"of these {LOSS} dB worse, %")
    print("\nwhat a threshold of that probability brings\n\n" + table(head, rows))
