"""Recordings in BIDS: written block by block, whole or not at all, and read back."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne_bids import BIDSPath, make_dataset_description, write_raw_bids

from ..utils.bounds import inside
from ..utils.checks import five, logger, warn
from ..utils.files import clean_leftovers, locked, replacing, unfinished_prefix

#: Where a recording is built before it is moved to its place.
INCOMPLETE = ".incomplete"
MISSING = "n/a"

HEADER = """\
Brain Vision Data Exchange Header File Version 1.0

[Common Infos]
Codepage=UTF-8
DataFile={name}.eeg
MarkerFile={name}.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels={n_channels}
SamplingInterval={interval:.12g}

[Binary Infos]
BinaryFormat=IEEE_FLOAT_32

[Channel Infos]
{channels}
"""
MARKERS = """\
Brain Vision Data Exchange Marker File, Version 1.0

[Common Infos]
Codepage=UTF-8
DataFile={name}.eeg

[Marker Infos]
Mk1=New Segment,,1,1,0
"""


@dataclass
class NewRecording:
    """What is needed to write one recording.

    Parameters
    ----------
    path : BIDSPath
        Root, subject, session, task and datatype.
    ch_names : list of str
        The channels.
    ch_type : str
        Their type in MNE-Python.
    sfreq : float
        The sampling frequency in hertz.
    blocks : iterable of array, shape (n_samples, n_channels)
        The data in volts, in time.
    events : callable
        Returns the columns of ``events.tsv`` as a DataFrame, after all blocks are
        written.
    descriptions : dict of str
        What each column of ``events`` holds that BIDS does not define.
    sidecar : dict
        What to add to the JSON file of the recording.
    channels : callable | None
        Returns columns to set in ``channels.tsv`` as a DataFrame with one row per
        channel, after all blocks are written.
    channel_descriptions : dict of str
        What each column of ``channels`` holds that BIDS does not define.
    cutoffs : tuple of float | None
        The band in hertz that the recording was filtered to; None where it is not
        known.
    """

    path: BIDSPath
    ch_names: list[str]
    ch_type: str
    sfreq: float
    blocks: Iterable[np.ndarray]
    events: Callable[[], pd.DataFrame]
    descriptions: dict[str, str]
    sidecar: dict = field(default_factory=dict)
    channels: Callable[[], pd.DataFrame] | None = None
    channel_descriptions: dict[str, str] = field(default_factory=dict)
    cutoffs: tuple[float | None, float | None] = (None, None)


def needs_writing(path: BIDSPath, overwrite: bool) -> bool:
    """Tell whether a recording is to be written: it is not whole yet, or once more."""
    header = path.copy().update(suffix=path.datatype, extension=".vhdr").fpath
    if overwrite or not header.is_file():  # the header is moved last
        return True
    logger.info(f"{path.basename} is there already.")
    return False


def write_dataset(bids_root: Path, readme: str, **description) -> None:
    """Write what belongs to a data set as a whole, where it is not there yet.

    Parameters
    ----------
    bids_root : Path
        The root.
    readme : str
        The text of ``README``.
    **description : dict
        The arguments of :func:`mne_bids.make_dataset_description`.
    """
    with locked(bids_root):
        if not (bids_root / "dataset_description.json").exists():
            make_dataset_description(path=bids_root, verbose="WARNING", **description)
        if not any(bids_root.glob("README*")):
            with replacing(bids_root / "README") as temporary:
                temporary.write_text(readme, "utf-8")


def write_recording(new: NewRecording) -> None:
    """Write one recording as BrainVision with all of its sidecars.

    Parameters
    ----------
    new : NewRecording
        The recording. It is built in a hidden folder and moved to its place, its
        header last, so that a stopped conversion leaves nothing that reads as whole.
    """
    root = Path(new.path.root)
    name = new.path.copy().update(suffix=None, extension=None).basename
    hidden = _hidden_folder(root, name)
    try:
        header = write_brainvision(
            hidden / f"{name}.vhdr", new.ch_names, new.sfreq, new.blocks
        )
        staged = new.path.copy().update(root=hidden / "bids")
        _write_sidecars(header, staged, new)
        with locked(root):
            _move(hidden / "bids", root)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        with locked(root), suppress(OSError):  # others may be at work in it
            hidden.parent.rmdir()


def _hidden_folder(root: Path, name: str) -> Path:
    """Make a folder to build a recording in; what killed conversions left goes."""
    folder = root / INCOMPLETE
    with locked(root):
        folder.mkdir(exist_ok=True)
        clean_leftovers(folder)
        return Path(tempfile.mkdtemp(dir=folder, prefix=unfinished_prefix(name)))


def write_brainvision(
    header: Path, ch_names: list[str], sfreq: float, blocks: Iterable[np.ndarray]
) -> Path:
    """Write a BrainVision recording, never holding more than a block of it.

    Parameters
    ----------
    header : Path
        The header file, ending in ``.vhdr``; the data file and the marker file get the
        same name.
    ch_names : list of str
        The channels.
    sfreq : float
        The sampling frequency in hertz.
    blocks : iterable of array, shape (n_samples, n_channels)
        The data in volts, in time. They are stored in microvolts, float32.

    Returns
    -------
    header : Path
        The header file.
    """
    with header.with_suffix(".eeg").open("wb") as file:
        for block in blocks:
            (block * 1e6).astype("<f4").tofile(file)
    lines = (f"Ch{i}={name},,1,µV" for i, name in enumerate(ch_names, 1))
    text = HEADER.format(
        name=header.stem,
        n_channels=len(ch_names),
        interval=1e6 / sfreq,
        channels="\n".join(lines),
    )
    header.write_text(text, "utf-8")
    markers = MARKERS.format(name=header.stem)
    header.with_suffix(".vmrk").write_text(markers, "utf-8")
    return header


def _write_sidecars(header: Path, path: BIDSPath, new: NewRecording) -> None:
    """Let MNE-BIDS copy the recording and describe it, then add what it cannot know."""
    raw = mne.io.read_raw_brainvision(header, verbose="ERROR")
    raw.set_channel_types(dict.fromkeys(new.ch_names, new.ch_type), verbose="ERROR")
    raw.set_annotations(None)
    raw.info["line_freq"] = new.sidecar.get("PowerLineFrequency", 50)
    write_raw_bids(raw, path, overwrite=True, verbose="ERROR")

    def sidecar(suffix: str, extension: str) -> Path:
        return path.copy().update(suffix=suffix, extension=extension).fpath

    update_json(sidecar(path.datatype, ".json"), new.sidecar)
    write_tsv(sidecar("events", ".tsv"), new.events())
    _describe(sidecar("events", ".json"), new.descriptions)
    table = read_tsv(sidecar("channels", ".tsv"))
    # MNE-BIDS writes 0 and half the sampling frequency, which nothing was filtered to.
    low, high = (MISSING if edge is None else edge for edge in new.cutoffs)
    table = table.assign(low_cutoff=low, high_cutoff=high)
    if new.channels is not None:
        table = table.assign(**new.channels())
        _describe(sidecar("channels", ".json"), new.channel_descriptions)
    write_tsv(sidecar("channels", ".tsv"), table)
    if path.datatype == "ieeg":
        _write_electrodes(path, new.ch_names)


def _describe(file: Path, columns: dict[str, str]) -> None:
    """Say what the columns of a table hold."""
    described = {name: {"Description": text} for name, text in columns.items()}
    file.write_text(json.dumps(described, indent=4), "utf-8")


def _write_electrodes(path: BIDSPath, ch_names: list[str]) -> None:
    """Write the electrodes that the standard asks for, at positions not known.

    They are the only ones: MNE-BIDS, from some version on, writes others, that name no
    space, and a reader would not know which to take.
    """
    for pattern in ("*_electrodes.*", "*_coordsystem.json"):
        for file in path.directory.glob(pattern):
            file.unlink()
    where = path.copy().update(task=None, space="Other")
    table = pd.DataFrame({"name": ch_names}).assign(x=MISSING, y=MISSING, z=MISSING)
    table["size"] = MISSING
    write_tsv(where.update(suffix="electrodes", extension=".tsv").fpath, table)
    contents = {
        "iEEGCoordinateSystem": "Other",
        "iEEGCoordinateUnits": MISSING,
        "iEEGCoordinateSystemDescription": "The source gives no positions.",
    }
    file = where.update(suffix="coordsystem", extension=".json").fpath
    file.write_text(json.dumps(contents, indent=4), "utf-8")


def read_json(file: Path) -> dict:
    """Read a JSON file."""
    try:
        return json.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} does not exist.") from None
    except ValueError as error:
        raise ValueError(f"{file} is not a JSON file ({error}).") from error


def update_json(file: Path, entries: dict) -> None:
    """Add entries to a JSON file."""
    contents = read_json(file) | entries
    file.write_text(json.dumps(contents, indent=4), "utf-8")


def read_tsv(file: Path) -> pd.DataFrame:
    """Read a table of BIDS; a missing value is ``n/a``, in some data sets ``N/A``."""
    try:
        return pd.read_csv(
            file, sep="\t", na_values=[MISSING, "N/A"], keep_default_na=False
        )
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{file} does not exist. It says what was shown when; fetch or convert the "
            "recording again."
        ) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not a table of BIDS ({error}).") from error


def write_tsv(file: Path, table: pd.DataFrame) -> None:
    """Write a table of BIDS."""
    table.to_csv(file, sep="\t", index=False, na_rep=MISSING, encoding="utf-8")


def add_stimuli(
    bids_root: Path, stim_files: Iterable[str], images: str | Path | None
) -> None:
    """Put images below ``stimuli/``, where the events name them.

    Parameters
    ----------
    bids_root : Path
        The root.
    stim_files : iterable of str
        Their paths below ``stimuli/``.
    images : path-like | None
        The folder that holds them under the same paths; None adds none. They are linked
        where the file system can, and copied where it cannot. Those that are absent are
        named in a warning.
    """
    if images is None:
        return
    absent = []
    for name in dict.fromkeys(stim_files):
        source = inside(Path(images), name)
        target = inside(bids_root / "stimuli", name)
        if not source.is_file():
            absent.append(name)
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:  # another disk, or a file system without links
                with replacing(target) as temporary:
                    shutil.copyfile(source, temporary)
    if absent:
        warn(f"{len(absent)} images are not in {images}: {five(absent)}.")


def _move(staged: Path, root: Path) -> None:
    """Move a recording to its place, joining the tables that recordings share."""
    files = [path for path in staged.rglob("*") if path.is_file()]
    for source in sorted(files, key=lambda path: (path.suffix == ".vhdr", path)):
        target = root / source.relative_to(staged)
        is_shared = source.parent == staged
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.name.endswith(("scans.tsv", "participants.tsv")) and target.exists():
            with replacing(target) as temporary:
                shutil.copyfile(target, temporary)
                add_rows(temporary, source)
        elif not (is_shared and target.exists()):
            source.replace(target)


def add_rows(file: Path, other: Path) -> None:
    """Add the rows of another table to a table of BIDS, as they are written.

    Parameters
    ----------
    file : Path
        The table. Its rows stay, letter by letter.
    other : Path
        A table whose first column has the same name. Of rows that both have, nothing
        is taken; columns that one of them lacks are ``n/a``.
    """
    (columns, rows), (more, others) = map(_cells, (file, other))
    key = columns[0]
    known = {row.get(key) for row in rows}
    new = [row for row in others if row.get(key) not in known]
    if not new:
        return
    columns += [name for name in more if name not in columns]
    lines = [[row.get(name, MISSING) for name in columns] for row in [*rows, *new]]
    text = "\n".join("\t".join(line) for line in [columns, *lines]) + "\n"
    file.write_bytes(text.encode())


def _cells(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns of a table, and its rows as text by column."""
    text = file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    header, *rows = (line.split("\t") for line in text.split("\n") if line)
    return header, [dict(zip(header, row, strict=False)) for row in rows]


def find_recordings(bids_root: Path, subject: str, task: str, **entities) -> list:
    """Find the recordings of a task of a subject, in order of session and run.

    Parameters
    ----------
    bids_root : Path
        The root.
    subject : str
        The label of the subject, without ``sub-``.
    task : str
        The task.
    **entities : dict
        ``datatype`` and ``extensions``, and ``sessions`` to restrict them.

    Returns
    -------
    paths : list of BIDSPath
        The recordings.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    datatype, extensions = entities["datatype"], entities["extensions"]
    folder = Path(bids_root) / f"sub-{subject}"
    found = [
        path
        for extension in extensions
        for path in folder.glob(
            f"ses-*/{datatype}/sub-{subject}_*task-{task}_*{datatype}{extension}"
        )
        if path.name.startswith("sub-")  # archives leave files such as ._sub-01
    ]
    paths = [_bids_path(bids_root, file, datatype) for file in sorted(found)]
    sessions = session_labels(entities.get("sessions"))
    if sessions is not None:
        paths = [path for path in paths if path.session in sessions]
    if not paths:
        which = "" if sessions is None else f", sessions {', '.join(sessions)}"
        raise FileNotFoundError(
            f"There is no {datatype} recording of the task {task!r} in "
            f"{folder}{which}. Expected files like {folder}/ses-01/{datatype}/"
            f"sub-{subject}_ses-01_task-{task}_{datatype}{extensions[0]}."
        )
    return paths


def _bids_path(root: Path, file: Path, datatype: str) -> BIDSPath:
    words = file.name.removesuffix("".join(file.suffixes[-1:])).split("_")
    keys = {"sub": "subject", "ses": "session", "task": "task", "run": "run"}
    pairs = (word.split("-", 1) for word in words if "-" in word)
    entities = {keys[key]: value for key, value in pairs if key in keys}
    return BIDSPath(
        root=root, datatype=datatype, suffix=datatype, extension=file.suffix, **entities
    )


def read_events(path: BIDSPath, columns: Iterable[str]) -> pd.DataFrame:
    """Read the events of a recording.

    Parameters
    ----------
    path : BIDSPath
        The recording.
    columns : iterable of str
        The columns that are needed.

    Returns
    -------
    events : DataFrame
        The events. An absent table or column is an error that names it, but for
        ``sample``, which follows from ``onset``, and ``trial_type``, both of which BIDS
        leaves open.
    """
    file = path.copy().update(suffix="events", extension=".tsv").fpath
    events = _fill_optional(read_tsv(file), path)
    lacking = [name for name in columns if name not in events]
    if lacking:
        raise ValueError(
            f"{file} lacks the columns {', '.join(lacking)}, it has "
            f"{', '.join(events.columns)}."
        )
    return events


def _fill_optional(events: pd.DataFrame, path: BIDSPath) -> pd.DataFrame:
    """Add the columns that BIDS leaves open, as far as others tell them."""
    if "trial_type" not in events:
        events["trial_type"] = None
    is_timed = "sample" in events and events["sample"].notna().all()
    sidecar = path.copy().update(extension=".json").fpath
    if is_timed or "onset" not in events or not sidecar.is_file():
        return events
    sfreq = read_json(sidecar).get("SamplingFrequency")
    if sfreq is not None:
        samples = (events["onset"].astype(float) * sfreq).round()
        events["sample"] = samples.astype("Int64").astype(int)
    return events


def open_brainvision(path: BIDSPath, ch_type: str) -> mne.io.BaseRaw:
    """Open a recording, with the bad channels that its sidecars mark.

    Parameters
    ----------
    path : BIDSPath
        The recording, continuous or epoched.
    ch_type : str
        The type of its channels in MNE-Python.

    Returns
    -------
    raw : instance of Raw
        The recording, not loaded.

    Raises
    ------
    ValueError
        If the size of the data file differs from what its sidecar says.
    """
    data = path.copy().update(extension=".eeg").fpath
    if not data.is_file():
        raise FileNotFoundError(f"{data} does not exist, but its header does.")
    raw = mne.io.read_raw_brainvision(path.fpath, verbose="ERROR")
    _check_whole(path, raw)
    raw.set_channel_types(dict.fromkeys(raw.ch_names, ch_type), verbose="ERROR")
    raw.set_annotations(None)
    raw.info["bads"] = bad_channels(path)
    return raw


def bad_channels(path: BIDSPath) -> list[str]:
    """Return the channels that the sidecar of a recording marks as bad.

    Parameters
    ----------
    path : BIDSPath
        The recording.

    Returns
    -------
    bads : list of str
        Their names; none when there is no sidecar.
    """
    file = path.copy().update(suffix="channels", extension=".tsv").fpath
    if not file.is_file():
        logger.info(f"{file} is absent: no channel counts as bad.")
        return []
    table = read_tsv(file)
    if "status" not in table:  # which BIDS leaves open
        return []
    return list(table["name"][table["status"] == "bad"])


def _check_whole(path: BIDSPath, raw: mne.io.BaseRaw) -> None:
    """Refuse a data file that was cut off, which the format itself does not tell."""
    sidecar = path.copy().update(extension=".json").fpath
    data = path.copy().update(extension=".eeg").fpath
    about = read_json(sidecar) if sidecar.is_file() else {}
    duration = about.get("RecordingDuration")  # which BIDS leaves open
    if not isinstance(duration, int | float):
        logger.info(
            f"{sidecar} tells no duration: no check whether the data are whole."
        )
        return
    expected = round(duration * raw.info["sfreq"])
    if abs(raw.n_times - expected) > 1:  # the duration may count from 0
        raise ValueError(
            f"{data} has {raw.n_times} samples, but its sidecar says {expected}: "
            "the file is truncated. Convert or fetch the recording again."
        )


def subject_label(subject: int | str, labels: Iterable[str]) -> str:
    """Check a subject and return its label in BIDS.

    Parameters
    ----------
    subject : int | str
        The subject, such as ``1``, ``"01"`` or ``"sub-01"``.
    labels : iterable of str
        The subjects that there are.

    Returns
    -------
    label : str
        The label without ``sub-``.

    Raises
    ------
    ValueError
        If the data set has no such subject.
    """
    labels = list(labels)
    given = str(subject).removeprefix("sub-")
    for label in labels:
        if given in (label, label.lstrip("0")):
            return label
    raise ValueError(f"subject must be one of {', '.join(labels)}, got {subject!r}.")


def subject_labels(subjects, labels: Iterable[str]) -> list[str]:
    """Check one subject, several or None for all, and return their labels."""
    labels = list(labels)
    if subjects is None:
        return labels
    single = isinstance(subjects, str | int)
    return [subject_label(s, labels) for s in ([subjects] if single else subjects)]


def session_labels(sessions: int | str | Iterable | None) -> list[str] | None:
    """Write one session or several as BIDS names them, such as 1 as ``"01"``."""
    if sessions is None:
        return None
    single = isinstance(sessions, str | int)
    given = [str(s).removeprefix("ses-") for s in ([sessions] if single else sessions)]
    return [session.zfill(2) for session in given]
