"""Training and test parts of a recording that share no session, subject or concept."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mne
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from ..utils.checks import (
    _validate_type,
    check_image_names,
    counted,
    five,
    logger,
    verbose,
)
from ..utils.docs import fill_doc
from ..utils.names import column_of_text


@verbose
@fill_doc
def split_epochs(
    epochs: mne.BaseEpochs,
    by: str,
    *,
    n_splits: int | None = None,
    disjoint: str | Sequence[str] = (),
    verbose=None,
) -> Iterator[tuple[mne.BaseEpochs, mne.BaseEpochs]]:
    """Split epochs so that training and test share no group.

    Parameters
    ----------
    %(epochs_images)s
    by : str
        The metadata column that names the groups: ``"session"`` tests across sessions,
        ``"subject"`` leaves one subject out after another, ``"concept"`` tests on
        concepts that were never trained on.
    n_splits : int | None
        How many parts the groups are divided into; None leaves out one group at a
        time. The splitters are GroupKFold and LeaveOneGroupOut of scikit-learn.
    disjoint : str | sequence of str
        Further metadata columns that training and test must not share, such as
        ``"image"`` or ``"concept"``: what the test shows is dropped from the training.
        Without it another subject's response to a test image may be trained on, and the
        model warns.
    %(verbose)s

    Returns
    -------
    splits : iterator of tuple
        Training and test epochs of every split, in this order.
    """
    check_image_names(epochs)
    disjoint = [disjoint] if isinstance(disjoint, str) else list(disjoint)
    _validate_type(n_splits, ("int-like", None), "n_splits")
    for column in (by, *disjoint):
        if column not in epochs.metadata:
            raise ValueError(
                f"epochs.metadata has no column {column!r} to split by, only "
                f"{five(epochs.metadata.columns)}."
            )
    groups = _column(epochs, by)
    n_groups = len(np.unique(groups))
    if not 2 <= (n_splits or 2) <= n_groups or n_groups < 2:
        raise ValueError(
            f"Two groups or more are needed, and at least one for each of n_splits="
            f"{n_splits}, but epochs.metadata[{by!r}] has {n_groups}."
        )
    splitter = LeaveOneGroupOut() if n_splits is None else GroupKFold(n_splits)
    return _splits(epochs, splitter, groups, disjoint, by, logger.level)


def _column(epochs, name: str) -> np.ndarray:
    """Return a column of metadata as text; an empty cell would be its own group."""
    column = epochs.metadata[name]
    if column.isna().any():
        raise ValueError(
            f"epochs.metadata[{name!r}] is missing for epochs "
            f"{five(np.flatnonzero(column.isna()))}. Fill it in, or drop the epochs."
        )
    return column_of_text(column).to_numpy()


def _splits(epochs, splitter, groups, disjoint, by, level):
    for train, test in splitter.split(groups, groups=groups):
        for column in disjoint:
            values = _column(epochs, column)
            train = train[~np.isin(values[train], values[test])]
        if not len(train):
            raise ValueError(
                f"The test part {five(np.unique(groups[test]))} of {by!r} shares "
                f"{' or '.join(disjoint)} with every training epoch: nothing is left "
                "to train on."
            )
        with mne.utils.use_log_level(level):  # what verbose= was in the call
            logger.info(
                f"{len(test)} test epochs of {by} {five(np.unique(groups[test]))}, "
                f"{len(train)} training epochs."
            )
        yield epochs[train], epochs[test]


def hold_out(
    table: pd.DataFrame, by: str, size: float, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Choose the images to validate on.

    Parameters
    ----------
    table : DataFrame, shape (n_images, n_columns)
        One row per image, with columns ``"image"`` and, to hold out concepts,
        ``"concept"``.
    by : ``"concept"`` | ``"image"``
        What is held out as a whole.
    size : float | int
        The share or number of images, at most a fifth of them.
    rng : instance of Generator
        The random numbers.

    Returns
    -------
    held_out : array of bool, shape (n_images,)
        True where held out.
    unit : str
        What was held out, in words.
    """
    n_images = len(table)
    wanted = round(size * n_images) if size < 1 else int(size)
    size = int(np.clip(wanted, 2, max(n_images // 5, 2)))
    if wanted > size:
        logger.info(
            f"Validating on {counted(size, 'image')}, a fifth, instead of {wanted}."
        )
    by_concept = by == "concept" and "concept" in table
    if by == "concept" and not by_concept:
        logger.info("epochs.metadata has no 'concept': validating on images.")
    groups = table["concept" if by_concept else "image"].astype(str)
    order = rng.permutation(groups.unique())
    counts = groups.value_counts()[order].cumsum()
    n_groups = min(int((counts < size).sum()) + 1, len(order) - 1)
    held_out = groups.isin(order[:n_groups]).to_numpy(copy=True)
    return held_out, "whole concepts" if by_concept else "images"
