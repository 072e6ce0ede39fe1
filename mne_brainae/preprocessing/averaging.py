"""Repetitions and standardization."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..utils.checks import (
    check_epochs,
    check_finite,
    check_image_names,
    pick_channels,
    verbose,
)
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.files import zeros
from .epochs import make_epochs, read_blocks


def average_by(
    epochs: mne.BaseEpochs, by: str, picks: np.ndarray, folder: Path | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Average the epochs that share a value of a metadata column.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    by : str
        The metadata column.
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
    epochs.drop_bad(verbose=False)
    codes, _ = pd.factorize(epochs.metadata[by])
    counts = np.bincount(codes)
    means = zeros((len(counts), len(picks), len(epochs.times)), folder=folder)
    for rows, block in read_blocks(epochs, picks):
        check_finite(block, "epochs")
        for code, response in zip(codes[rows], block, strict=True):
            means[code] += response
    means /= counts[:, None, None].astype(np.float32)
    return means, shared_metadata(epochs.metadata, codes)


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
        The columns that are the same within every group, and ``n_averaged``.
    """
    groups = metadata.groupby(codes, sort=True)
    constant = (groups.nunique(dropna=False) <= 1).all()
    table = groups.head(1).reset_index(drop=True)
    table = table.loc[:, constant[constant].index]
    earlier = metadata.get("n_averaged", pd.Series(1, index=metadata.index))
    return table.assign(n_averaged=earlier.groupby(codes).sum().to_numpy())


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

    Notes
    -----
    NaN or infinite values are a ValueError. The original epochs are not changed.
    """
    if by == "image":
        check_image_names(epochs)
    elif epochs.metadata is None or by not in epochs.metadata:
        raise ValueError(f"by={by!r} is no column of epochs.metadata to average by.")
    picks = pick_channels(epochs.info, picks)
    means, table = average_by(epochs, by, picks)
    info = mne.pick_info(epochs.info, picks)
    return make_epochs(means, info, epochs.tmin, table)
