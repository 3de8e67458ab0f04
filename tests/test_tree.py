"""The tests lie by the same tree as the package."""

from __future__ import annotations

from pathlib import Path

import grids

TESTS = Path(__file__).parent
PACKAGE = Path(grids.__file__).parent
OF_SEVERAL = {
    *("test_benchmarks", "test_examples", "test_guides", "test_hostile_names", "test_imports", "test_package"),
    "test_tree",
    *("commands/test_files", "commands/test_outputs", "commands/test_pipes", "commands/test_start"),
}
"""Files that look at the whole project, or at all commands, rather than at one module."""


def test_every_file_of_tests_stands_where_its_module_stands() -> None:
    files = {file.relative_to(TESTS).with_suffix("").as_posix() for file in TESTS.rglob("test_*.py")}
    astray = []
    for name in files - OF_SEVERAL:
        module = PACKAGE / name.replace("test_", "")
        if not (module.is_dir() or module.with_suffix(".py").is_file()):
            astray.append(name)
    assert astray == []
    assert files >= OF_SEVERAL  # no name in the list whose file has gone
