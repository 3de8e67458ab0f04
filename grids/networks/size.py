"""How large a network is: parameters and multiply-adds."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(network: nn.Module) -> int:
    """The number of trainable numbers."""
    return sum(value.numel() for value in network.parameters() if value.requires_grad)


def multiply_adds(network: nn.Module, side: int = 256) -> int:
    """Multiply-adds of convolutions and matrix products for one image of side x side; nothing is computed."""
    with torch.device("meta"):
        images = torch.empty(1, 3, side, side)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.to("meta")(images)
    return int(counter.get_total_flops()) // 2
