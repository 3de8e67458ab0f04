"""What training needs for noise of real cameras: coarse grain and soft crops, in short trainings of several shares.

    python benchmarks/real_noise.py train [--steps 2500] [--coarse 0.5 --soft 0.5]     # recorded in real_noise.jsonl
    python benchmarks/real_noise.py others                           # the start that ships, and non-local means
    python benchmarks/real_noise.py restorers [FILE ...]             # what those that ship, or others, gain
    python benchmarks/real_noise.py grain                            # how noise_cc15 is correlated
    python benchmarks/real_noise.py report                                            # the table of docs/results.md

Every trial trains the U-Net for Gaussian and Poisson noise from the start that ships, on split fit, and measures start
and result on crops of split val as pairs.py does, on all of noise_cc15 and on every fourth of noise_polyu. There the
table has non-local means (OpenCV), too, of one strength for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean

import cv2
import torch
from common import DATA, WEIGHTS, append_record, channels_last, machine, need, parser, read_records, split_files, table
from pairs import gains_of, learnt_for, val_crops
from torch import Tensor, nn

from grids import weights
from grids.images import read_photo
from grids.images.tensors import LUMA, to_bytes, to_unit
from grids.metrics import psnr
from grids.restoration.models import load_restorer
from grids.restoration.tiling import restore_image
from grids.training.config import TrainingConfig
from grids.training.pair_settings import PHOTOGRAPHS
from grids.training.photographs import Photographs
from grids.training.tasks import matched

FILE = Path(__file__).with_suffix(".jsonl")
NETWORK, TASKS = "unet", ("gaussian_noise", "poisson_noise")
WAYS = ("as made", "after JPEG 90", "grey")
REAL = {"noise_cc15": 1, "noise_polyu": 4}
"""Folders of pairs, and of how many one is taken."""
AWAY = (1, 2, 4)
"""Pixels, of correlations of noise."""
STRENGTHS = (3, 4, 6)
"""Of non-local means."""


def trial(steps: int, coarse: float, soft: float, photographs: Photographs, clean: Tensor) -> dict[str, object]:
    config = TrainingConfig(
        iterations=steps,
        learning_rate=5e-4,
        final=0.0,
        warm_up=0.0,
        average=0.999,
        loss="log-mse",
        data=replace(PHOTOGRAPHS, coarse=coarse, soft=soft),
    )
    return {
        "coarse": coarse,
        "soft": soft,
        "steps": steps,
        **measured(learnt_for(TASKS, config, photographs, NETWORK), clean),
    }


def measured(network: nn.Module, clean: Tensor) -> dict[str, object]:
    """The mean gains on noise that is made, the gain on every real pair."""
    made = gains_of(network.eval(), clean, TASKS, WAYS)
    network = channels_last(network)
    real = {folder: real_gains(partial(restore_image, network), folder) for folder in REAL}
    return {**{way: mean(gains.values()) for way, gains in made.items()}, **real}


def real_gains(restored: Callable[[Tensor], Tensor], name: str) -> list[float]:
    """What a restorer, (3, H, W) -> (3, H, W), gains on the pairs of a folder, dB."""
    found = []
    for image, wanted in pairs_of(name):
        result = restored(image).clamp(0, 1)
        found.append(round(float(psnr(result[None], wanted[None]) - psnr(image[None], wanted[None])), 3))
    return found


def pairs_of(name: str) -> Iterator[tuple[Tensor, Tensor]]:
    """The noisy images and the targets of a folder of `REAL`, each (3, H, W) in [0, 1]."""
    folder = need(DATA / "paired" / name)
    for noisy, target in matched(name, folder / "input", folder / "target")[:: REAL[name]]:
        yield read_photo(noisy).tensor(), read_photo(target).tensor()


def grain() -> str:
    """How noise_cc15 is correlated: with pixels to the right in luma and in red, and between red and green."""
    rows = []
    for number, (image, wanted) in enumerate(pairs_of("noise_cc15")):
        noise = image - wanted
        noise = noise - noise.mean((1, 2), keepdim=True)
        luma = (noise * torch.tensor(LUMA).view(3, 1, 1)).sum(0)
        alike = [correlation(part[:, away:], part[:, :-away]) for part in (luma, noise[0]) for away in AWAY]
        alike.append(correlation(noise[0], noise[1]))
        rows.append((number, f"{255 * float(noise[1].std()):.1f}", *(f"{one:.2f}" for one in alike)))
    head = [f"{part}, {away} px" for part in ("luma", "red") for away in AWAY]
    return table(("pair", "deviation of green, / 255", *head, "red with green"), rows)


def correlation(first: Tensor, second: Tensor) -> float:
    return float((first * second).mean() / (first.square().mean() * second.square().mean()).sqrt())


def by_means(strength: float) -> Callable[[Tensor], Tensor]:
    """Non-local means of OpenCV of one strength for brightness and colour."""

    def denoised(image: Tensor) -> Tensor:
        pixels = to_bytes(image).permute(1, 2, 0).contiguous().numpy()
        found = cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, 7, 21)
        return to_unit(torch.from_numpy(found)).permute(2, 0, 1)

    return denoised


def of_restorers(files: Sequence[Path]) -> str:
    """What restorers gain on real noise, each on all photographs, whatever it was trained for."""
    rows = []
    for file in files:
        restorer = load_restorer(file)
        network = channels_last(restorer.network.eval())
        real = [real_gains(partial(restore_image, network), folder) for folder in REAL]
        rows.append((file.name, ", ".join(restorer.tasks), *map(mean_and_worst, real)))
    return table(("restorer", "of", *(f"{name} (worst)" for name in REAL)), rows)


def mean_and_worst(gains: Sequence[float]) -> str:
    return f"{mean(gains):+.2f} ({min(gains):+.2f})"


def report() -> str:
    rows = []
    for one in read_records(FILE):
        shares = ("-" if one[share] is None else f"{one[share]:g}" for share in ("coarse", "soft"))
        made = (f"{one[way]:+.2f}" if way in one else "-" for way in WAYS)
        real = (mean_and_worst(one[name]) for name in REAL)
        rows.append((one.get("what", "trained"), *shares, *made, *real))
    return table(("restorer", "coarse", "soft", *WAYS, *(f"{name} (worst)" for name in REAL)), rows)


def measure_others(clean: Tensor) -> None:
    """Record what the start gains, and non-local means."""
    start = load_restorer(weights.builtin(f"{NETWORK}_start.safetensors")).network
    none = {"coarse": None, "soft": None}
    append_record(FILE, {"what": "the start", **none, **measured(start, clean)})
    for strength in STRENGTHS:
        real = {folder: real_gains(by_means(strength), folder) for folder in REAL}
        append_record(FILE, {"what": f"non-local means, h {strength}", **none, **real})


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("what", choices=("train", "others", "restorers", "grain", "report"))
    options.add_argument("files", type=Path, nargs="*", help="restorers; those that ship where there are none")
    options.add_argument("--steps", type=int, default=2500)
    options.add_argument("--coarse", type=float, default=PHOTOGRAPHS.coarse, help="the share of coarse noise")
    options.add_argument("--soft", type=float, default=PHOTOGRAPHS.soft, help="the share of soft crops")
    chosen = options.parse_args()
    if chosen.files and chosen.what != "restorers":
        options.error(f"`{chosen.what}` has no use for files: they are measured by `restorers`")
    if chosen.what in ("train", "others", "restorers"):
        print(machine(), flush=True)
    if chosen.what == "others":
        measure_others(val_crops())
    if chosen.what == "train":
        learnt = Photographs(split_files("fit"), 96)
        append_record(FILE, trial(chosen.steps, chosen.coarse, chosen.soft, learnt, val_crops()))
    shipped = [WEIGHTS / name for name, entry in weights.manifest().items() if "partition" in entry]
    if chosen.what == "restorers":
        print(of_restorers(chosen.files or shipped))
    else:
        print(grain() if chosen.what == "grain" else report())
