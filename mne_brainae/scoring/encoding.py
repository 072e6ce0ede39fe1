"""Encoding scores beside the mean response and the noise ceiling."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import mne
import numpy as np
import pandas as pd

from ..preprocessing.epochs import make_evoked, read_array
from ..utils.checks import (
    check_epochs,
    check_evoked,
    check_image_names,
    counted,
    five,
    pick_channels,
    seed_from,
    verbose,
)
from ..utils.constraints import checked, integer, options
from ..utils.docs import fill_doc
from ..utils.units import unit_of
from ..viz.encoding import plot_encoding_scores, plot_subjects
from ..viz.fields import plot_channel_scores
from .correlation import correlate, correlate_resampled, standardize
from .noise_ceiling import (
    noise_variance,
    signed_root,
    split_halves,
    whole_from_halves,
)
from .paired import PairedResponses, pair_responses
from .result import Result

PREDICTION, MEAN, CEILING = "prediction", "mean response", "noise ceiling"
GAIN, RATIO = "prediction - mean response", "prediction / noise ceiling"
LOWER, UPPER = "lower bound of the ceiling", "upper bound of the ceiling"
ABOVE = (
    "above 1 by chance: the ceiling is estimated from split halves, and noise moves it "
    "and the score of finitely many images to either side"
)
ROWS = (PREDICTION, MEAN, CEILING, GAIN, RATIO, LOWER, UPPER)
SCORES = ("r_pattern", "mse", "r_images", "r_half")
#: Fewer subjects cannot differ significantly: the least two-sided p of the signed-rank
#: test is 2 / 2**n, above 0.05 for n = 5.
LEAST_SUBJECTS = 6


@dataclass(repr=False, eq=False)
class EncodingScores(Result):
    """How well responses were predicted, beside what bounds the answer.

    Parameters
    ----------
    table : DataFrame, shape (7, 4)
        Columns ``r_pattern``, ``mse``, ``r_images`` and ``r_half``, see
        :func:`score_encoding`; rows ``prediction``, ``mean response``, ``noise
        ceiling``, their difference and quotient, and for ``r_half`` the bounds of the
        ceiling of Gifford et al. (2022). What does not apply is NaN.
    low, high : DataFrame, shape (7, 4)
        The 95 % bootstrap confidence interval of every entry of ``table``.
    per_image : DataFrame, shape (n_images, 4)
        ``r_pattern`` and ``mse`` of the prediction and of the mean response.
    r_map, r_half_map : instance of EvokedArray
        ``r_images`` and ``r_half`` of the prediction for every channel and time, to be
        plotted as any Evoked. Without repetitions there is no ``r_half_map``.
    mse_map, mse_mean_map : instance of EvokedArray
        The squared error of the prediction and of the mean response.
    ceiling_map : instance of EvokedArray | None
        The noise ceiling of ``r_map``; negative where halves of the repetitions
        disagree.
    protocol : dict
        Images, repetitions, channels, units, window, splits, bootstraps and seed; and
        why a score may exceed its ceiling, where one does.

    See Also
    --------
    mne_brainae.score_encoding
    mne_brainae.viz.plot_encoding_scores

    Examples
    --------
    >>> scores = mne_brainae.score_encoding(
    ...     test, model.predict_epochs(unseen), model.evoked_, random_state=0
    ... )
    >>> fig = scores.plot(show=False)
    """

    table: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    per_image: pd.DataFrame
    r_map: mne.EvokedArray
    r_half_map: mne.EvokedArray | None
    mse_map: mne.EvokedArray
    mse_mean_map: mne.EvokedArray
    ceiling_map: mne.EvokedArray | None
    protocol: dict

    @checked(by=[options("score", "image", "channel", "time")])
    def to_data_frame(self, by: str = "score") -> pd.DataFrame:
        """Return the scores as a table.

        Parameters
        ----------
        by : ``"score"`` | ``"image"`` | ``"channel"`` | ``"time"``
            Whether to return ``table`` with its confidence intervals, one row per
            score and system, or means for every image, channel or time.

        Returns
        -------
        table : DataFrame
            By score, the columns are ``score``, ``of``, ``value``, ``low`` and
            ``high``. By channel and by time (in seconds) they are ``r_images``,
            ``r_half``, ``noise ceiling``, ``mse`` and ``mse (mean response)``.

        Examples
        --------
        >>> scores.to_data_frame("channel").index.tolist()
        ['Fz', 'Cz', 'Pz', 'Oz', 'O1', 'O2']
        """
        if by == "image":
            return self.per_image.copy()
        if by == "score":
            columns = {"value": self.table, "low": self.low, "high": self.high}
            long = pd.concat({name: t.T.stack() for name, t in columns.items()}, axis=1)
            long = long.rename_axis(["score", "of"]).reset_index()
            return long.dropna(subset="value", ignore_index=True)
        maps = {
            "r_images": self.r_map,
            "r_half": self.r_half_map,
            CEILING: self.ceiling_map,
            "mse": self.mse_map,
            f"mse ({MEAN})": self.mse_mean_map,
        }
        index = pd.Index(self.r_map.ch_names, name="channel")
        if by == "time":
            index = pd.Index(self.r_map.times, name="time")
        axis = 1 if by == "channel" else 0
        means = {
            name: np.nan if evoked is None else evoked.data.mean(axis)
            for name, evoked in maps.items()
        }
        return pd.DataFrame(means, index=index)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot ``r_images`` against time, beside the noise ceiling.

        Parameters
        ----------
        %(axes)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: the mean and the quartiles over channels.

        See Also
        --------
        mne_brainae.viz.plot_encoding_scores

        Examples
        --------
        >>> fig = scores.plot(show=False)
        """
        return plot_encoding_scores(self.r_map, self.ceiling_map, axes=axes, show=show)

    @fill_doc
    def plot_channels(self, *, show: bool = True):
        """Plot ``r_images`` of every channel over the head, beside the noise ceiling.

        Parameters
        ----------
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: means over time, a row for every channel type. Types that are
            not on the scalp, or have no positions, are drawn channel by channel.

        Examples
        --------
        >>> fig = scores.plot_channels(show=False)
        """
        return plot_channel_scores(self.r_map, self.ceiling_map, show=show)

    @property
    def _title(self) -> str:
        n_channels, n_times = self.r_map.data.shape
        return (
            f"{counted(len(self.per_image), 'image')}, "
            f"{counted(n_channels, 'channel')} x {counted(n_times, 'time')}"
        )

    def _summary(self) -> pd.DataFrame:
        """Write every score with its confidence interval, ``mse`` in a unit."""
        factor, unit = self._unit_of_mse()
        scale = pd.Series({"mse": factor}).reindex(self.table.columns, fill_value=1.0)
        value, low, high = (
            table * scale for table in (self.table, self.low, self.high)
        )
        text = value.map(written, digits=3)
        if np.isfinite(low.loc[PREDICTION, "r_images"]):
            text += " [" + low.map(written, digits=2) + ", "
            text += high.map(written, digits=2) + "]"
        text = text.where(self.table.notna(), "").loc[self.table.notna().any(axis=1)]
        return text.rename(columns={"mse": f"mse ({unit})"})

    def _unit_of_mse(self) -> tuple[float, str]:
        """Return what the squared error is written in, and the factor to it."""
        kinds = self.r_map.get_channel_types(unique=True)
        if len(kinds) > 1:
            return 1.0, "of 1 SD"
        factor, unit = unit_of(self.r_map.info, kinds[0])
        return factor**2, f"{unit}²" if len(unit) < 4 else f"({unit})²"


def written(value: float, digits: int) -> str:
    """Write a number with so many significant digits.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        How many digits.

    Returns
    -------
    text : str
        The number, without an exponent where that is short.
    """
    if not np.isfinite(value) or not 1e-4 < abs(value) < 1e5:
        return f"{value:.{digits}g}"
    return np.format_float_positional(
        value, digits, unique=False, fractional=False, trim="-"
    )


@checked(
    epochs=check_epochs,
    epochs_predicted=check_epochs,
    mean_response=check_evoked,
    n_splits=[integer(1)],
    n_bootstraps=[integer(0)],
    random_state=["random_state"],
)
@verbose
@fill_doc
def score_encoding(
    epochs: mne.BaseEpochs,
    epochs_predicted: mne.BaseEpochs,
    mean_response: mne.Evoked,
    *,
    picks=None,
    n_splits: int = 100,
    n_bootstraps: int = 1000,
    random_state=None,
    verbose=None,
) -> EncodingScores:
    """Compare predicted with measured responses.

    Parameters
    ----------
    %(epochs_images)s
        Repetitions are averaged and give the noise ceiling.
    epochs_predicted : instance of Epochs
        One predicted response per image, as ``BrainAE.predict_epochs`` returns them.
    mean_response : instance of Evoked
        The mean training response (``BrainAE.evoked_``), the baseline that knows
        nothing of the image.
    picks : str | array-like | slice | None
        The channels of ``epochs_predicted`` to score, such as those over visual areas;
        None scores all.
    n_splits : int
        Number of random halvings of the repetitions.
    n_bootstraps : int
        Number of times that the images are drawn again for the confidence intervals; 0
        leaves them out.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    scores : instance of EncodingScores
        Channels that are absent or bad in ``epochs`` are left out. ``r_pattern`` and
        ``mse`` are the paper's (Table 1): per image over channels and times, mean over
        images, squared units of the data. ``r_images`` correlates over images for every
        channel and time and then averages; the mean response scores 0 there. ``r_half``
        is the same against the mean of one half of the repetitions, mean over splits,
        as in Gifford et al. (2022), so that recordings with more repetitions have no
        advantage but that of a better half.

    See Also
    --------
    mne_brainae.EncodingScores
    mne_brainae.score_similarity
    mne_brainae.cross_validate

    Notes
    -----
    Where there are several types of channels, whose units differ by powers of ten,
    every type is divided by its standard deviation over all measured responses, for
    ``r_pattern`` and for ``mse``, which the protocol then says; ``picks`` gives the
    scores of one type in its own unit. Maps are always in the units of the data.

    The noise ceiling is what a perfect model would reach. For ``r_pattern`` and
    ``r_images`` it is the root of the Spearman-Brown corrected correlation of split
    halves, for ``r_half`` the root of that correlation itself, and for ``mse`` the
    variance of the noise. The root is taken for every channel and time before
    averaging, since the root of the average would be far too high where only some of
    them respond. A quotient of scores is that of the averages. It may exceed 1, which
    the protocol then explains: the ceiling is estimated from split halves, and noise
    moves both it and the score of finitely many images to either side.

    The lower and the upper bound are those of Gifford et al. (2022): the correlation of
    one half with the other, and with the mean of all repetitions.

    Confidence intervals say how much the scores would change with other images of the
    same kind, not with other subjects. Every resample of the images is scored with one
    of the halvings, so that the choice of the halves is covered. The interval holds the
    middle 95 %% of deviations from their mean, laid around the estimate.

    Examples
    --------
    >>> scores = mne_brainae.score_encoding(
    ...     test,
    ...     model.predict_epochs(unseen),
    ...     model.evoked_,
    ...     n_splits=5,
    ...     n_bootstraps=0,
    ...     random_state=0,
    ... )
    >>> scores.r_map.data.shape
    (6, 20)
    """
    pairs = pair_responses(epochs, epochs_predicted, mean_response, picks)
    how = n_splits, n_bootstraps, random_state
    return _score(epochs, pairs, {"picks": np.arange(len(pairs.picks))}, *how)["picks"]


def score_parts(
    epochs: mne.BaseEpochs,
    epochs_predicted: mne.BaseEpochs,
    mean_response: mne.Evoked,
    parts: Mapping,
    *,
    n_splits: int,
    n_bootstraps: int,
    random_state,
) -> dict[str, EncodingScores]:
    """Score several choices of channels at once.

    Halves are drawn, and every channel is correlated, a single time for all of them.

    Parameters
    ----------
    epochs, epochs_predicted, mean_response, n_splits, n_bootstraps, random_state
        As in :func:`score_encoding`.
    parts : dict
        The ``picks`` of every part, by name; None is all channels.

    Returns
    -------
    scores : dict
        For every part what :func:`score_encoding` returns for its picks.
    """
    pairs = pair_responses(epochs, epochs_predicted, mean_response)
    rows = {name: _rows(pairs.info, picks) for name, picks in parts.items()}
    return _score(epochs, pairs, rows, n_splits, n_bootstraps, random_state)


def _rows(info: mne.Info, picks) -> np.ndarray:
    if picks is None:
        return np.arange(len(info["ch_names"]))
    return pick_channels(info, picks)


def _score(
    epochs, whole: PairedResponses, parts: dict, n_splits, n_bootstraps, random_state
) -> dict[str, EncodingScores]:
    """Score parts of the channels, whose rows are given."""
    seed = seed_from(random_state)
    rng = np.random.default_rng(seed)
    n_images = len(whole.table)
    weights = rng.multinomial(n_images, np.full(n_images, 1 / n_images), n_bootstraps)
    scoring = _Scoring(whole, list(parts.values()), weights)
    scoring.score_whole()
    codes = pd.Index(whole.images).get_indexer(check_image_names(epochs))
    has_ceiling = np.bincount(codes).min() >= 2
    if has_ceiling:
        trials = read_array(epochs, whole.picks)
        trials /= whole.scale.astype(np.float32)
        halves = split_halves(trials, codes, n_splits, rng)
        scoring.score_halves(halves, codes, n_splits)
    protocol = {
        "split halves": n_splits if has_ceiling else "none, an image was shown once",
        "bootstraps over images": n_bootstraps,
        "seed": seed,
    }
    scored = zip(parts, scoring.parts, strict=True)
    return {name: part.finish(protocol) for name, part in scored}


class _Scoring:
    """The scores of parts of the channels, computed together.

    Correlations of single channels are computed once, and averaged for every part.
    Scores over channels depend on their units, and are left to the parts.
    """

    def __init__(self, whole: PairedResponses, rows: list[np.ndarray], weights):
        self.measured, self.predicted, _ = whole.comparable()
        self.weights = weights
        self.parts = [_Part(whole, these, weights) for these in rows]
        n_channels, n_times = self.measured.shape[1:]
        inside = [np.isin(np.arange(n_channels), these) for these in rows]
        columns = np.repeat(inside, n_times, axis=1)
        self.resample = partial(correlate_resampled, parts=columns)

    def enter(self, row: str, column: str, values, replicates) -> None:
        """Enter the means of a map, and their replicates, in every part."""
        values = values.reshape(self.measured.shape[1:])
        for part, these in zip(self.parts, replicates, strict=True):
            part.enter(row, column, values[part.rows].mean(), these)

    def enter_map(self, row: str, column: str, values: np.ndarray) -> None:
        values = values.reshape(self.measured.shape[1:])
        for part in self.parts:
            part.maps[row, column] = values[part.rows]

    def score_whole(self) -> None:
        """Score against the mean of all repetitions."""
        for part in self.parts:
            part.score_patterns()
        r_images = correlate(self.measured, self.predicted, axis=0)
        (resampled,) = self.resample(
            standardize(self.measured), standardize(self.predicted), self.weights
        )
        self.enter_map(PREDICTION, "r_images", r_images)
        self.enter(PREDICTION, "r_images", r_images, resampled)

    def score_halves(self, halves, codes, n_splits: int) -> None:
        """Score against single halves of the repetitions, and halves by each other."""
        counts = np.bincount(codes)
        keys = (
            (CEILING, "r_images"),
            (CEILING, "r_half"),
            (LOWER, "r_half"),
            (UPPER, "r_half"),
            (PREDICTION, "r_half"),
        )
        replicates = np.zeros((len(keys), len(self.parts), len(self.weights)))
        agreement, own, upper = 0.0, 0.0, 0.0
        predicted, measured = standardize(self.predicted), standardize(self.measured)
        for split, halved in enumerate(halves):
            drawn = slice(split, None, n_splits)  # the resamples that meet these halves
            for part in self.parts:
                part.compare_halves(halved, counts, drawn)
            first, second = (standardize(half) for half in halved)
            agreement += np.mean(first * second, axis=0)
            own += np.mean(predicted * first, axis=0)
            upper += np.mean(measured * first, axis=0)
            weights = self.weights[drawn]
            transforms = whole_from_halves, signed_root, np.positive
            replicates[:3, :, drawn] = self.resample(first, second, weights, transforms)
            replicates[3:4, :, drawn] = self.resample(first, measured, weights)
            replicates[4:, :, drawn] = self.resample(first, predicted, weights)
        agreement, own, upper = agreement / n_splits, own / n_splits, upper / n_splits
        ceiling = whole_from_halves(agreement)
        values = ceiling, signed_root(agreement), agreement, upper, own
        for key, value, these in zip(keys, values, replicates, strict=True):
            self.enter(*key, value, these)
        self.enter_map(CEILING, "r_images", ceiling)
        self.enter_map(PREDICTION, "r_half", own)
        for part in self.parts:
            part.finish_halves(n_splits)


class _Part:
    """The scores of some channels: values, and replicates of the bootstrap.

    A score is entered under (row, column) of the table, as one value and as one value
    per resample of the images.
    """

    def __init__(self, whole: PairedResponses, rows: np.ndarray, weights: np.ndarray):
        self.rows, self.weights = rows, weights
        self.is_whole = len(rows) == len(whole.picks)
        self.pairs = whole if self.is_whole else whole.part(rows)
        self.factor = (whole.scale[rows] / self.pairs.scale).astype(np.float32)
        self.values, self.replicates = {}, {}
        self.per_image, self.maps = {}, {}
        self.pattern, self.noise = 0.0, 0.0
        self.of_halves = np.zeros((2, len(weights)))

    def enter(self, row: str, column: str, value, replicates) -> None:
        self.values[row, column] = float(value)
        self.replicates[row, column] = replicates

    def over_images(self, per_image: np.ndarray, weights=None) -> np.ndarray:
        """Return the mean over the images of every resample."""
        weights = self.weights if weights is None else weights
        return weights @ per_image / len(per_image)

    def score_patterns(self) -> None:
        """Score the response to every image, over channels and times."""
        measured, predicted, mean = self.pairs.comparable()
        for row, guess in ((PREDICTION, predicted), (MEAN, mean)):
            error = np.square(measured - guess, dtype=np.float64)
            r_pattern = correlate(measured, guess, axis=(1, 2))
            for column, values in (
                ("r_pattern", r_pattern),
                ("mse", error.mean(axis=(1, 2))),
            ):
                self.per_image[f"{column} ({row})"] = values
                self.enter(row, column, values.mean(), self.over_images(values))
            self.maps[row, "mse"] = error.mean(axis=0) * self.pairs.scale**2
        # What is the same for all images correlates with nothing over images.
        self.enter(MEAN, "r_images", 0.0, np.zeros(len(self.weights)))

    def compare_halves(self, halved, counts: np.ndarray, drawn: slice) -> None:
        """Add how alike two halves are, and the replicates of some resamples."""
        if not self.is_whole:
            halved = [half[:, self.rows] * self.factor for half in halved]
        pattern = correlate(*halved, axis=(1, 2))
        noise = noise_variance(*halved, counts).mean(axis=(1, 2))
        self.pattern, self.noise = self.pattern + pattern, self.noise + noise
        for replicates, values in zip(
            self.of_halves, (whole_from_halves(pattern), noise), strict=True
        ):
            replicates[drawn] = self.over_images(values, self.weights[drawn])

    def finish_halves(self, n_splits: int) -> None:
        """Enter the means over the splits."""
        ceiling, noise = self.of_halves
        pattern = whole_from_halves(self.pattern / n_splits)
        self.enter(CEILING, "r_pattern", pattern.mean(), ceiling)
        self.enter(CEILING, "mse", np.mean(self.noise / n_splits), noise)
        self.enter(MEAN, "r_half", 0.0, np.zeros(len(self.weights)))

    def compare(self) -> None:
        """Enter the gain over the mean response and the share of the ceiling."""
        for column in SCORES:
            if (PREDICTION, column) not in self.values:
                continue
            own, mean = (
                (self.values[row, column], self.replicates[row, column])
                for row in (PREDICTION, MEAN)
            )
            self.enter(GAIN, column, own[0] - mean[0], own[1] - mean[1])
            ceiling = self.values.get((CEILING, column), 0.0)
            if column != "mse" and ceiling > 0:
                replicates = self.replicates[CEILING, column]
                # Deviations of the ceiling are laid around its estimate here, too.
                around = ceiling + replicates - replicates.mean() if len(own[1]) else 1
                self.enter(RATIO, column, own[0] / ceiling, own[1] / around)

    def finish(self, protocol: dict) -> EncodingScores:
        self.compare()
        protocol = self.pairs.protocol | protocol
        tables = [self._table(self.values)]
        if (tables[0].loc[RATIO] > 1).any():
            protocol = protocol | {RATIO: ABOVE}
        for share in (2.5, 97.5):
            bounds = {}
            for key, replicates in self.replicates.items():
                bounds[key] = np.nan
                if len(replicates):
                    deviation = np.percentile(replicates, share) - replicates.mean()
                    bounds[key] = self.values[key] + deviation
            tables.append(self._table(bounds))

        where = self.pairs.info, self.pairs.times
        index = pd.Index(self.pairs.images, name="image")

        def as_evoked(row: str, column: str):
            data = self.maps.get((row, column))
            if data is None:
                return None
            return make_evoked(data, *where, 1, f"{column} ({row})")

        return EncodingScores(
            *tables,
            pd.DataFrame(self.per_image, index=index),
            as_evoked(PREDICTION, "r_images"),
            as_evoked(PREDICTION, "r_half"),
            as_evoked(PREDICTION, "mse"),
            as_evoked(MEAN, "mse"),
            as_evoked(CEILING, "r_images"),
            protocol,
        )

    @staticmethod
    def _table(values: dict) -> pd.DataFrame:
        table = pd.DataFrame(np.nan, index=list(ROWS), columns=list(SCORES))
        for (row, column), value in values.items():
            table.loc[row, column] = value
        return table


@dataclass(repr=False, eq=False)
class SubjectComparison(Result):
    """Whether systems score differently from a reference across subjects.

    Parameters
    ----------
    table : DataFrame, shape (n_systems - 1, 8)
        For every other system the ``mean`` and standard deviation (``sd``) of its
        scores, the mean ``difference``, ``n_subjects``, in how many of them it is above
        the reference (``n_above``), the ``statistic`` of the Wilcoxon signed-rank test,
        its p-value ``p``, and ``p_bonferroni``, corrected for the number of systems.
    scores : DataFrame, shape (n_subjects, n_systems)
        The scores that were compared.
    reference : str
        The column that the others were compared with.
    protocol : dict
        Subjects, reference, test and correction.

    See Also
    --------
    mne_brainae.compare_subjects
    mne_brainae.viz.plot_subjects

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     np.random.default_rng(0).random((6, 2)), columns=["a", "b"]
    ... )
    >>> comparison = mne_brainae.compare_subjects(table, "a")
    >>> fig = comparison.plot(show=False)
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    reference: str
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot the scores of every subject, beside the mean of the reference.

        Parameters
        ----------
        %(axes)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: a line for every subject, and the mean of every system.

        See Also
        --------
        mne_brainae.viz.plot_subjects

        Examples
        --------
        >>> fig = mne_brainae.compare_subjects(table, "a").plot(show=False)
        """
        return plot_subjects(self.scores, self.reference, axes=axes, show=show)

    @property
    def _title(self) -> str:
        return (
            f"{counted(len(self.scores), 'subject')}, "
            f"{counted(len(self.table), 'system')} against {self.reference}"
        )


@checked(
    scores=[pd.DataFrame],
    reference=[str],
    alternative=[options("two-sided", "greater", "less")],
)
def compare_subjects(
    scores: pd.DataFrame, reference: str, *, alternative: str = "two-sided"
) -> SubjectComparison:
    """Test whether systems score differently from a reference across subjects.

    Parameters
    ----------
    scores : DataFrame, shape (n_subjects, n_systems)
        One score per subject and system, such as ``r_images``.
    reference : str
        The column that the others are compared with.
    alternative : ``"two-sided"`` | ``"greater"`` | ``"less"``
        What is tested: that a system differs from the reference, is above, or below.

    Returns
    -------
    comparison : instance of SubjectComparison
        Means, differences and the Wilcoxon signed-rank test of every other system.

    Raises
    ------
    ValueError
        If the reference is not a column, there are too few subjects for the test,
        scores are missing, or two systems have the same ones.
    TypeError
        If scores are not numbers.

    See Also
    --------
    mne_brainae.score_encoding
    mne_brainae.viz.plot_subjects

    Notes
    -----
    Fewer than six subjects are refused: with five the least two-sided p-value that the
    test can give is 0.0625. The paper tests ten subjects, and neither the four of
    THINGS-MEG nor the two monkeys.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     np.random.default_rng(0).random((6, 2)), columns=["a", "b"]
    ... )
    >>> comparison = mne_brainae.compare_subjects(table, "a")
    """
    from mne.stats import bonferroni_correction
    from scipy.stats import wilcoxon

    if reference not in scores:
        raise ValueError(
            f"reference={reference!r} is not a column of scores, which have "
            f"{five(scores.columns)}."
        )
    if any(dtype.kind not in "biuf" for dtype in scores.dtypes):
        raise TypeError(
            f"scores must be numbers, got columns of {five(scores.dtypes)}."
        )
    n_subjects = len(scores)
    if n_subjects < LEAST_SUBJECTS:
        raise ValueError(
            f"scores have {counted(n_subjects, 'subject')}, but the signed-rank test "
            f"needs at least {LEAST_SUBJECTS}: its smallest two-sided p-value would be "
            f"{2 / 2**n_subjects:.3g}. Report every subject's score instead."
        )
    bad = scores.index[scores.isna().any(axis=1)]
    if len(bad):
        raise ValueError(f"scores are missing for the subjects {five(bad)}.")
    others = [name for name in scores.columns if name != reference]
    if not others:
        raise ValueError(f"scores have no other column than {reference!r}.")
    rows = {}
    for name in others:
        difference = scores[name] - scores[reference]
        if (difference == 0).all():
            raise ValueError(f"{name!r} and {reference!r} have the same scores.")
        test = wilcoxon(difference, alternative=alternative)
        rows[name] = {
            "mean": scores[name].mean(),
            "sd": scores[name].std(),
            "difference": difference.mean(),
            "n_subjects": n_subjects,
            "n_above": int((difference > 0).sum()),
            "statistic": test.statistic,
            "p": test.pvalue,
        }
    table = pd.DataFrame(rows).T.astype({"n_subjects": int, "n_above": int})
    table["p_bonferroni"] = bonferroni_correction(table["p"].to_numpy())[1]
    protocol = {
        "subjects": n_subjects,
        "reference": reference,
        "test": f"Wilcoxon signed-rank, {alternative}",
        "correction": f"Bonferroni for {counted(len(others), 'system')}",
    }
    return SubjectComparison(table, scores.copy(), reference, protocol)
