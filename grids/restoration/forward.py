"""A network on a batch of images: in float32, in evaluation mode, in parts that fit the caches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grids.devices import exact_float32
from grids.images.tensors import to_unit

PART = 2**16
"""Pixels that a network is given at once: its maps stay small enough to be used again."""


@torch.no_grad()
def restore(network: nn.Module, inputs: Tensor, device: torch.device | str) -> Tensor:
    """Run a network on images of one size: in evaluation mode, without gradients, in float32.

    The images are given to it a few at a time, so that its maps fit into the caches of the processor.

    Args:
        network: any that maps (B, 3, H, W) in [0, 1] to images. In evaluation mode nothing of it is changed, and
            several threads may use it at once; in training mode it is in evaluation mode meanwhile.
        inputs: (N, 3, H, W), uint8 or uint16, or floating point in [0, 1], on any device. They are not changed.
        device: where the network lies.

    Returns:
        (N, 3, H, W) float32 on the CPU, not clipped; larger where the network enlarges images.
    """
    device = torch.device(device)
    training = network.training
    if training:
        network.eval()
    step = max(1, PART // (inputs.shape[-1] * inputs.shape[-2]))
    try:
        with exact_float32(), torch.autocast(device.type, enabled=False):
            parts = [
                network(to_unit(part.to(device)).to(memory_format=torch.channels_last)).float().cpu()
                for part in inputs.split(step)
            ]
    finally:
        if training:
            network.train()
    return torch.cat(parts)
