"""The selector with a small profile, learnt from 12 crops; other crops are sorted."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_profiles
import torch
from contracts import raises_line, scene
from PIL import Image
from small_profiles import GGD, GROUPS, KINDS, degraded, save_grouping, save_image
from torch import Tensor, nn

from grids.degradations import degradation
from grids.errors import GridsError, RunError, UnknownNameError, WeightsError
from grids.images import photo_from_tensor, read_photo
from grids.networks.nafnet import NAFNet
from grids.random import seeded
from grids.restoration.models import save_restorer
from grids.restoration.tiling import restore_image
from grids.results import CLEAN, KNOWN, SELECTION_VERDICTS, UNKNOWN, Candidate, Selection
from grids.selection.fit_profile import fit_profile
from grids.selection.profile import FILE, read_profile
from grids.selection.samples import make_samples
from grids.selection.selector import Selector
from grids.similarity.descriptor import Descriptor


def check(selection: Selection, selector: Selector) -> None:
    """What holds for every selection."""
    assert selection.verdict in SELECTION_VERDICTS
    assert {ranked.group for ranked in selection.ranking} == {group.id for group in selector.groups}
    chances = [ranked.probability for ranked in selection.ranking]
    # as a group is chosen: by its gain, or its probability where gains are not known
    order = (
        chances if selection.ranking[0].predicted_gain is None else [one.predicted_gain for one in selection.ranking]
    )
    assert order == sorted(order, reverse=True)
    assert sum(chances) + selection.degradations[CLEAN] == pytest.approx(1)
    assert sum(selection.degradations.values()) == pytest.approx(1)
    assert list(selection.degradations.values()) == sorted(selection.degradations.values(), reverse=True)
    for ranked in selection.ranking:
        assert ranked.probability == pytest.approx(sum(selection.degradations[name] for name in ranked.degradations))
        assert ranked.divergence >= 0
    assert math.isfinite(selection.distance) and selection.distance >= 0
    assert (selection.distance > 1) == (selection.verdict == UNKNOWN)
    assert (selection.group is None) == (selection.verdict != KNOWN) == (selection.predicted_gain is None)
    json.dumps(selection.to_json(), allow_nan=False)


@pytest.mark.parametrize(("name", "group"), [("gaussian_noise", "C1"), ("salt_pepper", "C1"), ("gaussian_blur", "C2")])
def test_damaged_images_go_to_their_group(selector: Selector, crops: list[Tensor], name: str, group: str) -> None:
    for number in (16, 20):
        found = selector.select(degraded(crops[number], name, 0.7, number))
        check(found, selector)
        assert (found.verdict, found.group) == (KNOWN, group)
        assert found.predicted_gain == found.ranking[0].predicted_gain
        assert found.interval is not None and found.predicted_gain is not None
        low, high = found.interval
        assert low < found.predicted_gain < high
        assert found.gain_probability is not None and 0 <= found.gain_probability <= 1
        assert (found.gain_probability > 0.9) == (group == "C1")
        # to average pixels helps against noise; to do nothing gains nothing
        assert found.predicted_gain > 1 if group == "C1" else found.predicted_gain == pytest.approx(0, abs=0.5)


def test_clean_images_need_nothing(selector: Selector, crops: list[Tensor]) -> None:
    found = [selector.select(crops[number]) for number in (17, 19, 22)]
    for one in found:
        check(one, selector)
    assert sum(one.verdict == CLEAN and one.group is None and one.interval is None for one in found) >= 2


def blocks() -> Tensor:
    return (
        torch.rand((3, 8, 8), generator=torch.Generator().manual_seed(0))
        .repeat_interleave(9, 1)
        .repeat_interleave(9, 2)
    )


CHECKS = (torch.arange(70)[:, None] + torch.arange(80)).remainder(2).float().expand(3, -1, -1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "image",
    [blocks(), CHECKS, torch.zeros(3, 64, 64), torch.ones(3, 1, 1), torch.rand(3, 1, 300), 1e9 * CHECKS - 5e8],
    ids=["blocks", "checks", "black", "one pixel", "line", "out of range"],
)
def test_strange_images_are_judged_too(selector: Selector, image: Tensor) -> None:
    check(selector.select(image), selector)


@pytest.mark.parametrize("size", [(1, 1), (64, 80), (2, 300)])
def test_an_image_of_one_colour_is_clean(selector: Selector, size: tuple[int, int]) -> None:
    found = selector.select(torch.full((3, *size), 0.4))
    assert (found.verdict, found.group, found.predicted_gain, found.distance) == (CLEAN, None, None, 0.0)
    assert found.degradations[CLEAN] == 1 and sum(found.degradations.values()) == 1
    assert selector.restore(torch.full((3, *size), 0.4)).action == "left"


def test_an_image_unlike_anything_known(selector: Selector) -> None:
    found = selector.select(CHECKS)
    assert found.verdict == UNKNOWN
    assert found.distance > 1
    assert found.group is None and found.interval is None


def test_files_photos_and_tensors_of_the_same_pixels(selector: Selector, crops: list[Tensor], tmp_path: Path) -> None:
    noisy = degraded(crops[16], "gaussian_noise", 0.5)
    png, bmp = save_image(tmp_path / "a.png", noisy), save_image(tmp_path / "a.bmp", noisy)
    first = selector.select(str(png))
    assert first.image == str(png)
    assert selector.select(bmp) == replace(first, image=str(bmp))
    assert selector.select(read_photo(png)) == first
    assert selector.select(photo_from_tensor(noisy)) == replace(first, image="")
    assert selector.select(noisy) == replace(first, image="")
    assert selector.select(noisy.double()) == replace(first, image="")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (torch.rand(40, 40), "(3, H, W)"),
        (torch.rand(1, 40, 40), "(1, 40, 40)"),
        (torch.rand(40, 40, 3), "(40, 40, 3)"),
        (torch.rand(1, 3, 40, 40), "(1, 3, 40, 40)"),
        (torch.rand(3, 0, 40), "(3, 0, 40)"),
        (torch.zeros(3, 40, 40, dtype=torch.uint8), "torch.uint8"),
        (torch.full((3, 40, 40), math.nan), "NaN"),
        (torch.full((3, 40, 40), math.inf), "infinite"),
    ],
)
def test_tensors_that_are_no_images(selector: Selector, image: Tensor, says: str) -> None:
    raises_line(lambda: selector.select(image), says)
    raises_line(lambda: selector.select(image, method="paper"), says)
    raises_line(lambda: selector.map(image), says)


def test_files_that_cannot_be_used(selector: Selector, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    raises_line(lambda: selector.select(tmp_path / "text.png"), "text.png")
    raises_line(lambda: selector.select(tmp_path / "none.png"), "none.png")
    path = save_image(tmp_path / "a.png", torch.rand(3, 20, 20))
    raises_line(lambda: selector.select(path, max_pixels=300), "a.png", "0.0003")


def test_the_method_of_the_paper(selector: Selector, crops: list[Tensor]) -> None:
    found = selector.select(degraded(crops[16], "gaussian_noise", 0.8), method="paper")
    assert found.verdict == KNOWN
    assert found.group == "C1"
    assert [ranked.divergence for ranked in found.ranking] == sorted(ranked.divergence for ranked in found.ranking)
    assert sum(ranked.probability for ranked in found.ranking) == pytest.approx(1)
    assert found.predicted_gain is None
    flat = selector.select(torch.zeros(3, 64, 64), method="paper")
    assert (flat.verdict, flat.group, flat.ranking) == (UNKNOWN, None, ())


def test_methods_that_cannot_be_used(selector: Selector, tmp_path: Path) -> None:
    image = torch.rand(3, 40, 40)
    raises_line(lambda: selector.select(image, method="papers"), "papers", "'paper'", kind=UnknownNameError)
    bare = Selector(replace(selector.profile, ggd={}), tmp_path, "cpu")
    raises_line(lambda: bare.select(image, method="paper"), "generalized Gaussians")


def test_the_built_in_selector(shipped: None, selector: Selector, profile_file: Path) -> None:
    found = Selector.builtin("cpu")
    assert [group.id for group in found.groups] == ["C1", "C2"]
    image = torch.rand((3, 70, 70), generator=torch.Generator().manual_seed(2))
    assert found.select(image) == selector.select(image)


def test_a_run_with_a_profile(profile_file: Path, tmp_path: Path, selector: Selector) -> None:
    groups = (
        replace(small_profiles.GROUPS[0], weights=Path("c1.safetensors")),
        replace(small_profiles.GROUPS[1], network="nafnet-16"),
    )
    replace(selector.profile, groups=groups).write(tmp_path / FILE)
    save_grouping(tmp_path, ("jpeg",), ("haze",))
    raises_line(lambda: Selector.from_run(tmp_path, "cpu"), FILE, "other groups", "grids profile", kind=RunError)
    save_grouping(tmp_path, *(group.degradations for group in groups))
    found = Selector.from_run(str(tmp_path), "cpu")
    assert [group.weights for group in found.groups] == [tmp_path / "c1.safetensors", None]
    assert [group.network for group in found.groups] == [None, "nafnet-16"]
    assert found.groups[0].degradations == ("gaussian_noise", "salt_pepper")
    far = tmp_path / "elsewhere.safetensors"
    replace(selector.profile, groups=(replace(groups[0], weights=far), groups[1])).write(tmp_path / FILE)
    assert Selector.from_run(tmp_path, "cpu").groups[0].weights == far


def test_a_run_with_groups_alone_uses_the_built_in_profile(shipped: None, crops: list[Tensor], tmp_path: Path) -> None:
    run = save_grouping(tmp_path / "run", ("gaussian_blur", "salt_pepper"), ("gaussian_noise",), weights=("x.pt", None))
    found = Selector.from_run(run, "cpu")
    assert [group.degradations for group in found.groups] == [("gaussian_blur", "salt_pepper"), ("gaussian_noise",)]
    assert [group.weights for group in found.groups] == [run / "x.pt", None]
    selection = found.select(degraded(crops[16], "salt_pepper", 0.7))
    assert selection.group == "C1"
    assert selection.predicted_gain is None and selection.interval is None
    assert all(ranked.predicted_gain is None for ranked in selection.ranking)
    assert sum(ranked.probability for ranked in selection.ranking) + selection.degradations[CLEAN] == pytest.approx(1)


def test_a_kind_of_no_group_is_unknown_to_the_run(shipped: None, crops: list[Tensor], tmp_path: Path) -> None:
    found = Selector.from_run(save_grouping(tmp_path / "run", ("gaussian_noise",), ("salt_pepper",)), "cpu")
    selection = found.select(degraded(crops[20], "gaussian_blur", 0.9))
    assert selection.degradation == "gaussian_blur"
    assert (selection.verdict, selection.group) == (UNKNOWN, None)


def test_runs_that_cannot_be_used(shipped: None, profile_file: Path, tmp_path: Path) -> None:
    def wrong(run: Path, *says: str, kind: type[GridsError] = RunError) -> None:
        raises_line(lambda: Selector.from_run(run, "cpu"), *says, kind=kind)

    wrong(tmp_path / "none", str(tmp_path / "none"), "no run folder")
    wrong(profile_file, str(profile_file), "no run folder")
    (tmp_path / "empty").mkdir()
    wrong(tmp_path / "empty", str(tmp_path / "empty"), FILE, "groups.json", "grids profile")
    run = save_grouping(tmp_path / "haze", ("gaussian_noise",), ("made_up",))
    wrong(run, str(run), "'made_up'", "grids profile")
    (run / "groups.json").write_text("{")
    wrong(run, "groups.json")
    (run / FILE).write_bytes(profile_file.read_bytes()[:500])
    wrong(run, str(run / FILE), "damaged")
    other = tmp_path / "other"
    other.mkdir()
    replace(read_profile(profile_file), descriptor_sha256="0" * 64).write(other / FILE)
    wrong(other, "another descriptor", "grids profile", kind=WeightsError)


def test_the_descriptor_can_be_named(swift_files: dict[str, Path], tmp_path: Path, profile_file: Path) -> None:
    profile, descriptor = (swift_files[name] for name in ("profile.safetensors", "srresnet_x4.safetensors"))
    copied = Path(shutil.copy(descriptor, tmp_path / "mine.safetensors"))
    found = Selector(read_profile(profile), tmp_path, "cpu", copied)
    check(found.select(torch.rand(3, 50, 50)), found)
    raises_line(lambda: Selector(read_profile(profile), tmp_path, "cpu"), "another descriptor", kind=WeightsError)
    raises_line(lambda: Selector(read_profile(profile_file), tmp_path, "abacus"), "abacus")


@pytest.mark.slow
def test_a_restorer_of_all_is_one_more_candidate(crops: list[Tensor], descriptor: Descriptor, tmp_path: Path) -> None:
    both = (*GROUPS, Candidate("mix", KINDS[1:]))
    kinds = {name: None if name == CLEAN else degradation(name) for name in KINDS}
    named = [(f"photo {i}", crop) for i, crop in enumerate(crops)]
    # that of all does nothing, but noise gains by the mean, and blur is harmed by the restorer of its own group
    restorers = (small_profiles.Mean(), small_profiles.Mean(), nn.Identity())
    parts = [make_samples(some, kinds, descriptor, restorers) for some in (named[:18], named[18:])]
    profile = fit_profile(*parts, KINDS, both, descriptor_sha256=descriptor.sha256, ggd=GGD)
    found = Selector(profile, tmp_path, "cpu")
    noisy = found.select(degraded(crops[16], "gaussian_noise", 0.8))
    assert noisy.group in ("C1", "C2") and noisy.promises()
    blurred = found.select(degraded(crops[16], "gaussian_blur", 0.8))
    assert blurred.group == "mix" and blurred.degradation == "gaussian_blur" and not blurred.promises()
    chances = {ranked.group: ranked.probability for ranked in blurred.ranking}
    assert chances["mix"] == pytest.approx(chances["C1"] + chances["C2"])
    # the published rule knows groups alone
    assert {ranked.group for ranked in found.select(crops[0], method="paper").ranking} == {"C1", "C2"}


def test_sixteen_bits_are_judged_as_they_are(selector: Selector, crops: list[Tensor], tmp_path: Path) -> None:
    image = degraded(crops[21], "gaussian_noise", 0.6)
    eight, sixteen = photo_from_tensor(image), photo_from_tensor(image, bits=16)
    assert selector.select(sixteen).degradations == pytest.approx(selector.select(eight).degradations, abs=1e-4)
    grey = tmp_path / "grey.png"
    Image.fromarray((image[0] * 255).byte().numpy()).save(grey)
    check(selector.select(grey), selector)


def test_restore_runs_the_chosen_restorer(profile_file: Path, crops: list[Tensor], tmp_path: Path) -> None:
    restorer = small_profiles.TINY.network(width=4, encoder=(1,), middle=1, decoder=(1,))
    save_restorer(tmp_path / "tiny.safetensors", restorer, {"preset": "nafnet", "tasks": ["gaussian_noise"]})
    profile = replace(read_profile(profile_file), gains=None)
    groups = (replace(profile.groups[0], weights=Path("tiny.safetensors")), profile.groups[1])
    found = Selector(replace(profile, groups=groups), tmp_path, "cpu")
    file = save_image(tmp_path / "noisy.png", degraded(crops[16], "gaussian_noise", 0.7, 16))
    restored = found.restore(file)
    assert restored.groups == ("C1",) and restored.why == "done"
    assert not np.array_equal(restored.photo.pixels, read_photo(file).pixels)
    blurred = save_image(tmp_path / "blurred.png", degraded(crops[16], "gaussian_blur", 0.7, 16))
    raises_line(lambda: found.restore(blurred), "C2", "no restorer")
    clean = read_photo(save_image(tmp_path / "clean.png", crops[17]))
    assert found.select(clean).verdict == CLEAN
    assert np.array_equal(found.restore(clean).photo.pixels, clean.pixels)


THREADS = 8


def results(shipped_selector: Selector, number: int) -> list[Tensor]:
    """What a client gets: its image degraded, judged, restored, and in tiles by a network that pools."""
    image = scene(THREADS, 136)[number]
    kind = degradation(("gaussian_noise", "jpeg", "gaussian_blur", "salt_pepper")[number % 4])
    damaged = kind(image[None], seeded(number))[0]
    judged = shipped_selector.select(damaged)
    restored = shipped_selector.restore(damaged, group=shipped_selector.groups[number % 4].id, tile=128)
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
def shipped_selector() -> Selector:
    return Selector.builtin("cpu")


def together(work: Callable[[int], list[Tensor]]) -> list[list[Tensor]]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


@pytest.mark.slow
def test_eight_threads_get_what_one_after_the_other_would(shipped_selector: Selector) -> None:
    found = together(lambda number: results(shipped_selector, number))
    for number, one in enumerate(found):
        for got, expected in zip(one, results(shipped_selector, number), strict=True):
            torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)
