"""A photograph without its blur: the Wiener solution with unknown surroundings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.psf.estimate import PSF, Shape
from grids.psf.spectrum import scene_features

MARGIN = 24
"""Pixels around the photograph that are found along with it: a blur carries them into it."""


ERROR, STREAK_ERROR = 1.3e-6, 3e-5
"""Variances that are added to that of the noise: a shape is not quite that of the blur, and a streak's least of all."""
DOUBT = 4
"""By so much the noise is multiplied under a Gaussian: it damps most, so what is wrong is amplified most."""
ROUNDS = 8
STREAK_ROUNDS = 10, 1.4
"""Of conjugate gradients. A streak needs so many, and so many a pixel: it carries more of the surroundings into a
photograph, from farther away."""


def deconvolve(image: Tensor, psf: PSF) -> Tensor:
    """Undo a known blur: the most likely image under the spectrum of its scene and white noise.

    What lies beyond the border is unknown, not mirrored or black: the image is found on a larger frame, of which the
    photograph shows the blurred middle (Reeves, 2005), by conjugate gradients with the Wiener filter of the frame as
    their preconditioner.

    Args:
        image: (C, H, W), float32 in [0, 1].
        psf: such as `estimate_psf` gives, on the same device.

    Returns:
        (C, H, W) float32, not clipped.
    """
    height, width = image.shape[-2:]
    tall, wide = (_good_size(side + 2 * MARGIN) for side in (height, width))
    inside = (slice(None), slice(MARGIN, MARGIN + height), slice(MARGIN, MARGIN + width))
    mean = image.mean((1, 2), keepdim=True)
    middle = psf.kernel.shape[-1] // 2
    kernel = F.pad(psf.kernel, (0, wide - psf.kernel.shape[-1], 0, tall - psf.kernel.shape[-2]))
    blur = torch.fft.rfft2(kernel.roll((-middle, -middle), (0, 1)))
    damping = _variance(psf) / _scene_power(psf.scene, tall, wide)
    wiener = 1 / (blur.abs().square() + damping)

    def spectrum(x: Tensor) -> Tensor:
        return torch.fft.rfft2(x)

    def pixels(x: Tensor) -> Tensor:
        return torch.fft.irfft2(x, s=(tall, wide))

    def normal(x: Tensor) -> Tensor:
        """What the photograph would show of x, carried back, and the damping."""
        of_x = spectrum(x)
        shown = torch.zeros_like(x)
        shown[inside] = pixels(of_x * blur)[inside]
        return pixels(spectrum(shown) * blur.conj() + of_x * damping)

    known = image.new_zeros(image.shape[0], tall, wide)
    known[inside] = image - mean
    x = pixels(spectrum(_surround(image - mean, tall, wide)) * blur.conj() * wiener)
    rest = pixels(spectrum(known) * blur.conj()) - normal(x)
    ahead = pixels(spectrum(rest) * wiener)
    direction, size = ahead, _dot(rest, ahead)
    for _ in range(_rounds(psf.shape)):
        along = normal(direction)
        step = size / _dot(direction, along).clamp_min(1e-20)
        x, rest = x + step * direction, rest - step * along
        ahead = pixels(spectrum(rest) * wiener)
        before, size = size, _dot(rest, ahead)
        direction = ahead + size / before.clamp_min(1e-20) * direction
    return x[inside] + mean


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
