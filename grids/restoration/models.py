"""Restorers in files: weights as safetensors, with what they were trained for beside them in the same file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from grids import networks
from grids.builtin import stored_digest
from grids.errors import GridsError, WeightsError
from grids.io import parse_json, write_bytes
from grids.networks.heads import ANY, MultiHead, list_heads
from grids.networks.published import load_network, translate
from grids.networks.shen import ShenFace
from grids.networks.state_dict import load_strict, prefix_errors
from grids.random import global_seed
from grids.weights import load_state

_KEY = "grids_restorer"
_DIGESTS: dict[tuple[object, ...], str] = {}


@dataclass(frozen=True)
class Restorer:
    """A trained network, as `load_restorer` reads it.

    Args:
        network: in eval mode, on the CPU, without gradients.
        preset: the name of its size in `grids.networks.TABLE`, or of its class where no preset is of its size.
        tasks: what it was trained for; empty where neither the file nor the caller says so.
        record: what else the file says of itself; empty for weights from elsewhere.
    """

    network: nn.Module
    preset: str
    tasks: tuple[str, ...]
    record: Mapping[str, Any]


def save_restorer(path: Path, network: nn.Module, record: Mapping[str, Any], half: bool = False) -> Path:
    """Write weights and their record into one safetensors file, whole or not at all.

    Args:
        path: the file; a missing folder is made.
        network: its weights are kept, as float32; the network is not changed.
        record: as JSON. `load_restorer` looks for `preset` (a name) and `tasks` (names) in it; nothing is checked here.
        half: as float16, for files half as large; counts of batches are too large for it and stay float32.

    Returns:
        The path.

    Raises:
        RunError: the file cannot be written.
    """
    state = {
        key: (value.half() if half and value.is_floating_point() else value.float()).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    return write_bytes(path, save(state, {_KEY: json.dumps(dict(record))}))


def read_record(path: Path) -> dict[str, Any] | None:
    """Read what a file says of the restorer in it, without reading the weights.

    Args:
        path: a file of `save_restorer`, or any other.

    Returns:
        The record; where it has a `preset`, that is a text or None, where it has `tasks`, these are a list of texts.
        None where the file is missing, is no restorer's, or its record is damaged.
    """
    try:
        return _parse_record(path)
    except WeightsError:
        return None


def _parse_record(path: Path) -> dict[str, Any] | None:
    """The same. Raises WeightsError for a record that is none: `preset` is a text, `tasks` a list of them."""
    try:
        with safe_open(path, "pt") as content:
            text = (content.metadata() or {}).get(_KEY)
    except (OSError, SafetensorError):
        return None
    if text is None:
        return None
    what = f"cannot use '{path}': what it says of its restorer is damaged"
    try:
        record = parse_json(text)
    except GridsError as error:
        raise WeightsError(f"{what}: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("preset"), str | None):
        raise WeightsError(f"{what}: it is no record with a 'preset'")
    tasks = record.get("tasks", [])
    if not isinstance(tasks, list) or not all(isinstance(name, str) for name in tasks):
        raise WeightsError(f"{what}: its 'tasks' are no list of names")
    return record


def load_restorer(path: str | Path, preset: str | None = None, tasks: tuple[str, ...] = ()) -> Restorer:
    """Read a restorer that was trained here, or weights from elsewhere, of a network in `grids.networks.TABLE`.

    The size is read off the file, and the network too where neither the file nor `preset` names it. NAFNet, Restormer
    and SRResNet may bear the names of their authors' code (see `grids.networks.published`).

    Args:
        path: safetensors, or a PyTorch checkpoint, of which no code is run.
        preset: the network that the file holds, before what the file says; None leaves it to the file. Only its class
            counts: the size is the file's.
        tasks: what the restorer is for, where the file does not say so.

    Returns:
        The restorer, on the CPU, in evaluation mode.

    Raises:
        WeightsError: the file cannot be read, is of no network that is known, or not of the one that is named.
        UnknownNameError: there is no preset of the name given, or of that in the file.
        GridsError: the network does not keep the size of images.
    """
    file = Path(path)
    if preset is not None:
        check_scale(preset)
    state, record = load_state(file), _parse_record(file) or {}
    name = preset or record.get("preset")
    if name is not None:
        check_scale(name)
    with prefix_errors(f"cannot use '{file}'"):
        network = load_network(state, None if name is None else networks.preset(name).network)
    if network is None:
        raise WeightsError(
            f"'{file}' does not say which network it holds, and its entries do not tell: name the `network`"
        )
    if name is None:
        name = _name_preset(network)
    network.requires_grad_(False)
    return Restorer(network.eval(), name, tuple(record.get("tasks", tasks)), record)


def _name_preset(network: nn.Module) -> str:
    """The preset that a network is of, or its class where none has its size. Raises GridsError as `check_scale`."""
    own = [name for name, preset in networks.TABLE.items() if preset.network is type(network)]
    check_scale(own[0])
    digest = digest_of(network)
    heads = network.tasks if isinstance(network, MultiHead) else ()
    same = (name for name in own if digest == state_digest(name, 1, heads, {}))
    return next(same, type(network).__name__)


def start_weights(path: str | Path, preset: str, options: Mapping[str, Any] | None = None) -> dict[str, Tensor]:
    """Read weights that a network of this preset can start its training from.

    Args:
        path: a restorer's file, or weights from elsewhere under our names or published ones.
        preset: the network, with its sizes.
        options: of its class, beside those of the preset; None for none. Where a topology is among them, the places of
            heads are not compared here, but by `load_start`.

    Returns:
        A state dict in float32, on the CPU. Of a network with a head for each task it holds the tasks of the file.

    Raises:
        WeightsError: the file cannot be read, or is of another network or size.
        UnknownNameError: there is no such preset.
    """
    file, what = Path(path), f"the network '{preset}'"
    with prefix_errors(f"cannot start from '{file}'"):
        state = dict(translate(load_state(file), networks.preset(preset).network))
        if not list_heads(state):
            return load_strict(networks.build(preset, **(options or {})), state, what).state_dict()
        network = networks.preset(preset).network.from_state(state)  # type: ignore[attr-defined]
        # of the preset's sizes, with all heads in one place: blocks between heads are for `load_start` to compare
        plain = {key: value for key, value in (options or {}).items() if key != "topology"}
        sized = networks.build(preset, network.tasks, **plain)
        load_strict(sized, {key: value for key, value in state.items() if key in sized.state_dict()}, what)
    return state


def check_scale(preset: str, scale: int = 1) -> None:
    """Check that a network gives images of the size that is wanted.

    Args:
        preset: its name.
        scale: how many times as large as its inputs the outputs must be on each side; 1 for the same size.

    Raises:
        UnknownNameError: there is no such preset.
        GridsError: its outputs are of another scale.
    """
    found = getattr(networks.preset(preset).network, "scale", 1)
    if found != scale == 1:
        raise GridsError(f"the network '{preset}' enlarges images: it cannot restore them at their own size")
    if found != scale:
        raise GridsError(f"the network '{preset}' enlarges images {found} times, not {scale}")


def initialize(
    preset: str, seed: int, scale: int = 1, tasks: Iterable[str] = ANY, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Make a network of a preset with weights drawn from a seed. The same seed gives the same weights.

    With a head for each task, and for faces, it is set to give back its input at first. PyTorch's global generators are
    seeded for it; that of the CPU is put back afterwards.

    Args:
        preset: its name.
        seed: what the weights are drawn from.
        scale: what its outputs must be, see `check_scale`.
        tasks: names, for a network with a head for each; without meaning for others.
        options: arguments of its class, before those of the preset; None for none.

    Returns:
        The network, on the CPU, in training mode.

    Raises:
        UnknownNameError: there is no such preset.
        GridsError: it is of another scale, or nothing of it can be trained, or its class refuses the tasks or options.
    """
    check_scale(preset, scale)
    if preset in networks.FIXED:
        raise GridsError(f"the network '{preset}' has no weights to train")
    with global_seed(seed, torch.device("cpu")):
        network = networks.build(preset, tasks, **(options or {}))
    if isinstance(network, MultiHead | ShenFace):
        network.init_to_identity()
    return network


def state_digest(preset: str, scale: int, tasks: Iterable[str], options: Mapping[str, Any]) -> str:
    """Compute a checksum of the names and shapes of a network's weights.

    A network of the same name with another checksum has changed, so that stored weights do not fit it. Each is computed
    once in a process: that of a preset as it stands comes from a stored table where the table has it, others from a
    network that is made, which takes a moment for large ones.

    Args:
        preset: the network.
        scale: what its outputs must be, see `check_scale`.
        tasks: names, for a network with a head for each.
        options: arguments of its class, before those of the preset; empty for none.

    Returns:
        16 hexadecimal digits.

    Raises:
        GridsError: as `initialize`.
    """
    check_scale(preset, scale)
    names, chosen = tuple(tasks), networks.preset(preset)
    key = (chosen.network, repr(chosen.options), scale, names, repr(options))
    if key not in _DIGESTS:
        known = "" if options else stored_digest(preset, chosen.network.__name__, chosen.options)
        # on the meta device nothing would be drawn, but torch imports for two seconds
        _DIGESTS[key] = known or digest_of(initialize(preset, 0, scale, names, options))
    return _DIGESTS[key]


def digest_of(network: nn.Module) -> str:
    """Compute the checksum of `state_digest` of a network that is there. Values of weights do not count.

    Args:
        network: any.

    Returns:
        16 hexadecimal digits.
    """
    shapes = {key: list(value.shape) for key, value in network.state_dict().items()}
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:16]


def load_start(network: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Put the weights of a state into a network, which may have heads for some of the state's tasks only.

    Args:
        network: its weights are replaced, in place.
        state: such as `start_weights` gives. It is not changed.

    Returns:
        The same network.

    Raises:
        WeightsError: the state lacks a task's head, its heads attach elsewhere (another topology), or it is of another
            network.
    """
    if isinstance(network, MultiHead):
        if missing := sorted(set(network.tasks) - set(list_heads(state))):
            raise WeightsError(f"cannot start from these weights: they have no head for '{missing[0]}'")
        state = network.keep_tasks(state, network.tasks)
        places = {key: value for key, value in network.state_dict().items() if key.endswith(".stage")}
        if any(not torch.equal(state[key], value) for key, value in places.items()):
            raise WeightsError("cannot start from these weights: their heads attach at other places: see `topology`")
    return load_strict(network, state, "the network to be trained")
