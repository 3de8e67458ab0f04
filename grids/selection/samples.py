"""Degraded photographs of which everything is known: what a selector learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from grids.degradations import Degradation, resampling
from grids.metrics import image_psnr
from grids.networks.heads import for_task
from grids.random import seed_for, seeded
from grids.restoration.tiling import restore_image
from grids.results import OTHER, FloatArray
from grids.selection.features.moments import describe
from grids.selection.outlier_exposure import OUTLIERS, distorted
from grids.similarity.descriptor import Descriptor
from grids.training.pair_settings import PHOTOGRAPHS, PRISTINE, PairSettings
from grids.training.pairs import make_pairs, save_some

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]

REDUCTION = 4.0
"""Photographs are reduced by a factor between 1 and this, at most: profiles hold for small and large images."""
AS_IT_IS = 0.35
"""How often a photograph is not reduced."""
SHIFT = 8
"""Rows and columns cut off before describing, at most: patches must not stand at a fixed place of a JPEG block."""
LEAST = 64
"""Pixels of the shorter side that are kept when a photograph is reduced, at least."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Degraded photographs, described.

    Args:
        statistics: (N, D), of `describe`.
        kinds: (N,), indices of names.
        severities: (N,), in [0, 1], from the weakest of the values that were drawn to the strongest; 0 for clean ones.
            Of distorted ones (`make_outliers`), which distortion it was.
        photographs: (N,), which one each was made from.
        gains: (N, G), what each restorer gained, dB; NaN where that was not measured.
        qualities: (N,), of the JPEG that each was saved as at last; 0 for those that were not.
    """

    statistics: FloatArray
    kinds: Indices
    severities: FloatArray
    photographs: Indices
    gains: FloatArray
    qualities: FloatArray

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """All samples of several sets, one after the other; the photographs keep their numbers."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*map(np.concatenate, columns))


class Drawn(NamedTuple):
    """A photograph, reduced, cut, degraded and, where the quality is not 0, saved as JPEG: (3, H, W) in [0, 1] both.

    `clean` is what a restorer should make of `degraded`.
    """

    clean: Tensor
    degraded: Tensor
    severity: float
    factor: float
    quality: int


def draw(
    clean: Tensor,
    degradation: Degradation | None,
    seed: int,
    factor: float | None = None,
    most: int | None = None,
    data: PairSettings = PRISTINE,
) -> Drawn:
    """Reduce a photograph by a factor between 1 and 4 and degrade it at a severity, both drawn from the seed.

    Args:
        clean: (3, H, W) in [0, 1].
        degradation: None leaves it clean.
        seed: of everything.
        factor: reduce by this factor.
        most: take no more than so many rows and columns, from the middle; None takes all.
        data: how the degraded one is made; its kind decides whether it is clean, and factors are those above.
    """
    generator = seeded(seed)
    reduces, size, severity = torch.rand(3, generator=generator).tolist()
    if factor is None:
        factor = REDUCTION**size if reduces >= AS_IT_IS else 1.0
        factor = max(1.0, min(factor, min(clean.shape[-2:]) / LEAST))
    top, left = torch.randint(SHIFT, (2,), generator=generator).tolist()
    whole = reduced(clean if most is None else middle(clean, round(most * factor)), factor)
    if min(whole.shape[-2:]) > 2 * SHIFT:
        whole = whole[:, : whole.shape[1] - SHIFT + top, : whole.shape[2] - SHIFT + left]
    else:
        top = left = 0
    made = make_pairs(whole[None], degradation, replace(data, clean=0.0, saved=0.0), generator, severity)
    # cut after the damage and before it is saved: the blocks of a file begin at its corner
    worse, quality = save_some(made.inputs[..., top:, left:], data, generator)
    target = worse if degradation is None else made.targets[..., top:, left:]
    return Drawn(target[0], worse[0], 0.0 if degradation is None else severity, factor, int(quality))


def middle(image: Tensor, side: int) -> Tensor:
    """At most so many rows and columns, from the middle."""
    top, left = (max(0, (size - side) // 2) for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]


def reduced(image: Tensor, factor: float) -> Tensor:
    """An image `factor` times smaller, each pixel the mean of those under it, rounded to 8 bit."""
    if factor <= 1:
        return image
    size = [max(1, round(side / factor)) for side in image.shape[-2:]]
    return resampling.reduced(image, size, "area").mul(255).round().div(255).clamp(0, 1)


def make_samples(
    photographs: Iterable[tuple[str, Tensor]],
    kinds: Mapping[str, Degradation | None],
    descriptor: Descriptor,
    restorers: Sequence[nn.Module] = (),
    *,
    draws: int = 1,
    side: int | None = None,
    factor: float | None = None,
    most: int | None = None,
    data: PairSettings = PHOTOGRAPHS,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_done: Callable[[], None] = lambda: None,
) -> Samples:
    """Degrade every photograph with every kind, describe the results, and measure what restorers gain on them.

    Args:
        photographs: names and pixels, (3, H, W) in [0, 1]; what is drawn depends on the seed, the name and the kind.
        kinds: the degradation of each name; None for clean.
        descriptor: describes them.
        restorers: networks that lie on the device.
        draws: of severity and size, for each photograph and kind; gains are measured on the first.
        side: measure gains on a square of this side from the middle; None on the whole.
        factor: reduce every photograph by this factor; None draws it.
        most: sides of a degraded photograph, at most; a larger one is cut to its middle.
        data: how they are made of photographs.
        seed: of all draws.
        device: of the restorers.
        on_done: called after every photograph.
    """
    rows: list[tuple[FloatArray, int, float, int, list[float], int]] = []
    for number, (name, clean) in enumerate(photographs):
        for kind, (label, degradation) in enumerate(kinds.items()):
            for again in range(draws):
                drawn = draw(clean, degradation, seed_for(seed, f"{label} {again} {name}"), factor, most, data)
                heads = [for_task(one, label) for one in restorers]
                gains = measure_gains(drawn, heads, side, device) if again == 0 else [np.nan] * len(restorers)
                rows.append((describe(descriptor, drawn.degraded), kind, drawn.severity, number, gains, drawn.quality))
        on_done()
    statistics, kind_of, severities, numbers, gains_of, qualities = zip(*rows, strict=True)
    return Samples(
        np.stack(statistics),
        np.array(kind_of),
        np.array(severities),
        np.array(numbers),
        np.array(gains_of).reshape(len(rows), len(restorers)),
        np.array(qualities, dtype=float),
    )


def make_outliers(
    photographs: Iterable[tuple[str, Tensor]],
    descriptor: Descriptor,
    *,
    kind: int,
    draws: int = 1,
    most: int | None = None,
    data: PairSettings = PHOTOGRAPHS,
    seed: int = 0,
    restorers: int = 0,
    on_done: Callable[[], object] = lambda: None,
) -> Samples:
    """Distort every photograph in ways that are drawn (`grids.selection.outlier_exposure`), and describe the results.

    Args:
        photographs: names and pixels, (3, H, W) in [0, 1].
        descriptor: describes them.
        kind: the index that stands for them.
        draws: for each photograph.
        most: sides of a distorted photograph, at most; a larger one is cut to its middle.
        data: how they are made of photographs.
        seed: of all draws.
        restorers: how many gains the samples have, all of them not measured.
        on_done: called after every photograph.
    """
    rows: list[tuple[FloatArray, float, int, int]] = []
    for number, (name, clean) in enumerate(photographs):
        for again in range(draws):
            own = seed_for(seed, f"{OTHER} {again} {name}")
            which = own % len(OUTLIERS)
            whole = draw(clean, None, own, most=most, data=replace(data, saved=0.0)).clean
            worse = distorted(whole, which, seeded(seed_for(own, "distortion")))
            if bool((whole == whole[:1]).all()):  # a grey photograph stays grey
                worse = worse[1:2].expand_as(worse)
            worse, quality = save_some(worse[None], data, seeded(seed_for(own, "saved")))
            rows.append((describe(descriptor, worse[0]), which, number, int(quality)))
        on_done()
    statistics, sorts, numbers, qualities = zip(*rows, strict=True)
    nothing = np.full((len(rows), restorers), np.nan)
    return Samples(
        np.stack(statistics),
        np.full(len(rows), kind),
        np.array(sorts, dtype=float),
        np.array(numbers),
        nothing,
        np.array(qualities, dtype=float),
    )


def measure_gains(
    drawn: Drawn, restorers: Sequence[nn.Module], side: int | None, device: torch.device | str
) -> list[float]:
    """What each restorer adds to the PSNR of a degraded photograph, dB (RGB, 8 bit); NaN for a perfect one."""
    clean, degraded = drawn.clean, drawn.degraded
    if side is not None:
        clean, degraded = middle(clean, side), middle(degraded, side)
    before = image_psnr(degraded, clean)
    if not np.isfinite(before):
        return [np.nan] * len(restorers)
    return [image_psnr(restore_image(one, degraded, device).clamp(0, 1), clean) - before for one in restorers]
