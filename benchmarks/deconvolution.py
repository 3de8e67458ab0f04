"""Blind deconvolution: the file that ships, on what it acts, and what it gains.

    python benchmarks/deconvolution.py ship                     # -> grids/weights/deconvolution.safetensors
    python benchmarks/deconvolution.py measure [--every 15] [--worker 0/2]   # photographs of split fit
    python benchmarks/deconvolution.py report
    python benchmarks/deconvolution.py speed                    # seconds, and how far tiles differ from the whole

`measure` degrades photographs that the profile learns from, at any severity and size, as they are and saved as JPEG,
and records which blur was found (benchmarks/deconvolution/*.csv); `report` tells on how many of each kind the limits
of the restorer let it act, how often the family is right, and the gain; beside gains, the worst. What it gains on
eval/, beside filters and other restorers, is measured by `quality.py measure --method
deconvolution=grids/weights/deconvolution.safetensors`; `report` adds the worst and what was changed on Kodak24.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from common import WEIGHTS, enter_in_manifest, machine, parser, split_files, table
from quality_report import read

from grids.degradations import ELEVEN, degradation
from grids.images import builtin_photos, read_photo
from grids.metrics import image_psnr
from grids.networks import Deconvolution
from grids.networks.deconvolution import EVIDENCE, MISFIT, Settled
from grids.psf import deconvolve, estimate_psf
from grids.random import seed_for
from grids.restoration.models import save_restorer
from grids.restoration.tiling import restore_image
from grids.results import CLEAN
from grids.selection.drawn import SampleSettings, draw
from grids.training.pair_settings import PHOTOGRAPHS

FOLDER = Path(__file__).with_suffix("")
FILE = "deconvolution.safetensors"
FAMILIES = {"gaussian_blur": "gaussian", "defocus_blur": "disc", "motion_blur": "streak", "richardson_lucy": "box"}
WAYS = {"as made": 0.0, "saved": 1.0}
SEED = 9
QUALITY = FOLDER.parent / "quality" / "kodak24-deconvolution.csv"
TIMED: tuple[tuple[str, dict[str, float]], ...] = (
    ("gaussian_blur", {"sigma": 2.3}),
    ("defocus_blur", {"radius": 3.0}),
    ("richardson_lucy", {"psf": 5.0}),
    ("motion_blur", {"length": 15.0, "angle": 37.0}),
    ("motion_blur", {"length": 31.0, "angle": 37.0}),
)
CLEAN_DB = 60.0
"""What a photograph that equals its target counts as, for losses."""


@dataclass(frozen=True)
class Found:
    """What was found in one photograph."""

    kind: str
    way: str
    photograph: str
    severity: float
    factor: float
    quality: int
    family: str
    size: float
    evidence: float
    misfit: float
    noise: float
    before: float
    gain: float


def ship() -> None:
    file = WEIGHTS / FILE
    save_restorer(file, Deconvolution(), {"preset": "deconvolution", "tasks": list(FAMILIES), "steps": 0})
    what = "blind deconvolution: finds a Gaussian, disc, streak or box in the spectrum of an image and undoes it"
    enter_in_manifest(
        file, what, tasks=list(FAMILIES), trained_on="nothing; its two limits were set on split fit", steps=0
    )
    print(f"{file}: {file.stat().st_size} bytes")


def jobs(every: int) -> Iterator[tuple[str, Path]]:
    files = split_files("fit")
    yield from ((CLEAN, file) for file in files[:: max(1, every // 4)])
    yield from ((kind, file) for file in files[::every] for kind in ELEVEN)


def measure(every: int, worker: int, workers: int) -> None:
    print(machine())
    rows = []
    for kind, file in list(jobs(every))[worker::workers]:
        clean = read_photo(file).tensor()
        made = None if kind == CLEAN else degradation(kind)
        for way, saved in WAYS.items():
            settings = SampleSettings(data=replace(PHOTOGRAPHS, saved=saved))
            drawn = draw(clean, made, seed_for(SEED, f"{kind} {file.name}"), settings)
            psf = estimate_psf(drawn.degraded)
            if psf is None:
                continue
            before = min(image_psnr(drawn.degraded, drawn.clean), CLEAN_DB)
            after = image_psnr(deconvolve(drawn.degraded, psf).clamp(0, 1), drawn.clean)
            found = (psf.shape.family, psf.shape.size, psf.evidence, psf.misfit, psf.noise, before, after - before)
            rows.append(Found(kind, way, file.name, drawn.severity, drawn.factor, drawn.quality, *found))
    FOLDER.mkdir(exist_ok=True)
    frame = pd.DataFrame(map(asdict, rows)).round({"severity": 2, "factor": 2, "size": 2, "before": 2, "gain": 2})
    frame.to_csv(FOLDER / f"fit-{worker}.csv", index=False, float_format="%.4g")


def report() -> str:
    files = sorted(FOLDER.glob("fit-*.csv"))
    if not files:
        raise SystemExit(f"there is nothing in '{FOLDER}': make it with `measure`")
    found = pd.concat(map(pd.read_csv, files))
    found["acts"] = (found["evidence"] >= EVIDENCE) & (found["misfit"] <= MISFIT)
    found["right"] = found["family"] == found["kind"].map(FAMILIES)
    rows = []
    for (kind, way), part in found.groupby(["kind", "way"], sort=False):
        acted = part[part["acts"]]
        right = f"{acted['right'].mean():.0%}" if kind in FAMILIES and len(acted) else "-"
        gains = (f"{acted['gain'].mean():+.2f}", f"{acted['gain'].min():+.2f}") if len(acted) else ("-", "-")
        rows.append((kind, way, f"{len(acted)} of {len(part)}", right, *gains))
    return table(("kind", "saved", "acts on", "right family", "mean gain there, dB", "worst"), rows)


def on_kodak24() -> str:
    """What `quality.py measure` recorded: gains, the worst, and how many photographs were changed."""
    rows = read(QUALITY)
    frame = pd.DataFrame({"kind": one.kind, "way": one.way, "gain": one.after - one.before} for one in rows)
    groups = frame.groupby(["way", "kind"], sort=False)["gain"]
    made = (
        (*key, f"{one.mean():+.2f}", f"{one.min():+.2f}", f"{(one != 0).sum()} of {len(one)}") for key, one in groups
    )
    return "\n" + table(("Kodak24", "kind", "mean gain, dB", "worst", "changed"), made)


def speed() -> str:
    """Seconds for a built-in photograph of 512 x 512 pixels, and how far tiles of 128 differ from the whole."""
    clean, rows = read_photo(builtin_photos()[0]).tensor(), []
    for name, values in TIMED:
        given = {key: torch.tensor([value]) for key, value in values.items()}
        image = degradation(name).apply(clean[None], given)[0]
        estimate_psf(image)  # tables are made once
        begun = time.perf_counter()
        psf = estimate_psf(image)
        between = time.perf_counter()
        whole = restore_image(Settled(psf), image, tile=512)
        ended = time.perf_counter()
        apart = float((restore_image(Settled(psf), image, tile=128) - whole).abs().mean())
        given_as = " ".join(f"{key} {value:g}" for key, value in values.items())
        rows.append((name, given_as, f"{between - begun:.2f}", f"{ended - between:.2f}", f"{255 * apart:.2f}"))
    head = ("blur", "of", "finding it, s", "undoing it, s", "tiles of 128 and the whole, mean difference / 255")
    return f"{machine()}\n\n{table(head, rows)}"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("what", choices=("ship", "measure", "report", "speed"))
    options.add_argument("--every", type=int, default=15, help="photographs of fit; of clean ones four times as many")
    options.add_argument("--worker", default="0/1", help="k/n: every n-th, from the k-th")
    chosen = options.parse_args()
    if chosen.what == "ship":
        ship()
    if chosen.what == "measure":
        measure(chosen.every, *map(int, chosen.worker.split("/")))
    if chosen.what == "report":
        print(report())
        print(on_kodak24())
    if chosen.what == "speed":
        print(speed())


if __name__ == "__main__":
    main()
