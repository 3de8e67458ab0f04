"""The descriptor: a super-resolution network whose deep features describe degradations."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids import weights
from grids.devices import computes_in_bf16, exact_float32, keep_freed_memory
from grids.errors import GridsError, unknown_name
from grids.networks import SRResNetX4
from grids.networks.published import load_network
from grids.networks.state_dict import prefix_errors

BATCH = 8
CPU_MAP, GPU_MAP = 2**23, 2**27
"""Bytes that the largest map of a batch may take: on a CPU, so few that the maps stay in its cache."""
Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
HALO = 2
"""LR rows on either side of a strip that its features depend on: 7 pixels at x4 (1 + 2 + 4 of three convolutions)."""


class Descriptor:
    """The network whose features describe what degradation a patch bears: an SRResNet x4 that was trained on clean
    images.

    Its super-resolved image is never used, only its inner maps. One object may serve several threads.
    Source: GRIDS, section 4.1; Liu et al., arXiv 2108.00406.

    Args:
        file: weights of an SRResNet x4 (safetensors, or a BasicSR-style checkpoint); None for the one that ships.
        device: where it runs.
        precision: "fp32", "bf16", or "auto": bf16 on a CPU that computes in it, else fp32.

    Attributes:
        layers: the names that `feature_blocks` and `features` take: "body" and "last".
        sha256: the checksum of the file, in hexadecimal.
        network: the SRResNet itself in float32, in evaluation mode, on the device, without gradients.
        device, precision: as resolved; the precision is "fp32" or "bf16".

    Raises:
        UnknownNameError: the precision is none of these.
        WeightsError: the file cannot be read, is not such a network's, or holds values that are not finite.
    """

    layers = SRResNetX4.layers

    def __init__(self, file: Path | None = None, device: str | torch.device = "cpu", precision: str = "fp32") -> None:
        path = file or weights.builtin(weights.DESCRIPTOR)
        self.sha256 = weights.sha256(path)
        self.device = torch.device(device)
        self.precision = _resolve_precision(precision, self.device)
        state = weights.load_state(path)
        with prefix_errors(f"cannot use the descriptor '{path}'"):
            network = load_network(state, SRResNetX4)
        assert isinstance(network, SRResNetX4)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.to(self.device).eval().requires_grad_(False)
        self._dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        # what computes the features: a copy of its own, so that the network stays what was published
        self._own = copy.deepcopy(self.network).to(self._dtype)
        self._enlargements = tuple(_in_runs(layer) for layer in (self._own.upconv1, self._own.upconv2))
        self._buffer: Tensor | None = None
        self._lock = threading.Lock()
        keep_freed_memory()

    def feature_blocks(self, patches: Tensor, layer: str = "last", budget: int = 2**30) -> Iterator[Tensor]:
        """Compute the features of all patches, a block of columns at a time: whole maps would not fit into memory.

        The body's features are kept (small), and the last layer's are made strip by strip of rows, each strip with the
        rows around it that it depends on, so that the blocks together are the layer's exact output. Columns are in the
        order (row, column, channel) of the maps.

        Args:
            patches: (N, 3, h, w) in [0, 1], on any device.
            layer: "body" (64 features a pixel) or "last" (64 features each of the 16 pixels that it becomes).
            budget: bytes that one block may take. It holds at least one row of all patches, whatever the budget; "body"
                always comes as one block.

        Yields:
            (N, d), float32 or bfloat16 as the precision is, on the descriptor's device, in a buffer that the next block
            (or call) overwrites: copy what is to stay.

        Raises:
            UnknownNameError: there is no such layer. Like the next one it is raised when the first block is asked for.
            GridsError: the patches have another shape or type, or there are none.
        """
        if layer not in self.layers:
            raise unknown_name("layer", layer, self.layers)
        _check_patches(patches)
        body = torch.cat([self._body(part) for part in patches.split(BATCH)])
        if layer == "body":
            yield body.permute(0, 2, 3, 1).reshape(len(body), -1)
        else:
            yield from self._last_strips(body, budget)

    def features(self, patches: Tensor, layer: str = "last") -> Tensor:
        """Compute the features of all patches in one piece: the blocks of `feature_blocks`, copied and joined.

        Args:
            patches: (N, 3, h, w) in [0, 1], on any device.
            layer: "body" or "last", as for `feature_blocks`.

        Returns:
            (N, D), float32, on the descriptor's device; with 64 channels, as ships, D = 64 h w for "body" and 1024 h w
            for "last" (for 32 x 32 pixels 4 MB a patch).

        Raises:
            GridsError: there is no such layer, or the patches have another shape.
        """
        return torch.cat([block.float().clone() for block in self.feature_blocks(patches, layer)], 1)

    def maps(self, patches: Tensor, depths: Sequence[int]) -> list[Tensor]:
        """Compute the outputs of some residual blocks, all patches in one batch.

        Args:
            patches: (N, 3, h, w) in [0, 1], on any device.
            depths: after how many blocks each output is taken, 1 for the first block; ascending, each once, at least
                one of them.

        Returns:
            One (N, 64, h, w) for each depth, in their order, float32, contiguous, on the CPU.

        Raises:
            GridsError: the patches have another shape, or a depth is none of this network.
        """
        _check_patches(patches)
        blocks, found = list(self._own.body), []
        if not depths or not 1 <= min(depths) <= max(depths) <= len(blocks):
            raise GridsError(f"depths must be one or more of 1 to {len(blocks)}, but are {[*depths]}")
        with _computing():
            features = self._own.first_features(self._to_network(patches))
            for number, block in enumerate(blocks[: max(depths)], 1):
                features = block(features)
                if number in depths:
                    found.append(features.float().cpu().contiguous())
        return found

    def _to_network(self, patches: Tensor) -> Tensor:
        return patches.to(self.device, self._dtype, memory_format=torch.channels_last)

    def _body(self, patches: Tensor) -> Tensor:
        with _computing():
            return self._own.body_features(self._to_network(patches))

    def _last_strips(self, body: Tensor, budget: int) -> Iterator[Tensor]:
        n, c, h, w = body.shape
        scale = self.network.scale
        row_size = c * scale * scale * w  # numbers that a row of one patch becomes
        row_bytes = row_size * body.element_size()
        rows = min(h, max(1, budget // (n * row_bytes)))
        batch = max(1, (CPU_MAP if body.device.type == "cpu" else GPU_MAP) // (rows * row_bytes))
        buffer = self._take_buffer(n * rows * row_size)
        for top in range(0, h, rows):
            bottom = min(top + rows, h)
            block = buffer[: n * (bottom - top) * row_size].view(n, -1)
            for part, features in zip(block.split(batch), body.split(batch), strict=True):
                part.view(len(part), -1, scale * w, c).copy_(self._strip(features, top, bottom))
            yield block
        self._buffer = buffer

    def _take_buffer(self, size: int) -> Tensor:
        # kept from call to call: touching this much fresh memory costs a tenth of the time. Whoever takes it has it
        # alone until he is done, so that two iterators never share one
        with self._lock:
            buffer, self._buffer = self._buffer, None
        if buffer is None or len(buffer) < size:
            with torch.inference_mode(False):  # else it could not be written to outside that mode later
                buffer = torch.empty(size, dtype=self._dtype, device=self.device)
        return buffer

    def _strip(self, body: Tensor, top: int, bottom: int) -> Tensor:
        """(B, C, h, w) -> (B, 4 (bottom - top), 4 w, C): the last layer's rows for rows top to bottom of the body.

        Each convolution spoils the outermost row where the strip is cut off, and the cut takes as many away.
        """
        x = body[:, :, max(0, top - HALO) : bottom + HALO].contiguous(memory_format=torch.channels_last)
        above, below = min(HALO, top), min(HALO, body.shape[2] - bottom)
        with _computing():
            for layer in self._enlargements:
                kept = min(1, above), min(1, below)
                x = _enlarge(x, layer, above - kept[0], below - kept[1])
                above, below = 2 * kept[0], 2 * kept[1]
            out = F.leaky_relu(self._own.conv_hr(x), 0.1, inplace=True).permute(0, 2, 3, 1)
        return out[:, above : out.shape[1] - below]


def _check_patches(patches: Tensor) -> None:
    if patches.ndim != 4 or patches.shape[1] != 3 or 0 in patches.shape or not patches.is_floating_point():
        found = f"{tuple(patches.shape)} of {patches.dtype}"
        raise GridsError(f"patches must be (N, 3, h, w), floating point, but are {found}")


@contextmanager
def _computing() -> Iterator[None]:
    # never around a yield: the mode would go on in the caller, who multiplies what he gets
    with torch.no_grad(), exact_float32():
        yield


def _in_runs(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer before a PixelShuffle with its output channels in the order (i, j, c), not (c, i, j).

    The 2 x 2 pixels (i, j) that the channels become then lie side by side in memory, so that a shuffle copies runs of
    2 C numbers instead of single ones.
    """
    with torch.no_grad():
        for tensor in layer.parameters():
            tensor.copy_(tensor.unflatten(0, (-1, 4)).transpose(0, 1).flatten(0, 1))
    return layer


def _enlarge(x: Tensor, layer: nn.Conv2d, above: int, below: int) -> Tensor:
    """A layer `_in_runs`, LeakyReLU and PixelShuffle, without some rows of x: (B, C, h, w) -> (B, C, 2 h', 2 w)."""
    # in place: these maps are the largest of the network, and fresh memory for each costs time
    maps = F.leaky_relu(layer(x), 0.1, inplace=True).permute(0, 2, 3, 1)
    n, h, w, c = maps.shape
    runs = maps[:, above : h - below].reshape(n, h - above - below, w, 2, c // 2)
    return runs.transpose(2, 3).reshape(n, 2 * (h - above - below), 2 * w, c // 4).permute(0, 3, 1, 2)


def _resolve_precision(name: str, device: torch.device) -> Literal["fp32", "bf16"]:
    if name not in PRECISIONS:
        raise unknown_name("precision", name, PRECISIONS)
    automatic = name == "auto" and device.type == "cpu" and computes_in_bf16(device)
    return "bf16" if automatic or name == "bf16" else "fp32"
