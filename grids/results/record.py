"""What all records share: JSON in and out, by the types of their fields, with errors that name the file."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from grids.errors import GridsError, RunError
from grids.io import parse_json, read_text, write_text

Content = TypeVar("Content")

_KINDS: dict[type, tuple[str, tuple[type, ...]]] = {
    dict: ("an object", (Mapping,)),
    list: ("a list", (list, tuple)),
    str: ("a text", (str,)),
    float: ("a number", (int, float)),
    int: ("a whole number", (int,)),
    bool: ("true or false", (bool,)),
}
"""What a type is called in JSON, and the types of Python that stand for it."""


class Record:
    """A result that lies in a run folder as a JSON file.

    Subclasses are frozen dataclasses. What they write, they read again: by the types of their fields, parts that are
    missing by their defaults, parts that no field is named after being left out.

    Attributes:
        file_name: the name of its file in a run folder.
        what: its name in messages, with its article ("a grouping").
        needed: the names of fields with a default that a file must hold nevertheless; a subclass may leave it out.
    """

    file_name: ClassVar[str]
    what: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """The content of its file, as objects that the json module can write.

        Returns:
            One entry for each field, made by `encode`; subclasses may leave out some and add what is read off them.
        """
        return encode(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Make the record from the content of its file: the inverse of `to_json`.

        Args:
            data: the object that JSON holds; parts that are not known are left out.

        Returns:
            The record, its content checked.

        Raises:
            GridsError: a part is missing, of the wrong type, or refused by the record.
        """
        try:
            return cls._decoded(data)
        except KeyError as error:
            raise GridsError(f"{cls.what} without its '{error.args[0]}'") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise GridsError(f"{cls.what} of the wrong form: {error}") from error

    @classmethod
    def _decoded(cls, data: Mapping[str, Any]) -> Self:
        return decode(cls, data)

    def save(self, path: str | Path) -> Path:
        """Write its file, in one step: a reader sees the old content or the new one, never a part.

        Args:
            path: the file, not its folder; `file_name` is what `load` looks for in a folder.

        Returns:
            The path.

        Raises:
            RunError: the file cannot be written.
        """
        return write_text(Path(path), json.dumps(self.to_json(), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read its file, or the one in a run folder.

        Args:
            path: a file, or a folder that holds one of the name `file_name`.

        Returns:
            The record.

        Raises:
            RunError: the file is missing, is not JSON or holds no such record.
        """
        file = Path(path) / cls.file_name if Path(path).is_dir() else Path(path)
        return read_json(file, cls.what.partition(" ")[2], cls.from_json)


def read_json(file: Path, what: str, from_json: Callable[[dict[str, Any]], Content]) -> Content:
    """Read a JSON file whose content is an object, and make something of it.

    Args:
        file: the file, UTF-8.
        what: the name of the content in messages, without an article: "grouping".
        from_json: gets the object; a GridsError that it raises is reported with the name of the file.

    Returns:
        What `from_json` returns.

    Raises:
        RunError: the file is missing or unreadable, is not JSON, holds no object, or `from_json` refuses it.
    """
    text = read_text(file)
    try:
        data = parse_json(text)
        if not isinstance(data, dict):
            raise GridsError(f"it holds no {what}")
        return from_json(data)
    except GridsError as error:
        raise RunError(f"cannot read '{file}': {error}") from error


def encode(value: Any) -> Any:
    """Turn a value into what JSON can hold; `decode` is the inverse.

    Args:
        value: of any type. Dataclasses become dicts of their fields, named tuples lists, mappings dicts; lists and
            tuples keep their type, and their parts are encoded likewise; paths become texts.

    Returns:
        A new value; what is of another type, such as a text or a number, is returned as it is, and not checked.

    >>> from grids.results import Point
    >>> encode({"curve": (Point(10, 0.5, {"jpeg": 30.1}),)})
    {'curve': ([10, 0.5, {'jpeg': 30.1}],)}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return (list if hasattr(value, "_fields") else type(value))(encode(part) for part in value)
    return str(value) if isinstance(value, Path) else value


def decode(kind: Any, value: Any, name: str = "") -> Any:
    """The value of a type that JSON holds, the inverse of `encode`.

    Parts that have a default may be missing, but for those that the class lists as `needed`.

    Args:
        kind: a record, a named tuple, a path, a type of text or numbers, or one of lists or mappings of these.
        value: what JSON holds for it.
        name: of the entry, for messages.

    Raises:
        KeyError: a part is missing.
        TypeError, OverflowError: an entry is of another type; the message names it.
        GridsError: a record refuses its content.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, name)
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        if len(_expect(list, value, name)) != len(hints):
            raise TypeError(f"'{name}' has {len(value)} parts, not {len(hints)}")
        return kind(*(decode(hints[key], part, f"{name}.{key}") for key, part in zip(hints, value, strict=True)))
    if origin in (Union, types.UnionType):  # of None and one more
        return None if value is None else decode(inner[0], value, name)
    if origin is tuple:
        parts = enumerate(_expect(list, value, name))
        return tuple(decode(inner[0], part, f"{name}.{i}") for i, part in parts)
    if kind is Path:
        return Path(_expect(str, value, name))
    if origin is Literal:  # whose words the record checks
        return _expect(str, value, name)
    if origin is not None:
        return {key: decode(inner[1], part, f"{name}.{key}") for key, part in _expect(dict, value, name).items()}
    return _finite(value, name) if kind is Any else _expect(kind, value, name)


def _decode_dataclass(kind: Any, value: Any, name: str) -> Any:
    hints, needed, found = get_type_hints(kind), getattr(kind, "needed", ()), {}
    given = _expect(dict, value, name or "record")
    for field in fields(kind):
        inside = f"{name}.{field.name}" if name else field.name
        if field.name in given:
            found[field.name] = decode(hints[field.name], given[field.name], inside)
        elif (field.default is MISSING and field.default_factory is MISSING) or field.name in needed:
            raise KeyError(inside)
    return kind(**found)


def _finite(value: Any, name: str) -> Any:
    """The value, if JSON has words for all of its numbers: Python reads and writes NaN and Infinity, others do not."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise TypeError(f"'{name}' holds a number that is not finite") from error
    return value


def _expect(kind: Any, value: Any, name: str) -> Any:
    """The value, if it is of that type in JSON; whole numbers are numbers too, but true and false are not."""
    words, allowed = _KINDS[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"'{name}' must be {words}, not {json.dumps(value, default=repr)[:40]}")
    if kind is float:
        try:
            return float(value)  # type: ignore[arg-type]
        except OverflowError as error:
            raise OverflowError(f"'{name}' is too large a number") from error
    return value
