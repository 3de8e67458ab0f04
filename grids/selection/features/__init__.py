"""What describes an image: the statistics that a selector compares.

Moments of the descriptor's features; of the image itself the spectrum, colours, defects, grain and blur.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grids.results import FloatArray
from grids.selection.features.blur import blur_statistics
from grids.selection.features.color import color_statistics
from grids.selection.features.defects import defect_statistics
from grids.selection.features.grain import grain_statistics
from grids.selection.features.moments import moment_statistics
from grids.selection.features.patches import choose_patches
from grids.selection.features.spectrum import spectrum_statistics
from grids.similarity.descriptor import Descriptor

VERSION = 4
"""Of what `describe` returns: profiles of another one are refused."""
COUNT = 12
"""Patches of 32 x 32."""
DEPTH = 16
"""Residual blocks before the features: all. Fewer tell the degradations apart less well."""


def describe(
    descriptor: Descriptor, image: Tensor, visible: Tensor | None = None, blur: Tensor | None = None
) -> FloatArray:
    """The statistics of an image, which depend on its pixels alone.

    Args:
        descriptor: whose features are described.
        image: (3, H, W), floating point in [0, 1], uint8 or uint16, on the CPU.
        visible: (H, W) bool, at least one of them: which pixels count; None for all.
        blur: (16,), of `blur_statistics`; None looks for it. A part of an image has that of the whole, which shows it
            better.

    Returns:
        (D,), float64: 13 moments of each of the descriptor's channels, then of the image 78 numbers of its spectrum, 26
        of brightness and colour, 32 of what stands out, 18 of its grain, and 16 of its blur.
    """
    (features,) = descriptor.maps(choose_patches(image, COUNT, visible=visible), (DEPTH,))
    measures = (spectrum_statistics, color_statistics, defect_statistics, grain_statistics)
    parts = [measure(image, visible) for measure in measures]
    parts = [moment_statistics(features).flatten(), *parts, blur_statistics(image, visible) if blur is None else blur]
    return np.asarray(torch.cat([part.double() for part in parts]).numpy())
