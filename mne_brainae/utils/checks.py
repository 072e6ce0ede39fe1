"""Argument checks, and the only module with private helpers of MNE-Python."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from mne import BaseEpochs, Evoked, Info
from mne._fiff.pick import _picks_to_idx
from mne.io import BaseRaw
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

from .names import column_of_text

__all__ = [
    "_check_fname",
    "_check_option",
    "_validate_type",
    "check_concepts",
    "check_device",
    "check_epochs",
    "check_evoked",
    "check_finite",
    "check_folder_for_arrays",
    "check_image_names",
    "check_new_file",
    "check_old_file",
    "check_once",
    "check_random_state",
    "check_real",
    "check_same_space",
    "counted",
    "describe_band",
    "fill_doc",
    "five",
    "logger",
    "names_in",
    "pick_channels",
    "resolve_device",
    "seed_from",
    "verbose",
    "warn",
]

#: The columns of metadata that may name the image; the second as in BIDS.
IMAGE_COLUMNS = ("image", "stim_file")
NAME_THEM = (
    "Name the image of every epoch: "
    "epochs.metadata = pandas.DataFrame({'image': [...]})."
)


def five(names: Iterable) -> str:
    """Write the first five of some names, for an error message."""
    names = list(names)
    shown = ", ".join(repr(str(name)) for name in names[:5])
    return shown + (f", ... ({len(names)} in all)" if len(names) > 5 else "")


def counted(n: int, noun: str) -> str:
    """Write how many things there are, such as ``"1 seed"`` and ``"2 seeds"``."""
    return f"{n} {noun}{_pl(n)}"


#: How what is often given instead of Epochs becomes Epochs.
BECOMES_EPOCHS = (
    (
        BaseRaw,
        "a Raw recording: cut it by mne.Epochs(raw, events, metadata=...), one epoch "
        "for every time that an image is shown",
    ),
    (
        Evoked,
        "an Evoked: stack the responses as mne.EpochsArray(data[None], evoked.info, "
        "tmin=evoked.tmin, metadata=...)",
    ),
    (
        np.ndarray,
        "an array: name its channels by mne.create_info, and make "
        "mne.EpochsArray(data, info, tmin=..., metadata=...) of shape (n_epochs, "
        "n_channels, n_times) in SI units",
    ),
    (
        list | tuple,
        "a sequence: join its parts by mne.concatenate_epochs; if scikit-learn made it "
        "of Epochs, call mne_brainae.cross_validate instead of cross_val_score",
    ),
    (str | Path, "a file name: read it by mne.read_epochs"),
)


def check_epochs(epochs, name: str = "epochs") -> None:
    """Refuse what are no Epochs, saying how it becomes Epochs, and no epochs at all.

    Bad epochs are dropped before. Epochs that were made with ``reject`` and
    ``preload=False`` lose them only when they are read, and metadata that were looked
    at before would belong to others.

    Parameters
    ----------
    epochs : instance of Epochs
        What was given.
    name : str
        The name of the parameter.
    """
    if not isinstance(epochs, BaseEpochs):
        came = f"an object of type {type(epochs).__name__}"
        for kind, advice in BECOMES_EPOCHS:
            if isinstance(epochs, kind):
                came = advice
        raise TypeError(f"{name} must be Epochs of MNE-Python, got {came}.")
    if len(epochs.events):
        # To set a level takes longer than to embed one epoch; in memory all is said.
        epochs.drop_bad(verbose=None if epochs.preload else "ERROR")
    if not len(epochs.events):
        reasons = {str(why) for log in epochs.drop_log for why in log}
        raise ValueError(
            f"{name} hold no epochs: nothing is left after selection or rejection"
            + (f" (dropped for {five(sorted(reasons))})" if reasons else "")
            + ". See epochs.drop_log, and select or reject less."
        )


def check_evoked(evoked, name: str) -> None:
    """Refuse what is no Evoked, such as a mean response given as an array."""
    if not isinstance(evoked, Evoked):
        raise TypeError(
            f"{name} must be an Evoked of MNE-Python, such as model.evoked_ or "
            f"epochs.average(), got {type(evoked).__name__}."
        )


def names_in(metadata: pd.DataFrame | None) -> pd.Series | None:
    """Return the column of metadata that names the images, as text.

    Parameters
    ----------
    metadata : DataFrame, shape (n_epochs, n_columns) | None
        The metadata.

    Returns
    -------
    names : Series, shape (n_epochs,) | None
        The column ``"image"`` or, as BIDS calls it, ``"stim_file"``; None without.
    """
    columns = () if metadata is None else metadata.columns
    key = next((key for key in IMAGE_COLUMNS if key in columns), None)
    if key is None:
        return None
    names = metadata[key]
    if pd.isna(names.to_numpy()).any():
        raise ValueError(
            f"epochs.metadata[{key!r}] is missing for epochs "
            f"{five(np.flatnonzero(names.isna()))}. {NAME_THEM}"
        )
    return column_of_text(names)


def check_image_names(epochs: BaseEpochs) -> pd.Series:
    """Return the stimulus name of every epoch.

    Parameters
    ----------
    epochs : instance of Epochs
        Epochs whose ``metadata`` has a column ``"image"`` or ``"stim_file"``. Bad ones
        are dropped.

    Returns
    -------
    names : Series, shape (n_epochs,)
        The names as text.
    """
    check_epochs(epochs)
    if epochs.metadata is None:
        raise ValueError(
            f"epochs.metadata is None, expected a column 'image'. {NAME_THEM}"
        )
    names = names_in(epochs.metadata)
    if names is None:
        raise ValueError(
            "epochs.metadata has no column 'image', only "
            f"{five(epochs.metadata.columns)}. {NAME_THEM}"
        )
    return names


def check_real(values: np.ndarray, what: str) -> None:
    """Refuse complex numbers, text and objects."""
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{what} must be real numbers, got {values.dtype}.")


def check_concepts(metadata: pd.DataFrame, names: pd.Series | None = None) -> pd.Series:
    """Return the concept of every epoch, and refuse cells that cannot be right.

    Parameters
    ----------
    metadata : DataFrame, shape (n_epochs, n_columns)
        Metadata with a column ``"concept"``.
    names : Series, shape (n_epochs,) | None
        The image of every epoch, which must have one concept; None does not compare.

    Returns
    -------
    concepts : Series, shape (n_epochs,)
        The concepts as text.
    """
    concepts = metadata["concept"]
    if concepts.isna().any():
        missing = np.flatnonzero(concepts.isna())
        shown = "" if names is None else f", which show {five(names.iloc[missing])}"
        raise ValueError(
            f"epochs.metadata['concept'] is missing for epochs {five(missing)}{shown}. "
            "Fill in the concept, or drop the epochs or the column."
        )
    concepts = column_of_text(concepts)
    if names is None:
        return concepts
    n_concepts = concepts.groupby(names.to_numpy(), sort=False).nunique()
    torn = list(n_concepts.index[n_concepts > 1])
    if torn:
        of_first = concepts[(names == torn[0]).to_numpy()].unique()
        raise ValueError(
            "epochs.metadata['concept'] must be the same for all epochs of an image, "
            f"but {torn[0]!r} has the concepts {five(of_first)}. Images of several "
            f"concepts: {five(torn)}. One may be misspelt, or two images have one name."
        )
    return concepts


def check_finite(data: np.ndarray, name: str) -> None:
    """Refuse NaN and infinite values."""
    if not np.isfinite(data).all():
        bad = np.flatnonzero(~np.isfinite(data.reshape(len(data), -1)).all(axis=1))
        raise ValueError(
            f"{name} must be finite, but rows {five(bad)} hold NaN or infinite "
            "values. Drop or repair them first."
        )


def check_once(names: Iterable[str], where: str) -> None:
    """Refuse names that come more than once."""
    names = list(names)
    if len(set(names)) < len(names):
        names = pd.Index(names)
        doubled = names[names.duplicated()].unique()
        raise ValueError(
            f"{where} must name every image once, but these come more than once: "
            f"{five(doubled)}."
        )


def check_new_file(fname, suffix: str, *, overwrite: bool) -> Path:
    """Refuse a name of another suffix, and a file that may not be replaced."""
    _validate_type(fname, "path-like", "fname")
    if not Path(fname).name.endswith(suffix):
        raise ValueError(f"fname must end in {suffix}, got {Path(fname).name!r}.")
    path = Path(fname)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists. Give overwrite=True to replace it.")
    for folder in path.absolute().parents:
        if folder.exists():
            if not folder.is_dir():
                raise NotADirectoryError(
                    f"{path} cannot be written: {folder} is a file."
                )
            break
    return path


def check_old_file(fname, what: str) -> Path:
    """Refuse what is not a name of a file, and a file that does not exist.

    Parameters
    ----------
    fname : path-like
        The file.
    what : str
        What it is to hold, for the message.

    Returns
    -------
    path : Path
        The file.
    """
    _validate_type(fname, "path-like", "fname")
    path = Path(fname).expanduser()
    if not path.is_file():
        found = "is not a file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{path} {found}, expected {what}.")
    return path


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
    try:
        return np.sort(
            _picks_to_idx(info, picks, none="data", exclude="bads", with_ref_meg=False)
        )
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"picks={picks!r} chooses no channels ({error}). Give names, indices or "
            f"types of the {len(info['ch_names'])} channels, such as "
            f"{five(info['ch_names'][:2])}, or None for all good data channels."
        ) from error


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
    check_epochs(epochs)
    rows = {name: row for row, name in enumerate(epochs.ch_names)}
    missing = [name for name in ch_names if name not in rows]
    if missing:
        raise ValueError(
            f"epochs lack channels that are needed: {five(missing)}. Add them, or fit "
            "on the channels that you have."
        )
    picks = np.array([rows[name] for name in ch_names])
    if (picks[1:] < picks[:-1]).any():
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
    return info


def seed_from(random_state) -> int:
    """Draw one integer seed without touching the global random state."""
    is_seed = isinstance(random_state, int | np.integer) and random_state >= 0
    if is_seed:
        return int(random_state)
    if not isinstance(random_state, np.random.RandomState | None):
        raise ValueError(
            "random_state must be None, an integer of at least 0 or an instance of "
            f"numpy.random.RandomState, got {random_state!r}."
        )
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


def check_device(device: str, name: str = "device") -> None:
    """Refuse a device that PyTorch does not know, or that this machine lacks."""
    if device == "auto":
        return
    if not isinstance(device, str):
        raise TypeError(
            f"{name} must be 'auto' or the name of a PyTorch device, got {device!r}."
        )
    import torch

    try:
        torch.zeros((), device=device).item()  # "meta" holds no numbers
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{name}={device!r} cannot be used here ({reason}). Take 'auto', 'cpu', or "
            "a device that this machine has."
        ) from None


def check_folder_for_arrays(folder) -> None:
    """Refuse a folder for temporary files that does not exist."""
    if folder is not None:
        _check_fname(folder, "read", must_exist=True, name="memory_map", need_dir=True)
