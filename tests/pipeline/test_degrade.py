"""Degrading files: what a file carries is kept, and a seed gives the same pixels again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from contracts import raises_line
from PIL import Image

import grids
from grids import GridsError, all_degradations, degradation, degrade_file, degrade_folder
from grids.degradations import NAMES, FunctionDegradation
from grids.errors import ImageError, RunError
from grids.images import Metadata, Photo, ReadOptions, Skipped, list_images, read_photo, write_photo
from grids.metrics import image_psnr
from grids.pipeline.degrade import contact_sheet_of
from grids.pipeline.replay import replay_folder
from grids.pipeline.similarity import example_sheet


@pytest.fixture
def photo(tmp_path: Path, scenes: list[np.ndarray]) -> Path:
    Image.fromarray(scenes[0]).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def pixels(path: Path) -> np.ndarray:
    return read_photo(path).pixels


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_file(photo: Path, tmp_path: Path, name: str) -> None:
    first, second, other = (tmp_path / f"{i}.png" for i in range(3))
    found = degrade_file(photo, first, degradation(name), seed=4)
    assert degrade_file(photo, second, degradation(name), seed=4) == found
    degrade_file(photo, other, degradation(name), seed=5, severity=1.0)
    assert first.read_bytes() == second.read_bytes()
    assert not np.array_equal(pixels(first), pixels(other))
    assert found == pytest.approx(image_psnr(read_photo(photo).tensor(), read_photo(first).tensor()), abs=1e-6)


def test_severity_decides_how_strong(photo: Path, tmp_path: Path) -> None:
    found = [degrade_file(photo, tmp_path / "out.png", degradation("gaussian_noise"), severity=s) for s in (0, 0.5, 1)]
    assert found[0] > found[1] > found[2]


def test_alpha_metadata_and_depth_are_kept(tmp_path: Path, scenes: list[np.ndarray]) -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    opacity = np.linspace(1, 65535, 120 * 144).astype(np.uint16).reshape(120, 144)
    deep = Photo(scenes[1].astype(np.uint16) * 256 + 11, opacity, metadata=Metadata(exif=exif.tobytes()))
    write_photo(tmp_path / "in.png", deep)
    for name in ("out.png", "out.tif"):
        degrade_file(tmp_path / "in.png", tmp_path / name, degradation("defocus_blur"), severity=0.5)
        result = read_photo(tmp_path / name)
        assert result.bits == 16
        np.testing.assert_array_equal(result.alpha, opacity)
        assert result.metadata.exif is not None
        with Image.open(tmp_path / name) as written:
            assert written.getexif()[271] == "Maker"
        assert not np.array_equal(result.pixels, deep.pixels)
        # rounded to 8 bit, the only 16-bit values left are multiples of 257
        assert np.all(result.pixels % 257 == 0)
    degrade_file(
        tmp_path / "in.png", tmp_path / "fine.png", degradation("defocus_blur"), severity=0.5, round_to_8_bit=False
    )
    assert np.any(read_photo(tmp_path / "fine.png").pixels % 257 != 0)


def test_a_rotated_photograph_is_degraded_upright(tmp_path: Path, scenes: list[np.ndarray]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scenes[2]).save(tmp_path / "in.png", exif=exif)
    degrade_file(tmp_path / "in.png", tmp_path / "out.png", degradation("jpeg"), severity=0)
    result = read_photo(tmp_path / "out.png")
    assert (result.height, result.width) == (144, 120)
    assert image_psnr(read_photo(tmp_path / "in.png").tensor(), result.tensor()) > 20


def test_a_grey_photograph_and_other_formats(tmp_path: Path, scenes: list[np.ndarray]) -> None:
    Image.fromarray(scenes[3][..., 0]).save(tmp_path / "grey.png")
    for suffix in ("png", "jpg", "bmp", "tif", "webp"):
        assert (
            5
            < degrade_file(tmp_path / "grey.png", tmp_path / f"o.{suffix}", degradation("salt_pepper"), severity=1)
            < 30
        )
        assert read_photo(tmp_path / f"o.{suffix}").pixels.shape == (120, 144, 3)


@pytest.mark.parametrize("severity", [2.0, -0.1, float("nan"), float("inf")])
def test_a_severity_out_of_range_writes_nothing(photo: Path, tmp_path: Path, severity: float) -> None:
    with pytest.raises(GridsError, match=r"severity must lie in \[0, 1\]"):
        degrade_file(photo, tmp_path / "out.png", degradation("jpeg"), severity=severity)
    assert not (tmp_path / "out.png").exists()


def test_files_that_cannot_be_read_or_written(photo: Path, tmp_path: Path) -> None:
    jpeg = degradation("jpeg")
    with pytest.raises(ImageError, match="no such file"):
        degrade_file(tmp_path / "none.png", tmp_path / "out.png", jpeg)
    with pytest.raises(ImageError, match="suffix"):
        degrade_file(photo, tmp_path / "out.xyz", jpeg)
    with pytest.raises(RunError, match="cannot write"):
        degrade_file(photo, photo / "out.png", jpeg)
    with pytest.raises(ImageError, match="`max_pixels`"):
        degrade_file(photo, tmp_path / "out.png", jpeg, reading=ReadOptions(100))
    assert [file.name for file in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (16, 16)])
@pytest.mark.parametrize("name", NAMES)
def test_tiny_photographs_are_degraded_too(tmp_path: Path, size: tuple[int, int], name: str) -> None:
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / "in.png")
    degrade_file(tmp_path / "in.png", tmp_path / "out.png", degradation(name), severity=1.0)
    assert pixels(tmp_path / "out.png").shape == (*size, 3)


def read_params(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "params.csv").read_text(encoding="utf-8"))))


def names_under(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_folder_becomes_pairs_that_replay(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    rows = degrade_folder(list_images([photos]), out, {"motion_blur": degradation("motion_blur")}, seed=5)
    names = [f"p{i}.png" for i in range(5)]
    assert names_under(out / "LQ") == names_under(out / "GT") == names
    params = read_params(out)
    assert [row["file"] for row in params] == names == [row["file"] for row in rows]
    assert len({row["seed"] for row in params}) == 5
    assert len({row["parameters"] for row in params}) == 5
    for row in params:
        np.testing.assert_array_equal(pixels(out / "GT" / row["file"]), pixels(photos / row["file"]))
        found = degrade_file(
            photos / row["file"], tmp_path / "again.png", degradation(row["kind"]), seed=int(row["seed"])
        )
        np.testing.assert_array_equal(pixels(tmp_path / "again.png"), pixels(out / "LQ" / row["file"]))
        assert f"{found:.3f}" == row["psnr_db"]
        assert 7 <= json.loads(row["parameters"])["length"] <= 31


def test_parameters_in_the_table_are_those_that_were_used(photos: Path, tmp_path: Path) -> None:
    degrade_folder(list_images([photos])[:1], tmp_path / "o", {"jpeg": degradation("jpeg")}, severity=1.0)
    (row,) = read_params(tmp_path / "o")
    assert json.loads(row["parameters"]) == {"quality": 10.0}
    photo = read_photo(photos / "p0.png").tensor().unsqueeze(0)
    expected = degradation("jpeg").apply(photo, {"quality": torch.tensor([10.0])})[0]
    found = pixels(tmp_path / "o" / "LQ" / "p0.png")
    np.testing.assert_array_equal(found, expected.mul(255).round().byte().permute(1, 2, 0).numpy())


def test_several_kinds_have_folders_of_their_own(photos: Path, tmp_path: Path) -> None:
    kinds = {name: degradation(name) for name in ("jpeg", "ringing")}
    rows = degrade_folder(list_images([photos]), tmp_path / "o", kinds, seed=1)
    assert len(rows) == 10
    for name in kinds:
        assert names_under(tmp_path / "o" / name) == sorted(f"{a}/p{i}.png" for a in ("LQ", "GT") for i in range(5))
    assert {row["kind"] for row in read_params(tmp_path / "o")} == set(kinds)
    # a kind does not depend on which others are made beside it
    degrade_folder(list_images([photos]), tmp_path / "one", {"ringing": kinds["ringing"]}, seed=1)
    for i in range(5):
        first, second = tmp_path / "o" / "ringing" / "LQ" / f"p{i}.png", tmp_path / "one" / "LQ" / f"p{i}.png"
        assert first.read_bytes() == second.read_bytes()


def test_the_same_seed_gives_the_same_folder_anywhere(photos: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        degrade_folder(list_images([photos]), tmp_path / name, {"poisson_noise": degradation("poisson_noise")})
    assert names_under(tmp_path / "one") == names_under(tmp_path / "two")
    for file in names_under(tmp_path / "one"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_names_that_clash_and_nested_folders(tmp_path: Path, scenes: list[np.ndarray]) -> None:
    source = tmp_path / "in"
    for i, name in enumerate(["a.jpg", "a.png", "sub/a.png", "sub/déep/b.bmp", "x.y.png"]):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scenes[i]).save(source / name)
    rows = degrade_folder(list_images([source]), tmp_path / "o", {"jpeg": degradation("jpeg")})
    files = [row["file"] for row in rows]
    assert len(set(files)) == 5
    assert sorted(files) == names_under(tmp_path / "o" / "LQ") == names_under(tmp_path / "o" / "GT")
    assert {"sub/a.png", "sub/déep/b.png", "x.y.png"} < set(files)
    shown = {row["file"]: pixels(tmp_path / "o" / "GT" / row["file"]) for row in rows}
    for name in ("a.jpg", "a.png"):
        assert sum(np.array_equal(pixels(source / name), other) for other in shown.values()) >= 1


def test_files_of_several_folders_keep_the_folders_that_tell_them_apart(
    tmp_path: Path, scenes: list[np.ndarray]
) -> None:
    for i, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        Image.fromarray(scenes[i]).save(tmp_path / folder / "a.png")
    rows = degrade_folder(
        list_images([tmp_path / "one", tmp_path / "two"]), tmp_path / "o", {"jpeg": degradation("jpeg")}
    )
    assert [row["file"] for row in rows] == ["one/a.png", "two/a.png"]


def test_bad_images_are_skipped_and_reported(photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_bytes(b"no image")
    (photos / "p2.png").write_bytes((photos / "p2.png").read_bytes()[:500])
    skipped: list[Skipped] = []
    done: list[Path] = []
    kinds = {"jpeg": degradation("jpeg")}
    rows = degrade_folder(
        list_images([photos]), tmp_path / "o", kinds, reading=ReadOptions(on_skip=skipped.append), on_image=done.append
    )
    assert [bad.path.name for bad in skipped] == ["a.png", "p2.png"]
    assert [path.name for path in done] == ["p0.png", "p1.png", "p3.png", "p4.png"] == [row["file"] for row in rows]
    assert names_under(tmp_path / "o" / "LQ") == names_under(tmp_path / "o" / "GT") == [row["file"] for row in rows]


def test_a_folder_without_a_usable_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(ImageError, match="none of 2 images"):
        degrade_folder(list_images([tmp_path]), tmp_path / "o", {"jpeg": degradation("jpeg")})


def test_16_bit_pairs_keep_their_depth(tmp_path: Path, scenes: list[np.ndarray]) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), scenes[0].astype(np.uint16) * 256 + 9)
    kinds = {"gaussian_blur": degradation("gaussian_blur")}
    degrade_folder(list_images([tmp_path / "in"]), tmp_path / "o", kinds, round_to_8_bit=False)
    np.testing.assert_array_equal(pixels(tmp_path / "o" / "GT" / "a.png"), pixels(tmp_path / "in" / "a.png"))
    assert np.any(pixels(tmp_path / "o" / "LQ" / "a.png") % 257 != 0)


def test_a_contact_sheet_shows_every_kind(photo: Path) -> None:
    kinds = all_degradations()
    data = contact_sheet_of(read_photo(photo), kinds, severity=0.5, seed=1)
    assert data == contact_sheet_of(read_photo(photo), kinds, severity=0.5, seed=1)
    assert data != contact_sheet_of(read_photo(photo), kinds, severity=0.5, seed=2)
    sheet = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    # tiles of 144 x 120, and the clean photograph is one of them, pixel for pixel
    assert sheet.shape[0] * sheet.shape[1] >= (len(kinds) + 1) * 120 * 144
    clean = pixels(photo)
    corners = np.argwhere(np.all(sheet[:-119, :-143] == clean[0, 0], axis=-1))
    assert any(np.array_equal(sheet[y : y + 120, x : x + 144], clean) for y, x in corners)


def test_a_contact_sheet_shows_the_middle_of_a_large_photograph(tmp_path: Path) -> None:
    large = Photo(np.random.default_rng(0).integers(0, 256, (900, 700, 3), dtype=np.uint8))
    small = Image.open(io.BytesIO(contact_sheet_of(large, {"jpeg": degradation("jpeg")}, side=128)))
    assert 128 < small.width < 600
    assert small.height < 400


def test_the_sheet_of_a_report_uses_the_first_usable_photograph(photos: Path) -> None:
    expected = example_sheet(photos, ("jpeg", "ringing"))
    (photos / "a.png").write_bytes(b"no image")
    assert example_sheet(photos, ("jpeg", "ringing")) == expected


def test_absolute_and_relative_sources_mix(tmp_path: Path, scenes: list[np.ndarray], monkeypatch: Any) -> None:
    for name in ("a/x.png", "b/x.png"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(scenes[0]).save(tmp_path / name)
    (tmp_path / "a" / "below").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    kinds = {"jpeg": degradation("jpeg")}
    sources = [Path("x.png"), tmp_path / "b" / "x.png", Path("../b/x.png").resolve()]
    degrade_folder(sources[:2], "below/out", kinds)
    out = tmp_path / "a" / "below" / "out"
    assert {file.relative_to(out).as_posix() for file in out.rglob("*.png")} == {
        *("GT/a/x.png", "GT/b/x.png", "LQ/a/x.png", "LQ/b/x.png")
    }


def test_sources_above_the_working_folder_stay_within_out(
    tmp_path: Path, scenes: list[np.ndarray], monkeypatch: Any
) -> None:
    for name in ("here/a/x.png", "other/y.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.fromarray(scenes[0]).save(tmp_path / name)
    monkeypatch.chdir(tmp_path / "here")
    degrade_folder([Path("a/x.png"), Path("../other/y.png")], "out", {"jpeg": degradation("jpeg")})
    found = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.png")}
    assert found == {
        *("here/a/x.png", "other/y.png"),
        *(f"here/out/{part}/{name}" for part in ("GT", "LQ") for name in ("here/a/x.png", "other/y.png")),
    }


@pytest.mark.parametrize("out", [".", "photos", "photos/../photos"])
def test_results_never_land_among_the_sources(photos: Path, monkeypatch: Any, out: str) -> None:
    monkeypatch.chdir(photos.parent)
    before = sorted(photos.rglob("*"))
    with pytest.raises(GridsError, match="holds the image"):
        degrade_folder(sorted(Path("photos").iterdir()), out, {"jpeg": degradation("jpeg")})
    assert sorted(photos.rglob("*")) == before


def test_earlier_results_are_not_overwritten(photos: Path, tmp_path: Path) -> None:
    sources, kinds = sorted(photos.iterdir()), {"jpeg": degradation("jpeg")}
    degrade_folder(sources, tmp_path / "out", kinds)
    before = (tmp_path / "out" / "params.csv").read_bytes()
    with pytest.raises(GridsError, match="earlier call"):
        degrade_folder(sources[:1], tmp_path / "out", kinds)
    assert (tmp_path / "out" / "params.csv").read_bytes() == before


def test_an_interrupted_call_leaves_rows_for_its_pairs(photos: Path, tmp_path: Path) -> None:
    def stop(path: Path) -> None:
        if path.name == "p2.png":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        degrade_folder(sorted(photos.iterdir()), tmp_path / "out", {"jpeg": degradation("jpeg")}, on_image=stop)
    with (tmp_path / "out" / "params.csv").open() as stream:
        assert [row["file"] for row in csv.DictReader(stream)] == ["p0.png", "p1.png", "p2.png"]
    assert len(list((tmp_path / "out" / "LQ").iterdir())) == 3


def test_rows_replay_with_their_severity_and_rounding(photos: Path, tmp_path: Path) -> None:
    kind = degradation("gaussian_noise")
    sources = sorted(photos.iterdir())
    rows = degrade_folder(sources, tmp_path / "out", {kind.name: kind}, severity=0.25, round_to_8_bit=False)
    for source, row in zip(sources, rows, strict=True):
        degrade_file(
            source,
            tmp_path / "again.png",
            kind,
            severity=float(row["severity"]),
            seed=row["seed"],
            round_to_8_bit=row["rounded"],
        )
        assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out" / "LQ" / row["file"]).read_bytes()


def test_params_make_the_pairs_again(photos: Path, tmp_path: Path) -> None:
    sources = sorted(photos.iterdir())
    kinds = {name: degradation(name) for name in ("gaussian_noise", "jpeg")}
    degrade_folder(sources, tmp_path / "out", kinds, seed=3)
    rows = replay_folder(sources, tmp_path / "out" / "params.csv", tmp_path / "again")
    assert len(rows) == 2 * len(sources)
    files = sorted(file.relative_to(tmp_path / "out") for file in (tmp_path / "out").rglob("*.*"))
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "out" / file).read_bytes()


def test_own_degradations_are_replayed_too(photos: Path, tmp_path: Path) -> None:
    own = FunctionDegradation(
        "grain", lambda images, severity, g: images + 0.1 * torch.randn(images.shape, generator=g)
    )
    sources = sorted(photos.iterdir())[:2]
    degrade_folder(sources, tmp_path / "out", {"grain": own}, severity=0.5, round_to_8_bit=False)
    params = tmp_path / "out" / "params.csv"
    replay_folder(sources, params, tmp_path / "again", {"grain": own})
    for file in ("LQ/p0.png", "LQ/p1.png", "params.csv"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "out" / file).read_bytes()
    raises_line(lambda: replay_folder(sources, params, tmp_path / "third"), "grain")


def test_a_folder_that_nothing_was_written_into_goes_again(photos: Path, tmp_path: Path) -> None:
    broken = FunctionDegradation("broken", lambda images, severity, generator: images / 0)
    raises_line(lambda: degrade_folder(sorted(photos.iterdir()), tmp_path / "out", {"broken": broken}), "not finite")
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    raises_line(lambda: degrade_folder(sorted(photos.iterdir()), tmp_path / "mine", {"broken": broken}), "not finite")
    assert (tmp_path / "mine").exists()


def test_params_of_other_versions_and_photographs_are_refused(photos: Path, tmp_path: Path) -> None:
    sources = sorted(photos.iterdir())
    degrade_folder(sources, tmp_path / "out", {"jpeg": degradation("jpeg")})
    params = tmp_path / "out" / "params.csv"
    text = params.read_text()
    older = [line.split(",", 3) for line in text.splitlines()]  # file, kind, version, the rest
    digest = text.splitlines()[1].split(",")[-2]

    def refused(content: str, *fragments: str, given: list[Path] = sources) -> None:
        (tmp_path / "p.csv").write_text(content)
        raises_line(lambda: replay_folder(given, tmp_path / "p.csv", tmp_path / "again"), "p.csv", *fragments)
        assert not (tmp_path / "again").exists()

    without = "\n".join(",".join((*line[:2], line[3].rsplit(",", 2)[0])) for line in older)
    refused(without, "grids 0.1.0", "jpeg")
    refused(text.replace(",jpeg,2,", ",jpeg,9,").replace(f",{grids.__version__}", ",7.7"), "grids 7.7")
    refused("a,b\n1,2\n", "no params.csv")
    refused("", "no params.csv")
    refused(text.splitlines()[0] + "\n", "no pairs")
    place, rows = text.splitlines()[0].split(",").index("severity"), [line.split(",") for line in text.splitlines()]
    rows[1][place] = "2"
    refused("\n".join(map(",".join, rows)), "line 2", "severity 2")
    refused(text.replace(",True,", ",maybe,"), "line 2", "damaged")
    refused(text.replace(",jpeg,", ",jpg,"), "line 2", "jpg")
    refused(f"{text}p0.png\n", "line 7", "too few")
    refused(text + text.splitlines()[1] + "\n", "line 7", "second time")
    refused(text.replace(",jpeg,2,", ",jpeg,9,"), "line 2", "version 9 of jpeg")
    refused(text.replace(",jpeg,2,", ",jpeg,x,"), "line 2", "damaged")
    refused(text.replace(",2,", ",2,-", 1), "line 2", "seed -")
    refused(text.replace(digest, "0"), "p0.png", "not the photograph")
    refused(text, "p4.png", given=sources[:4])
    raises_line(lambda: replay_folder(sources, tmp_path / "none.csv", tmp_path / "again"), "none.csv")
    swapped = tmp_path / "swapped"
    swapped.mkdir()
    for i, source in enumerate(sources):
        (swapped / f"p{(i + 1) % len(sources)}.png").write_bytes(source.read_bytes())
    raises_line(
        lambda: replay_folder(sorted(swapped.iterdir()), params, tmp_path / "again"), "p0.png", "not the photograph"
    )
    assert not (tmp_path / "again").exists()
    params.write_text(f"\ufeff{text}", encoding="utf-8")  # as spreadsheets write it
    assert len(replay_folder(sources, params, tmp_path / "again")) == 5


def test_a_result_does_not_replace_its_source(photos: Path) -> None:
    before = (photos / "p0.png").read_bytes()
    with pytest.raises(GridsError, match="of this call already"):
        degrade_file(photos / "p0.png", photos / ".." / "photos" / "p0.png", degradation("jpeg"))
    assert (photos / "p0.png").read_bytes() == before


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_without_rounding_the_result_has_16_bits(photos: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    degrade_file(photos / "p0.png", target, degradation("gaussian_blur"), severity=0.5, round_to_8_bit=False)
    written = read_photo(target)
    assert written.bits == 16
    assert (written.pixels % 257 != 0).mean() > 0.5
