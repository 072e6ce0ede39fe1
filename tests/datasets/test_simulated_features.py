"""Responses to features: the law, the truth and the best decoder."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from mne_brainae.datasets import FeatureLaw, simulate_responses, things


def table(features, prefix):
    n_concepts, n_exemplars, n_features = features.shape
    names = [
        (f"{prefix}{i}", f"{prefix}{i}/{j}")
        for i in range(n_concepts)
        for j in range(n_exemplars)
    ]
    index = pd.MultiIndex.from_tuples(names, names=["concept", "image"])
    return pd.DataFrame(features.reshape(-1, n_features), index=index)


@pytest.fixture(scope="module")
def law():
    return FeatureLaw.of_a_network(30)


@pytest.fixture(scope="module")
def drawn(law):
    return law.draw(60, 7, np.random.default_rng(0))


@pytest.fixture(scope="module")
def simulated(law, drawn):
    train = table(law.draw(20, 4, np.random.default_rng(1)), "train")
    test = table(drawn[:, :1], "test")
    options = {"n_drives": 5, "tmax": 0.4, "snr": 0.002, "random_state": 3}
    return simulate_responses(train, test, law, **options), train, test, options


def test_law_is_learned_from_what_it_drew(law):
    features = law.draw(4000, 13, np.random.default_rng(0))
    learned = FeatureLaw.learn(features[:, 0], features[:, 1:].mean(axis=1))
    assert_allclose(learned.concept_share, law.concept_share, atol=0.03)
    assert_allclose(learned.mean, law.mean, atol=0.02)
    scale = np.abs(law.covariance).max()
    assert_allclose(learned.covariance, law.covariance, atol=0.08 * scale)


def test_guess_of_a_picture_from_its_template(law):
    """The gain and the remaining variance are those of regression."""
    features = law.draw(5000, 4, np.random.default_rng(0)).astype(float)
    picture, template = features[:, 0], features[:, 1:].mean(axis=1)
    expected, unknown = law.guess(template, 3)
    error = picture - expected
    assert_allclose(
        error.var(axis=0).sum(), unknown * np.trace(law.covariance), rtol=0.03
    )
    template = template - law.mean
    assert abs((error * template).sum() / np.square(template).sum()) < 0.02


def test_responses_are_linear_and_averages_hold_the_noise(simulated):
    data, _, test, options = simulated
    truth = data.truth.get_data()
    drives = (test.to_numpy() - data.feature_law.mean) @ data.brain.axes
    design = np.column_stack([np.ones(len(drives)), drives])
    flat = truth.reshape(len(truth), -1)
    fitted = design @ np.linalg.lstsq(design, flat, rcond=None)[0]
    assert_allclose(fitted, flat, atol=1e-4 * flat.std())
    assert_allclose(drives.std(axis=0), 1, atol=0.5)
    error = data.test.get_data() - truth
    signal = truth[:, :, data.test.times > 0].var(axis=0).mean()
    assert_allclose(signal / error.var() / 80, options["snr"], rtol=0.5)
    assert (data.test.metadata["n_averaged"] == 80).all()
    assert (data.train.metadata["n_averaged"] == 4).all()
    assert "SIMULATED" in repr(data)


def test_best_decoder_against_the_density(simulated, drawn):
    """In few values, where the whole covariance of the noise can be inverted."""
    data, _, test, _ = simulated
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((5, 6))
    root = rng.standard_normal((6, 6))
    noise = root @ root.T
    information = patterns @ np.linalg.solve(noise, patterns.T)
    filters = np.linalg.solve(noise, patterns.T).T
    spread = data.brain.axes.T @ data.feature_law.covariance @ data.brain.axes
    templates = drawn[:, 1:].mean(axis=1)
    expected, unknown = data.feature_law.guess(templates, 6)
    measured = rng.standard_normal((len(test), 6))
    of_drives = (expected - data.feature_law.mean) @ data.brain.axes
    density = np.array(
        [
            multivariate_normal.logpdf(
                measured, mean, noise + unknown * patterns.T @ spread @ patterns
            )
            for mean in of_drives @ patterns
        ]
    ).T
    few = data.test.copy().crop(0, 0).pick(data.test.ch_names[:6])
    few.get_data(copy=False)[:] = measured[..., None]
    small = replace(
        data,
        test=few,
        filters=filters,
        common=np.zeros((6, 1)),
        information=information,
    )
    names = test.index.get_level_values("concept")
    found = small.classify(pd.DataFrame(templates, index=names), 6)
    ours = found.similarity - found.similarity.mean(axis=1, keepdims=True)
    density -= density.mean(axis=1, keepdims=True)
    assert_allclose(ours, density, atol=1e-6 * np.abs(density).max())


@pytest.mark.stochastic
def test_best_decoder_beats_others_and_knows_no_more(simulated, drawn):
    data, _, test, _ = simulated
    found = data.retrieve(test.droplevel("concept"))
    concepts = test.index.get_level_values("concept")
    named = data.classify(pd.DataFrame(drawn[:, 1:].mean(axis=1), index=concepts), 6)
    assert found.top_k(1) > named.top_k(1) > 5 * named.chance(1)
    assert "knows the truth" in repr(named)
    wrong = test.droplevel("concept").sample(frac=1, random_state=0)
    wrong.index = test.index.get_level_values("image")
    assert data.retrieve(wrong).top_k(1) < 0.15


def test_one_seed_gives_one_recording(simulated, law):
    data, train, test, options = simulated
    again = simulate_responses(train, test, law, **options)
    np.testing.assert_array_equal(again.train.get_data(), data.train.get_data())
    other = simulate_responses(train, test, law, **options | {"random_state": 4})
    assert not np.allclose(other.truth.get_data(), data.truth.get_data())


@pytest.fixture(scope="module")
def bent(law, simulated):
    _, train, test, options = simulated
    return simulate_responses(train, test, law, **options, law="nonlinear")


def test_nonlinear_responses_are_those_of_bent_and_late_drives(bent, simulated):
    linear, _, test, options = simulated
    assert bent.brain.n_drives == options["n_drives"]
    assert "nonlinear law" in repr(bent)
    assert_allclose(bent.brain.axes[:, :-1], linear.brain.axes)
    features = test.to_numpy()
    drives, delays = bent.brain.drive(features)
    assert np.ptp(delays) > 0.018
    truth, times = bent.truth.get_data(), bent.truth.times
    for row in (0, 7):
        common, patterns = bent.brain.sources.evoke(times - delays[row])
        expected = common + np.tensordot(drives[row], patterns, 1)
        assert_allclose(truth[row], expected, atol=1e-4 * np.abs(expected).max())
    basis = bent.brain.basis.reshape(len(bent.brain.basis), -1)
    assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-8)
    rebuilt = bent.common + np.tensordot(
        bent.brain.coordinates(features), bent.brain.basis, 1
    )
    assert_allclose(rebuilt, truth, atol=1e-3 * truth.std())


def test_averages_of_the_nonlinear_law_are_uneven(bent, simulated):
    _, _, test, options = simulated
    assert len(bent.gains) == len(test)
    assert_allclose(bent.gains.mean(), 1, atol=0.02)
    assert 0.5 < bent.gains.std() / (0.2 / np.sqrt(80)) < 1.5
    truth = bent.truth.get_data()
    error = bent.test.get_data() - bent.gains[:, None, None] * truth
    signal = truth[:, :, bent.test.times > 0].var(axis=0).mean()
    assert_allclose(signal / error.var() / 80, options["snr"], rtol=0.5)


def test_best_decoder_of_the_nonlinear_law(bent, simulated, drawn):
    _, _, test, _ = simulated
    found = bent.retrieve(test.droplevel("concept"))
    concepts = test.index.get_level_values("concept")
    named = bent.classify(pd.DataFrame(drawn[:, 1:].mean(axis=1), index=concepts), 6)
    assert found.top_k(1) > named.top_k(1) > 5 * named.chance(1)
    wrong = test.droplevel("concept").sample(frac=1, random_state=0)
    wrong.index = test.index.get_level_values("image")
    assert bent.retrieve(wrong).top_k(1) < 0.15


def test_imagined_pictures_have_what_a_template_tells(law):
    template = law.draw(1, 1, np.random.default_rng(0))[0].astype(float)
    expected, unknown = law.guess(template, 3)
    (drawn,) = law.imagine(template, 3, 4000)
    assert_allclose(drawn.mean(axis=0), expected[0], atol=1e-9)
    scale = np.abs(law.covariance).max()
    assert_allclose(np.cov(drawn.T), unknown * law.covariance, atol=0.1 * scale)


def test_bad_input(law, simulated):
    _, train, test, _ = simulated
    with pytest.raises(ValueError, match="index of 1 levels"):
        simulate_responses(train.droplevel(0), test, law)
    with pytest.raises(ValueError, match="30 features of the law"):
        simulate_responses(train, test.iloc[:, 1:], law)
    with pytest.raises(ValueError, match="kind"):
        simulate_responses(train, test, law, kind="mua")
    with pytest.raises(ValueError, match="snr"):
        simulate_responses(train, test, law, snr=0)
    with pytest.raises(ValueError, match="law"):
        simulate_responses(train, test, law, law="quadratic")
    with pytest.raises(ValueError, match=r"at least 2 images.* got 1"):
        simulate_responses(train, test[:1], law)


def test_clip_features_that_are_absent(tmp_path):
    with pytest.raises(FileNotFoundError, match="clip_l14_test_images"):
        things.read_clip_features(tmp_path)
