"""Validation crops, and how restorers are measured on them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import Watching
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from grids.degradations import degradation
from grids.errors import UnknownNameError
from grids.training.photographs import Photographs
from grids.training.tasks import Pairs, Reduced, Synthesized
from grids.training.validation import Validation


def made(photographs: Photographs, side: int = 24, count: int = 3) -> Validation:
    return Validation([Synthesized(degradation(name)) for name in ("jpeg", "salt_pepper")], photographs, side, count)


def test_sides_are_what_the_smallest_photograph_holds(photographs: Photographs) -> None:
    assert made(photographs, 24).side == 24
    assert made(photographs, 128).side == 40
    assert made(photographs, 128).examples("jpeg")[0].shape == (3, 3, 40, 40)


def test_an_unknown_task(photographs: Photographs) -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'jpg'; did you mean 'jpeg'"):
        made(photographs).psnr(None, ["jpg"], "cpu")


def test_inputs_are_measured_against_scikit_image(photographs: Photographs) -> None:
    validation = made(photographs)
    found = validation.psnr(None, ["jpeg", "salt_pepper"], "cpu")
    assert list(found) == ["jpeg", "salt_pepper"]
    for name, value in found.items():
        inputs, targets = validation.examples(name)
        each = [peak_signal_noise_ratio(b.numpy(), a.numpy()) for a, b in zip(inputs, targets, strict=True)]
        assert value == pytest.approx(float(np.mean(each)))


def test_inputs_saved_as_jpeg(photographs: Photographs) -> None:
    validation = Validation([Synthesized(degradation("ringing")), Reduced()], photographs, 32, 4)
    made, saved = (validation.psnr(None, ["ringing"], "cpu", saved=way)["ringing"] for way in (False, True))
    inputs, targets = validation.examples("ringing")
    by_pillow = []
    for image, target in zip(inputs, targets, strict=True):
        stream = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(stream, "JPEG", quality=90, subsampling=2)
        pixels = np.asarray(Image.open(stream))
        by_pillow.append(peak_signal_noise_ratio(target.permute(1, 2, 0).numpy(), pixels))
    assert saved == pytest.approx(np.mean(by_pillow), abs=0.2) and saved != made
    assert validation.psnr(nn.Identity(), ["ringing"], "cpu", saved=True)["ringing"] == pytest.approx(saved)
    assert validation.psnr(None, ["x4"], "cpu", saved=True) == {}  # its inputs are small


def test_a_network_that_does_nothing_is_as_good_as_the_inputs(photographs: Photographs) -> None:
    validation, network = made(photographs), Watching()
    assert validation.psnr(network, ["jpeg"], "cpu") == validation.psnr(None, ["jpeg"], "cpu")
    assert network.modes == [(False, False)]
    assert network.training


def test_crops_are_made_once_and_are_the_same_for_all(photographs: Photographs) -> None:
    one, two = made(photographs), made(photographs)
    assert one.examples("jpeg")[0] is one.examples("jpeg")[0]
    assert torch.equal(two.examples("salt_pepper")[0], one.examples("salt_pepper")[0])
    assert torch.equal(one.examples("jpeg")[1], one.examples("salt_pepper")[1])


def test_the_digest_changes_with_what_is_measured_on(photographs: Photographs, files: list[Path]) -> None:
    digests = [
        made(photographs).digest,
        made(photographs, side=32).digest,
        made(photographs, count=4).digest,
        made(Photographs(files[1:], 16)).digest,
    ]
    assert len(set(digests)) == 4
    assert made(photographs).digest == digests[0]


def test_pairs_smaller_than_the_crops_are_cut_smaller(tmp_path: Path, photographs: Photographs) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    task = Pairs("mine", tmp_path / "in", tmp_path / "out", 16)
    validation = Validation([task], photographs, 40, 3)
    inputs, targets = validation.examples("mine")
    assert inputs.shape == targets.shape == (3, 3, 16, 16)
    assert validation.psnr(None, ["mine"], "cpu") == {"mine": 100.0}
