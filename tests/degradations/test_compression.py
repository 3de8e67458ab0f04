"""JPEG against Pillow's encoder, and the torch path against the codec."""

from __future__ import annotations

import io
import math

import pytest
import torch
from contracts import noise_images, pillow_file, pillow_jpeg
from PIL import Image
from torch import Tensor

from grids.degradations import degradation
from grids.degradations.compression import CHROMINANCE, LUMINANCE, _table, codec_jpeg, torch_jpeg
from grids.metrics import image_psnr
from grids.random import seeded

QUALITIES = (5, 10, 25, 49, 50, 51, 60, 75, 95)


@pytest.mark.parametrize("quality", QUALITIES)
def test_the_codec_is_pillows_at_the_same_quality(photos: list[Tensor], quality: int) -> None:
    for photo in photos:
        ours = degradation("jpeg").apply(photo, {"quality": torch.tensor([float(quality)])})
        assert image_psnr(ours, pillow_jpeg(photo, quality)) > 50


@pytest.mark.parametrize("quality", QUALITIES)
def test_torch_does_what_the_codec_does(photos: list[Tensor], quality: int) -> None:
    for photo in photos:
        q = torch.tensor([float(quality)])
        for full in (False, True):
            codec = codec_jpeg(photo, q, torch.tensor([full]))
            same = image_psnr(torch_jpeg(photo, q, full), codec)
            assert same > 38
            # what remains is rounding: far less than what compression changes
            assert same > image_psnr(codec, photo) + 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (8, 8), (15, 17), (16, 16), (17, 33), (2, 64)])
def test_torch_does_what_the_codec_does_at_small_and_odd_sizes(photo: Tensor, shape: tuple[int, int]) -> None:
    image = photo[..., 40 : 40 + shape[0], 50 : 50 + shape[1]]
    for quality in (10.0, 40.0, 90.0):
        q = torch.tensor([quality])
        assert torch_jpeg(image, q).shape == image.shape
        assert image_psnr(torch_jpeg(image, q), codec_jpeg(image, q)) > 38


def test_each_image_gets_its_own_quality(photo: Tensor) -> None:
    batch = photo.repeat(3, 1, 1, 1)
    qualities = torch.tensor([10.0, 40.0, 90.0])
    for path in (codec_jpeg, torch_jpeg):
        together = path(batch, qualities)
        for i in range(3):
            assert torch.equal(together[i : i + 1], path(photo, qualities[i : i + 1]))
        assert image_psnr(together[0], photo[0]) < image_psnr(together[1], photo[0]) < image_psnr(together[2], photo[0])


def test_the_quantization_tables_are_those_in_pillows_files() -> None:
    image = noise_images(1, 3, 16, 16)
    for quality in range(1, 101):
        with Image.open(io.BytesIO(pillow_file(image, quality))) as decoded:
            theirs = decoded.quantization
        for i, base in enumerate((LUMINANCE, CHROMINANCE)):
            assert _table(base, torch.tensor([float(quality)])).flatten().tolist() == theirs[i]


def test_chroma_is_halved() -> None:
    """A chequerboard of two colours of one brightness: at half resolution its colour is lost, brightness stays."""
    red = torch.zeros(1, 3, 32, 32)
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2
    red[0, 0] = torch.where(board == 1, 0.75, 0.25)
    red[0, 1] = torch.where(board == 1, 0.25, 0.25 + 0.5 * 0.299 / 0.587)
    for path in (codec_jpeg, torch_jpeg):
        out = path(red, torch.tensor([95.0]))
        assert float(out[0, 0].std()) < 0.05
        assert float(red[0, 0].std()) > 0.2


def test_the_quality_is_drawn_evenly_from_10_to_60() -> None:
    drawn = degradation("jpeg").sample((51 * 200, 3, 8, 8), torch.Generator().manual_seed(0))["quality"]
    counts = torch.bincount(drawn.long(), minlength=61)
    assert torch.equal(drawn, drawn.round())
    assert int(counts[:10].sum()) == 0
    assert len(counts) == 61
    assert float((counts[10:] - 200).abs().max()) < 5 * math.sqrt(200)


def test_the_codec_gives_the_same_with_and_without_a_pool() -> None:
    images = torch.rand(3, 3, 24, 24, generator=seeded(0))
    quality = torch.tensor([10.0, 35.0, 60.0])
    alone = codec_jpeg(images, quality)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert torch.equal(codec_jpeg(images, quality), alone)
    finally:
        torch.set_num_threads(before)
