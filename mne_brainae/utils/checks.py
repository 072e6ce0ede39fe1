"""Argument checks, and the only home of MNE-Python's private helpers."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from mne import BaseEpochs, Info
from mne._fiff.pick import _picks_to_idx
from mne.utils import (
    _check_fname,
    _check_option,
    _pl,
    _validate_type,
    check_random_state,
    fill_doc,
    logger,
    verbose,
    warn,
)

__all__ = [
    "_check_fname",
    "_check_option",
    "_validate_type",
    "check_complete",
    "check_device",
    "check_finite",
    "check_folder_for_arrays",
    "check_image_names",
    "check_new_file",
    "check_random_state",
    "check_same_space",
    "counted",
    "describe_band",
    "fill_doc",
    "five",
    "logger",
    "pick_channels",
    "resolve_device",
    "seed_from",
    "verbose",
    "warn",
]


def five(names: Iterable) -> str:
    """Write the first five of some names, for an error message."""
    names = list(names)
    shown = ", ".join(repr(str(name)) for name in names[:5])
    return shown + (f", ... ({len(names)} in all)" if len(names) > 5 else "")


def counted(n: int, noun: str) -> str:
    """Write how many things there are, such as ``"1 seed"`` and ``"2 seeds"``."""
    return f"{n} {noun}{_pl(n)}"


def check_image_names(epochs: BaseEpochs) -> pd.Series:
    """Return the stimulus name of every epoch.

    Parameters
    ----------
    epochs : instance of Epochs
        Epochs whose ``metadata`` has a column ``"image"``.

    Returns
    -------
    names : Series, shape (n_epochs,)
        The names as strings.
    """
    _validate_type(epochs, BaseEpochs, "epochs")
    how = (
        "Name the image of every epoch: "
        "epochs.metadata = pandas.DataFrame({'image': [...]})."
    )
    if epochs.metadata is None:
        raise ValueError(f"epochs.metadata is None, expected a column 'image'. {how}")
    if "image" not in epochs.metadata:
        raise ValueError(
            "epochs.metadata has no column 'image', only "
            f"{five(epochs.metadata.columns)}. {how}"
        )
    names = epochs.metadata["image"]
    if names.isna().any():
        missing = np.flatnonzero(names.isna())
        raise ValueError(
            f"epochs.metadata['image'] is missing for epochs {five(missing)}. {how}"
        )
    return names.astype(str)


def check_finite(data: np.ndarray, name: str) -> None:
    """Refuse NaN and infinite values."""
    if not np.isfinite(data).all():
        bad = np.flatnonzero(~np.isfinite(data.reshape(len(data), -1)).all(axis=1))
        raise ValueError(
            f"{name} must be finite, but rows {five(bad)} hold NaN or infinite "
            "values. Drop or repair them first."
        )


def check_complete(wanted: Sequence[str], present: Sequence[str], where: str) -> None:
    """Refuse image names that are missing from or doubled in a gallery."""
    present = pd.Index(present)
    if present.has_duplicates:
        doubled = present[present.duplicated()].unique()
        raise ValueError(
            f"{where} must name every image once, but these come more than once: "
            f"{five(doubled)}."
        )
    missing = pd.Index(wanted, dtype=present.dtype).unique()
    missing = missing.difference(present, sort=False)
    if len(missing):
        raise ValueError(
            f"{where} lacks these images named in epochs.metadata['image']: "
            f"{five(missing)}. It has {len(present)} images, such as "
            f"{five(present[:2])}."
        )


def check_new_file(fname, suffix: str, *, overwrite: bool) -> Path:
    """Refuse a name of another suffix, and a file that may not be replaced."""
    if Path(fname).suffix != suffix:
        raise ValueError(f"fname must end in {suffix}, got {Path(fname).name!r}.")
    _check_fname(fname, overwrite=overwrite)
    return Path(fname)


def pick_channels(info: Info, picks) -> np.ndarray:
    """Return the picked channels, good ones of the brain by default, as recorded.

    Parameters
    ----------
    info : instance of Info
        The channels to choose from.
    picks : str | array-like | slice | None
        The channels, in any order. None, and types such as ``"meg"``, take no reference
        sensors: they lie away from the head.

    Returns
    -------
    picks : array of int, shape (n_channels,)
        Their indices, ascending whatever the order of ``picks``: a model of channels
        in another order would refuse the very recording that it was fitted on.
    """
    return np.sort(
        _picks_to_idx(info, picks, none="data", exclude="bads", with_ref_meg=False)
    )


def check_same_space(epochs: BaseEpochs, ch_names: list[str], times: np.ndarray):
    """Return the indices of ``ch_names`` in epochs recorded as those at fit.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs to check.
    ch_names : list of str
        The channels that the model was fitted on, in order.
    times : array, shape (n_times,)
        The times that the model was fitted on, in seconds.

    Returns
    -------
    picks : array of int, shape (n_channels,)
        Where the channels are in ``epochs``.
    """
    _validate_type(epochs, BaseEpochs, "epochs")
    rows = {name: row for row, name in enumerate(epochs.ch_names)}
    missing = [name for name in ch_names if name not in rows]
    if missing:
        raise ValueError(
            f"epochs lack channels that are needed: {five(missing)}. Add them, or fit "
            "on the channels that you have."
        )
    picks = np.array([rows[name] for name in ch_names])
    if (np.diff(picks) < 0).any():
        raise ValueError(
            "epochs have the channels of the model in another order. Call "
            "epochs.reorder_channels(model.info_['ch_names']) first."
        )
    if not np.array_equal(epochs.times, times) and (
        len(epochs.times) != len(times)
        or not np.allclose(epochs.times, times, atol=1e-6)
    ):
        raise ValueError(
            f"epochs have {counted(len(epochs.times), 'time')} from "
            f"{epochs.times[0]:g} to {epochs.times[-1]:g} s, but the model was fitted "
            f"on {len(times)} from "
            f"{times[0]:g} to {times[-1]:g} s. Crop or resample the epochs to match."
        )
    return picks


def describe_band(
    info: Info, sfreq: float, l_freq: float | None, h_freq: float | None
) -> Info:
    """Return a copy of ``info`` that says how the data were filtered and sampled."""
    info = info.copy()
    with info._unlock():
        info["highpass"] = max(info["highpass"], l_freq or 0.0)
        info["lowpass"] = min(info["lowpass"], h_freq or np.inf, sfreq / 2)
        info["sfreq"] = float(sfreq)
    info["bads"] = []
    return info


def seed_from(random_state) -> int:
    """Draw one integer seed without touching the global random state."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))


def resolve_device(device: str):
    """Choose CUDA, then MPS, then the CPU for ``"auto"``.

    Parameters
    ----------
    device : str
        ``"auto"`` or the name of a PyTorch device.

    Returns
    -------
    device : torch.device
        The device.
    """
    import torch

    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def check_device(device: str) -> None:
    """Refuse a device that PyTorch does not know, or that this machine lacks."""
    import torch

    if device == "auto":
        return
    try:
        torch.empty(0, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"device={device!r} cannot be used here ({reason}). Take 'auto', 'cpu', or "
            "a device that this machine has."
        ) from None


def check_folder_for_arrays(folder) -> None:
    """Refuse a folder for temporary files that does not exist."""
    if folder is not None:
        _check_fname(folder, "read", must_exist=True, name="memory_map", need_dir=True)
