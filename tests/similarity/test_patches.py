"""Crops and patches: drawn evenly and the same everywhere, whatever else lies in the folder."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from grids.degradations import degradation
from grids.errors import GridsError, ImageError
from grids.images import ReadOptions, Skipped, list_images
from grids.images.tensors import to_8_bit
from grids.random import seed_for
from grids.similarity.patches import Crops, degraded_patches, draw_crops


def write(path: Path, height: int, width: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return path


def drawn(folder: Path, patches: int = 12, patch_size: int = 16, seed: int = 0, **options: object) -> Crops:
    return draw_crops(list_images([folder]), patches, patch_size, seed, **options)


def assert_equal(first: Crops, second: Crops) -> None:
    assert first.digest == second.digest
    assert all(np.array_equal(a, b) for a, b in zip(first.pixels, second.pixels, strict=True))
    np.testing.assert_array_equal(first.corners, second.corners)
    np.testing.assert_array_equal(first.photo, second.photo)


@pytest.mark.parametrize("patches", [5, 12, 13, 24])
def test_crops_are_drawn_evenly(photos: Path, patches: int) -> None:
    crops = drawn(photos, patches)
    assert len(crops) == len(crops.pixels) == len(crops.photo) == patches
    counts = Counter(crops.photo.tolist())
    assert set(counts) == set(range(5))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert crops.names == tuple(f"p{i}.png" for i in range(5))


@pytest.mark.parametrize("wrong", ["patches", "patch_size", "seed"])
def test_numbers_that_are_too_small_are_named(photos: Path, wrong: str) -> None:
    with pytest.raises(GridsError, match=f"^{wrong} must be at least"):
        drawn(photos, **{wrong: -1})


def test_a_crop_is_a_piece_of_its_photograph_and_holds_its_patch(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 300, 420)
    whole = np.array(Image.open(tmp_path / "a.png"))
    crops = drawn(tmp_path, 8, 32)
    windows = np.lib.stride_tricks.sliding_window_view(whole[:, :, 0], (256, 256))
    for crop, (top, left) in zip(crops.pixels, crops.corners, strict=True):
        assert crop.shape == (256, 256, 3)
        # the context of 24 pixels is kept on every side
        assert 24 <= top <= 256 - 32 - 24
        assert 24 <= left <= 256 - 32 - 24
        rows, columns = np.nonzero(windows[:, :, 0, 0] == crop[0, 0, 0])
        places = [(r, c) for r, c in zip(rows, columns, strict=True) if np.array_equal(windows[r, c], crop[:, :, 0])]
        assert len(places) == 1
    assert len({crop.tobytes() for crop in crops.pixels}) == 8


def test_the_same_seed_draws_the_same_and_another_seed_others(photos: Path) -> None:
    assert_equal(drawn(photos), drawn(photos))
    assert drawn(photos).digest != drawn(photos, seed=1).digest
    assert drawn(photos).digest != drawn(photos, patches=13).digest
    assert drawn(photos).digest != drawn(photos, patch_size=17).digest


def test_the_folder_and_the_order_of_the_files_do_not_matter(photos: Path, tmp_path: Path) -> None:
    moved = tmp_path / "zz" / "élsewhere"
    shutil.copytree(photos, moved)
    assert_equal(drawn(photos), drawn(moved))
    files = list_images([photos])
    assert_equal(draw_crops(files[::-1], 12, 16, 0), draw_crops(files, 12, 16, 0))


def test_file_names_do_not_enter_the_digest(photos: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for file in photos.iterdir():
        shutil.copy(file, renamed / f"x{file.name}")
    assert drawn(photos).digest == drawn(renamed).digest
    assert drawn(renamed).names[0] == "xp0.png"


@pytest.mark.parametrize("name", ["a.png", "p2b.png", "z.jpg"])
@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_bad_image_leaves_no_trace(photos: Path, name: str, content: bytes | None) -> None:
    expected = drawn(photos)
    if content is None:
        content = (photos / "p1.png").read_bytes()[:400]
    (photos / name).write_bytes(content)
    skipped: list[Skipped] = []
    assert_equal(drawn(photos, reading=ReadOptions(on_skip=skipped.append)), expected)
    assert [bad.path.name for bad in skipped] == [name]


def test_a_photograph_smaller_than_the_patch_leaves_no_trace(photos: Path) -> None:
    expected = drawn(photos)
    write(photos / "p3small.png", 15, 90)
    skipped: list[Skipped] = []
    assert_equal(drawn(photos, reading=ReadOptions(on_skip=skipped.append)), expected)
    assert "at least 16" in skipped[0].reason


def test_more_photographs_than_patches(tmp_path: Path) -> None:
    for i in range(20):
        write(tmp_path / f"{i:02}.png", 24, 24, seed=i)
    crops = drawn(tmp_path, 8)
    assert crops.photo.tolist() == list(range(8))
    assert len(set(crops.names)) == 8
    assert crops.names != drawn(tmp_path, 8, seed=1).names


@pytest.mark.parametrize("seed", range(6))
def test_a_bad_image_among_more_photographs_than_patches_leaves_no_trace(tmp_path: Path, seed: int) -> None:
    for i in range(12):
        write(tmp_path / f"{i:02}.png", 24, 24, seed=i)
    expected = drawn(tmp_path, 8, seed=seed)
    (tmp_path / "05bad.png").write_bytes(b"no image")
    assert_equal(drawn(tmp_path, 8, seed=seed), expected)


def test_usable_photographs_are_found_among_many_bad_images(tmp_path: Path) -> None:
    write(tmp_path / "good.png", 24, 24)
    for i in range(60):
        (tmp_path / f"bad{i:02}.png").write_bytes(b"no image")
    skipped: list[Skipped] = []
    crops = drawn(tmp_path, 8, reading=ReadOptions(on_skip=skipped.append))
    assert crops.names == ("good.png",)
    assert len({bad.path for bad in skipped}) == len(skipped)


def test_no_usable_photograph_is_an_error(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(ImageError, match="none of 2 images can be used"):
        drawn(tmp_path)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 300), (17, 40), (64, 63), (255, 256), (257, 16)])
def test_crops_of_small_photographs_stay_inside(tmp_path: Path, height: int, width: int) -> None:
    write(tmp_path / "a.png", height, width)
    crops = drawn(tmp_path, 9)
    shape = (min(height, 256), min(width, 256), 3)
    for crop, (top, left) in zip(crops.pixels, crops.corners, strict=True):
        assert crop.shape == shape
        margins = [min(24, (side - 16) // 2) for side in shape[:2]]
        assert margins[0] <= top <= shape[0] - 16 - margins[0]
        assert margins[1] <= left <= shape[1] - 16 - margins[1]
    assert degraded_patches(crops, None, 0).shape == (9, 3, 16, 16)


def test_patches_larger_than_the_usual_crop(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 400, 500)
    crops = drawn(tmp_path, 8, 300)
    assert crops.pixels[0].shape == (348, 348, 3)
    assert degraded_patches(crops, None, 0).shape == (8, 3, 300, 300)


def test_clean_patches_are_the_photographs_own_pixels(photos: Path) -> None:
    crops = drawn(photos)
    patches = degraded_patches(crops, None, 0)
    for patch, crop, (top, left) in zip(patches, crops.pixels, crops.corners, strict=True):
        expected = crop[top : top + 16, left : left + 16].transpose(2, 0, 1)
        np.testing.assert_array_equal(patch.mul(255).round().byte().numpy(), expected)


def test_16_bit_photographs_are_rounded_to_8_bit(tmp_path: Path, scenes: list[np.ndarray]) -> None:
    (tmp_path / "eight").mkdir()
    (tmp_path / "sixteen").mkdir()
    cv2.imwrite(str(tmp_path / "eight" / "a.png"), scenes[0])
    cv2.imwrite(str(tmp_path / "sixteen" / "a.png"), scenes[0].astype(np.uint16) * 257)
    assert_equal(drawn(tmp_path / "eight"), drawn(tmp_path / "sixteen"))
    values = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(to_8_bit(values), np.rint(values / 257).astype(np.uint8))
    assert to_8_bit(scenes[0]).dtype == np.uint8


def test_degraded_patches_come_from_the_degraded_crop(photos: Path) -> None:
    crops = drawn(photos)
    blurred = degraded_patches(crops, degradation("gaussian_blur"), 5)
    assert torch.equal(blurred, degraded_patches(crops, degradation("gaussian_blur"), 5))
    assert not torch.equal(blurred, degraded_patches(crops, degradation("gaussian_blur"), 6))
    clean = degraded_patches(crops, None, 0)
    assert bool((blurred.std((1, 2, 3)) < clean.std((1, 2, 3)) + 1e-3).all())
    # degraded as a whole, so a patch knows its surroundings: a patch degraded alone has another border
    alone = degradation("gaussian_blur")(clean, torch.Generator().manual_seed(5))
    assert not torch.equal(alone, blurred)


def test_every_crop_has_parameters_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 16, 16)
    patches = degraded_patches(drawn(tmp_path, 8), degradation("salt_pepper"), 1)
    clean = degraded_patches(drawn(tmp_path, 8), None, 1)
    changed = (patches != clean).any(1)
    assert len({tuple(mask.flatten().tolist()) for mask in changed}) == 8


def test_crops_of_several_shapes_keep_their_order(tmp_path: Path) -> None:
    for i, size in enumerate([(20, 30), (30, 20), (20, 30), (40, 40)]):
        pixels = np.full((*size, 3), 60 * i, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    crops = drawn(tmp_path, 12)
    patches = degraded_patches(crops, degradation("gaussian_blur"), 0)
    shades = patches.mean((1, 2, 3)).mul(255).round().int().tolist()
    assert shades == [60 * int(i) for i in crops.photo]


def test_the_digest_depends_on_every_pixel(photos: Path) -> None:
    crops = drawn(photos)
    pixels = [crop.copy() for crop in crops.pixels]
    pixels[3][5, 7, 1] ^= 1
    assert replace(crops, pixels=pixels).digest != crops.digest


def test_seeds_of_different_names_and_runs_differ() -> None:
    seeds = {seed_for(seed, name) for seed in range(20) for name in ("jpeg", "ringing", "1 jpeg")}
    assert len(seeds) == 60
    assert all(0 <= seed < 2**63 for seed in seeds)
