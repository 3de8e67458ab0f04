"""Critics have the published sizes, score single images, and keep to their equations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from contracts import noise_images, raises_line
from torch import Tensor, nn

from grids.networks.blocks import InstanceNorm
from grids.networks.discriminators import ConvCritic, PatchCritic
from grids.networks.table import parameters


def test_parameters_as_published() -> None:
    with torch.device("meta"):
        assert parameters(PatchCritic()) == 2_764_737
        assert round(parameters(ConvCritic()) / 1e6, 2) == 2.79
    assert PatchCritic(1)(noise_images(1, 3, 256, 256)).shape == (1, 1, 35, 35)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (32, 32), (64, 48)])
def test_patches_of_a_single_small_image(size: tuple[int, int]) -> None:
    critic = PatchCritic(4)
    scores = critic(noise_images(1, 3, *size))
    assert scores.shape[:2] == (1, 1)
    scores.mean().backward()
    assert all(bool(torch.isfinite(value.grad).all()) for value in critic.parameters() if value.grad is not None)
    assert all(value.grad is not None for value in critic.parameters())


def test_patches_of_a_batch_are_scored_image_by_image() -> None:
    critic, images = PatchCritic(4), noise_images(3, 3, 40, 32)
    with torch.no_grad():
        alone = torch.cat([critic(image[None]) for image in images])
        assert torch.allclose(critic(images), alone, atol=1e-5)


def test_patch_critic_in_plain_convolutions() -> None:
    critic, images = PatchCritic(4), noise_images(2, 3, 48, 64)
    convolutions = [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [4, 8, 16, 32, 1]
    x = images * 2 - 1
    for i, (layer, stride) in enumerate(zip(convolutions, (2, 2, 2, 1, 1), strict=True)):
        x = F.conv2d(F.pad(x, (2, 2, 2, 2)), layer.weight, layer.bias, stride)
        x = F.instance_norm(x) if 0 < i < 4 else x
        x = torch.maximum(x, 0.2 * x) if i < 4 else x
    assert torch.allclose(critic(images), x, atol=1e-5)


def test_the_gradient_penalty_can_be_learned_from() -> None:
    critic, images = PatchCritic(4), noise_images(2, 3, 32, 32).requires_grad_()
    (slope,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    (slope.flatten(1).norm(dim=1) - 1).square().mean().backward()
    assert all(float(layer.weight.grad.abs().max()) > 0 for layer in critic.layers if isinstance(layer, nn.Conv2d))  # type: ignore[union-attr]


@pytest.mark.parametrize("side", [32, 48, 128])
def test_one_logit_of_a_single_image(side: int) -> None:
    critic = ConvCritic(4, side)
    logit = critic(noise_images(1, 3, side, side))
    assert logit.shape == (1, 1)
    logit.sum().backward()
    assert all(value.grad is not None and bool(torch.isfinite(value.grad).all()) for value in critic.parameters())


def test_conv_critic_in_plain_convolutions() -> None:
    critic, images = ConvCritic(4, 64), noise_images(3, 3, 64, 64)
    convolutions = [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [4, 8, 16, 32, 1]
    x: Tensor = images * 2 - 1
    for i, layer in enumerate(convolutions[:-1]):
        x = F.conv2d(x, layer.weight, layer.bias, stride=2, padding=1)
        if i > 0:
            mean, variance = x.mean(dim=(0, 2, 3), keepdim=True), x.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
            x = (x - mean) / (variance + 1e-5).sqrt()
        x = torch.maximum(x, 0.2 * x)
    last = convolutions[-1]
    expected = (x * last.weight).sum(dim=(1, 2, 3)) + last.bias  # type: ignore[operator]
    assert torch.allclose(critic(images)[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("side", [16, 40, 0, -32])
def test_sides_that_a_conv_critic_cannot_have(side: int) -> None:
    raises_line(lambda: ConvCritic(4, side), "multiple of 16", f"not {side}")


def test_images_of_another_side_are_refused() -> None:
    raises_line(lambda: ConvCritic(4, 32)(noise_images(1, 3, 32, 48)), "32 x 32", "32 x 48")


def test_instance_norm_against_torch() -> None:
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    norm = InstanceNorm()
    assert torch.allclose(norm(x), F.instance_norm(x))
    assert torch.autograd.gradgradcheck(norm, (x[:1, :, :2, :2].detach().requires_grad_(),))
    assert not norm(x[..., :1, :1]).any()  # torch's raises
    assert not norm.state_dict()
    loud = 400 * noise_images(1, 3, 8, 8)  # its squares overflow in float16
    assert (norm(loud.half()).float() - norm(loud)).abs().max() < 0.02
