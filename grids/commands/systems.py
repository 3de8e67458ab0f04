"""What `grids train` and `grids group` train, and with what settings, as their options say."""

from __future__ import annotations

from typing import Any

from grids.commands.options import changes_of
from grids.errors import GridsError
from grids.pipeline.experiments import SCRATCH
from grids.training.recipes import get_recipe, resolve_config

QUICK = "quick"


def start_of(options: dict[str, Any]) -> str | None:
    """The file of --start, or "scratch"; None where neither is given."""
    if options["from_scratch"] and options["start"]:
        raise GridsError("--from-scratch and --start exclude each other")
    return SCRATCH if options["from_scratch"] else options["start"]


def system_of(options: dict[str, Any], usual: str = QUICK) -> dict[str, Any]:
    """The network, the settings ("recipe"), and the name of a paper's recipe ("system") or None.

    `usual` is the budget where none is given and no paper's recipe.
    """
    name = options["recipe"]
    budget = options["budget"] or (usual if name is None else QUICK)
    if name is not None and options.get("loss") is not None and "vgg" in get_recipe(name).takes:
        raise GridsError(f"the recipe '{name}' has losses of its own: --loss is not for it")
    chosen, config = resolve_config(name, budget, options["network"], seed=options["seed"], **changes_of(options))
    return {"recipe": name, "network": chosen, "config": config}
