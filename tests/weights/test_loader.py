"""Checkpoints of other people's programs: which are understood, and what is said of the others."""

from __future__ import annotations

import argparse
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contracts import raises_line
from torch import Tensor

from grids.errors import WeightsError
from grids.weights import load_state

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(2)}
OTHER = {"c": torch.zeros(1)}


def stored(path: Path, content: Any) -> Path:
    with warnings.catch_warnings():  # torch's own, of kinds of tensors that it means to drop
        warnings.simplefilter("ignore")
        torch.save(content, path)
    return path


def assert_state(path: Path) -> None:
    found = load_state(path)
    assert list(found) == list(STATE)
    assert all(torch.equal(found[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"params": OTHER, "params_ema": state},
        lambda state: {"params_ema": state, "params": OTHER},
        lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
        lambda state: {"model": state, "args": None},
        lambda state: {"model_state_dict": state},
        lambda state: {"generator": state, "discriminator": OTHER},
        lambda state: {"netG": state, "netD": OTHER},
        lambda state: {"model": {"params": state}},
    ],
)
def test_containers_are_opened(wrap: Callable[[dict[str, Tensor]], object], tmp_path: Path) -> None:
    assert_state(stored(tmp_path / "net.pth", wrap(STATE)))


@pytest.mark.parametrize(
    "prefix",
    ["module.", "model.", "generator.", "netG.", "net_g.", "_orig_mod.", "module._orig_mod.", "model.netG.module."],
)
def test_prefixes_are_taken_off(prefix: str, tmp_path: Path) -> None:
    named = {f"{prefix}{key}": value for key, value in STATE.items()}
    assert_state(stored(tmp_path / "net.pth", named))
    # a critic, a loss, a counter of averages beside them
    others = {"netD.weight": torch.zeros(3), "loss.vgg.0.weight": torch.zeros(3), "n_averaged": torch.tensor(7)}
    assert_state(stored(tmp_path / "net.pth", {"state_dict": others | named}))


def test_names_that_only_begin_alike_stay(tmp_path: Path) -> None:
    state = {"modules.weight": torch.ones(1), "modelling": torch.ones(1)}
    assert load_state(stored(tmp_path / "net.pth", state)).keys() == state.keys()


@pytest.mark.parametrize(
    "number", [np.float64(3.2), np.float32(1), np.int64(-4), np.bool_(True), np.uint8(3), np.longdouble(2)]
)
def test_numbers_of_numpy_may_lie_beside_the_weights(number: np.generic, tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    assert_state(stored(tmp_path / "net.pth", {"params": STATE, "best": number, "scores": [number]}))
    assert set(torch.serialization.get_safe_globals()) == before  # for this file alone


def test_the_name_that_numpy_1_gave_its_numbers(tmp_path: Path) -> None:
    path = stored(tmp_path / "new.pth", {"params": STATE, "best": np.float64(3.2)})
    with zipfile.ZipFile(path) as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for name in new.namelist():
            old.writestr(name, new.read(name).replace(b"numpy._core.", b"numpy.core."))
    assert_state(tmp_path / "old.pth")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


ONES = torch.ones(3, 3)
STRANGE = {
    "sparse": lambda: ONES.to_sparse(),
    "sparse ": lambda: ONES.to_sparse_csr(),
    "meta": lambda: ONES.to("meta"),
    "quantized": lambda: torch.quantize_per_tensor(ONES, 0.1, 0, torch.qint8),
    "complex": lambda: ONES.to(torch.complex64),
    "repeats": lambda: torch.ones(1).expand(10**7, 10**7),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_tensors_that_are_no_weights_are_named(kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = STRANGE[kind]()
    path = stored(tmp_path / "net.pth", {"params": STATE | {"x.bias": tensor}})
    raises_line(lambda: load_state(path), f"'{path}'", "'x.bias'", kind.strip(), kind=WeightsError)


def test_what_is_no_state_dict_is_named(tmp_path: Path) -> None:
    itself: dict[str, Any] = {}
    itself["model"] = itself
    script = torch.nn.Conv2d(3, 3, 3)
    cases = {
        "a program": lambda path: trace(script, path),
        "'argparse.Namespace'": lambda path: stored(path, {"params": STATE, "args": argparse.Namespace(lr=1)}),
        "'torch.nn.modules.conv.Conv2d'": lambda path: stored(path, script),
        "with torch.save": lambda path: torch.save(STATE, path, pickle_protocol=4),
        "torch.save": lambda path: write(path, pickle.dumps({"a": [1.0]}, protocol=5)),
        "'model' is a dict": lambda path: stored(path, itself),
        "'a' is a float64": lambda path: stored(path, {"a": np.float64(1)}),
    }
    for number, (reason, make) in enumerate(cases.items()):
        path = tmp_path / f"{number}.pth"
        make(path)
        raises_line(lambda p=path: load_state(p), f"'{path}'", reason, kind=WeightsError)


def test_a_name_that_no_file_has() -> None:
    raises_line(lambda: load_state(Path("a\0b.pth")), "no file has such a name", kind=WeightsError)


def trace(network: torch.nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.zeros(1, 3, 4, 4)).save(str(path))


def test_a_stray_entry_with_a_prefix_throws_nothing_away(tmp_path: Path) -> None:
    state = {**STATE, "model.ema": torch.zeros(1)}
    assert load_state(stored(tmp_path / "net.pth", state)).keys() == state.keys()
    assert_state(stored(tmp_path / "both.pth", {"params": STATE, "params_ema": {}}))
