"""The stored sizes of networks are those of the networks."""

from __future__ import annotations

import json

import pytest
import torch

from grids.networks import TABLE, build
from grids.networks.heads import MultiHead
from grids.networks.table import multiply_adds, parameters
from grids.restoration.models import digest_of, initialize, state_digest
from grids.sizes import SIDE, NetworkSize, network_sizes, recipe_sizes, stored_digest
from grids.training import recipes

REMAKE = "python benchmarks/network_sizes.py writes grids/networks/sizes.json anew"


@pytest.mark.parametrize("name", TABLE)
def test_sizes_are_those_of_the_networks(name: str) -> None:
    preset = TABLE[name]
    with torch.device("meta"):  # nothing is computed, and no weights are drawn
        network = build(name)
    expected = NetworkSize(
        name=name,
        network=preset.network.__name__,
        options=json.loads(json.dumps(dict(preset.options))),
        parameters=parameters(network),
        multiply_adds=multiply_adds(network, SIDE),
        summary=preset.summary,
        digest="" if isinstance(network, MultiHead) else digest_of(network),
    )
    assert network_sizes()[name] == expected, REMAKE


def test_all_networks_are_there() -> None:
    assert list(network_sizes()) == list(TABLE), REMAKE


@pytest.mark.parametrize("name", recipes.TABLE)
def test_recipes_count_a_head_for_each_task(name: str) -> None:
    recipe = recipes.TABLE[name]
    with torch.device("meta"):
        counted = {preset: parameters(build(preset, recipe.tasks)) for preset in (recipe.small, recipe.network)}
    assert recipe_sizes()[name] == counted, REMAKE
    assert list(recipe_sizes()) == list(recipes.TABLE), REMAKE


def test_a_stored_digest_is_the_one_that_is_computed() -> None:
    assert state_digest("unet", 1, ["jpeg"], {}) == network_sizes()["unet"].digest == digest_of(initialize("unet", 0))
    assert state_digest("unet", 1, ["jpeg"], {"width": 4}) == digest_of(initialize("unet", 0, options={"width": 4}))
    heads = state_digest("liu-durbm-small", 1, ["haze"], {})
    assert heads == digest_of(initialize("liu-durbm-small", 0, tasks=["haze"]))
    assert heads != state_digest("liu-durbm-small", 1, ["haze", "rain"], {})
    assert stored_digest("unet", "UNet", {"width": 4}) == stored_digest("unet", "Other", {}) == ""
    assert stored_digest("nothing", "UNet", {}) == ""
