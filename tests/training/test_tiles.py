"""Whole photographs in tiles: exact where the network sees no further than the overlap, and without seams."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from grids.networks import NAFNet
from grids.training.tiles import TILE, restore_image
from grids.training.validation import restore


class Shares(nn.Module):
    """Adds a number that differs from one call to the next: what tiles disagree by."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return images + 0.1 * (self.calls % 2)


@pytest.mark.parametrize("size", [(40, 40), (41, 67), (33, 90), (5, 90), (90, 5), (32, 32), (7, 3)])
@pytest.mark.parametrize("overlap", [0, 1, 8, 31])
def test_tiles_add_up_to_the_whole(size: tuple[int, int], overlap: int) -> None:
    image = torch.rand(3, *size)
    torch.testing.assert_close(restore_image(nn.Identity(), image, tile=32, overlap=overlap), image)


def test_a_convolution_gives_nearly_the_same_in_tiles() -> None:
    torch.manual_seed(0)
    network, image = nn.Conv2d(3, 3, 3, padding=1, padding_mode="replicate"), torch.rand(3, 61, 75)
    whole, tiled = restore(network, image[None], "cpu")[0], restore_image(network, image, tile=24, overlap=10)
    torch.testing.assert_close(whole[:, :10, :10], tiled[:, :10, :10])
    assert (whole - tiled).abs().max() < 0.15  # one pixel at the edge of a tile is padded, and weighs little


def test_where_tiles_disagree_they_fade_into_one_another() -> None:
    made = restore_image(Shares(), torch.zeros(3, 20, 200), tile=40, overlap=16)
    steps = made[:, :, 1:] - made[:, :, :-1]
    assert steps.abs().max() <= 0.1 / 16 + 1e-6
    assert made.amax() - made.amin() > 0.09


def test_bytes_and_numbers_are_alike_and_the_network_keeps_its_mode() -> None:
    network = NAFNet(4, (1,), 1, (1,)).train()
    image = torch.randint(256, (3, 20, 31), dtype=torch.uint8)
    torch.testing.assert_close(restore_image(network, image), restore_image(network, image.float().div(255)))
    assert network.training
    assert restore_image(network, image, tile=16, overlap=4).shape == (3, 20, 31)


def test_only_large_photographs_are_tiled() -> None:
    seen: list[tuple[int, ...]] = []
    network = nn.Identity()
    network.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    restore_image(network, torch.zeros(3, 1024, 2048, dtype=torch.uint8))
    assert seen == [(1, 3, 1024, 2048)]
    seen.clear()
    restore_image(network, torch.zeros(3, 1024, 2049, dtype=torch.uint8))
    assert {shape[2:] for shape in seen} == {(TILE, TILE)}
