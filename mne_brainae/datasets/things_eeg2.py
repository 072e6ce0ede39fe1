"""THINGS-EEG2: ten people, 63 electrodes, 16,740 images shown five a second."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne_bids import BIDSPath

from ..preprocessing.streaming import Recording, Responses
from ..preprocessing.whitening import MVNN
from ..utils.checks import _check_option, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.unpickle import load_dict
from ._archive import unpack
from ._bids import (
    add_stimuli,
    find_recordings,
    needs_writing,
    open_brainvision,
    read_events,
    session_labels,
    subject_label,
    subject_labels,
    write_dataset,
)
from ._fetch import fetch_files, locate
from ._montage import standard_montage
from ._reading import (
    READING,
    average_array,
    check_recordings,
    read_partition,
    shown_in,
)
from ._things_eeg2_source import (
    PARTITIONS,
    convert,
    find_file,
    read_image_table,
)

NAME = "things_eeg2"
SUBJECTS = tuple(f"{subject:02d}" for subject in range(1, 11))
SESSIONS = ("01", "02", "03", "04")
#: Images and repetitions of one participant, targets left out.
EXPECTED = {"train": (16540, 4), "test": (200, 80)}
N_RECORDINGS = 8

README = """\
THINGS-EEG2 (Gifford, Dwivedi, Roig & Cichy 2022, NeuroImage 264:119754,
doi:10.1016/j.neuroimage.2022.119754), CC BY 4.0, converted to BIDS by mne_brainae.

Each recording joins the parts of one session and partition, as the authors published
them. The events name the images of the THINGS data base by their path below stimuli/,
where the folders training_images and test_images of the authors belong; the images
themselves may not be redistributed and are not part of this data set.
"""


@verbose
@fill_doc
def fetch(
    path: str | Path | None = None,
    *,
    subjects: int | str | Sequence | None = None,
    kind: str = "raw",
    images: bool = False,
    verbose=None,
) -> Path:
    """Download and unpack THINGS-EEG2.

    Parameters
    ----------
    %(data_path)s
    subjects : int | str | sequence | None
        The participants, 1 to 10; None takes all.
    kind : ``"raw"`` | ``"preprocessed"``
        The recordings, about 12.6 GB per participant; or the epochs of the authors in
        one archive of all participants, about 10.5 GB.
    images : bool
        Fetch the images, too. They are for research only; see the license of THINGS.
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder, to be given to :func:`to_bids` as ``source``. Archives are kept, so
        that nothing is downloaded twice.

    See Also
    --------
    mne_brainae.datasets.things_eeg2.to_bids
    mne_brainae.datasets.things.fetch

    Notes
    -----
    The data are those of Gifford, Dwivedi, Roig & Cichy (2022), "A large and rich EEG
    dataset for modeling human visual object recognition", NeuroImage 264:119754, under
    the CC BY 4.0 license.

    Examples
    --------
    >>> mne_brainae.datasets.things_eeg2.fetch()  # doctest: +SKIP
    """
    _check_option("kind", kind, ("raw", "preprocessed"))
    labels = subject_labels(subjects, SUBJECTS)
    folder = locate(NAME, path)
    archives = {"preprocessed": ["preprocessed.zip"]}.get(
        kind, [f"raw/sub-{label}.zip" for label in labels]
    )
    if images:
        archives += ["training_images.zip", "test_images.zip"]
    fetch_files(NAME, ["image_metadata.npy", *archives], path)
    for archive in archives:
        unpack(folder / archive, folder / archive.removesuffix(".zip"))
    for nested in sorted((folder / "preprocessed").rglob("sub-*.zip")):
        if nested.stem.removeprefix("sub-") in labels:
            unpack(nested, nested.with_suffix(""))
    return folder


@verbose
@fill_doc
def to_bids(
    source: str | Path,
    bids_root: str | Path,
    subjects: int | str | Sequence | None = None,
    *,
    sessions: int | str | Sequence | None = None,
    images: str | Path | None = None,
    overwrite: bool = False,
    verbose=None,
) -> Path:
    """Write the recordings of the authors as BIDS.

    Parameters
    ----------
    source : path-like
        The folder with ``image_metadata.npy`` and, at any depth,
        ``sub-01/ses-01/raw_eeg_training.npy`` and so on.
    bids_root : path-like
        The folder for the BIDS data set.
    subjects : int | str | sequence | None
        The participants, 1 to 10; None takes those that are in ``source``.
    %(sessions)s
    images : path-like | None
        The folder with ``training_images`` and ``test_images``, whose images then go
        to ``stimuli`` (as links where possible). They may not be passed on. Without
        them the data set is complete but for what its events name.
    %(overwrite)s
    %(verbose)s

    Returns
    -------
    bids_root : Path
        The data set: one BrainVision recording per session and partition.

    Raises
    ------
    FileNotFoundError
        If the source folder has no recordings.
    ValueError
        If a file is truncated, or its events name no image.

    See Also
    --------
    mne_brainae.datasets.things_eeg2.fetch
    mne_brainae.datasets.things_eeg2.check

    Examples
    --------
    >>> mne_brainae.datasets.things_eeg2.to_bids(
    ...     "source", "things_eeg2"
    ... )  # doctest: +SKIP
    """
    source, bids_root = Path(source), Path(bids_root)
    labels = subject_labels(subjects, SUBJECTS)
    if subjects is None:
        labels = [s for s in labels if list(source.glob(f"**/sub-{s}/ses-*/raw_eeg*"))]
    if not labels:
        raise FileNotFoundError(
            f"There is no raw_eeg_training.npy or raw_eeg_test.npy below {source} in a "
            "folder like sub-01/ses-01."
        )
    pictures = read_image_table(find_file(source, "image_metadata.npy"))
    write_dataset(
        bids_root,
        README,
        name="THINGS-EEG2",
        data_license="CC-BY-4.0",
        authors=["A. T. Gifford", "K. Dwivedi", "G. Roig", "R. M. Cichy"],
        references_and_links=["doi:10.1016/j.neuroimage.2022.119754"],
        source_datasets=[{"URL": "https://osf.io/3jk45"}],
    )
    for label in labels:
        for session in session_labels(sessions) or SESSIONS:
            for partition in PARTITIONS:
                path = BIDSPath(
                    root=bids_root,
                    subject=label,
                    session=session,
                    task=partition,
                    datatype="eeg",
                )
                if needs_writing(path, overwrite):
                    convert(source, path, pictures[partition])
    names = pd.concat(pictures.values())["stim_file"]
    add_stimuli(bids_root, names, images)
    return bids_root


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
    tmax: float = 0.996,
    baseline: tuple | None = (-0.2, 0.0),
    l_freq: float | None = 0.1,
    h_freq: float | None = 100.0,
    sfreq: float | None = 250.0,
    picks=None,
    average: bool = False,
    mvnn: MVNN | None = None,
    output: str = "epochs",
    verbose=None,
) -> mne.EpochsArray | Responses:
    """Read the responses of one participant, by default as the paper does.

    Parameters
    ----------
    %(bids_root)s
    subject : int | str
        The participant, 1 to 10.
    %(partition)s
    %(sessions)s
    %(window)s
    %(band)s
    %(picks)s
    %(average_and_mvnn)s
    %(output)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses in volts, or in units of the noise after whitening, at the
        standard positions; by default (n_epochs, 63, 250). Targets are left out. The
        metadata have the columns ``image``, ``concept``, ``partition``, ``session``,
        ``subject``, ``repetition`` and ``stim_file``; averages keep what all
        repetitions share, and count them in ``n_averaged``. An absent sidecar and a
        truncated file are errors that name the file.

    See Also
    --------
    mne_brainae.datasets.things_eeg2.read_preprocessed
    mne_brainae.datasets.things_eeg2.to_bids
    mne_brainae.MVNN

    Notes
    -----
    Section 4.1 of the paper asks for 0 to 1000 ms, 0.1 to 100 Hz, the mean of the 200
    ms before onset as baseline, 250 Hz, multivariate noise normalization (pass
    ``mvnn=mne_brainae.MVNN()``) and averages. The authors' own release of BrainAE does
    not filter (``l_freq=None``; then 100 Hz remain as guard for 250 Hz).

    Some images were shown once or twice more than the four times of the training and
    the 80 times of the test; all their repetitions are read.

    Examples
    --------
    >>> train = mne_brainae.datasets.things_eeg2.read_epochs(
    ...     "things_eeg2", 1, "train"
    ... )  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    recordings = _recordings(bids_root, label, partition, sessions)
    window, band = (tmin, tmax, baseline), (l_freq, h_freq, sfreq)
    return read_partition(
        recordings, partition, window, band, picks, average, mvnn, output
    )


def _recordings(bids_root, label, partition, sessions=None) -> list[Recording]:
    """List the recordings of a partition."""
    return [
        Recording(path.session, partial(_open, path), events)
        for path, events in _events_of(bids_root, label, partition, sessions)
    ]


def _open(path: BIDSPath) -> mne.io.BaseRaw:
    """Open a recording at the standard positions."""
    raw = open_brainvision(path, "eeg")
    return raw.set_montage(standard_montage(), verbose="ERROR")


def _events_of(bids_root, label: str, partition: str, sessions) -> Iterator[tuple]:
    """Yield the recordings and what was shown in them, targets left out."""
    paths = find_recordings(
        bids_root,
        label,
        partition,
        datatype="eeg",
        extensions=[".vhdr"],
        sessions=sessions,
    )
    for path in paths:
        columns = ("onset", "sample", "trial_type", "stim_file", "concept")
        events = read_events(path, columns)
        events = events[events["trial_type"] != "target"].reset_index(drop=True)
        image = events["stim_file"].str.rsplit("/", n=1).str[-1]
        yield (
            path,
            events[["onset", "sample", "concept", "stim_file"]].assign(
                image=image, partition=partition, session=path.session, subject=label
            ),
        )


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
        The participant, 1 to 10.
    %(verbose)s

    Returns
    -------
    %(shown)s

    See Also
    --------
    mne_brainae.datasets.things.find_templates

    Examples
    --------
    >>> mne_brainae.datasets.things_eeg2.shown_images(
    ...     "things_eeg2", 1
    ... )  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    return shown_in(
        events
        for partition in PARTITIONS
        for _, events in _events_of(bids_root, label, partition, None)
    )


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
        The participant, 1 to 10.
    %(images_to_check)s
    %(verbose)s

    Returns
    -------
    %(findings)s

    See Also
    --------
    mne_brainae.datasets.things_eeg2.to_bids

    Examples
    --------
    >>> mne_brainae.datasets.things_eeg2.check("things_eeg2", 1)  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    recordings = [r for p in PARTITIONS for r in _recordings(bids_root, label, p)]
    return check_recordings(recordings, EXPECTED, N_RECORDINGS, images)


@checked(partition=READING["partition"], average=READING["average"])
@verbose
@fill_doc
def read_preprocessed(
    path: str | Path,
    partition: str = "train",
    *,
    image_table: str | Path | None = None,
    average: bool = False,
    verbose=None,
) -> mne.EpochsArray:
    """Read epochs that others have preprocessed.

    Parameters
    ----------
    path : path-like
        The file ``preprocessed_eeg_training.npy`` or ``preprocessed_eeg_test.npy`` of
        the authors of the data, or that of the same name by NICE or ATM, with any
        number of channels and times.
    %(partition)s
    image_table : path-like | None
        The file ``image_metadata.npy``; None looks in the folder of ``path`` and the
        three above it.
    %(average)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray
        The responses, in units of the noise, for these files are whitened: one epoch
        per repetition of every image, or per image. The metadata have the columns
        ``image``, ``concept``, ``partition``, ``repetition`` and ``stim_file``.

    Raises
    ------
    ValueError
        If the data have another shape than the images, channels and times.

    See Also
    --------
    mne_brainae.datasets.things_eeg2.read_epochs

    Notes
    -----
    The official file holds (16540, 4, 17, 100) values, that of NICE and ATM (16540, 4,
    63, 250) with 300 times, of which the first 50 belong to samples that were cut off;
    they are dropped. The second is a bare pickle under the name ``.npy``. Both are read
    without executing anything in them.

    Examples
    --------
    >>> train = mne_brainae.datasets.things_eeg2.read_preprocessed(
    ...     "preprocessed", "train"
    ... )  # doctest: +SKIP
    """
    path = Path(path)
    contents = load_dict(
        path,
        {
            "preprocessed_eeg_data": "(n_images, n_repetitions, n_channels, n_times)",
            "ch_names": "the names of the channels",
            "times": "the times in seconds",
        },
    )
    data = np.asarray(contents["preprocessed_eeg_data"])
    names, times = list(contents["ch_names"]), np.asarray(contents["times"], float)
    if image_table is None:
        image_table = _nearest(path.parent, "image_metadata.npy")
    pictures = read_image_table(image_table)[partition]
    if data.ndim != 4 or len(data) != len(pictures) or data.shape[2] != len(names):
        raise ValueError(
            f"{path} holds data of shape {data.shape}, expected ({len(pictures)} "
            f"{partition} images, n_repetitions, {len(names)} channels, n_times)."
        )
    if len(times) < data.shape[3]:
        raise ValueError(f"{path} has {len(times)} times for {data.shape[3]} samples.")
    times = times[-data.shape[3] :]
    info = mne.create_info(names, _sfreq_of(times), "eeg")
    info.set_montage(standard_montage())
    table = pictures.assign(partition=partition)
    return average_array(data, info, times[0], table, average=average)


def _sfreq_of(times: np.ndarray) -> float:
    return float(np.round(1 / np.median(np.diff(times)), 3))


def _nearest(folder: Path, name: str) -> Path:
    """Find a file in a folder or one of the three above it."""
    places = [folder, *folder.absolute().parents[:3]]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(
        f"There is no {name} in {folder} or the three folders above it. It says which "
        "image each row is; name it by image_table=, or fetch it."
    )
