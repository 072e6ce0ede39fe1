"""Which picture was seen: similarities, ranks, and how they were obtained."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from ._checks import check_complete, five
from ._docs import fill_doc
from .viz import plot_identification


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine of every row of ``a`` with every row of ``b``."""

    def unit(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows, np.float64)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return unit(a) @ unit(b).T


#: What responses and pictures are compared by, as a protocol says it.
SIMILARITIES = {
    "cosine": "cosine in the shared space",
    "encoding": "Pearson r with the predicted response",
    "likelihood": "log-likelihood in the shared space, noise learned in fit",
}


def log_likelihood(
    a: np.ndarray, b: np.ndarray, whitener: np.ndarray | None
) -> np.ndarray:
    """Return the Gaussian log-likelihood of rows of ``a`` around rows of ``b``.

    Parameters
    ----------
    a, b : array, shapes (n_a, n_embedding), (n_b, n_embedding)
        Embeddings.
    whitener : array, shape (n_embedding, n_embedding) | None
        S^-1/2 of the noise covariance S; None where the noise is white.

    Returns
    -------
    similarity : array, shape (n_a, n_b)
        Minus half the squared distance after whitening. The constant of the density is
        left out.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if whitener is not None:
        a, b = a @ whitener, b @ whitener
    return a @ b.T - (np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)) / 2


def rank_of_truth(similarity: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the rank of the true candidate of every row, 1 for the best.

    Parameters
    ----------
    similarity : array, shape (n_epochs, n_candidates)
        Higher is more similar.
    true : array of int, shape (n_epochs,)
        The column of the true candidate.

    Returns
    -------
    ranks : array of int, shape (n_epochs,)
        How many candidates are at least as similar as the true one, itself included:
        a tie counts as an error.
    """
    own = np.take_along_axis(similarity, true[:, None], axis=1)
    # Counted from below, so that NaN is worse than anything.
    return similarity.shape[1] - (similarity < own).sum(axis=1)


@dataclass(repr=False)
class Identification:
    """The candidates of every brain response, and the protocol of the comparison.

    Parameters
    ----------
    similarity : array, shape (n_epochs, n_candidates)
        Similarity of every response to every candidate; higher is more similar.
    candidates : list of str
        Names of the candidates: images in retrieval, concepts in classification.
    truth : list of str
        The candidate that was really shown, for every epoch.
    protocol : dict
        How the scores came about: task, gallery, templates, repetitions averaged,
        channels, selection of the model, seed, image encoder.

    Attributes
    ----------
    ranks : array of int, shape (n_epochs,)
        Rank of the true candidate, 1 for the best; a tie counts as an error.
    """

    similarity: np.ndarray
    candidates: Sequence[str]
    truth: Sequence[str]
    protocol: dict = field(default_factory=dict)

    def __post_init__(self):
        self.candidates, self.truth = list(self.candidates), list(self.truth)
        shape = (len(self.truth), len(self.candidates))
        if self.similarity.shape != shape:
            raise ValueError(
                f"similarity must have shape (n_epochs, n_candidates) = {shape}, got "
                f"{self.similarity.shape}."
            )
        check_complete(self.truth, self.candidates, "The gallery")
        self.ranks = rank_of_truth(
            self.similarity, pd.Index(self.candidates).get_indexer(self.truth)
        )

    @fill_doc
    def top_k(self, k: int = 1) -> float:
        """Return the share of epochs whose true candidate is among the best ``k``.

        Parameters
        ----------
        %(guesses)s

        Returns
        -------
        accuracy : float
            Between 0 and 1; compare with :meth:`chance`.
        """
        self._check_k(k)
        return float(np.mean(self.ranks <= k))

    @fill_doc
    def chance(self, k: int = 1) -> float:
        """Return the accuracy that guessing would reach.

        Parameters
        ----------
        %(guesses)s

        Returns
        -------
        accuracy : float
            ``k / n_candidates``.
        """
        self._check_k(k)
        return k / len(self.candidates)

    def _check_k(self, k: int) -> None:
        if not 1 <= k <= len(self.candidates):
            raise ValueError(
                f"k must lie between 1 and the {len(self.candidates)} candidates, "
                f"got {k}."
            )

    @property
    def predicted(self) -> list[str]:
        """The most similar candidate of every epoch."""
        return [self.candidates[i] for i in self.similarity.argmax(axis=1)]

    def to_data_frame(self) -> pd.DataFrame:
        """Return one row per epoch.

        Returns
        -------
        table : DataFrame, shape (n_epochs, 5)
            Columns ``truth``, ``predicted``, ``rank``, ``similarity`` (to the true
            candidate) and ``best_similarity``.
        """
        true = pd.Index(self.candidates).get_indexer(self.truth)
        return pd.DataFrame(
            {
                "truth": self.truth,
                "predicted": self.predicted,
                "rank": self.ranks,
                "similarity": self.similarity[np.arange(len(true)), true],
                "best_similarity": self.similarity.max(axis=1),
            }
        )

    def plot(self, *, axes=None, show: bool = True):
        """Plot accuracy against the number of guesses, beside chance.

        Parameters
        ----------
        axes : instance of Axes | None
            Where to draw; None makes a new figure.
        show : bool
            Whether to show the figure.

        Returns
        -------
        fig : instance of Figure
            The figure.
        """
        return plot_identification(self, axes=axes, show=show)

    def __repr__(self) -> str:
        n_epochs, n_candidates = self.similarity.shape
        scores = [
            f"top-{k} {100 * self.top_k(k):.1f} % (chance {100 * self.chance(k):.1f} %)"
            for k in (1, 5)
            if k <= n_candidates
        ]
        lines = [f"<Identification | {n_epochs} epochs, {', '.join(scores)}"]
        lines += [f"  {key}: {value}" for key, value in self.protocol.items()]
        return "\n".join(lines) + ">"


def check_templates(templates: pd.MultiIndex, epochs_table: pd.DataFrame) -> None:
    """Refuse templates that contain a picture that the test epochs show.

    Parameters
    ----------
    templates : MultiIndex
        Levels ``concept`` and ``image``.
    epochs_table : DataFrame
        Metadata of the test epochs, with columns ``image`` and ``concept``.
    """

    def keys(concepts, images) -> pd.Index:
        files = [
            f"{concept}/{PurePosixPath(image).stem}"
            for concept, image in zip(concepts, images, strict=True)
        ]
        return pd.Index(files)

    shown = epochs_table[["concept", "image"]].drop_duplicates().astype(str)
    names = templates.get_level_values("image").astype(str)
    concepts = templates.get_level_values("concept").astype(str)
    clash = names.isin(shown["image"])
    clash |= keys(concepts, names).isin(keys(shown["concept"], shown["image"]))
    if clash.any():
        raise ValueError(
            "Templates must be pictures that the test epochs do not show, but these "
            f"are test stimuli: {five(names[clash])}. Leave them out, or call retrieve "
            "to search among the stimuli themselves."
        )
