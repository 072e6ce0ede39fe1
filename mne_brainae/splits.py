"""Training and test parts of a recording that share no session, subject or concept."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mne
import numpy as np
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from ._checks import _validate_type, check_image_names, five, logger, verbose
from ._docs import fill_doc


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
    epochs.drop_bad(verbose=False)
    _validate_type(n_splits, ("int-like", None), "n_splits")
    for column in (by, *disjoint):
        if column not in epochs.metadata:
            raise ValueError(
                f"epochs.metadata has no column {column!r} to split by, only "
                f"{five(epochs.metadata.columns)}."
            )
    groups = epochs.metadata[by].astype(str).to_numpy()
    n_groups = len(np.unique(groups))
    if not 2 <= (n_splits or 2) <= n_groups or n_groups < 2:
        raise ValueError(
            f"Two groups or more are needed, and at least one for each of n_splits="
            f"{n_splits}, but epochs.metadata[{by!r}] has {n_groups}."
        )
    splitter = LeaveOneGroupOut() if n_splits is None else GroupKFold(n_splits)
    return _splits(epochs, splitter, groups, disjoint, by, logger.level)


def _splits(epochs, splitter, groups, disjoint, by, level):
    for train, test in splitter.split(groups, groups=groups):
        for column in disjoint:
            values = epochs.metadata[column].astype(str).to_numpy()
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
