"""The weights and statistics that ship in the package, and the loader for these and for users' own files."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grids.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

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
        raise _unreadable(path, error) from error


def load_state(path: Path) -> dict[str, Tensor]:
    """The float32 state dict in a file: safetensors, or a PyTorch checkpoint with or without BasicSR's `params` keys.

    A PyTorch checkpoint is read with weights_only=True, so that it cannot run code.

    Raises:
        WeightsError: the file cannot be read, holds no state dict, or a value that is not finite.
    """
    try:
        path.open("rb").close()  # before any format is guessed
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        content = _read(path)
    except WeightsError:
        raise
    except Exception as error:  # the loaders raise whatever a broken file makes of them
        raise WeightsError(f"'{path}' is neither safetensors nor a PyTorch checkpoint of weights alone") from error
    return _checked(content, path)


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"cannot read '{path}': {error.strerror or error}")


def _read(path: Path) -> dict[str, Any]:
    import torch
    from safetensors.torch import load_file

    if path.suffix == ".safetensors":
        return dict(load_file(path))
    content = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("params_ema", "params", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise WeightsError(f"'{path}' holds a {type(content).__name__}, not a state dict")
    return content


def _checked(content: dict[str, Any], path: Path) -> dict[str, Tensor]:
    import torch

    state = {}
    for key, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise WeightsError(f"'{path}' holds no state dict: '{key}' is a {type(value).__name__}")
        state[str(key).removeprefix("module.")] = value.float()
    if not state:
        raise WeightsError(f"'{path}' holds no weights")
    for key, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"'{path}' is broken: '{key}' holds values that are not finite")
    return state


def _folder() -> Path:
    return Path(str(files("grids.weights")))
