"""Puts the restorers of `from_start.py` into the package, with entries in its manifest and cards that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import LEARNT_FROM, WEIGHTS, enter_in_manifest, remove_weights, table
from crops import WAYS
from from_start_settings import Found
from from_start_training import FOUND, NOISE, SHIPPED, Measured, paper_groups, partition_of, restorers_of, trained_in

from grids import weights
from grids.io import write_bytes, write_text

MOST = 26e6
"""Bytes of all restorers in the package, their starts among them."""
LITTLE = 0.5
"""dB; what gains less is hardly undone."""
EARLIER = {
    "99e2beea204fd9dc01cb766d38a9c2ccdbebe4139a3be4f2625dfcdd12e70d33": "the mix of before (from "
    "unet_start.safetensors, 8,000 steps for each task, coarse grain in 0.4 of the noisy pairs, no soft crops)"
}
"""What trainings started from that no longer ships, by checksum."""
CARDS = "CARDS.md"
HEAD = """# Cards of restorers

Written by `python benchmarks/from_start.py ship` from `manifest.json`; README.md tells of the photographs behind them.
Input and output RGB in [0, 1], fp16, MIT licence. Gains are PSNR over the input in dB, on crops of 128 pixels of
validation photographs, which no restorer learnt from. `mix` is one restorer for all kinds; the groups found are those
of the study's drops, the paper's those that its own drops lead to.
"""


def ship(folder: Path) -> None:
    """Put the mix and the groups in the place of those of before; an end with one line where they may not.

    The profile that ships must be learnt anew then: `selection.py samples` and `learn`.
    """
    found, trained = Found.read(folder / FOUND), trained_in(folder)
    wanted = [name for name in restorers_of(found.groups) if partition_of(name) in SHIPPED]
    if missing := [name for name in wanted if name not in trained]:
        raise SystemExit(f"'{folder}' does not hold {missing[0]} yet: train it first")
    network = trained["mix"].preset
    files = {f"{network}_{name}.safetensors": folder / f"{name}.safetensors" for name in wanted}
    # restorers of before go, whatever their network, but for the starts of trainings
    old = [name for name, entry in weights.manifest().items() if "partition" in entry and name not in files]
    check_size(files, old)
    for (target, source), name in zip(files.items(), wanted, strict=True):
        write_bytes(WEIGHTS / target, source.read_bytes())
        delta = found.delta if partition_of(name) == "found" else None
        enter(WEIGHTS / target, trained[name], partitions_of(name, trained[name], found), delta)
        print(f"{WEIGHTS / target}: {source.stat().st_size / 1e6:.1f} MB")
    remove_weights(old)
    write_text(WEIGHTS / CARDS, cards())


def partitions_of(name: str, restorer: Measured, found: Found) -> str:
    """All partitions that the group of a restorer is of: a group found may be one of the paper's, too."""
    own, groups = partition_of(name), {"found": found.groups, "paper": paper_groups()}
    return "+".join([own, *(part for part in groups if part != own and restorer.tasks in groups[part])])


def check_size(files: Mapping[str, Path], old: list[str]) -> None:
    """Raise SystemExit where the weights of the package would become too large."""
    others = (weights.DESCRIPTOR, weights.PROFILE, *old, *files)
    kept = [file for file in WEIGHTS.glob("*.safetensors") if file.name not in others]
    total = sum(file.stat().st_size for file in (*kept, *files.values()))
    if total > MOST:
        size = f"{total / 1e6:.1f} MB, more than {MOST / 1e6:.0f}"
        raise SystemExit(f"the weights of the package would take {size}: ship fewer")


def enter(file: Path, restorer: Measured, partition: str, delta: float | None) -> None:
    """Say in the manifest what a restorer is and gains."""
    as_made, saved = ({task: round(gain, 2) for task, gain in restorer.gains[way].items()} for way in WAYS)
    more: dict[str, object] = {} if delta is None else {"delta": delta}
    if partition == "mix":
        more["start_for"] = restorer.preset
    enter_in_manifest(
        file,
        f"{restorer.preset}, restorer of {', '.join(restorer.tasks)}",
        trained_on=LEARNT_FROM,
        steps=restorer.steps,
        steps_per_task=restorer.steps_per_task,
        training=describe(restorer),
        val_gain_db=as_made,
        val_gain_jpeg_90_db=saved,
        partition=partition,
        **more,
    )


def describe(restorer: Measured) -> str:
    """How it was trained, in words."""
    recipe = restorer.recipe
    return (
        f"from {start_of(restorer)}, "
        f"batches of {recipe['batch']} crops of {recipe['crop']} pixels, "
        f"data {recipe['data']['name']}, loss {recipe['loss']}, AdamW {recipe['learning_rate']:g}, "
        f"{recipe['schedule']} to {recipe['final']:g}, moving average {recipe['average']:g}"
    )


def start_of(restorer: Measured) -> str:
    """What its training began with, in words."""
    start = restorer.start_sha256
    names = (name for name, entry in weights.manifest().items() if entry["sha256"] == start)
    return EARLIER.get(start) or next(names, f"the weights {start[:12]}")


def cards() -> str:
    """A card for every restorer that the manifest tells the gains of."""
    entries = weights.manifest().items()
    return "\n".join([HEAD, *(card(name, entry) for name, entry in entries if "val_gain_jpeg_90_db" in entry)])


def card(name: str, entry: Mapping[str, Any]) -> str:
    as_made, saved = entry["val_gain_db"], entry["val_gain_jpeg_90_db"]
    rows = [(task, f"{gain:+.2f}", f"{saved[task]:+.2f}") for task, gain in as_made.items()]
    hardly = [task for task, gain in as_made.items() if gain < LITTLE]
    origins = {"mix": "for all kinds", "paper": "one of the paper's groups", NOISE: "for noise alone, as of cameras"}
    origins["found"] = f"one of the groups found at delta {entry.get('delta', 0):g} dB"
    origin = ", ".join(origins[part] for part in entry["partition"].split("+"))
    lines = [
        f"## {name}",
        "",
        f"{entry['what']} ({origin}).",
        "",
        f"- **Training**: {entry['steps_per_task']:,} steps for each task, {entry['steps']:,} together, "
        f"{entry['training']}.",
        f"- **Data**: {entry['trained_on']}.",
        "- **Cannot**: undo kinds that are not in its table, or several at once but for JPEG after one of them; tell"
        " which kind an image has (`grids select` does).",
        *([f"- **Hardly undoes** (gains less than {LITTLE} dB): {', '.join(hardly)}."] if hardly else []),
        "",
        table(("kind", *WAYS), rows),
        "",
    ]
    return "\n".join(lines)
