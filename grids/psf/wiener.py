"""A photograph without its blur: the Wiener solution with unknown surroundings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.images.tensors import to_unit
from grids.psf.estimate import PSF, Shape, check_planes
from grids.psf.spectrum import scene_features

MARGIN = 24
"""Pixels around the photograph that are found along with it: a blur carries them into it."""
ERROR, STREAK_ERROR = 1.3e-6, 3e-5
"""Variances that are added to that of the noise: a shape is not quite that of the blur, and a streak's least of all."""
DOUBT = 4
"""By so much the noise is multiplied under a Gaussian: it damps most, so what is wrong is amplified most."""
COLOUR = 64
"""By so much it is multiplied for differences of colour: they have less detail, and JPEG damages them more."""
ROUNDS = 8
STREAK_ROUNDS = 10, 1.4
"""Of conjugate gradients. A streak needs so many, and so many a pixel: it carries more of the surroundings into a
photograph, from farther away."""


def deconvolve(image: Tensor, psf: PSF) -> Tensor:
    """Undo a known blur: the most likely image under the spectrum of its scene and white noise.

    What lies beyond the border is unknown, not mirrored or black: the image is found on a larger frame, of which the
    photograph shows the blurred middle (Reeves, 2005), by conjugate gradients with the Wiener filter of the frame as
    their preconditioner. Brightness (the mean of the channels) and what the channels differ from it are found apart.

    Args:
        image: (C, H, W), one channel or three, uint8 or uint16, or floating point in [0, 1].
        psf: such as `estimate_psf` gives, on the same device.

    Returns:
        (C, H, W) float32, not clipped. The rounds are fixed: far from a border a long streak is undone a little better
        in a small image than in a large one.

    Raises:
        ImageError: the image is not (1, H, W) or (3, H, W).
    """
    check_planes(image, (1, 3))
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        pixels = to_unit(image.detach())
        variance, grey = _variance(psf), pixels.mean(0, keepdim=True)
        bright = _solve(grey, psf, variance, _rounds(psf.shape))
        if len(pixels) == 1:
            return bright
        # all channels but one: their differences from the mean sum to nothing
        differences = _solve(pixels[1:] - grey, psf, COLOUR * variance, ROUNDS)
        return bright + torch.cat((-differences.sum(0, keepdim=True), differences))


def _solve(image: Tensor, psf: PSF, variance: float, rounds: int) -> Tensor:
    """Each plane of an image, (C, H, W), without the blur, in so many rounds."""
    height, width = image.shape[-2:]
    tall, wide = (_good_size(side + 2 * MARGIN) for side in (height, width))
    inside = (slice(None), slice(MARGIN, MARGIN + height), slice(MARGIN, MARGIN + width))
    mean = image.mean((1, 2), keepdim=True)
    frame = _Frame(psf, variance, (tall, wide), inside)
    known = image.new_zeros(image.shape[0], tall, wide)
    known[inside] = image - mean
    x = frame.wiener(frame.carry_back(_surround(image - mean, tall, wide)))
    rest = frame.carry_back(known) - frame.normal(x)
    ahead = frame.wiener(rest)
    direction, size = ahead, _dot(rest, ahead)
    for _ in range(rounds):
        along = frame.normal(direction)
        step = size / _dot(direction, along).clamp_min(1e-20)
        x, rest = x + step * direction, rest - step * along
        ahead = frame.wiener(rest)
        before, size = size, _dot(rest, ahead)
        direction = ahead + size / before.clamp_min(1e-20) * direction
    return x[inside] + mean


class _Frame:
    """A blur on a frame around a photograph, as a linear system.

    Args:
        psf: the blur.
        variance: of the noise.
        size: of the frame, (tall, wide).
        inside: where the photograph lies in it.
    """

    def __init__(self, psf: PSF, variance: float, size: tuple[int, int], inside: tuple[slice, slice, slice]) -> None:
        self.size, self.inside = size, inside
        middle = psf.kernel.shape[-1] // 2
        kernel = F.pad(psf.kernel, (0, size[1] - psf.kernel.shape[-1], 0, size[0] - psf.kernel.shape[-2]))
        self.blur = torch.fft.rfft2(kernel.roll((-middle, -middle), (0, 1)))
        self.damping = variance / _scene_power(psf.scene, *size)
        self._wiener = 1 / (self.blur.abs().square() + self.damping)

    def normal(self, x: Tensor) -> Tensor:
        """What the photograph would show of x, carried back, and the damping."""
        spectrum = torch.fft.rfft2(x)
        shown = torch.zeros_like(x)
        shown[self.inside] = self._pixels(spectrum * self.blur)[self.inside]
        return self._pixels(torch.fft.rfft2(shown) * self.blur.conj() + spectrum * self.damping)

    def carry_back(self, x: Tensor) -> Tensor:
        """The transpose of the blur."""
        return self._pixels(torch.fft.rfft2(x) * self.blur.conj())

    def wiener(self, x: Tensor) -> Tensor:
        """The inverse of `normal` if all of the frame were shown."""
        return self._pixels(torch.fft.rfft2(x) * self._wiener)

    def _pixels(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(spectrum, s=self.size)


def _rounds(shape: Shape) -> int:
    fixed, a_pixel = STREAK_ROUNDS
    return round(fixed + a_pixel * shape.size) if shape.family == "streak" else ROUNDS


def _variance(psf: PSF) -> float:
    """Of the noise, with that of what the shape leaves unexplained."""
    if psf.shape.family == "gaussian":
        return DOUBT * psf.noise + ERROR
    return psf.noise + (STREAK_ERROR if psf.shape.family == "streak" else ERROR)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2), keepdim=True)


def _scene_power(scene: Tensor, tall: int, wide: int) -> Tensor:
    """(tall, wide // 2 + 1): what the spectrum of the scene is expected to be."""
    y = torch.fft.fftfreq(tall, device=scene.device)[:, None].expand(tall, wide // 2 + 1)
    x = torch.fft.rfftfreq(wide, device=scene.device).expand(tall, wide // 2 + 1)
    return (scene_features(y, x) @ scene).exp()


def _surround(image: Tensor, tall: int, wide: int) -> Tensor:
    """(C, tall, wide): the image in its frame, mirrored outwards."""
    height, width = image.shape[-2:]
    rows, columns = (_mirrored(side, whole, image.device) for side, whole in ((height, tall), (width, wide)))
    return image[:, rows][:, :, columns]


def _mirrored(side: int, whole: int, device: torch.device) -> Tensor:
    period = max(2 * (side - 1), 1)
    places = (torch.arange(whole, device=device) - MARGIN) % period
    return torch.minimum(places, period - places)


def _good_size(least: int) -> int:
    """The next size that has no prime factors above 5, for which transforms are fast."""
    size = least
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1
