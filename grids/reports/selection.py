"""Which restorer images need and what was done about it, as text for a terminal and as plain records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from grids.reports.selection_words import likely_text, verdict_text
from grids.reports.text import TEXT_WIDTH, aligned, counted, folded, percent, printable, table_lines
from grids.results import CLEAN, KNOWN, OTHER, UNKNOWN, Ranked, Selection
from grids.results.selection import UNCERTAIN

MOST_NAMES = 6
"""Of a group's degradations that are named; of more, their number."""
LEAST_CHANCE = 0.01
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
    if selection.is_drawing:
        return "It looks drawn over, but much of it is flat: leave it as it is, if it is a drawing or a screenshot."
    if not selection.promises():
        return f"Group {group} is the best for it, but a gain is uncertain: expect about {gain:+.1f} dB{reach}."
    others = (one.predicted_gain or 0.0 for one in selection.ranking[1:])
    safe = ", which only takes off (others may gain more, or do harm)" if max(others, default=gain) > gain else ""
    return f"Restore it with group {group}{safe}: it should gain about {gain:.1f} dB{reach}."


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
    return f"{name}: {KNOWN}, group {_named(selection.ranking[0])}"


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
