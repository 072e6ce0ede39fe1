"""Missing entries are filled by the conditional mean of a Gaussian."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

import mne_brainae
from mne_brainae.preprocessing import imputation
from mne_brainae.preprocessing.imputation import Imputer, _likelihoods


def _responses(n, seed, noise=0.3):
    mix = np.random.default_rng(9).standard_normal((3, 60))
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((n, 3)) @ mix + noise * rng.standard_normal((n, 60)) + 1
    return data.astype(np.float32)


def test_number_of_components_is_found():
    assert Imputer.fit_pca(_responses(300, 0)).components.shape == (60, 3)
    assert Imputer.fit_pca(_responses(300, 0), 5).components.shape == (60, 5)


def test_few_noisy_responses_are_trusted_less():
    """What fits few responses by chance would spoil new ones, more so in gaps."""
    train, test = _responses(40, 0, noise=5.0), _responses(300, 1, noise=5.0)
    absent = np.random.default_rng(0).random(test.shape) < 0.7
    given = np.where(absent, np.nan, test).astype(np.float32)

    def skill(imputer):
        filled = imputer.fill(given.reshape(300, 6, 10).copy()).reshape(test.shape)
        error = np.square(filled - test)[absent].mean()
        return 1 - error / np.square(train.mean(axis=0) - test)[absent].mean()

    shrunk = skill(Imputer.fit(train))
    assert shrunk > max(skill(Imputer.fit_pca(train, n)) for n in (5, 10))
    assert shrunk > 0


def test_likelihood_is_that_of_probabilistic_pca():
    train, test = _responses(200, 0), _responses(50, 1)
    scores = _likelihoods(train, test, 20)
    for n in (1, 3, 7):
        expected = PCA(n).fit(train).score_samples(test).sum()
        constant = 0.5 * len(test) * 60 * np.log(2 * np.pi)
        # scikit-learn divides variances by n - 1.
        assert scores[n - 1] == pytest.approx(expected + constant, rel=0.01)


def test_expectation_is_the_conditional_mean():
    imputer = Imputer.fit(_responses(300, 0))
    assert imputer.components.shape[1] >= 3
    row = _responses(1, 2)[0].astype(float)
    absent = np.random.default_rng(0).random(60) < 0.5
    loadings = imputer.components.astype(float)
    covariance = loadings @ loadings.T + imputer.noise * np.eye(60)
    cross, seen = covariance[absent][:, ~absent], covariance[~absent][:, ~absent]
    deviation = (row - imputer.mean)[~absent]
    expected = imputer.mean[absent] + cross @ np.linalg.solve(seen, deviation)
    given = row.copy()
    given[absent] = np.nan
    filled = imputer.fill(given.reshape(1, 6, 10)).ravel()
    np.testing.assert_allclose(filled[absent], expected, rtol=1e-6)
    np.testing.assert_array_equal(filled[~absent], row[~absent])
    nothing = imputer.fill(np.full((1, 6, 10), np.nan))
    np.testing.assert_allclose(nothing.ravel(), imputer.mean)


@pytest.mark.parametrize("kind", ["random", "spatial", "temporal", "forecast"])
@pytest.mark.stochastic
def test_best_recipe_completes_recordings(kind, recording, unseen, tmp_path):
    model = mne_brainae.fit(*recording, recipe="linear", verbose="WARNING")
    masked = mne_brainae.mask_epochs(unseen[0], kind, 0.3, random_state=0)
    missing = np.isnan(masked.get_data())
    rebuilt = model.reconstruct(masked).get_data()
    truth = unseen[0].get_data()
    error = ((truth - rebuilt)[missing] ** 2).mean()
    assert error < 0.5 * ((truth - model.evoked_.data)[missing] ** 2).mean()
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.reconstruct(masked).get_data(), rebuilt)


@pytest.mark.parametrize("shape", [(30, 90), (61, 61), (7, 400)])
def test_left_out_variances_from_inner_products_alone(shape):
    rng = np.random.default_rng(0)
    responses = rng.standard_normal((shape[0], 4)) @ rng.standard_normal((4, shape[1]))
    responses = (responses + rng.standard_normal(shape) + 1).astype(np.float32)
    centered = responses - responses.mean(axis=0)
    products = imputation._products(centered)
    found = imputation._held_out_in_products(products, 3)
    expected = imputation._held_out_variances(responses, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
