from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_selector import FakeSelector
from PIL import Image

from grids.errors import GridsError, ImageError, UnknownNameError
from grids.images import ReadOptions, Skipped
from grids.pipeline.select import select_images, write_map
from grids.results import Selection


def paint(path: Path, value: int, size: tuple[int, int] = (40, 30)) -> Path:
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def test_every_image_of_a_folder_and_files_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    dark, bright = paint(folder / "a.png", 10), paint(folder / "b.bmp", 200)
    seen: list[Selection] = []
    found = select_images([bright, folder], selector=FakeSelector(), on_done=seen.append)
    assert [(s.image, s.group) for s in found] == [(str(bright), "C2"), (str(dark), "C1")]
    assert seen == found


def test_the_method_goes_to_the_selector(tmp_path: Path) -> None:
    selector = FakeSelector()
    select_images(paint(tmp_path / "a.png", 1), selector=selector, method="paper")
    assert selector.methods == ["paper"]
    with pytest.raises(
        UnknownNameError, match=r"unknown method 'papers'; did you mean 'paper'\? \(known: ours, paper\)"
    ):
        select_images(tmp_path / "nowhere", selector=selector, method="papers")


def test_images_that_cannot_be_used_are_passed_over(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1), paint(tmp_path / "narrow.png", 1, (4, 4))
    (tmp_path / "text.png").write_text("no image")
    skipped: list[Skipped] = []
    assert len(select_images(tmp_path, selector=FakeSelector(), reading=ReadOptions(on_skip=skipped.append))) == 1
    assert [(bad.path.name, bad.reason) for bad in skipped] == [
        ("narrow.png", "it is too narrow"),
        ("text.png", "it is not an image of a supported kind, or its header is damaged"),
    ]


def test_what_is_wrong_with_the_only_image_or_with_all_is_raised(tmp_path: Path) -> None:
    narrow = paint(tmp_path / "a.png", 1, (4, 4))
    with pytest.raises(ImageError, match="it is too narrow"):
        select_images(narrow, selector=FakeSelector())
    paint(tmp_path / "b.png", 1, (4, 4))
    with pytest.raises(ImageError, match=r"none of 2 images can be used \(the first, .*a.png': it is too narrow\)"):
        select_images(tmp_path, selector=FakeSelector())


def test_a_map(tmp_path: Path) -> None:
    photo = paint(tmp_path / "a.png", 99, (600, 500))
    written = write_map(photo, tmp_path / "new" / "map.png", selector=FakeSelector())
    with Image.open(written) as page:
        assert page.format == "PNG" and page.size[0] >= 600 and page.size[1] > 500
        assert tuple(np.asarray(page)[5, 37]) == (99, 99, 99)  # the second cell is clean


@pytest.mark.parametrize("name", ["map.jpg", "map", "a.png", "taken/map.png"])
def test_maps_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    photo = paint(tmp_path / "a.png", 99)
    (tmp_path / "taken").write_text("")
    before = photo.read_bytes()
    with pytest.raises(GridsError, match=Path(name).name if "taken" not in name else "is a file, not a folder"):
        write_map(photo, tmp_path / name, selector=FakeSelector())
    assert photo.read_bytes() == before
