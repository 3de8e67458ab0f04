"""Matrices that look like measured ones."""

from __future__ import annotations

import numpy as np

from grids.results import GGDParams, SimilarityMatrix

NAMES = [
    "gaussian_blur",
    "motion_blur",
    "richardson_lucy",
    "super_resolution",
    "ringing",
    "defocus_blur",
    "jpeg",
    "poisson_noise",
    "inpainting",
    "gaussian_noise",
    "salt_pepper",
]
# blurs, sharp artefacts and noises in three corners, so that the clusters mean something
PLACES = np.array(
    [[0, 0], [0.9, 0.6], [1.2, -0.6], [-0.8, -1.1], [-1.4, 0.3], [0.6, -1.5], [-2.2, -1.6], [1.9, 2.4], [-0.5, 2.9],
     [2.6, 1.6], [1.1, 3.1]]
)  # fmt: skip


def made(names: list[str], places: np.ndarray, **extra: object) -> SimilarityMatrix:
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
    top = gaps.max() or 1.0
    matrix = np.where(gaps > 0, 1.5 + 3.1 * gaps / top, 0.0)
    np.fill_diagonal(matrix, 0.0)
    return SimilarityMatrix(tuple(names), matrix, **extra)  # type: ignore[arg-type]


def eleven(seed: int = 0, **extra: object) -> SimilarityMatrix:
    places = PLACES + 0.25 * np.random.default_rng(seed).standard_normal(PLACES.shape) * (seed > 0)
    base = made(NAMES, places)
    spread = 0.12 + 0.02 * base.matrix
    np.fill_diagonal(spread, 0.0)
    ggd = {name: GGDParams(0.55 + 0.07 * k, 0.8 + 0.31 * k) for k, name in enumerate(["clean", *NAMES])}
    defaults = {
        "ggd": ggd,
        "low": base.matrix - spread,
        "high": base.matrix + spread,
        "settings": {"images": 50, "patch": 64, "seed": seed, "layers": ["conv_20"], "range": {"jpeg": [10, 60]}},
        "descriptor_sha256": "3f5a" * 16,
        "grids_version": "0.1.0",
    }
    return SimilarityMatrix(base.degradations, base.matrix, **{**defaults, **extra})  # type: ignore[arg-type]


def random_matrix(count: int, seed: int = 1) -> SimilarityMatrix:
    places = np.random.default_rng(seed).standard_normal((count, 4))
    return made([f"degradation_{k}" for k in range(count)], places)
