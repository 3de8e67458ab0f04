"""Learning profiles with a swift descriptor: what matters here is what goes in, what comes out, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import raises_line
from safetensors.numpy import save_file
from small_profiles import degraded, save_grouping, save_image, save_images, save_tiny
from torch import Tensor

from grids.errors import GridsError, RunError
from grids.images import ReadOptions, Skipped
from grids.pipeline import profile as profiling
from grids.pipeline.inputs import split_for_calibration
from grids.pipeline.profile import profile_examples, profile_run
from grids.results import CLEAN
from grids.selection.profile import FILE, read_profile
from grids.selection.selector import Selector
from grids.similarity.descriptor import Descriptor

pytestmark = pytest.mark.usefixtures("swift")


@pytest.fixture
def clean(crops: list[Tensor], tmp_path: Path) -> Path:
    """A folder of 12 photographs."""
    return save_images(tmp_path / "clean", crops[:12])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder of two groups, without restorers."""
    return save_grouping(tmp_path / "run", ("gaussian_noise", "salt_pepper"), ("gaussian_blur",))


def test_a_run_without_restorers(clean: Path, run: Path, crops: list[Tensor]) -> None:
    totals: list[int] = []
    done: list[None] = []
    profile = profile_run(clean, run, device="cpu", on_start=totals.append, on_done=lambda: done.append(None))
    assert profile.kinds == ("clean", "gaussian_noise", "salt_pepper", "gaussian_blur", "other")
    assert [group.id for group in profile.groups] == ["C1", "C2"]
    assert profile.gains is None
    assert set(profile.ggd) == {"gaussian_noise", "salt_pepper", "gaussian_blur"}  # those of the built-in profile
    assert profile.record["photographs"] == 12
    assert (totals, len(done)) == ([12], 12)
    assert read_profile(run / FILE).groups == profile.groups
    selector = Selector.from_run(run, "cpu")
    for name, group in (("gaussian_noise", "C1"), ("salt_pepper", "C1"), ("gaussian_blur", "C2")):
        found = selector.select(degraded(crops[18], name, 0.7))
        assert found.ranking[0].group == group
        assert found.predicted_gain is None


@pytest.mark.slow
def test_it_hangs_on_the_seed_alone(clean: Path, run: Path) -> None:
    files = []
    for seed in (0, 0, 1):
        profile_run(clean, run, device="cpu", seed=seed)
        files.append((run / FILE).read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.slow
def test_gains_are_predicted_where_the_restorers_are_there(clean: Path, tmp_path: Path, crops: list[Tensor]) -> None:
    run = save_grouping(
        tmp_path / "with", ("gaussian_noise", "salt_pepper"), ("gaussian_blur",), weights=("a.safetensors", "b.pt")
    )
    save_tiny(run / "a.safetensors")
    raises_line(lambda: profile_run(clean, run, device="cpu"), "b.pt")
    save_grouping(
        run, ("gaussian_noise", "salt_pepper"), ("gaussian_blur",), weights=("a.safetensors", "b.safetensors")
    )
    save_tiny(run / "b.safetensors", seed=1)
    profile = profile_run(clean, run, device="cpu", draws=2)
    assert profile.gains is not None
    assert profile.record["draws"] == 2
    selector = Selector.from_run(run, "cpu")
    assert [group.weights for group in selector.groups] == [run / "a.safetensors", run / "b.safetensors"]
    found = selector.select(degraded(crops[18], "gaussian_noise", 0.7))
    assert all(ranked.predicted_gain is not None for ranked in found.ranking)
    one_missing = save_grouping(tmp_path / "one", ("gaussian_noise",), ("gaussian_blur",), weights=("a.pt", None))
    assert profile_run(clean, one_missing, device="cpu").gains is None


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_too_few_photographs_are_refused(crops: list[Tensor], run: Path, tmp_path: Path, count: int) -> None:
    few = save_images(tmp_path / "few", crops[:count])
    raises_line(lambda: profile_run(few, run, device="cpu"), "too few photographs", str(count), "at least 8")
    assert not (run / FILE).exists()


def test_eight_photographs_are_enough_with_restorers_too(crops: list[Tensor], tmp_path: Path) -> None:
    run = save_grouping(
        tmp_path / "run", ("gaussian_noise",), ("gaussian_blur",), weights=("a.safetensors", "a.safetensors")
    )
    save_tiny(run / "a.safetensors")
    profile = profile_run(save_images(tmp_path / "eight", crops[:8]), run, device="cpu")
    assert profile.gains is None  # too few for an interval


@pytest.mark.slow
def test_photographs_that_cannot_be_used(clean: Path, run: Path, crops: list[Tensor], tmp_path: Path) -> None:
    save_image(clean / "small.png", torch.rand(3, 31, 40))
    (clean / "text.png").write_text("no image")
    skipped: list[Skipped] = []
    assert (
        profile_run(clean, run, device="cpu", reading=ReadOptions(on_skip=skipped.append)).record["photographs"] == 12
    )
    assert {bad.path.name for bad in skipped} == {"small.png", "text.png"}
    seven = save_images(tmp_path / "seven", crops[:7])
    (seven / "text.png").write_text("no image")
    raises_line(lambda: profile_run(seven, run, device="cpu"), "too few photographs", "7")


def test_functions_for_degradations_of_their_own(clean: Path, tmp_path: Path, crops: list[Tensor]) -> None:
    def darker(images: Tensor, severity: Tensor, generator: torch.Generator) -> Tensor:
        return images * 0.3

    run = save_grouping(tmp_path / "run", ("gaussian_noise",), ("darker",))
    raises_line(lambda: profile_run(clean, run, device="cpu"), "darker")
    raises_line(
        lambda: profile_run(clean, run, functions={"darker": darker, "red": darker}, device="cpu"), "'red'", "darker"
    )
    raises_line(lambda: profile_run(clean, run, functions={"darker": "none.py:f"}, device="cpu"), "none.py")
    profile = profile_run(clean, run, functions={"darker": darker}, device="cpu")
    assert profile.kinds == ("clean", "gaussian_noise", "darker", "other")
    assert "darker" not in profile.ggd
    dark = (crops[18] * 0.3).mul(255).round().div(255)
    assert Selector.from_run(run, "cpu").select(dark).ranking[0].group == "C2"


def test_runs_and_values_that_cannot_be_used(clean: Path, run: Path, tmp_path: Path) -> None:
    raises_line(lambda: profile_run(clean, tmp_path / "none"), str(tmp_path / "none"), "groups.json", kind=RunError)
    raises_line(lambda: profile_run(tmp_path / "no_photos", run), "no_photos")
    raises_line(lambda: profile_run(clean, run, draws=0), "draws must be at least 1", "0")
    raises_line(lambda: profile_run(clean, run, seed=-1), "seed")
    raises_line(lambda: profile_run(clean, run, device="abacus"), "abacus")
    (run / "groups.json").write_text("[]")
    raises_line(lambda: profile_run(clean, run), "groups.json", kind=RunError)


def test_a_photograph_keeps_its_part_when_others_come() -> None:
    paths = [Path(f"folder/{k}.png") for k in range(80)]
    learnt, kept = split_for_calibration(paths)
    assert (len(learnt), len(kept)) == (60, 20)
    assert sorted(learnt + kept) == sorted(paths)
    assert [path for path in paths if path in set(learnt)] == learnt
    for more in range(80, 90):
        learnt_then, kept_then = split_for_calibration([*paths, Path(f"folder/{more}.png")])
        assert len(set(kept) ^ set(kept_then)) <= 2
        assert len(set(learnt) ^ set(learnt_then)) <= 2
    elsewhere = split_for_calibration([Path("other") / path.name for path in paths])[1]
    assert [path.name for path in elsewhere] == [path.name for path in kept]
    assert [len(part) for part in split_for_calibration(paths[:8])] == [6, 2]


# ---------------------------------------------------------------- from examples


@pytest.fixture
def examples(crops: list[Tensor], tmp_path: Path) -> dict[str, str]:
    """Folders of ten noisy and ten blurred images."""
    names = {"denoise": "gaussian_noise", "sharpen": "gaussian_blur"}
    return {name: str(save_images(tmp_path / name, crops[:10], kind)) for name, kind in names.items()}


@pytest.mark.slow
def test_two_groups_from_examples(examples: dict[str, str], clean: Path, tmp_path: Path, crops: list[Tensor]) -> None:
    run = tmp_path / "new" / "run"
    totals: list[int] = []
    done: list[None] = []
    profile = profile_examples(
        examples, run, clean=clean, device="cpu", on_start=totals.append, on_done=lambda: done.append(None)
    )
    assert profile.kinds == (CLEAN, "denoise", "sharpen", "other")
    assert profile.gains is None
    assert profile.record["examples"] == {CLEAN: 12, "denoise": 10, "sharpen": 10}
    assert (totals, len(done)) == ([32], 32)
    selector = Selector.from_run(run, "cpu")
    assert [(group.id, group.degradations, group.weights) for group in selector.groups] == [
        ("denoise", ("denoise",), None),
        ("sharpen", ("sharpen",), None),
    ]
    for number in (16, 18, 20, 22):
        for kind, name in (("gaussian_noise", "denoise"), ("gaussian_blur", "sharpen")):
            found = selector.select(degraded(crops[number], kind, 0.6, number))
            assert found.ranking[0].group == name
            assert found.predicted_gain is None
    raises_line(lambda: selector.select(crops[0], method="paper"), "generalized Gaussians")


@pytest.mark.slow
def test_the_written_profile_is_on_plain_statistics(examples: dict[str, str], clean: Path, tmp_path: Path) -> None:
    made = profile_examples(examples, tmp_path / "run", clean=clean, device="cpu")
    read = read_profile(tmp_path / "run" / FILE)
    assert made.discriminant.projection.shape[0] == 8 * 13 + 78 + 26 + 32 + 18 + 16
    rows = np.random.default_rng(0).normal(size=(4, 274)) * made.discriminant.scale + made.discriminant.mean
    first, second = (one.discriminant.squared_distances(one.discriminant.whiten(rows)) for one in (made, read))
    assert first == pytest.approx(second, rel=1e-3)


@pytest.mark.slow
def test_large_examples_are_described_by_their_quarters_too(
    examples: dict[str, str], clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, ...]] = []
    real = profiling.describe

    blurs: list[Tensor] = []

    def noted(descriptor: object, image: Tensor, visible: None, blur: Tensor) -> object:
        sizes.append(tuple(image.shape[1:]))
        blurs.append(blur)
        return real(descriptor, image, blur=blur)  # type: ignore[arg-type]

    monkeypatch.setattr(profiling, "describe", noted)
    save_image(Path(examples["denoise"]) / "z.png", torch.rand(3, 300, 257))
    profile_examples(examples, tmp_path / "run", clean=clean, device="cpu")
    assert [size for size in sizes if size != (60, 72)] == [(300, 257), *[(150, 128), (150, 129)] * 2]
    looked = [blur for size, blur in zip(sizes, blurs, strict=True) if size != (60, 72)]
    assert looked[0].any() and all(torch.equal(blur, looked[0]) for blur in looked)


@pytest.mark.slow
def test_restorers_of_examples(
    examples: dict[str, str], clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = save_tiny(tmp_path / "mine.safetensors")
    bare = save_tiny(tmp_path / "bare.safetensors", record={"preset": None})
    profile = profile_examples(
        examples,
        tmp_path / "run",
        clean=clean,
        restorers={"denoise": "mine.safetensors", "sharpen": bare},
        networks={"sharpen": "nafnet"},
        device="cpu",
    )
    assert [group.weights for group in profile.groups] == [file, bare]
    assert [group.network for group in profile.groups] == [None, "nafnet"]


def test_what_is_wrong_with_examples(examples: dict[str, str], clean: Path, tmp_path: Path) -> None:
    file = save_tiny(tmp_path / "mine.safetensors")
    bare = save_tiny(tmp_path / "bare.safetensors", record={"preset": None})
    (tmp_path / "text.pt").write_text("no weights")

    def wrong(*says: str, given: dict[str, str] | None = None, **options: object) -> None:
        run = tmp_path / "refused"
        raises_line(
            lambda: profile_examples(given or examples, run, clean=clean, device="cpu", **options),  # type: ignore[arg-type]
            *says,
        )
        assert not run.exists()

    wrong("'dehaze'", "`examples` dehaze=", restorers={"dehaze": file})
    wrong("'dehaze'", "`examples` dehaze=", networks={"dehaze": "nafnet"})
    wrong("'denoise'", "`restorers` denoise=", networks={"denoise": "nafnet"})
    save_file({"layer.weight": np.zeros(2, np.float32)}, tmp_path / "strange.safetensors")
    wrong("strange.safetensors", "`network`", restorers={"denoise": tmp_path / "strange.safetensors"})
    wrong("nafnit", restorers={"denoise": bare}, networks={"denoise": "nafnit"})
    wrong("text.pt", restorers={"denoise": tmp_path / "text.pt"})
    wrong("none.pt", restorers={"denoise": tmp_path / "none.pt"})
    wrong("'clean'", "no group", given={**examples, "clean": str(clean)})
    wrong("no_folder", given={**examples, "dehaze": str(tmp_path / "no_folder")})
    wrong("", given={**examples, "a name": str(clean)})


def test_too_few_examples_are_refused(
    examples: dict[str, str], clean: Path, tmp_path: Path, crops: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    seven = str(save_images(tmp_path / "seven", crops[:7], "gaussian_noise"))
    run = tmp_path / "run"
    monkeypatch.setattr(Descriptor, "__init__", lambda *_, **__: pytest.fail("before they were counted"))
    with pytest.raises(GridsError, match=r"too few examples of 'few': at least 8 are needed, but there are 7"):
        profile_examples({**examples, "few": seven}, run, clean=clean, device="cpu")
    with pytest.raises(GridsError, match=r"too few clean photographs: at least 8 are needed, but there are 7"):
        profile_examples(examples, run, clean=seven, device="cpu")


def test_the_descriptor_of_the_profile_is_the_one_that_selects(clean: Path, run: Path) -> None:
    profile = profile_run(clean, run, device="cpu")
    replace(profile, descriptor_sha256="0" * 64).write(run / FILE)
    raises_line(lambda: Selector.from_run(run, "cpu"), "another descriptor")
