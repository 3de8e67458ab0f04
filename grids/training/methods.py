"""What a network is trained as: the system, and the options of the network that go with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from grids.training.config import TrainingConfig
from grids.training.systems.base import SupervisedSystem, System


@dataclass(frozen=True)
class Method:
    """How a network becomes a system.

    Args:
        name: of the method, as records show it.
        make: (network, tasks, recipe) -> the system; the tasks in the order of a batch's numbers.
        options: arguments of the network's class, beside those of its preset.
        settings: whatever else determines the result, such as the checksums of files, as JSON.
    """

    name: str
    make: Callable[[nn.Module, tuple[str, ...], TrainingConfig], System]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """All that determines what it does, as JSON."""
        given: dict[str, Any] = json.loads(json.dumps({"options": dict(self.options), "settings": dict(self.settings)}))
        return {"name": self.name, **given}


PLAIN = Method("plain", lambda network, tasks, config: SupervisedSystem(network, config.loss, tasks))
"""One network with one loss."""
