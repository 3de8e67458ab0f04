"""From photographs to the similarity matrix."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from grids import __version__, devices
from grids.degradations import ELEVEN, Degradation, check_name
from grids.errors import GridsError, RunError, unknown_name
from grids.images import ReadOptions, read_photos
from grids.io import make_folder
from grids.pipeline.degrade import contact_sheet_of
from grids.pipeline.inputs import Images, Plugin, named_degradations, photo_paths
from grids.pipeline.run_folder import RunFolder
from grids.pipeline.targets import check_apart
from grids.results import CLEAN, SimilarityMatrix
from grids.similarity import matrix as matrices
from grids.similarity.descriptor import Descriptor
from grids.similarity.matrix import DegradationRow, measure_row, row_key
from grids.similarity.patches import Crops, draw_crops

LEAST_PATCHES = 8
"""Fewer patches have so few principal components that a fit means nothing."""


@dataclass(frozen=True)
class SimilaritySettings:
    """What a similarity matrix is measured with.

    Args:
        patches: N, for each degradation; 8 to 100,000.
        patch_size: side of a patch, in pixels; 8 to 512.
        layer: of the descriptor: "last" (before the output convolution) or "body".
        components: principal components, fewer than the patches; None for 3/8 of the patches, the share that was
            published (300 of 800).
        intervals: measure the interval of every entry too.
        seed: of everything that is drawn.
        precision: of the descriptor: "fp32", "bf16", or "auto": bf16 on CPUs that compute faster in it (up to
            twice; S moves by 0.004 on average), else fp32.

    Raises:
        GridsError: a value is out of range.
    """

    patches: int = 192
    patch_size: int = 32
    layer: str = "last"
    components: int | None = None
    intervals: bool = False
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        whole = {"patches": self.patches, "patch size": self.patch_size, "seed": self.seed}
        for name, value in (whole | ({} if self.components is None else {"components": self.components})).items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise GridsError(f"{name} must be a whole number, but is {value!r}")
        if self.patches < LEAST_PATCHES:
            raise GridsError(f"patches must be at least {LEAST_PATCHES}, but is {self.patches}")
        if self.patches > 100_000:
            raise GridsError(f"patches must be at most 100000, but is {self.patches}")
        if not 8 <= self.patch_size <= 512:
            raise GridsError(f"patch size must be 8 to 512 pixels, but is {self.patch_size}")
        if not 1 <= self.used_components < self.patches:
            raise GridsError(f"components must be 1 to {self.patches - 1}, but is {self.used_components}")
        if not 0 <= self.seed < 2**63:
            raise GridsError(f"seed must be 0 to 2^63 - 1, but is {self.seed}")
        if self.layer not in Descriptor.layers:
            raise unknown_name("layer", self.layer, Descriptor.layers)

    @property
    def used_components(self) -> int:
        """The number of components that None stands for, or the one given."""
        return round(self.patches * 3 / 8) if self.components is None else self.components

    @classmethod
    def paper(cls, **changes: Any) -> SimilaritySettings:
        """The settings of the paper: 800 patches, so 300 components, in fp32. Source: GRIDS; SRGA's public script.

        Args:
            changes: of these settings, by name.

        Raises:
            GridsError: a value is out of range.
        """
        return cls(**{"patches": 800, "precision": "fp32", **changes})


def measure_similarity(
    images: Images = None,
    settings: SimilaritySettings | None = None,
    *,
    degradations: Sequence[str] = ELEVEN,
    functions: Mapping[str, Plugin] | None = None,
    extra: Mapping[str, Images] | None = None,
    descriptor: str | Path | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    reading: ReadOptions | None = None,
    on_row: Callable[[str, bool], None] | None = None,
    on_found: Callable[[SimilarityMatrix], object] | None = None,
) -> SimilarityMatrix:
    """Measure how alike degradations are, on photographs. Source: GRIDS, section 4.2.

    Args:
        images: a folder, files, or None or "builtin" for the photographs that installed packages carry.
        settings: sizes and seed; the defaults if None.
        degradations: names from `grids.all_degradations()`.
        functions: more degradations by name: "file.py:function", a function (images, severity, generator) -> images,
            or a Degradation.
        extra: more rows by name: a folder of images that already bear a degradation.
        descriptor: weights of another SRResNet x4; None for the one that ships.
        device: "auto", "cpu", "cuda" or "mps".
        out: a folder that keeps the rows, so that a later call measures only what is new.
        reading: how photographs are read; the defaults if None.
        on_row: called with (name, whether it was reused) after every row.
        on_found: called with the matrix while no other process may write into `out`.

    Returns:
        The matrix over degradations, functions and extras, in this order; its `ggd` holds "clean" too.

    Raises:
        GridsError: a name, value or file is wrong, another process measures into the folder, or `out` holds a matrix of
            other settings, parts of which would be lost; the message names it.
    """
    used = settings or SimilaritySettings()
    kinds = _kinds(degradations, functions or {}, extra or {})
    if len(kinds) < 3:  # with clean
        raise GridsError("a similarity matrix needs at least two degradations")
    for source in (images, *(extra or {}).values()):
        check_apart(source, out)
    where = devices.resolve(device)
    describe = Descriptor(Path(descriptor) if descriptor else None, where, used.precision)

    def crops_of(source: Images) -> Crops:
        return draw_crops(photo_paths(source), used.patches, used.patch_size, used.seed, reading)

    with contextlib.nullcontext() if out is None else RunFolder(Path(out)).working():
        crops = crops_of(images)
        sources = {name: crops_of(source) for name, source in (extra or {}).items()}
        if used.intervals:
            matrices.check_photos({"the photographs": crops.photo} | {name: c.photo for name, c in sources.items()})
        if out is not None:
            _refuse_other_settings(Path(out), kinds, _record(used, describe, crops), describe.sha256)
        folder = make_folder(Path(out) / "rows") if out is not None else None
        rows = []
        for name, kind in kinds.items():
            row, reused = _row(folder, sources.get(name, crops), name, kind, describe, used)
            rows.append(row)
            if on_row is not None:
                on_row(name, reused)
        found = _assemble(rows, kinds, used, describe, crops, sources)
        if on_found is not None:
            on_found(found)
    return found


def _refuse_other_settings(
    out: Path, kinds: Collection[str], wanted: Mapping[str, Any], descriptor_sha256: str
) -> None:
    """Raise RunError where the matrix in a folder holds what the new one lacks, or was measured otherwise."""
    file = out / SimilarityMatrix.file_name
    if not file.exists():
        return
    found = SimilarityMatrix.load(file)
    before = {name: value for name, value in found.settings.items() if name in wanted}
    lines = [
        f"{name.replace('_', ' ')} {value}, now {wanted[name]}"
        for name, value in before.items()
        if value != wanted[name] and name not in ("crops_sha256", "intervals", "device", "torch")
    ]
    if before.get("crops_sha256", wanted["crops_sha256"]) != wanted["crops_sha256"]:
        lines.append("other photographs or crops")
    if found.descriptor_sha256 not in ("", descriptor_sha256):
        lines.append("another descriptor")
    if found.low is not None and not wanted["intervals"]:
        lines.append("with intervals, now without")
    if lost := [name for name in found.degradations if name not in kinds]:
        lines.append(f"with {', '.join(lost)}, now without")
    if lines:
        raise RunError(
            f"'{file}' is of other settings: {'; '.join(lines)}. Choose another folder (`out`), or remove it"
        )


def example_sheet(
    images: Images,
    degradations: Sequence[str] = ELEVEN,
    functions: Mapping[str, Plugin] | None = None,
    reading: ReadOptions | None = None,
) -> bytes:
    """Show the first usable photograph under every degradation at severity 0.5, for a report.

    Args:
        images: as for `measure_similarity`; files that cannot be used are passed over without a word.
        degradations, functions: as for `measure_similarity`.
        reading: the largest size of images.

    Returns:
        A PNG with the middle 256 pixels of the photograph, and the PSNR in dB under each.

    Raises:
        GridsError: no photograph can be used, or a degradation is unknown or cannot be loaded.
    """
    kinds = {name: kind for name, kind in _kinds(degradations, functions or {}, {}).items() if kind is not None}
    max_pixels = (reading or ReadOptions()).max_pixels  # what is skipped was told while it was measured
    photo = next(read_photos(photo_paths(images), ReadOptions(max_pixels)))
    return contact_sheet_of(photo, kinds, severity=0.5, side=256)


def _kinds(
    names: Sequence[str], functions: Mapping[str, Plugin], extra: Mapping[str, Images]
) -> dict[str, Degradation | None]:
    """Every row by name, with what makes it: clean first; None for rows whose images are taken as they are."""
    kinds: dict[str, Degradation | None] = {CLEAN: None}
    for name, kind in [*named_degradations(names, functions).items(), *((name, None) for name in extra)]:
        check_name(name)
        if name in kinds:
            taken = "is the row of the undegraded photographs" if name == CLEAN else "is named twice"
            raise GridsError(f"the degradation '{name}' {taken}")
        kinds[name] = kind
    return kinds


def _identity(kind: Degradation | None) -> str | None:
    return kind.identity() if kind is not None else None


def _row(
    folder: Path | None,
    crops: Crops,
    name: str,
    kind: Degradation | None,
    descriptor: Descriptor,
    settings: SimilaritySettings,
) -> tuple[DegradationRow, bool]:
    # what a function of unknown source does cannot be known from a file: it is measured every time
    reusable = kind is None or kind.identity() is not None
    file = folder / f"{name}.safetensors" if folder is not None and reusable else None
    if file is not None:
        key = row_key(crops, name, kind, descriptor, settings.layer, settings.seed)
        if (stored := DegradationRow.load(file, key)) is not None:
            return stored, True
    row = measure_row(crops, name, kind, descriptor, settings.layer, settings.seed)
    if file is not None:
        row.save(file)
    return row, False


def _record(settings: SimilaritySettings, descriptor: Descriptor, crops: Crops) -> dict[str, Any]:
    """What a matrix says of its measurement."""
    return asdict(settings) | {
        "components": settings.used_components,
        "photographs": len(crops.names),
        "crops_sha256": crops.digest,
        "precision": descriptor.precision,
        "device": descriptor.device.type,
        "torch": torch.__version__,
    }


def _assemble(
    rows: Sequence[DegradationRow],
    kinds: Mapping[str, Degradation | None],
    settings: SimilaritySettings,
    descriptor: Descriptor,
    crops: Crops,
    sources: Mapping[str, Crops],
) -> SimilarityMatrix:
    params = matrices.fit_rows(rows, settings.used_components)
    shown = [row for row in rows if row.name != CLEAN]
    names = [row.name for row in shown]
    values = matrices.similarity_of(params, names)
    low, high = None, None
    if settings.intervals:
        low, high = matrices.intervals(shown, values, settings.used_components, settings.seed)
    record = _record(settings, descriptor, crops)
    if sources:
        record["extra"] = {name: len(extra.names) for name, extra in sources.items()}
    # what the rows are made of, so that two matrices can be told apart; null where that cannot be known
    record["made_of"] = {
        row.name: f"images {sources[row.name].digest}" if row.name in sources else _identity(kinds[row.name])
        for row in shown
    }
    return SimilarityMatrix(tuple(names), values, params, low, high, record, descriptor.sha256, __version__)
