"""Repetitions and standardisation."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ._checks import check_finite, check_image_names, pick_channels, verbose
from ._docs import fill_doc
from ._files import zeros

#: Epochs are read in blocks of this many, so that no float64 copy of all of them is
#: ever made.
BLOCK = 256

#: Mean squared norm of an image's features inside. One unit per feature would make the
#: image projection learn, and overfit, the faster the more features there are.
FEATURE_ENERGY = 100.0

#: Most standard deviations of a feature from its mean. One that is almost silent in
#: training would shout at another picture.
MOST_DEVIATIONS = 20.0


def read_blocks(epochs: mne.BaseEpochs, picks: np.ndarray):
    """Yield the data of epochs block by block.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs, in memory or on disk.
    picks : array of int, shape (n_channels,)
        The channels.

    Yields
    ------
    rows : slice
        Which epochs these are.
    data : array, shape (n_block, n_channels, n_times)
        Their data in SI units, float32.
    """
    for rows, data in _blocks(epochs, picks):
        yield rows, data.astype(np.float32)


def _blocks(epochs, picks):
    """Yield what :func:`read_blocks` does as it comes, which may be a view."""
    # With picks MNE-Python copies in float64; without, it looks all channels up by
    # name, which for a single epoch takes longer.
    whole = len(epochs) > 1 and np.array_equal(picks, np.arange(len(epochs.ch_names)))
    for start in range(0, len(epochs), BLOCK):
        rows = slice(start, min(start + BLOCK, len(epochs)))
        chosen = None if whole else picks
        yield rows, epochs.get_data(chosen, rows, copy=False, verbose=_quiet(epochs))


def _quiet(epochs):
    """Return the verbosity that keeps reading silent.

    Epochs in memory say nothing in any case; to set a level would take longer than to
    embed one of them.
    """
    return None if epochs.preload else False


def read_array(epochs: mne.BaseEpochs, picks: np.ndarray) -> np.ndarray:
    """Read all epochs into one float32 array, shape (n_epochs, n_channels, n_times)."""
    epochs.drop_bad(verbose=_quiet(epochs))
    data = np.empty((len(epochs), len(picks), len(epochs.times)), np.float32)
    for rows, block in _blocks(epochs, picks):
        data[rows] = block
    return data


def average_by(
    epochs: mne.BaseEpochs, by: str, picks: np.ndarray, folder: Path | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Average the epochs that share a value of a metadata column.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    by : str
        The metadata column.
    picks : array of int, shape (n_channels,)
        The channels.
    folder : path-like | None
        Where a temporary file keeps the averages; None is memory.

    Returns
    -------
    means : array, shape (n_groups, n_channels, n_times)
        The averages in order of first appearance, float32.
    table : DataFrame, shape (n_groups, n_columns)
        The metadata that is the same within every group, and ``n_averaged``.
    """
    epochs.drop_bad(verbose=False)
    codes, _ = pd.factorize(epochs.metadata[by])
    counts = np.bincount(codes)
    means = zeros((len(counts), len(picks), len(epochs.times)), folder=folder)
    for rows, block in read_blocks(epochs, picks):
        check_finite(block, "epochs")
        for code, response in zip(codes[rows], block, strict=True):
            means[code] += response
    means /= counts[:, None, None].astype(np.float32)
    return means, shared_metadata(epochs.metadata, codes)


def shared_metadata(metadata: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """Keep what the epochs of a group share.

    Parameters
    ----------
    metadata : DataFrame, shape (n_epochs, n_columns)
        One row per epoch.
    codes : array of int, shape (n_epochs,)
        The group of every epoch.

    Returns
    -------
    table : DataFrame, shape (n_groups, n_columns)
        The columns that are the same within every group, and ``n_averaged``.
    """
    groups = metadata.groupby(codes, sort=True)
    constant = (groups.nunique(dropna=False) <= 1).all()
    table = groups.head(1).reset_index(drop=True)
    table = table.loc[:, constant[constant].index]
    earlier = metadata.get("n_averaged", pd.Series(1, index=metadata.index))
    return table.assign(n_averaged=earlier.groupby(codes).sum().to_numpy())


@verbose
@fill_doc
def average_repetitions(
    epochs: mne.BaseEpochs, *, by: str = "image", picks=None, verbose=None
) -> mne.EpochsArray:
    """Average the repetitions of every image.

    Parameters
    ----------
    %(epochs_images)s
    by : str
        The metadata column whose equal values are averaged.
    %(picks)s
    %(verbose)s

    Returns
    -------
    epochs_averaged : instance of EpochsArray
        One epoch per image, in order of first appearance. The metadata keep the
        columns that are the same for all repetitions; ``n_averaged`` counts the trials.

    Notes
    -----
    NaN or infinite values are a ValueError. The original epochs are not changed.
    """
    if by == "image":
        check_image_names(epochs)
    elif epochs.metadata is None or by not in epochs.metadata:
        raise ValueError(f"epochs.metadata has no column {by!r} to average by.")
    picks = pick_channels(epochs.info, picks)
    means, table = average_by(epochs, by, picks)
    info = mne.pick_info(epochs.info, picks)
    return make_epochs(means, info, epochs.tmin, table)


def make_epochs(
    data: np.ndarray, info: mne.Info, tmin: float, metadata: pd.DataFrame | None
) -> mne.EpochsArray:
    """Build epochs that carry metadata and pass through MNE without a warning.

    Parameters
    ----------
    data : array, shape (n_epochs, n_channels, n_times)
        The data in SI units.
    info : instance of Info
        The channels.
    tmin : float
        Time of the first sample in seconds.
    metadata : DataFrame, shape (n_epochs, n_columns) | None
        One row per epoch.

    Returns
    -------
    epochs : instance of EpochsArray
        The epochs, with projectors left as they are.
    """
    n_epochs, _, n_times = data.shape
    onsets = np.arange(n_epochs) * n_times
    events = np.column_stack([onsets, np.zeros_like(onsets), np.ones_like(onsets)])
    epochs = mne.EpochsArray(
        data,
        info.copy(),
        events,
        tmin=tmin,
        event_id={"image": 1},
        metadata=metadata,
        proj=False,
        verbose=False,
    )
    # Epochs without annotations make mne-connectivity warn; none is also an answer.
    return epochs.set_annotations(mne.Annotations([], [], []))


@dataclass
class Scaler:
    """Standardisation that is undone on the way out.

    Parameters
    ----------
    mean : array, shape (n_channels, n_times) | (n_channels, 1) | (n_features,)
        What is subtracted.
    scale : array, shape (n_channels, 1) | (n_features,)
        What is divided by.
    limit : array, shape (n_features,) | None
        The largest absolute value that comes out; None is no limit.
    """

    mean: np.ndarray
    scale: np.ndarray
    limit: np.ndarray | None = None

    @classmethod
    def for_brain(cls, data: np.ndarray, how: str) -> Scaler:
        """Learn the scale of every channel over epochs and times.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Training data.
        how : ``"channel"`` | ``"evoked"``
            Subtract every channel's mean over epochs and times, or the mean response.

        Returns
        -------
        scaler : instance of Scaler
            The scaler. A channel that is constant keeps scale 1.
        """
        axes = (0, 2) if how == "channel" else (0,)
        mean = data.mean(axis=axes, dtype=np.float64).reshape(data.shape[1], -1)
        power = [np.mean((row - mean) ** 2, axis=1) for row in data]
        scale = np.sqrt(np.mean(power, axis=0))[:, None]
        return cls._safe(mean, scale)

    @classmethod
    def for_features(cls, features: np.ndarray, weights=None) -> Scaler:
        """Learn mean and standard deviation of every image feature.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Training features.
        weights : array, shape (n_features,) | None
            How much every feature counts, squares summing to 1; None is all alike.

        Returns
        -------
        scaler : instance of Scaler
            Standardised features whose squared norm is :data:`FEATURE_ENERGY` on
            average, whatever their number.
        """
        mean = features.mean(axis=0, dtype=np.float64)
        scaler = cls._safe(mean, features.std(axis=0, dtype=np.float64))
        if weights is None:
            weights = np.full(features.shape[1], features.shape[1] ** -0.5)
        gain = (weights * np.sqrt(FEATURE_ENERGY)).astype(np.float32)
        scaler.scale /= gain
        scaler.limit = MOST_DEVIATIONS * gain
        return scaler

    @classmethod
    def _safe(cls, mean: np.ndarray, scale: np.ndarray) -> Scaler:
        # Rounding leaves about 1e-7 of the mean in a constant float32 column.
        size = np.abs(mean)
        if mean.ndim > 1:
            size = size.max(axis=-1, keepdims=True)
        constant = scale <= np.maximum(1e-6 * size, np.finfo(np.float32).tiny)
        scale = np.where(constant, 1.0, scale)
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    def transform(self, data: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Standardise, in place where ``out`` is ``data``."""
        out = np.subtract(data, self.mean, out=out)
        out /= self.scale
        if self.limit is not None:
            np.clip(out, -self.limit, self.limit, out=out)
        return out

    def inverse_transform(self, data: np.ndarray) -> np.ndarray:
        """Return to SI units."""
        return data * self.scale + self.mean
