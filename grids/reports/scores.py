"""What one network reaches, as text for a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from grids.reports.text import aligned, counted, printable
from grids.results import Evaluation, Score, TrainingReport, mean_score

MEAN = "mean"


def restorer_text(report: TrainingReport, before: str = "input") -> str:
    """Print what a network that was trained alone reaches: PSNR on the validation crops, against what it was given.

    Args:
        report: of one training; only its first run is shown.
        before: the heading of what the network was given: "input", or "bicubic" for an enlarging one.

    Returns:
        Lines with a row for each task and, where there are several, their mean; a second set of columns for inputs that
        were saved as JPEG 90, where that was measured. No line feed at the end.
    """
    run = report.runs[0]
    columns = [(before, "restored", "gain"), ("JPEG 90", "restored", "gain")]
    parts = [_gains(report.inputs, run.psnr), _gains(report.inputs_saved, run.saved)]
    if not parts[1]:
        columns, parts = columns[:1], parts[:1]
    names = [*map(printable, report.inputs), *([MEAN] if len(report.inputs) > 1 else [])]
    rows = [(name, *itertools.chain(*cells)) for name, *cells in zip(names, *parts, strict=True)]
    crops = f"{report.settings['validation_crops']} crops of {report.settings['validation_side']} pixels"
    learnt = counted(report.settings["photographs"], "photograph")
    steps = counted(run.curve[-1].step, "step")
    head = f"{report.network}, {steps} in {run.seconds:.0f} s, {report.start}; learnt from {learnt}"
    heading = f"PSNR in dB on {crops} for each task, photographs that were not learnt from"
    saved = "; then the same saved as JPEG 90 before they were restored:" if parts[1:] else ":"
    return "\n".join([head, heading + saved, *aligned([("", *itertools.chain(*columns)), *rows])])


def _gains(inputs: Mapping[str, float], restored: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Input, result and gain of every task, and their means; nothing where nothing was measured."""
    scores = [Score(task, "", value, 0.0, restored[task], 0.0) for task, value in inputs.items() if task in restored]
    return [(f"{one.input_psnr:.2f}", f"{one.psnr:.2f}", f"{one.gain:+.2f}") for one in with_mean(scores)]


def recipes_text(recipes: Sequence[Mapping[str, Any]]) -> str:
    """Print the papers' ways of training restorers, a paragraph each.

    Args:
        recipes: each with the keys "name", "paper", "tasks", "data", "losses", "networks" (preset -> number of
            parameters) and "takes" (names of options).

    Returns:
        Paragraphs with a blank line between them, and no line feed at the end.
    """
    found = []
    for recipe in recipes:
        sizes = ", ".join(f"{name} {count / 1e6:.2f} M parameters" for name, count in recipe["networks"].items())
        lines = {
            "tasks": ", ".join(recipe["tasks"]),
            "paper's data": recipe["data"],
            "losses": recipe["losses"],
            "networks": sizes,
        }
        if recipe["takes"]:
            lines["takes"] = ", ".join(f"--{what}" for what in recipe["takes"])
        rows = [f"  {name:13s} {text}" for name, text in lines.items()]
        found.append("\n".join([f"{recipe['name']}: {recipe['paper']}", *rows]))
    return "\n\n".join(found)


def evaluation_text(found: Evaluation) -> str:
    """Print an evaluation: means over the photographs of each task, as made and after JPEG 90.

    Args:
        found: what was measured.

    Returns:
        A table for each way of saving, with the mean over tasks where there are several; tasks that were measured on
        given pairs are marked. No line feed at the end.
    """
    head = f"{found.network} ({printable(found.model)}): PSNR and SSIM of whole photographs, RGB, 8 bit, no border cut"
    lines = [head]
    for saved in found.saved:
        if saved:
            lines.append(f"the same, saved as {saved} (4:2:0) before they were restored")
        lines += _means(found, saved)
    return "\n".join(lines)


def _means(found: Evaluation, saved: str) -> list[str]:
    tasks = [task for task in found.tasks if found.of(task, saved)]
    means = [found.mean(task, saved) for task in tasks]
    counts = [str(len(found.of(task, saved))) for task in tasks]
    rows = [
        (
            printable(score.task) + (" (pairs)" if score.task in found.pairs else ""),
            count,
            f"{score.input_psnr:.2f}",
            f"{score.psnr:.2f}",
            f"{score.gain:+.2f}",
            f"{score.input_ssim:.4f}",
            f"{score.ssim:.4f}",
        )
        for score, count in zip(with_mean(means), [*counts, ""], strict=False)
    ]
    heading = ("", "photographs", "input dB", "restored dB", "gain dB", "input SSIM", "restored SSIM")
    return aligned([heading, *rows])


def with_mean(scores: Sequence[Score]) -> list[Score]:
    """Add the mean of some scores to them, as a last one of the task "mean", where there are several.

    Args:
        scores: not changed; may be empty.
    """
    return [*scores, mean_score(MEAN, scores)] if len(scores) > 1 else list(scores)
