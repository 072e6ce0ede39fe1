"""Directions of the features along whose squares the responses vary."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from .blocks import product

#: How many first and how many last eigenvectors of every curvature are starts.
N_STARTS = 3
#: Starts that are followed, the best by what they hold.
N_FOLLOWED = 6
#: Multiplications by a matrix, until it is replaced, and how often it is, at most.
N_POWERS, N_TURNS = 6, 50
#: A direction stays when its cosine with the one before is within this of 1.
TOLERANCE = 1e-6
#: Terms below this share of all matrices together are rounding errors.
ROUNDING = 1e-6


def find_directions(
    coordinates: np.ndarray, residuals: np.ndarray, weights: np.ndarray, n_units: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the directions whose squares vary most with residuals.

    Parameters
    ----------
    coordinates : array, shape (n_images, n_coordinates)
        Centered coordinates of the images.
    residuals : array, shape (n_images, n_axes)
        What is to be explained.
    weights : array, shape (n_images,)
        How much every image counts.
    n_units : int
        Number of directions, at most.

    Returns
    -------
    directions : array, shape (n_units, n_coordinates)
        Unit vectors.
    targets : array, shape (n_units, n_axes)
        Along which combination of residuals each was found; unit vectors.
    """
    residuals = residuals - np.average(residuals, axis=0, weights=weights)
    residuals *= (weights / weights.mean())[:, None]
    found = curvatures(coordinates, residuals).astype(np.float32)
    return rank_one_terms(found, n_units)


def curvatures(coordinates: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Return how residuals vary with products of coordinates.

    T_j = X' diag(r_j) X / n, the mean over images of r_j x x', is half the mean Hessian
    of r_j where the x are standard normal ("principal Hessian directions", Li, 1992).

    Parameters
    ----------
    coordinates : array, shape (n_images, n_coordinates)
        Centered coordinates X of the images.
    residuals : array, shape (n_images, n_axes)
        What is to be explained; the mean of each column is 0.

    Returns
    -------
    curvatures : array, shape (n_axes, n_coordinates, n_coordinates)
        The symmetric matrices T_j.
    """
    found = [product(coordinates, coordinates, r) for r in residuals.T]
    return np.array(found) / len(coordinates)


def rank_one_terms(
    curvatures: np.ndarray, n_terms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Approximate matrices by a sum of terms b a a', one after the other.

    Each term takes as much as it can of the sum over j of |T_j|^2, which is
    |T(a, a)|^2 for a unit vector a, with T(a, a)_j = a' T_j a and
    b = T(a, a) / |T(a, a)|. What it takes is then subtracted.

    Parameters
    ----------
    curvatures : array, shape (n_axes, n_coordinates, n_coordinates)
        The symmetric matrices T_j.
    n_terms : int
        The number of terms, at most.

    Returns
    -------
    directions : array, shape (n_terms, n_coordinates)
        The unit vectors a.
    targets : array, shape (n_terms, n_axes)
        The unit vectors b.
    """
    left = curvatures.copy()
    starts = extreme_vectors(curvatures)
    least = ROUNDING * np.linalg.norm(curvatures)
    directions, targets = [], []
    for _ in range(n_terms):
        direction, along, starts = strongest_direction(left, starts)
        strength = np.linalg.norm(along)
        if not strength > least:
            break
        left -= along[:, None, None] * np.outer(direction, direction)
        directions.append(direction)
        targets.append(along / strength)
    n_axes, n_coordinates, _ = curvatures.shape
    return (
        np.reshape(directions, (-1, n_coordinates)),
        np.reshape(targets, (-1, n_axes)),
    )


def extreme_vectors(curvatures: np.ndarray) -> np.ndarray:
    """Return the first and last eigenvectors of every matrix, as columns.

    Parameters
    ----------
    curvatures : array, shape (n_axes, n_coordinates, n_coordinates)
        The symmetric matrices.

    Returns
    -------
    vectors : array, shape (n_coordinates, n_vectors)
        The unit vectors.
    """
    found = []
    for matrix in curvatures:
        vectors = eigh(matrix)[1]
        found += [vectors[:, :N_STARTS], vectors[:, -N_STARTS:]]
    return np.hstack(found)


def strongest_direction(
    curvatures: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the direction along which all matrices together are largest.

    Parameters
    ----------
    curvatures : array, shape (n_axes, n_coordinates, n_coordinates)
        The symmetric matrices T_j.
    starts : array, shape (n_coordinates, n_starts)
        Unit vectors from which to look.

    Returns
    -------
    direction : array, shape (n_coordinates,)
        The unit vector a.
    along : array, shape (n_axes,)
        T(a, a).
    starts : array, shape (n_coordinates, n_starts)
        The starts, those that were followed where they ended: from there it is near
        once this direction is taken.
    """
    sizes = np.linalg.norm(quadratic_forms(curvatures, starts), axis=0)
    best = np.argsort(-sizes, kind="stable")[:N_FOLLOWED]
    ends = np.stack([_follow(curvatures, starts[:, k]) for k in best], axis=1)
    along = quadratic_forms(curvatures, ends)
    winner = np.linalg.norm(along, axis=0).argmax()
    starts = starts.copy()
    starts[:, best] = ends
    return ends[:, winner], along[:, winner], starts


def quadratic_forms(curvatures: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return a' T_j a.

    Parameters
    ----------
    curvatures : array, shape (n_axes, n_coordinates, n_coordinates)
        The matrices T_j.
    vectors : array, shape (n_coordinates, n_vectors)
        The vectors a, as columns.

    Returns
    -------
    forms : array, shape (n_axes, n_vectors)
        The values.
    """
    return np.einsum("dv,jdv->jv", vectors, curvatures @ vectors)


def _follow(curvatures: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Turn a direction until |T(a, a)| does not grow.

    For given b, |sum_j b_j a' T_j a| is largest at the eigenvector of M = sum_j b_j T_j
    with the largest absolute eigenvalue, toward which M^2 turns.
    """
    for _ in range(N_TURNS):
        before = direction
        weights = quadratic_forms(curvatures, direction[:, None])[:, 0]
        norm = np.linalg.norm(weights)
        if not norm > 0:
            return direction
        matrix = np.tensordot(weights / norm, curvatures, 1)
        for _ in range(N_POWERS):
            turned = matrix @ (matrix @ direction)
            direction = turned / np.linalg.norm(turned)
        if abs(direction @ before) > 1 - TOLERANCE:
            break
    return direction
