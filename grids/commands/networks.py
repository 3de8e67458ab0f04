"""`grids networks`."""

from __future__ import annotations

import json
from typing import Any

import click
import torch

from grids.networks import build
from grids.networks.table import TABLE, multiply_adds, parameters

SIDE = 256


def networks(as_json: bool) -> None:
    """`grids networks`."""
    found: list[dict[str, Any]] = []
    for name, preset in TABLE.items():
        with torch.device("meta"):  # sizes need no memory
            network = build(name)
        size = {"parameters": parameters(network), "multiply_adds": multiply_adds(network, SIDE)}
        found.append({"name": name, "class": preset.network.__name__, **size, "summary": preset.summary})
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    width = max(map(len, TABLE))
    click.echo(f"{'name':{width}s}  parameters  multiply-adds at {SIDE} x {SIDE}")
    for size in found:
        millions, billions = size["parameters"] / 1e6, size["multiply_adds"] / 1e9
        click.echo(f"{size['name']:{width}s}  {millions:8.2f} M  {billions:8.1f} G    {size['summary']}")
    click.echo("Those with a head or decoder for each task are counted with one; `grids recipes` counts all.")
