"""Structure maps, between which a second loss can be taken."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def gradient_magnitude(images: Tensor, epsilon: float = 1e-6) -> Tensor:
    """sqrt(dx^2 + dy^2 + epsilon) of every colour, from forward differences; beyond the border the image goes on.

    Source: Shen et al., A multi-task approach to face deblurring (2019), eq. 2, which names no operator. Magnitudes,
    not both differences, as the network that takes images takes these maps too, and so they need three channels;
    forward differences, as they see what lies between two pixels, which central ones skip.

    Args:
        images: (B, 3, H, W) in [0, 1].
        epsilon: keeps the gradient finite where the image is flat; there the map is its root.

    Returns:
        (B, 3, H, W), sqrt(epsilon) to about 1.41. In the last row dy is 0, in the last column dx.
    """
    whole = F.pad(images, (0, 1, 0, 1), mode="replicate")
    dx = whole[..., :-1, 1:] - images
    dy = whole[..., 1:, :-1] - images
    return (dx.square() + dy.square() + epsilon).sqrt()
