"""The right group for an image, and what its restorer will gain."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from torch import Tensor, nn

from grids import devices, weights
from grids.errors import GridsError, RunError, WeightsError, unknown_name
from grids.images import MAX_PIXELS, Photo, photo_from_array, photo_from_pillow, photo_from_tensor, read_photo
from grids.images.tensors import checked_image, to_unit
from grids.images.transparency import seen_part
from grids.restoration.restore import Restoration, RestoreSettings, make_loader, restore_photo
from grids.restoration.tiling import OVERLAP
from grids.results import Candidate, Grouping, Selection
from grids.selection.features import describe
from grids.selection.features.flat import is_flat, is_one_colour
from grids.selection.grids_rule import select_by_rule
from grids.selection.judge import as_clean, judge
from grids.selection.map import SelectionMap, map_image
from grids.selection.profile import FILE, Profile, list_candidates, read_profile
from grids.similarity.descriptor import Descriptor

Method = Literal["ours", "paper"]
METHODS: tuple[Method, ...] = get_args(Method)

Image = str | Path | Photo | Pillow.Image | npt.NDArray[Any] | Tensor


class Selector:
    """Chooses among groups of degradations, by the statistics of an image alone. Source: GRIDS, section 5.2.

    Args:
        profile: what images are compared with.
        folder: that the profile's weights are relative to.
        device: of the descriptor and the restorers: "auto", "cpu", "cuda" or "mps".
        descriptor: weights of the descriptor; None for the one that ships.

    Attributes:
        profile: as it was given.
        groups: the candidates, in the order of the profile, the paths of their weights joined to the folder.
        descriptor: the network that describes images, on the device.

    Raises:
        WeightsError: the profile was made with another descriptor.
        GridsError: there is no such device.
    """

    def __init__(self, profile: Profile, folder: Path, device: str = "auto", descriptor: Path | None = None) -> None:
        self.profile = profile
        # an absolute path stays as it is
        self.groups = tuple(
            group if group.weights is None else replace(group, weights=folder / group.weights)
            for group in profile.groups
        )
        # float32: what an image is called must not hang on the machine
        self.descriptor = Descriptor(descriptor, devices.resolve(device))
        if self.descriptor.sha256 != profile.descriptor_sha256:
            raise WeightsError(
                "the profile was made with another descriptor than the built-in one: make it again with `grids profile`"
            )

    @classmethod
    def builtin(cls, device: str = "auto") -> Selector:
        """The selector that ships: eleven degradations, the restorers of the groups of our study, and one of all.

        Args:
            device: as for `Selector`.

        Returns:
            A selector that predicts gains. It is made anew at every call, which takes a while: keep it.

        Raises:
            WeightsError: a file of the package is missing or was changed.
            GridsError: there is no such device.
        """
        path = weights.builtin(weights.PROFILE)
        return cls(read_profile(path), path.parent, device)

    @classmethod
    def from_run(cls, path: str | Path, device: str = "auto") -> Selector:
        """The selector of a run folder.

        It uses the folder's profile (of `grids profile`), or, where there is only a groups.json, the built-in
        profile for its groups; then gains are not predicted, and what none of them restores is unknown.

        Args:
            path: the run folder.
            device: as for `Selector`.

        Returns:
            The selector; weights of its groups are looked for in the folder, and read when they are needed.

        Raises:
            RunError: the folder holds neither, or one that cannot be read or used, or its groups were made anew after
                its profile.
            WeightsError: the profile was made with another descriptor.
            GridsError: there is no such device.
        """
        folder = Path(path)
        return cls(_read_run(folder), folder, device)

    def select(self, image: Image, method: str = "ours", max_pixels: int = MAX_PIXELS) -> Selection:
        """Choose a group for an image.

        Args:
            image: a file, a Photo, an image of Pillow's, an array, (H, W, 3) uint8 or uint16, RGB (as for
                `photo_from_array`), or a tensor, (3, H, W) in [0, 1], RGB. Wholly transparent pixels do not count.
            method: "ours", or "paper": equation 7 of GRIDS to the letter, which knows neither clean nor unknown
                images and predicts no gain; its probabilities are a softmax of the divergences and mean nothing more.
            max_pixels: refuse larger files.

        Returns:
            The verdict, the groups in order of preference, and what the first of them is expected to gain; the same
            for the same pixels.

        Raises:
            GridsError: the image cannot be used, or the method is unknown or cannot be used with this profile.
        """
        check_method(method)
        pixels, visible, name = _pixels(image, max_pixels)
        if method == "paper":
            return select_by_rule(self.descriptor, to_unit(pixels), name, _smallest(self.groups), self.profile.ggd)
        found = judge(self.profile, describe(self.descriptor, pixels, visible)[None], (name,))[0]
        if is_one_colour(pixels, visible):  # its statistics are those of a very blurred one
            found = as_clean(found)
        return replace(found, flat=is_flat(pixels, visible))

    def restore(
        self,
        image: Image,
        *,
        group: str | None = None,
        head: str | None = None,
        tile: int | None = None,
        overlap: int = OVERLAP,
        steps: int = 1,
        min_gain: float = 0.0,
        strength: float = 1.0,
        max_pixels: int = MAX_PIXELS,
    ) -> Restoration:
        """Choose a group for an image and restore it, as `restore_photo` says; one that is clean, unlike anything
        known or not likely to gain comes back as it is.

        Args:
            image: as for `select`; the pixels of a tensor are rounded to 8 bit.
            group, head, tile, overlap, steps, min_gain, strength: as for `RestoreSettings`.
            max_pixels: refuse larger files.

        Returns:
            The result, and every look at the photograph with what was done.

        Raises:
            GridsError: the image or a value cannot be used, or the group has no restorer.
        """
        settings = RestoreSettings(group, head, tile, overlap, steps, min_gain, strength)
        photo = photo_from_tensor(image) if isinstance(image, Tensor) else _photo(image, max_pixels)
        return restore_photo(photo, self.select, self._restorers, settings, self.descriptor.device)

    @cached_property
    def _restorers(self) -> Callable[[str], nn.Module]:
        return make_loader(self.groups, self.descriptor.device)

    def map(self, image: Image, side: int | None = None, max_pixels: int = MAX_PIXELS) -> SelectionMap:
        """Choose a group for every cell of an image, where damage differs from place to place.

        Args:
            image: as for `select`; of a partly transparent one the rectangle around what is visible is mapped.
            side: of a cell in pixels, about, at least 64; None for 96, or more where there would be over 400 cells.
            max_pixels: refuse larger files.

        Returns:
            The labels of the cells (numbers of `groups`) and their probabilities.

        Raises:
            GridsError: the image cannot be used, or the side is too small.
        """
        pixels, visible, _ = _pixels(image, max_pixels)
        return map_image(self.profile, self.descriptor, pixels, side, visible)


def _smallest(groups: Sequence[Candidate]) -> list[Candidate]:
    """The groups without those that hold another whole, such as one of all degradations: the paper knows no overlap."""
    sets = [frozenset(group.degradations) for group in groups]
    return [group for group, own in zip(groups, sets, strict=True) if not any(other < own for other in sets)]


def check_method(method: str) -> None:
    """Check the name of a way to select.

    Args:
        method: one of `METHODS`, "ours" or "paper".

    Raises:
        UnknownNameError: it is neither.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)


def _read_run(folder: Path) -> Profile:
    """The profile of a run folder, or the built-in one for the groups of its groups.json; raises RunError."""
    if not folder.is_dir():
        raise RunError(f"there is no run folder '{folder}'")
    if (folder / FILE).is_file():
        profile = read_profile(folder / FILE)
        _check_same_groups(profile, folder)
        return profile
    if not (folder / "groups.json").is_file():
        raise RunError(
            f"the run folder '{folder}' holds neither {FILE} nor groups.json: make one with `grids profile` or "
            "`grids group`"
        )
    groups = list_candidates(Grouping.load(folder))
    try:
        return read_profile(weights.builtin(weights.PROFILE)).regroup(groups)
    except GridsError as error:
        raise RunError(f"cannot select among the groups of '{folder}': {error}; `grids profile` learns them") from error


def _check_same_groups(profile: Profile, folder: Path) -> None:
    """Raise RunError for a profile of other groups than those of the folder's groups.json."""
    if "examples" in profile.record or not (folder / "groups.json").is_file():
        return
    here = {(group.id, group.degradations) for group in Grouping.load(folder).groups}
    if here != {(group.id, group.degradations) for group in profile.groups}:
        raise RunError(
            f"'{folder / FILE}' is of other groups than groups.json beside it: make it again with `grids profile`"
        )


def _pixels(image: Image, max_pixels: int) -> tuple[Tensor, Tensor | None, str]:
    """(3, H, W) on the CPU, of what is visible, integers or float32 in [0, 1]; where there are hidden ones, (H, W) of
    which pixels are visible; and the name of the file."""
    if isinstance(image, Tensor):
        return checked_image(image).clamp(0, 1), None, ""
    photo = _photo(image, max_pixels)
    seen = seen_part(photo)
    return seen.photo.planes(), seen.mask(), "" if photo.path is None else str(photo.path)


def _photo(image: str | Path | Photo | Pillow.Image | npt.NDArray[Any], max_pixels: int) -> Photo:
    if isinstance(image, Photo):
        return image
    if isinstance(image, Pillow.Image):
        return photo_from_pillow(image)
    if isinstance(image, np.ndarray):
        return photo_from_array(image)
    if not isinstance(image, str | os.PathLike):
        raise GridsError(
            f"an image must be a file, a Photo, an image of Pillow's, an array or a tensor, not {type(image).__name__}"
        )
    return read_photo(image, max_pixels)
