"""The discriminant against distances and densities that scipy gives for the same normal distributions."""

from __future__ import annotations

import numpy as np
import pytest
from contracts import raises_line
from scipy.spatial.distance import mahalanobis
from scipy.stats import multivariate_normal

from grids.results import FloatArray
from grids.selection.classifier import Discriminant, _directions, fit_discriminant

D = 5
CENTRES = np.array([[0.0, 0, 0, 0, 0], [2, 0, 1, 0, 0], [0, 3, 0, 0, 1], [1, 1, -2, 0, 0]])
OWNERS = np.array([0, 1, 1, 2])
PARTS = np.array([0, 0, 1, 0])
ROOT = np.tril(np.random.default_rng(7).normal(size=(D, D))) + 2 * np.eye(D)
SCALES = np.array([1e-3, 1.0, 40.0, 1.0, 0.1])
COVARIANCE = ROOT @ ROOT.T * np.outer(SCALES, SCALES)


def examples(count: int = 4000, seed: int = 0) -> tuple[FloatArray, np.ndarray]:
    """Statistics, and the centre of each."""
    generator = np.random.default_rng(seed)
    centre = np.repeat(np.arange(4), count)
    return (CENTRES[centre] + generator.normal(size=(4 * count, D)) @ ROOT.T) * SCALES, centre


def fitted(rank: int = D, shrinkage: float = 1e-9, count: int = 4000) -> Discriminant:
    statistics, centre = examples(count)
    return fit_discriminant(statistics, OWNERS[centre], PARTS[centre], rank, shrinkage)


def test_distances_are_those_of_mahalanobis() -> None:
    found = fitted()
    assert found.projection.shape == (D, D)
    assert found.classes == 3
    assert found.owners.tolist() == [0, 1, 1, 2]
    statistics, centre = examples()
    means = np.stack([statistics[centre == k].mean(0) for k in range(4)])
    residuals = statistics - means[centre]
    inverse, true = np.linalg.inv(residuals.T @ residuals / (len(residuals) - 4)), np.linalg.inv(COVARIANCE)
    new = examples(3, seed=1)[0]
    squares = found.squared_distances(found.whiten(new))
    assert squares.shape == (12, 4)
    for row, one in enumerate(new):
        exact = [mahalanobis(one, mean, inverse) ** 2 for mean in means]
        assert squares[row] == pytest.approx(exact, rel=1e-6, abs=1e-9)
        known = [mahalanobis(one, mean * SCALES, true) ** 2 for mean in CENTRES]
        assert squares[row] == pytest.approx(known, rel=0.1, abs=0.5)


def test_examples_scatter_about_their_centre_with_variance_1() -> None:
    found = fitted()
    statistics, centre = examples()
    whitened = found.whiten(statistics)
    residuals = whitened - found.centres[centre]
    assert np.allclose(residuals.T @ residuals / (len(residuals) - 4), np.eye(D), atol=1e-6)
    assert np.allclose(residuals.mean(0), 0, atol=1e-9)


def test_densities_are_those_of_mixtures() -> None:
    found = fitted()
    new = examples(5, seed=2)[0]
    logs = found.log_densities(found.squared_distances(found.whiten(new)))
    assert logs.shape == (20, 3)
    expected = np.stack(
        [
            np.log(np.mean([multivariate_normal(m, ROOT @ ROOT.T).pdf(new / SCALES) for m in means], 0))
            for means in (CENTRES[:1], CENTRES[1:3], CENTRES[3:])
        ],
        1,
    )
    # equal but for a constant of each image
    assert logs - logs[:, :1] == pytest.approx(expected - expected[:, :1], rel=0.03, abs=0.3)
    assert np.array_equal(logs.argmax(1), expected.argmax(1))


def test_fewer_directions_lose_nothing_between_centres() -> None:
    """Four centres span three directions; the others add the same to all distances."""
    new = examples(5, seed=3)[0]
    whole, few = (found.squared_distances(found.whiten(new)) for found in (fitted(), fitted(rank=3)))
    assert few - few[:, :1] == pytest.approx(whole - whole[:, :1], abs=1e-6)
    assert (few <= whole + 1e-9).all()


def test_it_composes_after_a_basis() -> None:
    basis = fitted(rank=4)
    statistics, centre = examples(500, seed=4)
    statistics = statistics + np.arange(D)  # the mean of these lies elsewhere
    second = fit_discriminant(basis.whiten(statistics), OWNERS[centre], PARTS[centre], 4, 0.3)
    whole = second.compose(basis)
    steps = second.whiten(basis.whiten(statistics))
    squares, expected = whole.squared_distances(whole.whiten(statistics)), second.squared_distances(steps)
    assert squares == pytest.approx(expected, abs=1e-8)
    assert whole.log_densities(squares) == pytest.approx(second.log_densities(expected), abs=1e-8)
    assert whole.whiten(statistics) - steps == pytest.approx(
        np.broadcast_to(whole.centres[0] - second.centres[0], steps.shape)
    )


def test_more_statistics_than_examples() -> None:
    generator = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 8)
    directions = generator.normal(size=(3, 60))
    statistics = 3 * directions[classes] + generator.normal(size=(24, 60))
    found = fit_discriminant(statistics, classes, np.zeros(24, np.int64), 128, 0.1)
    assert found.projection.shape == (60, 23)  # 24 examples span no more
    new = 3 * directions[classes] + generator.normal(size=(24, 60))
    logs = found.log_densities(found.squared_distances(found.whiten(new)))
    assert np.isfinite(logs).all()
    assert (logs.argmax(1) == classes).mean() > 0.9


def test_rank_larger_than_possible() -> None:
    assert fitted(rank=1000, count=50).projection.shape == (D, D)


@pytest.mark.parametrize("size", [(24, 60), (60, 24), (24, 24)])
def test_directions_are_orthonormal_even_where_examples_span_few(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(3)
    whole = generator.normal(size=(size[0], 7)) @ generator.normal(size=(7, size[1]))
    between = np.stack([whole[k::3].mean(0) for k in range(3)])
    directions = _directions(between, whole, 128)
    assert directions.shape == (size[1], 7)
    assert directions.T @ directions == pytest.approx(np.eye(7), abs=1e-6)


def test_constant_statistics_and_classes_that_do_not_differ() -> None:
    generator = np.random.default_rng(0)
    statistics = generator.normal(size=(40, 6))
    statistics[:, 2] = 7.0
    classes = np.arange(40) % 2
    for given in (statistics, np.concatenate((statistics[::2], statistics[::2])), np.zeros((40, 6))):
        found = fit_discriminant(given, classes, np.zeros(40, np.int64), 4)
        assert np.isfinite(found.log_densities(found.squared_distances(found.whiten(given)))).all()


@pytest.mark.parametrize("classes", [[0, 0, 0, 0], [0, 0, 2, 2], [1, 1, 2, 2], []])
def test_classes_that_cannot_be_told_apart(classes: list[int]) -> None:
    statistics = np.random.default_rng(0).normal(size=(len(classes), 3))
    numbers = np.array(classes, np.int64)
    raises_line(lambda: fit_discriminant(statistics, numbers, numbers, 2), "at least two classes")
