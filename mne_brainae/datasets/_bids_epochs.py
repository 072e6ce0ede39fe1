"""Epochs of any BIDS data set whose events or tables name images."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne_bids import BIDSPath, find_matching_paths, read_raw_bids

from ..preprocessing.streaming import Recording, Responses, read_responses
from ..utils.checks import counted, five, logger, verbose, warn
from ..utils.constraints import checked, options
from ..utils.docs import fill_doc
from ._bids import read_tsv
from ._reading import hand_out

#: What MNE-BIDS reads continuous recordings from.
DATATYPES = ("eeg", "ieeg", "meg", "nirs")
EXTENSIONS = (
    *(".vhdr", ".edf", ".EDF", ".bdf", ".BDF", ".set", ".cnt", ".CNT", ".lay"),
    *(".fif", ".ds", ".con", ".sqd", ".mefd", ".snirf"),
)
#: Entities that tell recordings of one subject apart.
ENTITIES = ("session", "task", "acquisition", "run")
#: What BIDS says of time, which epochs say otherwise.
TIMING = ("onset", "duration", "sample")


@checked(
    query=[str, None],
    image=[str],
    concept=[str, None],
    stimuli=[pd.DataFrame, str, os.PathLike, None],
    datatype=[options(*DATATYPES), None],
    average=["boolean"],
    output=[options("epochs", "array")],
)
@verbose
@fill_doc
def read_bids_epochs(
    bids_root: str | Path,
    subject: int | str,
    *,
    task: str | None = None,
    sessions: int | str | Sequence | None = None,
    runs: int | str | Sequence | None = None,
    acquisition: str | None = None,
    datatype: str | None = None,
    query: str | None = None,
    image: str = "stim_file",
    concept: str | None = None,
    stimuli: pd.DataFrame | str | Path | None = None,
    tmin: float = -0.2,
    tmax: float = 1.0,
    baseline: tuple | None = (None, 0.0),
    l_freq: float | None = None,
    h_freq: float | None = None,
    sfreq: float | None = None,
    picks=None,
    average: bool = False,
    output: str = "epochs",
    verbose=None,
) -> mne.EpochsArray | Responses:
    """Read epochs of any BIDS data set, with the image that each of them shows.

    Whatever ``mne_bids.read_raw_bids`` reads can be given: BrainVision, EDF, BDF,
    EEGLAB, FIF, CTF, KIT, SNIRF and more.

    Parameters
    ----------
    %(bids_root)s
    subject : int | str
        The label of the subject, such as ``"01"``, ``"sub-01"`` or 1.
    task : str | None
        The task; None takes the only one.
    sessions, runs : int | str | sequence | None
        The sessions and the runs, such as ``[1, 2]``; None takes all.
    acquisition : str | None
        The label ``acq-``, where the same run was recorded in several ways.
    datatype : ``"eeg"`` | ``"ieeg"`` | ``"meg"`` | ``"nirs"`` | None
        The kind of recording; None takes the only one.
    query : str | None
        Which events to take, as in :meth:`pandas.DataFrame.query`, such as
        ``"trial_type == 'image'"``. None takes all events that name an image.
    image : str
        The column that names the image, in ``events.tsv`` or in ``stimuli``. Of a path
        below ``stimuli/`` that prefix is dropped.
    concept : str | None
        The column that names the concept, in the same tables; None takes ``"concept"``
        where there is one.
    stimuli : DataFrame | path-like | None
        A table of the stimuli, or its file (``.tsv`` or ``.csv``), when events hold
        only a number or a name of the stimulus. It shares one column with the events,
        in which each of its rows has another value; its other columns are added to the
        metadata.
    %(window)s
    %(band)s
    %(picks)s
    %(average)s
    %(output)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray | Responses
        The responses in SI units. The metadata have ``image``, where known ``concept``,
        ``session``, ``subject`` and ``run``, ``repetition``, and every other column of
        the events.

    Raises
    ------
    FileNotFoundError
        There is no such subject, recording or table of events.
    ValueError
        Several recordings cannot be told apart, no event names an image, or tables do
        not fit each other; the message says what there is.

    See Also
    --------
    mne_brainae.average_repetitions
    mne_brainae.datasets.things_eeg1.read_epochs

    Notes
    -----
    Onsets are those of the column ``onset``, in seconds from the first sample, as BIDS
    defines it; a column ``sample`` that contradicts it is named in a warning. Epochs
    that overlap with a stretch marked ``BAD`` are left out, and channels marked bad in
    ``channels.tsv`` are marked in ``epochs.info``. Positions come from
    ``electrodes.tsv``; without them give a montage to the epochs.

    Examples
    --------
    >>> import mne_brainae
    >>> epochs = mne_brainae.datasets.read_bids_epochs(
    ...     "my_study", 1, task="objects", l_freq=0.1, h_freq=40.0, sfreq=100.0
    ... )  # doctest: +SKIP
    >>> model = mne_brainae.fit(epochs, "my_study/stimuli")  # doctest: +SKIP
    """
    paths = find_any_recordings(
        Path(bids_root),
        subject,
        task=task,
        sessions=sessions,
        runs=runs,
        acquisition=acquisition,
        datatype=datatype,
    )
    table = None if stimuli is None else _read_stimuli(stimuli)
    window = (tmin, tmax)
    recordings = [
        _describe(path, window, query, image, concept, table) for path in paths
    ]
    kept = [recording for recording in recordings if len(recording.events)]
    if not kept:
        raise ValueError(
            f"No event of {five([path.basename for path in paths])} names an image in "
            f"the column {image!r}" + (f" where {query}." if query else ".")
        )
    responses = read_responses(
        kept,
        tmin=tmin,
        tmax=tmax,
        baseline=baseline,
        l_freq=l_freq,
        h_freq=h_freq,
        sfreq=sfreq,
        picks=picks,
        average=average,
    )
    return hand_out(responses, output)


def find_any_recordings(
    root: Path,
    subject: int | str,
    *,
    task: str | None = None,
    sessions=None,
    runs=None,
    acquisition: str | None = None,
    datatype: str | None = None,
) -> list[BIDSPath]:
    """Find the recordings of a subject, in order of session and run.

    Parameters
    ----------
    root : Path
        The root of the data set.
    subject : int | str
        The subject.
    task, sessions, runs, acquisition, datatype : str | int | sequence | None
        As in :func:`read_bids_epochs`.

    Returns
    -------
    paths : list of BIDSPath
        The recordings.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If several recordings cannot be told apart.
    """
    label = _subject_label(root, subject)
    paths = [
        path
        for path in find_matching_paths(
            root,
            subjects=label,
            datatypes=DATATYPES if datatype is None else datatype,
            extensions=EXTENSIONS,
            ignore_nosub=True,
        )
        if path.suffix == path.datatype and path.split in (None, "01", "1")
    ]
    wanted = {
        "task": None if task is None else [task],
        "acquisition": None if acquisition is None else [acquisition],
        "session": _as_list(sessions),
        "run": _as_list(runs),
    }
    found = [
        path
        for path in paths
        if all(_is_asked(getattr(path, name), wanted[name]) for name in wanted)
    ]
    if not found:
        asked = {name: value for name, value in wanted.items() if value is not None}
        raise FileNotFoundError(
            f"{root}/sub-{label} has no recording of {asked or 'any kind'}. It has "
            f"{five([path.basename for path in paths]) or 'none'}."
        )
    _check_apart(found)
    return sorted(found, key=lambda path: [_in_order(path, name) for name in ENTITIES])


def _subject_label(root: Path, subject: int | str) -> str:
    """Return the label of a subject as the folders spell it."""
    labels = sorted(
        path.name.removeprefix("sub-") for path in root.glob("sub-*") if path.is_dir()
    )
    given = [str(subject).removeprefix("sub-")]
    for label in labels:
        if _is_asked(label, given):
            return label
    raise FileNotFoundError(
        f"There is no subject {subject!r} in {root}. It has {five(labels) or 'none'}."
    )


def _as_list(given) -> list | None:
    """Return labels as a list; None stays None."""
    if given is None or not isinstance(given, str | int | np.integer):
        return given if given is None else list(given)
    return [given]


def _is_asked(label: str | None, wanted: Sequence | None) -> bool:
    """Tell whether a label is among those asked for; 1 asks for 01, too."""
    if wanted is None:
        return True
    texts = [str(each).split("-", 1)[-1] for each in wanted]
    if label is None or label in texts:
        return label in texts
    return label.isdigit() and int(label) in [int(x) for x in texts if x.isdigit()]


def _in_order(path: BIDSPath, entity: str) -> tuple:
    label = getattr(path, entity) or ""
    return (int(label), label) if label.isdigit() else (-1, label)


def _check_apart(paths: Sequence[BIDSPath]) -> None:
    """Refuse what would mix tasks, kinds, or copies of one recording."""
    for name in ("datatype", "task"):
        there = sorted({str(getattr(path, name)) for path in paths})
        if len(there) > 1:
            raise ValueError(f"There are several: {name} {there}. Give {name}= one.")
    runs = pd.Series([(path.session, path.run) for path in paths])
    if runs.duplicated().any():
        twice = [paths[i].fpath.name for i in np.flatnonzero(runs.duplicated(False))]
        raise ValueError(
            f"These are of the same session and run: {five(twice)}. Give acquisition=, "
            "or keep one of them."
        )


def _describe(
    path: BIDSPath, window: tuple, query, image, concept, stimuli
) -> Recording:
    """Return a recording with those of its events that show an image."""
    raw = open_any_recording(path, keep_annotations=True)
    events = read_timed_events(path, raw.info["sfreq"])
    if stimuli is not None:
        events = _join(events, stimuli, path)
    events = _name_images(events, path, image, concept)
    if query is not None:
        events = _those_of(events, query, path)
    events = events[events["image"].notna()]
    good = ~_overlaps_bad(events, raw, window)
    if not good.all():
        logger.info(
            f"{counted((~good).sum(), 'epoch')} of {path.basename} overlap with what "
            "is marked BAD, and are left out."
        )
    events = events[good].assign(subject=path.subject)
    for name in ("session", "run"):
        if getattr(path, name) is not None:
            events[name] = getattr(path, name)
    return Recording(
        path.session or "",
        partial(open_any_recording, path),
        events.reset_index(drop=True),
    )


def open_any_recording(
    path: BIDSPath, *, keep_annotations: bool = False
) -> mne.io.BaseRaw:
    """Open a recording with what its sidecars say of channels and positions.

    Parameters
    ----------
    path : BIDSPath
        The recording.
    keep_annotations : bool
        Whether events and bad stretches stay annotated.

    Returns
    -------
    raw : instance of Raw
        The recording, not loaded.

    Raises
    ------
    ValueError
        If the recording cannot be read.
    """
    try:
        raw = read_raw_bids(path, verbose="ERROR")
    except FileNotFoundError:
        raise
    except Exception as error:  # MNE-Python has many ways to fail on a damaged file
        raise ValueError(
            f"MNE-BIDS cannot read {path.fpath} ({type(error).__name__}: {error})."
        ) from error
    return raw if keep_annotations else raw.set_annotations(None)


def read_timed_events(path: BIDSPath, sfreq: float) -> pd.DataFrame:
    """Read the events of a recording, each at the sample of its onset.

    Parameters
    ----------
    path : BIDSPath
        The recording.
    sfreq : float
        Its sampling frequency in hertz.

    Returns
    -------
    events : DataFrame
        The columns of the table but for ``duration``; ``sample`` follows from
        ``onset``, and where the table contradicts it a warning says so.
    """
    file = path.find_matching_sidecar("events", ".tsv", on_error="ignore")
    if file is None:
        raise FileNotFoundError(
            f"{path.fpath} has no events.tsv, which says what was shown when."
        )
    events = read_tsv(Path(file))
    if "onset" not in events:
        raise ValueError(f"{file} has no column onset, but {list(events.columns)}.")
    events["onset"] = pd.to_numeric(events["onset"], errors="coerce")
    events = events[events["onset"].notna()].reset_index(drop=True)
    samples = (events["onset"] * sfreq).round().astype(int)
    if "sample" in events:
        told = pd.to_numeric(events["sample"], errors="coerce")
        n_apart = int(((told - samples).abs() > 1).sum())
        if n_apart:
            warn(
                f"In {counted(n_apart, 'event')} of {file} the column sample is not "
                f"onset times {sfreq:g} Hz. The onset is taken."
            )
    return events.drop(columns="duration", errors="ignore").assign(sample=samples)


def _read_stimuli(stimuli: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Return the table of the stimuli; what names its rows is a column, too."""
    if not isinstance(stimuli, pd.DataFrame):
        file = Path(stimuli)
        return read_tsv(file) if file.suffix == ".tsv" else pd.read_csv(file)
    is_named = any(name is not None for name in stimuli.index.names)
    return stimuli.reset_index() if is_named else stimuli


def _join(events: pd.DataFrame, stimuli: pd.DataFrame, path) -> pd.DataFrame:
    """Add the columns of the stimuli to the events that show them."""
    shared = [name for name in stimuli if name in events and name not in TIMING]
    if len(shared) != 1:
        raise ValueError(
            f"The events of {path.basename} and stimuli must share one column, but "
            f"share {shared or 'none'}: the events have {list(events.columns)}, "
            f"stimuli {list(stimuli.columns)}."
        )
    key = shared[0]
    if stimuli[key].duplicated().any():
        twice = stimuli[key][stimuli[key].duplicated()].unique()
        raise ValueError(f"stimuli names in {key!r} more than once: {five(twice)}.")
    if pd.api.types.is_numeric_dtype(events[key]) != pd.api.types.is_numeric_dtype(
        stimuli[key]
    ):
        events, stimuli = (
            each.assign(**{key: _text(each[key])}) for each in (events, stimuli)
        )
    lacking = set(events[key].dropna()) - set(stimuli[key])
    if lacking:
        logger.info(
            f"stimuli has no row for {counted(len(lacking), 'value')} of {key!r}: "
            f"{five(sorted(map(str, lacking)))}; these events are left out."
        )
    return events.merge(stimuli, on=key, how="left", validate="many_to_one")


def _text(column: pd.Series) -> pd.Series:
    """Write numbers as people do: 7 and not 7.0."""
    return column.map(
        lambda value: (
            value
            if pd.isna(value)
            else str(int(value))
            if isinstance(value, float) and value.is_integer()
            else str(value)
        )
    )


def _name_images(events: pd.DataFrame, path, image: str, concept) -> pd.DataFrame:
    """Give the columns that name image and concept these names."""
    for name in (image, concept):
        if name is not None and name not in events:
            raise ValueError(
                f"The events of {path.basename} have no column {name!r}, but "
                f"{[each for each in events if each not in TIMING]}. Say which one "
                "names the image (image=) or the concept (concept=), or give a table "
                "of the stimuli (stimuli=)."
            )
    images = events[image].map(_as_path)
    if concept is not None:
        events = events.assign(concept=events[concept])
    return events.assign(image=images)


def _as_path(name) -> str | None:
    """Write the name of an image with slashes, from where ``stimuli/`` begins."""
    if pd.isna(name):
        return None
    return _text(pd.Series([name]))[0].replace("\\", "/").removeprefix("stimuli/")


def _those_of(events: pd.DataFrame, query: str, path) -> pd.DataFrame:
    """Take the events that a query asks for."""
    try:
        return events.query(query)
    except Exception as error:  # pandas has many ways to refuse an expression
        raise ValueError(
            f"query={query!r} cannot be applied to the events of {path.basename}, "
            f"which have the columns {list(events.columns)} ({error})."
        ) from error


def _overlaps_bad(events: pd.DataFrame, raw, window: tuple) -> np.ndarray:
    """Tell which epochs overlap with an annotation that begins with BAD."""
    spans = raw.annotations
    is_bad = [text.upper().startswith("BAD") for text in spans.description]
    begin = spans.onset[is_bad]
    if spans.orig_time is not None:  # then counted from where the clock was started
        begin = begin - raw.first_time
    end = begin + spans.duration[is_bad]
    onsets = events["onset"].to_numpy()[:, np.newaxis]  # (n_events, 1)
    return ((onsets + window[0] < end) & (onsets + window[1] > begin)).any(axis=1)
