"""Estimating (alpha, sigma) from the same features: ours against the published pipeline, and against exact PCA.

    python benchmarks/estimation.py [--patches 800] [--features 1048576] [--components 300]

Needs scikit-learn, 10 GB of memory and about ten minutes. The features are the descriptor's own (last layer, Kodak24
under Gaussian noise), float32. The published script is not copied: it is written again from its description.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import torch
from common import eval_photographs, machine, table
from sklearn.decomposition import PCA

from grids.degradations import degradation
from grids.similarity import ggd
from grids.similarity.descriptor import Descriptor
from grids.similarity.gram import gram_matrix, principal_scores
from grids.similarity.patches import degraded_patches, draw_crops

Params = tuple[float, float]


def grid_fit(x: np.ndarray) -> Params:
    """Moments and a grid of step 0.001, as published."""
    grid = np.arange(0.2, 10, 0.001)
    ratio = np.mean(x**2) / np.mean(np.abs(x - x.mean())) ** 2
    return float(grid[np.argmin(np.abs(np.log(ratio) - ggd.log_ratio(grid)))]), float(np.sqrt(np.mean(x**2)))


def published_scores(features: np.ndarray, components: int) -> np.ndarray:
    """scikit-learn's PCA as the published script calls it: its solver chosen automatically (randomised here)."""
    return PCA(n_components=components, random_state=0).fit_transform(features).ravel()


def remove_vectorised(x: np.ndarray) -> np.ndarray:
    """The five-sigma rule as one mask."""
    return x[(x > x.mean() - 5 * x.std()) & (x < x.mean() + 5 * x.std())]


def seconds_to_remove_literally(x: np.ndarray, sample: int = 60) -> float:
    """The rule over a list, element by element, mean and deviation computed anew for each comparison.

    All 240,000 elements would take hours, so a few are timed and the time is scaled.
    """
    values = list(x)
    start = time.perf_counter()
    for value in values[:sample]:
        array = np.array(values)
        if value <= array.mean() - 5 * array.std():
            values.remove(value)
        array = np.array(values)
        if value >= array.mean() + 5 * array.std():
            values.remove(value)
    return (time.perf_counter() - start) / sample * len(x)


def ours(features: np.ndarray, components: int) -> Params:
    """The package's way."""
    alpha, sigma = ggd.fit(principal_scores(gram_matrix([torch.from_numpy(features)]), components).ravel())
    return float(alpha), float(sigma)


def exact(features: np.ndarray, components: int) -> Params:
    """scikit-learn's PCA with its full solver, then the package's fit."""
    scores = PCA(n_components=components, svd_solver="full").fit_transform(features)
    alpha, sigma = ggd.fit(scores.ravel())
    return float(alpha), float(sigma)


def real_features(patches: int, size: int) -> np.ndarray:
    """(patches, size): the descriptor's features of noisy patches of Kodak24."""
    crops = draw_crops(eval_photographs("kodak24"), patches, 32, seed=0)
    images = degraded_patches(crops, degradation("gaussian_noise"), seed=0)
    return Descriptor(precision="auto").features(images).numpy()[:, :size]


def peak_of_ours(patches: int, size: int, components: int) -> str:
    """Peak memory of our estimation in a process of its own, over the size of the features."""
    code = (
        "import numpy as np, resource, estimation as e\n"
        f"x = np.random.default_rng(0).standard_normal(({patches}, {size}), dtype=np.float32)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"e.ours(x, {components})\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "peak = (x.nbytes + (after - before) * 1024) / x.nbytes\n"
        "print(f'{after * 1024 / 1e9:.2f} GB at the peak, features {x.nbytes / 1e9:.2f} GB: {peak:.2f} times')"
    )
    here = __file__.rsplit("/", 1)[0]
    return subprocess.run(
        [sys.executable, "-c", code], cwd=here, check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, default in (("patches", 800), ("features", 1048576), ("components", 300)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    print(machine(), flush=True)
    print("memory:", peak_of_ours(args.patches, args.features, args.components), flush=True)
    x = real_features(args.patches, args.features)
    print(f"features {x.shape} {x.dtype}", flush=True)
    found: dict[str, Params] = {}
    times: list[float] = []
    for attempt in range(3):
        start = time.perf_counter()
        found["ours"] = ours(x, args.components)
        times.append(time.perf_counter() - start)
        print(f"ours, run {attempt}: {times[-1]:.1f} s", flush=True)
    mine = sorted(times)[1]
    start = time.perf_counter()
    scores = published_scores(x, args.components)
    pca = time.perf_counter() - start
    start = time.perf_counter()
    kept = remove_vectorised(scores)
    found["published"] = grid_fit(kept)
    vectorised = pca + time.perf_counter() - start
    literal = vectorised + seconds_to_remove_literally(scores)
    print(f"PCA as published: {pca:.1f} s", flush=True)
    found["full"] = exact(x, args.components)
    print(
        table(
            ("pipeline", "seconds", "times ours", "alpha", "sigma"),
            (
                ("published, literal (removal extrapolated)", f"{literal:.0f}", f"{literal / mine:.0f}", "", ""),
                (
                    "published, removal vectorised",
                    f"{vectorised:.1f}",
                    f"{vectorised / mine:.1f}",
                    *(f"{v:.4f}" for v in found["published"]),
                ),
                ("ours (median of 3)", f"{mine:.1f}", "1", *(f"{v:.4f}" for v in found["ours"])),
                ("PCA with the full solver, our fit", "", "", *(f"{v:.4f}" for v in found["full"])),
            ),
        )
    )
    (a, s), (a0, s0) = found["ours"], found["full"]
    print(f"\nours against the full solver: sigma {abs(s / s0 - 1):.2e} relative, alpha {abs(a - a0):.2e}")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")
