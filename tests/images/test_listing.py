"""Lists of images: what is in a folder, in which order, and links that lead nowhere or go in a circle."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from contracts import raises_line
from images.sample_files import SAMPLES, refusal, stored
from PIL import Image

from grids.errors import ImageError
from grids.images import (
    IMAGE_SUFFIXES,
    ReadOptions,
    Skipped,
    builtin_photos,
    decoding,
    list_images,
    read_photo,
    read_photos,
)
from grids.pipeline.inputs import photo_paths, split_photographs
from grids.pipeline.select import select_images
from grids.results import Selection
from grids.training.tasks import matched

BROKEN = ("gone", "gone.png", "ring.png", "ring2.png")


@pytest.fixture
def broken(photos: Path) -> Path:
    """The folder of five photographs, with links that lead nowhere and two in a circle."""
    (photos / "gone").symlink_to("/nowhere/photos")
    (photos / "gone.png").symlink_to("/nowhere/photo.png")
    (photos / "ring.png").symlink_to("ring2.png")
    (photos / "ring2.png").symlink_to("ring.png")
    (photos / "notes.txt").symlink_to("/nowhere/notes.txt")  # never an image
    (photos / "round").symlink_to(photos)  # a folder, and seen once
    return photos


def test_they_are_passed_over_and_named(broken: Path) -> None:
    bad: list[Skipped] = []
    found = list(read_photos(list_images([broken]), ReadOptions(on_skip=bad.append)))
    assert [photo.path.name for photo in found if photo.path] == [f"p{i}.png" for i in range(5)]
    circle = "it is a link, and these links go in a circle"
    assert {skipped.path.name: skipped.reason for skipped in bad} == {
        "gone": "it is a link to '/nowhere/photos', which is not there",
        "gone.png": "it is a link to '/nowhere/photo.png', which is not there",
        "ring.png": circle,
        "ring2.png": circle,
    }
    raises_line(lambda: read_photo(broken / "ring.png"), f"'{broken / 'ring.png'}'", circle, kind=ImageError)
    raises_line(lambda: list_images([broken / "none.png"]), "no such file", kind=ImageError)


class Sees:
    """A selector that finds every image clean."""

    def select(self, image: object, method: str = "ours") -> Selection:
        return Selection(image=str(image), verdict="clean", ranking=())


@pytest.mark.parametrize("expanded", [False, True])
def test_a_selection_goes_on(broken: Path, expanded: bool) -> None:
    bad: list[Skipped] = []
    images = photo_paths(broken) if expanded else broken
    found = select_images(images, selector=Sees(), reading=ReadOptions(on_skip=bad.append))  # type: ignore[arg-type]
    assert len(found) == 5 and [skipped.path.name for skipped in bad] == list(BROKEN)


def test_photographs_to_learn_from_and_to_measure_on(broken: Path, tmp_path: Path) -> None:
    bad: list[Skipped] = []
    learnt, measured = split_photographs(broken, None, 16, ReadOptions(on_skip=bad.append))
    assert len(learnt) + len(measured) == 5
    assert sorted(skipped.path.name for skipped in bad) == list(BROKEN)
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ring.png").symlink_to("ring.png")
    (tmp_path / "val" / "v.png").write_bytes((broken / "p4.png").read_bytes())
    (broken / "p4.png").unlink()
    learnt, measured = split_photographs(broken, tmp_path / "val", 16)
    assert (len(learnt), len(measured)) == (4, 1)


def test_pairs_of_such_links_are_left_out(broken: Path, tmp_path: Path) -> None:
    bad: list[Skipped] = []
    (broken / "gone").unlink()  # its name without a suffix is that of another
    (tmp_path / "targets").mkdir()
    for name in ("p0.png", "p1.png", "p2.png", "p3.png", "gone.png"):
        (tmp_path / "targets" / name).write_bytes((broken / "p0.png").read_bytes())
    (tmp_path / "targets" / "p4.png").symlink_to("p4.png")
    pairs = matched("fog", broken, tmp_path / "targets", ReadOptions(on_skip=bad.append))
    assert [first.name for first, _ in pairs] == ["p0.png", "p1.png", "p2.png", "p3.png"]
    assert [skipped.path.name for skipped in bad] == [*BROKEN[1:], "p4.png"]


def test_folder(tmp_path: Path) -> None:
    names = [
        "b.JPG",
        "a.png",
        "sub/z.tif",
        "sub/deep/y.webp",
        "note.txt",
        ".hidden.png",
        ".git/x.png",
        "sub/.h/y.png",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in list_images([tmp_path])]
    assert found == ["a.png", "b.JPG", "sub/deep/y.webp", "sub/z.tif"]


def test_named_files_are_kept_and_duplicates_dropped(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "odd.dat", ".hidden.png"):
        (tmp_path / name).touch()
    twice = tmp_path / "." / ".." / tmp_path.name / "a.png"
    given = [tmp_path / "odd.dat", tmp_path / "b.png", twice, tmp_path, tmp_path / ".hidden.png"]
    assert [path.name for path in list_images(given)] == ["odd.dat", "b.png", "a.png", ".hidden.png"]


def test_a_file_comes_before_links_to_it(tmp_path: Path) -> None:
    for name in ("b.png", "d.png"):
        stored(tmp_path, SAMPLES["png"], name)
    for link, target in (("a.png", "b.png"), ("c.png", "b.png"), ("e.png", "d.png")):
        (tmp_path / link).symlink_to(tmp_path / target)
    assert list_images([tmp_path]) == [tmp_path / "b.png", tmp_path / "d.png"]
    assert list_images([tmp_path / "a.png", tmp_path]) == [tmp_path / "a.png", tmp_path / "d.png"]


def test_hidden_folder_given_by_name_and_circular_links(tmp_path: Path) -> None:
    folder = tmp_path / ".cache"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.png").touch()
    (folder / "sub" / "loop").symlink_to(folder, target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.png").touch()
    (folder / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "turn.png").symlink_to(folder / "turn.png")
    assert [path.name for path in list_images([folder])] == ["b.png", "a.png", "turn.png"]
    refusal(folder / "turn.png")


def test_nothing_found(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(ImageError) as caught:
        list_images([tmp_path])
    assert str(tmp_path) in str(caught.value)
    assert all(suffix in str(caught.value) for suffix in IMAGE_SUFFIXES)
    for name, reason in (("nowhere", "no such file"), ("n" * 300, "too long"), ("nul\0", "null")):
        with pytest.raises(ImageError, match=reason):
            list_images([tmp_path / name])
    with pytest.raises(ImageError, match="no input"):
        list_images([])


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: object) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ImageError, match=r"cannot list the folder.*Permission denied"):
        list_images([tmp_path])


def test_suffixes_are_ones_that_pillow_opens() -> None:
    Image.init()
    assert {Image.registered_extensions()[suffix] for suffix in IMAGE_SUFFIXES} <= set(decoding._formats())


def test_they_are_photographs_on_disk() -> None:
    paths = builtin_photos()
    assert len(paths) >= 10
    assert len({path.name for path in paths}) == len(paths)
    assert {"astronaut.png", "grace_hopper.jpg"} <= {path.name for path in paths}
    for photo in read_photos(paths, min_side=256):
        assert photo.pixels.std() > 20
        assert photo.alpha is None


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match="scikit-image"):
        builtin_photos()
