"""Macaque inferior temporal cortex: spikes in time, seven objects in three places."""

# License: BSD-3-Clause

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd
from mne.io.constants import FIFF
from mne.utils import ProgressBar
from scipy.io import loadmat

from ..utils.bounds import check_matlab, read_npz
from ..utils.checks import logger, verbose
from ..utils.constraints import checked, positive
from ..utils.docs import fill_doc
from ..utils.units import set_unit
from ._fetch import fetch_files, locate, read_registry

NAME = "macaque_it"
READY = "pseudopopulation.npz"

#: Every trial is 1000 ms long, in bins of 1 ms, with the stimulus at the 500th.
SFREQ, N_TIMES, ONSET = 1000, 1000, 500

#: Every site saw every stimulus at least this often.
N_REPETITIONS = 19


class Pseudopopulation(NamedTuple):
    """Sites that were recorded one after another, put side by side by stimulus."""

    spikes: np.ndarray
    concept: np.ndarray
    position: np.ndarray
    sites: np.ndarray


@verbose
@fill_doc
def fetch(path: str | Path | None = None, *, verbose=None) -> Path:
    """Download the macaque IT data set.

    Parameters
    ----------
    %(data_path)s
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder that holds the 132 files, one per site, 1.9 MB together; or only the
        ready array ``pseudopopulation.npz``, which needs no download.

    See Also
    --------
    mne_brainae.datasets.macaque_it.read_epochs

    Notes
    -----
    The data are those of Zhang, Meyers, Bichot, Serre, Poggio & Desimone (2011),
    "Object decoding with attention in inferior temporal cortex", PNAS 108:8850,
    doi:10.1073/pnas.1100999108, which a publication should cite. They come from
    https://github.com/emeyers/NeuroDecodeR under the GPL-3.0 and are not part of this
    package.

    Examples
    --------
    >>> mne_brainae.datasets.macaque_it.fetch()  # doctest: +SKIP
    """
    folder = locate(NAME, path)
    if not (folder / READY).is_file():
        fetch_files(NAME, list(read_registry(NAME).files), path)
    return folder


@checked(bin_width=[positive()], tmin=[Real], tmax=[Real])
@verbose
@fill_doc
def read_epochs(
    path: str | Path | None = None,
    *,
    bin_width: float = 0.02,
    tmin: float = -0.5,
    tmax: float = 0.5,
    verbose=None,
) -> mne.EpochsArray:
    """Read the firing rates of all sites, one epoch per trial.

    Parameters
    ----------
    %(data_path)s
    bin_width : float
        The width of a time bin in seconds, whole milliseconds.
    tmin, tmax : float
        The window in seconds from stimulus onset, at most from -0.5 to 0.5, whole
        milliseconds and a whole number of bins. Spikes at ``tmax`` are left out.
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray, shape (399, 132, n_bins)
        The firing rates in spikes per second. MNE-Python takes ``seeg`` channels for
        volts, so plot them with ``scalings=dict(seeg=1)`` and
        ``units=dict(seeg="spikes/s")``. The time of a bin is that of its beginning, so
        that all spikes at times from 0 on came after onset. Channels are named by
        session, electrode and unit, such as ``"1001_01A"``; events by object and
        position, such as ``"car/upper"``. The metadata have the columns ``image``
        (which of 21 stimuli, such as ``"car_upper"``), ``concept`` (which of 7
        objects), ``position`` (lower, middle or upper) and ``repetition`` (1 to 19).

    Raises
    ------
    ValueError
        If the window is outside the recording, or not a whole number of bins, or if a
        file is truncated or of another kind.

    See Also
    --------
    mne_brainae.datasets.macaque_it.fetch
    mne_brainae.datasets.macaque_v4.read_epochs

    Notes
    -----
    This is a pseudo-population: sites were recorded one after another, a few in each of
    21 sessions, and an epoch puts together trials of different days that showed the
    same stimulus. Means over trials are as good as those of a simultaneous recording;
    correlations of the noise of two sites from trial to trial mean nothing.

    Each site contributes the first 19 trials of each stimulus, the most that all have.

    Examples
    --------
    >>> epochs = mne_brainae.datasets.macaque_it.read_epochs(
    ...     bin_width=0.1
    ... )  # doctest: +SKIP
    """
    width = _milliseconds(bin_width, "bin_width")
    start = _milliseconds(tmin, "tmin") + ONSET
    stop = _milliseconds(tmax, "tmax") + ONSET
    if not 0 <= start < stop <= N_TIMES or width < 1 or (stop - start) % width:
        raise ValueError(
            "The window must lie between -0.5 and 0.5 s and hold a whole number of "
            f"bins, got tmin={tmin}, tmax={tmax}, bin_width={bin_width}."
        )
    population = _read_population(fetch(path))
    n_trials, n_sites, _ = population.spikes.shape
    logger.info(f"IT: {n_trials} trials, {n_sites} sites, bins of {width} ms.")
    bins = population.spikes[:, :, start:stop].reshape(n_trials, n_sites, -1, width)
    info = mne.create_info(
        [_channel_name(site) for site in population.sites],
        sfreq=SFREQ / width,
        ch_types="seeg",
    )
    set_unit(info, FIFF.FIFF_UNIT_HZ)
    metadata = _metadata(population)
    names, codes = np.unique(
        metadata["concept"] + "/" + metadata["position"], return_inverse=True
    )
    epochs = mne.EpochsArray(
        bins.sum(axis=-1) * (SFREQ / width),
        info,
        events=np.column_stack(
            [np.arange(n_trials), np.zeros(n_trials, int), codes + 1]
        ),
        event_id={name: code for code, name in enumerate(names, 1)},
        tmin=tmin,
        metadata=metadata,
    )
    return epochs.set_annotations(mne.Annotations([], [], []))


def _milliseconds(seconds: float, name: str) -> int:
    milliseconds = round(seconds * 1000)
    if abs(milliseconds - seconds * 1000) > 1e-6:
        raise ValueError(
            f"{name} must be a whole number of milliseconds, got {seconds} s."
        )
    return milliseconds


def _channel_name(site: str) -> str:
    """Shorten the file name of a site to session, electrode and unit."""
    name = str(site).removeprefix("bp").removesuffix("_raster_data.mat")
    return name.replace("spk", "")


def _metadata(population: Pseudopopulation) -> pd.DataFrame:
    """Describe the stimulus of every trial."""
    metadata = pd.DataFrame(
        {"concept": population.concept, "position": population.position}
    )
    metadata.insert(0, "image", metadata["concept"] + "_" + metadata["position"])
    metadata["repetition"] = metadata.groupby("image").cumcount() + 1
    return metadata


def _read_population(folder: Path) -> Pseudopopulation:
    """Read the ready array of a folder, or build it from the files of the sites."""
    if (folder / READY).is_file():
        return _read_ready(folder / READY)
    return _build([folder / file for file in read_registry(NAME).files])


def _read_ready(file: Path) -> Pseudopopulation:
    """Read the ready array, of which nothing is executed."""
    try:
        arrays = read_npz(file)
        population = Pseudopopulation(
            *(arrays[key] for key in ("spikes", "object", "position", "sites"))
        )
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} is not a complete pseudo-population ({error}). It is truncated or "
            "of another format; remove it and fetch the data set again."
        ) from error
    expected = (len(population.concept), len(population.sites), N_TIMES)
    if population.spikes.shape != expected:
        raise ValueError(
            f"{file} holds spikes of shape {population.spikes.shape}, but its labels "
            f"are those of {expected} trials, sites and milliseconds."
        )
    return population


def _build(files: Sequence[Path]) -> Pseudopopulation:
    """Put the sites side by side, trials sorted by stimulus and order of recording."""
    spikes, stimuli = [], None
    for file in ProgressBar(files, mesg="Reading sites"):
        raster, labels = _read_site(file)
        order = labels.sort_values(["concept", "position"], kind="stable")
        first = order.groupby(["concept", "position"]).head(N_REPETITIONS)
        if stimuli is None:
            stimuli = first.reset_index(drop=True)
        short = first.value_counts(["concept", "position"]).min() < N_REPETITIONS
        if short or not first.reset_index(drop=True).equals(stimuli):
            raise ValueError(
                f"{file} does not have {N_REPETITIONS} trials of each of the stimuli "
                f"of {files[0].name}. Fetch the data set again."
            )
        spikes.append(raster[first.index])
    return Pseudopopulation(
        np.stack(spikes, axis=1),
        stimuli["concept"].to_numpy(str),
        stimuli["position"].to_numpy(str),
        np.array([file.name for file in files]),
    )


def _read_site(file: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Read the spikes and the stimuli of one site, a file in raster format.

    The format is that of the Neural Decoding Toolbox (Meyers 2013, Frontiers in
    Neuroinformatics 7:8, figure 3): ``raster_data`` of shape (n_trials, n_times) and a
    structure ``raster_labels`` with one cell array of strings per kind of label.
    """
    try:
        contents = loadmat(check_matlab(file), simplify_cells=True)
        raster = np.asarray(contents["raster_data"])
        labels = contents["raster_labels"]
        stimuli = pd.DataFrame(
            {
                "concept": np.asarray(labels["stimulus_ID"], str),
                "position": np.asarray(labels["stimulus_position"], str),
            }
        )
    except Exception as error:  # SciPy has many ways to fail on a damaged file
        raise ValueError(
            f"{file} is not a complete MATLAB file in raster format ({error!r}). It is "
            "truncated or of another format; remove it and fetch it again."
        ) from error
    if raster.shape != (len(stimuli), N_TIMES) or not np.isin(raster, (0, 1)).all():
        raise ValueError(
            f"{file} holds raster_data of shape {raster.shape}, expected zeros and "
            f"ones of shape ({len(stimuli)} labeled trials, {N_TIMES} ms)."
        )
    return raster.astype(np.uint8), stimuli
