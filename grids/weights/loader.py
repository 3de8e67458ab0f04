"""State dicts from files: our own, and those of other people's programs, of which nothing is ever run."""

from __future__ import annotations

import re
import threading
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grids.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

CONTAINERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "generator", "netG", "net_g")
"""Under which checkpoints keep a state dict, the first that is there; averages before the last weights."""
PREFIXES = ("module.", "_orig_mod.", "generator.", "netG.", "net_g.", "model.")
"""What training programs put before the names of a network's entries, one in another too."""
DEPTH = 8
"""Containers and prefixes within one another; a pickle may even hold itself."""
_GLOBALS = threading.Lock()


def load_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of weights: safetensors, or a PyTorch checkpoint.

    A name that ends in ".safetensors" is read as that, any other file as a PyTorch checkpoint, with weights_only=True,
    so that it cannot run code; NumPy's numbers may lie beside the weights. A state dict is looked for under the keys
    `CONTAINERS`, and `PREFIXES` are taken from the names of its entries; where some of them have such a prefix, the
    others (those of a critic, of a loss) are left out.

    Args:
        path: the file.

    Returns:
        The tensors by the names that the network itself gives them, float32, on the CPU.

    Raises:
        WeightsError: the file cannot be read, is a TorchScript archive, would need code to be run, holds no state dict,
            or has an entry that is no plain tensor of finite real numbers.
    """
    try:
        path.open("rb").close()  # before any format is guessed
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:  # of a record that was tampered with
        raise WeightsError(f"cannot read {str(path)!r}: no file has such a name ({error})") from error
    try:
        content = _read(path)
    except WeightsError:
        raise
    except Exception as error:  # the loaders raise whatever a broken file makes of them
        raise WeightsError(_explain(path, str(error))) from error
    state = _unwrap(content, path)
    return {key: _checked(value, f"'{path}'", key) for key, value in state.items()}


def unreadable(path: Path, error: OSError) -> WeightsError:
    """The error for a file of weights that cannot be opened; it is returned, not raised.

    Args:
        path: the file.
        error: what the system said, whose reason goes into the message.
    """
    return WeightsError(f"cannot read '{path}': {error.strerror or error}")


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if _is_torchscript(path):
        raise WeightsError(f"'{path}' is a TorchScript archive, a program: save the state dict of its network instead")
    import torch

    with _numpy_numbers():
        return torch.load(path, map_location="cpu", weights_only=True)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


@contextmanager
def _numpy_numbers() -> Iterator[None]:
    """Inside, PyTorch takes NumPy's numbers from a pickle too, and warns of nothing."""
    from torch.serialization import safe_globals

    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["AllFloat"] + "?"}
    # NumPy 1 has the same function under another name
    known: list[Any] = [np.dtype, *kinds, *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core"))]
    # both change what the whole process does; one that leaves takes away what another one still needs
    with _GLOBALS, safe_globals(known), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _explain(path: Path, message: str) -> str:
    """What a user can do about a file that PyTorch refuses."""
    if found := re.search(r"Unsupported (?:global|class|type)\S*:? (?:GLOBAL )?([\w.]+)", message):
        return f"'{path}' holds a '{found[1]}', which is no weights and might run code: save the state dict alone"
    if re.search("Unsupported operand 14[89]", message):  # of protocol 4, which PyTorch does not read so
        return f"'{path}' is a pickle of a kind that is not read safely: save the state dict with torch.save"
    return f"'{path}' is neither safetensors nor a PyTorch checkpoint of weights alone"


def _unwrap(content: Any, path: Path) -> dict[str, Any]:
    """The entries of the network in a checkpoint, by the names that they have in the network itself."""
    for _ in range(DEPTH):
        inner = (content.get(key) for key in CONTAINERS) if isinstance(content, dict) else ()
        content = next((value for value in inner if isinstance(value, dict) and value), content)
    if not isinstance(content, dict):
        raise WeightsError(f"'{path}' holds a {type(content).__name__}, not a state dict")
    state = {str(key): value for key, value in content.items()}
    for _ in range(DEPTH):
        shares = ((one, sum(key.startswith(one) for key in state)) for one in PREFIXES)
        # a stray entry that is called so is no network
        if (prefix := next((one for one, count in shares if count > 1 or count == len(state) > 0), None)) is None:
            break
        state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if not state:
        raise WeightsError(f"'{path}' holds no weights")
    return state


def _checked(value: Any, file: str, key: str) -> Tensor:
    """An entry in float32. Raises WeightsError."""
    import torch

    if not isinstance(value, torch.Tensor):
        raise WeightsError(f"{file} holds no state dict: '{key}' is a {type(value).__name__}")
    if strange := _strangeness(value):
        raise WeightsError(f"{file} cannot be used: '{key}' is {strange}, where a plain tensor of weights is needed")
    value = value.float()
    if not bool(torch.isfinite(value).all()):
        raise WeightsError(f"{file} is broken: '{key}' holds values that are not finite")
    return value


def _strangeness(value: Tensor) -> str:
    """Why a tensor cannot be weights; empty for one that can."""
    import torch

    if value.device.type == "meta":
        return "a meta tensor, without values"
    if value.is_quantized:
        return f"a quantized tensor ({str(value.dtype).removeprefix('torch.')})"
    if value.layout != torch.strided or value.is_nested:
        return "a sparse tensor" if "sparse" in str(value.layout) else "a nested tensor"
    if value.is_complex():
        return "a complex tensor"
    # a few bytes may say that they are terabytes
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return "a tensor that repeats its values"
    return ""
