"""The folders that runs write to: one run at a time, with the same settings; and names for results in them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grids.errors import GridsError, RunError
from grids.images import IMAGE_SUFFIXES
from grids.io import locked, make_folder, parse_json, read_text, write_text

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
        """The folder of a restorer that is trained alone, with the files that lie beside its own."""
        return cls(file.parent, file)

    @property
    def settings(self) -> Path:
        """The file that keeps what the run was started with."""
        # not .json: beside groups.safetensors lies a groups.json of its own
        return self.path / "settings.json" if self.model is None else self.model.with_suffix(".training.json")

    @property
    def checkpoint(self) -> Path:
        """The state of a single training that is under way."""
        assert self.model is not None
        return self.model.with_suffix(".ckpt")

    @property
    def made(self) -> Path | None:
        """What was made here with the settings: the folder, the restorer, or its checkpoint; None if nothing was."""
        if self.model is not None:
            return next((path for path in (self.model, self.checkpoint) if path.exists()), None)
        models = self.path / MODELS
        return self.path if self.settings.exists() or (models.is_dir() and any(models.iterdir())) else None

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Inside, no other process works here.

        What was made for it, the lock too, goes again where an error comes before anything is written. (filelock sees
        that a lock which it waited for is gone: no two get in.)

        Raises:
            RunError: another process works here (the message says which), or the folder cannot be written to.
        """
        lock = self.path / (".lock" if self.model is None else f".{self.model.name}.lock")
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        new = not lock.exists()
        make_folder(self.path)
        with locked(self.model or self.path, lock):
            try:
                yield
            except BaseException:
                with contextlib.suppress(OSError):  # a folder is not empty, or may not be changed any more
                    if new:
                        lock.unlink()
                        lock.with_name(f"{lock.name}.holder").unlink(missing_ok=True)
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
        choose = "another folder (--out)" if self.model is None else "another --out"
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
    """Which settings differ, in words."""
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


def check_apart(images: str | Path | Sequence[str | Path] | None, out: str | Path | None) -> None:
    """Raise GridsError where the folder for the results lies in a folder of images: they would be taken for images."""
    given = [images] if isinstance(images, (str, Path)) else images or []
    for item in given if out is not None else []:
        if Path(item).is_dir() and Path(str(out)).resolve().is_relative_to(Path(item).resolve()):
            raise GridsError(f"the folder for the results, '{out}', lies among the images in '{item}': choose another")


def check_target(target: Path, images: list[Path]) -> None:
    """Raise GridsError where a result would overwrite one of the images, or could not be written."""
    if target.resolve() in {image.resolve() for image in images}:
        raise GridsError(f"'{target}' is one of the images or files that are read: choose another name for the result")
    if target.is_dir():
        raise RunError(f"cannot write '{target}': it is a folder")
    make_folder(target.parent)


@contextlib.contextmanager
def results_folder(out: Path, sources: Sequence[Path], account: str) -> Iterator[Path]:
    """`out`, made if needed, if nothing in it could be taken for a result or an input of this call.

    It goes again where an error comes before anything is written into it.

    Raises:
        GridsError: it holds one of the sources, or the file `account` of an earlier call, or cannot be written to.
    """
    there = out.exists()
    folder = _fresh_folder(out, sources, account)
    try:
        yield folder
    except BaseException:
        if not there:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()
        raise


def _fresh_folder(out: Path, sources: Sequence[Path], account: str) -> Path:
    if out.suffix.lower() in IMAGE_SUFFIXES and not out.is_dir():
        raise GridsError(f"several images need a folder for the results, but '{out}' is named like an image")
    inside = next((path for path in sources if absolute(path).is_relative_to(absolute(out))), None)
    if inside is not None:
        raise GridsError(f"the folder for the results, '{out}', holds the image '{inside}': choose another")
    if (out / account).exists():
        raise GridsError(
            f"'{out}' holds the results of an earlier call ({account}): choose another folder or remove it"
        )
    return make_folder(out)


def target_names(sources: Sequence[Path]) -> dict[Path, str]:
    """A .png name for every source: its path below the folder that all share. Raises GridsError for equal ones."""
    try:
        base = os.path.commonpath([absolute(path).parent for path in sources])
    except ValueError as error:
        raise GridsError(f"the images share no folder ({error})") from error
    names: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    for path in sources:
        below = absolute(path).relative_to(base)
        name = below.with_suffix(".png").as_posix()
        if name.casefold() in taken:  # a.jpg beside a.png
            name = below.as_posix().replace(".", "_") + ".png"
        if name.casefold() in taken:
            raise GridsError(f"'{path}' and '{taken[name.casefold()]}' would both become '{name}'")
        names[path], taken[name.casefold()] = name, path
    return names


def absolute(path: Path) -> Path:
    """The path from the root, links kept."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def append_row(file: Path, row: dict[str, Any], first: bool) -> None:
    """Add a row to a CSV file, below its header. Raises GridsError."""
    try:
        with file.open("a", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.DictWriter(stream, list(row), lineterminator="\n")
            if first:
                writer.writeheader()
            writer.writerow(row)
    except OSError as error:
        raise GridsError(f"cannot write '{file}': {error.strerror or error}") from error
