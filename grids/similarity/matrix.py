"""From crops to rows, one for each degradation, and from rows to the similarity matrix with its intervals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from grids import __version__
from grids.degradations import Degradation
from grids.errors import GridsError
from grids.io import parse_json, write_bytes
from grids.random import seed_for
from grids.results import FloatArray, GGDParams
from grids.similarity import ggd
from grids.similarity.descriptor import Descriptor
from grids.similarity.gram import centre, gram_matrix, principal_scores
from grids.similarity.patches import Crops, degraded_patches

FORMAT = 3
"""Raised whenever the same settings would give another row."""
SPLITS = 20
LEAST_PHOTOS = 5
"""Fewer photographs have too few distinct halves."""


@dataclass(frozen=True)
class DegradationRow:
    """What is kept of one degradation's features, enough to fit it again on any part of the photographs.

    name: the degradation's name.
    key: a checksum of all that determines the rest.
    gram: (N, N) of the centred features; float32's precision, so that a stored row gives the same results.
    photo: (N,), which photograph each patch comes from.
    """

    name: str
    key: str
    gram: FloatArray
    photo: np.ndarray[Any, np.dtype[np.int64]]

    def save(self, path: Path) -> Path:
        """Write the row as safetensors, in one step."""
        tensors: dict[str, np.ndarray[Any, Any]] = {
            "gram": self.gram.astype(np.float32),
            "photo": self.photo.astype(np.int64),
        }
        label = {"name": self.name, "key": self.key, "sha256": _digest(tensors)}
        # one entry of metadata: safetensors writes several in random order
        return write_bytes(path, save(tensors, metadata={"row": json.dumps(label)}))

    @classmethod
    def load(cls, path: Path, key: str) -> DegradationRow | None:
        """The stored row, or None where there is none with this key; a damaged file counts as none."""
        try:
            with safe_open(path, framework="numpy") as file:
                label = parse_json((file.metadata() or {})["row"])
                tensors = {name: file.get_tensor(name) for name in ("gram", "photo")}
            if label["key"] != key or label["sha256"] != _digest(tensors):
                return None
            return cls(label["name"], key, tensors["gram"].astype(np.float64), tensors["photo"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, GridsError):
            return None


def _digest(tensors: dict[str, np.ndarray[Any, Any]]) -> str:
    return hashlib.sha256(b"".join(tensors[name].tobytes() for name in sorted(tensors))).hexdigest()


def row_key(
    crops: Crops, name: str, degradation: Degradation | None, descriptor: Descriptor, layer: str, seed: int
) -> str:
    """A checksum of everything that a row's content depends on."""
    parts = {
        "version": [__version__, FORMAT],
        "crops": crops.digest,
        "degradation": [name, degradation.identity() if degradation else None],
        "descriptor": descriptor.sha256,
        "layer": layer,
        "seed": seed,
        "device": f"{descriptor.device.type} {descriptor.precision}",
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def measure_row(
    crops: Crops, name: str, degradation: Degradation | None, descriptor: Descriptor, layer: str, seed: int
) -> DegradationRow:
    """Degrade the crops, describe their patches, and keep the Gram matrix.

    Args:
        crops: N clean crops (or, with no degradation, crops of images that already bear one).
        name, degradation: what to apply; None for nothing.
        descriptor, layer: what features to take.
        seed: of the whole measurement; each degradation draws from its own seed.
    """
    patches = degraded_patches(crops, degradation, seed_for(seed, name))
    gram = gram_matrix(descriptor.feature_blocks(patches, layer))
    if bool((patches == patches[:1]).all()):  # only the rounding of the convolutions tells their features apart
        gram = np.zeros_like(gram)
    key = row_key(crops, name, degradation, descriptor, layer, seed)
    return DegradationRow(name, key, gram.astype(np.float32).astype(np.float64), crops.photo)


def fit_rows(rows: Sequence[DegradationRow], components: int) -> dict[str, GGDParams]:
    """One pooled GGD per row: all scores of its first principal components (GRIDS, 4.2; SRGA).

    Raises:
        GridsError: the components are not in 1 .. N - 1, or the patches of a row do not vary.
    """
    for row in rows:
        if not np.trace(row.gram) > 0:
            raise GridsError(f"the patches of '{row.name}' do not vary: its images are flat")
    alpha, sigma = _fit([row.gram for row in rows], components)
    return {row.name: GGDParams(float(a), float(s)) for row, a, s in zip(rows, alpha, sigma, strict=True)}


def similarity_of(params: Mapping[str, GGDParams], names: Sequence[str]) -> FloatArray:
    """S between the named distributions, (n, n)."""
    chosen = [params[name] for name in names]
    return ggd.similarity(np.array([p.alpha for p in chosen]), np.array([p.sigma for p in chosen]))


def intervals(
    rows: Sequence[DegradationRow], matrix: FloatArray, components: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """95 % intervals of S over the choice of photographs and patches.

    The photographs are split at random into halves, 20 times, the same split for every row over the same number of
    photographs. The halves' matrices differ by D; were the halves independent, the whole's variance is E[D^2] / 4.
    The quantile is Student's, with one degree of freedom less than photographs.
    (A bootstrap of patches would repeat some, which lowers the rank of the features and shifts sigma.)

    Returns:
        The lower and upper ends, (n, n) each, zero on the diagonal; the lower is at least 0.

    Raises:
        GridsError: a row has fewer than five photographs.
    """
    from scipy.stats import t  # half a second

    check_photos({row.name: row.photo for row in rows})
    share = components / len(rows[0].gram)
    squares = [
        np.square(_half_matrix(rows, share, seed, split, 0) - _half_matrix(rows, share, seed, split, 1))
        for split in range(SPLITS)
    ]
    fewest = min(len(np.unique(row.photo)) for row in rows)
    reach = float(t.ppf(0.975, fewest - 1)) * np.sqrt(np.mean(squares, axis=0) / 4)
    return np.maximum(matrix - reach, 0.0), matrix + reach


def check_photos(photo: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Raise GridsError where one of the named rows has too few photographs for intervals."""
    for name, index in photo.items():
        if (count := len(np.unique(index))) < LEAST_PHOTOS:
            raise GridsError(f"intervals need at least {LEAST_PHOTOS} photographs, but there are {count} ({name})")


def _half_matrix(rows: Sequence[DegradationRow], share: float, seed: int, split: int, half: int) -> FloatArray:
    grams = []
    for row in rows:
        photos = np.unique(row.photo)
        order = np.random.default_rng([seed, 3, split]).permutation(len(photos))
        part = np.array_split(photos[order], 2)[half]
        chosen = np.flatnonzero(np.isin(row.photo, part))
        grams.append(centre(row.gram[np.ix_(chosen, chosen)]))
    fits = [_fit([gram], max(1, min(round(share * len(gram)), len(gram) - 1))) for gram in grams]
    return ggd.similarity(np.concatenate([f[0] for f in fits]), np.concatenate([f[1] for f in fits]))


def _fit(grams: Sequence[FloatArray], components: int) -> tuple[FloatArray, FloatArray]:
    return ggd.fit(np.stack([principal_scores(gram, components).ravel() for gram in grams]))
