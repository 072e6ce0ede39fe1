"""Ridge regression for every penalty at once, with exact leave-one-out errors."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from .blocks import ROWS, multiply, product, row_blocks, weighted_sum

#: Penalties to choose from, in units of the total variance of the features, a quarter
#: of a decade apart.
PENALTIES = 10.0 ** (np.arange(-12, 13) / 4)
#: Eigenvalues below this share of the largest are rounding errors.
TOLERANCE = 1e-7
#: Least 1 - h, where h is the leverage of an image. An image that alone has a feature
#: has leverage 1 without a penalty, and no leave-one-out error.
LEAST_REST = 1e-6


@dataclass
class Ridge:
    """Ridge regression on one set of features, for any targets and all penalties.

    Centered features are Q diag(v)^1/2 V'. With a penalty l in units of the total
    variance of the features, ridge regression shrinks component j by
    d_j = v_j / (v_j + l sum(v) / n), and the hat matrix, which contains the intercept,
    is H = Q diag(d) Q' + 1/n. One decomposition serves all penalties and targets.

    With weights w of the rows, rows of features and targets are multiplied by
    sqrt(w) once their weighted means are removed, n is sum(w), and the intercept adds
    w_i / sum(w) to the leverage of row i.

    Parameters
    ----------
    energy : array, shape (rank,)
        The eigenvalues v, ascending.
    n_rows : int
        The number of rows.
    size : float
        The sum of the weights of the rows.
    mean : array, shape (n_features,) | None
        The mean of the features; None where only inner products are known.
    axes : array, shape (n_features, rank) | None
        The matrix V, where there are fewer features than rows.
    scores : array, shape (n_rows, rank) | None
        The matrix Q in float32; None where only second moments are known.
    features : array, shape (n_rows, n_features) | None
        The centered features, where there are not fewer features than rows.
    root : array, shape (n_rows,) | None
        The square roots of the weights; None is 1.
    """

    energy: np.ndarray
    n_rows: int
    size: float
    mean: np.ndarray | None = None
    axes: np.ndarray | None = None
    scores: np.ndarray | None = None
    features: np.ndarray | None = None
    root: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        weights: np.ndarray | None = None,
        n_components: float | None = None,
    ) -> Ridge:
        """Decompose features.

        Parameters
        ----------
        features : array, shape (n_rows, n_features)
            The features.
        weights : array, shape (n_rows,) | None
            How much every row counts; None is all alike.
        n_components : int | float | None
            Number of principal components to regress on, or the share of the variance
            to keep where it is below 1; None keeps all.

        Returns
        -------
        ridge : instance of Ridge
            The regression.
        """
        n_rows, n_features = features.shape
        size = float(n_rows if weights is None else weights.sum())
        root = None if weights is None else np.sqrt(weights)
        mean = weighted_sum(features, weights) / size
        centered = (features - mean.astype(features.dtype)).astype(np.float32)
        if root is not None:
            centered *= root[:, None].astype(np.float32)
        if n_features < n_rows:
            second = product(centered, centered)
            ridge = cls.from_moments(second, n_rows, size, mean, n_components)
            ridge.root = root
            return ridge.with_scores(centered)
        ridge = cls.from_gram(product(centered.T, centered.T), root, n_components)
        ridge.mean, ridge.features = mean, centered
        return ridge

    @classmethod
    def from_moments(
        cls,
        second: np.ndarray,
        n_rows: int,
        size: float,
        mean: np.ndarray,
        n_components: float | None = None,
    ) -> Ridge:
        """Decompose X'X, the second moments of centered features.

        Parameters
        ----------
        second : array, shape (n_features, n_features)
            The second moments, summed over rows.
        n_rows : int
            The number of rows.
        size : float
            The sum of the weights of the rows.
        mean : array, shape (n_features,)
            The mean of the features.
        n_components : int | float | None
            As in :meth:`fit`.

        Returns
        -------
        ridge : instance of Ridge
            The regression, without ``scores``.
        """
        energy, axes = _decompose(second, n_components)
        return cls(energy, n_rows, size, mean, axes)

    @classmethod
    def from_gram(
        cls,
        gram: np.ndarray,
        root: np.ndarray | None = None,
        n_components: float | None = None,
    ) -> Ridge:
        """Decompose X X', the inner products of centered features.

        Parameters
        ----------
        gram : array, shape (n_rows, n_rows)
            The inner products.
        root : array, shape (n_rows,) | None
            The square roots of the weights of the rows; None is 1.
        n_components : int | float | None
            As in :meth:`fit`.

        Returns
        -------
        ridge : instance of Ridge
            The regression. It has no ``features``, so that it gives errors and dual
            weights only.
        """
        energy, scores = _decompose(gram, n_components)
        # Centered rows have rank n - 1 at most; one more is the rounding of float32.
        energy, scores = energy[1 - len(gram) :], scores[:, 1 - len(gram) :]
        size = float(len(gram) if root is None else (root**2).sum())
        scores = scores.astype(np.float32)
        return cls(energy, len(gram), size, scores=scores, root=root)

    def with_scores(self, centered: np.ndarray) -> Ridge:
        """Add the scores of the rows, Q = X V diag(v)^-1/2.

        Parameters
        ----------
        centered : array, shape (n_rows, n_features)
            The centered features, multiplied by the roots of the weights.

        Returns
        -------
        ridge : instance of Ridge
            The same object.
        """
        turn = (self.axes / np.sqrt(self.energy)).astype(np.float32)
        self.scores = multiply(centered, turn)
        return self

    @property
    def unit(self) -> float:
        """The total variance of the features, in which penalties are given."""
        return float(self.energy.sum() / self.size)

    @property
    def is_complete(self) -> bool:
        """Whether the components hold all centered targets, as of many features."""
        return len(self.energy) == self.n_rows - 1

    def shrinkage(self, penalty) -> np.ndarray:
        """Return d.

        Parameters
        ----------
        penalty : float | array, shape (n_penalties,)
            Penalties; 0 is least squares.

        Returns
        -------
        shrinkage : array, shape (rank, n_penalties)
            The factor of every component.
        """
        energy = self.energy[:, None]
        return energy / (energy + np.atleast_1d(penalty) * self.unit)

    def rest(self, penalty) -> np.ndarray:
        """Return 1 minus the leverage of every row.

        Parameters
        ----------
        penalty : float | array, shape (n_penalties,)
            Penalties.

        Returns
        -------
        rest : array, shape (n_rows, n_penalties)
            What the fit leaves of a target that is 1 at this row and 0 elsewhere.
        """
        intercept = 1.0 if self.root is None else self.root[:, None] ** 2
        shrinkage = self.shrinkage(penalty)
        leverage = np.empty((self.n_rows, shrinkage.shape[1]))
        for rows in row_blocks(self.n_rows):
            squares = np.square(self.scores[rows], dtype=np.float64)
            leverage[rows] = squares @ shrinkage
        return np.maximum(1 - leverage - intercept / self.size, LEAST_REST)

    def mean_rest(self, penalty) -> np.ndarray:
        """Return the mean over rows of :meth:`rest`, from the eigenvalues alone.

        Parameters
        ----------
        penalty : float | array, shape (n_penalties,)
            Penalties.

        Returns
        -------
        rest : array, shape (n_penalties,)
            1 - (sum(d) + 1) / n.
        """
        leverage = (self.shrinkage(penalty).sum(axis=0) + 1) / self.n_rows
        return np.maximum(1 - leverage, LEAST_REST)

    def center(self, targets: np.ndarray) -> np.ndarray:
        """Remove the weighted mean, and multiply by the roots of the weights.

        Parameters
        ----------
        targets : array, shape (n_rows, n_targets)
            Targets.

        Returns
        -------
        centered : array, shape (n_rows, n_targets)
            The rows that all other methods expect.
        """
        weights = None if self.root is None else self.root**2
        mean = (weighted_sum(targets, weights) / self.size).astype(targets.dtype)
        centered = targets - mean
        if self.root is not None:
            centered *= self.root[:, None].astype(centered.dtype)
        return centered

    def project(self, targets: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return Q' Y.

        Parameters
        ----------
        targets : array, shape (n_rows, n_targets)
            Centered targets Y.
        out : array, shape (rank, n_targets) | None
            Where to write the result, such as a memory map.

        Returns
        -------
        projected : array, shape (rank, n_targets)
            The targets in the coordinates of the components.
        """
        return np.matmul(self.scores.T, targets, out=out)

    def errors(
        self, targets: np.ndarray, penalty, projected: np.ndarray | None = None
    ) -> np.ndarray:
        """Return exact leave-one-out errors, (y_i - yhat_i) / (1 - H_ii).

        Parameters
        ----------
        targets : array, shape (n_rows, n_targets)
            Centered targets.
        penalty : float | array, shape (n_targets,)
            One penalty, or one for every target.
        projected : array, shape (rank, n_targets) | None
            What :meth:`project` returns.

        Returns
        -------
        errors : array, shape (n_rows, n_targets)
            The errors.
        """
        projected = self.project(targets) if projected is None else projected
        shrinkage = self.shrinkage(penalty)
        if self.is_complete:  # Q Q'Y = Y, and a small residual is no difference
            left = ((1 - shrinkage) * projected).astype(targets.dtype, copy=False)
            errors = self.scores @ left
        else:
            kept = (shrinkage * projected).astype(targets.dtype, copy=False)
            errors = targets - self.scores @ kept
        errors /= self.rest(penalty).astype(targets.dtype, copy=False)
        return errors

    def choose(
        self, targets: np.ndarray, penalties=PENALTIES
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose for every target the penalty of least squared leave-one-out error.

        Parameters
        ----------
        targets : array, shape (n_rows, n_targets)
            Centered targets.
        penalties : array-like, shape (n_penalties,)
            Penalties to choose from.

        Returns
        -------
        chosen : array, shape (n_targets,)
            The penalties.
        mean_squares : array, shape (n_targets,)
            Their mean squared errors.
        """
        projected = self.project(targets)
        mean_squares = np.array(
            [
                np.square(self.errors(targets, penalty, projected)).mean(axis=0)
                for penalty in penalties
            ]
        )
        best = mean_squares.argmin(axis=0)
        return np.asarray(penalties)[best], mean_squares.min(axis=0)

    def choose_one(
        self, targets: np.ndarray, penalties=PENALTIES, projected=None
    ) -> tuple[float, float]:
        """Choose one penalty for all targets, without predicting any.

        The error of row i is ((I - H) Y)_i / (1 - H_ii). Of many targets only its norm
        is needed, which follows from Y Y'Q and Q'Y Y'Q, in the few components.

        Parameters
        ----------
        targets : array, shape (n_rows, n_targets)
            Centered targets, of which there can be very many.
        penalties : array-like, shape (n_penalties,)
            Penalties to choose from.
        projected : array, shape (rank, n_targets) | None
            What :meth:`project` returns.

        Returns
        -------
        penalty : float
            The penalty of least squared leave-one-out error.
        explained : float
            One minus that error, as a share of the leave-one-out error of the mean.
        """
        projected = self.project(targets) if projected is None else projected
        norms = self._norms_of_many(targets, projected, penalties)
        if targets.shape[1] < len(self.energy):
            norms = self._norms_of_few(targets, projected, penalties)
        rest = self.rest(penalties)
        squares = [(norm / rest[:, k] ** 2).sum() for k, norm in enumerate(norms)]
        best = int(np.argmin(squares))
        power = np.einsum("ij,ij->i", targets, targets, dtype=np.float64)
        of_mean = (power / self._rest_of_mean() ** 2).sum()
        explained = 1 - squares[best] / of_mean if of_mean else 0.0
        return float(penalties[best]), float(explained)

    def _norms_of_many(self, targets, projected, penalties) -> Iterator:
        """Yield the squared norm of every row of (I - H) Y.

        With B = Q'Y and o_i what the components do not hold of row i, the row is
        q_i'(I - D) B + o_i. Components of full rank hold all.
        """
        inner = product(projected.T, projected.T)  # B B'
        across, outside = 0.0, 0.0
        if not self.is_complete:
            crossed = np.empty(self.scores.shape)  # Y B'
            for rows in row_blocks(len(targets), ROWS):
                crossed[rows] = targets[rows] @ projected.T
            across = crossed - self.scores @ inner  # o_i B'
            power = np.einsum("ij,ij->i", targets, targets, dtype=np.float64)
            outside = power - np.einsum("ik,ik->i", self.scores, crossed + across)
            outside = np.maximum(outside, 0)  # |o_i|^2
        for penalty in penalties:
            left = self.scores * (1 - self.shrinkage(penalty)[:, 0])
            yield np.sum(left * (left @ inner + 2 * across), axis=1) + outside

    def _norms_of_few(self, targets, projected, penalties) -> Iterator:
        """Yield the same from the fitted targets, cheaper where these are few."""
        for penalty in penalties:
            fitted = self.scores @ (self.shrinkage(penalty) * projected)
            yield np.square(targets - fitted).sum(axis=1)

    def _rest_of_mean(self):
        """Return 1 minus the leverage of rows where only the mean is fitted."""
        weights = 1.0 if self.root is None else self.root**2
        return np.maximum(1 - weights / self.size, LEAST_REST)

    def dual(self, projected: np.ndarray, penalty) -> np.ndarray:
        """Return Q diag(d / v) Q'Y, by which centered features are multiplied.

        Parameters
        ----------
        projected : array, shape (rank, n_targets)
            What :meth:`project` returns.
        penalty : float | array, shape (n_targets,)
            One penalty, or one for every target.

        Returns
        -------
        dual : array, shape (n_rows, n_targets)
            The weights of the regression are X' times these.
        """
        filtered = self.shrinkage(penalty) / self.energy[:, None] * projected
        return self.scores @ filtered.astype(np.float32)

    def weights(self, projected: np.ndarray, penalty) -> np.ndarray:
        """Return the weights of centered features.

        Parameters
        ----------
        projected : array, shape (rank, n_targets)
            What :meth:`project` returns.
        penalty : float | array, shape (n_targets,)
            One penalty, or one for every target.

        Returns
        -------
        weights : array, shape (n_features, n_targets)
            Predicted targets are ``(features - mean) @ weights``, plus their mean.
        """
        if np.ndim(penalty) == 0:  # targets can be many: the small factor is scaled
            return self._from_components(penalty).astype(projected.dtype) @ projected
        if self.axes is None:
            return self.features.T @ self.dual(projected, penalty)
        shrunk = self.shrinkage(penalty) / np.sqrt(self.energy)[:, None]
        return self.axes @ (shrunk * projected)

    def _from_components(self, penalty: float) -> np.ndarray:
        """Return V diag(d v^-1/2), by which Q'Y becomes weights."""
        shrunk = self.shrinkage(penalty)[:, 0]
        if self.axes is not None:
            return self.axes * (shrunk / np.sqrt(self.energy))
        # V = X'Q diag(v)^-1/2
        scores = self.scores * (shrunk / self.energy).astype(np.float32)
        return self.features.T @ scores


def _decompose(second: np.ndarray, n_components) -> tuple[np.ndarray, np.ndarray]:
    """Return positive eigenvalues, ascending, and their eigenvectors."""
    values, vectors = eigh(second)
    kept = values > max(TOLERANCE * values[-1], np.finfo(np.float32).tiny)
    values, vectors = values[kept], vectors[:, kept]
    if n_components is not None and len(values):
        if n_components < 1:
            share = np.cumsum(values[::-1]) / values.sum()
            n_components = 1 + int((share < n_components).sum())
        values, vectors = values[-n_components:], vectors[:, -n_components:]
    return values, vectors
