"""Where results go: what may be written, names for results in a folder, and the tables that tell of them."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from grids.cells import to_cell
from grids.errors import GridsError
from grids.images import IMAGE_SUFFIXES
from grids.io import STDIO, check_writable
from grids.pipeline.run_folder import RunFolder


def check_targets(files: Iterable[str | Path | None], inputs: Iterable[str | Path | None] = ()) -> None:
    """See, before any work, that all results of a call may be written; every command asks here. Nothing is made.

    Args:
        files: of the results; None for one that is not wanted.
        inputs: the files that the call reads, or writes by names of its own; None for one that is not given. A link to
            one is the same file.

    Raises:
        GridsError: a result would replace an input, or two are one file.
        RunError: one is there and no regular file (a folder, a pipe, a device), or its folder cannot be written to.
    """
    targets = [(Path(file), _identities(check_writable(Path(file)))) for file in files if file is not None]
    for (one, first), (other, second) in itertools.combinations(targets, 2):
        if first & second:
            raise GridsError(f"'{one}' and '{other}' are one file: give each result a file of its own")
    if not targets:
        return
    taken = {name for file in inputs if file is not None for name in _identities(Path(file))}
    for target, names in targets:
        if target != STDIO and names & taken:
            raise GridsError(
                f"'{target}' is one of the images or files of this call already: choose another name for the result"
            )


def _identities(path: Path) -> set[object]:
    """What tells a file from others: where its links lead, and the place on the disk if it is there."""
    found: set[object] = {os.path.realpath(path)}
    with contextlib.suppress(OSError, ValueError):
        status = path.stat()
        found.add((status.st_dev, status.st_ino))
    return found


def check_apart(images: str | Path | Sequence[str | Path] | None, out: str | Path | None) -> None:
    """Check that the folder for the results lies in no folder of images, where results would be taken for images later.

    Args:
        images: files and folders; only folders matter. None for none.
        out: the folder for the results, there or not; None for none. Links are followed.

    Raises:
        GridsError: it lies in one of the folders, or is one of them.
    """
    given = [images] if isinstance(images, (str, Path)) else images or []
    for item in given if out is not None else []:
        if Path(item).is_dir() and Path(os.path.realpath(str(out))).is_relative_to(os.path.realpath(item)):
            raise GridsError(f"the folder for the results, '{out}', lies among the images in '{item}': choose another")


@contextlib.contextmanager
def results_folder(out: Path, sources: Sequence[Path], account: str) -> Iterator[Path]:
    """Give a folder for results, made if needed, in which nothing could be taken for a result or an input of this call.

    For the block inside, no other process writes into it. It goes again where an error comes before anything is
    written.

    Args:
        out: the folder.
        sources: the files that the call reads.
        account: the name of the file in it that tells of the results.

    Raises:
        GridsError: it is named like an image, holds one of the sources, or holds the file `account` of an earlier call;
            another process writes into it; or it cannot be written to.
    """
    if out.suffix.lower() in IMAGE_SUFFIXES and not out.is_dir():
        raise GridsError(f"several images need a folder for the results, but '{out}' is named like an image")
    places = (absolute, os.path.realpath)  # as it is named, and where links lead
    inside = next((path for path in sources if any(Path(at(path)).is_relative_to(at(out)) for at in places)), None)
    if inside is not None:
        raise GridsError(f"the folder for the results, '{out}', holds the image '{inside}': choose another")
    with RunFolder(out).working():
        if (out / account).exists():
            raise GridsError(
                f"'{out}' holds the results of an earlier call ({account}): choose another folder or remove it"
            )
        yield out


def result_file(out: str | Path | None, source: Path, what: str) -> Path:
    """The file for what is made of one image.

    Args:
        out: the file itself ("-" for standard output), or a folder that is there; None for the working folder.
        source: the image; "-" is standard input.
        what: was done to it, for a name in the folder.

    Example:
        >>> print(result_file(None, Path("photos/cat.jpg"), "restored"))
        cat_restored.png
    """
    if out is not None and (Path(out) == STDIO or not Path(out).is_dir()):
        return Path(out)
    return Path(out or "") / f"{'stdin' if source == STDIO else source.stem}_{what}.png"


def target_names(sources: Sequence[Path]) -> dict[Path, str]:
    """Choose a .png name for every source: its path below the folder that all share.

    Where two would be equal (a.jpg and a.png), a .png or else the first keeps the name; the other one gets its suffix
    into it, a_jpg.png, and a number where that is taken, too.

    Args:
        sources: the files; "-" becomes stdin.png.

    Returns:
        The names, with / between folders, in the order of the sources. No two are equal, nor differ by case alone.

    Raises:
        GridsError: the files share no folder (other drives).

    Example:
        >>> list(target_names([Path("p/a.jpg"), Path("p/a.png"), Path("p/x/b.tif")]).values())
        ['a_jpg.png', 'a.png', 'x/b.png']
    """
    try:
        base = os.path.commonpath([absolute(path).parent for path in sources])
    except ValueError as error:
        raise GridsError(f"the images share no folder ({error})") from error
    names = dict.fromkeys(sources, "")  # in their order
    taken = set[str]()
    for path in sorted(sources, key=lambda path: path.suffix.lower() != ".png"):
        below = Path("stdin") if path == STDIO else absolute(path).relative_to(base)
        longer = below.name.replace(".", "_")
        numbered = (f"{longer}_{number}.png" for number in itertools.count(2))
        tried = itertools.chain((below.with_suffix(".png").name, f"{longer}.png"), numbered)
        names[path] = next(
            name for name in (below.with_name(name).as_posix() for name in tried) if name.casefold() not in taken
        )
        taken.add(names[path].casefold())
    return names


def absolute(path: Path) -> Path:
    """The path from the root, links kept."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def append_row(file: Path, row: dict[str, Any]) -> None:
    """Add a row to a CSV file, with the file closed afterwards, so that an interrupted call keeps what it wrote.

    Args:
        file: made where it is missing; the first row gets a header, its keys, above it.
        row: cells by column; a text that a spreadsheet would compute gets ' before it.

    Raises:
        GridsError: the file cannot be written.
    """
    try:
        with file.open("a", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            # a return ends a line, but is quoted only where all is
            returns = any("\r" in str(cell) for cell in row.values())
            writer = csv.DictWriter(
                stream, list(row), lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
            )
            if not stream.tell():
                writer.writeheader()
            writer.writerow({name: to_cell(cell) if isinstance(cell, str) else cell for name, cell in row.items()})
    except OSError as error:
        raise GridsError(f"cannot write '{file}': {error.strerror or error}") from error


def read_rows(file: Path, kind: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a CSV file, as `append_row` or a spreadsheet writes it.

    Args:
        file: the file.
        kind: the name that such files have, for errors.
        columns: those that it must have.

    Yields:
        The number of the row's last line, and its cells by column as they are written: None where they are missing;
        under None a list of those that are too many.

    Raises:
        GridsError: the file cannot be read, or lacks a column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:  # names of files may hold returns
            reader = csv.DictReader(stream)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                needed = ", ".join(columns)
                raise GridsError(f"'{file}' is no {kind}: it has no column '{missing[0]}' (needed: {needed})")
            for row in reader:
                yield reader.line_num, row
    except csv.Error as error:
        raise GridsError(f"'{file}', line {reader.line_num + 1}: {error}") from error
    except UnicodeDecodeError as error:
        raise GridsError(f"'{file}' is no {kind}: it is not a text in UTF-8") from error
    except OSError as error:
        raise GridsError(f"cannot read '{file}': {error.strerror or error}") from error
