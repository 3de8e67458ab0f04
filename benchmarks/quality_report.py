"""What `quality.py` measured: its CSV files, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from common import LOSS, table
from filters import FILTERS

from grids.io import write_text

CLEAN, CLEAN_SAVED = "clean", "clean, saved"
UNDAMAGED = (CLEAN, CLEAN_SAVED)
CAREFUL = "restore"
"""The method that decides by itself what it changes."""
HARMED = 0.05
"""dB below the input: more than rounding does."""


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


TEXTS = Row._fields[:6]


def read(file: Path) -> list[Row]:
    """The rows of a file, none where it is not there."""
    if not file.exists():
        return []
    frame = pd.read_csv(file, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False)
    return [Row(*row) for row in frame.itertuples(index=False, name=None)]


def write(file: Path, rows: Iterable[Row]) -> None:
    frame = pd.DataFrame(rows, columns=Row._fields)
    write_text(file, frame.to_csv(index=False, float_format="%.3f", lineterminator="\n"))


def gains_of(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows with their `gain`, dB."""
    frame = pd.DataFrame(rows, columns=Row._fields)
    return frame.assign(gain=frame["after"] - frame["before"])


def report(folder: Path, name: str) -> str:
    """For every way: the gains of every kind, the best filter's among them; then means, harm and the worst."""
    rows = gains_of(row for file in sorted(folder.glob(f"{name}-*.csv")) for row in read(file))
    methods = [method for method in rows["method"].unique() if method not in FILTERS]
    lines = []
    for way, own in rows.groupby("way", sort=False):
        ours = shared(own)
        kinds = table(
            ("kind", "input dB", "best filter", *methods), by_kind(ours[~ours["kind"].isin(UNDAMAGED)], methods)
        )
        summaries = [cells for method in methods if (cells := summary(ours, method))]
        head = ("over all kinds", "mean gain", "harmed", "worst 5 %", "clean, dB to itself")
        lines += [f"{name}, {way}", "", kinds, "", table(head, summaries), ""]
    return "\n".join(lines)


def shared(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those photographs of every kind that all methods which tried the kind were measured on."""
    tried = rows.groupby("kind")["method"].transform("nunique")
    return rows[rows.groupby(["kind", "photograph"])["method"].transform("nunique") == tried]


def by_kind(rows: pd.DataFrame, methods: list[str]) -> list[list[str]]:
    """A line for each kind: the PSNR of the input, the filter with the largest mean gain, and that of the methods."""
    inputs = rows.drop_duplicates(["kind", "photograph"]).groupby("kind")["before"].mean()
    gains = rows.groupby(["kind", "method"])["gain"].mean().unstack()
    filters = gains.reindex(columns=list(FILTERS))
    lines = []
    for kind in rows["kind"].unique():
        simple = filters.loc[kind].dropna()
        best = f"{simple.max():+.2f} {simple.idxmax()}" if len(simple) else "-"
        cells = gains.loc[kind].reindex(methods).map("{:+.2f}".format, na_action="ignore").fillna("-")
        lines.append([kind, f"{inputs[kind]:.2f}", best, *cells])
    return lines


def summary(rows: pd.DataFrame, method: str) -> list[str]:
    """The mean over the kinds; the share that came out worse than it went in; the mean of the worst twentieth.

    Nothing of a method that was not tried on all kinds: a mean over some compares with nothing.
    """
    own = rows[rows["method"] == method]
    damaged = own[~own["kind"].isin(UNDAMAGED)]
    if set(damaged["kind"]) != set(rows["kind"]) - set(UNDAMAGED):
        return []
    gains = damaged["gain"].sort_values()
    whole = damaged.groupby("kind")["gain"].mean().mean()
    worst = gains.head(max(1, len(gains) // 20)).mean()
    kept = own.loc[own["kind"] == CLEAN, "after"].clip(upper=99)
    itself = f"{kept.mean():.1f}" if len(kept) else "-"
    return [method, f"{whole:+.2f}", f"{(gains < -HARMED).mean():.0%}", f"{worst:+.2f}", itself]


def harm(folder: Path, names: Sequence[str]) -> str:
    """What `grids restore` changes of each set, and how much of that loses; empty where it was not measured."""
    frames = [gains_of(read(folder / f"{name}-{CAREFUL}.csv")).assign(set=name) for name in names]
    rows = pd.concat(frames)
    if rows.empty:
        return ""
    parts = [(name, way, own) for (name, way), own in rows.groupby(["set", "way"], sort=False)]
    parts += [("all", way, own) for way, own in rows[rows["set"] != "real"].groupby("way", sort=False)]
    head = (
        "images of",
        "way",
        "changed",
        f"of these {LOSS} dB worse",
        "worst, dB",
        "clean changed",
        "clean, saved, worse",
    )
    return table(head, [(name, way, *harm_of(own)) for name, way, own in parts])


def harm_of(rows: pd.DataFrame) -> list[str]:
    """Of damaged images: the share changed, of these the share that lose, the worst; and of clean ones."""
    damaged = rows[~rows["kind"].isin(UNDAMAGED)]
    changed = damaged[damaged["gain"] != 0]
    clean, saved = (rows[rows["kind"] == kind] for kind in UNDAMAGED)
    lost = f"{(changed['gain'] < -LOSS).mean():.1%} ({(changed['gain'] < -LOSS).sum()})" if len(changed) else "-"
    return [
        f"{len(changed) / len(damaged):.0%} of {len(damaged)}",
        lost,
        f"{damaged['gain'].min():+.2f}",
        f"{(clean['gain'] < 0).sum()} of {len(clean)}" if len(clean) else "-",
        f"{(saved['gain'] < -LOSS).sum()} of {len(saved)}" if len(saved) else "-",
    ]
