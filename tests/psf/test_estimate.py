from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.compression import codec_jpeg
from grids.errors import ImageError
from grids.images import builtin_photos, read_photo
from grids.psf import PSF, Shape, estimate_psf
from grids.psf.estimate import WINDOW, make_kernels

BLURS = [
    ("gaussian_blur", {"sigma": 2.3}, "gaussian", 2.3, 0.35),
    ("defocus_blur", {"radius": 3.2}, "disc", 3.2, 0.06),
    ("motion_blur", {"length": 19.0, "angle": 37.0}, "streak", 19.0, 0.6),
    ("richardson_lucy", {"psf": 5.0}, "box", 5.0, 0.0),
]


def photographs(count: int) -> list[Tensor]:
    return [read_photo(path).tensor()[:, :256, :320] for path in builtin_photos()[:count]]


def blurred(clean: Tensor, name: str, values: dict[str, float]) -> Tensor:
    return degradation(name).apply(clean[None], {key: torch.tensor([value]) for key, value in values.items()})[0]


def found(image: Tensor) -> PSF:
    psf = estimate_psf(image)
    assert psf is not None
    return psf


@pytest.mark.parametrize(("name", "values", "family", "size", "error"), BLURS, ids=[one[0] for one in BLURS])
def test_blurs_are_named_and_measured(
    name: str, values: dict[str, float], family: str, size: float, error: float
) -> None:
    for clean in photographs(3):
        psf = found(blurred(clean, name, values))
        assert psf.shape.family == family and abs(psf.shape.size - size) <= error
        assert psf.evidence > 0.2 and psf.misfit < 1
        if family == "streak":
            assert abs(psf.shape.angle - values["angle"]) < 1.5


@pytest.mark.parametrize(("name", "values", "family", "size", "error"), BLURS, ids=[one[0] for one in BLURS])
def test_blurs_of_saved_photographs_are_found_where_the_noise_is_not_white(
    name: str, values: dict[str, float], family: str, size: float, error: float
) -> None:
    right = 0
    for clean in photographs(3):
        psf = found(codec_jpeg(blurred(clean, name, values)[None], torch.tensor([90.0]))[0])
        right += psf.shape.family == family and abs(psf.shape.size - size) <= 2 * error
    assert right >= 2


def test_sharp_photographs_give_little_evidence_of_a_blur() -> None:
    assert all(found(clean).evidence < 0.1 for clean in photographs(3))
    noisy = blurred(photographs(1)[0], "gaussian_noise", {"sigma": 25.0, "seed": 1})
    assert found(noisy).evidence < 0.1


def test_what_shows_no_spectrum_has_no_psf() -> None:
    assert estimate_psf(torch.full((3, 128, 128), 0.5)) is None
    assert estimate_psf(torch.rand(3, 191, 191)) is None
    assert estimate_psf(torch.rand(3, 128, 320)) is not None
    stars = torch.zeros(3, 200, 200)
    stars[:, 20:140:25, 30] = 1
    assert estimate_psf(stars * 0.02) is None


def test_small_sharp_pieces_are_left_alone() -> None:
    clean = photographs(3)
    pieces = [image[:, top : top + 192, left : left + 192] for image in clean for top in (0, 64) for left in (0, 128)]
    acted = [psf for psf in map(estimate_psf, pieces) if psf is not None and psf.evidence > 0.1 and psf.misfit <= 1]
    assert acted == []


def test_gradients_and_mixed_precision_change_nothing() -> None:
    image = blurred(photographs(1)[0], "defocus_blur", {"radius": 3.2})
    plain = found(image)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = found(image.clone().requires_grad_())
    assert mixed.evidence == plain.evidence and mixed.shape == plain.shape


@pytest.mark.parametrize("shape", [(4, 128, 128), (128, 128), (1, 3, 128, 128), (3, 0, 128)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"must be \(3, H, W\)"):
        estimate_psf(torch.zeros(shape))


def test_the_type_of_pixels_does_not_matter() -> None:
    image = blurred(photographs(1)[0], "defocus_blur", {"radius": 3.2})
    levels = (image * 255).round()
    same: Sequence[Tensor] = (levels.to(torch.uint8), (levels * 257).to(torch.uint16), image.double())
    assert {found(one).shape for one in same} == {found(image).shape}


def test_kernels_are_of_one_size_and_of_sum_one() -> None:
    some = [Shape("none"), Shape("streak", 31.0, 45.0), Shape("disc", 4.5), Shape("gaussian", 0.5), Shape("box", 7.0)]
    kernels = make_kernels(some, torch.device("cpu"))
    assert kernels.shape == (5, WINDOW, WINDOW)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(5))
    assert kernels[0, WINDOW // 2, WINDOW // 2] == 1 and int((kernels[4] > 0).sum()) == 49
