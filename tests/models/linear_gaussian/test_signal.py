"""Axes come from products with vectors and equal those of dense matrices."""

import numpy as np
import pytest
from scipy.linalg import eigh

from mne_brainae.models.linear_gaussian.ridge import Ridge
from mne_brainae.models.linear_gaussian.signal import (
    BLOCKS_FROM,
    find_axes,
    leading_axes,
    most_axes,
    positive_part,
    prior_axes,
)
from mne_brainae.models.linear_gaussian.targets import ExactTargets


def _covariance(size, seed):
    mixing = np.random.default_rng(seed).standard_normal((size, size))
    return mixing @ mixing.T / size + 0.1 * np.eye(size)


@pytest.mark.parametrize(
    ("n_channels", "n_functions"), [(2, 3), (12, 5), (20, 12), (70, 30)]
)
def test_prior_is_that_of_the_dense_kronecker_product(n_channels, n_functions):
    channels, times = _covariance(n_channels, 0), _covariance(n_functions, 1)
    root = np.linalg.cholesky(_covariance(n_channels * n_functions, 2))
    axes = prior_axes(channels, times, root, 8)
    inverse = np.linalg.inv(root)
    _, vectors = eigh(inverse @ np.kron(channels, times) @ inverse.T)
    if len(root) <= 8:
        np.testing.assert_array_equal(axes, np.eye(len(root)))
    else:
        overlap = np.abs(axes.T @ vectors[:, ::-1][:, :8])
        np.testing.assert_allclose(overlap, np.eye(8), atol=1e-4)


@pytest.mark.parametrize("size", [3, 200, BLOCKS_FROM])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_axes_of_low_rank(size, rank):
    mixing = np.random.default_rng(0).standard_normal((size, rank))
    axes = leading_axes(lambda v: mixing @ (mixing.T @ v), size, 10)
    assert axes.shape == (size, max(rank, 1))
    np.testing.assert_allclose(axes.T @ axes, np.eye(max(rank, 1)), atol=1e-6)


def test_positive_part():
    positive = positive_part(np.diag([3.0, -1.0, 0.0]))
    np.testing.assert_allclose(positive, np.diag([3.0, 0, 0]), atol=1e-12)
    assert not positive_part(-np.eye(2)).any()
    assert not positive_part(np.zeros((2, 2))).any()


def test_number_of_axes():
    assert [most_axes(n, 768) for n in (4, 40, 400)] == [8, 10, 100]
    assert most_axes(12, 3) == 3
    assert most_axes(12, 0) == 1


def test_axes_of_a_known_law():
    """Two axes drive the responses: they are found, and nothing else gains much."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((400, 5)).astype("f4")
    patterns = np.linalg.qr(rng.standard_normal((9, 2)))[0]
    drives = features[:, :2] * [6, 3]
    root = np.linalg.cholesky(_covariance(9, 3))
    noise = rng.standard_normal((400, 9))
    responses = ((drives @ patterns.T + noise) @ root.T).astype("f4")
    ridge = Ridge.fit(features)
    targets = ExactTargets(ridge, ridge.center(responses))
    axes = find_axes(targets, np.eye(9), root, 1.0)
    assert np.all(np.diff(axes.gain[:2]) < 0)
    assert axes.gain[1] > 10 * np.abs(axes.gain[2:]).max(initial=0)
    found = np.linalg.solve(root, axes.patterns[:, :2])
    np.testing.assert_allclose(np.abs(found.T @ patterns), np.eye(2), atol=0.1)
    np.testing.assert_allclose(
        axes.filters.T @ axes.patterns, np.eye(len(axes.gain)), atol=1e-6
    )
    weights = axes.weights()[:, :2] * np.sign(np.diag(found.T @ patterns))
    np.testing.assert_allclose(weights[:2], np.diag([6, 3]), atol=0.4)


def test_one_penalty_for_all_axes():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 5)).astype("f4")
    responses = rng.standard_normal((60, 4)).astype("f4")
    ridge = Ridge.fit(features)
    targets = ExactTargets(ridge, ridge.center(responses))
    axes = find_axes(targets, np.eye(4), np.eye(4), 1.0, own_penalties=False)
    assert len(np.unique(axes.penalties)) == 1
