"""Axes along which errors of a prediction are white."""

import numpy as np
import pytest
from mne_brainae.models.closed_form import noise_roots, white_axes
from sklearn.covariance import ledoit_wolf


def test_noise_is_shrunk_as_ledoit_and_wolf_say():
    residual = np.random.default_rng(0).standard_normal((30, 6)) @ np.diag(range(1, 7))
    whitener, colorer = noise_roots(residual)
    scale = residual.std(axis=0)
    units = (residual - residual.mean(axis=0)) / scale
    expected = ledoit_wolf(units, assume_centered=True)[0] * np.outer(scale, scale)
    np.testing.assert_allclose(colorer @ colorer, expected)
    np.testing.assert_allclose(whitener @ colorer, np.eye(6), atol=1e-12)


@pytest.mark.parametrize(("n_images", "n_values"), [(200, 6), (60, 40), (5, 30)])
def test_errors_are_white_along_the_axes(n_images, n_values):
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((n_values, n_values))
    predicted = rng.standard_normal((n_images, n_values))
    measured = predicted + rng.standard_normal((n_images, n_values)) @ mix
    axes = white_axes(measured, predicted)
    assert axes.shape[0] == n_values
    if n_images > 100:
        new = rng.standard_normal((2000, n_values)) @ mix @ axes
        np.testing.assert_allclose(np.cov(new.T), np.eye(n_values), atol=0.3)
