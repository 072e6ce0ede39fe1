"""TVSD: 1,024 contacts in V1, V4 and IT of two macaques, 22,348 images."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne.io.constants import FIFF
from mne_bids import BIDSPath

from ..preprocessing.streaming import Recording, Responses
from ..preprocessing.whitening import MVNN
from ..utils.checks import _check_option, logger, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.units import set_unit
from ._bids import (
    add_stimuli,
    find_recordings,
    needs_writing,
    open_brainvision,
    read_events,
    read_json,
    subject_label,
    subject_labels,
    write_dataset,
    write_recording,
)
from ._fetch import fetch_files, locate
from ._reading import (
    READING,
    average_array,
    check_recordings,
    keep_sessions,
    keep_zero_shot,
    read_partition,
    shown_in,
)
from ._tvsd_source import (
    MAPPING,
    N_ARRAYS,
    PARTITIONS,
    SFREQ,
    SUBJECTS,
    Day,
    channel_names,
    open_matlab,
    read_image_table,
    read_mapping,
    read_trials,
)

NAME = "tvsd"
#: A unit of the source is kept as a microvolt: a number is in units times ten to this.
MICROVOLTS = 6
#: Images and repetitions of one animal.
COLUMNS = ("onset", "sample", "trial_type", "stim_file", "concept", "n_missing")
EXPECTED = {"train": (22248, 1), "test": (100, 30)}
README = """\
TVSD, the THINGS ventral stream spiking dataset (Papale, Wang, Self & Roelfsema 2025,
Neuron, doi:10.1016/j.neuron.2024.12.003), CC BY 4.0, converted to BIDS by mne_brainae.

PLEASE NOTE: these are envelopes of multi-unit activity, not field potentials. BIDS has
no datatype for them yet; a draft (BEP032) would call it ecephys and the channels MUA.
To be readable today they are stored as epoched iEEG of type SEEG. Their unit is
arbitrary: the number of microvolts in the files is the number in the source.

Trials stand one after another in the files, in order of recording but not continuous in
time: each has the length EpochLength, and begins EpochStart seconds from the onset of
its image, as the JSON files say. Channels are in physical order; recording_index is
their place in the source. The events name the images of the THINGS data base by their
path below stimuli/, the concept and the file; the images may not be redistributed and
are not part of this data set.
"""


@verbose
@fill_doc
def fetch(
    path: str | Path | None = None,
    *,
    subjects: str | Sequence[str] | None = None,
    kind: str = "trials",
    verbose=None,
) -> Path:
    """Download TVSD.

    Parameters
    ----------
    %(data_path)s
    subjects : str | sequence of str | None
        The animals, ``"F"`` and ``"N"``; None takes both.
    kind : ``"trials"`` | ``"normalized"``
        The time courses, about 58 GB per animal; or one value per image and channel,
        about 194 MB.
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder, to be given to :func:`to_bids` as ``source``. A download that was
        stopped goes on where it was.

    See Also
    --------
    mne_brainae.datasets.tvsd.to_bids
    mne_brainae.datasets.tvsd.read_preprocessed
    mne_brainae.datasets.things.fetch

    Notes
    -----
    The data are those of Papale, Wang, Self & Roelfsema (2025), "An extensive dataset
    of spiking activity to reveal the syntax of the ventral stream", Neuron, under the
    CC BY 4.0 license. They come without the images of THINGS.

    Examples
    --------
    >>> mne_brainae.datasets.tvsd.fetch()  # doctest: +SKIP
    """
    _check_option("kind", kind, ("trials", "normalized"))
    labels = subject_labels(subjects, SUBJECTS)
    data = {"trials": "THINGS_MUA_trials.mat", "normalized": "THINGS_normMUA.mat"}
    names = [data[kind], "_logs/things_imgs.mat", f"_logs/{MAPPING}"]
    files = [f"monkey{label}/{name}" for label in labels for name in names]
    fetch_files(NAME, files, path)
    return locate(NAME, path)


@verbose
@fill_doc
def to_bids(
    source: str | Path,
    bids_root: str | Path,
    subjects: str | Sequence[str] | None = None,
    *,
    images: str | Path | None = None,
    overwrite: bool = False,
    verbose=None,
) -> Path:
    """Write the trials of the authors as BIDS, one session per day of recording.

    Parameters
    ----------
    source : path-like
        The folder with ``monkeyF/THINGS_MUA_trials.mat``,
        ``monkeyF/_logs/things_imgs.mat`` and so on.
    bids_root : path-like
        The folder for the BIDS data set.
    subjects : str | sequence of str | None
        The animals, ``"F"`` and ``"N"``; None takes those that are in ``source``.
    images : path-like | None
        The folder ``object_images`` of THINGS, whose images then go to ``stimuli``
        (as links where possible). They may not be passed on.
    %(overwrite)s
    %(verbose)s

    Returns
    -------
    bids_root : Path
        The data set: epoched iEEG, for BIDS has no datatype for multi-unit activity;
        its README says so. Channels are brought to physical order and named by area,
        such as ``V1_001``; those that are constant, or missing in more than 5 %% of the
        trials of a day, are marked as bad.

    Raises
    ------
    FileNotFoundError
        If the source folder has no monkey.
    ValueError
        If a file is truncated, or an array has an unexpected shape.

    See Also
    --------
    mne_brainae.datasets.tvsd.fetch
    mne_brainae.datasets.tvsd.check

    Examples
    --------
    >>> mne_brainae.datasets.tvsd.to_bids("source", "tvsd")  # doctest: +SKIP
    """
    source, bids_root = Path(source), Path(bids_root)
    labels = subject_labels(subjects, SUBJECTS)
    if subjects is None:
        labels = [s for s in labels if (source / f"monkey{s}").is_dir()]
    if not labels:
        raise FileNotFoundError(f"There is no folder monkeyF or monkeyN in {source}.")
    write_dataset(
        bids_root,
        README,
        name="TVSD",
        data_license="CC-BY-4.0",
        authors=["P. Papale", "F. Wang", "M. W. Self", "P. R. Roelfsema"],
        references_and_links=["doi:10.1016/j.neuron.2024.12.003"],
        source_datasets=[{"URL": "https://gin.g-node.org/paolo_papale/TVSD"}],
    )
    for label in labels:
        folder = source / f"monkey{label}"
        pictures = read_image_table(folder / "_logs" / "things_imgs.mat")
        file = folder / "THINGS_MUA_trials.mat"
        with open_matlab(file) as opened:
            trials = read_trials(opened, file, pictures)
            mapping = read_mapping(folder / "_logs" / MAPPING, trials.data.shape[2])
            for number, day in enumerate(sorted(set(trials.table["day"])), 1):
                path = BIDSPath(
                    root=bids_root,
                    subject=label,
                    session=f"{number:02d}",
                    task="things",
                    datatype="ieeg",
                )
                if needs_writing(path, overwrite):
                    rows = np.flatnonzero(trials.table["day"] == day)
                    write_recording(Day(trials, rows, mapping, label).recording(path))
        names = pd.concat(pictures.values())["stim_file"]
        add_stimuli(bids_root, names, images)
    return bids_root


@checked(**READING, standardize_trials=["boolean"])
@verbose
@fill_doc
def read_epochs(
    bids_root: str | Path,
    subject: str,
    partition: str = "train",
    *,
    sessions: int | str | Sequence | None = None,
    tmin: float = 0.0,
    tmax: float = 0.199,
    baseline: tuple | None = (None, 0.0),
    picks=None,
    average: bool = False,
    mvnn: MVNN | None = None,
    standardize_trials: bool = False,
    zero_shot: bool = True,
    output: str = "epochs",
    verbose=None,
) -> mne.EpochsArray | Responses:
    """Read the responses of one animal, by default as the paper does.

    Parameters
    ----------
    %(bids_root)s
    subject : str
        The animal, ``"F"`` or ``"N"``.
    %(partition)s
    %(sessions)s
    %(window)s
    %(picks)s
    %(average_and_mvnn)s
    standardize_trials : bool
        Subtract the mean of every trial over all its channels and times, and divide by
        their standard deviation, as the authors' release of BrainAE does. Responses
        then have no unit.
    %(zero_shot)s
    %(output)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses, by default (n_epochs, 1024, 200) at 1000 Hz. Their unit is
        arbitrary; a microvolt stands for one unit of the source. Channels that are bad
        on any of the days are left out unless picked, and so are trials in which a good
        channel lacks a value. The metadata have the columns ``image``, ``concept``,
        ``partition``, ``session``, ``subject``, ``repetition`` and ``stim_file``.

    Raises
    ------
    ValueError
        If window or baseline are outside the trials.

    See Also
    --------
    mne_brainae.datasets.tvsd.read_preprocessed
    mne_brainae.datasets.tvsd.to_bids

    Notes
    -----
    All channels of all training trials take 18 GB as float32, and twice that as Epochs:
    pick an area, such as ``picks=mne_brainae.channel_regions(info)["IT"]``, or ask for
    ``output="array"``.

    Section 4.1 of the paper subtracts the mean of the 100 ms before onset; the authors'
    release of BrainAE does not, and standardizes every trial (``baseline=None,
    standardize_trials=True``). It takes the 200 samples after time 0, of which the
    first 199 are here; tell ``tmin=0.001, tmax=0.2`` for those.

    Examples
    --------
    >>> train = mne_brainae.datasets.tvsd.read_epochs(
    ...     "tvsd", "F", "train"
    ... )  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    wanted, start, stop = _events_of(bids_root, label, partition, sessions, zero_shot)
    if baseline is not None:
        baseline = tuple(
            edge if given is None else given
            for given, edge in zip(baseline, (start, stop), strict=True)
        )
    edges = [tmin, tmax, *(baseline or ())]
    if min(edges) < start - 1e-9 or max(edges) > stop + 1e-9:
        raise ValueError(
            f"The trials last from {start:g} to {stop:g} s, but tmin={tmin:g}, "
            f"tmax={tmax:g} and baseline={baseline} are not all within them."
        )
    recordings = _recordings(wanted)
    window, band = (tmin, tmax, baseline), (None, None, None)
    transform = _standardize_each if standardize_trials else None
    return read_partition(
        recordings, partition, window, band, picks, average, mvnn, output, transform
    )


def _standardize_each(trials: np.ndarray) -> np.ndarray:
    """Give every trial mean 0 and variance 1 over its channels and times."""
    values = trials - trials.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    scale = values.std(axis=(1, 2), keepdims=True)
    return (values / np.where(scale > 0, scale, 1.0)).astype(trials.dtype)


def _recordings(wanted: list[tuple[BIDSPath, pd.DataFrame]]) -> list[Recording]:
    return [
        Recording(path.session, partial(_open, path), events) for path, events in wanted
    ]


def _open(path: BIDSPath) -> mne.io.BaseRaw:
    """Open a recording, and say that its unit is arbitrary."""
    raw = open_brainvision(path, "seeg")
    set_unit(raw.info, FIFF.FIFF_UNIT_UNITLESS, MICROVOLTS)
    return raw


def _find(bids_root: str | Path, label: str) -> list[BIDSPath]:
    return find_recordings(
        bids_root, label, "things", datatype="ieeg", extensions=[".vhdr"]
    )


def _events_of(bids_root, label, partition, sessions, zero_shot) -> tuple:
    """Return recordings with their events, and the begin and end of every trial."""
    paths = _find(bids_root, label)
    about = [read_json(path.copy().update(extension=".json").fpath) for path in paths]
    starts = {one["EpochStart"] for one in about}
    lengths = {one["EpochLength"] for one in about}
    if len(starts) > 1 or len(lengths) > 1:
        raise ValueError(f"The trials of {paths[0].root} differ in length or start.")
    (start,), (length,) = starts, lengths
    tables = [_describe(read_events(path, COLUMNS), path, start) for path in paths]
    # Which concepts are tested is a matter of all days, whichever are read.
    if zero_shot is None:  # all that was shown
        kept = [one[one["partition"] == partition] for one in tables]
    else:
        kept = keep_zero_shot(tables, partition, zero_shot=zero_shot)
    wanted = keep_sessions(paths, kept, partition, sessions)
    return wanted, start, start + length - 1 / SFREQ


def _describe(events: pd.DataFrame, path: BIDSPath, start: float) -> pd.DataFrame:
    """Turn the events of a file into metadata."""
    is_whole = events["n_missing"] == 0
    if not is_whole.all():
        logger.info(
            f"{path.basename}: {(~is_whole).sum()} of {len(events)} trials lack values "
            "of good channels and are left out."
        )
    events = events[is_whole].reset_index(drop=True)
    return pd.DataFrame(
        {
            # The file counts from the begin of the epoch, here it is from its onset.
            "onset": events["onset"] - start,
            "sample": events["sample"] - round(start * SFREQ),
            "image": events["stim_file"].str.rsplit("/", n=1).str[-1],
            "concept": events["concept"],
            "partition": events["trial_type"],
            "session": path.session,
            "subject": path.subject,
            "stim_file": events["stim_file"],
        }
    )


@verbose
@fill_doc
def shown_images(bids_root: str | Path, subject: str, *, verbose=None) -> pd.DataFrame:
    """List all images that an animal was shown.

    Parameters
    ----------
    %(bids_root)s
    subject : str
        The animal, ``"F"`` or ``"N"``.
    %(verbose)s

    Returns
    -------
    %(shown)s

    See Also
    --------
    mne_brainae.datasets.things.find_templates

    Examples
    --------
    >>> mne_brainae.datasets.tvsd.shown_images("tvsd", "F")  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    return shown_in(
        _describe(read_events(path, COLUMNS).assign(n_missing=0), path, 0.0)
        for path in _find(bids_root, label)
    )


@verbose
@fill_doc
def check(
    bids_root: str | Path,
    subject: str,
    *,
    images: str | Path | None = None,
    verbose=None,
) -> pd.DataFrame:
    """Check the recordings of one animal without reading their data.

    Parameters
    ----------
    %(bids_root)s
    subject : str
        The animal, ``"F"`` or ``"N"``.
    %(images_to_check)s
    %(verbose)s

    Returns
    -------
    %(findings)s

    See Also
    --------
    mne_brainae.datasets.tvsd.to_bids

    Examples
    --------
    >>> mne_brainae.datasets.tvsd.check("tvsd", "F")  # doctest: +SKIP
    """
    label = subject_label(subject, SUBJECTS)
    recordings = [
        recording
        for partition in PARTITIONS
        for recording in _recordings(
            _events_of(bids_root, label, partition, None, None)[0]
        )
    ]
    return check_recordings(recordings, EXPECTED, None, images)


@checked(partition=READING["partition"], average=READING["average"])
@verbose
@fill_doc
def read_preprocessed(
    path: str | Path,
    subject: str,
    partition: str = "train",
    *,
    image_table: str | Path | None = None,
    average: bool = True,
    zero_shot: bool = True,
    verbose=None,
) -> mne.EpochsArray:
    """Read the normalized responses of the authors, one value per image.

    Parameters
    ----------
    path : path-like
        The file ``THINGS_normMUA.mat`` of an animal.
    subject : str
        The animal, ``"F"`` or ``"N"``.
    %(partition)s
    image_table : path-like | None
        The file ``things_imgs.mat``; None looks in the folder ``_logs`` beside
        ``path``.
    average : bool
        Take the means over the repetitions of the test images; training images were
        shown once.
    %(zero_shot)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray, shape (n_epochs, 1024, 1)
        One time point: the mean over the window of an area (V1 25 to 125 ms, V4 50 to
        150, IT 75 to 175). Channels that lack a value anywhere in the file are marked
        as bad. The metadata have the columns ``image``, ``concept``, ``partition`` and
        ``stim_file``.

    Raises
    ------
    ValueError
        If the file lacks an array, or one has an unexpected shape.

    See Also
    --------
    mne_brainae.datasets.tvsd.read_epochs

    Notes
    -----
    The authors divided by the mean and the standard deviation of the *test* trials of a
    day, of all images together. So training data have seen test data in two numbers
    per channel and day.

    Examples
    --------
    >>> train = mne_brainae.datasets.tvsd.read_preprocessed(
    ...     "preprocessed", "F", "train"
    ... )  # doctest: +SKIP
    """
    path = Path(path)
    label = subject_label(subject, SUBJECTS)
    table = image_table or path.parent / "_logs" / "things_imgs.mat"
    pictures = read_image_table(table)
    key = "test_MUA_reps" if partition == "test" and not average else f"{partition}_MUA"
    with open_matlab(path) as opened:
        if key not in opened:
            raise ValueError(f"{path} lacks {key}, it has {list(opened)}.")
        # (n_repetitions, n_images, n_channels)
        data = np.atleast_3d(opened[key][()].T).T
        is_lost = ~np.isfinite(data).all(axis=(0, 1))
        for other in {"train_MUA", "test_MUA"} & set(opened) - {key}:
            is_lost |= ~np.isfinite(opened[other][()]).all(axis=0)
    n_images = len(pictures[partition])
    if data.shape[1] != n_images or data.shape[2] % N_ARRAYS:
        raise ValueError(
            f"{path} holds {key} of shape {data.shape}, expected {n_images} images and "
            f"a multiple of {N_ARRAYS} channels on the last two axes."
        )
    names = channel_names(label, data.shape[2])
    info = mne.create_info(names, sfreq=10.0, ch_types="seeg")  # windows of 100 ms
    set_unit(info, FIFF.FIFF_UNIT_UNITLESS, MICROVOLTS)
    info["bads"] = [names[channel] for channel in np.flatnonzero(is_lost)]
    metadata = pictures[partition].assign(partition=partition)
    both = pd.concat([one.assign(partition=name) for name, one in pictures.items()])
    kept = keep_zero_shot([both], partition, zero_shot=zero_shot)[0]
    rows = metadata["image"].isin(kept["image"]).to_numpy()
    return average_array(
        1e-6 * data.transpose(1, 0, 2)[rows][..., np.newaxis],
        info,
        0.0,
        metadata[rows],
        average=average,
    )
