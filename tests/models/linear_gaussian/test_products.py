"""Products to which images are added give the regression of these images."""

import numpy as np
import pytest

from mne_brainae.models.linear_gaussian.products import OwnAxes, Products
from mne_brainae.models.linear_gaussian.ridge import Ridge

N, N_FEATURES, N_VALUES = 50, 7, 30


@pytest.fixture(params=[False, True])
def given(request):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((N, N_FEATURES)).astype(np.float32) + 0.3
    responses = rng.standard_normal((N, N_VALUES)).astype(np.float32) - 0.2
    return features, responses, rng.uniform(0.5, 2, N) if request.param else None


def _added(features, responses, weights, bounds):
    products = Products(features.shape[1], responses.shape[1])
    for rows in np.split(np.arange(len(features)), bounds):
        some = None if weights is None else weights[rows]
        products.add(features[rows], responses[rows], some)
    return products


@pytest.mark.parametrize("bounds", [[], [20], [7, 8, 44]])
def test_images_that_are_added_count_as_those_at_once(given, bounds):
    features, responses, weights = given
    products = _added(*given, bounds)
    ridge, projected = products.regress()
    direct = Ridge.fit(features, weights)
    centered = direct.center(responses)
    np.testing.assert_allclose(ridge.energy, direct.energy, rtol=1e-4)
    np.testing.assert_allclose(ridge.mean, direct.mean, atol=1e-5)
    np.testing.assert_allclose(
        ridge.weights(projected, 0.1),
        direct.weights(direct.project(centered), 0.1),
        atol=1e-4,
    )
    root = np.ones(N) if weights is None else np.sqrt(weights)
    power = np.square(root[:, None] * responses).sum()
    assert products.power == pytest.approx(power, rel=1e-5)


@pytest.mark.parametrize("n_features", [5, N - 1, N, 4 * N])
def test_regression_is_the_same_along_own_axes(n_features):
    rng = np.random.default_rng(n_features)
    features = rng.standard_normal((N, n_features)).astype(np.float32)
    responses = rng.standard_normal((N, N_VALUES)).astype(np.float32)
    own = OwnAxes.of(features)
    assert own.features.shape[1] <= n_features
    assert (own.axes is None) == (n_features < N)
    train = np.arange(N) < 40
    ridge, projected = _added(own.features[train], responses[train], None, []).regress()
    weights = own.back(ridge.weights(projected, 1.0))
    direct = Ridge.fit(features[train])
    centered = direct.center(responses[train])
    expected = direct.weights(direct.project(centered), 1.0)
    found, wanted = (features[~train] @ each for each in (weights, expected))
    np.testing.assert_allclose(
        found - found.mean(0), wanted - wanted.mean(0), atol=2e-4
    )
