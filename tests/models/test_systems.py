"""The baselines against scikit-learn and by hand, behind the face of BrainAE."""

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from building import brain_ae, nonlinear_model
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.preprocessing import StandardScaler

import mne_brainae
from mne_brainae.models.systems.linear_encoding import ALPHAS
from mne_brainae.preprocessing.averaging import average_by
from mne_brainae.preprocessing.scaling import FEATURE_ENERGY


def arrays(epochs, table):
    """Return averaged responses, features of the same rows, and what divides them."""
    brain, shown = average_by(epochs, "image", np.arange(len(epochs.ch_names)))
    features = table.loc[shown["image"]].to_numpy(np.float64)
    brain = brain.astype(np.float64)
    scale = (brain - brain.mean(axis=0)).std(axis=(0, 2))[:, None]
    return brain, features, scale


def standardized(features, by):
    scaler = StandardScaler().fit(by)
    return scaler.transform(features) * np.sqrt(FEATURE_ENERGY / by.shape[1])


def test_ridge_is_that_of_scikit_learn(recording, unseen):
    brain, features, scale = arrays(*recording)
    encoder = mne_brainae.LinearEncodingModel().fit(*recording)
    target = (brain - brain.mean(axis=0)) / scale
    ridge = RidgeCV(ALPHAS).fit(
        standardized(features, features), target.reshape(len(brain), -1)
    )
    assert_allclose(encoder.alpha_, ridge.alpha_)
    new = unseen[1]
    expected = ridge.predict(standardized(new.to_numpy(np.float64), features))
    expected = expected.reshape(-1, *brain.shape[1:]) * scale + brain.mean(axis=0)
    found = encoder.predict_epochs(new)
    assert list(found.metadata["image"]) == list(new.index)
    assert_allclose(found.get_data(copy=False), expected, rtol=1e-4, atol=1e-10)
    evoked = encoder.predict_evoked(new)
    assert isinstance(evoked, mne.Evoked)
    assert_allclose(evoked.data, expected.mean(axis=0), rtol=1e-3, atol=1e-10)


@pytest.mark.parametrize("n_components", [None, 5, 12, 0.7])
def test_least_squares_on_components_is_that_of_scikit_learn(
    recording, unseen, n_components
):
    brain, features, _ = arrays(*recording)
    encoder = mne_brainae.LinearEncodingModel(n_components=n_components, alphas=None)
    encoder.fit(*recording)
    assert encoder.alpha_ == 0
    new = standardized(unseen[1].to_numpy(np.float64), features)
    old = standardized(features, features)
    if n_components is not None:
        pca = PCA(n_components).fit(old)
        old, new = pca.transform(old), pca.transform(new)
        assert encoder.n_embedding_ == pca.n_components_
    expected = LinearRegression().fit(old, brain.reshape(len(brain), -1)).predict(new)
    found = encoder.predict_epochs(unseen[1], output="array")
    assert_allclose(
        found, expected.reshape(found.shape), rtol=1e-3, atol=1e-4 * np.std(expected)
    )
    assert "ordinary least squares" in encoder.selection_


def test_more_features_than_images_and_more_values_than_both():
    """The dual form: 30 images, 100 features, 4,000 values."""
    rng = np.random.default_rng(0)
    names = [f"image-{i}" for i in range(30)]
    info = mne.create_info(40, 100.0, "seeg")
    epochs = mne.EpochsArray(
        rng.standard_normal((30, 40, 100)),
        info,
        metadata=pd.DataFrame({"image": names}),
        verbose=False,
    )
    features = pd.DataFrame(rng.standard_normal((30, 100)), index=names)
    encoder = mne_brainae.LinearEncodingModel(alphas=[20.0]).fit(epochs, features)
    brain, rows, scale = arrays(epochs, features)
    target = ((brain - brain.mean(axis=0)) / scale).reshape(30, -1)
    ridge = RidgeCV([20.0]).fit(standardized(rows, rows), target)
    expected = ridge.predict(standardized(rows, rows)).reshape(brain.shape)
    expected = expected * scale + brain.mean(axis=0)
    found = encoder.predict_epochs(features, output="array")
    assert_allclose(found, expected, atol=1e-4)
    with pytest.raises(ValueError, match=r"fits all 30 training images exactly"):
        mne_brainae.LinearEncodingModel(alphas=None).fit(epochs, features)


@pytest.mark.stochastic
def test_linear_encoder_has_the_face_of_the_model(recording, unseen):
    epochs, features = unseen
    encoder = mne_brainae.LinearEncodingModel().fit(*recording)
    averaged = mne_brainae.average_repetitions(epochs)
    found = encoder.retrieve(averaged, features)
    assert found.top_k(1) > 0.9
    assert found.protocol["similarity"] == "Pearson r with the predicted response"
    assert "leave-one-out" in found.protocol["model selection"]
    scores = mne_brainae.score_encoding(
        epochs, encoder.predict_epochs(features), encoder.evoked_, n_bootstraps=0
    )
    assert_allclose(
        encoder.score(epochs, features),
        scores.table.loc["prediction", "r_images"],
        atol=1e-4,
    )
    assert repr(encoder).startswith("<LinearEncodingModel | 16 channels x 40 times")
    assert "closed form" in repr(encoder)
    others = [name.replace(".png", "-other.png") for name in features.index]
    concepts = [f"new {name[4:6]}" for name in features.index]
    index = pd.MultiIndex.from_arrays([concepts, others], names=["concept", "image"])
    templates = features.set_axis(index)
    named = encoder.classify(averaged, templates)
    assert named.protocol["task"] == "classification"
    assert named.top_k(1) > 0.5


def test_one_seed_one_result(recording, unseen):
    encoder = mne_brainae.LinearEncodingModel(n_components=4, random_state=1)
    first = encoder.fit(*recording).predict_epochs(unseen[1], output="array")
    again = clone(encoder).fit(*recording).predict_epochs(unseen[1], output="array")
    assert_array_equal(first, again)


QUICK = {
    "n_kernels": 16,
    "kernel_length": 10,
    "n_embedding": 32,
    "learning_rate": 1e-2,
    "max_epochs": 10,
    "min_updates": 100,
    "standardize": "evoked",
    "random_state": 0,
    "verbose": "WARNING",
}


@pytest.fixture(scope="module")
def nonlinear(recording):
    return nonlinear_model(**QUICK).fit(*recording)


@pytest.mark.stochastic
def test_nonlinear_encoder_learns(nonlinear, unseen):
    epochs, features = unseen
    assert nonlinear.score(epochs, features) > 0.3
    columns = set(nonlinear.history_.filter(like="train_"))
    assert columns == {"train_recon_image", "train_total"}
    averaged = mne_brainae.average_repetitions(epochs)
    assert nonlinear.retrieve(averaged, features).top_k(5) > 0.4
    assert repr(nonlinear).startswith("<NonlinearEncodingModel")


def test_nonlinear_encoder_is_the_decoder_of_the_model_alone(recording):
    """The same objective through BrainAE: the brain encoder makes no difference."""
    size = QUICK | {"n_embedding": 16 * 40, "max_epochs": 2, "min_updates": 1}
    model = brain_ae(
        contrastive=0.0,
        feature=0.0,
        recon_brain=0.0,
        brain_encoder=torch.nn.Flatten(),
        **size,
    )
    alone = nonlinear_model(**size)
    found = [
        system.fit(*recording).predict_epochs(recording[1], output="array")
        for system in (model, alone)
    ]
    assert_array_equal(*found)
    assert alone.network_.brain_encoder is None


@pytest.mark.parametrize("name", ["linear", "nonlinear"])
def test_encoding_models_take_the_directions_they_can(
    name, nonlinear, recording, unseen, tmp_path
):
    model = nonlinear
    if name == "linear":
        model = mne_brainae.LinearEncodingModel().fit(*recording)
    assert not hasattr(model, "embed_epochs")
    assert not hasattr(model, "reconstruct")
    with pytest.raises(ValueError, match=r"'similarity'.*'encoding'"):
        model.retrieve(*unseen, similarity="cosine")
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert type(again) is type(model)
    assert_array_equal(
        again.predict_evoked(unseen[1]).data, model.predict_evoked(unseen[1]).data
    )


def test_estimators_clone(recording):
    for encoder in (
        mne_brainae.LinearEncodingModel(n_components=3, alphas=[1.0]),
        mne_brainae.NonlinearEncodingModel(n_kernels=7, brain_decoder="linear"),
    ):
        assert clone(encoder).get_params() == encoder.get_params()
        assert encoder.set_params(picks="eeg").picks == "eeg"
    assert "brain_encoder" not in mne_brainae.NonlinearEncodingModel().get_params()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_components": 13}, "between 1 and 12"),
        ({"n_components": -1}, "n_components.*LinearEncodingModel"),
        ({"alphas": [0.0, 1.0]}, "alphas must be at least one positive number"),
    ],
)
def test_bad_parameters(recording, params, match):
    with pytest.raises(ValueError, match=match):
        mne_brainae.LinearEncodingModel(**params).fit(*recording)


@pytest.mark.stochastic
def test_table_1(recording, unseen):
    """All four columns fit and predict, and differ in what the table says."""
    systems = mne_brainae.encoding_systems(
        linear={"n_components": 8},
        alignment={"temperature": 0.05},
        inner_activation=False,
        **QUICK,
    )
    assert list(systems) == [
        "linear",
        "nonlinear",
        "linear + alignment",
        "nonlinear + alignment",
    ]
    assert systems["linear"].n_components == 8
    assert systems["linear + alignment"].brain_decoder == "linear"
    assert systems["nonlinear + alignment"].brain_decoder == "tsconv"
    assert systems["nonlinear + alignment"].losses.temperature == 0.05
    assert systems["nonlinear"].training.validation == "image"
    epochs, features = unseen
    for name, system in systems.items():
        assert type(system).__name__ == {
            "linear": "LinearEncodingModel",
            "nonlinear": "NonlinearEncodingModel",
        }.get(name, "BrainAE")
        predicted = system.fit(*recording).predict_epochs(features)
        scores = mne_brainae.score_encoding(
            epochs, predicted, system.evoked_, n_splits=2, n_bootstraps=0
        )
        assert scores.table.loc["prediction - mean response", "r_images"] > 0.1
    with pytest.raises(TypeError, match="nonsense"):
        mne_brainae.encoding_systems(nonsense=1)


def test_one_time(recording):
    """Spike counts: one value per channel."""
    epochs, features = recording
    epochs = epochs.copy().crop(0.0, 0.0)
    for encoder in (
        mne_brainae.LinearEncodingModel(),
        nonlinear_model(**QUICK),
    ):
        predicted = encoder.fit(epochs, features).predict_epochs(features)
        assert predicted.get_data(copy=False).shape == (len(features), 16, 1)
