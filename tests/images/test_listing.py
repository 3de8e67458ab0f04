"""Links in folders that lead nowhere or go in a circle: passed over, named and counted by whatever reads folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from contracts import raises_line

from grids.errors import ImageError
from grids.images import ReadOptions, Skipped, list_images, read_photo, read_photos
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
