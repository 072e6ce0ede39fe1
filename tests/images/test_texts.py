"""Texts in the space of images: prompts, moved to where images lie."""

import numpy as np
import pandas as pd
import pytest

import mne_brainae


@pytest.fixture(scope="module")
def tower():
    return mne_brainae.ImageEncoder("open_clip:ViT-S-32-alt", pretrained="random")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.standard_normal((9, 256)) * 3 + 7)


def compute(*args, **how):
    return mne_brainae.compute_text_features(*args, device="cpu", **how)


def test_a_prompt_is_put_around_every_text(tower):
    plain = compute(["a photo of a sea lion"], tower, prompt=None)
    concept = compute(["sea_lion"], tower)
    np.testing.assert_allclose(plain, concept, atol=1e-5)
    other = compute(["sea_lion"], tower, prompt="{}, drawn")
    assert not np.allclose(other, concept)
    assert list(concept.index) == ["sea_lion"]


def test_texts_are_moved_to_where_images_lie(tower, images):
    texts = ["cat", "sea lion", "old car", "pear"]
    moved, before = compute(texts, tower, like=images), compute(texts, tower)
    np.testing.assert_allclose(moved.mean(), images.mean(), rtol=1e-4)
    np.testing.assert_allclose(moved.std(ddof=0), images.std(ddof=0), rtol=1e-3)
    for column in (0, 100):
        assert moved.iloc[:, column].argmax() == before.iloc[:, column].argmax()
    assert moved.columns.equals(images.columns)


def test_what_cannot_be_moved_is_refused(tower, images):
    with pytest.raises(ValueError, match="like has 3 features"):
        compute(["cat", "dog"], tower, like=images.iloc[:, :3])
    with pytest.raises(ValueError, match="two texts at least"):
        compute(["cat"], tower, like=images)


def test_a_model_predicts_the_response_to_a_text(tower, images, recording):
    epochs, _ = recording
    names = epochs.metadata["image"].unique()
    rng = np.random.default_rng(1)
    features = pd.DataFrame(rng.standard_normal((len(names), 256)), index=names)
    model = mne_brainae.RidgeModel().fit(epochs, features.astype(np.float32))
    texts = compute(["cat", "dog"], tower, like=features)
    assert model.predict_evoked(texts.loc[["cat"]]).data.shape == (16, 40)
    assert list(model.predict_epochs(texts).metadata["image"]) == ["cat", "dog"]
