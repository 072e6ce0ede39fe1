"""Responses beside those of a fit: what is missing, what is otherwise."""

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae.preprocessing.recorded import (
    locate_channels,
    missing_channels,
    warn_if_in_other_units,
    warn_if_recorded_otherwise,
)
from mne_brainae.preprocessing.scaling import Scaler

NAMES = ["Fz", "Cz", "Pz", "Oz"]


def made(n_epochs=24, types="eeg", names=NAMES, seed=0):
    rng = np.random.default_rng(seed)
    info = mne.create_info(names, 100.0, types)
    # What channels share, by which each of them can be imputed.
    shared = 3 * rng.standard_normal((n_epochs, 1, 1)) * np.hanning(20)
    data = shared + rng.standard_normal((n_epochs, len(names), 20))
    metadata = pd.DataFrame({"image": [f"{i}.png" for i in range(n_epochs)]})
    return mne.EpochsArray(1e-6 * data, info, metadata=metadata, verbose=False)


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(1)
    names = [f"{i}.png" for i in range(24)]
    columns = ["red", "green", "blue"]
    return pd.DataFrame(rng.standard_normal((24, 3)), names, columns)


@pytest.fixture(scope="module")
def model(features):
    return mne_brainae.fit(made(), features, recipe="linear")


def lacking(how):
    epochs = made(seed=2)
    if how == "absent":
        return epochs.drop_channels(["Cz"])
    epochs.info["bads"] = ["Cz"]
    epochs._data[:, 1] = 1.0  # volts
    return epochs


@pytest.mark.filterwarnings("ignore:.* test images were seen in fit")
@pytest.mark.parametrize("how", ["absent", "bad"])
def test_missing_channels_are_imputed(how, model, features):
    whole, epochs = made(seed=2), lacking(how)
    masked = mne_brainae.mask_epochs(whole, np.array([[False], [True]] + [[False]] * 2))
    expected = model.latent_.fill(masked.get_data().astype(np.float32))
    assert_allclose(model.embed_epochs(epochs), model.latent_.embed_brain(expected))
    with mne.utils.catch_logging(verbose="INFO") as log, mne.utils.use_log_level(True):
        found = model.retrieve(epochs, features)
    assert f"1 of 4 channels are missing and are imputed: 'Cz' {how}" in log.getvalue()
    assert found.protocol["channels imputed"] == f"'Cz' {how}"
    # The other channels tell of the one that is missing.
    rebuilt, measured = model.reconstruct(epochs).get_data(), whole.get_data()
    assert np.corrcoef(rebuilt[:, 1].ravel(), measured[:, 1].ravel())[0, 1] > 0.5
    rows = [0, 2, 3]
    assert_allclose(rebuilt[:, rows], measured[:, rows], rtol=1e-6)


@pytest.mark.parametrize("how", ["absent", "bad"])
def test_scores_leave_missing_channels_out(how, model, features):
    epochs = lacking(how)
    predicted = model.predict_epochs(features)
    scores = mne_brainae.score_encoding(
        epochs, predicted, model.evoked_, n_bootstraps=0, random_state=0
    )
    assert scores.r_map.ch_names == ["Fz", "Pz", "Oz"]
    assert scores.protocol["channels"] == "3 of 4"
    assert scores.protocol["channels left out"] == f"'Cz' {how}"
    assert_allclose(model.score(epochs, features), scores.r_map.data.mean())


def test_what_was_observed_stays(model):
    whole = made(seed=2)
    masked = mne_brainae.mask_epochs(whole, "spatial", 0.5, random_state=0)
    observed = np.isfinite(masked.get_data())
    kept = model.reconstruct(masked, output="array")
    measured = whole.get_data().astype(np.float32)
    assert_array_equal(kept[observed], measured[observed])
    predicted = model.reconstruct(masked, keep_observed=False, output="array")
    assert_array_equal(kept[~observed], predicted[~observed])
    assert not np.allclose(predicted[observed], measured[observed])


def test_a_bad_channel_that_was_picked_at_fit_is_data():
    epochs = made()
    epochs.info["bads"] = ["Cz"]
    info = mne.pick_info(epochs.info, [0, 1])
    assert missing_channels(epochs, info) == {}
    epochs.info["bads"] = ["Fz"]
    assert missing_channels(epochs, info) == {"Fz": "bad"}
    assert_array_equal(locate_channels(epochs, info, epochs.times)[0], [1])


def test_reference_sensors_are_no_data():
    epochs = made(types=["mag", "ref_meg", "mag", "ref_meg"])
    averaged = mne_brainae.average_repetitions(epochs)
    assert averaged.ch_names == ["Fz", "Pz"]
    masked = mne_brainae.mask_epochs(epochs, "spatial", picks="meg")
    assert masked.ch_names == averaged.ch_names
    both = mne_brainae.average_repetitions(epochs, picks=["Fz", "Cz"])
    assert both.ch_names == ["Fz", "Cz"]  # who names them gets them


# ---- recorded otherwise -------------------------------------------------------------


def rereferenced(epochs):
    return epochs.set_eeg_reference(verbose="ERROR")


def projected(epochs):
    return epochs.set_eeg_reference(projection=True, verbose="ERROR").apply_proj()


def corrected(epochs):
    return epochs.apply_baseline((0.0, 0.05))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            rereferenced,
            r"differ in reference \(chosen by the user; at fit: as recorded\)",
        ),
        (projected, "differ in projectors? .*Average EEG reference.*at fit: none"),
        (corrected, r"differ in baseline \(0 to 0.05 s; at fit: none\)"),
    ],
)
def test_recorded_otherwise(change, match, model):
    epochs = change(made(seed=2))
    with pytest.warns(RuntimeWarning, match=match):
        model.embed_epochs(epochs)


@pytest.mark.parametrize("change", [rereferenced, projected, corrected])
def test_recorded_alike(change):
    """Averages and masked epochs keep what was done to their trials."""
    epochs = change(made())
    for other in (
        change(made(seed=2)),
        mne_brainae.average_repetitions(epochs),
        mne_brainae.mask_epochs(epochs, "random", 0.2),
    ):
        warn_if_recorded_otherwise(other, epochs.info, epochs.baseline)


def test_a_file_keeps_how_it_was_recorded(features, tmp_path):
    model = mne_brainae.fit(corrected(made()), features, recipe="linear")
    model.save(tmp_path / "model.safetensors")
    again = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert again.predict_epochs(features).baseline == (0.0, 0.05)
    again.embed_epochs(corrected(made(seed=2)))
    with pytest.warns(RuntimeWarning, match="differ in baseline"):
        again.embed_epochs(made(seed=2))


@pytest.mark.parametrize("factor", [1e6, 1e-6, 20, 0.05])
def test_other_units(factor, model):
    epochs = made(seed=2)
    epochs._data *= factor
    with pytest.warns(RuntimeWarning, match="eeg responses are .* times as large"):
        model.embed_epochs(epochs)


def test_single_trials_are_larger_than_their_means():
    scaler = Scaler(np.zeros((4, 1), np.float32), np.ones((4, 1), np.float32) / 10)
    data = np.random.default_rng(0).standard_normal((50, 4, 20)).astype(np.float32)
    kinds = np.array(["eeg"] * 4)
    warn_if_in_other_units(data, kinds, scaler, 1, 100)
    warn_if_in_other_units(data / 90, kinds, scaler, 100, 1)
    with pytest.warns(RuntimeWarning, match=r"10\.\d times as large"):
        warn_if_in_other_units(1.02 * data, kinds, scaler, 1, 1)


def test_what_the_mean_hides_says_nothing(model):
    epochs = made(seed=2)
    epochs._data[:] = model.evoked_.data
    model.embed_epochs(epochs)


# ---- features -----------------------------------------------------------------------


def test_features_of_other_names(model, features):
    with pytest.raises(ValueError, match="columns 'cyan', which the model was not"):
        model.predict_epochs(features.rename(columns={"red": "cyan"}))
    with pytest.raises(ValueError, match="another order"):
        model.predict_epochs(features[["green", "red", "blue"]])
    unnamed = model.predict_epochs(features.to_numpy(), output="array")
    assert_array_equal(unnamed, model.predict_epochs(features, output="array"))
