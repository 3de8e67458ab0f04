"""What restorers are trained on: pure functions of images, of scores, and of features.

The losses between an image and its target alone are in `LOSSES`, under the names that settings know.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from grids.training.losses.pixel import charbonnier, log_mse, ssim_l1

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "charbonnier": charbonnier,
    "ssim-l1": ssim_l1,
    "log-mse": log_mse,
}
"""(images, targets), both (B, 3, H, W) float32 in [0, 1] -> (), the mean over all of them; see `config.LOSSES`."""
