"""Repetitions and standardization."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..utils.checks import (
    check_concepts,
    check_epochs,
    check_finite,
    check_image_names,
    five,
    pick_channels,
    verbose,
)
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.files import zeros
from .epochs import make_epochs, read_blocks


def average_by(
    epochs: mne.BaseEpochs,
    by: str | Sequence[str],
    picks: np.ndarray,
    folder: Path | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Average the epochs that share a value of a metadata column.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    by : str | sequence of str
        The metadata column, or ``("image", "subject")`` to average within subjects.
    picks : array of int, shape (n_channels,)
        The channels.
    folder : path-like | None
        Where a temporary file keeps the averages; None is memory.

    Returns
    -------
    means : array, shape (n_groups, n_channels, n_times)
        The averages in order of first appearance, float32.
    table : DataFrame, shape (n_groups, n_columns)
        The metadata that is the same within every group, and ``n_averaged``.
    """
    by, *others = [by] if isinstance(by, str) else by
    groups = check_image_names(epochs) if by == "image" else _groups(epochs, by)
    metadata = epochs.metadata
    if by == "image" and "concept" in metadata:
        check_concepts(metadata, groups)
    keys = pd.DataFrame({by: groups} | {name: _groups(epochs, name) for name in others})
    codes = keys.groupby(list(keys), sort=False).ngroup().to_numpy()
    values = keys.groupby(codes)[by].first()
    weights = trials_averaged(metadata)
    means = zeros((len(values), len(picks), len(epochs.times)), folder=folder)
    for rows, block in read_blocks(epochs, picks):
        check_finite(block, "epochs")
        weigh(block, weights[rows])
        for code, response in zip(codes[rows], block, strict=True):
            means[code] += response
    counts = np.bincount(codes, weights)[:, None, None].astype(np.float32)
    if (counts != 1).any():
        means /= counts
    table = shared_metadata(metadata, codes)
    if by == "image":
        table["image"] = list(values)
    return means, table


def _groups(epochs: mne.BaseEpochs, by: str) -> pd.Series:
    """Return a column of metadata to average by."""
    check_epochs(epochs)
    if epochs.metadata is None or by not in epochs.metadata:
        raise ValueError(f"by={by!r} is not a column of epochs.metadata to average by.")
    groups = epochs.metadata[by]
    if groups.isna().any():
        raise ValueError(
            f"epochs.metadata[{by!r}] is missing for epochs "
            f"{five(np.flatnonzero(groups.isna()))}. Fill it in, or drop the epochs."
        )
    return groups


def trials_averaged(metadata: pd.DataFrame | None) -> np.ndarray:
    """Return of how many trials every epoch is the mean.

    Parameters
    ----------
    metadata : DataFrame, shape (n_epochs, n_columns) | None
        Metadata; their column ``"n_averaged"`` counts, and is 1 where there is none.
        None is one number for all epochs, 1.

    Returns
    -------
    n_trials : array, shape (n_epochs,)
        The numbers of trials.

    Raises
    ------
    ValueError
        If a number is not positive.
    """
    if metadata is None:
        return np.ones(1, int)
    if "n_averaged" not in metadata:
        return np.ones(len(metadata), int)
    counts = pd.to_numeric(metadata["n_averaged"], errors="coerce").to_numpy()
    wrong = np.flatnonzero(~(np.isfinite(counts) & (counts > 0)))
    if len(wrong):
        raise ValueError(
            "epochs.metadata['n_averaged'] must count the trials of every epoch, but "
            f"does not for epochs {five(wrong)}. Fill it in, or drop the column."
        )
    return counts


def weigh(responses: np.ndarray, n_trials: np.ndarray) -> None:
    """Multiply means by their numbers of trials, in place; single trials stay."""
    if (n_trials != 1).any():
        responses *= n_trials.astype(responses.dtype)[:, None, None]


def shared_metadata(metadata: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """Keep what the epochs of a group share.

    Parameters
    ----------
    metadata : DataFrame, shape (n_epochs, n_columns)
        One row per epoch.
    codes : array of int, shape (n_epochs,)
        The group of every epoch.

    Returns
    -------
    table : DataFrame, shape (n_groups, n_columns)
        The columns that are the same within every group, and ``n_averaged``. Columns
        whose cells cannot be compared, such as lists, are left out.
    """
    groups = metadata.groupby(codes, sort=True)
    kept = [name for name in metadata if _is_shared(groups[name])]
    table = groups.head(1).reset_index(drop=True)[kept]
    counts = pd.Series(trials_averaged(metadata)).groupby(codes).sum()
    return table.assign(n_averaged=counts.to_numpy())


def _is_shared(column) -> bool:
    """Tell whether a column is the same in every group; lists cannot be compared."""
    try:
        return bool((column.nunique(dropna=False) <= 1).all())
    except TypeError:
        return False


@checked(epochs=check_epochs, by=[str])
@verbose
@fill_doc
def average_repetitions(
    epochs: mne.BaseEpochs, *, by: str = "image", picks=None, verbose=None
) -> mne.EpochsArray:
    """Average the repetitions of every image.

    Parameters
    ----------
    %(epochs_images)s
    by : str
        The metadata column whose equal values are averaged.
    %(picks)s
    %(verbose)s

    Returns
    -------
    epochs_averaged : instance of EpochsArray
        One epoch per image, in order of first appearance. The metadata keep the
        columns that are the same for all repetitions; ``n_averaged`` counts the trials.
        Event names are kept where the repetitions of every image share theirs.

    Raises
    ------
    ValueError
        If values are NaN or infinite, or the epochs of an image name no concept or
        several.

    See Also
    --------
    mne_brainae.mask_epochs
    mne_brainae.MVNN

    Notes
    -----
    Epochs that are averages already count by their trials in ``n_averaged``, so that
    the average of averages is the mean of all trials. The original epochs are not
    changed, but bad ones are dropped as on reading.

    Examples
    --------
    >>> averaged = mne_brainae.average_repetitions(test)
    >>> len(test), len(averaged)
    (16, 8)
    >>> averaged.metadata["n_averaged"].tolist()
    [2, 2, 2, 2, 2, 2, 2, 2]
    """
    picks = pick_channels(epochs.info, picks)
    means, table = average_by(epochs, by, picks)
    groups = check_image_names(epochs) if by == "image" else _groups(epochs, by)
    return make_epochs(
        means,
        mne.pick_info(epochs.info, picks),
        epochs.times,
        table,
        baseline=epochs.baseline,
        **event_names(epochs, pd.factorize(groups)[0]),
    )


def event_names(epochs: mne.BaseEpochs, groups: np.ndarray) -> dict:
    """Return the event codes of groups of epochs, for :func:`.epochs.make_epochs`.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    groups : array of int, shape (n_epochs,)
        The group of every epoch, numbered by their first epochs.

    Returns
    -------
    events : dict
        The ``codes``, each that of the first epoch of the group, and ``event_id``;
        empty where the epochs of a group have several codes, whose mean has none.
    """
    codes = pd.Series(epochs.events[:, 2]).groupby(groups)
    if (codes.nunique() > 1).any():
        return {}
    return {"codes": codes.first().to_numpy(), "event_id": epochs.event_id}
