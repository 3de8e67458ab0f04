"""The tables of `python benchmarks/selection.py report`."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import selection as source
from common import machine, table
from scipy.special import softmax
from scipy.stats import spearmanr

from grids import weights
from grids.results import OTHER, GGDParams
from grids.selection import fit_profile
from grids.selection.classifier import fit_discriminant
from grids.selection.grids_rule import average_ggd, compute_divergences
from grids.selection.profile import Profile, group_membership, read_profile
from grids.selection.samples import Samples

SHORT = ("clean", "gauss", "motion", "R-L", "SR", "ring", "defoc", "jpeg", "poiss", "inpai", "noise", "s&p", "other")
MOMENTS, SPECTRUM = 13 * 64, 78
"""Statistics of the descriptor's features, then those of the spectrum, then those of the tone."""
MIDDLE = (0.4, 0.6)
PARTITIONS = ("found", "paper")
SAVED = ", as JPEG"
"""After the name of a set whose images were saved as JPEG of quality 90 after they were degraded."""


def report(folder: Path, sets: tuple[str, ...], file: Path | None = None) -> None:
    """Print every table, of the profile that ships or of another one."""
    print(machine())
    profile = read_profile(file or weights.builtin(weights.PROFILE))
    samples = {
        (name + (SAVED if saved else ""), factor): source.load(name, folder, factor, saved=saved)
        for saved in (False, True)
        for name in sets
        for factor in source.FACTORS
        if list(folder.glob(f"{name}{source.suffix(False, saved)}-[0-9]*.npz"))
    }
    accuracy(profile, samples, folder)
    confusion(profile, samples)
    ablation(folder, samples)
    reliability(profile, samples)
    measured = {key: some for key, some in samples.items() if some.gains.shape[1]}
    gains(profile, measured, folder)
    regret(profile, measured)
    unseen(profile, samples, folder)


def joined(parts: list[Samples]) -> Samples:
    """All of several sets, without gains, which not all have."""
    return Samples.join([replace(one, gains=np.zeros((len(one), 0))) for one in parts])


def part_of(samples: Samples, chosen: np.ndarray) -> Samples:
    return Samples(*(value[chosen] for value in vars(samples).values()))


def members(partition: str) -> np.ndarray:
    """(13, groups), also for "other", which is in none."""
    return group_membership((*source.KINDS, OTHER), source.groups_of(partition))


def judged(profile: Profile, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whitened statistics, probabilities of the kinds, and the distance that verdicts hang on (above 1: unknown)."""
    whitened = profile.discriminant.whiten(samples.statistics)
    chances = softmax(profile.discriminant.log_densities(whitened) / profile.thresholds.temperature, axis=1)
    far = profile.discriminant.squared_distances(whitened).min(1) / profile.thresholds.distance
    ratio = chances[:, -1] / profile.thresholds.other
    return whitened, chances, np.where(far > 1, np.maximum(far, ratio), ratio)


def called_clean(profile: Profile, chances: np.ndarray, distance: np.ndarray) -> np.ndarray:
    likeliest = chances[:, : len(source.KINDS)].argmax(1) == 0
    return likeliest & (chances[:, 0] >= profile.thresholds.clean) & (distance <= 1)


def group_accuracy(chances: np.ndarray, kinds: np.ndarray, partition: str) -> float:
    """Of degraded images, whichever verdict they get: in per cent."""
    own, degraded = members(partition), kinds > 0
    return 100 * float(((chances @ own).argmax(1) == own[kinds].argmax(1))[degraded].mean())


def accuracy(profile: Profile, samples: dict[tuple[str, float], Samples], folder: Path) -> None:
    rows = []
    for (name, factor), some in samples.items():
        _, chances, distance = judged(profile, some)
        right = chances.argmax(1) == some.kinds
        clean = called_clean(profile, chances, distance)
        degraded = some.kinds > 0
        own = members("found")
        served = (chances @ own).argmax(1) == own[some.kinds].argmax(1)
        served &= ~clean & (distance <= 1)
        middle = degraded & (some.severities >= MIDDLE[0]) & (some.severities <= MIDDLE[1])
        row = [name, f"1/{factor:g}", len(some), f"{100 * right.mean():.1f}"]
        row += [f"{group_accuracy(chances, some.kinds, partition):.1f}" for partition in PARTITIONS]
        row += [f"{100 * served[degraded].mean():.1f}"]
        row += [f"{100 * clean[~degraded].mean():.1f}", f"{100 * clean[middle].mean():.1f}"]
        row += [f"{100 * clean[degraded].mean():.2f}", f"{100 * (distance > 1).mean():.1f}"]
        published = paper_accuracy(profile, name, factor, folder)
        rows.append([*row, *(f"{value:.1f}" for value in published)] if published else [*row, "-", "-"])
    print("\nper cent of images, severities drawn over the whole range\n")
    head = (
        "images of",
        "size",
        "n",
        "kind of 12",
        "group (found)",
        "group (paper's)",
        "restored by its group",
        "clean called clean",
    )
    head = (*head, "degraded called clean, middle severity", "all severities", "called unknown")
    print(table((*head, "paper's rule: group (found)", "paper's rule: group (paper's)"), rows))


def paper_accuracy(profile: Profile, name: str, factor: float, folder: Path) -> list[float]:
    """Equation 7 on the same images: per cent of degraded ones in the right group, for both partitions."""
    if not (folder / f"ggd-{name}@{factor:g}.npy").exists():
        return []
    fitted = source.ggd_of(name, folder, factor)
    found = []
    for partition in PARTITIONS:
        groups = source.groups_of(partition)
        reference = {group.id: average_ggd([profile.ggd[kind] for kind in group.degradations]) for group in groups}
        own = members(partition)
        right = []
        for photograph in fitted:
            for kind in range(1, len(source.KINDS)):
                divergences = compute_divergences(GGDParams(*map(float, photograph[kind])), reference)
                chosen = min(divergences, key=lambda one: divergences[one])
                right.append(groups[int(own[kind].argmax())].id == chosen)
        found.append(100 * float(np.mean(right)))
    return found


def confusion(profile: Profile, samples: dict[tuple[str, float], Samples]) -> None:
    for (name, factor), some in samples.items():
        if name != "kodak24":
            continue
        _, chances, _ = judged(profile, some)
        counts = np.zeros((len(source.KINDS), len(SHORT)), int)
        np.add.at(counts, (some.kinds, chances.argmax(1)), 1)
        print(f"\nwhat {name} at 1/{factor:g} of its size is taken for (rows: what it is; photographs)\n")
        rows = ((label, *(int(n) or "" for n in row)) for label, row in zip(SHORT, counts, strict=False))
        print(table(("", *SHORT), rows))


def ablation(folder: Path, samples: dict[tuple[str, float], Samples]) -> None:
    """The discriminant fitted again on parts of the statistics."""
    learnt = source.learnt_from(folder)
    moment = np.arange(MOMENTS).reshape(64, 13)
    spectrum = np.arange(MOMENTS, MOMENTS + SPECTRUM)
    tone = np.arange(MOMENTS + SPECTRUM, learnt.statistics.shape[1])
    others = source.load("fit-other", folder)
    body = moment.ravel()
    first = source.load("fit", folder)
    half = part_of(first, first.photographs % 2 == 0)
    plain = moment[:, [1, 2, 3]].ravel()
    edges = moment[:, [1, 2, 3, 4, 5, 6]].ravel()
    both = np.concatenate((body, spectrum))
    whole = np.concatenate((both, tone))
    steps = (
        ("features: |x|, x^2, x^4; one centre a kind", first, plain, 1, fit_profile.SHRINKAGE),
        ("+ differences", first, edges, 1, fit_profile.SHRINKAGE),
        ("+ Laplacian, wider and diagonal differences, anisotropy, mean", first, body, 1, fit_profile.SHRINKAGE),
        ("spectrum alone", first, spectrum, 1, fit_profile.SHRINKAGE),
        ("features + spectrum", first, both, 1, fit_profile.SHRINKAGE),
        ("+ tone", first, whole, 1, fit_profile.SHRINKAGE),
        ("+ eight centres a kind (by severity)", first, whole, 8, fit_profile.SHRINKAGE),
        ("+ distortions as a further kind", joined([first, others]), whole, 8, fit_profile.SHRINKAGE),
        ("the same from half the photographs", half, whole, 8, fit_profile.SHRINKAGE),
        ("the same, shrinkage 0.002", first, whole, 8, 0.002),
        ("the same, shrinkage 0.1", first, whole, 8, 0.1),
        (
            "the same, none of the examples saved as JPEG",
            part_of(first, first.qualities == 0),
            whole,
            8,
            fit_profile.SHRINKAGE,
        ),
    )
    sets = {
        f"1/{factor:g}{SAVED if saved else ''}": joined(found)
        for saved in (False, True)
        for factor in source.FACTORS
        if (found := [one for (name, size), one in samples.items() if size == factor and name.endswith(SAVED) == saved])
    }
    rows = []
    for what, examples, columns, parts, shrinkage in steps:
        part = fit_profile.assign_centres(examples, (*source.KINDS, OTHER), parts)
        discriminant = fit_discriminant(
            examples.statistics[:, columns], examples.kinds, part, fit_profile.RANK, shrinkage
        )
        row = [what, len(columns), len(examples)]
        for some in sets.values():
            densities = discriminant.log_densities(discriminant.whiten(some.statistics[:, columns]))
            chances = np.zeros((len(some), len(source.KINDS) + 1))
            chances[:, : densities.shape[1]] = softmax(densities, axis=1)
            right = 100 * float((densities.argmax(1) == some.kinds).mean())
            row += [f"{right:.1f}", f"{group_accuracy(chances, some.kinds, 'found'):.1f}"]
        rows.append(row)
    print("\nwhat each step brings: per cent of kinds and of groups (found), all sets together\n")
    sizes = [f"{what}, {size}" for size in sets for what in ("kind", "group")]
    print(table(("statistics", "numbers", "examples", *sizes), rows))


def reliability(profile: Profile, samples: dict[tuple[str, float], Samples]) -> None:
    some = joined(list(samples.values()))
    _, chances, _ = judged(profile, some)
    sure, right = chances.max(1), chances.argmax(1) == some.kinds
    edges = (0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0001)
    rows, error = [], 0.0
    for low, high in itertools.pairwise(edges):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            rows.append(
                (
                    f"{low:g} to {min(high, 1):g}",
                    inside.sum(),
                    f"{sure[inside].mean():.3f}",
                    f"{right[inside].mean():.3f}",
                )
            )
            error += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    print(
        f"\nprobability of the likeliest kind against how often it is right; expected calibration error {error:.3f}\n"
    )
    print(table(("probability", "images", "mean", "right"), rows))


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


def gains(profile: Profile, samples: dict[tuple[str, float], Samples], folder: Path) -> None:
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
    head = ("images of", "size", "n", "Spearman", "within kinds, mean (least to most)", "mean error, dB")
    head = (*head, "in the interval, %", "95 % of bootstraps by photograph", "mean width, dB")
    print(table((*head, "the paper's distance: Spearman with the gain"), rows))


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


def regret(profile: Profile, samples: dict[tuple[str, float], Samples]) -> None:
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


def auroc(known: np.ndarray, others: np.ndarray) -> float:
    """How often one of the others has the larger value."""
    both = np.sort(known)
    low, high = np.searchsorted(both, others, "left"), np.searchsorted(both, others, "right")
    return float((low + high).mean() / 2 / len(known))


def unseen(profile: Profile, samples: dict[tuple[str, float], Samples], folder: Path) -> None:
    rows = []
    for (name, factor), some in samples.items():
        if not list(folder.glob(f"{name}-unseen-[0-9]*.npz")):
            continue
        others = source.load(name, folder, factor, unseen=True)
        known, distance = judged(profile, some)[2], judged(profile, others)[2]
        values = [auroc(known, distance[others.kinds == kind]) for kind in range(len(source.UNSEEN))]
        called = [100 * (distance[others.kinds == kind] > 1).mean() for kind in range(len(source.UNSEEN))]
        each = [f"{value:.3f} ({share:.0f} %)" for value, share in zip(values, called, strict=True)]
        rows.append([name, f"1/{factor:g}", *each, f"{auroc(known, distance):.3f}", f"{100 * (known > 1).mean():.1f}"])
    print("\nAUROC of the distance against all twelve known kinds (in brackets: called unknown)\n")
    print(table(("images of", "size", *source.UNSEEN, "all five", "known ones called unknown, %"), rows))
