"""Small recordings whose responses features drive, for tests of what is read how."""

import mne
import numpy as np
import pandas as pd
from PIL import Image


def driven(n_images=24, repetitions=2, n_channels=4, n_times=40, sfreq=100.0, seed=0):
    """Return epochs of images in turn, and the features that drive them."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_images, 6))
    signal = features @ rng.standard_normal((6, n_channels * n_times))
    signal = signal.reshape(n_images, n_channels, n_times)
    shown = np.tile(np.arange(n_images), repetitions)
    data = signal[shown] + 0.3 * rng.standard_normal((len(shown), n_channels, n_times))
    names = np.array([f"im{i:03d}.png" for i in range(n_images)])
    metadata = pd.DataFrame(
        {
            "image": names[shown],
            "concept": [f"c{i % 6}" for i in shown],
            "repetition": np.repeat(np.arange(repetitions), n_images),
        }
    )
    info = mne.create_info([f"E{i + 1}" for i in range(n_channels)], sfreq, "eeg")
    epochs = mne.EpochsArray(1e-6 * data, info, tmin=-0.1, metadata=metadata)
    return epochs, pd.DataFrame(features, index=names)


def renamed(epochs, **columns):
    """Return a copy of epochs with other columns of metadata."""
    epochs = epochs.copy()
    epochs.metadata = epochs.metadata.assign(**columns)
    return epochs


def lazy(epochs, n_bad=6, seed=3):
    """Return epochs on a raw recording, of which some are bad and not yet dropped."""
    data = epochs.get_data(copy=False)
    n_epochs, n_channels, n_times = data.shape
    signal = np.zeros((n_channels, 100 + (n_times + 20) * n_epochs))
    starts = 50 + (n_times + 20) * np.arange(n_epochs)
    for start, response in zip(starts, data, strict=True):
        signal[:, start : start + n_times] = response
    bad = np.random.default_rng(seed).choice(n_epochs, n_bad, replace=False)
    signal[0, starts[bad] + 13] = 1e-2
    events = np.column_stack([starts + 10, 0 * starts, 0 * starts + 1])
    return mne.Epochs(
        mne.io.RawArray(signal, epochs.info),
        events,
        {"image": 1},
        tmin=-0.1,
        tmax=0.29,
        baseline=None,
        reject={"eeg": 1e-3},
        metadata=epochs.metadata,
        preload=False,
    )


def draw(folder, names, seed=0):
    """Write a small noisy image for every name."""
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
