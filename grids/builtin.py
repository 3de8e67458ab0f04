"""What is built in, for whoever needs no torch: the names of the degradations, and how large the networks are.

The sizes are from a stored table, since building all networks to count takes seconds: `python
benchmarks/network_sizes.py` writes it; a test builds all networks and compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ELEVEN = (
    "gaussian_blur",
    "motion_blur",
    "richardson_lucy",
    "super_resolution",
    "ringing",
    "defocus_blur",
    "jpeg",
    "poisson_noise",
    "inpainting",
    "gaussian_noise",
    "salt_pepper",
)
"""The paper's eleven degradations, in its order: what commands take where none are named."""

WEATHER = ("haze", "rain", "raindrop", "snow", "low_light")
"""Five others, which no restorer has seen unless they were named as tasks: weather and darkness."""

NAMES = (*ELEVEN, *WEATHER, "trajectory_blur", "frame_blur", "sensor_noise")
"""All of them, in the order of `grids.degradations.table.TABLE`."""

SIDE = 256
"""Multiply-adds are of one image of SIDE x SIDE pixels."""
FILE = Path(__file__).parent / "networks" / "sizes.json"


@dataclass(frozen=True)
class NetworkSize:
    """How large a preset of `grids.networks.TABLE` is, with one head or decoder where it has one for each task.

    Args:
        name: of the preset.
        network: the name of its class.
        options: the arguments that the class is called with.
        parameters: how many trainable numbers it has.
        multiply_adds: those of its convolutions and matrix products, for one image of 256 x 256 pixels.
        summary: what it is for, and its source.
        digest: `grids.restoration.models.state_digest` of its state; empty where that depends on the tasks.
    """

    name: str
    network: str
    options: Mapping[str, Any]
    parameters: int
    multiply_adds: int
    summary: str
    digest: str

    def to_json(self) -> dict[str, Any]:
        """What `grids networks --json` prints of this network.

        Returns:
            A dict that `json.dumps` takes, with the keys name, class, parameters, multiply_adds and summary. The
            options of the class and the digest are left out.
        """
        size = {"parameters": self.parameters, "multiply_adds": self.multiply_adds}
        return {"name": self.name, "class": self.network, **size, "summary": self.summary}


def network_sizes() -> dict[str, NetworkSize]:
    """The sizes of all presets, read from the stored table; no network is built.

    Returns:
        The sizes by the name of the preset, in the order of `grids.networks.TABLE`. The file is read at every call.

    >>> network_sizes()["unet"].parameters
    1065427
    """
    return {size["name"]: NetworkSize(**size) for size in _table()["networks"]}


def recipe_sizes() -> dict[str, dict[str, int]]:
    """How many parameters the networks of each training recipe have, with the tasks of that recipe.

    Returns:
        For each recipe, by its name, the number of trainable parameters by the name of the preset: the recipe's own
            network and, where there is one, a small version of it. The file is read at every call.
    """
    found: dict[str, dict[str, int]] = _table()["recipes"]
    return found


def stored_digest(name: str, network: str, options: Mapping[str, Any]) -> str:
    """The stored digest of a preset's state, which tells whether a file of weights belongs to that network.

    Args:
        name: of the preset.
        network: the name of its class.
        options: the arguments that the class is called with; compared as JSON holds them (a tuple equals a list).

    Returns:
        The digest, 16 hexadecimal digits. Empty where the table has no such preset, or has it with another class or
        other options, or where the digest depends on the tasks: then it must be computed.
    """
    size = network_sizes().get(name)
    same = size is not None and (size.network, size.options) == (network, json.loads(json.dumps(dict(options))))
    return size.digest if size is not None and same else ""


def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return table
