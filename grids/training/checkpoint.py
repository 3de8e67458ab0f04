"""The state of a training in a file: whole or not at all, with a checksum."""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from grids.errors import RunError
from grids.io import write_bytes

EVERY = 60.0
"""Seconds between checkpoints, unless something else is asked for."""
_HEAD = b"grids training 1\n"
_BEFORE = len(_HEAD) + 2 * hashlib.sha256().digest_size + 1  # bytes: the head, the checksum as hex, a line feed


@dataclass(frozen=True)
class Checkpointing:
    """Where a training keeps its state, how often it writes it, and until when it may go on.

    Args:
        file: the checkpoint. Where it exists, the training goes on from it. The training loop never removes it: that is
            left to the caller. None: no checkpoint is written.
        identity: a text that stands for the training. A checkpoint with another one is an error.
        every: seconds from one checkpoint to the next; more where writing one takes long. 0: one after each step.
        every_steps: write one whenever the number of finished steps is a multiple of this, too; None for no.
        deadline: a time of the clock `time.monotonic()`, s. After the first step that ends later, a checkpoint is
            written, if there is a file, and OutOfTimeError is raised. Infinity: no deadline.
    """

    file: Path | None = None
    identity: str = ""
    every: float = EVERY
    every_steps: int | None = None
    deadline: float = math.inf


def save(path: Path, state: Mapping[str, Any]) -> Path:
    """Write a checkpoint in one step: until the new file is complete, the old one stays as it is.

    Args:
        path: the file; its folder must exist.
        state: tensors, numbers and texts, in dicts and lists: what `torch.load` reads with weights_only=True.

    Returns:
        `path`. The file holds a line that tells its format, the SHA-256 of the rest, and what `torch.save` writes.

    Raises:
        RunError: it cannot be written (full disk, ...), or its folder is gone.
    """
    buffer = io.BytesIO()
    buffer.write(bytes(_BEFORE))
    torch.save(dict(state), buffer)
    with buffer.getbuffer() as content:  # in place: states are large
        content[:_BEFORE] = _HEAD + hashlib.sha256(content[_BEFORE:]).hexdigest().encode() + b"\n"
        return write_bytes(path, content, parents=False)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint that `save` wrote. No code in the file is run.

    Args:
        path: the file.

    Returns:
        the state, its tensors on the CPU.

    Raises:
        RunError: it cannot be read, is no checkpoint of this format, or is damaged: its checksum is wrong.
    """
    try:
        head, digest, content = path.read_bytes().split(b"\n", 2)
    except OSError as error:
        raise RunError(f"cannot read the checkpoint '{path}': {error.strerror or error}") from error
    except ValueError:
        head, digest, content = b"", b"", b""
    if head + b"\n" != _HEAD:
        raise RunError(f"'{path}' is not a checkpoint of this version of grids: remove it to train from the start")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise damaged(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a checksum can be right and the state not: the loader raises whatever it meets
        raise damaged(path) from error
    if not isinstance(state, dict):
        raise damaged(path)
    return state


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Give an AdamW the state that it had, and check that it is one of its own.

    PyTorch itself takes any state of as many parameters, and fails at the next step if at all.

    Args:
        optimizer: changed in place; after an error it must not be used.
        state: what its `state_dict()` returned. The learning rate may be another one.

    Raises:
        ValueError: the state is of other parameters, or of other settings than the optimizer has.
    """
    before = [_settings(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(dict(state))
    if [_settings(group) for group in optimizer.param_groups] != before:
        raise ValueError("the settings of an optimizer differ")
    for parameter, known in optimizer.state.items():
        shapes = {key: value.shape for key, value in known.items() if value.is_floating_point()}
        if shapes != {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}:
            raise ValueError("what an optimizer remembers is not of its parameters")


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """Of a group of parameters, but for the learning rate, which changes from step to step."""
    return {key: value for key, value in group.items() if key not in ("params", "lr")}


def damaged(path: Path) -> RunError:
    """The error for a checkpoint that holds no usable state of a training; the caller raises it.

    Args:
        path: the file, which the message names.

    Returns:
        an error whose message tells the user to remove the file.
    """
    return RunError(f"the checkpoint '{path}' is damaged: remove it to train from the start")
