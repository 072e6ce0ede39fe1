"""One decomposition gives what refitting without every image would give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.linear_model import RidgeCV

from mne_brainae.models.linear_gaussian.blocks import product, weighted_sum
from mne_brainae.models.linear_gaussian.ridge import PENALTIES, Ridge
from mne_brainae.models.linear_gaussian.targets import ExactTargets, GeneralizedTargets


def _sample(n_images=30, n_features=8, n_targets=5, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_images, n_features)).astype(np.float32) + 0.5
    law = rng.standard_normal((n_features, n_targets))
    noise = rng.standard_normal((n_images, n_targets))
    return features, (features @ law + noise + 1.0).astype(np.float32)


def _refitted_errors(features, targets, alpha, weights=None):
    """Fit without every image in turn, with one penalty in the unit of the features."""
    n_images = len(features)
    weights = np.ones(n_images) if weights is None else weights
    errors = np.empty(targets.shape)
    for image in range(n_images):
        others = np.arange(n_images) != image
        plain = PlainRidge(alpha).fit(
            features[others].astype(float), targets[others], weights[others]
        )
        errors[image] = targets[image] - plain.predict(features[[image]])[0]
    return errors


@pytest.mark.parametrize("n_features", [3, 8, 29, 30, 80])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_those_of_refitting(n_features, weighted):
    features, targets = _sample(n_features=n_features)
    weights = np.random.default_rng(1).uniform(0.3, 2, 30) if weighted else None
    ridge = Ridge.fit(features, weights)
    root = 1.0 if weights is None else np.sqrt(weights)[:, None]
    for penalty in (1e-2, 1.0, 100.0):
        errors = ridge.errors(ridge.center(targets), penalty)
        refitted = _refitted_errors(features, targets, penalty * ridge.unit, weights)
        np.testing.assert_allclose(errors, root * refitted, atol=2e-3)


def test_one_penalty_for_every_target():
    features, targets = _sample()
    ridge = Ridge.fit(features)
    centered = ridge.center(targets)
    penalties = np.array([0.01, 0.1, 1, 10, 100])
    each = [ridge.errors(centered[:, [k]], p)[:, 0] for k, p in enumerate(penalties)]
    together = ridge.errors(centered, penalties)
    np.testing.assert_allclose(together, np.transpose(each), atol=1e-5)


@pytest.mark.parametrize("n_features", [8, 80])
@pytest.mark.parametrize("n_targets", [3, 200])
def test_penalties_are_those_of_scikit_learn(n_features, n_targets):
    features, targets = _sample(n_features=n_features, n_targets=n_targets)
    ridge = Ridge.fit(features)
    alphas = PENALTIES * ridge.unit
    reference = RidgeCV(alphas, store_cv_results=True).fit(
        features.astype(float), targets
    )
    centered = ridge.center(targets)
    penalty, explained = ridge.choose_one(centered)
    assert penalty * ridge.unit == pytest.approx(reference.alpha_)
    squares = reference.cv_results_[:, :, list(PENALTIES).index(penalty)].sum()
    of_mean = np.square(centered * 30 / 29).sum()
    assert explained == pytest.approx(1 - squares / of_mean, abs=1e-4)
    each, mean_squares = ridge.choose(centered)
    expected = reference.cv_results_.mean(axis=0)
    np.testing.assert_allclose(mean_squares, expected.min(axis=1), rtol=1e-3)
    np.testing.assert_array_equal(each, PENALTIES[expected.argmin(axis=1)])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_features", [8, 80])
def test_weights_are_those_of_scikit_learn(n_features, weighted):
    features, targets = _sample(n_features=n_features)
    weights = np.random.default_rng(1).uniform(0.3, 2, 30) if weighted else None
    ridge = Ridge.fit(features, weights)
    plain = PlainRidge(2.0 * ridge.unit).fit(features.astype(float), targets, weights)
    centered = ridge.center(targets)
    found = ridge.weights(ridge.project(centered), 2.0)
    np.testing.assert_allclose(found, plain.coef_.T, atol=1e-4)


def test_inner_products_are_enough_for_errors_and_dual_weights():
    features, targets = _sample(n_features=80)
    ridge = Ridge.fit(features)
    centered = features - features.mean(axis=0)
    from_gram = Ridge.from_gram((centered @ centered.T).astype(float))
    targets = ridge.center(targets)
    np.testing.assert_allclose(
        from_gram.errors(targets, 0.3), ridge.errors(targets, 0.3), atol=1e-3
    )
    dual = from_gram.dual(from_gram.project(targets), 0.3)
    expected = ridge.weights(ridge.project(targets), 0.3)
    np.testing.assert_allclose(centered.T @ dual, expected, atol=1e-4)
    one = from_gram.choose_one(targets)
    assert one == pytest.approx(ridge.choose_one(targets), rel=1e-3)


@pytest.mark.parametrize("n_features", [12, 80])
def test_principal_components_and_least_squares(n_features):
    features, targets = _sample(n_features=n_features)
    pca = PCA(5).fit(features)
    reduced = pca.transform(features).astype(float)
    ridge = Ridge.fit(features, n_components=5)
    centered = ridge.center(targets)
    for penalty in (0.0, 1.0):
        found = ridge.weights(ridge.project(centered), penalty)
        plain = PlainRidge(penalty * ridge.unit).fit(reduced, targets)
        expected = pca.components_.T @ plain.coef_.T
        np.testing.assert_allclose(found, expected, atol=1e-3)
    share = Ridge.fit(features, n_components=0.9)
    assert len(share.energy) == PCA(0.9).fit(features).n_components_


@pytest.mark.parametrize("n_features", [8, 80])
def test_generalized_errors_follow_from_the_dense_hat_matrix(n_features):
    features, targets = _sample(n_features=n_features)
    ridge = Ridge.fit(features)
    Y = ridge.center(targets).astype(float)
    X = features - features.mean(axis=0, dtype=float)
    alpha = 0.3 * ridge.unit
    hat = X @ np.linalg.solve(X.T @ X + alpha * np.eye(n_features), X.T) + 1 / 30
    rest = np.mean(1 - np.diag(hat))
    errors = (Y - hat @ Y) / rest
    fast = GeneralizedTargets(ridge, ridge.project(Y.astype("f4")), Y.T @ Y)
    expected = np.square(errors).mean(axis=0)
    np.testing.assert_allclose(fast.mean_squares([0.3])[0], expected, rtol=1e-3)
    shared = (Y - errors).T @ Y
    np.testing.assert_allclose(fast.shared(0.3), shared, rtol=1e-3, atol=1e-2)
    filters = np.random.default_rng(2).standard_normal((5, 2))
    along = fast.along(filters)
    found = along.shared_with(fast, filters, 0.3)
    np.testing.assert_allclose(found, filters.T @ shared, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("kind", ["exact", "generalized"])
def test_marginals_are_partial_sums_of_prediction_times_response(kind):
    features, targets = _sample(n_targets=6)
    ridge = Ridge.fit(features)
    rows = ridge.center(targets)
    if kind == "exact":
        found = ExactTargets(ridge, rows)
    else:
        found = GeneralizedTargets(ridge, ridge.project(rows), product(rows, rows))
    for penalty in (None, 0.3):
        whole = product(rows, rows) if penalty is None else found.shared(penalty)
        grid = whole.reshape(2, 3, 2, 3)
        channels, times = found.marginals(penalty, (2, 3))
        np.testing.assert_allclose(channels, np.einsum("itjt->ij", grid), rtol=1e-3)
        np.testing.assert_allclose(times, np.einsum("itiu->tu", grid), rtol=1e-3)


@settings(deadline=None, max_examples=30)
@given(
    n_images=st.integers(3, 30),
    n_features=st.integers(1, 40),
    n_copies=st.integers(0, 3),
    n_constant=st.integers(0, 3),
)
def test_collinear_and_constant_features_change_nothing(
    n_images, n_features, n_copies, n_constant
):
    features, targets = _sample(n_images, n_features)
    mixing = np.random.default_rng(3).standard_normal((n_features, n_copies))
    copies = features @ mixing.astype("f4") / np.sqrt(n_features)
    constant = np.full((n_images, n_constant), 7.0, np.float32)
    ridge = Ridge.fit(np.hstack([features, copies, constant]))
    rank = min(n_features, n_images - 1)
    assert len(ridge.energy) == rank
    orthonormal = product(ridge.scores, ridge.scores)
    np.testing.assert_allclose(orthonormal, np.eye(rank), atol=1e-2)
    errors = ridge.errors(ridge.center(targets), 1e-3)
    assert np.isfinite(errors).all()


def test_an_image_with_a_feature_of_its_own():
    """Its leverage is 1, and its error is finite all the same."""
    features = np.eye(10, dtype=np.float32)
    targets = np.random.default_rng(0).standard_normal((10, 2)).astype("f4")
    ridge = Ridge.fit(features)
    assert np.isfinite(ridge.errors(ridge.center(targets), 0.0)).all()
    assert np.isfinite(ridge.choose_one(ridge.center(targets))[1])


def test_no_features_predict_the_mean():
    ridge = Ridge.fit(np.ones((6, 3), np.float32))
    targets = ridge.center(np.arange(6, dtype=np.float32)[:, None])
    np.testing.assert_allclose(ridge.errors(targets, 1.0), targets * 6 / 5, rtol=1e-5)
    assert ridge.choose_one(targets)[1] == pytest.approx(0, abs=1e-6)


def test_products_of_float32_are_summed_in_double_precision():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5000, 4)).astype("f4")
    weights = rng.uniform(size=5000)
    exact = a.astype(float).T @ (weights[:, None] * b.astype(float))
    np.testing.assert_allclose(product(a, b, weights), exact, rtol=1e-3, atol=1e-2)
    exact = weights @ a.astype(float)
    np.testing.assert_allclose(weighted_sum(a, weights), exact, rtol=1e-9)


@pytest.mark.parametrize("n_features", [8, 80])
def test_one_penalty_and_the_same_for_each_give_the_same_weights(n_features):
    features, targets = _sample(n_features=n_features)
    ridge = Ridge.fit(features)
    projected = ridge.project(ridge.center(targets))
    one, each = ridge.weights(projected, 0.3), ridge.weights(projected, np.full(5, 0.3))
    assert one.dtype == np.float32
    np.testing.assert_allclose(one, each, atol=1e-4)


def test_former_uses_of_ridge_regression_are_served():
    """One penalty for all targets, given in absolute units or from inner products."""
    features, targets = _sample(60, 20, 300)
    ridge = Ridge.fit(features)
    centered = ridge.center(targets)
    projected = ridge.project(centered, out=np.empty((20, 300), np.float32))
    alphas = 10.0 ** np.arange(-1, 6)
    penalty, explained = ridge.choose_one(centered, alphas / ridge.unit, projected)
    plain = RidgeCV(alphas).fit(features.astype(float), targets)
    assert penalty * ridge.unit == pytest.approx(plain.alpha_)
    weights = ridge.weights(projected, penalty)
    np.testing.assert_allclose(weights, plain.coef_.T, atol=1e-3)
    X = (features - features.mean(axis=0)).astype(float)
    share = Ridge.from_gram(X @ X.T).choose_one(centered, alphas / ridge.unit)[1]
    assert share == pytest.approx(explained, abs=1e-4)
