"""Whether the image of a response is among the candidates at all."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal
from sklearn.metrics import roc_auc_score

import mne_brainae
from mne_brainae.commands import main
from mne_brainae.commands._identify import _check_none
from mne_brainae.models.decoding import NONE
from mne_brainae.models.linear_gaussian import ConceptLaw, ErrorLaw, Novelty

N_AXES = 4


def make_rows(n_images, noise, rng):
    predicted = 2 * rng.standard_normal((n_images, N_AXES))
    return predicted + noise * rng.standard_normal(predicted.shape), predicted


def densities(measured, candidates):
    laws = [multivariate_normal(c, np.eye(N_AXES)) for c in candidates]
    return np.stack([law.logpdf(measured) for law in laws], axis=1)


@pytest.fixture(scope="module")
def law():
    measured, predicted = make_rows(600, 1.0, np.random.default_rng(0))
    errors = ErrorLaw(0.5, 0.5 * np.eye(N_AXES), 2.0)
    return Novelty.learn(measured, predicted, np.arange(600) // 4, errors)


def test_known_law_is_found(law):
    """Where the model is right, x itself is the log odds."""
    assert_allclose(law.mean, 0, atol=0.3)
    assert_allclose(np.diag(law.covariance), 4, rtol=0.2)
    assert abs(law.intercept) < 0.5
    assert law.weight == pytest.approx(1, abs=0.25)


def test_probability_is_the_logistic_function_of_the_evidence(law):
    rng = np.random.default_rng(1)
    measured, candidates = rng.standard_normal((2, 6, N_AXES))
    density, covariance = densities(measured, candidates), np.eye(N_AXES)
    found = law.of_none(density, measured, covariance)
    everything = multivariate_normal(law.mean, law.covariance + covariance)
    x = np.log(np.exp(density).mean(axis=1)) - everything.logpdf(measured)
    p_none = np.exp(found - np.logaddexp(found, logsumexp(density, axis=1)))
    assert_allclose(p_none, expit(-(law.intercept + law.weight * x)), rtol=1e-6)


def test_responses_of_others_are_told(law):
    measured, predicted = make_rows(100, 1.0, np.random.default_rng(2))
    density, covariance = densities(measured, predicted[:10]), np.eye(N_AXES)
    found = law.of_none(density, measured, covariance) - logsumexp(density, axis=1)
    assert roc_auc_score(np.arange(100) >= 10, found) > 0.7


def test_few_concepts_teach_nothing():
    rows = make_rows(80, 1.0, np.random.default_rng(0))
    errors = ErrorLaw(0.5, 0.5 * np.eye(N_AXES), 2.0)
    assert Novelty.learn(*rows, np.arange(80) // 4, errors) is None


N_CONCEPTS, N_EACH, BETWEEN = 200, 3, 9.0


def make_concepts(rng):
    """Concepts, images around them of variance 1 along every axis, and such noise."""
    of = np.repeat(np.arange(N_CONCEPTS), N_EACH)
    predicted = BETWEEN**0.5 * rng.standard_normal((N_CONCEPTS, N_AXES))[of]
    predicted += rng.standard_normal(predicted.shape)
    return predicted + rng.standard_normal(predicted.shape), predicted, of


@pytest.fixture(scope="module")
def concept_laws():
    measured, predicted, of = make_concepts(np.random.default_rng(0))
    errors = ErrorLaw(0.5, 0.5 * np.eye(N_AXES), 2.0)
    law = ConceptLaw.learn(predicted, of)
    return law, Novelty.learn_of_concepts(measured, predicted, of, errors, law)


def test_known_law_of_concepts_is_found(concept_laws):
    law, novelty = concept_laws
    assert law.share == pytest.approx(BETWEEN / (BETWEEN + 1), abs=0.03)
    assert_allclose(np.diag(novelty.covariance), BETWEEN + 1, rtol=0.25)
    assert abs(novelty.intercept) < 0.5
    assert novelty.weight == pytest.approx(1, abs=0.25)


def test_concepts_without_templates_are_told(concept_laws):
    law, novelty = concept_laws
    measured, predicted, of = make_concepts(np.random.default_rng(1))
    shown = np.arange(0, len(of), N_EACH)[:100]
    templates = (predicted[shown + 1] + predicted[shown + 2])[:10] / 2
    n_templates = np.full(10, 2)
    density = law.log_density(measured[shown], templates, n_templates, np.eye(N_AXES))
    found = novelty.of_none(density, measured[shown], np.eye(N_AXES))
    is_none = np.arange(100) >= 10
    assert roc_auc_score(is_none, found - logsumexp(density, axis=1)) > 0.7


def test_density_of_a_concept_is_that_of_responses_and_templates_together():
    """p(response | template) = p(response, template) / p(template)."""
    rng = np.random.default_rng(2)
    response, template = rng.standard_normal((2, N_AXES))
    unit = np.eye(N_AXES)
    law = ConceptLaw(unit, BETWEEN * unit, BETWEEN / (BETWEEN + 1), 10, 3.0)
    of_template = BETWEEN + 1 / 2  # a mean of two images
    joint = np.kron([[BETWEEN + 2, BETWEEN], [BETWEEN, of_template]], unit)
    together = multivariate_normal(np.zeros(2 * N_AXES), joint)
    alone = multivariate_normal(np.zeros(N_AXES), of_template * unit)
    expected = together.logpdf([*response, *template]) - alone.logpdf(template)
    given = response[None], template[None], np.array([2]), unit
    assert_allclose(law.log_density(*given), expected)


def test_single_images_of_concepts_teach_nothing_of_them():
    rows = make_rows(80, 1.0, np.random.default_rng(0))
    errors = ErrorLaw(0.5, 0.5 * np.eye(N_AXES), 2.0)
    of = np.minimum(np.arange(80) // 2, 60)  # 40 concepts of two images
    law = ConceptLaw.learn(rows[1], of)
    assert Novelty.learn_of_concepts(*rows, of, errors, law) is not None
    of[0] = 99  # and now 39
    assert Novelty.learn_of_concepts(*rows, of, errors, law) is None


# -- models ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mne_brainae.datasets.simulate(
        n_train_concepts=60,
        n_exemplars=2,
        n_templates=1,
        n_train_repetitions=2,
        n_test_concepts=30,
        n_test_repetitions=6,
        snr=0.3,
        random_state=0,
        path=tmp_path_factory.mktemp("images"),
        verbose="ERROR",
    )


@pytest.fixture(scope="module")
def features(data):
    return mne_brainae.compute_image_features(data.images, verbose="ERROR")


@pytest.fixture(scope="module")
def model(data, features):
    return mne_brainae.fit(
        data.train, features, recipe="linear", random_state=0, verbose="ERROR"
    )


@pytest.fixture(scope="module")
def test_means(data):
    return mne_brainae.average_repetitions(data.test, verbose="ERROR")


@pytest.mark.stochastic
def test_images_out_of_the_gallery_are_none_of_these(model, test_means, features):
    gallery = features.loc[test_means.metadata["image"][:15]]
    found = model.retrieve(test_means, gallery, similarity="likelihood", none=True)
    assert found.candidates == [*gallery.index, NONE]
    assert found.truth == [*gallery.index] + 15 * [NONE]
    p = found.probabilities
    assert_allclose(p.sum(axis=1), 1)
    assert roc_auc_score(np.arange(30) >= 15, p[NONE]) > 0.7
    # A prior moves it, and the candidates keep their proportions.
    prior = dict.fromkeys(found.candidates, 1.0) | {NONE: 0.0}
    plain = model.retrieve(test_means[:15], gallery, similarity="likelihood")
    assert_allclose(
        found.posterior(prior).to_numpy()[:15, :-1], plain.probabilities, atol=1e-6
    )
    assert found.sets(0.8).shape == (30, 16)


@pytest.fixture(scope="module")
def templates(data):
    """Features of templates of every other test concept."""
    folders = sorted(path for path in data.templates.iterdir() if path.is_dir())
    return {
        path.name: mne_brainae.compute_image_features(path, verbose="ERROR")
        for path in folders[::2]
    }


@pytest.mark.stochastic
def test_concepts_without_templates_are_none_of_these(model, test_means, templates):
    how = {"similarity": "likelihood"}
    found = model.classify(test_means, templates, none=True, **how)
    assert found.candidates == [*templates, NONE]
    is_none = ~test_means.metadata["concept"].isin(list(templates)).to_numpy()
    assert is_none.sum() == 15
    assert_array_equal(np.array(found.truth) == NONE, is_none)
    p = found.probabilities
    assert_allclose(p.sum(axis=1), 1)
    assert p[NONE][is_none].mean() > p[NONE][~is_none].mean()
    assert roc_auc_score(is_none, p[NONE]) > 0.6
    # Where "none of these" is impossible before, it is left out.
    prior = dict.fromkeys(found.candidates, 1.0) | {NONE: 0.0}
    plain = model.classify(test_means[~is_none], templates, **how)
    assert_allclose(
        found.posterior(prior).to_numpy()[~is_none, :-1], plain.probabilities, atol=1e-6
    )
    assert found.sets(0.8).shape == (30, 16)
    with pytest.raises(ValueError, match="templates lack these concepts"):
        model.classify(test_means, templates, **how)


def test_a_file_holds_it(model, test_means, features, templates, tmp_path):
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    gallery = features.loc[test_means.metadata["image"][:15]]
    how = {"similarity": "likelihood", "none": True}
    found = [m.retrieve(test_means, gallery, **how).similarity for m in (model, again)]
    assert_array_equal(*found)
    found = [m.classify(test_means, templates, **how) for m in (model, again)]
    assert_array_equal(*[each.similarity for each in found])


def test_the_command_has_it_as_a_candidate(data, test_means, tmp_path, capsys):
    """A folder of half of the seen images is the whole gallery."""
    mne_brainae.fit(data.train, data.images, recipe="linear", verbose="ERROR").save(
        tmp_path / "model.safetensors"
    )
    test_means.save(tmp_path / "test-epo.fif")
    files = {path.name: path for path in data.images.rglob("*.*")}
    gallery, out = tmp_path / "gallery", tmp_path / "ranks.csv"
    gallery.mkdir()
    for name in test_means.metadata["image"][:15]:
        shutil.copy(files[Path(name).name], gallery)
    words = [str(tmp_path / "model.safetensors"), str(tmp_path / "test-epo.fif")]
    words += [str(gallery), "--similarity", "likelihood", "--none", "--out", str(out)]
    main(["retrieve", *words])
    assert "gallery: 15 images" in capsys.readouterr().out
    assert list(pd.read_csv(out)["truth"][15:]) == 15 * [NONE]


def test_groups_do_not_have_it():
    with pytest.raises(ValueError, match="take the model of one subject"):
        _check_none(mne_brainae.GroupModel(), "retrieve")


def test_it_takes_the_likelihood(model, test_means, features, templates):
    gallery = features.loc[test_means.metadata["image"]]
    with pytest.raises(ValueError, match="give similarity='likelihood'"):
        model.retrieve(test_means, gallery, none=True)
    with pytest.raises(ValueError, match="give similarity='likelihood'"):
        model.classify(test_means, templates, none=True)


def test_few_concepts_are_warned_of(recording, unseen):
    model = mne_brainae.LinearBrainAE().fit(*recording)  # 20 concepts
    epochs, features = mne_brainae.average_repetitions(unseen[0]), unseen[1]
    with pytest.raises(RuntimeError, match="at least 40 concepts"):
        model.retrieve(epochs, features, similarity="likelihood", none=True)
    found = model.retrieve(epochs, features, similarity="likelihood")
    with pytest.warns(RuntimeWarning, match="learned from 20 concepts"):
        found.probabilities  # noqa: B018
    with pytest.warns(RuntimeWarning, match="learned from 20 concepts"):
        found.sub_gallery(5, random_state=0).calibration()


def test_one_image_per_concept_is_warned_of(data, features):
    shown = data.train.metadata.drop_duplicates("concept")["image"]
    few = data.train[data.train.metadata["image"].isin(shown).to_numpy()]
    model = mne_brainae.fit(few, data.images, recipe="linear", verbose="ERROR")
    found = model.classify(data.test[:40], data.templates, similarity="likelihood")
    with pytest.warns(RuntimeWarning, match="about one image of each"):
        found.probabilities  # noqa: B018
    with pytest.raises(RuntimeError, match="two images or more of each"):
        model.classify(
            data.test[:40], data.templates, similarity="likelihood", none=True
        )
    shown = features.loc[data.test.metadata["image"].unique()]
    pictures = model.retrieve(data.test[:40], shown, similarity="likelihood")
    assert pictures.residuals.by_default
    with pytest.warns(RuntimeWarning, match="images, about one of each concept"):
        assert_allclose(pictures.probabilities.sum(axis=1), 1)


@pytest.mark.stochastic
def test_sets_of_few_concepts_are_by_distance(model, test_means, features):
    gallery = features.loc[test_means.metadata["image"]]
    found = model.retrieve(test_means, gallery, similarity="likelihood")
    sets = found.sets(0.9)  # of 60 concepts
    assert_array_equal(sets, found.sets(0.9, method="residual"))
    assert np.diag(sets).mean() > 0.6  # of 30
    assert (
        sets.to_numpy().sum() > found.sets(0.9, method="probability").to_numpy().sum()
    )
    cosine = model.retrieve(test_means, gallery, similarity="cosine")
    assert cosine.residuals is None
