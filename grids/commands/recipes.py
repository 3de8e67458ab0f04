"""`grids recipes`."""

from __future__ import annotations

import json

import click
import torch

from grids.networks import build
from grids.networks.table import parameters
from grids.reports.scores import recipes_text
from grids.training.recipes import TABLE


def recipes(as_json: bool) -> None:
    """`grids recipes`."""
    found = []
    for name, system in TABLE.items():
        sizes = {}
        for preset in dict.fromkeys((system.small, system.network)):
            with torch.device("meta"):  # sizes need no memory
                sizes[preset] = parameters(build(preset, system.tasks))
        entry = {"name": name, "paper": system.paper, "tasks": list(system.tasks), "data": system.data}
        found.append({**entry, "losses": system.losses, "networks": sizes, "takes": list(system.takes)})
    click.echo(json.dumps(found, indent=1) if as_json else recipes_text(found))
