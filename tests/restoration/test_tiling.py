"""Whole photographs in tiles: exact where the network sees no further than the overlap, and without seams."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from contracts import raises_line
from torch import nn

from grids import devices
from grids.networks import NAFNet, Restormer, SRResNet, UNet, build
from grids.networks.pooling import GlobalMean, MeansOfTiles
from grids.restoration.forward import restore
from grids.restoration.layout import _places, _weights, split_with_margins
from grids.restoration.tiling import PROBE, TILE, _margin, _widest, choose_side, restore_image


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


class Near(nn.Module):
    """Sees three pixels to each side, zeros beyond the image, and takes a mean besides: its tiles fade into another."""

    reach = 3

    def __init__(self) -> None:
        super().__init__()
        self.mean = GlobalMean()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(F.pad(images, (3, 3, 3, 3)), 7, 1) + 0 * self.mean(images)


@pytest.mark.parametrize("overlap", [0, 6, 7, 16, 32, 64])
def test_every_side_and_tile_give_the_whole(overlap: int) -> None:
    """Weights once fell at the image's own edge too: a row was that of a tile which sees zeros in its place."""
    network = Near()
    pairs = {(128 + more, 128) for more in (1, 2, 3, 63, 64, 65, 127, 128, 129)} | {(300, 129), (301, 136), (270, 135)}
    for side, tile in sorted(pairs | {(250, 200), (300, 200), (512, 511), (513, 511)}):
        image = torch.rand(3, 5, side)
        for turned in (image, image.transpose(1, 2)):
            made = restore_image(network, turned, tile=tile, overlap=overlap)
            assert (made - restore(network, turned[None], "cpu")[0]).abs().max() <= 1e-5, (side, tile)


@pytest.mark.parametrize("reach", [0, 5, 40])
def test_weights_add_up_and_only_neighbours_lower_them(reach: int) -> None:
    for size, tile, overlap in itertools.product((130, 150, 201, 333, 540), (128, 129, 150), (1, 16, 64)):
        places = _places(size, tile, overlap)
        weights = _weights(size, tile, places, reach)
        total = torch.zeros(size)
        for place, weight in zip(places, weights, strict=True):
            assert weight.min() >= 0
            total[place : place + len(weight)] += weight
        torch.testing.assert_close(total, torch.ones(size))
        alone = places[1] if len(places) > 1 else size
        assert bool((weights[0][:alone] == 1).all()) and weights[-1][-1] == 1


def test_where_tiles_disagree_they_fade_into_one_another() -> None:
    made = restore_image(Shares(), torch.zeros(3, 20, 200), tile=40, overlap=16)
    steps = made[:, :, 1:] - made[:, :, :-1]
    assert steps.abs().max() <= 0.1 / 4 + 1e-6  # they fade over a quarter of what they share
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
    assert seen == [(1, 3, PROBE, PROBE), (1, 3, 1024, 2048)]
    seen.clear()
    restore_image(network, torch.zeros(3, 1024, 2049, dtype=torch.uint8))
    assert {shape[2:] for shape in seen[1:]} == {(TILE, TILE)}


def test_wide_networks_get_smaller_tiles() -> None:
    """Restormer's widest map has 510 channels at the full size: 2 GiB are enough for 480 x 480 pixels of it."""
    assert _widest(Restormer(), "cpu") == 510
    wide = nn.Sequential(nn.Conv2d(3, 510, 1), nn.Conv2d(510, 3, 1))
    assert choose_side(wide, torch.zeros(1).expand(3, 480, 481), "cpu") == 481
    assert choose_side(wide, torch.zeros(1).expand(3, 512, 512), "cpu") == 480
    assert choose_side(NAFNet(), torch.zeros(1).expand(3, 1024, 2048), "cpu") == 2048
    assert choose_side(NAFNet(), torch.zeros(1).expand(3, 2048, 2048), "cpu") == TILE


FINITE = {"unet": UNet(4, 2, 1), "deep": UNet(4, 3, 1, bias=False), "srresnet": SRResNet(4, 3)}
"""Networks that see so far and no farther."""


def awake(name: str) -> nn.Module:
    """One of them, its last layer not 0."""
    network = FINITE[name].eval()
    with torch.random.fork_rng():
        torch.manual_seed(2)
        nn.init.normal_(next(value for key, value in network.named_parameters() if "last.weight" in key), 0, 0.3)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("size", [(64, 90), (65, 33), (3, 121), (97, 98)])
def test_finite_networks_give_the_whole_at_every_tile(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network, image = awake(name), torch.rand(3, *size)
    whole = restore(network, image[None], "cpu")[0]
    for tile in (1, 8, 15, 16, 31, 32, 33, 48, 63, 64, 65, 89, 90, 96, 97, 120):
        torch.testing.assert_close(restore_image(network, image, tile=tile), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", FINITE)
def test_how_far_a_network_sees(name: str) -> None:
    torch.manual_seed(0)
    network = awake(name).double()
    far = network.reach
    assert isinstance(far, int)
    image = torch.rand(1, 3, 8, 2 * far + 24, dtype=torch.float64)
    changed = image.clone()
    changed[..., far + 8] += 1
    change = (network(changed) - network(image)).abs().amax(dim=(0, 1, 2))
    network.float()
    touched = change.nonzero().flatten() - (far + 8)
    assert -far <= touched.min() and touched.max() <= far
    assert touched.max() - touched.min() > far  # and no more than about twice as far as it does


def test_tiles_of_finite_networks_compute_little_twice() -> None:
    for name in ("unet", "unet-m", "drunet"):
        network, pixels = build(name), 0
        side, margin = choose_side(network, torch.zeros(1).expand(3, 6000, 8000), "cpu"), _margin(network)
        rows, columns = (split_with_margins(size, side, network.multiple, margin) for size in (6000, 8000))
        for row, column in itertools.product(rows, columns):
            pixels += (row.seen.stop - row.seen.start) * (column.seen.stop - column.seen.start)
        assert 1 - 6000 * 8000 / pixels < 1 / 3, name
    assert _margin(NAFNet()) == _margin(nn.Identity()) == 0


def test_where_memory_is_short_tiles_of_finite_networks_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    large = torch.zeros(1).expand(3, 6000, 8000)
    usual = choose_side(UNet(), large, "cpu")
    monkeypatch.setattr(devices, "free_memory", lambda device: 2**27)
    assert 128 <= choose_side(UNet(), large, "cpu") < usual // 2


class Crowded(nn.Module):
    """Has memory for so many pixels."""

    def __init__(self, most: int, seen: list[int]) -> None:
        super().__init__()
        self.most = most
        self.seen = seen

    def __deepcopy__(self, _: object) -> Crowded:
        return Crowded(self.most, self.seen)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(max(images.shape[-2:]))
        if images.shape[-1] * images.shape[-2] > self.most:
            raise torch.OutOfMemoryError("no memory")
        return images


def test_where_memory_runs_out_tiles_become_smaller() -> None:
    seen: list[int] = []
    image = torch.rand(3, 300, 600)
    torch.testing.assert_close(restore_image(Crowded(200**2, seen), image), image)
    assert list(dict.fromkeys(seen)) == [PROBE, 600, 300, 150]
    raises_line(lambda: restore_image(Crowded(PROBE**2, []), image), "out of memory", "tiles of 128 pixels")
    raises_line(lambda: restore_image(Crowded(10, []), image[:, :20, :20]), "out of memory", "tiles of 20 pixels")


def drawn(network: nn.Module) -> nn.Module:
    """Weights under which every block changes what it gets."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for name, value in network.named_parameters():
            if name.endswith(("beta", "gamma")):
                nn.init.uniform_(value, 0.2, 0.6)
            elif name.endswith("attention.weight"):
                nn.init.uniform_(value, -3, 3)
    return network.eval()


@pytest.mark.parametrize("size", [(150, 203), (64, 161), (33, 300)])
def test_means_over_the_image_are_those_of_the_whole(size: tuple[int, int]) -> None:
    """A photograph, dark at one end and bright at the other: no tile is like the whole."""
    torch.manual_seed(0)
    network = drawn(NAFNet(4, (1, 1), 1, (1, 1)))
    image = torch.rand(3, *size) * torch.linspace(0, 1, size[1])
    whole = restore(network, image[None], "cpu")[0]
    tiled = restore_image(network, image, tile=64, overlap=32)
    assert (whole - tiled).abs().max() < 1 / 255
    alone = restore(network, image[None, :, :, :64], "cpu")[0]
    assert (whole[:, :, :32] - alone[:, :, :32]).abs().max() > 2 / 255  # what a tile alone would be
    torch.testing.assert_close(restore(network, image[None, :, :, :64], "cpu")[0], alone)


def test_the_parts_of_a_mean_add_up() -> None:
    pool, maps = GlobalMean(), torch.rand(1, 5, 12, 16)
    with MeansOfTiles() as means:
        for left, right in ((0.0, 0.25), (0.25, 1.0)):
            means.window = (0.0, 1.0, left, right)
            pool(maps)
        means.fix_gathered()
        torch.testing.assert_close(pool(torch.zeros(1, 5, 2, 2)), maps.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(pool(maps[..., :4]), maps[..., :4].mean(dim=(2, 3), keepdim=True))


def test_a_network_without_means_sees_every_tile_once() -> None:
    network = Shares()
    restore_image(network, torch.zeros(3, 64, 112), tile=64, overlap=16)
    assert network.calls == 2


def test_means_are_forgotten_after_an_error() -> None:
    torch.manual_seed(1)
    network, image = drawn(NAFNet(4, (1,), 1, (1,))), torch.rand(3, 64, 112)
    before = restore(network, image[None], "cpu")
    hook = network.last.register_forward_hook(lambda *_: (_ for _ in ()).throw(ValueError("broken")))
    with pytest.raises(ValueError, match="broken"):
        restore_image(network, image, tile=64, overlap=16)
    hook.remove()
    torch.testing.assert_close(restore(network, image[None], "cpu"), before)


def test_other_errors_are_not_taken_for_memory() -> None:
    network = nn.Identity()
    network.register_forward_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("another")))
    with pytest.raises(RuntimeError, match="another"):
        restore_image(network, torch.zeros(3, 64, 112), tile=64)
