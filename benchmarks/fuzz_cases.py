"""The cases of `fuzz.py`: which damaged file goes through which command, by seed, campaign and number alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz_bytes import Damage, damage_image
from fuzz_seeds import Seed
from fuzz_values import damage_checkpoint, damage_csv, damage_json, damage_pth, damage_safetensors, damage_sqlite

LIMITED = ("--jobs", "1", "--max-pixels", "1000000", "--quiet")
TASKS = ("gaussian_noise", "jpeg")
TOY = (
    *(
        "--iterations",
        "2",
        "--crop",
        "16",
        "--batch",
        "2",
        "--network",
        "unet",
        "--precision",
        "fp32",
        "--device",
        "cpu",
    ),
    *LIMITED,
)
"""The smallest training; the network is small because `fuzz_fixtures` makes it so."""
START = ("--start", "HERE/unet.safetensors")
GROUP = ("group", "HERE/photos", "--degradations", ",".join(TASKS), *TOY, *START)
KNOWN = ("group", "--similarity", "HERE/similarity.json", "--method", "agglomerative", "--json")
LONGER = ("--iterations", "200")
"""Of the training that is broken off."""
TRAIN = ("train", "HERE/photos", "--tasks", TASKS[0], *TOY, *START)


@dataclass(frozen=True)
class Route:
    """A way of a damaged file through a command.

    share: how often, beside the other routes of a kind.
    command: its words; FILE is the damaged file, HERE the folder of sound files, and results go to `out`.
    place: where the damaged file lies; "" for its own name.
    beside: sound files and folders that are copied, each under its own name or as NAME=AS.
    sound: the exit code with a sound file.
    """

    share: float
    command: tuple[str, ...]
    place: str = ""
    beside: tuple[str, ...] = ()
    sound: int = 0


@dataclass(frozen=True)
class Case:
    """A damaged file and the command that gets it; see `Route`."""

    campaign: str
    number: int
    kind: str
    command: tuple[str, ...]
    place: str
    data: bytes
    beside: tuple[str, ...] = ()


_MEASURE = ("evaluate", "FILE", "HERE/photos/0.png", "--tasks", TASKS[0], "--as-made", "--json", *LIMITED)
_SELECT = ("select", "HERE/photos/0.png", "--json", *LIMITED)
_IMAGE = (
    Route(26, ("degrade", "FILE", "--kind", "gaussian_noise", "-o", "out/x.png", *LIMITED)),
    *(
        Route(9, ("degrade", "FILE", "--kind", "jpeg", "-o", f"out/x.{form}", *LIMITED))
        for form in ("jpg", "tif", "webp")
    ),
    Route(45, ("evaluate", "HERE/unet.safetensors", "FILE", *_MEASURE[3:])),
    Route(2, ("faces", "FILE", "-o", "out", *LIMITED), sound=1),  # there is none
    Route(0.6, ("select", "FILE", "--json", *LIMITED)),
    Route(0.6, ("restore", "FILE", "-o", "out/x.png", "--json", *LIMITED)),
    Route(0.3, ("restore", "FILE", "-o", "out/x.tif", "--group", "C1", *LIMITED)),
)
_RUN = Route(1, (*GROUP, "--out", "run"), beside=("run",))
ROUTES: dict[str, tuple[Route, ...]] = {
    "weights (.safetensors)": (
        Route(90, _MEASURE),
        Route(
            2,
            ("restore", "HERE/photos/0.png", "--run", ".", "--group", "C1", "-o", "out/x.png", *LIMITED),
            "C1.safetensors",
            ("shipped.json=groups.json",),
        ),
        Route(3, (*TRAIN, "--start", "FILE", "--out", "out/m.safetensors")),
    ),
    "weights (.pth)": (Route(1, (*_MEASURE, "--network", "unet")),),
    "checkpoint": (
        Route(1, (*TRAIN, *LONGER, "--out", "m.safetensors"), "m.ckpt", ("broken/m.training.json=m.training.json",)),
    ),
    "descriptor": (
        Route(
            1,
            (
                "similarity",
                "HERE/photos",
                "--descriptor",
                "FILE",
                "--patches",
                "8",
                "--patch-size",
                "8",
                "--degradations",
                ",".join(TASKS),
                "--out",
                "out",
                *LIMITED,
            ),
        ),
    ),
    "profile": (Route(1, (*_SELECT, "--run", ".")),),
    "similarity.json": (
        Route(3, ("similarity", "--show", "--json", "--out", ".")),
        Route(2, (*KNOWN[:2], "FILE", *KNOWN[3:], "--drops", "HERE/drops.csv", "--dry-run")),
        Route(1, ("compare", "HERE/similarity.json", "FILE", "--json")),
    ),
    "groups.json": (
        Route(9, ("group", "HERE/none.png", "--from", "FILE", "--dry-run", *LIMITED), sound=1),
        Route(1, (*_SELECT, "--run", ".")),
        Route(
            1,
            ("restore", "HERE/photos/0.png", "--run", ".", "--group", "C1", "-o", "out/x.png", "--json", *LIMITED),
            "",
            ("unet.safetensors=C1.safetensors",),
        ),
    ),
    "settings.json": (_RUN,),
    "m.training.json": (Route(1, (*TRAIN, *LONGER, "--out", "m.safetensors"), beside=("broken/m.ckpt=m.ckpt",)),),
    "training.json": (_RUN,),
    "trials.sqlite": (
        Route(8, (*KNOWN, "--drops", "HERE/drops.csv", "--resume", "--out", "."), "trials.sqlite"),
        Route(1, (*KNOWN, "--drops", "HERE/drops.csv", "--out", "."), "trials.sqlite"),
    ),
    "trials.sqlite of trainings": (_RUN,),
    "drops": (Route(1, (*KNOWN, "--drops", "FILE", "--dry-run")),),
    "params.csv": (Route(1, ("degrade", "HERE/photos", "--params", "FILE", "-o", "out", *LIMITED)),),
    "faces.csv": (Route(1, ("faces", "HERE/photos/0.png", "--boxes", "FILE", "--side", "16", "-o", "out", *LIMITED)),),
}
"""Of every kind of file that is no image."""
PLACES = {
    "settings.json": "run/settings.json",
    "training.json": "run/training.json",
    "trials.sqlite of trainings": "run/trials.sqlite",
}
"""Where files lie in a folder that is copied as a whole."""
SHARES = {"weights (.safetensors)": 48, "weights (.pth)": 36, "checkpoint": 3, "descriptor": 3, "profile": 10}
"""How often weights of a kind come up."""
RARE = {"settings.json": 0.2, "training.json": 0.1, "trials.sqlite of trainings": 0.2, "m.training.json": 0.3}
"""Records that take long come up less often than the others, of which each does equally often."""
DAMAGE: dict[str, Damage] = {
    ".safetensors": damage_safetensors,
    ".pth": damage_pth,
    ".ckpt": damage_checkpoint,
    ".json": damage_json,
    ".sqlite": damage_sqlite,
    ".csv": damage_csv,
}


def share_of(kind: str) -> float:
    """How often a kind comes up in its campaign."""
    return SHARES.get(kind, RARE.get(kind, 1.0))


def make_case(seed: int, campaign: str, number: int, seeds: Sequence[Seed]) -> Case:
    """The case of a number; `seeds` are those of its campaign, which images, weights and records are."""
    rng = Random(f"{seed} {campaign} {number}")
    kinds = sorted({one.kind for one in seeds})
    (kind,) = rng.choices(kinds, [share_of(name) for name in kinds])
    chosen = rng.choice([one for one in seeds if one.kind == kind])
    routes = ROUTES.get(kind, _IMAGE)
    (route,) = rng.choices(routes, [one.share for one in routes])
    if kind in ROUTES:
        data = DAMAGE[Path(chosen.name).suffix](chosen.data, rng)
    else:
        data = damage_image(kind, chosen.data, rng)
    return _routed(campaign, number, chosen, route, data)


def sound_cases(campaign: str, seeds: Sequence[Seed]) -> list[tuple[Case, int]]:
    """Every seed whole, and every route of its kind once, with the exit code that this must give."""
    found: list[tuple[Case, int]] = []
    for routes in dict.fromkeys(ROUTES.get(one.kind, _IMAGE) for one in seeds):
        some = [one for one in seeds if ROUTES.get(one.kind, _IMAGE) is routes]
        for i in range(max(len(some), len(routes))):
            seed, route = some[i % len(some)], routes[i if i < len(routes) else 0]
            found.append((_routed(campaign, len(found), seed, route, seed.data), route.sound))
    return found


def _routed(campaign: str, number: int, seed: Seed, route: Route, data: bytes) -> Case:
    place = route.place or PLACES.get(seed.kind, seed.name)
    command = tuple(word.replace("FILE", place) for word in route.command)
    return Case(campaign, number, seed.kind, command, place, data, route.beside)
