"""Bands around predicted responses: widths, coverage, files, drawings."""

from itertools import pairwise

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

import mne_brainae
from mne_brainae.models.linear_gaussian.bands import N_QUANTILES, Bands


@pytest.fixture(scope="module")
def model(recording):
    return mne_brainae.LinearBrainAE().fit(*recording)


def test_width_is_that_of_the_normal_distribution():
    extra, noise = np.full((2, 3), 4.0), np.full((2, 3), 12.0)
    bands = Bands(extra, noise, 2.0)
    assert_allclose(bands.half_width(0.9), norm.ppf(0.95) * 2)
    assert_allclose(bands.half_width(0.9, 1), norm.ppf(0.95) * 4)
    assert_allclose(bands.half_width(0.5, 4), norm.ppf(0.75) * np.sqrt(7))
    assert_allclose(bands.half_width(0.9, None, n_images=4), norm.ppf(0.95))


def test_without_repetitions_the_band_is_that_of_a_measured_response():
    errors = np.random.default_rng(0).standard_normal((500, 2, 3)) * [1.0, 2.0, 3.0]
    bands = Bands.of_errors([errors[:7], errors[7:]], 4.0)
    assert bands.quantiles is None
    assert_allclose(
        bands.half_width(0.5), norm.ppf(0.75) * errors.std(axis=0), rtol=0.01
    )
    assert_array_equal(bands.half_width(0.5), bands.half_width(0.5, 4))
    assert_array_equal(bands.half_width(0.5), bands.half_width(0.5, 10))
    assert_allclose(bands.half_width(0.5, 1), 2 * bands.half_width(0.5, 4))


@pytest.mark.parametrize("level", [0.1, 0.5, 0.873, 0.9999])
def test_of_one_sample_quantiles_are_those_of_the_errors(level):
    rng = np.random.default_rng(0)
    errors = rng.standard_t(2, (4000, 3, 1)) * [[1.0], [2.0], [0.5]]
    bands = Bands.of_errors([errors[:7], errors[7:]])
    assert len(bands.quantiles) == N_QUANTILES
    inside = (np.abs(errors) <= bands.half_width(level)).mean(axis=0)
    assert_allclose(inside, level, atol=0.005)


def test_a_band_surrounds_the_prediction(model, unseen):
    features = unseen[1].iloc[:1]
    band = model.predict_evoked(features, interval=0.9)
    assert isinstance(band, mne_brainae.Band)
    assert all(isinstance(each, mne.Evoked) for each in band[:3])
    plain = model.predict_evoked(features)
    assert_array_equal(band.prediction.data, plain.data)
    assert_allclose(band.upper.data + band.lower.data, 2 * plain.data, atol=1e-12)
    half = band.upper.data - plain.data
    assert (half > 0).all()
    widths = [
        np.diff([e.data for e in model.predict_evoked(features, **how)[1:3]], axis=0)
        for how in (
            {"interval": 0.5},
            {"interval": 0.9},
            {"interval": 0.9, "n_averaged": 20},
            {"interval": 0.9, "n_averaged": 1},
        )
    ]
    assert all((a < b).all() for a, b in pairwise(widths))
    several = model.predict_evoked(unseen[1].iloc[:4], interval=0.9)
    assert_allclose(several.upper.data - several.prediction.data, half / 2, rtol=1e-3)
    assert "upper 0.9" in band.upper.comment


@pytest.mark.stochastic
def test_measured_responses_lie_in_their_bands(model, unseen):
    epochs, features = unseen
    for n_averaged in (1, 6):
        first = epochs.metadata.groupby("image").cumcount() < n_averaged
        found = mne_brainae.score_coverage(model, epochs[first.to_numpy()], features)
        levels = found.table.index.to_numpy()
        assert_array_equal(levels, [0.5, 0.8, 0.9])
        assert np.abs(found.table["coverage"] - levels).max() < 0.1
        assert found.table["width"].is_monotonic_increasing
        shapes = {each.data.shape for each in found.maps.values()}
        assert shapes == {(16, 40)}
    assert "40, such as 'new/" in found.protocol["images"]


def test_coverage_leaves_out_missing_channels_and_counts_repetitions(model, unseen):
    epochs, features = unseen
    fewer = epochs.copy().drop_channels(epochs.ch_names[:3])
    found = mne_brainae.score_coverage(model, fewer, features, [0.8])
    assert found.maps[0.8].ch_names == epochs.ch_names[3:]
    means = mne_brainae.average_repetitions(fewer)
    again = mne_brainae.score_coverage(model, means, features, [0.8])
    assert_allclose(found.table["coverage"], again.table["coverage"], atol=1e-3)
    whole = mne_brainae.score_coverage(model, epochs, features, [0.8]).maps[0.8]
    assert_array_equal(whole.data[3:], found.maps[0.8].data)


def test_bands_are_drawn(model, unseen):
    band = model.predict_evoked(unseen[1].iloc[:1], interval=0.9)
    axes = band.plot("Oz", show=False).axes[0]
    assert axes.get_ylabel() == "µV"
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["band: 90 % of responses", "predicted response"]
    assert len(band.plot(["Oz", "O1"], show=False)) == 2
    row = band.prediction.ch_names.index("Oz")
    line = next(line for line in axes.lines if len(line.get_ydata()) == 40)
    assert_allclose(line.get_ydata(), 1e6 * band.prediction.data[row], rtol=1e-5)
    low, high = (1e6 * each.data[row] for each in band[1:3])
    drawn = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert_allclose([drawn.min(), drawn.max()], [low.min(), high.max()], rtol=1e-5)
    assert band.plot(show=False)
    found = mne_brainae.score_coverage(model, *unseen, [0.5, 0.9])
    assert len(found.plot(show=False).axes[0].lines) >= 4


def test_a_file_holds_the_bands(model, unseen, tmp_path):
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    found = [
        each.predict_evoked(unseen[1], interval=0.8, n_averaged=3).upper.data
        for each in (model, again)
    ]
    assert_array_equal(*found)


def test_units_of_one_sample_have_bands(recording, unseen):
    """Photographs that were shown once, to neurons that count."""
    train, test = (
        mne_brainae.average_repetitions(each[each.metadata["repetition"] < 2])
        for each in (recording[0], unseen[0])
    )
    for epochs in (train, test):
        epochs.crop(0.1, 0.1)
        epochs.metadata = epochs.metadata.drop(columns="n_averaged")
    model = mne_brainae.LinearBrainAE().fit(train, recording[1])
    assert model.latent_.bands.quantiles.shape == (N_QUANTILES, 16)
    levels = np.array([0.5, 0.9])
    table = mne_brainae.score_coverage(model, test, unseen[1], levels).table
    assert np.abs(table["coverage"] - levels).max() < 0.15


@pytest.mark.parametrize("n_averaged", [1, 3])
def test_averages_say_of_how_many_trials_they_are(recording, n_averaged):
    """Epochs that are means themselves have less noise than the trials."""
    epochs, features = recording
    epochs = epochs.copy()
    epochs.metadata = epochs.metadata.assign(n_averaged=n_averaged)
    model = mne_brainae.LinearBrainAE().fit(epochs, features)
    plain = mne_brainae.LinearBrainAE().fit(*recording)
    assert_allclose(
        model.latent_.bands.noise, n_averaged * plain.latent_.bands.noise, rtol=1e-4
    )


def test_models_without_bands_say_so(recording, unseen):
    model = mne_brainae.RidgeModel().fit(*recording)
    with pytest.raises(RuntimeError, match="recipe 'best' or 'linear'"):
        model.predict_evoked(unseen[1], interval=0.9)
    with pytest.raises(ValueError, match="give interval"):
        model.predict_evoked(unseen[1], n_averaged=3)
    assert isinstance(model.predict_evoked(unseen[1]), mne.Evoked)
    with pytest.raises(RuntimeError, match="recipe 'best' or 'linear'"):
        mne_brainae.score_coverage(model, *unseen)


def test_coverage_is_a_table(model, unseen):
    found = mne_brainae.score_coverage(model, *unseen)
    assert isinstance(found.to_data_frame(), pd.DataFrame)
    assert "bands at 16 channels x 40 times" in repr(found)
