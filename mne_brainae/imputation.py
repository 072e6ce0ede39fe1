"""What is missing, as the rest of a response makes it expected."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold
from sklearn.utils.extmath import randomized_svd

from ._checks import logger

#: Numbers of components to choose from.
N_COMPONENTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
#: The covariance is learned from at most this many responses.
MOST_EPOCHS = 2000


@dataclass
class Imputer:
    """The conditional mean of a Gaussian with few components.

    Probabilistic principal components: a response is y = m + W t + e, where t is
    standard normal and e is white with variance s. Given its observed part, the missing
    part is expected at m + W (W_o' W_o + s I)^-1 W_o' (y_o - m_o).

    Parameters
    ----------
    mean : array, shape (n_values,)
        The mean response m.
    components : array, shape (n_values, n_components)
        The loadings W.
    noise : float
        The variance s of what they leave.

    References
    ----------
    Tipping and Bishop (1999). Probabilistic principal component analysis. J. R. Stat.
    Soc. B 61.
    """

    mean: np.ndarray
    components: np.ndarray
    noise: float

    @classmethod
    def fit(cls, responses: np.ndarray) -> Imputer:
        """Learn the components; their number has the best held-out likelihood.

        Parameters
        ----------
        responses : array, shape (n_epochs, n_values)
            Whole standardised responses.

        Returns
        -------
        imputer : instance of Imputer
            The imputer.
        """
        n_components = _choose_n_components(responses)
        mean, axes, variances, noise = _principal(responses, n_components)
        n_components = len(axes)
        signal = np.maximum(variances - noise[n_components - 1], 0)
        components = axes.T * np.sqrt(signal)
        # A noise of zero would make an exact fit of every rounding error.
        noise = max(noise[n_components - 1], 1e-6 * signal.sum(), 1e-12)
        logger.info(f"Missing entries are imputed from {n_components} components.")
        return cls(mean, components.astype(np.float32), float(noise))

    def fill(self, data: np.ndarray) -> np.ndarray:
        """Replace NaN by what is expected, in place.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Standardised responses whose missing entries are NaN.

        Returns
        -------
        data : array, shape (n_epochs, n_channels, n_times)
            The same array.
        """
        for row in data.reshape(len(data), -1):  # a view
            absent = np.isnan(row)
            if absent.any():
                row[absent] = self._expect(row, absent)
        return data

    def _expect(self, row: np.ndarray, absent: np.ndarray) -> np.ndarray:
        seen = self.components[~absent].astype(np.float64)
        precision = seen.T @ seen + self.noise * np.eye(seen.shape[1])
        scores = np.linalg.solve(precision, seen.T @ (row - self.mean)[~absent])
        return self.mean[absent] + self.components[absent] @ scores


def _principal(responses: np.ndarray, n_components: int):
    """Return mean, principal axes, their variances, and the noise beyond each."""
    mean = responses.mean(axis=0)
    centred = responses - mean
    _, values, axes = randomized_svd(centred, n_components, random_state=0)
    variances = values.astype(np.float64) ** 2 / len(responses)
    total = np.square(centred, dtype=np.float64).sum() / len(responses)
    left = np.maximum(total - np.cumsum(variances), 0)
    n_left = np.maximum(responses.shape[1] - 1 - np.arange(len(variances)), 1)
    return mean, axes, variances, left / n_left


def _choose_n_components(responses: np.ndarray) -> int:
    """Choose by the likelihood of responses that were left out, in three folds."""
    most = min(*responses.shape, 3 * max(N_COMPONENTS)) // 3
    scores = 0.0
    for train, test in KFold(3, shuffle=True, random_state=0).split(responses):
        scores = scores + _likelihoods(responses[train], responses[test], max(most, 1))
    offered = [n for n in N_COMPONENTS if n <= len(scores)]
    return max(offered, key=lambda n: scores[n - 1])


def _likelihoods(train: np.ndarray, test: np.ndarray, most: int) -> np.ndarray:
    """Return the log-likelihood of a test set for 1, 2, ... components."""
    mean, axes, variances, noise = _principal(train, most)
    centred = test - mean
    n_values, n = centred.shape[1], 1 + np.arange(len(variances))
    noise = np.maximum(noise, 1e-9 * variances[0] + np.finfo(float).tiny)
    projected = np.square(centred @ axes.T, dtype=np.float64).sum(axis=0)
    power = np.square(centred, dtype=np.float64).sum()
    explained = np.cumsum(projected / np.maximum(variances, noise[-1]))
    square = explained + (power - np.cumsum(projected)) / noise
    determinant = np.cumsum(np.log(np.maximum(variances, noise[-1])))
    determinant += (n_values - n) * np.log(noise)
    return -0.5 * (square + len(test) * determinant)
