"""What is trained: modules, their optimizers, and the losses of one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from grids.errors import look_up
from grids.networks.heads import MultiHead
from grids.training.config import TrainingConfig
from grids.training.datasets import Batch
from grids.training.losses import LOSSES

Modules = Mapping[str, nn.Module]
Loss = Callable[[Tensor, Tensor], Tensor]


class System(ABC):
    """Modules that are trained together. The loop does the rest: devices, precision, steps, checkpoints.

    A subclass sets `modules` and `kept`, and writes `optimizers` and `losses`.

    Attributes:
        modules: by name; all of them go into checkpoints.
        kept: the name of the module that is measured, averaged over steps and kept.
    """

    modules: dict[str, nn.Module]
    kept: str

    @abstractmethod
    def optimizers(self, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
        """The optimizers of the modules. The loop calls this once, when the modules lie on the device.

        The learning rates follow the schedule of the settings, in the ratio that they start with.

        Args:
            config: settings of the training.

        Returns:
            by name; each parameter that is trained is in one of them. They must be AdamW: checkpoints check for it.
        """

    @abstractmethod
    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        """The losses of one step, in their order: (name of the optimizer, loss).

        After each the loop goes backward and steps that optimizer, so that what is computed next sees the new weights:
        a critic first, then what it judges. Nothing need be given for an optimizer that rests in this step. The last
        loss is the one that callbacks and the learning curve tell.

        Args:
            modules: as `modules`, wrapped for the precision of the training: call these.
            batch: on the device of the training; where it is computed in parts, one of these.
            step: counted from 0.

        Yields:
            a name of `optimizers`, and a loss of shape () that can be differentiated.
        """

    def sum_norms(self) -> Tensor:
        """Add up the norms of all weights, without waiting for a GPU.

        Returns:
            (), not finite where a weight is not.
        """
        states = [module.state_dict() for module in self.modules.values()]
        values = [value for state in states for value in state.values() if value.is_floating_point()]
        return torch.stack(torch._foreach_norm(values)).sum()

    def started(self) -> None:
        """Hear that the kept module has been given the weights of another training: none of them is random.

        Called before the training, if at all. It does nothing here.
        """
        return


class SupervisedSystem(System):
    """One network that maps inputs to targets, with a loss between the two (GRIDS, section 5.3).

    Args:
        network: with one head, or one for each task.
        loss: its name in `grids.training.losses.LOSSES`, or itself: (images, targets) -> ().
        tasks: that the numbers of a batch stand for, in this order; needed where the network has a head for each.

    Raises:
        UnknownNameError: there is no loss of that name.
    """

    kept = "network"

    def __init__(self, network: nn.Module, loss: str | Loss = "l1", tasks: Sequence[str] = ()) -> None:
        self.modules = {"network": network}
        self.tasks = tuple(tasks)
        self._loss = look_up("loss", loss, LOSSES) if isinstance(loss, str) else loss

    def optimizers(self, config: TrainingConfig) -> dict[str, torch.optim.Optimizer]:
        """One, "network"."""
        return {"network": adamw(self.modules["network"], config)}

    def losses(self, modules: Modules, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        """One, between all restored images and their targets."""
        yield "network", self._loss(self.restore(modules, batch), batch.targets)

    def restore(self, modules: Modules, batch: Batch) -> Tensor:
        """What the network makes of a batch, each input by its task's head.

        What the tasks share gets the sum of their gradients, as a loss of all goes backward once.

        Args:
            modules: those that `losses` was given.
            batch: on the device of the training.

        Returns:
            (B, 3, H, W) float32, not clipped.
        """
        network = modules["network"]
        if not isinstance(self.modules["network"], MultiHead):
            return network(batch.inputs).float()
        return network(batch.inputs, [self.tasks[number] for number in batch.tasks.tolist()]).float()


def adamw(module: nn.Module, config: TrainingConfig, faster: float = 1.0) -> torch.optim.Optimizer:
    """AdamW with the settings of a training.

    Args:
        module: all of its parameters are trained, on the device where they lie now.
        config: learning rate, betas, weight decay and precision count.
        faster: the learning rate is so many times that of the settings.
    """
    fused = None if config.precision == "fp16" else True  # gradients of fp16 cannot be clipped for the fused one
    return torch.optim.AdamW(
        module.parameters(), faster * config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=fused
    )
