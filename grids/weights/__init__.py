"""The weights and statistics that ship in the package, and the loader for these and for users' own files."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from grids.errors import WeightsError
from grids.weights.loader import load_state, unreadable

__all__ = ["DESCRIPTOR", "PROFILE", "SIMILARITY", "builtin", "load_state", "manifest", "sha256"]

DESCRIPTOR = "srresnet_x4.safetensors"
SIMILARITY = "similarity.json"
PROFILE = "profile.safetensors"


def builtin(name: str) -> Path:
    """The path of a file that ships in the package, its checksum verified.

    Raises:
        WeightsError: there is no such file, or its content is not what was shipped.
    """
    entry = manifest().get(name)
    path = _folder() / name
    if entry is None or not path.is_file():
        raise WeightsError(f"the file '{name}' is missing from the installed package: install grids again")
    if sha256(path) != entry["sha256"]:
        raise WeightsError(f"'{path}' is not the file that ships with grids (other checksum): install grids again")
    return path


def manifest() -> dict[str, dict[str, Any]]:
    """What ships: for every file its sha256, licence, training data and scores."""
    entries: dict[str, dict[str, Any]] = json.loads((_folder() / "manifest.json").read_text(encoding="utf-8"))
    return entries


def sha256(path: Path) -> str:
    """The checksum of a file. Raises WeightsError where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def _folder() -> Path:
    return Path(str(files("grids.weights")))
