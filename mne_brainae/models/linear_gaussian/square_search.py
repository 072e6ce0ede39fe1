"""Where squares of the features add to a linear prediction."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .axes import Solution, one_pass
from .blocks import product
from .curvature import find_directions
from .folds import make_folds
from .residuals import left_out_residuals
from .ridge import PENALTIES, Ridge
from .roots import solve
from .sample import Sample
from .signal import positive_part, prior_axes
from .squares import PENALTY, Squares, coordinate_axes, fit_patterns, unit_moments
from .steps import Steps
from .targets import ExactTargets, GeneralizedTargets

#: Squares that are tried.
N_UNITS = 24
#: Images below which none is tried.
FEWEST_IMAGES = 400
#: One of so many parts of the concepts is held out to judge the squares.
N_PARTS = 7
#: Penalty by which coordinates are shrunk, in units of the median penalty of the axes.
#: A direction has as many unknowns as a column of W, and less to learn them from.
CAUTION = 3.0
#: Standard errors by which what is held out must agree.
LEAST_ERRORS = 2.0


def add_squares(
    solution: Solution, sample: Sample, labels: np.ndarray, steps: Steps
) -> Solution:
    """Add squares to a linear solution, as far as held-out concepts keep them.

    Squares are looked for along all axes that may hold signal, then the signal axes
    with a prediction that contains these squares, and then squares along those.

    Parameters
    ----------
    solution : instance of Solution
        The linear solution of these images.
    sample : instance of Sample
        The images and responses.
    labels : array, shape (n_images,)
        The concept of every image.
    steps : instance of Steps
        Which steps to do when axes are looked for.

    Returns
    -------
    solution : instance of Solution
        A solution with ``squares``, or the linear one where none is kept.
    """
    if len(sample) < FEWEST_IMAGES or len(np.unique(labels)) < N_PARTS:
        return solution
    search = SquareSearch.of(solution, sample, labels)
    squares = search.find(*all_axes(solution, sample.shape, steps))
    if squares is None:
        return solution
    found = search.look_anew(solution, squares, steps)
    squares = search.find(found.axes.filters, found.axes.penalties)
    return solution if squares is None else replace(found, squares=squares)


def all_axes(
    solution: Solution, shape: tuple[int, int], steps: Steps
) -> tuple[np.ndarray, np.ndarray]:
    """Return all axes among which the signal axes were found.

    What follows nothing but squares is on none of the axes that linear predictions
    find.

    Parameters
    ----------
    solution : instance of Solution
        The linear solution.
    shape : tuple of int
        Numbers of channels and of time functions.
    steps : instance of Steps
        Which steps to do.

    Returns
    -------
    filters : array, shape (n_coordinates, n_axes)
        By which responses are multiplied.
    penalties : array, shape (n_axes,)
        The best ridge penalty of each axis.
    """
    targets, root = solution.regression.targets, solution.noise.root
    marginals = solution.axes.marginals(targets, shape)
    n_prior = steps.priors(targets.ridge.n_rows)
    prior = prior_axes(*map(positive_part, marginals), root, n_prior)
    filters = solve(root, prior, transposed=True)
    best = targets.along(filters).mean_squares().argmin(axis=0)
    return filters, PENALTIES[best]


@dataclass
class SquareSearch:
    """Looks for squares along given axes, and for axes with given squares.

    Parameters
    ----------
    sample : instance of Sample
        The images and responses.
    centered : array, shape (n_images, n_features)
        Centered features, float32.
    ridge : instance of Ridge
        The regression on the features, with ``scores``.
    weights : array, shape (n_images,)
        How much every image counts, 1 on average.
    labels : array, shape (n_images,)
        The concept of every image.
    held_out : array of bool, shape (n_images,)
        The images that judge the squares, whole concepts.
    """

    sample: Sample
    centered: np.ndarray
    ridge: Ridge
    weights: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, solution: Solution, sample: Sample, labels: np.ndarray) -> SquareSearch:
        """Prepare the search from the linear solution of the same images."""
        regression = solution.regression
        centered = sample.features - regression.feature_mean.astype(np.float32)
        weights = np.ones(len(sample))
        if sample.weights is not None:
            weights = sample.weights / sample.weights.mean()
        ridge = regression.targets.ridge
        if ridge.scores is None:  # only moments were needed until now
            root = None if sample.weights is None else np.sqrt(sample.weights)
            rows = centered if root is None else centered * root[:, None]
            ridge = replace(ridge, root=root).with_scores(rows.astype(np.float32))
        held_out = make_folds(labels, N_PARTS) == 0
        return cls(sample, centered, ridge, weights, labels, held_out)

    def find(self, filters: np.ndarray, penalties: np.ndarray) -> Squares | None:
        """Find squares in most concepts, and keep what the others confirm.

        A unit is kept if its covariance with the residuals of held-out images, along
        the same combination of axes, is above 2 standard errors. The part of the
        covariance that holds there is its slope, by which its pattern is multiplied.
        All units together must predict these residuals by as much.

        Parameters
        ----------
        filters : array, shape (n_coordinates, n_axes)
            By which responses are multiplied.
        penalties : array, shape (n_axes,)
            The ridge penalty of each axis.

        Returns
        -------
        squares : instance of Squares | None
            The squares, None where none is kept.
        """
        penalty = CAUTION * float(np.median(penalties))
        basis = coordinate_axes(self.ridge, penalty).astype(np.float32)
        residuals = self.residuals(filters, penalties)
        coordinates = self.centered @ basis
        learned = ~self.held_out
        directions, targets = find_directions(
            coordinates[learned], residuals[learned], self.weights[learned], N_UNITS
        )
        squares = np.square(coordinates @ directions.T)
        slopes = self.slopes(squares, residuals, targets)
        kept = slopes > 0
        if not kept.any():
            return None
        directions, slopes, squares = directions[kept], slopes[kept], squares[:, kept]
        mean, sd = unit_moments(squares, self.weights)
        patterns = fit_patterns((squares - mean) / sd, residuals, self.weights)
        patterns *= slopes[:, None]
        return Squares(basis, directions, patterns, mean, sd, slopes, self.held_out)

    def slopes(
        self, squares: np.ndarray, residuals: np.ndarray, targets: np.ndarray
    ) -> np.ndarray:
        """Return which part of every unit holds for held-out images.

        Parameters
        ----------
        squares : array, shape (n_images, n_units)
            The squares.
        residuals : array, shape (n_images, n_axes)
            What linear predictions leave, R.
        targets : array, shape (n_units, n_axes)
            The combination b of axes along which each unit was found.

        Returns
        -------
        slopes : array, shape (n_units,)
            The covariance of h with R b in held-out images, divided by that in the
            others, at most 1; 0 is a unit that is not kept.
        """
        learned, weights = ~self.held_out, self.weights[~self.held_out]
        mean, sd = unit_moments(squares[learned], weights)
        units = (squares - mean) / sd
        along = units * (residuals @ targets.T)
        inside = np.average(along[learned], axis=0, weights=weights)
        outside, error = self._judge(along)
        kept = (outside > LEAST_ERRORS * error) & (inside > 0)
        patterns = fit_patterns(units[learned], residuals[learned], weights)
        together = np.sum((units @ patterns) * residuals, axis=1, keepdims=True)
        mean, error = self._judge(together)
        if mean <= LEAST_ERRORS * error:
            return np.zeros(len(targets))
        ratio = np.divide(outside, inside, out=np.zeros_like(inside), where=kept)
        return np.clip(ratio, 0, 1)

    def residuals(self, filters: np.ndarray, penalties: np.ndarray) -> np.ndarray:
        """Return what linear leave-one-out predictions leave along the axes."""
        along = self.sample.responses @ filters.astype(np.float32)
        return left_out_residuals(self.ridge, along, penalties)

    def _judge(self, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard error over held-out images, whole concepts."""
        weights = self.weights[self.held_out]
        products = products[self.held_out] * (weights / weights.mean())[:, None]
        return clustered_mean(products, self.labels[self.held_out])

    def look_anew(self, solution: Solution, squares: Squares, steps: Steps) -> Solution:
        """Look for the axes with a prediction that contains the squares.

        Parameters
        ----------
        solution : instance of Solution
            The solution along whose axes the squares were found.
        squares : instance of Squares
            The squares.
        steps : instance of Steps
            Which steps to do.

        Returns
        -------
        solution : instance of Solution
            The new axes, with linear weights.
        """
        linear, noise = solution.regression.targets, solution.noise
        penalty = float(np.median(solution.axes.penalties))
        wide = self._with_squares(linear, squares, penalty)
        shared = solution.axes.shared_penalty
        axes = one_pass(wide, noise, shared, self.sample.shape, steps)
        axes = replace(axes, targets=linear.along(axes.filters))
        weights = axes.weights().astype(np.float32)
        return replace(solution, axes=axes, weights=weights, squares=None)

    def _with_squares(
        self, linear: ExactTargets | GeneralizedTargets, squares: Squares, penalty
    ) -> GeneralizedTargets:
        """Regress the responses on the features and the units together.

        In the principal components of the features, X'X = diag(v) and
        X'H = diag(v)^1/2 Q'H. The units H are scaled so that ``penalty`` shrinks them
        by 1 / (1 + .02). H'Y is multiplied by the slopes: so much of it would be seen
        if the directions had not been chosen for these responses.
        """
        ridge = self.ridge
        units = self.ridge.center(squares.units(self.centered).astype(np.float32))
        # The units are centered, so that the responses need not be.
        crossed = product(units, self.sample.responses, ridge.root)
        crossed *= squares.slopes[:, None]
        scale = np.sqrt(penalty * ridge.unit / (PENALTY * ridge.size))
        root = np.sqrt(ridge.energy)[:, None]
        across = scale * root * product(ridge.scores, units)
        inner = scale**2 * product(units, units)
        second = np.block([[np.diag(ridge.energy), across], [across.T, inner]])
        # Of this size, penalties are in the unit of the features alone.
        size = np.trace(second) / ridge.unit
        wide = Ridge.from_moments(second, ridge.n_rows, size, np.zeros(len(second)))
        both = np.vstack([root * linear.projected, scale * crossed])
        projected = (wide.axes.T @ both) / np.sqrt(wide.energy)[:, None]
        if isinstance(linear, ExactTargets):
            return GeneralizedTargets(
                wide, projected, product(linear.rows, linear.rows)
            )
        return GeneralizedTargets(wide, projected, linear.second)


def clustered_mean(
    values: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over images, and its standard error over whole concepts.

    Parameters
    ----------
    values : array, shape (n_images, n_columns)
        The values.
    labels : array, shape (n_images,)
        The concept of every image.

    Returns
    -------
    mean, error : array, shape (n_columns,)
        The mean, and the root of the sum over concepts of (sum of deviations)^2,
        divided by the number of images.
    """
    mean = values.mean(axis=0)
    names, of = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, of, values - mean)
    return mean, np.sqrt(np.square(sums).sum(axis=0)) / len(values)
