"""Images from standard input, results to standard output."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from contracts import scene
from PIL import Image

from grids.cli import run


@pytest.fixture(scope="module")
def photo() -> bytes:
    pixels = (scene(1, 160)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def feed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_degrade_and_restore_in_a_pipe(
    photo: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "a.png").write_bytes(photo)
    given = ("--kind", "gaussian_noise", "--seed", "3")
    feed(photo, monkeypatch)
    assert run(["degrade", "-", *given, "-o", "-"]) == 0
    noisy, said = capfdbinary.readouterr()
    assert b"PSNR" in said
    assert run(["degrade", "a.png", *given, "-o", "b.png"]) == 0
    np.testing.assert_array_equal(pixels_of(noisy), pixels_of((folder / "b.png").read_bytes()))
    capfdbinary.readouterr()
    feed(noisy, monkeypatch)
    assert run(["restore", "-", "-o", "-", "--group", "mix"]) == 0
    restored, said = capfdbinary.readouterr()
    assert b"restored with mix" in said
    assert run(["restore", "b.png", "--group", "mix"]) == 0
    np.testing.assert_array_equal(pixels_of(restored), pixels_of((folder / "b_restored.png").read_bytes()))


def test_select_reads_standard_input(
    photo: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    feed(photo, monkeypatch)
    assert run(["select", "-", "--json"]) == 0
    (found,) = json.loads(capfd.readouterr().out)
    assert found["image"] == "-"


def test_names_of_results_without_one(photo: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(photo, monkeypatch)
    assert run(["degrade", "-", "--kind", "jpeg"]) == 0
    assert [path.name for path in folder.iterdir()] == ["stdin_jpeg.png"]


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        (("select", "-"), "nothing came from standard input"),
        (("select", "-", "--map", "m.png"), "cannot give twice"),
        (("restore", "-", "-o", "-", "--json"), "--json"),
        (("select", "-", "--csv", "-", "--json"), "--json"),
        (("evaluate", "m.pth", "builtin", "--csv", "-", "--json"), "--json"),
        (("train", "builtin", "--tasks", "jpeg", "--out", "m.safetensors", "--log", "-"), "--log"),
    ],
)
def test_one_line_for_what_cannot_be(
    given: tuple[str, ...], fragment: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    feed(b"", monkeypatch)
    assert run(list(given)) == 1
    out, err = capfd.readouterr()
    assert out == "" and fragment in err and len(err.splitlines()) == 1


def test_a_folder_of_that_name_is_not_meant(
    photo: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "-").mkdir()
    (folder / "a.png").write_bytes(photo)
    feed(photo, monkeypatch)
    assert run(["degrade", "a.png", "--kind", "jpeg", "-o", "-"]) == 0
    assert pixels_of(capfdbinary.readouterr().out).shape == (160, 160, 3) and not list((folder / "-").iterdir())
    assert run(["restore", "a.png", "a.png", "a.png", "-o", "-"]) == 1
    assert b"takes one image" in capfdbinary.readouterr().err


def test_a_folder_whose_reader_has_gone_is_no_success(photo: bytes, folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    for number in range(3):
        (many / f"{number}.png").write_bytes(photo)
    command = [sys.executable, "-m", "grids", "restore", "many", "--out", "made"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
