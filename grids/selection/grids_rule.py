"""The selector as it was published: one pooled GGD for an image, and the nearest group by equation 7.

Source: GRIDS, section 5.2. It leaves open how many patches an image is cropped into, how large they are, of which
layer the features are, and how many principal components the pooled distribution takes (SRGA: 300 of 800 patches, of
the last layer). What is chosen here takes half a second on one thread; of thirty choices tried on calibration
photographs none was surely better. Sigma depends on the numbers of patches and components, so the groups' parameters
must be averages over images that were measured the same way, and not those of a similarity matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import softmax
from torch import Tensor

from grids.errors import GridsError
from grids.images.tensors import checked_image
from grids.results import KNOWN, UNKNOWN, Candidate, GGDParams, Ranked, Selection
from grids.similarity import ggd
from grids.similarity.descriptor import Descriptor
from grids.similarity.gram import gram_matrix, principal_scores

SIDE = 32
GRID = 4
"""Patches across and down."""
COMPONENTS = GRID * GRID - 1
"""All that 16 patches have."""
LAYER = "body"
LEAST_SIDE = SIDE + SIDE // 2
"""Smaller images are padded to this: with fewer pixels the patches would all be the same one."""
LEAST_VARIANCE = 1e-9
"""Of the features, per feature and patch: what is below is rounding (a flat image has none)."""


def select_by_rule(
    descriptor: Descriptor,
    image: Tensor,
    name: str,
    groups: Sequence[Candidate],
    params: Mapping[str, GGDParams],
) -> Selection:
    """Choose the nearest group by equation 7; its probabilities are a softmax of the divergences.

    Args:
        descriptor: what describes the image.
        image: (3, H, W), floating point in [0, 1].
        name: of its file, for the selection.
        groups: to choose among, at least one.
        params: the generalized Gaussian of every degradation.

    Returns:
        A selection that is never clean; unknown for a flat image, which has no distribution.

    Raises:
        GridsError: a degradation has no generalized Gaussian.
    """
    if any(member not in params for group in groups for member in group.degradations):
        raise GridsError("this profile holds no generalized Gaussians: the method 'paper' cannot be used with it")
    averages = {group.id: average_ggd([params[member] for member in group.degradations]) for group in groups}
    fitted = fit_image_ggd(descriptor, image)
    if fitted is None:
        return Selection(name, UNKNOWN, ())
    divergences = compute_divergences(fitted, averages)
    chances = softmax(-np.array([divergences[group.id] for group in groups]))
    ranked = [
        Ranked(group.id, group.degradations, divergences[group.id], float(chance))
        for group, chance in zip(groups, chances, strict=True)
    ]
    return Selection(name, KNOWN, tuple(sorted(ranked, key=lambda one: (one.divergence, one.group))))


def fit_image_ggd(descriptor: Descriptor, image: Tensor) -> GGDParams | None:
    """The generalized Gaussian of an image's features: the pooled component scores of 16 evenly spaced patches.

    It depends on nothing but the pixels. Source: GRIDS, section 5.2; SRGA.

    Args:
        descriptor: what describes the patches.
        image: (3, H, W) in [0, 1], of any size; one with a side below 48 pixels is padded with its border.

    Returns:
        alpha and sigma; None for a flat image, whose patches are all alike: there is nothing to fit.

    Raises:
        ImageError: the image has another form, or is not finite.
    """
    gram = gram_matrix(descriptor.feature_blocks(cut_even_patches(checked_image(image)), LAYER))
    if not np.trace(gram) / len(gram) > LEAST_VARIANCE * SIDE * SIDE:
        return None
    alpha, sigma = ggd.fit(principal_scores(gram, COMPONENTS).ravel())
    return GGDParams(float(alpha), float(sigma))


def cut_even_patches(image: Tensor) -> Tensor:
    """Cut 16 patches from an image, in four rows and four columns, evenly from border to border.

    Args:
        image: (3, H, W), floating point. Sides below 48 pixels are continued to that by the last row and column.

    Returns:
        (16, 3, 32, 32), a new tensor, row by row. Patches of images below 128 pixels overlap.
    """
    height, width = image.shape[-2:]
    right, below = max(LEAST_SIDE - width, 0), max(LEAST_SIDE - height, 0)
    if right or below:
        image = F.pad(image[None], (0, right, 0, below), mode="replicate")[0]
    tops, lefts = (_starts(length) for length in image.shape[-2:])
    return torch.stack([image[:, top : top + SIDE, left : left + SIDE] for top in tops for left in lefts])


def _starts(length: int) -> list[int]:
    return [k * (length - SIDE) // (GRID - 1) for k in range(GRID)]


def average_ggd(params: Sequence[GGDParams]) -> GGDParams:
    """The generalized Gaussian of a group: the means of alpha and of sigma over its members.

    Args:
        params: those of the members, at least one.

    Returns:
        Both means.

    Raises:
        GridsError: there are no members.

    >>> average_ggd([GGDParams(1.0, 0.2), GGDParams(2.0, 0.4)]).alpha
    1.5
    """
    if not params:
        raise GridsError("there are no distributions to average")
    return GGDParams(float(np.mean([p.alpha for p in params])), float(np.mean([p.sigma for p in params])))


def compute_divergences(image: GGDParams, groups: Mapping[str, GGDParams]) -> dict[str, float]:
    """How far an image is from every group: KL(GGD(C) || GGD(d)) of group C and image d. Source: GRIDS, equation 7.

    Args:
        image: the distribution of the image.
        groups: those of the groups, by id.

    Returns:
        By id, in the order given, nats, at least 0; the smallest one names the group to choose.

    >>> round(compute_divergences(GGDParams(2.0, 2.0), {"C1": GGDParams(2.0, 1.0)})["C1"], 4)
    0.3181
    """
    alpha, sigma = np.array(image.alpha), np.array(image.sigma)
    return {
        name: float(ggd.kl_divergence(np.array(group.alpha), np.array(group.sigma), alpha, sigma))
        for name, group in groups.items()
    }
