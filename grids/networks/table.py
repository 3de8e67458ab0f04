"""The networks in one visible table, and how large they are.

A new one is a file here and a line in `TABLE`; see CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from grids.errors import look_up
from grids.networks.deconvolution import Deconvolution
from grids.networks.durbm import DuRBM
from grids.networks.heads import ANY, MultiHead
from grids.networks.martyniuk import MartyniukFPN, MartyniukResNet
from grids.networks.nafnet import NAFNet
from grids.networks.restormer import Restormer
from grids.networks.shen import ShenFace
from grids.networks.srresnet import SRResNet, SRResNetX4
from grids.networks.unet import UNet
from grids.networks.walha import WalhaNet


@dataclass(frozen=True)
class Preset:
    """A network at a certain size.

    Args:
        network: the class; its `from_state` reads the size off a state dict.
        summary: what it is for, and its source.
        options: arguments of the class.
        rate: the learning rate is at most this, unless the user names another: without normalisation, ReLUs die at a
            few times as much.
    """

    network: type[nn.Module]
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1.0


TABLE: dict[str, Preset] = {
    "unet": Preset(UNet, "learns fast on a CPU, the default: a plain residual U-Net, width 16", rate=1e-3),
    "unet-m": Preset(UNet, "the same with width 32", {"width": 32}, rate=1e-3),
    "drunet": Preset(
        UNet,
        "as large as published, its layers and no noise map: DRUNet (Zhang et al., TPAMI 2021)",
        {"width": 64, "blocks": 4, "bias": False},
        rate=1e-4,
    ),
    "nafnet": Preset(NAFNet, "small and quick; NAFNet (Chen et al., ECCV 2022)"),
    "nafnet-m": Preset(
        NAFNet,
        "width 32, nine blocks: between the quick one and the published ones",
        {"width": 32, "encoder": (1, 1, 1, 4), "middle": 1, "decoder": (1, 1, 1, 1)},
    ),
    "nafnet-32": Preset(
        NAFNet,
        "width 32 as published for denoising (SIDD)",
        {"width": 32, "encoder": (2, 2, 4, 8), "middle": 12, "decoder": (2, 2, 2, 2)},
    ),
    "srresnet": Preset(SRResNet, "the smaller backbone of GRIDS (section 5.3), input and output of one size"),
    "restormer-s": Preset(
        Restormer, "a small Restormer: width 16, fewer blocks", {"width": 16, "blocks": (1, 2, 2, 2), "refinement": 1}
    ),
    "restormer": Preset(Restormer, "the larger backbone of GRIDS; Restormer as published (Zamir et al., CVPR 2022)"),
    "walha-mtlgan-small": Preset(
        WalhaNet,
        "a small walha-mtlgan: a quarter of the channels or fewer",
        {"width": 8, "channels": 24, "widths": (8, 8, 16, 32, 32, 32, 32, 32), "heads": (2, 1)},
    ),
    "walha-mtlgan": Preset(
        WalhaNet, "a head for each task: MobileNetV2 pyramid, transformer decoders (Walha et al., ICAART 2024)"
    ),
    "liu-durbm-small": Preset(
        DuRBM,
        "a decoder for each task; a small DuRB-M network: width 32, three blocks",
        {"width": 32, "decoder": 24, "kernels": (5, 5, 5), "hidden": 8},
        rate=1e-3,
    ),
    "liu-durbm": Preset(
        DuRBM, "a decoder for each task; the DuRB-M network of Liu et al. (joint learning), width 96", rate=1e-4
    ),
    "martyniuk-resnet": Preset(
        MartyniukResNet, "a head for each task: the generator of DeblurGAN, split (Martyniuk, thesis 2019)"
    ),
    "martyniuk-resnet-small": Preset(
        MartyniukResNet, "the same with width 16 and three residual blocks", {"width": 16, "blocks": 3}
    ),
    "martyniuk-fpn": Preset(
        MartyniukFPN, "a head for each task: a pyramid on Inception-ResNet-v2 (Martyniuk, thesis 2019)"
    ),
    "martyniuk-fpn-small": Preset(
        MartyniukFPN,
        "the same with a trunk of width 8 and fewer blocks",
        {"width": 8, "repeats": (1, 2), "channels": 64},
    ),
    "shen-face-small": Preset(
        ShenFace, "a small face deblurring network: width 16, two blocks", {"width": 16, "blocks": 2}, rate=3e-4
    ),
    "shen-face": Preset(
        ShenFace, "two-scale face deblurring with a structure task, as published (Shen et al., 2019)", rate=1e-4
    ),
    "srresnet-x4": Preset(SRResNetX4, "the descriptor: x4 super-resolution (GRIDS, section 4.1)"),
}

FIXED: dict[str, Preset] = {
    "deconvolution": Preset(Deconvolution, "finds the blur of an image and undoes it; nothing is learnt"),
}
"""Restorers without weights that could be trained."""


def preset(name: str) -> Preset:
    """Look up a preset.

    Args:
        name: a key of `TABLE`, such as "nafnet", or of `FIXED`.

    Returns:
        The class, its options, and what it is for.

    Raises:
        UnknownNameError: there is no such preset; the nearest name is suggested.
    """
    return look_up("network", name, TABLE | FIXED)


def build(name: str, tasks: Iterable[str] = ANY, **options: Any) -> nn.Module:
    """Make a network with fresh weights, drawn from PyTorch's global generator.

    Args:
        name: of its preset.
        tasks: names, for a network with a head for each; without meaning for others.
        options: arguments of its class, before those of the preset.

    Returns:
        The network, on the CPU, in training mode.

    Raises:
        UnknownNameError: there is no such preset.
        TypeError: the class has no such option.
    """
    chosen = preset(name)
    heads = (tasks,) if issubclass(chosen.network, MultiHead) else ()
    return chosen.network(*heads, **{**chosen.options, **options})


def parameters(network: nn.Module) -> int:
    """Count the trainable numbers of a network.

    Args:
        network: any; weights that are frozen (`requires_grad` off) and buffers do not count.

    >>> parameters(nn.Conv2d(3, 8, 3))
    224
    """
    return sum(value.numel() for value in network.parameters() if value.requires_grad)


def multiply_adds(network: nn.Module, side: int = 256) -> int:
    """Count the multiply-adds of convolutions and matrix products for one image. Nothing is computed.

    Args:
        network: one that takes (B, 3, H, W). It loses its weights: it is moved to PyTorch's meta device, in place.
        side: of the square image, pixels.

    Returns:
        The count, half of the floating point operations; norms and activations do not count.
    """
    from torch.utils.flop_counter import FlopCounterMode  # half a second of imports

    with torch.device("meta"):
        images = torch.empty(1, 3, side, side)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.to("meta")(images)
    return int(counter.get_total_flops()) // 2
