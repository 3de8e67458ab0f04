"""Blind deconvolution as a restorer: the blur is found in the image itself, nothing is learnt."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from grids.networks.state_dict import load_strict
from grids.psf import PSF, deconvolve, estimate_psf

EVIDENCE, MISFIT = 0.15, 1.0
"""A fresh one acts on no less evidence and no larger misfit. It acts on none of 62 sharp photographs then, as they
are or saved as JPEG (`benchmarks/deconvolution.py`)."""
CONTEXT = 64
"""Pixels around a tile of a large photograph."""


class Deconvolution(nn.Module):
    """Finds the blur of every image (`estimate_psf`) and undoes it (`deconvolve`); others stay as they are.

    It has no weights that are trained, but two limits, which lie in its file.

    Args:
        evidence: nats a frequency by which a blur must explain the spectrum better than none.
        misfit: of the spectrum, at most.

    Attributes:
        scale: 1, outputs have the size of the inputs.
    """

    limits: Tensor
    scale = 1
    title = "a blind deconvolution"

    def __init__(self, evidence: float = EVIDENCE, misfit: float = MISFIT) -> None:
        super().__init__()
        self.register_buffer("limits", torch.tensor([evidence, misfit]))

    def forward(self, images: Tensor) -> Tensor:
        """Restore a batch of images, each from its own blur.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size.

        Returns:
            (B, 3, H, W), not clipped.
        """
        return torch.stack([_undo(image, self._blur(image)) for image in images]) if len(images) else images

    def settle(self, image: Tensor) -> nn.Module:
        """A restorer for the tiles of one image, which all have the blur of the whole.

        Args:
            image: (3, H, W), uint8 or uint16, or floating point in [0, 1], on the device of the network.

        Returns:
            A network that takes (B, 3, h, w).
        """
        return Settled(self._blur(image))

    def _blur(self, image: Tensor) -> PSF | None:
        """The blur of an image, if there is one without doubt."""
        psf = estimate_psf(image)
        return psf if psf is not None and is_sure(psf, *self.limits.tolist()) else None

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Deconvolution:
        """Make it with the limits of a state dict.

        Raises:
            WeightsError: it is of another network.
        """
        return load_strict(cls(), state, cls.title)


class Settled(nn.Module):
    """Undoes one blur.

    Args:
        psf: of all images; None leaves them as they are.

    Attributes:
        reach: so much context tiles get, pixels; what is farther away acts a little, under long streaks most.
    """

    reach = CONTEXT

    def __init__(self, psf: PSF | None) -> None:
        super().__init__()
        self.psf = psf

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> the same, not clipped."""
        return torch.stack([_undo(image, self.psf) for image in images])


def is_sure(psf: PSF, evidence: float = EVIDENCE, misfit: float = MISFIT) -> bool:
    """Whether a blur is undone.

    Args:
        psf: of `estimate_psf`.
        evidence: as for `Deconvolution`.
        misfit: as for `Deconvolution`.
    """
    return psf.evidence >= evidence and psf.misfit <= misfit


def _undo(image: Tensor, psf: PSF | None) -> Tensor:
    return image if psf is None else deconvolve(image, psf)
