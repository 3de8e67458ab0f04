"""A small language for where decoders attach: `R>B>H`, `BH>R`, `rain+snow>haze`.

Source: Liu, Suganuma, Okatani, "Joint Learning of Multiple Image Restoration Tasks", section 5.2 and Table 2. Their
R→B→H: the decoder for rain is attached to the encoder, one further block leads to that for blur, another to that for
haze. Letters side by side share a place. Tasks without a letter are written in full, with + between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from grids.errors import GridsError

LETTERS: Mapping[str, str] = {"R": "rain", "B": "motion_blur", "H": "haze", "J": "jpeg"}
"""The paper's letters; capitals, since names of tasks are not."""
_SIGN = {task: letter for letter, task in LETTERS.items()}

Stages = tuple[tuple[str, ...], ...]
"""The tasks of each place that decoders attach to, the encoder's end first; between two places lies a block."""


def parse(text: str, tasks: Iterable[str]) -> Stages:
    """Read a topology: which decoders attach where.

    Args:
        text: such as `R>B>H`; blanks around tasks do not count.
        tasks: those that it must hold, each once.

    Returns:
        The tasks of each stage, stages and tasks in the order in which they are written.

    Raises:
        GridsError: a stage is empty, or a task is unknown, named twice or missing; it says at which character.

    >>> parse("R>BH", ["haze", "motion_blur", "rain"])
    (('rain',), ('motion_blur', 'haze'))
    """
    known, stages, seen = sorted(set(tasks)), [], set()
    for start, part in _pieces(text, ">"):
        stage = []
        for at, word in _words(text, part, start, known):
            task = word if word in known else LETTERS.get(word)
            if task not in known:
                raise _wrong(text, at, f"'{word}' is none of the tasks ({', '.join(_named(known))})")
            if task in seen:
                raise _wrong(text, at, f"the task '{task}' is there already")
            seen.add(task)
            stage.append(task)
        stages.append(tuple(stage))
    if missing := [task for task in known if task not in seen]:
        raise _wrong(text, len(text), f"the task '{missing[0]}' is missing")
    return tuple(stages)


def write(stages: Sequence[Sequence[str]]) -> str:
    """Write stages as the text that `parse` reads.

    Args:
        stages: the tasks of each. A stage whose tasks all have a letter is written in letters, another in full names.

    Returns:
        The text. Stages that have lost their tasks, which `parse` refuses, are left empty: `>>H`.

    >>> write([["rain"], ["motion_blur", "haze"]])
    'R>BH'
    """
    return ">".join(
        "".join(_SIGN[task] for task in stage) if _SIGN.keys() >= set(stage) else "+".join(stage) for stage in stages
    )


def resolve_stages(topology: str | Sequence[Sequence[str]] | None, tasks: Sequence[str]) -> Stages:
    """Bring a topology, however it is given, into one form, and check it.

    Args:
        topology: a text (see `parse`), or stages, of which inner ones may be empty; None for a single stage of all
            tasks.
        tasks: those that it must hold, each once.

    Returns:
        The tasks of each stage, in the order given.

    Raises:
        GridsError: it does not hold each task once, or the last stage is empty.
    """
    if topology is None:
        return (tuple(tasks),)
    if isinstance(topology, str):
        return parse(topology, tasks)
    stages = tuple(tuple(stage) for stage in topology)
    if sorted(task for stage in stages for task in stage) != sorted(tasks) or not stages[-1]:
        raise GridsError(f"the topology '{write(stages)}' must hold each of these tasks once: {', '.join(tasks)}")
    return stages


def _pieces(text: str, mark: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """What lies between marks, with its position."""
    for piece in text.split(mark):
        yield start, piece
        start += len(piece) + len(mark)


def _words(text: str, stage: str, start: int, known: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The names and letters of a stage, with their positions in the text."""
    for left, piece in _pieces(stage, "+", start):
        word = piece.strip()
        at = left + piece.find(word)
        if not word:
            raise _wrong(text, at, "a task must stand here")
        if word in known or not word.isupper():
            yield at, word
        else:
            yield from ((at + k, letter) for k, letter in enumerate(word) if not letter.isspace())


def _named(known: Iterable[str]) -> list[str]:
    return [f"{_SIGN[task]} {task}" if task in _SIGN else task for task in known]


def _wrong(text: str, at: int, why: str) -> GridsError:
    return GridsError(f"topology '{text}', at character {at + 1}: {why}")
