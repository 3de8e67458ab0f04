"""Imports run one way, the public names are there and documented, and nothing heavy or forbidden is imported."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grids

PACKAGE = Path(grids.__file__).parent
# docs: "The house". A part may import its own modules and the parts above it in this list.
RANKS = (
    ("errors", "builtin"),
    ("io", "cells", "random", "metrics", "devices"),
    ("results", "images", "weights"),
    ("psf",),
    ("degradations", "networks", "search", "reports"),
    ("similarity",),
    ("restoration",),
    ("training",),
    ("selection",),
    ("pipeline",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
RANK = {part: rank for rank, parts in enumerate(RANKS) for part in parts}
FORBIDDEN = {"torchvision", "timm", "spandrel", "basicsr", "pyiqa", "albumentations"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(file: Path) -> str:
    parts = ("grids", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, package: str) -> Iterator[tuple[int, str]]:
    """(line, full name) of everything that a module imports, at its top, in functions or for type checking."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def wrong_imports(source: str, name: str, package: str) -> list[str]:
    part = name.split(".")[1]
    wrong = []
    for line, full in imported(source, package):
        other = full.split(".")[1] if full.startswith("grids.") else None
        if full.split(".")[0] in FORBIDDEN:
            wrong.append(f"{name}:{line} imports {full}, which is not allowed")
        elif full == "grids":
            wrong.append(f"{name}:{line} imports the whole package")
        elif other in (None, part, "__version__"):
            continue
        elif other not in RANK:
            wrong.append(f"{name}:{line} imports {full}, which has no rank")
        elif RANK[other] >= RANK[part]:
            wrong.append(f"{name}:{line} imports {full}, which is not below it")
    return wrong


@pytest.mark.parametrize(
    "file", [file for file in MODULES if file.parent != PACKAGE or file.name != "__init__.py"], ids=module_name
)
def test_imports_run_one_way(file: Path) -> None:
    name = module_name(file)
    assert name.split(".")[1] in RANK, f"{name} has no rank: give it one"
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    assert wrong_imports(file.read_text(encoding="utf-8"), name, package) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from grids.pipeline import x", "not below"),
        ("def f():\n    import grids.cli", "not below"),
        ("from grids import commands", "not below"),
        ("from ..training import losses", "not below"),
        ("import grids", "whole package"),
        ("from grids.misc import x", "no rank"),
        ("import torchvision.ops", "not allowed"),
        ("if True:\n    from timm import create_model", "not allowed"),
        (
            "import torch\nfrom grids import __version__, weights\nfrom . import ggd\nfrom .ggd import fit",
            None,
        ),
    ],
)
def test_the_check_finds_what_is_wrong(source: str, expected: str | None) -> None:
    found = wrong_imports(source, "grids.similarity.matrix", "grids.similarity")
    assert (found == []) if expected is None else (len(found) == 1 and expected in found[0])


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    code = "import sys, grids; print([name for name in sys.modules if name.startswith('grids.')])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_type_checkers_see_every_public_name() -> None:
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    seen = {full.rpartition(".")[2] for _, full in imported(source, "grids") if full.startswith("grids")}
    assert seen == set(grids.__all__) - {"__version__"}


@pytest.mark.parametrize("name", [name for name in grids.__all__ if name != "__version__"])
def test_public_names_resolve_and_are_documented(name: str) -> None:
    value = getattr(grids, name)
    assert value.__name__ == name
    assert len((inspect.getdoc(value) or "").strip()) > 20
    assert not (inspect.getdoc(value) or "").startswith(f"{name}(")  # what a dataclass makes up
    if inspect.isclass(value):
        methods = [m for n, m in vars(value).items() if inspect.isfunction(m) and not n.startswith("_")]
        assert [method.__qualname__ for method in methods if not method.__doc__] == []


def test_the_list_of_public_names() -> None:
    assert dir(grids) == sorted(grids.__all__)
    assert isinstance(grids.__version__, str)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        grids.nothing  # noqa: B018


@pytest.mark.parametrize("file", MODULES, ids=module_name)
def test_public_functions_are_documented(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert bare == []


def test_every_module_can_be_imported_and_says_what_it_is() -> None:
    assert all(importlib.import_module(module_name(file)).__doc__ for file in MODULES)


def test_importing_the_package_and_the_command_line_is_light() -> None:
    heavy = ("torch", "numpy", "scipy", "cv2", "matplotlib", "pandas")
    code = f"import sys, grids, grids.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pandas_is_imported_by_frames_only() -> None:
    code = (
        "import sys, grids.results, grids.pipeline.group, grids.pipeline.train_groups; print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_reading_photographs_imports_no_library_but_pillow_and_numpy() -> None:
    code = "import sys, grids.images; grids.images.builtin_photos(); "
    code += "print({'torch', 'cv2', 'skimage', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
