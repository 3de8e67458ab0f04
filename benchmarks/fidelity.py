"""Our group distances against the nine legible ones of GRIDS's Table 2, on Kodak24.

    python benchmarks/fidelity.py [--only defaults "body layer" ...] [--seeds 10]

The paper measured its distances on PIES-Clean with its own descriptor and unpublished ranges, so the order counts. How
much of it is luck is seen from the defaults under seeds 0, 1, 2, ..., which come first (--seeds 0 for none).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import DATA, halved, machine, need, table
from scipy.stats import spearmanr

import grids
from grids import SimilaritySettings

BLUR, RING, RL, DB = "gaussian_blur", "ringing", "richardson_lucy", "defocus_blur"
SR, JPEG, SP, MB = "super_resolution", "jpeg", "salt_pepper", "motion_blur"
GN, PN, INP = "gaussian_noise", "poisson_noise", "inpainting"

# (experiment and side, the paper's mean distance or None where it is not legible, members)
GROUPS = (
    ("1 high", 2.75, (SR, DB)),
    ("1 low", None, (GN, SP)),
    ("2 high", 2.20, (RING, RL, DB)),
    ("2 low", 4.33, (BLUR, JPEG, SP)),
    ("3 high", 2.52, (RING, RL, DB, MB)),
    ("3 low", 4.10, (BLUR, GN, SP, MB)),
    ("4 high", 2.88, (SR, JPEG, RING, RL, DB)),
    ("4 low", 4.00, (BLUR, INP, SP, PN, MB)),
    ("7 high", 3.49, (JPEG, PN, GN)),
    ("7 low", 3.61, (JPEG, PN, INP)),
)
CONFIGURATIONS = {
    "defaults": SimilaritySettings(),
    "body layer": SimilaritySettings(layer="body"),
    "fp32": SimilaritySettings(precision="fp32"),
    "half resolution": SimilaritySettings(),
    "half resolution, body layer": SimilaritySettings(layer="body"),
    "96 patches": SimilaritySettings(patches=96),
    "patches of 64 x 64": SimilaritySettings(patch_size=64, patches=96),
    "384 patches": SimilaritySettings(patches=384),
    "--paper": SimilaritySettings.paper(),
}


def distances(similarity: grids.SimilarityMatrix) -> list[float]:
    """The mean distance of every group of the table."""
    return [similarity.group_distance(members) for _, _, members in GROUPS]


def judge(found: list[float]) -> tuple[float, str]:
    """Spearman over the legible nine, and which experiments have their high-similarity group closer."""
    legible = [(paper, ours) for (_, paper, _), ours in zip(GROUPS, found, strict=True) if paper is not None]
    right = [GROUPS[i][0][0] for i in range(0, len(GROUPS), 2) if found[i] < found[i + 1]]
    return float(spearmanr(*zip(*legible, strict=True)).statistic), " ".join(right)


def spread(matrices: Sequence[grids.SimilarityMatrix]) -> tuple[float, str]:
    """How far S moves from seed to seed: the mean standard deviation of its entries, and the largest."""
    deviation = np.std([m.matrix for m in matrices], axis=0, ddof=1)
    i, j = np.unravel_index(deviation.argmax(), deviation.shape)
    names = matrices[0].degradations
    mean = float(deviation[np.triu_indices(len(names), 1)].mean())
    return mean, f"{deviation[i, j]:.2f} ({names[i]} - {names[j]})"


def over_seeds(kodak: Path, count: int, patches: int) -> None:
    """Print the Spearman of every seed, their median and least, and the spread of S."""
    found = []
    for seed in range(count):
        found.append(grids.measure_similarity(kodak, SimilaritySettings(seed=seed, patches=patches)))
        spearman, right = judge(distances(found[-1]))
        print(f"seed {seed}: {spearman:.3f}, right order in experiments {right}", flush=True)
    all_of_them = [judge(distances(similarity))[0] for similarity in found]
    mean, largest = spread(found)
    print(f"\nSpearman over {count} seeds: median {np.median(all_of_them):.3f}, least {min(all_of_them):.3f}")
    print(f"standard deviation of an entry of S from seed to seed: mean {mean:.3f}, largest {largest}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--patches", type=int, default=SimilaritySettings().patches, help="of the ten seeds")
    options = parser.parse_args()
    only = [name for name in CONFIGURATIONS if name in options.only]
    kodak = need(DATA / "eval" / "kodak24")
    print(machine(), flush=True)
    if options.seeds == 1:
        parser.error("--seeds must be 0, or 2 and more")
    if options.seeds:
        over_seeds(kodak, options.seeds, options.patches)
    rows, columns = [], {}
    with tempfile.TemporaryDirectory() as half:
        halved(kodak, Path(half))
        for name in only:
            settings = CONFIGURATIONS[name]
            similarity = grids.measure_similarity(Path(half) if "half" in name else kodak, settings)
            columns[name] = distances(similarity)
            spearman, right = judge(columns[name])
            rows.append((name, f"{spearman:.3f}", right))
            print(rows[-1], flush=True)
    print("\nSpearman over the nine legible distances; experiments whose high-similarity group is the closer one\n")
    print(table(("configuration", "Spearman", "right order in experiment"), rows), "\n")
    shown = [name for name in ("defaults", "body layer", "--paper") if name in only]
    print(
        table(
            ("group", "members", "paper", *shown),
            (
                (side, ", ".join(members), paper or "-", *(f"{columns[name][i]:.2f}" for name in shown))
                for i, (side, paper, members) in enumerate(GROUPS)
            ),
        )
    )
