"""The tables of `python benchmarks/selection.py report`."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import selection as source
from common import machine, table
from scipy.special import softmax
from selection_candidates import groups_of
from selection_gains import gains, harm, likelihood, regret
from selection_judging import Sets, auroc, called_clean, group_accuracy, joined, judged, members

from grids import weights
from grids.results import OTHER, GGDParams
from grids.selection import fit_profile
from grids.selection.classifier import SHRINKAGE, fit_discriminant
from grids.selection.grids_rule import average_ggd, compute_divergences
from grids.selection.profile import Profile, read_profile

SHORT = ("clean", "gauss", "motion", "R-L", "SR", "ring", "defoc", "jpeg", "poiss", "inpai", "noise", "s&p", "other")
MOMENTS, SPECTRUM, COLOUR, DEFECTS, GRAIN = 13 * 64, 78, 26, 32, 18
"""Statistics of the descriptor's features, then of the spectrum, colours, defects and grain; the rest are of blur."""
MIDDLE = (0.4, 0.6)
PARTITIONS = ("found", "paper")
SAVED = ", as JPEG"
"""After the name of a set whose images were saved as JPEG of quality 90 after they were degraded."""


def report(folder: Path, sets: tuple[str, ...], file: Path | None = None) -> None:
    """Print every table, of the profile that ships or of another one."""
    print(machine())
    profile = read_profile(file or weights.builtin(weights.PROFILE))
    samples = {
        (name + (SAVED if saved else ""), factor): source.load(name, folder, source.Way(factor, saved=saved))
        for saved in (False, True)
        for name in sets
        for factor in source.FACTORS
        if source.are_there(name, folder, source.Way(factor, saved=saved))
    }
    accuracy(profile, samples, folder)
    confusion(profile, samples)
    ablation(folder, samples)
    reliability(profile, samples)
    gains(profile, samples, folder)
    likelihood(profile, samples)
    regret(profile, samples)
    harm(profile, samples)
    unseen(profile, samples, folder)


def accuracy(profile: Profile, samples: Sets, folder: Path) -> None:
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
    head = [
        "images of",
        "size",
        "n",
        "kind of 12",
        "group (found)",
        "group (paper's)",
        "its group likeliest, verdict known",
    ]
    head += ["clean called clean", "degraded called clean, middle severity", "all severities", "called unknown"]
    print(table([*head, "paper's rule: group (found)", "paper's rule: group (paper's)"], rows))


def paper_accuracy(profile: Profile, name: str, factor: float, folder: Path) -> list[float]:
    """Equation 7 on the same images: per cent of degraded ones in the right group, for both partitions."""
    if not (folder / f"ggd-{name}@{factor:g}.npy").exists():
        return []
    fitted = source.ggd_of(name, folder, factor)
    found = []
    for partition in PARTITIONS:
        groups = groups_of(partition)
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


def confusion(profile: Profile, samples: Sets) -> None:
    for (name, factor), some in samples.items():
        if name != "kodak24":
            continue
        _, chances, _ = judged(profile, some)
        counts = np.zeros((len(source.KINDS), len(SHORT)), int)
        np.add.at(counts, (some.kinds, chances.argmax(1)), 1)
        print(f"\nwhat {name} at 1/{factor:g} of its size is taken for (rows: what it is; photographs)\n")
        rows = ((label, *(int(n) or "" for n in row)) for label, row in zip(SHORT, counts, strict=False))
        print(table(("", *SHORT), rows))


def ablation(folder: Path, samples: Sets) -> None:
    """The discriminant fitted again on parts of the statistics."""
    moment = np.arange(MOMENTS).reshape(64, 13)
    spectrum = np.arange(MOMENTS, MOMENTS + SPECTRUM)
    colour = MOMENTS + SPECTRUM + np.arange(COLOUR)
    defects = MOMENTS + SPECTRUM + COLOUR + np.arange(DEFECTS)
    others = source.load("fit-other", folder)
    body = moment.ravel()
    first = source.load("fit", folder)
    half = first.only(first.photographs % 2 == 0)
    plain = moment[:, [1, 2, 3]].ravel()
    edges = moment[:, [1, 2, 3, 4, 5, 6]].ravel()
    both = np.concatenate((body, spectrum))
    coloured = np.concatenate((both, colour))
    sharp = np.concatenate((coloured, defects))
    grain = np.concatenate((sharp, MOMENTS + SPECTRUM + COLOUR + DEFECTS + np.arange(GRAIN)))
    whole = np.arange(first.statistics.shape[1])
    steps = (
        ("features: |x|, x^2, x^4; one centre a kind", first, plain, 1, SHRINKAGE),
        ("+ differences", first, edges, 1, SHRINKAGE),
        ("+ Laplacian, wider and diagonal differences, anisotropy, mean", first, body, 1, SHRINKAGE),
        ("spectrum alone", first, spectrum, 1, SHRINKAGE),
        ("features + spectrum", first, both, 1, SHRINKAGE),
        ("+ colours", first, coloured, 1, SHRINKAGE),
        ("+ defects", first, sharp, 1, SHRINKAGE),
        ("+ grain", first, grain, 1, SHRINKAGE),
        ("+ blur", first, whole, 1, SHRINKAGE),
        ("+ eight centres a kind (by severity)", first, whole, 8, SHRINKAGE),
        ("+ distortions as a further kind", joined([first, others]), whole, 8, SHRINKAGE),
        ("the same from half the photographs", half, whole, 8, SHRINKAGE),
        ("the same, shrinkage 0.002", first, whole, 8, 0.002),
        ("the same, shrinkage 0.1", first, whole, 8, 0.1),
        (
            "the same, none of the examples saved as JPEG",
            first.only(first.qualities == 0),
            whole,
            8,
            SHRINKAGE,
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
            whitened = discriminant.whiten(some.statistics[:, columns])
            densities = discriminant.log_densities(discriminant.squared_distances(whitened))
            chances = np.zeros((len(some), len(source.KINDS) + 1))
            chances[:, : densities.shape[1]] = softmax(densities, axis=1)
            right = 100 * float((densities.argmax(1) == some.kinds).mean())
            row += [f"{right:.1f}", f"{group_accuracy(chances, some.kinds, 'found'):.1f}"]
        rows.append(row)
    print("\nwhat each step brings: per cent of kinds and of groups (found), all sets together\n")
    sizes = [f"{what}, {size}" for size in sets for what in ("kind", "group")]
    print(table(("statistics", "numbers", "examples", *sizes), rows))


def reliability(profile: Profile, samples: Sets) -> None:
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


def unseen(profile: Profile, samples: Sets, folder: Path) -> None:
    rows = []
    for (name, factor), some in samples.items():
        if not source.are_there(name, folder, source.Way(factor, unseen=True)):
            continue
        others = source.load(name, folder, source.Way(factor, unseen=True))
        known, distance = judged(profile, some)[2], judged(profile, others)[2]
        values = [auroc(known, distance[others.kinds == kind]) for kind in range(len(source.UNSEEN))]
        called = [100 * (distance[others.kinds == kind] > 1).mean() for kind in range(len(source.UNSEEN))]
        each = [f"{value:.3f} ({share:.0f} %)" for value, share in zip(values, called, strict=True)]
        rows.append([name, f"1/{factor:g}", *each, f"{auroc(known, distance):.3f}", f"{100 * (known > 1).mean():.1f}"])
    print("\nAUROC of the distance against all twelve known kinds (in brackets: called unknown)\n")
    print(table(("images of", "size", *source.UNSEEN, "all five", "known ones called unknown, %"), rows))
