"""The stored sizes of networks are those of the networks."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from grids.builtin import network_sizes, recipe_sizes, stored_digest
from grids.networks import TABLE
from grids.restoration.models import digest_of, initialize, state_digest
from grids.training import recipes

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "network_sizes.py"
REMAKE = "python benchmarks/network_sizes.py writes grids/networks/sizes.json anew"


def script() -> Any:
    """What the script that writes the table counts with."""
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.mark.parametrize("name", TABLE)
def test_sizes_are_those_of_the_networks(name: str) -> None:
    assert network_sizes()[name] == script().network_size(name), REMAKE


def test_all_networks_are_there() -> None:
    assert list(network_sizes()) == list(TABLE), REMAKE


@pytest.mark.parametrize("name", recipes.TABLE)
def test_recipes_count_a_head_for_each_task(name: str) -> None:
    assert recipe_sizes()[name] == script().recipe_parameters(name), REMAKE
    assert list(recipe_sizes()) == list(recipes.TABLE), REMAKE


def test_a_stored_digest_is_the_one_that_is_computed() -> None:
    assert state_digest("unet", 1, ["jpeg"], {}) == network_sizes()["unet"].digest == digest_of(initialize("unet", 0))
    assert state_digest("unet", 1, ["jpeg"], {"width": 4}) == digest_of(initialize("unet", 0, options={"width": 4}))
    heads = state_digest("liu-durbm-small", 1, ["haze"], {})
    assert heads == digest_of(initialize("liu-durbm-small", 0, tasks=["haze"]))
    assert heads != state_digest("liu-durbm-small", 1, ["haze", "rain"], {})
    assert stored_digest("unet", "UNet", {"width": 4}) == stored_digest("unet", "Other", {}) == ""
    assert stored_digest("nothing", "UNet", {}) == ""
