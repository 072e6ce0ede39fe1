"""Reading Epochs into arrays in blocks, and making Epochs of arrays."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd

from ..utils.checks import check_epochs

#: Epochs are read in blocks of this many, so that no float64 copy of all of them is
#: ever made.
BLOCK = 256


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
    check_epochs(epochs)
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
    check_epochs(epochs)
    data = np.empty((len(epochs), len(picks), len(epochs.times)), np.float32)
    for rows, block in _blocks(epochs, picks):
        data[rows] = block
    return data


def make_epochs_like(
    epochs: mne.BaseEpochs, data: np.ndarray, info: mne.Info
) -> mne.EpochsArray:
    """Build epochs of other data, with the times, metadata and events of some.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs that the data come from.
    data : array, shape (n_epochs, n_channels, n_times)
        The data in SI units.
    info : instance of Info
        The channels.

    Returns
    -------
    epochs : instance of EpochsArray
        The epochs.
    """
    return make_epochs(
        data,
        info,
        epochs.times,
        epochs.metadata,
        baseline=epochs.baseline,
        codes=epochs.events[:, 2],
        event_id=epochs.event_id,
    )


def make_epochs(
    data: np.ndarray,
    info: mne.Info,
    times: np.ndarray,
    metadata: pd.DataFrame | None,
    *,
    baseline: tuple | None = None,
    codes: np.ndarray | None = None,
    event_id: dict | None = None,
) -> mne.EpochsArray:
    """Build epochs that carry metadata and pass through MNE without a warning.

    Parameters
    ----------
    data : array, shape (n_epochs, n_channels, n_times)
        The data in SI units.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds, which need not be multiples of the sampling interval.
    metadata : DataFrame, shape (n_epochs, n_columns) | None
        One row per epoch.
    baseline : tuple | None
        The baseline that the data have already, in seconds.
    codes : array of int, shape (n_epochs,) | None
        The event code of every epoch; None is 1 for all.
    event_id : dict | None
        The names of the codes; those of no epoch are left out. None is ``"image"``.

    Returns
    -------
    epochs : instance of EpochsArray
        The epochs, with projectors left as they are.
    """
    n_epochs, _, n_times = data.shape
    onsets = np.arange(n_epochs) * n_times
    if codes is None:
        codes, event_id = np.ones_like(onsets), {"image": 1}
    event_id = {name: code for name, code in event_id.items() if code in codes}
    events = np.column_stack([onsets, np.zeros_like(onsets), codes])
    epochs = mne.EpochsArray(
        data,
        info,  # of which MNE-Python makes a copy
        events,
        tmin=on_grid(times, info["sfreq"]),
        event_id=event_id,
        metadata=metadata,
        proj=False,
        verbose=False,
    )
    set_times(epochs, times)
    epochs.baseline = baseline  # as an argument it would be subtracted again
    # Epochs without annotations make mne-connectivity warn; none is also an answer.
    return epochs.set_annotations(mne.Annotations([], [], []))


def make_evoked(
    data: np.ndarray,
    info: mne.Info,
    times: np.ndarray,
    nave: int,
    comment: str,
    *,
    baseline: tuple | None = None,
) -> mne.EvokedArray:
    """Build an evoked response at times that need not lie on the sample grid.

    Parameters
    ----------
    data : array, shape (n_channels, n_times)
        The data in SI units.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    nave : int
        How many responses it is the mean of.
    comment : str
        What it is.
    baseline : tuple | None
        The baseline that the data have already, in seconds.

    Returns
    -------
    evoked : instance of EvokedArray
        The response.
    """
    tmin = on_grid(times, info["sfreq"])
    evoked = mne.EvokedArray(data, info, tmin, comment, nave)  # it copies info
    set_times(evoked, times)
    evoked.baseline = baseline
    return evoked


def on_grid(times: np.ndarray, sfreq: float) -> float:
    """Return the multiple of the sampling interval that is nearest to the first time.

    MNE-Python rounds the first and the last time of an array each by itself, and gets
    one sample too few or too many where they lie halfway between two multiples.
    """
    return round(times[0] * sfreq) / sfreq


def set_times(instance, times: np.ndarray) -> None:
    """Give Epochs or Evoked the times that their data were measured at.

    After ``Epochs.resample`` the first time is seldom a multiple of the sampling
    interval, to which MNE-Python moves the times of an array.
    """
    if not np.allclose(instance.times, times, rtol=0, atol=1e-9):
        instance.shift_time(times[0], relative=False)
