"""`grids similarity --show`, and how a matrix is printed. Nothing here imports torch."""

from __future__ import annotations

import json
from typing import Any

import click

from grids.commands.options import BUILTIN, split_names
from grids.errors import GridsError
from grids.pipeline.compare import load_similarity
from grids.reports import tables
from grids.results import SimilarityMatrix


def show(images: tuple[str, ...], options: dict[str, Any]) -> None:
    """`grids similarity --show`."""
    measuring = ("plugins", "extra", "patches", "patch_size", "components", "layer", "descriptor", "precision")
    if images or options["paper"] or options["intervals"] or any(options[name] for name in measuring):
        raise GridsError("--show measures nothing: it takes --out RUN, --degradations and --json only")
    found = load_similarity(options["out"] or BUILTIN)
    if options["degradations"] is not None:
        found = found.subset(split_names(options["degradations"]))
    if options["as_json"]:
        click.echo(json.dumps(found.to_json()))
    else:
        print_matrix(found)


def print_matrix(found: SimilarityMatrix) -> None:
    """The matrix with its closest and farthest pairs."""
    click.echo(tables.matrix_text(found))
    click.echo(tables.pairs_text(tables.closest_and_farthest(found)))
