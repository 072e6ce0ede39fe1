"""The files of THINGS-EEG2 as its authors published them."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from mne_bids import BIDSPath

from ..utils.unpickle import load_dict
from ._bids import NewRecording, write_recording

PARTITIONS = ("train", "test")
#: The names of the partitions in the files of the authors.
THEIR_NAMES = {"train": "training", "test": "test"}
#: The code of the image that the participants were to report, Buzz Lightyear.
TARGET = 99999
#: Seconds that an image was shown.
DURATION = 0.1

COLUMNS = {
    "value": "Number of the image within its partition, from 1; 99999 is the target",
    "trial_type": "train, test, or target (an image to be reported)",
    "stim_file": "The image, below stimuli/",
    "concept": "The THINGS concept",
}


def find_file(source: Path, name: str) -> Path:
    """Find a file of the authors, wherever it was unpacked to."""
    found = sorted(source.glob(f"**/{name}"))
    if not found:
        raise FileNotFoundError(f"There is no {name} below {source}.")
    return found[0]


def convert(source: Path, path: BIDSPath, pictures: pd.DataFrame) -> None:
    """Write one session and partition."""
    name = f"raw_eeg_{THEIR_NAMES[path.task]}.npy"
    file = find_file(source, f"sub-{path.subject}/ses-{path.session}/{name}")
    contents = load_dict(
        file,
        {
            "raw_eeg_data": "volts, one row per channel",
            "ch_names": "the names of the channels",
            "ch_types": "their types",
            "sfreq": "the sampling frequency",
        },
    )
    signal = np.asarray(contents["raw_eeg_data"])
    types = list(contents["ch_types"])
    n_stim = types.count("stim")
    if signal.ndim != 2 or len(signal) != len(types) or n_stim != 1:
        raise ValueError(
            f"{file} holds data of shape {signal.shape} for {len(types)} channels, "
            f"{n_stim} of them of type stim, expected one row per channel and one stim."
        )
    is_eeg = np.array([kind != "stim" for kind in types])
    names = [n for n, keep in zip(contents["ch_names"], is_eeg, strict=True) if keep]
    sfreq = float(contents["sfreq"])
    band = float(contents.get("highpass", 0.01)), float(contents.get("lowpass", 100))
    events = _events(signal[~is_eeg][0], sfreq, path.task, pictures, file)
    write_recording(
        NewRecording(
            path=path,
            ch_names=names,
            ch_type="eeg",
            sfreq=sfreq,
            blocks=_blocks(signal, is_eeg),
            events=lambda: events,
            descriptions=COLUMNS,
            cutoffs=band,
            sidecar={
                "PowerLineFrequency": 50,
                "EEGReference": "n/a",  # not stated by the source
                "SoftwareFilters": "n/a",
                "HardwareFilters": {
                    "Band": {
                        "High-pass (Hz)": band[0],
                        "Low-pass (Hz)": band[1],
                    }
                },
            },
        )
    )


def _blocks(signal: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, signal.shape[1], 100_000):
        yield signal[rows, start : start + 100_000].T


def _events(stim, sfreq, partition, pictures: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Turn the impulses of the stimulus channel into events."""
    samples = np.flatnonzero(stim)
    codes = stim[samples].astype(int)
    known = np.isin(codes, [*pictures.index, TARGET])
    if not known.all() or (np.diff(samples) == 1).any():
        raise ValueError(
            f"The stimulus channel of {file} must hold impulses of one sample with "
            f"codes from 1 to {len(pictures)} or {TARGET}, found codes such as "
            f"{sorted(set(codes[~known]))[:5]} and "
            f"{(np.diff(samples) == 1).sum()} impulses of more samples."
        )
    shown = pictures.reindex(codes).reset_index(drop=True)
    return pd.DataFrame(
        {
            "onset": samples / sfreq,
            "duration": DURATION,
            "sample": samples,
            "value": codes,
            "trial_type": np.where(codes == TARGET, "target", partition),
            "stim_file": shown["stim_file"],
            "concept": shown["concept"],
        }
    )


def read_image_table(path: str | Path) -> dict[str, pd.DataFrame]:
    """Read which image each code stands for.

    Parameters
    ----------
    path : path-like
        The file ``image_metadata.npy`` of the authors.

    Returns
    -------
    images : dict of DataFrame
        For ``"train"`` and ``"test"`` a table indexed by the code, with the columns
        ``image`` (file name), ``concept`` (of THINGS) and ``stim_file`` (path below the
        folder of the images).

    Raises
    ------
    ValueError
        If the lists differ in length.
    """
    keys = [
        f"{partition}_img_{what}"
        for partition in PARTITIONS
        for what in ("concepts", "concepts_THINGS", "files")
    ]
    contents = load_dict(path, dict.fromkeys(keys, "a list of names"))
    tables = {}
    for partition in PARTITIONS:
        folders, concepts, files = (
            list(contents[f"{partition}_img_{what}"])
            for what in ("concepts", "concepts_THINGS", "files")
        )
        if not len(folders) == len(concepts) == len(files):
            raise ValueError(
                f"{path} has {partition} lists of unequal length: {len(folders)} "
                f"folders, {len(concepts)} concepts and {len(files)} files."
            )
        root = f"{THEIR_NAMES[partition]}_images"
        tables[partition] = pd.DataFrame(
            {
                "image": files,
                "concept": [concept.split("_", 1)[1] for concept in concepts],
                "stim_file": [
                    f"{root}/{folder}/{file}"
                    for folder, file in zip(folders, files, strict=True)
                ],
            },
            index=pd.RangeIndex(1, len(files) + 1),
        )
    return tables
