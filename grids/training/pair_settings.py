"""How training pairs are made; apart from the making of them, since this needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from grids.errors import GridsError, look_up

BEST_QUALITY = 100


@dataclass(frozen=True)
class PairSettings:
    """How an input and its target are made of a clean crop. What a share says is drawn for each crop by itself.

    Args:
        name: "photographs", "camera", "pristine", or your own; it stands in records and keys, and tells which built-in
            weights `grids group` may start from: those that learnt from data of the same name.
        wide: draw values from the faintest on (`grids.degradations.Range.faint`), not from the mildest.
        saved: share of the inputs that are saved as JPEG after the damage, as most photographs are.
        qualities: the lowest and the highest quality of these files, 1 to 100, drawn evenly, both included. Below 75
            JPEG is a degradation of its own.
        full_colour: share of these files whose chroma has full resolution (4:4:4); the others have half (4:2:0).
        grey: share of the pairs that are grey; in a grey one the noise is the same in all channels, too.
        clean: share of the inputs that bear no damage, or are only saved; these are their own targets.
        coarse: share of the pairs of noise whose grain is coarse and fainter, as cameras leave it that interpolate
            colours and smooth (`camera.coarsen`). It counts for degradations with `noise` alone.
        soft: share of the crops that are blurred a little before they are degraded, as photographs of cameras are at
            full size (`camera.soften`); the blurred one is the target. It counts for degradations that `adds` alone:
            where detail is taken away, a target must have it.
        reduced: share of the crops that are cut from a reduced photograph.
        smallest: the smallest share of its sides that it is reduced to, 0.1 to 1; drawn evenly from there to 1.

    Raises:
        GridsError: a share is not in 0 to 1, or another value is out of range.
    """

    name: str = "photographs"
    wide: bool = True
    saved: float = 0.5
    qualities: tuple[int, int] = (75, 98)
    full_colour: float = 0.5
    grey: float = 0.1
    clean: float = 0.05
    coarse: float = 0.0
    soft: float = 0.0
    reduced: float = 1 / 3
    smallest: float = 0.7

    def __post_init__(self) -> None:
        for name in ("saved", "full_colour", "grey", "clean", "coarse", "soft", "reduced"):
            if not 0 <= getattr(self, name) <= 1:
                raise GridsError(f"the share '{name}' must be 0 to 1, but is {getattr(self, name)}")
        if len(self.qualities) != 2 or not all(isinstance(level, int) for level in self.qualities):
            raise GridsError(f"qualities must be two whole numbers, but are {self.qualities}")
        low, high = self.qualities
        if not 1 <= low <= high <= BEST_QUALITY:
            raise GridsError(
                f"qualities must be two numbers from 1 to {BEST_QUALITY}, ascending, but are {low}, {high}"
            )
        if not (0.1 <= self.smallest <= 1 and math.isfinite(self.smallest)):
            raise GridsError(f"the smallest reduction must be 0.1 to 1, but is {self.smallest}")


PHOTOGRAPHS = PairSettings(coarse=0.2, soft=0.3)
"""As photographs are met: see docs/results.md for the trials that chose the shares."""
CAMERA = PairSettings("camera", coarse=0.5, soft=0.5)
"""For a restorer of noise alone: more of what cameras leave, which costs other kinds and faint damage too much."""
PRISTINE = PairSettings("pristine", wide=False, saved=0.0, grey=0.0, clean=0.0, reduced=0.0)
"""As in GRIDS: clean crops, degraded, and nothing else."""
JPEG_90 = PairSettings("JPEG 90", wide=False, saved=1.0, qualities=(90, 90), full_colour=0, grey=0, clean=0, reduced=0)
"""What is measured beside images as made: the same, saved once as JPEG of quality 90, 4:2:0."""
DATA: Mapping[str, PairSettings] = {settings.name: settings for settings in (PHOTOGRAPHS, CAMERA, PRISTINE)}
"""The kinds of data by name."""


def pair_settings(name: str) -> PairSettings:
    """The settings of a kind of data.

    Args:
        name: "photographs", "camera" or "pristine".

    Returns:
        the entry of `DATA`.

    Raises:
        UnknownNameError: there is no such kind.
    """
    return look_up("kind of data", name, DATA)
