"""Multivariate noise normalization, against scikit-learn and against a plain loop."""

from itertools import pairwise

import mne
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf as one_ledoit_wolf
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

import mne_brainae
from mne_brainae.preprocessing.whitening import (
    MVNN,
    ledoit_wolf,
    mean_ledoit_wolf,
    whole_groups,
)


def reference(samples):
    """Estimate one covariance as scikit-learn does with ``shrinkage="auto"``."""
    scaler = StandardScaler()
    shrunk = one_ledoit_wolf(scaler.fit_transform(samples))[0]
    return scaler.scale_[:, None] * shrunk * scaler.scale_


def correlated(rng, *shape):
    mix = rng.standard_normal((shape[-1], shape[-1]))
    return rng.standard_normal(shape) @ mix + rng.standard_normal(shape[-1])


@settings(deadline=None, max_examples=30)
@given(
    n_matrices=st.integers(1, 5),
    n_samples=st.integers(2, 90),
    n_features=st.integers(2, 70),
    seed=st.integers(0, 99),
)
def test_ledoit_wolf_is_that_of_scikit_learn(n_matrices, n_samples, n_features, seed):
    rng = np.random.default_rng(seed)
    samples = correlated(rng, n_matrices, n_samples, n_features)
    expected = np.array([reference(one) for one in samples])
    scale = np.abs(expected).max()
    assert_allclose(ledoit_wolf(samples), expected, rtol=1e-10, atol=1e-10 * scale)
    assert_allclose(
        mean_ledoit_wolf(samples), expected.mean(0), rtol=1e-10, atol=1e-10 * scale
    )


@pytest.mark.parametrize("n_samples", [3, 40])
def test_constant_channel(n_samples):
    samples = correlated(np.random.default_rng(0), 4, n_samples, 8)
    samples[:, :, 2] = 1.7
    expected = np.array([reference(one) for one in samples])
    assert_allclose(ledoit_wolf(samples), expected, rtol=1e-10, atol=1e-10)
    assert_allclose(mean_ledoit_wolf(samples), expected.mean(0), atol=1e-10)


def noisy(n_images=12, n_repetitions=4, n_sessions=2, n_channels=6, n_times=50, seed=0):
    """Responses in volts under noise that differs by session."""
    rng = np.random.default_rng(seed)
    mixes = 0.3 * rng.standard_normal((n_sessions, n_channels, n_channels))
    mixes += np.eye(n_channels)
    response = rng.standard_normal((n_images, n_channels, n_times))
    rows = [
        (session, image, repetition)
        for session in range(n_sessions)
        for image in range(n_images)
        for repetition in range(n_repetitions)
    ]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    data = np.array(
        [
            response[image] + mixes[s] @ rng.standard_normal((n_channels, n_times))
            for s, image, _ in rows
        ]
    )
    metadata = pd.DataFrame(rows, columns=["session", "image", "repetition"])
    metadata["image"] = metadata["image"].map("im{:02d}.jpg".format)
    info = mne.create_info(n_channels, 100.0, "eeg")
    return mne.EpochsArray(
        1e-6 * data, info, tmin=-0.1, metadata=metadata, verbose=False
    )


def guggenmos(epochs, dim):
    """Average covariances in plain loops, as the definition reads."""
    data, table = epochs.get_data(), epochs.metadata
    found = {}
    for session in table["session"].unique():
        per_image = []
        for image in table["image"].unique():
            trials = data[((table["session"] == session) & (table["image"] == image))]
            if dim == "time":
                per = [reference(trials[:, :, t]) for t in range(data.shape[2])]
            else:
                per = [reference(trial.T) for trial in trials]
            per_image.append(np.mean(per, axis=0))
        found[str(session)] = np.mean(per_image, axis=0)
    return found


@pytest.mark.parametrize("dim", ["epochs", "time"])
def test_covariances_follow_the_definition(dim):
    epochs = noisy()
    epochs = epochs[np.setdiff1d(np.arange(len(epochs)), [3, 17, 40])]  # uneven counts
    mvnn = mne_brainae.MVNN(dim=dim).fit(epochs)
    expected = guggenmos(epochs, dim)
    assert mvnn.covariances_.keys() == expected.keys()
    for session, covariance in expected.items():
        assert_allclose(mvnn.covariances_[session], covariance, rtol=1e-9, atol=1e-22)
        white = mvnn.whitener(session)
        assert_allclose(white @ covariance @ white, np.eye(6), atol=1e-9)
        assert_allclose(white, white.T)


def noise_eigenvalues(epochs, session):
    """Eigenvalues of the covariance between repetitions of one session."""
    table = epochs.metadata
    data = epochs.get_data()
    by = table.groupby("image").ngroup().to_numpy()
    parts = []
    for group in np.unique(by):
        mine = data[(by == group) & (table["session"] == session).to_numpy()]
        parts.append((mine - mine.mean(axis=0)).transpose(1, 0, 2).reshape(6, -1))
    return np.linalg.eigvalsh(np.cov(np.hstack(parts)))


def test_whitened_noise_is_white():
    """Up to the shrinkage, which keeps the weakest directions weaker."""
    epochs = noisy(n_images=8, n_repetitions=80)
    white = MVNN("time").fit(epochs).transform(epochs)
    assert list(white.metadata) == ["session", "image", "repetition"]
    for session in (0, 1):
        before, after = (noise_eigenvalues(e, session) for e in (epochs, white))
        assert_allclose(after.mean(), 1, atol=0.2)
        assert after[-1] / after[0] < before[-1] / before[0] / 3


def test_round_trip():
    epochs = noisy()
    mvnn = MVNN().fit(epochs)
    white = mvnn.transform(epochs)
    assert not np.allclose(white.get_data(), epochs.get_data())
    back = mvnn.inverse_transform(white)
    assert_allclose(back.get_data(), epochs.get_data(), rtol=1e-4, atol=1e-11)
    assert back.tmin == epochs.tmin
    assert back.info["sfreq"] == epochs.info["sfreq"]


def test_average_and_whitening_commute():
    epochs = noisy()
    mvnn = MVNN().fit(epochs)
    epochs.metadata["cell"] = (
        epochs.metadata["session"].astype(str) + epochs.metadata["image"]
    )
    first = mne_brainae.average_repetitions(mvnn.transform(epochs), by="cell")
    averaged = mne_brainae.average_repetitions(epochs, by="cell")
    assert_allclose(mvnn.transform(averaged).get_data(), first.get_data(), atol=1e-4)


def test_predictions_without_session_come_back_to_volts():
    """The same response in every session, whitened by each and averaged."""
    epochs = noisy()
    mvnn = MVNN().fit(epochs)
    response = epochs.get_data()[:3]
    white = np.mean([mvnn.whitener(s) @ response for s in ("0", "1")], axis=0)
    predicted = mne.EpochsArray(white, epochs.info, tmin=-0.1)
    back = mvnn.inverse_transform(predicted).get_data()
    assert_allclose(back, response, rtol=1e-4, atol=1e-10)


def test_without_sessions():
    epochs = noisy(n_sessions=1)
    epochs.metadata = epochs.metadata.drop(columns="session")
    mvnn = MVNN().fit(epochs)
    back = mvnn.inverse_transform(mvnn.transform(epochs))
    assert_allclose(back.get_data(), epochs.get_data(), rtol=1e-4, atol=1e-11)


def test_picks():
    epochs = noisy()
    mvnn = MVNN().fit(epochs, picks=[0, 2, 3])
    assert mvnn.transform(epochs).ch_names == ["0", "2", "3"]


def test_estimator_habits():
    mvnn = MVNN("time")
    assert clone(mvnn).dim == "time"
    assert mvnn.get_params() == {"dim": "time"}
    with pytest.raises(NotFittedError):
        mvnn.transform(noisy())


def test_bad_inputs():
    epochs = noisy()
    with pytest.raises(ValueError, match="Invalid value for the 'dim' parameter"):
        MVNN("trials").fit(epochs)
    mvnn = MVNN().fit(epochs[(epochs.metadata["session"] == 0).to_numpy()])
    with pytest.raises(ValueError, match="not fitted on the session '1', only on '0'"):
        mvnn.transform(epochs)
    with pytest.raises(ValueError, match="Fit before you average"):
        MVNN().fit(mne_brainae.average_repetitions(epochs))
    single = epochs[(epochs.metadata["repetition"] == 0).to_numpy()]
    with pytest.raises(ValueError, match="two or more repetitions"):
        MVNN("time").fit(single)
    mvnn = MVNN().fit(epochs)
    others = epochs.copy().rename_channels(lambda name: f"X{name}")
    with pytest.raises(ValueError, match="none of the channels that are needed"):
        mvnn.transform(others)
    with pytest.raises(ValueError, match="lack channels"):
        mvnn.inverse_transform(epochs.copy().pick([0, 1]))
    with pytest.raises(ValueError, match="Crop or resample"):
        mvnn.transform(epochs.copy().crop(0, None))
    data = epochs.get_data()
    data[3] = np.nan
    broken = mne.EpochsArray(data, epochs.info, metadata=epochs.metadata)
    with pytest.raises(ValueError, match="must be finite"):
        MVNN().fit(broken)
    data = epochs.get_data()
    data[:] = 0
    flat = mne.EpochsArray(data, epochs.info, metadata=epochs.metadata)
    with pytest.raises(ValueError, match="every channel is constant"):
        MVNN().fit(flat).transform(flat)


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    size=st.integers(1, 20),
)
def test_whole_groups(counts, size):
    codes = np.repeat(np.arange(len(counts)), counts)
    blocks = list(whole_groups(codes, size))
    assert blocks[0].start == 0
    assert blocks[-1].stop == len(codes)
    for before, after in pairwise(blocks):
        assert before.stop == after.start
        assert codes[before.stop - 1] != codes[after.start]
        assert before.stop - before.start >= size
    assert all(block.stop - block.start < size + max(counts) for block in blocks)
