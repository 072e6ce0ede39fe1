"""Layers count alike, and the window is found where the brain looks."""

import mne
import numpy as np
import pandas as pd
import pytest

import mne_brainae
from mne_brainae.models.feature_weights import (
    SpatialWindow,
    _grams,
    choose_window,
    feature_weights,
)
from mne_brainae.preprocessing.scaling import Scaler

LEVELS = ["layer", "channel", "row", "column"]


def _columns(side=7, n_channels=3):
    places = [
        ("early", channel, row, column)
        for channel in range(n_channels)
        for row in range(side)
        for column in range(side)
    ]
    places += [("late", channel, -1, -1) for channel in range(5)]
    return pd.MultiIndex.from_tuples(places, names=LEVELS)


@pytest.mark.parametrize("window", [None, SpatialWindow(0.5, 0.4, 2 / 7)])
def test_layers_have_equal_energy(window):
    columns = _columns()
    energy = pd.Series(feature_weights(columns, window) ** 2)
    energy = energy.groupby(columns.get_level_values("layer")).sum()
    np.testing.assert_allclose(energy, 0.5)


def test_columns_without_levels_count_alike():
    weights = feature_weights(pd.Index(["a", "b", "c", "d"]), None)
    np.testing.assert_allclose(weights, 0.5)


def test_window_is_a_gaussian_around_its_center():
    columns = _columns(n_channels=1)
    weights = SpatialWindow(0.5, 0.5, 2 / 7).weights(columns)
    maps = weights[:49].reshape(7, 7)
    assert maps[3, 3] == maps.max() == 1
    # The energy, not the weight, is the Gaussian.
    assert maps[3, 5] ** 2 == pytest.approx(np.exp(-0.5))
    np.testing.assert_allclose(maps, maps.T)
    np.testing.assert_array_equal(weights[49:], 1)


def _brain(n_images, seed):
    """Responses to what is in the upper left of the image."""
    rng = np.random.default_rng(seed)
    columns = _columns()
    values = rng.standard_normal((n_images, len(columns))).astype(np.float32)
    looks = SpatialWindow(0.36, 0.36, 1 / 7).weights(columns)
    looks[columns.get_level_values("layer") == "late"] = 0
    mix = np.random.default_rng(5).standard_normal((len(columns), 12))
    brain = (values * looks) @ mix + 2 * rng.standard_normal((n_images, 12))
    names = pd.Index([f"{seed}-{i}" for i in range(n_images)], name="image")
    return brain.astype(np.float32), pd.DataFrame(values, names, columns)


def test_products_of_places_add_up_to_those_of_all_features():
    features = _brain(20, 0)[1]
    more = features.xs("early", axis=1, level="layer", drop_level=False)
    more = more.loc[:, more.columns.get_level_values("row") < 5]
    more = more.rename(columns={"early": "middle"})  # a map of another size
    features = pd.concat([features, more], axis=1)
    window = SpatialWindow(0.36, 0.64, 2 / 7)
    places, grams = _grams(features)
    energy = feature_weights(places, window) ** 2 / feature_weights(places, None) ** 2
    values = features.to_numpy(np.float32)
    weights = feature_weights(features.columns, window)
    scaled = Scaler.for_features(values, weights).transform(values)
    expected = scaled @ scaled.T
    np.testing.assert_allclose(np.tensordot(energy, grams, 1), expected, atol=1e-3)


@pytest.mark.stochastic
def test_window_is_found():
    brain, features = _brain(300, 0)
    window = choose_window(features, brain[:, :, None])
    assert window.row < 0.5
    assert window.column < 0.5


def _epochs(brain, names, n_times=1):
    info = mne.create_info(brain.shape[1], 10.0, "seeg")
    table = pd.DataFrame({"image": names})
    data = np.repeat(brain[:, :, None], n_times, axis=2)
    return mne.EpochsArray(data, info, metadata=table, verbose=False)


@pytest.mark.stochastic
@pytest.mark.parametrize("n_times", [1, 2])
def test_window_is_used_and_helps(n_times, tmp_path):
    """One window is chosen, or predictions through many are stacked at one sample."""
    train, test = _brain(300, 0), _brain(100, 1)
    epochs, unseen = (
        _epochs(brain, features.index, n_times) for brain, features in (train, test)
    )
    scores = {}
    for window in (None, "auto"):
        model = mne_brainae.LinearBrainAE(spatial_window=window)
        scores[window] = model.fit(epochs, train[1]).score(unseen, test[1])
    assert scores["auto"] > scores[None]
    if n_times == 1:
        assert model.spatial_window_ is None
        assert "through windows" in model.selection_
    else:
        assert model.spatial_window_[0] < 0.5
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.spatial_window_ == model.spatial_window_
    expected = model.predict_epochs(test[1]).get_data()
    np.testing.assert_array_equal(again.predict_epochs(test[1]).get_data(), expected)


@pytest.mark.parametrize("window", [(0.5, 0.5), (0.5, 0.5, 0), "left", 3])
def test_bad_window(window):
    brain, features = _brain(20, 0)
    epochs = _epochs(brain, features.index)
    with pytest.raises(ValueError, match=r"spatial_window.* must be .*'auto'"):
        mne_brainae.fit(epochs, features, recipe="linear", spatial_window=window)


def test_window_without_maps(recording):
    with pytest.raises(ValueError, match="needs image features with maps"):
        mne_brainae.fit(*recording, recipe="linear", spatial_window=(0.5, 0.5, 0.3))
