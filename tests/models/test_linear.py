"""The closed form as an estimator: what it learns, and what it cannot."""

import numpy as np
import pandas as pd
import pytest
import torch
from evidence import p_of
from sklearn.base import clone

import mne_brainae
from mne_brainae.scoring.correlation import correlate

SIMILARITIES = ("cosine", "encoding", "likelihood")


@pytest.fixture(scope="module")
def linear(recording):
    return mne_brainae.LinearBrainAE().fit(*recording)


@pytest.fixture(scope="module")
def averaged(unseen):
    return mne_brainae.average_repetitions(unseen[0])


@pytest.mark.stochastic
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_it_finds_unseen_images(linear, averaged, unseen, similarity):
    found = linear.retrieve(averaged, unseen[1], similarity=similarity)
    n_images = len(averaged)
    assert p_of(found.top_k(1), n_images, 1 / n_images) < 1e-20


def test_protocols_tell_similarities_apart(linear, averaged, unseen):
    protocols = [
        linear.retrieve(averaged, unseen[1], similarity=name).protocol
        for name in SIMILARITIES
    ]
    assert len({protocol["similarity"] for protocol in protocols}) == 3
    assert {protocol["model selection"] for protocol in protocols} == {
        linear.selection_
    }
    with pytest.raises(ValueError, match=r"'similarity'.*likelihood"):
        linear.retrieve(averaged, unseen[1], similarity="euclidean")


def test_it_says_what_it_learned(linear, recording):
    assert 0 < linear.slope_ <= 1
    assert 0 < linear.n_signal_ <= linear.n_embedding_ <= linear.n_embedding
    assert linear.noise_target_ in ("diagonal", "kronecker")
    assert linear.spatial_window_ is None  # these features have no maps
    for words in (
        f"{linear.n_signal_} signal axes",
        f"slope {linear.slope_:.2f}",
        linear.noise_target_,
        "80 training images",
    ):
        assert words in linear.selection_
    assert "closed form" in repr(linear)
    assert len(linear.train_images_) == len(recording[1])
    with pytest.raises(ValueError, match="no training history"):
        mne_brainae.viz.plot_history(linear)


def test_it_is_deterministic_unless_the_folds_change(linear, recording):
    again = clone(linear).fit(*recording)
    weights = again.network_.state_dict()
    for name, value in linear.network_.state_dict().items():
        assert torch.equal(weights[name], value)
    assert again.slope_ == linear.slope_
    other = clone(linear).set_params(random_state=1).fit(*recording)
    assert other.slope_ != linear.slope_


def test_the_order_of_trials_and_images_does_not_matter(linear, recording, unseen):
    epochs, features = recording
    order = np.random.default_rng(0).permutation(len(epochs))
    again = clone(linear).fit(epochs[order], features.iloc[::-1])
    expected = linear.predict_epochs(unseen[1], output="array")
    found = again.predict_epochs(unseen[1], output="array")
    # Another order of images makes other folds, by which the slope is chosen.
    deviation = np.abs(expected - linear.latent_.mean_response).max()
    np.testing.assert_allclose(found, expected, atol=0.1 * deviation)


def test_it_needs_images_that_differ(recording):
    epochs, features = recording
    with pytest.raises(ValueError, match="learns from images"):
        mne_brainae.LinearBrainAE().fit(epochs)
    with pytest.raises(ValueError, match="same features"):
        mne_brainae.LinearBrainAE().fit(epochs, features * 0 + 1)


def test_constant_channels_and_features_are_harmless(recording, unseen):
    epochs, features = recording[0].copy(), recording[1].copy()
    epochs.get_data(copy=False)[:, 2] = 0
    features.iloc[:, 1] = 3.0
    model = mne_brainae.LinearBrainAE().fit(epochs, features)
    for value in model.network_.state_dict().values():
        assert torch.isfinite(value).all()
    predicted = model.predict_epochs(unseen[1], output="array")
    assert np.isfinite(predicted).all()
    np.testing.assert_allclose(predicted[:, 2], 0, atol=1e-12)


def test_one_sample_per_epoch(recording):
    epochs, features = recording
    one = epochs.copy().crop(0.1, 0.1)
    model = mne_brainae.LinearBrainAE().fit(one, features)
    assert model.predict_epochs(features, output="array").shape == (80, 16, 1)


def test_few_images_warn(recording):
    epochs, features = recording
    few = features.index[:20]
    some = epochs[epochs.metadata["image"].isin(few).to_numpy()]
    with pytest.warns(RuntimeWarning, match="fitted on 20 images. With fewer than 40"):
        mne_brainae.LinearBrainAE().fit(some, features)


def test_parameters_of_training_are_none_of_its_own(recording):
    with pytest.raises(TypeError, match="LinearBrainAE has no parameter 'max_epochs'"):
        mne_brainae.fit(*recording, recipe="linear", max_epochs=3)


# -- a simulated recording -------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """So little noise that the best possible decoder makes next to no errors."""
    data = mne_brainae.datasets.simulate(
        n_train_concepts=25,
        n_test_concepts=40,
        n_exemplars=4,
        n_templates=1,
        n_train_repetitions=1,
        n_test_repetitions=4,
        snr=10.0,
        sfreq=50.0,
        path=tmp_path_factory.mktemp("images"),
    )
    averaged = mne_brainae.average_repetitions(data.test)
    features = mne_brainae.compute_image_features(data.images)
    return data, averaged, features


@pytest.mark.stochastic
def test_simulated_images_are_predicted_and_found(simulated):
    data, averaged, features = simulated
    shown = features.loc[averaged.metadata["image"]]
    model = mne_brainae.LinearBrainAE().fit(data.train, features)
    ridge = mne_brainae.RidgeModel().fit(data.train, features)
    r = [
        r_where_truth_varies(
            data.truth, averaged, system.predict_epochs(shown, output="array")
        )
        for system in (model, ridge)
    ]
    assert r[0] > 0.9 * r[1] > 0.3
    for similarity in SIMILARITIES:
        found = model.retrieve(averaged, shown, similarity=similarity)
        assert p_of(found.top_k(1), len(shown), 1 / len(shown)) < 1e-10


@pytest.mark.stochastic
def test_shuffled_images_are_not(simulated):
    """The model says so itself, and predicts no worse than the mean response."""
    data, averaged, features = simulated
    shown = features.loc[averaged.metadata["image"]]
    order = np.random.default_rng(0).permutation(len(features))
    shuffled = pd.DataFrame(features.to_numpy()[order], features.index)
    with pytest.warns(RuntimeWarning, match="hardly follow these images"):
        control = mne_brainae.LinearBrainAE().fit(data.train, shuffled)
    predicted = control.predict_epochs(shown, output="array")
    measured = averaged.get_data()
    error = np.square(measured - predicted).mean()
    assert error < 1.02 * np.square(measured - control.evoked_.data).mean()
    for similarity in SIMILARITIES:
        # Features of test images went to training images.
        with pytest.warns(RuntimeWarning, match="seen in fit"):
            found = control.retrieve(averaged, shown, similarity=similarity)
        assert p_of(found.top_k(1), len(shown), 1 / len(shown)) > 1e-4


def r_where_truth_varies(truth, averaged, predicted):
    """Correlate across images where these make a difference to the true responses."""
    rows = pd.Index(truth.metadata["image"]).get_indexer(averaged.metadata["image"])
    spread = truth.get_data()[rows].std(axis=0)
    varies = spread >= 0.1 * spread.max()
    return correlate(averaged.get_data(), predicted, axis=0)[varies].mean()
