"""`grids compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from grids.pipeline.compare import compare_runs
from grids.reports import tables


def compare(runs: tuple[str, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """`grids compare`."""
    found = compare_runs(runs, out)
    if as_json:
        click.echo(json.dumps([asdict(comparison) for comparison in found]))
    elif not quiet:
        for comparison in found:
            click.echo(tables.comparison_text(comparison))
        if out is not None:
            click.echo(f"report   {out / 'report.html'}")
