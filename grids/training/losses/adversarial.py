"""Losses of critics and of what they judge: Wasserstein with a gradient penalty, and logistic.

All are to be minimised. Scores may be of any shape, one number or a map for each image; the mean is taken.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def critic_wgan(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The loss of a Wasserstein critic: E[D(fake)] - E[D(real)]; to this 10 `gradient_penalty` is added.

    Source: Gulrajani et al., NeurIPS 2017, eq. 3. Walha et al. print the sum that a critic maximises, with the penalty
    added to it: that sign is an oversight.

    Args:
        real_scores: the critic's scores of targets, of any shape.
        fake_scores: those of restored images, which are detached from the network that made them.

    Returns:
        (); the lower it is, the better the critic tells the two apart. It has no bound.

    >>> critic_wgan(torch.tensor([1.0, 3.0]), torch.tensor([0.0])).item()
    -2.0
    """
    return fake_scores.mean() - real_scores.mean()


def generator_wgan(fake_scores: Tensor) -> Tensor:
    """What a Wasserstein critic says of restored images, as a loss: -E[D(fake)].

    Source: Gulrajani et al., NeurIPS 2017.

    Args:
        fake_scores: the critic's scores of restored images, of any shape.

    Returns:
        (), without a bound.
    """
    return -fake_scores.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator
) -> Tensor:
    """The mean of (|grad D| - 1)^2 at points between real and fake images, one for each pair.

    It keeps a Wasserstein critic's slope near 1. Source: Gulrajani et al., NeurIPS 2017, eq. 3.

    The norm is over all colours and pixels of an image. Where the critic gives a map, it is the gradient of the map's
    mean, as it is the mean whose differences `critic_wgan` compares: the norm does not grow with the size of the map.
    (Martyniuk's code draws one point for the whole batch, and takes a norm for every pixel; the paper does neither.)

    Args:
        critic: (B, 3, H, W) -> (B, ...), each image judged by itself: no batch norm. It runs in float32; for this give
            the module itself, not one that a training has wrapped for another precision.
        real: (B, 3, H, W), targets; no gradient goes to them.
        fake: the same of restored images.
        generator: the points are drawn from it, B numbers; with one on the CPU they are the same on every device.

    Returns:
        (), 0 or more; differentiable with respect to the critic's parameters.
    """
    draw = torch.rand((len(real), 1, 1, 1), generator=generator, device=generator.device).to(real.device)
    points = torch.lerp(fake.detach().float(), real.detach().float(), draw).requires_grad_()
    with torch.autocast(real.device.type, enabled=False):
        scores = critic(points).reshape(len(points), -1).mean(dim=1)
        (gradients,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    return (gradients.flatten(1).norm(dim=1) - 1).square().mean()


def critic_logistic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The loss of a critic that tells real images from restored ones: -E[log D(real)] - E[log(1 - D(fake))].

    D is the sigmoid of the logits. Source: Shen et al., A multi-task approach to face deblurring (2019), section on the
    adversarial loss.

    Args:
        real_logits: the critic's logits of targets, of any shape.
        fake_logits: those of restored images, which are detached from the network that made them.

    Returns:
        (), more than 0; 2 log 2 for a critic that cannot tell them apart and gives 0.

    >>> round(critic_logistic(torch.zeros(2), torch.zeros(2)).item(), 4)
    1.3863
    """
    return _cross_entropy(real_logits, real=True) + _cross_entropy(fake_logits, real=False)


def generator_logistic(fake_logits: Tensor) -> Tensor:
    """What a critic of `critic_logistic` says of restored images, as a loss: -E[log D(fake)].

    Source: as there.

    Args:
        fake_logits: the critic's logits of restored images, of any shape.

    Returns:
        (), more than 0; small where the critic takes them for real.
    """
    return _cross_entropy(fake_logits, real=True)


def _cross_entropy(logits: Tensor, real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
