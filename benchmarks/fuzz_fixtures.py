"""What the commands of `fuzz.py` need beside the damaged file: photographs, a restorer, finished runs; made here."""

from __future__ import annotations

import contextlib
import csv
import io
from dataclasses import replace
from pathlib import Path

import torch
from fuzz_cases import GROUP, KNOWN, LIMITED, LONGER, TASKS, TRAIN
from fuzz_seeds import Seed, picture
from PIL import Image
from safetensors.torch import save_file

from grids import weights
from grids.cli import run
from grids.networks import SRResNetX4
from grids.networks.table import TABLE
from grids.pipeline.compare import builtin_similarity
from grids.restoration.models import initialize, load_restorer, save_restorer
from grids.results import Group, Grouping
from grids.selection.profile import read_profile

NAMES = ("jpeg", "ringing", "gaussian_noise", "defocus_blur")
PHOTOGRAPHS = 5


def shrink_networks() -> None:
    """`unet` is a network of a few channels from now on, in this process and its forks, and it starts from scratch."""
    TABLE["unet"] = replace(TABLE["unet"], options={"width": 4, "levels": 1, "blocks": 1})


def grids(*words: str, here: Path, code: int = 0) -> None:
    """Run a command that must end with this exit code, or end the program; what it prints is thrown away."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        found = run([word.replace("HERE", str(here)) for word in words])
    if found != code:
        raise SystemExit(f"exit code {found} of grids {' '.join(words)}: {said.getvalue()}")


def make_photographs(here: Path) -> None:
    """Slopes and edges of 80 x 96 pixels, each with other colours."""
    (here / "photos").mkdir()
    for number in range(PHOTOGRAPHS):
        pixels = picture().repeat(2, 0).repeat(2, 1)
        Image.fromarray(pixels[:, :, [number % 3, (number + 1) % 3, number % 2]]).save(
            here / "photos" / f"{number}.png"
        )


def make_fixtures(here: Path) -> None:
    """Fill an empty folder."""
    make_photographs(here)
    _make_weights(here)
    _make_records(here)
    grids(*GROUP, "--out", str(here / "run"), here=here)
    (here / "broken").mkdir()
    file = here / "broken" / "m.safetensors"
    grids(*TRAIN, *LONGER, "--time-budget", "0.1s", "--out", str(file), here=here, code=1)
    if not file.with_suffix(".ckpt").exists():
        raise SystemExit("a training that ran out of time left no checkpoint")


def _make_weights(here: Path) -> None:
    network, record = initialize("unet", 0), {"preset": "unet", "tasks": list(TASKS)}
    file = save_restorer(here / "unet.safetensors", network, record)
    save_restorer(here / "half.safetensors", network, record, half=True)
    state = load_restorer(file).network.state_dict()
    torch.save({"params": state}, here / "unet.pth")
    torch.save({"state_dict": state, "epoch": 3}, here / "old.pth", _use_new_zipfile_serialization=False)
    save_file(SRResNetX4(channels=8, blocks=1).state_dict(), here / "descriptor.safetensors")


def _make_records(here: Path) -> None:
    builtin_similarity().subset(NAMES).save(here / "similarity.json")
    groups = read_profile(weights.builtin(weights.PROFILE)).groups
    own = tuple(
        Group(one.id, one.degradations, dict.fromkeys(one.degradations, 0.1), 0.0, f"{one.id}.safetensors")
        for one in groups[:2]
    )
    Grouping(0.7, "exact", own, "heuristic", 1).save(here / "shipped.json")
    rows: list[tuple[object, ...]] = [("group", "degradation", "drop", "noise"), ("jpeg+ringing", "*", 0.2, "")]
    rows += [("jpeg+gaussian_noise", name, 0.3, 0.1) for name in ("jpeg", "gaussian_noise")]
    _write_csv(here / "drops.csv", rows)
    boxes = [("0.png", 20, 20, side, side) for side in (24, 32)]
    _write_csv(here / "faces.csv", [("file", "left", "top", "width", "height"), *boxes])
    grids(*KNOWN, "--drops", "HERE/drops.csv", "--out", str(here / "known"), here=here)
    grids("degrade", "HERE/photos", "--kind", ",".join(TASKS), "-o", str(here / "pairs"), *LIMITED, here=here)


def _write_csv(file: Path, rows: list[tuple[object, ...]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    file.write_text(stream.getvalue())


def weight_seeds(here: Path) -> list[Seed]:
    """Of restorers, a descriptor, a checkpoint and the profile that ships."""
    files = [
        *(("weights (.safetensors)", name) for name in ("unet.safetensors", "half.safetensors")),
        *(("weights (.pth)", name) for name in ("unet.pth", "old.pth")),
        ("descriptor", "descriptor.safetensors"),
        ("checkpoint", "broken/m.ckpt"),
    ]
    profile = Seed("profile", weights.PROFILE, weights.builtin(weights.PROFILE).read_bytes())
    return [*(_seed(kind, here / name) for kind, name in files), profile]


def record_seeds(here: Path) -> list[Seed]:
    """Of records, logs and tables."""
    files = [
        ("similarity.json", "similarity.json"),
        ("groups.json", "shipped.json"),
        ("groups.json", "run/groups.json"),
        ("settings.json", "run/settings.json"),
        ("training.json", "run/training.json"),
        ("m.training.json", "broken/m.training.json"),
        ("trials.sqlite", "known/trials.sqlite"),
        ("trials.sqlite of trainings", "run/trials.sqlite"),
        ("drops", "drops.csv"),
        ("params.csv", "pairs/params.csv"),
        ("faces.csv", "faces.csv"),
    ]
    return [_seed(kind, here / name) for kind, name in files]


def _seed(kind: str, file: Path) -> Seed:
    # a run folder is searched for groups.json by its name
    return Seed(kind, "groups.json" if kind == "groups.json" else file.name, file.read_bytes())
