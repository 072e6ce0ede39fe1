"""Images that a model finds, against the same sums over all predicted responses."""

import numpy as np
import pandas as pd
import pytest
from building import brain_ae
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import mne_brainae
from mne_brainae import search

LINEAR = ("linear", "network")


@pytest.fixture(scope="module")
def models(recording, small):
    epochs, features = recording
    return {
        "linear": mne_brainae.LinearBrainAE().fit(epochs, features),
        "network": brain_ae(**small).fit(epochs, features),
        "other": mne_brainae.LinearBrainAE().fit(epochs[:80], features),
    }


@pytest.fixture(scope="module")
def table(unseen):
    rng = np.random.default_rng(0)
    names = [f"new-{i}" for i in range(300)]
    rows = rng.standard_normal((300, unseen[1].shape[1])).astype(np.float32)
    return pd.DataFrame(rows, index=names)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(search, "BLOCK", 70)


def predict(model, table):
    predicted = model.predict_epochs(table, output="array")
    return predicted, predicted / model.latent_.brain_scaler.scale


@pytest.mark.parametrize("name", LINEAR)
def test_contrast_is_the_sum_of_predictions(models, table, name):
    model = models[name]
    weights = np.random.default_rng(1).standard_normal((16, 40))
    found = mne_brainae.find_images(model, table, weights, 12)
    scores = np.tensordot(predict(model, table)[0], weights, 2)
    order = np.argsort(-scores)[:12]
    assert list(found.table["image"]) == [table.index[i] for i in order]
    assert_allclose(found.table["score"], scores[order], rtol=1e-3)
    assert found.protocol["mean score of images at random"] == f"{scores.mean():.3g}"


def test_a_mask_is_the_mean_and_an_evoked_is_named(models, table):
    model = models["linear"]
    mask = np.zeros((16, 40), bool)
    mask[3, 10:15] = True
    found = mne_brainae.find_images(model, table, mask, 5)
    scores = predict(model, table)[0][:, 3, 10:15].mean(axis=1)
    assert_allclose(found.table["score"], np.sort(scores)[::-1][:5], rtol=1e-3)
    evoked = model.evoked_.copy()
    evoked.data[:] = mask / 5
    reordered = evoked.reorder_channels(evoked.ch_names[::-1])
    again = mne_brainae.find_images(model, table, reordered, 5)
    assert list(again.table["image"]) == list(found.table["image"])


@pytest.mark.parametrize("name", LINEAR)
def test_different_images_are_far_from_one_another(models, table, name):
    model = models[name]
    found = mne_brainae.find_images(model, table, "different", 6)
    flat = predict(model, table)[1].reshape(len(table), -1)
    rows = table.index.get_indexer(found.table["image"])
    # The plain greedy choice, with whole responses.
    distance = np.sqrt(np.square(flat - flat.mean(axis=0)).mean(axis=1))
    chosen = []
    for score in found.table["score"]:
        best = int(distance.argmax())
        assert score == pytest.approx(distance.max(), rel=0.02)
        chosen.append(best)
        new = np.sqrt(np.square(flat - flat[best]).mean(axis=1))
        distance = new if len(chosen) == 1 else np.minimum(distance, new)
    assert list(rows) == chosen


def test_two_models_are_told_apart_by_their_predictions(models, table):
    first, second = models["linear"], models["other"]
    found = mne_brainae.find_images(first, table, second, 5)
    apart = predict(first, table)[0] - predict(second, table)[0]
    apart = np.square(apart / first.latent_.brain_scaler.scale).mean(axis=(1, 2))
    order = np.argsort(-apart)[:5]
    assert_allclose(found.table["score"], np.sqrt(apart[order]), rtol=0.02)
    assert list(found.table["image"]) == [table.index[i] for i in order]


def test_a_table_in_a_file_is_read_in_blocks(models, table, tmp_path):
    np.save(tmp_path / "features.npy", table.to_numpy())
    rows = np.load(tmp_path / "features.npy", mmap_mode="r")
    mask = np.ones((16, 40), bool)
    whole = mne_brainae.find_images(models["linear"], table, mask, 9)
    found = mne_brainae.find_images(models["linear"], rows, mask, 9)
    numbers = table.index.get_indexer(whole.table["image"])
    assert list(found.table["image"]) == [str(number) for number in numbers]
    assert found.pictures is None


def test_pictures_are_drawn_on_a_sheet(recording):
    epochs = recording[0]
    rng = np.random.default_rng(0)
    images = {
        name: Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
        for name in epochs.metadata["image"].unique()
    }
    model = mne_brainae.LinearBrainAE(imputation="mean").fit(epochs, images)
    found = mne_brainae.find_images(model, images, "different", 7)
    assert set(found.pictures) == set(found.table["image"])
    axes = found.plot(show=False).axes[0]
    assert len(axes.images) == 7
    assert [text.get_text() for text in axes.texts] == [
        f"{name.rsplit('/')[-1]}\n{score:.3g}" for name, score in found.table.to_numpy()
    ]
    assert found._repr_html_().count("<img") == 7
    name = found.table["image"][0]
    assert_array_equal(np.asarray(found.pictures[name]), np.asarray(images[name]))


def test_features_are_drawn_as_scores(models, table):
    found = mne_brainae.find_images(models["linear"], table, "different", 4)
    axes = found.plot(show=False).axes[0]
    assert_allclose(axes.lines[0].get_xdata(), found.table["score"])


def test_other_channels_are_refused(models, table, recording):
    fewer = recording[0].copy().drop_channels(recording[0].ch_names[:2])
    other = mne_brainae.LinearBrainAE().fit(fewer, recording[1])
    with pytest.raises(ValueError, match="same channels and times"):
        mne_brainae.find_images(models["linear"], table, other, 3)
    with pytest.raises(ValueError, match="lacks 2 channels"):
        mne_brainae.find_images(models["linear"], table, other.evoked_, 3)
