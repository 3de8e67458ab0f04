"""What a selector has learnt, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from grids.errors import GridsError, RunError
from grids.io import write_bytes
from grids.results import Candidate, FloatArray, GGDParams, Grouping
from grids.selection.classifier import Discriminant
from grids.selection.features import VERSION
from grids.selection.gain_model import GainModel

FILE = "profile.safetensors"
"""Its name in a run folder."""
_KEY = "grids_profile"


@dataclass(frozen=True)
class Thresholds:
    """What verdicts hang on, learnt from calibration photographs.

    Args:
        temperature: that log densities are divided by.
        clean: an image is clean from this probability on.
        distance: the squared distance beyond which an image is unlike anything known.
        other: the probability of "other" beyond which it is, too.
    """

    temperature: float = 1.0
    clean: float = 0.5
    distance: float = float("inf")
    other: float = 1.0


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
    """

    kinds: tuple[str, ...]
    groups: tuple[Candidate, ...]
    discriminant: Discriminant
    thresholds: Thresholds
    gains: GainModel | None
    ggd: Mapping[str, GGDParams]
    descriptor_sha256: str
    record: Mapping[str, Any] = field(default_factory=dict)

    def regroup(self, groups: tuple[Candidate, ...]) -> Profile:
        """The same kinds in other groups, whose gains are not known.

        Raises:
            GridsError: a group holds a degradation that is not among the kinds.
        """
        for group in groups:
            if strange := [name for name in group.degradations if name not in self.kinds]:
                known = ", ".join(self.kinds)
                raise GridsError(f"the profile knows {known}, but not '{strange[0]}' of the group '{group.id}'")
        return replace(self, groups=groups, gains=None)

    def write(self, path: Path) -> Path:
        """Write it in one step. Raises RunError where that fails."""
        arrays = _to_arrays("discriminant", self.discriminant)
        if self.gains is not None:
            arrays |= _to_arrays("gains", self.gains)
        head = {
            "statistics": VERSION,
            "kinds": self.kinds,
            "groups": [
                {**asdict(group), "weights": None if group.weights is None else str(group.weights)}
                for group in self.groups
            ],
            "thresholds": asdict(self.thresholds),
            "gains": None if self.gains is None else {"coverage": self.gains.coverage},
            "ggd": {name: asdict(value) for name, value in self.ggd.items()},
            "descriptor_sha256": self.descriptor_sha256,
            "record": dict(self.record),
        }
        return write_bytes(path, save(arrays, {_KEY: json.dumps(head)}))


def group_membership(kinds: Sequence[str], groups: Sequence[Candidate]) -> FloatArray:
    """(K, G): 1 where the group restores the kind."""
    return np.array([[float(kind in group.degradations) for group in groups] for kind in kinds])


def list_candidates(grouping: Grouping) -> tuple[Candidate, ...]:
    """The groups of a run, for a profile that lies in its folder."""
    return tuple(
        Candidate(group.id, group.degradations, None if group.weights is None else Path(group.weights))
        for group in grouping.groups
    )


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        RunError: the file is missing, damaged, or no profile, or was made by another version of the statistics.
    """
    try:
        with safe_open(path, "np") as content:
            head = dict(json.loads((content.metadata() or {})[_KEY]))
            arrays = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118
        if head.get("statistics") != VERSION:
            raise RunError(f"'{path}' was made with other statistics of images: make it again with `grids profile`")
        return _profile(head, arrays)
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"cannot read '{path}': there is no such file") from error
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError, GridsError) as error:
        raise RunError(f"cannot read '{path}': it is no profile, or it is damaged") from error


def _profile(head: Mapping[str, Any], arrays: Mapping[str, Any]) -> Profile:
    gains = head["gains"]
    return Profile(
        tuple(head["kinds"]),
        tuple(_candidate(entry) for entry in head["groups"]),
        Discriminant(**_from_arrays("discriminant", arrays)),
        Thresholds(**head["thresholds"]),
        None if gains is None else GainModel(**_from_arrays("gains", arrays), coverage=float(gains["coverage"])),
        {name: GGDParams(**value) for name, value in head["ggd"].items()},
        head["descriptor_sha256"],
        head["record"],
    )


def _candidate(entry: Mapping[str, Any]) -> Candidate:
    file = None if entry["weights"] is None else Path(entry["weights"])
    return Candidate(entry["id"], tuple(entry["degradations"]), file, entry["network"])


def _to_arrays(name: str, record: Discriminant | GainModel) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a record under "name.field", as they are stored."""
    return {f"{name}.{key}": _stored(value) for key, value in vars(record).items() if isinstance(value, np.ndarray)}


def _from_arrays(name: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a record by the names of its fields, in double precision."""
    start = f"{name}."
    return {
        key.removeprefix(start): np.asarray(value, np.int64 if value.dtype.kind in "iu" else np.float64)
        for key, value in arrays.items()
        if key.startswith(start)
    }


def _stored(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # single precision: the statistics themselves have no more; in C order, since safetensors takes the memory as it is
    return np.ascontiguousarray(array, array.dtype if array.dtype.kind in "iu" else np.float32)
