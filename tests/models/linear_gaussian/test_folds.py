"""Whole concepts are held out, by subtraction, and judge slope and target."""

import numpy as np
import pytest

from mne_brainae.models.linear_gaussian import Steps, make_folds
from mne_brainae.models.linear_gaussian.folds import (
    Folds,
    HeldOut,
    choose_target,
    cross_validated,
    log_posteriors,
    slope,
)
from mne_brainae.models.linear_gaussian.noise_rows import NoiseRows
from mne_brainae.models.linear_gaussian.sample import Moments, Regression, Sample


def _sample(n_images=120, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_images, 10)).astype("f4")
    law = rng.standard_normal((10, 12))
    noise = rng.standard_normal((n_images, 12))
    responses = (features @ law + 3 * noise).astype("f4")
    weights = rng.uniform(0.5, 1.5, n_images) if weighted else None
    features -= np.average(features, axis=0, weights=weights).astype("f4")
    responses -= np.average(responses, axis=0, weights=weights).astype("f4")
    rows = (3 * np.sqrt(2) * rng.standard_normal((n_images, 12))).astype("f4")
    noise_rows = NoiseRows(rows, 2.0)
    return Sample(features, responses, (4, 3), weights, noise_rows, np.arange(n_images))


def test_folds_hold_whole_groups():
    groups = np.random.default_rng(0).integers(0, 23, 200)
    folds = make_folds(groups)
    assert set(folds) == set(range(5))
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    np.testing.assert_array_equal(folds, make_folds(groups))
    assert len(set(make_folds(["a"] * 4 + ["b"] * 4))) == 2
    assert len(set(make_folds(["a"] * 8))) == 5  # single images
    assert len(set(make_folds(["a", "a", "a", "b"]))) == 4


def _errors_of(regression):
    return regression.targets.ridge.errors(regression.rows, 0.1)


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_a_fold_are_those_of_its_images(weighted):
    sample = _sample(weighted=weighted)
    held_out = np.random.default_rng(1).uniform(size=120) < 0.25
    fast = Moments.of(sample).regression(held_out, with_rows=True)
    weights = sample.weights[~held_out] if weighted else None
    X, Y = sample.features[~held_out], sample.responses[~held_out]
    direct = Regression.fit(X, Y, weights, exact=False)
    for found, expected in (
        (fast.feature_mean, direct.feature_mean),
        (fast.response_mean, direct.response_mean),
        (fast.targets.ridge.energy, direct.targets.ridge.energy),
        (np.abs(fast.targets.projected), np.abs(direct.targets.projected)),
        (fast.targets.second, direct.targets.second),
        (fast.targets.mean_squares(), direct.targets.mean_squares()),
        (fast.rows, direct.rows),
        (_errors_of(fast), _errors_of(direct)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_by_subtraction_find_the_same_axes(weighted):
    sample, folds = _sample(weighted=weighted), make_folds(np.arange(120))
    steps = Steps(errors="generalized")
    fast = Folds(sample, folds, steps, Moments.of(sample))
    direct = Folds(sample, folds, steps)
    for a, b in zip(
        fast.held_out("diagonal", [0, 3]),
        direct.held_out("diagonal", [0, 3]),
        strict=True,
    ):
        sign = np.sign((a.patterns * b.patterns).sum(axis=0))
        np.testing.assert_allclose(a.brain * sign, b.brain, rtol=1e-2, atol=1e-2)
        np.testing.assert_allclose(a.image * sign, b.image, rtol=1e-2, atol=1e-2)


def _held_out(brain, image, start, n_images=12):
    rows = np.zeros(n_images, bool)
    rows[start : start + len(brain)] = True
    patterns = np.random.default_rng(start).standard_normal((5, brain.shape[1]))
    return HeldOut(rows, brain, image, patterns, patterns, np.arange(5) / 10.0)


def _two_folds():
    rng = np.random.default_rng(0)
    parts = []
    for start, n_axes in ((0, 2), (6, 3)):
        image = rng.standard_normal((6, n_axes))
        brain = 0.5 * image + 0.1 * rng.standard_normal((6, n_axes))
        parts.append(_held_out(brain, image, start))
    return parts


def test_slope_is_that_of_least_squares():
    parts = _two_folds()
    image = np.concatenate([part.image.ravel() for part in parts])
    brain = np.concatenate([part.brain.ravel() for part in parts])
    expected = np.linalg.lstsq(image[:, None], brain, rcond=None)[0][0]
    assert slope(parts) == pytest.approx(expected)
    assert slope(parts, np.ones(12)) == pytest.approx(expected)
    parts[0].image[:], parts[1].image[:] = 0, 0
    assert slope(parts) == 0


def test_log_posterior_of_the_right_image():
    parts = _two_folds()
    found, expected = log_posteriors(parts, 0.5), []
    for part in parts:
        squares = np.square(part.brain[:, None] - 0.5 * part.image).sum(axis=2)
        variance = np.diag(squares).mean() / part.brain.shape[1]
        likelihood = np.exp(-squares / 2 / variance)
        expected.append(np.log(np.diag(likelihood) / likelihood.sum(axis=1)))
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-9)


def test_predictions_of_folds_are_seen_along_the_final_axes():
    parts = _two_folds()
    filters = np.random.default_rng(1).standard_normal((5, 2))
    rows, predicted = cross_validated(parts, filters, 0.5)
    np.testing.assert_array_equal(rows, np.arange(12))
    part = parts[1]
    response = part.mean + 0.5 * part.image[0] @ part.patterns.T
    np.testing.assert_allclose(predicted[6], response @ filters)


@pytest.mark.parametrize("mixed", [False, True])
def test_target_follows_held_out_images(mixed):
    """Noise that channels share needs the Kronecker product; other noise does not."""
    rng = np.random.default_rng(0)
    n_images, shape = 150, (10, 4)
    mixing = np.eye(10)
    if mixed:
        mixing = np.linalg.qr(rng.standard_normal((10, 10)))[0] * np.geomspace(
            1, 300, 10
        )
    features = rng.standard_normal((n_images, 6)).astype("f4")
    law = rng.standard_normal((6, 40))

    def noise(n):
        return np.einsum("cd,ndt->nct", mixing, rng.standard_normal((n, *shape)))

    responses = features @ law + noise(n_images).reshape(n_images, -1)
    rows = noise(n_images).reshape(n_images, -1).astype("f4")
    sample = Sample(
        features - features.mean(axis=0),
        (responses - responses.mean(axis=0)).astype("f4"),
        shape,
        None,
        NoiseRows(rows),
        np.arange(n_images),
    )
    plan = Folds(sample, make_folds(np.arange(n_images)), Steps())
    target, held_out = choose_target(plan)
    assert target == ("kronecker" if mixed else "diagonal")
    assert len(held_out) == 5
    assert sum(part.rows for part in held_out).tolist() == [1] * n_images
