"""Losses between the features of images and of targets, and the networks that the features come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grids import weights
from grids.networks import SRResNetX4
from grids.networks.backbones.vgg import VGG19Features
from grids.networks.state_dict import prefix_errors

MOST = 32
"""Positions a side between which the contextual loss compares all with all: 4 MiB an image for each matrix."""
WIDTH = 0.5
"""Of the contextual loss's kernel."""
DEPTH, SPREAD = 2, 0.09
"""Residual blocks of the descriptor before its features are taken, of 16: all would take eight times as long, longer
than the network that is trained; and the root mean square of these features on photographs."""


class DescriptorFeatures(nn.Module):
    """Features of the descriptor's first blocks, for those who have no VGG-19: an SRResNet x4 that ships, frozen.

    They are divided by their root mean square on photographs, so that a loss between them is about as large as one
    between features of VGG-19, and the papers' weights of the terms still mean something.

    Raises:
        WeightsError: the file is missing from the installed package, or is not the one that ships.
    """

    def __init__(self) -> None:
        super().__init__()
        state = weights.load_state(weights.builtin(weights.DESCRIPTOR))
        network = SRResNetX4.from_state(state).eval().requires_grad_(False)
        network.body = nn.Sequential(*list(network.body)[:DEPTH])
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        """The features of images.

        Args:
            images: (B, 3, H, W) float32 in [0, 1], on the device of the module.

        Returns:
            one map, (B, 64, H, W); differentiable with respect to the images.
        """
        return [self.network.body_features(images) / SPREAD]


def feature_network(vgg: Path | None, layers: Sequence[str], say: Callable[[str], None]) -> nn.Module:
    """The network between whose features perceptual losses are taken, frozen: images -> a list of maps.

    Args:
        vgg: weights of a VGG-19, as torchvision saves them (.pth) or as safetensors; None for the descriptor.
        layers: of VGG-19, as "conv3_3" or "relu3_3", one at least; the descriptor has one map and passes over them.
        say: is told in one line which network it is.

    Returns:
        a module on the CPU: (B, 3, H, W) in [0, 1] -> maps (B, C, h, w), one for each layer.

    Raises:
        GridsError: a layer is unknown.
        WeightsError: the file cannot be read or is not a VGG-19's.
    """
    if vgg is None:
        say("perceptual loss: features of the descriptor (SRResNet x4), as no VGG-19 weights are given")
        return DescriptorFeatures()
    with prefix_errors(f"cannot use the VGG-19 '{vgg}'"):
        network = VGG19Features.from_state(weights.load_state(vgg), layers)
    say(f"perceptual loss: {', '.join(layers)} of the VGG-19 '{vgg}'")
    return network


def compute_features(network: nn.Module, images: Tensor, targets: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """The feature maps of images and of their targets, for `perceptual` and `contextual`.

    Args:
        network: images -> maps; it is moved to the device of the targets, and stays there.
        images: (B, 3, H, W) in [0, 1]; gradients go through their maps.
        targets: the same shape and device; their maps are computed without gradients.

    Returns:
        the maps of the images and the maps of the targets, layer by layer.
    """
    network.to(targets.device)
    with torch.no_grad():
        known = network(targets)
    return network(images), known


def perceptual(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """The mean squared error between two maps, summed over the maps. Source: Johnson et al., ECCV 2016, eq. 2.

    The mean is over channels too, as in Martyniuk's code. The thesis and Walha et al. divide by W H alone, Shen et al.
    by nothing: sums so large that the L1 beside them would not count.

    Args:
        features: maps (B, C, H, W) of the images, layer by layer, one at least.
        targets: those of the targets, of the same shapes.

    Returns:
        (), 0 or more.
    """
    return torch.stack([F.mse_loss(*pair) for pair in zip(features, targets, strict=True)]).sum()


def contextual(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """The contextual loss, which does not ask where a feature is: -log(mean over j of max over i of A_ij).

    A_ij = w_ij / sum over l of w_il, w_ij = exp((1 - d_ij / (min over l of d_il + 1e-5)) / 0.5), d_ij the cosine
    distance of feature i of an image and feature j of its target, less the mean feature of the target. Source: Mechrez
    et al., ECCV 2018, eqs. 1 to 5, for every image by itself, with the constants of Martyniuk's code. Maps of more than
    32 positions a side are first shrunk by means, as the matrices grow with the fourth power of the side.

    Args:
        features: maps (B, C, H, W) of the images, layer by layer, one at least.
        targets: those of the targets, layer by layer.

    Returns:
        (), 0 or more: the mean over images, summed over maps. Computed in float32 also under autocast.
    """
    return torch.stack([_contextual(*pair) for pair in zip(features, targets, strict=True)]).sum()


def _contextual(features: Tensor, targets: Tensor) -> Tensor:
    x, y = (_shrunk(maps.float()).flatten(2) for maps in (features, targets))
    mean = y.mean(dim=2, keepdim=True)
    x, y = F.normalize(x - mean, dim=1), F.normalize(y - mean, dim=1)
    with torch.autocast(x.device.type, enabled=False):
        distances = (1 - x.transpose(1, 2) @ y).clamp_min(0)  # (B, I, J)
    relative = distances / (distances.amin(dim=2, keepdim=True) + 1e-5)
    affinities = ((1 - relative) / WIDTH).softmax(dim=2)
    return -affinities.amax(dim=1).mean(dim=1).log().mean()


def _shrunk(maps: Tensor) -> Tensor:
    height, width = maps.shape[-2:]
    return F.avg_pool2d(maps, (math.ceil(height / MOST), math.ceil(width / MOST)), ceil_mode=True)
