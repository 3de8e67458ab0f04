"""Colours of figures: the map of S, and what can be read on a ground."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap, Normalize, to_rgb

from grids.results import FloatArray

SCALE_TITLE = "S (small = alike)"
# lightness, chroma and hue (degrees) of the colour map's stops in OKLCH; even steps of lightness make it uniform
_STOPS = ((0.27, 0.095, 282.0), (0.445, 0.105, 250.0), (0.62, 0.10, 205.0), (0.795, 0.095, 165.0), (0.97, 0.045, 115.0))


@cache
def nearness_map() -> ListedColormap:
    """The colour map of S: dark and saturated for small S (alike), pale for large S; 256 colours.

    It is perceptually uniform: equal steps of S look equally far apart, as lightness rises evenly in OKLCH.
    """
    stops = np.array(_STOPS)
    at = np.linspace(0, len(stops) - 1, 256)
    light, chroma, hue = (np.interp(at, range(len(stops)), stops[:, k]) for k in range(3))
    return ListedColormap(_oklch_to_rgb(light, chroma, np.radians(hue)), name="nearness")


def scale(values: FloatArray) -> Normalize:
    """Choose the colour scale of some values of S.

    Args:
        values: (n,), off the diagonal of one matrix or several; may be empty.

    Returns:
        A map from S to [0, 1]. Its ends are rounded outwards to half units of S and lie at least 1 apart; 0 to 5 where
        there are no values.
    """
    if values.size == 0:
        return Normalize(0.0, 5.0)
    low, high = float(np.floor(values.min() * 2) / 2), float(np.ceil(values.max() * 2) / 2)
    return Normalize(low, max(high, low + 1.0))


def contrast(first: Any, second: Any) -> float:
    """The WCAG contrast ratio of two colours, which tells whether text can be read on a ground.

    Args:
        first, second: any colours of matplotlib's; their order does not matter. Opacity is ignored.

    Returns:
        1 (equal) to 21 (black on white); text needs 4.5.

    Example:
        >>> round(contrast("black", "white"), 1)
        21.0
    """
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def readable_on(colour: Any) -> str:
    """Choose the colour of text on a ground.

    Args:
        colour: of the ground, any colour of matplotlib's.

    Returns:
        "black" or "white", whichever has more contrast; it is never below 4.5.

    Example:
        >>> readable_on("#0072B2"), readable_on("#F0E442")
        ('white', 'black')
    """
    return max(("black", "white"), key=lambda ink: contrast(ink, colour))


def _oklch_to_rgb(light: FloatArray, chroma: FloatArray, hue: FloatArray) -> FloatArray:
    # Ottosson's OKLab (2020): to cone responses, to linear sRGB, to sRGB; what is out of gamut is clipped
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    cones = np.stack(
        [
            light + 0.3963377774 * a + 0.2158037573 * b,
            light - 0.1055613458 * a - 0.0638541728 * b,
            light - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip((to_linear @ cones**3).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _luminance(colour: Any) -> float:
    rgb = np.array(to_rgb(colour), dtype=float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
