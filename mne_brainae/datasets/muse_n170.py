"""Muse N170: four channels of human EEG, faces and houses."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..utils.checks import check_finite, logger, verbose
from ..utils.docs import fill_doc
from ._fetch import fetch_files, locate, read_registry
from ._montage import standard_montage

NAME = "muse_n170"
SFREQ = 256.0
EEG = ["TP9", "AF7", "AF8", "TP10"]
STIM = "Marker0"

#: The script that showed the images sent 1 with a house and 2 with a face.
EVENT_ID = {"house": 1, "face": 2}


@verbose
@fill_doc
def fetch(path: str | Path | None = None, *, verbose=None) -> Path:
    """Download the Muse N170 data set.

    Parameters
    ----------
    %(data_path)s
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder that holds the six files, 9 MB together.

    See Also
    --------
    mne_brainae.datasets.muse_n170.read_epochs

    Notes
    -----
    The data come from https://github.com/alexandrebarachant/muse-lsl (Barachant et al.
    2019, doi:10.5281/zenodo.3228861) under the BSD-3-Clause license and are not part of
    this package.

    Examples
    --------
    >>> mne_brainae.datasets.muse_n170.fetch()  # doctest: +SKIP
    """
    fetch_files(NAME, _run_files(), path)
    return locate(NAME, path)


@verbose
@fill_doc
def read_raw(
    run: int, path: str | Path | None = None, *, verbose=None
) -> mne.io.RawArray:
    """Read one run of two minutes.

    Parameters
    ----------
    run : int
        The run, 1 to 6 in order of recording.
    %(data_path)s
    %(verbose)s

    Returns
    -------
    raw : instance of RawArray
        The EEG at TP9, AF7, AF8 and TP10 in volts against Fpz, 256 Hz, with the
        standard positions, and the stimulus channel ``Marker0`` (1 a house, 2 a face).
        The auxiliary electrode ``Right AUX`` is left out.

    Raises
    ------
    ValueError
        If the file is not one of this data set.

    See Also
    --------
    mne_brainae.datasets.muse_n170.read_epochs

    Notes
    -----
    The samples are taken as equally spaced, as in the analysis of the authors: the
    time stamps of the file are those of packets of 12 samples and jitter by some
    milliseconds.

    Examples
    --------
    >>> raw = mne_brainae.datasets.muse_n170.read_raw(1)  # doctest: +SKIP
    """
    table = _read_table(*fetch_files(NAME, [_file_of(run)], path))
    info = mne.create_info([*EEG, STIM], SFREQ, ["eeg"] * len(EEG) + ["stim"])
    data = table.to_numpy(float).T
    data[: len(EEG)] *= 1e-6  # the file is in microvolts
    raw = mne.io.RawArray(data, info)
    return raw.set_montage(standard_montage())


@verbose
@fill_doc
def read_epochs(
    runs: int | Sequence[int] | None = None,
    path: str | Path | None = None,
    *,
    tmin: float = -0.1,
    tmax: float = 0.8,
    l_freq: float | None = 1.0,
    h_freq: float | None = 30.0,
    baseline: tuple | None = None,
    reject: dict | None = None,
    verbose=None,
) -> mne.EpochsArray:
    """Read filtered epochs around the onset of every image.

    Parameters
    ----------
    runs : int | sequence of int | None
        The runs, 1 to 6; None takes all.
    %(data_path)s
    tmin, tmax : float
        The window in seconds from the onset of the image.
    l_freq, h_freq : float | None
        The edges of the band that each run is filtered to, in hertz.
    baseline : tuple | None
        The baseline as in :class:`mne.Epochs`; None, for there is little need of one
        after a high-pass of 1 Hz.
    reject : dict | None
        The largest peak-to-peak amplitude as in :class:`mne.Epochs`. None keeps every
        epoch, blinks included; the authors use ``dict(eeg=75e-6)``.
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray, shape (n_epochs, 4, n_times)
        The epochs of all runs in volts, events ``face`` and ``house``. The metadata
        have the columns ``image`` and ``concept``, both the category, for the markers
        do not say which image it was; ``session``, the run; and ``repetition``, its
        number within its category and run, counted before any rejection.

    Raises
    ------
    ValueError
        If no run is named.

    See Also
    --------
    mne_brainae.datasets.muse_n170.read_raw
    mne_brainae.datasets.muse_n170.fetch

    Notes
    -----
    The marker was sent before the screen changed: the greater negativity to faces at
    TP9 and TP10, the N170, peaks some 215 ms after it.

    Examples
    --------
    >>> epochs = mne_brainae.datasets.muse_n170.read_epochs()  # doctest: +SKIP
    """
    if runs is None:
        runs = range(1, len(_run_files()) + 1)
    runs = [runs] if isinstance(runs, int | np.integer) else list(runs)
    if not runs:
        raise ValueError("runs must name at least one run, got none.")
    fetch_files(NAME, [_file_of(run) for run in runs], path)
    with mne.utils.use_log_level("WARNING"):  # one line in place of forty per run
        per_run = [
            _epoch(
                read_raw(run, path).filter(l_freq, h_freq),
                run,
                tmin=tmin,
                tmax=tmax,
                baseline=baseline,
                reject=reject,
            )
            for run in runs
        ]
        epochs = mne.concatenate_epochs(per_run)
    logger.info(
        f"Muse N170: {len(epochs)} of {len(epochs.drop_log)} epochs kept from "
        f"{len(runs)} runs."
    )
    return epochs.set_annotations(mne.Annotations([], [], []))


def _epoch(raw: mne.io.BaseRaw, run: int, **window) -> mne.Epochs:
    """Cut one run around its markers."""
    events = mne.find_events(raw, stim_channel=STIM, shortest_event=1)
    metadata = _metadata(events[:, 2], run)
    return mne.Epochs(
        raw,
        events,
        EVENT_ID,
        picks="eeg",
        preload=True,
        metadata=metadata,
        on_missing="ignore",
        **window,
    )


def _run_files() -> list[str]:
    """Name the files of the runs; their names are the times of recording."""
    return sorted(read_registry(NAME).files)


def _file_of(run: int) -> str:
    """Name the file of a run."""
    files = _run_files()
    if run not in range(1, len(files) + 1):
        raise ValueError(f"run must be one of 1 to {len(files)}, got {run!r}.")
    return files[run - 1]


def _metadata(markers: np.ndarray, run: int) -> pd.DataFrame:
    """Describe the image of every event of a run."""
    category = {code: name for name, code in EVENT_ID.items()}
    names = [category[marker] for marker in markers]
    metadata = pd.DataFrame({"image": names, "concept": names, "session": run})
    metadata["repetition"] = metadata.groupby("image").cumcount() + 1
    return metadata


def _read_table(file: Path) -> pd.DataFrame:
    """Read the EEG in microvolts and the markers, one row per sample."""
    try:
        table = pd.read_csv(file)[[*EEG, STIM]].astype(float)
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"{file} is not a recording of a Muse ({error}), expected a table with the "
            f"columns {', '.join([*EEG, STIM])}. Remove it and fetch it again."
        ) from error
    check_finite(table.to_numpy(), str(file))
    if not table[STIM].isin([0, *EVENT_ID.values()]).all():
        raise ValueError(
            f"{file} has other markers than 0, 1 and 2: {sorted(set(table[STIM]))}."
        )
    return table
