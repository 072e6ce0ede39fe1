"""Whether trials that a model draws can be told from measured ones."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from scipy.stats import kurtosis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ... import compute_image_features, fit
from ...datasets import muse_n170, simulate
from ...utils.checks import counted
from .finding import Finding
from .muse import REJECT

RECORDINGS = ("simulation", "muse")
SAMPLED, CONTROL = "sampled and measured", "halves of the measured"
#: Bands in hertz whose power the classifiers see.
BANDS = ((1, 4), (4, 8), (8, 13), (13, 20), (20, 30), (30, 45))
#: Windows of the time courses that they see.
N_WINDOWS = 20
#: Trees of the forest.
N_TREES = 300
#: Frequencies in hertz at which the spectra are compared.
SPECTRUM = (1.0, 40.0)


def measure(
    recordings: Iterable[str] = RECORDINGS,
    *,
    n_trials: int = 500,
    n_images: int = 960,
    seeds: Iterable[int] = (0, 1, 2),
    snr: float = 0.06,
    path: Path | None = None,
) -> Finding:
    """Draw trials, and let classifiers tell them from those that the fit did not see.

    Parameters
    ----------
    recordings : iterable of ``"simulation"`` | ``"muse"``
        The recordings.
    n_trials : int
        Number of measured trials that the fit does not see, and of trials drawn.
    n_images : int
        Training images of the simulation, each shown twice.
    seeds : iterable of int
        Seeds of the simulation, of the split and of the trials drawn.
    snr : float
        Signal to noise of one trial of the simulation.
    path : Path | None
        Folder for the images of the simulation.

    Returns
    -------
    finding : instance of Finding
        Mean over seeds, one row per recording and comparison.
    """
    seeds, rows = list(seeds), []
    for name in recordings:
        for seed in seeds:
            split = _simulated if name == "simulation" else _muse
            train, measured, features = split(
                n_trials, seed, n_images=n_images, snr=snr, path=path
            )
            model = fit(
                train,
                features,
                recipe="linear",
                keep_noise=True,
                random_state=seed,
                verbose="ERROR",
            )
            sampled = _sample_like(model, measured, features, seed)
            about = {"recording": name, "fitted to": len(train)}
            rows += [about | scores for scores in _compare(sampled, measured, seed)]
    table = pd.DataFrame(rows).groupby(["recording", "trials"], sort=False).mean()
    return Finding(
        f"Recipe 'linear' with keep_noise=True; {n_trials} measured trials that it "
        "was not fitted to, and as many drawn by sample_epochs for the same images. "
        "Area under the curve of a classifier that tells one kind of trials from the "
        f"other by {N_WINDOWS} windows of the time course, the power of {len(BANDS)} "
        "bands and the kurtosis of every channel, over five folds; .5 is chance, and "
        "halves of the measured trials say what chance reaches. Variance ratio, "
        "correlation of the entries of the covariance of channels, and the largest "
        f"difference of spectra from {SPECTRUM[0]:g} to {SPECTRUM[1]:g} Hz. "
        f"Simulation: EEG, signal to noise {snr:g}, two repetitions of a training "
        "image. Muse N170: images are face and house of every run, trials of which "
        "are held out at random. Mean over "
        f"{counted(len(seeds), 'seed')}:",
        table,
    )


def _simulated(n_trials: int, seed: int, *, n_images: int, snr: float, path):
    """Return trials of a simulation, others of unseen images, and features."""
    data = simulate(
        n_train_concepts=n_images,
        n_exemplars=1,
        n_templates=0,
        n_train_repetitions=2,
        n_test_concepts=n_trials // 2,
        n_test_repetitions=2,
        snr=snr,
        random_state=seed,
        path=path,
        verbose="ERROR",
    )
    return data.train, data.test, compute_image_features(data.images, verbose="ERROR")


def _muse(n_trials: int, seed: int, **unused):
    """Return trials of Muse N170, others held out at random, and their labels.

    An image is the category within a run, so that the noise is that of the run.
    """
    with mne.utils.use_log_level("ERROR"):
        epochs = muse_n170.read_epochs(tmin=0.0, tmax=0.6, reject=REJECT).decimate(2)
    table = epochs.metadata
    run = table["session"].astype(str)
    epochs.metadata = table.assign(image=table["concept"] + " of run " + run)
    order = np.random.default_rng(seed).permutation(len(epochs))
    parts = [epochs[np.sort(part)] for part in (order[n_trials:], order[:n_trials])]
    names = epochs.metadata["image"].unique()
    features = pd.DataFrame(
        {"face": [float(name.startswith("face")) for name in names], "any": 1.0},
        index=pd.Index(names, name="image"),
    )
    return *parts, features


def _sample_like(model, measured, features: pd.DataFrame, seed: int) -> np.ndarray:
    """Draw as many trials of every image as were measured, shape as the data."""
    shown = measured.metadata["image"].value_counts(sort=False)
    found = model.sample_epochs(
        features.loc[shown.index], int(shown.max()), random_state=seed
    )
    kept = found.metadata["repetition"] <= found.metadata["image"].map(shown)
    return found[kept.to_numpy()]


def _compare(sampled, measured, seed: int) -> Iterator[dict]:
    """Yield how far sampled and measured trials are apart, and halves of the latter."""
    rng = np.random.default_rng(seed)
    real = measured.get_data(copy=False)
    order = rng.permutation(len(real))
    halves = real[order[::2]], real[order[1::2]]
    pairs = {SAMPLED: (sampled.get_data(copy=False), real), CONTROL: halves}
    sfreq = measured.info["sfreq"]
    for name, (first, second) in pairs.items():
        yield {
            "trials": name,
            **_areas(first, second, sfreq, seed),
            "variance ratio": first.var(axis=0).sum() / second.var(axis=0).sum(),
            "channel covariance r": _covariance_r(first, second),
            "spectrum (dB)": _spectrum_difference(first, second, sfreq),
        }


def _areas(first, second, sfreq: float, seed: int) -> dict[str, float]:
    """Return the areas under the curve of two classifiers."""
    rows = np.concatenate([describe(first, sfreq), describe(second, sfreq)])
    is_second = np.repeat([False, True], [len(first), len(second)])
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    machines = {
        "logistic regression": make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
        ),
        "random forest": RandomForestClassifier(N_TREES, random_state=seed),
    }
    return {
        name: roc_auc_score(
            is_second,
            cross_val_predict(
                machine, rows, is_second, cv=folds, method="predict_proba"
            )[:, 1],
        )
        for name, machine in machines.items()
    }


def describe(data: np.ndarray, sfreq: float) -> np.ndarray:
    """Return what the classifiers see of trials.

    Parameters
    ----------
    data : array, shape (n_trials, n_channels, n_times)
        The trials.
    sfreq : float
        The sampling frequency in hertz.

    Returns
    -------
    rows : array, shape (n_trials, n_channels * (n_windows + n_bands + 1))
        Means of windows in units of the standard deviation, log power in bands, and
        kurtosis over time, of every channel.
    """
    parts = np.array_split(data, min(N_WINDOWS, data.shape[2]), axis=2)
    courses = np.stack([part.mean(axis=2) for part in parts], axis=2)
    power, frequencies = _spectra(data, sfreq)
    bands = [
        power[..., (frequencies >= low) & (frequencies < high)].mean(axis=2)
        for low, high in BANDS
        if low < frequencies[-1]
    ]
    columns = (courses / data.std(), np.log(np.stack(bands, axis=2)))
    flat = [each.reshape(len(data), -1) for each in columns]
    return np.hstack([*flat, kurtosis(data, axis=2)])


def _spectra(data: np.ndarray, sfreq: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the power of tapered trials, and the frequencies above 0."""
    power = np.abs(np.fft.rfft(data * np.hanning(data.shape[2]), axis=2)) ** 2
    return power[..., 1:], np.fft.rfftfreq(data.shape[2], 1 / sfreq)[1:]


def _spectrum_difference(first, second, sfreq: float) -> float:
    low, high = SPECTRUM
    means = []
    for data in (first, second):
        power, frequencies = _spectra(data, sfreq)
        kept = (frequencies >= low) & (frequencies <= high)
        means.append(10 * np.log10(power[..., kept].mean(axis=(0, 1))))
    return float(np.abs(means[0] - means[1]).max())


def _covariance_r(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate the entries of both covariances of channels."""
    entries = np.triu_indices(first.shape[1])
    found = [
        np.cov(np.moveaxis(data - data.mean(axis=0), 1, 0).reshape(data.shape[1], -1))
        for data in (first, second)
    ]
    return float(np.corrcoef(found[0][entries], found[1][entries])[0, 1])
