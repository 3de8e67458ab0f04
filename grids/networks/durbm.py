"""The universal network of Liu, Suganuma, Okatani ("Joint Learning of Multiple Image Restoration Tasks")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids.networks.blocks import init_for_relu
from grids.networks.dual_residual import STATISTICS, DualBlock, Statistic, make_norm
from grids.networks.heads import MultiHead, list_heads, read_tasks, select_tasks
from grids.networks.state_dict import count_parts, get_entry, list_parts, load_strict, mismatch_error, read_width
from grids.networks.topology import Stages, resolve_stages

WHAT = "a DuRB-M network"


class Encoder(nn.Module):
    """f: three convolutions down to a quarter of the size, then DuRB-Ms; x is the last one's, r the map beside it.

    (B, 3, H, W), H and W multiples of 8, -> x (B, C, H / 4, W / 4), r (B, C, H / 2, W / 2). Source: section 4.3; the
    7 x 7 of the first convolution is that of the dual residual networks, as are the norms of all three. Five blocks
    have 68 weight layers.

    Args:
        width: C.
        blocks: the DuRB-Ms.
        norm: normalise the three convolutions.
    """

    def __init__(self, width: int, blocks: Iterable[DualBlock], norm: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 7, padding=3)
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.third = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.norms = nn.ModuleList(make_norm(width, norm) for _ in range(3))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run the encoder.

        Args:
            images: (B, 3, H, W) in [-1, 1], H and W multiples of 8.

        Returns:
            x (B, C, H / 4, W / 4) and r (B, C, H / 2, W / 2), behind the last block.
        """
        for _, x, r in self.trace(images):  # noqa: B007
            pass
        return x, r

    def trace(self, images: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Run the encoder step by step.

        Args:
            images: (B, 3, H, W) in [-1, 1], H and W multiples of 8.

        Yields:
            A name, and x and r behind that step: "relu1", "relu2" and "relu3" behind the three convolutions, then
            "block1", "block2", ... In the first two steps there is one map only, given as both.
        """
        x = F.relu(self.norms[0](self.first(images)))
        yield "relu1", x, x
        r = F.relu(self.norms[1](self.second(x)))
        yield "relu2", r, r
        x = F.relu(self.norms[2](self.third(r)))
        yield "relu3", x, r
        for number, block in enumerate(self.blocks, start=1):
            x, r = block(x, r)
            yield f"block{number}", x, r


class Decoder(nn.Sequential):
    """g: two enlargements by PixelShuffle, each with a convolution and a ReLU, and an output convolution. Source: 4.3.

    (B, C, H / 4, W / 4) -> (B, 3, H, W), without the tanh. Five weight layers.

    Args:
        channels: C.
        width: channels at half the size; half of them at the whole size.
        stage: how many blocks lie between the encoder and this decoder. It is kept in the state dict, so that a file
            tells the topology.
    """

    def __init__(self, channels: int, width: int, stage: int) -> None:
        super().__init__(
            _conv(channels, 4 * width),
            nn.PixelShuffle(2),
            _conv(width, width),
            nn.ReLU(),
            _conv(width, 4 * width),
            nn.PixelShuffle(2),
            _conv(width, width // 2),
            nn.ReLU(),
            _conv(width // 2, 3),
        )
        self.register_buffer("stage", torch.tensor(stage))
        self.depth = stage
        self.register_load_state_dict_post_hook(_read_stage)


class DuRBM(MultiHead):
    """A shared encoder of DuRB-Ms, and a decoder for each task, whose tanh is added to the input in [-1, 1].

    Source: sections 4 and 5.2. Decoders attach to the encoder, or, as a topology says, behind further blocks that some
    tasks share. Kernel sizes and widths are in a lost supplement: the width is that of the decoders, kernels are those
    of the dual residual network for haze (Liu et al., CVPR 2019), norms (see `DualBlock`) as in that for blur.
    The decoders have none. Convolutions pad with zeros. Any size: images are padded to a multiple of 8 and cut again.

    Args:
        tasks: their names.
        topology: as text (see `grids.networks.topology`) or stages, with exactly these tasks; None attaches all to the
            encoder.
        width: C, channels of the encoder.
        decoder: channels of the decoders at half the size; half of them at the whole size.
        kernels: side of the larger convolution of each block of the encoder, odd; blocks between decoders have the
            first one's.
        hidden: inner width of the attentions.
        gap, tv: what the attention of the leading modules knows of each channel, its mean and its total variation;
            without both there is none, while the convolutions stay (Table 3). The attention in branch (b), which
            DuRB-US had before, stays in any case.
        fusion: shrink in both branches and merge them; else in branch (b) alone, which is DuRB-US (Table 3).
        norm: normalise the maps of the encoder and between the decoders, but for the SE-ResNet modules.

    Raises:
        GridsError: the topology is wrong.
    """

    multiple = 8  # so that a quarter has two rows, for differences

    def __init__(
        self,
        tasks: Iterable[str],
        topology: str | Sequence[Sequence[str]] | None = None,
        width: int = 96,
        decoder: int = 96,
        kernels: Sequence[int] = (5, 5, 7, 7, 11),
        hidden: int = 32,
        gap: bool = True,
        tv: bool = True,
        fusion: bool = True,
        norm: bool = True,
    ) -> None:
        super().__init__(tasks)
        stages = resolve_stages(topology, self.tasks)
        further = [kernels[0]] * (len(stages) - 1)
        statistics: list[Statistic] = [name for name, on in zip(STATISTICS, (gap, tv), strict=True) if on]
        made = [DualBlock(width, side, hidden, statistics, fusion, norm) for side in (*kernels, *further)]
        self.encoder = Encoder(width, made[: len(kernels)], norm)
        self.stages = nn.ModuleList(made[len(kernels) :])
        stage = {task: number for number, stage in enumerate(stages) for task in stage}
        self.decoders = nn.ModuleDict({task: Decoder(width, decoder, stage[task]) for task in self.tasks})
        init_for_relu(self)
        for block in made:
            block.shrink_residuals()
        # pixels that a pixel acts on, but through means: the stem's kernels at their scale; those of a block, and what
        # its PixelShuffle spreads; the decoder's, and what its two spread
        self.reach = (3 + 1 + 2) + sum(22 + 2 * (side // 2) + 2 for side in (*kernels, *further)) + (10 + 3)

    @property
    def topology(self) -> Stages:
        """Where the decoders attach: the tasks of every stage, those at the end of the encoder first.

        Returns:
            One tuple of names for each stage, sorted; between two stages lies a block. An inner stage is empty where
            the network has lost the tasks that attached there.
        """
        stages: list[list[str]] = [[] for _ in range(len(self.stages) + 1)]
        for task in self.tasks:
            stages[self._decoder(task).depth].append(task)
        return tuple(tuple(stage) for stage in stages)

    def encode(self, images: Tensor) -> Sequence[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> x (B, C, H / 4, W / 4) and r (B, C, H / 2, W / 2)."""
        return self.encoder(images)

    def decode(self, task: str, *shared: Tensor) -> Tensor:
        """x and r of `encode` -> (B, 3, H, W) in (-1, 1), through the blocks that lead to the task's decoder."""
        decoder = self._decoder(task)
        x, r = shared
        for block in self.stages[: decoder.depth]:
            x, r = block(x, r)
        return torch.tanh(decoder(x))

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Compute maps that the encoder makes on its way; see the paper's Fig. 9.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size. H and W below are those of the images padded to multiples of 8.

        Returns:
            "relu1" (B, C, H, W) and "relu2" (B, C, H / 2, W / 2), behind the first two ReLUs; "block1", "block3",
            "block5" (B, C, H / 4, W / 4), behind those DuRB-Ms that there are.
        """
        wanted = ("relu1", "relu2", "block1", "block3", "block5")
        steps = self.encoder.trace(2 * self.pad(images) - 1)
        return {name: x for name, x, _ in steps if name in wanted}

    def _decoder(self, task: str) -> Decoder:
        decoder = self.decoders[task]
        assert isinstance(decoder, Decoder)
        return decoder

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> DuRBM:
        """Make the network that a state dict belongs to: tasks, topology and sizes are read off it.

        Args:
            state: all of its weights, under our names.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of such a network; the first entry that is wrong is named.
        """
        width = read_width(state, "encoder.first.weight", WHAT, count_parts(state, "encoder.blocks."), sees=(3, 7, 7))
        return load_strict(cls(read_tasks(state, WHAT), _topology(state), width, **_options(state)), state, WHAT)

    @classmethod
    def keep_tasks(cls, state: Mapping[str, Tensor], tasks: Iterable[str]) -> dict[str, Tensor]:
        """Take the part of a state that a network of fewer tasks has: no other decoders, no blocks that lead to none.

        Args:
            state: of a network with all of these tasks, or of some of them. It is not changed.
            tasks: names.

        Returns:
            The entries that are kept, with the tensors of the state.

        Raises:
            WeightsError: a decoder that is kept does not say where it attaches.
        """
        kept = select_tasks(state, tasks)
        deepest = max((_stage(kept, task) for task in list_heads(kept)), default=0)
        unused = tuple(f"stages.{i}." for i in range(deepest, count_parts(state, "stages.")))
        return {key: value for key, value in kept.items() if not key.startswith(unused)}


def _options(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Sizes and switches beside the width."""
    first = "encoder.blocks.0."
    large = [f"encoder.blocks.{i}.large.weight" for i in range(count_parts(state, "encoder.blocks."))]
    known = "_".join(list_parts(state, f"{first}lead.attention.squeeze.")).split("_")
    return {
        "decoder": read_width(state, f"decoders.{list_heads(state)[0]}.0.weight", WHAT, 1, sees=None) // 4,
        "kernels": [min(get_entry(state, key, 4, WHAT).shape[2:]) for key in large],
        "hidden": get_entry(state, f"{first}attended.0.attention.excite.weight", 2, WHAT).shape[1],
        "gap": "gap" in known,
        "tv": "tv" in known,
        "fusion": f"{first}fuse.weight" in state,
        "norm": "encoder.norms.0.weight" in state,
    }


def _topology(state: Mapping[str, Tensor]) -> Stages:
    """Where each decoder of a state attaches."""
    tasks, last = read_tasks(state, WHAT), count_parts(state, "stages.")
    stage = {task: _stage(state, task) for task in tasks}
    if max(stage.values()) != last:
        raise mismatch_error(WHAT, f"its decoders need {max(stage.values())} blocks behind the encoder, not {last}")
    return tuple(tuple(task for task in tasks if stage[task] == number) for number in range(last + 1))


def _stage(state: Mapping[str, Tensor], task: str) -> int:
    key = f"decoders.{task}.stage"
    value = float(get_entry(state, key, 0, WHAT))  # files hold it as a floating-point number, too
    if not (value >= 0 and value.is_integer()):
        raise mismatch_error(WHAT, f"'{key}' is {value:g}, not a number of blocks")
    return int(value)


def _read_stage(decoder: nn.Module, _keys: object) -> None:
    """Follow the state that was loaded."""
    assert isinstance(decoder, Decoder) and isinstance(decoder.stage, Tensor)
    decoder.depth = int(decoder.stage)


def _conv(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1)
