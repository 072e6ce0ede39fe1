"""THINGS-MEG: four people, 271 sensors, 22,448 images."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne_bids import BIDSPath

from ..preprocessing.averaging import shared_metadata
from ..preprocessing.epochs import read_blocks
from ..preprocessing.streaming import Recording, Responses, Window
from ..preprocessing.whitening import MVNN
from ..utils.checks import (
    check_finite,
    logger,
    pick_channels,
    verbose,
)
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.units import as_whitened
from ._bids import (
    bad_channels,
    find_recordings,
    read_events,
    subject_label,
    subject_labels,
)
from ._fetch import fetch_files, locate, read_registry
from ._reading import (
    READING,
    check_recordings,
    hand_out,
    keep_sessions,
    keep_zero_shot,
    names_of,
    read_partition,
    shown_in,
)

NAME = "things_meg"
SUBJECTS = ("1", "2", "3", "4")
PARTITIONS = ("train", "test")
#: The names of the partitions in the files of the authors.
THEIR_NAMES = {"exp": "train", "test": "test"}
#: The authors leave this sensor out, for it did not work.
BROKEN = "MRO11"
#: Images and repetitions of one participant; 19,848 train when the test concepts are
#: left out.
EXPECTED = {"train": (22248, 1), "test": (200, 12)}
N_RECORDINGS = 120
#: Two stretches without signal that the authors replaced by the median
#: (step1_preprocessing.py), in seconds, by participant, session and run.
DROPOUTS = {("1", "11", "05"): (13.4, 13.6), ("2", "10", "03"): (59.8, 60.0)}


@verbose
@fill_doc
def fetch(
    path: str | Path | None = None,
    *,
    subjects: int | str | Sequence | None = None,
    verbose=None,
) -> Path:
    """Download the epochs of THINGS-MEG that its authors preprocessed.

    Parameters
    ----------
    %(data_path)s
    subjects : int | str | sequence | None
        The participants, 1 to 4; None takes all. Each is 8.3 GB in four files, whose
        hashes are checked.
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder, laid out as the data set ds004212 of OpenNeuro:
        ``derivatives/preprocessed/preprocessed_P1-epo.fif`` and the three files that
        belong to it, to be given to :func:`read_preprocessed`, and
        ``sourcedata/sample_attributes_P1.csv``.

    See Also
    --------
    mne_brainae.datasets.things_meg.read_epochs
    mne_brainae.datasets.things.fetch

    Notes
    -----
    The raw recordings, 124 GB of CTF folders, are best fetched with ``openneuro-py
    download --dataset=ds004212 --include=sub-BIGMEG1``. They are BIDS already, to be
    given to :func:`read_epochs` together with ``sourcedata``.

    The data are those of Hebart, Contier, Teichmann et al. (2023), "THINGS-data, a
    multimodal collection of large-scale datasets for investigating object
    representations in human brain and behavior", eLife 12:e82580, under CC0.

    Examples
    --------
    >>> mne_brainae.datasets.things_meg.fetch()  # doctest: +SKIP
    """
    labels = subject_labels(subjects, SUBJECTS)
    files = [
        file
        for file in read_registry(NAME).files
        if any(f"_P{label}" in file for label in labels) or "category" in file
    ]
    fetch_files(NAME, files, path)
    return locate(NAME, path)


@checked(**READING)
@verbose
@fill_doc
def read_epochs(
    bids_root: str | Path,
    subject: int | str,
    partition: str = "train",
    *,
    sessions: int | str | Sequence | None = None,
    tmin: float = 0.0,
    tmax: float = 0.995,
    baseline: tuple | None = (-0.1, 0.0),
    l_freq: float | None = 0.1,
    h_freq: float | None = 100.0,
    sfreq: float | None = 200.0,
    picks=None,
    average: bool = False,
    mvnn: MVNN | None = None,
    zero_shot: bool = True,
    output: str = "epochs",
    verbose=None,
) -> mne.EpochsArray | Responses:
    """Read the responses of one participant from the raw recordings.

    Parameters
    ----------
    %(bids_root)s
    subject : int | str
        The participant, 1 to 4.
    %(partition)s
    %(sessions)s
    %(window)s
    %(band)s
    %(picks)s
    %(average_and_mvnn)s
    %(zero_shot)s
    %(output)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses in tesla, by default (n_epochs, 271, 200). Catch trials are left
        out, and so is the sensor MRO11, which did not work. The metadata have the
        columns ``image``, ``concept``, ``partition``, ``session``, ``subject``,
        ``repetition`` and ``stim_file``.

    See Also
    --------
    mne_brainae.datasets.things_meg.read_preprocessed
    mne_brainae.datasets.things_meg.check

    Notes
    -----
    Section 4.1 of the paper asks for 0 to 1000 ms, 0.1 to 100 Hz and 200 Hz, which
    leaves a low-pass no room: its corner is lowered to 80 Hz. The paper says that the
    test concepts are excluded from the training, which leaves 19,848 images; the
    authors' own release of BrainAE says that the published numbers kept them. That
    protocol is ``zero_shot=False``.

    Onsets are those of the optical sensor. Sidecars that the data set lacks, and their
    wrong channel types, do no harm: types are taken from the recording itself.

    Examples
    --------
    >>> train = mne_brainae.datasets.things_meg.read_epochs(
    ...     "things_meg", 1, "train"
    ... )  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    paths, tables = _events_of(bids_root, label)
    kept = keep_zero_shot(tables, partition, zero_shot=zero_shot)
    recordings = [
        Recording(path.session, partial(_open, path), events, _dropouts(label, path))
        for path, events in keep_sessions(paths, kept, partition, sessions)
    ]
    window, band = (tmin, tmax, baseline), (l_freq, h_freq, sfreq)
    return read_partition(
        recordings, partition, window, band, picks, average, mvnn, output
    )


def _dropouts(label: str, path: BIDSPath) -> tuple:
    stretch = DROPOUTS.get((label, path.session, path.run))
    return () if stretch is None else (stretch,)


def _open(path: BIDSPath) -> mne.io.BaseRaw:
    """Open the sensors of one run."""
    is_ctf = path.extension == ".ds"
    read = mne.io.read_raw_ctf if is_ctf else mne.io.read_raw_fif
    try:
        raw = read(path.fpath, verbose="ERROR")
    except Exception as error:  # MNE-Python has many ways to fail on a damaged file
        raise ValueError(
            f"{path.fpath} is not a complete recording ({error}). Fetch it again."
        ) from error
    # The axial gradiometers of CTF are of type mag in MNE-Python.
    raw.pick("mag", exclude=(), verbose="ERROR")
    raw.set_annotations(None)
    broken = [name for name in raw.ch_names if name.startswith(BROKEN)]
    marked = [name for name in bad_channels(path) if name in raw.ch_names]
    raw.info["bads"] = sorted({*marked, *broken})
    return raw


def _events_of(bids_root: str | Path, label: str) -> tuple[list, list]:
    """Return the runs of a participant and what was shown in them, without catches."""
    paths = find_recordings(
        bids_root, f"BIGMEG{label}", "main", datatype="meg", extensions=[".ds", ".fif"]
    )
    pictures = _read_image_table(Path(bids_root), label)
    columns = ("onset", "sample", "trial_type", "value")
    return paths, [
        _describe(read_events(path, columns), path, label, pictures) for path in paths
    ]


def _describe(events, path: BIDSPath, label: str, pictures) -> pd.DataFrame:
    """Turn the events of a run into metadata."""
    events = events[events["trial_type"].isin(THEIR_NAMES)].reset_index(drop=True)
    numbers = events["value"].astype(float).astype(int)  # text such as "1760.0"
    unknown = numbers[~numbers.isin(pictures.index)]
    if len(unknown):
        raise ValueError(
            f"The events of {path.basename} show images that sample_attributes_P"
            f"{label}.csv does not name: {sorted(set(unknown))[:5]}."
        )
    shown = pictures.loc[numbers].reset_index(drop=True)
    return pd.DataFrame(
        {
            "onset": events["onset"],
            "sample": events["sample"].astype(int),
            "image": shown["image"],
            "concept": shown["concept"],
            "partition": events["trial_type"].map(THEIR_NAMES),
            "session": path.session,
            "subject": label,
            "stim_file": shown["concept"] + "/" + shown["image"],
        }
    )


def _read_image_table(bids_root: Path, label: str) -> pd.DataFrame:
    """Read the file and the concept of every image number."""
    file = bids_root / "sourcedata" / f"sample_attributes_P{label}.csv"
    try:
        table = pd.read_csv(file, usecols=["things_image_nr", "image_path"]).dropna()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{file} does not exist. It says which file each image number is: fetch "
            "it with mne_brainae.datasets.things_meg.fetch, or from the data set "
            "ds004212 of OpenNeuro."
        ) from None
    except ValueError as error:
        raise ValueError(f"{file} is not a table of the trials ({error}).") from error
    table = table.drop_duplicates("things_image_nr")
    names = names_of(table["image_path"])
    return names.set_index(table["things_image_nr"].astype(int))


@verbose
@fill_doc
def shown_images(
    bids_root: str | Path, subject: int | str, *, verbose=None
) -> pd.DataFrame:
    """List all images that a participant was shown.

    Parameters
    ----------
    %(bids_root)s
    subject : int | str
        The participant, 1 to 4.
    %(verbose)s

    Returns
    -------
    %(shown)s

    See Also
    --------
    mne_brainae.datasets.things.find_templates

    Examples
    --------
    >>> mne_brainae.datasets.things_meg.shown_images("things_meg", 1)  # doctest: +SKIP
    """
    return shown_in(_events_of(bids_root, subject_label(subject, SUBJECTS))[1])


@verbose
@fill_doc
def check(
    bids_root: str | Path,
    subject: int | str,
    *,
    images: str | Path | None = None,
    verbose=None,
) -> pd.DataFrame:
    """Check the recordings of one participant without reading their data.

    Parameters
    ----------
    %(bids_root)s
    subject : int | str
        The participant, 1 to 4.
    %(images_to_check)s
    %(verbose)s

    Returns
    -------
    %(findings)s

    See Also
    --------
    mne_brainae.datasets.things_meg.read_epochs

    Examples
    --------
    >>> mne_brainae.datasets.things_meg.check("things_meg", 1)  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    recordings = [
        Recording(path.session, partial(_open, path), events)
        for path, events in zip(*_events_of(bids_root, label), strict=True)
    ]
    return check_recordings(recordings, EXPECTED, N_RECORDINGS, images)


@checked(
    partition=READING["partition"],
    average=READING["average"],
    output=READING["output"],
)
@verbose
@fill_doc
def read_preprocessed(
    path: str | Path,
    partition: str = "train",
    *,
    tmin: float = 0.0,
    tmax: float = 0.995,
    picks=None,
    average: bool = False,
    zero_shot: bool = True,
    output: str = "epochs",
    verbose=None,
) -> mne.EpochsArray | Responses:
    """Read the epochs that the authors of the data preprocessed.

    Parameters
    ----------
    path : path-like
        The file ``preprocessed_P1-epo.fif``, beside the three that belong to it, with
        their original names.
    %(partition)s
    tmin, tmax : float
        The window in seconds from the onset of the image, both ends included.
    %(picks)s
    %(average)s
    %(zero_shot)s
    %(output)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses, by default (n_epochs, 271, 200) at 200 Hz. The metadata are as
        those of :func:`read_epochs`.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If files are incomplete or lack metadata, or the window is outside the epochs.

    See Also
    --------
    mne_brainae.datasets.things_meg.read_epochs

    Notes
    -----
    The authors filtered to 0.1 to 40 Hz and divided every epoch by the standard
    deviation of its baseline, so that the responses have no unit. The authors of
    BrainAE start from these epochs and leave time 0 out: ``tmin=0.005, tmax=1.0``.

    Examples
    --------
    >>> train = mne_brainae.datasets.things_meg.read_preprocessed(
    ...     "preprocessed", "train"
    ... )  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist.")
    try:
        epochs = mne.read_epochs(path, preload=False, verbose="WARNING")
    except Exception as error:  # MNE-Python has many ways to fail on a damaged file
        raise ValueError(
            f"{path} and the files that belong to it are not complete epochs "
            f"({error!r}). Fetch them again; complete files are kept."
        ) from error
    columns = {"trial_type", "things_image_nr", "image_path", "session_nr"}
    lacking = columns - set([] if epochs.metadata is None else epochs.metadata)
    if lacking:
        raise ValueError(f"The metadata of {path} lack {', '.join(sorted(lacking))}.")
    metadata = _metadata(epochs.metadata)
    kept = keep_zero_shot([metadata], partition, zero_shot=zero_shot)[0]
    picks = pick_channels(epochs.info, picks)
    window = Window.in_seconds(epochs.info["sfreq"], tmin, tmax)
    first = window.start - round(epochs.tmin * epochs.info["sfreq"])
    if first < 0 or first + window.n_times > len(epochs.times):
        raise ValueError(
            f"The epochs last from {epochs.tmin:g} to {epochs.tmax:g} s, but "
            f"tmin={tmin:g} and tmax={tmax:g} are not both within them."
        )
    responses = _collect(
        epochs[kept.index.to_numpy()],
        kept.reset_index(drop=True),
        picks,
        slice(first, first + window.n_times),
        average=average,
    )
    return hand_out(responses._replace(times=window.times), output)


def _metadata(table: pd.DataFrame) -> pd.DataFrame:
    """Describe the trials; catches belong to no partition."""
    table = table.reset_index(drop=True)
    names = names_of(table["image_path"].astype(str))
    return names.assign(
        partition=table["trial_type"].map(THEIR_NAMES),
        session=table["session_nr"].map("{:02.0f}".format),
        stim_file=names["concept"] + "/" + names["image"],
    )


def _collect(epochs, metadata, picks, times: slice, *, average: bool) -> Responses:
    """Read epochs block by block into one float32 array, of means if asked for."""
    metadata["repetition"] = metadata.groupby("image").cumcount() + 1
    codes = pd.factorize(metadata["image"])[0]
    targets = codes if average else np.arange(len(codes))
    n_times = times.stop - times.start
    data = np.zeros((targets.max() + 1, len(picks), n_times), np.float32)
    logger.info(f"Reading {len(codes)} epochs to {len(data)} responses.")
    for rows, block in read_blocks(epochs, picks):
        check_finite(block, "epochs")
        for target, response in zip(targets[rows], block, strict=True):
            data[target] += response[:, times]
    if average:
        data /= np.bincount(codes).astype(np.float32)[:, np.newaxis, np.newaxis]
        metadata = shared_metadata(metadata, codes)
    info = as_whitened(mne.pick_info(epochs.info, picks))
    return Responses(data, info, epochs.times[times], metadata)
