"""Blocks of networks against their equations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from contracts import noise_images
from torch import nn

from grids.networks.blocks import GatedFeedForward, LayerNorm2d, TransposedAttention, pad_to_multiple


def test_layer_norm_against_torch() -> None:
    norm = LayerNorm2d(6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(2, 6, 3, 4)
    expected = F.layer_norm(x.permute(0, 2, 3, 1), (6,), norm.weight, norm.bias, 1e-6).permute(0, 3, 1, 2)
    assert torch.allclose(norm(x), expected, atol=1e-6)
    assert LayerNorm2d(6, bias=False).bias is None


def test_attention_is_between_channels() -> None:
    attention = TransposedAttention(4, 2)
    nn.init.normal_(attention.temperature)
    x = torch.randn(1, 4, 5, 6)
    q, k, v = attention.qkv_depthwise(attention.qkv(x))[0].reshape(3, 4, 30)
    mixed = []
    for head in range(2):  # eq. 1, head by head, channel by channel
        rows = slice(2 * head, 2 * head + 2)
        scores = torch.stack([torch.stack([F.cosine_similarity(a, b, dim=0) for b in k[rows]]) for a in q[rows]])
        mixed.append(torch.softmax(scores * attention.temperature[head, 0, 0], dim=1) @ v[rows])
    expected = attention.project(torch.cat(mixed).reshape(1, 4, 5, 6))
    assert torch.allclose(attention(x), expected, atol=1e-5)


def test_gated_feed_forward() -> None:
    block = GatedFeedForward(8)
    assert block.project.in_channels == 21  # floor(2.66 x 8)
    x = torch.randn(1, 8, 4, 4)
    both = block.depthwise(block.expand(x))
    assert torch.allclose(block(x), block.project(F.gelu(both[:, :21]) * both[:, 21:]), atol=1e-6)


def test_padding() -> None:
    images = noise_images(1, 3, 5, 9)
    larger = pad_to_multiple(images, 4)
    assert larger.shape == (1, 3, 8, 12)
    assert torch.equal(larger[..., :5, :9], images)
    assert torch.equal(larger[..., 7, 11], images[..., 4, 8])
    assert pad_to_multiple(larger, 4).shape == larger.shape
