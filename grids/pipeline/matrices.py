"""Similarity matrices from files. Nothing here imports torch."""

from __future__ import annotations

from pathlib import Path

from grids import weights
from grids.results import SimilarityMatrix

BUILTIN = "builtin"


def builtin_similarity() -> SimilarityMatrix:
    """The matrix that ships: the eleven degradations on the fit split, at the published settings."""
    return SimilarityMatrix.load(weights.builtin(weights.SIMILARITY))


def load_similarity(run: str | Path) -> SimilarityMatrix:
    """The matrix of a run folder, a similarity.json, or "builtin". Raises RunError."""
    return builtin_similarity() if str(run) == BUILTIN else SimilarityMatrix.load(Path(run))
