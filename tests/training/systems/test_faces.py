"""The face network learns in stages."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from training.tiny_systems import TINY_FACE, Same, batch
from training.tiny_trainings import small

from grids.networks import ShenFace
from grids.networks.discriminators import PatchCritic
from grids.training.losses.pixel import gradient_magnitude
from grids.training.systems.faces import FaceDeblurring, Stages


def test_faces_learn_in_stages() -> None:
    config, given = small(iterations=100), batch()
    system = FaceDeblurring(ShenFace.from_state(TINY_FACE), config, lambda: PatchCritic(4), Same(), Stages())
    found = {step: list(system.losses(system.modules, given, step)) for step in (0, 50, 75)}
    assert [[name for name, _ in losses] for losses in found.values()] == [["network"]] * 2 + [["critic", "network"]]
    network = system.modules["network"]
    targets = [F.avg_pool2d(given.targets, 2), given.targets]
    made = network(given.inputs, every_scale=True)
    expected = sum(F.l1_loss(a, b) for a, b in zip(made, targets, strict=True))
    structure = gradient_magnitude(given.targets)
    edges = network(gradient_magnitude(given.inputs), stream="structure", every_scale=True)
    structures = [F.avg_pool2d(structure, 2), structure]
    expected = expected + sum(F.l1_loss(a, b) for a, b in zip(edges, structures, strict=True))
    assert found[0][0][1].item() == pytest.approx(expected.item(), rel=1e-5)
    features = sum(F.mse_loss(a, b) for a, b in zip(made, targets, strict=True))
    assert found[50][0][1].item() == pytest.approx((expected + 0.01 * features).item(), rel=1e-5)
