"""Restorers in files: what comes back, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from contracts import noise_images, raises_line
from safetensors.torch import save_file
from torch import nn
from training.tiny_trainings import furthest, same_weights

from grids import networks
from grids.errors import GridsError, RunError, UnknownNameError, WeightsError
from grids.networks import DuRBM, SRResNetX4
from grids.networks.table import Preset
from grids.restoration import models
from grids.restoration.models import initialize, load_restorer, load_start, read_record, save_restorer, start_weights

pytestmark = pytest.mark.usefixtures("tiny_preset")
RECORD = {"preset": "tiny", "tasks": ["jpeg", "noise"], "curve": [[3, 0.5, {"jpeg": 31.5}]], "name": "naïve"}


def saved(folder: Path, half: bool = False, record: dict[str, Any] | None = None) -> Path:
    return save_restorer(folder / "r.safetensors", initialize("tiny", 3), RECORD if record is None else record, half)


def test_a_restorer_comes_back(tmp_path: Path) -> None:
    found = load_restorer(saved(tmp_path))
    assert same_weights(found.network, initialize("tiny", 3))
    assert (found.preset, found.tasks, found.record) == ("tiny", ("jpeg", "noise"), RECORD)
    assert not found.network.training
    assert not any(value.requires_grad for value in found.network.parameters())
    images = noise_images(1, 3, 12, 9)
    with torch.no_grad():
        assert torch.equal(found.network(images), initialize("tiny", 3)(images))


def test_files_of_half_precision(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a").stat().st_size
    file = saved(tmp_path / "b", half=True)
    assert whole - file.stat().st_size == pytest.approx(2 * 1687, abs=100)  # two bytes a weight
    found = load_restorer(file).network
    assert all(value.dtype == torch.float32 for value in found.state_dict().values())
    assert 0 < furthest(found, initialize("tiny", 3)) < 1e-3


def test_the_record_can_be_read_alone(tmp_path: Path) -> None:
    assert read_record(saved(tmp_path)) == RECORD


def test_files_without_a_record_have_none(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    assert read_record(file) is None
    file.write_bytes(b"nothing of the kind")
    assert read_record(file) is None
    save_file({"a": torch.zeros(2)}, file)
    assert read_record(file) is None
    whole = saved(tmp_path)
    whole.write_bytes(whole.read_bytes()[:-1])
    assert read_record(whole) is None


@pytest.mark.parametrize(
    "text",
    [
        *("no json", "[1, 2]", "null", "[" * 100_000, '{"preset": ' + "9" * 5000 + "}", '{"preset": 3}'),
        *('{"preset": "tiny", "tasks": null}', '{"tasks": "jpeg"}', '{"tasks": [["jpeg"]]}'),
    ],
    ids=lambda text: text[:30],
)
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.safetensors"
    save_file(initialize("tiny", 5).state_dict(), file, {"grids_restorer": text})
    assert read_record(file) is None
    raises_line(lambda: load_restorer(file, "tiny"), f"'{file}'", "what it says of its restorer", kind=WeightsError)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_foreign_weights_of_a_network_that_is_named(tmp_path: Path, suffix: str) -> None:
    file, network = tmp_path / f"x{suffix}", initialize("tiny", 5)
    if suffix == ".pth":
        torch.save({"params": network.state_dict()}, file)
    else:
        save_file(network.state_dict(), file)
    assert same_weights(load_restorer(file).network, network)  # its entries tell
    found = load_restorer(file, "tiny", ("jpeg",))
    assert same_weights(found.network, network)
    assert (found.preset, found.tasks, found.record) == ("tiny", ("jpeg",), {})


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    raises_line(lambda: load_restorer(file, "tiny"), f"'{file}'", "No such file", kind=WeightsError)
    file.write_bytes(b"nothing of the kind")
    raises_line(lambda: load_restorer(file), f"'{file}'", kind=WeightsError)
    raises_line(lambda: load_restorer(file, "tiny"), f"'{file}'", kind=WeightsError)
    save_file(SRResNetX4(channels=8, blocks=1).state_dict(), file)
    raises_line(lambda: load_restorer(file, "tiny"), f"cannot use '{file}'", kind=WeightsError)
    save_file({"layer.weight": torch.zeros(2)}, file)
    raises_line(lambda: load_restorer(file), f"'{file}'", "does not say which network", "`network`", kind=WeightsError)
    raises_line(lambda: load_restorer(saved(tmp_path), "nafnett"), "nafnett", kind=UnknownNameError)
    raises_line(lambda: load_restorer(tmp_path, "tiny"), f"'{tmp_path}'", kind=WeightsError)


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    network = initialize("tiny", 0)
    with torch.no_grad():
        next(network.parameters())[0] = torch.nan
    file = save_restorer(tmp_path / "x.safetensors", network, RECORD)
    raises_line(lambda: load_restorer(file), f"'{file}'", "not finite", kind=WeightsError)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a file")
    raises_line(lambda: saved(tmp_path / "f"), "cannot write", str(tmp_path / "f"), kind=RunError)


def test_saving_leaves_the_network_alone(tmp_path: Path) -> None:
    network = initialize("tiny", 0).train()
    save_restorer(tmp_path / "x.safetensors", network, RECORD, half=True)
    assert network.training
    assert same_weights(network, initialize("tiny", 0))


def test_records_are_json_in_the_metadata(tmp_path: Path) -> None:
    """Other programs can read them: the header of a safetensors file is JSON."""
    data = saved(tmp_path).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["grids_restorer"]) == RECORD


def test_initial_weights_hang_on_the_seed() -> None:
    before = torch.get_rng_state()
    assert same_weights(initialize("tiny", 1), initialize("tiny", 1))
    assert not same_weights(initialize("tiny", 1), initialize("tiny", 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_that_enlarges_cannot_restore() -> None:
    raises_line(lambda: initialize("srresnet-x4", 0), "'srresnet-x4' enlarges images", kind=GridsError)
    raises_line(lambda: initialize("srresnett", 0), "did you mean 'srresnet'", kind=UnknownNameError)


def test_a_digest_is_computed_once_and_is_of_the_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = initialize

    def noted(preset: str, *given: Any) -> nn.Module:
        made.append(preset)
        return real(preset, *given)

    monkeypatch.setattr(models, "initialize", noted)
    monkeypatch.setattr(models, "_DIGESTS", {})
    first = models.state_digest("tiny", 1, ("a",), {})
    assert first == models.state_digest("tiny", 1, ("a",), {}) == models.digest_of(real("tiny", 5))
    assert first != models.state_digest("tiny", 1, ("a",), {"width": 8})
    assert made == ["tiny", "tiny"]


HEADS = {"width": 4, "decoder": 4, "hidden": 4, "kernels": (3,)}


@pytest.fixture(autouse=True)
def tiny_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(networks.TABLE, "tiny-heads", Preset(DuRBM, "tiny", HEADS))


def saved_heads(folder: Path, *tasks: str, topology: str | None = None) -> Path:
    network = initialize("tiny-heads", 3, 1, tasks, {"topology": topology})
    return save_restorer(folder / "s.safetensors", network, {"preset": "tiny-heads", "tasks": list(tasks)})


def test_heads_begin_with_the_input() -> None:
    images = torch.rand(1, 3, 16, 16)
    for preset in ("tiny-heads", "walha-mtlgan-small", "martyniuk-resnet-small", "martyniuk-fpn-small"):
        network = initialize(preset, 0, 1, ("haze", "rain")).eval()
        with torch.no_grad():
            assert all(torch.equal(network(images, task), images) for task in network.tasks)


def test_a_hierarchy_is_started_from_for_a_part_of_its_tasks(tmp_path: Path) -> None:
    file = saved_heads(tmp_path, "rain", "haze", "jpeg", topology="R>H>J")
    state = start_weights(file, "tiny-heads", {"topology": "R>H"})
    part = load_start(initialize("tiny-heads", 0, 1, ("rain", "haze"), {"topology": "R>H"}), state)
    assert part.topology == (("rain",), ("haze",))
    assert all(torch.equal(value, state[key]) for key, value in part.state_dict().items())


def test_what_cannot_be_started_from(tmp_path: Path) -> None:
    state = start_weights(saved_heads(tmp_path, "rain", "haze", topology="R>H"), "tiny-heads", {"topology": "H>R"})
    other = initialize("tiny-heads", 0, 1, ("rain", "haze"), {"topology": "H>R"})
    raises_line(lambda: load_start(other, state), "attach at other places", kind=WeightsError)
    more = initialize("tiny-heads", 0, 1, ("rain", "snow"))
    raises_line(lambda: load_start(more, state), "no head for 'snow'", kind=WeightsError)
    wide = networks.TABLE["tiny-heads"]
    networks.TABLE["tiny-heads"] = Preset(DuRBM, "wider", HEADS | {"width": 6})
    raises_line(lambda: start_weights(tmp_path / "s.safetensors", "tiny-heads"), "cannot start", kind=WeightsError)
    networks.TABLE["tiny-heads"] = wide


@pytest.mark.parametrize("name", ["half", "forward", "keys"])
def test_names_that_modules_need_themselves(name: str) -> None:
    raises_line(lambda: initialize("tiny-heads", 0, 1, (name,)), f"cannot be called '{name}'", kind=GridsError)
