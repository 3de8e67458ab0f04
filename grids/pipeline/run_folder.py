"""Which settings a folder or a file was trained with, so that others do not replace what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grids.errors import RunError
from grids.io import read_text, write_text
from grids.training.pair_settings import PRISTINE


def keep_settings(file: Path, wanted: Mapping[str, Any], there: Path | None, other: str) -> None:
    """Write the settings of a training, or see that what is there was trained with the same.

    Args:
        file: where the settings are kept.
        wanted: "names" of the tasks, and `Experiment.parts` of them.
        there: a file or folder that was made with the settings in `file`; None if there is none.
        other: what to say to choose, such as "another --out".

    Raises:
        RunError: `there` was made with other settings; the message names them.
    """
    if there is not None:
        try:
            found = json.loads(read_text(file))
        except (RunError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise RunError(f"'{there}' exists, but '{file}' does not tell of which settings: choose {other}")
        if different := differences(found, wanted):
            others = "; ".join(different)
            raise RunError(f"'{there}' is of a training with other settings: {others}. Choose {other}, or remove it")
    write_text(file, json.dumps(dict(wanted), indent=1) + "\n")


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Which settings differ, in words."""
    recipes = [dict(part.get("recipe") or {}) for part in (found, wanted)]
    if recipes[0]:  # before there was a choice
        recipes[0].setdefault("data", {"name": PRISTINE.name})
    for recipe in recipes:
        recipe.setdefault("steps_per", "model")
    lines = [
        f"{name.replace('_', ' ')} {_shown(before, now)}, now {_shown(now, before)}"
        for name, before, now in [
            ("tasks", _listed(found.get("names")), _listed(wanted["names"])),
            ("network", found.get("network"), wanted["network"]),
            ("device", found.get("device"), wanted["device"]),
            *((name, recipes[0].get(name), recipes[1][name]) for name in recipes[1]),
        ]
        if before != now
    ]
    others = {
        "photographs": "other photographs",
        "validation": "other photographs to measure on",
        "start": "another start",
    }
    lines += [text for name, text in others.items() if found.get(name) != wanted[name]]
    before, now = ((part.get("method") or {}) for part in (found, wanted))
    if before != now:
        names = [one.get("name", "none") for one in (before, now)]
        same = names[0] == names[1]
        lines.append("other options of the recipe" if same else f"the method {names[0]}, now {names[1]}")
    if found.get("state") != wanted["state"] and found.get("network") == wanted["network"] and before == now:
        lines.append("a network of other layers")
    if found.get("tasks") != wanted["tasks"] and found.get("names") == wanted["names"]:
        lines.append("a task does something else")
    return lines


def _shown(value: Any, other: Any) -> Any:
    """A kind of data by its name, or by the shares that differ from one of that name; anything else as it is."""
    if not isinstance(value, dict) or not isinstance(other, dict) or value.get("name") != other.get("name"):
        return value.get("name") if isinstance(value, dict) else value
    return ", ".join(f"{name} {part}" for name, part in value.items() if other.get(name) != part)


def _listed(names: Any) -> str:
    return "+".join(map(str, names)) if isinstance(names, list) else str(names)
