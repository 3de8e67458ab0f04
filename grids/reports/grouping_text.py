"""A grouping in words and tables, for a terminal and for pages."""

from __future__ import annotations

from collections.abc import Sequence

from grids.reports.grouping import Drop, unanswered, worst_of
from grids.reports.text import TEXT_WIDTH, counted, decibels, in_short, printable, shown, table_lines, wrapped
from grids.results import Group, Grouping, Trial

NAMED, PARTITIONS_SHOWN = 3, 5  # how many groups a sentence names, and how many alternatives are printed


def worst_text(trial: Trial) -> str:
    """The worst drop of a trial, as a cell of a table.

    Args:
        trial: a group that was asked for, and its answer.

    Returns:
        dB with two decimals ("0.71"), after "≥ " where the true drop may be larger; "-" where none is known.
    """
    worst = worst_of(trial.drops, trial.at_least, trial.group)
    return "-" if worst is None else _drop_text(worst)


def why_text(trial: Trial) -> str:
    """What a trial was asked for, and why it failed, if it did; empty where neither is recorded."""
    return "; ".join(part for part in (trial.why, trial.reason) if part)


def possible_groups(count: int) -> str:
    """How many groups of two or more can be made of some degradations: 2^n - n - 1.

    Args:
        count: n, the number of degradations.

    Returns:
        The digits, or, from 31 degradations on, a short form such as "2.1e9".

    Example:
        >>> possible_groups(11)
        '2036'
    """
    return in_short(2**count - count - 1)


def certificate_text(grouping: Grouping) -> str:
    """Say how sure it is that no partition has fewer groups.

    Args:
        grouping: gives the kind of its certificate and the bounds.

    Returns:
        A sentence without its full stop. Only for "heuristic" it holds the number of groups that are needed.
    """
    if grouping.certificate == "proved":
        return "no partition has fewer groups"
    if grouping.certificate == "proved-if-monotone":
        return "no partition has fewer, if a group is never better than a part of it"
    how = "no partition of the known groups has fewer" if grouping.fewest_known else "found by search"
    return f"{how}; at least {_bound_text(grouping)}, by the answers"


def _bound_text(grouping: Grouping) -> str:
    bound, monotone = grouping.lower_bound, grouping.lower_bound_if_monotone
    text = f"{counted(bound, 'group')} {'is' if bound == 1 else 'are'} needed"
    return f"{text} ({monotone}, if a group is never better than a part of it)" if monotone > bound else text


def answers_text(grouping: Grouping) -> str:
    """Say how many answers were asked for, of how many possible groups of two or more."""
    count = len(grouping.degradations)
    return (
        f"{counted(grouping.trainings, 'answer')} asked for, of {possible_groups(count)} possible groups of two or more"
    )


def group_text(group: Sequence[str]) -> str:
    """A group as it is typed on the command line: "jpeg + gaussian_noise"."""
    return " + ".join(map(printable, group))


def shown_group(group: Sequence[str]) -> str:
    """A group as people read it in pages, underscores as spaces: "jpeg + gaussian noise"."""
    return " + ".join(map(shown, group))


def some_groups(groups: Sequence[Sequence[str]], count: int = NAMED) -> str:
    """Name a few groups, and say how many more there are.

    Args:
        groups: names of degradations, group by group; may be empty.
        count: how many are named at most.

    Example:
        >>> some_groups([("jpeg", "blur"), ("rain",), ("haze",)], 2)
        'jpeg + blur; rain; and 1 more'
    """
    more = [f"and {len(groups) - count} more"] if len(groups) > count else []
    return "; ".join([*map(group_text, groups[:count]), *more])


def worst_drop_text(group: Group) -> str:
    """The worst drop of a group, and whose it is.

    Args:
        group: of a partition.

    Returns:
        "alone" for a group of one, otherwise text such as "0.52 dB (jpeg)", after "≥ " where not all drops are known.
        The name is left out where only the worst drop of the group is known.
    """
    if len(group.degradations) == 1:
        return "alone"
    worst = worst_of(group.drops, {}, group.degradations)
    assert worst is not None  # a group has a drop
    return f"{_drop_text(worst)} dB" + (f" ({printable(worst.name)})" if worst.name else "")


def _drop_text(drop: Drop) -> str:
    return f"{'≥ ' if drop.known_part else ''}{decibels(drop.value)}"


def grouping_text(grouping: Grouping, width: int = TEXT_WIDTH) -> str:
    """A grouping for a terminal: the groups with their worst drops, then how sure that is, and what it rests on.

    Args:
        grouping: what was found; a "source" among its settings is the first line.
        width: no line is wider, from about 50 on.
    """
    rows = [
        (group.id, ", ".join(map(printable, group.degradations)), worst_drop_text(group)) for group in grouping.groups
    ]
    head, rest = [*_source_lines(grouping), _headline(grouping)], _rest_lines(grouping)
    lines = [*wrapped(head, width), *table_lines(rows, width, wrap=(1, 2)), *wrapped(rest, width)]
    return "\n".join(lines) + "\n"


def trials_text(trials: Sequence[Trial], width: int = TEXT_WIDTH) -> str:
    """Print every group that was asked for as a table, in the order of the search.

    Args:
        trials: groups with their answers.
        width: characters; no line is wider, from about 60 on. Groups and reasons are folded to fit.

    Returns:
        Lines with number, group, mean of S, worst drop in dB, verdict and reason, and a line feed at the end.
    """
    if not trials:
        return "no group was asked for\n"
    rows = [("", "group", "S", "dB", "verdict", "why")]
    for number, trial in enumerate(trials, 1):
        why = printable(why_text(trial))
        distance, worst = f"{trial.distance:.2f}", worst_text(trial)
        rows.append((str(number), group_text(trial.group), distance, worst, trial.verdict, why))
    return "\n".join(table_lines(rows, width, wrap=(1, 5), right=(0, 2, 3))) + "\n"


def _source_lines(grouping: Grouping) -> list[str]:
    source = grouping.settings.get("source")
    return [printable(source)] if isinstance(source, str) and source else []


def _headline(grouping: Grouping) -> str:
    limits = (
        f"{printable(name)} {limit:g} dB{' by its gain' if name in grouping.limits_by_gain else ''}"
        for name, limit in grouping.limits.items()
    )
    own = ", ".join(limits)
    return (
        f"{counted(len(grouping), 'group')} of {counted(len(grouping.degradations), 'degradation')}, "
        f"delta {grouping.delta:g} dB{f' ({own})' if own else ''}, method {printable(grouping.method)}"
    )


def _rest_lines(grouping: Grouping) -> list[str]:
    incomplete = [
        f"{group_text(trial.group)} ({', '.join(printable(name) for name in lacking)} not known)"
        for trial in grouping.trials
        if trial.verdict == "undecided" and (lacking := unanswered(trial))
    ]
    spared = ", ".join(f"{count} ({printable(name)})" for name, count in grouping.shortcuts.items())
    larger = served_by(grouping)
    lines: list[tuple[object, str]] = [
        (True, f"{grouping.certificate}: {certificate_text(grouping)}"),
        (True, answers_text(grouping)),
        (spared, f"groups spared from being asked for, by shortcut: {spared}"),
        (grouping.contradictions, f"answers that contradict the shortcuts: {counted(grouping.contradictions, 'pair')}"),
        (grouping.undecided, f"undecided: {some_groups(grouping.undecided)}"),
        (incomplete, f"answers without all of their degradations: {'; '.join(incomplete[:NAMED])}"),
        (grouping.unknown, f"unknown, not in the table: {counted(grouping.unknown, 'group')}"),
        *((True, f"{name}: the drops are those of the restorer of {group_text(whole)}") for name, whole in larger),
        (grouping.hangs_on, f"would lead to fewer groups, if within delta: {some_groups(grouping.hangs_on)}"),
    ]
    return [*(line for wanted, line in lines if wanted), *_alternative_lines(grouping)]


def served_by(grouping: Grouping) -> list[tuple[str, tuple[str, ...]]]:
    """The groups whose drops are those of a larger group's restorer: their names, and that larger group."""
    found = grouping.settings.get("served_by")
    return [(name, tuple(whole)) for name, whole in found.items()] if isinstance(found, dict) else []


def _alternative_lines(grouping: Grouping) -> list[str]:
    found = grouping.alternatives
    if len(found) < 2:
        return ["no other partition into known groups has as few"] if found else []
    lines = [f"  {' | '.join(map(group_text, partition))}" for partition in found[:PARTITIONS_SHOWN]]
    count = max(grouping.solutions, len(found))
    listed = "" if count == len(found) else f" ({len(found)} are in groups.json)"
    more = [f"  and {count - len(lines)} more{listed}"] if count > len(lines) else []
    return [f"{count} partitions have as few groups:", *lines, *more]
