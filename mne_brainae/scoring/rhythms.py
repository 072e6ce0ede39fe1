"""Power and phase of responses in frequency bands, as far as the window holds them."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping

import mne
import numpy as np
import pandas as pd

from ..preprocessing.epochs import BLOCK, read_array
from ..utils.checks import (
    check_epochs,
    check_finite,
    logger,
    pick_channels,
    verbose,
)
from ..utils.constraints import JOBS, checked, options
from ..utils.docs import fill_doc

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
#: The measures of phase lag, in words.
PHASE_LAGS = {
    "pli": "phase-lag index",
    "wpli": "weighted phase-lag index",
    "dpli": "directed phase-lag index",
}


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
    for name, (fmin, fmax) in _checked_bands(bands).items():
        if round(fmin * duration, 6) < n_cycles:
            left_out[name] = (
                f"{duration:g} s hold {fmin * duration:.2g} cycles of {fmin:g} Hz, "
                f"{n_cycles} are needed"
            )
        elif fmax > highest:
            left_out[name] = f"the recording ends at {highest:g} Hz, below {fmax:g} Hz"
        elif not _has_frequency(fmin, fmax, n_times, info["sfreq"]):
            left_out[name] = (
                f"the frequencies of {duration:g} s are {1 / duration:.3g} Hz apart, "
                f"and none lies between {fmin:g} and {fmax:g} Hz"
            )
        else:
            kept[name] = (fmin, fmax)
    return kept, left_out


def _has_frequency(fmin: float, fmax: float, n_times: int, sfreq: float) -> bool:
    """Tell whether a spectrum of a window has a frequency in a band."""
    frequencies = np.fft.rfftfreq(n_times, 1 / sfreq)
    return bool(in_band(frequencies, fmin, fmax).any())


def in_band(frequencies: np.ndarray, fmin: float, fmax: float) -> np.ndarray:
    """Tell which frequencies belong to a band, its upper end left out."""
    return (frequencies >= fmin) & (frequencies < fmax)


def _checked_bands(bands: Mapping | None) -> Mapping:
    """Return frequency bands that each go from one frequency to a higher one."""
    if bands is None:
        return BANDS
    if not isinstance(bands, Mapping) or not bands:
        raise ValueError(
            "bands must be a mapping from name to lowest and highest frequency in Hz, "
            f"such as {{'alpha': (8.0, 13.0)}}, got {bands!r}."
        )
    for name, limits in bands.items():
        limits = np.asarray(limits)
        are_two = limits.shape == (2,) and limits.dtype.kind in "iuf"
        if not are_two or not 0 < limits[0] < limits[1] < np.inf:
            raise ValueError(
                f"bands[{name!r}] must go from a positive frequency to a higher one in "
                f"Hz, such as (8.0, 13.0), got {bands[name]!r}."
            )
    return bands


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


def read_picked(epochs: mne.BaseEpochs, picks) -> tuple[np.ndarray, list[str]]:
    """Return the finite data of the picked channels, and their names."""
    check_epochs(epochs)
    picks = pick_channels(epochs.info, picks)
    data = read_array(epochs, picks)
    check_finite(data, "epochs")
    return data, [epochs.ch_names[pick] for pick in picks]


@checked(epochs=check_epochs)
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
        Mean power spectral density over epochs and over the frequencies of the band, in
        squared units of the data per Hz, by one window as long as the epoch. A band is
        left out, and this is said, if the epoch is shorter than one cycle of its lowest
        frequency, the recording ends below its highest, or no frequency of so short a
        window lies in it.

    Raises
    ------
    ValueError
        If no band is left.

    See Also
    --------
    mne_brainae.channel_correlation
    mne_brainae.phase_lag
    mne_brainae.score_similarity

    Examples
    --------
    >>> power = mne_brainae.band_power(averaged, bands={"fast": (30, 45)})
    >>> power.shape
    (6, 1)
    """
    bands = _bands_or_error(epochs, bands, POWER_CYCLES)
    data, names = read_picked(epochs, picks)
    frequencies, density = _mean_spectrum(data, epochs.info["sfreq"])
    power = {
        name: density[:, in_band(frequencies, fmin, fmax)].mean(axis=1)
        for name, (fmin, fmax) in bands.items()
    }
    return pd.DataFrame(power, index=names)


def _mean_spectrum(data: np.ndarray, sfreq: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, and the power spectral density averaged over epochs.

    It is that of ``Epochs.compute_psd("welch", n_fft=len(epochs.times))``, which takes
    one channel of one epoch at a time.
    """
    from scipy.signal import welch

    total = 0.0
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK].astype(np.float64)
        frequencies, density = welch(
            block, sfreq, window="hamming", nperseg=data.shape[2], axis=2
        )
        total += density.sum(axis=0)
    return frequencies, total / len(data)


@checked(epochs=check_epochs, method=[options(*PHASE_LAGS)], n_jobs=JOBS)
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
        its highest.

    Raises
    ------
    ValueError
        If there are fewer than two epochs, over which phase lags are averaged, or if no
        band is left.

    See Also
    --------
    mne_brainae.band_power
    mne_brainae.channel_correlation
    mne_brainae.score_similarity

    Notes
    -----
    Epochs of averaged responses are one per image, so the index tells whether the lag
    is the same for all images. MNE-Connectivity fills the lower triangle, which is
    mirrored here.

    Examples
    --------
    >>> lags = mne_brainae.phase_lag(averaged, bands={"fast": (30, 45)})
    >>> lags["fast"].shape
    (6, 6)
    """
    from mne_connectivity import spectral_connectivity_epochs

    bands = _bands_or_error(epochs, bands, PHASE_CYCLES)
    data, names = read_picked(epochs, picks)
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


def decibel(power: np.ndarray) -> np.ndarray:
    """Return power in decibel, that of a silent channel 300 dB below the loudest."""
    power = np.asarray(power, np.float64)
    loudest = power.max() or 1.0
    return 10 * np.log10(np.maximum(power, 1e-30 * loudest))
