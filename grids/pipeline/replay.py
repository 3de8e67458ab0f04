"""Making the pairs of an earlier `degrade_folder` again, by its params.csv."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grids import __version__
from grids.cells import from_cell
from grids.degradations import Degradation, degradation
from grids.errors import GridsError, UnknownNameError
from grids.images import ReadOptions, note_pages, read_photo
from grids.pipeline.degrade import PARAMS, Job, checksum, write_pairs
from grids.pipeline.targets import read_rows, results_folder, target_names

NEEDED = ("file", "kind", "seed")
"""The columns that every version of grids has written."""
FIRST = "0.1.0"
"""The version of grids whose params.csv did not say which version wrote it."""


def replay_folder(
    sources: Sequence[Path],
    params: str | Path,
    out: str | Path,
    kinds: Mapping[str, Degradation] | None = None,
    *,
    reading: ReadOptions | None = None,
    on_image: Callable[[Path], None] | None = None,
) -> list[dict[str, Any]]:
    """Make the pairs of an earlier `degrade_folder` again, from the same photographs.

    Args:
        sources: the photographs; others beside those that `params` names do not matter.
        params: the params.csv.
        out: a folder for the new pairs, as in `degrade_folder`.
        kinds: degradations that are not built in, by name.
        reading: the largest size of images.
        on_image: called after every photograph.

    Returns:
        The rows of the new params.csv.

    Raises:
        GridsError: `params` cannot be read, or was written by a grids whose synthesizers made other pixels (the message
            names its version); a photograph is missing, cannot be read or is another one; or `out` is wrong.
    """
    reading = reading or ReadOptions()
    jobs = read_jobs(Path(params), kinds or {})
    paths = {name: path for path, name in target_names(sources).items()}
    if missing := [name for name in jobs if name not in paths]:
        raise GridsError(f"'{params}' names '{missing[0]}', but no photograph that is given would become that")
    for name, found in jobs.items():  # all of them before anything is written
        digest = checksum(read_photo(paths[name], reading.max_pixels))
        if any(job.sha256 != digest for job in found):
            raise GridsError(f"'{paths[name]}' is not the photograph that '{params}' was made of")
    several = len({job.name for found in jobs.values() for job in found}) > 1
    rows: list[dict[str, Any]] = []
    with results_folder(Path(out), sources, PARAMS) as folder:
        for name, found in jobs.items():
            photo = read_photo(paths[name], reading.max_pixels)
            note_pages(photo, reading)
            rows += write_pairs(folder, photo, name, found, several, reading)
            if on_image is not None:
                on_image(paths[name])
    return rows


def read_jobs(file: Path, kinds: Mapping[str, Degradation]) -> dict[str, list[Job]]:
    """Read a params.csv, as `degrade_folder` writes it.

    Args:
        file: the CSV file.
        kinds: degradations that are not built in, by name.

    Returns:
        For each file name of the results its jobs, both in the order of the rows.

    Raises:
        GridsError: as for `replay_folder`; the message names the line.
    """
    found: dict[str, list[Job]] = {}
    for number, row in read_rows(file, PARAMS, NEEDED):
        line = f"line {number} of '{file}'"
        cells = {column: from_cell(cell) for column, cell in row.items() if isinstance(cell, str)}
        if len(cells) < len(row):  # csv fills up with None, and lists what is too much under None
            raise GridsError(f"{line} has too many or too few values")
        try:
            job = _job(file, cells, kinds)
        except UnknownNameError as error:
            raise GridsError(f"{line}: {error}; one of your own must be given, too, by `functions`") from error
        except (KeyError, ValueError) as error:
            raise GridsError(f"{line} is damaged ({error})") from error
        jobs = found.setdefault(cells["file"], [])
        if job.name in [other.name for other in jobs]:
            raise GridsError(f"{line} names {job.name} of '{cells['file']}' a second time")
        jobs.append(job)
    if not found:
        raise GridsError(f"'{file}' holds no pairs")
    return found


def _job(file: Path, cells: Mapping[str, str], kinds: Mapping[str, Degradation]) -> Job:
    """Raises GridsError; KeyError or ValueError for a damaged row."""
    name = cells["kind"]
    kind = kinds[name] if name in kinds else degradation(name)
    wrote, version = cells.get("grids_version") or FIRST, int(cells.get("version") or 0)
    if version != kind.version:
        if wrote == __version__:
            raise ValueError(f"version {version} of {name}, which has {kind.version} in grids {wrote}")
        raise GridsError(
            f"'{file}' was written by grids {wrote}, whose {name} has other pixels: only that version makes them again"
        )
    severity = float(cells["severity"]) if cells["severity"] else None
    if severity is not None and not 0 <= severity <= 1:
        raise ValueError(f"severity {severity}")
    seed = int(cells["seed"])
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed {seed}")
    return Job(name, kind, seed, severity, {"True": True, "False": False}[cells["rounded"]], cells["sha256"])
