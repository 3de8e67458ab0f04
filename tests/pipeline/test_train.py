"""Training one network alone and measuring it, from Python."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contracts import pillow_jpeg
from PIL import Image
from skimage.metrics import structural_similarity
from torch import nn

import grids
from grids import TrainingReport, metrics
from grids.degradations import degradation
from grids.errors import GridsError, RunError
from grids.networks import SRResNetX4, UNet
from grids.networks.table import TABLE, Preset
from grids.pipeline import train as training
from grids.random import seed_for, seeded
from grids.restoration.models import initialize, load_restorer, save_restorer
from grids.similarity.descriptor import Descriptor
from grids.training.callbacks import NullCallbacks
from grids.training.config import TrainingConfig
from grids.training.photographs import Photographs
from grids.training.tasks import Reduced
from grids.training.trainer import OutOfTimeError
from grids.weights import load_state

RECIPE = TrainingConfig(iterations=3, crop=16, batch=2, precision="fp32", steps_per="model")
TASKS = ("gaussian_noise", "jpeg")
CONTROL = ("device", "time_budget", "callbacks")


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, "unet", Preset(UNet, "tiny", {"width": 4, "levels": 1, "blocks": 1}))
    monkeypatch.setattr(training, "shipped_start", lambda network: None)  # of other sizes
    monkeypatch.setitem(TABLE, "srresnet-x4", Preset(SRResNetX4, "tiny", {"channels": 8, "blocks": 1}))


def train(photos: Path, out: Path, **changes: Any) -> TrainingReport:
    given: dict[str, Any] = {"tasks": TASKS, "config": RECIPE, "device": "cpu", "out": out} | changes
    tasks = grids.TaskSources(given.pop("tasks"), pairs=given.pop("pairs", {}))
    control = grids.RunControl(*(given.pop(n, d) for n, d in zip(CONTROL, ("auto", inf, NullCallbacks()), strict=True)))
    settings = grids.TrainingSettings(**{n: given.pop(n) for n in ("network", "config", "start") if n in given})
    return grids.train_restorer(photos, tasks, settings, control=control, **given)


class Heard(NullCallbacks):
    def __init__(self) -> None:
        self.steps: list[int] = []
        self.reused: list[bool] = []

    def step(self, done: int) -> None:
        self.steps.append(done)

    def finished(self, run: grids.results.TrainingRun, reused: bool) -> None:
        self.reused.append(reused)


def test_a_restorer_is_trained_and_measured(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run" / "model.safetensors"
    report = train(photos, out)
    assert {file.name for file in out.parent.iterdir()} == {"model.safetensors", "model.training.json"}
    (run,) = report.runs
    assert (run.group, run.curve[-1].step, run.file) == (TASKS, 3, "model.safetensors")
    assert set(report.inputs) == set(run.psnr) == set(TASKS)
    restorer = load_restorer(out)
    assert (restorer.preset, restorer.tasks) == ("unet", TASKS)
    assert TrainingReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("at", [1, 3])
def test_a_folder_that_goes_during_a_training_is_an_error(photos: Path, tmp_path: Path, at: int) -> None:
    out = tmp_path / "run" / "model.safetensors"

    class Removes(NullCallbacks):
        def step(self, done: int) -> None:
            if done == at:
                shutil.rmtree(out.parent)

    with pytest.raises(RunError, match=r"model\.safetensors': its folder was moved or deleted meanwhile"):
        train(photos, out, callbacks=Removes())
    assert not out.parent.exists()
    assert train(photos, out).runs[0].group == TASKS  # it is not refused for what was left


def test_what_was_trained_is_read_and_other_settings_are_named(photos: Path, tmp_path: Path) -> None:
    out, heard = tmp_path / "m.safetensors", Heard()
    first = train(photos, out)
    before = out.read_bytes()
    assert train(photos, out, callbacks=heard) == first
    assert (heard.steps, heard.reused) == ([], [True])
    for changes, reason in (
        ({"config": replace(RECIPE, iterations=4)}, "iterations 3, now 4"),
        ({"tasks": ("jpeg",)}, r"tasks gaussian_noise\+jpeg, now jpeg"),
        ({"network": "srresnet"}, "network unet, now srresnet"),
        ({"start": shutil.copyfile(out, tmp_path / "start.safetensors")}, "another start"),
        ({"val": [photos / "p0.png"]}, "both learnt from and measured on"),
    ):
        with pytest.raises(GridsError, match=reason):
            train(photos, out, **changes)
    others = tmp_path / "others"
    others.mkdir()
    for i in range(2):
        (others / f"p{i}.png").write_bytes((photos / f"p{i}.png").read_bytes())
    with pytest.raises(RunError, match=r"other photographs; other photographs to measure on\. Choose another"):
        train(others, out)
    out.with_suffix(".training.json").unlink()
    with pytest.raises(RunError, match="does not tell of which settings"):
        train(photos, out, config=replace(RECIPE, iterations=4))
    assert out.read_bytes() == before


def test_a_training_goes_on_where_it_was_broken_off(photos: Path, tmp_path: Path) -> None:
    whole, broken, heard = tmp_path / "a.safetensors", tmp_path / "b.safetensors", Heard()
    with pytest.raises(RunError, match="nothing to resume"):
        train(photos, broken, resume=True)
    for done in (1, 2):
        with pytest.raises(OutOfTimeError, match=f"{done} of 3 steps"):
            train(photos, broken, time_budget=0.0)
        assert broken.with_suffix(".ckpt").exists()
    with pytest.raises(RunError, match=r"learning rate 0\.0005, now 0\.1"):
        train(photos, broken, config=replace(RECIPE, learning_rate=0.1))
    train(photos, broken, resume=True, callbacks=heard)
    assert (heard.steps, heard.reused) == ([3], [False])
    assert not broken.with_suffix(".ckpt").exists()
    train(photos, whole)
    first, second = load_state(whole), load_state(broken)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_ctrl_c_keeps_what_was_learnt(photos: Path, tmp_path: Path) -> None:
    class Stops(NullCallbacks):
        def step(self, done: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    out, heard = tmp_path / "m.safetensors", Heard()
    try:
        with pytest.raises(KeyboardInterrupt):
            train(photos, out, callbacks=Stops())
    finally:
        signal.signal(signal.SIGINT, before)
    train(photos, out, callbacks=heard)
    assert heard.steps == [2, 3]


def test_ctrl_c_in_the_last_step_keeps_the_restorer(photos: Path, tmp_path: Path) -> None:
    class Stops(NullCallbacks):
        def step(self, done: int) -> None:
            if done == 3:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    out, heard = tmp_path / "m.safetensors", Heard()
    try:
        with pytest.raises(KeyboardInterrupt):
            train(photos, out, callbacks=Stops())
    finally:
        signal.signal(signal.SIGINT, before)
    assert not out.with_suffix(".ckpt").exists()
    train(photos, out, callbacks=heard)
    assert (heard.steps, heard.reused) == ([], [True])


@pytest.mark.slow
def test_it_begins_with_the_weights_that_ship(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = initialize("unet", 7)
    nn.init.normal_(network.last.weight)  # type: ignore[union-attr,arg-type]
    shipped = save_restorer(tmp_path / "shipped.safetensors", network, {"preset": "unet", "tasks": []})
    monkeypatch.setattr(training, "shipped_start", {"unet": shipped}.get)
    still = replace(RECIPE, iterations=1, learning_rate=1e-9)
    told = [train(photos, tmp_path / f"{start}.safetensors", config=still, start=start) for start in (None, "scratch")]
    assert [report.start for report in told] == ["from the weights that ship", "from scratch"]
    begun, scratch = (load_state(tmp_path / f"{start}.safetensors") for start in (None, "scratch"))
    assert all(torch.allclose(begun[key], value, atol=1e-6) for key, value in network.state_dict().items())
    assert float(scratch["last.weight"].abs().max()) < 1e-6
    other = train(photos, tmp_path / "other.safetensors", config=still, network="srresnet")
    assert other.start == "from scratch"  # there is none for this one


def test_settings_that_left_nothing_behind_do_not_count(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    out.with_suffix(".training.json").write_text("{}")
    out.with_suffix(".json").write_text("another file")
    assert train(photos, out, config=replace(RECIPE, iterations=1)).runs[0].curve[-1].step == 1
    assert out.with_suffix(".json").read_text() == "another file"


def test_a_start_is_taken(photos: Path, tmp_path: Path) -> None:
    start = save_restorer(tmp_path / "s.safetensors", initialize("unet", 5), {"preset": "unet", "tasks": []})
    config = replace(RECIPE, iterations=1, learning_rate=1e-12, average=0.0)
    report = train(photos, tmp_path / "m.safetensors", start=start, config=config)
    assert report.start == "from the weights in 's.safetensors'"
    first, second = load_state(start), load_state(tmp_path / "m.safetensors")
    for key in first:
        torch.testing.assert_close(first[key], second[key], atol=1e-6, rtol=0)
    with pytest.raises(GridsError, match=r"cannot start from .* weights of the network 'nafnet-m'"):
        train(photos, tmp_path / "n.safetensors", start=start, network="nafnet-m")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"network": "srresnet-x4"}, "enlarges images"),
        ({"network": "restorer"}, "unknown network 'restorer'; did you mean 'restormer'"),
        ({"tasks": ("jpg",)}, "unknown degradation 'jpg'"),
        ({"out": "model.pth"}, "ends in .safetensors"),
        ({"device": "tpu"}, "unknown device"),
        ({"config": replace(RECIPE, precision="fp16")}, "fp16 needs an NVIDIA GPU"),
        ({"config": replace(RECIPE, crop=256)}, "at least 256 are needed"),
        ({"pairs": {"fog": "a:b"}, "tasks": ("fog",)}, "there is no folder 'a'"),
    ],
)
def test_what_is_wrong_is_named(photos: Path, tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(GridsError, match=reason):
        train(photos, **{"out": tmp_path / "m.safetensors", **changes})
    assert [file.name for file in tmp_path.iterdir()] == ["photos"]


def test_one_photograph_is_too_few(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(GridsError, match="too few photographs"):
        train(photos / "p0.png", tmp_path / "m.safetensors")


# --- the descriptor


def test_a_descriptor_is_trained_and_taken(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "d.safetensors"
    config = replace(RECIPE, iterations=2)
    with pytest.raises(OutOfTimeError):
        grids.train_descriptor(photos, config=config, out=out, control=grids.RunControl("cpu", 0.0))
    report = grids.train_descriptor(photos, config=config, out=out, control=grids.RunControl("cpu"))
    assert (report.network, report.tasks, report.runs[0].curve[-1].step) == ("srresnet-x4", ("x4",), 2)
    assert 15 < report.inputs["x4"] < 40
    assert Descriptor(out).network.channels == 8
    settings = grids.SimilaritySettings(patches=12, patch_size=16)
    found = grids.measure_similarity(photos, settings, degradations=TASKS, descriptor=out, device="cpu")
    assert found.degradations == TASKS
    with pytest.raises(GridsError, match="enlarges images"):
        grids.evaluate_restorer(out, photos)
    assert training.DESCRIPTOR_CONFIG.learning_rate == 2e-4


def test_its_inputs_are_bicubic_reductions(photos: Path) -> None:
    task = Reduced()
    photographs = Photographs(sorted(photos.iterdir()), 32)
    inputs, targets = task.examples(photographs, 32, 5, 0)
    assert (inputs.shape, targets.shape) == ((5, 3, 8, 8), (5, 3, 32, 32))
    clean = targets.float().div(255)
    drawn, same = task.draw(clean, seeded(0))
    assert torch.equal(same, clean)
    assert torch.equal(drawn.mul(255).round().byte(), inputs)
    reference = np.array(Image.fromarray(targets[0].permute(1, 2, 0).numpy()).resize((8, 8), Image.Resampling.BICUBIC))
    assert np.abs(reference.astype(int) - inputs[0].permute(1, 2, 0).numpy()).max() <= 2


# --- measuring


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = initialize("unet", 1)
    nn.init.normal_(network.last.weight, std=0.01)  # type: ignore[operator, arg-type, union-attr]
    return save_restorer(tmp_path / "m.safetensors", network, {"preset": "unet", "tasks": list(TASKS)})


def test_a_restorer_is_measured_on_whole_photographs(photos: Path, model: Path) -> None:
    found = grids.evaluate_restorer(model, photos, seed=3, device="cpu")
    assert (found.tasks, found.network, found.saved, len(found.scores)) == (TASKS, "unet", ("", "JPEG 90"), 20)
    score, saved = found.of("jpeg")[2], found.of("jpeg", "JPEG 90")[2]
    clean = np.array(Image.open(photos / score.photograph))
    tensor = torch.from_numpy(clean.copy()).permute(2, 0, 1).float().div(255)
    bad = degradation("jpeg")(tensor[None], seeded(seed_for(3, f"jpeg {score.photograph}")))
    worse = pillow_jpeg(bad, 90)
    with torch.no_grad():
        good, mended = (load_restorer(model).network(images) for images in (bad, worse))
    for images, psnr, ssim in (
        (bad, score.input_psnr, score.input_ssim),
        (good, score.psnr, score.ssim),
        (worse, saved.input_psnr, saved.input_ssim),
        (mended, saved.psnr, saved.ssim),
    ):
        pixels = images[0].clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy()
        assert psnr == pytest.approx(10 * np.log10(255**2 / np.square(pixels - clean).mean()), abs=1e-3)
        reference = structural_similarity(
            pixels.astype(float),
            clean.astype(float),
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )[1]
        assert ssim == pytest.approx(reference[5:-5, 5:-5].mean(), abs=1e-4)


def test_a_restorer_that_gives_no_numbers_is_refused(photos: Path, model: Path) -> None:
    network = load_restorer(model).network
    for value in network.parameters():
        value.fill_(1e38)  # finite, but their products are not
    save_restorer(model, network, {"preset": "unet", "tasks": ["jpeg"]})
    with pytest.raises(GridsError, match=r"gives values that are not finite for '.*p0.png' \(jpeg\)"):
        grids.evaluate_restorer(model, photos, device="cpu")


def test_scores_do_not_depend_on_what_else_is_measured(photos: Path, model: Path) -> None:
    every = grids.evaluate_restorer(model, photos, device="cpu")
    files = [photos / "p3.png", photos / "p1.png"]
    some = grids.evaluate_restorer(model, files, ("salt_pepper", "jpeg"), device="cpu")
    assert set(some.of("jpeg")) == {every.of("jpeg")[1], every.of("jpeg")[3]}
    assert set(some.of("jpeg", "JPEG 90")) == {every.of("jpeg", "JPEG 90")[i] for i in (1, 3)}
    assert set(grids.evaluate_restorer(model, files, ("jpeg",), as_made=True, device="cpu").scores) == set(
        some.of("jpeg")
    )
    other = grids.evaluate_restorer(model, files, ("jpeg",), seed=1, device="cpu")
    assert other.mean("jpeg").input_psnr != some.mean("jpeg").input_psnr


def test_strips_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = torch.rand(2, 3, 53, 40)
    whole = metrics.whole_scores(first, second)
    assert whole == pytest.approx(
        (float(metrics.psnr(first[None], second[None])), float(metrics.ssim(first[None], second[None])))
    )
    monkeypatch.setattr(metrics, "STRIP", 7 * 40)
    assert metrics.whole_scores(first, second) == pytest.approx(whole)
    assert metrics.whole_scores(first, first) == (100.0, 1.0)


def test_pairs_are_measured_without_photographs(photos: Path, model: Path, tmp_path: Path) -> None:
    foggy = tmp_path / "foggy"
    foggy.mkdir()
    for file in photos.iterdir():
        Image.fromarray(np.array(Image.open(file)) // 2 + 100).save(foggy / file.name)
    pairs = {"fog": f"{foggy}:{photos}"}
    found = grids.evaluate_restorer(model, tmp_path / "nothing", grids.TaskSources(("fog",), pairs=pairs), device="cpu")
    assert [score.photograph for score in found.scores] == [f"p{i}.png" for i in range(5)]
    assert grids.evaluate_restorer(model, photos, grids.TaskSources(pairs=pairs), device="cpu").tasks == (*TASKS, "fog")
    (foggy / "p0.png").unlink()
    with pytest.raises(GridsError, match="do not match"):
        grids.evaluate_restorer(model, photos, grids.TaskSources(("fog",), pairs=pairs), device="cpu")
    Image.new("RGB", (50, 50)).save(foggy / "p0.png")
    with pytest.raises(GridsError, match="differs in size: 50 x 50 and 144 x 120"):
        grids.evaluate_restorer(model, photos, grids.TaskSources(("fog",), pairs=pairs), device="cpu")


def test_pairs_can_stand_in_for_a_degradation(photos: Path, model: Path) -> None:
    found = grids.evaluate_restorer(
        model, photos, grids.TaskSources(pairs={"jpeg": f"{photos}:{photos}"}), device="cpu"
    )
    assert found.tasks == TASKS
    assert {score.input_psnr for score in found.scores if score.task == "jpeg"} == {100.0}
    assert found.pairs == ("jpeg",) and found.to_json()["pairs"] == ("jpeg",)
    assert all(score.input_psnr < 100 for score in found.scores if score.task != "jpeg")


def test_models_that_do_not_say_what_they_are(photos: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.pth"
    torch.save({"params": initialize("unet", 0).state_dict()}, bare)
    strange = tmp_path / "strange.pth"
    torch.save({"params": {"layer.weight": torch.zeros(2)}}, strange)
    with pytest.raises(GridsError, match="`network`"):
        grids.evaluate_restorer(strange, photos)
    with pytest.raises(GridsError, match="not the weights of a Restormer"):
        grids.evaluate_restorer(bare, photos, network="restormer")
    found = grids.evaluate_restorer(bare, photos / "p0.png", device="cpu")
    assert (found.network, len(found.tasks)) == ("unet", 11)
    own = save_restorer(tmp_path / "o.safetensors", initialize("unet", 0), {"preset": "unet", "tasks": ["jpeg", "fog"]})
    with pytest.raises(GridsError, match="trained for 'fog', which is none of ours: give it with `pairs`"):
        grids.evaluate_restorer(own, photos)
    assert grids.evaluate_restorer(own, photos, ("jpeg",), device="cpu").tasks == ("jpeg",)
    hazy = save_restorer(tmp_path / "h.safetensors", initialize("unet", 0), {"preset": "unet", "tasks": ["haze"]})
    assert grids.evaluate_restorer(hazy, photos / "p0.png", device="cpu").tasks == ("haze",)
