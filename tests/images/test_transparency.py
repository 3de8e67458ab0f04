"""Partly transparent photographs: what nobody sees changes nothing, and stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from contracts import raises_line
from PIL import Image
from small_profiles import Mean
from torch import Tensor, nn

from grids.degradations import degradation
from grids.errors import ImageError
from grids.images import Photo, ReadOptions, Skipped, read_photo, read_photos, write_photo
from grids.images.transparency import NEAR, fill_hidden, on_white, seen_part, with_seen
from grids.pipeline.degrade import degrade_file
from grids.restoration.restore import Restoration, RestoreSettings, restore_photo
from grids.results import HIDDEN_CELL
from grids.results.selection import KNOWN, Ranked, Selection
from grids.selection.features.color import color_statistics
from grids.selection.features.defects import defect_statistics
from grids.selection.features.grain import grain_statistics
from grids.selection.features.patches import choose_patches
from grids.selection.selector import Selector
from grids.similarity.patches import draw_crops
from grids.training.photographs import Photographs
from grids.training.tasks import Pairs

C1 = Selection("", KNOWN, (Ranked("C1", ("jpeg",), 0.1, 0.9, 1.0),), {"jpeg": 0.9}, 1.0)
WINDOW = (slice(37, 97), slice(51, 123))


def junk(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def on_canvas(pixels: np.ndarray, seed: int = 9) -> Photo:
    """A picture of 60 x 72 in the middle of a larger canvas of random colours that nobody sees."""
    canvas, alpha = junk((150, 170, 3), pixels.dtype.type, seed), np.zeros((150, 170), pixels.dtype)
    canvas[WINDOW], alpha[WINDOW] = pixels, 200
    return Photo(canvas, alpha)


def disc(height: int = 120, width: int = 144) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.hypot(y - height / 2, x - width / 2) < 0.45 * height


def run(photo: Photo, network: nn.Module | None = None, steps: int = 1) -> Restoration:
    return restore_photo(photo, lambda _: C1, lambda _: network or Mean(), RestoreSettings(steps=steps))


@pytest.fixture
def picture(scenes: list[np.ndarray]) -> np.ndarray:
    return scenes[0][:60, :72].copy()


def test_the_seen_part_is_the_rectangle_around_what_is_visible(picture: np.ndarray) -> None:
    photo = on_canvas(picture)
    seen = seen_part(photo)
    assert seen.window == WINDOW
    assert seen.visible is None and seen.mask() is None
    np.testing.assert_array_equal(seen.photo.pixels, picture)
    for whole in (Photo(picture), Photo(picture, np.full((60, 72), 1, np.uint8))):  # half transparent is visible
        assert seen_part(whole).photo is whole


def test_hidden_colours_mirror_what_is_beside_them() -> None:
    """Checked against every pixel's nearest visible one, searched for."""
    visible = disc(20, 26)
    visible[3, 4] = visible[15:18, 20] = True
    visible[10, 13] = False
    pixels = junk((20, 26, 3))
    filled = fill_hidden(pixels, visible)
    np.testing.assert_array_equal(filled[visible], pixels[visible])
    places = np.argwhere(visible)
    for y, x in np.argwhere(~visible):
        far = np.hypot(*(places - (y, x)).T)
        allowed = []
        for nearest in places[far <= far.min() + 0.3]:  # OpenCV's distances are a little off the true ones
            mirrored = 2 * nearest - (y, x)
            inside = (mirrored >= 0).all() and (mirrored < visible.shape).all() and visible[tuple(mirrored)]
            allowed.append(pixels[tuple(mirrored if inside else nearest)].tolist())
        assert filled[y, x].tolist() in allowed


def test_what_is_far_from_anything_visible_has_the_mean_colour() -> None:
    visible = np.zeros((3, 400), bool)
    visible[:, :2] = visible[:, -1:] = True
    filled = fill_hidden(junk((3, 400, 3), np.uint16), visible)
    middle = filled[:, 2 + NEAR + 1 : -NEAR - 2]
    assert (middle == np.rint(filled[visible].mean(0))).all() and middle.shape[1] > 100
    assert filled.dtype == np.uint16


def test_hidden_colours_change_nothing_and_stay(picture: np.ndarray) -> None:
    photo = on_canvas(picture)
    made, alone = run(photo), run(Photo(picture))
    np.testing.assert_array_equal(made.photo.pixels[WINDOW], alone.photo.pixels)
    assert not np.array_equal(alone.photo.pixels, picture)
    hidden = photo.alpha == 0
    np.testing.assert_array_equal(made.photo.pixels[hidden], photo.pixels[hidden])
    assert made.photo.alpha is photo.alpha


def test_steps_go_on_from_what_is_visible(scenes: list[np.ndarray]) -> None:
    shown = disc()
    found = []
    for seed in (1, 2):
        turns = iter([C1, replace(C1, ranking=(C1.ranking[0]._replace(group="C2"),))])
        pixels = np.where(shown[..., None], scenes[1], junk(scenes[1].shape, seed=seed))
        photo = Photo(pixels, shown.astype(np.uint8))
        made = restore_photo(
            photo, lambda _, turns=turns: next(turns), lambda _: Mean(), RestoreSettings(steps=2)
        ).photo
        np.testing.assert_array_equal(made.pixels[~shown], pixels[~shown])
        found.append(made.pixels[shown])
    np.testing.assert_array_equal(*found)
    assert not np.array_equal(found[0], scenes[1][shown])


def test_beside_an_edge_the_result_is_nearly_that_of_the_whole(scenes: list[np.ndarray]) -> None:
    """Of noise averaged over 5 x 5: within a decibel in the next 8 pixels; from what was hidden it is 3 dB off."""

    class Wide(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return F.avg_pool2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), 5, 1)

    shown, noise = disc(), np.random.default_rng(3).normal(0, 30, scenes[2].shape)
    smooth = np.asarray(Wide()(Photo(scenes[2]).tensor()[None])[0].permute(1, 2, 0)) * 255
    noisy = (smooth + noise).clip(0, 255).round().astype(np.uint8)
    inner = -F.max_pool2d(-torch.from_numpy(shown)[None].float(), 17, 1, 8)[0].numpy() > 0
    edge = shown & ~inner

    def psnr(photo: Photo) -> float:
        made = run(photo, Wide()).photo.pixels
        return float(-10 * np.log10(np.square((made - smooth)[edge] / 255).mean()))

    whole = psnr(Photo(noisy))
    hidden = np.where(shown[..., None], noisy, junk(noisy.shape))
    assert psnr(Photo(hidden, shown.astype(np.uint8))) > whole - 1
    assert psnr(Photo(hidden)) < whole - 3


def test_a_large_canvas_costs_no_more_than_what_is_visible() -> None:
    given: list[int] = []
    network = Mean()
    network.register_forward_pre_hook(lambda _, images: given.append(images[0][0, 0].numel()))
    pixels, alpha = np.zeros((3000, 4000, 3), np.uint8), np.zeros((3000, 4000), np.uint8)
    alpha[1500:1540, 2000:2050] = 255
    run(Photo(pixels, alpha), network)
    assert given == [40 * 50]


@pytest.mark.slow
def test_the_verdict_is_that_of_what_is_visible(selector: Selector, crops: list[Tensor]) -> None:
    noisy = degradation("gaussian_noise")(crops[16][None], torch.Generator().manual_seed(0), severity=0.7)[0]
    plain = (noisy * 255).round().byte().permute(1, 2, 0).numpy()
    expected = selector.select(Photo(plain))
    assert selector.select(on_canvas(plain)) == expected
    both, alpha = np.hstack([plain, junk(plain.shape)]), np.zeros((60, 144), np.uint8)
    alpha[:, :72] = 1
    assert selector.select(Photo(both, alpha)) == expected
    assert selector.select(Photo(both)) != expected


def test_statistics_of_a_cut_out_do_not_know_what_is_hidden(selector: Selector, scenes: list[np.ndarray]) -> None:
    alpha = disc().astype(np.uint8)
    chosen = [
        selector.select(Photo(np.where(alpha[..., None] > 0, scenes[3], junk(scenes[3].shape, seed=seed)), alpha))
        for seed in (1, 2)
    ]
    assert chosen[0] == chosen[1]


def test_only_visible_pixels_are_measured() -> None:
    """The right half is flat and black: with it half of the image is black, without it nothing."""
    torch.manual_seed(0)
    image, visible = torch.rand(3, 96, 192) * 0.6 + 0.2, torch.zeros(96, 192, dtype=torch.bool)
    visible[:, :96] = True
    image[:, :, 96:] = 0
    left = image[:, :, :96]
    patches = choose_patches(image, 4, visible=visible)
    assert patches.min() >= 0.2 and len(patches) == 4
    for measure in (color_statistics, defect_statistics, grain_statistics):
        masked, alone, whole = measure(image, visible), measure(left), measure(image)
        # beside the seam a median, a closing or a residual sees black
        assert (masked - alone).abs().max() < 0.5 < (whole - alone).abs().max()
        assert (masked - alone).abs().median() < 0.02


def test_cells_of_a_map_without_a_visible_pixel_are_left_out(selector: Selector, scenes: list[np.ndarray]) -> None:
    pixels, alpha = np.tile(scenes[0], (2, 2, 1)), np.zeros((240, 288), np.uint8)
    alpha[:120, :144] = alpha[120:, 144:] = 255
    found = selector.map(Photo(pixels, alpha), side=120)
    assert (found.labels == HIDDEN_CELL).tolist() == [[False, True], [True, False]]
    assert found.probabilities[0, 1] == found.probabilities[1, 0] == 0
    assert found.labels[0, 0] == selector.map(Photo(scenes[0]), side=144).labels[0, 0]


@pytest.mark.parametrize("rounded", [True, False])
def test_degraded_photographs_keep_what_is_hidden(tmp_path: Path, picture: np.ndarray, rounded: bool) -> None:
    photo = on_canvas(picture)
    write_photo(tmp_path / "canvas.png", photo)
    write_photo(tmp_path / "alone.png", Photo(picture))
    blur, made = degradation("gaussian_blur"), {}
    for name in ("canvas", "alone"):
        degrade_file(tmp_path / f"{name}.png", tmp_path / f"{name}_.png", blur, severity=1, round_to_8_bit=rounded)
        made[name] = read_photo(tmp_path / f"{name}_.png").pixels
    np.testing.assert_array_equal(made["canvas"][WINDOW], made["alone"])
    hidden = photo.alpha == 0
    np.testing.assert_array_equal(made["canvas"][hidden], photo.pixels[hidden] * (1 if rounded else np.uint16(257)))


def test_similarity_and_trainings_see_the_visible_part(tmp_path: Path, picture: np.ndarray) -> None:
    path = write_photo(tmp_path / "canvas.png", on_canvas(picture))
    crops = draw_crops([path], 4, 32, seed=0)
    assert all(np.array_equal(pixels, picture) for pixels in crops.pixels)
    photographs = Photographs([path], 60)
    assert photographs.sizes == [(60, 72)]
    assert torch.equal(photographs.pixels(0), torch.from_numpy(picture).permute(2, 0, 1))
    raises_line(lambda: Photographs([path], 61), "72 x 60 pixels", "canvas.png", kind=ImageError)


def test_nothing_visible_is_said(tmp_path: Path, picture: np.ndarray) -> None:
    empty = Photo(picture, np.zeros((60, 72), np.uint8))
    says = "wholly transparent: there is nothing to see"
    raises_line(lambda: seen_part(empty), says, kind=ImageError)
    raises_line(lambda: run(empty), says, kind=ImageError)
    path = write_photo(tmp_path / "empty.png", empty)
    raises_line(lambda: read_photo(path), "empty.png", says, kind=ImageError)
    good = write_photo(tmp_path / "good.png", Photo(picture))
    skipped: list[Skipped] = []
    assert [photo.path for photo in read_photos([path, good], ReadOptions(on_skip=skipped.append))] == [good]
    assert [(one.path, says in one.reason) for one in skipped] == [(path, True)]


def test_the_seen_part_is_put_back_where_it_was(picture: np.ndarray) -> None:
    photo = on_canvas(picture)
    seen = seen_part(photo)
    again = with_seen(photo, seen, seen.photo)
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert with_seen(photo, seen, replace(seen.photo, pixels=255 - picture)).pixels[40, 60, 0] == 255 - picture[3, 9, 0]


def test_transparent_pixels_are_laid_on_white() -> None:
    pixels = np.full((1, 3, 3), 100, np.uint8)
    alpha = np.array([[0, 128, 255]], np.uint8)
    assert on_white(Photo(pixels, alpha))[0, :, 0].tolist() == [255, 177, 100]  # 100 + 155 * 127 / 255 = 177.2
    assert on_white(Photo(pixels))[0, 0, 0] == 100
    deep = Photo(pixels.astype(np.uint16) * 257, alpha.astype(np.uint16) * 257)
    np.testing.assert_array_equal(on_white(deep), on_white(Photo(pixels, alpha)))


def test_the_images_of_a_pair_stay_in_place_whatever_is_transparent(tmp_path: Path, picture: np.ndarray) -> None:
    colours = np.dstack([picture[..., :3], np.full(picture.shape[:2], 255, np.uint8)])
    for part, hidden in (("input", slice(0, 20)), ("target", slice(-20, None))):
        (tmp_path / part).mkdir()
        for number in range(2):
            own = colours.copy()
            own[hidden, :, 3] = 0
            Image.fromarray(own).save(tmp_path / part / f"{number}.png")
    pairs = Pairs("own", tmp_path / "input", tmp_path / "target", 16)
    inputs, targets = pairs.draw(torch.zeros(4, 3, 16, 16), torch.Generator().manual_seed(0))
    assert torch.equal(inputs, targets)
