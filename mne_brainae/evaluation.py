"""Encoding scores beside the mean response and the noise ceiling."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ._checks import (
    check_complete,
    check_finite,
    check_image_names,
    check_same_space,
    seed_from,
    verbose,
)
from ._docs import fill_doc
from .correlation import correlate
from .preprocessing import average_by, read_array


@dataclass(repr=False)
class EncodingScores:
    """How well responses were predicted, beside what bounds the answer.

    Parameters
    ----------
    table : DataFrame, shape (3, 3)
        Rows ``prediction``, ``mean response`` and ``noise ceiling``; columns
        ``r_pattern``, ``mse`` and ``r_images``.
    per_image : DataFrame, shape (n_images, 4)
        ``r_pattern`` and ``mse`` of the prediction and of the mean response.
    r_map : instance of EvokedArray
        ``r_images`` of the prediction for every channel and time, to be plotted as any
        Evoked.
    ceiling_map : instance of EvokedArray | None
        The noise ceiling of ``r_map``.
    protocol : dict
        Images, repetitions, channels, window, splits and seed.
    """

    table: pd.DataFrame
    per_image: pd.DataFrame
    r_map: mne.EvokedArray
    ceiling_map: mne.EvokedArray | None
    protocol: dict

    def to_data_frame(self) -> pd.DataFrame:
        """Return the table of scores.

        Returns
        -------
        table : DataFrame, shape (3, 3)
            A copy of ``table``.
        """
        return self.table.copy()

    def __repr__(self) -> str:
        lines = ["<EncodingScores", self.table.to_string(float_format="{:.4g}".format)]
        lines += [f"  {key}: {value}" for key, value in self.protocol.items()]
        return "\n".join(lines) + ">"


@verbose
@fill_doc
def score_encoding(
    epochs: mne.BaseEpochs,
    epochs_predicted: mne.BaseEpochs,
    mean_response: mne.Evoked,
    *,
    n_splits: int = 100,
    random_state=None,
    verbose=None,
) -> EncodingScores:
    """Compare predicted with measured responses.

    Parameters
    ----------
    %(epochs_images)s
        Repetitions are averaged and give the noise ceiling.
    epochs_predicted : instance of Epochs
        One predicted response per image, as ``BrainAE.predict_epochs`` returns them.
        Their channels are scored.
    mean_response : instance of Evoked
        The mean training response (``BrainAE.evoked_``), the baseline that knows
        nothing of the image.
    n_splits : int
        Number of random halvings of the repetitions for the noise ceiling.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    scores : instance of EncodingScores
        ``r_pattern`` and ``mse`` are the paper's (Table 1): per image over channels and
        times, mean over images, squared units of the data. ``r_images`` is Gifford's
        (2022): per channel and time over images, then their mean; the mean response
        scores 0 there. The noise ceiling is what a perfect model would reach: the
        square root of the Spearman-Brown corrected correlation of split halves.
    """
    if n_splits < 1:
        raise ValueError(f"n_splits must be at least 1, got {n_splits}.")
    check_image_names(epochs)
    epochs.drop_bad(verbose=False)
    names = check_image_names(epochs)
    ch_names, times = epochs_predicted.ch_names, epochs_predicted.times
    picks = check_same_space(epochs, ch_names, times)
    measured, table = average_by(epochs, "image", picks)
    shown = list(table["image"].astype(str))
    predicted_names = check_image_names(epochs_predicted)
    check_complete(shown, predicted_names, "epochs_predicted")
    rows = pd.Index(predicted_names).get_indexer(shown)
    predicted = read_array(epochs_predicted, np.arange(len(ch_names)))[rows]
    check_finite(predicted, "epochs_predicted")
    same_channels = list(mean_response.ch_names) == list(ch_names)
    if not same_channels or mean_response.data.shape[1] != len(times):
        raise ValueError(
            "mean_response has other channels or times than epochs_predicted."
        )
    baseline = np.broadcast_to(mean_response.data, measured.shape)
    seed = seed_from(random_state)
    halves = _split_halves(epochs, names, shown, picks, n_splits, seed)
    return _assemble(
        measured, predicted, baseline, halves, shown, epochs_predicted, table, seed
    )


def _assemble(
    measured, predicted, baseline, halves, shown, epochs_predicted, table, seed
) -> EncodingScores:
    per_image, scores = {}, {}
    for name, guess in (("prediction", predicted), ("mean response", baseline)):
        r_pattern = correlate(measured, guess, axis=(1, 2))
        mse = np.square(measured - guess, dtype=np.float64).mean(axis=(1, 2))
        r_images = correlate(measured, guess, axis=0)
        per_image[f"r_pattern ({name})"], per_image[f"mse ({name})"] = r_pattern, mse
        scores[name] = [r_pattern.mean(), mse.mean(), r_images.mean()]
    r_images = correlate(measured, predicted, axis=0)
    ceiling, ceiling_map = [np.nan, np.nan, np.nan], None
    if halves is not None:
        pattern, images = halves
        ceiling = [_ceiling(pattern.mean()), np.nan, _ceiling(images.mean())]
        ceiling_map = _as_evoked(_ceiling(images), epochs_predicted, "noise ceiling")
    scores["noise ceiling"] = ceiling
    counts = table["n_averaged"]
    return EncodingScores(
        pd.DataFrame(scores, index=["r_pattern", "mse", "r_images"]).T,
        pd.DataFrame(per_image, index=pd.Index(shown, name="image")),
        _as_evoked(r_images, epochs_predicted, "encoding r"),
        ceiling_map,
        {
            "images": len(shown),
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": measured.shape[1],
            "window": f"{epochs_predicted.times[0]:g} to "
            f"{epochs_predicted.times[-1]:g} s",
            "seed of the split halves": seed,
        },
    )


def _split_halves(epochs, names, shown, picks, n_splits, seed):
    """Return mean split-half correlations per image and per channel and time."""
    codes = pd.Index(shown).get_indexer(names)
    if np.bincount(codes).min() < 2:
        return None
    data, rng = read_array(epochs, picks), np.random.default_rng(seed)
    trials = [np.flatnonzero(codes == code) for code in range(len(shown))]
    pattern, images = 0.0, 0.0
    for _ in range(n_splits):
        halves = np.empty((2, len(shown), *data.shape[1:]), np.float32)
        for code, rows in enumerate(trials):
            rows = rng.permutation(rows)
            middle = len(rows) // 2
            halves[0, code] = data[rows[:middle]].mean(axis=0)
            halves[1, code] = data[rows[middle:]].mean(axis=0)
        pattern = pattern + correlate(*halves, axis=(1, 2)) / n_splits
        images = images + correlate(*halves, axis=0) / n_splits
    return pattern, images


def _ceiling(r_half):
    """Correlation of a perfect model with the mean of all repetitions."""
    r_half = np.clip(r_half, 0.0, 1.0)
    return np.sqrt(2 * r_half / (1 + r_half))


def _as_evoked(values, epochs, comment) -> mne.EvokedArray:
    return mne.EvokedArray(values, epochs.info.copy(), epochs.times[0], comment)
