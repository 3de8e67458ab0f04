"""The descriptor: a super-resolution network whose deep features describe degradations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from grids import weights
from grids.devices import computes_in_bf16, exact_float32
from grids.errors import GridsError, WeightsError, unknown_name
from grids.networks import SRResNetX4

BATCH = 8
PRECISIONS = ("auto", "fp32", "bf16")
HALO = 2
"""LR rows on either side of a strip that its features depend on: 7 pixels at x4 (1 + 2 + 4 of three convolutions)."""


class Descriptor:
    """SRResNet x4 features. Source: GRIDS, section 4.1; Liu et al., arXiv 2108.00406.

    Args:
        file: weights of an SRResNet x4 (safetensors, or a BasicSR-style checkpoint); None for the one that ships.
        device: where it runs.
        precision: "fp32", "bf16", or "auto": bf16 on a CPU that computes in it, else fp32.

    Raises:
        GridsError: the precision is none of these.
        WeightsError: the file is not such a network's, or holds values that are not finite.
    """

    layers = SRResNetX4.layers

    def __init__(self, file: Path | None = None, device: str | torch.device = "cpu", precision: str = "fp32") -> None:
        path = file or weights.builtin(weights.DESCRIPTOR)
        self.sha256 = weights.sha256(path)
        self.device = torch.device(device)
        self.precision = _resolve_precision(precision, self.device)
        state = weights.load_state(path)
        try:
            network = SRResNetX4.from_state(state)
        except WeightsError as error:
            raise WeightsError(f"cannot use the descriptor '{path}': {error}") from error
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.to(self.device).eval().requires_grad_(False)

    def feature_blocks(self, patches: Tensor, layer: str = "last", budget: int = 2**30) -> Iterator[Tensor]:
        """The features of all patches, a block of columns at a time: whole maps would not fit into memory.

        The body's features are kept (small), and the last layer's are made strip by strip of rows, each strip with
        the rows around it that it depends on, so that the blocks together are the layer's exact output.

        Args:
            patches: (N, 3, h, w) in [0, 1].
            layer: "body" (64 features a pixel) or "last" (64 features each of the 16 pixels that it becomes).
            budget: bytes that one block may take.

        Yields:
            (N, d) float32, in a buffer that the next block overwrites.
        """
        if layer not in self.layers:
            raise unknown_name("layer", layer, self.layers)
        if patches.ndim != 4 or patches.shape[1] != 3 or not len(patches):
            raise GridsError(f"patches must be (N, 3, h, w), but are {tuple(patches.shape)}")
        body = torch.cat([self._body(part) for part in patches.split(BATCH)])
        if layer == "body":
            yield body.permute(0, 2, 3, 1).reshape(len(body), -1)
        else:
            yield from self._last_strips(body, budget)

    def features(self, patches: Tensor, layer: str = "last") -> Tensor:
        """The same in one piece: (N, D) float32, D = 64 h w for "body" and 1024 h w for "last"."""
        return torch.cat([block.clone() for block in self.feature_blocks(patches, layer)], 1)

    def maps(self, patches: Tensor, depths: Sequence[int]) -> list[Tensor]:
        """The outputs of some residual blocks, float32 (N, 64, h, w) each, on the CPU.

        Args:
            patches: (N, 3, h, w) in [0, 1].
            depths: how many blocks lie before each output, ascending.
        """
        found = []
        with self._computing():
            features = self.network.first_features(patches.to(self.device, memory_format=torch.channels_last))
            for number, block in enumerate(self.network.body, 1):
                if number > depths[-1]:
                    break
                features = block(features)
                if number in depths:
                    found.append(features.float().cpu().contiguous())
        return found

    @contextmanager
    def _computing(self) -> Iterator[None]:
        # never around a yield: both modes would go on in the caller, who multiplies what he gets
        bf16 = torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")
        with torch.no_grad(), bf16, exact_float32():
            yield

    def _body(self, patches: Tensor) -> Tensor:
        with self._computing():
            return self.network.body_features(patches.to(self.device, memory_format=torch.channels_last)).float()

    def _last_strips(self, body: Tensor, budget: int) -> Iterator[Tensor]:
        n, c, h, w = body.shape
        scale = self.network.scale
        row_bytes = n * c * scale * scale * w * body.element_size()
        rows = min(h, max(1, budget // row_bytes))
        buffer = body.new_empty((n, scale * rows, scale * w, c))
        for top in range(0, h, rows):
            bottom = min(top + rows, h)
            block = buffer[:, : scale * (bottom - top)]
            for first in range(0, n, BATCH):
                part = slice(first, first + BATCH)
                block[part] = self._strip(body[part], top, bottom)
            yield block.reshape(n, -1)

    def _strip(self, body: Tensor, top: int, bottom: int) -> Tensor:
        """(B, C, h, w) -> (B, 4 (bottom - top), 4 w, C): the last layer's rows for rows top to bottom of the body."""
        above = min(HALO, top)
        rows = body[:, :, top - above : bottom + HALO].contiguous(memory_format=torch.channels_last)
        with self._computing():
            out = self.network.last_features(rows)
        start, stop = above * self.network.scale, (above + bottom - top) * self.network.scale
        return out[:, :, start:stop].permute(0, 2, 3, 1)


def _resolve_precision(name: str, device: torch.device) -> str:
    if name not in PRECISIONS:
        raise unknown_name("precision", name, PRECISIONS)
    if name != "auto":
        return name
    return "bf16" if device.type == "cpu" and computes_in_bf16(device) else "fp32"
