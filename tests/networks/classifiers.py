"""The whole classifiers whose first layers the package has: published sizes and weights are theirs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from grids.networks.backbones.inception import ConvUnit, InceptionTrunk, Residual, _proportion, _residual
from grids.networks.backbones.mobilenet import _initialise, _layers, _scaled


class MobileNetV2(nn.Module):
    """The classifier: (B, 3, H, W) -> (B, classes), before a softmax.

    Args:
        width: channels of the first convolution, a multiple of 8; the published network has 32, and the channels of all
            layers are in proportion, rounded to multiples of 8.
        classes: how many.
    """

    def __init__(self, width: int = 32, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(*_layers(width))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(_scaled(1280, max(width, 32)), classes))
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).mean(dim=(2, 3)))


class InceptionResNetV2(InceptionTrunk):
    """The whole classifier: the trunk, residual blocks at a stride of 32, the mean over the map, a linear layer.

    Args:
        classes: 1000 of ImageNet; 1001 with a background.
        width: see `InceptionTrunk`.
        repeats: residual blocks at strides of 8, 16 and 32; the last one, `block8`, has no ReLU.
    """

    def __init__(self, classes: int = 1000, width: int = 32, repeats: Sequence[int] = (10, 20, 10)) -> None:
        super().__init__(width, repeats[:2])
        n = _proportion(width)
        self.repeat_2 = nn.Sequential(*(_block8(width) for _ in range(repeats[2] - 1)))
        self.block8 = _block8(width, last=True)
        self.conv2d_7b = ConvUnit(n(2080), n(1536))
        self.last_linear = nn.Linear(n(1536), classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> logits (B, classes)."""
        features = self.conv2d_7b(self.block8(self.repeat_2(self.maps(images)[-1])))
        return self.last_linear(features.mean(dim=(2, 3)))


def _block8(width: int, last: bool = False) -> Residual:
    return _residual(width, 2080, 0.20, 192, ((192, 1), (224, (1, 3)), (256, (3, 1))), last=last)
