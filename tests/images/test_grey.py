"""Grey photographs: one channel in the file, whatever is done to them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from contracts import raises_line
from PIL import Image, ImageCms
from torch import Tensor, nn

from grids.degradations import degradation
from grids.errors import ImageError
from grids.images import Metadata, Photo, encode, read_photo, write_photo
from grids.images.grey import average_channels, has_equal_channels, take_one_channel
from grids.images.png import encode_16_bit
from grids.metrics import image_psnr
from grids.pipeline.degrade import degrade_file, degrade_folder
from grids.restoration.restore import RestoreSettings, restore_photo
from grids.results.selection import KNOWN, Ranked, Selection

C1 = Selection("", KNOWN, (Ranked("C1", ("jpeg",), 0.1, 0.9, 1.0),), {"jpeg": 0.9}, 1.0)


def grey_photo(dtype: type = np.uint8, alpha: bool = False) -> Photo:
    rng = np.random.default_rng(0)
    values, opacity = (rng.integers(1, np.iinfo(dtype).max, (13, 18), dtype=dtype, endpoint=True) for _ in range(2))
    return Photo(np.repeat(values[..., None], 3, 2), opacity if alpha else None, grey=True)


class Tints(nn.Module):
    """What a network does to grey pictures: every channel becomes another."""

    def forward(self, images: Tensor) -> Tensor:
        return images * 0.9 + torch.tensor([0.0, 0.03, 0.06]).view(3, 1, 1)


@pytest.mark.parametrize(
    ("suffix", "dtype", "alpha", "mode"),
    [
        (".png", np.uint8, False, "L"),
        (".png", np.uint8, True, "LA"),
        (".png", np.uint16, False, "I;16"),
        (".tif", np.uint8, False, "L"),
        (".tif", np.uint8, True, "LA"),
        (".tif", np.uint16, False, "I;16"),
        (".jpg", np.uint8, False, "L"),
        (".bmp", np.uint8, False, "L"),
        (".webp", np.uint8, False, "RGB"),  # which has no grey
        (".webp", np.uint8, True, "RGBA"),
        (".tif", np.uint16, True, "RGBA"),  # which neither Pillow nor OpenCV read in grey
    ],
)
def test_files_have_one_channel(tmp_path: Path, suffix: str, dtype: type, alpha: bool, mode: str) -> None:
    photo = grey_photo(dtype, alpha)
    path = write_photo(tmp_path / f"a{suffix}", photo)
    with Image.open(path) as written:
        assert written.mode.replace("16B", "16") == mode  # I;16B is I;16 with the larger byte first
    again = read_photo(path)
    assert again.grey == (mode in ("L", "LA", "I;16"))
    assert again.bits == photo.bits
    if suffix != ".jpg":
        np.testing.assert_array_equal(again.pixels, photo.pixels)
        assert (again.alpha is None) == (photo.alpha is None)
        np.testing.assert_array_equal(again.alpha, photo.alpha)


def test_grey_with_alpha_and_16_bits_is_such_a_png(tmp_path: Path) -> None:
    """Pillow opens it with 8 bits and as RGBA: the header says what it is."""
    photo = grey_photo(np.uint16, alpha=True)
    path = write_photo(tmp_path / "a.png", photo)
    assert path.read_bytes()[24:26] == bytes([16, 4])  # bits, and grey with alpha
    again = read_photo(path)
    assert (again.grey, again.bits) == (True, 16)
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    np.testing.assert_array_equal(again.alpha, photo.alpha)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 1), (1, 9), (20, 31)])
def test_deep_pngs_are_read_alike_by_opencv(channels: int, size: tuple[int, int]) -> None:
    import cv2

    pixels = np.random.default_rng(1).integers(0, 65535, (*size, channels), dtype=np.uint16, endpoint=True)
    found = cv2.imdecode(np.frombuffer(encode_16_bit(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    order = {1: [0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    np.testing.assert_array_equal(found.reshape(*size, -1), pixels[..., order])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_tiffs_are_read_alike_by_tifffile(dtype: type) -> None:
    photo = grey_photo(dtype)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(encode(photo, ".tif"))), photo.pixels[..., 0])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "CMYK"])
def test_what_is_grey_when_it_is_read(tmp_path: Path, mode: str) -> None:
    values = grey_photo(np.uint16 if mode == "I;16" else np.uint8).pixels[..., 0]
    picture = Image.fromarray(values) if mode == "I;16" else Image.fromarray(values).convert(mode)
    picture.save(tmp_path / "a.tif")
    photo = read_photo(tmp_path / "a.tif")
    assert photo.grey == (mode in ("1", "L", "LA", "I;16"))
    assert has_equal_channels(photo.pixels) or not photo.grey


def test_profiles_of_grey_are_kept_where_the_file_is_grey(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = srgb[:16] + b"GRAY" + srgb[20:]
    photo = Photo(grey_photo().pixels, metadata=Metadata(icc=profile), grey=True)
    for suffix, kept in {".png": profile, ".tif": profile, ".jpg": profile, ".webp": None}.items():
        path = write_photo(tmp_path / f"a{suffix}", photo)
        assert read_photo(path).metadata.icc == kept
        with Image.open(path) as written:
            assert written.info.get("icc_profile") == kept


def test_a_grey_photo_has_no_colours() -> None:
    pixels = grey_photo().pixels.copy()
    assert has_equal_channels(pixels)
    pixels[3, 4, 2] ^= 1
    assert not has_equal_channels(pixels)
    raises_line(lambda: Photo(pixels, grey=True), "grey", "channels", kind=ImageError)


def test_new_pixels_of_a_grey_photo_are_the_mean_of_the_channels() -> None:
    photo = grey_photo()
    image = torch.rand(3, 13, 18)
    made = photo.with_pixels(image)
    assert made.grey
    np.testing.assert_array_equal(made.pixels[..., 1], (image.mean(0) * 255).round().numpy())
    raises_line(lambda: photo.with_pixels(torch.rand(3, 4)), "(3, H, W)", kind=ImageError)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_grey_picture_is_grey_after_restoring(dtype: type, in_file: bool, steps: int) -> None:
    """A picture that was stored in colour, too: the mean of the channels errs less than they do."""
    photo = Photo(grey_photo(dtype).pixels, grey=in_file)
    turns = iter(
        C1 if step == 0 else Selection("", KNOWN, (Ranked(f"C{step}", (), 0, 1, 1),), {}, 1) for step in range(9)
    )
    after = restore_photo(photo, lambda _: next(turns), lambda _: Tints(), RestoreSettings(steps=steps)).photo
    expected = photo.tensor()[0]
    for _ in range(steps):
        expected = expected * 0.9 + 0.03
    assert after.grey == in_file
    assert has_equal_channels(after.pixels)
    roundings = steps if dtype is np.uint16 else 1  # from step to step 16 bits are kept
    assert after.tensor()[0].numpy() == pytest.approx(expected.numpy(), abs=0.52 * roundings / np.iinfo(dtype).max)


def test_colours_stay_colours(tmp_path: Path) -> None:
    pixels = grey_photo().pixels.copy()
    pixels[0, 0, 0] ^= 1
    after = restore_photo(Photo(pixels), lambda _: C1, lambda _: Tints()).photo
    assert not has_equal_channels(after.pixels)
    assert (after.pixels[..., 2] > after.pixels[..., 0]).mean() > 0.9


def test_the_mean_is_nearer_than_the_channels() -> None:
    torch.manual_seed(0)
    truth = torch.rand(1, 64, 64).expand(3, 64, 64) * 0.5 + 0.25
    made = truth + 0.05 * torch.randn(3, 64, 64)
    assert image_psnr(average_channels(made), truth) > image_psnr(made, truth) + 4


def test_degraded_grey_photographs_are_grey_and_as_noisy_as_asked_for(tmp_path: Path) -> None:
    flat = np.full((96, 96), 128, np.uint8)
    for name, mode in {"a.png": "L", "a.tif": "L", "a.jpg": "L"}.items():
        Image.fromarray(flat).save(tmp_path / "flat.png")
        kind = degradation("gaussian_noise")
        psnr = degrade_file(tmp_path / "flat.png", tmp_path / name, kind, severity=0.5)
        with Image.open(tmp_path / name) as written:
            assert written.mode == mode
            noisy = np.asarray(written).astype(float)
        assert noisy.std() == pytest.approx(30, rel=0.05 if name != "a.jpg" else 0.2)  # sigma at 0.5 is 30 of 255
        assert psnr == pytest.approx(20 * np.log10(255 / 30), abs=0.4)


def test_pairs_of_grey_photographs_are_grey(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    grey = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
    Image.fromarray(grey).save(tmp_path / "in" / "grey.png")
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "in" / "colour.png")
    sources = sorted((tmp_path / "in").iterdir())
    degrade_folder(sources, tmp_path / "out", {"gaussian_noise": degradation("gaussian_noise")})
    modes = {}
    for side in ("LQ", "GT"):
        for name in ("grey", "colour"):
            with Image.open(tmp_path / "out" / side / f"{name}.png") as written:
                modes[side, name] = written.mode
    assert modes == {("LQ", "grey"): "L", ("GT", "grey"): "L", ("LQ", "colour"): "RGB", ("GT", "colour"): "RGB"}


def test_one_channel_keeps_its_shape() -> None:
    images = torch.rand(2, 3, 4, 5)
    for made, expected in ((take_one_channel(images), images[:, 1]), (average_channels(images), images.mean(1))):
        assert made.shape == images.shape
        assert all(torch.equal(made[:, channel], expected) for channel in range(3))
