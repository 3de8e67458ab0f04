"""The lines of inpainting against distances counted one by one, and against OpenCV's lines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from contracts import generator, noise_images
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.artifacts import line_mask


def distance(ends: np.ndarray, height: int, width: int) -> np.ndarray:
    """How far every pixel is from the segment x0 y0 x1 y1, in double precision."""
    y, x = np.mgrid[:height, :width].astype(float)
    start, step = ends[:2], ends[2:] - ends[:2]
    length = step @ step
    at = ((x - start[0]) * step[0] + (y - start[1]) * step[1]) / length if length else np.zeros_like(x)
    at = at.clip(0, 1)
    return np.hypot(x - start[0] - at * step[0], y - start[1] - at * step[1])


def mask_of(lines: list[list[float]], thickness: float, height: int, width: int) -> np.ndarray:
    ends = torch.tensor([lines])
    shown = torch.ones(1, len(lines), dtype=torch.bool)
    return line_mask(ends, torch.full((1, len(lines)), thickness), shown, height, width)[0].numpy() > 0


def check_by_distance(lines: list[list[float]], thickness: float, height: int, width: int) -> None:
    far = np.min([distance(np.array(line), height, width) for line in lines], axis=0)
    mask = mask_of(lines, thickness, height, width)
    # float32 cannot tell on which side of the rim a pixel on it lies
    clear = np.abs(far - thickness / 2) > 1e-3
    np.testing.assert_array_equal(mask[clear], (far <= thickness / 2)[clear])


@pytest.mark.parametrize("seed", range(12))
def test_lines_cover_the_pixels_within_half_a_thickness(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = random.integers(20, 120, 2)
    scale = [width - 1, height - 1] * 2
    lines = (random.random((int(random.integers(1, 12)), 4)) * scale).tolist()
    check_by_distance(lines, float(random.uniform(0.5, 12)), int(height), int(width))


@pytest.mark.parametrize(
    "line",
    [
        [5.0, 8.0, 30.0, 8.0],
        [30.0, 8.0, 5.0, 8.0],
        [12.0, 3.0, 12.0, 35.0],
        [0.0, 0.0, 39.0, 29.0],
        [10.0, 10.0, 10.0, 10.0],
        [0.0, 29.0, 39.0, 0.0],
        [7.0, 11.0, 7.0001, 25.0],
        [3.0, 11.0, 35.0, 11.0001],
    ],
    ids=["level", "leftwards", "upright", "diagonal", "point", "rising", "nearly upright", "nearly level"],
)
@pytest.mark.parametrize("thickness", [1.5, 5.3, 9.7])
def test_special_lines_too(line: list[float], thickness: float) -> None:
    check_by_distance([line], thickness, 30, 40)


@pytest.mark.parametrize("seed", range(6))
def test_lines_lie_where_opencvs_do(seed: int) -> None:
    """OpenCV rounds a thickness up, to 9 px for 7 in some releases: it is the line itself that must agree."""
    random = np.random.default_rng(seed)
    ends = random.integers(10, 118, 4)
    drawn = np.zeros((128, 128), np.uint8)
    cv2.line(drawn, ends[:2].tolist(), ends[2:].tolist(), 1, thickness=7)
    theirs = drawn > 0

    def ours(thickness: float) -> np.ndarray:
        return mask_of([ends.astype(float).tolist()], thickness, 128, 128)

    assert not (ours(6.0) & ~theirs).any()
    assert not (theirs & ~ours(10.0)).any()
    overlaps = [(ours(7 + more) & theirs).sum() / (ours(7 + more) | theirs).sum() for more in np.arange(0, 2.6, 0.25)]
    assert max(overlaps) > 0.94


def test_lines_not_shown_are_not_drawn() -> None:
    ends = torch.tensor([[[2.0, 2, 20, 2], [2.0, 20, 20, 20]]] * 2)
    shown = torch.tensor([[True, False], [False, False]])
    mask = line_mask(ends, torch.full((2, 2), 3.0), shown, 24, 24)
    assert bool(mask[0, 2, 10])
    assert not bool(mask[0, 20].any())
    assert not bool(mask[1].any())


def covered(height: int, width: int, severity: float) -> float:
    images = torch.full((48, 3, height, width), 0.5)
    out = degradation("inpainting")(images, generator(), severity, round_to_8_bit=False)
    return float((out != images).float().mean())


@pytest.mark.parametrize("severity", [0.0, 1.0])
def test_the_covered_share_does_not_depend_on_the_size(severity: float) -> None:
    shares = [covered(*size, severity) for size in ((256, 256), (512, 512), (512, 768))]
    assert max(shares) / min(shares) < 1.12
    assert shares[0] > 0.04


def test_stronger_covers_more() -> None:
    assert covered(256, 256, 1.0) > 2 * covered(256, 256, 0.0)


def test_one_colour_an_image_and_the_rest_untouched() -> None:
    images = 0.2 + 0.6 * noise_images(40, 3, 64, 64)
    out = degradation("inpainting")(images, generator(), 1.0, round_to_8_bit=False)
    colours = []
    for image, result in zip(images, out, strict=True):
        drawn = (result != image).any(0)
        values = result[:, drawn].unique()
        assert len(values) == 1
        assert float(values) in (0.0, 1.0)
        assert torch.equal(result[:, ~drawn], image[:, ~drawn])
        colours.append(float(values))
    assert 8 < sum(colours) < 32, "both colours are drawn, about as often"


@pytest.mark.parametrize(("severity", "lines"), [(0.0, 5), (1.0, 10)])
def test_the_number_of_lines_is_the_tables(severity: float, lines: int) -> None:
    """The first so many of the lines that were drawn are shown, at the thickness drawn, and no more."""
    kind = degradation("inpainting")
    drawn = kind.sample((1, 3, 256, 256), generator(), severity)
    assert float(drawn["lines"]) == lines
    seen = kind.apply(torch.full((1, 3, 256, 256), 0.5), drawn, round_to_8_bit=False) != 0.5
    expected = np.zeros((256, 256), bool)
    for line in drawn["ends"][0, :lines].double().numpy() * 255:
        expected |= distance(line, 256, 256) <= float(drawn["thickness"]) / 2
    assert (seen[0, 0].numpy() != expected).mean() < 1e-4


def test_drawn_thickness_and_lines_differ_between_images() -> None:
    drawn: dict[str, Tensor] = degradation("inpainting").sample((600, 3, 256, 256), generator())
    assert sorted(drawn["lines"].unique().tolist()) == [5, 6, 7, 8, 9, 10]
    assert float(drawn["thickness"].min()) < 5.1
    assert float(drawn["thickness"].max()) > 9.9


def test_a_line_that_is_not_shown_leaves_no_pixel() -> None:
    ends = torch.tensor([[[2.0, 2.0, 9.0, 9.0], [1.0, 12.0, 14.0, 3.0]]])
    thickness = torch.full((1, 2), 3.0)

    def drawn(*shown: bool) -> Tensor:
        return line_mask(ends, thickness, torch.tensor([shown]), 16, 16)

    assert not drawn(False, False).any()
    assert torch.equal(drawn(True, True), torch.maximum(drawn(True, False), drawn(False, True)))
    assert drawn(True, False).any() and not torch.equal(drawn(True, False), drawn(False, True))
