"""Tests of differences over subjects, for a family of questions at once."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from scipy.stats import wilcoxon


def signed_rank_above_zero(differences: np.ndarray) -> float:
    """Test by the signed ranks whether paired differences are above 0.

    Parameters
    ----------
    differences : array, shape (n_subjects,)
        One difference per subject.

    Returns
    -------
    p : float
        The one-sided p-value of Wilcoxon's test; 1 where all differences are 0.
    """
    differences = np.asarray(differences, float)
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, alternative="greater").pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Correct p-values for their number by the method of Holm (1979).

    Parameters
    ----------
    p_values : array, shape (n_tests,)
        The p-values of a family of tests.

    Returns
    -------
    corrected : array, shape (n_tests,)
        The p-values that hold for the family, in the same order.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    steps = np.maximum.accumulate(factors * p_values[order])
    corrected[order] = np.minimum(steps, 1.0)
    return corrected
