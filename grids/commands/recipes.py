"""`grids recipes`."""

from __future__ import annotations

import json

import click

from grids.commands import options


@click.command(cls=options.Command)
@options.as_json("Print JSON instead of text.")
def recipes(as_json: bool) -> None:
    """List the published restorers that `grids train --recipe` can train: tasks, data, losses, and sizes.

    \b
    Examples:
      grids recipes
      grids train --recipe walha-mtlgan photos/
    """
    from grids.builtin import recipe_sizes
    from grids.reports.scores import recipes_text
    from grids.training.recipes import TABLE

    sizes = recipe_sizes()
    found = [
        {
            "name": name,
            "paper": recipe.paper,
            "tasks": list(recipe.tasks),
            "data": recipe.data,
            "losses": recipe.losses,
            "networks": sizes[name],
            "takes": list(recipe.takes),
        }
        for name, recipe in TABLE.items()
    ]
    options.echo(json.dumps(found, indent=1) if as_json else recipes_text(found))
