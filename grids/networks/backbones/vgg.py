"""The convolutions of VGG-19 (Simonyan, Zisserman, ICLR 2015), whose features perceptual losses compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from grids.errors import GridsError, unknown_name
from grids.networks.state_dict import load_strict

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""(channels, convolutions); after each comes a pooling that halves the size."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, which the published weights expect images to be normalised by."""


class VGG19Features(nn.Module):
    """Maps of VGG-19 (configuration E), as deep as needed, frozen; entries of its state are named as in torchvision.

    Args:
        layers: what to return, in this order: "conv3_3" for the third convolution of the third block, "relu3_3" for
            what the ReLU after it gives.

    Raises:
        GridsError: no layer is given, or one is unknown.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        places = {name: place for place, name in enumerate(_names())}
        for name in layers:
            if name not in places:
                raise unknown_name("layer of VGG-19", name, places)
        if not layers:
            raise GridsError("features of VGG-19 need at least one layer, but none is given")
        self.places = [places[name] for name in layers]
        self.features = nn.Sequential(*islice(_modules(), max(self.places) + 1))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the maps of the layers that were asked for.

        Args:
            images: (B, 3, H, W) in [0, 1]; they are normalised here. With n poolings at or before the deepest layer,
                both sides must have at least 2^n pixels.

        Returns:
            A map (B, C, h, w) for every layer, in the order of `layers`; each pooling halves the size.
        """
        x = (images - self.mean) / self.std
        maps = {}
        for place, module in enumerate(self.features):
            x = module(x)
            if place in self.places:
                maps[place] = x
        return [maps[place] for place in self.places]

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], layers: Sequence[str]) -> VGG19Features:
        """Make the network with the weights of a VGG-19; its classifier and deeper layers are passed over.

        Args:
            state: under torchvision's names, at least down to the deepest layer.
            layers: what to return, as for the class.

        Returns:
            The network, frozen, on the CPU.

        Raises:
            GridsError: as the class.
            WeightsError: it is not the state of a VGG-19.
        """
        network = cls(layers)
        needed = network.state_dict().keys()
        with torch.device("meta"):
            passed_over = nn.ModuleDict({"features": nn.Sequential(*_modules())}).state_dict().keys() - needed
        kept = {k: v for k, v in state.items() if k not in passed_over and not k.startswith("classifier.")}
        return load_strict(network, kept, "a VGG-19")


def _names() -> list[str]:
    """Of all layers, in the order of `_modules`."""
    names: list[str] = []
    for block, (_, count) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            names += (f"conv{block}_{number}", f"relu{block}_{number}")
        names.append(f"pool{block}")
    return names


def _modules() -> Iterator[nn.Module]:
    before = 3
    for channels, count in BLOCKS:
        for _ in range(count):
            yield nn.Conv2d(before, channels, 3, padding=1)
            yield nn.ReLU()
            before = channels
        yield nn.MaxPool2d(2)
