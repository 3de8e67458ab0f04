"""The wheel, and what the README shows."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import grids

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would install it."""
    pytest.importorskip("build", reason="the package `build` is not installed (it comes with the extra dev)")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "grids"):
        (source / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_lowest_versions_are_the_bounds_of_setup_cfg() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = config["options"]["install_requires"] + config["options.extras_require"]["test"]
    bounds = dict(re.findall(r"^([\w-]+) >= ([\d.]+)$", wanted, re.MULTILINE))
    pins = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / "constraints-lowest.txt").read_text(), re.MULTILINE))
    assert pins.keys() == bounds.keys() and len(pins) > 15
    for name in bounds.keys() - {"torch"}:  # of which one build serves all tests
        assert f"{pins[name]}.".startswith(f"{bounds[name]}."), name


def test_the_wheel_holds_what_runs(wheel: Path) -> None:
    for name in ("py.typed", "weights/manifest.json", "weights/README.md", "reports/templates/base.html.j2"):
        assert (wheel / "grids" / name).is_file(), name
    assert not (wheel / "tests").exists()
    (metadata,) = wheel.glob("grids-*.dist-info/METADATA")
    assert f"Version: {grids.__version__}" in metadata.read_text(encoding="utf-8")


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import grids; from grids.cli import run\n"
    code += "assert grids.__file__.startswith(sys.path[0]), grids.__file__\nsys.exit(run(['similarity', '--show']))"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "gaussian_blur" in found.stdout


@pytest.mark.slow
def test_the_python_of_the_readme_runs(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "measure_similarity" in block]
    assert "patches=192" in example
    monkeypatch.chdir(photos.parent)
    names: dict[str, object] = {}
    exec(example.replace("patches=192", "patches=12, patch_size=16"), names)
    assert (photos.parent / "runs" / "mine" / "report.html").is_file()
    assert names["degraded"].shape == (16, 3, 256, 256)  # type: ignore[attr-defined]


def test_no_text_waits_to_be_filled_in() -> None:
    files = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "grids" / "weights" / "README.md"]
    assert [file.name for file in files if "@@" in file.read_text(encoding="utf-8")] == []
