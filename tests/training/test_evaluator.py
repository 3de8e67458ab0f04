"""The evaluator that trains: nothing twice, exact resumption, and the rules of stopping and repeating."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from contracts import raises_line
from training.tiny_trainings import NAMES, TINY, furthest, same_weights, small, tiny_experiment, train

from grids import networks
from grids.commands import group as group_command
from grids.degradations.plugins import FunctionDegradation
from grids.errors import UnknownNameError
from grids.pipeline.experiments import TrainingSettings
from grids.pipeline.gain_limits import limit_by_gains
from grids.restoration.models import initialize, load_restorer, read_record
from grids.results import Point, SimilarityMatrix, TrainingRun
from grids.search import Answer, Problem, Search
from grids.search.run import best_so_far
from grids.training import evaluator as evaluators
from grids.training import experiment as module
from grids.training import trainer
from grids.training.callbacks import NullCallbacks
from grids.training.datasets import Batches
from grids.training.evaluator import UNCERTAIN, TrainingEvaluator
from grids.training.experiment import Experiment, record_of, run_of
from grids.training.fabric import strategy_of
from grids.training.photographs import Photographs
from grids.training.systems.base import SupervisedSystem
from grids.training.tasks import Synthesized, Task
from grids.training.trainer import OutOfTimeError, TrainingResult
from grids.training.validation import Validation

A, B, C = "gaussian_noise", "salt_pepper", "inpainting"
ALL = (A, B, C)


class BrokenError(Exception):
    """What breaks a training off."""


class Hears(NullCallbacks):
    """Keeps what it hears; breaks a training off at a step."""

    def __init__(self, break_at: int = 0) -> None:
        self.break_at = break_at
        self.begun: list[tuple[tuple[str, ...], int, int]] = []
        self.steps: list[int] = []
        self.done: list[tuple[tuple[str, ...], int, bool]] = []
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def started(self, group: tuple[str, ...], repeat: int, steps: int) -> None:
        self.begun.append((group, repeat, steps))

    def step(self, done: int) -> None:
        self.steps.append(done)
        if done == self.break_at:
            raise BrokenError

    def finished(self, run: TrainingRun, reused: bool) -> None:
        self.done.append((run.group, run.repeat, reused))


def problem(delta: float, names: Sequence[str] = ALL, **changes: Any) -> Problem:
    return Problem(
        SimilarityMatrix(tuple(names), np.ones((len(names),) * 2) - np.eye(len(names)), {}), delta, **changes
    )


# ---------------------------------------------------------------- trainings


@pytest.fixture
def experiment(files: list[Path]) -> Experiment:
    return tiny_experiment(files)


def test_a_restorer_is_what_the_loop_makes_of_its_experiment(experiment: Experiment, tmp_path: Path) -> None:
    run = TrainingEvaluator(experiment, tmp_path).run((B, A), repeat=2)
    config = experiment.config.of_model(2, seed=2)
    assert config.iterations == 2 * experiment.config.iterations == 12
    batches = Batches(
        experiment.tasks, experiment.photographs, config.crop, config.batch, config.seed, data=config.data
    )
    expected = train(
        SupervisedSystem(initialize("tiny", 2)),
        batches,
        config,
        checks=(3, 6, 12),
        measure=lambda network: experiment.validation.psnr(network, (A, B), "cpu"),
    )
    assert run.curve == tuple(expected.curve)
    assert [point.step for point in run.curve] == [3, 6, 12]
    assert (run.group, run.repeat, run.stopped) == ((A, B), 2, "")
    kept = load_restorer(tmp_path / run.file)
    assert same_weights(kept.network, expected.network)
    assert (kept.preset, kept.tasks) == ("tiny", (A, B))
    assert experiment.validation.psnr(kept.network, (A, B), "cpu") == run.psnr


def test_drops_are_what_is_lost_to_single_restorers(experiment: Experiment, tmp_path: Path) -> None:
    evaluator = TrainingEvaluator(experiment, tmp_path)
    answer = evaluator(frozenset(NAMES))
    together = evaluator.run(NAMES)
    expected = {task: evaluator.run((task,)).psnr[task] - together.psnr[task] for task in NAMES}
    assert answer == Answer(expected, {}, {})
    assert evaluator(frozenset((A,))).drops == {A: 0.0}


def test_groups_of_other_tasks(experiment: Experiment, tmp_path: Path) -> None:
    evaluator = TrainingEvaluator(experiment, tmp_path)
    for group in ((A, "salt_peper"), ("salt_peper",)):
        raises_line(lambda group=group: evaluator.run(group), "unknown task 'salt_peper'", B, kind=UnknownNameError)
    for empty in (evaluator.run, lambda group: experiment.key(group, 0, torch.device("cpu"))):
        raises_line(lambda empty=empty: empty(()), "one task or more")
    raises_line(lambda: experiment.make_system(("fog",), 0), "unknown task 'fog'", kind=UnknownNameError)


def test_nothing_is_trained_twice(experiment: Experiment, tmp_path: Path) -> None:
    first, second = Hears(), Hears()
    evaluator = TrainingEvaluator(experiment, tmp_path, callbacks=first)
    answer = evaluator(frozenset(NAMES))
    assert evaluator(frozenset(NAMES)) == answer
    assert first.begun == [(NAMES, 0, 12), ((A,), 0, 6), ((B,), 0, 6)]
    assert first.done == [(NAMES, 0, False), ((A,), 0, False), ((B,), 0, False)]
    assert first.steps == [*range(1, 13), *range(1, 7), *range(1, 7)]
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        "all.safetensors",
        f"{A}.safetensors",
        f"{B}.safetensors",
    ]
    assert list((tmp_path / "checkpoints").iterdir()) == []
    again = TrainingEvaluator(experiment, tmp_path, callbacks=second)
    assert again(frozenset(NAMES)) == answer
    assert second.begun == []
    assert second.done == [(group, repeat, True) for group, repeat, _ in first.done]
    assert again.run(NAMES) == evaluator.run(NAMES)


def test_a_file_that_is_spoilt_or_of_another_experiment_is_trained_again(
    experiment: Experiment, tmp_path: Path
) -> None:
    first = TrainingEvaluator(experiment, tmp_path).run((A,))
    (tmp_path / first.file).write_bytes((tmp_path / first.file).read_bytes()[:-9])
    hears = Hears()
    assert TrainingEvaluator(experiment, tmp_path, callbacks=hears).run((A,)).curve == first.curve
    assert hears.done == [((A,), 0, False)]
    other = replace(experiment, config=replace(experiment.config, learning_rate=1e-3))
    assert TrainingEvaluator(other, tmp_path, callbacks=hears).run((A,)).curve != first.curve
    assert hears.done[1:] == [((A,), 0, False)]


@pytest.mark.parametrize("at", [1, 4, 6])
def test_an_interrupted_training_goes_on_exactly(experiment: Experiment, tmp_path: Path, at: int) -> None:
    whole = TrainingEvaluator(experiment, tmp_path / "whole").run((A,))
    with pytest.raises(BrokenError):
        TrainingEvaluator(experiment, tmp_path / "b", every=0.0, callbacks=Hears(at)).run((A,))
    assert list((tmp_path / "b" / "models").iterdir()) == []
    hears = Hears()
    found = TrainingEvaluator(experiment, tmp_path / "b", callbacks=hears).run((A,))
    assert hears.steps == list(range(max(1, at), 7))  # what breaks off at a step breaks off before it is kept
    assert found.curve == whole.curve
    networks = [load_restorer(folder / found.file).network for folder in (tmp_path / "whole", tmp_path / "b")]
    assert same_weights(*networks)
    assert list((tmp_path / "b" / "checkpoints").iterdir()) == []


def test_a_deadline_leaves_a_checkpoint(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    for part in (evaluators, trainer):
        monkeypatch.setattr(part, "time", SimpleNamespace(monotonic=lambda: clock.now))

    class Ticks(NullCallbacks):
        def step(self, done: int) -> None:
            clock.now += 1

    late = TrainingEvaluator(experiment, tmp_path, deadline=10.0, callbacks=Ticks())
    first = late.run((A,))
    with pytest.raises(OutOfTimeError, match="over after 4 of 6 steps"):
        late.run((B,))
    assert [path.name.split("-")[0] for path in (tmp_path / "checkpoints").iterdir()] == [B]
    raises_line(lambda: late.run(NAMES), "the time is over", kind=OutOfTimeError)  # nothing new is begun
    assert late.run((A,)) is first
    hears = Hears()
    found = TrainingEvaluator(experiment, tmp_path, callbacks=hears).run((B,))
    assert hears.steps == [5, 6]
    assert found.curve == TrainingEvaluator(experiment, tmp_path / "whole").run((B,)).curve


def test_restorers_start_from_the_weights_given(experiment: Experiment, tmp_path: Path) -> None:
    start = initialize("tiny", 77)
    still = replace(experiment.config, learning_rate=1e-12)
    given = replace(experiment, config=still, start=start.state_dict(), start_sha256="ab")
    for repeat in (0, 1):
        run = TrainingEvaluator(given, tmp_path).run((A,), repeat)
        assert furthest(load_restorer(tmp_path / run.file).network, start) < 1e-9
    assert all(
        torch.equal(value, initialize("tiny", 77).state_dict()[key]) for key, value in start.state_dict().items()
    )


def test_the_key_is_of_all_that_matters(
    experiment: Experiment, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = torch.device("cpu")

    def key(group: Sequence[str] = (A,), repeat: int = 0, **changes: Any) -> str:
        return replace(experiment, **changes).key(group, repeat, here)

    validation = experiment.validation
    keys = [
        key(),
        key((B,)),
        key((A, B)),
        key(repeat=1),
        *(key(config=replace(experiment.config, **changes)) for changes in CHANGES),
        key(photographs=Photographs(files[1:], 16)),
        key(validation=Validation(experiment.tasks, validation.photographs, 24, 3)),
        key(network="nafnet"),
        key(start_sha256="ab"),
        key(tasks=[other_task(A), experiment.tasks[1]]),
    ]
    assert len(set(keys)) == len(keys)
    assert key((A, B)) == key((B, A))
    assert key(tasks=experiment.tasks[:1]) == key()  # tasks outside the group do not matter
    exact = {"fp32": "fp32", "bf16": "bf16"}[resolved_precision()]
    auto = replace(experiment.config, precision="auto")
    assert key(config=auto) == key(config=replace(experiment.config, precision=exact))
    before = key()
    monkeypatch.setitem(networks.TABLE, "tiny", replace(networks.TABLE["tiny"], options=TINY.options | {"width": 8}))
    assert key() != before  # another network of the same name


CHANGES: tuple[dict[str, Any], ...] = (
    {"iterations": 7},
    {"crop": 24},
    {"batch": 3},
    {"learning_rate": 4e-3},
    {"final": 0.1},
    {"warm_up": 0.3},
    {"betas": (0.8, 0.99)},
    {"weight_decay": 0.1},
    {"loss": "charbonnier"},
    {"precision": "bf16"},
    {"clip": 2.0},
    {"accumulate": 2},
    {"average": 0.5},
    {"seed": 1},
)


def resolved_precision() -> str:
    """What "auto" stands for here."""
    return {"32-true": "fp32", "bf16-mixed": "bf16"}[strategy_of(torch.device("cpu"), "auto")["precision"]]


def other_task(name: str) -> Task:
    """A task of that name that does something else."""
    return Synthesized(FunctionDegradation(name, lambda images, severity, generator: images / 2, text="images / 2"))


def test_records_bring_runs_back(experiment: Experiment, tmp_path: Path) -> None:
    run = TrainingEvaluator(experiment, tmp_path).run((A,))
    record = read_record(tmp_path / run.file)
    assert record is not None
    assert record == record_of(run, experiment, record["key"])
    assert run_of(record, run.file) == run
    for changes in ({"curve": 3}, {"seconds": "long"}, {"tasks": None}):
        raises_line(lambda c=changes: run_of(record | c, "x.safetensors"), "'x.safetensors' does not tell")
    raises_line(lambda: run_of({}, "x.safetensors"), "'x.safetensors' does not tell", "tasks")


def test_long_names_make_short_files(experiment: Experiment, tmp_path: Path) -> None:
    evaluator = TrainingEvaluator(experiment, tmp_path)
    names = [f"task_{i:02}_{'x' * 20}" for i in range(10)]
    evaluator.names = tuple(names)
    files = {evaluator._name_file(tuple(names[:k]), repeat) for k in range(1, 11) for repeat in (0, 1)}
    assert len(files) == 20
    assert max(map(len, files)) < 130
    assert {"all", "all.1"} <= files


def test_a_folder_that_is_a_file(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    raises_line(lambda: TrainingEvaluator(experiment, tmp_path), f"'{tmp_path / 'models'}'", "it is a file")


# ---------------------------------------------------------------- stopping and repeating, with made-up curves

Curve = Callable[[str, tuple[str, ...], int, float], float]  # (task, group, repeat, share of the steps) -> dB


@pytest.fixture
def made_up(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrainingEvaluator]:
    """Evaluators of three tasks whose trainings take no time and follow curves."""
    experiment = tiny_experiment(files, ALL, config=small(iterations=6))

    def make(curve: Curve, **options: Any) -> TrainingEvaluator:
        def fake(system: SupervisedSystem, batches: Batches, config: Any, **given: Any) -> TrainingResult:
            group = tuple(task.name for task in batches.tasks)
            points: list[Point] = []
            for step in given["measuring"].steps:
                found = {task: curve(task, group, config.seed, step / config.iterations) for task in group}
                points.append(Point(step, 0.1, found))
                if step < config.iterations and (why := given["measuring"].stop(points[-1])):
                    return TrainingResult(system.modules["network"], points, 1.0, why)
            return TrainingResult(system.modules["network"], points, 1.0)

        monkeypatch.setattr(module, "train", fake)
        return TrainingEvaluator(experiment, tmp_path, **options)

    return make


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds make no difference."""
    monkeypatch.setattr(TrainingEvaluator, "noise", lambda self: dict.fromkeys(self.names, 0.0))


def test_without_a_known_noise_nothing_is_stopped(made_up: Callable[..., TrainingEvaluator]) -> None:
    assert made_up(losing({A: 9.0}), problem=problem(0.1)).run((A, B)).stopped == ""


def losing(drops: dict[str, float], noise: float = 0.0, half: float = 1.0) -> Curve:
    """Single-task restorers at 30 dB; groups lose what is named, `half` times that at half of the steps.

    With noise, repetition r of a group of all loses r times that, too.
    """

    def curve(task: str, group: tuple[str, ...], repeat: int, share: float) -> float:
        if len(group) == 1:
            return 30.0
        loss = drops.get(task, 0.0) * (half if share < 0.6 else 1.0)
        return 30.0 - loss - (noise * repeat if len(group) == 3 else 0.0)

    return curve


@pytest.mark.usefixtures("no_noise")
def test_a_group_that_is_far_beyond_is_stopped_at_half(made_up: Callable[..., TrainingEvaluator]) -> None:
    hears, asked = Hears(), problem(0.5)
    evaluator = made_up(losing({A: 1.5, B: 0.25}), problem=asked, callbacks=hears)
    answer = evaluator(frozenset((A, B)))
    assert answer.drops == {} == answer.noise
    assert answer.at_least == pytest.approx({A: 1.05})
    assert asked.verdict(asked.mask((A, B)), answer) == "beyond"
    run = evaluator.run((A, B))
    assert run.stopped == f"{A} had lost 1.50 dB after 6 steps"
    assert [point.step for point in run.curve] == [3, 6]
    assert [group for group, _, _ in hears.done] == [(A,), (B,), (A, B)]  # those that tell when to stop come first


@pytest.mark.usefixtures("no_noise")
@pytest.mark.parametrize(
    ("drops", "options"),
    [
        ({A: 0.7}, {"problem": problem(0.5)}),  # 0.7 of it is within delta
        ({A: 1.5}, {"problem": problem(0.5), "early": False}),
        ({A: 1.5}, {"problem": problem(0.5, delta_for={A: 1.1})}),
        ({A: 9.0}, {}),  # there is no delta
        ({A: -9.0}, {"problem": problem(0.0)}),
    ],
)
def test_what_is_not_stopped(
    made_up: Callable[..., TrainingEvaluator], drops: dict[str, float], options: dict[str, Any]
) -> None:
    answer = made_up(losing(drops), repeats=1, **options)(frozenset((A, B)))
    assert answer.drops == pytest.approx({A: drops[A], B: 0.0})
    assert answer.at_least == {}


@pytest.mark.usefixtures("no_noise")
def test_a_delta_of_its_own_stops(made_up: Callable[..., TrainingEvaluator]) -> None:
    evaluator = made_up(losing({A: 0.5, B: 0.5}), problem=problem(2.0, delta_for={B: 0.1}))
    assert evaluator.run((A, B)).stopped.startswith(f"{B} had lost 0.50 dB")


@pytest.mark.usefixtures("no_noise")
def test_only_what_is_lost_at_half_of_the_steps_counts(made_up: Callable[..., TrainingEvaluator]) -> None:
    answer = made_up(losing({A: 1.5}, half=0.4), problem=problem(0.5), repeats=1)(frozenset((A, B)))
    assert answer.drops == pytest.approx({A: 1.5, B: 0.0})


def test_the_group_of_all_and_repetitions_are_never_stopped(made_up: Callable[..., TrainingEvaluator]) -> None:
    evaluator = made_up(losing({A: 9.0}), problem=problem(0.1))
    for group, repeat in ((ALL, 0), (ALL, 1), ((A, B), 1), ((A,), 0)):
        assert evaluator.run(group, repeat).stopped == ""


@pytest.mark.usefixtures("no_noise")
def test_a_stopped_run_stands_until_delta_grows(made_up: Callable[..., TrainingEvaluator]) -> None:
    curve, group = losing({A: 1.5}), frozenset((A, B))
    made_up(curve, problem=problem(0.5))(group)
    hears = Hears()
    same = made_up(curve, problem=problem(0.6), callbacks=hears)(group)
    assert same.at_least[A] == pytest.approx(1.05)
    assert all(reused for _, _, reused in hears.done)
    larger = made_up(curve, problem=problem(1.1), repeats=1, callbacks=(hears := Hears()))
    assert larger(group).drops == pytest.approx({A: 1.5, B: 0.0})
    assert ((A, B), 0, False) in hears.done
    assert [names for names, _, reused in hears.done if not reused] == [(A, B)]
    smaller = made_up(curve, problem=problem(0.1), callbacks=(hears := Hears()))(group)
    assert smaller.drops == pytest.approx({A: 1.5, B: 0.0})  # what is trained to its end says more
    assert all(reused for _, _, reused in hears.done)


def test_the_noise_is_of_the_group_of_all(made_up: Callable[..., TrainingEvaluator]) -> None:
    """Half the squared differences, a task's own pooled with two more of the mean of all."""

    def curve(task: str, group: tuple[str, ...], repeat: int, share: float) -> float:
        if len(group) < 3:
            return 30.0 + 5 * repeat  # what other groups do over seeds does not count
        return 30.0 + {A: 0.4, B: 0.0, C: -0.2}[task] * repeat

    evaluator = made_up(curve)
    for repeat in (0, 1):
        evaluator.run((A, B), repeat)
    evaluator.run(ALL)
    assert evaluator.noise() == {}
    evaluator.run(ALL, 1)
    squares = {A: 0.4**2 / 2, B: 0.0, C: 0.2**2 / 2}
    pooled = sum(squares.values()) / 3
    expected = {task: math.sqrt((own + 2 * pooled) / 3) for task, own in squares.items()}
    assert evaluator.noise() == pytest.approx(expected)
    evaluator.run(
        ALL, 2
    )  # more seeds come when the group of all straddles delta: they would shift the noise on the way
    assert evaluator.noise() == pytest.approx(expected)


def test_noise_keeps_groups_from_being_stopped(made_up: Callable[..., TrainingEvaluator]) -> None:
    """A repetition that differs by 0.1 sqrt(2) dB in every task: a deviation of 0.1 dB, four errors are 0.566 dB."""
    for delta, stopped in ((0.48, True), (0.49, False)):
        evaluator = made_up(losing({A: 1.5}, noise=0.1 * math.sqrt(2)), problem=problem(delta))
        for repeat in (0, 1):
            evaluator.run(ALL, repeat)
        assert evaluator.noise() == pytest.approx(dict.fromkeys(ALL, 0.1))
        assert bool(evaluator.run((A, B)).stopped) == stopped


@pytest.mark.parametrize(("cap", "trained"), [(1, 1), (2, 2), (4, 4)])
def test_a_group_that_straddles_delta_is_repeated(
    made_up: Callable[..., TrainingEvaluator], cap: int, trained: int
) -> None:
    """A loses delta, B far less: only A's single-task restorer is trained with other seeds, too."""
    evaluator = made_up(losing({A: 0.5, B: -3.0}, noise=0.1 * math.sqrt(2)), problem=problem(0.5), repeats=cap)
    for repeat in (0, 1):
        evaluator.run(ALL, repeat)
    answer = evaluator(frozenset((A, B)))
    found = {key for key in evaluator.runs if key[0] not in (frozenset(ALL), frozenset((C,)))}
    expected = {(frozenset((A, B)), repeat) for repeat in range(trained)}
    expected |= {(frozenset((A,)), repeat) for repeat in range(trained)} | {(frozenset((B,)), 0)}
    assert found == expected
    assert answer.drops == pytest.approx({A: 0.5, B: -3.0})
    # its own seeds do not differ: with two more of the usual 0.05 dB, that is what is known; B has one seed
    own = math.sqrt(2 * 0.05**2 / (trained - 1 + 2)) if trained > 1 else 0.1 * math.sqrt(2)
    assert answer.noise == pytest.approx({A: own / math.sqrt(trained), B: 0.1 * math.sqrt(2)})


def test_a_very_uncertain_drop_far_from_delta_gets_a_seed_where_its_group_is_undecided(
    made_up: Callable[..., TrainingEvaluator],
) -> None:
    """A is near delta; B is not, but has an error of 0.2 sqrt(2) dB: the group is trained again, and both alone."""
    evaluator = made_up(losing({A: 0.5, B: -3.0}, noise=0.2 * math.sqrt(2)), problem=problem(0.5), repeats=2)
    for repeat in (0, 1):
        evaluator.run(ALL, repeat)
    answer = evaluator(frozenset((A, B)))
    assert {(frozenset((A,)), 1), (frozenset((B,)), 1)} <= set(evaluator.runs)
    assert max(answer.noise.values()) < UNCERTAIN


def test_repeating_ends_when_a_group_is_decided(made_up: Callable[..., TrainingEvaluator]) -> None:
    """0.25 dB below delta: within two errors of one seed, 0.283 dB, not of two, 0.2 dB."""
    asked = problem(0.5)
    evaluator = made_up(losing({A: 0.25}, noise=0.1 * math.sqrt(2)), problem=asked, repeats=9)
    for repeat in (0, 1):
        evaluator.run(ALL, repeat)
    answer = evaluator(frozenset((A, B)))
    assert asked.verdict(asked.mask((A, B)), answer) == "within"
    assert (frozenset((A, B)), 1) in evaluator.runs
    assert (frozenset((A, B)), 2) not in evaluator.runs


def test_a_group_just_within_delta_is_decided(made_up: Callable[..., TrainingEvaluator]) -> None:
    evaluator = made_up(losing({A: 0.5}), problem=problem(0.5), early=False)
    for repeat in (0, 1):
        evaluator.run(ALL, repeat)
    evaluator(frozenset((A, B)))
    assert (frozenset((A, B)), 1) not in evaluator.runs


def test_the_most_seeds_are_the_same_everywhere() -> None:
    default = inspect.signature(TrainingEvaluator).parameters["repeats"].default
    option = next(option for option in group_command.group.params if option.name == "repeats")
    assert option.default == TrainingSettings().repeats == default == 3


@pytest.mark.parametrize(("lost", "seeds"), [(0.0, 2), (9.0, 1)])
def test_a_group_within_delta_is_repeated_where_a_drop_is_very_uncertain(
    made_up: Callable[..., TrainingEvaluator], lost: float, seeds: int
) -> None:
    """Noise of 0.2 sqrt(2) dB is far from delta; one that is beyond it is not trained again."""
    evaluator = made_up(losing({A: lost}, noise=0.2 * math.sqrt(2)), problem=problem(3.0), repeats=2, early=False)
    for repeat in (0, 1):
        evaluator.run(ALL, repeat)
    answer = evaluator(frozenset((A, B)))
    assert sum(group == {A, B} for group, _ in evaluator.runs) == seeds
    largest = max(answer.noise.values())
    assert largest < UNCERTAIN if seeds == 2 else largest == pytest.approx(0.2 * math.sqrt(2))


def test_no_task_may_lose_more_than_its_own_restorer_gains(made_up: Callable[..., TrainingEvaluator]) -> None:
    inputs = made_up(losing({})).experiment.validation.psnr(None, ALL, "cpu")
    gains = {A: 0.256, B: 0.9, C: -0.1}
    evaluator = made_up(lambda task, *others: inputs[task] + gains[task], callbacks=(hears := Hears()))
    limited = limit_by_gains(problem(0.7), evaluator)
    assert [limited.limit(task) for task in ALL] == [0.25, 0.7, 0.0]
    assert hears.said == [
        f"{A} may lose 0.25 dB in a group: its own restorer gains 0.25 dB over the input",
        f"{C} may lose 0.00 dB in a group: its own restorer gains nothing over the input",
    ]
    assert limit_by_gains(problem(0.7, delta_for={A: 0.6}), evaluator).limit(A) == 0.6


@pytest.mark.parametrize(("delta", "groups"), [(3.0, 2), (0.6, 3)])  # within, and undecided
def test_time_that_runs_out_in_another_seed_leaves_what_is_known(
    made_up: Callable[..., TrainingEvaluator], delta: float, groups: int
) -> None:
    """The search is not told, so that it asks again when it goes on; but the best so far counts the group in."""
    asked = problem(delta)
    evaluator = made_up(losing({A: 0.5}, noise=0.2 * math.sqrt(2)), problem=asked, early=False)
    for group, repeat in ((ALL, 0), (ALL, 1), ((A,), 0), ((B,), 0), ((A, B), 0)):
        evaluator.run(group, repeat)
    evaluator.deadline = 0.0
    search = Search(asked)
    with pytest.raises(OutOfTimeError):
        evaluator(frozenset((A, B)))
    assert evaluator.unfinished[A, B].drops == pytest.approx({A: 0.5, B: 0.0})
    assert len(best_so_far(search, evaluator.unfinished)) == groups and len(best_so_far(search)) == 3


def test_repetitions_are_compared_seed_by_seed(made_up: Callable[..., TrainingEvaluator]) -> None:
    def curve(task: str, group: tuple[str, ...], repeat: int, share: float) -> float:
        return 30.0 + 7 * repeat - (0.0 if len(group) == 1 else 0.5 + 0.1 * repeat)

    evaluator = made_up(curve)
    for group in ((A,), (B,), (A, B)):
        evaluator.run(group)
    for group in ((A,), (A, B)):
        evaluator.run(group, 1)
    assert evaluator.drop(A, (A, B), 2) == pytest.approx(0.55)
    assert evaluator.drop(A, (A, B)) == pytest.approx(0.5)
