"""Select and restore: what ends it, what is kept, and what stays untouched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from contracts import raises_line
from torch import Tensor, nn

from grids.errors import GridsError
from grids.images import Metadata, Photo
from grids.networks import NAFNet
from grids.networks.heads import MultiHead
from grids.restoration.restore import Restoration, RestoreSettings, make_loader, restore_photo
from grids.results.selection import CLEAN, KNOWN, UNKNOWN, Ranked, Selection


def selection(verdict: str, group: str = "C1", gain: float | None = 1.0) -> Selection:
    return Selection("", verdict, (Ranked(group, ("jpeg",), 0.1, 0.9, gain),), {"jpeg": 0.9}, gain)


BEARS = selection(KNOWN)


class Brighter(nn.Module):
    """Adds a little: 0.3 of a step of 8 bits."""

    def forward(self, images: Tensor) -> Tensor:
        return images + 0.3 / 255


def restored(photo: Photo, *answers: Selection, group: str | None = None, steps: int = 1) -> Restoration:
    """With a selector that gives these answers one after another."""
    left = list(answers)
    settings = RestoreSettings(group, steps=steps)
    return restore_photo(photo, lambda _: left.pop(0), lambda _: Brighter(), settings)


@pytest.fixture
def photo() -> Photo:
    pixels = np.random.default_rng(0).integers(1, 255, (20, 31, 3)).astype(np.uint16) * 257
    return Photo(pixels, pixels[..., 0].copy(), metadata=Metadata(exif=b"Exif\0\0rest", icc=b"profile"))


@pytest.mark.parametrize(
    ("answers", "steps", "groups", "why"),
    [
        ([selection(CLEAN)], 3, (), "clean"),
        ([selection(UNKNOWN)], 3, (), "unknown"),
        ([selection(KNOWN, gain=-0.1)], 3, (), "uncertain"),
        ([BEARS], 1, ("C1",), "done"),
        ([BEARS, selection(KNOWN, "C2", None)], 2, ("C1", "C2"), "done"),
        ([BEARS, selection(CLEAN)], 3, ("C1",), "clean"),
        ([BEARS, selection(UNKNOWN)], 3, ("C1",), "unknown"),
        ([BEARS, selection(KNOWN, "C2", 0.0)], 3, ("C1",), "uncertain"),
        ([BEARS, BEARS], 3, ("C1",), "uncertain"),  # none is run twice
    ],
)
def test_what_ends_it(photo: Photo, answers: list[Selection], steps: int, groups: tuple[str, ...], why: str) -> None:
    found = restored(photo, *answers, steps=steps)
    assert (found.groups, found.why) == (groups, why)
    assert [step.selection for step in found.steps] == answers
    assert (found.photo is photo) == (not groups)


def test_what_became_of_it() -> None:
    plain = Photo(np.zeros((4, 4, 3), np.uint16))
    answers = {"restored": BEARS, "left": selection(CLEAN), "uncertain": selection(KNOWN, gain=-0.1)}
    assert [restored(plain, answer).action for answer in answers.values()] == list(answers)
    assert restored(plain, selection(UNKNOWN)).action == "left"
    assert restored(plain, BEARS, answers["uncertain"], steps=2).action == "restored"


@pytest.mark.parametrize(
    ("gain", "probability", "least", "action"),
    [
        (0.3, 0.95, 0.0, "restored"),
        (0.3, 0.95, 0.3, "restored"),
        (0.3, 0.95, 0.31, "too little"),
        (0.3, 0.65, 0.0, "restored"),  # JPEG is taken off
        (0.3, 0.64, 0.0, "uncertain"),
        (0.3, None, 0.0, "restored"),
        (None, None, 0.0, "restored"),  # what was never measured promises nothing, and forbids nothing
    ],
)
def test_restored_where_a_gain_is_likely(
    photo: Photo, gain: float | None, probability: float | None, least: float, action: str
) -> None:
    answer = replace(selection(KNOWN, gain=gain), gain_probability=probability)
    found = restore_photo(photo, lambda _: answer, lambda _: Brighter(), RestoreSettings(min_gain=least))
    assert action in (found.action, found.why)
    assert found.action in ("restored", "uncertain")


def test_a_least_gain_needs_predictions(photo: Photo) -> None:
    answer = selection(KNOWN, gain=None)
    settings = RestoreSettings(min_gain=0.5)
    call = lambda: restore_photo(photo, lambda _: answer, lambda _: Brighter(), settings)  # noqa: E731
    raises_line(call, "needs predicted gains", "grids profile")


@pytest.mark.parametrize(
    ("gains", "likeliest", "own", "action"),
    [
        (0.85, 0.5, 0.5, "restored"),
        (0.84, 0.5, 0.5, "uncertain"),
        (0.99, 0.49, 0.97, "uncertain"),  # it resembles several a little
        (0.85, 0.49, 0.98, "restored"),  # it is blurred for sure, whichever way
    ],
)
def test_sharpening_needs_more_certainty(photo: Photo, gains: float, likeliest: float, own: float, action: str) -> None:
    group = Ranked("C1", ("gaussian_blur", "defocus_blur", "ringing"), 0.1, own, 1.0)
    degradations = {"gaussian_blur": likeliest, "defocus_blur": own - likeliest}
    answer = replace(BEARS, gain_probability=gains, ranking=(group,), degradations=degradations)
    assert restored(photo, answer).action == action


@pytest.mark.parametrize(
    ("gains", "jpeg", "action"), [(0.65, 0.4, "restored"), (0.65, 0.39, "uncertain"), (0.64, 0.4, "uncertain")]
)
def test_taking_off_grain_needs_less(photo: Photo, gains: float, jpeg: float, action: str) -> None:
    group = Ranked("C1", ("jpeg", "gaussian_noise", "inpainting"), 0.1, 0.99, 1.0)
    likeliest = {"jpeg": jpeg, "inpainting": 0.39, "gaussian_noise": 0.1}
    answer = replace(BEARS, gain_probability=gains, ranking=(group,), degradations=likeliest)
    assert restored(photo, answer).action == action


def test_grain_is_what_it_is_whatever_the_restorer_calls_it(photo: Photo) -> None:
    group = Ranked("N", ("poisson_noise", "gaussian_noise"), 0.1, 0.1, 1.0)
    for jpeg, action in ((0.45, "restored"), (0.35, "uncertain")):  # noise of cameras, saved, looks like JPEG
        likeliest = {"jpeg": jpeg, "poisson_noise": 0.1, "gaussian_blur": 0.4}
        answer = replace(BEARS, gain_probability=0.75, ranking=(group,), degradations=likeliest)
        assert restored(photo, answer).action == action


def test_grain_is_no_reason_to_fill_holes(photo: Photo) -> None:
    group = Ranked("H", ("inpainting", "salt_pepper"), 0.1, 0.1, 1.0)
    for gains, action in ((0.84, "uncertain"), (0.85, "restored")):
        answer = replace(BEARS, gain_probability=gains, ranking=(group,), degradations={"jpeg": 0.9})
        assert restored(photo, answer).action == action


def test_what_only_takes_off_runs_once_whatever_it_was_for(photo: Photo) -> None:
    for degradations, groups in ((("jpeg", "gaussian_noise"), ("C1",)), (("jpeg", "gaussian_blur"), ("C1", "C1"))):
        ranking = (Ranked("C1", degradations, 0.1, 0.9, 1.0),)
        answers = [replace(BEARS, ranking=ranking, degradations={name: 0.9}) for name in degradations]
        found = restored(photo, *answers, steps=2)
        assert found.groups == groups


@pytest.mark.parametrize("name", ["other", "clean"])
def test_what_no_group_restores_is_no_name(photo: Photo, name: str) -> None:
    group = Ranked("N", ("poisson_noise", "gaussian_noise"), 0.1, 0.1, 1.0)
    answer = replace(BEARS, gain_probability=0.99, ranking=(group,), degradations={name: 0.87, "poisson_noise": 0.1})
    assert restored(photo, answer).action == "uncertain"


def test_lettering_looks_like_holes_and_needs_more(photo: Photo) -> None:
    group = Ranked("C1", ("jpeg", "inpainting"), 0.1, 0.99, 1.0)
    for gains, action in ((0.84, "uncertain"), (0.85, "restored")):
        answer = replace(BEARS, gain_probability=gains, ranking=(group,), degradations={"inpainting": 0.9})
        assert restored(photo, answer).action == action


def test_lines_on_flat_ground_are_a_drawing(photo: Photo) -> None:
    group = Ranked("C1", ("jpeg", "inpainting"), 0.1, 0.99, 8.0)
    answer = replace(BEARS, gain_probability=0.99, ranking=(group,), degradations={"inpainting": 0.97, "jpeg": 0.02})
    assert restored(photo, answer).action == "restored"
    assert restored(photo, replace(answer, flat=True)).action == "uncertain"
    saved = replace(answer, flat=True, degradations={"jpeg": 0.97, "inpainting": 0.02})
    assert restored(photo, saved).action == "restored"


def test_a_restorer_that_changes_nothing_leaves_it_as_it_is(photo: Photo) -> None:
    for steps, group in ((1, None), (2, None), (1, "C1")):
        found = restore_photo(photo, lambda _: BEARS, lambda _: nn.Identity(), RestoreSettings(group, steps=steps))
        assert (found.action, found.why, found.photo is photo) == ("unchanged", "unchanged", True)
        assert [(step.group, step.unchanged) for step in found.steps] == [(None, "C1")]


def test_the_steps_after_a_given_group_that_changes_nothing_are_free(photo: Photo) -> None:
    networks = {"D": nn.Identity(), "C1": Brighter()}
    found = restore_photo(photo, lambda _: BEARS, networks.__getitem__, RestoreSettings("D", steps=2))
    assert (found.action, found.groups, found.why) == ("restored", ("C1",), "done")
    assert found.steps[0].unchanged == "D" and not np.array_equal(found.photo.pixels, photo.pixels)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_the_result_is_blended_with_what_went_in(photo: Photo, strength: float) -> None:
    whole, part = (
        restore_photo(photo, lambda _: BEARS, lambda _: Brighter(), RestoreSettings(strength=s))
        for s in (1.0, strength)
    )
    before, after, blended = (one.tensor() for one in (photo, whole.photo, part.photo))
    assert blended == pytest.approx(before + strength * (after - before), abs=1e-5)


@pytest.mark.parametrize("verdict", [CLEAN, UNKNOWN])
def test_a_group_can_be_forced_for_the_first_step(photo: Photo, verdict: str) -> None:
    found = restored(photo, selection(verdict), selection(CLEAN), group="C7", steps=2)
    assert (found.groups, found.why) == (("C7",), "clean")


def test_a_group_without_a_name_is_none(photo: Photo) -> None:
    call = lambda: restore_photo(photo, lambda _: BEARS, make_loader((), torch.device("cpu")), RestoreSettings(""))  # noqa: E731
    raises_line(call, "unknown group ''")


def test_all_but_the_pixels_is_kept(photo: Photo) -> None:
    after = restored(photo, BEARS).photo
    assert after.bits == 16
    assert (after.metadata, after.alpha is photo.alpha) == (photo.metadata, True)
    assert np.abs(after.pixels.astype(int) - photo.pixels.astype(int) - 77).max() <= 1


def test_selection_sees_what_a_file_holds_and_restoring_more() -> None:
    seen: list[Tensor] = []

    def select(photo: Photo) -> Selection:
        seen.append(photo.tensor())
        return selection(KNOWN, f"C{len(seen)}")

    photo = Photo(np.full((8, 9, 3), 100, np.uint8))
    after = restore_photo(photo, select, lambda _: Brighter(), RestoreSettings(steps=4)).photo
    assert [round(float(image.mean()) * 255, 3) for image in seen] == [100, 100, 101, 101]
    assert after.pixels.max() == after.pixels.min() == 101


@pytest.mark.parametrize("size", [(1, 1), (10, 300), (300, 10)])
def test_images_of_odd_sizes_are_restored(size: tuple[int, int]) -> None:
    photo = Photo(np.full((*size, 3), 9, np.uint8))
    network = NAFNet(4, (1, 1), 1, (1, 1)).eval()
    found = restore_photo(photo, lambda _: BEARS, lambda _: network, RestoreSettings(tile=128, overlap=16))
    assert found.photo.pixels.shape == (*size, 3)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"tile": 128, "overlap": 65}, "half the side of the tiles"),
        ({"tile": 8}, "tiles must be at least 128"),
        ({"overlap": -1}, "at least 0"),
        ({"min_gain": -0.5}, "of at least 0, but is -0.5"),
        ({"min_gain": float("nan")}, "of at least 0"),
        ({"min_gain": 0.5, "group": "C1"}, "has no use with `group`"),
        ({"strength": 1.5}, "0 to 1, but is 1.5"),
    ],
)
def test_wrong_values_are_refused(given: dict[str, Any], reason: str) -> None:
    raises_line(lambda: RestoreSettings(**given), reason)


def test_too_little_memory_is_said(photo: Photo) -> None:
    network = nn.Identity()
    network.register_forward_hook(lambda *_: (_ for _ in ()).throw(MemoryError()))
    raises_line(lambda: restore_photo(photo, lambda _: BEARS, lambda _: network), "out of memory")


def test_values_that_are_not_finite_are_said(photo: Photo) -> None:
    network = nn.Identity()
    network.register_forward_hook(lambda _, __, made: made * float("nan"))
    with pytest.raises(GridsError, match="finite"):
        restore_photo(photo, lambda _: BEARS, lambda _: network)


class Headed(MultiHead):
    """Rain is made a little darker, haze a little brighter."""

    def __init__(self) -> None:
        super().__init__(("rain", "haze"))

    def forward(self, images: Tensor, task: str | None = None) -> Tensor:
        return images + (0.1 if self.get_head(task) == "haze" else -0.1)


def test_the_head_of_the_likeliest_degradation_restores(photo: Photo) -> None:
    for likeliest, other, sign in (("rain", "haze", -1), ("haze", "rain", 1)):
        group = Ranked("C1", ("haze", "rain"), 0.1, 0.9, 1.0)
        answer = Selection("", KNOWN, (group,), {"snow": 0.5, likeliest: 0.4, other: 0.1}, 1.0)
        found = restore_photo(photo, lambda _, answer=answer: answer, lambda _: Headed())
        assert (found.steps[0].head, found.restorers) == (likeliest, (f"C1 ({likeliest})",))
        assert sign * (found.photo.tensor() - photo.tensor()).mean() > 0.05
    assert restored(photo, BEARS).restorers == ("C1",)


def test_a_head_can_be_asked_for_with_its_group(photo: Photo) -> None:
    settings = RestoreSettings("C1", "rain", steps=2)
    found = restore_photo(photo, lambda _: BEARS, lambda _: Headed(), settings)
    assert found.restorers == ("C1 (rain)", "C1 (haze)")  # what follows is left to the selection
    for head, network in {"snow": Headed(), "rain": nn.Identity()}.items():
        message = "unknown task of this restorer 'snow'" if head == "snow" else "has one head for all"
        settings = RestoreSettings("C1", head)
        raises_line(lambda n=network, s=settings: restore_photo(photo, lambda _: BEARS, lambda _: n, s), message)
