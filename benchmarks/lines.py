"""How large the package is: lines of code, files and long functions, whole and by part.

python benchmarks/lines.py [FOLDER]

A line of code holds something that is no docstring, comment or blank. A function's parameters are counted with * and **
and without self and cls.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

from common import table

SKIPPED = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
MOST = 10
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstring_lines(tree: ast.Module) -> set[int]:
    """The numbers of the lines of all docstrings, and of the texts that stand below a constant to describe it."""
    found: set[int] = set()
    for node in ast.walk(tree):
        for part in node.body if isinstance(node, DOCUMENTED) else ():
            if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                found |= set(range(part.lineno, (part.end_lineno or part.lineno) + 1))
    return found


def code_lines(source: str) -> int:
    """How many lines hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SKIPPED:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstring_lines(ast.parse(source)))


def parameters(node: ast.FunctionDef) -> int:
    """How many parameters a function has."""
    given = node.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [argument.arg for argument in (given.vararg, given.kwarg) if argument is not None]
    return len([name for name in names if name not in ("self", "cls")])


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "grids")
    sizes: dict[str, list[int]] = {}
    wide: list[tuple[int, str]] = []
    long: list[tuple[int, str]] = []
    for file in sorted(folder.rglob("*.py")):
        source, name = file.read_text(encoding="utf-8"), file.relative_to(folder)
        part = name.parts[0] if len(name.parts) > 1 else "."
        sizes.setdefault(part, []).append(code_lines(source))
        if (physical := len(source.splitlines())) > 300:
            long.append((physical, str(name)))
        functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        wide += [(parameters(node), f"{name}: {node.name}") for node in functions if parameters(node) > MOST]
    rows = [(part, f"{len(counts)}", f"{sum(counts):,}") for part, counts in sorted(sizes.items())]
    rows.append(("all", f"{sum(map(len, sizes.values()))}", f"{sum(map(sum, sizes.values())):,}"))
    print(table(("part", "files", "lines of code"), rows))
    print(f"\nfunctions with more than {MOST} parameters:")
    print(*(f"{count:3d}  {name}" for count, name in sorted(wide)), sep="\n")
    print("\nfiles of more than 300 lines:", *(f"{count:4d}  {name}" for count, name in sorted(long)), sep="\n")
