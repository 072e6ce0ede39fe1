"""Scores against loops, and the noise ceiling against a known truth."""

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import pearsonr

import mne_brainae
from mne_brainae.correlation import correlate

N_IMAGES, N_CHANNELS, N_TIMES = 40, 6, 20


def as_epochs(data, names):
    info = mne.create_info(N_CHANNELS, 100.0, "eeg")
    return mne.EpochsArray(data, info, metadata=pd.DataFrame({"image": names}))


def simulate(noise, n_repetitions, seed=0):
    """Return repeated trials and the truth; signal has variance 1, noise its own."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((N_IMAGES, N_CHANNELS, N_TIMES))
    rows = rng.permutation(np.repeat(np.arange(N_IMAGES), n_repetitions))
    data = truth[rows] + noise * rng.standard_normal((len(rows), N_CHANNELS, N_TIMES))
    names = [f"image-{i:02d}" for i in range(N_IMAGES)]
    return as_epochs(data, [names[row] for row in rows]), as_epochs(truth, names)


def flat(epochs, value=0.0):
    shape = (N_CHANNELS, N_TIMES)
    return mne.EvokedArray(np.full(shape, value), epochs.info.copy(), tmin=0.0)


@pytest.fixture(scope="module")
def scored():
    epochs, truth = simulate(1.0, 4)
    rng = np.random.default_rng(9)
    guess = truth.copy()
    data = guess.get_data(copy=False)
    data += 0.8 * rng.standard_normal(data.shape) + 0.3
    baseline = flat(truth)
    baseline.data[:] = rng.standard_normal(baseline.data.shape)
    scores = mne_brainae.score_encoding(
        epochs, guess, baseline, n_splits=5, random_state=0
    )
    return epochs, guess, baseline, scores


def measured_of(epochs, names):
    data, shown = epochs.get_data(copy=True), epochs.metadata["image"].to_numpy()
    return np.array([data[shown == name].mean(axis=0) for name in names])


def test_against_loops(scored):
    epochs, guess, baseline, scores = scored
    names = guess.metadata["image"].tolist()
    measured, predicted = measured_of(epochs, names), guess.get_data(copy=True)
    r, mse, r_base, mse_base = [], [], [], []
    for a, b in zip(measured, predicted, strict=True):
        r.append(pearsonr(a.ravel(), b.ravel()).statistic)
        mse.append(np.mean((a - b) ** 2))
        r_base.append(pearsonr(a.ravel(), baseline.data.ravel()).statistic)
        mse_base.append(np.mean((a - baseline.data) ** 2))
    r_map = np.empty((N_CHANNELS, N_TIMES))
    for channel, time in np.ndindex(*r_map.shape):
        r_map[channel, time] = pearsonr(
            measured[:, channel, time], predicted[:, channel, time]
        ).statistic
    table = scores.table
    close = {"rtol": 1e-4, "atol": 1e-6}
    assert_allclose(
        table.loc["prediction"], [np.mean(r), np.mean(mse), r_map.mean()], **close
    )
    assert_allclose(
        table.loc["mean response"], [np.mean(r_base), np.mean(mse_base), 0], **close
    )
    per_image = scores.per_image.loc[names]
    assert_allclose(per_image["r_pattern (prediction)"], r, **close)
    assert_allclose(per_image["mse (prediction)"], mse, **close)
    assert_allclose(per_image["r_pattern (mean response)"], r_base, **close)
    assert_allclose(per_image["mse (mean response)"], mse_base, **close)
    assert_allclose(scores.r_map.data, r_map, **close)
    assert isinstance(scores.r_map, mne.Evoked)


def test_mean_response_scores_zero(scored):
    assert scored[-1].table.loc["mean response", "r_images"] == 0


def test_looks(scored):
    scores = scored[-1]
    table = scores.to_data_frame()
    table.iloc[:] = 0
    assert scores.table.loc["prediction", "r_images"] > 0
    text = repr(scores)
    for words in ("noise ceiling", "images: 40", "repetitions averaged: 4 to 4"):
        assert words in text


@pytest.mark.parametrize(
    ("noise", "n_repetitions"), [(1.0, 2), (1.0, 10), (2.0, 8), (0.1, 4)]
)
def test_known_ceiling(noise, n_repetitions):
    epochs, truth = simulate(noise, n_repetitions)
    scores = mne_brainae.score_encoding(
        epochs, truth, flat(truth), n_splits=20, random_state=0
    )
    expected = np.sqrt(1 / (1 + noise**2 / n_repetitions))
    ceiling = scores.table.loc["noise ceiling"]
    assert_allclose(ceiling[["r_pattern", "r_images"]].tolist(), expected, atol=0.03)
    # what a perfect model reaches is what the truth reaches
    found = scores.table.loc["prediction", ["r_pattern", "r_images"]].tolist()
    assert_allclose(found, ceiling[["r_pattern", "r_images"]].tolist(), atol=0.03)
    assert scores.ceiling_map.data.shape == (N_CHANNELS, N_TIMES)
    assert_allclose(scores.ceiling_map.data.mean(), expected, atol=0.05)
    mse = scores.table.loc["prediction", "mse"]
    assert_allclose(mse, noise**2 / n_repetitions, rtol=0.1)


def test_ceiling_of_noise():
    epochs, truth = simulate(1.0, 4)
    noise = np.random.default_rng(3).standard_normal((len(epochs), N_CHANNELS, N_TIMES))
    epochs = as_epochs(noise, epochs.metadata["image"].to_list())
    scores = mne_brainae.score_encoding(epochs, truth, flat(truth), random_state=0)
    assert scores.table.loc["noise ceiling", "r_images"] < 0.2


def test_seed_decides():
    epochs, truth = simulate(1.0, 3)
    one, same, other = (
        mne_brainae.score_encoding(
            epochs, truth, flat(truth), n_splits=2, random_state=seed
        ).table.loc["noise ceiling", "r_images"]
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_no_ceiling_without_repetitions():
    epochs, truth = simulate(1.0, 1)
    scores = mne_brainae.score_encoding(epochs, truth, flat(truth))
    assert scores.table.loc["noise ceiling"].isna().all()
    assert scores.ceiling_map is None
    assert np.isfinite(scores.table.loc["prediction"]).all()


def test_pairs_by_name(scored):
    epochs, guess, baseline, scores = scored
    order = np.random.default_rng(0).permutation(N_IMAGES)
    shuffled = as_epochs(
        guess.get_data(copy=True)[order], guess.metadata["image"].iloc[order].tolist()
    )
    again = mne_brainae.score_encoding(
        epochs, shuffled, baseline, n_splits=5, random_state=0
    )
    pd.testing.assert_frame_equal(again.table, scores.table)
    pd.testing.assert_frame_equal(again.per_image, scores.per_image)
    assert_array_equal(again.r_map.data, scores.r_map.data)


def test_predictions_of_more_images(scored):
    epochs, guess, baseline, scores = scored
    some = epochs[(epochs.metadata["image"] < "image-30").to_numpy()]
    again = mne_brainae.score_encoding(some, guess, baseline, n_splits=2)
    assert len(again.per_image) == 30
    pd.testing.assert_frame_equal(
        again.per_image, scores.per_image.loc[again.per_image.index]
    )


def test_fitted_model(model, unseen):
    epochs, table = unseen
    scores = mne_brainae.score_encoding(
        epochs, model.predict_epochs(table), model.evoked_, n_splits=5, random_state=0
    )
    found = scores.table.loc["prediction", "r_images"]
    assert_allclose(found, model.score(epochs, table), atol=1e-4)
    assert 0 < found <= scores.table.loc["noise ceiling", "r_images"]


def test_bad_epochs_dropped_while_reading(tmp_path):
    """Epochs on disk that rejection drops at reading are no different from loaded."""
    epochs, truth = simulate(0.5, 3)
    data = epochs.get_data(copy=False)
    data[4] *= 100.0
    data[11] *= 100.0
    raw = mne.io.RawArray(np.concatenate(list(data), axis=1), epochs.info.copy())
    onsets = np.arange(len(data)) * N_TIMES
    events = np.column_stack([onsets, 0 * onsets, 0 * onsets + 1])
    found = []
    for preload in (True, False):
        read = mne.Epochs(
            raw,
            events,
            tmin=0,
            tmax=(N_TIMES - 1) / 100,
            baseline=None,
            reject={"eeg": 50.0},
            metadata=epochs.metadata.copy(),
            preload=preload,
        )
        scores = mne_brainae.score_encoding(
            read, truth, flat(truth), n_splits=3, random_state=0
        )
        found.append(scores.table)
    pd.testing.assert_frame_equal(*found)


def test_errors(scored):
    epochs, guess, baseline, _ = scored
    with pytest.raises(ValueError, match=r"epochs_predicted lacks.*'image-00'"):
        mne_brainae.score_encoding(epochs, guess[1:], baseline)
    twice = mne.concatenate_epochs([guess, guess[:1]], on_mismatch="ignore")
    with pytest.raises(ValueError, match="more than once"):
        mne_brainae.score_encoding(epochs, twice, baseline)
    with pytest.raises(ValueError, match="mean_response has other channels"):
        mne_brainae.score_encoding(epochs, guess, baseline.copy().pick(["0", "1"]))
    with pytest.raises(ValueError, match="Crop or resample"):
        mne_brainae.score_encoding(epochs, guess.copy().crop(0.05), baseline)


def test_mean_response_of_other_times(scored):
    epochs, guess, baseline, _ = scored
    with pytest.raises(ValueError, match=r"mean_response has other .*times"):
        mne_brainae.score_encoding(epochs, guess, baseline.copy().crop(0.05))


def test_predicted_not_finite(scored):
    epochs, guess, baseline, _ = scored
    guess = guess.copy()
    guess.get_data(copy=False)[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"epochs_predicted.*finite"):
        mne_brainae.score_encoding(epochs, guess, baseline)


@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1.0, 1e6])
def test_correlate(scale):
    rng = np.random.default_rng(0)
    a, b = scale * rng.standard_normal((2, 30, 4))
    expected = [pearsonr(a[:, i], b[:, i]).statistic for i in range(4)]
    assert_allclose(correlate(a, b, axis=0), expected, rtol=1e-10)
    b[:, 1] = 0.1 * scale
    found = correlate(a, b, axis=0)
    assert found[1] == 0
    assert_allclose(found[2:], expected[2:], rtol=1e-10)
