"""Whether predicted responses resemble measured ones in time, space and frequency."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mne
import numpy as np
import pandas as pd

from ._checks import (
    _check_option,
    _validate_type,
    check_finite,
    logger,
    pick_channels,
    verbose,
)
from ._docs import fill_doc
from ._pairing import pair_responses
from .correlation import correlate
from .preprocessing import make_epochs, read_array
from .viz import (
    plot_band_power,
    plot_connectivity_circles,
    plot_matrices,
    plot_time_courses,
)

#: The five rhythms of Figure 2b, in Hz.
BANDS = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}
#: Fewest cycles of a band's lowest frequency that the window must hold. Phase needs
#: five, as MNE-Connectivity says.
POWER_CYCLES, PHASE_CYCLES = 1, 5
PHASE_LAGS = ("pli", "wpli", "dpli")


def bands_in_window(
    info: mne.Info, n_times: int, bands: Mapping | None, n_cycles: int
) -> tuple[dict, dict]:
    """Divide frequency bands into those that a recording can show and the others.

    Parameters
    ----------
    info : instance of Info
        Sampling frequency and low-pass of the recording.
    n_times : int
        Samples per epoch.
    bands : dict | None
        From name to lowest and highest frequency in Hz; None takes delta to gamma.
    n_cycles : int
        How many cycles of the lowest frequency the window must hold.

    Returns
    -------
    kept : dict
        The bands that can be computed.
    left_out : dict
        Why the others cannot, by name.
    """
    kept, left_out = {}, {}
    duration, highest = n_times / info["sfreq"], info["sfreq"] / 2
    if info["lowpass"]:
        highest = min(highest, info["lowpass"])
    for name, (fmin, fmax) in (BANDS if bands is None else bands).items():
        if not 0 < fmin < fmax:
            raise ValueError(
                f"The band {name!r} must go from a positive frequency to a higher one, "
                f"got {fmin:g} to {fmax:g} Hz."
            )
        if round(fmin * duration, 6) < n_cycles:
            left_out[name] = (
                f"{duration:g} s hold {fmin * duration:.2g} cycles of {fmin:g} Hz, "
                f"{n_cycles} are needed"
            )
        elif fmax > highest:
            left_out[name] = f"the recording ends at {highest:g} Hz, below {fmax:g} Hz"
        else:
            kept[name] = (fmin, fmax)
    return kept, left_out


def _bands_or_error(epochs, bands, n_cycles: int) -> dict:
    kept, left_out = bands_in_window(epochs.info, len(epochs.times), bands, n_cycles)
    for name, reason in left_out.items():
        logger.info(f"Leaving out {name}: {reason}.")
    if not kept:
        reasons = "; ".join(f"{name}: {text}" for name, text in left_out.items())
        raise ValueError(
            f"The window holds none of the bands ({reasons}). Take longer epochs or "
            "higher bands."
        )
    return kept


def _picked(epochs: mne.BaseEpochs, picks) -> tuple[np.ndarray, list[str]]:
    _validate_type(epochs, mne.BaseEpochs, "epochs")
    picks = pick_channels(epochs.info, picks)
    data = read_array(epochs, picks)
    check_finite(data, "epochs")
    return data, [epochs.ch_names[pick] for pick in picks]


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
    """
    data, names = _picked(epochs, picks)
    rows = data.transpose(1, 0, 2).reshape(len(names), -1).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(length > 0, length, 1.0)
    return pd.DataFrame(rows @ rows.T, index=names, columns=names)


@verbose
@fill_doc
def band_power(
    epochs: mne.BaseEpochs, *, bands: Mapping | None = None, picks=None, verbose=None
) -> pd.DataFrame:
    """Compute every channel's power in frequency bands (Figure 2b).

    Parameters
    ----------
    epochs : instance of Epochs
        Responses.
    bands : dict | None
        From name to lowest and highest frequency in Hz; None takes delta (1 to 4 Hz),
        theta (8), alpha (13), beta (30) and gamma (45).
    %(picks)s
    %(verbose)s

    Returns
    -------
    power : DataFrame, shape (n_channels, n_bands)
        Mean power spectral density over epochs and over the frequencies of the band,
        in squared units of the data per Hz, by one window as long as the epoch. A band
        is left out, and this is said, if the epoch is shorter than one cycle of its
        lowest frequency or the recording ends below its highest. If none is left, it is
        a ValueError.
    """
    bands = _bands_or_error(epochs, bands, POWER_CYCLES)
    _, names = _picked(epochs, picks)
    spectrum = epochs.compute_psd(
        "welch", picks=names, n_fft=len(epochs.times), exclude=(), verbose=False
    )
    density, frequencies = spectrum.get_data(names, exclude=(), return_freqs=True)
    density = density.mean(axis=0)
    power = {
        name: density[:, (frequencies >= fmin) & (frequencies < fmax)].mean(axis=1)
        for name, (fmin, fmax) in bands.items()
    }
    return pd.DataFrame(power, index=names)


@verbose
@fill_doc
def phase_lag(
    epochs: mne.BaseEpochs,
    *,
    method: str = "pli",
    bands: Mapping | None = None,
    picks=None,
    n_jobs: int = 1,
    verbose=None,
) -> dict[str, pd.DataFrame]:
    """Compute the phase lag between all channels over epochs (Figure 2d).

    Parameters
    ----------
    epochs : instance of Epochs
        Responses, at least two.
    method : ``"pli"`` | ``"wpli"`` | ``"dpli"``
        Phase lag index, weighted or directed phase lag index.
    bands : dict | None
        From name to lowest and highest frequency in Hz, as in :func:`band_power`.
    %(picks)s
    n_jobs : int
        The number of jobs.
    %(verbose)s

    Returns
    -------
    lag : dict of DataFrame, shape (n_channels, n_channels)
        One whole matrix per band, by
        :func:`mne_connectivity.spectral_connectivity_epochs`; of the directed index,
        row leads column above 0.5. A band is left out, and this is said, if the epoch
        holds fewer than five cycles of its lowest frequency or the recording ends below
        its highest. If none is left, it is a ValueError.

    Notes
    -----
    Epochs of averaged responses are one per image, so the index tells whether the lag
    is the same for all images. MNE-Connectivity fills the lower triangle, which is
    mirrored here.
    """
    from mne_connectivity import spectral_connectivity_epochs

    _check_option("method", method, PHASE_LAGS)
    bands = _bands_or_error(epochs, bands, PHASE_CYCLES)
    data, names = _picked(epochs, picks)
    if len(data) < 2:
        raise ValueError(
            f"{method} is taken over epochs and needs at least two, got {len(data)}."
        )
    fmin, fmax = zip(*bands.values(), strict=True)
    connectivity = spectral_connectivity_epochs(
        data.astype(np.float64),
        names=names,
        method=method,
        sfreq=epochs.info["sfreq"],
        mode="fourier",
        fmin=fmin,
        fmax=fmax,
        faverage=True,
        n_jobs=n_jobs,
        verbose="ERROR",
    )
    dense = connectivity.get_data("dense")
    return {
        name: pd.DataFrame(_whole(dense[..., i], method), index=names, columns=names)
        for i, name in enumerate(bands)
    }


def _whole(lower: np.ndarray, method: str) -> np.ndarray:
    """Mirror the lower triangle; what leads one way lags the other."""
    lower = np.tril(lower, -1)
    if method != "dpli":
        return lower + lower.T
    upper = np.triu(1 - lower.T, 1)
    return lower + upper + 0.5 * np.eye(len(lower))


@dataclass(repr=False)
class ResponseSimilarity:
    """How alike measured and predicted responses are in time, space and frequency.

    Parameters
    ----------
    table : DataFrame, shape (n_aspects, 2)
        Pearson correlations of the measured with the predicted (``prediction``) and
        with the mean response (``mean response``). Rows are ``(aspect, of)``: time
        courses of regions, power of bands over channels, channel correlations, and
        phase lags of bands between channels.
    measured, predicted : dict
        What was compared: ``"epochs"``, ``"power"`` (DataFrame), ``"correlation"``
        (DataFrame), and one dict of DataFrames for every phase-lag method.
    regions : dict
        The channels of every region.
    left_out : dict
        Why bands were left out, by ``(aspect, band)``.
    protocol : dict
        Images, repetitions, channels and window.
    """

    table: pd.DataFrame
    measured: dict
    predicted: dict
    regions: dict
    left_out: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)

    def to_data_frame(self) -> pd.DataFrame:
        """Return the table of similarities.

        Returns
        -------
        table : DataFrame, shape (n_aspects, 2)
            A copy of ``table``.
        """
        return self.table.copy()

    @fill_doc
    def plot_time_courses(self, *, axes=None, show: bool = True):
        """Plot measured and predicted time courses of every region (Figure 2a).

        Parameters
        ----------
        axes : array of Axes | None
            Where to draw, one for every region; None makes a new figure.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: the mean over images and its 95 % confidence interval.
        """
        titled = {
            self._titled("time course", region): channels
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
        axes : array of Axes, shape (2, n_bands) | None
            Where to draw; None makes a new figure.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The figure: in every column a band with its own range in decibel.
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
        axes : array of Axes, shape (2,) | None
            Where to draw; None makes a new figure.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The two matrices.
        """
        return plot_matrices(
            self.measured["correlation"],
            self.predicted["correlation"],
            title=self._titled(
                "channel correlation", "channels", "channel correlation"
            ),
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
        band : str
            The frequency band.
        method : ``"pli"`` | ``"wpli"`` | ``"dpli"``
            One of the methods that were computed.
        axes : array of Axes, shape (2,) | None
            Where to draw; None makes a new figure.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The two matrices.
        """
        measured, predicted = self._lags(method, band)
        return plot_matrices(
            measured,
            predicted,
            title=self._titled(method, band, f"{method}, {band}"),
            vlim=(0, 1),
            axes=axes,
            show=show,
        )

    @fill_doc
    def plot_circle(
        self, band: str, *, method: str = "pli", n_lines: int = 40, show: bool = True
    ):
        """Plot the largest measured and predicted phase lags on circles (Figure 2d).

        Parameters
        ----------
        band : str
            The frequency band.
        method : ``"pli"`` | ``"wpli"`` | ``"dpli"``
            One of the methods that were computed.
        n_lines : int
            How many pairs of channels are joined.
        %(show)s

        Returns
        -------
        fig : instance of Figure
            The two circles.
        """
        measured, predicted = self._lags(method, band)
        return plot_connectivity_circles(
            measured,
            predicted,
            title=self._titled(method, band, f"{method}, {band}"),
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

    def __repr__(self) -> str:
        lines = ["<ResponseSimilarity, r with the measured responses"]
        lines.append(self.table.to_string(float_format="{:.3f}".format))
        lines += [
            f"  left out, {aspect} in {band}: {reason}"
            for (aspect, band), reason in self.left_out.items()
        ]
        lines += [f"  {key}: {value}" for key, value in self.protocol.items()]
        return "\n".join(lines) + ">"


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
        Measured responses; ``metadata["image"]`` names the pictures, and repetitions
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

    Notes
    -----
    Time courses are the mean over the channels of a region; they are correlated over
    time for every image, and the correlations averaged. Power is correlated over
    channels, in decibel. Matrices are correlated over pairs of channels.

    All pictures evoke much the same response, so most of these similarities are high
    for the mean response as well. Only what exceeds it comes from the picture.
    """
    for method in methods:
        _check_option("methods", method, PHASE_LAGS)
    pairs = pair_responses(epochs, epochs_predicted, mean_response, picks)
    names = list(pairs.info["ch_names"])
    regions = {"all channels": names} if regions is None else dict(regions)
    rows = {region: _rows(region, regions[region], names) for region in regions}
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
            "epochs": make_epochs(data, pairs.info, pairs.tmin, metadata)
        }
        statistics, left_out = _describe(described[name]["epochs"], **options)
        described[name] |= statistics
    for name, data in (
        ("prediction", pairs.predicted),
        ("mean response", pairs.mean),
    ):
        table[name] = _time_courses(pairs.measured, data, rows)
        table[name] |= _correlations(described["measured"], described[name])
    index = pd.MultiIndex.from_tuples(table["prediction"], names=["aspect", "of"])
    return ResponseSimilarity(
        pd.DataFrame({k: list(v.values()) for k, v in table.items()}, index=index),
        described["measured"],
        described["prediction"],
        regions,
        left_out,
        pairs.protocol,
    )


def _rows(region: str, channels: Sequence[str], names: list[str]) -> np.ndarray:
    if len(channels) == 0:
        raise ValueError(f"The region {region!r} has no channels.")
    rows = pd.Index(names).get_indexer(list(channels))
    if (rows < 0).any():
        missing = [str(channels[i]) for i in np.flatnonzero(rows < 0)]
        raise ValueError(
            f"The region {region!r} names channels that are not compared: "
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
    found = {}
    for region, chosen in rows.items():
        courses = (data[:, chosen].mean(axis=1) for data in (measured, predicted))
        found["time course", region] = correlate(*courses, axis=1).mean()
    return found


def _correlations(measured: dict, other: dict) -> dict:
    """Correlate power over channels, and matrices over pairs of channels."""
    found = {}
    if "power" in measured:
        for band in measured["power"]:
            found["power", band] = correlate(
                *(decibel(each["power"][band]) for each in (measured, other)), axis=0
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


def decibel(power: np.ndarray) -> np.ndarray:
    """Return power in decibel, that of a silent channel 300 dB below the loudest."""
    power = np.asarray(power, np.float64)
    loudest = power.max() or 1.0
    return 10 * np.log10(np.maximum(power, 1e-30 * loudest))
