"""The restorers of five papers as recipes: network, tasks, batches, losses and settings, in one visible table.

Nothing here imports torch: what makes the systems of a recipe is in `grids.training.systems.makers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from grids.builtin import ELEVEN
from grids.errors import look_up
from grids.training.config import BUDGETS, TrainingConfig
from grids.training.pair_settings import PRISTINE

SystemName = Literal["plain", "with critics", "hierarchy", "faces"]
"""Kinds of systems, as records show them."""


@dataclass(frozen=True)
class Extras:
    """What a user can give to a recipe.

    Args:
        vgg: a file of VGG-19 weights for losses between features; None for the descriptor's features.
        trunk: a file of ImageNet weights for the network's trunk; None for random ones.
        topology: where decoders attach, as "R>B>J>H"; None for the recipe's own, or one place for other tasks.
        say: is told in a line each what is used.
    """

    vgg: Path | None = None
    trunk: Path | None = None
    topology: str | None = None
    say: Callable[[str], None] = lambda text: None

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the fields that are given, in the order "vgg", "trunk", "topology"."""
        return tuple(name for name in ("vgg", "trunk", "topology") if getattr(self, name) is not None)


@dataclass(frozen=True)
class Recipe:
    """A paper's way of training restorers: tasks, network, losses and settings.

    Args:
        paper: where it is from.
        tasks: names of degradations that stand for the paper's.
        data: what the paper learns from, in words.
        network: the preset of the paper's size.
        small: a preset that trains on a CPU in minutes.
        losses: in words.
        budgets: its settings by the name of a budget; "paper" takes the network, the others the small one.
        system: the kind of system that is trained.
        terms: of "with critics", what differs from `grids.training.systems.adversarial.Terms`.
        topology: of "hierarchy", where the decoders of exactly its tasks attach; "" for other systems.
        takes: which of the fields of `Extras` it has a use for.
    """

    paper: str
    tasks: tuple[str, ...]
    data: str
    network: str
    small: str
    losses: str
    budgets: Mapping[str, TrainingConfig]
    system: SystemName = "plain"
    terms: Mapping[str, Any] = field(default_factory=dict)
    topology: str = ""
    takes: tuple[str, ...] = ()

    def get_config(self, budget: str = "quick", **changes: Any) -> TrainingConfig:
        """The settings of a budget, some of them changed.

        Args:
            budget: "quick", "standard" or "paper".
            changes: fields of `TrainingConfig` with their new values; None leaves the budget's.

        Raises:
            UnknownNameError: the budget is unknown.
            GridsError: a value is out of range.
            TypeError: there is no such field.
        """
        config = look_up("budget", budget, self.budgets)
        return replace(config, **{key: value for key, value in changes.items() if value is not None})


def _make_budgets(paper: TrainingConfig, quick: int = 600, rate: float = 5e-4) -> dict[str, TrainingConfig]:
    """The paper's settings, and for CPUs the same with small crops, few steps and a faster rate.

    The papers count the steps of a model, whatever its tasks.
    """
    small = TrainingConfig(
        iterations=quick,
        learning_rate=rate,
        loss=paper.loss,
        schedule=paper.schedule,
        sampler=paper.sampler,
        steps_per="model",
    )
    standard = replace(small, iterations=10 * quick)
    return {"quick": small, "standard": standard, "paper": replace(paper, steps_per="model")}


_PAPERS = TrainingConfig(crop=256, learning_rate=1e-4, warm_up=0.0, clip=0.0, average=0.0, data=PRISTINE)
"""What the papers have in common, but for GRIDS."""
# constant for half of the epochs, then down to 1e-7
_MARTYNIUK_CONFIG = replace(
    _PAPERS, iterations=69_000, batch=4, final=1e-3, schedule="linear", sampler="each:motion_blur=2"
)
_MARTYNIUK = Recipe(
    paper="Martyniuk, Multi-task learning for image restoration (MSc thesis, UCU Lviv 2019)",
    tasks=("motion_blur", "haze", "raindrop"),
    data="GoPro, D-HAZY (NYU), Raindrop (Qian et al.)",
    network="martyniuk-resnet",
    small="martyniuk-resnet-small",
    losses="features + 0.5 L1 + 0.01 critic (WGAN-GP, one for each task)",
    budgets=_make_budgets(_MARTYNIUK_CONFIG, quick=400, rate=1e-3),
    system="with critics",
    takes=("vgg",),
)
_GRIDS = Recipe(
    paper="Cao et al., GRIDS (ECCV 2024)",
    tasks=ELEVEN,
    data="DIV2K and Flickr2K",
    network="srresnet",
    small="srresnet",
    losses="L1, all tasks mixed in every batch",
    budgets={
        **{name: replace(BUDGETS[name], learning_rate=5e-4, loss="l1") for name in ("quick", "standard")},
        "paper": replace(BUDGETS["paper"], loss="l1"),
    },
)

TABLE: dict[str, Recipe] = {
    "martyniuk-resnet": _MARTYNIUK,
    "martyniuk-fpn": replace(_MARTYNIUK, network="martyniuk-fpn", small="martyniuk-fpn-small", takes=("vgg", "trunk")),
    "liu-durbm": Recipe(
        paper="Liu, Suganuma, Okatani, Joint Learning of Multiple Image Restoration Tasks",
        tasks=("haze", "rain", "motion_blur", "jpeg"),
        data="RESIDE, DID-MDN, GoPro, DIV2K",
        network="liu-durbm",
        small="liu-durbm-small",
        losses="1.1 (1 - SSIM) + 0.75 L1, one task a batch in cycles of 1, 1, 3, 1",
        budgets=_make_budgets(
            replace(_PAPERS, iterations=100_000, batch=32, loss="ssim-l1", sampler="cycles:motion_blur=3"), rate=1e-3
        ),
        system="hierarchy",
        topology="R>B>J>H",
        takes=("topology",),
    ),
    "walha-mtlgan": replace(
        _MARTYNIUK,
        paper="Walha, Drira, Bedhief, multi-task GAN for restoration (ICAART 2024)",
        tasks=("frame_blur", "sensor_noise"),
        data="GoPro, SIDD",
        network="walha-mtlgan",
        small="walha-mtlgan-small",
        budgets=_make_budgets(replace(_MARTYNIUK_CONFIG, sampler="each", batch=2), quick=400, rate=2e-3),
        terms={"critic_rate": 1.0},
        takes=("vgg", "trunk"),
    ),
    "shen-face": Recipe(
        paper="Shen et al., A multi-task approach to face deblurring (EURASIP JWCN 2019)",
        tasks=("trajectory_blur",),
        data="Helen, CMU PIE, CelebA: faces of 128 x 128 (see `grids faces`)",
        network="shen-face",
        small="shen-face-small",
        losses="L1 of images and of structure at two scales; from half of the steps + features, from three quarters "
        "+ critic",
        budgets=_make_budgets(replace(_PAPERS, iterations=200_000, crop=128, batch=16, final=1.0)),
        system="faces",
        takes=("vgg",),
    ),
    "grids-srresnet": _GRIDS,
    "grids-restormer": replace(_GRIDS, network="restormer", small="restormer-s"),
}

PLAIN_RECIPE = Recipe("", ELEVEN, "", "unet", "unet", "log-mse, or L1 with the paper's budget", BUDGETS)
"""Of trainings by no paper's recipe."""


def get_recipe(name: str | None) -> Recipe:
    """The recipe of a name.

    Args:
        name: a key of `TABLE`; None for plain training, by no paper's recipe.

    Raises:
        UnknownNameError: there is no such recipe.

    >>> get_recipe("liu-durbm").tasks
    ('haze', 'rain', 'motion_blur', 'jpeg')
    """
    return PLAIN_RECIPE if name is None else look_up("recipe", name, TABLE)


def resolve_config(
    name: str | None, budget: str = "quick", network: str | None = None, **changes: Any
) -> tuple[str, TrainingConfig]:
    """The network and the settings of a recipe, or of plain training.

    The learning rate is that of the budget, or the network's own where that is lower, unless it is given.

    Args:
        name: of the recipe; None for one network and one loss.
        budget: "quick", "standard" or "paper".
        network: a preset; None for the recipe's own of that budget, or the default.
        changes: fields of `TrainingConfig` with their new values; None leaves the budget's.

    Returns:
        the preset and the settings.

    Raises:
        UnknownNameError: the recipe, budget or network is unknown.
        GridsError: a value is out of range.
    """
    from grids.networks import preset  # the networks need torch

    recipe = get_recipe(name)
    chosen = network or (recipe.network if budget == "paper" else recipe.small)
    config = recipe.get_config(budget, **changes)
    rate = preset(chosen).rate
    if changes.get("learning_rate") is None:
        config = replace(config, learning_rate=min(config.learning_rate, rate))
    return chosen, config
