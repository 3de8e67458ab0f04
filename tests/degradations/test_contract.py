"""Every degradation of the table, and a user's function, keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from contracts import DEGRADATION_CHECKS, generator, noise_images, raises_line
from torch import Tensor

from grids.degradations import ELEVEN, NAMES, WEATHER, Degradation, FunctionDegradation, all_degradations, degradation
from grids.degradations.table import TABLE
from grids.errors import UnknownNameError


def fog(images: Tensor, severity: Tensor, _: torch.Generator) -> Tensor:
    share = (0.2 + 0.6 * severity).view(-1, 1, 1, 1)
    return images * (1 - share) + 0.9 * share


def grain(images: Tensor, severity: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return images + noise * (0.05 + 0.2 * severity).view(-1, 1, 1, 1)


KINDS = (*TABLE, FunctionDegradation("fog", fog), FunctionDegradation("grain", grain))


@pytest.mark.parametrize("check", DEGRADATION_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_contract(kind: Degradation, check: Callable[[Degradation], None]) -> None:
    check(kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "jpeg"], ids=lambda kind: kind.name)
def test_without_rounding_the_result_is_finer_than_8_bit(kind: Degradation) -> None:
    levels = kind(noise_images(), generator(), round_to_8_bit=False) * 255
    assert float((levels - levels.round()).abs().max()) > 0.1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_parameters_that_are_missing_or_impossible_are_named(kind: Degradation) -> None:
    images = noise_images(1, 3, 8, 8)
    given = kind.sample(images.shape, generator())
    for name, value in given.items():
        others = {other: given[other] for other in given if other != name}
        raises_line(partial(kind.apply, images, others), f"'{name}'")
        if value.is_floating_point():
            raises_line(partial(kind.apply, images, others | {name: value * torch.nan}), f"'{name}'", "finite")
    for name, known in kind.choices:
        assert int(given[name]) in known
        for wrong in (known[0] - known.step, known[-1] + known.step):
            replaced = given | {name: torch.tensor([wrong])}
            raises_line(partial(kind.apply, images, replaced), f"'{name}'", f"one of {known[0]}, ", str(wrong))


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_identity_names_every_range(kind: Degradation) -> None:
    for r in kind.ranges:
        assert f"{r.name} {r.mild:g} -> {r.strong:g}" in kind.identity()


def test_the_table_begins_with_the_eleven_of_the_paper_in_its_order() -> None:
    expected = (
        "gaussian_blur motion_blur richardson_lucy super_resolution ringing defocus_blur "
        "jpeg poisson_noise inpainting gaussian_noise salt_pepper"
    )
    assert expected.split() == list(ELEVEN)
    assert list(all_degradations())[:16] == [*ELEVEN, *WEATHER]
    assert WEATHER == ("haze", "rain", "raindrop", "snow", "low_light")
    assert degradation("jpeg") is TABLE[6]


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gaussian_blur'"):
        degradation("gausian_blur")


def test_the_names_are_the_tables() -> None:
    assert tuple(kind.name for kind in TABLE) == NAMES
