"""Networks with a decoder for each task behind what the tasks share, and the view of one of these tasks."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from grids.errors import GridsError, unknown_name
from grids.networks.state_dict import foreign

ANY = ("restored",)
"""The task of a network that is built without a name for one."""


Tasks = str | Sequence[str] | None


class MultiHead(nn.Module):
    """A network with a head for each task.

    A class is called with `tasks` first; its `from_state` reads them off the keys of the state.

    tasks: their names, sorted, since states in files are.
    decoders: of each task.
    multiple, reach: see `grids.restoration.tiling.restore_image`.
    """

    scale = 1
    multiple = 1
    decoders: nn.ModuleDict

    def __init__(self, tasks: Iterable[str]) -> None:
        super().__init__()
        self.tasks = tuple(sorted(set(tasks)))
        if not self.tasks:
            raise GridsError("a network with a head for each task needs a task")
        for task in self.tasks:
            if hasattr(nn.ModuleDict, task):
                raise GridsError(f"a task with a head of its own cannot be called '{task}': choose another name")

    @abstractmethod
    def forward(self, images: Tensor, task: Tasks = None) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the same, not clipped.

        Args:
            images: of one task, or of several.
            task: whose head they go through: one for all, or, as a sequence, one for each image; None stands for the
                first head. What is shared sees them together, as batch norm must: it is measured with means over all.
        """

    def through_heads(self, task: Tasks, shared: Sequence[Tensor], whole: Tensor) -> Tensor:
        """What the heads make of shared maps, each (B, ...), image by image in its task's: (B, 3, H, W).

        Args:
            task: as for `forward`.
            shared: the maps that `decoded` takes.
            whole: the images.
        """
        if task is None or isinstance(task, str):
            return whole + self.decoded(self.head(task), *shared) / 2  # half, since [-1, 1] is twice as wide
        order = sorted(range(len(task)), key=lambda row: task[row])
        made = []
        for name, rows in itertools.groupby(order, key=lambda row: task[row]):
            own = torch.tensor(list(rows), device=whole.device)
            made.append(self.decoded(self.head(name), *(maps[own] for maps in shared)))
        back = torch.tensor(order, device=whole.device).argsort()
        return whole + torch.cat(made)[back] / 2

    @abstractmethod
    def decoded(self, task: str, *shared: Tensor) -> Tensor:
        """The change of images in the scale [-1, 1] that a task's head makes of what is shared."""

    def begin_with_the_input(self) -> None:
        """Set the last convolution of every decoder to 0, for networks that add what it makes to the input.

        Random decoders begin some 10 dB below the input, and short trainings are spent on coming back to it.
        """
        for decoder in self.decoders.values():
            last = [module for module in decoder.modules() if isinstance(module, nn.Conv2d)][-1]
            for value in last.parameters():
                nn.init.zeros_(value)

    def head(self, task: str | None) -> str:
        """The name of a task's head. Raises UnknownNameError."""
        if task is None:
            return self.tasks[0]
        if task not in self.tasks:
            raise unknown_name("task of this restorer", task, self.tasks)
        return task

    @classmethod
    def without(cls, state: Mapping[str, Tensor], tasks: Iterable[str]) -> dict[str, Tensor]:
        """The part of a state that a network of fewer tasks has, so that it can start from there."""
        return select_tasks(state, tasks)


class TaskView(nn.Module):
    """A network as one of its tasks sees it: called with images alone."""

    def __init__(self, network: MultiHead, task: str) -> None:
        super().__init__()
        self.network, self.task = network, network.head(task)
        self.scale, self.multiple = network.scale, network.multiple
        if hasattr(network, "reach"):
            self.reach = network.reach

    def forward(self, images: Tensor) -> Tensor:
        restored: Tensor = self.network(images, self.task)
        return restored


def select_head(network: nn.Module, task: str) -> nn.Module:
    """The network as `for_task` gives it. Raises UnknownNameError where it has heads, but none for that task."""
    return TaskView(network, task) if isinstance(network, MultiHead) else network


def for_task(network: nn.Module, *tasks: str) -> nn.Module:
    """The network that restores a task: the network itself, or, where it has a head for each, the view of one head.

    Args:
        network: any.
        tasks: the first of them that it has a head for counts; none of them stands for its first head.
    """
    if not isinstance(network, MultiHead):
        return network
    return TaskView(network, next((task for task in tasks if task in network.tasks), network.tasks[0]))


def heads_of(state: Mapping[str, Tensor], prefix: str = "decoders.") -> tuple[str, ...]:
    """The names that come after a prefix in the keys of a state."""
    return tuple(sorted({key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)}))


def tasks_of(state: Mapping[str, Tensor], what: str) -> tuple[str, ...]:
    """The tasks of a network with heads, read off its state. Raises WeightsError where there are none."""
    tasks = heads_of(state)
    if not tasks:
        raise foreign(what, "there is no decoder")
    return tasks


def select_tasks(state: Mapping[str, Tensor], tasks: Iterable[str], prefix: str = "decoders.") -> dict[str, Tensor]:
    """A state without the entries of other tasks after a prefix."""
    kept = tuple(f"{prefix}{task}." for task in tasks)
    return {key: value for key, value in state.items() if not key.startswith(prefix) or key.startswith(kept)}
