"""Epochs that a command is given."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path


def read_epochs(fname: Path):
    """Read epochs, and say what was expected if the file holds none.

    Parameters
    ----------
    fname : path-like
        The file.

    Returns
    -------
    epochs : instance of Epochs
        The epochs, whose data stay on disk.
    """
    import mne

    try:
        return mne.read_epochs(fname, preload=False)
    except FileNotFoundError:
        raise
    except Exception as error:  # MNE-Python raises all kinds on another kind of file
        raise ValueError(
            f"{fname} holds no epochs that MNE-Python can read ({error}). Expected a "
            "file -epo.fif that epochs.save wrote; cut a raw recording with mne.Epochs "
            "first."
        ) from error
