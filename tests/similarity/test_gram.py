"""Principal component scores through the Gram matrix: against the singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grids.errors import GridsError
from grids.similarity.gram import COLUMNS, centre, gram_matrix, principal_scores


def features(n: int, d: int, seed: int = 0) -> torch.Tensor:
    """(n, d) with a few strong directions and an offset, as features have."""
    generator = torch.Generator().manual_seed(seed)
    strong = torch.randn((n, 5), generator=generator) @ torch.randn((5, d), generator=generator)
    return strong + 0.3 * torch.randn((n, d), generator=generator) + torch.rand((1, d), generator=generator) * 4


def pca(x: np.ndarray, components: int) -> np.ndarray:
    """scikit-learn's PCA(svd_solver="full").fit_transform, written out."""
    centred = x.astype(np.float64) - x.astype(np.float64).mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, :components] * s[:components]


def assert_same_up_to_sign(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    signs = np.sign(np.sum(found * expected, 0))
    np.testing.assert_allclose(found * signs, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(("n", "d", "components"), [(12, 400, 5), (24, 5000, 23), (7, 6, 3), (2, 50, 1)])
def test_scores_are_those_of_pca(n: int, d: int, components: int) -> None:
    x = features(n, d)
    scores = principal_scores(gram_matrix([x]), components)
    assert scores.shape == (n, components)
    assert scores.dtype == np.float64
    assert_same_up_to_sign(scores, pca(x.numpy(), components), 1e-4)


def test_scores_are_ordered_and_their_largest_is_positive() -> None:
    scores = principal_scores(gram_matrix([features(16, 300)]), 10)
    variance = scores.var(0)
    assert np.all(np.diff(variance) <= 0)
    largest = np.abs(scores).argmax(0)
    assert np.all(scores[largest, np.arange(10)] > 0)
    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-5 * np.abs(scores).max())


@pytest.mark.parametrize("cuts", [[1], [200], [64, 64, 64, 500], [7, 300, 2]])
def test_any_split_into_blocks_of_columns_gives_the_same_gram_matrix(cuts: list[int]) -> None:
    x = features(10, 1001)
    whole = gram_matrix([x])
    parts = gram_matrix(torch.split(x, [*cuts, 1001 - sum(cuts)], dim=1))
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-4)
    centred = x.double().numpy() - x.double().numpy().mean(0)
    np.testing.assert_allclose(whole, centred @ centred.T, rtol=1e-5, atol=2e-3)


def test_features_wider_than_a_column_block() -> None:
    x = features(6, 2 * COLUMNS + 77)
    centred = x.double().numpy() - x.double().numpy().mean(0)
    expected = centred @ centred.T
    np.testing.assert_allclose(gram_matrix([x]), expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 13])
def test_any_number_of_rows(n: int) -> None:
    gram = gram_matrix([features(n, 90)])
    assert gram.shape == (n, n)
    np.testing.assert_array_equal(gram, gram.T)
    np.testing.assert_allclose(gram.sum(0), 0, atol=1e-3)


def test_centring_a_part_of_the_gram_matrix_is_pca_of_that_part() -> None:
    x = features(20, 700)
    chosen = np.array([0, 3, 4, 9, 11, 12, 19])
    part = centre(gram_matrix([x])[np.ix_(chosen, chosen)])
    assert_same_up_to_sign(principal_scores(part, 4), pca(x.numpy()[chosen], 4), 1e-4)


def test_blocks_are_not_changed() -> None:
    blocks = [features(8, 40), features(8, 60, seed=1)]
    before = [block.clone() for block in blocks]
    gram_matrix(blocks)
    assert all(torch.equal(a, b) for a, b in zip(blocks, before, strict=True))


def test_a_buffer_that_is_overwritten_between_blocks() -> None:
    x = features(8, 300)

    def overwritten() -> object:
        buffer = torch.empty((8, 100))
        for part in x.split(100, dim=1):
            buffer.copy_(part)
            yield buffer

    np.testing.assert_allclose(gram_matrix(overwritten()), gram_matrix([x]), rtol=1e-5, atol=1e-3)


def test_no_features_are_refused() -> None:
    with pytest.raises(GridsError, match="no features"):
        gram_matrix([])


@pytest.mark.parametrize("bad", [torch.zeros(5, 3), torch.zeros(4, 3, 2), torch.zeros(4)])
def test_blocks_of_another_shape_are_refused(bad: torch.Tensor) -> None:
    with pytest.raises(GridsError, match=r"must be \(4, d\)"):
        gram_matrix([torch.zeros(4, 9), bad])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_features_beyond_all_bounds_are_refused(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    gram = gram_matrix([features(6, 50)])
    gram[3, 2] = gram[2, 3] = value

    def no_convergence(_: torch.Tensor) -> None:
        raise torch.linalg.LinAlgError("the algorithm failed to converge")

    monkeypatch.setattr(torch.linalg, "eigh", no_convergence)
    with pytest.raises(GridsError, match="not finite: the descriptor's weights" if value != 1e300 else "no principal"):
        principal_scores(gram, 3)


@pytest.mark.parametrize("components", [-1, 0, 6, 100])
def test_too_few_or_too_many_components_are_refused(components: int) -> None:
    with pytest.raises(GridsError, match="1 to 5 principal components"):
        principal_scores(gram_matrix([features(6, 50)]), components)
