"""How much the similarity matrix moves: with the seed, the photographs, their content, resolution and the sizes.

    python benchmarks/stability.py runs/stability

Every line is compared with the defaults on all of bsds100. Finished matrices in the folder are taken as they are.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from common import DATA, halved, machine, need, table

import grids
from grids import SimilaritySettings
from grids.reports.comparison import compare

BSDS, KODAK = DATA / "eval" / "bsds100", DATA / "eval" / "kodak24"
TILES = DATA / "train" / "tiles"


def halves(folder: Path) -> tuple[list[Path], list[Path]]:
    """Two disjoint halves of the photographs, drawn at random."""
    files = sorted(folder.glob("*.jpg"))
    order = np.random.default_rng(1).permutation(len(files))
    return [files[i] for i in order[::2]], [files[i] for i in order[1::2]]


def measured(run: Path, images: Path | list[Path], settings: SimilaritySettings) -> grids.SimilarityMatrix:
    """The matrix of a run folder, measured if it is not there yet."""
    if not (run / "similarity.json").exists():
        start = time.perf_counter()
        similarity = grids.measure_similarity(images, settings)
        similarity.save(run / "similarity.json")
        print(f"{run.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return grids.load_similarity(run)


def coverage(first: grids.SimilarityMatrix, second: grids.SimilarityMatrix) -> float:
    """The share of entries whose difference lies within the intervals of both: 0.95 where they are honest."""
    if first.high is None or second.high is None:
        raise SystemExit("stability: a matrix has no intervals; measure it again in a new folder")
    upper = np.triu_indices(len(first), 1)
    reach = np.hypot(first.high - first.matrix, second.high - second.matrix)[upper]
    return float(np.mean(np.abs(first.matrix - second.matrix)[upper] <= reach))


if __name__ == "__main__":
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/stability")
    need(BSDS)
    one, two = halves(BSDS)
    small_kodak = halved(KODAK, out / "kodak_half")
    small_bsds = halved(BSDS, out / "bsds_half")
    print(machine(), flush=True)
    with_intervals = SimilaritySettings(intervals=True)
    base = measured(out / "bsds100", BSDS, with_intervals)
    first = measured(out / "half 1", one, with_intervals)
    second = measured(out / "half 2", two, with_intervals)
    others = {
        "seed 1": (BSDS, SimilaritySettings(seed=1)),
        "seed 2": (BSDS, SimilaritySettings(seed=2)),
        "Kodak24": (KODAK, SimilaritySettings()),
        "tiles": (TILES, SimilaritySettings()),
        "bsds100 at half resolution": (small_bsds, SimilaritySettings()),
        "Kodak24 at half resolution": (small_kodak, SimilaritySettings()),
        "96 patches": (BSDS, SimilaritySettings(patches=96)),
        "384 patches": (BSDS, SimilaritySettings(patches=384)),
        "800 patches": (BSDS, SimilaritySettings(patches=800)),
        "--paper": (BSDS, SimilaritySettings.paper()),
        "fp32": (BSDS, SimilaritySettings(precision="fp32")),
        "body layer": (BSDS, SimilaritySettings(layer="body")),
        "patches of 16 x 16": (BSDS, SimilaritySettings(patch_size=16)),
        "patches of 48 x 48": (BSDS, SimilaritySettings(patch_size=48)),
        "patches of 64 x 64": (BSDS, SimilaritySettings(patch_size=64)),
    }
    found = {name: measured(out / name, images, settings) for name, (images, settings) in others.items()}
    pairs = [("half 1 of bsds100", first, "half 2 of bsds100", second)]
    pairs += [("bsds100", base, name, matrix) for name, matrix in found.items()]
    pairs += [("Kodak24", found["Kodak24"], "Kodak24 at half resolution", found["Kodak24 at half resolution"])]
    rows = []
    for label, left, name, right in pairs:
        change = compare(left, right)
        largest = change.changes[0]
        rows.append(
            (
                label,
                name,
                f"{change.spearman:.3f}",
                f"{change.mean_change:+.3f}",
                f"{change.mean_absolute_change:.3f}",
                f"{largest.first} - {largest.second} {largest.change:+.2f}",
            )
        )
    print(table(("from", "to", "rank correlation", "mean change", "mean absolute change", "largest"), rows))
    print(f"\nentries of the halves' matrices within both intervals: {coverage(first, second):.0%} (95 % expected)")
