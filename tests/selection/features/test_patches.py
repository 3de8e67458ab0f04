from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from grids.random import seeded
from grids.selection.features.patches import choose_patches, pad_to_patch


def noise(*size: int, seed: int = 0) -> Tensor:
    return torch.rand((3, *size), generator=seeded(seed))


def test_the_choice_depends_on_the_pixels_alone() -> None:
    image = noise(100, 130)
    first = choose_patches(image, 12)
    torch.manual_seed(5)
    turned = image.transpose(1, 2).contiguous().transpose(1, 2)
    strided = torch.zeros(3, 200, 260)[:, ::2, ::2].copy_(image)
    for same in (image.clone(), turned, strided):
        assert torch.equal(choose_patches(same, 12), first)
    assert not torch.equal(choose_patches(noise(100, 130, seed=1), 12), first)


def test_they_are_pieces_of_the_image_and_no_two_are_the_same() -> None:
    image = noise(70, 90)
    windows = image.unfold(1, 32, 1).unfold(2, 32, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
    places = {
        tuple(int(k) for k in (windows == patch).flatten(1).all(1).nonzero()) for patch in choose_patches(image, 9)
    }
    assert len(places) == 9
    assert all(len(place) == 1 for place in places)


def test_flat_parts_do_not_speak() -> None:
    image = noise(128, 128)
    image[:, :64] = 0.5  # 21 of 49 candidates are flat
    for patch in choose_patches(image, 12):
        assert patch.std() > 0.15


def test_they_go_from_the_most_detailed_to_the_median() -> None:
    contrast = torch.linspace(0, 1, 256)[:, None]
    image = 0.5 + (noise(256, 256).mean(0, keepdim=True) - 0.5) * contrast
    spread = choose_patches(image.expand(3, -1, -1), 20).std((1, 2, 3)).tolist()
    assert spread[0] > 1.6 * spread[-1]
    assert all(later < 1.15 * earlier for earlier, later in itertools.pairwise(spread))
    # the median candidate lies in the middle rows, where contrast is about a half
    assert spread[-1] == pytest.approx(image[:, 112:144].std(), rel=0.25)


@pytest.mark.parametrize(
    ("size", "count", "side", "found"),
    [
        ((300, 200), 12, 32, 12),
        ((300, 200), 48, 64, 48),
        ((64, 64), 48, 64, 1),
        ((32, 40), 12, 32, 2),
        ((32, 32), 12, 32, 1),
        ((1, 1), 12, 32, 1),
        ((1, 1), 48, 64, 1),
        ((5, 700), 12, 32, 12),
        ((700, 5), 48, 64, 48),
        ((300, 5), 48, 64, 30),
        ((63, 65), 48, 64, 1),
    ],
)
def test_how_many_there_are(size: tuple[int, int], count: int, side: int, found: int) -> None:
    assert choose_patches(noise(*size), count, side).shape == (found, 3, side, side)


def test_small_images_are_continued_by_their_border() -> None:
    image = noise(2, 40)
    whole = pad_to_patch(image)
    assert whole.shape == (3, 32, 40)
    assert torch.equal(whole[:, :2], image)
    assert torch.equal(whole[:, 2:], image[:, 1:].expand(3, 30, 40))
    assert torch.equal(choose_patches(noise(1, 1), 3), noise(1, 1)[None].expand(1, 3, 32, 32))
    large = noise(32, 33)
    assert pad_to_patch(large) is large
