"""Raindrops: how much they cover, what stays untouched, and that they show the scene upside down."""

from __future__ import annotations

import pytest
import torch
from contracts import scene
from degradations.weather import applied
from torch import Tensor

from grids.degradations.raindrop import SOFT


def single_drop(images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """A picture with one drop on it, and where it lies: for a share of nearly nothing there is one all the same."""
    share = torch.tensor([1e-9])
    found = applied("raindrop", images, 0.0, seed, share=share)
    plain = torch.full_like(images, 0.5)
    return found, (applied("raindrop", plain, 0.0, seed, share=share) != plain).any(1)[0]


@pytest.mark.parametrize("size", [128, 512])
@pytest.mark.parametrize(("severity", "share"), [(0.0, 0.05), (1.0, 0.20)])
def test_drops_cover_their_share(size: int, severity: float, share: float) -> None:
    plain = torch.full((96 if size == 128 else 4, 3, size, size), 0.5)
    touched = float((applied("raindrop", plain, severity) != plain).any(1).float().mean())
    # the soft rim reaches beyond the edge, where it is half opaque
    covered = 1 - (1 - touched) ** (1 / (1 + SOFT / 2) ** 2)
    assert covered == pytest.approx(share, rel=1 / 3)


def test_drops_leave_the_rest_of_the_picture_untouched() -> None:
    images = scene(1, 96)
    for seed in range(5):
        found, drop = single_drop(images, seed)
        rows, columns = (drop.any(axis).nonzero() for axis in (1, 0))
        assert 1 <= len(rows) <= 28
        assert 1 <= len(columns) <= 28
        assert torch.equal(found[..., ~drop], images[..., ~drop])
        assert not torch.equal(found[..., drop], images[..., drop])


def test_a_drop_shows_the_scene_upside_down_and_mirrored() -> None:
    rise = torch.linspace(0.3, 0.7, 96)
    turned = 0
    for seed in range(6):
        for axis in (0, 1):
            ramp = rise.view(96, 1) if axis == 0 else rise.view(1, 96)
            found, drop = single_drop(ramp.expand(1, 3, 96, 96).contiguous(), seed)
            lit, plain = (single_drop(torch.full((1, 3, 96, 96), level), seed)[0] for level in (0.4, 0.5))
            inside = drop & ((plain - lit)[0, 0] > 0.07)  # where the drop is opaque
            place = torch.arange(96.0).view(96, 1) if axis == 0 else torch.arange(96.0).view(1, 96)
            x = place.expand(96, 96)[inside]
            change = (found - plain)[0, 0][inside]
            turned += bool(((x - x.mean()) * (change - change.mean())).sum() < 0)
    assert turned >= 11  # at the border of the picture the mirrored scene goes the other way
