"""Axes along which errors of a prediction are white."""

import numpy as np
import pytest

from mne_brainae.models.noise_axes import white_axes


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
