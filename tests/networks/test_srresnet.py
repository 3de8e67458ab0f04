"""SRResNet x4 and the weights it is loaded from."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from contracts import noise_images, raises_line
from safetensors.torch import save_file
from torch import Tensor, nn

from grids import weights
from grids.errors import WeightsError
from grids.networks import SRResNetX4


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(SRResNetX4(8, 3).state_dict())


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize(("channels", "blocks"), [(64, 16), (8, 3), (5, 1), (4, 12)])
def test_width_and_depth_are_read_off_the_state(channels: int, blocks: int) -> None:
    network = SRResNetX4.from_state(SRResNetX4(channels, blocks).state_dict())
    assert network.channels == channels
    assert len(network.body) == blocks


def test_features_can_be_tapped_where_they_are_named() -> None:
    network = SRResNetX4(8, 2).eval()
    images = noise_images(2, 3, 6, 9)
    with torch.no_grad():
        body = network.body_features(images)
        last = network.last_features(body.clone())
        assert body.shape == (2, 8, 6, 9)
        assert last.shape == (2, 8, 24, 36)
        enlarged = nn.functional.interpolate(images, scale_factor=4, mode="bilinear")
        assert torch.allclose(network(images), network.conv_last(last) + enlarged, atol=1e-6)


def test_tapping_the_last_features_leaves_the_body_alone() -> None:
    network = SRResNetX4(8, 2).eval()
    with torch.no_grad():
        body = network.body_features(noise_images(1, 3, 6, 6))
        kept = body.clone()
        network.last_features(body)
    assert torch.equal(body, kept)


def test_the_global_residual_can_be_left_out(state: dict[str, Tensor]) -> None:
    images = noise_images(1, 3, 6, 6)
    with torch.no_grad():
        difference = SRResNetX4.from_state(state)(images) - SRResNetX4.from_state(state, global_residual=False)(images)
    enlarged = nn.functional.interpolate(images, scale_factor=4, mode="bilinear")
    assert torch.allclose(difference, enlarged, atol=1e-6)


def test_it_is_written_out_in_plain_convolutions(state: dict[str, Tensor]) -> None:
    """The same network from the state alone, with nothing of the class but the names of its entries."""

    def conv(x: Tensor, name: str) -> Tensor:
        return nn.functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    def leaky(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.1 * x)

    images = noise_images(1, 3, 7, 5)
    x = leaky(conv(images, "conv_first"))
    for i in range(3):
        x = x + conv(conv(x, f"body.{i}.conv1").clamp_min(0), f"body.{i}.conv2")
    for name in ("upconv1", "upconv2"):
        x = leaky(nn.functional.pixel_shuffle(conv(x, name), 2))
    x = conv(leaky(conv(x, "conv_hr")), "conv_last")
    expected = x + nn.functional.interpolate(images, scale_factor=4, mode="bilinear", align_corners=False)
    with torch.no_grad():
        assert torch.allclose(SRResNetX4.from_state(state)(images), expected, atol=1e-5)


def test_a_gap_in_the_blocks_is_named(state: dict[str, Tensor]) -> None:
    gap = {key: value for key, value in state.items() if not key.startswith("body.1.")}
    raises_line(lambda: SRResNetX4.from_state(gap), "'body.1.conv1", kind=WeightsError)


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("wrap", ["params", "params_ema", "state_dict", None])
def test_a_checkpoint_in_basicsrs_style_loads(tmp_path: Path, state: dict[str, Tensor], wrap: str | None) -> None:
    path = tmp_path / "net.pth"
    torch.save({wrap: state} if wrap else state, path)
    loaded = weights.load_state(path)
    assert loaded.keys() == state.keys()
    images = noise_images(1, 3, 5, 5)
    with torch.no_grad():
        assert torch.equal(SRResNetX4.from_state(loaded)(images), SRResNetX4.from_state(state)(images))


def test_the_average_is_preferred_to_the_last_weights(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"params": {"a": torch.zeros(2)}, "params_ema": state}, tmp_path / "net.pth")
    assert weights.load_state(tmp_path / "net.pth").keys() == state.keys()


def test_half_precision_and_data_parallel_names_are_undone(tmp_path: Path, state: dict[str, Tensor]) -> None:
    halved = {f"module.{key}": value.half() for key, value in state.items()}
    torch.save({"params": halved}, tmp_path / "net.pth")
    loaded = weights.load_state(tmp_path / "net.pth")
    assert loaded.keys() == state.keys()
    assert all(value.dtype == torch.float32 for value in loaded.values())


def test_safetensors_load(tmp_path: Path, state: dict[str, Tensor]) -> None:
    save_file(state, tmp_path / "net.safetensors")
    loaded = weights.load_state(tmp_path / "net.safetensors")
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, state: dict[str, Tensor], value: float, suffix: str
) -> None:
    state["conv_hr.bias"][3] = value
    path = tmp_path / f"net.{suffix}"
    if suffix == "pth":
        torch.save({"params": state}, path)
    else:
        save_file(state, path)
    raises_line(lambda: weights.load_state(path), str(path), "'conv_hr.bias'", kind=WeightsError)


class _Bomb:
    """A pickle that makes a folder when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return (os.mkdir, (self.target,))


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(tmp_path: Path, state: dict[str, Tensor]) -> None:
    bomb = _Bomb(tmp_path / "exploded")
    torch.save({"params": state, "extra": bomb}, tmp_path / "net.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(bomb))
    for name in ("net.pth", "bare.pth"):
        raises_line(lambda n=name: weights.load_state(tmp_path / n), name, kind=WeightsError)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_damaged_and_missing_files_are_one_line(tmp_path: Path, state: dict[str, Tensor], suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "pth":
        torch.save(state, whole)
    else:
        save_file(state, whole)
    cases = {"empty": b"", "cut": whole.read_bytes()[:-900], "text": b"hello, world" * 50}
    for name, data in cases.items():
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(data)
        raises_line(lambda p=path: weights.load_state(p), str(path), kind=WeightsError)
    raises_line(lambda: weights.load_state(tmp_path / f"no.{suffix}"), f"no.{suffix}", kind=WeightsError)
    raises_line(lambda: weights.load_state(tmp_path), str(tmp_path), kind=WeightsError)


@pytest.mark.parametrize("content", [{}, [1, 2], torch.zeros(3), {"params": {"a": 1}}, {"epoch": 3, "lr": 0.1}])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "net.pth")
    raises_line(lambda: weights.load_state(tmp_path / "net.pth"), "net.pth", kind=WeightsError)


# ---------------------------------------------------------------- what ships


def test_the_descriptor_ships_whole() -> None:
    path = weights.builtin(weights.DESCRIPTOR)
    network = SRResNetX4.from_state(weights.load_state(path))
    assert (network.channels, len(network.body)) == (64, 16)
    entry = weights.manifest()[weights.DESCRIPTOR]
    assert weights.sha256(path) == entry["sha256"]
    assert {"what", "licence", "trained_on"} <= entry.keys()


def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(weights.__file__).parent
    for name in ("manifest.json", weights.DESCRIPTOR):
        shutil.copy(folder / name, tmp_path / name)
    monkeypatch.setattr(weights, "_folder", lambda: tmp_path)
    copy = tmp_path / weights.DESCRIPTOR
    assert weights.builtin(weights.DESCRIPTOR) == copy
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.chmod(0o600)
    copy.write_bytes(data)
    raises_line(lambda: weights.builtin(weights.DESCRIPTOR), "checksum", str(copy), kind=WeightsError)
    copy.unlink()
    raises_line(lambda: weights.builtin(weights.DESCRIPTOR), "missing", kind=WeightsError)
    raises_line(lambda: weights.builtin("stranger.safetensors"), "stranger", kind=WeightsError)
