from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import logistic

from grids.selection.mixture import LogisticMixture


def test_mixtures_are_sums_of_logistic_distributions() -> None:
    generator = np.random.default_rng(0)
    centres, scales = generator.normal(size=(20, 3)), generator.uniform(0.1, 2, (20, 3))
    mixture = LogisticMixture(generator.dirichlet(np.ones(3), 20), centres, scales)
    values = generator.normal(size=20)
    expected = (mixture.shares * logistic.cdf(values[:, None], centres, scales)).sum(1)
    assert mixture.below(values) == pytest.approx(expected)
    assert mixture.mean() == pytest.approx((mixture.shares * centres).sum(1))
    assert mixture.log_odds() == pytest.approx(np.log(1 / mixture.below(np.zeros(20)) - 1))
    for level in (0.01, 0.5, 0.95):
        assert mixture.below(mixture.quantile(level)) == pytest.approx(np.full(20, level))


def test_odds_are_finite_where_nothing_is_left_on_one_side() -> None:
    sure = LogisticMixture(np.ones((2, 1)), np.array([[-50.0], [50.0]]), np.full((2, 1), 0.01))
    assert sure.log_odds() == pytest.approx([-13.8, 13.8], abs=0.1)
