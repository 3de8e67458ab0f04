"""The guides of CONTRIBUTING.md, followed to the letter in a copy of the project."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.slow
GUIDES = dict(re.findall(r"^## (Add .*?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))
BLOCK = re.compile(r"^```(?:python|markdown)\n# (\S+) \(([^\n]+)\)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COPIED = ("grids", "tests", "benchmarks", "README.md", "CONTRIBUTING.md", "pyproject.toml", "setup.cfg")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project without its history; the weights, which are large, are links."""

    def link(source: str, target: str) -> None:
        if source.endswith(".safetensors"):
            Path(target).symlink_to(source)
        else:
            shutil.copy(source, target)

    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "runs", "quality", "study")
            shutil.copytree(ROOT / name, tmp_path / name, copy_function=link, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def insert(path: Path, place: str, code: str) -> None:
    """Put the code of a block where its comment says."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    what, _, name = place.partition(" ")
    if what == "new":
        assert not path.exists(), path
        made = code
    elif what == "end":
        made = f"{text}\n\n{code}"
    elif what == "imports":
        first = text.index("from grids.")
        made = text[:first] + code + text[first:]
    elif what == "before":
        assert text.count(f"\n{name}") == 1, name
        made = text.replace(f"\n{name}", f"\n{code}{name}")
    else:
        at = end_of(text, name)
        comma = "" if text[:at].rstrip().endswith((",", "(", "[", "{")) else ", "
        made = f"{text[:at].rstrip()}{comma}{code.strip()}{text[at:]}"
    path.write_text(made, encoding="utf-8")


def end_of(text: str, name: str) -> int:
    """Where the bracket stands that closes what a name is given at the top of a module."""
    for statement in ast.parse(text).body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = statement.value  # type: ignore[attr-defined]
            lines = text.splitlines(keepends=True)
            line = lines[value.end_lineno - 1].encode()[: value.end_col_offset - 1].decode()
            return sum(map(len, lines[: value.end_lineno - 1])) + len(line)
    raise AssertionError(f"there is no {name}")


def test_every_kind_of_addition_has_a_guide() -> None:
    kinds = {title.split()[-1] for title in GUIDES}
    assert kinds == {"degradation", "network", "method", "loss", "sampler", "recipe", "command"}


@pytest.mark.parametrize("title", GUIDES)
def test_followed_to_the_letter(title: str, copy: Path) -> None:
    blocks = BLOCK.findall(GUIDES[title])
    assert blocks and GUIDES[title].count("```python") + GUIDES[title].count("```markdown") == len(blocks)
    for name, place, code in blocks:
        insert(copy / name, place, code)
    commands = re.findall(r"^```sh\n(.*?)^```$", GUIDES[title], re.DOTALL | re.MULTILINE)[-1].splitlines()
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    for command in commands:
        words = [sys.executable if word == "python" else word for word in shlex.split(command)]
        done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        assert "no tests ran" not in done.stdout
