"""Averages against a plain loop, scales that undo themselves, epochs MNE accepts."""

import mne
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae.preprocessing.epochs import BLOCK, make_epochs
from mne_brainae.preprocessing.scaling import FEATURE_ENERGY, MOST_DEVIATIONS, Scaler


def plain_means(epochs, by="image"):
    data, values = epochs.get_data(copy=True), epochs.metadata[by].to_numpy()
    means = {}
    for value in values:
        rows = [data[i] for i in range(len(data)) if values[i] == value]
        means[value] = sum(rows) / len(rows)
    return list(means), np.array(list(means.values()))


@pytest.fixture
def on_disk(recording, tmp_path):
    """Make epochs that were not read into memory."""
    fname = tmp_path / "recording-epo.fif"
    recording[0].save(fname)
    return mne.read_epochs(fname, preload=False)


def test_equals_a_plain_loop(unseen):
    epochs = unseen[0]
    before, table = epochs.get_data(copy=True), epochs.metadata.copy()
    averaged = mne_brainae.average_repetitions(epochs)
    names, means = plain_means(epochs)
    assert averaged.metadata["image"].tolist() == names
    assert_allclose(averaged.get_data(copy=False), means, rtol=1e-4, atol=1e-11)
    assert_array_equal(averaged.metadata["n_averaged"], 6)
    assert_allclose(averaged.times, epochs.times)
    assert_array_equal(epochs.get_data(copy=False), before)
    assert epochs.metadata.equals(table)


def test_unequal_repetitions_over_blocks(recording):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(recording[0]), BLOCK + 64)
    epochs = make_epochs(
        recording[0].get_data(copy=False)[rows],
        recording[0].info,
        recording[0].times,
        recording[0].metadata.iloc[rows].reset_index(drop=True),
    )
    assert len(epochs) > BLOCK
    averaged = mne_brainae.average_repetitions(epochs)
    names, means = plain_means(epochs)
    assert averaged.metadata["image"].tolist() == names
    assert_allclose(averaged.get_data(copy=False), means, rtol=1e-4, atol=1e-11)
    counts = epochs.metadata["image"].value_counts()[names]
    assert_array_equal(averaged.metadata["n_averaged"], counts)


def test_constant_columns_stay(unseen):
    epochs = unseen[0].copy()
    # a column of an image that is nowhere known, and one known for some
    epochs.metadata = epochs.metadata.assign(
        unknown=np.nan, subject="s1", length=epochs.metadata["image"].str.len()
    )
    table = mne_brainae.average_repetitions(epochs).metadata
    assert set(table) == {
        "image",
        "concept",
        "unknown",
        "subject",
        "length",
        "n_averaged",
    }
    assert (table["subject"] == "s1").all()
    assert (table["concept"].str[4:] == table["image"].str[4:6]).all()
    assert_array_equal(table["length"], table["image"].str.len())


def test_average_again(unseen):
    once = mne_brainae.average_repetitions(unseen[0])
    concepts = mne_brainae.average_repetitions(once, by="concept")
    assert len(concepts) == 10
    assert "image" not in concepts.metadata
    assert_array_equal(concepts.metadata["n_averaged"], 24)
    names, means = plain_means(unseen[0], "concept")
    assert concepts.metadata["concept"].tolist() == names
    assert_allclose(concepts.get_data(copy=False), means, rtol=1e-4, atol=1e-11)


def test_from_disk(on_disk, recording):
    assert not on_disk.preload
    averaged = mne_brainae.average_repetitions(on_disk)
    expected = mne_brainae.average_repetitions(recording[0])
    assert not on_disk.preload
    assert len(on_disk) == len(recording[0])
    assert averaged.metadata.equals(expected.metadata)
    assert_allclose(
        averaged.get_data(copy=False), expected.get_data(copy=False), atol=1e-11
    )
    masked = mne_brainae.mask_epochs(on_disk, "forecast")
    assert masked.metadata["image"].tolist() == on_disk.metadata["image"].tolist()


def test_picks_and_bads(unseen):
    epochs = unseen[0][:30].copy()
    epochs.info["bads"] = ["Cz"]
    assert "Cz" not in mne_brainae.average_repetitions(epochs).ch_names
    picked = mne_brainae.average_repetitions(epochs, picks=["Oz", "O1"])
    assert set(picked.ch_names) == {"Oz", "O1"}
    whole = mne_brainae.average_repetitions(epochs, picks="all")
    for name in picked.ch_names:
        assert_allclose(
            picked.get_data(picks=name, copy=False),
            whole.get_data(picks=name, copy=False),
        )


@pytest.mark.parametrize("how", ["channel", "evoked"])
def test_brain_scaler(how):
    rng = np.random.default_rng(0)
    data = 1e-6 * rng.standard_normal((50, 4, 7)).astype(np.float32)
    data *= np.array([1, 10, 0.1, 1], np.float32)[:, None]
    data += np.float32(3e-6)
    before = data.copy()
    scaler = Scaler.for_brain(data, how)
    scaled = scaler.transform(data)
    assert_array_equal(data, before)
    axes = (0, 2) if how == "channel" else 0
    assert_allclose(scaled.mean(axis=axes), 0, atol=1e-4)
    assert_allclose(np.sqrt((scaled**2).mean(axis=(0, 2))), 1, rtol=1e-4)
    assert scaled.dtype == np.float32
    assert_allclose(scaler.inverse_transform(scaled), data, rtol=1e-4, atol=1e-11)
    assert scaler.transform(data, out=data) is data
    assert_array_equal(data, scaled)


@pytest.mark.parametrize("how", ["channel", "evoked"])
@pytest.mark.parametrize("value", [0.0, 1e-6, 123.456])
def test_constant_channel(how, value):
    data = np.random.default_rng(0).standard_normal((20, 3, 5)).astype(np.float32)
    data[:, 1] = value
    scaler = Scaler.for_brain(data, how)
    assert_array_equal(scaler.scale[1], 1)
    scaled = scaler.transform(data)
    assert np.isfinite(scaled).all()
    assert_allclose(scaled[:, 1], 0, atol=1e-4)
    assert_allclose(scaler.inverse_transform(scaled), data, rtol=1e-5, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.floats(-1000, 1000, width=32),
    )
)
def test_feature_scaler(features):
    scaler = Scaler.for_features(features)
    scaled = scaler.transform(features)
    assert np.isfinite(scaled).all()
    assert_allclose(scaler.inverse_transform(scaled), features, rtol=1e-4, atol=1e-2)
    constant = (features == features[0]).all(axis=0)
    assert_allclose(scaled[:, constant], 0, atol=1e-2)
    assert (scaler.scale > 0).all()


def test_features_are_scaled_one_by_one():
    """A large feature does not make a small one count as constant."""
    features = np.random.default_rng(0).standard_normal((30, 2)) * [1e-3, 1.0]
    features = (features + np.array([0.0, 1e4])).astype(np.float32)
    scaler = Scaler.for_features(features)
    scaled = scaler.transform(features)
    assert_allclose(scaled.std(axis=0), np.sqrt(FEATURE_ENERGY / 2), rtol=1e-3)
    assert_allclose((scaled**2).sum(axis=1).mean(), FEATURE_ENERGY, rtol=1e-3)


@pytest.fixture
def made(recording):
    data = 1e-6 * np.random.default_rng(0).standard_normal((6, 16, 40))
    table = pd.DataFrame({"image": list("abcdef"), "n_averaged": 2})
    return make_epochs(data, recording[0].info, recording[0].times, table)


def test_made_epochs(made, recording):
    assert made.metadata["image"].tolist() == list("abcdef")
    assert made.event_id == {"image": 1}
    assert made.info is not recording[0].info
    assert_allclose(made.times, recording[0].times)
    assert len(np.unique(made.events[:, 0])) == len(made)


def test_made_epochs_can_be_drawn(made):
    evoked = made.average()
    assert isinstance(evoked.plot_topomap(show=False), Figure)
    assert isinstance(made.compute_psd().plot_topomap(show=False), Figure)
    assert isinstance(evoked.plot_joint(show=False), Figure)
    assert isinstance(made.plot_image(picks=["Cz"], show=False)[0], Figure)


def test_made_epochs_can_be_saved(made, tmp_path):
    fname = tmp_path / "made-epo.fif"
    made.save(fname)
    again = mne.read_epochs(fname)
    assert_allclose(again.get_data(copy=False), made.get_data(copy=False), rtol=1e-5)
    assert again.metadata.equals(made.metadata)
    assert again.event_id == made.event_id


def test_made_epochs_can_be_handled(made):
    assert len(made["image == 'c'"]) == 1
    assert len(mne.concatenate_epochs([made, made])) == 12
    assert made.copy().crop(0, 0.1).resample(50).get_data(copy=False).shape[0] == 6
    bare = make_epochs(made.get_data(copy=False), made.info, made.times, None)
    assert bare.metadata is None


def test_feature_that_is_almost_silent_does_not_shout_later():
    features = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    features[:, 2] *= 1e-6
    scaler = Scaler.for_features(features)
    loud = scaler.transform(np.full((1, 5), 3, np.float32))
    assert_allclose(loud[0, 2], MOST_DEVIATIONS * np.sqrt(FEATURE_ENERGY / 5))
    assert np.abs(loud[0, [0, 1, 3, 4]]).max() < loud[0, 2]
