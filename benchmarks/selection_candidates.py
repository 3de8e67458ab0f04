"""What an image may be restored with: the restorers that ship, as candidates of the built-in profile."""

from __future__ import annotations

from pathlib import Path

import torch
from common import channels_last
from torch import nn

from grids import weights
from grids.degradations import ELEVEN
from grids.devices import computes_in_bf16
from grids.restoration.models import load_restorer
from grids.results import Candidate

MIX, NOISE = "mix", "noise"
"""Partitions of one restorer."""
START_FILE, DECONVOLUTION = "unet_start.safetensors", "deconvolution.safetensors"
LETTERS = {"found": "C", "paper": "P"}
"""What the names of candidates begin with."""


def groups_of(partition: str) -> tuple[Candidate, ...]:
    """The groups that a search found ("found": C1, ...) or the paper's ("paper": P1, ...), with their restorers."""
    entries = weights.manifest().items()
    files = sorted(file for file, entry in entries if partition in entry.get("partition", "").split("+"))
    found = tuple(
        Candidate(f"{LETTERS[partition]}{number}", load_restorer(weights.builtin(file)).tasks, Path(file))
        for number, file in enumerate(files, 1)
    )
    if sorted(kind for group in found for kind in group.degradations) != sorted(ELEVEN):
        raise SystemExit(f"the restorers of '{partition}' in the package are no partition of the eleven degradations")
    return found


def candidates() -> tuple[Candidate, ...]:
    """All that an image may be restored with: the groups found, the paper's, that of noise, blind deconvolution,
    and the restorer of all eleven, last.

    A group of both partitions is a candidate once.
    """
    found = groups_of("found")
    paper = [one for one in groups_of("paper") if one.weights not in {other.weights for other in found}]
    noise = next((name for name, entry in weights.manifest().items() if entry.get("partition") == NOISE), None)
    others = {"N": noise, "D": DECONVOLUTION, MIX: mix_file().name}
    return (*found, *paper, *(candidate_of(name, Path(file)) for name, file in others.items() if file))


def candidate_of(name: str, file: Path) -> Candidate:
    """A restorer that ships, for all that it was trained for."""
    return Candidate(name, load_restorer(weights.builtin(file.name)).tasks, file)


def mix_file() -> Path:
    """The restorer of all eleven; the start of trainings until there is one of its network."""
    mixes = [file for file, entry in weights.manifest().items() if entry.get("partition") == MIX]
    return Path(next((file for file in mixes if not file.startswith("nafnet")), START_FILE))


def network_of(candidate: Candidate) -> nn.Module:
    """Its network, which computes in bf16 where the CPU does: gains differ by 0.01 dB in the mean, at most by 0.06."""
    assert candidate.weights is not None
    network = channels_last(load_restorer(weights.builtin(candidate.weights.name)).network)
    if computes_in_bf16(torch.device("cpu")):
        network.forward = torch.autocast("cpu", torch.bfloat16)(network.forward)
    return network
