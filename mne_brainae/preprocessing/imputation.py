"""Missing entries of a response, as expected from the others."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from sklearn.model_selection import KFold

from ..utils.checks import logger

#: Numbers of components to choose from.
N_COMPONENTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
#: The covariance is learned from at most this many responses.
MOST_EPOCHS = 2000
#: What no length is divided by less than.
TINY = np.finfo(np.float32).tiny


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
        """Learn many components, each trusted as far as it holds for new responses.

        Parameters
        ----------
        responses : array, shape (n_epochs, n_values)
            Whole standardized responses.

        Returns
        -------
        imputer : instance of Imputer
            The imputer.

        Notes
        -----
        An axis of few noisy responses has the variance l in these and c, less the
        noise, in responses that were left out. A share of about c / l of it is signal.
        Both reading a score along the axis and predicting from it lose that share, so
        that the axis enters with the variance c (c / l)^2.
        """
        most = _most_components(responses)
        mean = responses.mean(axis=0)
        centered = responses - mean
        products = _products(centered)
        axes, variances = _axes(centered, most, products)
        if _by_row(centered):
            kept = _held_out_in_products(products, most)
        else:
            kept = _held_out_variances(responses, most)
        del centered
        total = _total_variance(responses, mean)
        n_values = responses.shape[1]
        floor = (total - kept.sum()) / max(n_values - len(kept), 1)
        signal = np.maximum(kept - max(floor, 0), 0)
        share = np.minimum(signal / np.maximum(variances, 1e-12), 1)
        power = signal * share**2
        return cls._build(mean, axes, power, (total - power.sum()) / n_values)

    @classmethod
    def fit_pca(cls, responses: np.ndarray, n_components: int | None = None) -> Imputer:
        """Learn plain probabilistic principal components.

        Parameters
        ----------
        responses : array, shape (n_epochs, n_values)
            Whole standardized responses.
        n_components : int | None
            Their number; None takes that of the best held-out likelihood.

        Returns
        -------
        imputer : instance of Imputer
            The imputer.
        """
        if n_components is None:
            n_components = _choose_n_components(responses)
        mean, axes, variances, noise = _principal(responses, n_components)
        return cls._build(mean, axes, np.maximum(variances - noise[-1], 0), noise[-1])

    @classmethod
    def _build(cls, mean, axes, power, noise: float) -> Imputer:
        is_used = power > 0
        components = (axes[is_used].T * np.sqrt(power[is_used])).astype(np.float32)
        # A noise of zero would make an exact fit of every rounding error.
        noise = max(noise, 1e-6 * power.sum(), 1e-12)
        logger.info(f"Missing entries are imputed from {is_used.sum()} components.")
        return cls(mean, components, float(noise))

    def fill(self, data: np.ndarray) -> np.ndarray:
        """Replace NaN by what is expected, in place.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Standardized responses whose missing entries are NaN.

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
    centered = responses - mean
    axes, variances = _axes(centered, n_components, _products(centered))
    total = _total_variance(responses, mean)
    left = np.maximum(total - np.cumsum(variances), 0)
    n_left = np.maximum(responses.shape[1] - 1 - np.arange(len(variances)), 1)
    return mean, axes, variances, left / n_left


def _by_row(responses: np.ndarray) -> bool:
    return len(responses) <= responses.shape[1]


def _products(centered: np.ndarray) -> np.ndarray:
    """Return the inner products of rows, or of columns where these are fewer."""
    factor = centered if _by_row(centered) else centered.T
    return (factor @ factor.T).astype(np.float64)


def _leading(products: np.ndarray, n_axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues, and their vectors in rows."""
    last = len(products) - 1
    power, vectors = eigh(products, subset_by_index=[last + 1 - n_axes, last])
    return np.maximum(power[::-1], 0), vectors.T[::-1]


def _axes(
    centered: np.ndarray, n_axes: int, products: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return principal axes, strongest first, and the variance along each."""
    power, vectors = _leading(products, n_axes)
    axes = vectors.astype(np.float32)
    if _by_row(centered):  # axis k is the sum of rows with the weights of vector k
        axes = axes @ centered
        axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), TINY)
    return axes, power / len(centered)


def _total_variance(responses: np.ndarray, mean: np.ndarray) -> float:
    power = [np.square(row - mean, dtype=np.float64).sum() for row in responses]
    return sum(power) / len(responses)


def _most_components(responses: np.ndarray) -> int:
    return max(min(*responses.shape, 3 * max(N_COMPONENTS)) // 3, 1)


def _split(n_responses: int):
    folds = KFold(3, shuffle=True, random_state=0)
    return folds.split(np.arange(n_responses))


def _folds(responses: np.ndarray):
    for train, test in _split(len(responses)):
        yield responses[train], responses[test]


def _held_out_variances(responses: np.ndarray, n_components: int) -> np.ndarray:
    """Return how much responses that were left out vary along every axis."""
    power = np.zeros(n_components)
    for train, test in _folds(responses):
        mean, axes, _, _ = _principal(train, n_components)
        power += np.square((test - mean) @ axes.T, dtype=np.float64).sum(axis=0)
    return power / len(responses)


def _held_out_in_products(products: np.ndarray, n_components: int) -> np.ndarray:
    """Return the same from inner products alone.

    With train responses X around their mean, axis k is X'v / sqrt(l), where l and v are
    an eigenvalue and its vector of XX', and a response y has the score v'Xy / sqrt(l).
    """
    power = np.zeros(n_components)
    for train, test in _split(len(products)):
        among, across = products[np.ix_(train, train)], products[np.ix_(test, train)]
        means = among.mean(axis=0)
        across = across - across.mean(axis=1, keepdims=True) - means + means.mean()
        among = among - means - means[:, None] + means.mean()
        lengths, vectors = _leading(among, n_components)
        scores = across @ vectors.T / np.sqrt(np.maximum(lengths, TINY))
        power += np.square(scores).sum(axis=0)
    return power / len(products)


def _choose_n_components(responses: np.ndarray) -> int:
    """Choose by the likelihood of responses that were left out, in three folds."""
    most = _most_components(responses)
    scores = sum(_likelihoods(*parts, most) for parts in _folds(responses))
    offered = [n for n in N_COMPONENTS if n <= len(scores)]
    return max(offered, key=lambda n: scores[n - 1])


def _likelihoods(train: np.ndarray, test: np.ndarray, most: int) -> np.ndarray:
    """Return the log-likelihood of a test set for 1, 2, ... components."""
    mean, axes, variances, noise = _principal(train, most)
    centered = test - mean
    n_values, n = centered.shape[1], 1 + np.arange(len(variances))
    noise = np.maximum(noise, 1e-9 * variances[0] + np.finfo(float).tiny)
    projected = np.square(centered @ axes.T, dtype=np.float64).sum(axis=0)
    power = np.square(centered, dtype=np.float64).sum()
    explained = np.cumsum(projected / np.maximum(variances, noise[-1]))
    square = explained + (power - np.cumsum(projected)) / noise
    determinant = np.cumsum(np.log(np.maximum(variances, noise[-1])))
    determinant += (n_values - n) * np.log(noise)
    return -0.5 * (square + len(test) * determinant)
