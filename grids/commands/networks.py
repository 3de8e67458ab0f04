"""`grids networks`."""

from __future__ import annotations

import json

import click

from grids.commands import options


@click.command(cls=options.Command)
@options.as_json("Print JSON instead of a table.")
def networks(as_json: bool) -> None:
    """List the networks, with their sizes and sources.

    \b
    Example:
      grids networks
    """
    from grids.builtin import SIDE, network_sizes

    found = list(network_sizes().values())
    if as_json:
        options.echo(json.dumps([size.to_json() for size in found], indent=1))
        return
    width = max(len(size.name) for size in found)
    options.echo(f"{'name':{width}s}  parameters  multiply-adds at {SIDE} x {SIDE}")
    for size in found:
        millions, billions = size.parameters / 1e6, size.multiply_adds / 1e9
        options.echo(f"{size.name:{width}s}  {millions:8.2f} M  {billions:8.1f} G    {size.summary}")
    options.echo("Those with a head or decoder for each task are counted with one; `grids recipes` counts all.")
