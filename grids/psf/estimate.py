"""Which blur a photograph shows: the point-spread function, found among four families by likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.devices import exact_float32
from grids.errors import ImageError
from grids.psf import shapes
from grids.psf.spectrum import Windows, fit_scene, windows

Family = Literal["none", "gaussian", "disc", "streak", "box"]
SIDE, LEAST_WINDOWS = 128, 4
"""Of windows, and how many must fit into the photograph, overlapping by half: in fewer, chance looks like a streak."""
SOFTER: dict[str, float] = {"disc": 1.0, "gaussian": 0.8}
"""Pixels, at least: as they are, photographs from cameras fit fainter ones."""
LUCK = 2.5
"""The best of so many streaks explains chance, too: evidence that is taken off, in units of the misfit of chance."""
LEAST_SIGNAL = 0.1
"""The share of the frequencies that must be above the noise."""
WINDOW = 33
"""Side of all kernels, pixels."""
TAPS = 21
"""Where Gaussians are cut off, pixels."""
SPARSE = (4, 4, 2)
"""Every so many-th frequency is looked at: first, and in two refinements."""
STARTS = 6
"""So many of the best of the first search are refined."""
LENGTHS = (3.5, 4.5, 5.5, *range(7, 33))
RADII, SIGMAS = (0.75, 4.5), (0.5, 4.0)
STEP = 0.125
"""Of radii and sigmas in the first search, pixels."""
BOXES = (3.0, 5.0, 7.0)
LEVELS = (3e-5, 1.2e-4)
"""Of noise, that are tried one after the other where nothing fits: JPEG damages middle frequencies more than the
highest, which tell the noise of other images."""
ALLOWED, ALLOWED_THEN = 0.15, 0.06
"""What `Fit.misfit` may be beyond chance at the noise that was measured, and at these levels, which hide more."""


@dataclass(frozen=True)
class Shape:
    """A blur of one of the families.

    Args:
        family: "none" leaves images as they are.
        size: sigma of a Gaussian, radius of a disc, length of a streak, side of a box, pixels.
        angle: of a streak, degrees from the x axis towards the top.
    """

    family: Family
    size: float = 0.0
    angle: float = 0.0


NONE = Shape("none")


@dataclass(frozen=True, eq=False)
class PSF:
    """The point-spread function of a photograph, as `estimate_psf` finds it.

    Args:
        shape: its family and size.
        kernel: (33, 33), summing to 1.
        scene: (4,), the spectrum of the scene, see `grids.psf.spectrum`.
        noise: the variance of the noise, in units of [0, 1].
        evidence: by how much the blur explains the spectrum better than none, nats a frequency; of a streak less what
            chance gives the best of so many.
        misfit: how far the spectrum is from what the blur makes expected (`Fit.misfit`), beyond what chance explains,
            as a multiple of what is allowed: at most 1 where the blur fits.
    """

    shape: Shape
    kernel: Tensor
    scene: Tensor
    noise: float
    evidence: float
    misfit: float


def estimate_psf(image: Tensor, visible: Tensor | None = None) -> PSF | None:
    """Find the point-spread function of a photograph, from its power spectrum alone.

    Gaussians of sigma 0.5 to 4 px, discs of radius 0.75 to 4.5 px, straight streaks of 3.5 to 32 px and boxes of 3, 5
    and 7 px are compared with no blur by their likelihoods (see `grids.psf.spectrum`), first on a grid, then finer
    about the best. It is blind: nothing but the image is known. Sharp photographs are best explained by no blur or a
    faint one, with little evidence.

    Args:
        image: (3, H, W), uint8 or uint16, or floating point in [0, 1], RGB.
        visible: (H, W) bool: what touches other pixels does not count; None for all.

    Returns:
        The best of them; None for an image that holds fewer than four windows of 128 pixels (192 x 192 pixels hold as
        many), or hardly a frequency above its noise.

    Raises:
        ImageError: the image is not (3, H, W).
    """
    check_planes(image)
    with torch.no_grad(), exact_float32(), torch.autocast(image.device.type, enabled=False):
        return _estimate(image.detach(), visible)


def _estimate(image: Tensor, visible: Tensor | None) -> PSF | None:
    """What `estimate_psf` returns."""
    table = windows(SIDE, image.device)
    whole, count, chance = table.power(image, visible)
    if count < LEAST_WINDOWS:
        return None
    noise, power = table.noise(whole), whole[table.used]
    found = list[PSF]()
    for level in (noise, *(level for level in LEVELS if level > noise)):
        if (signal := float((power > level).float().mean())) < LEAST_SIGNAL:
            break
        psf = _search(table, power.clamp_min(level), level)
        # what was raised to the level is not scattered by chance
        misfit = (psf.misfit - signal * chance) / (ALLOWED if level == noise else ALLOWED_THEN)
        found.append(replace(psf, misfit=misfit, evidence=_sober(psf, chance)))
        if misfit <= 1:
            break
    return min(found, key=lambda psf: psf.misfit, default=None)


def _sober(psf: PSF, chance: float) -> float:
    """The evidence of a blur without what chance explains. The longest streak is none: anything may end there; and what
    is no softer than photographs from cameras are is no blur."""
    if psf.shape.family != "streak":
        return psf.evidence if psf.shape.size >= SOFTER.get(psf.shape.family, 0) else 0.0
    return 0.0 if psf.shape.size >= LENGTHS[-1] else psf.evidence - LUCK * chance


def check_planes(image: Tensor, channels: tuple[int, ...] = (3,)) -> None:
    """Raise ImageError for what is no image of so many channels.

    Args:
        image: a tensor of any shape.
        channels: how many it may have.
    """
    if image.ndim != 3 or image.shape[0] not in channels or 0 in image.shape:
        allowed = " or ".join(map(str, channels))
        raise ImageError(f"an image must be ({allowed}, H, W), but is {tuple(image.shape)}")


def _search(table: Windows, power: Tensor, noise: float) -> PSF:
    """The likeliest blur of a spectrum, (N,), at a level of noise."""
    first, *refinements = (slice(None, None, step) for step in SPARSE)
    fits = fit_scene(power[first], _first_responses(table), noise, table.features[first])
    near = [_first_shapes()[k] for k in fits.likelihood.topk(STARTS).indices.tolist()]
    for number, sparse in enumerate(refinements):
        near = list(dict.fromkeys(finer for shape in near for finer in _near(shape, number)))
        response = table.response(make_kernels(near, power.device))[:, sparse]
        best = int(fit_scene(power[sparse], response, noise, table.features[sparse]).likelihood.argmax())
        near = [near[best]]
    # the blur beside none, at all frequencies
    kernels = make_kernels([*near, NONE], power.device)
    fits = fit_scene(power, table.response(kernels), noise, table.features)
    evidence = float(fits.likelihood[0] - fits.likelihood[1])
    return PSF(near[0], kernels[0], fits.scene[0], noise, evidence, float(fits.misfit[0]))


def make_kernels(some: Sequence[Shape], device: torch.device) -> Tensor:
    """The kernels of blurs.

    Args:
        some: at least one.
        device: where they are made.

    Returns:
        (K, 33, 33), each summing to 1.
    """
    kernels = torch.zeros(len(some), WINDOW, WINDOW, device=device)
    for family in dict.fromkeys(shape.family for shape in some):
        numbers = [k for k, shape in enumerate(some) if shape.family == family]
        size = torch.tensor([some[k].size for k in numbers], device=device)
        angle = torch.tensor([some[k].angle for k in numbers], device=device)
        kernels[numbers] = _kernels_of(family, size, angle)
    return kernels


def _kernels_of(family: Family, size: Tensor, angle: Tensor) -> Tensor:
    if family == "streak":
        return shapes.streak(size, angle, WINDOW)
    if family == "disc":
        return shapes.disc(size, WINDOW)
    taps = shapes.gaussian_taps(size, TAPS) if family == "gaussian" else shapes.box_taps(size.clamp_min(1), TAPS)
    return F.pad(taps[:, :, None] * taps[:, None], ((WINDOW - TAPS) // 2,) * 4)


@cache
def _first_shapes() -> list[Shape]:
    """What is compared first: streaks turned by so much that their ends move by about two pixels."""
    streaks = [
        Shape("streak", float(length), 180 * turn / count)
        for length in LENGTHS
        for count in [max(8, round(1.5 * length))]
        for turn in range(count)
    ]
    return [
        NONE,
        *_range("disc", *RADII),
        *_range("gaussian", *SIGMAS),
        *(Shape("box", size) for size in BOXES),
        *streaks,
    ]


def _range(family: Family, least: float, most: float) -> list[Shape]:
    return [Shape(family, least + STEP * k) for k in range(round((most - least) / STEP) + 1)]


@cache
def _first_responses(table: Windows) -> Tensor:
    kernels = make_kernels(_first_shapes(), table.features.device)
    return torch.cat([table.response(part)[:, :: SPARSE[0]] for part in kernels.split(64)])


def _near(shape: Shape, refinement: int) -> list[Shape]:
    """A shape and those close to it: closer from one refinement to the next."""
    if shape.family in ("none", "box"):
        return [shape]
    if shape.family != "streak":
        step = STEP / (4, 16)[refinement]
        least, most = RADII if shape.family == "disc" else SIGMAS
        return [Shape(shape.family, min(max(shape.size + k * step, least), most)) for k in range(-4, 5)]
    along, turn = (0.25, 0.08)[refinement], (1, 0.3)[refinement] * math.degrees(0.35 / shape.size)
    return [
        Shape("streak", min(max(shape.size + k * along, LENGTHS[0]), LENGTHS[-1]), (shape.angle + j * turn) % 180)
        for k in range(-3, 4)
        for j in range(-4, 5)
    ]
