"""Degrading photographs into files: one, a contact sheet of all kinds, or a folder for a trainer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from grids.degradations import Degradation, Parameters, psnr, seeded
from grids.errors import GridsError
from grids.files import make_folder, write_bytes, write_text
from grids.images import MAX_PIXELS, Photo, Skipped, read_photo, read_photos, write_photo
from grids.reports.sheet import contact_sheet
from grids.similarity.patches import seed_for


def degrade_file(
    source: str | Path,
    target: str | Path,
    kind: Degradation,
    *,
    severity: float | None = None,
    seed: int = 0,
    round_to_8_bit: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> float:
    """Degrade one image file into another; alpha, EXIF, colour profile and bit depth are kept.

    Args:
        source, target: the files; the target's suffix decides its format.
        kind: what to apply.
        severity: in [0, 1]; None draws.
        seed: the same seed gives the same file.
        round_to_8_bit: round the result to 8 bit, as the other synthesizers of the field do.
        max_pixels: refuse larger images.

    Returns:
        The PSNR in dB between the two (RGB, no crop, rounded to 8 bit).

    Raises:
        GridsError: the image cannot be read or written, or the severity is outside [0, 1].
    """
    photo = read_photo(Path(source), max_pixels=max_pixels)
    clean = photo.tensor()
    result, _ = _degrade(clean, kind, severity, seed, round_to_8_bit)
    write_photo(Path(target), photo.with_pixels(result))
    return psnr(clean, result)


def contact_sheet_of(
    photo: Photo,
    kinds: Mapping[str, Degradation],
    *,
    severity: float | None = None,
    seed: int = 0,
    side: int = 512,
) -> bytes:
    """A PNG of the photograph (its middle, `side` pixels at most) under every degradation, with the PSNR in dB."""
    clean = _middle(photo.tensor(), side)
    tiles = [("clean", _to_bytes(clean))]
    for name, kind in kinds.items():
        result, _ = _degrade(clean, kind, severity, seed_for(seed, name), True)
        tiles.append((f"{name}  {psnr(clean, result):.1f} dB", _to_bytes(result)))
    return contact_sheet(tiles)


def degrade_folder(
    sources: Sequence[Path],
    out: str | Path,
    kinds: Mapping[str, Degradation],
    *,
    severity: float | None = None,
    seed: int = 0,
    round_to_8_bit: bool = True,
    max_pixels: int = MAX_PIXELS,
    on_image: Callable[[Path], None] | None = None,
    on_skip: Callable[[Skipped], None] | None = None,
) -> list[dict[str, Any]]:
    """Degrade many images for a trainer: LQ/ and GT/ with matching names, and params.csv.

    With several kinds each has a folder of its own for LQ/ and GT/. Images become PNG, with the sub-folders that they
    lie in. The seed in params.csv gives the same image again (`degrade_file` with that seed).

    Returns:
        The rows of params.csv: file, kind, seed, parameters (JSON), psnr_db.

    Raises:
        GridsError: no image can be used, two would get the same name, or the folder cannot be written to.
    """
    folder = make_folder(Path(out))
    names = _target_names(sources)
    rows: list[dict[str, Any]] = []
    for photo in read_photos(list(names), max_pixels=max_pixels, on_skip=on_skip):
        assert photo.path is not None
        clean, name = photo.tensor(), names[photo.path]
        for kind_name, kind in kinds.items():
            base = folder / kind_name if len(kinds) > 1 else folder
            image_seed = seed_for(seed, f"{kind_name} {name}")
            result, parameters = _degrade(clean, kind, severity, image_seed, round_to_8_bit)
            write_photo(base / "GT" / name, photo)
            write_photo(base / "LQ" / name, photo.with_pixels(result))
            rows.append(
                {
                    "file": name,
                    "kind": kind_name,
                    "seed": image_seed,
                    "parameters": json.dumps(_listed(parameters)),
                    "psnr_db": f"{psnr(clean, result):.3f}",
                }
            )
        if on_image is not None:
            on_image(photo.path)
    write_text(folder / "params.csv", _csv(rows))
    return rows


def write_sheet(target: Path, data: bytes) -> Path:
    """Write a contact sheet. Raises GridsError where the name does not end in .png."""
    if target.suffix.lower() != ".png":
        raise GridsError(f"a contact sheet is written as .png, not '{target.name}'")
    return write_bytes(target, data)


def _degrade(
    clean: Tensor, kind: Degradation, severity: float | None, seed: int, round_to_8_bit: bool
) -> tuple[Tensor, Parameters]:
    batch = clean.unsqueeze(0)
    parameters = kind.sample(batch.shape, seeded(seed), severity)
    return kind.apply(batch, parameters, round_to_8_bit)[0], parameters


def _target_names(sources: Sequence[Path]) -> dict[Path, str]:
    """A .png name for every source: its path below the folder that all share."""
    parents = {path.parent for path in sources}
    base = min(parents, key=lambda p: len(p.parts))
    while not all(parent.is_relative_to(base) for parent in parents):
        base = base.parent
    names: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    for path in sources:
        name = path.relative_to(base).with_suffix(".png").as_posix()
        if name in taken:  # a.jpg beside a.png
            name = path.relative_to(base).as_posix().replace(".", "_") + ".png"
        if name in taken:
            raise GridsError(f"'{path}' and '{taken[name]}' would both become '{name}'")
        names[path], taken[name] = name, path
    return names


def _listed(parameters: Parameters) -> dict[str, Any]:
    return {name: value[0].tolist() if value.ndim else value.item() for name, value in parameters.items()}


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["file", "kind", "seed", "parameters", "psnr_db"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _middle(image: Tensor, side: int) -> Tensor:
    top, left = (max(0, (size - side) // 2) for size in image.shape[-2:])
    return image[:, top : top + side, left : left + side]


def _to_bytes(image: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(image.mul(255).round().byte().permute(1, 2, 0).numpy())
