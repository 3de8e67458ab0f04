"""The maker of training pairs: shares, and what becomes of an image that is grey, clean or saved."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contracts import generator, pillow_jpeg, raises_line, scene
from torch import Tensor

from grids.degradations import ELEVEN, degradation
from grids.degradations.compression import codec_jpeg
from grids.degradations.kernels import filter_separable
from grids.metrics import image_psnr
from grids.psf.shapes import gaussian_taps
from grids.training.camera import CHROMA_STRENGTH, coarsen, kept
from grids.training.pair_settings import JPEG_90, PHOTOGRAPHS, PRISTINE, PairSettings, pair_settings
from grids.training.pairs import Made, make_pairs, save_some

COUNT = 600


def clean_crops(count: int = COUNT, side: int = 16) -> Tensor:
    return scene(1, 64)[..., :side, :side].expand(count, -1, -1, -1).contiguous()


def made(name: str | None, settings: PairSettings, seed: int = 0, count: int = COUNT, side: int = 16) -> Made:
    kind = None if name is None else degradation(name)
    return make_pairs(clean_crops(count, side), kind, settings, generator(seed))


def is_grey(images: Tensor) -> Tensor:
    return (images == images[:, :1]).flatten(1).all(1)


def same(first: Tensor, second: Tensor) -> Tensor:
    return (first == second).flatten(1).all(1)


def close(found: int, share: float) -> bool:
    return abs(found - COUNT * share) < 4 * (COUNT * share * (1 - share)) ** 0.5 + 1


@pytest.mark.parametrize("name", ELEVEN)
def test_pristine_pairs_are_the_degradation_alone(name: str) -> None:
    pairs = made(name, PRISTINE, 3, 5)
    assert torch.equal(pairs.targets, clean_crops(5))
    assert torch.equal(pairs.inputs, degradation(name)(clean_crops(5), generator(3)))
    assert pairs.qualities.tolist() == [0] * 5


def test_shares_are_those_of_the_settings() -> None:
    pairs = made("gaussian_noise", PHOTOGRAPHS)
    grey, saved, as_they_are = is_grey(pairs.targets), pairs.qualities > 0, same(pairs.inputs, pairs.targets)
    assert close(int(grey.sum()), PHOTOGRAPHS.grey)
    assert close(int(saved.sum()), PHOTOGRAPHS.saved)
    assert close(int(as_they_are.sum()), PHOTOGRAPHS.clean)
    assert close(int((grey & saved).sum()), PHOTOGRAPHS.grey * PHOTOGRAPHS.saved)
    low, high = PHOTOGRAPHS.qualities
    found = pairs.qualities[saved]
    assert low <= int(found.min()) < low + 3
    assert high - 3 < int(found.max()) <= high


@pytest.mark.parametrize("name", [*ELEVEN, "sensor_noise", "low_light"])
def test_grey_pairs_have_the_same_damage_in_every_channel(name: str) -> None:
    settings = replace(PHOTOGRAPHS, grey=1.0, clean=0.0, saved=0.5, soft=0.0)
    pairs = made(name, settings, count=20, side=32)
    assert bool(is_grey(pairs.inputs).all())
    assert bool(is_grey(pairs.targets).all())
    luma = (clean_crops(1, 32)[0] * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0).mul(255).round().div(255)
    assert torch.allclose(pairs.targets[0, 0], luma, atol=1e-6)


def test_grey_noise_is_as_strong_as_in_colour() -> None:
    noise = [
        (pairs.inputs - pairs.targets)[:, 0].std()
        for pairs in (made("gaussian_noise", replace(PRISTINE, grey=share), side=32) for share in (0.0, 1.0))
    ]
    assert float(noise[0]) == pytest.approx(float(noise[1]), rel=0.05)


def test_clean_ones_are_their_own_targets_saved_or_not() -> None:
    for name, settings in (("jpeg", replace(PHOTOGRAPHS, clean=1.0, soft=0.0)), (None, PHOTOGRAPHS)):
        pairs = made(name, settings, count=60)
        assert bool(same(pairs.inputs, pairs.targets).all())
        saved = pairs.qualities > 0
        assert 15 < int(saved.sum()) < 45
        whole = same(pairs.targets, clean_crops(60))
        assert bool((whole | saved | is_grey(pairs.targets)).all())


def test_what_was_damaged_and_saved_is_to_become_the_clean_image() -> None:
    pairs = made("gaussian_blur", replace(PHOTOGRAPHS, saved=1.0, clean=0.0, grey=0.0), count=20)
    assert torch.equal(pairs.targets, clean_crops(20))


def test_values_reach_down_to_the_faintest() -> None:
    settings = replace(PRISTINE, wide=True)
    deviations = (made("gaussian_noise", settings, side=32).inputs - clean_crops(side=32)).flatten(1).std(1) * 255
    assert float(deviations.min()) == pytest.approx(5, abs=0.6)
    assert float((deviations < 9).float().mean()) == pytest.approx(4 / 45, abs=0.03)


def test_saved_ones_are_libjpegs_with_both_samplings() -> None:
    images = scene(8, 64)
    saved, qualities = save_some(images, replace(PHOTOGRAPHS, saved=1.0), generator(5))
    halves = 0
    for image, found, quality in zip(images, saved, qualities.tolist(), strict=True):
        by_pillow = [pillow_jpeg(image[None], quality, sampling)[0] for sampling in ("4:2:0", "4:4:4")]
        distances = [float((one - found).abs().max()) for one in by_pillow]
        assert min(distances) <= 1.01 / 255 < max(distances)
        halves += distances[0] < distances[1]
    assert 0 < halves < len(images)


def test_jpeg_90_is_that_alone() -> None:
    images = scene(2, 64)
    saved, qualities = save_some(images, JPEG_90, generator())
    assert torch.equal(saved, codec_jpeg(images, torch.full((2,), 90.0)))
    assert qualities.tolist() == [90, 90]


def test_nothing_hangs_on_the_pixels_and_the_input_is_kept() -> None:
    crops = clean_crops(40)
    kept = crops.clone()
    one = make_pairs(crops, degradation("salt_pepper"), PHOTOGRAPHS, generator(8))
    other = make_pairs(torch.rand(40, 3, 16, 16), degradation("salt_pepper"), PHOTOGRAPHS, generator(8))
    assert torch.equal(crops, kept)
    assert torch.equal(one.qualities, other.qualities)
    again = make_pairs(crops, degradation("salt_pepper"), PHOTOGRAPHS, generator(8))
    assert torch.equal(one.inputs, again.inputs)
    assert image_psnr(one.inputs, one.targets) < 40


def test_settings_that_are_none() -> None:
    for changes, fragment in (
        ({"saved": 1.5}, "saved"),
        ({"grey": -0.1}, "grey"),
        ({"clean": float("nan")}, "clean"),
        ({"soft": 1.1}, "soft"),
        ({"qualities": (98, 75)}, "98, 75"),
        ({"qualities": (0, 75)}, "0, 75"),
        ({"qualities": (75.5, 98)}, "75.5"),
        ({"qualities": (75, 80, 98)}, "80"),
        ({"smallest": 0.0}, "smallest"),
        ({"smallest": float("nan")}, "smallest"),
    ):
        raises_line(lambda c=changes: PairSettings(**c), fragment)
    assert pair_settings("pristine") is PRISTINE
    raises_line(lambda: pair_settings("photos"), "photos", "photographs")


def correlation(first: Tensor, second: Tensor) -> float:
    return float((first * second).mean() / (first.square().mean() * second.square().mean()).sqrt())


def neighbours(noise: Tensor, pixels: int = 1) -> float:
    """How alike the noise of pixels beside each other is."""
    return correlation(noise[..., pixels:], noise[..., :-pixels])


def test_coarse_noise_is_fainter_and_that_of_neighbours_too() -> None:
    settings = replace(PRISTINE, coarse=0.5)
    plain, some = (made("gaussian_noise", one, 5, 200, 32) for one in (PRISTINE, settings))
    unchanged = same(plain.inputs, some.inputs)
    assert 70 <= int((~unchanged).sum()) <= 130
    before, after = ((one.inputs - one.targets)[~unchanged] for one in (plain, some))
    assert abs(neighbours(before)) < 0.1 and neighbours(after) > 0.4
    assert 0.1 * before.std() < after.std() < 0.9 * before.std()
    assert torch.equal(some.inputs.mul(255).round().div(255), some.inputs)
    # nothing else has a grain, nor noise whose mean is not 0
    for other in ("salt_pepper", "sensor_noise"):
        assert torch.equal(*(made(other, one, 5, 20).inputs for one in (PRISTINE, settings)))
    assert torch.equal(*(made("poisson_noise", settings, 6, 20).inputs for _ in range(2)))


def test_coarse_noise_is_coarser_in_colour_than_in_brightness() -> None:
    clean = torch.full((60, 3, 64, 64), 0.5)
    white = torch.randn(clean.shape, generator=generator(3)) * 0.1
    noise = coarsen(clean + white, clean, 1.0, generator(4)) - clean  # hardly ever clipped
    luma = noise.mean(1, keepdim=True)
    chroma = noise - luma
    assert abs(neighbours(luma, 3)) < 0.15 and neighbours(chroma, 3) > 0.3
    # as of real cameras, the channels are alike in part
    assert 0.2 < correlation(noise[:, 0], noise[:, 2]) < 0.8
    ratios = chroma.std((1, 2, 3)) / luma.std((1, 2, 3))
    low, high = CHROMA_STRENGTH
    assert 0.7 * low < float(ratios.min()) < float(ratios.max()) < 1.3 * high


@pytest.mark.parametrize("name", ["gaussian_noise", "poisson_noise"])
@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.2, 0.2)])
def test_coarse_noise_shifts_no_brightness_and_no_colour(name: str, colour: tuple[float, ...]) -> None:
    clean = torch.tensor(colour).view(1, 3, 1, 1).expand(80, 3, 48, 48).contiguous()
    fine, coarse = (
        make_pairs(clean, degradation(name), replace(PRISTINE, coarse=share), generator(2), 0.5).inputs
        for share in (0.0, 1.0)
    )
    # what is clipped at black and white moves the means, of coarse noise less, since it is fainter
    for before, after in zip(*((one - clean).mean((0, 2, 3)) for one in (fine, coarse)), strict=True):
        assert abs(after) < max(0.9 * abs(before), 1 / 255)


def test_the_coarse_noise_of_grey_pairs_is_that_of_luma() -> None:
    clean = torch.full((60, 3, 64, 64), 0.5)
    grey, colour = (
        make_pairs(clean, degradation("gaussian_noise"), replace(PRISTINE, coarse=1.0, grey=share), generator(2), 0.3)
        for share in (1.0, 0.0)
    )
    noise = (grey.inputs - grey.targets)[:, 0]
    assert abs(neighbours(noise, 4)) < 0.08
    common = (colour.inputs - colour.targets).mean(1)
    assert float(noise.std()) == pytest.approx(float(common.std()), rel=0.15)


def test_a_blur_keeps_the_root_of_the_squares_of_its_taps() -> None:
    taps = gaussian_taps(torch.tensor([0.5, 2.0]), 9)
    noise = torch.randn(2, 1, 400, 400, generator=generator(1))
    assert torch.allclose(filter_separable(noise, taps).std((1, 2, 3)), kept(taps), rtol=0.03)


def test_soft_crops_are_targets_where_something_is_added() -> None:
    settings = replace(PRISTINE, soft=0.5)
    adding = {"gaussian_noise", "poisson_noise", "salt_pepper", "jpeg", "inpainting"}  # none that blurs or rings
    for name in ELEVEN:
        plain, some = (made(name, one, 5, 60, 32) for one in (PRISTINE, settings))
        softer = ~same(plain.targets, some.targets)
        assert bool(softer.any()) == degradation(name).adds == (name in adding)
        if degradation(name).adds:
            assert 15 <= int(softer.sum()) <= 45
            steps = [(one.targets[softer].diff(dim=-1)).abs().mean() for one in (plain, some)]
            assert steps[1] < 0.9 * steps[0]
    assert torch.equal(some.targets.mul(255).round().div(255), some.targets)
    # images that bear nothing are as they were
    assert torch.equal(made(None, settings, 5, 20).targets, made(None, PRISTINE, 5, 20).targets)
