"""What the spectrum of a photograph says of its blur: the expected spectrum under a blur, and how well it fits.

A blurred photograph has the power spectrum |K|^2 S + n: that of the blur times that of the scene, plus noise. Scenes
have spectra that fall off as a power of the frequency (Field, 1987), here with another level along other directions:
log S = b0 - b1 log r + b2 cos 2t + b3 sin 2t. For a blur K, b follows by maximum likelihood (Whittle, 1953), and the
likelihoods of blurs can be compared: parametric blur identification (Lagendijk, Biemond and Boekee, 1990; Pavlovic and
Tekalp, 1992).
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from grids.images.tensors import to_unit

MOST_WINDOWS = 1024
INDEPENDENT = 0.9
"""Windows that overlap by half count as so many independent ones each."""
LOWEST, HIGHEST = 2.5, 0.5
"""Frequencies that count: cycles in a window at least, cycles a pixel below this."""
AXES = 1.5
"""Cycles in a window from the axes at least: what is level or upright is the photograph's, or its border's."""
QUIET, QUIET_SHARE = 0.47, 0.25
"""Noise is what this share of the frequencies above so many cycles a pixel stay below."""
LEAST_NOISE = 1 / 255**2 / 12 / 3
"""The variance that rounding three channels to 8 bits leaves in their mean."""
MIDDLE = 1.5
"""-log of the frequency where b0 is the level."""
USUAL_FALL, FALLS = 2.2, (1.4, 4.0)
"""b1 of most photographs, and what is allowed."""
PULL = 0.02
"""How strongly b is drawn to the usual, beside the mean over frequencies."""
ROUNDS = 4
LONGEST_STEP = 1.5
HANN = (1 / 6, 2 / 3)
"""The energy of a Hann window's spectrum at each neighbour of a frequency, and at itself."""


class Fit(NamedTuple):
    """How well blurs explain a spectrum.

    Args:
        likelihood: (K,), the mean over frequencies of the log likelihood, with that of b; in nats.
        scene: (K, 4), b.
        misfit: (K,), the mean of p / T - 1 - log(p / T) over frequencies, p measured and T expected; 0 for a perfect
            fit.
    """

    likelihood: Tensor
    scene: Tensor
    misfit: Tensor


class Spectrum(NamedTuple):
    """The power spectrum of a photograph.

    Args:
        power: (side, side // 2 + 1), in units of the variance of a pixel.
        windows: over how many it is a mean.
        chance: the misfit that chance alone leaves in such a mean.
    """

    power: Tensor
    windows: int
    chance: float


class Windows:
    """The frequencies of square windows, and what is computed of them.

    Args:
        side: of the windows, pixels, even.
        device: where the tables lie.
    """

    def __init__(self, side: int, device: torch.device) -> None:
        self.side = side
        y = torch.fft.fftfreq(side, device=device)[:, None].expand(side, side // 2 + 1)
        x = torch.fft.rfftfreq(side, device=device).expand(side, side // 2 + 1)
        r, off_axes = torch.hypot(x, y), (x > AXES / side) & (y.abs() > AXES / side)
        self.used = (r > LOWEST / side) & (r < HIGHEST) & off_axes
        self.quiet = (r > QUIET) & off_axes
        self.features = scene_features(y, x)[self.used]
        hann = torch.hann_window(side, device=device)
        self._window = hann[:, None] * hann
        self._energy = float(self._window.square().sum())

    def power(self, image: Tensor, visible: Tensor | None = None) -> Spectrum:
        """The mean periodogram of the brightness in windows (Welch, 1967): they overlap by half, in large images less.

        Args:
            image: (3, H, W), uint8 or uint16, or floating point in [0, 1].
            visible: (H, W) bool: windows with other pixels do not count; None for all.

        Returns:
            The mean over the windows, as many as there are.
        """
        half = self.side // 2
        apart = max(1, math.ceil(math.sqrt(image.shape[-2] * image.shape[-1] / half**2 / MOST_WINDOWS)))
        total, count = torch.zeros(self.used.shape, device=image.device), 0
        # row by row: all windows of a large image together would take 200 MB
        last = image.shape[-2] - self.side if image.shape[-1] >= self.side else -1
        for top in range(0, last + 1, half * apart):
            rows = slice(top, top + self.side)
            parts = to_unit(image[:, rows]).mean(0).unfold(1, self.side, half)[:, ::apart].transpose(0, 1)
            if visible is not None:
                shown = visible[rows].unfold(1, self.side, half)[:, ::apart].all(-1).all(0)
                parts = parts[shown]
            if not len(parts):  # transforms of nothing are an error
                continue
            parts = (parts - parts.mean((1, 2), keepdim=True)) * self._window
            total += torch.fft.rfft2(parts).abs().square().sum(0)
            count += len(parts)
        independent = torch.tensor(max(1.0, count * (INDEPENDENT if apart == 1 else 1.0)), dtype=torch.float64)
        chance = float(independent.log() - torch.digamma(independent))
        return Spectrum(total / max(1, count) / self._energy, count, chance)

    def noise(self, power: Tensor) -> float:
        """The variance of the noise, from what the highest frequencies hold; that of rounding to 8 bits at least."""
        return max(float(power[self.quiet].quantile(QUIET_SHARE)), LEAST_NOISE)

    def response(self, kernels: Tensor) -> Tensor:
        """log |K|^2 of blurs as windows see it, at the frequencies used.

        Args:
            kernels: (K, k, k), k at most the side.

        Returns:
            (K, N).
        """
        half = torch.view_as_real(torch.fft.rfft2(kernels, s=(self.side, self.side))).square().sum(-1)
        # the columns beside the half of the spectrum that is computed: |K|^2 is the same at opposite frequencies
        beside = [half[..., k].flip(-1).roll(1, -1)[..., None] for k in (1, self.side // 2 - 1)]
        whole = torch.cat((beside[0], half, beside[1]), -1)
        whole = torch.cat((whole[:, -1:], whole, whole[:, :1]), 1)
        smeared = _smear(_smear(whole, 1), 2)
        return smeared[:, self.used].clamp_min(1e-9).log()


def _smear(spectra: Tensor, axis: int) -> Tensor:
    """What a Hann window makes of spectra along an axis, which loses its ends."""
    inner = spectra.shape[axis] - 2
    before, at, after = (spectra.narrow(axis, start, inner) for start in range(3))
    return (before + after) * HANN[0] + at * HANN[1]


@cache
def windows(side: int, device: torch.device) -> Windows:
    """The windows of a side, made once."""
    return Windows(side, device)


def scene_features(y: Tensor, x: Tensor) -> Tensor:
    """What b is multiplied with to give log S.

    Args:
        y, x: frequencies in cycles a pixel, of shapes that broadcast; both 0 counts as a very low one.

    Returns:
        (..., 4): 1, -log r - 1.5, cos 2t, sin 2t.
    """
    r = torch.hypot(x, y).clamp_min(1e-4)
    angle = 2 * torch.atan2(y, x)
    return torch.stack((torch.ones_like(r), -(r.log() + MIDDLE), angle.cos(), angle.sin()), -1)


def fit_scene(power: Tensor, response: Tensor, noise: float, features: Tensor) -> Fit:
    """Fit b to a spectrum for every blur, by Fisher scoring of the likelihood.

    Args:
        power: (N,), measured.
        response: (K, N), log |K|^2.
        noise: its variance.
        features: (N, 4).

    Returns:
        The fits.
    """
    usual = torch.tensor([0.0, USUAL_FALL, 0.0, 0.0], device=power.device)
    pull = len(power) * torch.tensor([1e-6, PULL, PULL, PULL], device=power.device)
    products = (features[:, :, None] * features[:, None]).flatten(1)
    b = usual.repeat(len(response), 1)
    b[:, 0] = _level(power, response, noise, features @ usual)
    for _ in range(ROUNDS):
        scene = b @ features.T
        signal = (scene + response).exp()
        expected = signal + noise
        weights = (signal / expected).square()
        wanted = scene + ((power - expected) / signal).clamp(-LONGEST_STEP, LONGEST_STEP)
        normal = (weights @ products).view(-1, 4, 4) + pull.diag()
        b = torch.linalg.solve(normal, (weights * wanted) @ features + pull * usual)
        b[:, 1].clamp_(*FALLS)
    expected = (b @ features.T + response).exp_().add_(noise)
    ratio = power / expected
    likelihood = -(expected.log() + ratio).mean(1) - PULL / 2 * (b - usual)[:, 1:].square().sum(1)
    return Fit(likelihood, b, (ratio - 1 - ratio.log()).mean(1))


def _level(power: Tensor, response: Tensor, noise: float, usual: Tensor) -> Tensor:
    """(K,): b0 to begin with, from the frequencies that are well above the noise and that the blur lets through."""
    counts = ((power > 3 * noise) & (response > -7)).float()
    excess = (power - noise).clamp_min(noise / 10).log() - usual - response
    level = (excess * counts).sum(1) / counts.sum(1).clamp_min(1)
    return torch.where(counts.sum(1) > 0, level, math.log(noise))
