"""THINGS-EEG1: fifty people, 63 channels, ten images a second."""

# License: BSD-3-Clause

from __future__ import annotations

from functools import partial
from pathlib import Path

import mne
import pandas as pd

from ..preprocessing.streaming import Recording, Responses
from ..preprocessing.whitening import MVNN
from ..utils.checks import verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ._bids import subject_label
from ._bids_epochs import find_any_recordings, open_any_recording, read_timed_events
from ._reading import (
    READING,
    check_recordings,
    keep_zero_shot,
    names_of,
    read_partition,
    shown_in,
)

SUBJECTS = tuple(f"{subject:02d}" for subject in range(1, 51))
TASK = "rsvp"
#: Images and repetitions of one participant.
EXPECTED = {"train": (22248, 1), "test": (200, 12)}


@checked(**READING)
@verbose
@fill_doc
def read_epochs(
    bids_root: str | Path,
    subject: int | str,
    partition: str = "train",
    *,
    tmin: float = -0.1,
    tmax: float = 1.0,
    baseline: tuple | None = (-0.1, 0.0),
    l_freq: float | None = 0.1,
    h_freq: float | None = 100.0,
    sfreq: float | None = 250.0,
    picks=None,
    average: bool = False,
    mvnn: MVNN | None = None,
    zero_shot: bool = True,
    output: str = "epochs",
    verbose=None,
) -> mne.EpochsArray | Responses:
    """Read the responses of one participant of the data set ds003825 of OpenNeuro.

    Parameters
    ----------
    %(bids_root)s
    subject : int | str
        The participant, 1 to 50.
    %(partition)s
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
        The responses in volts. Targets of the task at fixation are left out. The
        metadata have the columns ``image``, ``concept``, ``partition``, ``subject``,
        ``repetition`` and ``stim_file``.

    Raises
    ------
    FileNotFoundError
        The participant, or a table of events, is not there.
    ValueError
        A partition is asked for that the participant was not shown: participant 1 saw
        no test images.

    See Also
    --------
    mne_brainae.datasets.things_eeg1.shown_images
    mne_brainae.datasets.things_eeg1.check

    Notes
    -----
    Images follow each other every 100 ms, so that responses overlap. All 1,854
    concepts are in the training; 200 of them have another image in the test, shown 12
    times, and leave the training with ``zero_shot``.

    The recordings are best fetched with ``openneuro-py download --dataset=ds003825
    --include=sub-02``. They are those of Grootswagers, Zhou, Robinson et al. (2022),
    "Human EEG recordings for 1,854 concepts presented in rapid serial visual
    presentation streams", Scientific Data 9:3, under CC0.

    Examples
    --------
    >>> from mne_brainae.datasets import things_eeg1
    >>> epochs = things_eeg1.read_epochs("ds003825", 2)  # doctest: +SKIP
    """
    recordings = _recordings(bids_root, subject)
    tables = [recording.events for recording in recordings]
    kept = keep_zero_shot(tables, partition, zero_shot=zero_shot)
    if not any(map(len, kept)):
        raise ValueError(
            f"The participant {subject} was shown no {partition} images that are left."
        )
    chosen = [
        Recording(recording.session, recording.open, events.reset_index(drop=True))
        for recording, events in zip(recordings, kept, strict=True)
    ]
    window, band = (tmin, tmax, baseline), (l_freq, h_freq, sfreq)
    return read_partition(chosen, partition, window, band, picks, average, mvnn, output)


def _recordings(bids_root: str | Path, subject: int | str) -> list[Recording]:
    """Return the recordings of a participant and what was shown in them."""
    label = subject_label(subject, SUBJECTS)
    paths = find_any_recordings(Path(bids_root), label, task=TASK, datatype="eeg")
    return [
        Recording("", partial(open_any_recording, path), _describe(path, label))
        for path in paths
    ]


def _describe(path, label: str) -> pd.DataFrame:
    """Turn the events of a recording into metadata, without targets."""
    raw = open_any_recording(path)
    events = read_timed_events(path, raw.info["sfreq"])
    lacking = [name for name in ("stim", "istarget") if name not in events]
    if lacking:
        raise ValueError(
            f"The events of {path.basename} lack {lacking}; they have "
            f"{list(events.columns)}. Are they those of ds003825?"
        )
    events = events[events["istarget"] != 1].reset_index(drop=True)
    stim_file = events["stim"].str.replace("\\", "/").str.removeprefix("stimuli/")
    is_test = events.get("isteststim", 0) == 1  # the first participant has no such
    return names_of(stim_file).assign(
        onset=events["onset"],
        sample=events["sample"],
        partition=pd.Series(is_test, events.index).map({True: "test", False: "train"}),
        subject=label,
        stim_file=stim_file,
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
        The participant, 1 to 50.
    %(verbose)s

    Returns
    -------
    %(shown)s

    See Also
    --------
    mne_brainae.datasets.things.find_templates

    Examples
    --------
    >>> mne_brainae.datasets.things_eeg1.shown_images(
    ...     "things_eeg1", 1
    ... )  # doctest: +SKIP
    """
    return shown_in(recording.events for recording in _recordings(bids_root, subject))


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
        The participant, 1 to 50.
    %(images_to_check)s
    %(verbose)s

    Returns
    -------
    %(findings)s

    See Also
    --------
    mne_brainae.datasets.things_eeg1.read_epochs

    Examples
    --------
    >>> mne_brainae.datasets.things_eeg1.check("things_eeg1", 1)  # doctest: +SKIP
    """
    return check_recordings(_recordings(bids_root, subject), EXPECTED, 1, images)
