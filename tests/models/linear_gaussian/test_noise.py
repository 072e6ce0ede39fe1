"""Noise comes from contrasts, is shrunk as the formulas say, and costs no product."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from mne_brainae.models.linear_gaussian.contrasts import contrast_trials, helmert
from mne_brainae.models.linear_gaussian.noise import (
    Noise,
    kronecker_factors,
)
from mne_brainae.models.linear_gaussian.noise_rows import NoiseRows

SHAPE = 4, 3


def _rows(n_rows=40, seed=0):
    rng = np.random.default_rng(seed)
    mixing = np.kron(rng.standard_normal((4, 4)), np.linalg.qr(np.eye(3) + 0.3)[0])
    return (rng.standard_normal((n_rows, 12)) @ mixing.T).astype(np.float32)


@pytest.mark.parametrize("n_trials", [1, 2, 3, 7])
def test_contrasts_are_orthonormal_and_ignore_what_trials_share(n_trials):
    weights = helmert(n_trials)
    assert weights.shape == (n_trials - 1, n_trials)
    np.testing.assert_allclose(weights @ weights.T, np.eye(n_trials - 1), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)


def test_contrasts_of_unequal_repetitions():
    rng = np.random.default_rng(0)
    images = rng.permutation(np.repeat([0, 1, 2, 5], [3, 1, 4, 2]))
    trials = rng.standard_normal((10, 2, 3)).astype(np.float32)
    rows, of = contrast_trials(trials, images)
    assert rows.shape == (6, 2, 3)
    assert np.bincount(of).tolist() == [2, 0, 3, 0, 0, 1]
    for image in (0, 2, 5):  # contrasts and mean together hold all of the power
        mine = trials[images == image]
        deviations = mine - mine.mean(axis=0)
        np.testing.assert_allclose(
            np.square(rows[of == image]).sum(axis=0),
            np.square(deviations).sum(axis=0),
            rtol=1e-4,
        )


def test_many_images_are_contrasted_in_blocks():
    rng = np.random.default_rng(0)
    images = np.repeat(np.arange(700), 2)
    trials = rng.standard_normal((1400, 3)).astype(np.float32)
    rows, of = contrast_trials(trials, images)
    np.testing.assert_array_equal(of, np.arange(700))
    expected = (trials[::2] - trials[1::2]) / np.sqrt(2)
    np.testing.assert_allclose(rows, expected, atol=1e-6)


@pytest.mark.parametrize("n_rows", [5, 40, 4000])
def test_diagonal_target_is_that_of_scikit_learn_on_unit_variances(n_rows):
    rows = _rows(n_rows)
    noise = Noise.learn(NoiseRows(rows), SHAPE, "diagonal")
    sd = np.sqrt(np.square(rows, dtype=float).mean(axis=0))
    expected, amount = ledoit_wolf(rows / sd, assume_centered=True)
    assert 1 - noise.sample_share == pytest.approx(amount, rel=1e-3, abs=1e-5)
    expected = expected * np.outer(sd, sd)
    np.testing.assert_allclose(noise.covariance, expected, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("n_rows", [5, 40, 4000])
def test_kronecker_target_without_whitened_rows(n_rows):
    """The amount is that of rows in which the target is the identity."""
    rows = _rows(n_rows)
    noise = Noise.learn(NoiseRows(rows), SHAPE, "kronecker")
    sample = rows.T.astype(float) @ rows / n_rows
    sample += 1e-6 * np.diag(np.diag(sample))
    target = np.kron(*kronecker_factors(sample, SHAPE))
    root = np.linalg.cholesky(target)
    white = np.linalg.solve(root, rows.T.astype(float))
    covariance = white @ white.T / n_rows
    power = np.square(white).sum(axis=0)
    error = (np.square(power).mean() - np.square(covariance).sum()) / n_rows
    amount = min(error / np.square(covariance - np.eye(12)).sum(), 1)
    assert 1 - noise.sample_share == pytest.approx(amount, rel=1e-3)
    expected = (1 - amount) * sample + amount * target
    np.testing.assert_allclose(noise.covariance, expected, rtol=1e-3, atol=1e-3)


def test_kronecker_product_is_found_up_to_a_factor():
    rng = np.random.default_rng(0)
    a, b = (
        m @ m.T + np.eye(len(m)) for m in (rng.normal(size=(4, 4)), np.eye(3) + 0.4)
    )
    found = kronecker_factors(np.kron(a, b), SHAPE)
    np.testing.assert_allclose(np.kron(*found), np.kron(a, b), rtol=1e-3, atol=1e-3)


def test_rows_are_left_out_by_subtraction():
    rows = _rows(200)
    held_out = np.random.default_rng(1).uniform(size=200) < 0.3
    others = NoiseRows(rows, 3.0).without(held_out)
    for target in ("diagonal", "kronecker"):
        found = Noise.learn(others, SHAPE, target)
        direct = Noise.learn(NoiseRows(rows[~held_out], 3.0), SHAPE, target)
        np.testing.assert_allclose(
            found.covariance, direct.covariance, rtol=1e-4, atol=1e-5
        )
        assert found.sample_share == pytest.approx(direct.sample_share, rel=1e-4)


def test_inflation_leaves_every_row_out_of_its_covariance():
    """Along the best filter for a pattern, new noise is what left-out rows have."""
    rows = _rows(30)
    noise = Noise.learn(NoiseRows(rows), SHAPE, "diagonal")
    patterns = np.random.default_rng(1).standard_normal((12, 2))
    squares, along = [], np.linalg.solve(noise.covariance, patterns)
    unit = np.sqrt(np.einsum("qk,qk->k", patterns, along))
    for row in rows.astype(float):
        left_out = noise.covariance - noise.sample_share * np.outer(row, row) / 30
        squares.append((row @ np.linalg.solve(left_out, patterns / unit)) ** 2)
    alpha = noise.inflation(NoiseRows(rows), along / unit)
    # The formula takes the mean leverage for that of every row.
    assert alpha == pytest.approx(np.mean(squares), rel=0.25)


def test_few_rows_have_the_leverage_of_the_whole_product():
    found = NoiseRows(_rows(8), 2.0)
    noise = Noise.learn(found, SHAPE, "diagonal")
    sample = found.total / 8 / 2
    trace = np.trace(np.linalg.solve(noise.covariance, sample))
    assert noise._trace(found) == pytest.approx(trace, rel=1e-5)


def test_inflation_is_none_with_very_many_rows():
    rows = _rows(50_000)
    found = NoiseRows(rows, 2.0)
    noise = Noise.learn(found, SHAPE, "diagonal")
    filters = np.linalg.inv(noise.root).T[:, :5]
    assert noise.inflation(found, filters) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("target", ["diagonal", "kronecker"])
def test_noise_that_is_absent_or_dead_somewhere_stays_positive_definite(target):
    rows = _rows(20)
    rows[:, 4] = 0
    rows[:, 5] = rows[:, 6]
    for case in (rows, np.zeros_like(rows), rows[:1]):
        noise = Noise.learn(NoiseRows(case), SHAPE, target)
        assert np.isfinite(noise.root).all()
        assert (np.diag(noise.root) > 0).all()
