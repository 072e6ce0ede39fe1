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
from recordings import driven, lazy

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


# ---------------------------------------------------------------- metadata


def trials(values, **columns):
    """One channel, one time, one epoch per value, all of image a."""
    metadata = pd.DataFrame({"image": ["a"] * len(values)} | columns)
    info = mne.create_info(1, 100.0, "eeg")
    data = np.array(values, float)[:, None, None]
    return mne.EpochsArray(data, info, metadata=metadata)


def test_averages_of_averages_are_the_mean_of_all_trials():
    epochs = trials([0.0, 0.0, 0.0, 4.0], session=[1, 1, 1, 2])
    parts = [
        mne_brainae.average_repetitions(epochs[i]) for i in (slice(3), slice(3, 4))
    ]
    again = mne_brainae.average_repetitions(mne.concatenate_epochs(parts))
    assert again.metadata["n_averaged"].tolist() == [4]
    assert_allclose(again.get_data(copy=False).ravel(), 1.0)


@pytest.mark.parametrize("counts", [[1, None], [1, 0], [2, -1], ["x", 1]])
def test_counts_that_count_nothing(counts):
    with pytest.raises(ValueError, match=r"'n_averaged'\] must count"):
        mne_brainae.average_repetitions(trials([0.0, 1.0], n_averaged=counts))


def test_columns_of_lists_are_left_out():
    epochs = trials([0.0, 1.0], box=[[0, 10], [0, 10]], concept=["c", "c"])
    averaged = mne_brainae.average_repetitions(epochs)
    assert set(averaged.metadata) == {"image", "concept", "n_averaged"}


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        (["c", None], r"'concept'\] is missing for epochs '1'.*'a'"),
        ([None, None], r"'concept'\] is missing"),
        (["c", "C"], r"same for all epochs of an image.*'a'.*'c', 'C'"),
    ],
)
def test_a_cell_without_its_concept_is_named(concepts, message):
    epochs = trials([0.0, 1.0], concept=concepts)
    with pytest.raises(ValueError, match=message):
        mne_brainae.average_repetitions(epochs)


def test_a_group_without_a_name():
    epochs = trials([0.0, 1.0], session=[1, None])
    with pytest.raises(ValueError, match=r"'session'\] is missing for epochs '1'"):
        mne_brainae.average_repetitions(epochs, by="session")
    with pytest.raises(ValueError, match=r"'session'\] is missing for epochs '1'"):
        list(mne_brainae.split_epochs(epochs, "session"))
    with pytest.raises(ValueError, match=r"'session'\] is missing for epochs '1'"):
        mne_brainae.MVNN().fit(epochs)


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("sfreq", "new", "n_times"), [(500.0, 125.0, 90), (512.0, 100.0, 256)]
)
def test_times_off_the_grid_stay(sfreq, new, n_times):
    epochs, features = driven(n_times=n_times, sfreq=sfreq)
    epochs.resample(new)
    averaged = mne_brainae.average_repetitions(epochs)
    assert averaged.get_data(copy=False).shape[2] == len(averaged.times)
    assert_allclose(averaged.times, epochs.times, atol=1e-9)
    assert_allclose(mne_brainae.mask_epochs(epochs).times, epochs.times, atol=1e-9)
    whitened = mne_brainae.MVNN().fit(epochs).transform(epochs)
    assert_allclose(whitened.times, epochs.times, atol=1e-9)
    model = mne_brainae.fit(epochs, features, recipe="linear")
    predicted = model.predict_epochs(features)
    for made in (predicted, model.predict_evoked(features), model.evoked_):
        assert_allclose(made.times, epochs.times, atol=1e-9)
    scores = mne_brainae.score_encoding(
        averaged, predicted, model.evoked_, n_bootstraps=2
    )
    assert_allclose(scores.r_map.times, epochs.times, atol=1e-9)
    assert model.embed_epochs(averaged).shape[0] == 24  # the model takes its times


# ---------------------------------------------------------------- no epochs


@pytest.mark.parametrize("preload", [True, False])
def test_no_epochs_left(preload):
    epochs, features = driven()
    none = epochs[[]] if preload else lazy(epochs)[[]]
    for call in (
        mne_brainae.average_repetitions,
        mne_brainae.mask_epochs,
        mne_brainae.compute_rdm,
        mne_brainae.MVNN().fit,
        lambda e: mne_brainae.fit(e, features),
        lambda e: list(mne_brainae.split_epochs(e, "concept")),
    ):
        with pytest.raises(ValueError, match="hold no epochs"):
            call(none)


def test_why_no_epochs_are_left():
    epochs = driven()[0].drop_bad(reject={"eeg": 1e-12}, verbose="ERROR")
    with pytest.raises(ValueError, match="dropped for 'E1'"):
        mne_brainae.average_repetitions(epochs)
