"""Probabilities of candidates: Bayes' rule, sets that hold, and calibration."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mne_brainae import Identification, pool_identifications
from mne_brainae.scoring.probabilities import (
    Calibration,
    Residuals,
    posterior,
    probable_sets,
)

FINITE = st.floats(-1e4, 1e4)


def simulate_truth(n_responses=2000, n_candidates=12, sharpness=2.0, seed=0):
    """Draw probabilities, and true candidates by these probabilities."""
    rng = np.random.default_rng(seed)
    shape = n_responses, n_candidates
    probabilities = posterior(sharpness * rng.standard_normal(shape))
    cumulated = np.cumsum(probabilities, axis=1)
    true = (rng.uniform(size=(n_responses, 1)) > cumulated).sum(axis=1)
    return probabilities, np.minimum(true, n_candidates - 1)


@given(arrays(float, (3, 5), elements=FINITE), FINITE)
def test_rows_sum_to_one_whatever_is_added(log_likelihood, constant):
    found = posterior(log_likelihood)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(posterior(log_likelihood + constant), found, atol=1e-9)


def test_bayes_rule():
    likelihood = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    prior = np.array([0.2, 0.8, 0.0])
    expected = likelihood * prior
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(posterior(np.log(likelihood), prior), expected)


@pytest.mark.parametrize("n_responses", [2000, 30])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_sets_hold_the_truth_as_often_as_asked(n_responses, level):
    held = []
    for seed in range(max(20_000 // n_responses, 1)):
        probabilities, true = simulate_truth(n_responses, seed=seed)
        sets = probable_sets(probabilities, level, seed)
        held.append(sets[np.arange(len(true)), true].mean())
    assert abs(np.mean(held) - level) < 0.02


def test_sure_responses_have_small_sets():
    sure, unsure = posterior(np.eye(4) * 9.0)[:1], np.full((1, 4), 0.25)
    probabilities = np.concatenate([np.repeat(sure, 60, 0), np.repeat(unsure, 60, 0)])
    n_held = probable_sets(probabilities, 0.9).sum(axis=1)
    assert n_held[:60].max() <= 1
    assert n_held[60:].min() >= 3


def test_true_probabilities_are_calibrated():
    probabilities, true = simulate_truth()
    best = probabilities.argmax(axis=1)
    found = Calibration(probabilities.max(axis=1), best == true)
    assert abs(found.gap) < 0.03
    assert found.expected_error < 0.05
    assert found.table["n"].sum() == len(true)
    assert found.table["confidence"].is_monotonic_increasing


def test_too_sharp_probabilities_are_too_sure():
    probabilities, true = simulate_truth()
    sharp = posterior(3 * np.log(probabilities))
    best = sharp.argmax(axis=1)
    found = Calibration(sharp.max(axis=1), best == true)
    assert found.gap > 0.1
    assert found.expected_error > 0.1


def test_answers_that_are_sure_are_right_more_often():
    probabilities, true = simulate_truth()
    best = probabilities.argmax(axis=1)
    found = Calibration(probabilities.max(axis=1), best == true)
    table = found.accuracy_above([0.0, 0.5, 0.9, 1.1])
    assert table["answered"].tolist() == sorted(table["answered"], reverse=True)
    assert table["answered"].iloc[0] == 1
    assert table["accuracy"].iloc[0] == pytest.approx((best == true).mean())
    assert table["accuracy"].iloc[2] > table["accuracy"].iloc[0] + 0.2
    assert np.isnan(table["accuracy"].iloc[3])


def test_says_and_draws_what_it_found():
    probabilities, true = simulate_truth(100)
    best = probabilities.argmax(axis=1)
    found = Calibration(probabilities.max(axis=1), best == true, {"task": "retrieval"})
    assert "100 responses" in repr(found)
    assert "task: retrieval" in repr(found)
    axes = found.plot(show=False).axes[0]
    drawn = axes.lines[1].get_xydata()
    expected = found.table[["confidence", "accuracy"]].to_numpy()
    np.testing.assert_allclose(drawn, expected)


# -- of an identification --------------------------------------------------------------

NAMES = ["one", "two", "three"]


def identification(**kwargs):
    similarity = np.log([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    kwargs = {"is_log_likelihood": True} | kwargs
    return Identification(similarity, NAMES, ["one", "two", "one"], **kwargs)


def test_probabilities_name_the_candidates():
    found = identification().probabilities
    assert list(found.columns) == NAMES
    np.testing.assert_allclose(found.loc[1], [0.1, 0.8, 0.1])


def test_a_prior_is_given_by_name():
    found = identification().posterior({"three": 1, "one": 3, "two": 0})
    np.testing.assert_allclose(found.loc[0], [1.5 / 1.7, 0, 0.2 / 1.7])


def test_pooled_and_smaller_galleries_have_probabilities():
    found = identification()
    pooled = pool_identifications([found, found])
    assert pooled.probabilities.shape == (6, 3)
    smaller = found.sub_gallery(2, random_state=0).probabilities
    np.testing.assert_allclose(smaller.sum(axis=1), 1)
    cosine = identification(is_log_likelihood=False)
    with pytest.raises(ValueError, match="similarity='likelihood'"):
        pool_identifications([found, cosine]).sets()


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"one": 1, "two": 1}, "prior lacks these candidates: 'three'"),
        (dict.fromkeys(NAMES, 0), "not all of them 0"),
        ({"one": -1, "two": 1, "three": 1}, "at least 0"),
        ({"one": np.nan, "two": 1, "three": 1}, "at least 0"),
    ],
)
def test_impossible_priors_are_refused(prior, message):
    with pytest.raises(ValueError, match=message):
        identification().posterior(prior)


@pytest.mark.parametrize("level", [0, 1, 1.5, np.nan])
def test_impossible_levels_are_refused(level):
    with pytest.raises(ValueError, match="level"):
        identification().sets(level)


# -- sets by distance --------------------------------------------------------------


def residuals(n_axes=3):
    """Distances of many errors with the covariance 1, and responses among them."""
    rng = np.random.default_rng(0)
    squares = np.square(rng.standard_normal((4000, n_axes))).sum(axis=1)
    quantiles = np.quantile(squares, np.linspace(0, 1, 201))
    candidates = 3 * rng.standard_normal((60, n_axes))
    measured = candidates + rng.standard_normal(candidates.shape)
    distance = np.square(measured[:, None] - candidates).sum(axis=2)
    log_norms = np.linspace(-1, 1, 60)
    return Residuals(log_norms, quantiles), log_norms[:, None] - distance / 2, distance


@pytest.mark.parametrize("level", [0.3, 0.5, 0.9])
def test_sets_by_distance_hold_what_is_near(level):
    found, density, distance = residuals()
    sets = found.sets(density, level)
    threshold = stats.chi2(3).ppf(level)
    clear = np.abs(distance - threshold) > 0.3
    np.testing.assert_array_equal(sets[clear], (distance <= threshold)[clear])
    assert abs(np.diag(sets).mean() - level) < 0.2  # 60 responses


def test_identification_forms_sets_by_distance():
    found, density, _ = residuals()
    names = [str(k) for k in range(60)]
    plain = Identification(density, names, names, {}, True)
    with pytest.raises(ValueError, match="Take method='probability'"):
        plain.sets(0.9, method="residual")
    known = replace(plain, residuals=found)
    expected = found.sets(density, 0.9)
    np.testing.assert_array_equal(known.sets(0.9, method="residual"), expected)
    pd.testing.assert_frame_equal(known.sets(0.9), plain.sets(0.9))
    few = replace(known, residuals=replace(found, by_default=True))
    np.testing.assert_array_equal(few.sets(0.9), expected)
    pd.testing.assert_frame_equal(few.sets(0.9, method="probability"), plain.sets(0.9))
    part = few.sub_gallery(10, random_state=0)
    rows = [names.index(name) for name in part.truth]
    columns = [names.index(name) for name in part.candidates]
    np.testing.assert_array_equal(part.sets(0.9), expected[np.ix_(rows, columns)])
    pooled = pool_identifications([few, few])
    np.testing.assert_array_equal(pooled.sets(0.9), np.tile(expected, (2, 1)))
    assert pool_identifications([few, plain]).residuals is None
