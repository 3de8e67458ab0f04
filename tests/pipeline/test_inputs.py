"""Which photographs are learnt from and measured on, and which tasks there are."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from PIL import Image

from grids.degradations import ELEVEN
from grids.errors import ImageError
from grids.pipeline.inputs import TaskSources, make_tasks, split_photographs


def test_the_eleven_are_tasks_unless_others_are_named() -> None:
    assert tuple(task.name for task in make_tasks(TaskSources())) == ELEVEN
    assert [task.name for task in make_tasks(TaskSources(("haze", "jpeg")))] == ["haze", "jpeg"]


def is_held(path: Path) -> bool:
    return not int.from_bytes(hashlib.sha256(path.name.encode()).digest()) % 5


def test_the_split_stays_when_the_folder_moves_and_files_come(photos: Path, tmp_path: Path) -> None:
    learnt, measured = split_photographs(photos, None, 16)
    moved = shutil.copytree(photos, tmp_path / "moved")
    _, again = split_photographs(moved, None, 16)
    assert [path.name for path in measured.paths] == [path.name for path in again.paths]
    assert measured.digest == again.digest
    for i in range(12):
        with Image.open(photos / "p0.png") as image:
            image.rotate(i + 1).save(moved / f"new{i}.png")
    more, held = split_photographs(moved, None, 16)
    assert len(more) + len(held) == 17 and len(held) < len(more)
    fixed = {path.name for path in measured.paths if is_held(path)}
    assert fixed <= {path.name for path in held.paths}
    assert not any(is_held(path) for path in (*learnt.paths, *more.paths))


def test_a_copy_of_a_picture_is_not_measured_on(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Image.open(photos / "p0.png") as image:
        image.save(other / "copy.bmp")
    with pytest.raises(ImageError, match=r"copy.bmp.*same picture"):
        split_photographs(photos, other, 16)
