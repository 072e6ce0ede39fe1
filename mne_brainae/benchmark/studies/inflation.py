"""The known ways in which a score of decoding is inflated, each as a function.

They exist to measure what each of them is worth (:mod:`.audit`), and are used nowhere
else.
"""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp

from ...preprocessing.epochs import make_epochs

#: Smoothing of optimal transport, in standard deviations of the similarities.
SMOOTHING = 0.1
N_SINKHORN = 200


def scaled_by_test(test: mne.BaseEpochs, train: mne.BaseEpochs) -> mne.EpochsArray:
    """Give test responses the mean and the scale of training responses.

    A decoder in use sees one response at a time, and cannot know the mean over all of
    them.

    Parameters
    ----------
    test, train : instance of Epochs
        The responses.

    Returns
    -------
    epochs : instance of EpochsArray
        The test responses; at every channel and time their mean over images is that of
        the training, and so is the standard deviation of every channel.
    """
    seen, given = (each.get_data(copy=False) for each in (train, test))
    centered = given - given.mean(axis=0)
    spread = [
        (each - each.mean(axis=0)).std(axis=(0, 2))[:, np.newaxis]
        for each in (seen, given)
    ]
    data = seen.mean(axis=0) + centered * (spread[0] / spread[1])
    return make_epochs(data, test.info, test.times, test.metadata)


def matched(similarity: np.ndarray) -> np.ndarray:
    """Assign every response another candidate, with the largest sum of similarities.

    Parameters
    ----------
    similarity : array, shape (n_responses, n_candidates)
        Higher is more similar.

    Returns
    -------
    chosen : array of int, shape (n_responses,)
        The candidate of each response. It uses that every image was shown once, which
        no decoder in use knows.
    """
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return columns[np.argsort(rows)]


def transported(similarity: np.ndarray) -> np.ndarray:
    """Choose by a plan of transport that gives every candidate the same mass.

    Parameters
    ----------
    similarity : array, shape (n_responses, n_candidates)
        Higher is more similar.

    Returns
    -------
    chosen : array of int, shape (n_responses,)
        The candidate of each response of largest mass, after Sinkhorn's iterations.
    """
    log_plan = similarity / (SMOOTHING * similarity.std())
    for _ in range(N_SINKHORN):
        for axis in (0, 1):
            log_plan = log_plan - logsumexp(log_plan, axis=axis, keepdims=True)
    return log_plan.argmax(axis=1)


def templates_with_test(
    templates: pd.DataFrame, shown: pd.DataFrame, n_templates: int
) -> pd.DataFrame:
    """Let the mean of other images of a concept contain its test image, too.

    Parameters
    ----------
    templates, shown : DataFrame, shape (n_concepts, n_features)
        Mean features of other images, and features of the test image, of the same
        concepts in the same order.
    n_templates : int
        The number of images that the means are taken over.

    Returns
    -------
    templates : DataFrame, shape (n_concepts, n_features)
        The means over one image more.
    """
    total = n_templates * templates.to_numpy() + shown.to_numpy()
    return pd.DataFrame(total / (n_templates + 1), templates.index, templates.columns)
