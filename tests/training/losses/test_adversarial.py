"""Adversarial losses against closed forms of simple critics."""

from __future__ import annotations

import math

import pytest
import torch
from contracts import generator, noise_images
from torch import Tensor, nn

from grids.training.losses.adversarial import (
    critic_logistic,
    critic_wgan,
    generator_logistic,
    generator_wgan,
    gradient_penalty,
)


def linear(norm: float, seed: int = 3) -> Tensor:
    """The weights (3, 6, 5) of a linear critic whose gradient has that norm everywhere."""
    values = torch.randn(3, 6, 5, generator=generator(seed))
    return norm * values / values.norm()


def scores(weights: Tensor, images: Tensor) -> Tensor:
    return (images * weights).sum(dim=(1, 2, 3))


def patch_critic() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 4, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, 1, 2))


REAL, FAKE = noise_images(4, 3, 6, 5), noise_images(4, 3, 6, 5, seed=1)


def test_the_wasserstein_losses_are_their_closed_forms() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([[0.5], [-1.5]])
    assert float(critic_wgan(real, fake)) == -2.5
    assert float(generator_wgan(fake)) == 0.5


def test_a_better_critic_has_a_lower_loss_and_the_generator_a_higher_one() -> None:
    weights = linear(1.0).requires_grad_()
    loss = critic_wgan(scores(weights, REAL), scores(weights, FAKE))
    (slope,) = torch.autograd.grad(loss, weights)
    better = weights.detach() - slope
    assert float((scores(better, REAL) - scores(better, FAKE)).mean()) > -loss.item()
    torch.testing.assert_close(slope, (FAKE - REAL).mean(0))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("norm", [1.0, 0.25, 3.0])
def test_penalty_of_a_linear_critic(norm: float, batch: int) -> None:
    weights = linear(norm).requires_grad_()
    found = gradient_penalty(lambda x: scores(weights, x), REAL[:batch], FAKE[:batch], generator())
    assert found.shape == ()
    assert found.item() == pytest.approx((norm - 1) ** 2, abs=1e-6)
    found.backward()
    torch.testing.assert_close(weights.grad, 2 * (norm - 1) * weights.detach() / norm, atol=1e-5, rtol=1e-4)


def test_every_pair_has_a_point_of_its_own() -> None:
    """The gradient of |x|^2 / 2 is the point itself, here a share of the real image."""
    found = gradient_penalty(lambda x: x.square().sum(dim=(1, 2, 3)) / 2, REAL, torch.zeros_like(REAL), generator(7))
    shares = torch.rand(4, generator=generator(7))
    assert len(set(shares.tolist())) == 4
    expected = (shares * REAL.flatten(1).norm(dim=1) - 1).square().mean()
    assert found.item() == pytest.approx(float(expected), rel=1e-5)


def test_points_lie_between_real_and_fake() -> None:
    seen: list[Tensor] = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return images.sum(dim=(1, 2, 3))

    gradient_penalty(critic, REAL, FAKE, generator())
    (points,) = seen
    shares = (points - FAKE) / (REAL - FAKE)
    assert float((shares - shares.flatten(1).median(dim=1).values.view(4, 1, 1, 1)).abs().max()) < 1e-2
    assert bool((points <= torch.maximum(REAL, FAKE) + 1e-6).all() & (points >= torch.minimum(REAL, FAKE) - 1e-6).all())


def test_penalty_does_not_grow_with_the_map_of_scores() -> None:
    weights = linear(3.0)

    def repeated(images: Tensor) -> Tensor:
        return scores(weights, images).view(-1, 1, 1, 1).expand(-1, 1, 5, 7)

    assert gradient_penalty(repeated, REAL, FAKE, generator()).item() == pytest.approx(4.0, abs=1e-5)


def test_penalty_of_a_patch_critic_reaches_its_parameters_alone() -> None:
    critic, real, fake = patch_critic(), REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    gradient_penalty(critic, real, fake, generator()).backward()
    assert real.grad is None and fake.grad is None
    grads = {name: value.grad for name, value in critic.named_parameters() if value.grad is not None}
    assert {"0.weight", "2.weight"} <= grads.keys()
    assert all(bool(torch.isfinite(value).all()) for value in grads.values())


def test_penalty_is_float32_under_autocast_and_for_bf16_images() -> None:
    critic = patch_critic()
    expected = gradient_penalty(critic, REAL, FAKE, generator())
    with torch.autocast("cpu", torch.bfloat16):
        found = gradient_penalty(critic, REAL, FAKE, generator())
    assert torch.equal(found, expected)
    assert gradient_penalty(critic, REAL, FAKE.bfloat16(), generator()).dtype == torch.float32


def test_a_critic_that_ignores_the_image_has_a_penalty_of_one_and_finite_gradients() -> None:
    weights = torch.zeros(3, 6, 5, requires_grad=True)
    found = gradient_penalty(lambda x: scores(weights, x), REAL, FAKE, generator())
    found.backward()
    assert found.item() == 1
    assert bool(torch.isfinite(weights.grad).all())


def test_the_logistic_losses_are_their_closed_forms() -> None:
    real, fake = torch.tensor([[1.0], [-2.0]]), torch.tensor([0.5, 3.0, -1.0])

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    on_real = -sum(math.log(sigmoid(x)) for x in real.flatten().tolist()) / 2
    on_fake = -sum(math.log(1 - sigmoid(x)) for x in fake.tolist()) / 3
    assert float(critic_logistic(real, fake)) == pytest.approx(on_real + on_fake, rel=1e-6)
    expected = -sum(math.log(sigmoid(x)) for x in fake.tolist()) / 3
    assert float(generator_logistic(fake)) == pytest.approx(expected, rel=1e-6)


def test_logistic_of_a_critic_that_is_sure() -> None:
    logits = torch.tensor([-500.0, 500.0], requires_grad=True)
    loss = generator_logistic(logits)
    loss.backward()
    assert loss.item() == 250
    assert logits.grad.tolist() == [-0.5, 0.0]
