"""The degradations, in one visible table.

A new one is a class in a family file and a line in `TABLE`; see CONTRIBUTING.md.
"""

from __future__ import annotations

from grids.degradations.artifacts import Inpainting
from grids.degradations.base import Degradation
from grids.degradations.blur import DefocusBlur, GaussianBlur, MotionBlur, RichardsonLucy
from grids.degradations.camera_shake import FrameBlur, TrajectoryBlur
from grids.degradations.compression import Jpeg
from grids.degradations.haze import Haze, LowLight
from grids.degradations.noise import GaussianNoise, PoissonNoise, SaltPepper, SensorNoise
from grids.degradations.plugins import installed_names, load_installed
from grids.degradations.precipitation import Rain, Snow
from grids.degradations.raindrop import Raindrop
from grids.degradations.resampling import Ringing, SuperResolution
from grids.errors import GridsError, unknown_name

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
    Haze(),
    Rain(),
    Raindrop(),
    Snow(),
    LowLight(),
    TrajectoryBlur(),
    FrameBlur(),
    SensorNoise(),
)


def all_degradations() -> dict[str, Degradation]:
    """All degradations by name: the table's, in its order, then those of installed packages.

    Every package that offers one is imported; `degradation` imports only what it needs.

    Returns:
        A new dict; the built-in degradations in it are shared by all who ask.

    Raises:
        GridsError: an installed package offers one that cannot be loaded, or under a name that is taken.

    >>> list(all_degradations())[:3]
    ['gaussian_blur', 'motion_blur', 'richardson_lucy']
    """
    found = {kind.name: kind for kind in TABLE}
    for name in installed_names():
        if name in found:
            raise GridsError(f"an installed package offers a degradation '{name}', but that name is taken")
        found[name] = load_installed(name)
    return found


def degradation(name: str) -> Degradation:
    """The degradation of that name.

    Args:
        name: of the table, or what an installed package offers; only that package is imported then.

    Returns:
        The degradation; of a built-in one the instance that all who ask share.

    Raises:
        UnknownNameError: there is none; the nearest name is suggested.
        GridsError: an installed package offers it, but it cannot be loaded.

    >>> str(degradation("jpeg").ranges[0])
    'quality 60 -> 10 of 100, faintest 74'
    """
    found = {kind.name: kind for kind in TABLE}
    others = installed_names()
    if name not in found and name not in others:
        raise unknown_name("degradation", name, [*found, *others])
    return found[name] if name in found else load_installed(name)
