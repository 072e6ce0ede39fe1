"""Predictions and galleries for the images of a test, by the names that it has."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recordings import draw, driven, renamed

import mne_brainae


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    """Images in three folders, one of them of images that no epoch names."""
    folder = tmp_path_factory.mktemp("stimuli")
    names = driven()[1].index
    for part, some in {"one": names[:12], "two": names[12:]}.items():
        draw(folder / part, some)
    draw(folder / "rest", [f"rest{i}.png" for i in range(5)])
    return folder


@pytest.fixture(scope="module")
def model(stimuli):
    epochs = driven(seed=1)[0].apply_baseline((None, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne_brainae.fit(epochs, stimuli, recipe="linear", random_state=0)


@pytest.fixture(scope="module")
def test(stimuli):
    """Epochs of eight images with two event names, named by their stems."""
    epochs = driven()[0].apply_baseline((None, 0))
    shown = epochs.metadata["image"].isin(epochs.metadata["image"].unique()[8:16])
    epochs = epochs[shown.to_numpy()]
    stems = epochs.metadata["image"].str.removesuffix(".png")
    epochs = renamed(epochs, image=stems)
    later = epochs.metadata["image"] >= "im012"
    epochs.events[:, 2] = np.where(later, 7, 4)
    epochs.event_id = {"early": 4, "late": 7}
    return epochs


def test_predictions_are_named_as_the_test_names_them(model, stimuli, test):
    predicted = model.predict_epochs(stimuli, like=test)
    assert list(predicted.metadata["image"]) == list(test.metadata["image"].unique())
    first = test.metadata.groupby("image").first()
    assert list(predicted.metadata["concept"]) == list(first["concept"])
    assert "repetition" not in predicted.metadata  # which differs within an image
    assert predicted.event_id == test.event_id
    assert list(predicted.events[:, 2]) == [4] * 4 + [7] * 4
    assert predicted.baseline == (-0.1, 0)
    paths = {f"im{i:03d}": next(stimuli.rglob(f"im{i:03d}.png")) for i in range(8, 16)}
    assert_array_equal(predicted.get_data(), model.predict_epochs(paths).get_data())
    as_array = model.predict_epochs(stimuli, like=test, output="array")
    assert_allclose(as_array, predicted.get_data(), rtol=1e-6)
    files = renamed(test, image_path=test.metadata["image"].map(paths))
    assert_array_equal(
        model.predict_epochs(like=files).get_data(), predicted.get_data()
    )


def test_scores_in_one_call(model, stimuli, test):
    how = {"n_splits": 2, "n_bootstraps": 5, "random_state": 0}
    predicted = model.predict_epochs(stimuli, like=test)
    by_hand = mne_brainae.score_encoding(test, predicted, model.evoked_, **how)
    found = model.score_encoding(test, stimuli, **how)
    assert_array_equal(found.table, by_hand.table)
    one = model.score_encoding(test, stimuli, picks="E1", **how)
    assert one.r_map.ch_names == ["E1"]


@pytest.mark.parametrize(
    ("gallery", "said"),
    [
        (None, "8 images, those that epochs name"),
        ("shown", "8 images, those that epochs name"),
        ("all", "29 images"),
    ],
)
def test_gallery_says_how_large_it_is(model, stimuli, test, gallery, said):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.retrieve(test, stimuli, gallery=gallery)
    assert found.protocol["gallery"] == said
    assert found.chance(1) == 1 / int(said.split()[0])
    assert set(found.images) == set(found.candidates)
    assert set(found.truth) <= set(found.candidates)


@pytest.mark.filterwarnings("ignore:8 of the test images were seen")
def test_gallery_of_features(model, stimuli, test):
    features = model.compute_features(stimuli)
    assert model.retrieve(test, features).protocol["gallery"] == "29 images"
    shown = model.retrieve(test, features, gallery="shown")
    assert len(shown.candidates) == 8
    assert shown.images is None
    files = {p.stem: p for p in stimuli.rglob("*.png")}
    with_paths = renamed(test, image_path=test.metadata["image"].map(files))
    known = model.retrieve(with_paths, features).images
    assert len(known) == 8


def test_event_names_are_kept(model, test):
    averaged = mne_brainae.average_repetitions(test)
    assert averaged.event_id == test.event_id
    assert len(averaged["late"]) == 4
    masked = mne_brainae.mask_epochs(test, "spatial", 0.5, random_state=0)
    for made in (masked, model.reconstruct(masked)):
        assert made.event_id == test.event_id
        assert_array_equal(made.events[:, 2], test.events[:, 2])
    mixed = test.copy()
    mixed.events[:, 2] = np.where(np.arange(len(test)) < 8, 4, 7)
    assert mne_brainae.average_repetitions(mixed).event_id == {"image": 1}
