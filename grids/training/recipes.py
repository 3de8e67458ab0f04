"""The restorers of five papers as recipes: network, tasks, batches, losses and settings, in one visible table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from grids import networks, weights
from grids.degradations import ELEVEN
from grids.errors import GridsError, WeightsError, unknown_name
from grids.networks import MartyniukFPN, WalhaNet
from grids.networks.discriminators import ConvCritic, PatchCritic
from grids.networks.topology import parse
from grids.training.config import BUDGETS, TrainingConfig
from grids.training.losses.perceptual import DEPTH, feature_network
from grids.training.methods import PLAIN, Method
from grids.training.pair_settings import PRISTINE
from grids.training.systems.adversarial import RESTED, Adversarial, Terms
from grids.training.systems.faces import FaceDeblurring, Stages
from grids.weights import load_state, sha256


@dataclass(frozen=True)
class Extras:
    """What a user can give to a recipe.

    Args:
        vgg: a file of VGG-19 weights for losses between features; None for the descriptor's features.
        trunk: a file of ImageNet weights for the network's trunk; None for random ones.
        topology: where decoders attach, as "R>B>J>H"; None for the recipe's own, or one place for other tasks.
        say: is told what is used.
    """

    vgg: Path | None = None
    trunk: Path | None = None
    topology: str | None = None
    say: Callable[[str], None] = lambda text: None

    @property
    def given(self) -> tuple[str, ...]:
        """What is given."""
        return tuple(name for name in ("vgg", "trunk", "topology") if getattr(self, name) is not None)


@dataclass(frozen=True)
class Recipe:
    """A paper's way of training restorers.

    Args:
        paper: where it is from.
        tasks: names of degradations that stand for the paper's.
        data: what the paper learns from.
        network: the preset of its size.
        small: a preset that trains on a CPU in minutes.
        losses: in words.
        budgets: the settings behind --budget; "paper" takes the network, the others the small one.
        method: (tasks, what the user gives, whether the network is the small one) -> what is trained.
        takes: which of `Extras` it has a use for.
    """

    paper: str
    tasks: tuple[str, ...]
    data: str
    network: str
    small: str
    losses: str
    budgets: Mapping[str, TrainingConfig]
    method: Callable[[tuple[str, ...], Extras, bool], Method] = lambda tasks, extras, small: PLAIN
    takes: tuple[str, ...] = ()


def _budgets(paper: TrainingConfig, quick: int = 600, rate: float = 5e-4) -> dict[str, TrainingConfig]:
    """The paper's settings, and for CPUs the same with small crops, few steps and a faster rate.

    The papers count the steps of a model, whatever its tasks.
    """
    paper = replace(paper, steps_per="model")
    small = TrainingConfig(
        iterations=quick,
        learning_rate=rate,
        loss=paper.loss,
        schedule=paper.schedule,
        sampler=paper.sampler,
        steps_per=paper.steps_per,
    )
    return {"quick": small, "standard": replace(small, iterations=10 * quick), "paper": paper}


def _features(extras: Extras, layers: tuple[str, ...]) -> tuple[nn.Module, dict[str, Any]]:
    """The network that features are taken from, and what determines it."""
    network = feature_network(extras.vgg, layers, extras.say)
    if extras.vgg is not None:
        return network, {"vgg_sha256": sha256(extras.vgg)}
    return network, {"features_sha256": sha256(weights.builtin(weights.DESCRIPTOR)), "blocks": DEPTH}


def _with_critics(terms: Terms, layers: tuple[str, ...], tasks: tuple[str, ...], extras: Extras, small: bool) -> Method:
    """Martyniuk's and Walha's: a critic for each task."""
    features, settings = _features(extras, layers)
    critic = partial(PatchCritic, 16 if small else 64)
    settings |= {"terms": vars(terms), "layers": list(layers), "small": small}
    if extras.trunk is not None:
        settings["rested"] = RESTED
        settings["trunk_sha256"] = sha256(extras.trunk)
    trunk = None if extras.trunk is None else _read_trunk(extras.trunk)

    def make(network: nn.Module, names: tuple[str, ...], config: TrainingConfig) -> Adversarial:
        given = None if trunk is None or extras.trunk is None else _given_trunk(network, extras.trunk, trunk, small)
        return Adversarial(network, names, config, critic, features, terms, given)

    return Method("with critics", make, settings=settings)


def _read_trunk(file: Path) -> dict[str, Tensor]:
    try:
        return load_state(file)
    except WeightsError as error:
        raise WeightsError(f"cannot use the trunk '{file}': {error}") from error


def _given_trunk(network: nn.Module, file: Path, state: Mapping[str, Tensor], small: bool) -> nn.Module:
    """The trunk of a network, with the weights of a file."""
    assert isinstance(network, MartyniukFPN | WalhaNet)  # those whose recipes take a trunk
    try:
        network.load_trunk(state)
    except WeightsError as error:
        hint = " (a small network's is narrower than the published one)" if small else ""
        raise WeightsError(f"cannot use the trunk '{file}'{hint}: {error}") from error
    return network.encoder.trunk


def _hierarchy(own: str, letters: Mapping[str, str], tasks: tuple[str, ...], extras: Extras, small: bool) -> Method:
    """Liu's: decoders that attach at several depths."""
    text = extras.topology
    if text is None and set(tasks) == set(letters.values()):
        text = own
    if text is None:
        extras.say(f"decoders: all at the encoder's end ({own} is for exactly {', '.join(letters.values())})")
        return PLAIN
    stages = parse(text, tasks, letters)
    extras.say(f"decoders: {text}")
    return Method("hierarchy", PLAIN.make, options={"topology": stages})


def _faces(stages: Stages, tasks: tuple[str, ...], extras: Extras, small: bool) -> Method:
    """Shen's: image and structure, with losses that come in by and by."""
    layers = ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")
    features, settings = _features(extras, layers)
    settings |= {"stages": vars(stages), "layers": list(layers), "small": small}

    def make(network: nn.Module, names: tuple[str, ...], config: TrainingConfig) -> FaceDeblurring:
        critic = partial(ConvCritic, 16 if small else 64, config.crop)
        return FaceDeblurring(network, config, critic, features, stages)

    return Method("faces", make, settings=settings)


_GRIDS = {name: replace(settings, loss="l1") for name, settings in BUDGETS.items()}
# constant for half of the epochs, then down to 1e-7
_MARTYNIUK = TrainingConfig(
    iterations=69_000,
    crop=256,
    batch=4,
    learning_rate=1e-4,
    final=1e-3,
    warm_up=0.0,
    clip=0.0,
    average=0.0,
    schedule="linear",
    sampler="each:motion_blur=2",
    data=PRISTINE,
)
_LIU = TrainingConfig(
    iterations=100_000,
    crop=256,
    batch=32,
    learning_rate=1e-4,
    loss="ssim-l1",
    clip=0.0,
    average=0.0,
    warm_up=0.0,
    sampler="cycles:motion_blur=3",
    data=PRISTINE,
)
_SHEN = TrainingConfig(
    iterations=200_000,
    crop=128,
    batch=16,
    learning_rate=1e-4,
    final=1.0,
    warm_up=0.0,
    clip=0.0,
    average=0.0,
    data=PRISTINE,
)

_MARTYNIUK_PAPER = "Martyniuk, Multi-task learning for image restoration (MSc thesis, UCU Lviv 2019)"
_MARTYNIUK_DATA = "GoPro, D-HAZY (NYU), Raindrop (Qian et al.)"
_MARTYNIUK_LOSSES = "features + 0.5 L1 + 0.01 critic (WGAN-GP, one for each task)"
_GRIDS_PAPER = "Cao et al., GRIDS (ECCV 2024)"
_GRIDS_DATA = "DIV2K and Flickr2K"

TABLE: dict[str, Recipe] = {
    "martyniuk-resnet": Recipe(
        _MARTYNIUK_PAPER,
        ("motion_blur", "haze", "raindrop"),
        _MARTYNIUK_DATA,
        "martyniuk-resnet",
        "martyniuk-resnet-small",
        _MARTYNIUK_LOSSES,
        _budgets(_MARTYNIUK, quick=400, rate=1e-3),
        partial(_with_critics, Terms(), ("conv3_3",)),
        takes=("vgg",),
    ),
    "martyniuk-fpn": Recipe(
        _MARTYNIUK_PAPER,
        ("motion_blur", "haze", "raindrop"),
        _MARTYNIUK_DATA,
        "martyniuk-fpn",
        "martyniuk-fpn-small",
        _MARTYNIUK_LOSSES,
        _budgets(_MARTYNIUK, quick=400, rate=1e-3),
        partial(_with_critics, Terms(), ("conv3_3",)),
        takes=("vgg", "trunk"),
    ),
    "liu-durbm": Recipe(
        "Liu, Suganuma, Okatani, Joint Learning of Multiple Image Restoration Tasks",
        ("haze", "rain", "motion_blur", "jpeg"),
        "RESIDE, DID-MDN, GoPro, DIV2K",
        "liu-durbm",
        "liu-durbm-small",
        "1.1 (1 - SSIM) + 0.75 L1, one task a batch in cycles of 1, 1, 3, 1",
        _budgets(_LIU, rate=1e-3),
        partial(_hierarchy, "R>B>J>H", {"R": "rain", "B": "motion_blur", "J": "jpeg", "H": "haze"}),
        takes=("topology",),
    ),
    "walha-mtlgan": Recipe(
        "Walha, Drira, Bedhief, multi-task GAN for restoration (ICAART 2024)",
        ("frame_blur", "sensor_noise"),
        "GoPro, SIDD",
        "walha-mtlgan",
        "walha-mtlgan-small",
        _MARTYNIUK_LOSSES,
        _budgets(replace(_MARTYNIUK, sampler="each", batch=2), quick=400, rate=2e-3),
        partial(_with_critics, Terms(critic_rate=1.0), ("conv3_3",)),
        takes=("vgg", "trunk"),
    ),
    "shen-face": Recipe(
        "Shen et al., A multi-task approach to face deblurring (EURASIP JWCN 2019)",
        ("trajectory_blur",),
        "Helen, CMU PIE, CelebA: faces of 128 x 128 (see `grids faces`)",
        "shen-face",
        "shen-face-small",
        "L1 of images and of structure at two scales; from half of the steps + features, from three quarters + critic",
        _budgets(_SHEN),
        partial(_faces, Stages()),
        takes=("vgg",),
    ),
    "grids-srresnet": Recipe(
        _GRIDS_PAPER, ELEVEN, _GRIDS_DATA, "srresnet", "srresnet", "L1, all tasks mixed in every batch", _GRIDS
    ),
    "grids-restormer": Recipe(
        _GRIDS_PAPER, ELEVEN, _GRIDS_DATA, "restormer", "restormer-s", "L1, all tasks mixed in every batch", _GRIDS
    ),
}


PLAIN_RECIPE = Recipe("", ELEVEN, "", "unet", "unet", "log-mse, or L1 with the paper's budget", BUDGETS)
"""Of trainings by no paper's recipe."""


def system_recipe(name: str) -> Recipe:
    """The recipe of a name. Raises UnknownNameError."""
    if name not in TABLE:
        raise unknown_name("recipe", name, TABLE)
    return TABLE[name]


def settings_of(recipe: Recipe, budget: str = "quick", **changes: Any) -> TrainingConfig:
    """The settings of a budget, with what is given changed. Raises GridsError."""
    if budget not in recipe.budgets:
        raise unknown_name("budget", budget, recipe.budgets)
    return replace(recipe.budgets[budget], **{key: value for key, value in changes.items() if value is not None})


def resolved(
    system: str | None, budget: str = "quick", network: str | None = None, **changes: Any
) -> tuple[str, TrainingConfig]:
    """The network and the settings of a recipe, or of plain training; at a rate that the network bears, unless given.

    Args:
        system: the recipe's name; None for one network and one loss.
        budget: "quick", "standard" or "paper".
        network: a preset; None for the recipe's own of that budget, or the default.
        changes: of the settings.

    Raises:
        GridsError: a name or value is wrong.
    """
    recipe = PLAIN_RECIPE if system is None else system_recipe(system)
    chosen = network or (recipe.network if budget == "paper" else recipe.small)
    settings = settings_of(recipe, budget)
    gentle = min(settings.learning_rate, networks.preset(chosen).rate)
    return chosen, replace(settings, **{"learning_rate": gentle, **changes})


def method_of(name: str | None, network: str, tasks: tuple[str, ...], extras: Extras) -> Method:
    """What is trained by a recipe.

    Args:
        name: of the recipe; None for one network and one loss.
        network: the preset, of the recipe's class.
        tasks: their names.
        extras: what the user gives.

    Raises:
        GridsError: the preset is of another network, a file cannot be used, or something is given that the recipe has
            no use for.
    """
    if name is None:
        if extras.given:
            raise GridsError(f"--{extras.given[0]} goes with --recipe")
        return PLAIN
    recipe = system_recipe(name)
    wanted = networks.preset(recipe.network).network
    if networks.preset(network).network is not wanted:
        known = [preset for preset, entry in networks.TABLE.items() if entry.network is wanted]
        raise GridsError(f"the recipe '{name}' trains {' or '.join(known)}, not '{network}'")
    for what in extras.given:
        if what not in recipe.takes:
            raise GridsError(f"the recipe '{name}' has no use for --{what}")
    return recipe.method(tasks, extras, network != recipe.network)
