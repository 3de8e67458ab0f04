"""What `grids train` and `grids group` train, and with what settings, as their options say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grids.commands.options import changes_of
from grids.errors import GridsError
from grids.training.recipe import budget
from grids.training.recipes import gentle, settings_of, system_recipe

DEFAULT = "nafnet"


def system_of(options: dict[str, Any]) -> dict[str, Any]:
    """The network, the settings ("recipe"), and the name of a paper's recipe ("system") or None."""
    name, network, changes = options["recipe"], options["network"], changes_of(options)
    if name is None:
        chosen = network or DEFAULT
        settings = replace(gentle(budget(options["budget"]), chosen), seed=options["seed"], **changes)
        return {"system": None, "network": chosen, "recipe": settings}
    system = system_recipe(name)
    if options.get("loss") is not None and "vgg" in system.takes:
        raise GridsError(f"the recipe '{name}' has losses of its own: --loss is not for it")
    settings = settings_of(system, options["budget"], seed=options["seed"], **changes)
    chosen = network or (system.network if options["budget"] == "paper" else system.small)
    return {"system": name, "network": chosen, "recipe": settings}
