"""Degradations that users bring: a function in a file, or an entry point of an installed package."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import torch
from torch import Tensor

from grids.degradations.base import Degradation, Parameters, SeededDegradation, generators
from grids.degradations.ranges import Range
from grids.errors import GridsError, unknown_name
from grids.random import global_seed

DegradationFunction = Callable[[Tensor, Tensor, torch.Generator], Tensor]
ENTRY_POINT_GROUP = "grids.degradations"


class FunctionDegradation(SeededDegradation):
    """A plain function `(images, severity, generator) -> images` as a degradation.

    `apply` raises GridsError where the function fails, or returns something that is no tensor of the shape of the
    images or not finite. PyTorch's global generator is seeded for the call and put back afterwards, so that a function
    that draws without `generator` gives the same for the same seed, too.

    Args:
        name: the name of its row.
        function: gets images (1, 3, H, W) in [0, 1], severity (1,) in [0, 1] and a generator on their device; returns
            images of the same shape. It is called for one image at a time, so that what it draws for an image does not
            depend on the others of its batch.
        origin: where it comes from, for messages.
        text: the source of the file that holds it, if it came from one; `identity` is made of it and of the origin.
    """

    ranges = (Range("severity", 0, 1, "as the function takes it"),)
    summary = "a function of the user's own"

    def __init__(self, name: str, function: DegradationFunction, origin: str = "", text: str = "") -> None:
        self.name = name  # type: ignore[misc]
        self.function = function
        self.source = origin or getattr(function, "__module__", "?")  # type: ignore[misc]
        self._text = text

    def identity(self) -> str | None:
        """Made of the function's name and a SHA-256 of its file; None for a function that came from no file."""
        if not self._text:
            return None
        function = self.source.rpartition(":")[2]
        return f"{function} {hashlib.sha256(self._text.encode(errors='surrogateescape')).hexdigest()}"

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        own = zip(images.split(1), parameters["severity"].split(1), generators(parameters, images.device), strict=True)
        return torch.cat([self._called(*each) for each in own])

    def _called(self, images: Tensor, severity: Tensor, generator: torch.Generator) -> Tensor:
        try:
            # a function that draws without the generator should still give the same for the same seed
            with global_seed(generator.initial_seed(), images.device):
                result = self.function(images.clone(), severity, generator)
        except (Exception, SystemExit) as error:
            raise GridsError(f"{self._who()} failed: {type(error).__name__}: {error}") from error
        if not isinstance(result, Tensor) or result.shape != images.shape:
            got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise GridsError(f"{self._who()} must return a tensor of shape {tuple(images.shape)}, but returned {got}")
        if not bool(torch.isfinite(result).all()):
            raise GridsError(f"{self._who()} returned values that are not finite")
        return result.to(images)

    def _who(self) -> str:
        return f"the degradation '{self.name}' ({self.source})"


def check_name(name: str) -> None:
    """See that a degradation can have this name: it is used as a file's, and in tables.

    Args:
        name: 1 to 64 letters (A to Z), digits, "_", "-" and ".", of which the first is a letter or a digit. Whether the
            name is taken is not looked at.

    Raises:
        GridsError: the name is another.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        allowed = "letters, digits, '_', '-' and '.', 1 to 64, the first a letter or a digit"
        raise GridsError(f"a degradation's name is made of {allowed}, not '{name}'")


def load_function(name: str, location: str) -> FunctionDegradation:
    """A degradation from a function in a Python file, which is run.

    Args:
        name: what to call it, see `check_name`.
        location: file and function, as "my.py:fog"; the function is called as `FunctionDegradation` says.

    Returns:
        The degradation. It is in no table: `degradation` does not find it.

    Raises:
        GridsError: the name is not one, the file is missing or fails to run, or holds no such function.
    """
    check_name(name)
    file, _, function_name = location.rpartition(":")
    if not file or not function_name:
        raise GridsError(f"the degradation '{name}' must be given as FILE.py:FUNCTION, not '{location}'")
    path = Path(file)
    if not path.is_file():
        raise GridsError(f"cannot read the degradation '{name}': there is no file '{path}'")
    spec = importlib.util.spec_from_file_location(f"grids_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise GridsError(f"cannot read the degradation '{name}': '{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise GridsError(f"'{path}' fails to run: {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise GridsError(f"'{path}' holds no function '{function_name}'")
    return FunctionDegradation(name, function, location, path.read_text(encoding="utf-8", errors="replace"))


def installed_names() -> tuple[str, ...]:
    """The names of the degradations that installed packages offer; nothing is loaded, so they may fail to load later.

    Returns:
        The names under the entry-point group `grids.degradations`, in the order in which Python finds the packages;
        none is checked, and one may come twice.
    """
    return tuple(entry.name for entry in entry_points(group=ENTRY_POINT_GROUP))


def load_installed(name: str) -> Degradation:
    """The degradation that an installed package offers under that name; its module is imported.

    Args:
        name: one of `installed_names`. The first is taken where several packages offer it.

    Returns:
        The package's `Degradation`, an instance of its class, or its function as a `FunctionDegradation`.

    Raises:
        UnknownNameError: no package offers that name.
        GridsError: it fails to be imported, its class fails to make an instance, or it is neither a Degradation nor a
            function.
    """
    if not (found := tuple(entry_points(group=ENTRY_POINT_GROUP, name=name))):
        raise unknown_name("installed degradation", name, installed_names())
    try:
        loaded = found[0].load()
        if isinstance(loaded, type) and issubclass(loaded, Degradation):
            loaded = loaded()
    except (Exception, SystemExit) as error:
        raise GridsError(f"the installed degradation '{name}' fails to load: {error}") from error
    if isinstance(loaded, Degradation):
        return loaded
    if callable(loaded):
        return FunctionDegradation(name, loaded, f"entry point {name}")
    raise GridsError(f"the installed degradation '{name}' is neither a Degradation nor a function")
