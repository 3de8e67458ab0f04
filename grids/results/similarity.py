"""The similarity matrix, and the distributions behind it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from grids.cells import frame_to_csv
from grids.errors import GridsError, unknown_name
from grids.results.record import Record, decode

if TYPE_CHECKING:
    import pandas as pd

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class GGDParams:
    """A zero-mean generalized Gaussian distribution. Source: GRIDS, equation 1.

    Args:
        alpha: its shape, above 0: 2 is a Gaussian, 1 a Laplace distribution; smaller ones have heavier tails.
        sigma: its scale, above 0: the root mean square.

    Raises:
        GridsError: one of them is not finite or not above 0.
    """

    alpha: float
    sigma: float

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("sigma", self.sigma)):
            if not (math.isfinite(value) and value > 0):
                raise GridsError(f"the {name} of a generalized Gaussian must be positive and finite, but is {value}")


@dataclass(frozen=True, eq=False)
class SimilarityMatrix(Record):
    """How alike degradations are: S_ij = log10((KL_ij + KL_ji) / 2 + 1e-5) + 5; small means alike.

    KL_ij is the Kullback-Leibler divergence between the distributions of two degradations. All arrays are copied, and
    the copies cannot be written to.

    Args:
        degradations: n distinct names, in the order of the rows.
        matrix: (n, n), finite, symmetric, zero on the diagonal.
        ggd: the fitted distribution of each degradation (and of "clean", where it was measured).
        low: (n, n), finite, symmetric: the lower ends of the intervals of the entries; None where not measured.
        high: (n, n), the upper ends, likewise; both or neither.
        settings: what the matrix was measured with.
        descriptor_sha256: the checksum of the descriptor's weights.
        grids_version: the version that measured it.

    Raises:
        GridsError: the names repeat, the matrix is not (n, n), finite, symmetric with a zero diagonal, or the ends of
            the intervals are not both there, or not (n, n), finite and symmetric.
    """

    file_name: ClassVar[str] = "similarity.json"
    what: ClassVar[str] = "a similarity matrix"

    degradations: tuple[str, ...]
    matrix: FloatArray
    ggd: dict[str, GGDParams] = field(default_factory=dict)
    low: FloatArray | None = None
    high: FloatArray | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    descriptor_sha256: str = ""
    grids_version: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "degradations", tuple(self.degradations))
        n = len(self.degradations)
        if len(set(self.degradations)) != n:
            raise GridsError(f"degradations must be distinct, but are {', '.join(self.degradations)}")
        if (self.low is None) != (self.high is None):
            raise GridsError("low and high are the two ends of intervals: one without the other says nothing")
        for name in ("matrix", "low", "high"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _square(name, value, n))
        if np.any(np.diag(self.matrix) != 0):
            raise GridsError("a similarity matrix must be zero on its diagonal")

    def __len__(self) -> int:
        return len(self.degradations)

    def index(self, name: str) -> int:
        """Find the row (and the column) of a degradation.

        Args:
            name: of the degradation.

        Returns:
            0 to n - 1.

        Raises:
            UnknownNameError: the matrix does not hold it.
        """
        if name not in self.degradations:
            raise unknown_name("degradation", name, self.degradations)
        return self.degradations.index(name)

    def distance(self, first: str, second: str) -> float:
        """S between two degradations: small means that they are alike.

        Args:
            first: a name.
            second: another, or the same one, which gives 0.

        Returns:
            S, without a unit; the order of the two names does not matter.

        Raises:
            UnknownNameError: the matrix does not hold one of them.

        >>> SimilarityMatrix(("jpeg", "haze"), np.array([[0, 3.5], [3.5, 0]])).distance("jpeg", "haze")
        3.5
        """
        return float(self.matrix[self.index(first), self.index(second)])

    def group_distance(self, names: tuple[str, ...] | list[str]) -> float:
        """How alike the members of a group are: the mean of S over all their pairs. Source: GRIDS, Table 2.

        Args:
            names: the degradations of the group.

        Returns:
            The mean; 0 for a group of one.

        Raises:
            UnknownNameError: the group has two or more members, and the matrix does not hold one of them.
        """
        pairs = [self.distance(a, b) for a, b in itertools.combinations(names, 2)]
        return float(np.mean(pairs)) if pairs else 0.0

    def pairs(self) -> list[tuple[float, str, str]]:
        """All pairs of two different degradations, the most alike first.

        Returns:
            n (n - 1) / 2 tuples (S, name, name); in each the names have the order of the matrix. Equal values of S are
            ordered by the names.
        """
        found = [(self.distance(a, b), a, b) for a, b in itertools.combinations(self.degradations, 2)]
        return sorted(found)

    def subset(self, names: tuple[str, ...] | list[str]) -> SimilarityMatrix:
        """Cut the matrix to some of its degradations, or reorder it. Nothing is measured again.

        Args:
            names: the degradations to keep, each once, in the order wanted.

        Returns:
            A new matrix, with the intervals and the distributions of those names (and of "clean"), and with the same
            settings.

        Raises:
            UnknownNameError: the matrix does not hold one of them.
            GridsError: a name comes twice.
        """
        rows = np.array([self.index(name) for name in names], dtype=int)
        kept = np.ix_(rows, rows)
        low, high = (None if ends is None else ends[kept] for ends in (self.low, self.high))
        ggd = {name: params for name, params in self.ggd.items() if name in names or name == "clean"}
        return replace(self, degradations=tuple(names), matrix=self.matrix[kept], ggd=ggd, low=low, high=high)

    def to_json(self) -> dict[str, Any]:
        """The content of similarity.json.

        Returns:
            "degradations", "matrix" (a list of rows, six decimals), "ggd" (alpha and sigma by name), "settings",
            "descriptor_sha256", "grids_version", and "intervals" (of "low" and "high", as the matrix) where they were
            measured.
        """
        data: dict[str, Any] = {
            "degradations": list(self.degradations),
            "matrix": _rounded(self.matrix),
            "ggd": {name: {"alpha": p.alpha, "sigma": p.sigma} for name, p in self.ggd.items()},
            "settings": self.settings,
            "descriptor_sha256": self.descriptor_sha256,
            "grids_version": self.grids_version,
        }
        if self.low is not None and self.high is not None:
            data["intervals"] = {"low": _rounded(self.low), "high": _rounded(self.high)}
        return data

    @classmethod
    def _decoded(cls, data: Mapping[str, Any]) -> SimilarityMatrix:
        intervals = data.get("intervals") or {}
        return cls(
            degradations=decode(tuple[str, ...], data["degradations"], "degradations"),
            matrix=_matrix(data, "matrix"),
            ggd=decode(dict[str, GGDParams], data["ggd"], "ggd"),
            low=_matrix(intervals, "low") if intervals else None,
            high=_matrix(intervals, "high") if intervals else None,
            settings=decode(dict[str, Any], data["settings"], "settings"),
            descriptor_sha256=decode(str, data["descriptor_sha256"], "descriptor_sha256"),
            grids_version=decode(str, data["grids_version"], "grids_version"),
        )

    def to_frame(self) -> pd.DataFrame:
        """S as a table.

        Returns:
            (n, n): the degradations are the index, which is named "degradation", and the columns, in the order of the
            matrix. It holds a copy, which may be changed.
        """
        import pandas as pd

        names = list(self.degradations)
        return pd.DataFrame(self.matrix.copy(), index=pd.Index(names, name="degradation"), columns=names)

    def to_csv(self) -> str:
        """S as CSV: a header of names, then a row for each degradation.

        Returns:
            The CSV text; the first cell is "degradation", values have four decimals. Names that a spreadsheet would
            compute are made safe, see `grids.cells.to_cell`.
        """
        return frame_to_csv(self.to_frame(), float_format="%.4f")


def _matrix(data: Mapping[str, Any], name: str) -> FloatArray:
    return np.array(decode(tuple[tuple[float, ...], ...], data[name], name), dtype=float)


def _square(name: str, value: Any, n: int) -> FloatArray:
    array = np.array(value, dtype=float)
    if array.shape != (n, n):
        raise GridsError(f"{name} must be ({n}, {n}) for {n} degradations, but is {array.shape}")
    if not np.all(np.isfinite(array)):
        raise GridsError(f"{name} must be finite")
    if not np.allclose(array, array.T, atol=1e-6):
        raise GridsError(f"{name} must be symmetric")
    array.setflags(write=False)
    return array


def _rounded(matrix: FloatArray) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in matrix]
