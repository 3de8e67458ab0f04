"""The table of recipes: each makes its system, is identified as ever, and refuses what it has no use for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from contracts import raises_line
from training.tiny_systems import TASKS

from grids import networks
from grids.errors import GridsError, UnknownNameError
from grids.training.recipes import TABLE, Extras, get_recipe, resolve_config
from grids.training.systems.makers import prepare_maker


@pytest.mark.parametrize("name", TABLE)
def test_every_recipe_makes_its_system(name: str) -> None:
    recipe = get_recipe(name)
    assert networks.preset(recipe.small).network is networks.preset(recipe.network).network
    maker = prepare_maker(name, recipe.small, recipe.tasks, Extras())
    config = recipe.get_config(iterations=2)
    system = maker.make(networks.build(recipe.small, recipe.tasks, **maker.options), recipe.tasks, config)
    assert set(system.optimizers(config)) <= {"network", "critics", "critic"}
    assert recipe.get_config("standard").iterations > recipe.get_config().iterations
    assert recipe.get_config("paper").crop >= 128
    assert maker.identity() == prepare_maker(name, recipe.small, recipe.tasks, Extras()).identity()


def test_recipes_are_identified_as_they_always_were() -> None:
    """Run folders that are there are recognised by this: it changes only where what is trained changes."""
    found = {
        name: [
            {budget: config.to_json() for budget, config in recipe.budgets.items()},
            prepare_maker(name, recipe.small, recipe.tasks, Extras()).identity(),
        ]
        for name, recipe in TABLE.items()
    }
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    assert digest == "88c7d04738292aa4d70fd8721626c7fad40f499d2a1b1e43ab5ed90c8373c381"


def test_what_recipes_refuse(tmp_path: Path) -> None:
    raises_line(lambda: get_recipe("liu"), "'liu'", kind=UnknownNameError)
    raises_line(lambda: get_recipe("liu-durbm").get_config("quik"), "'quik'", kind=UnknownNameError)
    raises_line(
        lambda: prepare_maker("liu-durbm", "nafnet", TASKS, Extras()), "trains liu-durbm-small or", kind=GridsError
    )
    vgg = Extras(vgg=Path("v.pth"))
    raises_line(lambda: prepare_maker("liu-durbm", "liu-durbm", TASKS, vgg), "no use for `vgg`", kind=GridsError)
    raises_line(
        lambda: prepare_maker("shen-face", "shen-face", TASKS, Extras(vgg=tmp_path / "v.pth")), "v.pth", kind=GridsError
    )


def test_settings_that_are_none_are_the_budgets() -> None:
    assert resolve_config("shen-face", iterations=None, learning_rate=None) == resolve_config("shen-face")
    assert resolve_config("shen-face", learning_rate=1e-2)[1].learning_rate == 1e-2
    raises_line(lambda: resolve_config(None, network="unett", learning_rate=1e-3), "'unett'", kind=UnknownNameError)
