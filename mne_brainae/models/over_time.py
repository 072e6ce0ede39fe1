"""Encoding and identification at every sample, and from one sample to another."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from ..images.ready import check_table
from ..preprocessing.averaging import average_by
from ..preprocessing.scaling import Scaler
from ..preprocessing.splits import divide
from ..scoring.correlation import correlate, unit_rows
from ..scoring.noise_ceiling import ceiling_over_images
from ..scoring.result import Result, common_protocol
from ..utils.checks import check_epochs, counted, pick_channels, seed_from, verbose
from ..utils.constraints import checked, integer, options, share
from ..utils.docs import fill_doc
from ..viz.encoding import plot_time_scores
from .linear_gaussian.ridge import PENALTIES, Ridge

ENCODING, IDENTIFICATION = "encoding", "identification"
CEILING = "noise ceiling"
CHANCE = {ENCODING: 0.0, IDENTIFICATION: 0.5}
#: Splits of the repetitions that give a noise ceiling.
N_HALVES = 20
#: Fewer subjects cannot differ from chance significantly by signs alone.
LEAST_SUBJECTS = 6


@dataclass(repr=False, eq=False)
class TimeScores(Result):
    """The score of held-out images at every sample.

    Parameters
    ----------
    scores : array, shape (n_times,) | (n_times, n_times)
        The scores, mean over folds. With ``generalize`` rows are the times at which
        was learned, and columns those at which was tested, as in
        :class:`mne.decoding.GeneralizingEstimator`.
    times : array, shape (n_times,)
        The times in seconds.
    chance : float
        What guessing reaches, and the mean response.
    protocol : dict
        How the scores came about.
    ceiling : array, shape (n_times,) | None
        What a perfect model would reach; None where it is not known.

    Attributes
    ----------
    table : DataFrame, shape (n_times, 1) | (n_times, 2) | (n_times, n_times)
        The scores with their times, and beside them the ``noise ceiling`` if known.

    See Also
    --------
    mne_brainae.score_over_time
    mne_brainae.viz.plot_time_scores

    Examples
    --------
    >>> scores = mne_brainae.score_over_time(
    ...     train, features, n_splits=2, random_state=0
    ... )
    >>> fig = scores.plot(show=False)
    """

    scores: np.ndarray
    times: np.ndarray
    chance: float
    protocol: dict = field(default_factory=dict)
    ceiling: np.ndarray | None = None

    def __post_init__(self):
        super().__post_init__()
        index = pd.Index(self.times, name="time")
        if self.scores.ndim == 1:
            self.table = pd.DataFrame({"score": self.scores}, index=index)
            if self.ceiling is not None:
                self.table[CEILING] = self.ceiling
        else:
            columns = pd.Index(self.times, name="tested at")
            self.table = pd.DataFrame(self.scores, index, columns)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot scores against time, or the matrix of times.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure, with chance and, if known, the noise ceiling.

        See Also
        --------
        mne_brainae.viz.plot_time_scores

        Examples
        --------
        >>> scores = mne_brainae.score_over_time(
        ...     train, features, n_splits=2, random_state=0
        ... )
        >>> fig = scores.plot(show=False)
        """
        what = self.protocol.get("score", "score")
        return plot_time_scores(self.table, self.chance, what, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return f"{counted(len(self.times), 'time')}, chance {self.chance:g}"


@checked(
    epochs=check_epochs,
    features=[pd.DataFrame],
    score=[options(ENCODING, IDENTIFICATION)],
    by=[str],
    n_splits=[integer(2)],
    generalize=["boolean"],
    random_state=["random_state"],
)
@verbose
@fill_doc
def score_over_time(
    epochs: mne.BaseEpochs,
    features: pd.DataFrame,
    *,
    score: str = ENCODING,
    by: str = "image",
    n_splits: int = 5,
    generalize: bool = False,
    picks=None,
    random_state=None,
    verbose=None,
) -> TimeScores:
    """Predict responses from images, or images from responses, sample by sample.

    Parameters
    ----------
    %(epochs_images)s
        Repetitions are averaged, and give the noise ceiling of encoding.
    features : DataFrame, shape (n_images, n_features)
        Features of the images by name.
    score : ``"encoding"`` | ``"identification"``
        Pearson correlation over held-out images of measured with predicted responses,
        mean over channels; or how often the features that ridge regression decodes
        from all channels correlate more with those of the image that was shown than
        with those of another held-out image.
    by : str
        What is held out as a whole: ``"image"``, or a metadata column such as
        ``"concept"``.
    n_splits : int
        Number of folds.
    generalize : bool
        Whether what was learned at one sample is tested at all others. It takes
        ``score="identification"``.
    %(picks)s
    %(random_state)s
    %(verbose)s

    Returns
    -------
    scores : instance of TimeScores
        The scores beside chance and, for encoding, the noise ceiling.

    Raises
    ------
    ValueError
        If ``generalize`` is asked of an encoding model, or there are fewer than two
        groups in a fold.

    See Also
    --------
    mne_brainae.find_time_clusters : Test scores of several subjects.

    Notes
    -----
    At every sample ridge regression has the penalty of least leave-one-out error of the
    training images. The result is that of a loop over samples of ``RidgeCV`` of
    scikit-learn behind a ``StandardScaler``.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> features = mne_brainae.compute_image_features(data.images)  # doctest: +SKIP
    >>> mne_brainae.score_over_time(data.train, features).plot()  # doctest: +SKIP
    """
    if generalize and score != IDENTIFICATION:
        raise ValueError(
            "generalize=True tests what was learned of all channels at one time at "
            "another: give score='identification'."
        )
    picks = pick_channels(epochs.info, picks)
    brain, table = average_by(epochs, "image", picks)
    features = check_table(features, list(table["image"]))
    rows = features.to_numpy(np.float64)
    groups = table[by] if by in table else _refuse(by, table)
    seed = seed_from(random_state)
    n_groups = groups.nunique()
    if n_groups < n_splits:
        raise ValueError(f"n_splits must be at most {n_groups}, got {n_splits}.")
    found, sizes = [], []
    for train, test in divide(groups.to_numpy(), n_splits, seed):
        if len(test) < 2:
            raise ValueError(f"Every fold needs two images: n_splits={n_splits}.")
        parts = brain[train], rows[train], brain[test], rows[test]
        found.append(
            _encode(*parts) if score == ENCODING else _identify(*parts, generalize)
        )
        sizes.append(len(test))
    what = "r over images" if score == ENCODING else "two-way identification"
    ceiling = None
    if score == ENCODING:
        rng = np.random.default_rng(seed)
        ceiling = ceiling_over_images(epochs, picks, N_HALVES, rng)
    return TimeScores(
        np.average(found, axis=0, weights=sizes),
        epochs.times.copy(),
        CHANCE[score],
        {
            "score": what,
            "images": len(brain),
            "channels": len(picks),
            "held out": f"{by} by {by}, in {counted(n_splits, 'fold')}",
            "split halves": "none" if ceiling is None else N_HALVES,
            "seed": seed,
        },
        None if ceiling is None else ceiling.mean(axis=0),
    )


def _refuse(by: str, table: pd.DataFrame):
    raise ValueError(
        f"by={by!r} is not a column of epochs.metadata with one value per image; there "
        f"are {list(table.columns)}."
    )


def _standardize(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide columns by their standard deviation over the training images."""
    scaler = Scaler.for_features(train, energy=None)
    return scaler.transform(train).astype(np.float32), scaler.transform(test)


def _encode(brain, features, unseen, shown) -> np.ndarray:
    """Return r over unseen images at every time, mean over channels."""
    features, shown = _standardize(features, shown)
    n_images, n_channels, n_times = brain.shape
    scale = np.maximum(brain.std(axis=(0, 2), keepdims=True), np.finfo(np.float32).tiny)
    # One column for every time and channel, in this order.
    targets = np.moveaxis(brain / scale, 2, 1).reshape(n_images, -1)
    ridge = Ridge.fit(features)
    centered = ridge.center(targets.astype(np.float32))
    projected = ridge.project(centered)
    errors = [
        np.square(ridge.errors(centered, penalty, projected)).mean(axis=0)
        for penalty in PENALTIES
    ]
    errors = np.reshape(errors, (len(PENALTIES), n_times, n_channels)).mean(axis=2)
    penalties = np.repeat(PENALTIES[errors.argmin(axis=0)], n_channels)
    predicted = (shown - ridge.mean) @ ridge.weights(projected, penalties)
    measured = np.moveaxis(unseen, 2, 1).reshape(len(unseen), -1)
    r = correlate(measured, predicted, axis=0)
    return r.reshape(n_times, n_channels).mean(axis=1)


def _identify(brain, features, unseen, shown, generalize: bool) -> np.ndarray:
    """Return two-way identification of unseen images, by time learned (and tested)."""
    targets, shown = _standardize(features, shown)
    n_times = brain.shape[2]
    truth = unit_rows(shown)
    found = []
    for time in range(n_times):
        scaler = Scaler.for_features(brain[..., time], energy=None)
        ridge = Ridge.fit(scaler.transform(brain[..., time]).astype(np.float32))
        centered = ridge.center(targets)
        penalty, _ = ridge.choose_one(centered)
        weights = ridge.weights(ridge.project(centered), penalty)
        tested = range(n_times) if generalize else [time]
        row = []
        for other in tested:
            decoded = (scaler.transform(unseen[..., other]) - ridge.mean) @ weights
            row.append(two_way(unit_rows(decoded) @ truth.T))
        found.append(row if generalize else row[0])
    return np.array(found)


def two_way(similarity: np.ndarray) -> float:
    """Return how often the true candidate is more similar than another one.

    Parameters
    ----------
    similarity : array, shape (n, n)
        Of every response to every candidate; the true ones are on the diagonal.

    Returns
    -------
    accuracy : float
        Mean over all pairs of candidates; a tie is an error.
    """
    n_better = (np.diag(similarity)[:, None] > similarity).sum()
    return float(n_better / (len(similarity) * (len(similarity) - 1)))


@dataclass(repr=False, eq=False)
class TimeClusters(Result):
    """When scores of subjects are above chance, by a cluster permutation test.

    Parameters
    ----------
    table : DataFrame, shape (n_clusters, 4)
        The first and last time in seconds, the summed ``statistic`` and ``p`` of every
        cluster; of time generalization those of learning.
    mean : instance of TimeScores
        The mean over subjects.
    mask : array of bool, shape (n_times,) | (n_times, n_times)
        Where a cluster of ``p`` below the level is.
    protocol : dict
        The test.

    See Also
    --------
    mne_brainae.find_time_clusters

    Examples
    --------
    >>> clusters = mne_brainae.find_time_clusters(all_scores)  # doctest: +SKIP
    >>> clusters.table  # doctest: +SKIP
    """

    table: pd.DataFrame
    mean: TimeScores
    mask: np.ndarray
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot the mean over subjects, and where it is above chance.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_time_scores

        Examples
        --------
        >>> clusters.plot()  # doctest: +SKIP
        """
        mean = self.mean
        what = mean.protocol.get("score", "score")
        return plot_time_scores(
            mean.table, mean.chance, what, self.mask, axes=axes, show=show
        )

    @property
    def _title(self) -> str:
        return (
            f"{counted(len(self.table), 'cluster')} above chance {self.mean.chance:g}"
        )


def _check_scores(scores, name: str) -> None:
    are_scores = isinstance(scores, Sequence) and all(
        isinstance(each, TimeScores) for each in scores
    )
    if not are_scores or not len(scores):
        raise TypeError(f"{name} must be a list of TimeScores, one for every subject.")
    if len({each.scores.shape for each in scores}) > 1:
        raise ValueError(f"{name} must be of the same times for all subjects.")
    if len(scores) < LEAST_SUBJECTS:
        raise ValueError(
            f"{name} are of {counted(len(scores), 'subject')}, but signs of fewer than "
            f"{LEAST_SUBJECTS} cannot be significant. Report every subject instead."
        )


@checked(
    scores=_check_scores,
    level=[share()],
    n_permutations=[integer(1)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def find_time_clusters(
    scores: Sequence[TimeScores],
    *,
    level: float = 0.05,
    n_permutations: int = 1024,
    random_state=None,
    verbose=None,
) -> TimeClusters:
    """Find times at which subjects score above chance.

    Parameters
    ----------
    scores : list of TimeScores
        What :func:`mne_brainae.score_over_time` returns for every subject.
    level : float
        Clusters of a smaller p-value make up the mask.
    n_permutations : int
        Number of permutations of signs.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    clusters : instance of TimeClusters
        The clusters of :func:`mne.stats.permutation_cluster_1samp_test`, one-sided.

    See Also
    --------
    mne_brainae.score_over_time
    mne_brainae.compare_subjects

    Examples
    --------
    >>> scores = [
    ...     mne_brainae.score_over_time(each, features) for each in subjects
    ... ]  # doctest: +SKIP
    >>> mne_brainae.find_time_clusters(scores, random_state=0).plot()  # doctest: +SKIP
    """
    above = np.stack([each.scores - each.chance for each in scores])
    seed = seed_from(random_state)
    statistic, clusters, p, _ = mne.stats.permutation_cluster_1samp_test(
        above,
        n_permutations=n_permutations,
        tail=1,
        out_type="mask",
        seed=seed,
        verbose="ERROR",
    )
    first = scores[0]
    mask, rows = np.zeros(first.scores.shape, bool), []
    for cluster, value in zip(clusters, p, strict=True):
        whole = np.zeros_like(mask)
        whole[cluster] = True
        times = first.times[whole.any(axis=1) if whole.ndim == 2 else whole]
        total = float(statistic[whole].sum())
        rows.append([times[0], times[-1], total, float(value)])
        if value < level:
            mask |= whole
    table = pd.DataFrame(rows, columns=["first", "last", "statistic", "p"])
    protocol = common_protocol(each.protocol for each in scores)
    mean = np.mean([each.scores for each in scores], axis=0)
    ceilings = [each.ceiling for each in scores if each.ceiling is not None]
    ceiling = np.mean(ceilings, axis=0) if len(ceilings) == len(scores) else None
    return TimeClusters(
        table,
        TimeScores(mean, first.times, first.chance, protocol, ceiling),
        mask,
        {
            **protocol,
            "subjects": len(scores),
            "test": f"cluster permutation of signs, {n_permutations} permutations",
            "level": level,
            "seed of the test": seed,
        },
    )
