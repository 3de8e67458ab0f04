"""What a selector has learnt, in one file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from grids.errors import GridsError, RunError
from grids.io import parse_json, write_bytes
from grids.results import Candidate, FloatArray, GGDParams, Grouping
from grids.results.record import decode, encode
from grids.selection.classifier import Discriminant, check_array
from grids.selection.features import VERSION
from grids.selection.gain_model import GainModel

FILE = "profile.safetensors"
"""Its name in a run folder."""
_KEY = "grids_profile"
_DAMAGED = "cannot read '{}': it is no profile, or it is damaged"


@dataclass(frozen=True)
class Thresholds:
    """What verdicts hang on, learnt from calibration photographs.

    Args:
        temperature: that log densities are divided by.
        clean: an image is clean from this probability on.
        distance: the squared distance beyond which an image is unlike anything known.
        other: the probability of "other" beyond which it is, too.

    Raises:
        GridsError: a value cannot be.
    """

    needed: ClassVar[tuple[str, ...]] = ("temperature", "clean", "distance", "other")

    temperature: float = 1.0
    clean: float = 0.5
    distance: float = float("inf")
    other: float = 1.0

    def __post_init__(self) -> None:
        allowed = {
            "temperature": 0 < self.temperature < math.inf,
            "clean": 0 <= self.clean <= 1,
            "distance": self.distance > 0,
            "other": 0 < self.other <= 1,
        }
        for name, fits in allowed.items():
            if not fits:
                raise GridsError(f"the threshold '{name}' cannot be {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Profile:
    """The reference that images are compared with.

    Args:
        kinds: the classes, "clean" first, "other" last.
        groups: the candidates; one that restores all kinds may stand beside those of single groups.
        discriminant: of the kinds, on the statistics of an image.
        thresholds: of the verdicts.
        gains: what the groups' restorers gain, where that was measured.
        ggd: generalized Gaussians of the kinds, for equation 7 of GRIDS; empty where they were not measured.
        descriptor_sha256: of the network whose features are described.
        record: how it was made.

    Raises:
        GridsError: its parts do not fit one another.
    """

    kinds: tuple[str, ...]
    groups: tuple[Candidate, ...]
    discriminant: Discriminant
    thresholds: Thresholds
    gains: GainModel | None
    ggd: Mapping[str, GGDParams]
    descriptor_sha256: str
    record: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kinds, ids = self.kinds, [group.id for group in self.groups]
        if len(set(kinds)) < len(kinds) or len(kinds) != self.discriminant.classes:
            classes = self.discriminant.classes
            raise GridsError(
                f"'kinds' must be {classes} names, as the discriminant has classes, not {', '.join(kinds)}"
            )
        if not ids or len(set(ids)) < len(ids):
            raise GridsError(f"'groups' must have names of their own, but are called {', '.join(ids) or 'nothing'}")
        for group in self.groups:
            if not group.degradations:
                raise GridsError(f"the group '{group.id}' has no degradations")
        self._check_known(self.groups)
        if self.gains is not None:
            size, rank = self.discriminant.projection.shape
            check_array("the 'weights' of the gains", self.gains.weights, len(kinds), size + rank + 1, len(ids))
            check_array("the 'centre' of the gains", self.gains.centre, size)

    def _check_known(self, groups: Sequence[Candidate]) -> None:
        for group in groups:
            if strange := [name for name in group.degradations if name not in self.kinds]:
                known = ", ".join(self.kinds)
                raise GridsError(f"the profile knows {known}, but not '{strange[0]}' of the group '{group.id}'")

    def regroup(self, groups: tuple[Candidate, ...]) -> Profile:
        """Sort the same kinds into other groups, whose gains are not known.

        Args:
            groups: the new candidates, at least one; their ids differ.

        Returns:
            A new profile without a model of gains.

        Raises:
            GridsError: a group holds a degradation that is not among the kinds, or none at all, or ids repeat.
        """
        return replace(self, groups=groups, gains=None)

    def write(self, path: Path) -> Path:
        """Write the profile as one safetensors file, in one step: a reader sees the old file or the new one.

        Arrays are stored in single precision, so that a profile that is read again differs by their rounding.

        Args:
            path: the file; in a run folder it must be called `FILE`.

        Returns:
            The path.

        Raises:
            RunError: the file cannot be written.
        """
        arrays = _to_arrays("discriminant", self.discriminant)
        arrays |= {} if self.gains is None else _to_arrays("gains", self.gains)
        head = _Head(
            self.kinds,
            self.groups,
            self.thresholds,
            _Gains.of(self.gains),
            dict(self.ggd),
            self.descriptor_sha256,
            dict(self.record),
        )
        return write_bytes(path, save(arrays, {_KEY: json.dumps({"statistics": VERSION, **encode(head)})}))


def group_membership(kinds: Sequence[str], groups: Sequence[Candidate]) -> FloatArray:
    """Tell which group restores which kind.

    Args:
        kinds: K names.
        groups: G candidates.

    Returns:
        (K, G), float64: 1 where the group restores the kind, else 0. A kind may be in several groups, or in none.

    >>> group_membership(("clean", "jpeg"), (Candidate("C1", ("jpeg",)),)).tolist()
    [[0.0], [1.0]]
    """
    return np.array([[float(kind in group.degradations) for group in groups] for kind in kinds])


def list_candidates(grouping: Grouping) -> tuple[Candidate, ...]:
    """Take the groups of a run as candidates, for a profile that lies in its folder.

    Args:
        grouping: of the run.

    Returns:
        One candidate for each group, in their order, with its id, degradations and weights, which stay relative to the
        run folder if they are; the preset of the network is left open.
    """
    return tuple(
        Candidate(group.id, group.degradations, None if group.weights is None else Path(group.weights))
        for group in grouping.groups
    )


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Args:
        path: the file, as `Profile.write` writes it.

    Returns:
        The profile, its arrays in double precision; the weights of its groups stay relative to its folder.

    Raises:
        RunError: the file is missing, damaged, or no profile, or was made by another version of the statistics.
    """
    try:
        with safe_open(path, "np") as content:
            head = parse_json((content.metadata() or {})[_KEY])
            arrays = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118
        if head.get("statistics") != VERSION:
            raise RunError(f"'{path}' was made with other statistics of images: make it again with `grids profile`")
        return _profile(decode(_Head, head), arrays)
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"cannot read '{path}': there is no such file") from error
    except KeyError as error:
        raise RunError(f"{_DAMAGED.format(path)}: there is no '{error.args[0]}'") from error
    except (TypeError, OverflowError, GridsError) as error:
        raise RunError(f"{_DAMAGED.format(path)}: {error}") from error
    except (OSError, SafetensorError, ValueError, AttributeError) as error:
        raise RunError(_DAMAGED.format(path)) from error


@dataclass(frozen=True)
class _Gains:
    """What is stored of a model of gains beside its arrays."""

    coverage: float

    @classmethod
    def of(cls, model: GainModel | None) -> _Gains | None:
        return None if model is None else cls(model.coverage)


@dataclass(frozen=True)
class _Head:
    """What is stored of a profile beside its arrays."""

    kinds: tuple[str, ...]
    groups: tuple[Candidate, ...]
    thresholds: Thresholds
    gains: _Gains | None
    ggd: dict[str, GGDParams]
    descriptor_sha256: str
    record: dict[str, Any]


def _profile(head: _Head, arrays: Mapping[str, Any]) -> Profile:
    return Profile(
        head.kinds,
        head.groups,
        Discriminant(**_from_arrays("discriminant", Discriminant, arrays)),
        head.thresholds,
        None if head.gains is None else GainModel(**_from_arrays("gains", GainModel, arrays), **vars(head.gains)),
        head.ggd,
        head.descriptor_sha256,
        head.record,
    )


def _to_arrays(name: str, record: Discriminant | GainModel) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a record under "name.field", as they are stored."""
    return {f"{name}.{key}": _stored(value) for key, value in vars(record).items() if isinstance(value, np.ndarray)}


def _from_arrays(name: str, kind: type[Discriminant | GainModel], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a record by the names of its fields, in double precision, whole numbers as such."""
    found = {}
    for part in (part for part, hint in get_type_hints(kind).items() if hint is not float):
        value, whole = arrays[f"{name}.{part}"], part == "owners"
        if value.dtype.kind not in ("iu" if whole else "f"):
            raise TypeError(f"'{name}.{part}' must hold {'whole ' if whole else ''}numbers, not {value.dtype}")
        with np.errstate(invalid="ignore"):  # a signalling NaN would be warned of here; the record refuses every NaN
            found[part] = value.astype(np.int64 if whole else np.float64)
    return found


def _stored(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # single precision: the statistics themselves have no more; in C order, since safetensors takes the memory as it is
    return np.ascontiguousarray(array, array.dtype if array.dtype.kind in "iu" else np.float32)
