"""Building blocks that several networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + conv3(ReLU(conv3(x))), without batch normalisation: (B, C, H, W) -> the same.

    Args:
        channels: C.
        bias: of the convolutions.
    """

    def __init__(self, channels: int, bias: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x + self.conv2(F.relu(self.conv1(x)))


class LayerNorm2d(nn.Module):
    """Normalise each pixel over its channels, then scale and shift: (B, C, H, W) -> the same.

    Args:
        channels: C.
        bias: learn a shift too; without one, the mean stays where it is, as in Restormer's bias-free norm.
        epsilon: added to the variance.
    """

    def __init__(self, channels: int, bias: bool = True, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        if self.bias is None:
            variance = x.var(dim=1, unbiased=False, keepdim=True)
            return x * torch.rsqrt(variance + self.epsilon) * self.weight[:, None, None]
        # in channels_last memory a view of contiguous rows: several times quicker than reducing over dimension 1
        rows = x.permute(0, 2, 3, 1)
        return F.layer_norm(rows, rows.shape[-1:], self.weight, self.bias, self.epsilon).permute(0, 3, 1, 2)


class TransposedAttention(nn.Module):
    """MDTA: self-attention between channels, so linear in the number of pixels. (B, C, H, W) -> the same.

    Source: Restormer (Zamir et al., CVPR 2022), section 3.1, eq. 1.

    Args:
        channels: C, a multiple of heads.
        heads: channels are attended to within heads.
        bias: of the convolutions.
    """

    def __init__(self, channels: int, heads: int, bias: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=bias)
        self.qkv_depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=bias)
        self.project = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        b, c, h, w = x.shape
        q, k, v = self.qkv_depthwise(self.qkv(x)).reshape(b, 3 * self.heads, c // self.heads, h * w).chunk(3, dim=1)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        attention = (q @ k.transpose(-2, -1) * self.temperature).softmax(dim=-1)  # (B, heads, C / heads, C / heads)
        return self.project((attention @ v).reshape(b, c, h, w))


class GatedFeedForward(nn.Module):
    """GDFN: two branches of 1 x 1 and depth-wise 3 x 3 convolutions, one gating the other through GELU.

    Source: Restormer, section 3.2, eq. 2. (B, C, H, W) -> the same.

    Args:
        channels: C.
        expansion: hidden channels = floor(expansion C).
        bias: of the convolutions.
    """

    def __init__(self, channels: int, expansion: float = 2.66, bias: bool = False) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.expand = nn.Conv2d(channels, 2 * hidden, 1, bias=bias)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=bias)
        self.project = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        gate, value = self.depthwise(self.expand(x)).chunk(2, dim=1)
        return self.project(F.gelu(gate) * value)


class TransformerBlock(nn.Module):
    """Restormer's block: x + MDTA(norm(x)), then x + GDFN(norm(x)). (B, C, H, W) -> the same.

    Args:
        channels: C, a multiple of heads.
        heads: see `TransposedAttention`.
        norm_bias: of the two norms, see `LayerNorm2d`.
    """

    def __init__(self, channels: int, heads: int, norm_bias: bool = True) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(channels, norm_bias, 1e-5)
        self.attention = TransposedAttention(channels, heads)
        self.norm2 = LayerNorm2d(channels, norm_bias, 1e-5)
        self.feed_forward = GatedFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


def init_for_relu(network: nn.Module) -> None:
    """Draw the weights of all convolutions so that maps keep their size through ReLUs; set their biases to 0.

    For layers that nothing normalises: with torch's own weights the last of some twenty layers sees hundredths of what
    the first one does, and small trainings end where they began. Source: He et al., ICCV 2015.

    Args:
        network: changed in place; transposed convolutions and other layers are left as they are. PyTorch's global
            generator is drawn from.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@torch.no_grad()
def shrink_weights(*last: nn.Conv2d, share: float = 0.1) -> None:
    """Shrink the last convolutions of residual branches, or every sum would double the variance.

    Args:
        last: these convolutions; their weights are changed.
        share: what is left of the weights.
    """
    for convolution in last:
        convolution.weight.mul_(share)


def run_encoder(x: Tensor, encoder: nn.ModuleList, down: nn.ModuleList) -> tuple[Tensor, list[Tensor]]:
    """Run the way down of a U-shaped network.

    Args:
        x: (B, C, H, W), what enters the top level.
        encoder: the layers of every level, the top one first.
        down: what shrinks the output of each level, as many.

    Returns:
        What reaches the bottom, and the outputs of all levels before they are shrunk, the top one first.
    """
    skips = []
    for encode, shrink in zip(encoder, down, strict=True):
        x = encode(x)
        skips.append(x)
        x = shrink(x)
    return x, skips


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Enlarge images at the bottom and right, by repeating their edge, to a multiple of `multiple` pixels a side.

    Args:
        images: (B, C, H, W), floating point. They are not changed.
        multiple: pixels, at least 1.

    Returns:
        (B, C, H', W'), less than `multiple` larger on each side.

    >>> pad_to_multiple(torch.zeros(1, 3, 5, 8), 4).shape
    torch.Size([1, 3, 8, 8])
    """
    h, w = images.shape[-2:]
    return F.pad(images, (0, -w % multiple, 0, -h % multiple), mode="replicate")
