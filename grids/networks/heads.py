"""Networks with a decoder for each task behind what the tasks share, and the view of one of these tasks."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from grids.errors import GridsError, unknown_name
from grids.networks.blocks import pad_to_multiple
from grids.networks.state_dict import mismatch_error

ANY = ("restored",)
"""The task of a network that is built without a name for one."""


Tasks = str | Sequence[str] | None


class MultiHead(nn.Module):
    """A network with a head for each task: image + half of what `decode` makes of what `encode` does.

    Any size: images are padded to a multiple of `multiple` pixels and cut again. Inside, values are in [-1, 1].
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

    def forward(self, images: Tensor, task: Tasks = None) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the same, not clipped.

        Args:
            images: of one task, or of several.
            task: whose head they go through: one for all, or, as a sequence, one for each image; None stands for the
                first head. What is shared sees them together, as batch norm must: it is measured with means over all.
        """
        whole = self.pad(images)
        shared = self.encode(2 * whole - 1)
        if task is None or isinstance(task, str):
            change = self.decode(self.get_head(task), *shared)
        else:
            change = self._decode_by_task(task, shared)
        restored = whole + change / 2  # half, since [-1, 1] is twice as wide
        return restored[..., : images.shape[-2], : images.shape[-1]]

    def _decode_by_task(self, tasks: Sequence[str], shared: Sequence[Tensor]) -> Tensor:
        """What the heads make of shared maps, each (B, ...), image by image in its task's: (B, 3, H, W)."""
        order = sorted(range(len(tasks)), key=lambda row: tasks[row])
        made = []
        for name, rows in itertools.groupby(order, key=lambda row: tasks[row]):
            own = torch.tensor(list(rows), device=shared[0].device)
            made.append(self.decode(self.get_head(name), *(maps[own] for maps in shared)))
        return torch.cat(made)[torch.tensor(order, device=shared[0].device).argsort()]

    def pad(self, images: Tensor) -> Tensor:
        """Images at a size that the network takes."""
        return pad_to_multiple(images, self.multiple)

    @abstractmethod
    def encode(self, images: Tensor) -> Sequence[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> the maps that the tasks share, each (B, ...)."""

    @abstractmethod
    def decode(self, task: str, *shared: Tensor) -> Tensor:
        """The change of images in the scale [-1, 1] that a task's head makes of what is shared."""

    def init_to_identity(self) -> None:
        """Set the last convolution of every decoder to 0, for networks that add what it makes to the input.

        Random decoders begin some 10 dB below the input, and short trainings are spent on coming back to it.
        """
        for decoder in self.decoders.values():
            last = [module for module in decoder.modules() if isinstance(module, nn.Conv2d)][-1]
            for value in last.parameters():
                nn.init.zeros_(value)

    def get_head(self, task: str | None) -> str:
        """The name of a task's head. Raises UnknownNameError."""
        if task is None:
            return self.tasks[0]
        if task not in self.tasks:
            raise unknown_name("task of this restorer", task, self.tasks)
        return task

    @classmethod
    def keep_tasks(cls, state: Mapping[str, Tensor], tasks: Iterable[str]) -> dict[str, Tensor]:
        """The part of a state that a network of fewer tasks has, so that it can start from there."""
        return select_tasks(state, tasks)


class TaskView(nn.Module):
    """A network as one of its tasks sees it: called with images alone.

    Args:
        network: with a head for each task; it is shared, not copied.
        task: one of its tasks. Another raises UnknownNameError.
    """

    def __init__(self, network: MultiHead, task: str) -> None:
        super().__init__()
        self.network, self.task = network, network.get_head(task)
        self.scale, self.multiple = network.scale, network.multiple
        if hasattr(network, "reach"):
            self.reach = network.reach

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images, self.task)


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


def list_heads(state: Mapping[str, Tensor], prefix: str = "decoders.") -> tuple[str, ...]:
    """The names that come after a prefix in the keys of a state."""
    return tuple(sorted({key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)}))


def read_tasks(state: Mapping[str, Tensor], what: str) -> tuple[str, ...]:
    """The tasks of a network with heads, read off its state. Raises WeightsError where there are none."""
    tasks = list_heads(state)
    if not tasks:
        raise mismatch_error(what, "there is no decoder")
    return tasks


def select_tasks(state: Mapping[str, Tensor], tasks: Iterable[str], prefix: str = "decoders.") -> dict[str, Tensor]:
    """A state without the entries of other tasks after a prefix."""
    kept = tuple(f"{prefix}{task}." for task in tasks)
    return {key: value for key, value in state.items() if not key.startswith(prefix) or key.startswith(kept)}
