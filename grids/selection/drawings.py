"""Drawings over photographs: text, strokes and flat shapes, which a selector must not take for damage."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grids.images.libraries import opencv
from grids.images.tensors import to_pixels, to_tensor

FONTS = ("FONT_HERSHEY_SIMPLEX", "FONT_HERSHEY_COMPLEX", "FONT_HERSHEY_TRIPLEX", "FONT_HERSHEY_SCRIPT_SIMPLEX")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?()"
PAPER = 0.4
"""How often the photograph gives way to a flat ground."""
FLAT = 0.4
"""How often a photograph that stays has few colours, as a cartoon has."""
MOST_SHAPES, MOST_LINES = 6, 12


def draw_over(image: Tensor, generator: torch.Generator) -> Tensor:
    """A photograph with text, curves and shapes drawn over it, or over a flat ground of its size.

    Such images are clean, but sharper and flatter than photographs are, with black and white strokes.

    Args:
        image: (3, H, W) in [0, 1]. It is not changed.
        generator: on the CPU; one number is drawn from it, and decides everything.

    Returns:
        (3, H, W), multiples of 1/255 in [0, 1].
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    pixels = to_pixels(image)
    height, width = pixels.shape[:2]
    if rng.random() < PAPER:
        pixels[:] = _colour(rng)
    elif rng.random() < FLAT:
        pixels = opencv().pyrMeanShiftFiltering(pixels, 8, 24)
    for _ in range(rng.integers(MOST_SHAPES + 1)):
        _draw_shape(pixels, rng, height, width)
    for _ in range(rng.integers(1, MOST_LINES + 1)):
        _write_line(pixels, rng, height, width)
    return to_tensor(pixels)


def _colour(rng: np.random.Generator) -> tuple[int, ...]:
    """Black, white, or any."""
    kind = rng.random()
    if kind < 0.5:
        return (0, 0, 0) if kind < 0.25 else (255, 255, 255)
    return tuple(map(int, rng.integers(0, 256, 3)))


def _draw_shape(pixels: np.ndarray, rng: np.random.Generator, height: int, width: int) -> None:
    """A filled or an outlined polygon or ellipse, its edges smooth."""
    cv2, centre = opencv(), rng.integers(0, (width, height))
    radii = rng.uniform(0.03, 0.3, 2) * min(height, width)
    thickness = -1 if rng.random() < 0.5 else int(rng.integers(1, 5))
    if rng.random() < 0.5:
        axes = (max(1, int(radii[0])), max(1, int(radii[1])))
        where = (int(centre[0]), int(centre[1]))
        cv2.ellipse(pixels, where, axes, float(rng.uniform(0, 180)), 0, 360, _colour(rng), thickness, cv2.LINE_AA)
        return
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
    corners = np.stack((np.cos(angles), np.sin(angles)), 1) * radii + centre
    points = [corners.round().astype(np.int32)]
    if thickness < 0:
        cv2.fillPoly(pixels, points, _colour(rng), cv2.LINE_AA)
    else:
        cv2.polylines(pixels, points, True, _colour(rng), thickness, cv2.LINE_AA)


def _write_line(pixels: np.ndarray, rng: np.random.Generator, height: int, width: int) -> None:
    """A line of text."""
    cv2 = opencv()
    text = "".join(rng.choice(list(LETTERS), rng.integers(3, 30)))
    place = (int(rng.integers(-width // 8, width)), int(rng.integers(0, height)))
    font, size = getattr(cv2, FONTS[rng.integers(len(FONTS))]), float(rng.uniform(0.3, 1.6))
    smooth = cv2.LINE_AA if rng.random() < 0.8 else cv2.LINE_8
    cv2.putText(pixels, text, place, font, size, _colour(rng), int(rng.integers(1, 4)), smooth)
