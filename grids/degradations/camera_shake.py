"""Blur by a camera that is shaken: a long exposure, and the mean of a video's frames."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.degradations import kernels
from grids.degradations.base import Degradation, Parameters
from grids.degradations.ranges import Range
from grids.errors import GridsError
from grids.psf import shapes
from grids.random import draw_integers, draw_uniform

FULL = 61  # instants of a walk that lasts as long as the exposure of a photograph


class Shaken(Degradation):
    """A blur along the path of a shaken camera, which moves the whole picture: the base of the kinds below.

    Parameters, a row an image: `path`, (B, n, 2), made by `walk`. To use a path of your own, such as a gyroscope's,
    replace `parameters["path"]` between `sample` and `apply` by a tensor (B, n, 2): x to the right and y down at n even
    instants, at least one, in any unit, as it is scaled.

    `apply` raises GridsError where such a path has another shape or is not finite.
    """

    instants = FULL

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        return {"path": walk(shape[0], self.instants, generator)}


class TrajectoryBlur(Shaken):
    """Blur by the kernel of a camera's shake: the trace of its path over the exposure.

    The kernel is centred on its centroid, and the path scaled until it touches the border of side x side pixels; a path
    that does not move leaves the image as it is. The border of the image is mirrored.

    Parameters, a row an image: `side` of the kernel, an odd number of px, and `path`, see `Shaken`. Source: the model
    is after Boracchi and Foi 2012, the sides are those of Shen et al. (13 to 27).
    """

    name = "trajectory_blur"
    version = 2
    ranges = (Range("side", 13, 27, "px, odd", whole=True, step=2, faint=7),)
    summary = "kernel of a random camera path with inertia and abrupt shakes, reflected border"
    source = "model: after Boracchi and Foi 2012; sides: Shen et al. (13 to 27)"
    fine = 481  # instants at which the path is followed: it moves by half a pixel at most from one to the next

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        path = _followed(parameters["path"], self.fine)
        path = path - path.mean(1, keepdim=True)
        half = (parameters["side"] - 1) / 2
        offsets = _scaled(path, path.abs().amax((1, 2)), half)
        return kernels.filter2d(images, shapes.trace(offsets, 2 * math.ceil(float(half.detach().max())) + 1))


class FrameBlur(Shaken):
    """The mean of 7, 9, 11 or 13 frames of a video in linear light, as the pictures of GoPro are made.

    The frames are the picture, moved along a path with bilinear weights. The middle one is the picture itself, as
    GoPro's sharp picture is the middle frame. Few frames of a wide motion show as ghosts, as they do in GoPro. Linear
    light is the value to the power of 2.2; the border is mirrored.

    Parameters, a row an image: `extent`, the larger side of the path in px; `frames`, how many; `path`, see `Shaken`.
    Source: the model is that of Nah et al. 2017, on a photograph; path and range are ours.
    """

    name = "frame_blur"
    version = 2
    ranges = (Range("extent", 6, 24, "px, the larger side of the path", faint=3),)
    summary = "mean of 7, 9, 11 or 13 frames along a random camera path, linear light (gamma 2.2), reflected border"
    source = "model: Nah et al. 2017 (GoPro), on a photograph; path and range: ours"
    choices = (("frames", range(7, 14, 2)),)
    instants = 25  # the frames last for a part of a photograph's exposure, so their path is smoother
    gamma = 2.2

    def _sample(self, shape: tuple[int, int, int, int], generator: torch.Generator) -> Parameters:
        frames = 7 + 2 * draw_integers(generator, shape[0], 0, 4)
        return super()._sample(shape, generator) | {"frames": frames}

    def _apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        light = images.clamp_min(0) ** self.gamma
        means = []
        for i, frames in enumerate(parameters["frames"].tolist()):
            path = _followed(parameters["path"][i : i + 1], frames)
            extent = (path.amax(1) - path.amin(1)).amax(-1)
            offsets = _scaled(path - path[:, frames // 2, None], extent, parameters["extent"][i : i + 1])
            means.append(mean_of_shifted(light[i : i + 1], offsets[0]))
        return torch.cat(means) ** (1 / self.gamma)


def walk(count: int, instants: int, generator: torch.Generator) -> Tensor:
    """Random smooth paths of a camera, from the origin, in no unit.

    A Markov walk, after Boracchi and Foi (2012): the velocity keeps a part of itself, is pushed at random, and is
    pulled back towards the origin; now and then an abrupt shake replaces it. How long the velocity lasts (5 to 40
    instants), how strong the pull is (at most two swings in a full exposure) and how often shakes come (at most two in
    a full exposure, on average) are drawn for every path. A walk of this kind in three dimensions, seen along an axis,
    is such a plane one.

    Args:
        count: how many paths.
        instants: how many points each has, 1 at least; a full exposure lasts for 61.
        generator: where all randomness comes from.

    Returns:
        (count, instants, 2) float32, x and y, the first point (0, 0), on the device of the generator.
    """
    lasts, swings, shakes = draw_uniform(generator, 3, count, 1)
    kicks = torch.randn((instants, count, 2), generator=generator, device=generator.device)
    shaken = draw_uniform(generator, instants, count, 1) < 2 * shakes / FULL
    inertia = torch.exp(-1 / (5 + 35 * lasts))
    speed = (1 - inertia**2) ** -0.5  # what the pushes alone would make of it
    pull = (2 * swings * 2 * math.pi / FULL) ** 2
    velocity, position = speed * kicks[0], torch.zeros_like(kicks[0])
    path = [position]
    for kick, shake in zip(kicks[1:], shaken[1:], strict=True):
        velocity = torch.where(shake, 1.5 * speed * kick, inertia * velocity + kick - pull * position)
        position = position + velocity
        path.append(position)
    return torch.stack(path, 1)


def mean_of_shifted(picture: Tensor, offsets: Tensor) -> Tensor:
    """The mean of copies of a picture that are moved by different distances.

    Args:
        picture: (1, C, H, W), mirrored at its border.
        offsets: (n, 2), how far each copy goes to the right and down, in pixels; parts of pixels by bilinear weights.
            On a GPU they have to be waited for.

    Returns:
        (1, C, H, W), a new tensor.
    """
    h, w = picture.shape[-2:]
    margin = math.ceil(float(offsets.abs().max())) + 1
    padded = kernels.reflect(picture, margin)
    total = torch.zeros_like(picture)
    for x, y in (margin - offsets).tolist():
        left, top = math.floor(x), math.floor(y)
        part = padded[..., top : top + h + 1, left : left + w + 1]
        rows = torch.lerp(part[..., :-1, :], part[..., 1:, :], y - top)
        total += torch.lerp(rows[..., :-1], rows[..., 1:], x - left)
    return total / len(offsets)


def _followed(path: Tensor, count: int) -> Tensor:
    """The path (B, n, 2) from its first place, at so many even instants, on straight lines between the n."""
    if path.ndim != 3 or path.shape[-1] != 2 or path.shape[1] == 0:
        raise GridsError(
            f"the path of a camera must have the shape (B, n, 2), n at least 1, but has {tuple(path.shape)}"
        )
    moved = (path - path[:, :1]).float()
    return F.interpolate(moved.transpose(1, 2), count, mode="linear", align_corners=True).transpose(1, 2)


def _scaled(path: Tensor, size: Tensor, wanted: Tensor) -> Tensor:
    """A path (B, n, 2) of some size (B,), as large as wanted (B,); one that does not move stays."""
    unit = path / size.clamp_min(torch.finfo(size.dtype).tiny).view(-1, 1, 1)
    return unit * wanted.view(-1, 1, 1)
