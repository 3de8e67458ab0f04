"""The degradations, in one visible table.

A new one is a class in a family file and a line in `TABLE`; see CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from grids.degradations.artifacts import Inpainting
from grids.degradations.base import Degradation, Parameters, Range, psnr, seeded
from grids.degradations.blur import DefocusBlur, GaussianBlur, MotionBlur, RichardsonLucy
from grids.degradations.compression import Jpeg
from grids.degradations.noise import GaussianNoise, PoissonNoise, SaltPepper
from grids.degradations.plugins import FunctionDegradation, check_name, installed, load_function
from grids.degradations.resampling import Ringing, SuperResolution
from grids.errors import GridsError, unknown_name

__all__ = [
    "ELEVEN",
    "Degradation",
    "FunctionDegradation",
    "Parameters",
    "Range",
    "all_degradations",
    "check_name",
    "degradation",
    "load_function",
    "psnr",
    "seeded",
]

TABLE: tuple[Degradation, ...] = (
    GaussianBlur(),
    MotionBlur(),
    RichardsonLucy(),
    SuperResolution(),
    Ringing(),
    DefocusBlur(),
    Jpeg(),
    PoissonNoise(),
    Inpainting(),
    GaussianNoise(),
    SaltPepper(),
)

ELEVEN: tuple[str, ...] = tuple(kind.name for kind in TABLE)
"""The names of the paper's eleven degradations, in its order."""


def all_degradations() -> dict[str, Degradation]:
    """All degradations by name: the table's, then those of installed packages.

    Raises:
        GridsError: an installed package offers one that cannot be loaded, or under a name that is taken.
    """
    found = {kind.name: kind for kind in TABLE}
    for name, kind in installed().items():
        if name in found:
            raise GridsError(f"an installed package offers a degradation '{name}', but that name is taken")
        found[name] = kind
    return found


def degradation(name: str) -> Degradation:
    """The degradation of that name. Raises UnknownNameError, which suggests the nearest."""
    known = all_degradations()
    if name not in known:
        raise unknown_name("degradation", name, known)
    return known[name]


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple. Raises GridsError for an unknown, empty or repeated one."""
    known = all_degradations()
    checked: list[str] = []
    for name in names:
        if name not in known:
            raise unknown_name("degradation", name, known)
        if name in checked:
            raise GridsError(f"the degradation '{name}' is named twice")
        checked.append(name)
    return tuple(checked)
