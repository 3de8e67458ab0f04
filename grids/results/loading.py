"""Reading a record from its JSON file, with errors that name the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from grids.errors import GridsError, RunError
from grids.io import read_text

Record = TypeVar("Record")


def load_record(path: Path, name: str, what: str, from_json: Callable[[dict[str, Any]], Record]) -> Record:
    """The record that a JSON file holds, or the file `name` in a run folder; `what` is its name in messages.

    Raises:
        RunError: the file is missing, is not JSON or holds no such record.
    """
    file = path / name if path.is_dir() else path
    try:
        data = json.loads(read_text(file))
        if not isinstance(data, dict):
            raise GridsError(f"it holds no {what}")
        return from_json(data)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RunError(f"cannot read '{file}': it is not JSON ({error})") from error
    except RunError:
        raise
    except GridsError as error:
        raise RunError(f"cannot read '{file}': {error}") from error
