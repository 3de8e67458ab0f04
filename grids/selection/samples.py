"""Degraded photographs of which everything is known: what a selector learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from grids.degradations import Degradation
from grids.degradations.kernels import filter_separable
from grids.degradations.resampling import reduce_size
from grids.errors import GridsError
from grids.images.tensors import crop_middle, round_to_8_bit
from grids.metrics import image_psnr
from grids.networks.heads import MultiHead, for_task
from grids.psf.shapes import gaussian_taps
from grids.random import seed_for, seeded
from grids.restoration.tiling import restore_image
from grids.results import OTHER, FloatArray
from grids.selection.classifier import Indices
from grids.selection.drawings import draw_over
from grids.selection.features import describe
from grids.selection.outlier_exposure import OUTLIERS, distort, shift_channels
from grids.similarity.descriptor import Descriptor
from grids.training.pair_settings import PHOTOGRAPHS, PairSettings
from grids.training.pairs import make_pairs, save_some

REDUCTION = 4.0
"""Photographs are reduced by a factor between 1 and this, at most: profiles hold for small and large images."""
AS_IT_IS = 0.35
"""How often a photograph is not reduced."""
SHIFT = 8
"""Rows and columns cut off before describing, at most: patches must not stand at a fixed place of a JPEG block."""
SOFT = (0.4, 1.2)
"""Standard deviations of the Gaussians that make photographs soft, pixels."""
TAPS = 9
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
    def join(cls, parts: Sequence[Samples]) -> Samples:
        """Put several sets of samples together, one after the other.

        Args:
            parts: at least one, with as many statistics and restorers each. The indices of kinds must mean the same.
                Photographs keep their numbers, so that one number may stand for photographs of several parts.

        Returns:
            A new set, of copies.
        """
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*map(np.concatenate, columns))


@dataclass(frozen=True)
class SampleSettings:
    """How samples are drawn from photographs.

    Args:
        draws: of severity and size, for each photograph and kind.
        factor: every photograph is reduced by this factor; None draws it, 1 to 4, 1 for about a third of the seeds. A
            drawn one leaves at least 64 pixels of the shorter side, where there are so many.
        most: sides of a degraded photograph, at most, pixels; a larger one is cut to its middle.
        data: how degraded ones are made of photographs; the kind decides whether one is clean, and factors are those
            above.
        seed: of all draws.
        drawings: text and shapes are drawn over every photograph before it is degraded (`drawings.py`).
        soft: the share of photographs that are made soft before they are degraded, as those of cameras are at full
            size, 0 to 1; soft ones count as clean.
    """

    draws: int = 1
    factor: float | None = None
    most: int | None = None
    data: PairSettings = PHOTOGRAPHS
    seed: int = 0
    drawings: bool = False
    soft: float = 0.0


DEFAULT = SampleSettings()

Row = tuple[FloatArray, int, float, int, list[float], float]
"""The statistics of one sample, its kind, severity, photograph, gains and quality."""


def _stack(rows: Sequence[Row]) -> Samples:
    """Put single samples together into arrays. Raises GridsError if there are none."""
    if not rows:
        raise GridsError("samples need one photograph or more, and one kind or more")
    return Samples(*map(np.array, zip(*rows, strict=True)))


class Drawn(NamedTuple):
    """A photograph, reduced, cut, degraded and, where the quality is not 0, saved as JPEG.

    Args:
        clean: (3, H, W) in [0, 1], the photograph before it was degraded or saved.
        degraded: (3, H, W) in [0, 1], the result.
        severity: of the degradation, 0 to 1; 0 without one; of a distorted one (`make_outliers`) which distortion.
        factor: how many times smaller it was made, 1 or more.
        quality: of the JPEG that it was saved as, 1 to 100; 0 for none.
    """

    clean: Tensor
    degraded: Tensor
    severity: float
    factor: float
    quality: int


def draw(clean: Tensor, degradation: Degradation | None, seed: int, settings: SampleSettings = DEFAULT) -> Drawn:
    """Reduce a photograph by a factor between 1 and 4 and degrade it at a severity, both drawn from the seed.

    Args:
        clean: (3, H, W) in [0, 1].
        degradation: None leaves it clean.
        seed: of everything, in place of that of the settings.
        settings: what is drawn, and how.

    Returns:
        The degraded photograph, with its target and all that was drawn. Where both sides are above 16 pixels, 8 rows
        and 8 columns are cut off, some before and some behind, so that patches do not stand at a fixed place of a JPEG
        block.
    """
    generator = seeded(seed)
    reduces, size, severity = torch.rand(3, generator=generator).tolist()
    if (factor := settings.factor) is None:
        factor = REDUCTION**size if reduces >= AS_IT_IS else 1.0
        factor = max(1.0, min(factor, min(clean.shape[-2:]) / LEAST))
    top, left = torch.randint(SHIFT, (2,), generator=generator).tolist()
    part = clean if settings.most is None else crop_middle(clean, round(settings.most * factor))
    whole = reduce_photo(part, factor)
    if settings.drawings:
        whole = draw_over(whole, seeded(seed_for(seed, "drawing")))
    if settings.soft:
        whole = _soften(whole, settings.soft, seeded(seed_for(seed, "soft")))
    if min(whole.shape[-2:]) > 2 * SHIFT:
        whole = whole[:, : whole.shape[1] - SHIFT + top, : whole.shape[2] - SHIFT + left]
    else:
        top = left = 0
    made = make_pairs(whole[None], degradation, replace(settings.data, clean=0.0, saved=0.0), generator, severity)
    # cut after the damage and before it is saved: the blocks of a file begin at its corner
    worse, quality = save_some(made.inputs[..., top:, left:], settings.data, generator)
    target = made.targets[0, ..., top:, left:]
    return Drawn(target, worse[0], 0.0 if degradation is None else severity, factor, int(quality))


def _soften(image: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Blur a photograph, (3, H, W), by a Gaussian that is drawn, or leave it; rounded to multiples of 1/255."""
    soft, width = torch.rand(2, generator=generator)
    if soft >= share:
        return image
    low, high = SOFT
    return round_to_8_bit(filter_separable(image[None], gaussian_taps((low + (high - low) * width)[None], TAPS))[0])


def reduce_photo(image: Tensor, factor: float) -> Tensor:
    """Make an image smaller, each pixel the mean of those under it.

    Args:
        image: (3, H, W), float32 in [0, 1].
        factor: how many times smaller its sides become.

    Returns:
        (3, h, w), rounded to multiples of 1/255, sides of at least 1 pixel; the image itself for a factor of 1 or less.

    >>> reduce_photo(torch.ones(3, 10, 8), 2.0).shape
    torch.Size([3, 5, 4])
    """
    if factor <= 1:
        return image
    size = [max(1, round(side / factor)) for side in image.shape[-2:]]
    return round_to_8_bit(reduce_size(image, size, "area"))


def make_samples(
    photographs: Iterable[tuple[str, Tensor]],
    kinds: Mapping[str, Degradation | None],
    descriptor: Descriptor,
    restorers: Sequence[nn.Module] = (),
    settings: SampleSettings = DEFAULT,
    *,
    device: torch.device | str = "cpu",
    on_done: Callable[[], object] = lambda: None,
) -> Samples:
    """Degrade every photograph with every kind, describe the results, and measure what restorers gain on them.

    Args:
        photographs: names and pixels, (3, H, W) in [0, 1]; what is drawn depends on the seed, the name and the kind.
        kinds: the degradation of each name; None for clean.
        descriptor: describes them.
        restorers: networks that lie on the device; their gains are measured on the first draw of each kind. One with
            heads, but none for a kind, uses any of them, which is drawn: it is not known which will be chosen.
        settings: how often and how photographs are drawn.
        device: of the restorers.
        on_done: called after every photograph.

    Returns:
        Samples, photograph by photograph, kind by kind; photographs and kinds are numbered from 0 in the order given.
    """
    rows: list[Row] = []
    for number, (name, clean) in enumerate(photographs):
        for kind, (label, degradation) in enumerate(kinds.items()):
            for again in range(settings.draws):
                seed = seed_for(settings.seed, f"{label} {again} {name}")
                drawn, networks = draw(clean, degradation, seed, settings), _views(restorers, label, seed)
                gains = measure_gains(drawn, networks, device) if again == 0 else [np.nan] * len(networks)
                statistics = describe(descriptor, drawn.degraded)
                rows.append((statistics, kind, drawn.severity, number, gains, float(drawn.quality)))
        on_done()
    return _stack(rows)


def make_outliers(
    photographs: Iterable[tuple[str, Tensor]],
    descriptor: Descriptor,
    kind: int,
    restorers: Sequence[nn.Module] = (),
    settings: SampleSettings = DEFAULT,
    *,
    device: torch.device | str = "cpu",
    on_done: Callable[[], object] = lambda: None,
) -> Samples:
    """Distort every photograph in ways that are drawn (`grids.selection.outlier_exposure`), describe the results, and
    measure what restorers that were not made for them do to them.

    Args:
        photographs: names and pixels, (3, H, W) in [0, 1].
        descriptor: describes them.
        kind: the index that stands for them.
        restorers: as for `make_samples`.
        settings: how often and how photographs are drawn; each is reduced by a factor of its own.
        device: of the restorers.
        on_done: called after every photograph.

    Returns:
        Samples, photograph by photograph, all of that kind; their severities are the numbers of the distortions, and
        gains are measured on every draw.
    """
    rows: list[Row] = []
    drawing = SampleSettings(most=settings.most, data=replace(settings.data, saved=0.0))
    for number, (name, clean) in enumerate(photographs):
        for again in range(settings.draws):
            own = seed_for(settings.seed, f"{OTHER} {again} {name}")
            which = own % len(OUTLIERS)
            whole = draw(clean, None, own, drawing).clean
            grey = bool((whole == whole[:1]).all())
            if grey and OUTLIERS[which] is shift_channels:  # which it cannot show
                which = (which + 1) % len(OUTLIERS)
            worse = distort(whole, which, seeded(seed_for(own, "distortion")))
            if grey:
                worse = worse[1:2].expand_as(worse)
            saved, quality = save_some(worse[None], settings.data, seeded(seed_for(own, "saved")))
            made = Drawn(whole, saved[0], float(which), 1.0, int(quality))
            gains = measure_gains(made, _views(restorers, OTHER, own), device)
            statistics = describe(descriptor, made.degraded)
            rows.append((statistics, kind, made.severity, number, gains, float(quality)))
        on_done()
    return _stack(rows)


def _views(restorers: Sequence[nn.Module], kind: str, seed: int) -> list[nn.Module]:
    """Restorers as they would meet an image of a kind: by its head, or else by one that the seed decides on."""
    return [
        for_task(one, kind, one.tasks[seed_for(seed, "head") % len(one.tasks)]) if isinstance(one, MultiHead) else one
        for one in restorers
    ]


def measure_gains(drawn: Drawn, restorers: Sequence[nn.Module], device: torch.device | str) -> list[float]:
    """Run restorers on a degraded photograph, and measure what each adds to its PSNR.

    Args:
        drawn: the degraded photograph and its target.
        restorers: networks that lie on the device.
        device: of the restorers.

    Returns:
        One gain for each restorer, dB (RGB, 8 bit), negative for harm. All are NaN where the photograph equals its
        target, and no restorer is run then; inf where one restores it perfectly.
    """
    before = image_psnr(drawn.degraded, drawn.clean)
    if not np.isfinite(before):
        return [np.nan] * len(restorers)
    restored = (restore_image(one, drawn.degraded, device).clamp(0, 1) for one in restorers)
    return [image_psnr(image, drawn.clean) - before for image in restored]
