"""`grids select`: what it prints and writes, and one line for what is wrong."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
from command_line import Call
from fake_selector import FakeSelector
from PIL import Image

from grids.errors import RunError


class Loaded(FakeSelector):
    made: ClassVar[list[Loaded]] = []

    @classmethod
    def builtin(cls, device: str = "auto") -> Loaded:
        cls.made.append(cls(None, device))
        return cls.made[-1]

    @classmethod
    def from_run(cls, path: Path, device: str = "auto") -> Loaded:
        if not path.exists():
            raise RunError(f"cannot read '{path}'")
        cls.made.append(cls(path, device))
        return cls.made[-1]


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `grids select` with a fake selector, in a folder with dark.png and photos/a.png, b.png."""
    monkeypatch.setattr("grids.selection.selector.Selector", Loaded)
    monkeypatch.setattr(Loaded, "made", [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name, value in (("dark.png", 5), ("photos/a.png", 5), ("photos/b.png", 250)):
        Image.new("RGB", (40, 30), (value, value, value)).save(tmp_path / name)
    return partial(call, "select")


def test_one_image_prints_text(call: Call) -> None:
    code, out, err = call("dark.png")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "dark.png: known, group C1 (jpeg, ringing)"
    assert out.splitlines()[-1].startswith("Restore it with group C1")


def test_a_folder_prints_a_table_and_writes_csv(call: Call, tmp_path: Path) -> None:
    code, out, err = call("photos", "--csv", "new/needs.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == ["2 images: C1 1, uncertain 1", "every image  new/needs.csv"]
    with (tmp_path / "new" / "needs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["image"], row["group"]) for row in rows] == [("photos/a.png", "C1"), ("photos/b.png", "C2")]


def test_json_is_a_list(call: Call, tmp_path: Path) -> None:
    (one,) = json.loads(call("dark.png", "--json")[1])
    assert (one["image"], one["group"]) == ("dark.png", "C1")
    assert [found["group"] for found in json.loads(call("photos", "--json", "--quiet")[1])] == ["C1", "C2"]
    (tmp_path / "photos" / "b.png").unlink()
    assert len(json.loads(call("photos", "--json")[1])) == 1


def test_run_method_device_and_quiet(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert call("dark.png", "--run", "mine", "--method", "paper", "--device", "cpu", "-q", "-j", 1) == (0, "", "")
    selector = Loaded.made[-1]
    assert (selector.source, selector.device, selector.methods) == (Path("mine"), "cpu", ["paper"])


def test_a_map_of_one_image(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("dark.png", "--map", "map.png")
    assert code == 0 and out.splitlines()[-1] == "map  map.png"
    with Image.open(tmp_path / "map.png") as page:
        assert page.format == "PNG"


def test_images_that_cannot_be_used_are_counted(call: Call, tmp_path: Path) -> None:
    (tmp_path / "photos" / "c.png").write_text("text")
    code, out, err = call("photos")
    assert code == 0 and "2 images: " in out
    assert err.splitlines()[0].startswith("skipped photos/c.png: ") and err.splitlines()[-1] == "1 image skipped"


def test_help_has_examples(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0 and "grids select photo.png --map map.png" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument"),
        (["nowhere.png"], 1, "'nowhere.png'"),
        (["empty"], 1, "found no image in 'empty'"),
        (["text.txt"], 1, "cannot use the image 'text.txt': it is not an image of a supported kind"),
        (["dark.png", "--method", "best"], 1, "unknown method 'best' (known: ours, paper)"),
        (["photos", "--map", "map.png"], 1, "--map takes one image, but 2 are given"),
        (["dark.png", "photos/a.png", "--map", "map.png"], 1, "--map takes one image, but 2 are given"),
        (["dark.png", "--map", "map.jpg"], 1, "a map is a PNG"),
        (["dark.png", "--map", "dark.png"], 1, "is one of the images"),
        (["dark.png", "--csv", "text.txt/needs.csv"], 1, "/text.txt' is a file, not a folder"),
        (["dark.png", "--csv", "photos"], 1, "cannot write 'photos': it is a folder"),
        (["photos", "--csv", "photos/a.png"], 1, "is one of the images"),
        (["dark.png", "--run", "no-run"], 1, "cannot read 'no-run'"),
        (["dark.png", "--jobs", "0"], 1, "must be at least 1"),
        (["dark.png", "--max-pixels", "100"], 1, "more than the 0.0001 allowed"),
        (["dark.png", "builtin"], 1, "cannot be mixed"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    call: Call, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    found, out, err = call(*arguments)
    assert (found, out) == (code, "")
    assert message in err and err.count("\n") == 1 and err.startswith("grids: ")
