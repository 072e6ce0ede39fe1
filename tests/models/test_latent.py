"""The fitted shared space as a value: arrays in, arrays out."""

import numpy as np
import pandas as pd
import pytest
import torch
from building import BRIEF, CLASSES, brain_ae, brief_model
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae.models import latent
from mne_brainae.models.latent import Latent
from mne_brainae.nn.fast.frozen import convolves


def fitted(name, recording):
    if name == "linear without imputer":
        return mne_brainae.LinearBrainAE(imputation="mean").fit(*recording)
    return brief_model(name).fit(*recording)


@pytest.fixture(scope="module", params=[*CLASSES, "linear without imputer"])
def model(request, recording):
    return fitted(request.param, recording)


@pytest.fixture
def arrays(unseen):
    """Responses in volts and features of their images."""
    epochs = mne_brainae.average_repetitions(unseen[0])
    features = unseen[1].loc[epochs.metadata["image"]]
    return epochs.get_data(), features.to_numpy()


def test_it_says_what_models_say(model, unseen, arrays):
    """The model only turns arrays into objects of MNE-Python and back."""
    latent, (data, features) = model.latent_, arrays
    assert isinstance(latent, Latent)
    assert latent.n_embedding == model.n_embedding_
    epochs = mne_brainae.average_repetitions(unseen[0])
    table = unseen[1].loc[epochs.metadata["image"]]
    z_image = latent.embed_features(features)
    assert z_image.shape == (len(data), latent.n_embedding)
    assert_array_equal(z_image, model.embed_images(table))
    if hasattr(model, "predict_epochs"):
        predicted = latent.predict(z_image)
        assert predicted.shape == data.shape
        assert_array_equal(predicted, model.predict_epochs(table, output="array"))
    if hasattr(model, "embed_epochs"):
        assert_array_equal(latent.embed_brain(data), model.embed_epochs(epochs))
    if hasattr(model, "reconstruct"):
        assert_array_equal(
            latent.complete(data),
            model.reconstruct(epochs, keep_observed=False, output="array"),
        )
    for name in latent.similarities:
        compared = latent.compare(
            data, z_image, name, repetitions=epochs.metadata["n_averaged"]
        )
        assert compared.shape == (len(data), len(data))
        found = model.retrieve(epochs, table, similarity=name).similarity
        assert_allclose(compared[:, :], found, rtol=1e-4, atol=1e-6)


def test_arrays_come_out_in_float32_and_go_in_unchanged(model, arrays):
    latent, (data, features) = model.latent_, arrays
    copies = data.copy(), features.copy()
    z = latent.embed_features(features)
    found = [z]
    if latent.network.brain_decoder is not None:
        found += [latent.decode(z), latent.predict(z)]
    if latent.network.brain_encoder is not None:
        found += [latent.embed_brain(data)]
    if hasattr(model, "reconstruct"):
        found += [latent.complete(data)]
    for array in found:
        assert type(array) is np.ndarray
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert_array_equal(data, copies[0])
    assert_array_equal(features, copies[1])


def test_the_slope_shrinks_predictions_to_the_mean_response(recording, arrays):
    latent = mne_brainae.LinearBrainAE().fit(*recording).latent_
    z = latent.embed_features(arrays[1])
    assert 0 < latent.slope < 1
    expected = latent.mean_response + latent.slope * (
        latent.decode(z) - latent.mean_response
    )
    assert_allclose(latent.predict(z), expected, rtol=1e-3, atol=1e-9)
    latent.slope = 0.0
    mean = np.broadcast_to(latent.mean_response, expected.shape)
    assert_allclose(latent.predict(z), mean, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("name", ["LinearBrainAE", "linear without imputer"])
@pytest.mark.stochastic
def test_what_is_missing_is_completed(name, recording, arrays):
    latent, (data, _) = fitted(name, recording).latent_, arrays
    missing = np.random.default_rng(0).random(data.shape) < 0.3
    whole = latent.complete(np.where(missing, np.nan, data))
    assert whole.shape == data.shape
    assert np.isfinite(whole).all()
    error = np.square(whole - data)[missing].mean()
    assert error < np.square(latent.mean_response - data)[missing].mean()


def test_similarities_follow_from_the_parts(recording, model):
    network = model.latent_.network
    ways = model.latent_.similarities
    assert ("cosine" in ways) == (network.brain_encoder is not None)
    assert ("encoding" in ways) == (network.brain_decoder is not None)
    assert ("likelihood" in ways) == model.latent_.knows_noise


def test_without_images_there_is_nothing_to_compare(recording, unseen):
    model = brain_ae(**BRIEF).fit(recording[0])
    assert model.latent_.similarities == ()
    assert model.latent_.n_embedding == 16
    data = unseen[0].get_data()
    assert model.latent_.embed_brain(data).shape == (len(data), 16)


def test_features_of_other_columns(model):
    latent = model.latent_
    names = latent.feature_names
    rows = np.zeros((2, len(names)))
    latent.check_features(pd.DataFrame(rows, columns=names))
    for wrong, match in (
        (pd.DataFrame(rows[:0], columns=names), "at least one image"),
        (pd.DataFrame(rows[:, 1:]), r"11 features, but the model was fitted on 12"),
        (pd.DataFrame(rows, columns=names[::-1]), "another order than at fit"),
    ):
        with pytest.raises(ValueError, match=match):
            latent.check_features(wrong)


@pytest.mark.parametrize(("measured", "predicted"), [(1, 1), (700, 2000), (2**20, 640)])
def test_blocks_of_a_gallery_are_the_whole(
    measured, predicted, model, unseen, monkeypatch
):
    """Comparing in small blocks changes no correlation and no likelihood."""
    epochs, features = unseen
    expected = {
        name: model.retrieve(epochs, features, similarity=name).similarity
        for name in model.latent_.similarities
    }
    monkeypatch.setattr(latent, "MEASURED", measured)
    monkeypatch.setattr(latent, "PREDICTED", predicted)
    for name, whole in expected.items():
        found = model.retrieve(epochs, features, similarity=name).similarity
        np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)


def test_a_large_gallery_is_predicted_part_by_part(model, unseen, monkeypatch):
    if "encoding" not in model.latent_.similarities:
        pytest.skip("it predicts no responses")
    epochs, features = unseen
    monkeypatch.setattr(latent, "PREDICTED", 3 * 16 * 40)
    sizes = []
    predict = latent.Latent._predicted_values

    def note(self, z_image):
        sizes.append(len(z_image))
        return predict(self, z_image)

    monkeypatch.setattr(latent.Latent, "_predicted_values", note)
    model.retrieve(epochs, features, similarity="encoding")
    assert max(sizes) == 3


def test_a_gallery_is_embedded_once(model, unseen, monkeypatch):
    """The same table is known again, others and those of other weights are not."""
    model, (epochs, table) = model.copy(), unseen[:2]
    space, calls = model.latent_, []
    embed = space._frozen.embed_image
    monkeypatch.setattr(
        space._frozen, "embed_image", lambda rows: calls.append(1) or embed(rows)
    )

    def z():
        return model._embed_candidates(table).z.to_numpy().copy()

    model.retrieve(epochs, table)
    assert len(calls) == 1
    first = z()
    model.retrieve(epochs, table)
    model.embed_images(table.iloc[:1])  # is no gallery
    assert_array_equal(z(), first)
    assert len(calls) == 2
    table = table.copy()
    table.iloc[3, 2] += 1.0
    changed = (z() != first).any(axis=1)
    assert list(np.flatnonzero(changed)) == [3]
    table.iloc[3, 2] -= 1.0  # in place
    assert_allclose(z(), first, rtol=1e-5, atol=1e-6)
    table = table.rename(index={table.index[0]: "another"})
    assert model._embed_candidates(table).z.index[0] == "another"
    with torch.no_grad():
        weights = list(space.network.image_projection.parameters())
        for weight in weights:
            weight.mul_(2.0)
    is_same = np.allclose(z()[0], first[0])
    assert is_same == (not weights)  # the identity has none


def test_a_model_is_moved_in_place(model, unseen):
    """As modules of PyTorch are; there is a card in tests/cuda."""
    before = model.embed_images(unseen[1])
    folded = model.latent_._frozen
    assert model.to("cpu") is model
    assert model.device_ == "cpu"
    assert model.latent_._frozen is not folded  # no kernels of the former device
    assert_array_equal(model.embed_images(unseen[1]), before)


def test_a_model_embeds_in_another_precision(model, unseen):
    """Where there is a convolution; elsewhere there is nothing to round."""
    if not convolves(model.latent_.network):
        with pytest.raises(ValueError, match="needs the temporal-spatial convolution"):
            model.to("cpu", precision="bf16")
        assert model.to("cpu", precision="auto") is model
        return
    before = model.embed_epochs(unseen[0]).to_numpy()
    rounded = model.copy().to("cpu", precision="bf16")
    found = rounded.embed_epochs(unseen[0]).to_numpy()
    assert 0 < np.linalg.norm(found - before) < 0.02 * np.linalg.norm(before)
    assert_array_equal(rounded.to("cpu").embed_epochs(unseen[0]), before)


def test_correlations_on_a_card_are_those_of_the_host(model, unseen):
    """Computed as there, on the CPU."""
    space = model.latent_
    if "encoding" not in space.similarities:
        pytest.skip("it predicts no responses")
    z = space.embed_features(unseen[1].to_numpy())
    units = np.random.default_rng(0).standard_normal((3, space.mean_response.size))
    units = latent.unit_rows(units)
    found = space._correlate_on_card(units, z)
    assert_allclose(found, space._correlate(units, z), rtol=1e-6, atol=1e-7)
