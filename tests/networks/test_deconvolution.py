from __future__ import annotations

from pathlib import Path

import pytest
import torch
from psf.test_estimate import blurred, photographs

from grids.errors import GridsError, WeightsError
from grids.metrics import image_psnr
from grids.networks import Deconvolution
from grids.restoration.models import initialize, load_restorer, save_restorer
from grids.restoration.tiling import restore_image


def test_images_of_a_batch_have_blurs_of_their_own_and_sharp_ones_stay() -> None:
    clean = torch.stack(photographs(3))
    images = torch.stack(
        [
            blurred(clean[0], "defocus_blur", {"radius": 3.0}),
            clean[1],
            blurred(clean[2], "motion_blur", {"length": 15.0, "angle": 70.0}),
        ]
    )
    restored = Deconvolution()(images).clamp(0, 1)
    assert torch.equal(restored[1], images[1])
    for k in (0, 2):
        assert image_psnr(restored[k], clean[k]) > image_psnr(images[k], clean[k]) + 2


def test_its_file_is_a_restorer_with_its_limits(tmp_path: Path) -> None:
    record = {"preset": "deconvolution", "tasks": ["motion_blur"]}
    restorer = load_restorer(save_restorer(tmp_path / "d.safetensors", Deconvolution(evidence=0.5), record))
    assert restorer.preset == "deconvolution" and restorer.tasks == ("motion_blur",)
    assert restorer.network.limits.tolist() == [0.5, 1.0]
    with pytest.raises(WeightsError):
        Deconvolution.from_state({"first.weight": torch.zeros(3)})


def test_tiles_have_the_blur_of_the_whole() -> None:
    (clean,) = photographs(1)
    image, network = blurred(clean, "motion_blur", {"length": 15.0, "angle": 70.0}), Deconvolution()
    whole, tiled = restore_image(network, image), restore_image(network, image, tile=128)
    assert torch.allclose(whole, network(image[None])[0], atol=2e-3)  # channels_last: sums in another order
    assert (whole - tiled).abs().mean() < 1.5 / 255
    assert abs(image_psnr(whole.clamp(0, 1), clean) - image_psnr(tiled.clamp(0, 1), clean)) < 0.5


def test_there_is_nothing_to_train() -> None:
    with pytest.raises(GridsError, match="no weights to train"):
        initialize("deconvolution", 0)
