from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contracts import raises_line

from grids.results import FloatArray
from grids.selection.gain_model import PENALTIES, WHITENED, Described, Forecast, GainModel, _fit_ridge, fit_gains
from grids.selection.samples import Samples

RANK, KINDS, GROUPS = 4, 3, 2
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


def seen(whitened: FloatArray, chances: FloatArray) -> Described:
    """Images whose statistics are those in the whitened space."""
    return Described(whitened, whitened, chances)


def test_each_kind_has_a_linear_relation_of_its_own() -> None:
    whitened, chances, samples = measured(12000, 0.1)
    model = fit_gains(whitened, samples, KINDS)
    # the same numbers stand in for plain and for whitened statistics
    slopes = model.weights[:, :RANK] / model.scale[:, None] + WHITENED * model.weights[:, RANK:-1]
    assert slopes == pytest.approx(SLOPES, abs=0.05)
    near = np.abs(whitened - 5 * samples.kinds[:, None]).max(1) < 1
    assert model.forecast(seen(whitened, chances)).gains[near] == pytest.approx(samples.gains[near], abs=1.5)
    assert np.abs(model.forecast(seen(whitened, chances)).gains - samples.gains).mean() < 0.25


def test_the_penalty_is_that_of_the_least_error_on_what_is_left_out() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(60, 40))
    noise, plain = generator.normal(size=60), 3 * rows[:, 0] + rows[:, 1]
    weights, errors = _fit_ridge(rows, np.stack((noise, plain), 1))
    assert np.abs(weights[:-1, 0]).max() < 0.05 and weights[0, 1] > 1.5
    for column, values in enumerate((noise, plain)):
        left_out = []
        for row in range(60):
            others = np.arange(60) != row
            centred = rows[others] - rows[others].mean(0)
            penalty = max(PENALTIES) if column == 0 else min(PENALTIES)
            slopes = np.linalg.solve(
                centred.T @ centred + penalty * np.eye(40), centred.T @ (values[others] - values[others].mean())
            )
            left_out.append(values[row] - values[others].mean() - (rows[row] - rows[others].mean(0)) @ slopes)
        assert errors[column] == pytest.approx(np.sqrt(np.mean(np.square(left_out))), rel=0.01)


def test_kinds_are_mixed_by_their_probabilities() -> None:
    whitened, _, samples = measured(900)
    model = fit_gains(whitened, samples, KINDS)
    one, two = (model.forecast(seen(whitened[:5], np.tile(np.eye(KINDS)[k], (5, 1)))).gains for k in (1, 2))
    mixed = model.forecast(seen(whitened[:5], np.tile([0.0, 0.25, 0.75], (5, 1)))).gains
    assert mixed == pytest.approx(one / 4 + 3 * two / 4)


def test_predictions_stay_within_what_was_seen() -> None:
    whitened, chances, samples = measured(900)
    model = fit_gains(whitened, samples, KINDS)
    for far in (1e3, -1e3):
        found = model.forecast(seen(far * whitened, chances)).gains
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
    holes = replace(samples, gains=gains)
    model = fit_gains(whitened, holes, KINDS)
    assert (model.forecast(seen(whitened, chances)).gains[samples.kinds == 0] == 0).all()
    assert np.isfinite(model.forecast(seen(whitened, chances)).gains).all()
    again = model.calibrate(seen(whitened, chances), samples.kinds, holes.gains, 0.9)
    assert all(np.isfinite(values).all() for values in forecast(again, whitened, chances))


def forecast(model: GainModel, whitened: FloatArray, chances: FloatArray) -> Forecast:
    return model.forecast(seen(whitened, chances))


def test_a_forecast_can_be_of_another_restorer_than_the_best() -> None:
    whitened, chances, samples = measured(300, 0.1)
    model = fit_gains(whitened, samples, KINDS)
    best = forecast(model, whitened, chances)
    chosen = best.gains.argmax(1)
    each = [model.forecast(seen(whitened, chances), np.full(300, group)) for group in range(best.gains.shape[1])]
    for group, one in enumerate(each):
        assert np.array_equal(one.gains, best.gains) and np.allclose(one.gain, best.gains[:, group])
        assert ((one.low <= one.gain) & (one.gain <= one.high)).all()
        where = chosen == group
        assert np.array_equal(one.probability[where], best.probability[where])


@pytest.mark.parametrize("coverage", [0.9, 0.6])
def test_intervals_and_probabilities_hold_as_often_as_they_say(coverage: float) -> None:
    model = fit_gains(*measured(3000, 0.5)[::2], KINDS)
    held, widths, said, happened = [], [], [], []
    for seed in range(1, 21):
        whitened, chances, samples = measured(150, 0.5, seed)
        ready = model.calibrate(seen(whitened, chances), samples.kinds, samples.gains, coverage)
        assert ready.coverage == coverage
        whitened, chances, samples = measured(300, 0.5, seed + 100)
        found = forecast(ready, whitened, chances)
        assert found.gain == pytest.approx(found.gains.max(1))
        true = samples.gains[np.arange(300), model.forecast(seen(whitened, chances)).gains.argmax(1)]
        held.append((found.low <= true) & (true <= found.high))
        widths.append([(found.high - found.low)[samples.kinds == kind].mean() for kind in range(KINDS)])
        said.append(found.probability)
        happened.append(true > 0)
    assert np.mean(held) == pytest.approx(coverage, abs=0.04)
    assert np.mean(widths, 0)[2] > 1.5 * np.mean(widths, 0)[0]  # the errors of the last kind are three times as large
    for low in (0.0, 0.3, 0.7):
        some = (low <= np.array(said)) & (np.array(said) <= low + 0.3)
        assert np.array(happened)[some].mean() == pytest.approx(np.array(said)[some].mean(), abs=0.08)


def test_probabilities_are_wide_where_kinds_disagree() -> None:
    whitened, chances, samples = measured(900, 0.1)
    ready = fit_gains(whitened, samples, KINDS).calibrate(seen(whitened, chances), samples.kinds, samples.gains, 0.9)
    sure, torn = (
        ready.forecast(seen(whitened[:90:3], np.tile(shares, (30, 1)))) for shares in ([1.0, 0, 0], [0.5, 0.5, 0])
    )
    assert ((torn.high - torn.low) > 2 * (sure.high - sure.low)).mean() > 0.8
    assert (torn.low <= torn.gain).all() and (torn.gain <= torn.high).all()


@pytest.mark.filterwarnings("error")
def test_gains_that_are_known_exactly_have_an_interval_too() -> None:
    """A restorer that does nothing gains 0 dB on every image."""
    whitened, chances, samples = measured(90)
    nothing = replace(samples, gains=0 * samples.gains)
    ready = fit_gains(whitened, nothing, KINDS).calibrate(seen(whitened, chances), samples.kinds, nothing.gains, 0.9)
    found = forecast(ready, whitened, chances)
    assert found.high - found.low == pytest.approx(np.zeros(90), abs=0.1)
    assert (found.probability < 0.9).all()


def test_too_few_samples_for_an_interval() -> None:
    whitened, chances, samples = measured(8, 0.1)
    model = fit_gains(whitened, samples, KINDS)
    raises_line(
        lambda: model.calibrate(seen(whitened, chances), samples.kinds, samples.gains, 0.9),
        "at least 9 examples",
        "are 8",
    )


def test_probabilities_hold_where_errors_are_not_those_of_the_model() -> None:
    """Half of the images have errors of a tenth, the others of three times the spread; all parts are off by 0.4 dB."""
    generator = np.random.default_rng(1)

    def images(count: int, seed: int) -> tuple[Described, Samples]:
        whitened, chances, samples = measured(count, 0.0, seed)
        errors = 0.4 + np.where(generator.random((count, 1)) < 0.5, 0.05, 1.5) * generator.normal(size=(count, GROUPS))
        return seen(whitened, chances), replace(samples, gains=0.3 * (samples.gains - 2) + errors)

    model = fit_gains(measured(900)[0], replace(measured(900)[2], gains=0.3 * (measured(900)[2].gains - 2)), KINDS)
    (calibrating, kept), (shown, true) = images(900, 3), images(3000, 4)
    ready = model.calibrate(calibrating, kept.kinds, kept.gains, 0.9)
    chosen = ready.forecast(shown).gains.argmax(1)
    said, gained = ready.forecast(shown).probability, true.gains[np.arange(3000), chosen] > 0
    for low in (0.5, 0.7, 0.85):
        some = (said >= low) & (said < low + 0.15)
        if some.sum() > 100:
            assert gained[some].mean() == pytest.approx(said[some].mean(), abs=0.1)


def test_a_kind_with_a_single_sample_spoils_no_interval() -> None:
    whitened, chances, samples = measured(600, 0.1)
    few = np.flatnonzero((samples.kinds != 0) | (np.arange(600) == 0))
    part = samples.only(few)
    model = fit_gains(whitened[few], part, KINDS)
    assert (model.forecast(seen(whitened, np.tile([1.0, 0, 0], (600, 1)))).gains == 0).all()
    ready = model.calibrate(seen(whitened[few], chances[few]), part.kinds, part.gains, 0.9)
    whole = fit_gains(whitened, samples, KINDS).calibrate(seen(whitened, chances), samples.kinds, samples.gains, 0.9)
    found = [forecast(one, whitened[few[1:]], chances[few[1:]]) for one in (ready, whole)]
    assert (found[0].high - found[0].low).mean() == pytest.approx((found[1].high - found[1].low).mean(), rel=0.3)
    # of the kind itself anything may come
    assert forecast(ready, whitened[:1], chances[:1]).probability == pytest.approx(0.5, abs=0.3)
