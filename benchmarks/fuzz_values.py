"""Damage to what files say: JSON, weights as safetensors and as pickles, trial logs, and CSV tables."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import math
import pickle
import pickletools
import sqlite3
import struct
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from fuzz_bytes import damage_bytes

MARKER = "marker"
"""The file that a pickle would make if it were run."""
LONG, DEEP = "<LONG>", "<DEEP>"
"""Stand for what json.dumps would not write: a number of 5,000 digits, and 100,000 brackets."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, math.nan, math.inf, -math.inf),
    *("", "x", "jpeg", "*", "..", "/", "a\nb", "\x1b[31m", "\0", "\udcff", "\ud800", "é" * 300, LONG, DEEP),
    *([], {}, [[]], [None], ["jpeg", "jpeg"], {"": None}, {"jpeg": "x"}, [0.0] * 3, [[1, 2], [3]]),
)
HUGE_WORDS = (b'"<LONG>"', b"1" * 5000), (b'"<DEEP>"', b"[" * 100_000)


def damage_tree(tree: Any, rng: Random) -> Any:
    """The same with a value, a key or an item changed, missing, twice or elsewhere."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = _places(tree)
        if not places:
            return copy.deepcopy(rng.choice(VALUES))
        holder, key = rng.choice(places)
        what = rng.random()
        if what < 0.5:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
        elif what < 0.65:
            holder[key] = _near(holder[key], rng)
        elif what < 0.8:
            del holder[key]
        elif what < 0.9:
            other, there = rng.choice(places)
            holder[key] = copy.deepcopy(other[there]) if _has(other, there) else None
        elif isinstance(holder, dict):
            holder[rng.choice(("x", "", "jpeg", "\udcff"))] = holder.pop(key)
        else:
            holder.insert(key, copy.deepcopy(holder[key]))
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key or index) of a tree."""
    found, open_ = [], [tree]
    while open_:
        holder = open_.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        found += [(holder, key) for key in keys]
        open_ += [holder[key] for key in keys]
    return found


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _near(value: Any, rng: Random) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return rng.choice((-value, value + 1, value * 2, value / 2, str(value), value * 1e300))
    if isinstance(value, str):
        return rng.choice((value.upper(), value + "x", value[:-1], value * 50, [value]))
    return value * 2 if isinstance(value, list) else list(value)


def to_json(tree: Any) -> bytes:
    """As text, with what stands for huge numbers and brackets put in."""
    text = json.dumps(tree).encode()
    for word, huge in HUGE_WORDS:
        text = text.replace(word, huge)
    return text


def damage_json(data: bytes, rng: Random) -> bytes:
    """Values in most, bytes in the others."""
    if rng.random() < 0.2:
        return damage_bytes(data, rng)
    return rng.choice((b"", b"", b"", b"\xef\xbb\xbf")) + to_json(damage_tree(json.loads(data), rng))


def damage_safetensors(data: bytes, rng: Random) -> bytes:
    """The header, the record in it, or numbers; the header's length is right in most."""
    length = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8 : 8 + length]), data[8 + length :]
    what = rng.random()
    if what < 0.2:
        return damage_bytes(data, rng)
    if what < 0.5 and "__metadata__" in header:
        key = next(iter(header["__metadata__"]))
        record = to_json(damage_tree(json.loads(header["__metadata__"][key]), rng))
        header["__metadata__"][key] = record.decode("utf-8", "replace")
    elif what < 0.75:
        header = damage_tree(header, rng)
    else:
        numbers = _odd_numbers(numbers, rng)
    packed = to_json(header)
    told = len(packed) if rng.random() < 0.97 else rng.choice((0, 1, 2**32, 2**63, len(packed) + 8))
    return struct.pack("<Q", told % 2**64) + packed + numbers


def _odd_numbers(numbers: bytes, rng: Random) -> bytes:
    """Some floats become NaN, infinite, huge or tiny."""
    odd = [struct.pack("<f", value) for value in (math.nan, math.inf, -math.inf, 3e38, 1e-45, 1e6)] + [b"\0\x7c\0\x7c"]
    found = bytearray(numbers)
    for _ in range(rng.choice((1, 3, 100))):
        at = rng.randrange(max(1, len(found) - 4)) // 4 * 4
        found[at : at + 4] = rng.choice(odd)
    return bytes(found[: len(numbers)])


class Payload:
    """Pickled, it makes the marker when it is read; see `pickle.loads`."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


def _payloads() -> list[Payload]:
    import os
    import subprocess

    lines = f"open({MARKER!r}, 'w')"
    return [
        Payload(open, MARKER, "w"),
        Payload(os.system, f"touch {MARKER}"),
        Payload(os.mkdir, MARKER),
        Payload(subprocess.call, ["touch", MARKER]),
        Payload(exec, lines),
        Payload(eval, lines),
        Payload(Path.touch, Path(MARKER)),
        Payload(getattr, Payload(open, MARKER, "w"), "close"),
    ]


def damage_pth(data: bytes, rng: Random) -> bytes:
    """The pickle of a checkpoint: operations, classes, or a payload; the archive around it is sound in most."""
    if not zipfile.is_zipfile(io.BytesIO(data)) or rng.random() < 0.15:
        return _legacy(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in files if name.endswith("data.pkl"))
    what = rng.random()
    if what < 0.35:
        files[name] = _with_payload(files[name], rng)
    elif what < 0.7:
        files[name] = _other_operation(files[name], rng)
    elif what < 0.85:
        other = rng.choice(list(files))
        files[other] = damage_bytes(files[other], rng)
    else:
        del files[rng.choice(list(files))]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for one, content in files.items():
            archive.writestr(one, content)
    return stream.getvalue()


def damage_checkpoint(data: bytes, rng: Random) -> bytes:
    """A training's state: what is below its checksum, which is made right again in most."""
    head, digest, content = data.split(b"\n", 2)
    content = damage_pth(content, rng)
    right = hashlib.sha256(content).hexdigest().encode()
    return b"\n".join((head, right if rng.random() < 0.9 else digest, content))


def _legacy(data: bytes, rng: Random) -> bytes:
    """Plain bytes, or a pickle alone, with a payload or with what is no state at all."""
    if rng.random() < 0.4:
        return damage_bytes(data, rng)
    state = rng.choice((rng.choice(VALUES), {"params": rng.choice(VALUES)}, rng.choice(_payloads()), [1] * 1000))
    return pickle.dumps(state, protocol=rng.choice((0, 2, 4, 5)))


def _with_payload(pickled: bytes, rng: Random) -> bytes:
    """A call in front of what is there, which is thrown away again, or in its place."""
    call = pickle.dumps(rng.choice(_payloads()), protocol=2)
    return rng.choice((call, call[:-1] + b"0" + pickled[2:]))


def _other_operation(pickled: bytes, rng: Random) -> bytes:
    """One operation is missing, twice, or its argument is damaged."""
    places = [place for _, _, place in pickletools.genops(pickled) if place is not None]
    index = rng.randrange(1, len(places) - 1)
    before, piece, rest = (
        pickled[: places[index]],
        pickled[places[index] : places[index + 1]],
        pickled[places[index + 1] :],
    )
    damaged = piece[:1] + damage_bytes(piece[1:], rng) if len(piece) > 1 else rng.randbytes(1)
    return before + rng.choice((b"", piece * 2, damaged, damaged, damaged)) + rest


def damage_sqlite(data: bytes, rng: Random) -> bytes:
    """Rows and tables by SQL, in others pages and the header."""
    if rng.random() < 0.4:
        return damage_bytes(data, rng)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log"
        file.write_bytes(data)
        with closing(sqlite3.connect(file)) as connection, connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            table = rng.choice([name for name in tables if not name.startswith("sqlite_")])
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column = rng.choice(columns)
            value = rng.choice((None, 0, -1, 2**62, 1e308, "", "x", "[]", "{}", "[" * 9000, b"\xff\0", "9" * 5000))
            some = f"rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {rng.randrange(4)})"
            statement, values = rng.choice(
                (
                    (f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {some}", (value,)),
                    (f"UPDATE OR IGNORE {table} SET {column} = ?", (value,)),
                    (f"DELETE FROM {table} WHERE {some}", ()),
                    (f"DROP TABLE {table}", ()),
                    (f"ALTER TABLE {table} RENAME COLUMN {column} TO other", ()),
                    (f"ALTER TABLE {table} RENAME TO other", ()),
                    (f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END", ()),
                )
            )
            with contextlib.suppress(sqlite3.Error):  # of a type that the column does not take
                connection.execute(statement, values)
        return file.read_bytes()


CELLS = (
    "",
    "nan",
    "inf",
    "-1",
    "0",
    "1e999",
    "9" * 5000,
    "x",
    "*",
    "jpeg",
    "1_0",
    "=1+1",
    '"',
    "\0",
    "é",
    "\udcff",
    "a,b",
    "\x1b[0m",
    "٣",
)


def damage_csv(data: bytes, rng: Random) -> bytes:
    """Cells, columns and lines in most, bytes in the others."""
    if rng.random() < 0.2:
        return damage_bytes(data, rng)
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(rows))
        row, what = rows[at], rng.random()
        if what < 0.6:
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        elif what < 0.7 and len(row) > 1:
            del row[rng.randrange(len(row))]
        elif what < 0.8:
            row.append(rng.choice(CELLS))
        elif what < 0.9:
            rows.insert(at, list(rng.choice(rows)))
        elif len(rows) > 1:
            del rows[at]
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    text = rng.choice(("", "", "", "\ufeff")) + end.join(map(",".join, rows)) + end
    return text.encode("utf-8", "surrogateescape" if rng.random() < 0.9 else "replace")
