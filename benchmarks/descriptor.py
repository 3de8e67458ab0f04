"""How near the descriptor comes to the processor's speed in matrix products, and where the time of one row goes.

    python benchmarks/descriptor.py [--patches 192] [--repeats 3] [--precision fp32 bf16]

For a processor without AVX-512, as far as one with it can play it:
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 python benchmarks/descriptor.py
Products and descriptor take turns, and the quickest of the repeats counts: what else runs only ever adds to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from common import eval_photographs, machine, table
from torch import nn

from grids.degradations import ELEVEN, degradation
from grids.devices import computes_in_bf16
from grids.networks import SRResNetX4
from grids.similarity.descriptor import Descriptor
from grids.similarity.gram import gram_matrix
from grids.similarity.patches import Crops, degraded_patches, draw_crops

SIDE = 1536
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def multiply_adds(network: SRResNetX4, side: int) -> int:
    """Of one patch of side x side up to the last layer, which the output convolution is not part of."""
    places = {"upconv2": 4, "conv_hr": 16, "conv_last": 0}
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    return sum(places.get(name, 1) * side**2 * layer.weight.numel() for name, layer in layers)


def wall(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(precision: str, crops: Crops, patches: torch.Tensor, repeats: int) -> tuple[list[str], list[str]]:
    """A line of speeds and a line of the seconds of one row, for one precision."""
    descriptor = Descriptor(precision=precision)
    left = torch.randn((SIDE, SIDE)).to(DTYPES[precision])
    blocks = [block.clone() for block in descriptor.feature_blocks(patches)]
    parts: dict[str, Callable[[], object]] = {
        "products": lambda: left @ left,
        "degrade": lambda: [degraded_patches(crops, degradation(name), 0) for name in ELEVEN],
        "body": lambda: list(descriptor.feature_blocks(patches, "body")),
        "features": lambda: [None for _ in descriptor.feature_blocks(patches)],
        "Gram": lambda: gram_matrix(blocks),
    }
    times = [{name: wall(call) for name, call in parts.items()} for _ in range(repeats + 1)][1:]
    best = {name: min(run[name] for run in times) for name in parts}
    products = 2 * SIDE**3 / best["products"] / 1e9
    work = 2 * len(patches) * multiply_adds(descriptor.network, patches.shape[-1])
    speed = work / best["features"] / 1e9
    row = {
        "degrade": best["degrade"] / len(ELEVEN),
        "body": best["body"],
        "last": best["features"] - best["body"],
        "Gram": best["Gram"],
    }
    shown = [f"{value:.2f}" for value in (*row.values(), sum(row.values()))]
    per_patch = 1000 * best["features"] / len(patches)
    return [precision, f"{products:.0f}", f"{speed:.0f}", f"{speed / products:.0%}", f"{per_patch:.1f}"], [
        precision,
        *shown,
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--patches", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", nargs="+", choices=tuple(DTYPES), help="by itself those that grids would use")
    options = parser.parse_args()
    crops = draw_crops(eval_photographs("kodak24"), options.patches, 32, seed=0)
    patches = degraded_patches(crops, degradation("gaussian_noise"), 0)
    capability = torch.backends.cpu.get_cpu_capability()
    print(f"{machine()}, {capability}; {multiply_adds(Descriptor().network, 32) / 1e9:.2f} GMAC a patch", flush=True)
    default = ("fp32", "bf16") if capability == "AVX512" and computes_in_bf16(torch.device("cpu")) else ("fp32",)
    found = [measure(name, crops, patches, options.repeats) for name in options.precision or default]
    header = ("precision", "matrix products, GFLOP/s", "descriptor, GFLOP/s", "share", "ms per patch")
    print(table(header, (speeds for speeds, _ in found)), "\n")
    print(f"Seconds of one row of {len(patches)} patches (degrading: the mean of the eleven)\n")
    print(table(("precision", "degrade", "body", "last", "Gram", "all"), (seconds for _, seconds in found)))
