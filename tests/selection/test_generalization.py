from __future__ import annotations

import numpy as np
import pytest
from contracts import raises_line

from grids.results import FloatArray
from grids.selection.gain_model import fit_gains
from grids.selection.samples import Samples

RANK, KINDS, GROUPS = 4, 3, 2
MEMBERS = np.array([[0.0, 0], [1, 0], [0, 1]])
SLOPES = np.random.default_rng(5).normal(size=(KINDS, RANK, GROUPS))
CONSTANTS = np.array([[-3.0, -2], [5, 1], [0, 2]])


def measured(count: int, spread: float = 0.0, seed: int = 0) -> tuple[FloatArray, FloatArray, Samples]:
    """Whitened statistics, certain probabilities, and samples whose gains are linear in them but for normal errors."""
    generator = np.random.default_rng(seed)
    kinds = np.arange(count) % KINDS
    whitened = generator.normal(size=(count, RANK)) + 5 * kinds[:, None]
    gains = np.einsum("nr,nrg->ng", whitened, SLOPES[kinds]) + CONSTANTS[kinds]
    gains += spread * (1 + kinds[:, None]) * generator.normal(size=gains.shape)
    return (
        whitened,
        np.eye(KINDS)[kinds],
        Samples(whitened, kinds, np.zeros(count), np.arange(count), gains, np.zeros(count)),
    )


def test_each_kind_has_a_linear_relation_of_its_own() -> None:
    whitened, chances, samples = measured(12000, 0.1)
    model = fit_gains(whitened, samples, KINDS)
    assert model.weights[:, :-1] == pytest.approx(SLOPES, abs=0.05)
    near = np.abs(whitened - 5 * samples.kinds[:, None]).max(1) < 1
    assert model.predict(whitened, chances)[near] == pytest.approx(samples.gains[near], abs=1.5)
    assert np.abs(model.predict(whitened, chances) - samples.gains).mean() < 0.25


def test_kinds_are_mixed_by_their_probabilities() -> None:
    whitened, _, samples = measured(900)
    model = fit_gains(whitened, samples, KINDS)
    one, two = (model.predict(whitened[:5], np.tile(np.eye(KINDS)[k], (5, 1))) for k in (1, 2))
    mixed = model.predict(whitened[:5], np.tile([0.0, 0.25, 0.75], (5, 1)))
    assert mixed == pytest.approx(one / 4 + 3 * two / 4)


def test_predictions_stay_within_what_was_seen() -> None:
    whitened, chances, samples = measured(900)
    model = fit_gains(whitened, samples, KINDS)
    for far in (1e3, -1e3):
        found = model.predict(far * whitened, chances)
        for kind in range(KINDS):
            own = samples.kinds == kind
            low, high = samples.gains[own].min(0), samples.gains[own].max(0)
            assert (found[own] >= low - 1e-9).all()
            assert (found[own] <= high + 1e-9).all()


def test_what_was_not_measured_is_left_out() -> None:
    whitened, chances, samples = measured(900)
    gains = samples.gains.copy()
    gains[samples.kinds == 0] = np.nan  # clean: nothing can be gained
    gains[::7, 1] = np.nan
    holes = Samples(
        samples.statistics, samples.kinds, samples.severities, samples.photographs, gains, samples.qualities
    )
    model = fit_gains(whitened, holes, KINDS)
    assert (model.predict(whitened, chances)[samples.kinds == 0] == 0).all()
    assert np.isfinite(model.predict(whitened, chances)).all()
    again = model.calibrate(whitened, chances, holes, MEMBERS, 0.9)
    assert np.isfinite(again.half_width(chances)).all()


@pytest.mark.parametrize("coverage", [0.9, 0.6])
def test_intervals_hold_as_often_as_they_say(coverage: float) -> None:
    model = fit_gains(*measured(3000, 0.5)[::2], KINDS)
    held = []
    for seed in range(1, 21):
        whitened, chances, samples = measured(150, 0.5, seed)
        ready = model.calibrate(whitened, chances, samples, MEMBERS, coverage)
        assert ready.coverage == coverage
        whitened, chances, samples = measured(300, 0.5, seed + 100)
        chosen = (chances @ MEMBERS).argmax(1)
        rows = np.arange(len(chosen))
        error = np.abs(ready.predict(whitened, chances) - samples.gains)[rows, chosen]
        held.append((error <= ready.half_width(chances)).mean())
    assert coverage - 0.02 < np.mean(held) < coverage + 0.05
    assert ready.width[2] > 1.5 * ready.width[0]  # the errors of the last kind are three times as large


def test_a_kind_with_few_samples_takes_the_width_of_all() -> None:
    whitened, chances, samples = measured(57, 0.5)  # 19 of each
    ready = fit_gains(whitened, samples, KINDS).calibrate(whitened, chances, samples, MEMBERS, 0.9)
    assert (ready.width == ready.width[0]).all()
    assert ready.width[0] > 0


@pytest.mark.filterwarnings("error")
def test_gains_that_are_known_exactly_have_an_interval_too() -> None:
    """A restorer that does nothing gains 0 dB on every image."""
    whitened, chances, samples = measured(90)
    nothing = Samples(
        samples.statistics, samples.kinds, samples.severities, samples.photographs, 0 * samples.gains, samples.qualities
    )
    ready = fit_gains(whitened, nothing, KINDS).calibrate(whitened, chances, nothing, MEMBERS, 0.9)
    assert ready.half_width(chances) == pytest.approx(np.zeros(90), abs=0.02)


def test_too_few_samples_for_an_interval() -> None:
    whitened, chances, samples = measured(8, 0.1)
    model = fit_gains(whitened, samples, KINDS)
    raises_line(lambda: model.calibrate(whitened, chances, samples, MEMBERS, 0.9), "at least 9 examples", "are 8")
