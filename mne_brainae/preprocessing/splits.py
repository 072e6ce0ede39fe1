"""Training and test parts of a recording that share no session, subject or concept."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mne
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut

from ..utils.checks import (
    check_epochs,
    check_image_names,
    counted,
    five,
    logger,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer
from ..utils.docs import fill_doc
from ..utils.names import column_of_text


@checked(
    epochs=check_epochs,
    by=[str],
    n_splits=[integer(2), None],
    disjoint=[str, list, tuple],
    random_state=["random_state"],
)
@verbose
@fill_doc
def split_epochs(
    epochs: mne.BaseEpochs,
    by: str,
    *,
    n_splits: int | None = None,
    disjoint: str | Sequence[str] = (),
    random_state=None,
    verbose=None,
) -> Iterator[tuple[mne.BaseEpochs, mne.BaseEpochs]]:
    """Split epochs so that training and test share no group.

    Parameters
    ----------
    %(epochs_images)s
    by : str
        What the groups are: ``"image"``, or a metadata column. ``"session"`` tests
        across sessions, ``"subject"`` leaves one subject out after another,
        ``"concept"`` tests on concepts that were never trained on.
    n_splits : int | None
        How many parts the groups are divided into; None leaves out one group at a
        time. The splitters are GroupKFold and LeaveOneGroupOut of scikit-learn.
    disjoint : str | sequence of str
        Further metadata columns that training and test must not share, such as
        ``"image"`` or ``"concept"``: what the test shows is dropped from the training.
        Without it another subject's response to a test image may be trained on, and the
        model warns.
    random_state : None | int | instance of RandomState
        The seed of the groups of every part. None divides them into parts of like
        numbers of epochs, not at random.
    %(verbose)s

    Returns
    -------
    splits : iterator of tuple
        Training and test epochs of every split, in this order.

    Raises
    ------
    ValueError
        If a column does not exist, or there are fewer groups than splits.

    See Also
    --------
    mne_brainae.cross_validate

    Examples
    --------
    >>> splits = mne_brainae.split_epochs(train, "concept", n_splits=3, random_state=0)
    >>> for part, held_out in splits:
    ...     shared = set(part.metadata["concept"]) & set(held_out.metadata["concept"])
    >>> shared
    set()
    """
    names = check_image_names(epochs)
    disjoint = [disjoint] if isinstance(disjoint, str) else list(disjoint)
    for name, columns in (("by", [by] * (by != "image")), ("disjoint", disjoint)):
        for column in columns:
            if column not in epochs.metadata:
                raise ValueError(
                    f"{name}={column!r} is not a column of epochs.metadata, which has "
                    f"{five(epochs.metadata.columns)}."
                )
    groups = names.to_numpy() if by == "image" else _column(epochs, by)
    n_groups = len(np.unique(groups))
    if not 2 <= (n_splits or 2) <= n_groups or n_groups < 2:
        raise ValueError(
            f"Two groups or more are needed, and at least one for each of n_splits="
            f"{n_splits}, but epochs.metadata[{by!r}] has {n_groups}."
        )
    if n_splits is None:
        parts = LeaveOneGroupOut().split(groups, groups=groups)
    elif random_state is None:
        parts = GroupKFold(n_splits).split(groups, groups=groups)
    else:
        parts = divide(groups, n_splits, seed_from(random_state))
    return _splits(epochs, parts, groups, disjoint, by, logger.level)


def _column(epochs, name: str) -> np.ndarray:
    """Return a column of metadata as text; an empty cell would be its own group."""
    column = epochs.metadata[name]
    if column.isna().any():
        raise ValueError(
            f"epochs.metadata[{name!r}] is missing for epochs "
            f"{five(np.flatnonzero(column.isna()))}. Fill it in, or drop the epochs."
        )
    return column_of_text(column).to_numpy()


def divide(
    groups: np.ndarray, n_splits: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Divide groups into folds at random.

    Parameters
    ----------
    groups : array, shape (n,)
        The group of every row.
    n_splits : int
        The number of folds.
    seed : int
        The seed.

    Yields
    ------
    train, test : array of int
        The rows of every fold, those of one group on one side.
    """
    codes, names = pd.factorize(groups)
    folds = KFold(n_splits, shuffle=True, random_state=seed)
    for train, test in folds.split(names):
        yield tuple(np.flatnonzero(np.isin(codes, part)) for part in (train, test))


def _splits(epochs, parts, groups, disjoint, by, level):
    for train, test in parts:
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
