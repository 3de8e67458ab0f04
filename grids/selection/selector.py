"""The right group for an image, and what its restorer will gain."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from grids import devices, weights
from grids.errors import GridsError, RunError, WeightsError, unknown_name
from grids.images import MAX_PIXELS, Photo, photo_from_tensor, read_photo
from grids.restoration.restore import Restoration, loader, restore_photo
from grids.restoration.tiling import OVERLAP
from grids.results import (
    CLEAN,
    CLEAN_CELL,
    IN_DISTRIBUTION,
    OTHER,
    OUT_OF_DISTRIBUTION,
    UNKNOWN_CELL,
    FloatArray,
    GGDParams,
    Grouping,
    Ranked,
    Selection,
)
from grids.selection.features.moments import describe
from grids.selection.fit_profile import membership
from grids.selection.grids_rule import average, image_ggd, paper_divergences
from grids.selection.profile import FILE, Candidate, Profile, read_profile
from grids.similarity.descriptor import Descriptor

OURS, PAPER = "ours", "paper"
METHODS = (OURS, PAPER)

Image = str | Path | Photo | Tensor

CELL, LEAST_CELL, CELLS = 96, 64, 400
"""Side of a map's cells in pixels; the least side; and how many cells there are, at most."""


@dataclass(frozen=True)
class SelectableGroup:
    """A group that a selector can choose.

    Args:
        id: "C1", or a name of the user's.
        degradations: that it restores.
        weights: the file of its restorer; None where there is none.
        network: its preset, where the file does not say so.
    """

    id: str
    degradations: tuple[str, ...]
    weights: Path | None = None
    network: str | None = None


@dataclass(frozen=True, eq=False)
class SelectionMap:
    """Which group fits where.

    Args:
        labels: (rows, columns), the number of the group in `Selector.groups`; -1 clean, -2 unlike anything known.
        probabilities: (rows, columns), of the label; of unknown cells that of the likeliest group.
        height, width: of the image, in pixels; row i begins at i height // rows.
    """

    labels: np.ndarray[Any, np.dtype[np.int64]]
    probabilities: FloatArray
    height: int
    width: int


class Selector:
    """Chooses among groups of degradations, by the statistics of an image alone. Source: GRIDS, section 5.2.

    Args:
        profile: what images are compared with.
        folder: that the profile's weights are relative to.
        device: of the descriptor: "auto", "cpu", "cuda" or "mps".
        descriptor: weights of the descriptor; None for the one that ships.

    Raises:
        WeightsError: the profile was made with another descriptor.
        GridsError: there is no such device.
    """

    def __init__(self, profile: Profile, folder: Path, device: str = "auto", descriptor: Path | None = None) -> None:
        self.profile = profile
        self.groups = tuple(_located(group, folder) for group in profile.groups)
        self._members = membership(profile.kinds, profile.groups)
        # float32: what an image is called must not hang on the machine
        self.descriptor = Descriptor(descriptor, devices.resolve(device))
        if self.descriptor.sha256 != profile.descriptor_sha256:
            raise WeightsError(
                "the profile was made with another descriptor than the built-in one: make it again with `grids profile`"
            )

    @classmethod
    def builtin(cls, device: str = "auto") -> Selector:
        """The selector that ships: eleven degradations in the four groups of our study, with their restorers."""
        path = weights.builtin(weights.PROFILE)
        return cls(read_profile(path), path.parent, device)

    @classmethod
    def from_run(cls, path: str | Path, device: str = "auto") -> Selector:
        """The selector of a run folder.

        It uses the folder's profile (of `grids profile`), or, where there is only a groups.json, the built-in
        profile for its groups; then gains are not predicted, and what none of them restores is out-of-distribution.

        Raises:
            RunError: the folder holds neither, or one that cannot be read or used, or its groups were made anew after
                its profile.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise RunError(f"there is no run folder '{folder}'")
        if (folder / FILE).is_file():
            profile = read_profile(folder / FILE)
            _check_same_groups(profile, folder)
            return cls(profile, folder, device)
        if not (folder / "groups.json").is_file():
            raise RunError(
                f"the run folder '{folder}' holds neither {FILE} nor groups.json: make one with `grids profile` or "
                "`grids group`"
            )
        grouping = Grouping.load(folder)
        groups = tuple(Candidate(group.id, group.degradations, group.weights) for group in grouping.groups)
        try:
            profile = read_profile(weights.builtin(weights.PROFILE)).regrouped(groups)
        except GridsError as error:
            raise RunError(
                f"cannot select among the groups of '{folder}': {error}; `grids profile` learns them"
            ) from error
        return cls(profile, folder, device)

    def select(self, image: Image, method: str = OURS, max_pixels: int = MAX_PIXELS) -> Selection:
        """Choose a group for an image.

        Args:
            image: a file, a Photo, or (3, H, W) in [0, 1], RGB.
            method: "ours", or "paper": equation 7 of GRIDS to the letter, which knows neither clean nor unknown
                images and predicts no gain; its probabilities are a softmax of the divergences and mean nothing more.
            max_pixels: refuse larger files.

        Raises:
            GridsError: the image cannot be used, or the method is unknown or cannot be used with this profile.
        """
        check_method(method)
        pixels, name = _pixels(image, max_pixels)
        if method == PAPER:
            return self._as_published(pixels, name)
        return self.judge(describe(self.descriptor, pixels)[None], (name,))[0]

    def restore(
        self,
        image: Image,
        *,
        group: str | None = None,
        head: str | None = None,
        tile: int | None = None,
        overlap: int = OVERLAP,
        steps: int = 1,
        max_pixels: int = MAX_PIXELS,
    ) -> Restoration:
        """Choose a group for an image and restore it, as `restore_photo` says; one that is clean or unlike anything
        known comes back as it is.

        Args:
            image: as for `select`; the pixels of a tensor are rounded to 8 bit.
            group, head, tile, overlap, steps: as for `restore_photo`.
            max_pixels: refuse larger files.

        Raises:
            GridsError: the image or a value cannot be used, or the group has no restorer.
        """
        if isinstance(image, Tensor):
            image = photo_from_tensor(image)
        photo = image if isinstance(image, Photo) else read_photo(image, max_pixels)
        return restore_photo(
            photo,
            self.select,
            self._restorers,
            group=group,
            head=head,
            tile=tile,
            overlap=overlap,
            steps=steps,
            device=self.descriptor.device,
        )

    @cached_property
    def _restorers(self) -> Callable[[str], nn.Module]:
        return loader(self.groups, self.descriptor.device)

    def map(
        self,
        image: Image,
        side: int | None = None,
        max_pixels: int = MAX_PIXELS,
        on_cell: Callable[[], object] = lambda: None,
    ) -> SelectionMap:
        """Choose a group for every cell of an image, where damage differs from place to place.

        Args:
            image: as for `select`.
            side: of a cell in pixels, about, at least 64; None for 96, or more where there would be over 400 cells.
            max_pixels: refuse larger files.
            on_cell: called after every cell.

        Raises:
            GridsError: the image cannot be used, or the side is too small.
        """
        if side is not None and side < LEAST_CELL:
            raise GridsError(f"the cells of a map must be at least {LEAST_CELL} pixels wide, not {side}")
        pixels, _ = _pixels(image, max_pixels)
        height, width = pixels.shape[-2:]
        rows, columns = _cells(height, width, side)
        tops = [row * height // rows for row in range(rows + 1)]
        lefts = [column * width // columns for column in range(columns + 1)]
        statistics = []
        for top, bottom in itertools.pairwise(tops):
            for left, right in itertools.pairwise(lefts):
                statistics.append(describe(self.descriptor, pixels[:, top:bottom, left:right]))
                on_cell()
        numbers = {group.id: number for number, group in enumerate(self.groups)}
        found = [_cell(one, numbers) for one in self.judge(np.stack(statistics), ("",) * len(statistics))]
        labels, chances = (np.array(values).reshape(rows, columns) for values in zip(*found, strict=True))
        return SelectionMap(labels, chances, height, width)

    def judge(self, statistics: FloatArray, images: tuple[str, ...]) -> list[Selection]:
        """Selections from the statistics of images, (N, D)."""
        profile = self.profile
        whitened = profile.discriminant.whiten(statistics)
        squares = profile.discriminant.squared_distances(whitened)
        chances = softmax(profile.discriminant.log_densities(whitened) / profile.thresholds.temperature, axis=1)
        gains = widths = None
        if profile.gains is not None:
            gains, widths = profile.gains.predict(whitened, chances), profile.gains.half_width(chances)
        found = []
        for row, image in enumerate(images):
            distance = self._distance(chances[row], float(squares[row].min()))
            selection = Selection(
                image,
                self._verdict(chances[row], distance),
                self._ranking(squares[row] / whitened.shape[1], chances[row], None if gains is None else gains[row]),
                _sorted({name: float(p) for name, p in zip(profile.kinds, chances[row], strict=True)}),
                distance=distance,
            )
            if selection.group is not None and profile.gains is not None and widths is not None:
                gain, half = selection.ranking[0].predicted_gain, float(widths[row])
                assert gain is not None
                interval = (gain - half, gain + half)
                selection = replace(selection, predicted_gain=gain, interval=interval, coverage=profile.gains.coverage)
            found.append(selection)
        return found

    def _distance(self, chances: FloatArray, square: float) -> float:
        """How unlike anything known an image is, as the ratio to what still counts as known."""
        thresholds = self.profile.thresholds
        far = square / thresholds.distance
        if self.profile.kinds[-1] != OTHER:
            return far
        ratio = float(chances[-1] / thresholds.other)
        return max(far, ratio) if far > 1 else ratio

    def _verdict(self, chances: FloatArray, distance: float) -> str:
        profile = self.profile
        if distance > 1:
            return OUT_OF_DISTRIBUTION
        likeliest = max((k for k, kind in enumerate(profile.kinds) if kind != OTHER), key=lambda k: float(chances[k]))
        if profile.kinds[likeliest] == CLEAN and chances[likeliest] >= profile.thresholds.clean:
            return CLEAN
        # the built-in profile may know kinds that no group of a run restores
        stray = profile.kinds[likeliest] != CLEAN and not self._members[likeliest].any()
        return OUT_OF_DISTRIBUTION if stray else IN_DISTRIBUTION

    def _ranking(self, squares: FloatArray, chances: FloatArray, gains: FloatArray | None) -> tuple[Ranked, ...]:
        owners = self.profile.discriminant.owners
        ranked = []
        for number, group in enumerate(self.groups):
            mine = np.flatnonzero(self._members[:, number])
            ranked.append(
                Ranked(
                    group.id,
                    group.degradations,
                    float(squares[np.isin(owners, mine)].min()),
                    float(chances[mine].sum()),
                    None if gains is None else float(gains[number]),
                )
            )
        return tuple(sorted(ranked, key=lambda one: (-one.probability, one.divergence, one.group)))

    @cached_property
    def _published(self) -> Mapping[str, GGDParams]:
        ggd = self.profile.ggd
        if any(name not in ggd for group in self.groups for name in group.degradations):
            raise GridsError("this profile holds no generalized Gaussians, so --method paper cannot be used with it")
        return {group.id: average([ggd[name] for name in group.degradations]) for group in self.groups}

    def _as_published(self, pixels: Tensor, name: str) -> Selection:
        groups = self._published
        try:
            divergences = paper_divergences(image_ggd(self.descriptor, pixels), groups)
        except GridsError:  # a flat image has no distribution, and so no group
            return Selection(name, OUT_OF_DISTRIBUTION, ())
        values = np.array([divergences[group.id] for group in self.groups])
        chances = softmax(-values)
        ranked = [
            Ranked(group.id, group.degradations, float(value), float(chance))
            for group, value, chance in zip(self.groups, values, chances, strict=True)
        ]
        return Selection(name, IN_DISTRIBUTION, tuple(sorted(ranked, key=lambda one: (one.divergence, one.group))))


def check_method(method: str) -> None:
    """Raise UnknownNameError for a method that there is not."""
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)


def _cells(height: int, width: int, side: int | None) -> tuple[int, int]:
    """Rows and columns of a map."""

    def count(pixels: int) -> tuple[int, int]:
        return max(1, round(height / pixels)), max(1, round(width / pixels))

    return count(side or next(pixels for pixels in itertools.count(CELL) if math.prod(count(pixels)) <= CELLS))


def _check_same_groups(profile: Profile, folder: Path) -> None:
    """Raise RunError for a profile of other groups than those of the folder's groups.json."""
    if "examples" in profile.record or not (folder / "groups.json").is_file():
        return
    here = {(group.id, group.degradations) for group in Grouping.load(folder).groups}
    if here != {(group.id, group.degradations) for group in profile.groups}:
        raise RunError(f"'{folder / FILE}' is of other groups than groups.json beside it: make it again: grids profile")


def _located(group: Candidate, folder: Path) -> SelectableGroup:
    file = None if group.weights is None else folder / group.weights  # an absolute path stays as it is
    return SelectableGroup(group.id, group.degradations, file, group.network)


def _pixels(image: Image, max_pixels: int) -> tuple[Tensor, str]:
    """(3, H, W) float32 in [0, 1] on the CPU, and the name of the file."""
    if isinstance(image, str | Path):
        image = read_photo(image, max_pixels)
    if isinstance(image, Photo):
        return image.tensor(), "" if image.path is None else str(image.path)
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape or not image.is_floating_point():
        raise GridsError(f"an image must be (3, H, W), floating point, but is {tuple(image.shape)} of {image.dtype}")
    if not bool(torch.isfinite(image).all()):
        raise GridsError("an image must be finite, but holds NaN or infinite values")
    return image.detach().to("cpu", torch.float32).clamp(0, 1), ""


def _cell(selection: Selection, numbers: Mapping[str, int]) -> tuple[int, float]:
    """The label of a map's cell, and its probability."""
    if selection.verdict == CLEAN:
        return CLEAN_CELL, selection.degradations[CLEAN]
    label = UNKNOWN_CELL if selection.group is None else numbers[selection.group]
    return label, selection.ranking[0].probability


def _sorted(chances: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(chances.items(), key=lambda item: -item[1]))
