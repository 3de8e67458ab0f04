"""A photograph without its blur: the Wiener solution with unknown surroundings."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from grids.images.tensors import mirror_index, to_unit
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
GRID = 128
"""Side of the frequencies that a gain is expected over."""
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
        (C, H, W) float32, not clipped. The rounds are fixed, so that a long streak is not undone to the end.

    Raises:
        ImageError: the image is not (1, H, W) or (3, H, W).
    """
    check_planes(image, (1, 3))
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        pixels = to_unit(image.detach())
        variance, grey, frame = _variance(psf), pixels.mean(0, keepdim=True), _Frame(psf, *pixels.shape[-2:])
        bright = frame.solve(grey, variance, _rounds(psf.shape))
        if len(pixels) == 1:
            return bright
        # all channels but one: their differences from the mean sum to nothing
        differences = frame.solve(pixels[1:] - grey, COLOUR * variance, ROUNDS)
        return bright + torch.cat((-differences.sum(0, keepdim=True), differences))


def expected_gain(psf: PSF) -> float:
    """What the Wiener filter that `deconvolve` begins with gains, if scene, blur and noise are such as were found.

    What it takes off the noise counts, too: noise gains without any blur. Where it damps more than the noise asks for,
    the gain may be below 0.

    Args:
        psf: such as `estimate_psf` gives.

    Returns:
        dB, of brightness: the error of the photograph against that of the filtered one, over all frequencies but 0.
    """
    with torch.no_grad(), torch.autocast(psf.kernel.device.type, enabled=False):
        return _expected_gain(psf)


def _expected_gain(psf: PSF) -> float:
    """What `expected_gain` returns."""
    scene, blur = _scene_power(psf.scene, GRID, GRID), _response(psf.kernel, GRID, GRID)
    undone = blur.conj() / (blur.abs().square() + _variance(psf) / scene)
    before = (1 - blur).abs().square() * scene + psf.noise
    after = (1 - undone * blur).abs().square() * scene + undone.abs().square() * psf.noise
    # the mean brightness stays
    before[0, 0] = after[0, 0] = 0
    # all columns of the half spectrum but the first and the last stand for two
    before[:, 1:-1] *= 2
    after[:, 1:-1] *= 2
    return 10 * math.log10(float(before.sum()) / float(after.sum()))


class _Frame:
    """A blur on a frame around a photograph.

    Args:
        psf: the blur.
        height, width: of the photograph.
    """

    def __init__(self, psf: PSF, height: int, width: int) -> None:
        self.size = tall, wide = tuple(_fast_length(side + 2 * MARGIN) for side in (height, width))
        self.inside = (slice(None), slice(MARGIN, MARGIN + height), slice(MARGIN, MARGIN + width))
        self.blur, self.scene = _response(psf.kernel, tall, wide), _scene_power(psf.scene, tall, wide)

    def solve(self, image: Tensor, variance: float, rounds: int) -> Tensor:
        """Each plane of the photograph, (C, H, W), without the blur, by conjugate gradients in so many rounds."""
        damping = variance / self.scene
        inverse = 1 / (self.blur.abs().square() + damping)
        mean = image.mean((1, 2), keepdim=True)
        known = image.new_zeros(image.shape[0], *self.size)
        known[self.inside] = image - mean
        x = self._filter(self._filter(self._mirrored(image - mean), self.blur.conj()), inverse)
        rest = self._filter(known, self.blur.conj()) - self._normal(x, damping)
        ahead = self._filter(rest, inverse)
        direction, size = ahead, _dot(rest, ahead)
        for _ in range(rounds):
            along = self._normal(direction, damping)
            step = size / _dot(direction, along).clamp_min(1e-20)
            x, rest = x + step * direction, rest - step * along
            ahead = self._filter(rest, inverse)
            before, size = size, _dot(rest, ahead)
            direction = ahead + size / before.clamp_min(1e-20) * direction
        return x[self.inside] + mean

    def _normal(self, x: Tensor, damping: Tensor) -> Tensor:
        """What the photograph would show of x, carried back, and the damping."""
        spectrum = torch.fft.rfft2(x)
        shown = torch.zeros_like(x)
        shown[self.inside] = self._pixels(spectrum * self.blur)[self.inside]
        return self._pixels(torch.fft.rfft2(shown) * self.blur.conj() + spectrum * damping)

    def _filter(self, x: Tensor, response: Tensor) -> Tensor:
        return self._pixels(torch.fft.rfft2(x) * response)

    def _pixels(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(spectrum, s=self.size)

    def _mirrored(self, image: Tensor) -> Tensor:
        """(C, tall, wide): the photograph in its frame, mirrored outwards."""
        sides = zip(image.shape[-2:], self.size, strict=True)
        rows, columns = (mirror_index(side, MARGIN, whole, image.device) for side, whole in sides)
        return image[:, rows][:, :, columns]


def _fast_length(least: int) -> int:
    """The next length for which transforms are fast."""
    from scipy.fft import next_fast_len  # here: only what deconvolves needs it

    return int(next_fast_len(least, real=True))


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


def _response(kernel: Tensor, tall: int, wide: int) -> Tensor:
    """(tall, wide // 2 + 1): the spectrum of a kernel about the first pixel."""
    side = kernel.shape[-1]
    padded = F.pad(kernel, (0, wide - side, 0, tall - side)).roll((-(side // 2), -(side // 2)), (0, 1))
    return torch.fft.rfft2(padded)


def _scene_power(scene: Tensor, tall: int, wide: int) -> Tensor:
    """(tall, wide // 2 + 1): what the spectrum of the scene is expected to be."""
    y = torch.fft.fftfreq(tall, device=scene.device)[:, None].expand(tall, wide // 2 + 1)
    x = torch.fft.rfftfreq(wide, device=scene.device).expand(tall, wide // 2 + 1)
    return (scene_features(y, x) @ scene).exp()
