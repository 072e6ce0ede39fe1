"""The members of a stack: ridge regressions through windows and on single layers."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product as combinations

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from .blocks import product
from .ridge import Ridge
from .windows import FeatureMaps, Window, place_grams

#: Centers of windows along each side, and standard deviations, as shares of the side.
CENTERS = tuple(0.5 + step / 7 for step in (-2, -1, 0, 1, 2))
WIDTHS = tuple(cells / 7 for cells in (1.25, 2.0, 3.0))
#: Windows through which each layer is also seen alone.
N_BEST = 3
#: Shares of what others predict, beside what a window shows of the image.
SHARED = (0.15, 0.3, 0.5, 0.7)
#: Members, the best alone, that are tried with each of these shares.
N_BESIDE = 12
#: Below so many images, members that also see what others predict are averaged over the
#: best few; from there on they are weighed for every unit.
PER_UNIT_FROM, N_AVERAGED = 400, 5
#: How strongly the weights of members are drawn to their mean, and the standard
#: deviation of a prediction that this supposes, as a share of that of the responses.
STRENGTH, USUAL_PREDICTION = 0.02, 0.3


@dataclass
class MemberFit:
    """A ridge regression of all units.

    Parameters
    ----------
    errors : array, shape (n_images, n_units)
        The leave-one-out errors.
    dual : array, shape (n_images, n_units)
        By which the weighted features are multiplied to give the weights.
    penalties : array, shape (n_units,)
        The penalty of each unit.
    shared : float
        The share of what others predict in what is seen.
    own_factor, shared_factor : float
        By what the inner products of features, and of what others predict, were
        multiplied.
    """

    errors: np.ndarray
    dual: np.ndarray
    penalties: np.ndarray
    shared: float = 0.0
    own_factor: float = 1.0
    shared_factor: float = 0.0

    @classmethod
    def of(cls, gram: np.ndarray, targets: np.ndarray, *factors: float) -> MemberFit:
        """Fit from inner products of centered features."""
        ridge = Ridge.from_gram(gram)
        penalties, _ = ridge.choose(targets)
        projected = ridge.project(targets)
        errors = ridge.errors(targets, penalties, projected)
        return cls(errors, ridge.dual(projected, penalties), penalties, *factors)

    def squared_error(self) -> float:
        """Return the sum of squared leave-one-out errors."""
        return float(np.square(self.errors, dtype=np.float64).sum())


def fit_members(
    centered: np.ndarray, targets: np.ndarray, maps: FeatureMaps
) -> tuple[list[tuple], list[MemberFit]]:
    """Fit the whole image, every window, and each layer in the best of these.

    Parameters
    ----------
    centered : array, shape (n_images, n_features)
        Centered features.
    targets : array, shape (n_images, n_units)
        Centered responses.
    maps : instance of FeatureMaps
        Layer and place of every feature.

    Returns
    -------
    members : list of tuple
        Window and layer of every member.
    fits : list of MemberFit
        Their regressions.
    """
    windows = [None]
    if maps.has_places():
        places = combinations(CENTERS, CENTERS, WIDTHS)
        windows += [Window(*place) for place in places]
    members = [(window, None) for window in windows]
    grams = place_grams(centered, maps, members)
    fits = [MemberFit.of(gram, targets) for gram in grams]
    if maps.n_layers > 1:
        scores = [fit.squared_error() for fit in fits]
        best = [windows[k] for k in np.argsort(scores, kind="stable")[:N_BEST]]
        alone = [(window, layer) for window in best for layer in range(maps.n_layers)]
        members += alone
        grams = place_grams(centered, maps, alone)
        fits += [MemberFit.of(gram, targets) for gram in grams]
    return members, fits


def stack_members(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weigh the members for every unit, none negatively.

    The weights minimize |y - sum_k w_k yhat_k|^2 + .02 n (.3 sd)^2 |w - 1/m|^2 over
    leave-one-out predictions of m members for n images.

    Parameters
    ----------
    predicted : array, shape (n_members, n_images, n_units)
        The leave-one-out predictions.
    targets : array, shape (n_images, n_units)
        The centered responses.

    Returns
    -------
    shares : array, shape (n_members, n_units)
        The weights w.
    """
    n_members, n_images, n_units = predicted.shape
    even = np.full(n_members, 1 / n_members)
    shares = np.zeros((n_members, n_units))
    for unit in range(n_units):
        columns, target = predicted[:, :, unit].T, targets[:, unit]
        variance = USUAL_PREDICTION**2 * target.var(dtype=np.float64)
        pull = STRENGTH * n_images * variance
        if not pull > 0:
            continue
        inner = product(columns, columns) + pull * np.eye(n_members)
        crossed = product(columns, target[:, None])[:, 0] + pull * even
        # |L'w - L^-1 c|^2 is the same up to a constant.
        root = cholesky(inner, lower=True)
        shares[:, unit] = nnls(root.T, solve_triangular(root, crossed, lower=True))[0]
    return shares


def left_out_of(fits: Sequence[MemberFit], targets: np.ndarray) -> np.ndarray:
    """Return the leave-one-out predictions of members.

    Parameters
    ----------
    fits : sequence of MemberFit
        Their regressions.
    targets : array, shape (n_images, n_units)
        Centered responses.

    Returns
    -------
    predicted : array, shape (n_members, n_images, n_units)
        The predictions.
    """
    return np.stack([targets - fit.errors for fit in fits])


def add_shared(
    centered, shared: np.ndarray, targets, maps: FeatureMaps, members, fits
) -> tuple[list, list, np.ndarray]:
    """Add members that see what others predict, and weigh all or average the best.

    Parameters
    ----------
    centered, shared, targets : array, shape (n_images, ...)
        Centered features, what others predict, and responses.
    maps : instance of FeatureMaps
        Layer and place of every feature.
    members, fits : list
        The members without others, and their regressions.

    Returns
    -------
    members, fits : list
        The members that count, and their regressions.
    shares : array, shape (n_members, n_units)
        How much they count.
    """
    order = np.argsort([fit.squared_error() for fit in fits], kind="stable")
    best = [members[k] for k in order[:N_BESIDE]]
    pairs = [*zip(members, fits, strict=True)]
    pairs += _mix(centered, shared, targets, maps, best)
    few = len(targets) < PER_UNIT_FROM
    if few:
        pairs = sorted(pairs, key=lambda pair: pair[1].squared_error())[:N_AVERAGED]
    members, fits = (list(each) for each in zip(*pairs, strict=True))
    if few:
        return members, fits, np.full((len(fits), targets.shape[1]), 1 / len(fits))
    return members, fits, stack_members(left_out_of(fits, targets), targets)


def _mix(centered, shared: np.ndarray, targets, maps, members) -> Iterator[tuple]:
    """Yield members that see what others predict, at every share, as regressions."""
    others = product(shared.T, shared.T).astype(np.float64)
    energy = np.trace(others) / len(others)
    if not energy > 0:
        return
    grams = place_grams(centered, maps, members)
    for member, gram in zip(members, grams, strict=True):
        own = np.trace(gram) / len(gram)
        for share in SHARED if own > 0 else ():
            factors = (1 - share) / own, share / energy
            mixed = factors[0] * gram + factors[1] * others
            yield member, MemberFit.of(mixed, targets, share, *factors)
