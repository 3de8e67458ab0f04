"""Checkpoints: those of another training, spoilt ones and full disks end in one line, and the last whole one stays."""

from __future__ import annotations

import hashlib
import io
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from contracts import raises_line
from training.tiny_trainings import restorer, same_weights, small, toy, train

from grids.errors import RunError
from grids.training.trainer import TrainingResult


def gone_on(file: Path, identity: str = "mine", **options: Any) -> TrainingResult:
    return train(restorer(), toy, small(), checkpoint=file, identity=identity, **options)


def test_a_checkpoint_of_another_training(checkpoint: Path) -> None:
    kept = checkpoint.read_bytes()
    raises_line(lambda: gone_on(checkpoint, "other"), f"'{checkpoint}'", "another training", "remove it", kind=RunError)
    assert checkpoint.read_bytes() == kept
    gone_on(checkpoint)


@pytest.mark.parametrize(
    ("spoil", "fragment"),
    [
        (lambda data: data[:-100], "is damaged"),
        (lambda data: data[:200], "is damaged"),
        (lambda data: data[:-50] + bytes([data[-50] ^ 1]) + data[-49:], "is damaged"),
        (lambda data: data[:30] + b"g" + data[31:], "is damaged"),
        (lambda data: data + b"more", "is damaged"),
        (lambda data: b"", "is not a checkpoint"),
        (lambda data: b"something\nelse\naltogether", "is not a checkpoint"),
        (lambda data: data[:12], "is not a checkpoint"),
        (lambda data: data.replace(b"training 1", b"training 2", 1), "is not a checkpoint"),
        (lambda data: data.split(b"\n", 2)[2], "is not a checkpoint"),
    ],
)
def test_a_spoilt_checkpoint_is_refused(checkpoint: Path, spoil: Callable[[bytes], bytes], fragment: str) -> None:
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))
    raises_line(lambda: gone_on(checkpoint), f"'{checkpoint}'", fragment, "remove it", kind=RunError)


def optimizer_of(state: dict[str, Any]) -> dict[str, Any]:
    (found,) = state["optimizers"].values()
    return found


def rename(holder: dict[str, Any], old: str, new: str) -> None:
    holder[new] = holder.pop(old)


def altered(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """What makes a checkpoint's bytes those of another state."""

    def make(content: bytes) -> bytes:
        state = torch.load(io.BytesIO(content), weights_only=True)
        stream = io.BytesIO()
        torch.save(change(state) or state, stream)
        return stream.getvalue()

    return make


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-100],
        lambda content: b"cos\nsystem\n(S'touch marker'\ntR.",
        lambda content: b"",
        altered(lambda state: [1, 2]),
        altered(lambda state: state.__delitem__("modules")),
        altered(lambda state: state.update(step="third")),
        altered(lambda state: state.update(seconds=None)),
        altered(lambda state: state.update(optimizers={})),
        altered(lambda state: rename(optimizer_of(state)["state"][0], "exp_avg_sq", "other")),
        altered(lambda state: optimizer_of(state)["state"][0].update(exp_avg=torch.ones(2))),
        altered(lambda state: optimizer_of(state)["param_groups"][0].update(betas="ab")),
        altered(lambda state: state["modules"].update(network={"first.weight": torch.ones(2)})),
    ],
)
def test_a_state_that_is_none_under_a_right_checksum(checkpoint: Path, spoil: Callable[[bytes], bytes]) -> None:
    head, _, content = checkpoint.read_bytes().split(b"\n", 2)
    content = spoil(content)
    checkpoint.write_bytes(b"\n".join((head, hashlib.sha256(content).hexdigest().encode(), content)))
    raises_line(lambda: gone_on(checkpoint), f"'{checkpoint}'", "is damaged", "remove it", kind=RunError)


def test_a_checkpoint_that_cannot_be_read(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    raises_line(lambda: gone_on(tmp_path / "folder"), f"'{tmp_path / 'folder'}'", "cannot read", kind=RunError)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    raises_line(lambda: gone_on(checkpoint), f"'{checkpoint}'", "cannot read", "Permission denied", kind=RunError)


@contextmanager
def full_disk() -> Iterator[None]:
    """Inside, files may grow to 100 bytes; outside, pytest must be able to write its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_last_checkpoint(checkpoint: Path) -> None:
    kept = checkpoint.read_bytes()
    with full_disk():
        raises_line(lambda: gone_on(checkpoint, every=0.0), "cannot write", f"'{checkpoint}'", kind=RunError)
    assert checkpoint.read_bytes() == kept
    assert list(checkpoint.parent.iterdir()) == [checkpoint]  # nothing half-written is left
    assert same_weights(gone_on(checkpoint).network, train(restorer(), toy, small()).network)
