"""SRResNet, in the layout that BasicSR calls MSRResNet: for x4 super-resolution, and for outputs of the same size."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from grids.networks.blocks import ResidualBlock
from grids.networks.state_dict import count_parts, load_strict, read_width


class SRResNetX4(nn.Module):
    """SRResNet, x4: residual blocks without batch normalisation, two PixelShuffle stages, a bilinear global residual.

    It enlarges images four times. The descriptor is one of these; see `grids.similarity.descriptor`.
    Source: Ledig et al., CVPR 2017, as changed in BasicSR (no batch norm, LeakyReLU 0.1, `conv_hr`).

    Args:
        channels: width of every layer.
        blocks: number of residual blocks.
        global_residual: add the bilinearly enlarged input to the output.
    """

    scale = 4
    layers = ("body", "last")
    """Where features can be tapped: after the residual blocks (H x W), and before the output convolution (4H x 4W)."""

    def __init__(self, channels: int = 64, blocks: int = 16, global_residual: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.global_residual = global_residual
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.upconv2 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def first_features(self, images: Tensor) -> Tensor:
        """Compute what the residual blocks get.

        Args:
            images: (B, 3, H, W) in [0, 1].

        Returns:
            (B, C, H, W), behind the first convolution and its LeakyReLU.
        """
        return F.leaky_relu(self.conv_first(images), 0.1)

    def body_features(self, images: Tensor) -> Tensor:
        """Compute the output of the residual blocks, the features of the layer "body".

        Args:
            images: (B, 3, H, W) in [0, 1].

        Returns:
            (B, C, H, W).
        """
        return self.body(self.first_features(images))

    def last_features(self, body: Tensor) -> Tensor:
        """Compute what the output convolution gets, the features of the layer "last".

        Args:
            body: (B, C, H, W), what `body_features` gives. It is not changed.

        Returns:
            (B, C, 4H, 4W), sixteen times the memory of the body's.
        """
        # in place: these maps are the largest of the network, and fresh memory for each costs a fifth of the time
        x = F.leaky_relu(F.pixel_shuffle(self.upconv1(body), 2), 0.1, inplace=True)
        x = F.leaky_relu(F.pixel_shuffle(self.upconv2(x), 2), 0.1, inplace=True)
        return F.leaky_relu(self.conv_hr(x), 0.1, inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge images four times.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size.

        Returns:
            (B, 3, 4H, 4W), not clipped.
        """
        output: Tensor = self.conv_last(self.last_features(self.body_features(images)))
        if self.global_residual:
            output = output + F.interpolate(images, scale_factor=4, mode="bilinear", align_corners=False)
        return output

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], global_residual: bool = True) -> SRResNetX4:
        """Make the network that a state dict belongs to: width and depth are read off it.

        Args:
            state: all of its weights, under our names (for published ones see `grids.networks.published`).
            global_residual: no weights tell whether the network has it.

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of an SRResNet x4.
        """
        what = "an SRResNet x4"
        blocks = count_parts(state, "body.")
        width = read_width(state, "conv_first.weight", what, blocks)
        return load_strict(cls(width, blocks, global_residual), state, what)


class SRResNet(nn.Module):
    """SRResNet with an output of the input's size: residual blocks without batch normalisation, plus the input.

    Source: GRIDS, section 5.3 ("SRResNet"), whose layers it leaves open; laid out as MSRResNet without its enlargement.

    Args:
        channels: width of every layer.
        blocks: number of residual blocks.
    """

    scale = multiple = 1

    def __init__(self, channels: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.reach = 3 + 2 * blocks  # every 3 x 3 convolution sees a pixel farther
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Restore a batch of images.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size.

        Returns:
            (B, 3, H, W), not clipped. A pixel depends on those within `reach` alone.
        """
        features = self.body(F.leaky_relu(self.conv_first(images), 0.1))
        return self.conv_last(F.leaky_relu(self.conv_hr(features), 0.1)) + images

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> SRResNet:
        """Make the network that a state dict belongs to: width and depth are read off it.

        Args:
            state: all of its weights, under our names (for published ones see `grids.networks.published`).

        Returns:
            The network with these weights, on the CPU, in training mode.

        Raises:
            WeightsError: it is not the state of an SRResNet; the first entry that is wrong is named.
        """
        what = "an SRResNet"
        blocks = count_parts(state, "body.")
        width = read_width(state, "conv_first.weight", what, blocks)
        return load_strict(cls(width, blocks), state, what)
