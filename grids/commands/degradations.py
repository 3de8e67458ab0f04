"""`grids degradations`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from grids.commands import options


@click.command(cls=options.Command)
@options.as_json("Print JSON instead of a table.")
def degradations(as_json: bool) -> None:
    """List the degradations, with parameters, ranges (mildest -> strongest), units and sources.

    \b
    Example:
      grids degradations
    """
    from grids.degradations import all_degradations

    kinds = all_degradations().values()
    if as_json:
        records = [
            {"name": k.name, "ranges": [asdict(r) for r in k.ranges], "summary": k.summary, "source": k.source}
            for k in kinds
        ]
        options.echo(json.dumps(records, indent=1))
        return
    for kind in kinds:
        ranges = ", ".join(str(r) for r in kind.ranges)
        options.echo(f"{kind.name:18s}{ranges}\n{'':18s}{kind.summary}\n{'':18s}source: {kind.source}\n")
