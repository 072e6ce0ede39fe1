"""What drives of the brain evoke: fields of dipoles, and spikes."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ._forward import SIDES, ventral_stream

#: The response to any image: sources, moment (nAm), peak and width (s), after the
#: usual components P1, N1, P2, a late negativity and P3.
COMMON = (
    (("V4", "LO"), 18.0, 0.098, 0.014),
    (("LO", "posterior IT"), -22.0, 0.165, 0.022),
    (("V4",), 16.0, 0.230, 0.032),
    (("posterior IT", "anterior IT"), -12.0, 0.310, 0.050),
    (("parietal",), 22.0, 0.450, 0.110),
)

#: What drives each stage: sources, moment per standard deviation of a drive (nAm),
#: earliest and latest peak, and width of the deflections (s).
STAGES = {
    "V1": (("V1 upper bank", "V1 lower bank"), 14.0, (0.080, 0.110), 0.016),
    "V4": (("V4",), 14.0, (0.125, 0.155), 0.020),
    "LO": (("LO", "V4"), 14.0, (0.160, 0.200), 0.026),
    "IT": (("posterior IT", "anterior IT"), 14.0, (0.200, 0.350), 0.045),
}
STAGE_OF = {
    "horizontal": "V4",
    "oblique": "V4",
    "fine": "V4",
    "red-green": "V4",
    "blue-yellow": "V4",
    "size": "LO",
    "elongation": "LO",
    "texture": "LO",
}

#: Onset of the spikes of an area (s), after Schmolesky et al. (1998).
ONSETS = {"V1": 0.045, "V4": 0.070, "IT": 0.100}
AREA_OF = {"V1": "V1", "V4": "V4", "LO": "V4", "IT": "IT"}


def stage_of(drive: str) -> str:
    """Return the stage of vision at which a drive acts, by its name."""
    if (first := drive.split()[0]) in STAGES:
        return first
    is_early = drive.startswith(("contrast", "luminance"))
    return "V1" if is_early else STAGE_OF.get(drive, "IT")


def _deflection(times: np.ndarray, peak: float, width: float) -> np.ndarray:
    """Rise to one peak at 1, then swing back through a flatter one."""
    first = np.exp(-0.5 * ((times - peak) / width) ** 2)
    second = np.exp(-0.5 * ((times - peak - 3 * width) / (1.6 * width)) ** 2)
    return first - 0.5 * second


@dataclass(frozen=True)
class Source:
    """The field of some dipoles, and when it comes and goes.

    Parameters
    ----------
    moment : float
        The moment in ampere metres, of one standard deviation of what drives it.
    field : array, shape (n_channels,)
        Field in volts or tesla per ampere metre.
    peak, width : float
        When the deflection peaks, and its width, in seconds.
    """

    moment: float
    field: np.ndarray
    peak: float
    width: float


@dataclass(frozen=True)
class Sources:
    """What any image excites, and what each drive excites.

    Parameters
    ----------
    common : list of Source
        What all images excite alike.
    driven : list of Source
        One source per drive.
    """

    common: list[Source]
    driven: list[Source]

    @classmethod
    def draw(cls, drives, info: mne.Info, rng: np.random.Generator) -> Sources:
        """Draw the sources of EEG or MEG.

        Parameters
        ----------
        drives : iterable of str
            Names, which begin with a stage of :data:`STAGES` or have one in it.
        info : instance of Info
            The channels.
        rng : instance of Generator
            Where sources and latencies come from.

        Returns
        -------
        sources : instance of Sources
            The sources.
        """
        fields = ventral_stream(info)
        common = [
            Source(moment * 1e-9, _sum_of(sources, fields), peak, width)
            for sources, moment, peak, width in COMMON
        ]
        driven = []
        for drive in drives:
            sources, moment, (earliest, latest), width = STAGES[stage_of(drive)]
            field = _field_of(drive, sources, fields, rng)
            peak = rng.uniform(earliest, latest)
            driven.append(Source(moment * 1e-9, field, peak, width))
        return cls(common, driven)

    def evoke(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what all images evoke, and what every drive evokes.

        Parameters
        ----------
        times : array, shape (n_times,)
            The times in seconds; less a delay for what comes late.

        Returns
        -------
        common : array, shape (n_channels, n_times)
            The response that all images share.
        patterns : array, shape (n_drives, n_channels, n_times)
            The response to one standard deviation of every drive.
        """
        common = np.zeros((len(self.common[0].field), len(times)))
        for source in self.common:
            bump = np.exp(-0.5 * ((times - source.peak) / source.width) ** 2)
            common += source.moment * np.outer(source.field, bump)
        patterns = [
            source.moment
            * np.outer(source.field, _deflection(times, source.peak, source.width))
            for source in self.driven
        ]
        return common, np.array(patterns)


def _sum_of(sources, fields) -> np.ndarray:
    return sum(fields[source, side] for source in sources for side in SIDES)


def _field_of(drive: str, sources, fields, rng) -> np.ndarray:
    """Return the field of what a drive excites: its own quadrant, or a random mix."""
    if stage_of(drive) == "V1":
        _, height, side = drive.split()
        bank = "V1 lower bank" if height == "upper" else "V1 upper bank"
        return fields[bank, "left" if side == "right" else "right"]
    keys = [(source, side) for source in sources for side in SIDES]
    weights = rng.standard_normal(len(keys))
    weights /= np.linalg.norm(weights)
    return sum(w * fields[key] for w, key in zip(weights, keys, strict=True))


def respond_in_fields(drives: pd.DataFrame, delays, info, times, rng) -> np.ndarray:
    """Sum the fields of the driven dipoles.

    Parameters
    ----------
    drives : DataFrame, shape (n_images, n_drives)
        What drives the brain.
    delays : array, shape (n_images,)
        By how much the response to each image comes late, in seconds.
    info : instance of Info
        The EEG or MEG channels.
    times : array, shape (n_times,)
        The times in seconds.
    rng : instance of Generator
        Where the sources come from.

    Returns
    -------
    response : array, shape (n_images, n_channels, n_times)
        The noise-free responses.
    """
    sources = Sources.draw(drives.columns, info, rng)
    strengths = drives.to_numpy()
    response = np.empty((len(drives), len(info["chs"]), len(times)))
    for delay in np.unique(delays):
        rows = delays == delay
        common, patterns = sources.evoke(times - delay)
        response[rows] = common + np.tensordot(strengths[rows], patterns, 1)
    return response


def respond_in_spikes(drives: pd.DataFrame, delays, info, times, rng) -> np.ndarray:
    """Return the rectified rates of contacts; the same of MUA.

    Parameters
    ----------
    drives : DataFrame, shape (n_images, n_drives)
        What drives the brain.
    delays : array, shape (n_images,)
        By how much the response to each image comes late, in seconds.
    info : instance of Info
        The contacts.
    times : array, shape (n_times,)
        The times in seconds.
    rng : instance of Generator
        Where weights and latencies of contacts come from.

    Returns
    -------
    response : array, shape (n_images, n_channels, n_times)
        The noise-free responses.
    """
    response = np.empty((len(drives), len(info["chs"]), len(times)))
    delays, of = np.unique(delays, return_inverse=True)
    for channel, name in enumerate(info["ch_names"]):
        area = name.split("_")[0]
        inputs = drives[[d for d in drives if AREA_OF[stage_of(d)] == area]]
        if area == "V1":
            quadrant = inputs.columns[rng.integers(inputs.shape[1])].split(" ", 1)[1]
            inputs = inputs[[c for c in inputs if c.endswith(quadrant)]]
        weights = rng.standard_normal(inputs.shape[1])
        weights /= np.linalg.norm(weights)
        rate = np.maximum(1 + 0.6 * inputs.to_numpy() @ weights, 0)
        since = times - delays[:, None] - ONSETS[area] - 0.005 * rng.uniform(-1, 1)
        response[:, channel] = rate[:, None] * _spiking(since)[of]
    return response


def _spiking(since_onset: np.ndarray) -> np.ndarray:
    """Rise within some ms to a transient, stay at half of it, and fall after 0.25 s."""
    since = np.maximum(since_onset, 0)
    fall = 1 / (1 + np.exp((since - 0.25) / 0.03))
    return (1 - np.exp(-since / 0.012)) * (np.exp(-since / 0.05) + 0.5) * fall
