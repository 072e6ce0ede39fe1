"""Representational similarity: which images are similar for a brain or a model."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from ..images.pairing import ImageNames
from ..preprocessing.averaging import average_by
from ..utils.checks import (
    _validate_type,
    check_epochs,
    check_finite,
    counted,
    five,
    pick_channels,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer, options, real
from ..utils.docs import fill_doc
from ..utils.names import as_text, texts
from ..utils.units import scale_by_type
from ..viz.rsa import plot_rdm, plot_rdm_comparison, plot_rsa
from .result import Result

METRICS = ("correlation", "cosine", "euclidean", "sqeuclidean")
METHODS = ("spearman", "pearson")


@checked(metric=[options(*METRICS)])
def compute_rdm(patterns, *, metric: str = "correlation") -> pd.DataFrame:
    """Compute a representational dissimilarity matrix.

    Parameters
    ----------
    patterns : DataFrame, shape (n_images, n_values) | instance of Epochs
        One row per image, by name: embeddings (``BrainAE.embed_epochs`` of averaged
        epochs, ``BrainAE.embed_images``), image features, or anything else. Of Epochs
        the repetitions are averaged, and channels and times are the values; of several
        types of channels every type is divided by its standard deviation.
    metric : ``"correlation"`` | ``"cosine"`` | ``"euclidean"`` | ``"sqeuclidean"``
        The dissimilarity of two rows.

    Returns
    -------
    rdm : DataFrame, shape (n_images, n_images)
        The dissimilarities, named on both sides.

    Raises
    ------
    ValueError
        If there are fewer than three images, or several rows of one.

    See Also
    --------
    mne_brainae.compare_rdms
    mne_brainae.contrast_categories
    mne_brainae.viz.plot_rdm

    Examples
    --------
    >>> rdm = mne_brainae.compute_rdm(unseen, metric="euclidean")
    >>> rdm.shape
    (8, 8)
    """
    if not isinstance(patterns, pd.DataFrame):
        check_epochs(patterns, "patterns, if no DataFrame of one row per image,")
        data, names = _averages(patterns, None)
        patterns = pd.DataFrame(data.reshape(len(data), -1), index=names)
    doubled = patterns.index[patterns.index.duplicated()].unique()
    if len(doubled):
        raise ValueError(
            "patterns must have one row per image, but these have several: "
            f"{five(doubled)}. Average repetitions first."
        )
    if len(patterns) < 3:
        raise ValueError(
            f"patterns must be of three images or more, got {len(patterns)}."
        )
    values = as_real(patterns, "patterns")
    check_finite(values, "patterns")
    distances = squareform(_distances(values, metric))
    names = pd.Index(texts(patterns.index), name="image")
    return pd.DataFrame(distances, index=names, columns=names)


def as_real(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return the numbers of a table, after a check that they are real.

    Parameters
    ----------
    table : DataFrame
        The table.
    name : str
        The name of the parameter.

    Returns
    -------
    values : array, shape (n_rows, n_columns)
        The numbers in float64.
    """
    wrong = [dtype for dtype in table.dtypes if dtype.kind not in "biuf"]
    if wrong:
        raise TypeError(f"{name} must be real numbers, got {wrong[0]}.")
    return table.to_numpy(np.float64)


def _averages(epochs, picks) -> tuple[np.ndarray, pd.Index]:
    picks = pick_channels(epochs.info, picks)
    means, table = average_by(epochs, "image", picks)
    means /= scale_by_type(means, mne.pick_info(epochs.info, picks))
    return means, pd.Index(table["image"])


def _distances(values: np.ndarray, metric: str) -> np.ndarray:
    if metric in ("correlation", "cosine"):
        spread = values.std(axis=1) if metric == "correlation" else values
        flat = np.flatnonzero(~np.any(np.atleast_2d(spread.T) > 0, axis=0))
        if len(flat) or (metric == "correlation" and values.shape[1] < 2):
            raise ValueError(
                f"metric={metric!r} needs patterns that vary over two values or "
                f"more, but rows {five(flat)} do not. Take metric='euclidean'."
            )
    return pdist(values, metric)


@dataclass(repr=False, eq=False)
class RDMComparison(Result):
    """How similar two representations are.

    Parameters
    ----------
    r : float
        Correlation of the dissimilarities of all pairs of images.
    p : float
        One-sided p-value: how often permuted images correlate as well.
    null : array, shape (n_permutations,)
        The correlations of permuted images.
    protocol : dict
        Images, correlation, permutations and seed.

    See Also
    --------
    mne_brainae.compare_rdms
    mne_brainae.viz.plot_rdm_comparison

    Examples
    --------
    >>> comparison = mne_brainae.compare_rdms(rdm, rdm, random_state=0)
    >>> round(comparison.r, 3)
    1.0
    """

    r: float
    p: float
    null: np.ndarray
    protocol: dict = field(default_factory=dict)

    def to_data_frame(self) -> pd.DataFrame:
        """Return the correlation beside chance.

        Returns
        -------
        table : DataFrame, shape (1, 4)
            Columns ``r``, ``chance`` and ``chance_95`` (mean and 95th percentile of the
            correlations of permuted images) and ``p``.

        Examples
        --------
        >>> mne_brainae.compare_rdms(rdm, rdm, random_state=0).to_data_frame().shape
        (1, 4)
        """
        chance = {
            "chance": self.null.mean(),
            "chance_95": np.percentile(self.null, 95),
        }
        return pd.DataFrame([{"r": self.r, **chance, "p": self.p}])

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot the correlation, beside those of permuted images.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_rdm_comparison

        Examples
        --------
        >>> comparison = mne_brainae.compare_rdms(rdm, rdm, random_state=0)
        >>> fig = comparison.plot(show=False)
        """
        return plot_rdm_comparison(self.r, self.null, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return f"r = {self.r:.2f}, p = {self.p:.2g}"


@checked(
    method=[options(*METHODS)],
    n_permutations=[integer(1)],
    random_state=["random_state"],
)
def compare_rdms(
    rdm: pd.DataFrame,
    rdm_other: pd.DataFrame,
    *,
    method: str = "spearman",
    n_permutations: int = 1000,
    random_state=None,
) -> RDMComparison:
    """Correlate two representational dissimilarity matrices.

    Parameters
    ----------
    rdm, rdm_other : DataFrame, shape (n_images, n_images)
        Dissimilarities of the same images, in any order.
    method : ``"spearman"`` | ``"pearson"``
        The correlation.
    n_permutations : int
        How often the images of one matrix are permuted.
    random_state : None | int | instance of RandomState
        The seed.

    Returns
    -------
    comparison : instance of RDMComparison
        Correlation and p-value (Mantel's test, which keeps the dependence of pairs
        that share an image).

    See Also
    --------
    mne_brainae.compute_rdm
    mne_brainae.compare_rdms_over_time
    mne_brainae.contrast_categories

    Examples
    --------
    >>> rdm = mne_brainae.compute_rdm(unseen)
    >>> round(mne_brainae.compare_rdms(rdm, rdm, random_state=0).r, 3)
    1.0
    """
    square = _standard(_check_rdm(rdm, "rdm"), method)
    other = _standard(_check_rdm(rdm_other, "rdm_other").pipe(_match, rdm), method)
    fixed = squareform(square, checks=False)
    seed = seed_from(random_state)
    null = _null(fixed[None], other, n_permutations, seed)[:, 0]
    r = float(fixed @ squareform(other, checks=False))
    protocol = {
        "images": len(rdm),
        "correlation": method,
        "permutations": n_permutations,
        "seed": seed,
    }
    return RDMComparison(r, _p_value(r, null), null, protocol)


def _check_rdm(rdm, name: str) -> pd.DataFrame:
    _validate_type(rdm, pd.DataFrame, name)
    values = as_real(rdm, name)
    if (
        rdm.shape[0] != rdm.shape[1]
        or list(rdm.index) != list(rdm.columns)
        or rdm.index.has_duplicates
        or len(rdm) < 3
        or not np.allclose(values, values.T, equal_nan=True)
    ):
        raise ValueError(
            f"{name} must be a symmetric DataFrame of three images or more, named "
            f"alike on both sides, got shape {rdm.shape}."
        )
    check_finite(values, name)
    return rdm


def _match(rdm: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Return an RDM in the order of another one, whose names may be spelled so."""
    known = ImageNames(texts(rdm.index))
    rows = [known.find_one(name) for name in texts(like.index)]
    found = {row for row in rows if row is not None}
    lacking = [n for n, row in zip(like.index, rows, strict=True) if row is None]
    others = [name for row, name in enumerate(rdm.index) if row not in found]
    if lacking or others:
        raise ValueError(
            "Both RDMs must be of the same images, but only one has these: "
            f"{five(lacking + others)}."
        )
    matched = rdm.iloc[rows, rows].set_axis(like.index)
    return matched.set_axis(like.index, axis=1)


def _standard(rdm: pd.DataFrame, method: str) -> np.ndarray:
    """Return a square whose pairs have mean 0 and length 1, for Pearson's r."""
    return squareform(_unit(squareform(rdm.to_numpy(np.float64), checks=False), method))


def _unit(pairs: np.ndarray, method: str) -> np.ndarray:
    if method == "spearman":
        pairs = rankdata(pairs, axis=-1)
    pairs = pairs - pairs.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(pairs, axis=-1, keepdims=True)
    return np.divide(pairs, length, out=np.zeros_like(pairs), where=length > 0)


def _null(fixed, square, n_permutations: int, seed: int) -> np.ndarray:
    """Correlate rows of pairs with a square whose images are permuted."""
    rng = np.random.default_rng(seed)
    upper = np.triu_indices(len(square), 1)
    null = np.empty((n_permutations, len(fixed)))
    for row in null:
        order = rng.permutation(len(square))
        row[:] = fixed @ square[order[upper[0]], order[upper[1]]]
    return null


def _p_value(value, null: np.ndarray) -> float:
    # What rounding makes of a tie counts for the null.
    return float((1 + np.sum(null >= value - 1e-12)) / (1 + len(null)))


@dataclass(repr=False, eq=False)
class CategoryContrast(Result):
    """Whether images of one category are more similar than images of two.

    Parameters
    ----------
    table : DataFrame, shape (n_categories + 1, 5)
        One row per category, and ``all``: ``n_images``, the mean dissimilarity
        ``within`` a category and ``between`` it and others, their ``difference``
        (positive where a category is a cluster) and its one-sided ``p``.
    rdm : DataFrame, shape (n_images, n_images)
        The dissimilarities, sorted by category.
    categories : Series
        The category of every image of ``rdm``.
    protocol : dict
        Images, categories, permutations and seed.

    See Also
    --------
    mne_brainae.contrast_categories
    mne_brainae.viz.plot_rdm

    Examples
    --------
    >>> contrast = mne_brainae.contrast_categories(
    ...     mne_brainae.compute_rdm(unseen), concepts, random_state=0
    ... )
    >>> fig = contrast.plot(show=False)
    """

    table: pd.DataFrame
    rdm: pd.DataFrame
    categories: pd.Series
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Draw the dissimilarities sorted by category.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_rdm

        Examples
        --------
        >>> contrast = mne_brainae.contrast_categories(rdm, concepts, random_state=0)
        >>> fig = contrast.plot(show=False)
        """
        return plot_rdm(self.rdm, self.categories, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return (
            f"{counted(len(self.rdm), 'image')}, "
            f"{self.categories.nunique()} categories, mean dissimilarities"
        )


@checked(
    categories=[Mapping, pd.Series],
    n_permutations=[integer(1)],
    random_state=["random_state"],
)
def contrast_categories(
    rdm: pd.DataFrame, categories, *, n_permutations: int = 1000, random_state=None
) -> CategoryContrast:
    """Compare dissimilarities within and between categories (Figure 3c of the paper).

    Parameters
    ----------
    rdm : DataFrame, shape (n_images, n_images)
        The dissimilarities.
    categories : dict | Series
        The category of every image by its name. Images without one are left out.
    n_permutations : int
        How often the categories of the images are permuted.
    random_state : None | int | instance of RandomState
        The seed.

    Returns
    -------
    contrast : instance of CategoryContrast
        Means, differences and p-values, which are not corrected for the number of
        categories.

    See Also
    --------
    mne_brainae.compute_rdm
    mne_brainae.compare_rdms

    Examples
    --------
    >>> contrast = mne_brainae.contrast_categories(rdm, concepts, random_state=0)
    >>> contrast.table.shape[0] > 0
    True
    """
    _check_rdm(rdm, "rdm")
    labels = _labels(rdm, categories)
    rdm = rdm.loc[labels.index, labels.index]
    square = rdm.to_numpy(np.float64)
    member = pd.get_dummies(labels).astype(float)
    within, between = _means(square, member.to_numpy())
    difference = between - within
    seed = seed_from(random_state)
    rng = np.random.default_rng(seed)
    null = np.empty((n_permutations, len(difference)))
    for row in null:
        a, b = _means(square, member.to_numpy()[rng.permutation(len(member))])
        row[:] = b - a
    table = pd.DataFrame(
        {
            "n_images": [*member.sum().astype(int), len(member)],
            "within": within,
            "between": between,
            "difference": difference,
            "p": [_p_value(d, n) for d, n in zip(difference, null.T, strict=True)],
        },
        index=pd.Index([*member.columns, "all"], name="category"),
    )
    protocol = {
        "images": len(labels),
        "categories": len(member.columns),
        "permutations": n_permutations,
        "p-values": "one-sided, not corrected for the number of categories",
        "seed": seed,
    }
    return CategoryContrast(table, rdm, labels, protocol)


def _labels(rdm: pd.DataFrame, categories) -> pd.Series:
    """Return the categories of the images that have one, sorted."""
    known = dict(categories)
    named, labels = ImageNames(texts(known)), [as_text(x) for x in known.values()]
    rows = {name: named.find_one(as_text(name)) for name in rdm.index}
    rows = {name: row for name, row in rows.items() if row is not None}
    labels = pd.Series([labels[row] for row in rows.values()], list(rows), dtype=str)
    counts = labels.value_counts()
    if len(counts) < 2 or counts.min() < 2:
        raise ValueError(
            "categories must be two or more, of two images or more each, got "
            f"{dict(counts) or 'no image of the RDM that has a category'}."
        )
    return labels.sort_values(kind="stable")


def _means(square: np.ndarray, member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean dissimilarities within and between, by category and over all."""
    sums = member.T @ square @ member
    n, total = member.sum(axis=0), len(member)
    inside, outside = np.diag(sums), sums.sum(axis=1) - np.diag(sums)
    n_inside, n_outside = n * (n - 1), n * (total - n)
    within = np.append(inside / n_inside, inside.sum() / n_inside.sum())
    between = np.append(outside / n_outside, outside.sum() / n_outside.sum())
    return within, between


@dataclass(repr=False, eq=False)
class RSACourse(Result):
    """How similar the representation in responses is to another one at every time.

    Parameters
    ----------
    table : DataFrame, shape (n_times, 2)
        Indexed by time in seconds: ``r``, the correlation of the RDM of the responses
        with that of the model, and ``p``, one-sided and corrected for the number of
        times by the largest correlation of each permutation.
    protocol : dict
        Images, channels, window, dissimilarity, correlation, permutations and seed.

    See Also
    --------
    mne_brainae.compare_rdms_over_time
    mne_brainae.viz.plot_rsa

    Examples
    --------
    >>> course = mne_brainae.compare_rdms_over_time(
    ...     averaged, rdm, n_permutations=10, random_state=0
    ... )
    >>> fig = course.plot(show=False)
    """

    table: pd.DataFrame
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot the correlation against time.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure. Thick where p < 0.05.

        See Also
        --------
        mne_brainae.viz.plot_rsa

        Examples
        --------
        >>> fig = course.plot(show=False)
        """
        return plot_rsa(self.table, axes=axes, show=show)

    @property
    def _title(self) -> str:
        r = self.table["r"]
        return (
            f"{counted(len(r), 'time')}, highest r {r.max():.2f} at {r.idxmax():g} s "
            f"(p = {self.table['p'][r.idxmax()]:.2g})"
        )


@checked(
    epochs=check_epochs,
    window=[real(0)],
    metric=[options(*METRICS)],
    method=[options(*METHODS)],
    n_permutations=[integer(1)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def compare_rdms_over_time(
    epochs: mne.BaseEpochs,
    rdm: pd.DataFrame,
    *,
    window: float = 0.0,
    metric: str = "correlation",
    method: str = "spearman",
    n_permutations: int = 1000,
    picks=None,
    random_state=None,
    verbose=None,
) -> RSACourse:
    """Correlate the representation in responses with another, time by time.

    Parameters
    ----------
    %(epochs_images)s
        Repetitions are averaged.
    rdm : DataFrame, shape (n_images, n_images)
        Dissimilarities of the same images, such as those of image features or of
        category membership.
    window : float
        Length in seconds of the window around every time whose samples are part of the
        pattern; 0 takes one sample.
    metric : ``"correlation"`` | ``"cosine"`` | ``"euclidean"`` | ``"sqeuclidean"``
        The dissimilarity of two patterns over channels and samples.
    method : ``"spearman"`` | ``"pearson"``
        The correlation of the two RDMs.
    n_permutations : int
        How often the images are permuted.
    %(picks)s
    %(random_state)s
    %(verbose)s

    Returns
    -------
    course : instance of RSACourse
        Correlation and p-value of every time.

    Raises
    ------
    ValueError
        If the window is longer than the epochs.

    See Also
    --------
    mne_brainae.compare_rdms
    mne_brainae.score_over_time

    Examples
    --------
    >>> course = mne_brainae.compare_rdms_over_time(
    ...     averaged, rdm, n_permutations=10, random_state=0
    ... )
    >>> len(course.table) == len(averaged.times)
    True
    """
    length = (len(epochs.times) - 1) / epochs.info["sfreq"]
    if window > length:
        raise ValueError(
            f"window must be no longer than the {length:g} s of the epochs, got "
            f"{window:g} s."
        )
    responses, names = _averages(epochs, picks)
    index = pd.DataFrame(index=names)
    other = _standard(_match(_check_rdm(rdm, "rdm"), index), method)
    half = round(window * epochs.info["sfreq"] / 2)
    n_times = responses.shape[2]
    pairs = []
    for time in range(n_times):
        near = responses[..., max(time - half, 0) : time + half + 1]
        pairs.append(_distances(near.reshape(len(near), -1).astype(float), metric))
    fixed = _unit(np.array(pairs), method)
    r = fixed @ squareform(other, checks=False)
    seed = seed_from(random_state)
    highest = _null(fixed, other, n_permutations, seed).max(axis=1)
    table = pd.DataFrame(
        {"r": r, "p": [_p_value(value, highest) for value in r]},
        index=pd.Index(epochs.times, name="time"),
    )
    protocol = {
        "images": len(names),
        "channels": responses.shape[1],
        "times": f"{epochs.times[0]:g} to {epochs.times[-1]:g} s",
        "window": f"{(2 * half + 1) / epochs.info['sfreq']:g} s",
        "dissimilarity": metric,
        "correlation": method,
        "permutations": n_permutations,
        "p-values": "one-sided, corrected by the largest r of every permutation",
        "seed": seed,
    }
    return RSACourse(table, protocol)
