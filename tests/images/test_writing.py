"""Writing photographs: the same bytes every time, whole files or none, and what no format holds."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
from images.sample_files import ICC, exif_bytes, noise

from grids.errors import ImageError, RunError
from grids.images import (
    Metadata,
    Photo,
    encode,
    write_photo,
)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bytes_are_deterministic(suffix: str, dtype: type) -> None:
    photo = Photo(noise(dtype=dtype), metadata=Metadata(exif=exif_bytes(), icc=ICC))
    assert encode(photo, suffix) == encode(photo, suffix)


@pytest.mark.parametrize("suffix", ["", ".gif", ".txt", "png"])
def test_unknown_suffix(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ImageError, match=r"\.png, \.jpg, \.jpeg, \.bmp, \.tif, \.tiff, \.webp"):
        encode(Photo(noise()), suffix)


def test_unknown_suffix_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        write_photo(tmp_path / "folder" / "a.xyz", Photo(noise()))
    assert list(tmp_path.iterdir()) == []


def test_too_large_for_the_format() -> None:
    with pytest.raises(ImageError, match=r"16384 x 1 pixels as \.webp"):
        encode(Photo(np.zeros((1, 16384, 3), np.uint8)), ".webp")
    with pytest.raises(ImageError, match=r"65536 x 1 pixels as \.jpg"):
        encode(Photo(np.zeros((1, 65536, 3), np.uint8)), ".jpg")


def test_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_photo(tmp_path / "a.png", Photo(noise()))
    old = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left"):
        write_photo(path, Photo(noise(seed=1)))
    assert path.read_bytes() == old
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]


def test_written_files_are_readable_by_others(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "new" / "a.png", Photo(noise()))
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR
