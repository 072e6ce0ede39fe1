"""Similarities of responses and candidates, block by block."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

#: Responses and candidates that are compared at once.
N_ROWS, N_COLUMNS = 1024, 8192

#: Matrices of at most this many similarities are held whole (128 MiB).
MOST_ENTRIES = 2**24


@dataclass
class Comparison:
    """A matrix of similarities of which parts are computed when they are read.

    Parameters
    ----------
    compare : callable
        Takes some rows of ``responses`` and of ``candidates`` and returns their
        similarities, shape (n_responses, n_candidates).
    responses : array, shape (n_epochs, n_values)
        What is known of the responses.
    candidates : array, shape (n_candidates, n_values)
        What is known of the candidates.
    """

    compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
    responses: np.ndarray
    candidates: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of responses and candidates."""
        return len(self.responses), len(self.candidates)

    def __getitem__(self, part: tuple) -> np.ndarray:
        rows, columns = part
        return self.compare(self.responses[rows], self.candidates[columns])

    def select(self, rows: np.ndarray, columns: np.ndarray) -> Comparison:
        """Return the comparison of some responses with some candidates."""
        return Comparison(self.compare, self.responses[rows], self.candidates[columns])

    def if_small(self) -> np.ndarray | Comparison:
        """Return the whole matrix where it takes little memory."""
        if np.prod(self.shape) > MOST_ENTRIES:
            return self
        return self[:, :]


@dataclass
class Ranking:
    """Where the true candidate of every response stands, and what stands first.

    Parameters
    ----------
    ranks : array of int, shape (n_epochs,)
        Rank of the true candidate, 1 for the best; a tie counts as an error.
    own : array, shape (n_epochs,)
        Similarity to the true candidate.
    best : array of int, shape (n_epochs,)
        The most similar candidate.
    highest : array, shape (n_epochs,)
        Similarity to it.
    """

    ranks: np.ndarray
    own: np.ndarray
    best: np.ndarray
    highest: np.ndarray


def rank(similarity: np.ndarray | Comparison, true: np.ndarray) -> Ranking:
    """Rank the true candidates without holding all similarities at once.

    Parameters
    ----------
    similarity : array | Comparison, shape (n_epochs, n_candidates)
        Higher is more similar.
    true : array of int, shape (n_epochs,)
        The column of the true candidate.

    Returns
    -------
    ranking : instance of Ranking
        Ranks, with ties and what is not a number counted as errors.
    """
    n_epochs, n_candidates = similarity.shape
    ranking = Ranking(
        np.full(n_epochs, n_candidates),
        np.empty(n_epochs),
        np.zeros(n_epochs, int),
        np.full(n_epochs, -np.inf),
    )
    for rows in blocks(n_epochs, N_ROWS):
        targets, which = np.unique(true[rows], return_inverse=True)
        epochs = np.arange(len(which))
        own = similarity[rows, targets][epochs, which]
        ranking.own[rows] = own
        for columns in blocks(n_candidates, N_COLUMNS):
            block = similarity[rows, columns]
            # Counted from below, so that NaN is worse than anything.
            below = block < own[:, None]
            column = true[rows] - columns.start
            inside = (column >= 0) & (column < block.shape[1])
            below[epochs[inside], column[inside]] = False  # whatever rounding says
            ranking.ranks[rows] -= below.sum(axis=1)
            best = block.argmax(axis=1)
            _keep_higher(ranking, rows, columns.start + best, block[epochs, best])
    return ranking


def _keep_higher(ranking: Ranking, rows: slice, best, highest) -> None:
    first = ranking.best[rows], ranking.highest[rows]
    better = ~(highest <= first[1])
    ranking.best[rows] = np.where(better, best, first[0])
    ranking.highest[rows] = np.where(better, highest, first[1])


def best_columns(similarity: np.ndarray | Comparison, k: int) -> np.ndarray:
    """Return the ``k`` most similar candidates of every response, best first.

    Parameters
    ----------
    similarity : array | Comparison, shape (n_epochs, n_candidates)
        Higher is more similar.
    k : int
        How many.

    Returns
    -------
    best : array of int, shape (n_epochs, k)
        Their columns; of equals the first comes first.
    """
    n_epochs, n_candidates = similarity.shape
    best = np.empty((n_epochs, k), int)
    for rows in blocks(n_epochs, N_ROWS):
        n_rows = len(range(*rows.indices(n_epochs)))
        columns, values = np.empty((n_rows, 0), int), np.empty((n_rows, 0))
        for part in blocks(n_candidates, N_COLUMNS):
            block = similarity[rows, part]
            index = np.arange(part.start, part.start + block.shape[1])
            columns = np.hstack([columns, np.broadcast_to(index, block.shape)])
            values = np.hstack([values, block])
            order = np.argsort(-values, axis=1, kind="stable")[:, :k]
            columns = np.take_along_axis(columns, order, axis=1)
            values = np.take_along_axis(values, order, axis=1)
        best[rows] = columns
    return best


def blocks(n: int, size: int) -> Iterator[slice]:
    """Divide so many rows into blocks of one size, the last of which is shorter.

    Parameters
    ----------
    n : int
        The number of rows.
    size : int
        The size.

    Returns
    -------
    blocks : iterator of slice
        The blocks.
    """
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
