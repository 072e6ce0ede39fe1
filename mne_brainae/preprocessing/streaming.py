"""From long recordings to responses, with little more memory than the result takes."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd
from mne.utils import ProgressBar

from ..utils.checks import (
    describe_band,
    logger,
    pick_channels,
    warn,
)
from ..utils.docs import fill_doc
from ..utils.units import as_whitened
from .averaging import shared_metadata
from .epochs import make_epochs
from .whitening import MVNN, whole_groups

#: Samples that are read at a time, and values of some channels that are filtered at a
#: time: 128 MB as float64. Each time, the filter is designed anew.
N_SAMPLES, N_VALUES = 100_000, 2**24


class Responses(NamedTuple):
    """Epochs without the float64 copy that :class:`mne.EpochsArray` makes.

    Parameters
    ----------
    data : array, shape (n_epochs, n_channels, n_times)
        The responses in SI units, or in units of the noise after whitening, float32.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    metadata : DataFrame, shape (n_epochs, n_columns)
        One row per epoch.
    baseline : tuple | None
        The baseline in seconds that was subtracted.

    See Also
    --------
    mne_brainae.datasets.things_eeg2.read_epochs
    mne_brainae.datasets.things_meg.read_epochs
    mne_brainae.datasets.tvsd.read_epochs

    Examples
    --------
    >>> responses = mne_brainae.datasets.things_eeg2.read_epochs(
    ...     "things_eeg2", 1, "train", output="array"
    ... )  # doctest: +SKIP
    >>> responses.to_epochs()  # doctest: +SKIP
    """

    data: np.ndarray
    info: mne.Info
    times: np.ndarray
    metadata: pd.DataFrame
    baseline: tuple | None = None

    def to_epochs(self) -> mne.EpochsArray:
        """Copy the responses to Epochs.

        Returns
        -------
        epochs : instance of EpochsArray
            The same responses, float64.

        Examples
        --------
        >>> epochs = responses.to_epochs()  # doctest: +SKIP
        """
        return make_epochs(
            self.data, self.info, self.times, self.metadata, baseline=self.baseline
        )


@dataclass
class Recording:
    """One file of continuous data and what was shown when.

    Parameters
    ----------
    session : str
        The session, within which the noise counts as the same.
    open : callable
        Opens the file and returns a Raw that is not loaded.
    events : DataFrame, shape (n_events, n_columns)
        The column ``sample`` is the onset in samples from the beginning of the Raw, and
        ``onset`` the same in seconds; all others go to the metadata, of which ``image``
        names the image.
    dropouts : tuple of tuple of float
        Begin and end in seconds of stretches without signal, which are replaced by the
        median of each channel before anything is filtered.
    """

    session: str
    open: Callable[[], mne.io.BaseRaw]
    events: pd.DataFrame
    dropouts: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Window:
    """The samples of an epoch, counted from its onset.

    Parameters
    ----------
    start : int
        The first sample.
    step : int
        Every how many samples one is taken.
    n_times : int
        How many are taken.
    baseline : tuple of int | None
        First and last sample, in steps as well, of which the mean is subtracted.
    sfreq : float
        Samples per second that are taken.
    """

    start: int
    step: int
    n_times: int
    baseline: tuple[int, int] | None
    sfreq: float

    @classmethod
    def in_seconds(
        cls,
        sfreq_recorded: float,
        tmin: float,
        tmax: float,
        baseline: tuple | None = None,
        sfreq: float | None = None,
    ) -> Window:
        """Find the samples of a window in seconds, both ends included.

        Parameters
        ----------
        sfreq_recorded : float
            The sampling frequency of the recording in hertz.
        tmin, tmax : float
            The window in seconds from onset.
        baseline : tuple | None
            Its beginning and end in seconds, as in :class:`mne.Epochs`: None is the
            beginning or the end of the window.
        sfreq : float | None
            The sampling frequency to reduce to, a whole fraction of the recorded one.

        Returns
        -------
        window : instance of Window
            The samples. Onsets keep their exact sample whatever the reduction.
        """
        sfreq = sfreq_recorded if sfreq is None else sfreq
        step = round(sfreq_recorded / sfreq)
        if step < 1 or not np.isclose(step * sfreq, sfreq_recorded):
            raise ValueError(
                f"sfreq must be {sfreq_recorded:g} Hz, the sampling frequency of the "
                f"recording, divided by a whole number, got {sfreq:g} Hz."
            )
        first, last = _steps(tmin, tmax, sfreq, "tmin and tmax")
        if baseline is not None:
            begin, end = baseline
            begin, end = tmin if begin is None else begin, tmax if end is None else end
            baseline = _steps(begin, end, sfreq, "baseline")
            baseline = baseline[0] * step, baseline[1] * step
        return cls(first * step, step, last - first + 1, baseline, sfreq)

    @property
    def times(self) -> np.ndarray:
        """The times in seconds."""
        return (self.start // self.step + np.arange(self.n_times)) / self.sfreq

    def fits(self, onsets: np.ndarray, first: int, last: int) -> np.ndarray:
        """Tell which epochs lie between two samples, both included."""
        begin, end = self.reach
        return (onsets + begin >= first) & (onsets + end <= last)

    @property
    def reach(self) -> tuple[int, int]:
        """The first and the last sample that an epoch needs, its baseline included."""
        begin, end = self.start, self.start + self.step * (self.n_times - 1)
        if self.baseline is not None:
            begin, end = min(begin, self.baseline[0]), max(end, self.baseline[1])
        return begin, end

    def cut(self, signal: np.ndarray, onsets: np.ndarray) -> np.ndarray:
        """Cut epochs out of a signal.

        Parameters
        ----------
        signal : array, shape (n_channels, n_samples) | instance of OnDisk
            The signal.
        onsets : array of int, shape (n_epochs,)
            The samples of the onsets; every epoch must fit.

        Returns
        -------
        epochs : array, shape (n_epochs, n_channels, n_times)
            The epochs in the type of the signal, baseline corrected.
        """
        epochs = np.empty((len(onsets), len(signal), self.n_times), signal.dtype)
        first, last = self.reach
        begin = self.start - first
        wanted = slice(begin, begin + self.step * self.n_times, self.step)
        for epoch, onset in zip(epochs, onsets, strict=True):
            piece = signal[:, onset + first : onset + last + 1]
            epoch[:] = piece[:, wanted]
            if self.baseline is not None:
                begin, end = (edge - first for edge in self.baseline)
                before = piece[:, begin : end + 1 : self.step]
                epoch -= before.mean(axis=1, keepdims=True)
        return epochs


@fill_doc
class OnDisk:
    """A signal that is read where it is needed, for it needs no filter.

    Parameters
    ----------
    %(raw_and_picks)s
    """

    dtype = np.dtype(np.float32)

    def __init__(self, raw: mne.io.BaseRaw, picks: np.ndarray):
        self.raw, self.picks = raw, picks

    def __len__(self) -> int:
        return len(self.picks)

    def __getitem__(self, item: tuple[slice, slice]) -> np.ndarray:
        _, samples = item
        data = self.raw.get_data(self.picks, samples.start, samples.stop, verbose=False)
        return data.astype(self.dtype)


def _steps(begin: float, end: float, sfreq: float, name: str) -> tuple[int, int]:
    """Return the first and last step of an interval, both ends included."""
    first = int(np.ceil(begin * sfreq - 1e-6))
    last = int(np.floor(end * sfreq + 1e-6))
    if last < first:
        raise ValueError(f"{name} enclose no sample: {begin:g} to {end:g} s.")
    return first, last


@fill_doc
def read_filtered(
    raw: mne.io.BaseRaw,
    picks: np.ndarray,
    l_freq: float | None = None,
    h_freq: float | None = None,
    step: int = 1,
    dropouts: Sequence[tuple[float, float]] = (),
) -> np.ndarray | OnDisk:
    """Read channels of a recording and filter them, some at a time.

    Parameters
    ----------
    %(raw_and_picks)s
    l_freq, h_freq : float | None
        The edges of the band in hertz, as in :meth:`mne.io.Raw.filter`.
    step : int
        Every how many samples one will be taken. Where the low-pass would leave
        frequencies that fold back, its corner is lowered.
    dropouts : sequence of tuple of float
        Begin and end in seconds of what is replaced by the median of each channel.

    Returns
    -------
    signal : array, shape (n_channels, n_samples) | instance of OnDisk
        The filtered signal in SI units at the full sampling frequency, float32. Without
        anything to filter or to fill, it is left where it is.
    """
    n_samples, sfreq = raw.n_times, raw.info["sfreq"]
    h_freq = safe_low_pass(h_freq, sfreq, step)
    if l_freq is None and h_freq is None and not dropouts:
        return OnDisk(raw, picks)
    signal = np.empty((len(picks), n_samples), np.float32)
    for start in range(0, n_samples, N_SAMPLES):
        stop = min(start + N_SAMPLES, n_samples)
        signal[:, start:stop] = raw.get_data(picks, start, stop, verbose=False)
    for begin, end in dropouts:
        stretch = slice(*(round(edge * sfreq) for edge in (begin, end)))
        signal[:, stretch] = np.median(signal, axis=1, keepdims=True)
    if l_freq is None and h_freq is None:
        return signal
    n_channels = max(N_VALUES // n_samples, 1)
    for start in range(0, len(picks), n_channels):
        rows = slice(start, start + n_channels)
        signal[rows] = mne.filter.filter_data(
            signal[rows].astype(np.float64),
            sfreq,
            l_freq,
            h_freq,
            copy=False,
            verbose="WARNING",
        )
    return signal


def safe_low_pass(h_freq: float | None, sfreq: float, step: int) -> float | None:
    """Lower the corner of a low-pass so that its stop band begins at the new Nyquist.

    Parameters
    ----------
    h_freq : float | None
        The corner asked for, in hertz.
    sfreq : float
        The sampling frequency in hertz.
    step : int
        Every how many samples one will be taken.

    Returns
    -------
    h_freq : float | None
        The corner in hertz. The transition of MNE-Python's filters is a quarter of the
        corner, at least 2 Hz; 100 Hz is what it leaves for 250 samples per second.
    """
    if step == 1:
        return h_freq
    nyquist = sfreq / step / 2
    limit = min(nyquist / 1.25, nyquist - 2)
    return limit if h_freq is None else min(h_freq, limit)


class _Reading(NamedTuple):
    """What all recordings of one call share."""

    names: list[str]
    window: Window
    band: tuple[float | None, float | None]
    mvnn: MVNN | None
    learn: bool
    transform: Callable | None = None


def read_responses(
    recordings: Sequence[Recording],
    *,
    tmin: float,
    tmax: float,
    baseline: tuple | None,
    l_freq: float | None = None,
    h_freq: float | None = None,
    sfreq: float | None = None,
    picks=None,
    average: bool = False,
    mvnn: MVNN | None = None,
    learn: bool = False,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Responses:
    """Filter, cut, whiten and average, one recording in memory at a time.

    Parameters
    ----------
    recordings : sequence of Recording
        The recordings, those of a session side by side.
    tmin, tmax : float
        The window in seconds from onset, both ends included.
    baseline : tuple | None
        The baseline in seconds. It may lie outside the window.
    l_freq, h_freq : float | None
        The edges of the band that each recording is filtered to, in hertz.
    sfreq : float | None
        The sampling frequency to reduce to.
    picks : str | array-like | slice | None
        The channels; None takes the data channels that are good in every recording.
    average : bool
        Average the repetitions of every image over all recordings.
    mvnn : instance of MVNN | None
        Whiten by it: within each session and before averages of sessions meet.
    learn : bool
        Fit ``mvnn`` on these epochs first.
    transform : callable | None
        Is applied to blocks of single trials, shape (n_epochs, n_channels, n_times),
        before anything else, and takes their unit away.

    Returns
    -------
    responses : Responses
        The responses. In what order the averages come is that of first appearance.
    """
    raws = [recording.open() for recording in recordings]
    names = _common_channels(raws, picks)
    window = Window.in_seconds(raws[0].info["sfreq"], tmin, tmax, baseline, sfreq)
    events = [
        _those_that_fit(recording.events, window, raw)
        for recording, raw in zip(recordings, raws, strict=True)
    ]
    metadata = pd.concat(events, ignore_index=True).drop(columns=["onset", "sample"])
    metadata["repetition"] = metadata.groupby("image").cumcount() + 1
    info = _info(raws[0], names, window.sfreq, l_freq, h_freq)
    if learn and mvnn is not None:
        mvnn.reset(info, window.times)
    reading = _Reading(names, window, (l_freq, h_freq), mvnn, learn, transform)
    codes = pd.factorize(metadata["image"])[0]
    rows = codes if average else np.arange(len(metadata))
    shape = (rows.max() + 1, len(names), window.n_times)
    data = np.zeros(shape, np.float32)
    _log(reading, raws[0], shape, len(metadata))
    ends = np.cumsum([len(table) for table in events])
    work = list(zip(recordings, raws, events, np.split(rows, ends[:-1]), strict=True))
    _fill(data, work, reading)
    if average:
        data /= np.bincount(codes).astype(np.float32)[:, np.newaxis, np.newaxis]
        metadata = shared_metadata(metadata, codes)
    if mvnn is not None or transform is not None:
        info = as_whitened(info)
    return Responses(data, info, window.times, metadata, baseline)


def _fill(data: np.ndarray, work: list, reading: _Reading) -> None:
    """Add every epoch to its row of the result, session by session."""
    sessions = pd.unique(np.array([item[0].session for item in work], object))
    apart = reading.mvnn is not None and len(sessions) > 1
    bar = ProgressBar(len(work), mesg="Recordings")
    for session in sessions:
        mine = [item for item in work if item[0].session == session]
        where = np.unique(np.concatenate([item[3] for item in mine]))
        target = np.zeros((len(where), *data.shape[1:]), np.float32) if apart else data
        for recording, raw, events, rows in mine:
            rows = np.searchsorted(where, rows) if apart else rows
            step = reading.window.step
            signal = read_filtered(
                raw, _where(raw, reading.names), *reading.band, step, recording.dropouts
            )
            _add(target, signal, events, rows, session, reading)
            del signal  # before the next one is read
            bar.update_with_increment_value(1)
        if reading.mvnn is not None:
            _whiten(target, reading.mvnn.whitener(session))
        if apart:
            data[where] += target


def _where(raw: mne.io.BaseRaw, names: list[str]) -> np.ndarray:
    return np.array([raw.ch_names.index(name) for name in names])


def _add(target, signal, events, rows, session, reading: _Reading) -> None:
    """Add the epochs of one recording."""
    # By image, so that a block holds all its repetitions and their sum is one addition.
    order = np.argsort(pd.factorize(events["image"])[0], kind="stable")
    images = events["image"].to_numpy()[order]
    onsets = events["sample"].to_numpy()[order]
    for block in whole_groups(pd.factorize(images)[0]):
        epochs = reading.window.cut(signal, onsets[block])
        if reading.transform is not None:
            epochs = reading.transform(epochs)
        if reading.learn and reading.mvnn is not None:
            reading.mvnn.partial_fit(epochs, images[block], session)
        block_rows = rows[order[block]]
        starts = np.flatnonzero(np.diff(block_rows, prepend=-1))
        target[block_rows[starts]] += np.add.reduceat(epochs, starts, axis=0)


def _whiten(data: np.ndarray, whitener: np.ndarray) -> None:
    """Multiply the channels by a matrix, in place."""
    whitener = whitener.astype(np.float32)
    for epoch in data:
        epoch[:] = whitener @ epoch


def _common_channels(raws: Sequence[mne.io.BaseRaw], picks) -> list[str]:
    """Name the picked channels, the same in every recording."""
    info = raws[0].info.copy()
    info["bads"] = [
        name for name in raws[0].ch_names if any(name in r.info["bads"] for r in raws)
    ]
    names = [raws[0].ch_names[pick] for pick in pick_channels(info, picks)]
    for raw in raws:
        lacking = [name for name in names if name not in raw.ch_names]
        if lacking or raw.info["sfreq"] != info["sfreq"]:
            raise ValueError(
                f"{raw.filenames[0]} has {raw.info['sfreq']:g} Hz and lacks the "
                f"channels {lacking}, unlike {raws[0].filenames[0]} with "
                f"{info['sfreq']:g} Hz. Pick channels that all recordings have."
            )
    return names


def check_alignment(events: pd.DataFrame, raw: mne.io.BaseRaw) -> np.ndarray:
    """Return the onsets in samples, if they belong to a recording.

    Parameters
    ----------
    events : DataFrame, shape (n_events, n_columns)
        The columns ``onset`` in seconds and ``sample``.
    raw : instance of Raw
        The recording.

    Returns
    -------
    onsets : array of int, shape (n_events,)
        The samples.

    Raises
    ------
    ValueError
        If an onset does not agree with its sample, or lies beyond the end.
    """
    onsets = events["sample"].to_numpy()
    apart = np.abs(events["onset"].to_numpy() * raw.info["sfreq"] - onsets)
    if (apart > 1).any():
        raise ValueError(
            f"The events of {raw.filenames[0]} contradict themselves: in "
            f"{(apart > 1).sum()} of {len(apart)} the onset is up to {apart.max():.0f} "
            f"samples away from the sample, at {raw.info['sfreq']:g} Hz."
        )
    if (onsets >= raw.n_times).any():
        raise ValueError(
            f"{raw.filenames[0]} has {raw.n_times} samples, but its events go on to "
            f"sample {onsets.max()}: it is truncated, or its events belong to another "
            "recording. Fetch or convert it again."
        )
    return onsets


def _those_that_fit(events: pd.DataFrame, window: Window, raw: mne.io.BaseRaw):
    """Drop the events whose epochs would leave the recording."""
    onsets = check_alignment(events, raw)
    fits = window.fits(onsets, 0, raw.n_times - 1)
    if not fits.all():
        warn(
            f"{(~fits).sum()} of {len(fits)} epochs begin before or end after their "
            "recording and are left out."
        )
    return events[fits]


def _info(raw, names, sfreq, l_freq, h_freq) -> mne.Info:
    """Describe the channels of the result."""
    info = mne.pick_info(raw.info, _where(raw, names), verbose="WARNING")
    step = round(info["sfreq"] / sfreq)
    h_freq = safe_low_pass(h_freq, info["sfreq"], step)
    return describe_band(info, sfreq, l_freq, h_freq)


def _log(reading: _Reading, raw, shape, n_epochs) -> None:
    step = reading.window.step
    h_freq = safe_low_pass(reading.band[1], raw.info["sfreq"], step)
    if h_freq != reading.band[1]:
        logger.info(
            f"Low-pass at {h_freq:g} Hz, so that nothing folds back at "
            f"{reading.window.sfreq:g} Hz."
        )
    logger.info(
        f"Reading {n_epochs} epochs to {shape[0]} responses of {shape[1]} channels x "
        f"{shape[2]} times ({np.prod(shape) * 4 / 1e9:.2f} GB)."
    )
