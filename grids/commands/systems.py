"""What `grids train` and `grids group` train, and with what settings, as their options say."""

from __future__ import annotations

from typing import Any

from grids.commands.options import changes_of
from grids.errors import GridsError
from grids.training.recipes import resolved, system_recipe


def system_of(options: dict[str, Any]) -> dict[str, Any]:
    """The network, the settings ("recipe"), and the name of a paper's recipe ("system") or None."""
    name = options["recipe"]
    if name is not None and options.get("loss") is not None and "vgg" in system_recipe(name).takes:
        raise GridsError(f"the recipe '{name}' has losses of its own: --loss is not for it")
    chosen, recipe = resolved(name, options["budget"], options["network"], seed=options["seed"], **changes_of(options))
    return {"system": name, "network": chosen, "recipe": recipe}
