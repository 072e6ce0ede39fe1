"""When and where responses can be decoded: decoding with parts hidden."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd
from mne.stats import fdr_correction
from mne.utils import ProgressBar
from scipy.stats import binomtest, pearsonr

from ..utils.checks import (
    check_epochs,
    check_evoked,
    check_image_names,
    check_same_space,
    counted,
    five,
    verbose,
)
from ..utils.constraints import checked, integer, options, positive
from ..utils.docs import fill_doc
from ..viz.decoding import plot_consistency, plot_occlusion
from .identification import Identification, identify_by
from .result import Result

KINDS = ("pointwise", "increasing", "decreasing", "sliding")


@dataclass(repr=False, eq=False)
class Occlusion(Result):
    """Accuracy with parts of the responses hidden.

    Parameters
    ----------
    table : DataFrame, shape (n_parts, n_columns)
        One row per part: ``tmin`` and ``tmax`` in seconds, or ``part``, a channel or
        region; ``accuracy`` with its 95 % interval ``low`` to ``high``; ``change``
        against the whole response; ``mean_rank``; ``p_change``, McNemar's exact test
        against the whole response; ``p_chance``, the binomial test against chance. Both
        are corrected for the number of parts by the false discovery rate.
    whole : instance of Identification
        The identification of the whole responses.
    kind : str
        What was hidden.
    k : int
        The number of guesses that were allowed.
    change_map : instance of EvokedArray | None
        ``change`` over the sensors where channels or regions were hidden, one time.
    protocol : dict
        That of ``whole``, and what was hidden, how, and how it was tested.

    See Also
    --------
    mne_brainae.occlude_channels
    mne_brainae.occlude_times
    mne_brainae.viz.plot_occlusion

    Notes
    -----
    The tests count epochs as independent, as those of
    :class:`mne_brainae.Identification` do.

    Examples
    --------
    >>> occlusion = mne_brainae.occlude_channels(identify, averaged, model.evoked_)
    >>> fig = occlusion.plot(show=False)
    """

    table: pd.DataFrame
    whole: Identification
    kind: str
    k: int
    change_map: mne.EvokedArray | None = None
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot accuracy against the part that was hidden or left.

        Single channels of one type on the scalp are drawn over the head.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure. Filled points, or larger ones over the head, differ from the
            whole response, p < 0.05.

        See Also
        --------
        mne_brainae.viz.plot_occlusion

        Examples
        --------
        >>> fig = occlusion.plot(show=False)
        """
        return plot_occlusion(
            self.table,
            kind=self.kind,
            whole=self.whole.top_k(self.k),
            chance=self.whole.chance(self.k),
            change_map=self.change_map,
            axes=axes,
            show=show,
        )

    @property
    def _title(self) -> str:
        significant = int((self.table["p_change"] < 0.05).sum())
        return (
            f"{self.kind}, {counted(len(self.table), 'part')}, top-{self.k} of whole "
            f"responses {100 * self.whole.top_k(self.k):.1f} % (chance "
            f"{100 * self.whole.chance(self.k):.1f} %), {significant} differ"
        )


@checked(
    identify=[callable],
    epochs=check_epochs,
    mean_response=check_evoked,
    kind=[options(*KINDS)],
    window=[positive()],
    step=[positive(), None],
    k=[integer(1)],
)
@verbose
@fill_doc
def occlude_times(
    identify: Callable[[mne.BaseEpochs], Identification],
    epochs: mne.BaseEpochs,
    mean_response: mne.Evoked,
    *,
    kind: str = "pointwise",
    window: float = 0.1,
    step: float | None = None,
    k: int = 1,
    verbose=None,
) -> Occlusion:
    """Identify with parts of the time hidden (Figure 3a of the paper).

    Parameters
    ----------
    %(identify)s
    %(epochs_images)s
    %(mean_response_hides)s
    kind : ``"pointwise"`` | ``"increasing"`` | ``"decreasing"`` | ``"sliding"``
        Hide one window after another; show what is before the end of a window, that
        moves on; show what is from its beginning on; or show one window only.
    window : float
        Length of a window in seconds.
    step : float | None
        From one window to the next in seconds; None takes ``window``.
    k : int
        How many guesses are allowed.
    %(verbose)s

    Returns
    -------
    occlusion : instance of Occlusion
        One row per window. A sample belongs to the window in which its time is, the end
        left out.

    Raises
    ------
    ValueError
        If window or step are shorter than a sample or longer than the epochs.

    See Also
    --------
    mne_brainae.occlude_channels
    mne_brainae.score_over_time

    Notes
    -----
    The model is fitted once, on whole responses, and only the test is occluded, as in
    the paper. A window that matters is one that this model uses; what a model fitted on
    the window alone would find there is another question.

    Examples
    --------
    >>> occlusion = mne_brainae.occlude_times(
    ...     identify, averaged, model.evoked_, kind="increasing", window=0.05
    ... )
    """
    times, sfreq = epochs.times, epochs.info["sfreq"]
    width = round(window * sfreq)
    hop = width if step is None else round(step * sfreq)
    if not 1 <= width <= len(times) or hop < 1:
        raise ValueError(
            f"window and step must be between one sample ({1 / sfreq:g} s) and the "
            f"{len(times) / sfreq:g} s of the epochs, got window={window}, step={step}."
        )
    starts = np.arange(0, len(times) - width + 1, hop)
    index = np.arange(len(times))
    parts = []
    for start in starts:
        inside = (index >= start) & (index < start + width)
        hidden = {
            "pointwise": inside,
            "increasing": index >= start + width,
            "decreasing": index < start,
            "sliding": ~inside,
        }[kind]
        label = {"tmin": times[start], "tmax": times[start] + width / sfreq}
        parts.append((label, (slice(None), hidden)))
    table, whole = _score(identify, epochs, mean_response, parts, k)
    hidden = {
        "window hidden or shown": f"{width / sfreq:g} s",
        "step between windows": f"{hop / sfreq:g} s",
    }
    protocol = whole.protocol | _how(kind, k, table) | hidden
    return Occlusion(table, whole, kind, k, protocol=protocol)


@checked(
    identify=[callable],
    epochs=check_epochs,
    mean_response=check_evoked,
    regions=[Mapping, None],
    k=[integer(1)],
)
@verbose
@fill_doc
def occlude_channels(
    identify: Callable[[mne.BaseEpochs], Identification],
    epochs: mne.BaseEpochs,
    mean_response: mne.Evoked,
    *,
    regions: Mapping[str, list[str]] | None = None,
    k: int = 1,
    verbose=None,
) -> Occlusion:
    """Identify with parts of the sensors hidden (Figure 3b of the paper).

    Parameters
    ----------
    %(identify)s
    %(epochs_images)s
    %(mean_response_hides)s
    regions : dict of list of str | None
        The channels that are hidden together, by name of the region, as
        :func:`mne_brainae.channel_regions` returns them. None hides one channel after
        another.
    k : int
        How many guesses are allowed.
    %(verbose)s

    Returns
    -------
    occlusion : instance of Occlusion
        One row per channel or region. ``change_map`` is an Evoked: the change of
        accuracy at the channels that were hidden, of which a channel of several regions
        has that of the first.

    Raises
    ------
    ValueError
        If a region has no channels, or names some that ``mean_response`` lacks.

    See Also
    --------
    mne_brainae.occlude_times
    mne_brainae.score_consistency
    mne_brainae.channel_regions

    Examples
    --------
    >>> def identify(epochs):
    ...     return model.retrieve(epochs, unseen)
    >>> occlusion = mne_brainae.occlude_channels(identify, averaged, model.evoked_)
    """
    ch_names = mean_response.ch_names
    if regions is None:
        regions = {name: [name] for name in ch_names}
    unknown = [name for names in regions.values() for name in names]
    unknown = [name for name in unknown if name not in ch_names]
    empty = [region for region, names in regions.items() if not len(names)]
    if unknown or empty or not regions:
        raise ValueError(
            "regions must name channels of mean_response, one or more for every "
            f"region, but these do not: {five(unknown or empty or ['no region'])}."
        )
    parts = [
        ({"part": region}, (np.isin(ch_names, names), slice(None)))
        for region, names in regions.items()
    ]
    table, whole = _score(identify, epochs, mean_response, parts, k)
    change_map = _as_map(table, regions, mean_response.info)
    by_channel = all(len(names) == 1 for names in regions.values())
    kind = "channel" if by_channel else "region"
    protocol = whole.protocol | _how(kind, k, table)
    return Occlusion(table, whole, kind, k, change_map, protocol)


def _score(identify, epochs, mean_response, parts, k):
    """Identify once with everything, and once with every part hidden."""
    check_image_names(epochs)
    hidden = epochs.copy().load_data()
    picks = check_same_space(hidden, mean_response.ch_names, mean_response.times)
    whole = identify_by(identify, hidden)
    whole.top_k(k)  # refuses more guesses than candidates before the work
    data = hidden.get_data(copy=False)
    original = data[:, picks].copy()
    rows = []
    for label, (channels, times) in ProgressBar(parts, mesg="Hiding parts"):
        covered = np.zeros(mean_response.data.shape, bool)
        covered[channels, times] = True
        data[:, picks] = np.where(covered, mean_response.data, original)
        rows.append(label | _row(identify_by(identify, hidden), whole, k))
    table = pd.DataFrame(rows)
    for column in ("p_change", "p_chance"):
        table[column] = fdr_correction(table[column])[1]
    return table, whole


def _how(kind: str, k: int, table: pd.DataFrame) -> dict:
    """Return what the protocol says of hiding and testing."""
    return {
        "occlusion": kind,
        "hidden parts replaced by": "the mean response",
        "guesses": k,
        "p-values": f"false discovery rate over {counted(len(table), 'part')}",
    }


def _row(found: Identification, whole: Identification, k: int) -> dict:
    low, high = found.interval(k)
    return {
        "accuracy": found.top_k(k),
        "low": low,
        "high": high,
        "change": found.top_k(k) - whole.top_k(k),
        "mean_rank": found.mean_rank,
        "p_change": _mcnemar(found.ranks <= k, whole.ranks <= k),
        "p_chance": found.p_value(k),
    }


def _mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Return the exact p-value of McNemar's test on paired hits and misses."""
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(~a & b))
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b).pvalue)


def _as_map(table, regions, info: mne.Info) -> mne.EvokedArray:
    change = {}
    for names, value in zip(regions.values(), table["change"], strict=True):
        change |= dict.fromkeys([n for n in names if n not in change], value)
    picks = [i for i, name in enumerate(info["ch_names"]) if name in change]
    info = mne.pick_info(info, picks)
    values = np.array([[change[name]] for name in info["ch_names"]])
    return mne.EvokedArray(values, info, 0.0, "change of accuracy")


@dataclass(repr=False, eq=False)
class Consistency(Result):
    """Whether the channels or times that are predicted best are decoded from, too.

    Parameters
    ----------
    table : DataFrame, shape (n_parts, 2)
        ``encoding`` (Pearson's r of prediction and measurement) and ``decoding`` (the
        accuracy that is lost where the part is hidden), by channel or window.
    r, p : float
        Pearson correlation of the two columns, and its p-value.
    protocol : dict
        That of the occlusion, and how the encoding score was averaged.

    See Also
    --------
    mne_brainae.score_consistency
    mne_brainae.viz.plot_consistency

    Examples
    --------
    >>> consistency = mne_brainae.score_consistency(scores.r_map, occlusion)
    >>> -1 <= consistency.r <= 1
    True
    """

    table: pd.DataFrame
    r: float
    p: float
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot what is lost in decoding against what is predicted.

        Parameters
        ----------
        %(axes_show)s

        Returns
        -------
        fig : instance of Figure
            The figure.

        See Also
        --------
        mne_brainae.viz.plot_consistency

        Examples
        --------
        >>> consistency = mne_brainae.score_consistency(scores.r_map, occlusion)
        >>> fig = consistency.plot(show=False)
        """
        return plot_consistency(self.table, self.r, self.p, axes=axes, show=show)

    @property
    def _title(self) -> str:
        parts = counted(len(self.table), self.table.index.name)
        return f"{parts}, r = {self.r:.2f}, p = {self.p:.2g}"


@checked(r_map=check_evoked, occlusion=[Occlusion])
def score_consistency(r_map: mne.Evoked, occlusion: Occlusion) -> Consistency:
    """Correlate encoding with decoding (Figures 3e and 3f of the paper).

    Parameters
    ----------
    r_map : instance of Evoked
        The encoding score of every channel and time, ``EncodingScores.r_map``.
    occlusion : instance of Occlusion
        What :func:`mne_brainae.occlude_channels` (channels or regions, one channel
        each) or :func:`mne_brainae.occlude_times` with ``kind="pointwise"`` returned.

    Returns
    -------
    consistency : instance of Consistency
        Over channels, with the encoding score averaged over times, or over windows,
        with the encoding score averaged over channels and the window.

    Raises
    ------
    ValueError
        If the occlusion is of another kind, or the maps have other channels or times.

    See Also
    --------
    mne_brainae.occlude_channels
    mne_brainae.Consistency

    Notes
    -----
    The p-value takes channels or windows as independent. Neighbors are not, so it is
    too small; compare maps of several subjects before believing it.

    Examples
    --------
    >>> consistency = mne_brainae.score_consistency(scores.r_map, occlusion)
    """
    lost = -occlusion.table["change"].to_numpy()
    if occlusion.kind == "channel":
        by_channel = pd.Series(r_map.data.mean(axis=1), r_map.ch_names)
        names = pd.Index(occlusion.table["part"], name="channel")
        encoding = by_channel.reindex(names).to_numpy()
        averaged = "mean over times"
    elif occlusion.kind == "pointwise":
        center = occlusion.table[["tmin", "tmax"]].mean(axis=1)
        names = pd.Index(center, name="window")
        encoding = _in_windows(r_map, occlusion.table)
        averaged = "mean over channels and the times of the window"
    else:
        raise ValueError(
            "Consistency needs an occlusion of kind 'channel' or 'pointwise', got "
            f"{occlusion.kind!r}."
        )
    if np.isnan(encoding).any() or len(names) < 3:
        raise ValueError(
            "r_map must have all channels and times of the occlusion, and at least "
            "three of them."
        )
    table = pd.DataFrame({"encoding": encoding, "decoding": lost}, names)
    r, p = 0.0, 1.0
    if (table.nunique() > 1).all():
        r, p = pearsonr(encoding, lost)
    protocol = occlusion.protocol | {"encoding score": averaged}
    return Consistency(table, float(r), float(p), protocol)


def _in_windows(r_map: mne.Evoked, table: pd.DataFrame) -> np.ndarray:
    half = 0.5 / r_map.info["sfreq"]
    course = r_map.data.mean(axis=0)
    means = []
    for tmin, tmax in zip(table["tmin"], table["tmax"], strict=True):
        inside = (r_map.times >= tmin - half) & (r_map.times < tmax - half)
        means.append(course[inside].mean() if inside.any() else np.nan)
    return np.array(means)
