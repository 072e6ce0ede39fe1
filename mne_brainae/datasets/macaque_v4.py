"""Macaque V4: real neurons that saw natural photographs."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from mne.io.constants import FIFF

from ..utils.bounds import read_numbers
from ..utils.checks import check_finite, logger, verbose
from ..utils.docs import fill_doc
from ..utils.units import set_unit
from ._archive import unpack
from ._fetch import (
    cache_dir,
    fetch_files,
    locate,
    read_registry,
)

NAME = "macaque_v4"


def available_sessions() -> list[str]:
    """List the sessions of which both images and responses are registered.

    Returns
    -------
    sessions : list of str
        The dates of recording, as year, month and day.

    See Also
    --------
    mne_brainae.datasets.macaque_v4.fetch

    Examples
    --------
    >>> mne_brainae.datasets.macaque_v4.available_sessions()  # doctest: +SKIP
    """
    files = read_registry(NAME).files
    dates = sorted(file[7:-4] for file in files if file.startswith("images_"))
    return [date for date in dates if f"responses_{date}.npy" in files]


@verbose
@fill_doc
def fetch(
    sessions: str | Sequence[str] = ("190923", "210225"),
    path: str | Path | None = None,
    *,
    verbose=None,
) -> Path:
    """Download the macaque V4 data set.

    Parameters
    ----------
    sessions : str | sequence of str
        The sessions, 2 to 5 MB each; see :func:`available_sessions`.
    %(data_path)s
    %(verbose)s

    Returns
    -------
    folder : Path
        The folder that holds the files.

    See Also
    --------
    mne_brainae.datasets.macaque_v4.read_epochs

    Notes
    -----
    The data are those of Cowley, Stan, Pillow & Smith (2023), "Compact deep neural
    network models of visual cortex", bioRxiv, which a publication should cite. They
    come from https://github.com/cowleygroup/V4_compact_models under the GPL-3.0 and
    are not part of this package.

    Examples
    --------
    >>> mne_brainae.datasets.macaque_v4.fetch()  # doctest: +SKIP
    """
    sessions = [sessions] if isinstance(sessions, str) else list(sessions)
    files = [file for session in sessions for file in _files_of(session)]
    fetch_files(NAME, files, path)
    return locate(NAME, path)


@verbose
@fill_doc
def read_epochs(
    session: str = "190923", path: str | Path | None = None, *, verbose=None
) -> mne.EpochsArray:
    """Read the responses of one session, one epoch per photograph.

    Parameters
    ----------
    session : str
        The session, such as ``"190923"`` (33 units, animal WE) or ``"210225"`` (55
        units, animal PE), both with 1,200 natural photographs; see
        :func:`available_sessions`. What is not there yet is downloaded.
    %(data_path)s
    %(verbose)s

    Returns
    -------
    epochs : instance of EpochsArray, shape (n_images, n_units, 1)
        The spike count of every unit in one bin of 100 ms, averaged over all
        repetitions of a photograph: one time point, in spikes per bin. The functions of
        this package draw them in spikes per second. MNE-Python takes ``seeg`` channels
        for volts, so plot them with ``scalings=dict(seeg=1)`` and
        ``units=dict(seeg="spikes")``. The metadata have the columns ``image`` (the file
        name of the photograph), ``image_path`` (where it was unzipped) and ``session``.

    Raises
    ------
    ValueError
        If responses and images are not of the same number, or if a file is truncated or
        of another kind.

    See Also
    --------
    mne_brainae.datasets.macaque_v4.fetch
    mne_brainae.datasets.macaque_it.read_epochs

    Notes
    -----
    Every session numbers its photographs from 1 on: ``image0001.jpg`` of one session
    is not that of another.

    Examples
    --------
    >>> epochs = mne_brainae.datasets.macaque_v4.read_epochs("210225")  # doctest: +SKIP
    """
    archive, responses = fetch_files(NAME, _files_of(session), path)
    counts = _read_counts(responses)
    pictures = unpack(archive, cache_dir(NAME) / archive.stem, flat=True)
    n_units, n_images = counts.shape
    if len(pictures) != n_images:
        raise ValueError(
            f"{responses} holds responses to {n_images} images, but {archive} holds "
            f"{len(pictures)} images. Fetch both files again."
        )
    logger.info(f"V4 session {session}: {n_units} units, {n_images} photographs.")
    metadata = pd.DataFrame(
        {
            "image": [picture.name for picture in pictures],
            "image_path": [str(picture.absolute()) for picture in pictures],
            "session": session,
        }
    )
    info = mne.create_info(
        [f"V4_{unit:02d}" for unit in range(1, n_units + 1)],
        sfreq=10.0,  # bins of 100 ms
        ch_types="seeg",
    )
    set_unit(info, FIFF.FIFF_UNIT_HZ, 1)  # per bin of a tenth of a second
    epochs = mne.EpochsArray(
        counts.T[:, :, np.newaxis],
        info,
        event_id={"photograph": 1},
        metadata=metadata,
    )
    return epochs.set_annotations(mne.Annotations([], [], []))


def _files_of(session: str) -> list[str]:
    """Name the two files of a session."""
    sessions = available_sessions()
    if session not in sessions:
        raise ValueError(
            f"session must be one of {', '.join(sessions)}, got {session!r}. Both "
            "images and responses of these are registered."
        )
    return [f"images_{session}.zip", f"responses_{session}.npy"]


def _read_counts(file: Path) -> np.ndarray:
    """Read the mean spike counts, shape (n_units, n_images)."""
    try:
        counts = read_numbers(file)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{file} is not a complete array in NumPy's npy format ({error}). It is "
            "truncated or of another format; remove it and fetch it again."
        ) from error
    if counts.ndim != 2 or not np.issubdtype(counts.dtype, np.number):
        raise ValueError(
            f"{file} holds an array of shape {counts.shape} and type {counts.dtype}, "
            "expected numbers of shape (n_units, n_images)."
        )
    check_finite(counts, str(file))
    return counts
