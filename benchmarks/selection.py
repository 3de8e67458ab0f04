"""How well `grids select` does, and the profile that ships.

    python benchmarks/selection.py samples fit drawn calib drawn-calib [--worker 0/2]
    python benchmarks/selection.py samples kodak24 bsds100 set14 --factors 1 [--saved]
    python benchmarks/selection.py learn --folder runs/selection      # -> grids/weights/profile.safetensors
    python benchmarks/selection.py report --folder runs/selection

`samples` degrades and describes photographs (two hours of two cores for all sets, those of eval/ as made and --saved),
and can be broken off; `learn` fits the profile on split fit and calibrates it on split calib; `report` prints every
table of docs/results.md from the samples of eval/, on which nothing was learnt.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import WEIGHTS, enter_in_manifest, eval_photographs, parser, split_files
from selection_candidates import candidates, network_of

from grids import weights
from grids.degradations import ELEVEN, Degradation, degradation
from grids.images import read_photo
from grids.random import seed_for
from grids.results import CLEAN, OTHER, GGDParams
from grids.selection.drawn import SampleSettings, draw
from grids.selection.features import VERSION
from grids.selection.fit_profile import fit_profile
from grids.selection.grids_rule import fit_image_ggd
from grids.selection.samples import Samples, make_outliers, make_samples
from grids.similarity.descriptor import Descriptor
from grids.training.pair_settings import CAMERA, JPEG_90, PRISTINE

KINDS: tuple[str, ...] = (CLEAN, *ELEVEN)
UNSEEN = ("haze", "rain", "raindrop", "snow", "low_light")
CHUNK = 10
"""Photographs that are degraded and described before their samples are written."""
FACTORS = (1.0, 2.0, 4.0)
"""That the photographs of sets of eval/ are reduced by."""
EVALUATED = ("kodak24", "bsds100", "set14")
DRAWN, DRAWN_CALIB, EVERY = "drawn", "drawn-calib", 5
"""Sets of drawings over some photographs of fit and of calib: every fifth. They are only described: what is gained on
drawings tells little of photographs."""
LEARNT_SETS, KEPT_SETS = ("fit", DRAWN), ("calib", DRAWN_CALIB)
SETS = (*LEARNT_SETS, *KEPT_SETS, *EVALUATED)
DISTORTED = 2
"""Drawings of each photograph that is distorted."""
MEASURED = 192
"""Sides of the middle that gains are learnt from, pixels."""
GGD_PHOTOGRAPHS = 60
"""Of fit, whose generalized Gaussians the paper's rule compares with."""


def photographs(name: str) -> list[Path]:
    """The photographs of a set: what is drawn over is every fifth of fit or calib."""
    if name in EVALUATED:
        return eval_photographs(name)
    if name in (DRAWN, DRAWN_CALIB):
        return split_files("fit" if name == DRAWN else "calib")[::EVERY]
    return split_files(name)


def kinds_of(unseen: bool) -> dict[str, Degradation | None]:
    return {name: None if name == CLEAN else degradation(name) for name in (UNSEEN if unseen else KINDS)}


@dataclass(frozen=True)
class Way:
    """How the photographs of a set are drawn.

    Args:
        factor: they are reduced by it; None draws it, and severities from the faintest on, as those learnt from.
        unseen: under the degradations that nothing learns from.
        saved: as JPEG 90 at last.
    """

    factor: float | None = None
    unseen: bool = False
    saved: bool = False

    @property
    def suffix(self) -> str:
        """Of the files of such samples."""
        size = "" if self.factor is None else f"@{self.factor:g}"
        return ("-unseen" if self.unseen else "") + ("-saved" if self.saved else "") + size


LEARNT = Way()


def make(name: str, folder: Path, worker: int, workers: int, way: Way) -> None:
    """Make the samples of a set, in chunks of photographs that are written one by one."""
    learnt = name in LEARNT_SETS
    descriptor = Descriptor(precision="auto" if learnt else "fp32")
    drawn = name in (DRAWN, DRAWN_CALIB)
    restorers = [] if way.unseen or drawn else [network_of(one) for one in candidates()]
    settings = SampleSettings(
        factor=way.factor,
        data=CAMERA if name not in EVALUATED else JPEG_90 if way.saved else PRISTINE,  # noise of cameras, too
        seed=0 if name == "fit" else 2,
        drawings=drawn,
        measured=MEASURED if learnt else None,
    )
    paths = photographs(name)
    # every so many-th photograph: a part of the chunks is already a fair sample
    count = -(-len(paths) // CHUNK)
    for chunk in range(worker, count, workers):
        file = folder / f"{name}{way.suffix}-{chunk:03d}.npz"
        if file.exists():
            continue
        start = time.perf_counter()
        numbers = np.arange(chunk, len(paths), count)
        prefix = f"{name} " if learnt else ""
        read = [(prefix + paths[n].name, read_photo(paths[n]).tensor()) for n in numbers]
        if name in ("fit", "calib"):
            others = make_outliers(read, descriptor, len(KINDS), restorers, replace(settings, draws=DISTORTED))
            np.savez(folder / f"{name}-other-{chunk:03d}.npz", **arrays_of(others, numbers))
        made = make_samples(read, kinds_of(way.unseen), descriptor, restorers, settings)
        np.savez(file, **arrays_of(made, numbers))
        print(f"{file.name}: {time.perf_counter() - start:.0f} s", flush=True)


def arrays_of(samples: Samples, numbers: np.ndarray) -> dict[str, Any]:
    """As they are stored, photographs by their number in the set."""
    return {**vars(replace(samples, photographs=numbers[samples.photographs])), "version": VERSION}


def are_there(name: str, folder: Path, way: Way) -> bool:
    """Whether samples were made of a set in this way."""
    return any(folder.glob(f"{name}{way.suffix}-[0-9]*.npz"))


def load(name: str, folder: Path, way: Way = LEARNT) -> Samples:
    """The samples of a set, of all chunks that are there."""
    parts, count = [], len(candidates())
    for file in sorted(folder.glob(f"{name}{way.suffix}-[0-9]*.npz")):
        with np.load(file) as content:
            if int(content.get("version", 0)) != VERSION or content["gains"].shape[1] not in (0, count):
                raise SystemExit(f"'{file}' is of other statistics or candidates than those of now: make it anew")
            parts.append(Samples(**{field: content[field] for field in Samples.__dataclass_fields__}))
    if not parts:
        raise SystemExit(f"there are no samples of '{name}{way.suffix}' in '{folder}': make them with `samples {name}`")
    return Samples.join(parts)


def learnt_from(folder: Path, sets: Sequence[str] = LEARNT_SETS) -> Samples:
    """The samples of those of the sets that were made; gains that were not measured are NaN."""
    parts = [load(name, folder) for name in sets if name == sets[0] or are_there(name, folder, LEARNT)]
    width = parts[0].gains.shape[1]
    gains = [one.gains if one.gains.shape[1] else np.full((len(one), width), np.nan) for one in parts]
    return Samples.join([replace(one, gains=measured) for one, measured in zip(parts, gains, strict=True)])


def ggd_of(name: str, folder: Path, factor: float | None, limit: int | None = None) -> np.ndarray:
    """(photographs, kinds, 2): alpha and sigma of every degraded photograph, for equation 7; kept in a file."""
    file = folder / f"ggd-{name}@{factor or 0:g}.npy"
    if file.exists():
        return np.load(file)
    descriptor, settings = Descriptor(), SampleSettings(factor=factor, data=PRISTINE)
    rows = []
    for path in photographs(name)[:: 1 if limit is None else max(1, len(photographs(name)) // limit)]:
        clean, row = read_photo(path).tensor(), []
        for label, kind in kinds_of(False).items():
            drawn = draw(clean, kind, seed_for(2, f"{label} 0 {path.name}"), settings)
            fitted = fit_image_ggd(descriptor, drawn.degraded)
            assert fitted is not None  # no photograph is flat
            row.append((fitted.alpha, fitted.sigma))
        rows.append(row)
    np.save(file, np.array(rows))
    return np.array(rows)


def learn_profile(folder: Path) -> None:
    """Fit the profile that ships and write it, with its line of the manifest."""
    fit = Samples.join([learnt_from(folder), load("fit-other", folder)])
    calib = Samples.join([learnt_from(folder, KEPT_SETS), load("calib-other", folder)])
    fitted = ggd_of("fit", folder, None, GGD_PHOTOGRAPHS).mean(0).tolist()
    ggd = {kind: GGDParams(*values) for kind, values in zip(KINDS, fitted, strict=True)}
    counts = [len(np.unique(one.photographs)) for one in (fit, calib)]
    record: dict[str, int | list[int]] = {"samples": len(fit), "calibration_samples": len(calib), "photographs": counts}
    sha256 = weights.sha256(weights.builtin(weights.DESCRIPTOR))
    profile = fit_profile(fit, calib, (*KINDS, OTHER), candidates(), descriptor_sha256=sha256, ggd=ggd, record=record)
    path = profile.write(WEIGHTS / weights.PROFILE)
    learnt, kept = counts
    enter_in_manifest(
        path,
        "what `grids select` compares images with: eleven degradations and clean photographs",
        trained_on=f"{learnt} photographs that the descriptor learnt from; thresholds from {kept} others",
        **record,
    )
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {profile.thresholds}")


def main() -> None:
    options = parser(__doc__)
    options.add_argument("stage", choices=("samples", "learn", "report"))
    options.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    options.add_argument("--folder", type=Path, default=Path("runs/selection"))
    options.add_argument("--worker", default="0/1", help="k/n: every n-th chunk, from the k-th")
    options.add_argument("--factors", type=float, nargs="+", default=FACTORS, help="that sets of eval/ are reduced by")
    options.add_argument("--unseen", action="store_true", help="samples of haze, rain, raindrop, snow and low_light")
    options.add_argument("--profile", type=Path, help="report: another profile than the one that ships")
    options.add_argument("--saved", action="store_true", help="samples of eval/ that are saved as JPEG 90 at last")
    arguments = options.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    worker, workers = map(int, arguments.worker.split("/"))
    if arguments.stage == "samples":
        for name in arguments.sets or SETS:
            for factor in arguments.factors if name in EVALUATED else (None,):
                make(name, arguments.folder, worker, workers, Way(factor, arguments.unseen, arguments.saved))
    elif arguments.stage == "learn":
        learn_profile(arguments.folder)
    else:
        from selection_report import report

        report(arguments.folder, arguments.sets or EVALUATED, arguments.profile)


if __name__ == "__main__":
    main()
