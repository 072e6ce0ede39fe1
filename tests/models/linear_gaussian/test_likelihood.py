"""Densities, the split of errors, and what templates tell of their concept."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mne_brainae.models.linear_gaussian.likelihood import (
    ConceptLaw,
    ErrorLaw,
    error_law,
    log_density,
    shrink_by_concept,
)


def _covariance(size, seed=0):
    mixing = np.random.default_rng(seed).standard_normal((size, size))
    return mixing @ mixing.T / size + 0.1 * np.eye(size)


def test_log_density_is_gaussian():
    rng = np.random.default_rng(0)
    measured, predicted = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    covariance = _covariance(3)
    found = log_density(measured, predicted, covariance)
    for row, mean in zip(found.T, predicted, strict=True):
        expected = multivariate_normal(mean, covariance).logpdf(measured)
        np.testing.assert_allclose(row, expected)


def test_covariance_by_repetitions():
    law = ErrorLaw(2.0, np.diag([1.0, 3.0]), repetitions=4)
    np.testing.assert_allclose(law.covariance(1), np.diag([9.0, 11.0]))
    np.testing.assert_allclose(law.covariance(8), np.diag([2.0, 4.0]))


def test_without_repetitions_more_of_them_change_nothing():
    law = ErrorLaw(0.0, np.eye(2), repetitions=4)
    np.testing.assert_allclose(law.covariance(1), 4 * np.eye(2))
    np.testing.assert_allclose(law.covariance(4), np.eye(2))
    np.testing.assert_allclose(law.covariance(80), np.eye(2))


def test_split_of_errors():
    covariance = np.diag([4.0, 3.0, 1.0])
    law = error_law(covariance, 1.5, 2)
    least = 0.5 * (covariance.trace() / 3 - 1.5)
    np.testing.assert_allclose(law.extra, np.diag([2.5, 1.5, least]))
    np.testing.assert_allclose(error_law(covariance, 0.0, 2).extra, covariance)
    assert (np.linalg.eigvalsh(error_law(covariance, 9.0, 2).extra) > 0).all()
    assert (np.linalg.eigvalsh(error_law(np.zeros((3, 3)), 1.0, 2).extra) > 0).all()


def test_unequal_noise_is_taken_off_at_its_mean_level():
    law = error_law(4 * np.eye(2), 1.0, 2, noise_level=1.5)
    np.testing.assert_allclose(law.extra, 2.5 * np.eye(2))


def test_shrinkage_by_concept_is_ledoit_and_wolf_with_one_image_each():
    from sklearn.covariance import ledoit_wolf

    errors = np.random.default_rng(0).standard_normal((60, 4)) @ _covariance(4)
    found = shrink_by_concept(errors, np.arange(60))
    np.testing.assert_allclose(found, ledoit_wolf(errors, assume_centered=True)[0])
    order = np.random.default_rng(1).permutation(60)
    labels = np.arange(60) // 3
    found = shrink_by_concept(errors, labels)
    np.testing.assert_allclose(shrink_by_concept(errors[order], labels[order]), found)


def test_copies_of_an_image_are_no_more_data():
    errors = np.random.default_rng(0).standard_normal((30, 4)) @ _covariance(4)
    once = shrink_by_concept(errors, np.arange(30))
    twice = shrink_by_concept(np.tile(errors, (2, 1)), np.tile(np.arange(30), 2))
    np.testing.assert_allclose(twice, once)


def test_weights_stand_for_copies():
    errors = np.random.default_rng(0).standard_normal((30, 4)) @ _covariance(4)
    weights = np.ones(30)
    weights[:10] = 3
    copies = np.repeat(np.arange(30), weights.astype(int))
    mean = errors[copies].T @ errors[copies] / len(copies)
    found = shrink_by_concept(errors, np.arange(30), weights)
    assert np.trace(found) == pytest.approx(np.trace(mean))


def test_concepts_are_learned_and_templates_expect_the_right_image():
    """Of a scalar variance the gain is the regression of an image on its templates."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4000), 4)
    z = 2 * rng.standard_normal((4000, 2))[labels] + rng.standard_normal((16000, 2))
    law = ConceptLaw.learn(z, labels)
    np.testing.assert_allclose(law.within, np.eye(2), atol=0.05)
    np.testing.assert_allclose(law.between, 4 * np.eye(2), atol=0.4)
    assert law.share == pytest.approx(0.8, abs=0.02)
    grid = z.reshape(4000, 4, 2)
    for n in (1, 3):
        template, other = grid[:, :n].mean(axis=1), grid[:, 3]
        slope = (template * other).sum() / (template**2).sum()
        assert law.gain(n) == pytest.approx(slope, abs=0.03)
        rest = np.cov((other - slope * template).T)
        np.testing.assert_allclose(law.covariance(n), rest, atol=0.15)


@pytest.mark.parametrize("n_concepts", [1, 5])
def test_concepts_of_one_image(n_concepts):
    z = np.random.default_rng(0).standard_normal((n_concepts, 3))
    law = ConceptLaw.learn(z, np.arange(n_concepts))
    assert law.images_per_concept == 1
    assert np.isfinite(law.covariance(2)).all()
    assert 0 < law.gain(2) <= 1
    assert np.isfinite(ConceptLaw.learn(0 * z, np.arange(n_concepts)).gain(1))
