"""A row: what is kept of one degradation's features, enough to fit it again on any part of the photographs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from grids import __version__
from grids.degradations import Degradation
from grids.io import write_bytes
from grids.random import seed_for
from grids.results import FloatArray
from grids.similarity.descriptor import Descriptor
from grids.similarity.gram import gram_matrix
from grids.similarity.patches import Crops, degraded_patches

FORMAT = 3
"""Raised whenever the same settings would give another row."""


@dataclass(frozen=True)
class Row:
    """The Gram matrix of one degradation's features.

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
    def load(cls, path: Path, key: str) -> Row | None:
        """The stored row, or None where there is none with this key; a damaged file counts as none."""
        try:
            with safe_open(path, framework="numpy") as file:
                label = json.loads((file.metadata() or {})["row"])
                tensors = {name: file.get_tensor(name) for name in ("gram", "photo")}
            if label["key"] != key or label["sha256"] != _digest(tensors):
                return None
            return cls(label["name"], key, tensors["gram"].astype(np.float64), tensors["photo"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError):
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
) -> Row:
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
    return Row(name, key, gram.astype(np.float32).astype(np.float64), crops.photo)
