"""The folders that runs write to: one run at a time, with the same settings."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grids.errors import GridsError, RunError
from grids.io import locked, make_folder, parse_json, read_text, write_text
from grids.results import Grouping, SimilarityMatrix
from grids.weights import PROFILE

TRIALS, TRAINING, MODELS = "trials.sqlite", "training.json", "models"
PARTS = ("recipe", "method")
"""Objects among the settings of a training."""
PRISTINE = "pristine"
"""The data of trainings whose settings do not name it."""


@dataclass(frozen=True)
class RunFolder:
    """A folder that one run at a time works in, all with the same settings.

    Args:
        path: the folder.
        model: where it is that of a single restorer, its file; others may lie beside it.
    """

    path: Path
    model: Path | None = None

    @classmethod
    def of_model(cls, file: Path) -> RunFolder:
        """The folder of a restorer that is trained alone.

        Its settings and its checkpoint lie beside its file. Where the file is a link, they lie where that leads.

        Args:
            file: of the restorer; it need not exist.
        """
        real = Path(os.path.realpath(file))
        return cls(real.parent, real) if file.is_symlink() else cls(file.parent, file)

    @property
    def settings(self) -> Path:
        """The file that keeps what the run was started with; of a single restorer NAME.training.json beside it."""
        # not .json: beside groups.safetensors lies a groups.json of its own
        return self.path / "settings.json" if self.model is None else self.model.with_suffix(".training.json")

    @property
    def checkpoint(self) -> Path:
        """The state of a single training that is under way, NAME.ckpt; only where `model` is given."""
        assert self.model is not None
        return self.model.with_suffix(".ckpt")

    @property
    def made(self) -> Path | None:
        """What was made here with the settings, so that they can no longer change.

        Returns:
            The folder, where it holds settings or a trained restorer; for a single restorer its file or its checkpoint;
            None where nothing was made.
        """
        if self.model is not None:
            return next((path for path in (self.model, self.checkpoint) if path.exists()), None)
        models = self.path / MODELS
        return self.path if self.settings.exists() or (models.is_dir() and any(models.iterdir())) else None

    @property
    def kept(self) -> list[Path]:
        """The files that later calls read or go on from: no other result may take their place.

        Returns:
            The settings, the log of answers, the records of trainings, groups and similarity, the profile, there or
            not; then the restorers that are there.
        """
        names = (TRIALS, TRAINING, PROFILE, Grouping.file_name, SimilarityMatrix.file_name)
        models = sorted((self.path / MODELS).glob("*.safetensors"))
        return [self.settings, *(self.path / name for name in names), *models]

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Hold the folder's lock for the block inside: no other process works here meanwhile.

        The folder is made if needed. Folders that were made for it go again where an error comes before anything is
        written.

        Raises:
            RunError: another process works here (the message says which), the folder cannot be written to, or it was
                moved or deleted meanwhile.
        """
        lock = self.path / (".lock" if self.model is None else f".{self.model.name}.lock")
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        make_folder(self.path)
        try:
            with locked(self.model or self.path, lock) as is_there:
                yield
                if not is_there():
                    raise RunError(f"the folder '{self.path}' was moved or deleted while it was in use")
        except BaseException:
            with contextlib.suppress(OSError):  # a folder is not empty, or may not be changed any more
                for folder in made:
                    folder.rmdir()
            raise

    def keep(self, wanted: Mapping[str, Any]) -> None:
        """Write the settings of a training, or see that what is here was trained with the same.

        Args:
            wanted: "names" of the tasks, and `Experiment.parts` of them.

        Raises:
            RunError: what is here was made with other settings; the message names them.
        """
        choose = "another folder (`out`)" if self.model is None else "another `out`"
        if (there := self.made) is not None:
            try:
                found = parse_json(read_text(self.settings))
            except GridsError:
                found = None
            if not isinstance(found, dict) or any(not isinstance(found.get(part) or {}, dict) for part in PARTS):
                raise RunError(
                    f"'{there}' exists, but '{self.settings}' does not tell of which settings: choose {choose}"
                )
            if different := differences(found, wanted):
                others = "; ".join(different)
                raise RunError(
                    f"'{there}' is of a training with other settings: {others}. Choose {choose}, or remove it"
                )
        write_text(self.settings, json.dumps(dict(wanted), indent=1) + "\n")


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say in which settings two trainings differ.

    Args:
        found: what the settings file of a folder holds, maybe of an earlier version.
        wanted: the settings of the call, in the form of `RunFolder.keep`.

    Returns:
        A phrase for each setting that differs, mostly "NAME OLD, now NEW"; empty where none does.
    """
    recipes = [dict(part.get("recipe") or {}) for part in (found, wanted)]
    if recipes[0]:  # before there was a choice
        recipes[0].setdefault("data", {"name": PRISTINE})
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
