"""`grids degrade`: single files, sheets, folders of pairs, functions of one's own, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import Call, check_one_line, files_under, typed
from PIL import Image

from grids.images import read_photo


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--kind", "jpg"], "did you mean 'jpeg'"),
        (["--kind", "jpeg,jpeg"], "named twice"),
        (["--kind", ","], "no degradation is named"),
        (["--kind", "jpeg", "--all"], "not both"),
        (["--kind", "jpeg", "--severity", "2"], "severity must lie in [0, 1], but is 2"),
        (["--kind", "jpeg", "--severity", "nan"], "severity must lie in [0, 1], but is nan"),
        (["--kind", "jpeg", "--severity", "-0.1"], "severity must lie in [0, 1]"),
        (["--kind", "jpeg", "--severity", "strong"], "not a valid float"),
        (["--all", "--severity", "2"], "severity must lie in [0, 1]"),
        (["--kind", "jpeg", "--seed", "-1"], "seed must be 0 to 2^63 - 1"),
        (["--kind", "jpeg", "--seed", "100000000000000000000"], "seed"),
        (["--kind", "jpeg", "--jobs", "0"], "jobs must be at least 1"),
        (["--kind", "jpeg", "-o", "out.xyz"], "suffix"),
        (["--all", "-o", "sheet.jpg"], "written as .png"),
        (["--kind", "jpeg", "--max-pixels", "10"], "--max-pixels"),
        (["--kind", "jpeg", "--max-pixels", "0"], "--max-pixels"),
        (["--degradation", "fog=none.py:fog"], "no file 'none.py'"),
        (["--degradation", "fog"], "NAME=FILE.py:FUNCTION"),
    ],
    ids=typed,
)
def test_wrong_values_are_one_line(call: Call, here: Path, photo: Path, arguments: list[str], reason: str) -> None:
    check_one_line(call("degrade", photo, *arguments), reason)
    assert files_under(here) == set()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def fog(images, severity, generator):\n    return images[:, :, 1:]\n", "must return a tensor of shape"),
        ("def fog(images, severity, generator):\n    return images / 0 * 0\n", "not finite"),
        ("def fog(images, severity, generator):\n    raise ValueError('two\\nlines')\n", "ValueError: two lines"),
        ("def fog(images, severity, generator):\n    return None\n", "NoneType"),
        ("def fog(images):\n    return images\n", "TypeError"),
        ("fog = 3\n", "no function 'fog'"),
        ("def fog(:\n", "fails to run: SyntaxError"),
        ("import nothing_of_this_name\n", "fails to run: ModuleNotFoundError"),
    ],
)
def test_functions_of_ones_own_that_fail(call: Call, here: Path, photo: Path, text: str, reason: str) -> None:
    (here / "my.py").write_text(text)
    check_one_line(call("degrade", photo, "--degradation", "fog=my.py:fog", "-o", "o.png"), reason)
    assert not (here / "o.png").exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "a b", ""])
def test_names_of_ones_own_stay_within_the_folder(call: Call, here: Path, photo: Path, name: str) -> None:
    (here / "my.py").write_text("def fog(images, severity, generator):\n    return images\n")
    before = files_under(here.parent)
    code, _, _ = call(
        "degrade", photo.parent, "--degradation", f"{name}=my.py:fog", "--kind", f"jpeg,{name}", "-o", "o/p"
    )
    assert code == 1
    assert files_under(here.parent) == before


def test_a_function_of_ones_own_does_not_take_a_known_name(call: Call, here: Path, photo: Path) -> None:
    (here / "my.py").write_text("def fog(images, severity, generator):\n    return images\n")
    check_one_line(call("degrade", photo, "--degradation", "jpeg=my.py:fog", "-o", "o.png"), "jpeg")


def test_one_file_is_degraded_alike_for_the_same_seed(call: Call, here: Path, photo: Path) -> None:
    command = ("degrade", photo, "--kind", "jpeg", "--severity", "0.5", "--seed", 7)
    code, out, err = call(*command, "-o", "out.png")
    assert (code, err) == (0, "")
    assert out.startswith("out.png  PSNR ")
    assert 20 < float(out.split()[2]) < 45
    assert call(*command, "-o", "again.png", "--quiet") == (0, "", "")
    assert (here / "out.png").read_bytes() == (here / "again.png").read_bytes()
    assert call(*command)[0] == 0
    assert (here / "p0_jpeg.png").read_bytes() == (here / "out.png").read_bytes()


def test_several_kinds_make_a_contact_sheet(call: Call, here: Path, photo: Path) -> None:
    assert call("degrade", photo, "--all", "-o", "sheet.png") == (0, "sheet.png\n", "")
    assert call("degrade", photo, "--kind", "jpeg, ringing", "--quiet") == (0, "", "")
    with Image.open(here / "sheet.png") as all_kinds, Image.open(here / "p0_degradations.png") as two:
        assert all_kinds.width * all_kinds.height > 2 * two.width * two.height
    assert files_under(here) == {"sheet.png", "p0_degradations.png"}


def test_a_folder_becomes_pairs(call: Call, here: Path, photos: Path) -> None:
    code, out, err = call("degrade", photos, "--kind", "motion_blur", "-o", "pairs/")
    assert (code, err) == (0, "")
    assert out.startswith("5 pairs in pairs")
    expected = {f"{side}/p{i}.png" for side in ("LQ", "GT") for i in range(5)} | {"params.csv"}
    assert files_under(here / "pairs") == expected
    check_one_line(call("degrade", photos, "--kind", "jpeg"), "--out FOLDER", code=2)


def test_several_files_and_kinds_become_pairs(call: Call, here: Path, photos: Path) -> None:
    code, out, _ = call("degrade", photos / "p0.png", photos / "p3.png", "--kind", "jpeg,ringing", "-o", "o")
    assert (code, out[:7]) == (0, "4 pairs")
    names = {f"{kind}/{side}/p{i}.png" for kind in ("jpeg", "ringing") for side in ("LQ", "GT") for i in (0, 3)}
    assert files_under(here / "o") == names | {"params.csv"}


def test_a_function_of_ones_own_degrades(call: Call, here: Path, photo: Path) -> None:
    (here / "my.py").write_text("def negative(images, severity, generator):\n    return 1 - images\n")
    assert call("degrade", photo, "--degradation", "negative=my.py:negative", "-o", "o.png")[0] == 0
    np.testing.assert_array_equal(read_photo(here / "o.png").pixels, 255 - read_photo(photo).pixels)
    assert (
        call("degrade", photo, "--degradation", "negative=my.py:negative", "--kind", "negative", "-o", "p.png")[0] == 0
    )
    assert (here / "p.png").read_bytes() == (here / "o.png").read_bytes()


def test_without_rounding_16_bits_stay(call: Call, here: Path, scenes: list[np.ndarray]) -> None:
    import cv2

    cv2.imwrite(str(here / "deep.png"), scenes[0].astype(np.uint16) * 256 + 7)
    for flag, name in (([], "rounded.png"), (["--no-rounding"], "fine.png")):
        assert call("degrade", "deep.png", "--kind", "gaussian_blur", "-o", name, *flag)[0] == 0
    assert np.all(read_photo(here / "rounded.png").pixels % 257 == 0)
    assert np.any(read_photo(here / "fine.png").pixels % 257 != 0)


def test_params_make_the_pairs_again(call: Call, here: Path, photos: Path) -> None:
    assert call("degrade", photos, "-k", "jpeg,ringing", "-o", "o", "--quiet")[0] == 0
    found = call("degrade", photos, "--params", "o/params.csv", "-o", "again")
    assert found[:2] == (0, "10 pairs in again, as o/params.csv has them\n")
    for name in files_under(here / "o"):
        assert (here / "o" / name).read_bytes() == (here / "again" / name).read_bytes()
    for more in (("--kind", "jpeg"), ("--all",), ("--severity", "0.5"), ("--seed", "0"), ("--no-rounding",)):
        check_one_line(call("degrade", photos, "--params", "o/params.csv", "-o", "x", *more), more[0])
    check_one_line(call("degrade", photos, "--params", "o/params.csv"), "--out FOLDER", code=2)
    assert not (here / "x").exists()
