"""How large the networks are, from a stored table: building all of them to count takes seconds. Nothing imports torch.

`python benchmarks/network_sizes.py` writes the table; a test builds all networks and compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIDE = 256
"""Multiply-adds are of one image of SIDE x SIDE pixels."""
FILE = Path(__file__).parent / "networks" / "sizes.json"


@dataclass(frozen=True)
class NetworkSize:
    """A preset of `grids.networks.TABLE`, with one head or decoder where it has one for each task.

    Args:
        name: of the preset.
        network: the name of its class.
        options: of the class.
        parameters: trainable numbers.
        multiply_adds: of convolutions and matrix products.
        summary: what it is for, and its source.
        digest: `grids.restoration.models.state_digest`; empty where that hangs on the tasks.
    """

    name: str
    network: str
    options: Mapping[str, Any]
    parameters: int
    multiply_adds: int
    summary: str
    digest: str

    def to_json(self) -> dict[str, Any]:
        """What `grids networks --json` prints."""
        size = {"parameters": self.parameters, "multiply_adds": self.multiply_adds}
        return {"name": self.name, "class": self.network, **size, "summary": self.summary}


def network_sizes() -> dict[str, NetworkSize]:
    """All presets by name, in the order of `grids.networks.TABLE`."""
    return {size["name"]: NetworkSize(**size) for size in _table()["networks"]}


def recipe_sizes() -> dict[str, dict[str, int]]:
    """The parameters of each recipe's networks with its tasks, by recipe and preset."""
    found: dict[str, dict[str, int]] = _table()["recipes"]
    return found


def stored_digest(name: str, network: str, options: Mapping[str, Any]) -> str:
    """The digest of a preset's state, where the table knows that class with those options; else ""."""
    size = network_sizes().get(name)
    same = size is not None and (size.network, size.options) == (network, json.loads(json.dumps(dict(options))))
    return size.digest if size is not None and same else ""


def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return table
