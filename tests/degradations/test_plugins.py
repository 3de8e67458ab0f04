"""Functions that users bring in a file: what works, and one clear line for what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from contracts import check_degradation, generator, noise_images, raises_line, same_parameters

from grids.degradations import (
    NAMES,
    FunctionDegradation,
    all_degradations,
    check_name,
    degradation,
    load_function,
    plugins,
)
from grids.degradations.plugins import load_installed
from grids.errors import GridsError, UnknownNameError

FOG = """
def fog(images, severity, generator):
    share = (0.2 + 0.6 * severity).view(-1, 1, 1, 1)
    return images * (1 - share) + 0.9 * share
"""


def written(folder: Path, text: str, name: str = "my.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@pytest.fixture
def fog(tmp_path: Path) -> FunctionDegradation:
    return load_function("fog", written(tmp_path, FOG) + ":fog")


def test_a_function_in_a_file_is_a_degradation(fog: FunctionDegradation) -> None:
    images = noise_images()
    assert fog.name == "fog"
    assert fog.source.endswith("my.py:fog")
    parameters = fog.sample(images.shape, generator(), torch.tensor([0.0, 1.0]))
    result = fog.apply(images, parameters, round_to_8_bit=False)
    assert torch.allclose(result[0], images[0] * 0.8 + 0.18, atol=1e-6)
    assert torch.allclose(result[1], images[1] * 0.2 + 0.72, atol=1e-6)


def test_it_keeps_the_whole_contract(fog: FunctionDegradation) -> None:
    check_degradation(fog)


def test_its_severity_is_drawn_from_the_whole_range(fog: FunctionDegradation) -> None:
    levels = fog.sample((2000, 3, 8, 8), generator())["severity"]
    assert 0 <= float(levels.min()) < 0.01
    assert 0.99 < float(levels.max()) <= 1
    assert same_parameters(fog.sample((3, 3, 8, 8), generator(1)), fog.sample((3, 3, 8, 8), generator(1)))


def test_its_random_numbers_come_from_the_seed(tmp_path: Path) -> None:
    text = (
        "import torch\ndef f(images, severity, generator):\n    return torch.rand(images.shape, generator=generator)\n"
    )
    kind = load_function("f", written(tmp_path, text) + ":f")
    images = noise_images()
    assert torch.equal(kind(images, generator(1)), kind(images, generator(1)))
    assert not torch.equal(kind(images, generator(1)), kind(images, generator(2)))


def test_a_function_that_writes_into_its_argument_spoils_nothing(tmp_path: Path) -> None:
    text = "def f(images, severity, generator):\n    return images.mul_(0.5)\n"
    kind = load_function("f", written(tmp_path, text) + ":f")
    images = noise_images()
    kept = images.clone()
    kind(images, generator())
    assert torch.equal(images, kept)


def test_its_result_is_clipped_and_made_float32(tmp_path: Path) -> None:
    text = "def f(images, severity, generator):\n    return images.double() * 3 - 1\n"
    result = load_function("f", written(tmp_path, text) + ":f")(noise_images(), generator())
    assert result.dtype == torch.float32
    assert float(result.min()) == 0
    assert float(result.max()) == 1


def test_identity_is_the_text_of_the_file(tmp_path: Path, fog: FunctionDegradation) -> None:
    same = load_function("fog", written(tmp_path, FOG, "other.py") + ":fog")
    other = load_function("fog", written(tmp_path, FOG.replace("0.6", "0.7"), "third.py") + ":fog")
    assert fog.identity() == same.identity() != other.identity()


@pytest.mark.parametrize("location", ["", "my.py", "my.py:", ":fog", ":"])
def test_a_location_must_have_both_parts(location: str) -> None:
    raises_line(lambda: load_function("fog", location), "'fog'", "FILE.py:FUNCTION", f"'{location}'")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    raises_line(lambda: load_function("fog", f"{tmp_path / 'no.py'}:fog"), "no.py", "fog")
    raises_line(lambda: load_function("fog", f"{tmp_path}:fog"), str(tmp_path))


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("def fog(:\n", "SyntaxError"),
        ("import a_package_that_is_not_there\n", "a_package_that_is_not_there"),
        ("raise ValueError('first\\nsecond')\n", "ValueError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("x = 1 / 0\n", "ZeroDivisionError"),
        ("\x00", "Error"),
    ],
    ids=["syntax", "import", "two lines", "exit", "division", "zero byte"],
)
def test_a_file_that_does_not_run(tmp_path: Path, text: str, fragment: str) -> None:
    raises_line(lambda: load_function("fog", written(tmp_path, text) + ":fog"), "my.py", fragment)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_bytes(b"x = '\xff\xfe'\n")
    raises_line(lambda: load_function("fog", f"{tmp_path / 'my.py'}:fog"), "my.py")
    (tmp_path / "my.txt").write_text(FOG)
    raises_line(lambda: load_function("fog", f"{tmp_path / 'my.txt'}:fog"), "my.txt")


def test_a_missing_function_is_named(tmp_path: Path) -> None:
    location = written(tmp_path, FOG + "\nmist = 3\n")
    raises_line(lambda: load_function("fog", location + ":frog"), "my.py", "frog")
    raises_line(lambda: load_function("fog", location + ":mist"), "my.py", "mist")


@pytest.mark.parametrize(
    ("body", "fragments"),
    [
        ("raise KeyError('depth')", ["fog", "KeyError", "depth"]),
        ("raise ValueError('first\\nsecond')", ["fog", "ValueError"]),
        ("return images[..., 1:]", ["fog", "(1, 3, 24, 20)", "(1, 3, 24, 19)"]),
        ("return images[0]", ["fog", "(3, 24, 20)"]),
        ("return None", ["fog", "NoneType"]),
        ("return images.numpy()", ["fog", "ndarray"]),
        ("return images * float('nan')", ["fog", "not finite"]),
        ("return images / 0", ["fog", "not finite"]),
    ],
    ids=["raises", "two lines", "cropped", "no batch", "None", "numpy", "NaN", "inf"],
)
def test_a_function_that_goes_wrong(tmp_path: Path, body: str, fragments: list[str]) -> None:
    kind = load_function("fog", written(tmp_path, f"def fog(images, severity, generator):\n    {body}\n") + ":fog")
    raises_line(lambda: kind(noise_images(), generator()), *fragments)


def test_a_function_with_other_arguments(tmp_path: Path) -> None:
    kind = load_function("fog", written(tmp_path, "def fog(images):\n    return images\n") + ":fog")
    raises_line(lambda: kind(noise_images(), generator()), "fog", "TypeError")


class _Entry:
    def __init__(self, name: str, loaded: object) -> None:
        self.name = name
        self.loaded = loaded

    def load(self) -> object:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def install(monkeypatch: pytest.MonkeyPatch, *entries: _Entry) -> None:
    def entry_points(group: str, name: str | None = None) -> list[_Entry]:
        assert group == "grids.degradations"
        return [entry for entry in entries if name in (None, entry.name)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)


def test_installed_packages_offer_functions_classes_and_objects(
    monkeypatch: pytest.MonkeyPatch, fog: FunctionDegradation
) -> None:
    blur = type(all_degradations()["gaussian_blur"])
    entries = [_Entry("mist", fog.function), _Entry("soft", blur), _Entry("fog", fog)]
    install(monkeypatch, *entries)
    found = all_degradations()
    assert list(found)[len(NAMES) :] == ["mist", "soft", "fog"]
    assert found["fog"] is fog
    assert isinstance(found["soft"], blur)
    assert degradation("fog") is fog


def test_a_broken_package_breaks_only_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, _Entry("mist", ImportError("no such module")))
    assert degradation("jpeg").name == "jpeg"
    raises_line(lambda: degradation("mist"), "'mist'", "no such module")


@pytest.mark.parametrize(
    ("name", "loaded", "fragments"),
    [
        ("jpeg", lambda *_: None, ["'jpeg'", "taken"]),
        ("mist", ImportError("no such module\nat all"), ["'mist'", "no such module"]),
        ("mist", 3, ["'mist'"]),
    ],
    ids=["taken", "broken", "neither"],
)
def test_what_installed_packages_get_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, loaded: object, fragments: list[str]
) -> None:
    install(monkeypatch, _Entry(name, loaded))
    raises_line(all_degradations, *fragments)


def test_names_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'jpeg'"):
        degradation("jpg")
    for name in ("", "../up", "a b", "x" * 65, "-x"):
        with pytest.raises(GridsError, match="is made of letters"):
            check_name(name)


def test_a_function_that_leaves_python(tmp_path: Path) -> None:
    kind = load_function("fog", written(tmp_path, "def fog(*_):\n    raise SystemExit(7)\n") + ":fog")
    raises_line(lambda: kind(noise_images(), generator()), "fog", "SystemExit")


def test_a_function_with_randomness_of_its_own_replays(tmp_path: Path) -> None:
    body = "import torch\ndef fog(images, *_):\n    return (images + torch.randn(images.shape)).clamp(0, 1)\n"
    kind = load_function("fog", written(tmp_path, body) + ":fog")
    before = torch.get_rng_state()
    assert torch.equal(kind(noise_images(), generator()), kind(noise_images(), generator()))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_degradation_that_no_package_offers_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="unknown installed degradation 'fog'"):
        load_installed("fog")
