"""A stack of regressions is one weight matrix, and sees where units look."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import Ridge as PlainRidge

from mne_brainae.models.feature_weights import SpatialWindow, feature_weights
from mne_brainae.models.linear_gaussian.members import MemberFit, stack_members
from mne_brainae.models.linear_gaussian.stack import solve_stack
from mne_brainae.models.linear_gaussian.windows import (
    FeatureMaps,
    Window,
    member_energy,
    place_grams,
)


def _maps():
    """Two layers of maps, of 3 and 2 channels, and a pooled layer."""
    places = [
        (layer, row, column)
        for layer, side, n_channels in ((0, 7, 3), (1, 4, 2))
        for row in range(side)
        for column in range(side)
        for _ in range(n_channels)
    ] + [(2, -1, -1)] * 5
    return FeatureMaps(*np.transpose(places))


def test_windows_weigh_features_as_the_estimator_does():
    maps = _maps()
    index = pd.MultiIndex.from_arrays(
        [maps.layer, maps.row, maps.column], names=["layer", "row", "column"]
    )
    for window in (None, (0.4, 0.6, 0.3)):
        found = member_energy(maps, None if window is None else Window(*window))
        expected = feature_weights(index, window and SpatialWindow(*window))
        np.testing.assert_allclose(np.sqrt(found), expected)


def test_one_layer_alone_has_all_the_energy():
    maps = _maps()
    energy = member_energy(maps, Window(0.5, 0.5, 0.2), 1)
    assert energy.sum() == pytest.approx(1)
    assert not energy[maps.layer != 1].any()


def test_inner_products_are_those_of_weighted_features():
    maps = _maps()
    X = np.random.default_rng(0).standard_normal((12, len(maps.layer))).astype("f4")
    members = [(None, None), (Window(0.3, 0.5, 0.2), None), (None, 2), (None, 0)]
    for gram, member in zip(place_grams(X, maps, members), members, strict=True):
        expected = (X * member_energy(maps, *member)) @ X.T
        np.testing.assert_allclose(gram, expected, atol=1e-5)


def test_shares_minimize_the_penalized_error():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((50, 2)).astype("f4")
    predicted = 0.3 * target + rng.standard_normal((4, 50, 2)).astype("f4")
    predicted[2] *= -1
    shares = stack_members(predicted, target)
    for unit in range(2):
        y, members = target[:, unit], predicted[:, :, unit].T
        pull = 0.02 * 50 * (0.3 * y.std()) ** 2

        def loss(w, y=y, members=members, pull=pull):
            return np.square(y - members @ w).sum() + pull * np.square(w - 0.25).sum()

        best = minimize(loss, np.full(4, 0.25), bounds=[(0, None)] * 4)
        np.testing.assert_allclose(shares[:, unit], best.x, atol=1e-3)
    assert not stack_members(predicted, 0 * target).any()


def _looking(n_images=150, n_test=400, n_units=4, seed=0):
    """Units that see one place of the first layer."""
    maps, rng = _maps(), np.random.default_rng(seed)
    X = rng.standard_normal((n_images + n_test, len(maps.layer))).astype("f4")
    window = Window(0.5 + 1 / 7, 0.5 - 1 / 7, 1.25 / 7)
    root = np.sqrt(member_energy(maps, window, 0))[:, None]
    signal = X @ (rng.standard_normal((len(root), n_units)) * root)
    responses = 5 + signal + 0.5 * rng.standard_normal(signal.shape)
    return maps, X, responses


def test_stack_is_one_weight_matrix():
    """The weights are the sum of the members' own, refitted by scikit-learn."""
    maps, X, Y = _looking()
    stack = solve_stack(X[:150], Y[:150], maps)
    assert stack.weights.shape == (X.shape[1], 4)
    assert len(stack.members) == 76 + 3 * 3
    expected, centered = np.zeros((X.shape[1], 4)), X[:150] - X[:150].mean(axis=0)
    for k, member in enumerate(stack.members):
        root = np.sqrt(member_energy(maps, *member))
        seen = centered * root
        for unit in np.flatnonzero(stack.shares[k] > 1e-6):
            alpha = stack.penalties[k, unit] * np.square(seen).sum() / 150
            plain = PlainRidge(alpha).fit(seen.astype(float), Y[:150, unit])
            expected[:, unit] += stack.shares[k, unit] * root * plain.coef_
    np.testing.assert_allclose(stack.weights, expected, atol=1e-3)
    predicted = stack.mean + (X - X[:150].mean(axis=0)) @ stack.weights
    np.testing.assert_allclose(stack.predict(X), predicted, atol=1e-3)


def test_stack_sees_where_units_look():
    maps, X, Y = _looking()
    stack = solve_stack(X[:150], Y[:150], maps)
    X_train, Y_train = (each[:150] - each[:150].mean(axis=0) for each in (X, Y))
    gram = next(place_grams(X_train, maps, [(None, None)]))
    whole = MemberFit.of(gram, Y_train.astype("f4"))
    plain = 1 - np.square(whole.errors).sum(axis=0) / np.square(Y_train).sum(axis=0)
    assert (stack.gain > plain + 0.1).all()
    error = np.square(Y[150:] - stack.predict(X[150:])).sum(axis=0)
    skill = 1 - error / np.square(Y[150:] - stack.mean).sum(axis=0)
    assert skill.mean() == pytest.approx(stack.gain.mean(), abs=0.2)
    _, layer = stack.members[stack.shares.sum(axis=1).argmax()]
    assert layer == 0
    found = stack.log_likelihood(Y[150:], X[150:]).argmax(axis=1)
    assert (found == np.arange(400)).sum() > 15  # 1 expected by chance


@pytest.mark.parametrize("case", ["no maps", "one layer", "dead unit", "few"])
def test_other_features_and_units(case):
    maps, X, Y = _looking()
    n_images = 5 if case == "few" else 150
    if case != "few":
        maps.row, maps.column = np.full((2, len(maps.row)), -1)
    if case == "one layer":
        maps.layer = np.zeros(len(maps.layer), int)
    if case == "dead unit":
        Y[:, 1] = 0
    stack = solve_stack(X[:n_images], Y[:n_images], maps)
    for value in (stack.weights, stack.errors, stack.gain, stack.predict(X)):
        assert np.isfinite(value).all()
    assert np.isfinite(stack.log_likelihood(Y, X[:9])).all()
    expected = {"no maps": 4, "one layer": 1, "dead unit": 4, "few": 85}[case]
    assert len(stack.members) == expected


@pytest.mark.parametrize("noise", [0.5, 50])
def test_few_images_do_not_make_it_worse_than_the_mean_response(noise):
    """Leave-one-out takes noise for a gain, after so many choices."""
    skills, plain = [], []
    for seed in range(3):
        maps, X, Y = _looking(24, seed=seed)
        Y = Y + noise * np.random.default_rng(seed).standard_normal(Y.shape)
        seen, unseen = (X[:24], Y[:24]), (X[24:], Y[24:])
        for found, folds in ((skills, np.arange(24) % 5), (plain, None)):
            stack = solve_stack(*seen, maps, folds=folds)
            error = np.square(unseen[1] - stack.predict(unseen[0])).sum()
            found.append(1 - error / np.square(unseen[1] - stack.mean).sum())
        assert 0 <= stack.slope <= 1
    assert np.mean(skills) > -0.05
    if noise > 1:
        assert np.mean(plain) < -0.2
