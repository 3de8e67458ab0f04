"""Restoring files with a selector that goes by brightness, and tiny networks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import selecting
import torch
from contracts import raises_line
from fakes import FakeGroup
from PIL import Image, ImageCms
from torch import Tensor, nn

from grids.errors import GridsError, ImageError, UnknownNameError
from grids.images import Photo, ReadOptions, Skipped, read_photo, write_photo
from grids.networks.table import TABLE
from grids.pipeline.restore import RECORDS, REPORT, RestoredFile, RestoreSettings, loader, restore_files
from grids.restoration.models import load_restorer
from grids.results import CLEAN, IN_DISTRIBUTION, OUT_OF_DISTRIBUTION, Ranked, Selection


class ByBrightness:
    """Dark images are clean, bright ones unknown, those between need C1."""

    def __init__(self, groups: tuple[FakeGroup, ...]) -> None:
        self.groups = groups
        self.seen: list[Tensor] = []

    def select(self, image: Tensor) -> Selection:
        self.seen.append(image)
        mean = float(image.mean())
        verdict = CLEAN if mean < 0.1 else OUT_OF_DISTRIBUTION if mean > 0.9 else IN_DISTRIBUTION
        return Selection("", verdict, (Ranked("C1", ("jpeg",), 0.1, 0.8, 1.5),), {"jpeg": 0.8}, 1.5, (1.0, 2.0))


@pytest.fixture
def selector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ByBrightness:
    monkeypatch.setitem(TABLE, "nafnet", selecting.TINY)
    monkeypatch.chdir(tmp_path)
    weights = selecting.save_tiny(tmp_path / "c1.safetensors")
    bare = selecting.save_tiny(tmp_path / "c3.safetensors", seed=1, record={"preset": None})
    return ByBrightness(
        (
            FakeGroup("C1", ("jpeg",), weights),
            FakeGroup("C2", ("ringing", "haze")),
            FakeGroup("C3", ("rain",), bare, "nafnet"),
            FakeGroup("C4", ("snow",), bare),
            FakeGroup("C5", ("fog",), tmp_path / "gone.safetensors"),
        )
    )


def paint(path: Path, low: int = 60, high: int = 200, size: tuple[int, int] = (40, 50)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(low, high, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def restored(network: nn.Module, photo: Photo) -> np.ndarray:
    """What the network makes of a photo, apart from all that restores files."""
    with torch.no_grad():
        values = network(photo.tensor()[None])[0].clamp(0, 1).numpy().transpose(1, 2, 0) * (2**photo.bits - 1)
    return np.asarray(values)


def test_one_file(selector: ByBrightness, tmp_path: Path) -> None:
    source = paint(tmp_path / "a.png")
    (made,) = restore_files([source], tmp_path / "out" / "b.png", selector=selector, device="cpu")
    assert (made.source, made.output) == (source, tmp_path / "out" / "b.png")
    assert made.restoration.groups == ("C1",)
    expected = restored(load_restorer(tmp_path / "c1.safetensors").network, read_photo(source))
    found = read_photo(made.output).pixels
    assert np.abs(found - expected).max() < 0.51 + 1e-2
    assert not np.array_equal(found, read_photo(source).pixels)
    assert torch.equal(selector.seen[0], read_photo(source).tensor())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.png"]


@pytest.mark.parametrize(("out", "lies"), [(None, "a_restored.png"), ("folder", "folder/a_restored.png")])
def test_where_one_result_lies(selector: ByBrightness, tmp_path: Path, out: str | None, lies: str) -> None:
    (tmp_path / "folder").mkdir()
    (made,) = restore_files([paint(tmp_path / "in" / "a.jpg")], out, selector=selector, device="cpu")
    assert made.output == Path(lies)
    assert (tmp_path / lies).is_file()


def test_the_file_itself_is_not_replaced(selector: ByBrightness, tmp_path: Path) -> None:
    source = paint(tmp_path / "a.png")
    before = source.read_bytes()
    for out in (source, "a.png", tmp_path / "x" / ".." / "a.png"):
        raises_line(lambda o=out: restore_files([source], o, selector=selector), "would replace", "a.png")
    assert source.read_bytes() == before


def test_a_folder(selector: ByBrightness, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    sources = [
        paint(folder / "a.png"),
        paint(folder / "dark.jpg", 0, 5),
        paint(folder / "sub" / "bright.bmp", 250, 255),
    ]
    (folder / "broken.png").write_bytes(b"\x89PNG")
    (folder / "notes.txt").write_text("not an image")
    skipped: list[Skipped] = []
    seen: list[RestoredFile] = []
    out = tmp_path / "out"
    done = restore_files(
        [folder],
        out,
        selector=selector,
        device="cpu",
        reading=ReadOptions(on_skip=skipped.append),
        on_image=seen.append,
    )
    assert done == seen
    assert [one.source for one in done] == sources
    assert [one.output for one in done] == [out / "a.png", out / "dark.png", out / "sub" / "bright.png"]
    assert [one.restoration.why for one in done] == ["done", "clean", "unknown"]
    assert [bad.path.name for bad in skipped] == ["broken.png"]
    for one in done[1:]:
        assert np.array_equal(read_photo(one.source).pixels, read_photo(one.output).pixels)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {"a.png", "dark.png", "sub/bright.png", RECORDS, REPORT}
    records: list[dict[str, Any]] = json.loads((out / RECORDS).read_text())
    assert [record["why"] for record in records] == ["done", "clean", "unknown"]
    assert [step["group"] for step in records[0]["steps"]] == ["C1"]
    page = (out / REPORT).read_text()
    assert "Restoring 3 images" in page
    assert "broken.png" in page


def test_the_restorer_is_read_once(selector: ByBrightness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        paint(tmp_path / "in" / f"{name}.png")
    read: list[Path] = []

    def noted(path: Path, preset: str | None = None) -> Any:
        read.append(path)
        return load_restorer(path, preset)

    monkeypatch.setattr("grids.pipeline.restore.load_restorer", noted, raising=False)
    monkeypatch.setattr("grids.restoration.restore.load_restorer", noted, raising=False)
    restore_files(
        [tmp_path / "in"], tmp_path / "out", selector=selector, device="cpu", settings=RestoreSettings(steps=2)
    )
    assert read == [tmp_path / "c1.safetensors"]


def test_existing_folders_for_results(selector: ByBrightness, tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png"), paint(tmp_path / "in" / "b.png")
    full = paint(tmp_path / "full" / "kept.png").parent
    raises_line(lambda: restore_files([tmp_path / "in"], full, selector=selector), "full", "not empty")
    assert [path.name for path in full.iterdir()] == ["kept.png"]
    raises_line(lambda: restore_files([tmp_path / "in"], selector=selector), "--out FOLDER")
    raises_line(lambda: restore_files([tmp_path / "in"], "new.png", selector=selector), "new.png", "folder")
    raises_line(lambda: restore_files([tmp_path / "in"], tmp_path / "in" / "out", selector=selector), "in")
    (tmp_path / "empty").mkdir()
    assert len(restore_files([tmp_path / "in"], tmp_path / "empty", selector=selector, device="cpu")) == 2


def test_images_that_cannot_be_used(selector: ByBrightness, tmp_path: Path) -> None:
    raises_line(lambda: restore_files([], selector=selector), "no images")
    raises_line(lambda: restore_files(["none.png"], selector=selector), "none.png")
    (tmp_path / "bad").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "bad" / name).write_text("no image")
    raises_line(lambda: restore_files(["bad"], "out", selector=selector), "none of 2 images", kind=ImageError)
    assert not (tmp_path / "out").exists()
    raises_line(lambda: restore_files([paint(tmp_path / "a.png")], "a.xyz", selector=selector), ".xyz")
    raises_line(
        lambda: restore_files([tmp_path / "a.png"], "b.png", selector=selector, reading=ReadOptions(100)),
        "--max-pixels",
    )


def test_bits_profile_and_notes_are_kept(selector: ByBrightness, tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[315] = "somebody"
    generator = np.random.default_rng(1)
    pixels = generator.integers(15000, 50000, (30, 41, 3), dtype=np.uint16)
    alpha = generator.integers(0, 65535, (30, 41), dtype=np.uint16)
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "png", exif=exif)
    block = Image.open(io.BytesIO(data.getvalue())).info["exif"]
    source = write_photo(tmp_path / "deep.png", Photo(pixels, alpha, exif=block, icc=icc))
    (made,) = restore_files([source], "out.png", selector=selector, device="cpu")
    before, after = read_photo(source), read_photo(made.output)
    assert after.bits == 16
    assert np.array_equal(after.alpha, alpha)  # type: ignore[arg-type]
    assert after.icc == before.icc == icc
    assert after.exif == before.exif
    assert b"somebody" in (after.exif or b"")
    expected = restored(load_restorer(tmp_path / "c1.safetensors").network, before)
    assert np.abs(after.pixels - expected).max() < 3
    assert len(np.unique(after.pixels % 257)) > 100  # 16 bits, not 8 in their place


def test_a_group_that_is_named(selector: ByBrightness, tmp_path: Path) -> None:
    source = paint(tmp_path / "dark.png", 0, 5)
    (made,) = restore_files([source], "out.png", selector=selector, settings=RestoreSettings("C3"), device="cpu")
    assert made.restoration.groups == ("C3",)
    for name, says in (
        ("C9", ("unknown group 'C9'", "C1")),
        ("C2", ("'C2' (ringing, haze)", "no restorer")),
        ("C4", ("c3.safetensors", "--network")),
        ("C5", ("gone.safetensors",)),
    ):
        raises_line(
            lambda n=name: restore_files([source], "no.png", selector=selector, settings=RestoreSettings(n)), *says
        )
    assert not (tmp_path / "no.png").exists()


def test_the_loader(selector: ByBrightness) -> None:
    restorers = loader(selector.groups, torch.device("cpu"))
    assert restorers("C1") is restorers("C1")
    assert not restorers("C1").training
    raises_line(lambda: restorers("c1"), "'c1'", "'C1'", kind=UnknownNameError)


def test_pages_beside_one_result(selector: ByBrightness, tmp_path: Path) -> None:
    source = paint(tmp_path / "a.png")
    restore_files([source], "out.png", selector=selector, compare="side.png", report="page.html", device="cpu")
    assert read_photo(tmp_path / "side.png").width > 2 * 50
    assert "a.png" in (tmp_path / "page.html").read_text()
    for options, says in (
        ({"compare": "side.jpg"}, "written as .png"),
        ({"report": "page.txt"}, "written as .html"),
        ({"compare": "out.png"}, "an image of this call too"),
        ({"compare": "a.png"}, "an image of this call too"),
        ({"device": "abacus"}, "abacus"),
    ):
        raises_line(lambda o=options: restore_files([source], "out.png", selector=selector, **o), says, kind=GridsError)
    for settings, says in (
        ({"steps": 0}, "at least 1"),
        ({"tile": 63}, "at least 128"),
        ({"overlap": -1}, "at least 0"),
    ):
        raises_line(lambda given=settings: RestoreSettings(**given), says, kind=GridsError)
