"""`grids compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from grids.commands import options


@click.command(cls=options.Command)
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", "-o", type=Path, help="Folder for the report and figures.")
@options.as_json("Print JSON instead of tables.")
@options.quiet
def compare(runs: tuple[str, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """Compare the similarity matrix of the first of RUNS with the others: run folders, files, or `builtin`.

    \b
    Example:
      grids compare builtin runs/similarity --out runs/comparison
    """
    from grids.pipeline.compare import compare_runs
    from grids.reports.comparison import comparison_text

    if len(runs) < 2:
        raise options.missing("RUNS", "comparing takes two runs or more: a second run folder, a file, or `builtin`")
    found = compare_runs(runs, out)
    if as_json:
        options.echo(json.dumps([asdict(comparison) for comparison in found]))
    elif not quiet:
        for comparison in found:
            options.echo(comparison_text(comparison))
        if out is not None:
            options.echo(f"report   {out / 'report.html'}")
