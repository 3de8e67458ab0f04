"""Write grids/networks/sizes.json: parameters, multiply-adds and digests of all networks, which take seconds to count.

python benchmarks/network_sizes.py
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch

from grids.builtin import FILE, SIDE, NetworkSize
from grids.io import write_text
from grids.networks import TABLE, build
from grids.networks.heads import MultiHead
from grids.networks.table import multiply_adds, parameters
from grids.restoration.models import digest_of
from grids.training import recipes


def network_size(name: str) -> NetworkSize:
    """The size of a preset, counted; on the meta device, which computes nothing."""
    preset = TABLE[name]
    with torch.device("meta"):
        network = build(name)
    return NetworkSize(
        name=name,
        network=preset.network.__name__,
        options=json.loads(json.dumps(dict(preset.options))),
        parameters=parameters(network),
        multiply_adds=multiply_adds(network, SIDE),
        summary=preset.summary,
        digest="" if isinstance(network, MultiHead) else digest_of(network),
    )


def recipe_parameters(name: str) -> dict[str, int]:
    """The parameters of a recipe's networks with its tasks, by preset."""
    recipe = recipes.TABLE[name]
    with torch.device("meta"):
        presets = dict.fromkeys((recipe.small, recipe.network))
        return {preset: parameters(build(preset, recipe.tasks)) for preset in presets}


def count() -> dict[str, Any]:
    """What the file holds."""
    return {
        "networks": [asdict(network_size(name)) for name in TABLE],
        "recipes": {name: recipe_parameters(name) for name in recipes.TABLE},
    }


if __name__ == "__main__":
    write_text(FILE, json.dumps(count(), indent=1) + "\n")
