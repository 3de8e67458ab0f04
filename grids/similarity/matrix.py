"""From crops to rows, one for each degradation, and from rows to the similarity matrix with its intervals.

In order: `measure_row` for each degradation (the slow step), `fit_rows`, `similarity_of`, and, where asked for,
`intervals`. See docs/method.md, sections 1 to 6.
"""

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
from grids.errors import GridsError, unknown_name
from grids.io import parse_json, write_bytes
from grids.random import seed_for
from grids.results import FloatArray, GGDParams
from grids.similarity import ggd
from grids.similarity.descriptor import Descriptor
from grids.similarity.gram import centre, gram_matrix, principal_scores
from grids.similarity.patches import Crops, degraded_patches

Arrays = dict[str, np.ndarray[Any, Any]]
FORMAT = 3
"""Raised whenever the same settings would give another row."""
SPLITS = 20
LEAST_PHOTOS = 5
"""Fewer photographs have too few distinct halves."""


@dataclass(frozen=True)
class DegradationRow:
    """What is kept of one degradation's features, enough to fit it again on any part of the photographs.

    Args:
        name: the degradation's name.
        key: a checksum of all that determines the rest, see `row_key`.
        gram: (N, N), float64, of the centred features of N patches; rounded to float32's precision, so that a stored
            row gives the same results. All 0 where all patches are equal.
        photo: (N,), which photograph each patch comes from, counted from 0.
    """

    name: str
    key: str
    gram: FloatArray
    photo: np.ndarray[Any, np.dtype[np.int64]]

    def save(self, path: Path) -> Path:
        """Write the row as safetensors, in one step: a file that is there is replaced whole or not at all.

        Args:
            path: the file; a missing folder is made.

        Returns:
            The path.

        Raises:
            RunError: it cannot be written.
        """
        tensors: Arrays = {"gram": self.gram.astype(np.float32), "photo": self.photo.astype(np.int64)}
        label = {"name": self.name, "key": self.key, "sha256": _digest(tensors)}
        # one entry of metadata: safetensors writes several in random order
        return write_bytes(path, save(tensors, metadata={"row": json.dumps(label)}))

    @classmethod
    def load(cls, path: Path, key: str) -> DegradationRow | None:
        """Read a stored row, if it is the one that is asked for.

        Args:
            path: the file.
            key: the `row_key` that it must have.

        Returns:
            The row, equal to the one that was saved; None where the file is missing, is damaged (its checksum tells),
            or has another key.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                label = parse_json((file.metadata() or {})["row"])
                tensors = {name: file.get_tensor(name) for name in ("gram", "photo")}
            if label["key"] != key or label["sha256"] != _digest(tensors):
                return None
            return cls(label["name"], key, tensors["gram"].astype(np.float64), tensors["photo"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, GridsError):
            return None


def _digest(tensors: Arrays) -> str:
    return hashlib.sha256(b"".join(tensors[name].tobytes() for name in sorted(tensors))).hexdigest()


def row_key(
    crops: Crops, name: str, degradation: Degradation | None, descriptor: Descriptor, layer: str, seed: int
) -> str:
    """Compute a checksum of everything that a row's content depends on.

    A stored row with the same key need not be measured again. Beside the arguments, the version of grids counts.

    Args:
        crops: their pixels and places count, not their names.
        name: the degradation's; its seed depends on it.
        degradation: its `identity` counts; None for no degradation. One whose identity is None, as of kinds from
            elsewhere, has a key, too, but no stored row may be used for it.
        descriptor: its weights, its kind of device and its precision count.
        layer: "body" or "last".
        seed: of the whole measurement.

    Returns:
        64 hexadecimal digits.
    """
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
    """Degrade the crops, describe their patches, and keep the Gram matrix. The same arguments give the same row.

    Args:
        crops: N clean crops (or, with no degradation, crops of images that already bear one).
        name: what the row is called.
        degradation: what to apply; None for nothing.
        descriptor: what computes the features.
        layer: "body" or "last", where they are taken from.
        seed: of the whole measurement; each degradation draws from its own seed, made from this and its name.

    Returns:
        The row of N patches, in the order of the crops.

    Raises:
        GridsError: there is no such layer, or the degradation cannot be applied.
    """
    patches = degraded_patches(crops, degradation, seed_for(seed, name))
    gram = gram_matrix(descriptor.feature_blocks(patches, layer))
    if bool((patches == patches[:1]).all()):  # only the rounding of the convolutions tells their features apart
        gram = np.zeros_like(gram)
    key = row_key(crops, name, degradation, descriptor, layer, seed)
    return DegradationRow(name, key, gram.astype(np.float32).astype(np.float64), crops.photo)


def fit_rows(rows: Sequence[DegradationRow], components: int) -> dict[str, GGDParams]:
    """Fit one GGD to each row: to all scores of its first principal components, pooled (GRIDS, 4.2; SRGA).

    Args:
        rows: at least one, all of the same number N of patches.
        components: how many principal components, 1 to N - 1. The scale sigma depends on this and on N, so only
            distributions with the same two are compared.

    Returns:
        The distribution of each row by its name, in the order of the rows.

    Raises:
        GridsError: there is no row, or rows differ in N; the components are not in 1 .. N - 1, the patches of a row do
            not vary, or its features are not finite.
    """
    if len(counts := {len(row.gram) for row in rows}) != 1:
        raise GridsError(f"rows must all have the same number of patches, but have {sorted(counts) or 'none'}")
    for row in rows:
        if np.trace(row.gram) <= 0:
            raise GridsError(f"the patches of '{row.name}' do not vary: its images are flat")
    alpha, sigma = _fit([row.gram for row in rows], components)
    return {row.name: GGDParams(float(a), float(s)) for row, a, s in zip(rows, alpha, sigma, strict=True)}


def similarity_of(params: Mapping[str, GGDParams], names: Sequence[str]) -> FloatArray:
    """Compute the similarity S between the named distributions, as `grids.similarity.ggd.similarity`.

    Args:
        params: distributions by name, such as `fit_rows` gives; there may be more than are named.
        names: n of these names, in the order of the rows wanted.

    Returns:
        (n, n), float64, symmetric, 0 on the diagonal; small means alike.

    Raises:
        UnknownNameError: there is no distribution of a name.
    """
    if unknown := [name for name in names if name not in params]:
        raise unknown_name("row", unknown[0], params)
    chosen = [params[name] for name in names]
    return ggd.similarity(np.array([p.alpha for p in chosen]), np.array([p.sigma for p in chosen]))


def intervals(
    rows: Sequence[DegradationRow], matrix: FloatArray, components: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Estimate 95 % intervals of S over the choice of photographs and patches.

    The photographs are split at random into halves, 20 times, the same split for every row over the same number of
    photographs. The halves' matrices differ by D; were the halves independent, the whole's variance is E[D^2] / 4. The
    quantile is Student's, with one degree of freedom less than photographs.
    (A bootstrap of patches would repeat some, which lowers the rank of the features and shifts sigma.)

    Args:
        rows: n of them, at least one; each may have its own photographs.
        matrix: (n, n), the S of the whole rows, in their order; the middle of the intervals. It is not changed.
        components: that the matrix was made with; halves take the same share of their patches.
        seed: of the splits, 0 or more.

    Returns:
        The lower and upper ends, (n, n) each, float64, zero on the diagonal; the lower is at least 0.

    Raises:
        GridsError: a row has fewer than five photographs, or the patches of a half do not vary.
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
    """Check that there are enough photographs for `intervals`, before anything is measured.

    Args:
        photo: by name of a row, (N,): which photograph each of its patches comes from.

    Raises:
        GridsError: a row has patches of fewer than five different photographs; the first such row is named.
    """
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
