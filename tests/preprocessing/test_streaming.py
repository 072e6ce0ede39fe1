"""Recordings become responses: exact samples, no folding back, little memory."""

import mne
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from mne_brainae.preprocessing.streaming import (
    OnDisk,
    Recording,
    Window,
    read_filtered,
    read_responses,
    safe_low_pass,
)


@settings(deadline=None)
@given(
    step=st.integers(1, 6),
    tmin=st.integers(-30, 20),
    length=st.integers(0, 40),
    baseline=st.none() | st.tuples(st.integers(-40, 0), st.integers(0, 20)),
)
def test_window_against_plain_indices(step, tmin, length, baseline):
    """Samples at onset + step * k and no others, baseline mean subtracted."""
    sfreq = 1000 / step
    window = Window.in_seconds(
        1000,
        tmin / sfreq,
        (tmin + length) / sfreq,
        None if baseline is None else tuple(edge / sfreq for edge in baseline),
        sfreq,
    )
    signal = np.random.default_rng(0).standard_normal((2, 2000)).cumsum(axis=1)
    onsets = np.array([700, 701, 1203])
    assert window.fits(onsets, 0, 1999).all()
    found = window.cut(signal, onsets)
    for epoch, onset in zip(found, onsets, strict=True):
        samples = onset + step * np.arange(tmin, tmin + length + 1)
        expected = signal[:, samples]
        if baseline is not None:
            before = onset + step * np.arange(baseline[0], baseline[1] + 1)
            expected = expected - signal[:, before].mean(axis=1, keepdims=True)
        assert_allclose(epoch, expected, atol=1e-9)
    assert_allclose(window.times, np.arange(tmin, tmin + length + 1) / sfreq)


def test_window_fits_to_the_last_sample():
    window = Window.in_seconds(100, -0.1, 0.2, (-0.2, 0))
    assert window.reach == (-20, 20)
    assert list(window.fits(np.array([19, 20, 79, 80]), 0, 99)) == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("asked", "sfreq", "step", "given_"),
    [(100, 1000, 4, 100), (100, 1200, 6, 80), (None, 1000, 4, 100), (40, 1000, 4, 40),
     (100, 1000, 1, 100), (None, 1000, 1, None), (30, 100, 10, 3)],
)  # fmt: skip
def test_safe_low_pass(asked, sfreq, step, given_):
    assert safe_low_pass(asked, sfreq, step) == given_


def sines(sfreq=1200.0, seconds=20, freqs=(12.0, 110.0)):
    times = np.arange(round(seconds * sfreq)) / sfreq
    data = 1e-6 * np.array([np.sin(2 * np.pi * freq * times) for freq in freqs])
    return mne.io.RawArray(data, mne.create_info(len(freqs), sfreq, "eeg"))


def recording(raw, samples, session="01"):
    events = pd.DataFrame({"sample": samples, "onset": samples / raw.info["sfreq"]})
    events["image"] = [f"{i % 3}" for i in range(len(samples))]
    return Recording(session, lambda: raw, events)


def test_nothing_folds_back():
    """110 Hz would appear at 90 Hz in 200 samples per second."""
    raw = sines()
    found = read_responses(
        [recording(raw, np.array([6000, 9000]))],
        tmin=0,
        tmax=0.995,
        baseline=None,
        h_freq=100.0,
        sfreq=200.0,
    ).data
    assert found.shape == (2, 2, 200)
    assert np.abs(found[:, 1]).max() < 0.01 * np.abs(found[:, 0]).max()
    expected = raw.get_data()[0, 6000 : 6000 + 1200 : 6]
    assert_allclose(found[0, 0], expected, atol=1e-8)


def test_what_needs_no_filter_stays_on_disk():
    raw = sines()
    signal = read_filtered(raw, np.array([1, 0]))
    assert isinstance(signal, OnDisk)
    window = Window.in_seconds(1200, 0, 0.5, (-0.1, 0))
    onsets = np.array([500, 7000])
    loaded = raw.get_data()[[1, 0]].astype(np.float32)
    assert_array_equal(window.cut(signal, onsets), window.cut(loaded, onsets))


def test_means_over_sessions_weigh_every_trial_the_same():
    rng = np.random.default_rng(0)
    info = mne.create_info(3, 100.0, "eeg")
    raws = [mne.io.RawArray(rng.standard_normal((3, 2000)), info) for _ in range(2)]
    counts = np.arange(100, 1100, 100), np.arange(50, 1900, 90)
    recordings = [
        recording(raw, onsets, session)
        for raw, onsets, session in zip(raws, counts, ("01", "02"), strict=True)
    ]
    settings = {"tmin": 0, "tmax": 0.3, "baseline": None}
    single = read_responses(recordings, **settings)
    means = read_responses(recordings, average=True, **settings)
    for image, mean in zip(means.metadata["image"], means.data, strict=True):
        mine = (single.metadata["image"] == image).to_numpy()
        assert_allclose(mean, single.data[mine].mean(axis=0), atol=1e-6)
    assert means.metadata["n_averaged"].sum() == len(single.data)
    repetition = single.metadata.groupby("image")["repetition"]
    assert all(list(r) == list(range(1, len(r) + 1)) for _, r in repetition)


def test_recordings_that_do_not_match():
    raw, other = sines(), sines(sfreq=600.0)
    samples = np.array([3000, 4000])
    settings = {"tmin": 0, "tmax": 0.3, "baseline": None}
    with pytest.raises(ValueError, match="600 Hz and lacks the channels"):
        read_responses([recording(raw, samples), recording(other, samples)], **settings)
    late = recording(raw, np.array([3000, 10**6]))
    with pytest.raises(ValueError, match="24000 samples, but its events go on to"):
        read_responses([late], **settings)
