"""Types of channels, whose units differ by powers of ten, are kept apart."""

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae import MVNN
from mne_brainae.scoring.encoding import score_parts
from mne_brainae.utils.units import units_of

KINDS = ["grad"] * 3 + ["mag"] * 3 + ["eeg"] * 3
UNITS = np.repeat([1e-11, 1e-13, 5e-6], 3)[:, None]


def made(units=UNITS, *, seed=0, gain=1.0, repetitions=2, n_images=12):
    """Responses that images drive, in the units of the types of channels."""
    signal = np.random.default_rng(9).standard_normal((n_images, 9, 30))
    rng = np.random.default_rng(seed)
    shown = np.tile(np.arange(n_images), repetitions)
    data = gain * signal[shown] + rng.standard_normal((len(shown), 9, 30))
    metadata = pd.DataFrame({"image": [f"{i:02d}.png" for i in shown]})
    info = mne.create_info([f"C{i}" for i in range(9)], 100.0, KINDS)
    return mne.EpochsArray(units * data, info, metadata=metadata, verbose=False)


@pytest.fixture
def triple():
    """Measured and predicted responses, and the mean response."""
    epochs = made()
    predicted = made(seed=1, repetitions=1)
    return epochs, predicted, epochs.average(picks="all")


def scored(triple, **options):
    options = {"n_bootstraps": 0, "n_splits": 3, "random_state": 0} | options
    return mne_brainae.score_encoding(*triple, **options)


def test_every_type_counts_in_a_score(triple):
    """Without the weights of the units, the score would be that of EEG alone."""
    whole = scored(triple).table.loc["prediction"]
    alone = [
        scored(triple, picks=kind).table.loc["prediction", "r_pattern"]
        for kind in ("grad", "mag", "eeg")
    ]
    assert_allclose(whole["r_pattern"], np.mean(alone), atol=0.02)
    assert 0.1 < whole["mse"] < 10  # in units of the variance of the type


def test_scores_do_not_depend_on_units(triple):
    others = made(np.ones((9, 1))), made(np.ones((9, 1)), seed=1, repetitions=1)
    unitless = scored((*others, others[0].average(picks="all")))
    found = scored(triple)
    assert_allclose(found.table, unitless.table, rtol=1e-4)
    assert_allclose(found.mse_map.data, unitless.mse_map.data * UNITS**2, rtol=1e-4)
    assert "every channel type (grad, mag, eeg)" in found.protocol["units"]
    assert scored(triple, picks="mag").protocol["units"] == "fT"


@pytest.mark.parametrize("repetitions", [1, 3])
def test_parts_are_scored_as_if_alone(repetitions):
    """Types, channels of two types and all of them, beside a channel that is bad."""
    epochs = made(repetitions=repetitions)
    epochs.info["bads"] = ["C4"]
    triple = epochs, made(seed=1, repetitions=1), made(seed=2).average(picks="all")
    parts = {"all": None, "mag": "mag", "eeg": "eeg", "two": ["C8", "C1", "C3"]}
    how = {"n_splits": 3, "n_bootstraps": 20, "random_state": 0}
    found = score_parts(*triple, parts, **how)
    assert list(found) == list(parts)
    for name, picks in parts.items():
        alone = mne_brainae.score_encoding(*triple, picks=picks, **how)
        assert found[name].protocol == alone.protocol
        for table in ("table", "low", "high", "per_image"):
            pd.testing.assert_frame_equal(
                getattr(found[name], table),
                getattr(alone, table),
                rtol=1e-5,
                atol=1e-30,
            )
        for key in ("r_map", "r_half_map", "mse_map", "mse_mean_map", "ceiling_map"):
            one, other = getattr(found[name], key), getattr(alone, key)
            assert (one is None) == (other is None)
            if one is not None:
                assert one.ch_names == other.ch_names
                scale = np.abs(other.data).max()
                assert_allclose(one.data / scale, other.data / scale, atol=1e-5)


def test_dissimilarities_do_not_depend_on_units():
    rdm = mne_brainae.compute_rdm(made())
    assert_allclose(rdm, mne_brainae.compute_rdm(made(np.ones((9, 1)))), rtol=1e-4)


def test_regions_lose_their_bad_channels(triple):
    epochs, *others = triple
    epochs.info["bads"] = ["C0", "C4"]
    regions = {"front": ["C0", "C1"], "back": ["C2"], "bad": ["C4"]}
    found = mne_brainae.score_similarity(epochs, *others, regions=regions)
    assert found.regions == {"front": ["C1"], "back": ["C2"]}
    assert len(found.plot_time_courses(show=False).axes) == 2
    regions = {"front": ["C0", "X9"]}
    with pytest.raises(ValueError, match="channels that are not compared: X9"):
        mne_brainae.score_similarity(epochs, *others, regions=regions)


def test_regions_are_divided_by_type(triple):
    found = mne_brainae.score_similarity(*triple)
    regions = ["all channels, grad", "all channels, mag", "all channels, eeg"]
    assert list(found.regions) == regions
    labels = [ax.get_ylabel() for ax in found.plot_time_courses(show=False).axes]
    assert labels == ["fT/cm", "fT", "µV"]


def test_power_is_compared_within_a_type(triple):
    """Over all channels, powers of 1e-26 beside 1e-11 would correlate with anything."""
    epochs, _, mean = triple
    other = made(seed=5, repetitions=1, gain=0.0)
    found = mne_brainae.score_similarity(epochs, other, mean).table
    assert found.loc["power", "prediction"].abs().max() < 0.9


def test_whitening_of_several_types():
    epochs = made()
    for session in (None, [0, 1]):
        if session:
            epochs.metadata["session"] = np.tile(session, len(epochs) // 2)
        mvnn = MVNN().fit(epochs)
        white = mvnn.transform(epochs)
        deviation = white.get_data() - white.get_data().mean(axis=2, keepdims=True)
        assert_allclose(deviation.std(axis=(0, 2)), 1, rtol=0.2)
        back = mvnn.inverse_transform(white).get_data()
        assert_allclose(back / UNITS, epochs.get_data() / UNITS, atol=1e-6)


def test_one_type_is_whitened_by_the_symmetric_root():
    mvnn = MVNN().fit(made().pick("eeg"))
    (whitener,) = mvnn.whiteners_.values() or [mvnn.whitener("all")]
    (covariance,) = mvnn.covariances_.values()
    assert_allclose(whitener, whitener.T, rtol=1e-6)
    assert_allclose(whitener @ covariance @ whitener, np.eye(3), atol=1e-8)


def test_a_bad_channel_does_not_spread_by_whitening():
    epochs = made()
    mvnn = MVNN().fit(epochs)
    spoiled = epochs.copy()
    spoiled._data[:, 4] = 1.0
    spoiled.info["bads"] = ["C4"]
    absent = epochs.copy().drop_channels(["C4"])
    with mne.utils.catch_logging(verbose="INFO") as log, mne.utils.use_log_level(True):
        found = mvnn.transform(spoiled).get_data()
    assert "Imputed from the others: 'C4' bad" in log.getvalue()
    assert_allclose(found, mvnn.transform(absent).get_data())
    rest = np.arange(9) != 4
    truth = mvnn.transform(epochs).get_data()
    assert_allclose(found[:, rest], truth[:, rest], atol=1.0)  # by their correlation


def test_whitened_responses_are_in_units_of_the_noise(tmp_path):
    epochs = made()
    mvnn = MVNN().fit(epochs)
    white = mvnn.transform(epochs)
    assert units_of(white.info) == "noise units"
    assert units_of(mvnn.inverse_transform(white).info) == (
        "fT/cm (grad), fT (mag), µV (eeg)"
    )
    white.save(tmp_path / "white-epo.fif")
    again = mne.read_epochs(tmp_path / "white-epo.fif", verbose="ERROR")
    assert units_of(again.info) == "noise units"
    assert units_of(mne_brainae.average_repetitions(again).info) == "noise units"
    axes = mne_brainae.viz.plot_mean_response(white.average(), show=False).axes[0]
    assert axes.get_ylabel() == "noise units"


def test_a_model_of_whitened_responses_predicts_noise_units():
    epochs = made(n_images=40)
    white = MVNN().fit(epochs).transform(epochs)
    rng = np.random.default_rng(0)
    names = epochs.metadata["image"].unique()
    features = pd.DataFrame(rng.standard_normal((40, 4)), index=names)
    model = mne_brainae.fit(white, features, recipe="linear", verbose="ERROR")
    assert units_of(model.predict_epochs(features).info) == "noise units"
    assert units_of(model.predict_evoked(features).info) == "noise units"
    predicted = model.predict_epochs(features)
    scores = mne_brainae.score_encoding(
        white, predicted, model.evoked_, picks="mag", n_bootstraps=0, n_splits=1
    )
    assert scores.protocol["units"] == "noise units"


def test_a_recording_of_one_type_stays_as_it_is():
    epochs = made(n_images=6).pick("eeg")
    from mne_brainae.utils.units import scale_by_type

    assert_array_equal(scale_by_type(epochs.get_data(), epochs.info), 1)
