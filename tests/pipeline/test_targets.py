"""Where results go: no input is replaced, no two results are one file, and one process at a time has a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from contracts import raises_line

from grids.errors import GridsError, RunError
from grids.pipeline.targets import check_apart, check_targets, results_folder, target_names


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.png"
    path.touch()
    return path


def test_an_input_is_known_by_any_name(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.png").symlink_to(image)
    os.link(image, tmp_path / "hard.png")
    (tmp_path / "folder").symlink_to(image.parent)
    monkeypatch.chdir(tmp_path)
    names = (image, "in/a.png", "in/../in/a.png", "link.png", "hard.png", "folder/a.png")
    for target in names:
        for source in names:
            raises_line(lambda t=target, s=source: check_targets([t], [None, s]), f"'{target}' is one of the images")
    check_targets(["in/b.png", None, "new/b.png"], names)
    assert not (tmp_path / "new").exists()


def test_two_results_are_two_files(image: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").symlink_to(image.parent)
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "new.csv")
    for first, second in ((tmp_path / "m.png", tmp_path / "in" / ".." / "m.png"), (image, tmp_path / "folder/a.png")):
        raises_line(lambda a=first, b=second: check_targets([a, None, b]), f"'{first}' and '{second}' are one file")
    raises_line(lambda: check_targets([tmp_path / "dangling.csv", tmp_path / "new.csv"]), "are one file")


def test_links_in_circles_among_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    check_targets([tmp_path / "c.csv"], [tmp_path / "a.png", tmp_path / "b.png"])
    check_apart([tmp_path / "a.png"], tmp_path / "b.png")


def test_results_lie_apart_from_images(image: Path, tmp_path: Path) -> None:
    raises_line(lambda: check_apart([tmp_path], tmp_path / "out"), "lies among the images", kind=GridsError)
    check_apart(None, tmp_path)
    (tmp_path / "out").symlink_to(image.parent)
    with pytest.raises(GridsError, match="holds the image"), results_folder(tmp_path / "out", [image], "params.csv"):
        pass


def test_a_folder_of_results_has_one_process(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with results_folder(out, [image], "params.csv"):
        another = results_folder(out, [image], "params.csv")
        with pytest.raises(RunError, match=f"'{out}' is in use by process {os.getpid()} on"), another:
            pass
        (out / "params.csv").touch()
    assert [file.name for file in out.iterdir()] == ["params.csv"]
    with pytest.raises(GridsError, match="earlier call"), results_folder(out, [image], "params.csv"):
        pass


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["a.jpg", "a.png"], ["a_jpg.png", "a.png"]),
        (["a.png", "a.jpg", "a.tif"], ["a.png", "a_jpg.png", "a_tif.png"]),
        (["a.jpg", "a.tif"], ["a.png", "a_tif.png"]),
        (["a.jpg", "a.png", "a_jpg.png"], ["a_jpg_2.png", "a.png", "a_jpg.png"]),
        (["a", "a.png", "A.PNG"], ["a_2.png", "a.png", "A_PNG.png"]),
        (["v1.0/a.jpg", "v1.0/a.png", "b.png"], ["v1.0/a_jpg.png", "v1.0/a.png", "b.png"]),
    ],
)
def test_results_in_a_folder_have_names_of_their_own(tmp_path: Path, sources: list[str], names: list[str]) -> None:
    found = target_names([tmp_path / source for source in sources])
    assert list(found.items()) == [(tmp_path / source, name) for source, name in zip(sources, names, strict=True)]


def test_standard_input_has_a_name_beside_a_file_of_that_name() -> None:
    assert list(target_names([Path("-"), Path("stdin.png")]).values()) == ["stdin_2.png", "stdin.png"]
