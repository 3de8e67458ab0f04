"""From a recipe to the systems that it trains, with the files that a user gives read once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from grids import networks, weights
from grids.errors import GridsError
from grids.networks import MartyniukFPN, WalhaNet
from grids.networks.discriminators import ConvCritic, PatchCritic
from grids.networks.state_dict import prefix_errors
from grids.networks.topology import parse
from grids.training.config import TrainingConfig
from grids.training.losses.perceptual import DEPTH, feature_network
from grids.training.recipes import Extras, Recipe, SystemName, get_recipe
from grids.training.systems.adversarial import RESTED, Adversarial, Terms
from grids.training.systems.base import SupervisedSystem, System
from grids.training.systems.faces import FaceDeblurring, Stages
from grids.weights import load_state, sha256

CRITIC_LAYERS = ("conv3_3",)
FACE_LAYERS = ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")
"""Of VGG-19, between whose features losses are taken."""


@dataclass(frozen=True)
class SystemMaker:
    """Makes the systems of a recipe, one for each training.

    Args:
        name: of the kind of system, as records show it.
        make: (network, tasks, config) -> the system; the tasks in the order of a batch's numbers.
        options: arguments of the network's class, beside those of its preset.
        settings: whatever else determines the result, such as the checksums of files, as JSON.
    """

    name: str
    make: Callable[[nn.Module, tuple[str, ...], TrainingConfig], System]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """All that determines what it makes, for the key of a training.

        Returns:
            "name", "options" and "settings", as they come back from JSON: tuples are lists.
        """
        given: dict[str, Any] = json.loads(json.dumps({"options": dict(self.options), "settings": dict(self.settings)}))
        return {"name": self.name, **given}


PLAIN = SystemMaker("plain", lambda network, tasks, config: SupervisedSystem(network, config.loss, tasks))
"""One network with one loss."""


def prepare_maker(name: str | None, network: str, tasks: tuple[str, ...], extras: Extras) -> SystemMaker:
    """What makes the systems of a recipe. Files that the user gives are read here, once.

    Args:
        name: of the recipe; None for one network and one loss (`PLAIN`).
        network: the preset, of the recipe's class.
        tasks: their names.
        extras: what the user gives; its `say` is told what is used.

    Raises:
        GridsError: the preset is of another network, the topology is wrong, or something is given that the recipe has
            no use for.
        UnknownNameError: the recipe or the preset is unknown.
        WeightsError: a file cannot be used. Whether a trunk fits is seen only when a system is made.
    """
    if name is None:
        if extras.given:
            raise GridsError(f"`{extras.given[0]}` goes with `recipe`")
        return PLAIN
    recipe = get_recipe(name)
    wanted = networks.preset(recipe.network).network
    if networks.preset(network).network is not wanted:
        known = [preset for preset, entry in networks.TABLE.items() if entry.network is wanted]
        raise GridsError(f"the recipe '{name}' trains {' or '.join(known)}, not '{network}'")
    for what in extras.given:
        if what not in recipe.takes:
            raise GridsError(f"the recipe '{name}' has no use for `{what}`")
    return _PREPARE[recipe.system](recipe, tasks, extras, network != recipe.network)


def _prepare_plain(recipe: Recipe, tasks: tuple[str, ...], extras: Extras, small: bool) -> SystemMaker:
    return PLAIN


def _prepare_critics(recipe: Recipe, tasks: tuple[str, ...], extras: Extras, small: bool) -> SystemMaker:
    """Martyniuk's and Walha's: a critic for each task."""
    terms = Terms(**recipe.terms)
    features, settings = _load_features(extras, CRITIC_LAYERS)
    settings |= {"terms": vars(terms), "layers": list(CRITIC_LAYERS), "small": small}
    trunk: Mapping[str, Tensor] = {}
    if extras.trunk is not None:
        settings |= {"rested": RESTED, "trunk_sha256": sha256(extras.trunk)}
        with prefix_errors(f"cannot use the trunk '{extras.trunk}'"):
            trunk = load_state(extras.trunk)

    def make(network: nn.Module, names: tuple[str, ...], config: TrainingConfig) -> Adversarial:
        given = None if extras.trunk is None else _put_trunk(network, extras.trunk, trunk, small)
        return Adversarial(network, names, config, partial(PatchCritic, 16 if small else 64), features, terms, given)

    return SystemMaker("with critics", make, settings=settings)


def _prepare_hierarchy(recipe: Recipe, tasks: tuple[str, ...], extras: Extras, small: bool) -> SystemMaker:
    """Liu's: decoders that attach at several depths."""
    text = extras.topology
    if text is None and set(tasks) == set(recipe.tasks):
        text = recipe.topology
    if text is None:
        order = ", ".join(task for stage in parse(recipe.topology, recipe.tasks) for task in stage)
        extras.say(f"decoders: all at the encoder's end ({recipe.topology} is for exactly {order})")
        return PLAIN
    stages = parse(text, tasks)
    extras.say(f"decoders: {text}")
    return SystemMaker("hierarchy", PLAIN.make, options={"topology": stages})


def _prepare_faces(recipe: Recipe, tasks: tuple[str, ...], extras: Extras, small: bool) -> SystemMaker:
    """Shen's: image and structure, with losses that come in by and by."""
    stages = Stages()
    features, settings = _load_features(extras, FACE_LAYERS)
    settings |= {"stages": vars(stages), "layers": list(FACE_LAYERS), "small": small}

    def make(network: nn.Module, names: tuple[str, ...], config: TrainingConfig) -> FaceDeblurring:
        critic = partial(ConvCritic, 16 if small else 64, config.crop)
        return FaceDeblurring(network, config, critic, features, stages)

    return SystemMaker("faces", make, settings=settings)


_PREPARE: Mapping[SystemName, Callable[[Recipe, tuple[str, ...], Extras, bool], SystemMaker]] = {
    "plain": _prepare_plain,
    "with critics": _prepare_critics,
    "hierarchy": _prepare_hierarchy,
    "faces": _prepare_faces,
}
"""(recipe, tasks, what the user gives, whether the network is the small one) -> what makes the systems."""


def _load_features(extras: Extras, layers: tuple[str, ...]) -> tuple[nn.Module, dict[str, Any]]:
    """The network that features are taken from, and what determines it."""
    network = feature_network(extras.vgg, layers, extras.say)
    if extras.vgg is not None:
        return network, {"vgg_sha256": sha256(extras.vgg)}
    return network, {"features_sha256": sha256(weights.builtin(weights.DESCRIPTOR)), "blocks": DEPTH}


def _put_trunk(network: nn.Module, file: Path, state: Mapping[str, Tensor], small: bool) -> nn.Module:
    """The trunk of a network, now with the weights of a file."""
    assert isinstance(network, MartyniukFPN | WalhaNet)  # those whose recipes take a trunk
    hint = " (a small network's is narrower than the published one)" if small else ""
    with prefix_errors(f"cannot use the trunk '{file}'{hint}"):
        network.load_trunk(state)
    return network.encoder.trunk
