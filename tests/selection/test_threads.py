"""One selector serves several threads at once, as in a server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from contracts import scene
from torch import Tensor

from grids.degradations import degradation
from grids.devices import exact_float32
from grids.networks.nafnet import NAFNet
from grids.random import seeded
from grids.restoration.tiling import restore_image
from grids.selection.selector import Selector

THREADS = 8


def results(selector: Selector, number: int) -> list[Tensor]:
    """What a client gets: its image degraded, judged, restored, and in tiles by a network that pools."""
    image = scene(THREADS, 136)[number]
    kind = degradation(("gaussian_noise", "jpeg", "gaussian_blur", "salt_pepper")[number % 4])
    damaged = kind(image[None], seeded(number))[0]
    judged = selector.select(damaged)
    restored = selector.restore(damaged, group=selector.groups[number % 4].id, tile=128)
    tiled = restore_image(POOLS, damaged, tile=64)
    return [damaged, torch.tensor(list(judged.degradations.values())), restored.photo.tensor(), tiled]


def drawn(network: NAFNet) -> NAFNet:
    """Every block changes what it gets."""
    for name, value in network.named_parameters():
        if name.endswith(("beta", "gamma")):
            torch.nn.init.constant_(value, 0.4)
    return network.eval()


POOLS = drawn(NAFNet(4, (1, 1), 1, (1, 1)))


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector.builtin("cpu")


def together(work: Callable[[int], list[Tensor]]) -> list[list[Tensor]]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


@pytest.mark.slow
def test_eight_threads_get_what_one_after_the_other_would(selector: Selector) -> None:
    found = together(lambda number: results(selector, number))
    for number, one in enumerate(found):
        for got, expected in zip(one, results(selector, number), strict=True):
            torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)


def test_switches_are_as_before_whoever_leaves_last() -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    try:
        matmul.allow_tf32 = True
        first, second = exact_float32(), exact_float32()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert not matmul.allow_tf32
        second.__exit__(None, None, None)
        assert matmul.allow_tf32
    finally:
        matmul.allow_tf32 = before
