"""What was found on images and done about it, as text and as plain records. No pixels here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grids.reports.selection import percent, unknown_text
from grids.reports.tables import printable, shown
from grids.results.selection import CLEAN, KNOWN, UNKNOWN, Selection


class Shown(NamedTuple):
    """A row of a report.

    source, output: the files.
    selections: of every look at the image, the first being that of the image as it came.
    outcome: what was done, in words.
    sheet: a PNG of before and after, or None.
    """

    source: str
    output: str
    selections: tuple[Selection, ...]
    outcome: str
    sheet: bytes | None


def verdict_text(selection: Selection) -> str:
    """The verdict and what it hangs on: "known, group C1, likely jpeg (91 %)", "clean", or "unknown, ..."."""
    if selection.verdict == CLEAN:
        return CLEAN
    if selection.group is None:
        return f"{UNKNOWN}, {unknown_text(selection)}"
    name = selection.degradation
    detail = "" if name is None else f", likely {shown(name)} ({percent(selection.degradations[name])})"
    return f"{KNOWN}, group {printable(selection.group)}{detail}"


def gain_text(selection: Selection) -> str:
    """The predicted gain in dB with its interval; empty where none is predicted."""
    if selection.predicted_gain is None:
        return ""
    low_high = selection.interval
    between = f" ({low_high[0]:+.2f} to {low_high[1]:+.2f})" if low_high is not None else ""
    return f"{selection.predicted_gain:+.2f} dB{between}"


def outcome_text(groups: Sequence[str], why: str) -> str:
    """What was done to an image, and why no more, with advice where nothing was."""
    restored = f"restored with {' then '.join(map(printable, groups))}" if groups else "left as it is"
    if why == "unknown" and not groups:
        return f"{restored}: no restorer here is for it (--group ID uses one nevertheless)"
    if why == "no gain" and not groups:
        return f"{restored}: its restorer would not help (--group ID uses one nevertheless)"
    ends = {"clean": "now clean", "unknown": "now unknown", "no gain": "no more gain predicted"}
    return f"{restored}, {ends[why]}" if groups and why in ends else restored
