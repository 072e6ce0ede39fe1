"""The files of TVSD as its authors published them."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from mne_bids import BIDSPath
from scipy.io import loadmat

from ..utils.bounds import check_hdf5, check_matlab, check_regular
from ..utils.checks import warn
from ._bids import NewRecording

SUBJECTS = ("F", "N")
PARTITIONS = ("train", "test")
SFREQ = 1000.0
#: Seconds that an image was shown.
DURATION = 0.2
#: The file that says in what order the contacts were recorded.
MAPPING = "1024chns_mapping_20220105.mat"
N_ARRAYS = 16
#: The area of each array of 64 contacts in physical order. Monkey F has IT before V4:
#: so say the authors in norm_MUA.m, and some readers in use have them the wrong way
#: round.
AREAS = {
    "N": ["V1"] * 8 + ["V4"] * 4 + ["IT"] * 4,
    "F": ["V1"] * 8 + ["IT"] * 5 + ["V4"] * 3,
}
#: Trials that are read at a time.
N_TRIALS = 64
#: A channel that is missing in more of the trials than this is bad; of a better channel
#: the trials are left out.
MOST_MISSING = 0.05
WHY_BAD = "constant, or missing in more than 5 % of the trials"

CHANNEL_COLUMNS = {
    "area": "V1, V4 or IT",
    "array": "Which of the 16 arrays, in physical order",
    "recording_index": "Place of the channel in the source, from 1",
}
COLUMNS = {
    "trial_type": "train or test",
    "stim_file": "The image, below stimuli/",
    "concept": "The THINGS concept",
    "train_idx": "Number of the image among those for training, 0 in a test trial",
    "test_idx": "Number of the image among those for test, 0 in a training trial",
    "trial": "Number of the trial in the source",
    "sequence_position": "Place in the sequence of four images",
    "day": "Day of recording in the source",
    "n_missing": "Good channels without a value somewhere in the trial",
}


class Trials(NamedTuple):
    """The trials of one animal: data on disk, a table, the times."""

    data: h5py.Dataset  # (n_times, n_trials, n_channels)
    table: pd.DataFrame
    times: np.ndarray  # seconds


def open_matlab(file: Path) -> h5py.File:
    """Open a MATLAB file of version 7.3, which is HDF5."""
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} does not exist. Fetch it with mne_brainae.datasets.tvsd.fetch."
        )
    try:
        opened = h5py.File(check_regular(file), "r")
    except OSError as error:
        raise ValueError(
            f"{file} is not a complete MATLAB file of version 7.3 ({error}). It is "
            "truncated or of another format; fetch it again; complete files are kept."
        ) from error
    try:
        check_hdf5(opened, file)
    except ValueError:
        opened.close()
        raise
    return opened


def read_trials(opened: h5py.File, file: Path, pictures: dict) -> Trials:
    """Find the trials and check that their axes are the expected ones."""
    lacking = [key for key in ("ALLMUA", "ALLMAT", "tb") if key not in opened]
    if lacking:
        raise ValueError(f"{file} lacks {', '.join(lacking)}, it has {list(opened)}.")
    data, about = opened["ALLMUA"], opened["ALLMAT"][()]
    times = opened["tb"][()].ravel() / 1000
    shape = (len(times), about.shape[-1], "n_channels")
    if data.ndim != 3 or data.shape[:2] != shape[:2] or data.shape[2] % N_ARRAYS:
        raise ValueError(
            f"{file} holds ALLMUA of shape {data.shape}, ALLMAT of shape {about.shape} "
            f"and {len(times)} times; expected {shape}, the number of channels a "
            f"multiple of {N_ARRAYS}, as HDF5 shows the axes."
        )
    if not np.allclose(np.diff(times), 1 / SFREQ):
        raise ValueError(
            f"{file} has times that are {np.median(np.diff(times)):g} s apart, "
            f"expected a sampling frequency of {SFREQ:g} Hz."
        )
    # Six rows or seven: the day is the last one in either.
    table = pd.DataFrame(
        about[[0, 1, 2, 4, -1]].T.astype(int),
        columns=["trial", "train_idx", "test_idx", "sequence_position", "day"],
    )
    is_test = table["test_idx"] > 0
    if ((table["train_idx"] > 0) == is_test).any():
        raise ValueError(f"{file} has trials that are neither training nor test.")
    table["trial_type"] = np.where(is_test, "test", "train")
    for partition, shown in pictures.items():
        mine = table["trial_type"] == partition
        numbers = table.loc[mine, f"{partition}_idx"]
        if not numbers.isin(shown.index).all():
            raise ValueError(
                f"{file} shows {partition} image {numbers.max()}, but "
                f"things_imgs.mat has {len(shown)}."
            )
        for column in ("stim_file", "concept"):
            table.loc[mine, column] = numbers.map(shown[column])
    return Trials(data, table, times)


def read_mapping(path: str | Path, n_channels: int = 1024) -> np.ndarray:
    """Read in what order the contacts were recorded.

    Parameters
    ----------
    path : path-like
        The file ``1024chns_mapping_20220105.mat`` of an animal.
    n_channels : int
        How many channels there are.

    Returns
    -------
    mapping : array of int, shape (n_channels,)
        The recorded channel of every contact in physical order, counted from 0. The
        scripts of the authors agree with one another only if it is its own inverse; if
        it is not, that is a warning.

    Raises
    ------
    ValueError
        If it is not a permutation.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist.")
    try:
        mapping = (
            np.asarray(loadmat(check_matlab(path))["mapping"]).ravel().astype(int) - 1
        )
    except Exception as error:  # SciPy has many ways to fail on a damaged file
        raise ValueError(
            f"{path} is not a complete MATLAB file with 'mapping' ({error!r}). Fetch "
            "it again."
        ) from error
    if not np.array_equal(np.sort(mapping), np.arange(n_channels)):
        raise ValueError(f"{path} is not a permutation of 1 to {n_channels}.")
    if not np.array_equal(mapping[mapping], np.arange(n_channels)):
        warn(
            f"The mapping in {path} is not its own inverse, as it would have to be for "
            "the scripts of the authors to agree on its direction. Contacts are "
            "assigned as in norm_MUA.m: check that their areas make sense."
        )
    return mapping


def read_image_table(path: str | Path) -> dict[str, pd.DataFrame]:
    """Read which image each number stands for.

    Parameters
    ----------
    path : path-like
        The file ``things_imgs.mat`` of an animal.

    Returns
    -------
    images : dict of DataFrame
        For ``"train"`` and ``"test"`` a table indexed by the number, with the columns
        ``image`` (file name), ``concept`` (of THINGS) and ``stim_file`` (path below
        ``object_images``).
    """
    path = Path(path)
    tables = {}
    with open_matlab(path) as opened:
        for partition in PARTITIONS:
            try:
                group = opened[f"{partition}_imgs"]
                paths, concepts = (
                    [_text(opened[reference]) for reference in group[key][()].ravel()]
                    for key in ("things_path", "class")
                )
            except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
                raise ValueError(
                    f"{path} is not a table of the images of TVSD ({error!r})."
                ) from error
            # Windows wrote the paths.
            files = [text.replace("\\", "/") for text in paths]
            tables[partition] = pd.DataFrame(
                {
                    "image": [file.rsplit("/", 1)[-1] for file in files],
                    "concept": concepts,
                    "stim_file": files,
                },
                index=pd.RangeIndex(1, len(files) + 1),
            )
    return tables


def _text(characters: h5py.Dataset) -> str:
    """Decode a text as MATLAB stores it."""
    return characters[()].astype("<u2").tobytes().decode("utf-16-le")


def channel_names(subject: str, n_channels: int = 1024) -> list[str]:
    """Name the contacts of an animal in physical order.

    Parameters
    ----------
    subject : str
        The animal, ``"F"`` or ``"N"``.
    n_channels : int
        How many channels there are, the same number in each of the 16 arrays.

    Returns
    -------
    names : list of str
        Area and number within the area, such as ``"V1_001"``. Monkey F has 320
        channels in IT, monkey N 256.
    """
    areas = np.repeat(AREAS[subject], n_channels // N_ARRAYS)
    number = pd.Series(areas).groupby(areas).cumcount() + 1
    return [f"{area}_{i:03d}" for area, i in zip(areas, number, strict=True)]


@dataclass
class Day:
    """The trials of one day, on their way to a file."""

    trials: Trials
    rows: np.ndarray
    mapping: np.ndarray
    subject: str

    def __post_init__(self):
        shape = len(self.rows), len(self.mapping)
        self.is_missing = np.zeros(shape, bool)
        self.lowest = np.full(shape[1], np.inf)
        self.highest = np.full(shape[1], -np.inf)

    def recording(self, path: BIDSPath) -> NewRecording:
        """Describe the file to write."""
        times = self.trials.times
        return NewRecording(
            path=path,
            ch_names=channel_names(self.subject, len(self.mapping)),
            ch_type="seeg",
            sfreq=SFREQ,
            blocks=self.blocks(),
            events=self.events,
            channels=self.channels,
            channel_descriptions=CHANNEL_COLUMNS,
            descriptions=COLUMNS,
            sidecar={
                "PowerLineFrequency": 50,
                "RecordingType": "epoched",
                "EpochLength": len(times) / SFREQ,
                "EpochStart": float(times[0]),
                "iEEGReference": "n/a",
                "SoftwareFilters": {
                    "Multi-unit activity": {
                        "Description": "Envelope of multi-unit activity, not a field "
                        "potential; see README. Extracted by the authors of the data."
                    }
                },
            },
        )

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the trials one after another, and note what is missing in them."""
        breaks = np.flatnonzero(np.diff(self.rows) > 1) + 1
        done = 0
        for run in np.split(self.rows, breaks):  # HDF5 is quick at ranges only
            for start in range(0, len(run), N_TRIALS):
                rows = run[start : start + N_TRIALS]
                data = self.trials.data[:, rows[0] : rows[-1] + 1, :]
                data = data.swapaxes(0, 1)[:, :, self.mapping]
                self._note(data, slice(done, done + len(rows)))
                done += len(rows)
                yield 1e-6 * data.reshape(-1, data.shape[2])

    def _note(self, data: np.ndarray, rows: slice) -> None:
        finite = np.isfinite(data)
        self.is_missing[rows] = ~finite.all(axis=1)
        low, high = (np.where(finite, data, fill) for fill in (np.inf, -np.inf))
        self.lowest = np.minimum(self.lowest, low.min(axis=(0, 1)))
        self.highest = np.maximum(self.highest, high.max(axis=(0, 1)))

    @property
    def is_bad(self) -> np.ndarray:
        """Which channels are constant or often missing, shape (n_channels,)."""
        missing = self.is_missing.mean(axis=0) > MOST_MISSING
        return missing | ~(self.lowest < self.highest)

    def channels(self) -> pd.DataFrame:
        """Describe the channels."""
        n_channels = len(self.mapping)
        arrays = np.arange(n_channels) // (n_channels // N_ARRAYS)
        bad = np.where(self.is_bad, "bad", "good")
        return pd.DataFrame(
            {
                "description": "multi-unit activity envelope, not a field potential",
                "status": bad,
                "status_description": np.where(
                    self.is_bad,
                    "constant, or missing in more than 5 % of trials",
                    "n/a",
                ),
                "area": np.array(AREAS[self.subject])[arrays],
                "array": arrays + 1,
                "recording_index": self.mapping + 1,
            }
        )

    def events(self) -> pd.DataFrame:
        """Describe the trials. Their onset is that of the epoch, as BIDS asks for."""
        n_times = len(self.trials.times)
        samples = n_times * np.arange(len(self.rows))
        table = self.trials.table.iloc[self.rows].reset_index(drop=True)
        table.insert(0, "onset", samples / SFREQ)
        table.insert(1, "duration", DURATION)
        table.insert(2, "sample", samples)
        return table.assign(n_missing=self.is_missing[:, ~self.is_bad].sum(axis=1))
