"""Critics: networks that score how much an image looks like a sharp one. Losses of a training use them."""

from __future__ import annotations

from torch import Tensor, nn

from grids.errors import GridsError
from grids.networks.pooling import InstanceNorm


class PatchCritic(nn.Module):
    """A PatchGAN critic: five 4 x 4 convolutions, instance normalisation, LeakyReLU 0.2. A score for each patch.

    It takes any size and any batch, since images are normalised one by one. There is no sigmoid, so that the scores
    suit WGAN-GP.

    Source: Martyniuk, "Multi-task learning for image restoration" (2019), with the layers of its code.

    Args:
        width: channels of the first layer; the fourth has eight times as many.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2)]
        for stride in (2, 2, 1):
            conv = nn.Conv2d(width, 2 * width, 4, stride=stride, padding=2)
            layers += [conv, InstanceNorm(), nn.LeakyReLU(0.2)]
            width *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, padding=2))

    def forward(self, images: Tensor) -> Tensor:
        """Score how much each patch of the images looks like one of a sharp image.

        Args:
            images: (B, 3, H, W) in [0, 1], of any size.

        Returns:
            Scores (B, 1, h, w), any real numbers; 256 x 256 pixels have 35 x 35.
        """
        return self.layers(2 * images - 1)


class ConvCritic(nn.Module):
    """The discriminator of DCGAN: four 4 x 4 convolutions of stride 2, batch normalisation, LeakyReLU 0.2, one logit.

    The last convolution covers the whole map, side / 16 pixels square, so images must have the side it was built for.
    In training a batch of one image is normalised over its own pixels: at least 2 x 2, hence the smallest side.

    Source: Radford et al., ICLR 2016, as used by Shen et al., EURASIP JWCN 2019; without the sigmoid: logits.

    Args:
        width: channels of the first layer; the fourth has eight times as many.
        side: of the images in pixels, a multiple of 16, at least 32.

    Raises:
        GridsError: the side is below 32 or no multiple of 16.
    """

    def __init__(self, width: int = 64, side: int = 128) -> None:
        super().__init__()
        if side < 32 or side % 16:
            raise GridsError(f"this critic takes images whose side is a multiple of 16, at least 32, not {side}")
        self.side = side
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for _ in range(3):
            conv = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
            width *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, side // 16))

    def forward(self, images: Tensor) -> Tensor:
        """Score how much each image looks like a sharp one.

        Args:
            images: (B, 3, side, side) in [0, 1].

        Returns:
            Logits (B, 1), before the sigmoid.

        Raises:
            GridsError: the images are of another size.
        """
        height, width = images.shape[-2:]
        if (height, width) != (self.side, self.side):
            raise GridsError(f"this critic takes images of {self.side} x {self.side} pixels, not {height} x {width}")
        logits: Tensor = self.layers(2 * images - 1)
        return logits.flatten(1)
