"""How probable every candidate is, and whether these probabilities hold."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from ..utils.checks import check_real
from ..utils.docs import fill_doc
from ..viz.decoding import plot_calibration
from .result import Result

#: Responses of a bin of the calibration, about, and the most bins that there are.
RESPONSES_PER_BIN, MOST_BINS = 20, 8
#: Sets of fewer responses are drawn at random at their ends, so that they hold.
FEW_RESPONSES = 50


def posterior(log_likelihood: np.ndarray, prior: np.ndarray | None = None):
    """Return the probability of every candidate, by Bayes' rule.

    Parameters
    ----------
    log_likelihood : array, shape (n_responses, n_candidates)
        Log densities of each response given each candidate, up to a constant of the
        response.
    prior : array, shape (n_candidates,) | None
        How probable each candidate was before; None is all alike.

    Returns
    -------
    probabilities : array, shape (n_responses, n_candidates)
        Each row sums to 1.
    """
    if prior is not None:
        with np.errstate(divide="ignore"):  # a candidate may be impossible
            log_likelihood = log_likelihood + np.log(prior)
    return np.exp(log_likelihood - logsumexp(log_likelihood, axis=1, keepdims=True))


def probable_sets(
    probabilities: np.ndarray, level: float, random_state=None
) -> np.ndarray:
    """Return for every response the candidates among which the true one should be.

    One threshold serves all responses, the highest at which the candidates above it
    hold the share ``level`` of all probability. A sure response has a small set, and an
    unsure one a large set. With fewer than 50 responses every set is cut by itself, at
    random within its last candidate, so that the share is right on average.

    Parameters
    ----------
    probabilities : array, shape (n_responses, n_candidates)
        The probabilities.
    level : float
        The share of sets that hold the true candidate.
    random_state : None | int | instance of Generator
        The seed of the cuts.

    Returns
    -------
    sets : array of bool, shape (n_responses, n_candidates)
        Which candidates are in the set of each response; it may be empty.
    """
    if len(probabilities) < FEW_RESPONSES:
        return _randomized_sets(probabilities, level, random_state)
    ordered = np.sort(probabilities, axis=None)[::-1]
    held = np.cumsum(ordered) / len(probabilities)
    last = min(np.searchsorted(held, level), len(ordered) - 1)
    return probabilities >= ordered[last]


def _randomized_sets(probabilities, level: float, random_state) -> np.ndarray:
    rng = np.random.default_rng(random_state)
    order = np.argsort(-probabilities, axis=1)
    ordered = np.take_along_axis(probabilities, order, axis=1)
    cut = rng.uniform(size=(len(ordered), 1))
    kept = np.cumsum(ordered, axis=1) - cut * ordered <= level
    sets = np.empty_like(kept)
    np.put_along_axis(sets, order, kept, axis=1)
    return sets


@dataclass
class Residuals:
    """Squared distances of responses from candidates, beside those of held-out images.

    Parameters
    ----------
    log_norms : array, shape (n_responses,)
        The log density of every response if it lay at its prediction.
    quantiles : array, shape (n_quantiles,)
        Quantiles of the squared distances of held-out training responses from their own
        images, in units of the covariance of the errors.
    by_default : bool
        Whether sets are formed by them unless asked otherwise.
    """

    log_norms: np.ndarray
    quantiles: np.ndarray
    by_default: bool = False

    def sets(self, log_likelihood: np.ndarray, level: float) -> np.ndarray:
        """Return the candidates that are near enough, of the shape of the densities."""
        squares = -2 * (log_likelihood - self.log_norms[:, None])
        return squares <= np.interp(
            level, np.linspace(0, 1, len(self.quantiles)), self.quantiles
        )

    def take(self, rows) -> Residuals:
        """Return those of some responses."""
        return replace(self, log_norms=self.log_norms[rows])

    @classmethod
    def pool(cls, parts: list[Residuals | None]) -> Residuals | None:
        """Join those of one model; those of several are not compared."""
        first = parts[0]
        if any(
            part is None or not np.array_equal(part.quantiles, first.quantiles)
            for part in parts
        ):
            return None
        return replace(first, log_norms=np.concatenate([p.log_norms for p in parts]))


@dataclass(repr=False, eq=False)
class Calibration(Result):
    """Whether the most probable candidate is right as often as its probability says.

    Parameters
    ----------
    confidence : array, shape (n_responses,)
        The largest probability of every response.
    correct : array of bool, shape (n_responses,)
        Whether that candidate was the true one.
    protocol : dict
        How the probabilities came about.

    Attributes
    ----------
    table : DataFrame, shape (n_bins, 4)
        Responses in bins of equal number by confidence: their number ``n``, mean
        ``confidence``, ``accuracy``, and the ``error`` of the latter, one standard
        error.

    See Also
    --------
    mne_brainae.Identification.calibration
    mne_brainae.viz.plot_calibration

    Examples
    --------
    >>> import numpy as np
    >>> calibration = mne_brainae.Calibration(
    ...     np.array([0.9, 0.6, 0.3]), np.array([True, True, False])
    ... )
    >>> float(calibration.accuracy_above(0.5)["accuracy"].iloc[0])
    1.0
    """

    confidence: np.ndarray
    correct: np.ndarray
    protocol: dict = field(default_factory=dict)

    def __post_init__(self):
        super().__post_init__()
        n_bins = int(np.clip(len(self.confidence) // RESPONSES_PER_BIN, 1, MOST_BINS))
        rows = []
        for part in np.array_split(np.argsort(self.confidence, kind="stable"), n_bins):
            accuracy = float(self.correct[part].mean())
            rows.append(
                {
                    "n": len(part),
                    "confidence": float(self.confidence[part].mean()),
                    "accuracy": accuracy,
                    "error": float(np.sqrt(accuracy * (1 - accuracy) / len(part))),
                }
            )
        self.table = pd.DataFrame(rows)

    @property
    def gap(self) -> float:
        """Mean confidence minus accuracy; above 0 the model is too sure."""
        return float(self.confidence.mean() - self.correct.mean())

    @property
    def expected_error(self) -> float:
        """Mean distance of confidence and accuracy over bins, weighted by responses.

        It is not 0 by chance either: about .08 of 100 responses, .05 of 300 and .03 of
        900 whose probabilities are right.
        """
        distance = np.abs(self.table["confidence"] - self.table["accuracy"])
        return float(np.average(distance, weights=self.table["n"]))

    def accuracy_above(self, threshold) -> pd.DataFrame:
        """Return the accuracy of the responses that are sure enough.

        Parameters
        ----------
        threshold : float | array-like of float
            The least confidence of a response that is answered.

        Returns
        -------
        table : DataFrame, shape (n_thresholds, 2)
            Columns ``answered``, the share of responses, and ``accuracy`` among them,
            which is missing where none is; indexed by the threshold.

        Examples
        --------
        >>> calibration.accuracy_above([0.5]).iloc[0, 0]  # doctest: +SKIP
        """
        thresholds = np.atleast_1d(threshold)
        check_real(thresholds, "threshold")
        kept = self.confidence >= thresholds[:, None]  # (n_thresholds, n_responses)
        n_kept = kept.sum(axis=1)
        hits = (kept & self.correct).sum(axis=1)
        accuracy = np.full(len(thresholds), np.nan)
        np.divide(hits, n_kept, out=accuracy, where=n_kept > 0)
        return pd.DataFrame(
            {"answered": kept.mean(axis=1), "accuracy": accuracy},
            index=pd.Index(thresholds, name="threshold"),
        )

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot accuracy against confidence, beside the diagonal.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_calibration

        Examples
        --------
        >>> fig = calibration.plot(show=False)
        """
        return plot_calibration(self.table, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return (
            f"{len(self.confidence)} responses, mean confidence "
            f"{self.confidence.mean():.2f}, accuracy {self.correct.mean():.2f}, "
            f"expected calibration error {self.expected_error:.3f}"
        )
