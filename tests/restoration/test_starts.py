"""What networks with heads can start from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from contracts import raises_line

from grids import networks
from grids.errors import GridsError, WeightsError
from grids.networks import DuRBM
from grids.networks.table import Preset
from grids.restoration.models import initialize, load_start, save_restorer, start_weights

OPTIONS = {"width": 4, "decoder": 4, "hidden": 4, "kernels": (3,)}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(networks.TABLE, "tiny-heads", Preset(DuRBM, "tiny", OPTIONS))


def saved(folder: Path, *tasks: str, topology: str | None = None) -> Path:
    network = initialize("tiny-heads", 3, 1, tasks, {"topology": topology})
    return save_restorer(folder / "s.safetensors", network, {"preset": "tiny-heads", "tasks": list(tasks)})


def test_heads_begin_with_the_input() -> None:
    images = torch.rand(1, 3, 16, 16)
    for preset in ("tiny-heads", "walha-mtlgan-small", "martyniuk-resnet-small", "martyniuk-fpn-small"):
        network = initialize(preset, 0, 1, ("haze", "rain")).eval()
        with torch.no_grad():
            assert all(torch.equal(network(images, task), images) for task in network.tasks)


def test_a_hierarchy_is_started_from_for_a_part_of_its_tasks(tmp_path: Path) -> None:
    file = saved(tmp_path, "rain", "haze", "jpeg", topology="R>H>J")
    state = start_weights(file, "tiny-heads", {"topology": "R>H"})
    part = load_start(initialize("tiny-heads", 0, 1, ("rain", "haze"), {"topology": "R>H"}), state)
    assert part.topology == (("rain",), ("haze",))
    assert all(torch.equal(value, state[key]) for key, value in part.state_dict().items())


def test_what_cannot_be_started_from(tmp_path: Path) -> None:
    state = start_weights(saved(tmp_path, "rain", "haze", topology="R>H"), "tiny-heads", {"topology": "H>R"})
    other = initialize("tiny-heads", 0, 1, ("rain", "haze"), {"topology": "H>R"})
    raises_line(lambda: load_start(other, state), "attach at other places", kind=WeightsError)
    more = initialize("tiny-heads", 0, 1, ("rain", "snow"))
    raises_line(lambda: load_start(more, state), "no head for 'snow'", kind=WeightsError)
    wide = networks.TABLE["tiny-heads"]
    networks.TABLE["tiny-heads"] = Preset(DuRBM, "wider", OPTIONS | {"width": 6})
    raises_line(lambda: start_weights(tmp_path / "s.safetensors", "tiny-heads"), "cannot start", kind=WeightsError)
    networks.TABLE["tiny-heads"] = wide


@pytest.mark.parametrize("name", ["half", "forward", "keys"])
def test_names_that_modules_need_themselves(name: str) -> None:
    raises_line(lambda: initialize("tiny-heads", 0, 1, (name,)), f"cannot be called '{name}'", kind=GridsError)
