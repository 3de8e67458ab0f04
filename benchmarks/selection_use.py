"""How `grids select` and `grids restore` do in use: real photographs, cut and resized ones, two damages in a row, time.

python benchmarks/selection_use.py real        # ../shared/data/real and paired: what each folder is taken for
python benchmarks/selection_use.py stability   # the same photograph, cut, resized, saved in another format
python benchmarks/selection_use.py twice       # two degradations in a row, and --steps 2
python benchmarks/selection_use.py speed       # 12 megapixels, a folder of 100, restoring one megapixel
"""

from __future__ import annotations

import io
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from common import DATA, PICTURES, machine, need, parser, table
from PIL import Image
from selection_judging import auroc

from grids.degradations import ELEVEN, degradation
from grids.images import builtin_photos, photo_from_tensor, read_photo, write_photo
from grids.images.tensors import crop_middle
from grids.metrics import image_psnr
from grids.random import seed_for, seeded
from grids.reports.comparison_sheet import Restored, restored_sheet
from grids.selection.drawn import reduce_photo
from grids.selection.selector import Selector

PROGRAM = Path(sys.executable).with_name("grids")
SEVERITY = 0.5
SHOWN = ("salt_pepper", "inpainting", "gaussian_noise", "poisson_noise", "richardson_lucy", "motion_blur")
PICTURE = PICTURES / "restored.jpg"
CROPS = 2
"""Photographs of two damages in a row."""
SIDE = 256


def degraded(image: torch.Tensor, kind: str, name: str, severity: float = SEVERITY) -> torch.Tensor:
    if kind == "clean":
        return image
    return degradation(kind)(image[None], seeded(seed_for(0, f"{kind} {name}")), severity=severity)[0]


def known_images() -> Iterator[torch.Tensor]:
    """Every sixth photograph of Kodak24, clean and under the eleven degradations."""
    for path in sorted(need(DATA / "eval" / "kodak24").iterdir())[::6]:
        clean = read_photo(path).tensor()
        for kind in ("clean", *ELEVEN):
            yield degraded(clean, kind, path.name)


def real(selector: Selector) -> None:
    """What the photographs of every folder are taken for, and how far they are from known damage."""
    rows = []
    known = np.array([selector.select(image).distance for image in known_images()])
    folders = [
        *sorted(need(DATA / "real").iterdir()),
        *(path / "input" for path in sorted((DATA / "paired").iterdir())),
    ]
    for folder in folders:
        found = [selector.select(path) for path in sorted(folder.iterdir()) if path.is_file()]
        verdicts = Counter(one.verdict for one in found)
        groups = Counter(one.ranking[0].group for one in found if one.group)
        kinds = Counter(str(one.degradation) for one in found)
        rows.append(
            [
                folder.relative_to(DATA),
                len(found),
                *(verdicts[name] for name in ("clean", "unknown", "known")),
                ", ".join(f"{name} {count}" for name, count in sorted(groups.items())),
                ", ".join(f"{name} {count}" for name, count in kinds.most_common(4)),
                f"{np.median([one.distance for one in found]):.2f}",
                f"{auroc(known, np.array([one.distance for one in found])):.2f}",
            ]
        )
    head = ("folder", "photographs", "clean", "unknown", "known", "groups of the known", "likeliest kinds of all")
    print(table((*head, "median distance", "AUROC against known"), rows))


def stability(selector: Selector) -> None:
    """How often a changed image gets the answer of the image itself."""
    paths = sorted(need(DATA / "eval" / "kodak24").iterdir())[::4]
    changes = {
        "moved by 3 pixels": lambda image: image[:, 3:, 3:],
        "half of it": lambda image: crop_middle(image, 384),
        "a quarter of it": lambda image: crop_middle(image, 256),
        "128 x 128 of it": lambda image: crop_middle(image, 128),
        "mirrored": lambda image: image.flip(-1),
        "turned by 90 degrees": lambda image: image.rot90(1, (1, 2)),
        "reduced to 9/10": lambda image: reduce_photo(image, 10 / 9),
        "reduced to half": lambda image: reduce_photo(image, 2),
    }
    same: dict[str, list[tuple[bool, bool]]] = {name: [] for name in changes}
    files = []
    for path in paths:
        clean = read_photo(path).tensor()
        for kind in ("clean", *ELEVEN):
            image = degraded(clean, kind, path.name)
            first = selector.select(image)
            for name, change in changes.items():
                other = selector.select(change(image))
                same[name].append((first.degradation == other.degradation, first.group == other.group))
            if kind in ("clean", "jpeg", "gaussian_noise"):
                files.append(_formats(selector, image))
    rows = [
        (name, len(found), *(f"{100 * np.mean(column):.1f}" for column in zip(*found, strict=True)))
        for name, found in same.items()
    ]
    print(table(("change", "images", "same kind, %", "same group or verdict, %"), rows))
    print(f"\nPNG, BMP and TIFF of the same pixels: the same answer for {sum(files)} of {len(files)} images")


def _formats(selector: Selector, image: torch.Tensor) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        photo = photo_from_tensor(image)
        found = []
        for suffix in (".png", ".bmp", ".tif"):
            record = selector.select(write_photo(Path(folder) / f"image{suffix}", photo)).to_json()
            found.append({key: value for key, value in record.items() if key != "image"})
    return all(one == found[0] for one in found)


def twice(selector: Selector) -> None:
    """Two degradations in a row, all ordered pairs; and what restoring twice gains over once."""
    paths = sorted(need(DATA / "eval" / "kodak24").iterdir())[:: 24 // CROPS][:CROPS]
    named, rows = Counter[str](), []
    total = 0
    gains: dict[int, list[float]] = {1: [], 2: []}
    verdicts = Counter[str]()
    for first, second in itertools.permutations(ELEVEN, 2):
        for path in paths:
            clean = crop_middle(read_photo(path).tensor(), SIDE)
            image = degraded(degraded(clean, first, path.name), second, path.name)
            found = selector.select(image)
            total += 1
            verdicts[found.verdict] += 1
            named["the second"] += found.degradation == second
            named["the first"] += found.degradation == first
            named["either among the two likeliest"] += bool({first, second} & set(list(found.degradations)[:2]))
            before = image_psnr(image, clean)
            photo = photo_from_tensor(image)
            for steps in gains:
                restored = selector.restore(photo, steps=steps).photo.tensor()
                gains[steps].append(image_psnr(restored, clean) - before)
    rows = [(name, f"{100 * count / total:.1f} %") for name, count in named.items()]
    rows += [(f"verdict {name}", f"{100 * count / total:.1f} %") for name, count in verdicts.items()]
    once, again = (np.array(gains[steps]) for steps in (1, 2))
    rows += [("mean gain of one step", f"{once.mean():+.2f} dB"), ("of two steps", f"{again.mean():+.2f} dB")]
    helped, hurt = (again > once + 0.05).mean(), (again < once - 0.05).mean()
    rows += [("two steps better by 0.05 dB", f"{100 * helped:.0f} %"), ("worse by 0.05 dB", f"{100 * hurt:.0f} %")]
    print(f"{total} images: {CROPS} crops of {SIDE} x {SIDE}, {total // CROPS} ordered pairs at severity {SEVERITY}\n")
    print(table(("", "images"), rows))


def sheet(selector: Selector) -> None:
    """docs/pictures/restored.jpg: built-in photographs, degraded, what was chosen for them, and the result."""
    paths = builtin_photos()
    rows = {}
    for number, kind in enumerate(SHOWN):
        clean = crop_middle(read_photo(paths[number % len(paths)]).tensor(), 224)
        image = degraded(clean, kind, paths[number % len(paths)].name)
        found = selector.restore(photo_from_tensor(image))
        first = found.steps[0].selection
        print(kind, "->", first.verdict, first.degradation, first.group, first.predicted_gain, flush=True)
        rows[kind] = Restored(image, clean, {"restored": found.photo.tensor()})
    with Image.open(io.BytesIO(restored_sheet(rows))) as page:
        page.convert("RGB").save(PICTURE, quality=80)


def speed() -> None:
    """Whole processes, as a user starts them."""
    source = read_photo(sorted(need(DATA / "eval" / "kodak24").iterdir())[0]).tensor()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = torch.nn.functional.interpolate(source[None], (3000, 4000), mode="bicubic")[0].clamp(0, 1)
        write_photo(folder / "large.png", photo_from_tensor(large))
        one = torch.nn.functional.interpolate(source[None], (832, 1248), mode="bicubic")[0].clamp(0, 1)
        many = folder / "many"
        many.mkdir()
        for number in range(100):
            write_photo(many / f"{number:03d}.jpg", photo_from_tensor(one.roll(number, 2)))
        write_photo(folder / "noisy.png", photo_from_tensor(degraded(one, "gaussian_noise", "one")))
        write_photo(folder / "tiny.png", photo_from_tensor(source[:, :64, :64]))
        runs = {
            "select, 64 x 64 (what starting takes)": ("select", folder / "tiny.png"),
            "select, 12 megapixels": ("select", folder / "large.png"),
            "select, 100 photographs of 1 megapixel": ("select", many, "--quiet", "--csv", folder / "many.csv"),
            "restore, 1 megapixel": ("restore", folder / "noisy.png", "-o", folder / "out.png", "--group", "C1"),
        }
        rows = []
        for what, arguments in runs.items():
            start = time.perf_counter()
            subprocess.run([PROGRAM, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            rows.append((what, f"{time.perf_counter() - start:.1f}", f"{peak:.2f}"))
    print(table(("whole process", "seconds", "largest memory so far, GiB"), rows))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("what", choices=("real", "stability", "twice", "sheet", "speed"))
    what = options.parse_args().what
    print(machine(), "\n")
    if what == "speed":
        speed()
    else:
        {"real": real, "stability": stability, "twice": twice, "sheet": sheet}[what](Selector.builtin())


if __name__ == "__main__":
    main()
