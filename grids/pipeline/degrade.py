"""Degrading photographs into files: one, a contact sheet of all kinds, or a folder for a trainer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from grids import __version__
from grids.degradations import Degradation, Parameters
from grids.errors import GridsError
from grids.images import Photo, ReadOptions, note_pages, read_photo, read_photos, write_photo
from grids.images.grey import take_one_channel
from grids.images.tensors import crop_middle, to_pixels
from grids.images.transparency import Seen, seen_part, with_seen
from grids.io import write_bytes
from grids.metrics import image_psnr
from grids.pipeline.targets import append_row, check_targets, results_folder, target_names
from grids.random import seed_for, seeded
from grids.reports.sheet import contact_sheet

PARAMS = "params.csv"


@dataclass(frozen=True)
class Job:
    """What makes one pair of a photograph: a row of params.csv.

    Args:
        name: of the degradation.
        kind: the degradation.
        seed: of all that is drawn, 0 to 2^63 - 1.
        severity: in [0, 1]; None where it was drawn.
        rounded: whether the result was rounded to 8 bit.
        sha256: the first 16 digits of a checksum of the photograph's size and pixels; not of its file.
    """

    name: str
    kind: Degradation
    seed: int
    severity: float | None
    rounded: bool
    sha256: str = ""


def degrade_file(
    source: str | Path,
    target: str | Path,
    kind: Degradation,
    *,
    severity: float | None = None,
    seed: int = 0,
    round_to_8_bit: bool = True,
    reading: ReadOptions | None = None,
) -> float:
    """Degrade one image file into another; alpha, metadata and bit depth are kept.

    A grey file stays grey: it is degraded in colour, and one channel is taken. Wholly transparent pixels stay as they
    are: what is seen is degraded as if it went on there.

    Args:
        source, target: the files; the target's suffix decides its format.
        kind: what to apply.
        severity: in [0, 1]; None draws.
        seed: the same seed gives the same file.
        round_to_8_bit: round the result to 8 bit, as the other synthesizers of the field do; without, it is written
            with 16 bits where the format holds them (png, tif).
        reading: the largest size of images; told what is not kept.

    Returns:
        The PSNR in dB between the two (RGB, no crop, rounded to 8 bit), of the rectangle around what is visible.

    Raises:
        GridsError: the image cannot be read or written, or the severity is outside [0, 1].
    """
    check_targets([target], [source])
    reading = reading or ReadOptions()
    photo = read_photo(Path(source), reading.max_pixels)
    note_pages(photo, reading)
    seen = seen_part(photo)
    clean = seen.photo.tensor()
    result, _ = _degrade(clean, kind, severity, seed, round_to_8_bit, photo.grey)
    write_photo(Path(target), _result(photo, seen, result, round_to_8_bit), reading)
    return image_psnr(clean, result)


def degrade_sheet(
    source: str | Path,
    target: str | Path,
    kinds: Mapping[str, Degradation],
    *,
    severity: float | None = None,
    seed: int = 0,
    reading: ReadOptions | None = None,
) -> Path:
    """Write `contact_sheet_of` an image file.

    Args:
        source: the image file.
        target: the sheet, NAME.png.
        kinds, severity, seed: as for `contact_sheet_of`.
        reading: the largest size of images.

    Returns:
        The path of the sheet.

    Raises:
        GridsError: the name does not end in .png, the image cannot be used, or the sheet cannot be written.
    """
    sheet = Path(target)
    if sheet.suffix.lower() != ".png":
        raise GridsError(f"a contact sheet is written as .png, not '{sheet}'")
    check_targets([sheet], [source])
    photo = read_photo(source, (reading or ReadOptions()).max_pixels)
    return write_bytes(sheet, contact_sheet_of(photo, kinds, severity=severity, seed=seed))


def contact_sheet_of(
    photo: Photo,
    kinds: Mapping[str, Degradation],
    *,
    severity: float | None = None,
    seed: int = 0,
    side: int = 512,
) -> bytes:
    """Show a photograph under several degradations, on one sheet with the PSNR of each in dB.

    Args:
        photo: of a partly transparent one the rectangle around what is visible is shown.
        kinds: the degradations, by the names under the pictures; each is applied to the clean photograph.
        severity: in [0, 1], for all of them; None draws one for each.
        seed: the same seed gives the same sheet.
        side: only the middle is shown, so many pixels at most in width and height.

    Returns:
        A PNG: the clean picture first, then one for each degradation, in their order.

    Raises:
        GridsError: the severity or the seed is out of range, or a degradation of one's own fails.
    """
    whole = seen_part(photo).photo.tensor()
    clean = crop_middle(whole, side)
    size = f"middle {clean.shape[2]} x {clean.shape[1]}" if clean.shape != whole.shape else "clean"
    tiles = [(size, to_pixels(clean))]
    for name, kind in kinds.items():
        result, _ = _degrade(clean, kind, severity, seed, True, photo.grey)
        tiles.append((f"{name}  {image_psnr(clean, result):.1f} dB", to_pixels(result)))
    # as many in a row as leave the last one fullest
    return contact_sheet(tiles, columns=min((4, 5, 6), key=lambda columns: -len(tiles) % columns))


def degrade_folder(
    sources: Sequence[Path],
    out: str | Path,
    kinds: Mapping[str, Degradation],
    *,
    severity: float | None = None,
    seed: int = 0,
    round_to_8_bit: bool = True,
    reading: ReadOptions | None = None,
    on_image: Callable[[Path], None] | None = None,
) -> list[dict[str, Any]]:
    """Degrade many images for a trainer: LQ/ and GT/ with matching names, and params.csv.

    With several kinds each has a folder of its own for LQ/ and GT/. Images become PNG, with the sub-folders that they
    lie in. `degrade_file` with the seed, severity and rounding of a row of params.csv gives the same image again, as
    long as the kind's version is the same. Rows are written as the images are, so an interrupted call leaves pairs and
    rows that match.

    Args:
        sources: the image files; one that cannot be used is skipped and reported to `reading`.
        out: the folder for the results, made if needed; no source may lie in it.
        kinds: the degradations by name.
        severity: in [0, 1]; None draws one for each image and kind.
        seed: each image and kind has a seed of its own, made of this, the kind and the name of the result.
        round_to_8_bit: as for `degrade_file`.
        reading: how images are read.
        on_image: called after every image, with its file.

    Returns:
        The rows of params.csv: file, kind, its version, seed, severity (empty if drawn), rounded, parameters (JSON),
        psnr_db, sha256 of the photograph's pixels, grids_version. `replay_folder` makes the pairs again.

    Raises:
        GridsError: no image can be used, two would get the same name, `out` holds one of them or an earlier params.csv,
            or cannot be written to.
    """
    names = target_names(sources)
    rows: list[dict[str, Any]] = []
    with results_folder(Path(out), sources, PARAMS) as folder:
        for photo in read_photos(list(names), reading):
            assert photo.path is not None
            name, digest = names[photo.path], checksum(photo)
            jobs = [
                Job(label, kind, seed_for(seed, f"{label} {name}"), severity, round_to_8_bit, digest)
                for label, kind in kinds.items()
            ]
            rows += write_pairs(folder, photo, name, jobs, len(kinds) > 1, reading)
            if on_image is not None:
                on_image(photo.path)
    return rows


def checksum(photo: Photo) -> str:
    """The first 16 digits of the SHA-256 of a photograph's size and pixels: what is degraded, not its file."""
    return hashlib.sha256(str(photo.pixels.shape).encode() + photo.pixels.tobytes()).hexdigest()[:16]


def write_pairs(
    folder: Path, photo: Photo, name: str, jobs: Sequence[Job], several: bool, reading: ReadOptions | None
) -> list[dict[str, Any]]:
    """Write pairs of a photograph into LQ/ and GT/, and a row of params.csv after each.

    Args:
        folder: for the results; it is there.
        photo: what is degraded.
        name: of the results.
        jobs: one for each pair.
        several: each degradation has a folder of its own for LQ/ and GT/.
        reading: told of what is not kept.

    Returns:
        The rows.

    Raises:
        GridsError: a file cannot be written, or a degradation of one's own fails.
    """
    rows = []
    for job in jobs:
        base = folder / job.name if several else folder
        rows.append(_write_pair(base, photo, name, job, reading))
        append_row(folder / PARAMS, rows[-1])
    return rows


def _write_pair(base: Path, photo: Photo, name: str, job: Job, reading: ReadOptions | None) -> dict[str, Any]:
    seen = seen_part(photo)
    clean = seen.photo.tensor()
    result, parameters = _degrade(clean, job.kind, job.severity, job.seed, job.rounded, photo.grey)
    write_photo(base / "GT" / name, photo)
    write_photo(base / "LQ" / name, _result(photo, seen, result, job.rounded), reading)
    return {
        "file": name,
        "kind": job.name,
        "version": job.kind.version,
        "seed": job.seed,
        "severity": "" if job.severity is None else job.severity,
        "rounded": job.rounded,
        "parameters": json.dumps({key: value[0].tolist() for key, value in parameters.items()}),
        "psnr_db": f"{image_psnr(clean, result):.3f}",
        "sha256": job.sha256,
        "grids_version": __version__,
    }


def _degrade(
    clean: Tensor, kind: Degradation, severity: float | None, seed: int, round_to_8_bit: bool, grey: bool
) -> tuple[Tensor, Parameters]:
    batch = clean.unsqueeze(0)
    parameters = kind.sample(batch.shape, seeded(seed), severity)
    degraded = kind.apply(batch, parameters, round_to_8_bit)[0]
    return take_one_channel(degraded) if grey else degraded, parameters


def _result(photo: Photo, seen: Seen, result: Tensor, rounded: bool) -> Photo:
    whole, part = (shot if rounded else shot.with_16_bits() for shot in (photo, seen.photo))
    return with_seen(whole, seen, part.with_pixels(result))
