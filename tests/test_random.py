"""Random numbers."""

from __future__ import annotations

import pytest
import torch

from grids.random import global_seed


def test_a_global_seed_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(seed: int) -> None:
        raise AssertionError("all GPUs would begin anew")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    before = torch.get_rng_state()
    with global_seed(3, torch.device("cpu")):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    with global_seed(3, torch.device("cpu")):
        assert torch.equal(torch.rand(4), first)
    assert torch.equal(first, torch.rand(4, generator=torch.Generator().manual_seed(3)))
