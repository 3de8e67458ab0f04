"""What was found on an image and done about it, in a few words: for lines on a terminal and cells of a page."""

from __future__ import annotations

from collections.abc import Sequence

from grids.reports.text import percent, printable, shown
from grids.results import CLEAN, KNOWN, UNKNOWN, Selection
from grids.results.selection import NAMED, UNCERTAIN


def unknown_text(selection: Selection) -> str:
    """Say why no group is chosen for an image that is not clean.

    Args:
        selection: with the verdict "unknown".

    Returns:
        That it is unlike anything known (with its distance, where that is above 1), or that it looks like damage which
        no group restores.
    """
    if selection.distance > 1:
        return f"unlike anything known (distance {selection.distance:.2g}, above 1)"
    if selection.degradation is None:
        return "unlike anything known"
    return f"looks like {printable(selection.degradation)}, which no group restores"


def verdict_text(selection: Selection) -> str:
    """Say the verdict and what it rests on, in a line of a page.

    Args:
        selection: what was found on an image.

    Returns:
        "clean", "unknown, ..." with the reason, or "known, group C1, likely jpeg (91 %)" ("perhaps" below one half).
    """
    if selection.verdict == CLEAN:
        return CLEAN
    if selection.verdict == UNKNOWN or selection.group is None:
        return f"{UNKNOWN}, {unknown_text(selection)}"
    group, name = f"{KNOWN}, group {printable(selection.group)}", selection.degradation
    if name is None:
        return group
    chance = selection.degradations[name]
    how = "likely" if chance >= NAMED else "perhaps"
    return f"{group}, {how} {shown(name)} ({percent(chance)})"


def gain_text(selection: Selection) -> str:
    """The predicted gain with its interval: "+2.10 dB (+1.20 to +3.00)".

    Args:
        selection: what was found on an image.

    Returns:
        The gain alone where it has no interval; empty where none is predicted.
    """
    if selection.predicted_gain is None:
        return ""
    low_high = selection.interval
    between = f" ({low_high[0]:+.2f} to {low_high[1]:+.2f})" if low_high is not None else ""
    return f"{selection.predicted_gain:+.2f} dB{between}"


def likely_text(selection: Selection) -> str:
    """The probability that the restorer gains at all, in per cent; a dash where it is not known."""
    return "-" if selection.gain_probability is None else percent(selection.gain_probability)


def promise_text(selection: Selection, group: str | None = None) -> str:
    """Say the predicted gain and how likely a gain is.

    Args:
        selection: what was found on an image.
        group: the id of the group that was used; None for the chosen one. Of another group only the gain is known.

    Returns:
        Such as "predicted gain +2.10 dB (+1.20 to +3.00), 93 % likely to gain", or "predicted gain of D +0.30 dB" of a
        group that was not chosen; empty where nothing is predicted.
    """
    if group is not None and group != selection.group:
        own = next((ranked.predicted_gain for ranked in selection.ranking if ranked.group == group), None)
        return "" if own is None else f"predicted gain of {printable(group)} {own:+.2f} dB"
    parts = [f"predicted gain {gain}"] if (gain := gain_text(selection)) else []
    if selection.gain_probability is not None:
        parts.append(f"{likely_text(selection)} likely to gain")
    return ", ".join(parts)


def outcome_text(groups: Sequence[str], why: str, unchanged: str | None = None, *, drawing: bool = False) -> str:
    """Say what was done to an image and why no more, with advice where nothing was.

    Args:
        groups: the restorers that were run, in order; empty for none.
        why: why it ended, see `grids.restoration.restore.Restoration`.
        unchanged: the id of the group whose restorer changed nothing; None where there was none.
        drawing: whether it was left for being a drawing.

    >>> outcome_text(["C1", "C2"], "clean")
    'restored with C1 then C2, now clean'
    >>> outcome_text(["C1"], "done", "D")
    'the restorer of D changes nothing in it; restored with C1'
    """
    nothing = f"the restorer of {printable(unchanged)} changes nothing in it" if unchanged is not None else ""
    if not groups and nothing:
        return f"left as it is: {nothing}{'' if why == 'unchanged' else ', and no other is chosen'}"
    if not groups:
        doubt = "it looks like a drawing" if drawing else "a gain, or one degradation, is not likely enough"
        left = {
            UNKNOWN: "left as it is: no restorer here is for it (`grids restore --group ID` uses one nevertheless)",
            UNCERTAIN: f"uncertain, left as it is: {doubt} (`grids restore --group ID` restores it nevertheless)",
            "too little": "left as it is: less is expected than was asked for",
        }
        return left.get(why, "left as it is")
    ends = {
        CLEAN: ", now clean",
        UNKNOWN: ", now unknown",
        UNCERTAIN: ", a further gain is uncertain",
        "too little": ", a further gain would be less than was asked for",
    }
    done = f"restored with {' then '.join(map(printable, groups))}{ends.get(why, '')}"
    if why == "unchanged":
        return f"{done}, then {nothing}"
    return f"{nothing}; {done}" if nothing else done
