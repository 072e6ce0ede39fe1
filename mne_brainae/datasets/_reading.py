"""What the readers of the THINGS recordings share."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne_bids import BIDSPath

from ..preprocessing.epochs import make_epochs
from ..preprocessing.streaming import (
    Recording,
    Responses,
    check_alignment,
    read_responses,
)
from ..preprocessing.whitening import MVNN
from ..utils.checks import (
    logger,
    warn,
)
from ..utils.constraints import options
from ..utils.docs import fill_doc
from ._bids import session_labels

#: What the readers take.
READING = {
    "partition": [options("train", "test")],
    "average": ["boolean"],
    "mvnn": [MVNN, None],
    "output": [options("epochs", "array")],
}


@fill_doc
def read_partition(
    recordings: Sequence[Recording],
    partition: str,
    window: tuple,
    band: tuple,
    picks,
    average: bool,
    mvnn: MVNN | None,
    output: str,
    transform: Callable | None = None,
) -> mne.EpochsArray | Responses:
    """Read recordings and hand them out as asked for.

    Parameters
    ----------
    recordings : sequence of Recording
        The recordings of one partition.
    %(partition)s
    window : tuple
        ``tmin``, ``tmax`` and ``baseline``.
    band : tuple
        ``l_freq``, ``h_freq`` and ``sfreq``.
    %(picks)s
    %(average_and_mvnn)s
    %(output)s
    transform : callable | None
        What is done to blocks of single trials, as
        :func:`mne_brainae.preprocessing.streaming.read_responses` takes it.

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses.
    """
    tmin, tmax, baseline = window
    l_freq, h_freq, sfreq = band
    responses = read_responses(
        recordings,
        tmin=tmin,
        tmax=tmax,
        baseline=baseline,
        l_freq=l_freq,
        h_freq=h_freq,
        sfreq=sfreq,
        picks=picks,
        average=average,
        mvnn=mvnn,
        learn=partition == "train",
        transform=transform,
    )
    return hand_out(responses, output)


def hand_out(responses: Responses, output: str) -> mne.EpochsArray | Responses:
    """Bring the metadata in order and return what is asked for.

    Parameters
    ----------
    responses : Responses
        The responses.
    output : ``"epochs"`` | ``"array"``
        What to return.

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses.
    """
    first = ["image", "concept", "partition", "session", "subject", "repetition"]
    columns = [name for name in first if name in responses.metadata]
    columns += [name for name in responses.metadata if name not in columns]
    responses = responses._replace(metadata=responses.metadata[columns])
    return responses if output == "array" else responses.to_epochs()


def names_of(paths: pd.Series) -> pd.DataFrame:
    """Split paths such as ``images_meg/aardvark/aardvark_01b.jpg`` of THINGS.

    Parameters
    ----------
    paths : Series of str
        The paths. Test images may lie in no folder of their concept, so the file alone
        tells it.

    Returns
    -------
    names : DataFrame, shape (n_paths, 2)
        The file and the concept, as ``image`` and ``concept``.
    """
    image = paths.str.rsplit("/", n=1).str[-1]
    concept = image.str.replace(r"_\d+[a-z]*\.\w+$", "", regex=True)
    return pd.DataFrame({"image": image, "concept": concept}).reset_index(drop=True)


def shown_in(events: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Count how often every image was shown.

    Parameters
    ----------
    events : iterable of DataFrame
        Events with the columns ``image``, ``concept`` and ``partition``.

    Returns
    -------
    shown : DataFrame, shape (n_images, 4)
        One row per image, in order of partition and name.
    """
    table = pd.concat([one[["image", "concept", "partition"]] for one in events])
    counts = table.value_counts(sort=False).rename("n_repetitions").reset_index()
    return counts.sort_values(["partition", "image"], ignore_index=True)


def keep_zero_shot(
    tables: Sequence[pd.DataFrame], partition: str, *, zero_shot: bool
) -> list[pd.DataFrame]:
    """Keep one partition, of the training only concepts that the test does not show.

    Parameters
    ----------
    tables : sequence of DataFrame
        Events of both partitions with the columns ``concept`` and ``partition``.
    partition : ``"train"`` | ``"test"``
        The one to keep.
    zero_shot : bool
        False keeps the test concepts in the training, with a warning.

    Returns
    -------
    kept : list of DataFrame
        The events of each table that are kept.
    """
    test = pd.concat([one["concept"][one["partition"] == "test"] for one in tables])
    kept = [one[one["partition"] == partition] for one in tables]
    if partition == "test":
        return kept
    leaks = [one["concept"].isin(test.unique()) for one in kept]
    n_leaks = sum(int(leak.sum()) for leak in leaks)
    if zero_shot:
        logger.info(
            f"{n_leaks} training trials of the {test.nunique()} test concepts are left "
            "out: zero-shot."
        )
        return [one[~leak] for one, leak in zip(kept, leaks, strict=True)]
    if n_leaks:
        warn(
            f"zero_shot=False keeps {n_leaks} training trials of the {test.nunique()} "
            "test concepts: their scores are not zero-shot and are not to be compared "
            "with those that are."
        )
    return kept


@fill_doc
def keep_sessions(
    paths: Sequence[BIDSPath],
    tables: Sequence[pd.DataFrame],
    partition: str,
    sessions: int | str | Sequence | None,
) -> list[tuple[BIDSPath, pd.DataFrame]]:
    """Keep the recordings of some sessions that have any event.

    Parameters
    ----------
    paths : sequence of BIDSPath
        The recordings.
    tables : sequence of DataFrame
        The events of the partition in each.
    %(partition)s
    %(sessions)s

    Returns
    -------
    kept : list of tuple
        The recordings and their events.

    Raises
    ------
    ValueError
        If none is left.
    """
    wanted = session_labels(sessions)
    kept = [
        (path, events)
        for path, events in zip(paths, tables, strict=True)
        if len(events) and (wanted is None or path.session in wanted)
    ]
    if not kept:
        asked = "" if wanted is None else f" in the sessions {', '.join(wanted)}"
        found = ", ".join(sorted({path.session for path in paths}))
        raise ValueError(f"No {partition} trial is left{asked}; there are {found}.")
    return kept


def check_recordings(
    recordings: Sequence[Recording],
    expected: dict[str, tuple[int, int]],
    n_recordings: int | None,
    images: str | Path | None,
) -> pd.DataFrame:
    """Compare recordings with what a complete participant has.

    Parameters
    ----------
    recordings : sequence of Recording
        All recordings of a participant.
    expected : dict of tuple
        Number of images and of repetitions by partition.
    n_recordings : int | None
        The number of files; None if it is not known.
    images : path-like | None
        The folder of the images.

    Returns
    -------
    findings : DataFrame, shape (n_findings, 4)
        The columns ``what``, ``found``, ``expected`` and ``is_ok``.
    """
    rows, files = [], set()
    for recording in recordings:
        try:
            raw = recording.open()
            files.add(raw.filenames[0])
            check_alignment(recording.events, raw)
        except (OSError, ValueError) as error:
            rows.append(("recording", str(error), "whole and aligned", False))
    n_found = len(files)
    wanted = n_found if n_recordings is None else n_recordings
    rows.append(("whole recordings", n_found, wanted, n_found == wanted))
    shown = shown_in(recording.events for recording in recordings)
    for partition, (n_images, n_repetitions) in expected.items():
        counts = shown["n_repetitions"][shown["partition"] == partition]
        least = counts.min() if len(counts) else 0
        what = f"{partition} images"
        rows.append((what, len(counts), n_images, len(counts) == n_images))
        what = f"{partition} repetitions, at least"
        rows.append((what, least, n_repetitions, least >= n_repetitions))
    if images is not None:
        stim_files = pd.concat([one.events["stim_file"] for one in recordings]).unique()
        n_there = sum((Path(images) / name).is_file() for name in stim_files)
        n_wanted = len(stim_files)
        rows.append((f"images in {images}", n_there, n_wanted, n_there == n_wanted))
    return pd.DataFrame(rows, columns=["what", "found", "expected", "is_ok"])


def average_array(
    data: np.ndarray,
    info: mne.Info,
    tmin: float,
    pictures: pd.DataFrame,
    *,
    average: bool,
) -> mne.EpochsArray:
    """Make epochs of an array with one row per image.

    Parameters
    ----------
    data : array, shape (n_images, n_repetitions, n_channels, n_times)
        The responses.
    info : instance of Info
        The channels.
    tmin : float
        The first time in seconds.
    images : DataFrame, shape (n_images, n_columns)
        The metadata of every image.
    average : bool
        Average the repetitions.

    Returns
    -------
    epochs : instance of EpochsArray
        One epoch per image, or per repetition of every image.
    """
    n_images, n_repetitions = data.shape[:2]
    times = tmin + np.arange(data.shape[-1]) / info["sfreq"]
    if average:
        table = pictures.assign(n_averaged=n_repetitions)
        return make_epochs(data.mean(axis=1), info, times, table.reset_index(drop=True))
    rows = np.repeat(np.arange(n_images), n_repetitions)
    table = pictures.iloc[rows].reset_index(drop=True)
    table["repetition"] = np.tile(np.arange(1, n_repetitions + 1), n_images)
    return make_epochs(data.reshape(-1, *data.shape[2:]), info, times, table)
