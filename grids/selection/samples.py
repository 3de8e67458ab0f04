"""Degraded photographs of which everything is known: what a selector learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from grids.degradations import Degradation
from grids.errors import GridsError
from grids.images.tensors import crop_middle
from grids.metrics import image_psnr
from grids.networks import Deconvolution
from grids.networks.heads import MultiHead, for_task
from grids.random import seed_for, seeded
from grids.restoration.tiling import restore_image
from grids.results import OTHER, FloatArray
from grids.selection.classifier import Indices
from grids.selection.drawn import DEFAULT, Drawn, SampleSettings, draw
from grids.selection.features import describe
from grids.selection.outlier_exposure import OUTLIERS, distort, shift_channels
from grids.similarity.descriptor import Descriptor
from grids.training.pairs import save_some


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

    def only(self, which: Indices | NDArray[np.bool_]) -> Samples:
        """Take some of the samples.

        Args:
            which: their numbers in the order wanted, or (N,) whether each is wanted.

        Returns:
            A new set, of copies.
        """
        return Samples(*(getattr(self, field.name)[which] for field in fields(self)))

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


Row = tuple[FloatArray, int, float, int, list[float], float]
"""The statistics of one sample, its kind, severity, photograph, gains and quality."""


def _stack(rows: Sequence[Row]) -> Samples:
    """Put single samples together into arrays. Raises GridsError if there are none."""
    if not rows:
        raise GridsError("samples need one photograph or more, and one kind or more")
    return Samples(*map(np.array, zip(*rows, strict=True)))


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
                gains = [np.nan] * len(networks)
                if again == 0:
                    gains = measure_gains(drawn, networks, device, settings.measured)
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
            gains = measure_gains(made, _views(restorers, OTHER, own), device, settings.measured)
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


def measure_gains(
    drawn: Drawn, restorers: Sequence[nn.Module], device: torch.device | str, most: int | None = None
) -> list[float]:
    """Run restorers on a degraded photograph, and measure what each adds to its PSNR.

    Args:
        drawn: the degraded photograph and its target.
        restorers: networks that lie on the device.
        device: of the restorers.
        most: sides of the middle part that networks are run on, at most, pixels; None for the whole. `Deconvolution`
            always sees the whole, which shows a blur better than any part.

    Returns:
        One gain for each restorer, dB (RGB, 8 bit), negative for harm. NaN where what it would see equals its target,
        and it is not run then; inf where it restores that perfectly.
    """
    whole = drawn.degraded, drawn.clean
    middle = whole if most is None else (crop_middle(drawn.degraded, most), crop_middle(drawn.clean, most))
    return [_gain(one, *(whole if isinstance(one, Deconvolution) else middle), device) for one in restorers]


def _gain(restorer: nn.Module, degraded: Tensor, clean: Tensor, device: torch.device | str) -> float:
    before = image_psnr(degraded, clean)
    if not np.isfinite(before):
        return np.nan
    return image_psnr(restore_image(restorer, degraded, device).clamp(0, 1), clean) - before
