"""`grids faces`: squares and their account, what is skipped, boxes set by hand, and one line for what is wrong."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from command_line import Call
from PIL import Image

from grids.images import read_photo
from grids.images.faces import Box, crop_face

COLUMNS = "file,left,top,width,height\n"


@pytest.fixture
def call(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`grids faces` where in/ holds a face, a flat image, a damaged file, and in/sub/ another face."""
    monkeypatch.chdir(tmp_path)
    face = skimage.data.astronaut()[:256, 90:346]
    (tmp_path / "in" / "sub").mkdir(parents=True)
    Image.fromarray(face).save(tmp_path / "in" / "a.png")
    Image.fromarray(face[:, ::-1]).save(tmp_path / "in" / "sub" / "b.jpg", quality=95)
    Image.new("RGB", (200, 150), (120, 130, 140)).save(tmp_path / "in" / "flat.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    return partial(call, "faces")


def rows(folder: str) -> list[dict[str, str]]:
    with Path(folder, "faces.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def files(folder: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def box_of(row: dict[str, str]) -> Box:
    return Box(*(int(row[name]) for name in Box._fields))


def test_the_largest_face_of_every_photograph(call: Call) -> None:
    code, out, err = call("in", "-o", "out")
    assert code == 0
    assert out == "2 faces of 2 photographs in out, places in out/faces.csv; 1 had none\n"
    skipped = "skipped in/bad.png: it is not an image of a supported kind, or its header is damaged"
    assert err.splitlines() == [skipped, "skipped in/flat.png: no face was found", "2 images skipped"]
    assert files("out") == {"a.png", "sub/b.png", "faces.csv"}
    for row in rows("out"):
        expected = crop_face(read_photo(row["file"]).pixels, box_of(row))
        assert expected.shape == (128, 128, 3)
        np.testing.assert_array_equal(read_photo(Path("out", row["crop"])).pixels, expected)


def test_squares_have_the_side_that_was_asked_for_and_quiet_is_quiet(call: Call) -> None:
    assert call("in/a.png", "-o", "out", "--side", 64, "--quiet") == (0, "", "")
    assert read_photo("out/a.png").pixels.shape == (64, 64, 3)


def test_all_faces_of_a_photograph(call: Call) -> None:
    face = skimage.data.astronaut()[:256, 90:346]
    Image.fromarray(np.hstack([face, face])).save("in/two.png")
    Image.fromarray(face).save("in/two_2.png")  # the name that the second face of two.png would have
    assert call("in/two.png", "in/two_2.png", "-o", "one")[1].startswith("2 faces of 2 photographs")
    assert call("in/two.png", "in/two_2.png", "-o", "out", "--all")[1].startswith("3 faces of 2 photographs")
    assert files("out") == {"two.png", "two_3.png", "two_2.png", "faces.csv"}


def test_boxes_set_by_hand(call: Call) -> None:
    Path("boxes.csv").write_text(
        "\ufefffile,left,top,width,height,note\nflat.png,20,10,80,80,x\nsub/b.jpg,1,2,80,90,\n"
    )
    code, out, err = call("in/a.png", "in/flat.png", "in/sub", "-o", "out", "--boxes", "boxes.csv")
    assert (code, err) == (0, "")
    assert out.startswith("3 faces of 3 photographs in out")
    boxes = {row["crop"]: box_of(row) for row in rows("out")}
    assert boxes["flat.png"] == Box(20, 10, 80, 80)
    assert boxes["sub/b.png"] == Box(1, 2, 80, 90)
    assert call("in/a.png", "in/flat.png", "in/sub", "-o", "again", "--boxes", "out/faces.csv")[0] == 0
    assert {name: Path("again", name).read_bytes() for name in boxes} == {
        name: Path("out", name).read_bytes() for name in boxes
    }


def test_boxes_of_a_name_with_a_return(call: Call) -> None:
    Path("in/a.png").rename("in/c\rx.png")
    assert call("in/c\rx.png", "-o", "out")[0] == 0
    assert call("in/c\rx.png", "-o", "again", "--boxes", "out/faces.csv")[0] == 0
    assert files("again") == files("out")


def test_several_boxes_the_largest_first(call: Call) -> None:
    Path("boxes.csv").write_text(COLUMNS + "a.png,0,0,90,80\na.png,90,90,100,100\n")
    call("in/a.png", "-o", "out", "--boxes", "boxes.csv")
    assert [box_of(row) for row in rows("out")] == [Box(90, 90, 100, 100)]
    call("in/a.png", "-o", "all", "--boxes", "boxes.csv", "--all")
    assert [(row["crop"], row["width"]) for row in rows("all")] == [("a.png", "100"), ("a_2.png", "90")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file,left,top,width\na.png,1,2,3\n", "has no column 'height'"),
        ("", "has no column 'file'"),
        (COLUMNS + "a.png,1,2,80,80\nc.png,1,2,80,80\n", "line 3: none of the photographs are called 'c.png'"),
        (COLUMNS + ",1,2,80,80\n", "line 2: none of the photographs are called ''"),
        (COLUMNS + "a.png,1,x,80,80\n", "line 2: top must be a whole number of pixels, 0 or more, not 'x'"),
        (COLUMNS + "a.png,-1,2,80,80\n", "line 2: left must be a whole number of pixels, 0 or more, not '-1'"),
        (COLUMNS + "a.png,1,2,0,80\n", "line 2: width must be a whole number of pixels, 1 or more, not '0'"),
        (COLUMNS + "a.png,1,2,80\n", "line 2: height must be a whole number of pixels, 1 or more, not ''"),
        (COLUMNS + f"a.png,1,2,{'9' * 5000},80\n", "line 2: width must be"),
        (COLUMNS + f"a.png,1,2,{'9' * 200_000},80\n", "line 2: field larger than field limit"),
        (COLUMNS + "\na.png,200,2,80,80\n", "line 3: the box does not lie in 'in/a.png', which is 256 x 256"),
    ],
)
def test_wrong_rows_are_refused(call: Call, text: str, reason: str) -> None:
    Path("boxes.csv").write_text(text)
    code, out, err = call("in/a.png", "-o", "out", "--boxes", "boxes.csv")
    assert (code, out) == (1, "")
    assert err.startswith("grids: 'boxes.csv'")
    assert err.count("\n") == 1
    assert reason in err
    assert not Path("out/a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["in"], 2, "Missing option '--out'"),
        (["-o", "out"], 2, "Missing argument"),
        (["in/flat.png", "-o", "out"], 1, "no face to cut out of 'in/flat.png': no face was found"),
        (["in/a.png", "-o", "out", "--side", "400"], 1, "pixels wide, less than 400"),
        (["in/a.png", "in/flat.png", "-o", "out", "--side", "400"], 1, "no face to cut out of 2 photographs"),
        (["in/a.png", "-o", "out", "--side", "15"], 1, "16 pixels or more, not 15"),
        (["in", "-o", "in/out"], 1, "lies among the images"),
        (["in/a.png", "-o", "in"], 1, "holds the image 'in/a.png'"),
        (["in/a.png", "-o", "out.png"], 1, "named like an image"),
        (["in/a.png", "-o", "in/bad.png/x"], 1, "cannot write to the folder"),
        (["in/a.png", "-o", "out", "--boxes", "none.csv"], 1, "cannot read 'none.csv'"),
        (["in/bad.png", "-o", "out"], 1, "cannot use the image 'in/bad.png'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call: Call, arguments: list[str], code: int, reason: str) -> None:
    found, out, err = call(*arguments)
    *skips, last = err.splitlines()
    assert (found, out) == (code, "")
    assert last.startswith("grids: ")
    assert reason in last
    assert all(line.startswith("skipped ") for line in skips)


def test_results_are_not_mixed(call: Call) -> None:
    assert call("in/a.png", "-o", "out")[0] == 0
    code, _, err = call("in/sub/b.jpg", "-o", "out")
    assert code == 1
    assert "holds the results of an earlier call (faces.csv)" in err
