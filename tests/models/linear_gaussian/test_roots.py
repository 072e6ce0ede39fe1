"""A covariance of few rows is never formed, and is that of the whole product."""

import numpy as np
import pytest

from mne_brainae.models.linear_gaussian import noise_rows
from mne_brainae.models.linear_gaussian import solve as solve_all
from mne_brainae.models.linear_gaussian.noise import Noise
from mne_brainae.models.linear_gaussian.noise_rows import NoiseRows
from mne_brainae.models.linear_gaussian.roots import (
    DiagonalRoot,
    KroneckerRoot,
    LowRankRoot,
    solve,
)

SHAPE = 6, 5


def _root(n):
    rng = np.random.default_rng(n)
    return np.linalg.cholesky(np.cov(rng.standard_normal((n, 3 * n))) + np.eye(n))


@pytest.mark.parametrize("base", ["diagonal", "kronecker"])
@pytest.mark.parametrize("n_rows", [1, 4])
def test_a_root_multiplies_and_solves(base, n_rows):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n_rows, 30))
    if base == "diagonal":
        sd = rng.uniform(1, 3, 30)
        first, dense = DiagonalRoot(sd), np.diag(sd)
    else:
        factors = _root(6), _root(5)
        first, dense = KroneckerRoot(*factors), np.kron(*factors)
    root = LowRankRoot.of_rows(first, rows)
    covariance = dense @ dense.T + rows.T @ rows
    matrix = root @ np.eye(30)
    assert len(root) == 30
    np.testing.assert_allclose(matrix @ matrix.T, covariance, atol=1e-10)
    np.testing.assert_allclose(root.covariance(), covariance, atol=1e-10)
    for vectors in (rng.standard_normal(30), rng.standard_normal((30, 7))):
        for matrix_, transposed in ((matrix, False), (matrix.T, True)):
            found = solve(root, vectors, transposed)
            assert found.shape == vectors.shape
            np.testing.assert_allclose(matrix_ @ found, vectors, atol=1e-10)


@pytest.fixture
def everywhere(monkeypatch):
    """Take few rows for few, whatever the number of coordinates."""

    def switch(on):
        monkeypatch.setattr(noise_rows, "MANY_COORDINATES", 1 if on else 10**6)
        monkeypatch.setattr(noise_rows, "FEW_ROWS", 100.0)

    return switch


@pytest.mark.parametrize("target", ["diagonal", "kronecker"])
@pytest.mark.parametrize("n_rows", [3, 12, 25])
def test_few_rows_are_shrunk_as_many(everywhere, target, n_rows):
    rng = np.random.default_rng(n_rows)
    rows = rng.standard_normal((n_rows, 30)) @ np.kron(_root(6), _root(5)).T
    rows = NoiseRows(rows.astype(np.float32), 2.0)
    filters = rng.standard_normal((30, 4))
    found = []
    for on in (False, True):
        everywhere(on)
        noise = Noise.learn(rows, SHAPE, target)
        assert isinstance(noise.root, LowRankRoot) == on
        found.append((noise.covariance, noise.sample_share))
        found[-1] += (noise.inflation(rows, filters),)
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[1][1:], found[0][1:], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("target", ["diagonal", "kronecker"])
def test_rows_without_noise_are_answered(everywhere, target):
    everywhere(True)
    rows = np.random.default_rng(0).standard_normal((8, 30)).astype(np.float32)
    rows[:, :5] = 0
    for case in (rows, np.zeros_like(rows), rows[:1]):
        noise = Noise.learn(NoiseRows(case), SHAPE, target)
        assert np.isfinite(solve(noise.root, np.eye(30))).all()
        assert (np.diag(noise.covariance) > 0).all()


@pytest.mark.parametrize("repeated", [True, False])
def test_a_fit_is_the_same(everywhere, repeated):
    rng = np.random.default_rng(1)
    features = rng.standard_normal((80, 6)).astype(np.float32)
    patterns = rng.standard_normal((6, 1)) * np.sin(np.arange(25) / 5)
    truth = np.einsum("nk,kt,c->nct", features, patterns, rng.standard_normal(6))
    trials = np.repeat(truth, 2, axis=0)
    trials += np.einsum("cd,ndt->nct", _root(6), rng.standard_normal(trials.shape))
    mean = trials.reshape(80, 2, 6, 25).mean(axis=1)
    given = {"trials": trials, "trial_images": np.repeat(np.arange(80), 2)}
    models = []
    for on in (False, True):
        everywhere(on)
        models.append(
            solve_all(
                features,
                mean,
                duration=0.5,
                keep_noise=True,
                **(given if repeated else {}),
            )
        )
    dense, few = models
    assert few.target == dense.target
    assert few.n_signal == dense.n_signal
    for one, two in zip(
        (few.predict(features), few.noise, few.errors.covariance(2.0)),
        (dense.predict(features), dense.noise, dense.errors.covariance(2.0)),
        strict=True,
    ):
        assert np.abs(one - two).max() < 1e-2 * np.abs(two).max()
