"""Whether predicted responses resemble measured ones in time, space and frequency."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from ..preprocessing.epochs import make_epochs
from ..preprocessing.recorded import missing_channels
from ..utils.checks import _check_option, check_epochs, check_evoked, verbose
from ..utils.constraints import JOBS, checked, integer
from ..utils.docs import fill_doc
from ..viz.similarity import (
    plot_band_power,
    plot_connectivity_circles,
    plot_matrices,
    plot_similarity,
    plot_time_courses,
)
from .correlation import correlate
from .paired import pair_responses
from .result import Result
from .rhythms import (
    PHASE_CYCLES,
    PHASE_LAGS,
    POWER_CYCLES,
    band_power,
    bands_in_window,
    decibel,
    phase_lag,
    read_picked,
)

#: What is said of regions: their mean over time, or, of one time, over images.
COURSE, OVER_IMAGES = "time course", "response over images"


@fill_doc
def channel_correlation(epochs: mne.BaseEpochs, *, picks=None) -> pd.DataFrame:
    """Correlate every channel with every other, over epochs and times (Figure 2c).

    Parameters
    ----------
    epochs : instance of Epochs
        Responses.
    %(picks)s

    Returns
    -------
    r : DataFrame, shape (n_channels, n_channels)
        Pearson correlations; 0 with a channel that is constant.

    See Also
    --------
    mne_brainae.band_power
    mne_brainae.phase_lag
    mne_brainae.score_similarity

    Examples
    --------
    >>> mne_brainae.channel_correlation(averaged).shape
    (6, 6)
    """
    data, names = read_picked(epochs, picks)
    rows = data.transpose(1, 0, 2).reshape(len(names), -1).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(length > 0, length, 1.0)
    return pd.DataFrame(rows @ rows.T, index=names, columns=names)


@dataclass(repr=False, eq=False)
class ResponseSimilarity(Result):
    """How similar measured and predicted responses are in time, space and frequency.

    Parameters
    ----------
    table : DataFrame, shape (n_aspects, 2)
        Pearson correlations of the measured with the predicted (``prediction``) and
        with the mean response (``mean response``). Rows are ``(aspect, of)``: time
        courses of regions (responses over images where there is one time), power of
        bands over channels, channel correlations, and phase lags of bands between
        channels.
    measured, predicted : dict
        What was compared: ``"epochs"``, ``"power"`` (DataFrame), ``"correlation"``
        (DataFrame), and one dict of DataFrames for every phase-lag method.
    regions : dict
        The channels of every region.
    left_out : dict
        Why bands were left out, by ``(aspect, band)``.
    protocol : dict
        Images, repetitions, channels and window, and what was left out.

    See Also
    --------
    mne_brainae.score_similarity
    mne_brainae.viz.plot_similarity

    Examples
    --------
    >>> similarity = mne_brainae.score_similarity(
    ...     test, model.predict_epochs(unseen), model.evoked_, bands={"fast": (30, 45)}
    ... )
    >>> fig = similarity.plot(show=False)
    """

    table: pd.DataFrame
    measured: dict
    predicted: dict
    regions: dict
    left_out: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)

    @fill_doc
    def plot(self, *, axes=None, show: bool = True):
        """Plot all similarities, beside those of the mean response.

        Parameters
        ----------
        %(axes)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: one row of dots for every aspect.

        See Also
        --------
        mne_brainae.viz.plot_similarity

        Examples
        --------
        >>> fig = similarity.plot(show=False)
        """
        return plot_similarity(self.table, axes=axes, show=show)

    @fill_doc
    def plot_time_courses(self, *, axes=None, show: bool = True):
        """Plot measured and predicted time courses of every region (Figure 2a).

        Parameters
        ----------
        %(axes_of_regions)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: the mean over images and its 95 % confidence interval.

        See Also
        --------
        mne_brainae.viz.plot_time_courses

        Examples
        --------
        >>> fig = similarity.plot_time_courses(show=False)
        """
        aspect = COURSE if len(self.measured["epochs"].times) > 1 else OVER_IMAGES
        titled = {
            self._titled(aspect, region): channels
            for region, channels in self.regions.items()
        }
        return plot_time_courses(
            self.measured["epochs"],
            self.predicted["epochs"],
            titled,
            axes=axes,
            show=show,
        )

    @fill_doc
    def plot_power(self, *, axes=None, show: bool = True):
        """Plot measured and predicted power over the head (Figure 2b).

        Parameters
        ----------
        %(axes_of_bands)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: in every column a band with its own range in decibel.

        Raises
        ------
        ValueError
            If no band fits the window.

        See Also
        --------
        mne_brainae.viz.plot_band_power

        Examples
        --------
        >>> fig = similarity.plot_power(show=False)
        """
        if "power" not in self.measured:
            raise ValueError(f"No band fits the window: {self._reasons('power')}.")
        titles = {band: self._titled("power", band) for band in self.measured["power"]}
        return plot_band_power(
            self.measured["power"].rename(columns=titles),
            self.predicted["power"].rename(columns=titles),
            self.measured["epochs"].info,
            axes=axes,
            show=show,
        )

    @fill_doc
    def plot_correlation(self, *, axes=None, show: bool = True):
        """Plot measured and predicted channel correlations (Figure 2c).

        Parameters
        ----------
        %(axes_of_two)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The two matrices.

        See Also
        --------
        mne_brainae.viz.plot_matrices

        Examples
        --------
        >>> fig = similarity.plot_correlation(show=False)
        """
        return plot_matrices(
            self.measured["correlation"],
            self.predicted["correlation"],
            title=self._titled(
                "channel correlation", "channels", "channel correlation"
            ),
            label="Pearson r",
            vlim=(-1, 1),
            axes=axes,
            show=show,
        )

    @fill_doc
    def plot_phase_lag(
        self, band: str, *, method: str = "pli", axes=None, show: bool = True
    ):
        """Plot measured and predicted phase lags as matrices (Figure 2d).

        Parameters
        ----------
        %(band_and_method)s
        %(axes_of_two)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The two matrices.

        See Also
        --------
        mne_brainae.viz.plot_matrices

        Examples
        --------
        >>> fig = similarity.plot_phase_lag("fast", show=False)
        """
        measured, predicted = self._lags(method, band)
        return plot_matrices(
            measured,
            predicted,
            title=self._titled(method, band, f"{method}, {band}"),
            label=PHASE_LAGS[method],
            vlim=(0, 1),
            axes=axes,
            show=show,
        )

    @checked(n_lines=[integer(1)])
    @fill_doc
    def plot_circle(
        self, band: str, *, method: str = "pli", n_lines: int = 40, show: bool = True
    ):
        """Plot the largest measured and predicted phase lags on circles (Figure 2d).

        Parameters
        ----------
        %(band_and_method)s
        %(n_lines)s
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The two circles.

        See Also
        --------
        mne_brainae.viz.plot_connectivity_circles

        Examples
        --------
        >>> fig = similarity.plot_circle("fast", n_lines=5, show=False)
        """
        measured, predicted = self._lags(method, band)
        return plot_connectivity_circles(
            measured,
            predicted,
            title=self._titled(method, band, f"{method}, {band}"),
            label=PHASE_LAGS[method],
            n_lines=n_lines,
            show=show,
        )

    def _lags(self, method: str, band: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        computed = tuple(name for name in PHASE_LAGS if name in self.measured)
        if not computed:
            raise ValueError(f"No band fits the window: {self._reasons('phase lag')}.")
        _check_option("method", method, computed)
        _check_option("band", band, tuple(self.measured[method]))
        return self.measured[method][band], self.predicted[method][band]

    def _titled(self, aspect: str, of: str, name: str | None = None) -> str:
        r, mean = self.table.loc[(aspect, of), ["prediction", "mean response"]]
        return f"{name or of}: r = {r:.2f} (mean response {mean:.2f})"

    def _reasons(self, aspect: str) -> str:
        return "; ".join(
            f"{band}: {reason}"
            for (name, band), reason in self.left_out.items()
            if name == aspect
        )

    @property
    def _title(self) -> str:
        return "r with the measured responses"


@checked(
    epochs=check_epochs,
    epochs_predicted=check_epochs,
    mean_response=check_evoked,
    regions=[Mapping, None],
    methods=[list, tuple],
    n_jobs=JOBS,
)
@verbose
def score_similarity(
    epochs: mne.BaseEpochs,
    epochs_predicted: mne.BaseEpochs,
    mean_response: mne.Evoked,
    *,
    regions: Mapping[str, Sequence[str]] | None = None,
    bands: Mapping | None = None,
    methods: Sequence[str] = ("pli",),
    picks=None,
    n_jobs: int = 1,
    verbose=None,
) -> ResponseSimilarity:
    """Compare measured and predicted responses as Figure 2 does, with numbers.

    Parameters
    ----------
    epochs : instance of Epochs
        Measured responses; ``metadata["image"]`` names the images, and repetitions
        are averaged.
    epochs_predicted : instance of Epochs
        One predicted response per image, as ``BrainAE.predict_epochs`` returns them.
    mean_response : instance of Evoked
        The mean training response (``BrainAE.evoked_``), whose similarity to the
        measured responses is what a model has to exceed.
    regions : dict | None
        Channel names by region; None is one region of all channels.
    bands : dict | None
        From name to lowest and highest frequency in Hz, as in :func:`band_power`.
    methods : sequence of ``"pli"`` | ``"wpli"`` | ``"dpli"``
        Which phase lags to compare, see :func:`phase_lag`.
    picks : str | array-like | slice | None
        The channels of ``epochs_predicted`` to compare; None takes all.
    n_jobs : int
        The number of jobs for the phase lags.
    verbose : bool | str | int | None
        Control verbosity of the logging output, as everywhere in MNE-Python.

    Returns
    -------
    similarity : instance of ResponseSimilarity
        The numbers, with plots of what they compare.

    Raises
    ------
    ValueError
        If there are no regions.

    See Also
    --------
    mne_brainae.ResponseSimilarity
    mne_brainae.score_encoding

    Notes
    -----
    Time courses are the mean over the channels of a region; they are correlated over
    time for every image, and the correlations averaged. Responses of one time are
    correlated over images, where the mean response scores 0. Regions of several types
    of channels are divided by type. Power is correlated over channels, in decibel, as
    deviations from the mean of the type. Matrices are correlated over pairs of
    channels.

    All images evoke much the same response, so most of these similarities are high
    for the mean response as well. Only what exceeds it comes from the image.

    Examples
    --------
    >>> similarity = mne_brainae.score_similarity(
    ...     test, model.predict_epochs(unseen), model.evoked_, bands={"fast": (30, 45)}
    ... )
    """
    for method in methods:
        _check_option("methods", method, PHASE_LAGS)
    pairs = pair_responses(epochs, epochs_predicted, mean_response, picks)
    names = list(pairs.info["ch_names"])
    regions = {"all channels": names} if regions is None else dict(regions)
    if not regions:
        raise ValueError("regions are empty, expected the channels of one or more.")
    missing = missing_channels(epochs, epochs_predicted.info)
    regions = _by_type(without(regions, missing), pairs.info)
    rows = {region: region_rows(region, regions[region], names) for region in regions}
    kinds = np.array(pairs.info.get_channel_types())
    options = {"bands": bands, "methods": methods, "n_jobs": n_jobs}
    table, left_out, described = {}, {}, {}
    for name, data in (
        ("measured", pairs.measured),
        ("prediction", pairs.predicted),
        # Phase lags take two epochs at least; the same twice is the mean response.
        ("mean response", pairs.mean[:2]),
    ):
        metadata = pairs.table.iloc[: len(data)].reset_index(drop=True)
        described[name] = {
            "epochs": make_epochs(data, pairs.info, pairs.times, metadata)
        }
        statistics, left_out = _describe(described[name]["epochs"], **options)
        described[name] |= statistics
    for name, data in (
        ("prediction", pairs.predicted),
        ("mean response", pairs.mean),
    ):
        table[name] = _time_courses(pairs.measured, data, rows)
        table[name] |= _correlations(described["measured"], described[name], kinds)
    index = pd.MultiIndex.from_tuples(table["prediction"], names=["aspect", "of"])
    missing = {
        f"left out, {aspect} in {band}": reason
        for (aspect, band), reason in left_out.items()
    }
    return ResponseSimilarity(
        pd.DataFrame({k: list(v.values()) for k, v in table.items()}, index=index),
        described["measured"],
        described["prediction"],
        regions,
        left_out,
        pairs.protocol | missing,
    )


def region_rows(region: str, channels: Sequence[str], names: list[str]) -> np.ndarray:
    """Return where the channels of a region are; a region without any is an error.

    Parameters
    ----------
    region : str
        The name of the region.
    channels : sequence of str
        The names of its channels.
    names : list of str
        The names of all channels.

    Returns
    -------
    rows : array of int, shape (n_channels_of_region,)
        Where they are in ``names``.
    """
    if len(channels) == 0:
        raise ValueError(f"regions[{region!r}] has no channels, expected their names.")
    rows = pd.Index(names).get_indexer(list(channels))
    if (rows < 0).any():
        missing = [str(channels[i]) for i in np.flatnonzero(rows < 0)]
        raise ValueError(
            f"regions[{region!r}] names channels that are not compared: "
            f"{', '.join(missing[:5])}."
        )
    return rows


def _describe(epochs, *, bands, methods, n_jobs) -> tuple[dict, dict]:
    """Return what Figure 2 shows of responses, and why bands are missing."""
    statistics = {"correlation": channel_correlation(epochs, picks="all")}
    left_out = {}
    for aspect, n_cycles in (("power", POWER_CYCLES), ("phase lag", PHASE_CYCLES)):
        kept, missing = bands_in_window(epochs.info, len(epochs.times), bands, n_cycles)
        left_out |= {(aspect, band): reason for band, reason in missing.items()}
        if kept and aspect == "power":
            statistics["power"] = band_power(epochs, bands=kept, picks="all")
        elif kept:
            for method in methods:
                statistics[method] = phase_lag(
                    epochs, method=method, bands=kept, picks="all", n_jobs=n_jobs
                )
    return statistics, left_out


def _time_courses(measured, predicted, rows: dict) -> dict:
    """Correlate the mean of every region over time, or one time over images."""
    found = {}
    aspect, axis = (COURSE, 1) if measured.shape[2] > 1 else (OVER_IMAGES, 0)
    for region, chosen in rows.items():
        courses = (data[:, chosen].mean(axis=1) for data in (measured, predicted))
        found[aspect, region] = float(correlate(*courses, axis=axis).mean())
    return found


def without(regions: Mapping, missing) -> dict:
    """Return regions without some channels, and without those that have no others."""
    kept = {
        region: [name for name in channels if name not in missing]
        for region, channels in regions.items()
    }
    return {
        region: channels
        for region, channels in kept.items()
        if channels or not regions[region]
    }


def _by_type(regions: Mapping, info: mne.Info) -> dict:
    """Divide regions whose channels are of several types."""
    kinds = dict(zip(info["ch_names"], info.get_channel_types(), strict=True))
    divided = {}
    for region, channels in regions.items():
        found = dict.fromkeys(kinds.get(name) for name in channels)
        if len(found) < 2 or None in found:
            divided[region] = channels
            continue
        for kind in found:
            mine = [name for name in channels if kinds.get(name) == kind]
            divided[f"{region}, {kind}"] = mine
    return divided


def _level(power: pd.Series, kinds: np.ndarray) -> np.ndarray:
    """Return power in decibel, above the mean of the channels of its type."""
    level = np.empty(len(power))
    for kind in set(kinds):
        mine = decibel(power.to_numpy()[kinds == kind])
        level[kinds == kind] = mine - mine.mean()
    return level


def _correlations(measured: dict, other: dict, kinds: np.ndarray) -> dict:
    """Correlate power over channels, and matrices over pairs of channels."""
    found = {}
    if "power" in measured:
        for band in measured["power"]:
            found["power", band] = correlate(
                *(_level(each["power"][band], kinds) for each in (measured, other)),
                axis=0,
            )
    matrices = {
        ("channel correlation", "channels"): [
            each["correlation"] for each in (measured, other)
        ]
    }
    for method in PHASE_LAGS:
        for band in measured.get(method, ()):
            matrices[method, band] = [each[method][band] for each in (measured, other)]
    for key, (first, second) in matrices.items():
        pairs = np.tril_indices(len(first), -1)
        found[key] = correlate(
            first.to_numpy()[pairs], second.to_numpy()[pairs], axis=0
        )
    return {key: float(value) for key, value in found.items()}
