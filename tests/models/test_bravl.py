"""BraVL: both directions from one mixture, text on request, the test on request."""

import numpy as np
import pandas as pd
import pytest
import torch
from building import brief_model
from numpy.testing import assert_array_equal

import mne_brainae
from mne_brainae.images import texts
from mne_brainae.scoring.encoding import score_encoding

QUICK = {
    "recipe": "bravl",
    "learning_rate": 3e-3,
    "max_epochs": 40,
    "min_updates": 1,
    "n_hidden": 32,
    "n_embedding": 8,
    "n_samples": 4,
    "verbose": "WARNING",
}


@pytest.fixture(scope="module")
def words(recording, unseen):
    """Text vectors of all concepts, for which images of one concept are alike."""
    concepts = sorted(set(recording[0].metadata["concept"]))
    rows = np.random.default_rng(0).standard_normal((len(concepts), 7))
    return pd.DataFrame(rows, index=concepts)


@pytest.fixture(scope="module")
def averaged(unseen):
    return mne_brainae.average_repetitions(unseen[0])


@pytest.fixture(scope="module")
def model(recording):
    return mne_brainae.fit(*recording, **QUICK, random_state=0)


@pytest.fixture(scope="module")
def with_text(recording, words):
    return mne_brainae.fit(
        *recording, **QUICK | {"max_epochs": 3}, text=words, random_state=0
    )


@pytest.mark.stochastic
def test_it_identifies_and_predicts(model, averaged, unseen):
    epochs, features = unseen
    for similarity in ("cosine", "encoding"):
        found = model.retrieve(averaged, features, similarity=similarity)
        assert found.p_value(5) < 1e-3
        assert found.protocol["transductive"] is False
    scores = score_encoding(
        epochs, model.predict_epochs(features), model.evoked_, n_bootstraps=0
    )
    assert scores.table.loc["prediction - mean response", "r_images"] > 0.1
    assert model.score(epochs, features) > 0.1
    assert 0 < model.slope_ <= 1
    assert "whole concepts" in model.selection_
    assert "transductive" not in model.selection_
    assert model.predict_evoked(features[:1]).data.shape == (16, 40)


@pytest.mark.stochastic
def test_shuffled_images_are_found_by_chance(recording, unseen, averaged):
    epochs, features = recording
    rng = np.random.default_rng(0)
    ranks = []
    for seed in range(3):
        wrong = features.set_axis(rng.permutation(features.index))
        control = mne_brainae.fit(
            epochs,
            wrong,
            **QUICK | {"max_epochs": 10, "intra": 0.0, "inter": 0.0},
            random_state=seed,
        )
        ranks.append(control.retrieve(averaged, unseen[1]).ranks / len(unseen[1]))
    # A mean rank of a half, up to five standard errors of as many ranks at random.
    ranks = np.concatenate(ranks)
    assert abs(ranks.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(averaged))


def test_the_embedding_is_the_posterior_mean_of_one_modality(model, averaged, unseen):
    network, latent = model.network_, model.latent_
    z = model.embed_images(unseen[1])
    assert z.shape == (len(unseen[1]), 8)
    rows = latent.image_scaler.transform(unseen[1].to_numpy())
    posterior = network.image_projection.posterior(torch.from_numpy(rows))
    np.testing.assert_allclose(z, posterior.mean.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert model.embed_epochs(averaged).shape == (len(averaged), 8)


def test_every_value_has_the_same_weight(model, recording):
    """Features have a variance of 1 each, however many they are."""
    features = recording[1].loc[model.train_images_].to_numpy()
    scaled = model.latent_.image_scaler.transform(features)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=0.2)


def test_the_epoch_is_chosen_by_the_bound_of_held_out_concepts(model):
    history = model.history_
    parts = ["recon_brain", "recon_image", "divergence"]
    found = history[[f"validation_{part}" for part in parts]].sum(axis=1)
    np.testing.assert_allclose(found, history["validation_total"], rtol=1e-5)
    assert history["validation_total"].idxmin() == model.best_epoch_
    assert {"train_intra", "train_inter"} < set(history)


def test_text_is_a_third_modality(with_text, model, averaged, unseen):
    assert "train_recon_text" in with_text.history_
    assert "train_recon_text" not in model.history_
    assert with_text.retrieve(averaged, unseen[1]).top_k(len(unseen[1])) == 1


def test_a_file_holds_what_a_fitted_model_needs(with_text, averaged, unseen, tmp_path):
    """And no text vectors, which are of the fit."""
    with_text.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.text is None
    assert_array_equal(again.embed_epochs(averaged), with_text.embed_epochs(averaged))
    for other in (again, with_text):
        assert other.predict_evoked(unseen[1]).data.any()
    assert_array_equal(
        again.predict_evoked(unseen[1]).data, with_text.predict_evoked(unseen[1]).data
    )


def test_who_learns_from_the_test_says_so(recording, unseen, averaged, tmp_path):
    given = QUICK | {"max_epochs": 2}
    plain = mne_brainae.fit(*recording, **given, random_state=0)
    model = mne_brainae.fit(*recording, **given, transductive=unseen[1], random_state=0)
    n = len(unseen[1])
    assert model.n_transductive_ == n
    assert f"transductive: True, every epoch learned from {n} images" in (
        model.selection_
    )
    found = model.retrieve(averaged, unseen[1])
    assert str(found.protocol["transductive"]).startswith("True, every epoch")
    also = model.retrieve(averaged, unseen[1], transductive="csls")
    assert "True, every epoch" in also.protocol["transductive"]
    assert "CSLS" in also.protocol["transductive"]
    assert not np.array_equal(
        model.embed_epochs(averaged), plain.embed_epochs(averaged)
    )
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.transductive is None
    assert again.n_transductive_ == n
    assert str(again.retrieve(averaged, unseen[1]).protocol["transductive"]) == str(
        found.protocol["transductive"]
    )


def test_a_stopped_training_goes_on_to_the_same_result(recording, words, tmp_path):
    """The readers, the moments and the random numbers are in the checkpoint, too."""
    given = QUICK | {"text": words, "random_state": 0}
    whole = mne_brainae.fit(*recording, **given | {"max_epochs": 4})
    kept = {"checkpoint": tmp_path / "state.safetensors"}
    mne_brainae.fit(*recording, **given | kept | {"max_epochs": 2})
    again = mne_brainae.fit(*recording, **given | kept | {"max_epochs": 4})
    assert_array_equal(again.history_, whole.history_)
    with pytest.raises(ValueError, match="other data or settings"):
        mne_brainae.fit(
            *recording, **given | kept | {"max_epochs": 4, "text": 2 * words}
        )


def test_what_text_and_transductive_need(recording, words):
    epochs, features = recording
    with pytest.raises(ValueError, match=r"text lacks vectors of these concepts: .*19"):
        mne_brainae.fit(epochs, features, **QUICK, text=words[:-1])
    unnamed = epochs.copy()
    unnamed.metadata = epochs.metadata.drop(columns="concept")
    with pytest.raises(ValueError, match="no column 'concept'"):
        mne_brainae.fit(unnamed, features, **QUICK, text=words)
    with pytest.raises(ValueError, match="must be features, as a DataFrame"):
        mne_brainae.fit(epochs, features, **QUICK, transductive=["a.png"])
    with pytest.raises(ValueError, match=r"3 features per image.*have 12"):
        mne_brainae.fit(epochs, features, **QUICK, transductive=features.iloc[:, :3])


@pytest.mark.parametrize("name", ["gabor", "timm:test_vit", "nonsense"])
def test_only_networks_of_open_clip_read_texts(name):
    with pytest.raises(ValueError, match="text"):
        brief_model("BraVL", text=name).check()


def test_concepts_are_read_by_the_text_tower():
    """A tower of random weights tells names apart, and the same name not."""
    tower = mne_brainae.ImageEncoder("open_clip:ViT-S-32-alt", pretrained="random")
    rows = texts.compute_text_features(["cat", "sea_lion", "cat"], tower, device="cpu")
    assert list(rows.index) == ["cat", "sea_lion"]
    again = texts.compute_text_features(["sea lion"], tower, device="cpu")
    np.testing.assert_allclose(again.loc["sea lion"], rows.loc["sea_lion"], atol=1e-3)
    assert not np.allclose(rows.loc["cat"], rows.loc["sea_lion"])
