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
    """The path of a file that ships in the package, its checksum verified at every call.

    Args:
        name: a key of `manifest`, such as `DESCRIPTOR`.

    Returns:
        Where the file lies in the installed package.

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
    """What the package says of the files that it ships.

    Returns:
        For each file, by its name, a dict with at least sha256, what (it is) and licence. Weights also name their
        training data (trained_on) and steps, and have scores such as val_psnr_db, in dB. The file is read at every
        call.

    >>> manifest()["srresnet_x4.safetensors"]["steps"] > 0
    True
    """
    entries: dict[str, dict[str, Any]] = json.loads((_folder() / "manifest.json").read_text(encoding="utf-8"))
    return entries


def sha256(path: Path) -> str:
    """The SHA-256 checksum of a file, which is read whole.

    Args:
        path: the file.

    Returns:
        64 hexadecimal digits in small letters, as the manifest and `sha256sum` give them.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def _folder() -> Path:
    return Path(str(files("grids.weights")))
