"""Networks with a decoder for each task behind what the tasks share, and the view of one of these tasks."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from grids.errors import GridsError, unknown_name
from grids.networks.blocks import pad_to_multiple
from grids.networks.state_dict import list_parts, mismatch_error

ANY = ("restored",)
"""The task of a network that is built without a name for one."""
DECODERS = "decoders."
"""How the keys of decoders begin; the name of the task follows."""
Tasks = str | Sequence[str] | None


class MultiHead(nn.Module):
    """A network with a head for each task: image + half of what `decode` makes of what `encode` does.

    Any size: images are padded to a multiple of `multiple` pixels and cut again. Inside, values are in [-1, 1].
    A subclass is called with `tasks` first, fills `decoders`, and writes `encode` and `decode`; its `from_state` reads
    the tasks off the keys of the state.

    Args:
        tasks: their names, in any order; each counts once.

    Attributes:
        tasks: the names, sorted, since states in files are.
        decoders: of each task, by name.
        multiple, reach: pixels, see `grids.restoration.tiling.restore_image`.
        scale: 1, outputs have the size of the inputs.

    Raises:
        GridsError: there is no task, or a name is empty, is that of a method of PyTorch's ModuleDict, such as "keys",
            or holds a full stop.
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
            if not task or "." in task or hasattr(nn.ModuleDict, task):
                raise GridsError(f"a task with a head of its own cannot be called '{task}': choose another name")

    def forward(self, images: Tensor, task: Tasks = None) -> Tensor:
        """Restore a batch of images: (B, 3, H, W) in [0, 1] -> the same, not clipped.

        Args:
            images: of one task, or of several.
            task: whose head they go through: one for all, or, as a sequence, one for each image (B of them); None
                stands for the first head. What is shared sees them together, as batch norm must: it is measured with
                means over all.

        Raises:
            UnknownNameError: there is no head of that name.
            GridsError: there are fewer or more tasks than images.
        """
        whole = self.pad(images)
        shared = self.encode(2 * whole - 1)
        if task is None or isinstance(task, str):
            change = self.decode(self.get_head(task), *shared)
        else:
            if len(task) != len(images):
                raise GridsError(
                    f"there are {len(images)} images, but {len(task)} tasks: give one for each, or one name"
                )
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
        """Enlarge images to a size that the network takes.

        Args:
            images: (B, 3, H, W).

        Returns:
            (B, 3, H', W'), with repeated edges at the bottom and right, both sides multiples of `multiple`.
        """
        return pad_to_multiple(images, self.multiple)

    @abstractmethod
    def encode(self, images: Tensor) -> Sequence[Tensor]:
        """Compute what the tasks share; written by subclasses.

        Args:
            images: (B, 3, H, W) in [-1, 1], of a size that `pad` gives.

        Returns:
            One or more maps, each (B, ...).
        """

    @abstractmethod
    def decode(self, task: str, *shared: Tensor) -> Tensor:
        """Compute what a task's head makes of what is shared; written by subclasses.

        Args:
            task: one of `tasks`.
            shared: the maps of `encode`, or of some of its images.

        Returns:
            (B, 3, H, W), the change of the images in the scale [-1, 1].
        """

    def init_to_identity(self) -> None:
        """Set the last convolution of every decoder to 0, in place, so that the network gives back its input.

        Random decoders begin some 10 dB below the input, and short trainings are spent on coming back to it. The last
        one is the last in the order in which the decoder's layers were made.
        """
        for decoder in self.decoders.values():
            last = [module for module in decoder.modules() if isinstance(module, nn.Conv2d)][-1]
            for value in last.parameters():
                nn.init.zeros_(value)

    def get_head(self, task: str | None) -> str:
        """Check the name of a task's head.

        Args:
            task: one of `tasks`; None for the first.

        Returns:
            The name.

        Raises:
            UnknownNameError: there is no head of that name.
        """
        if task is None:
            return self.tasks[0]
        if task not in self.tasks:
            raise unknown_name("task of this restorer", task, self.tasks)
        return task

    @classmethod
    def keep_tasks(cls, state: Mapping[str, Tensor], tasks: Iterable[str]) -> dict[str, Tensor]:
        """Take the part of a state that a network of fewer tasks has, so that it can start from there.

        Args:
            state: of a network of this class. It is not changed.
            tasks: names; those that the state lacks are passed over.

        Returns:
            The entries that are kept, with the tensors of the state.
        """
        return select_tasks(state, tasks)


class TaskView(nn.Module):
    """A network as one of its tasks sees it: called with images alone.

    Args:
        network: with a head for each task; it is shared, not copied.
        task: one of its tasks.

    Raises:
        UnknownNameError: the network has no head of that name.
    """

    def __init__(self, network: MultiHead, task: str) -> None:
        super().__init__()
        self.network, self.task = network, network.get_head(task)
        self.scale, self.multiple = network.scale, network.multiple
        if hasattr(network, "reach"):
            self.reach = network.reach

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the same, not clipped, through the head of the task."""
        return self.network(images, self.task)


def select_head(network: nn.Module, task: str) -> nn.Module:
    """Take the head of one task, and no other.

    Args:
        network: any.
        task: a name.

    Returns:
        A `TaskView` where the network has a head for each task; else the network itself, whatever the task.

    Raises:
        UnknownNameError: it has heads, but none of that name.
    """
    return TaskView(network, task) if isinstance(network, MultiHead) else network


def for_task(network: nn.Module, *tasks: str) -> nn.Module:
    """Take the network that restores a task: itself, or, where it has a head for each, the view of one head.

    Args:
        network: any.
        tasks: the first of them that it has a head for counts; where it has none for any, its first head does.

    Returns:
        The network or a `TaskView` of it; unlike `select_head` this never fails.
    """
    if not isinstance(network, MultiHead):
        return network
    return TaskView(network, next((task for task in tasks if task in network.tasks), network.tasks[0]))


def list_heads(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """List the tasks that a state has decoders of.

    Args:
        state: of any network.

    Returns:
        Sorted; empty where there is no decoder.
    """
    return list_parts(state, DECODERS)


def read_tasks(state: Mapping[str, Tensor], what: str) -> tuple[str, ...]:
    """Read the tasks of a network with heads off its state.

    Args:
        state: of such a network.
        what: what the network is called in errors, such as "a WalhaNet".

    Returns:
        The names, sorted, at least one.

    Raises:
        WeightsError: there is no decoder.
    """
    tasks = list_heads(state)
    if not tasks:
        raise mismatch_error(what, "there is no decoder")
    return tasks


def select_tasks(state: Mapping[str, Tensor], tasks: Iterable[str]) -> dict[str, Tensor]:
    """Leave out the entries of other tasks.

    Args:
        state: of a network with heads. It is not changed.
        tasks: names that are kept, where the state has them.

    Returns:
        The entries that are kept, in their order, with the tensors of the state.
    """
    kept = tuple(f"{DECODERS}{task}." for task in tasks)
    return {key: value for key, value in state.items() if not key.startswith(DECODERS) or key.startswith(kept)}
