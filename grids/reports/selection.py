"""Which restorer images need and what was done about it, as text for a terminal and as plain records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from grids.reports.text import TEXT_WIDTH, aligned, counted, folded, percent, printable, shown, table_lines
from grids.results import CLEAN, KNOWN, OTHER, UNKNOWN, Ranked, Selection
from grids.results.selection import UNCERTAIN

MOST_NAMES = 6
"""Of a group's degradations that are named; of more, their number."""
LEAST_CHANCE = 0.01
CAUTIOUS = "in doubt"
POSSIBLE = 0.25
"""Probability of "other" from which on a clean image is not called so without doubt."""
NAME_WIDTH = 48
_TENTHS = {9: "nine", 8: "eight", 7: "seven", 6: "six", 5: "five"}


class Shown(NamedTuple):
    """A restored image, as a row of a report.

    Args:
        source: the file of the image.
        output: the file of the result.
        selections: of every look at the image, the first being that of the image as it came.
        outcome: what was done, in words, from `outcome_text`.
        sheet: a PNG or JPEG of before and after, or None.
    """

    source: str
    output: str
    selections: tuple[Selection, ...]
    outcome: str
    sheet: bytes | None


def advice(selection: Selection) -> str:
    """Say what to do with an image, in one sentence.

    Args:
        selection: what was found on it.

    Returns:
        To leave it, not to trust the restorers with it, or which group to restore it with: then with the predicted gain
        in dB, its interval and the probability of a gain, as far as they are known.
    """
    if selection.verdict == CLEAN:
        if selection.degradations.get(OTHER, 0.0) < POSSIBLE:
            return "It looks clean: leave it as it is."
        return "It looks clean, or bears damage that no group restores: leave it as it is."
    if selection.group is None:
        return (
            "It is unlike anything that these restorers were trained for: do not trust them here; "
            "`grids restore --group` forces one."
        )
    group, gain = _named(selection.ranking[0]), selection.predicted_gain
    if gain is None:
        return f"Restore it with group {group}; how much that gains has not been measured."
    reach = _reach(selection)
    if not selection.promises():
        return f"Group {group} is the best for it, but a gain is uncertain: expect about {gain:+.1f} dB{reach}."
    only = ", which only takes off what was added (what it bears is in doubt)" if selection.cautious else ""
    return f"Restore it with group {group}{only}: it should gain about {gain:.1f} dB{reach}."


def selection_text(selection: Selection, width: int = TEXT_WIDTH) -> str:
    """Print what was found on one image: the verdict, the likeliest degradations, all groups, and the advice.

    Args:
        selection: what was found. Of the single degradations the three likeliest are named, if 1 % likely or more.
        width: characters of a line of the table and the advice, at most; the verdict is not folded.

    Returns:
        Lines, without a line feed at the end.
    """
    lines = [_verdict(selection)]
    if likely := _likely(selection):
        lines += folded(f"likeliest: {likely}", width, "  ")
    if selection.ranking:
        head = ("group", "degradations", "divergence", "probability", "predicted gain")
        rows = [head, *(_group_row(ranked) for ranked in selection.ranking)]
        lines += table_lines(rows, width, wrap=(0, 1), right=(2, 3, 4))
    return "\n".join([*lines, *folded(advice(selection), width)])


def selections_table(selections: Sequence[Selection]) -> str:
    """Print what was found on many images: a line for each, and how many need what.

    Args:
        selections: in the order of the lines.

    Returns:
        A table and a line of counts, without a line feed at the end; "no images" where there are none. The column of
        single degradations is left out where none are known, and long file names are shortened.
    """
    if not selections:
        return "no images"
    head = ("image", "needs", "likeliest", "probability", "predicted gain", "interval", "gain likely")
    single = any(selection.degradations for selection in selections)
    rows = [head, *(_image_row(selection) for selection in selections)]
    lines = aligned(rows, left=3) if single else aligned([(*row[:2], *row[3:]) for row in rows], left=2)
    return "\n".join([*lines, _summary(selections)])


def short_name(name: str, width: int = NAME_WIDTH) -> str:
    """Shorten a file name by cutting out its middle, since begin and end tell files apart.

    Args:
        name: control characters in it are replaced.
        width: characters of the result, at most.

    Example:
        >>> short_name("holiday-in-the-mountains-0042.jpg", 16)
        'holid…s-0042.jpg'
    """
    text = printable(name)
    if len(text) <= width:
        return text
    head = (width - 1) // 3
    return f"{text[:head]}\N{HORIZONTAL ELLIPSIS}{text[head + 1 - width :]}"


def _named(ranked: Ranked) -> str:
    names = _names(ranked)
    return printable(ranked.group) + (f" ({names})" if names else "")


def _names(ranked: Ranked) -> str:
    """The degradations of a group, or how many they are."""
    count = len(ranked.degradations)
    return f"{count} degradations" if count > MOST_NAMES else ", ".join(map(printable, ranked.degradations))


def _reach(selection: Selection) -> str:
    """The interval and the probability of a gain, as the end of a sentence."""
    parts = []
    if selection.interval is not None:
        low, high = (f"{value:.1f}" for value in selection.interval)
        tenths = _TENTHS.get(round(10 * selection.coverage))
        exact = math.isclose(10 * selection.coverage, round(10 * selection.coverage))
        share = f"{tenths} of ten" if tenths and exact else f"{100 * selection.coverage:g} % of"
        parts.append(f"{low} to {high} in {share} such images")
    if selection.gain_probability is not None:
        parts.append(f"a gain at all in {percent(selection.gain_probability)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _verdict(selection: Selection) -> str:
    name = printable(selection.image) or "the image"
    if selection.group is None:
        return f"{name}: {verdict_text(selection)}"
    return f"{name}: {KNOWN}, group {_named(selection.ranking[0])}" + (f", {CAUTIOUS}" if selection.cautious else "")


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


def _likely(selection: Selection) -> str:
    """The three likeliest single degradations, without those of next to no probability."""
    ranked = [item for item in list(selection.degradations.items())[:3] if item[1] >= LEAST_CHANCE]
    return ", ".join(f"{printable(name)} {percent(chance)}" for name, chance in ranked)


def _group_row(ranked: Ranked) -> tuple[str, ...]:
    gain = "-" if ranked.predicted_gain is None else f"{ranked.predicted_gain:+.1f} dB"
    divergence = f"{ranked.divergence:.3g}" if math.isfinite(ranked.divergence) else "-"
    return printable(ranked.group), _names(ranked), divergence, percent(ranked.probability), gain


def _image_row(selection: Selection) -> tuple[str, ...]:
    needs = _needs(selection)
    single, chance = next(iter(selection.degradations.items()), ("", math.nan))
    if selection.group is not None and not selection.degradations:
        chance = selection.ranking[0].probability
    gain = "" if selection.predicted_gain is None else f"{selection.predicted_gain:+.1f} dB"
    reach = "" if selection.interval is None else "{:+.1f} to {:+.1f}".format(*selection.interval)
    known = percent(chance) if math.isfinite(chance) else ""
    likely = "" if selection.gain_probability is None else likely_text(selection)
    return short_name(selection.image), needs, printable(single), known, gain, reach, likely


def _needs(selection: Selection) -> str:
    if selection.group is not None:
        return printable(selection.group) if selection.promises() else UNCERTAIN
    return CLEAN if selection.verdict == CLEAN else UNKNOWN


def _summary(selections: Sequence[Selection]) -> str:
    counts = Counter(map(_needs, selections))
    last = (UNCERTAIN, CLEAN, UNKNOWN)
    parts = [f"{name} {counts[name]}" for name in sorted(counts.keys() - set(last))]
    parts += [f"{name} {counts[name]}" for name in last if name in counts]
    return f"{counted(len(selections), 'image')}: {', '.join(parts)}"


def verdict_text(selection: Selection) -> str:
    """Say the verdict and what it rests on, in a line of a page.

    Args:
        selection: what was found on an image.

    Returns:
        "clean", "unknown, ..." with the reason, "known, group C1, likely jpeg (91 %)" or, after a cautious choice,
        "known, group C1, in doubt: perhaps jpeg (30 %)".
    """
    if selection.verdict == CLEAN:
        return CLEAN
    if selection.verdict == UNKNOWN or selection.group is None:
        return f"{UNKNOWN}, {unknown_text(selection)}"
    group, name = f"{KNOWN}, group {printable(selection.group)}", selection.degradation
    if name is None:
        return group
    how = f"{CAUTIOUS}: perhaps" if selection.cautious else "likely"
    return f"{group}, {how} {shown(name)} ({percent(selection.degradations[name])})"


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
        Such as "predicted gain +2.10 dB (+1.20 to +3.00), 93 % likely to gain"; empty where nothing is predicted.
    """
    if group not in (None, selection.group):
        own = next((ranked.predicted_gain for ranked in selection.ranking if ranked.group == group), None)
        return "" if own is None else f"predicted gain {own:+.2f} dB"
    parts = [f"predicted gain {gain}"] if (gain := gain_text(selection)) else []
    if selection.gain_probability is not None:
        parts.append(f"{likely_text(selection)} likely to gain")
    return ", ".join(parts)


def outcome_text(groups: Sequence[str], why: str) -> str:
    """Say what was done to an image and why no more, with advice where nothing was.

    Args:
        groups: the restorers that were run, in order; empty for none.
        why: why it ended, see `grids.restoration.restore.Restoration`.

    >>> outcome_text(["C1", "C2"], "clean")
    'restored with C1 then C2, now clean'
    """
    if not groups:
        nothing = {
            UNKNOWN: "left as it is: no restorer here is for it (`grids restore --group ID` uses one nevertheless)",
            UNCERTAIN: "uncertain, left as it is: a gain, or one degradation, is not likely enough "
            "(`grids restore --group ID` restores it nevertheless)",
            "too little": "left as it is: less is expected than was asked for",
        }
        return nothing.get(why, "left as it is")
    ends = {
        CLEAN: ", now clean",
        UNKNOWN: ", now unknown",
        UNCERTAIN: ", a further gain is uncertain",
        "too little": ", a further gain would be less than was asked for",
    }
    return f"restored with {' then '.join(map(printable, groups))}{ends.get(why, '')}"
