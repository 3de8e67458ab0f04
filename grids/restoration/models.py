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
from grids.errors import GridsError, WeightsError
from grids.io import parse_json, write_bytes
from grids.networks.heads import ANY, MultiHead, list_heads
from grids.networks.published import load_network, translate
from grids.networks.shen import ShenFace
from grids.networks.state_dict import load_strict, prefix_errors
from grids.sizes import stored_digest
from grids.weights import load_state

_KEY = "grids_restorer"
_DIGESTS: dict[tuple[object, ...], str] = {}


@dataclass(frozen=True)
class Restorer:
    """A trained network.

    network: in eval mode, on the CPU.
    preset: the name of its size in `grids.networks.TABLE`, or of its class where no preset is of its size.
    tasks: what it was trained for.
    record: what else the file says of itself.
    """

    network: nn.Module
    preset: str
    tasks: tuple[str, ...]
    record: Mapping[str, Any]


def save_restorer(path: Path, network: nn.Module, record: Mapping[str, Any], half: bool = False) -> Path:
    """Write weights and their record in one step.

    Args:
        path: the file.
        network: its weights are kept.
        record: as JSON; `preset` and `tasks` must be in it.
        half: as float16, for files half as large; counts of batches are too large for it and stay float32.

    Raises:
        RunError: the file cannot be written.
    """
    state = {
        key: (value.half() if half and value.is_floating_point() else value.float()).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    return write_bytes(path, save(state, {_KEY: json.dumps(dict(record))}))


def read_record(path: Path) -> dict[str, Any] | None:
    """What a file says of the restorer in it; None where it is missing, or no restorer's, or damaged."""
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

    Raises:
        WeightsError: the file cannot be read, is of no network that is known, or not of the one that is named.
        GridsError: the preset is unknown, or a network that does not keep the size of images.
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
        raise WeightsError(f"'{file}' does not say which network it holds, and its entries do not tell: see --network")
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
    """Weights that a network of this preset, with these options of its class, can start from.

    Raises:
        WeightsError: they are of any other network, or cannot be read.
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
    """Raise GridsError for a preset that is unknown, or whose outputs are not `scale` times as large as its inputs."""
    found = getattr(networks.preset(preset).network, "scale", 1)
    if found != scale == 1:
        raise GridsError(f"the network '{preset}' enlarges images: it cannot restore them at their own size")
    if found != scale:
        raise GridsError(f"the network '{preset}' enlarges images {found} times, not {scale}")


def initialize(
    preset: str, seed: int, scale: int = 1, tasks: Iterable[str] = ANY, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """A network with weights drawn from a seed, with a head for each task where it has such, and options of its class.

    With heads, and for faces, it begins by giving back its input.

    Raises:
        GridsError: it is of another scale (see `check_scale`).
    """
    check_scale(preset, scale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = networks.build(preset, tasks, **(options or {}))
    if isinstance(network, MultiHead | ShenFace):
        network.init_to_identity()
    return network


def state_digest(preset: str, scale: int, tasks: Iterable[str], options: Mapping[str, Any]) -> str:
    """A checksum of the names and shapes of a network's weights: another one is another network of the same name.

    Each is computed once in a process, of presets as they are from a table; others from a network that is made.
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
    """The same checksum, of a network that is there."""
    shapes = {key: list(value.shape) for key, value in network.state_dict().items()}
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:16]


def load_start(network: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """The network with the weights of a state, of which it may have the heads of a part of the tasks.

    Raises:
        WeightsError: the state lacks a task's head, or its heads attach elsewhere.
    """
    if isinstance(network, MultiHead):
        if missing := sorted(set(network.tasks) - set(list_heads(state))):
            raise WeightsError(f"cannot start from these weights: they have no head for '{missing[0]}'")
        state = network.keep_tasks(state, network.tasks)
        places = {key: value for key, value in network.state_dict().items() if key.endswith(".stage")}
        if any(not torch.equal(state[key], value) for key, value in places.items()):
            raise WeightsError("cannot start from these weights: their heads attach at other places (--topology)")
    return load_strict(network, state, "the network to be trained")
