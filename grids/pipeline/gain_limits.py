"""No task ends below its input: what its own restorer gains limits what it may lose in a group."""

from __future__ import annotations

import math
from dataclasses import replace

from grids.search import Problem
from grids.training.evaluator import TrainingEvaluator


def limit_by_gains(problem: Problem, evaluator: TrainingEvaluator) -> Problem:
    """Let no task lose more than its own restorer gains over its input: in a group it would end below that.

    A task whose own restorer gains nothing may lose nothing. Source: docs/method.md, section 12, "Above the input".

    Args:
        problem: of the tasks; it is not changed.
        evaluator: its single-task restorers are trained, or read from their files, where they are not at hand. Its
            callbacks hear of every task that may lose less than before.

    Returns:
        The same with the gains as `most`, in hundredths of a dB, rounded down.

    Raises:
        OutOfTimeError, RunError, GridsError: as `TrainingEvaluator.run`.
    """
    inputs = evaluator.experiment.validation.psnr(None, evaluator.names, evaluator.device)
    gains = {task: evaluator.run((task,)).psnr[task] - inputs[task] for task in evaluator.names}
    limited = replace(problem, most={task: max(0.0, math.floor(100 * gain) / 100) for task, gain in gains.items()})
    for task, gain in gains.items():
        if (limit := limited.limit(task)) < problem.limit(task):
            why = f"gains {limit:.2f} dB over the input" if gain > 0 else "gains nothing over the input"
            evaluator.callbacks.say(f"{task} may lose {limit:.2f} dB in a group: its own restorer {why}")
    return limited
