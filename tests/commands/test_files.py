"""What commands read and write: images that cannot be used, odd names, places that cannot be written."""

from __future__ import annotations

import csv
import errno
import os
import struct
import zlib
from pathlib import Path

import pytest
from command_line import KINDS, Call, check_one_line, files_under, run_apart
from PIL import Image


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def empty_png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0")) + png_chunk(b"IEND", b"")


def bad_image(kind: str, good: bytes) -> bytes:
    return {
        "empty": b"",
        "text": b"these are words",
        "truncated": good[: len(good) // 2],
        "corrupt": good[:200] + bytes(byte ^ 0x5A for byte in good[200:400]) + good[400:],
        "zero size": empty_png(0, 0),
        "huge": empty_png(100_000, 100_000),
    }[kind]


BAD_IMAGES = ("empty", "text", "truncated", "corrupt", "zero size", "huge")


@pytest.mark.parametrize("kind", BAD_IMAGES)
@pytest.mark.parametrize("command", ["degrade one", "degrade all", "degrade folder", "similarity"])
def test_a_bad_image_alone_is_an_error(
    call: Call, measure: Call, here: Path, photo: Path, command: str, kind: str
) -> None:
    bad = here / "in" / "bad.png"
    bad.parent.mkdir()
    bad.write_bytes(bad_image(kind, photo.read_bytes()))
    output = {
        "degrade one": lambda: call("degrade", bad, "--kind", "jpeg", "-o", "o.png"),
        "degrade all": lambda: call("degrade", bad, "--all", "-o", "o.png"),
        "degrade folder": lambda: call("degrade", bad.parent, "--kind", "jpeg", "-o", "pairs"),
        "similarity": lambda: measure(images=[bad]),
    }[command]()
    check_one_line(output, "bad.png")
    if kind == "huge":
        assert "--max-pixels" in output[2]
    assert files_under(here) == {"in/bad.png"}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_a_bad_image_among_good_ones_is_reported_skipped_and_counted(
    measure: Call, call: Call, here: Path, photos: Path, photo: Path, kind: str
) -> None:
    expected = measure("--out", "good", "--quiet")
    assert expected == (0, "", "")
    (photos / "bad.png").write_bytes(bad_image(kind, photo.read_bytes()))
    for command in (lambda: measure("--out", "run"), lambda: call("degrade", photos, "--kind", "jpeg", "-o", "pairs")):
        code, _, err = command()
        assert code == 0
        first, last = err.splitlines()
        assert first.startswith(f"skipped {photos / 'bad.png'}: ")
        assert last == "1 image skipped"
    assert len(files_under(here / "pairs" / "LQ")) == 5
    assert (here / "run" / "similarity.csv").read_bytes() == (here / "good" / "similarity.csv").read_bytes()
    assert "bad.png" in (here / "run" / "report.html").read_text()


def test_images_smaller_than_a_patch(measure: Call, call: Call, here: Path) -> None:
    (here / "in").mkdir()
    Image.new("RGB", (1, 1)).save(here / "in" / "dot.png")
    check_one_line(measure(images=["in/dot.png"]), "1 x 1 pixels, but at least 16 are needed")
    check_one_line(measure(images=["in"]), "dot.png")
    code, out, _ = call("degrade", "in/dot.png", "--kind", "jpeg", "-o", "o.png")
    assert (code, out[:5]) == (0, "o.png")


def test_a_folder_without_images(measure: Call, call: Call, here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "notes.txt").write_text("x")
    check_one_line(measure(images=["in"]), "found no image in 'in'")
    check_one_line(call("degrade", "in", "--kind", "jpeg", "-o", "o"), "found no image in 'in'")


def test_max_pixels_applies_to_every_command(measure: Call, call: Call, photos: Path) -> None:
    degrade = ("degrade", photos, "--kind", "jpeg", "-o", "o")
    for code, out, err in (measure("--max-pixels", 1000), call(*degrade, "--max-pixels", 1000)):
        assert (code, out) == (1, "")
        *skipped, last = err.splitlines()
        assert [line.startswith("skipped ") for line in skipped] == [True] * 5
        assert last.startswith("grids: none of 5 images can be used")
        assert "--max-pixels" in last
    assert measure("--max-pixels", 120 * 144)[0] == 0


def test_names_of_any_alphabet(measure: Call, call: Call, here: Path, photos: Path) -> None:
    folder = here / "Größe 日本"
    folder.mkdir()
    for i in range(5):
        (folder / f"фото {i} é.png").write_bytes((photos / f"p{i}.png").read_bytes())
    assert measure("--out", here / "ausgabe ß", images=[folder])[0] == 0
    assert "日本" not in (here / "ausgabe ß" / "similarity.json").read_text()
    code, out, _ = call("degrade", folder / "фото 1 é.png", "--kind", "jpeg", "-o", folder / "ö" / "ü.png")
    assert code == 0
    assert str(folder / "ö" / "ü.png") in out
    assert call("degrade", folder, "--kind", "jpeg", "-o", here / "пары")[0] == 0
    with (here / "пары" / "params.csv").open(encoding="utf-8") as stream:
        assert {row["file"] for row in csv.DictReader(stream)} >= {f"фото {i} é.png" for i in range(5)}


@pytest.mark.slow
def test_names_that_are_no_text(here: Path, photos: Path, tiny: Path) -> None:
    """Names in an old encoding: real on disks that came from other systems."""
    folder = here / "in"
    folder.mkdir()
    try:
        for i in range(5):
            (folder / os.fsdecode(b"caf\xe9%d.png" % i)).write_bytes((photos / f"p{i}.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names")
    (folder / os.fsdecode(b"bad\xe9.png")).write_bytes(b"no image")
    small = ("--patches", 12, "--patch-size", 16, "--device", "cpu", "--descriptor", tiny, "--degradations", KINDS)
    for arguments in (
        ("similarity", "in", *small, "--out", "run"),
        ("degrade", "in", "--kind", "jpeg", "-o", "pairs"),
        ("degrade", os.fsdecode(b"in/caf\xe91.png"), "--kind", "jpeg"),
    ):
        done = run_apart(*arguments, errors="surrogateescape")
        assert "Traceback" not in done.stderr
        assert done.returncode == 0
    assert len(files_under(here / "pairs" / "LQ")) == 5


def test_an_output_path_that_is_a_file(measure: Call, call: Call, here: Path, photos: Path, photo: Path) -> None:
    (here / "file").write_text("kept")
    check_one_line(measure("--out", "file"), "file")
    check_one_line(call("compare", "builtin", "builtin", "--out", "file"), "file")
    check_one_line(call("degrade", photos, "--kind", "jpeg", "-o", "file"), "file")
    check_one_line(call("degrade", photo, "--kind", "jpeg", "-o", "file/o.png"), "file")
    check_one_line(call("degrade", photo, "--all", "-o", "file/o.png"), "file")
    assert files_under(here) == {"file"}
    assert (here / "file").read_text() == "kept"


def test_a_full_disk(measure: Call, call: Call, here: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, *_: object) -> object:
        os.close(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("grids.io.os.fdopen", full)
    outputs = [measure("--out", "run"), call("degrade", photo, "--kind", "jpeg", "-o", "o.png")]
    outputs.append(call("compare", "builtin", "builtin", "--out", "comparison"))
    monkeypatch.undo()
    for output in outputs:
        check_one_line(output, "No space left on device")
    assert files_under(here) == set()
