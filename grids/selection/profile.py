"""What a selector has learnt, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from grids.errors import GridsError, RunError
from grids.io import write_bytes
from grids.results import CLEAN, FloatArray, GGDParams
from grids.selection.classifier import Discriminant
from grids.selection.features.moments import VERSION
from grids.selection.gain_model import GainModel

FILE = "profile.safetensors"
"""Its name in a run folder."""
_KEY = "grids_profile"


@dataclass(frozen=True)
class Candidate:
    """A group that images are sorted into.

    Args:
        id: "C1", or a name of the user's.
        degradations: that it restores.
        weights: the file of its restorer, relative to the profile's folder unless absolute; None where it has none.
        network: the preset of that file, where it does not say so itself.
    """

    id: str
    degradations: tuple[str, ...]
    weights: str | None = None
    network: str | None = None


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
        groups: the candidates; every kind but these two is in at most one.
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

    def regrouped(self, groups: tuple[Candidate, ...]) -> Profile:
        """The same kinds in other groups, whose gains are not known.

        Raises:
            GridsError: a group holds a degradation that is not among the kinds.
        """
        for group in groups:
            for name in group.degradations:
                if name not in self.kinds:
                    raise GridsError(
                        f"the profile knows {', '.join(self.kinds)}, but not '{name}' of the group '{group.id}'"
                    )
        return replace(self, groups=groups, gains=None)

    def write(self, path: Path) -> Path:
        """Write it in one step. Raises RunError where that fails."""
        arrays = {f"discriminant.{key}": value for key, value in asdict(self.discriminant).items()}
        if self.gains is not None:
            arrays |= {f"gains.{key}": value for key, value in self.gains.arrays().items()}
        head = {
            "statistics": VERSION,
            "kinds": self.kinds,
            "groups": [asdict(group) for group in self.groups],
            "thresholds": asdict(self.thresholds),
            "gains": None if self.gains is None else self.gains.head(),
            "ggd": {name: asdict(value) for name, value in self.ggd.items()},
            "descriptor_sha256": self.descriptor_sha256,
            "record": dict(self.record),
        }
        stored = {key: _stored(np.asarray(value)) for key, value in arrays.items()}
        return write_bytes(path, save(stored, {_KEY: json.dumps(head)}))


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        RunError: the file is missing, damaged, or no profile, or was made by another version of the statistics.
    """
    try:
        with safe_open(path, "np") as content:
            head = dict(json.loads((content.metadata() or {})[_KEY]))
            arrays = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise RunError(f"cannot read '{path}': there is no such file") from error
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"cannot read '{path}': it is no profile, or it is damaged") from error
    if head.get("statistics") != VERSION:
        raise RunError(f"'{path}' was made with other statistics of images: make it again with `grids profile`")
    try:
        return _profile(head, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, GridsError) as error:
        raise RunError(f"cannot read '{path}': it is no profile, or it is damaged") from error


def _profile(head: Mapping[str, Any], arrays: Mapping[str, Any]) -> Profile:
    def part(name: str) -> dict[str, FloatArray]:
        start = f"{name}."
        return {
            key.removeprefix(start): np.asarray(value, np.int64 if value.dtype.kind in "iu" else np.float64)
            for key, value in arrays.items()
            if key.startswith(start)
        }

    groups = tuple(
        Candidate(group["id"], tuple(group["degradations"]), group["weights"], group["network"])
        for group in head["groups"]
    )
    return Profile(
        tuple(head["kinds"]),
        groups,
        Discriminant(**part("discriminant")),  # type: ignore[arg-type]
        Thresholds(**head["thresholds"]),
        None if head["gains"] is None else GainModel.of(head["gains"], part("gains")),
        {name: GGDParams(**value) for name, value in head["ggd"].items()},
        head["descriptor_sha256"],
        head["record"],
    )


def _stored(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # single precision: the statistics themselves have no more; in C order, since safetensors takes the memory as it is
    return np.ascontiguousarray(array, array.dtype if array.dtype.kind in "iu" else np.float32)


assert CLEAN == "clean"  # the name of the first kind is part of the format
