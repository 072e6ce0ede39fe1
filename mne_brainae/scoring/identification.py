"""Which image was seen: similarities, ranks, and how they were obtained."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.stats import binomtest, hypergeom

from ..images.files import locate_images
from ..images.pairing import ImageNames, match_names
from ..images.thumbnails import IN_HTML, as_html, thumbnails
from ..utils.checks import (
    check_once,
    counted,
    five,
    seed_from,
    warn,
)
from ..utils.constraints import checked, integer, options, share
from ..utils.docs import fill_doc
from ..utils.names import texts
from ..viz.decoding import plot_confusion, plot_identification
from ..viz.gallery import Tile, plot_gallery
from .comparison import Comparison, best_columns, rank
from .probabilities import Calibration, Residuals, posterior, probable_sets
from .result import Result, pooled_protocol


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine of every row of ``a`` with every row of ``b``."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    lengths = np.outer(*(np.sqrt(np.einsum("nk,nk->n", x, x)) for x in (a, b)))
    return a @ b.T / np.maximum(lengths, np.finfo(float).tiny)


#: What responses and images are compared by, as a protocol says it.
SIMILARITIES = {
    "cosine": "cosine in the shared space",
    "encoding": "Pearson r with the predicted response",
    "likelihood": "log-likelihood around the prediction, noise learned in fit",
}


def log_likelihood(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Gaussian log-likelihood of rows of ``a`` around rows of ``b``.

    Parameters
    ----------
    a, b : array, shapes (n_a, n_axes), (n_b, n_axes)
        Coordinates in which the noise is white, with variance 1.

    Returns
    -------
    similarity : array, shape (n_a, n_b)
        Minus half the squared distance. The constant of the density is left out.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return a @ b.T - (np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)) / 2


#: Responses, and guesses of each, that the HTML of a result shows.
IN_ROW = 5
#: Constraints of the number of guesses, and of the groups of candidates.
GUESSES = [integer(1)]
GROUPS = [Mapping, pd.Series, None]


def _check_guesses(ks, name: str) -> None:
    """Refuse numbers of guesses that are none."""
    are_numbers = isinstance(ks, Sequence | np.ndarray) and not isinstance(ks, str)
    if (
        not are_numbers
        or not len(ks)
        or not all(isinstance(k, Integral) and k > 0 for k in ks)
    ):
        raise ValueError(
            f"{name} must be one or more integers of at least 1, got {ks!r}."
        )


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
    return rank(similarity, true).ranks


@dataclass(repr=False, eq=False)
class Identification(Result):
    """The candidates of every brain response, and the protocol of the comparison.

    Parameters
    ----------
    similarity : array | Comparison, shape (n_epochs, n_candidates)
        Similarity of every response to every candidate; higher is more similar. For a
        large gallery ``retrieve`` gives a matrix that is computed in blocks when it is
        read, by ``similarity[rows, columns]``.
    candidates : list of str
        Names of the candidates: images in retrieval, concepts in classification.
    truth : list of str
        The candidate that was really shown, for every epoch, by its name among the
        candidates, with or without folder and suffix.
    protocol : dict
        How the scores came about: task, gallery, templates, repetitions averaged,
        channels, selection of the model, seed, image encoder.
    is_log_likelihood : bool
        Whether the similarities are log densities of each response given each
        candidate, up to a constant of the response, so that they give probabilities.
    caution : str | None
        Why these probabilities are too sure, which is a warning where they are asked
        for; None where nothing is known against them.
    residuals : instance of Residuals | None
        How far held-out responses lie from their images, by which sets can be formed.
    images : dict | None
        Files or PIL images of the candidates by their names, which :meth:`plot_gallery`
        draws; None where features were given.

    Attributes
    ----------
    ranks : array of int, shape (n_epochs,)
        Rank of the true candidate, 1 for the best; a tie counts as an error.

    Raises
    ------
    ValueError
        If the similarities are not of the shape of epochs and candidates.

    See Also
    --------
    mne_brainae.pool_identifications
    mne_brainae.viz.plot_identification

    Notes
    -----
    Intervals and tests count epochs as independent. Repetitions of one image are not
    quite: average them first, since the score should hold for other
    images.

    Examples
    --------
    >>> found = model.retrieve(averaged, unseen)
    >>> found.chance()
    0.125
    >>> found.top_k(8)
    1.0
    """

    similarity: np.ndarray | Comparison
    candidates: Sequence[str]
    truth: Sequence[str]
    protocol: dict = field(default_factory=dict)
    is_log_likelihood: bool = False
    caution: str | None = None
    residuals: Residuals | None = None
    images: Mapping | None = None

    def __post_init__(self):
        super().__post_init__()
        self._check_types()
        self.candidates, self.truth = texts(self.candidates), texts(self.truth)
        shape = (len(self.truth), len(self.candidates))
        if self.similarity.shape != shape:
            raise ValueError(
                f"similarity must have shape (n_epochs, n_candidates) = {shape}, got "
                f"{self.similarity.shape}."
            )
        check_once(self.candidates, "candidates")
        rows = match_names(self.truth, self.candidates, "The gallery")
        self.truth = [self.candidates[row] for row in rows]
        if isinstance(self.similarity, Comparison):
            self.similarity = self.similarity.if_small()
        self._ranking = rank(self.similarity, np.array(rows, int))
        self.ranks = self._ranking.ranks

    def _check_types(self) -> None:
        """Refuse similarities that are no real numbers, and names that are no list."""
        if not isinstance(self.similarity, Comparison):
            self.similarity = np.asarray(self.similarity)
            if self.similarity.dtype.kind not in "biuf":
                raise TypeError(
                    "similarity must be an array of real numbers, got "
                    f"{self.similarity.dtype}."
                )
        for name in ("candidates", "truth"):
            names = getattr(self, name)
            if isinstance(names, str) or not isinstance(names, Iterable):
                raise TypeError(
                    f"{name} must be a sequence of names, one for each of them, got "
                    f"{names!r}."
                )

    # -- one number -------------------------------------------------------------------

    @checked(k=GUESSES, n_way=[integer(2), None])
    @fill_doc
    def top_k(self, k: int = 1, *, n_way: int | None = None) -> float:
        """Return the share of epochs whose true candidate is among the best ``k``.

        Parameters
        ----------
        %(guesses)s
        n_way : int | None
            The size of a smaller gallery, which holds the true candidate and others
            drawn at random for every epoch. The result is the mean over all such
            galleries, without drawing any. None takes all candidates.

        Returns
        -------
        accuracy : float
            Between 0 and 1; compare with :meth:`chance`.

        Examples
        --------
        >>> found.top_k(8)
        1.0
        """
        n_way = self._check_k(k, n_way)
        n_others = len(self.candidates) - 1
        if n_way > n_others:
            return float(np.mean(self.ranks <= k))
        # How many of those that beat the truth are among the n_way - 1 drawn.
        return float(hypergeom.cdf(k - 1, n_others, self.ranks - 1, n_way - 1).mean())

    @checked(k=GUESSES, n_way=[integer(2), None])
    @fill_doc
    def chance(self, k: int = 1, *, n_way: int | None = None) -> float:
        """Return the accuracy that guessing would reach.

        Parameters
        ----------
        %(guesses)s
        n_way : int | None
            The size of a smaller gallery; None takes all candidates.

        Returns
        -------
        accuracy : float
            ``k / n_candidates``.

        Examples
        --------
        >>> found.chance(2)
        0.25
        """
        return k / self._check_k(k, n_way)

    def _check_k(self, k: int, n_way: int | None = None) -> int:
        """Check a number of guesses, and return the size of the gallery."""
        n_candidates = len(self.candidates)
        if n_way is not None and not 2 <= n_way <= n_candidates:
            raise ValueError(
                f"n_way must lie between 2 and the {n_candidates} candidates, got "
                f"{n_way}."
            )
        n_way = n_candidates if n_way is None else n_way
        if not 1 <= k <= n_way:
            raise ValueError(
                f"k must lie between 1 and the {n_way} candidates, got {k}."
            )
        return n_way

    @property
    def mean_rank(self) -> float:
        """Mean rank of the true candidate; guessing has (n_candidates + 1) / 2."""
        return float(self.ranks.mean())

    @property
    def median_rank(self) -> float:
        """Median rank of the true candidate."""
        return float(np.median(self.ranks))

    @checked(k=GUESSES, level=[share()])
    @fill_doc
    def interval(self, k: int = 1, *, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of :meth:`top_k`, by Wilson's score.

        Parameters
        ----------
        %(guesses)s
        level : float
            The share of such intervals that hold the true accuracy.

        Returns
        -------
        low, high : float
            The ends of the interval.

        Examples
        --------
        >>> low, high = found.interval()
        """
        result = self._test(k, alternative="two-sided")
        return tuple(result.proportion_ci(level, method="wilson"))

    @checked(k=GUESSES)
    @fill_doc
    def p_value(self, k: int = 1) -> float:
        """Return how probable so many hits, or more, are by guessing.

        Parameters
        ----------
        %(guesses)s

        Returns
        -------
        p : float
            The one-sided p-value of the exact binomial test against chance.

        Examples
        --------
        >>> 0 <= found.p_value() <= 1
        True
        """
        return float(self._test(k, alternative="greater").pvalue)

    def _test(self, k: int, *, alternative: str):
        hits = int(np.sum(self.ranks <= k))
        return binomtest(hits, len(self.ranks), self.chance(k), alternative=alternative)

    # -- tables -----------------------------------------------------------------------

    @checked(ks=_check_guesses, level=[share()])
    def scores(self, ks: Sequence[int] = (1, 5), *, level: float = 0.95):
        """Return accuracy beside chance, with interval and test.

        Parameters
        ----------
        ks : sequence of int
            Numbers of guesses; those above the number of candidates are left out.
        level : float
            The level of the confidence interval.

        Returns
        -------
        table : DataFrame, shape (n_ks, 5)
            Columns ``accuracy``, ``chance``, ``low``, ``high`` (Wilson's interval) and
            ``p`` (exact binomial test against chance).

        Examples
        --------
        >>> found.scores((1, 5)).index.tolist()
        ['top-1', 'top-5']
        """
        rows = {}
        for k in ks:
            if k <= len(self.candidates):
                low, high = self.interval(k, level=level)
                rows[f"top-{k}"] = {
                    "accuracy": self.top_k(k),
                    "chance": self.chance(k),
                    "low": low,
                    "high": high,
                    "p": self.p_value(k),
                }
        return pd.DataFrame(rows).T

    @property
    def predicted(self) -> list[str]:
        """The most similar candidate of every epoch."""
        return [self.candidates[i] for i in self._ranking.best]

    @checked(k=GUESSES)
    def best(self, k: int = 5) -> pd.DataFrame:
        """Return the names of the ``k`` most similar candidates of every epoch.

        Parameters
        ----------
        k : int
            How many.

        Returns
        -------
        table : DataFrame, shape (n_epochs, k)
            Columns 1 to k, the best first.

        Examples
        --------
        >>> found.best().shape
        (8, 5)
        """
        self._check_k(k)
        names = np.array(self.candidates, object)[best_columns(self.similarity, k)]
        return pd.DataFrame(names, columns=range(1, k + 1))

    # -- probabilities ----------------------------------------------------------------

    @property
    def probabilities(self) -> pd.DataFrame:
        """The probability of every candidate, all being as likely before.

        Shape (n_epochs, n_candidates), one column per candidate and a row for every
        epoch, which sums to 1. :meth:`calibration` says how well they hold.

        Raises
        ------
        ValueError
            If the similarities are not those of ``similarity="likelihood"``.
        """
        return self.posterior()

    @checked(prior=GROUPS)
    def posterior(self, prior=None) -> pd.DataFrame:
        """Return the probability of every candidate, given what was known before.

        Parameters
        ----------
        prior : dict | Series | None
            How probable each candidate was before the response, by its name; any
            numbers that are not negative, up to a factor. None is all alike.

        Returns
        -------
        probabilities : DataFrame, shape (n_epochs, n_candidates)
            Each row sums to 1.

        Raises
        ------
        ValueError
            If the similarities are not log-likelihoods.

        See Also
        --------
        mne_brainae.Identification.sets
        mne_brainae.Identification.calibration

        Examples
        --------
        >>> likely = model.retrieve(averaged, unseen, similarity="likelihood")
        >>> likely.posterior().sum(axis=1).round(6).unique().tolist()
        [1.0]
        """
        if not self.is_log_likelihood:
            raise ValueError(
                "Only log-likelihoods give probabilities. Call retrieve or classify "
                "with similarity='likelihood' and without transductive."
            )
        if self.caution:
            warn(self.caution)
        prior = None if prior is None else self._check_prior(prior)
        found = posterior(np.asarray(self.similarity[:, :], float), prior)
        return pd.DataFrame(found, columns=self.candidates)

    def _check_prior(self, prior) -> np.ndarray:
        values = self._look_up(self.candidates, prior, "prior lacks")
        are_numbers = all(isinstance(value, Real) for value in values)
        weights = np.array(values, float) if are_numbers else np.full(1, np.nan)
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise ValueError(
                "prior must be numbers of at least 0, not all of them 0, got "
                f"{five(values)}."
            )
        return weights / weights.sum()

    @checked(
        level=[share()],
        method=[options("probability", "residual"), None],
        random_state=["random_state"],
    )
    def sets(
        self, level: float = 0.9, *, method: str | None = None, random_state=None
    ) -> pd.DataFrame:
        """Return candidates of every response that hold the true one at a given rate.

        Parameters
        ----------
        level : float
            The share of sets that hold the true candidate, between 0 and 1.
        method : ``"probability"`` | ``"residual"`` | None
            Whether a set holds the most probable candidates, or those that the response
            lies no farther from than this share of held-out training responses from
            their own images, whatever the others. The latter sets are larger, and hold
            where few images make probabilities too sure: None takes them in
            ``retrieve`` by models of fewer than 100 concepts or 400 images.
        random_state : None | int | instance of RandomState
            The seed of the sets of fewer than 50 responses, which are cut at random
            within their last candidate.

        Returns
        -------
        sets : DataFrame of bool, shape (n_epochs, n_candidates)
            Which candidates are in the set; the more certain a response, the fewer, and
            none at all where others take up the share.

        See Also
        --------
        mne_brainae.Identification.posterior

        Examples
        --------
        >>> likely = model.retrieve(averaged, unseen, similarity="likelihood")
        >>> likely.sets(0.9, method="probability").shape
        (8, 8)
        """
        is_by_default = self.residuals is not None and self.residuals.by_default
        if method == "residual" or (method is None and is_by_default):
            return self._sets_by_distance(level)
        found = self.probabilities
        chosen = probable_sets(found.to_numpy(), level, seed_from(random_state))
        return pd.DataFrame(chosen, columns=found.columns)

    def _sets_by_distance(self, level: float) -> pd.DataFrame:
        if self.residuals is None:
            raise ValueError(
                "method='residual' needs distances of held-out training responses, "
                "which retrieve gives with similarity='likelihood' of a closed form. "
                "Take method='probability'."
            )
        density = np.asarray(self.similarity[:, :], float)
        return pd.DataFrame(
            self.residuals.sets(density, level), columns=self.candidates
        )

    def calibration(self) -> Calibration:
        """Compare how often the best candidate is right with its probability.

        Returns
        -------
        calibration : instance of Calibration
            Confidence beside accuracy, the expected calibration error, and accuracy
            against the share of responses that are answered.

        See Also
        --------
        mne_brainae.Calibration

        Examples
        --------
        >>> likely = model.retrieve(averaged, unseen, similarity="likelihood")
        >>> fig = likely.calibration().plot(show=False)
        """
        confidence = self.probabilities.to_numpy().max(axis=1)
        return Calibration(confidence, self.ranks == 1, self.protocol)

    def to_data_frame(self) -> pd.DataFrame:
        """Return one row per epoch.

        Returns
        -------
        table : DataFrame, shape (n_epochs, 5)
            Columns ``truth``, ``predicted``, ``rank``, ``similarity`` (to the true
            candidate) and ``best_similarity``.

        Examples
        --------
        >>> len(found.to_data_frame())
        8
        """
        return pd.DataFrame(
            {
                "truth": self.truth,
                "predicted": self.predicted,
                "rank": self.ranks,
                "similarity": self._ranking.own,
                "best_similarity": self._ranking.highest,
            }
        )

    @checked(groups=GROUPS, k=GUESSES)
    @fill_doc
    def accuracy_by(self, groups=None, *, k: int = 1) -> pd.DataFrame:
        """Return the accuracy of every group of true candidates.

        Parameters
        ----------
        groups : dict | Series | None
            The group of every candidate that was shown, by its name, such as the
            category of a concept or the concept of an image. None takes every
            candidate by itself.
        %(guesses)s

        Returns
        -------
        table : DataFrame, shape (n_groups, 3)
            Columns ``n_epochs``, ``accuracy`` and ``mean_rank``, the best group first.

        See Also
        --------
        mne_brainae.Identification.confusion

        Examples
        --------
        >>> found.accuracy_by().columns.tolist()
        ['n_epochs', 'accuracy', 'mean_rank']
        """
        self._check_k(k)
        table = pd.DataFrame(
            {
                "group": self._grouped(self.truth, groups),
                "hit": self.ranks <= k,
                "rank": self.ranks,
            }
        )
        table = table.groupby("group").agg(
            n_epochs=("hit", "size"),
            accuracy=("hit", "mean"),
            mean_rank=("rank", "mean"),
        )
        return table.sort_values(["accuracy", "mean_rank"], ascending=[False, True])

    @checked(groups=GROUPS, normalize=["boolean"])
    def confusion(self, groups=None, *, normalize: bool = True) -> pd.DataFrame:
        """Return which group was taken for which.

        Parameters
        ----------
        groups : dict | Series | None
            The group of every candidate by its name. None takes every candidate by
            itself.
        normalize : bool
            Whether every row is divided by its number of epochs.

        Returns
        -------
        table : DataFrame, shape (n_groups_shown, n_groups)
            Rows are the groups that were shown, columns those of the most similar
            candidates.

        Examples
        --------
        >>> table = found.confusion()
        """
        shown = pd.Series(self._grouped(self.truth, groups), name="shown")
        guess = pd.Series(self._grouped(self.predicted, groups), name="predicted")
        table = pd.crosstab(shown, guess)
        every = sorted(set(self._grouped(self.candidates, groups)))
        table = table.reindex(columns=pd.Index(every, name="predicted"), fill_value=0)
        return table.div(table.sum(axis=1), axis=0) if normalize else table

    def _grouped(self, names: list[str], groups) -> list[str]:
        if groups is None:
            return names
        return texts(self._look_up(names, groups, "groups do not say the group of"))

    @staticmethod
    def _look_up(names: list[str], given, lacks: str) -> list:
        """Return what a mapping has for names, whatever their spelling."""
        given = dict(given)
        known, values = ImageNames(texts(given)), list(given.values())
        rows = {name: known.find_one(name) for name in dict.fromkeys(names)}
        lacking = [name for name, row in rows.items() if row is None]
        if lacking:
            raise ValueError(f"{lacks} these candidates: {five(lacking)}.")
        return [values[rows[name]] for name in names]

    @checked(n_candidates=[integer(2)], random_state=["random_state"])
    def sub_gallery(self, n_candidates: int, *, random_state=None) -> Identification:
        """Draw a smaller gallery that all epochs share.

        Parameters
        ----------
        n_candidates : int
            How many candidates are drawn.
        random_state : None | int | instance of RandomState
            The seed.

        Returns
        -------
        identification : instance of Identification
            The epochs whose true candidate was drawn, among what was drawn. For the
            mean over all draws see ``n_way`` of :meth:`top_k`.

        Raises
        ------
        ValueError
            If the gallery has fewer candidates, or none of those that were drawn was
            shown.

        Examples
        --------
        >>> found.sub_gallery(4, random_state=0).chance()
        0.25
        """
        if n_candidates > len(self.candidates):
            raise ValueError(
                f"n_candidates must lie between 2 and the {len(self.candidates)} "
                f"candidates, got {n_candidates}."
            )
        seed = seed_from(random_state)
        rng = np.random.default_rng(seed)
        columns = np.sort(rng.permutation(len(self.candidates))[:n_candidates])
        kept = [self.candidates[column] for column in columns]
        rows = np.flatnonzero(np.isin(self.truth, kept))
        if not len(rows):
            raise ValueError(
                f"None of the {n_candidates} candidates that were drawn was shown. "
                "Draw more, or with another random_state."
            )
        whole = isinstance(self.similarity, np.ndarray)
        drawn = (
            self.similarity[np.ix_(rows, columns)]
            if whole
            else self.similarity.select(rows, columns)
        )
        note = f"{n_candidates} drawn from {len(self.candidates)}, seed {seed}"
        truth = [self.truth[row] for row in rows]
        protocol = self.protocol | {"gallery": note}
        left = None if self.residuals is None else self.residuals.take(rows)
        about = protocol, self.is_log_likelihood, self.caution, left
        return Identification(drawn, kept, truth, *about, self.images)

    # -- plots and text ----------------------------------------------------------------

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot accuracy against the number of guesses, beside chance.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        Examples
        --------
        >>> fig = found.plot(show=False)
        """
        guesses = np.arange(1, len(self.candidates) + 1)
        table = pd.DataFrame(
            {
                "accuracy": [self.top_k(k) for k in guesses],
                "chance": [self.chance(k) for k in guesses],
            },
            index=guesses,
        )
        title = self.protocol.get("task", "identification")
        return plot_identification(table, title=title, axes=axes, show=show)

    @checked(k=GUESSES, n_epochs=[integer(1)])
    @fill_doc
    def plot_gallery(self, images=None, *, k=5, n_epochs=8, show: bool = True):
        """Draw the images that were seen, with the first guesses beside them.

        Parameters
        ----------
        images : path-like | list | dict | None
            Where the candidates are found by name; None takes the images that
            ``retrieve`` was given, or the files in ``epochs.metadata["image_path"]``.
        %(guesses)s
        n_epochs : int
            How many responses are drawn, from the first on.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure, a row for every response: the image seen with the rank of the
            true candidate, then the guesses with their probability, or similarity where
            there is none. Guesses that are right have a green frame. An image without
            a file is written by its name.

        Raises
        ------
        ValueError
            If no image of a candidate is known.

        Examples
        --------
        >>> found = model.retrieve(averaged, folder)  # doctest: +SKIP
        >>> found.plot_gallery()  # doctest: +SKIP
        """
        known = self.images or {}
        if images is not None:
            known = locate_images(images, self.candidates)
        k = min(k, len(self.candidates))
        guesses = self._guesses(k, n_epochs)
        seen = self.truth[:n_epochs]
        pictures = thumbnails([*seen, *guesses["name"]], known)
        if not pictures:
            raise ValueError(
                "The images of the candidates are not known, since features were "
                "given. Give images: a folder, files, or a mapping from candidate to "
                "file."
            )
        rows = [
            [Tile(name, f"rank {rank}", pictures.get(name))]
            for name, rank in zip(seen, self.ranks, strict=False)
        ]
        for number, name, text, is_hit in guesses.itertuples(index=False):
            rows[number].append(Tile(name, text, pictures.get(name), is_hit))
        return plot_gallery(rows, show=show)

    def _guesses(self, k: int, n_epochs: int) -> pd.DataFrame:
        """Return the first guesses of the first responses, each with its score."""
        columns = best_columns(self.similarity, k)[:n_epochs]
        scores = np.asarray(self.similarity[: len(columns), :], float)
        name = "similarity"
        if self.is_log_likelihood:
            scores, name = posterior(scores, None), "p"
        chosen = np.take_along_axis(scores, columns, axis=1)
        numbers = np.repeat(np.arange(len(columns)), columns.shape[1])
        names = [self.candidates[column] for column in columns.ravel()]
        return pd.DataFrame(
            {
                "epoch": numbers,
                "name": names,
                "text": [f"{name} = {score:.2g}" for score in chosen.ravel()],
                "is_hit": [
                    guess == self.truth[number]
                    for guess, number in zip(names, numbers, strict=True)
                ],
            }
        )

    def _pictures_html(self) -> str:
        """Write the first images seen and their guesses as a row of small images."""
        if not self.images:
            return ""
        guesses = self._guesses(min(IN_ROW, len(self.candidates)), IN_ROW)
        seen = self.truth[:IN_ROW]
        pictures = thumbnails([*seen, *guesses["name"]], self.images, IN_HTML)
        if not pictures:
            return ""
        rows = [f"<td>{as_html(pictures.get(name), name)}</td>" for name in seen]
        for number, name, text, is_hit in guesses.itertuples(index=False):
            image = as_html(pictures.get(name), name, is_hit=is_hit)
            rows[number] += f"<td>{image}<br>{escape(text)}</td>"
        head = "<th>seen</th>" + f'<th colspan="{IN_ROW}">guesses, the best first</th>'
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>"

    @fill_doc
    def plot_confusion(self, groups=None, *, axes=None, show: bool = True):
        """Draw which group was taken for which.

        Parameters
        ----------
        groups : dict | Series | None
            The group of every candidate by its name, as in :meth:`confusion`.
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        Examples
        --------
        >>> fig = found.plot_confusion(show=False)
        """
        return plot_confusion(self.confusion(groups), axes=axes, show=show)

    @property
    def _title(self) -> str:
        n_epochs, n_candidates = self.similarity.shape
        return (
            f"{counted(n_epochs, 'epoch')}, top-1 {100 * self.top_k():.1f} %, "
            f"median rank {self.median_rank:g} of {n_candidates}"
        )

    def _summary(self) -> pd.DataFrame:
        return self.scores()


def pool_identifications(found: Iterable[Identification]) -> Identification:
    """Join the epochs of several identifications, such as those of all folds.

    Parameters
    ----------
    found : iterable of Identification
        Identifications among the same candidates, in any order.

    Returns
    -------
    identification : instance of Identification
        All epochs, in the order given. The protocol keeps what is common to all, adds
        up the test images seen in fit, and says what was transductive in any part.

    Raises
    ------
    ValueError
        If the identifications are not among the same candidates.

    See Also
    --------
    mne_brainae.Identification
    mne_brainae.score_averages

    Examples
    --------
    >>> halves = [
    ...     model.retrieve(averaged[:4], unseen),
    ...     model.retrieve(averaged[4:], unseen),
    ... ]
    >>> len(mne_brainae.pool_identifications(halves).truth)
    8
    """
    found = _check_found(found)
    candidates = found[0].candidates
    for each in found:
        if sorted(each.candidates) != sorted(candidates):
            raise ValueError(
                "Only identifications among the same candidates can be pooled, but "
                f"{five(set(each.candidates) ^ set(candidates))} are not in all of "
                "them."
            )
    orders = [pd.Index(each.candidates).get_indexer(candidates) for each in found]
    pooled = pooled_protocol(each.protocol for each in found)
    return Identification(
        np.vstack([x.similarity[:, o] for x, o in zip(found, orders, strict=True)]),
        candidates,
        [name for each in found for name in each.truth],
        pooled | {"pooled over": f"{len(found)} parts"},
        all(each.is_log_likelihood for each in found),
        next((each.caution for each in found if each.caution), None),
        Residuals.pool([each.residuals for each in found]),
        next((each.images for each in found if each.images), None),
    )


def _check_found(found) -> list[Identification]:
    """Return identifications as a list, after a check of their type."""
    if isinstance(found, Identification) or not isinstance(found, Iterable):
        raise TypeError(
            "found must be a list of Identification, such as one for every fold, got "
            f"{type(found).__name__}."
        )
    found = list(found)
    if not found:
        raise ValueError("found is empty, expected one Identification or more.")
    wrong = [each for each in found if not isinstance(each, Identification)]
    if wrong:
        raise TypeError(
            "found must be a list of Identification, but one of its entries is "
            f"{wrong[0]!r}."
        )
    return found


def identify_by(identify: Callable, epochs) -> Identification:
    """Return what a function of the user makes of epochs, if it is an Identification.

    Parameters
    ----------
    identify : callable
        Takes epochs and returns an :class:`Identification`.
    epochs : instance of Epochs
        The epochs.

    Returns
    -------
    found : instance of Identification
        What it returned.

    Raises
    ------
    TypeError
        If it returns anything else.
    """
    found = identify(epochs)
    if not isinstance(found, Identification):
        raise TypeError(
            "identify must return an Identification, as lambda epochs: "
            f"model.retrieve(epochs, images) does, got {type(found).__name__}."
        )
    return found
