"""The command line: every command's help and output, and one clear line for everything that can be wrong."""

from __future__ import annotations

import csv
import errno
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import grids
from grids import SimilarityMatrix, builtin_similarity
from grids.cli import COMMANDS, run
from grids.degradations import ELEVEN, NAMES
from grids.images import read_photo
from grids.networks import SRResNetX4

# A shell that runs pytest in the background has its children ignore Ctrl-C: undo that.
MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from grids.cli import main; main()"
KINDS = "gaussian_blur,jpeg,salt_pepper"

Output = tuple[int, str, str]
Grids = Callable[..., Output]


def typed(value: object) -> str:
    """The name of a case: its arguments as they are typed."""
    return " ".join(value) if isinstance(value, list) else "-"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(here: Path, capsys: pytest.CaptureFixture[str]) -> Grids:
    """Run a command in this process: its exit code, stdout and stderr."""

    def call(*arguments: object) -> Output:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def measure(call: Grids, photos: Path, tiny: Path) -> Grids:
    """`grids similarity` on five small photographs with the tiny descriptor."""

    def measure(*arguments: object, images: object = None) -> Output:
        given = [photos] if images is None else images
        small = ("--patches", 12, "--patch-size", 16, "--device", "cpu", "--descriptor", tiny, "--degradations", KINDS)
        return call("similarity", *given, *small, *arguments)

    return measure


@pytest.fixture
def photo(photos: Path) -> Path:
    return photos / "p0.png"


def assert_one_line(output: Output, reason: str, code: int = 1) -> None:
    found, out, err = output
    assert (found, out) == (code, "")
    assert err.startswith("grids: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert reason.lower() in err.lower()


def files_under(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def subprocess_run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(command, **({"capture_output": True, "text": True, "check": False} | options))


# --- help and names


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(call: Grids, command: str, flag: str) -> None:
    code, out, err = call(command, flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: grids {command}")
    assert "Example" in out
    assert f"  grids {command}" in out
    assert max(map(len, out.splitlines())) <= 120


def test_the_overview_lists_every_command(call: Grids) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert {"compare", "degradations", "degrade", "similarity"} <= COMMANDS.keys()
    assert all(f"\n  {command}" in out for command in COMMANDS)
    assert call("--version")[:2] == (0, f"grids, version {grids.__version__}\n")


def test_without_a_command_the_overview_is_shown(call: Grids) -> None:
    _, out, err = call()
    assert "Commands:\n" in out + err
    assert "Usage: grids" in out + err


def test_degradations_are_listed(call: Grids) -> None:
    code, out, err = call("degradations")
    assert (code, err) == (0, "")
    assert all(f"{name} " in out for name in NAMES)
    assert out.count("source: ") == len(NAMES)
    code, out, _ = call("degradations", "--json")
    records = {record["name"]: record for record in json.loads(out)}
    assert tuple(records) == NAMES
    jpeg = records["jpeg"]["ranges"][0]
    assert (jpeg["name"], jpeg["mild"], jpeg["strong"]) == ("quality", 60, 10)


def test_weather_is_measured_where_it_is_named(call: Grids, photos: Path, tiny: Path) -> None:
    small = ("--patches", 12, "--patch-size", 16, "--device", "cpu", "--descriptor", tiny, "--json")
    code, out, _ = call("similarity", photos, *small, "--degradations", "haze,jpeg,low_light")
    assert (code, json.loads(out)["degradations"]) == (0, ["haze", "jpeg", "low_light"])


def test_networks_are_listed(call: Grids) -> None:
    code, out, err = call("networks")
    assert (code, err) == (0, "")
    assert "26.13 M" in out
    records = {record["name"]: record for record in json.loads(call("networks", "--json")[1])}
    assert records["srresnet"]["parameters"] == 1_222_147
    assert records["nafnet"]["multiply_adds"] < records["restormer"]["multiply_adds"]


# --- exit codes


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["similarity", "--nope"], "no such option"),
        (["--nope"], "no such option"),
        (["similarity", "--patches"], "requires an argument"),
        (["degrade", "--kind", "jpeg"], "missing argument"),
        (["compare"], "missing argument"),
        (["compare", "builtin"], "two runs or more"),
        (["degrade", "a.png"], "which degradation?"),
        (["degrade", "a.png", "b.png", "--kind", "jpeg"], "--out FOLDER"),
        (["degrade", "a.png", "--params", "p.csv"], "--out FOLDER"),
        (["restore", "a.png", "b.png"], "--out FOLDER"),
        (["degradations", "--quiett"], "no such option"),
    ],
    ids=typed,
)
def test_unknown_options_and_missing_arguments_exit_with_2(call: Grids, arguments: list[str], reason: str) -> None:
    assert_one_line(call(*arguments), reason, code=2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["similarty"], "did you mean 'similarity'"),
        (["similarity", "--patches", "many"], "not a valid integer"),
        (["similarity", "--patches", "0"], "patches must be at least 8, but is 0"),
        (["similarity", "--patches", "-5"], "but is -5"),
        (["similarity", "--patch-size", "4"], "patch size must be 8 to 512"),
        (["similarity", "--components", "0"], "components must be"),
        (["similarity", "--components", "192"], "components must be 1 to 191"),
        (["similarity", "--seed", "-1"], "seed must be 0 to 2^63 - 1"),
        (["similarity", "--jobs", "0"], "jobs must be at least 1"),
        (["similarity", "--device", "cdua"], "did you mean 'cuda'"),
        (["similarity", "--device", "cpu:"], "cpu"),
        (["similarity", "--layer", "lst"], "last"),
        (["similarity", "--order", "clutser"], "cluster"),
        (["similarity", "--precision", "fp23"], "did you mean 'fp32'"),
        (["similarity", "--degradations", "jpeg,rining"], "did you mean 'ringing'"),
        (["similarity", "--degradations", ","], "no degradation is named"),
        (["similarity", "--degradations", ","], "no degradation is named"),
        (["similarity", "--degradations", "jpeg"], "at least two"),
        (["similarity", "--degradations", "jpeg,jpeg"], "named twice"),
        (["similarity", "--extra", "haze"], "NAME=FOLDER"),
        (["similarity", "--extra", "=haze"], "NAME=FOLDER"),
        (["similarity", "--extra", "a=x", "--extra", "a=y"], "twice"),
        (["similarity", "--degradation", "fog=my.py"], "'fog' must be given as FILE.py:FUNCTION, not 'my.py'"),
        (["similarity", "--degradation", "fog=none.py:fog"], "no file 'none.py'"),
        (["similarity", "nowhere"], "nowhere"),
        (["similarity", "builtin", "nowhere"], "cannot be mixed"),
        (["similarity", "--show", "photos"], "measures nothing"),
        (["similarity", "--show", "--out", "nowhere"], "nowhere"),
        (["similarity", "--show", "--degradations", "jpeg,rining"], "did you mean 'ringing'"),
        (["compare", "builtin", "nowhere"], "nowhere"),
        (["degrade", "nowhere.png", "--kind", "jpeg"], "nowhere.png"),
        (["degradations", "jpeg"], "unexpected extra argument"),
    ],
    ids=typed,
)
def test_wrong_names_and_values_exit_with_1(call: Grids, here: Path, arguments: list[str], reason: str) -> None:
    assert_one_line(call(*arguments), reason)
    assert not [file for file in files_under(here) if file.endswith((".json", ".png", ".csv"))]


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
def test_wrong_values_of_degrade_exit_with_1(
    call: Grids, here: Path, photo: Path, arguments: list[str], reason: str
) -> None:
    assert_one_line(call("degrade", photo, *arguments), reason)
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
def test_functions_of_ones_own_that_fail(call: Grids, here: Path, photo: Path, text: str, reason: str) -> None:
    (here / "my.py").write_text(text)
    assert_one_line(call("degrade", photo, "--degradation", "fog=my.py:fog", "-o", "o.png"), reason)
    assert not (here / "o.png").exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "a b", ""])
def test_names_of_ones_own_stay_within_the_folder(call: Grids, here: Path, photo: Path, name: str) -> None:
    (here / "my.py").write_text("def fog(images, severity, generator):\n    return images\n")
    before = files_under(here.parent)
    code, _, _ = call(
        "degrade", photo.parent, "--degradation", f"{name}=my.py:fog", "--kind", f"jpeg,{name}", "-o", "o/p"
    )
    assert code == 1
    assert files_under(here.parent) == before


def test_a_function_of_ones_own_does_not_take_a_known_name(call: Grids, here: Path, photo: Path) -> None:
    (here / "my.py").write_text("def fog(images, severity, generator):\n    return images\n")
    assert_one_line(call("degrade", photo, "--degradation", "jpeg=my.py:fog", "-o", "o.png"), "jpeg")


# --- weights


def bad_weights(kind: str, path: Path) -> Path:
    state = dict(SRResNetX4(channels=8, blocks=1).state_dict())
    if kind == "nan":
        state["conv_hr.bias"] = torch.full((8,), float("nan"))
    elif kind == "shape":
        state["conv_hr.weight"] = torch.zeros(8, 8, 5, 5)
    elif kind == "other":
        state = {"linear.weight": torch.zeros(3, 3)}
    if kind == "text":
        path.write_text("these are words")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        save_file(state, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "not finite"),
        ("shape", "'conv_hr.weight' is"),
        ("other", "conv_first.weight"),
        ("text", "neither safetensors nor"),
        ("cut", "neither safetensors nor"),
        ("folder", "cannot read"),
        ("missing", "No such file"),
    ],
)
def test_weights_that_cannot_be_used(measure: Grids, tmp_path: Path, kind: str, reason: str) -> None:
    assert_one_line(measure("--descriptor", bad_weights(kind, tmp_path / "bad.safetensors")), reason)


# --- images


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
    call: Grids, measure: Grids, here: Path, photo: Path, command: str, kind: str
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
    assert_one_line(output, "bad.png")
    if kind == "huge":
        assert "--max-pixels" in output[2]
    assert files_under(here) == {"in/bad.png"}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_a_bad_image_among_good_ones_is_reported_skipped_and_counted(
    measure: Grids, call: Grids, here: Path, photos: Path, photo: Path, kind: str
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


def test_images_smaller_than_a_patch(measure: Grids, call: Grids, here: Path) -> None:
    (here / "in").mkdir()
    Image.new("RGB", (1, 1)).save(here / "in" / "dot.png")
    assert_one_line(measure(images=["in/dot.png"]), "1 x 1 pixels, but at least 16 are needed")
    assert_one_line(measure(images=["in"]), "dot.png")
    code, out, _ = call("degrade", "in/dot.png", "--kind", "jpeg", "-o", "o.png")
    assert (code, out[:5]) == (0, "o.png")


def test_photographs_that_do_not_vary(measure: Grids, here: Path) -> None:
    (here / "in").mkdir()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(here / "in" / "flat.png")
    assert_one_line(measure(images=["in"]), "do not vary")


def test_a_folder_without_images(measure: Grids, call: Grids, here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "notes.txt").write_text("x")
    assert_one_line(measure(images=["in"]), "found no image in 'in'")
    assert_one_line(call("degrade", "in", "--kind", "jpeg", "-o", "o"), "found no image in 'in'")


def test_max_pixels_applies_to_every_command(measure: Grids, call: Grids, photos: Path) -> None:
    degrade = ("degrade", photos, "--kind", "jpeg", "-o", "o")
    for code, out, err in (measure("--max-pixels", 1000), call(*degrade, "--max-pixels", 1000)):
        assert (code, out) == (1, "")
        *skipped, last = err.splitlines()
        assert [line.startswith("skipped ") for line in skipped] == [True] * 5
        assert last.startswith("grids: none of 5 images can be used")
        assert "--max-pixels" in last
    assert measure("--max-pixels", 120 * 144)[0] == 0


def test_names_of_any_alphabet(measure: Grids, call: Grids, here: Path, photos: Path) -> None:
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
        done = subprocess_run(*arguments, errors="surrogateescape")
        assert "Traceback" not in done.stderr
        assert done.returncode == 0
    assert len(files_under(here / "pairs" / "LQ")) == 5


# --- places that cannot be written


def test_an_output_path_that_is_a_file(measure: Grids, call: Grids, here: Path, photos: Path, photo: Path) -> None:
    (here / "file").write_text("kept")
    assert_one_line(measure("--out", "file"), "file")
    assert_one_line(call("compare", "builtin", "builtin", "--out", "file"), "file")
    assert_one_line(call("degrade", photos, "--kind", "jpeg", "-o", "file"), "file")
    assert_one_line(call("degrade", photo, "--kind", "jpeg", "-o", "file/o.png"), "file")
    assert_one_line(call("degrade", photo, "--all", "-o", "file/o.png"), "file")
    assert files_under(here) == {"file"}
    assert (here / "file").read_text() == "kept"


def test_a_full_disk(measure: Grids, call: Grids, here: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, *_: object) -> object:
        os.close(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("grids.io.os.fdopen", full)
    outputs = [measure("--out", "run"), call("degrade", photo, "--kind", "jpeg", "-o", "o.png")]
    outputs.append(call("compare", "builtin", "builtin", "--out", "comparison"))
    monkeypatch.undo()
    for output in outputs:
        assert_one_line(output, "No space left on device")
    assert files_under(here) == set()


@pytest.mark.slow
def test_a_disk_that_fills_up_during_a_measurement(here: Path, photos: Path, tiny: Path) -> None:
    arguments = (
        "similarity",
        photos,
        "--patches",
        12,
        "--patch-size",
        16,
        "--descriptor",
        tiny,
        "--degradations",
        KINDS,
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess_run(*arguments, "--out", "run", preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("grids: cannot write 'run/heatmap.png'")
    # what was small enough is whole, and nothing else is left
    assert SimilarityMatrix.load(here / "run").degradations == tuple(KINDS.split(","))
    rows = {f"rows/{name}.safetensors" for name in ("clean", *KINDS.split(","))}
    assert files_under(here / "run") == {"similarity.json", "similarity.csv", *rows}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess_run("degradations", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "grids: No space left on device\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-c", MAIN, "degradations"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


# --- interruption


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files_only(here: Path, photos: Path) -> None:
    arguments = ["similarity", photos, "--patches", 256, "--patch-size", 32, "--out", "run", "--jobs", 1]
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while not (here / "run" / "rows" / "clean.safetensors").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1] == "grids: interrupted"
    assert "Traceback" not in err
    found = files_under(here / "run")
    assert "rows/clean.safetensors" in found
    assert found <= {f"rows/{name}.safetensors" for name in ("clean", *ELEVEN)}


def test_ctrl_c_in_this_process(call: Grids, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("grids.pipeline.degrade.degrade_file", interrupted)
    code, _, err = call("degrade", photo, "--kind", "jpeg", "-o", "o.png")
    assert (code, err.strip()) == (130, "grids: interrupted")


def test_too_little_memory(call: Grids, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("grids.pipeline.degrade.degrade_file", exhausted)
    assert_one_line(call("degrade", photo, "--kind", "jpeg", "-o", "o.png"), "out of memory")


# --- similarity


def test_similarity_prints_and_writes(measure: Grids, here: Path) -> None:
    code, out, err = measure("--out", "run")
    assert (code, err) == (0, "")
    assert "gaussian_blur" in out
    assert "closest" in out
    assert f"heatmap  {Path('run/heatmap.png')}" in out
    assert "report   run/report.html" in out
    assert {"similarity.json", "similarity.csv", "report.html", "heatmap.svg"} <= files_under(here / "run")
    page = (here / "run" / "report.html").read_text()
    assert "at severity 0.5" in page


def test_similarity_as_json_and_quiet(measure: Grids, here: Path) -> None:
    code, out, err = measure("--json", "--out", "one")
    assert (code, err) == (0, "")
    assert SimilarityMatrix.from_json(json.loads(out)).degradations == tuple(KINDS.split(","))
    assert out.count("\n") == 1
    assert measure("--quiet", "--out", "two") == (0, "", "")
    for name in ("similarity.json", "heatmap.png", "report.html"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


def test_similarity_options_reach_the_measurement(measure: Grids, here: Path, photos: Path) -> None:
    (here / "my.py").write_text("def fog(images, severity, generator):\n    return images * 0.5 + 0.4\n")
    code, out, _ = measure(
        *("--extra", f"own={photos}", "--degradation", "fog=my.py:fog", "--layer", "body", "--components", 4),
        *("--seed", 9, "--precision", "fp32", "--intervals", "--jobs", 1, "--order", "paper", "--json"),
    )
    assert code == 0
    found = SimilarityMatrix.from_json(json.loads(out))
    assert found.degradations == (*KINDS.split(","), "fog", "own")
    assert found.low is not None
    wanted = {"layer": "body", "components": 4, "seed": 9, "precision": "fp32", "patches": 12, "patch_size": 16}
    assert found.settings.items() >= wanted.items()
    assert files_under(here / "runs" / "similarity") >= {"similarity.json"}


def test_a_second_measurement_shows_the_same(measure: Grids) -> None:
    first = measure("--out", "run")
    assert first[0] == 0
    code, out, err = measure("--out", "run")
    assert (code, out) == first[:2]
    assert err == "4 of 4 rows were taken from run/rows\n"


def test_a_matrix_of_other_settings_is_not_replaced(measure: Grids, here: Path, photos: Path) -> None:
    assert measure("--out", "run", "--intervals", "--quiet")[0] == 0
    before = (here / "run" / "similarity.json").read_bytes()
    for more, reason in (
        ((), "with intervals, now without."),
        (("--intervals", "--patches", 16), "patches 12, now 16; components 4, now 6; other photographs or crops."),
        (("--intervals", "--degradations", "jpeg,salt_pepper"), "with gaussian_blur, now without."),
        (("--intervals", "--seed", 1), "seed 0, now 1"),
    ):
        output = measure("--out", "run", *more)
        assert_one_line(output, reason)
        assert "'run/similarity.json' is of other settings" in output[2] and "(--out)" in output[2]
    assert (here / "run" / "similarity.json").read_bytes() == before
    more = ("--intervals", "--degradations", f"{KINDS},ringing", "--quiet")
    assert measure("--out", "run", *more)[0] == 0  # what is there stays part of it


def test_show_prints_the_matrix_that_ships(call: Grids, here: Path) -> None:
    code, out, err = call("similarity", "--show")
    assert (code, err) == (0, "")
    found = builtin_similarity()
    assert all(name in out for name in found.degradations)
    assert f"{found.distance('ringing', 'jpeg'):.2f}" in out
    closest = found.pairs()[0]
    assert out.index("closest") < out.index(f"{closest[1]} - {closest[2]}") < out.index("farthest")
    code, out, _ = call("similarity", "--show", "--json")
    assert json.loads(out) == found.to_json()
    code, out, _ = call("similarity", "--show", "--json", "--degradations", "jpeg, ringing")
    assert json.loads(out)["degradations"] == ["jpeg", "ringing"]
    assert files_under(here) == set()


def test_show_prints_a_run(measure: Grids, call: Grids) -> None:
    _, measured, _ = measure("--out", "run", "--json")
    assert call("similarity", "--show", "--out", "run", "--json") == (0, measured, "")


# --- compare


def test_compare(measure: Grids, call: Grids, here: Path) -> None:
    measure("--out", "run", "--quiet")
    code, out, err = call("compare", "builtin", "run", "--out", "comparison")
    assert (code, err) == (0, "")
    assert out.startswith("builtin -> run: 3 common degradations, 3 pairs")
    assert "report   comparison/report.html" in out
    assert files_under(here / "comparison") == {"comparison.json", "heatmaps.png", "heatmaps.svg", "report.html"}
    code, out, _ = call("compare", "builtin", "run", "run/similarity.json", "--json")
    assert [record["common"] for record in json.loads(out)] == [KINDS.split(",")] * 2
    assert call("compare", "builtin", "run", "--quiet") == (0, "", "")


def test_compare_refuses_what_is_no_run(call: Grids, here: Path) -> None:
    (here / "words.json").write_text("words")
    (here / "list.json").write_text("[1]")
    assert_one_line(call("compare", "builtin", "words.json"), "words.json")
    assert_one_line(call("compare", "builtin", "list.json"), "no similarity matrix")
    assert_one_line(call("compare", "builtin", "."), "similarity.json")


# --- degrade


def test_degrade_one_file(call: Grids, here: Path, photo: Path) -> None:
    command = ("degrade", photo, "--kind", "jpeg", "--severity", "0.5", "--seed", 7)
    code, out, err = call(*command, "-o", "out.png")
    assert (code, err) == (0, "")
    assert out.startswith("out.png  PSNR ")
    assert 20 < float(out.split()[2]) < 45
    assert call(*command, "-o", "again.png", "--quiet") == (0, "", "")
    assert (here / "out.png").read_bytes() == (here / "again.png").read_bytes()
    assert call(*command)[0] == 0
    assert (here / "p0_jpeg.png").read_bytes() == (here / "out.png").read_bytes()


def test_degrade_with_several_kinds_makes_a_contact_sheet(call: Grids, here: Path, photo: Path) -> None:
    assert call("degrade", photo, "--all", "-o", "sheet.png") == (0, "sheet.png\n", "")
    assert call("degrade", photo, "--kind", "jpeg, ringing", "--quiet") == (0, "", "")
    with Image.open(here / "sheet.png") as all_kinds, Image.open(here / "p0_degradations.png") as two:
        assert all_kinds.width * all_kinds.height > 2 * two.width * two.height
    assert files_under(here) == {"sheet.png", "p0_degradations.png"}


def test_degrade_a_folder(call: Grids, here: Path, photos: Path) -> None:
    code, out, err = call("degrade", photos, "--kind", "motion_blur", "-o", "pairs/")
    assert (code, err) == (0, "")
    assert out.startswith("5 pairs in pairs")
    expected = {f"{side}/p{i}.png" for side in ("LQ", "GT") for i in range(5)} | {"params.csv"}
    assert files_under(here / "pairs") == expected
    assert_one_line(call("degrade", photos, "--kind", "jpeg"), "--out FOLDER", code=2)


def test_degrade_several_files_and_several_kinds(call: Grids, here: Path, photos: Path) -> None:
    code, out, _ = call("degrade", photos / "p0.png", photos / "p3.png", "--kind", "jpeg,ringing", "-o", "o")
    assert (code, out[:7]) == (0, "4 pairs")
    names = {f"{kind}/{side}/p{i}.png" for kind in ("jpeg", "ringing") for side in ("LQ", "GT") for i in (0, 3)}
    assert files_under(here / "o") == names | {"params.csv"}


def test_degrade_with_a_function_of_ones_own(call: Grids, here: Path, photo: Path) -> None:
    (here / "my.py").write_text("def negative(images, severity, generator):\n    return 1 - images\n")
    assert call("degrade", photo, "--degradation", "negative=my.py:negative", "-o", "o.png")[0] == 0
    np.testing.assert_array_equal(read_photo(here / "o.png").pixels, 255 - read_photo(photo).pixels)
    assert (
        call("degrade", photo, "--degradation", "negative=my.py:negative", "--kind", "negative", "-o", "p.png")[0] == 0
    )
    assert (here / "p.png").read_bytes() == (here / "o.png").read_bytes()


def test_degrade_without_rounding(call: Grids, here: Path, scenes: list[np.ndarray]) -> None:
    import cv2

    cv2.imwrite(str(here / "deep.png"), scenes[0].astype(np.uint16) * 256 + 7)
    for flag, name in (([], "rounded.png"), (["--no-rounding"], "fine.png")):
        assert call("degrade", "deep.png", "--kind", "gaussian_blur", "-o", name, *flag)[0] == 0
    assert np.all(read_photo(here / "rounded.png").pixels % 257 == 0)
    assert np.any(read_photo(here / "fine.png").pixels % 257 != 0)


def test_params_make_the_pairs_again(call: Grids, here: Path, photos: Path) -> None:
    assert call("degrade", photos, "-k", "jpeg,ringing", "-o", "o", "--quiet")[0] == 0
    found = call("degrade", photos, "--params", "o/params.csv", "-o", "again")
    assert found[:2] == (0, "10 pairs in again, as o/params.csv has them\n")
    for name in files_under(here / "o"):
        assert (here / "o" / name).read_bytes() == (here / "again" / name).read_bytes()
    for more in (("--kind", "jpeg"), ("--all",), ("--severity", "0.5"), ("--seed", "0"), ("--no-rounding",)):
        assert_one_line(call("degrade", photos, "--params", "o/params.csv", "-o", "x", *more), more[0])
    assert_one_line(call("degrade", photos, "--params", "o/params.csv"), "--out FOLDER", code=2)
    assert not (here / "x").exists()


@pytest.mark.parametrize(
    "given", [("select", ""), ("restore", "a.png", "-o", ""), ("degrade", "a.png", "--kind=", "-o", "b.png")]
)
def test_an_empty_argument_is_no_folder(
    given: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(list(given)) == 1
    assert capsys.readouterr().err == "grids: an argument is empty: perhaps a variable that is not set\n"
