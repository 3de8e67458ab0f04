"""Which tasks a batch is made of: pure functions of step and seed, so that a training goes on from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from grids.errors import GridsError, unknown_name

Sampler = Callable[[int, int, int], list[int]]
"""(step, batch, seed) -> the numbers of the tasks of a batch's samples."""

MOST = 1000
KINDS = ("mixed", "each", "turns", "cycles", "temperature")


def sampler(text: str, names: Sequence[str], sizes: Sequence[int]) -> Sampler:
    """The sampler that a text stands for. It decides which tasks the crops of a batch are degraded for.

    mixed: samples are dealt like cards, every task once before any comes again; with `mixed:motion_blur=3` a deck holds
        three cards of it.
    each: every batch holds samples of every task; `each:haze=2` twice as many of haze as of the others
        (Martyniuk 2019: 2 of blur, 1 of each other, one forward for each task, one step for all).
    turns: one batch for each task in turn.
    cycles: the same, in random order within each cycle; `cycles:motion_blur=3` three batches of it in a cycle
        (Liu et al.: 3 of blur, 1 of each other task).
    temperature: each sample's task is drawn by its number of images to the power 1 / T; `temperature:2` for T = 2, as
        sizes differ among pairs of images. T is 1 if it is not given.

    Args:
        text: the kind, and after a colon counts of tasks, 1 to 1000 each, or T, more than 0. Tasks that are not named
            count once; those that are not trained are passed over, so that a text holds for a part of its tasks, too.
        names: of the tasks; a task's number is its place here.
        sizes: how many images each task has; used by "temperature" alone, and then at least 1.

    Returns:
        a function (step, batch, seed) -> the numbers of the tasks of the `batch` samples of this step. It has no state:
        equal arguments give equal numbers. That of "each" raises GridsError for a batch that is too small.

    Raises:
        UnknownNameError: the kind is unknown.
        GridsError: a number is wrong, a task is counted twice, or numbers are given to "turns".

    >>> draw = sampler("turns", ("haze", "rain"), (100, 100))
    >>> [draw(step, 2, 0) for step in range(3)]
    [[0, 0], [1, 1], [0, 0]]
    """
    kind, _, given = text.partition(":")
    if kind not in KINDS:
        raise unknown_name("sampler", kind, KINDS)
    if kind == "temperature":
        return _drawn(_soften(sizes, _positive(given or "1", text)))
    if kind == "turns" and given:
        raise GridsError(f"the sampler '{kind}' takes no numbers, but is '{text}'")
    counts = _counts(given, text)
    each = [counts.get(name, 1) for name in names]
    if kind == "mixed":
        return lambda step, batch, seed: deal(each, step * batch, batch, seed)
    if kind == "turns":
        return lambda step, batch, seed: [step % len(names)] * batch
    if kind == "each":
        return lambda step, batch, seed: shares(each, batch, step)
    return lambda step, batch, seed: [_of_cycle(each, step, seed)] * batch


def check_sampler(text: str) -> None:
    """See that a text stands for a sampler. Names of tasks are not looked at, see `check_counted`.

    Args:
        text: as for `sampler`.

    Raises:
        GridsError: the kind is unknown, or a number is wrong.
    """
    sampler(text, ("a",), (1,))


def check_counted(text: str, names: Sequence[str]) -> None:
    """See that a sampler counts tasks that are there: a misspelt name would be passed over without a word.

    Args:
        text: as for `sampler`.
        names: of the tasks that may be counted.

    Raises:
        UnknownNameError: the text counts another task.
        GridsError: a number is wrong.
    """
    kind, _, given = text.partition(":")
    for name in _counts(given, text) if kind in ("mixed", "each", "cycles") else ():
        if name not in names:
            raise unknown_name("task of the sampler", name, names)


def deal(counts: Sequence[int], first: int, count: int, seed: int) -> list[int]:
    """The tasks of some samples of a training, dealt from shuffled decks, one deck after the other.

    Args:
        counts: cards of each task in a deck, 1 or more.
        first: the number of the first sample, counted from 0 over the whole training.
        count: how many samples.
        seed: with the number of a deck it determines its order.

    Returns:
        numbers of tasks, `count` of them.

    >>> sorted(deal([2, 1], first=0, count=3, seed=0))
    [0, 0, 1]
    """
    cards = np.repeat(np.arange(len(counts)), counts)
    found: list[int] = []
    deck, start = divmod(first, len(cards))
    while len(found) < count + start:
        found += np.random.default_rng([seed, 3, deck]).permutation(cards).tolist()
        deck += 1
    return found[start : start + count]


def shares(counts: Sequence[int], batch: int, step: int = 0) -> list[int]:
    """A batch in which each task has its share, and one sample at least.

    What is left over after whole shares goes to tasks in turn, so that it evens out over the steps.

    Args:
        counts: of each task, in what proportion it takes part, 1 or more.
        batch: samples in the batch.
        step: counted from 0.

    Returns:
        numbers of tasks in ascending order, `batch` of them.

    Raises:
        GridsError: the batch is too small to hold every task in its share.

    >>> shares([2, 1, 1], batch=8)
    [0, 0, 0, 0, 1, 1, 2, 2]
    """
    whole = _filled(counts, batch)
    left = batch - whole.sum()
    if left < 0:
        least = next(size for size in range(batch + 1, MOST * len(counts)) if _filled(counts, size).sum() <= size)
        raise GridsError(
            f"batches of {batch} are too small for the sampler 'each' of {len(counts)} tasks in their shares: "
            f"{least} or more"
        )
    for place in range(left):
        whole[(step * left + place) % len(counts)] += 1
    return np.repeat(np.arange(len(counts)), whole).tolist()


def _filled(counts: Sequence[int], batch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The whole shares of a batch, one at least."""
    return np.maximum(np.asarray(counts) * batch // sum(counts), 1)


def _of_cycle(counts: Sequence[int], step: int, seed: int) -> int:
    cycle, place = divmod(step, sum(counts))
    order = np.random.default_rng([seed, 5, cycle]).permutation(np.repeat(np.arange(len(counts)), counts))
    return int(order[place])


def _soften(sizes: Sequence[int], temperature: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Chances in proportion to the sizes to the power 1 / temperature."""
    with np.errstate(over="ignore"):
        logarithms = np.log(np.asarray(sizes, dtype=float)) / temperature
    if not np.isfinite(logarithms).all():  # a temperature near 0 leaves the largest alone
        logarithms = np.where(np.asarray(sizes) == max(sizes), 0.0, -np.inf)
    powers = np.exp(logarithms - logarithms.max())
    return powers / powers.sum()


def _drawn(chances: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Sampler:
    def draw(step: int, batch: int, seed: int) -> list[int]:
        return np.random.default_rng([seed, 7, step]).choice(len(chances), batch, p=chances).tolist()

    return draw


def _counts(given: str, text: str) -> Mapping[str, int]:
    """From "haze=1,motion_blur=3"."""
    found: dict[str, int] = {}
    for part in filter(None, given.split(",")):
        name, sign, number = part.partition("=")
        if not sign or not number.isdecimal() or len(number) > 4 or not 1 <= int(number) <= MOST:
            form = f"{text.partition(':')[0]}:motion_blur=3"
            raise GridsError(f"a sampler counts tasks as in '{form}', 1 to {MOST} each, not '{text}'")
        if name in found:
            raise GridsError(f"the sampler '{text}' counts '{name}' twice")
        found[name] = int(number)
    return found


def _positive(given: str, text: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise GridsError(f"a temperature must be a number above 0, as in 'temperature:2', not '{text}'")
    return value
