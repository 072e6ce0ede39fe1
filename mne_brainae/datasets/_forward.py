"""Sensors, dipoles, the fields of the one at the other, and the noise in them."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import mne
import numpy as np
from mne.io.constants import FIFF
from scipy.linalg import toeplitz
from scipy.sparse.linalg import LinearOperator, cg

from ..utils.units import set_unit
from ._montage import standard_montage

# The 63 electrodes of THINGS-EEG2 in the order of Song et al. (2023).
EEG_NAMES = (
    "Fp1 Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 F2 F4 F6 F8 FT9 FT7 FC5 FC3 FC1 FCz FC2 "
    "FC4 FC6 FT8 FT10 T7 C5 C3 C1 Cz C2 C4 C6 T8 TP9 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 "
    "TP8 TP10 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2"
)
N_MAGNETOMETERS = 120
AREAS = ("V1", "V4", "IT")
N_PER_AREA = 32

HEAD_CENTER = np.array([0.0, 0.015, 0.044])  # metres, of the sphere around the template
HEAD_RADIUS = 0.095

#: Place (mm, head coordinates) and orientation of the dipoles of the right hemisphere.
#: The left ones mirror them. The places are those of the human ventral stream in MNI
#: space moved by (0, 32, 46) mm, where the template's head frame lies. The two banks of
#: the calcarine sulcus face each other (Jeffreys & Axford, 1972).
SOURCES = {
    "V1 upper bank": ((8, -58, 53), (-0.3, -0.6, -0.7)),
    "V1 lower bank": ((8, -58, 43), (-0.3, -0.6, 0.7)),
    "V4": ((28, -48, 38), (0.4, -0.8, 0.5)),
    "LO": ((44, -40, 44), (0.8, -0.5, 0.4)),
    "posterior IT": ((42, -18, 26), (0.5, -0.5, -0.7)),
    "anterior IT": ((50, 4, 26), (0.6, 0.3, -0.7)),
    "parietal": ((22, -36, 88), (0.2, -0.4, 0.9)),
}
SIDES = ("left", "right")


def make_info(kind: str, sfreq: float) -> mne.Info:
    """Make the sensors of a simulated recording.

    Parameters
    ----------
    kind : ``"eeg"`` | ``"meg"`` | ``"mua"``
        63 electrodes on a template head, 120 point magnetometers on a helmet, or three
        arrays of 32 contacts.
    sfreq : float
        The sampling rate in Hz.

    Returns
    -------
    info : instance of Info
        The channels with their positions.
    """
    info = {"eeg": _eeg_info, "meg": _meg_info, "mua": _mua_info}[kind](sfreq)
    info["description"] = "SIMULATED by mne_brainae, no real recording"
    return info


def _eeg_info(sfreq: float) -> mne.Info:
    info = mne.create_info(EEG_NAMES.split(), sfreq, "eeg", verbose=False)
    return info.set_montage(standard_montage(), verbose=False)


def _meg_info(sfreq: float) -> mne.Info:
    directions = _helmet(N_MAGNETOMETERS)
    names = [
        f"M{_side(direction)}{_lobe(direction)}{number:03d}"
        for number, direction in enumerate(directions, start=1)
    ]
    info = mne.create_info(names, sfreq, "mag", verbose=False)
    for channel, normal in zip(info["chs"], directions, strict=True):
        across = np.cross(normal, [0.0, 1.0, 0.0])
        across /= np.linalg.norm(across)
        place = HEAD_CENTER + (HEAD_RADIUS + 0.02) * normal
        channel["loc"][:] = [*place, *across, *np.cross(normal, across), *normal]
        channel["coil_type"] = FIFF.FIFFV_COIL_POINT_MAGNETOMETER
    info["dev_head_t"] = mne.transforms.Transform("meg", "head", np.eye(4))
    return info


def _helmet(n_sensors: int) -> np.ndarray:
    """Spread directions evenly over a cap, by the golden angle."""
    steps = np.arange(n_sensors) + 0.5
    up = 1 - 1.35 * steps / n_sensors
    azimuth = np.pi * (1 + np.sqrt(5)) * steps
    level = np.sqrt(1 - up**2)
    return np.stack([level * np.sin(azimuth), level * np.cos(azimuth), up], axis=1)


def _side(direction: np.ndarray) -> str:
    return "Z" if abs(direction[0]) < 0.08 else "LR"[int(direction[0] > 0)]


def _lobe(direction: np.ndarray) -> str:
    """Name the lobe below a sensor as CTF systems do, in the third letter."""
    _, front, up = direction
    if front > 0.4:
        return "F"
    if front > -0.4:
        return "C" if up > 0.4 else "T"
    return "P" if up > 0.3 else "O"


def _mua_info(sfreq: float) -> mne.Info:
    # Real arrays are 4 mm wide; these are enlarged so that a topography shows them.
    centers = {
        "V1": (-0.3, -0.95, 0.4),
        "V4": (-0.9, -0.5, 0.4),
        "IT": (-0.9, 0.5, 0.4),
    }
    pitch = 0.008
    positions = {}
    for area in AREAS:
        normal = np.array(centers[area]) / np.linalg.norm(centers[area])
        across = np.cross(normal, [0.0, 0.0, 1.0])
        across /= np.linalg.norm(across)
        down = np.cross(normal, across)
        for contact in range(N_PER_AREA):
            row, column = divmod(contact, 4)
            place = HEAD_RADIUS * normal + pitch * (column - 1.5) * across
            positions[f"{area}_{contact + 1:03d}"] = place + pitch * (row - 3.5) * down
    info = mne.create_info(list(positions), sfreq, "seeg", verbose=False)
    set_unit(info, FIFF.FIFF_UNIT_UNITLESS)
    montage = mne.channels.make_dig_montage(positions, coord_frame="head")
    return info.set_montage(montage, verbose=False)


def ventral_stream(info: mne.Info) -> dict[tuple[str, str], np.ndarray]:
    """Compute the fields of the dipoles of the visual system.

    Parameters
    ----------
    info : instance of Info
        The EEG or MEG channels.

    Returns
    -------
    fields : dict of array, shape (n_channels,)
        Field in volts or tesla per ampere metre, by source and side.
    """
    keys = [(source, side) for source in SOURCES for side in SIDES]
    mirror = {"left": np.array([-1, 1, 1]), "right": np.ones(3)}
    places = np.array([SOURCES[source][0] * mirror[side] for source, side in keys])
    normals = np.array([SOURCES[source][1] * mirror[side] for source, side in keys])
    fields = _leadfield(info, places / 1000, normals)
    return dict(zip(keys, fields.T, strict=True))


def background(
    info: mne.Info, n_dipoles: int, rng: np.random.Generator, *, occipital: bool = False
) -> np.ndarray:
    """Compute the fields of random dipoles in the cortex.

    Parameters
    ----------
    info : instance of Info
        The EEG or MEG channels.
    n_dipoles : int
        How many.
    rng : instance of Generator
        Where places and orientations come from.
    occipital : bool
        Whether the dipoles lie in the back of the head only.

    Returns
    -------
    fields : array, shape (n_channels, n_dipoles)
        Fields in volts or tesla per ampere metre.
    """
    directions = rng.standard_normal((20 * n_dipoles, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    keep = directions[:, 2] > -0.3
    if occipital:
        keep &= (directions[:, 1] < -0.75) & (directions[:, 2] < 0.5)
    directions = directions[keep][:n_dipoles]
    depth = rng.uniform(0.6, 0.85, (len(directions), 1))
    normals = rng.standard_normal(directions.shape)
    if occipital:  # radial, as what alpha looks like on the scalp asks for
        normals = directions + 0.3 * normals
    return _leadfield(info, HEAD_CENTER + depth * HEAD_RADIUS * directions, normals)


def _leadfield(info: mne.Info, places: np.ndarray, normals: np.ndarray) -> np.ndarray:
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    sphere = mne.make_sphere_model(HEAD_CENTER, HEAD_RADIUS, verbose=False)
    ones = np.ones(len(places))
    dipoles = mne.Dipole(np.arange(len(places)), places, ones, normals, 100 * ones)
    forward, _ = mne.make_forward_dipole(dipoles, sphere, info, verbose=False)
    return forward["sol"]["data"]


@dataclass(frozen=True)
class Noise:
    """Gaussian noise made of parts that are separable in space and time.

    Parameters
    ----------
    parts : list of tuple of array
        Per part the mixing, shape (n_channels, n_sources), and the covariance in time,
        shape (n_times, n_times). The covariance of the whole is the sum over parts of
        the Kronecker products of mixing times its transpose with that in time.
    """

    parts: list[tuple[np.ndarray, np.ndarray]]

    def variance(self) -> float:
        """Return the variance averaged over channels."""
        return sum(
            np.mean((mixing**2).sum(axis=1)) * in_time[0, 0]
            for mixing, in_time in self.parts
        )

    def scaled(self, variance: float) -> Noise:
        """Return noise of another variance, averaged over channels."""
        gain = np.sqrt(variance / self.variance())
        return Noise([(gain * mixing, in_time) for mixing, in_time in self.parts])

    def add_to(self, data: np.ndarray, rng: np.random.Generator) -> None:
        """Add noise to trials, shape (n_trials, n_channels, n_times), in place."""
        for mixing, in_time in self.parts:
            root = np.linalg.cholesky(in_time).T
            for trial in data:
                white = rng.standard_normal((mixing.shape[1], len(root)))
                trial += mixing @ white @ root

    def solve(self, patterns: np.ndarray) -> np.ndarray:
        """Apply the inverse covariance to patterns, shape (n, n_channels, n_times)."""
        shape = patterns.shape
        covariances = [(mixing @ mixing.T, in_time) for mixing, in_time in self.parts]
        scale = self.variance()
        operator = LinearOperator(
            (patterns.size, patterns.size),
            matvec=partial(_multiply, covariances, shape, 1 / scale),
        )
        solution, failure = cg(operator, patterns.ravel(), rtol=1e-4, maxiter=2000)
        if failure:
            raise RuntimeError(
                "The covariance of the noise could not be inverted to 4 digits for "
                f"{shape[1]} channels and {shape[2]} times. Shorten the window or "
                "lower the sampling rate."
            )
        return solution.reshape(shape) / scale


def _multiply(covariances, shape, gain: float, vector: np.ndarray) -> np.ndarray:
    """Multiply patterns by a sum of covariances in space and time."""
    patterns = vector.reshape(shape)
    in_all = sum(space @ patterns @ in_time for space, in_time in covariances)
    return gain * in_all.ravel()


def make_noise(
    kind: str, info: mne.Info, times: np.ndarray, rng: np.random.Generator
) -> Noise:
    """Make the noise of a recording.

    That of EEG and MEG is 1/f cortex, occipital alpha and white sensors; that of MUA is
    slow, shared within an array, and private to contacts.

    Parameters
    ----------
    kind : ``"eeg"`` | ``"meg"`` | ``"mua"``
        What is recorded.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    rng : instance of Generator
        Where the places of the sources come from.

    Returns
    -------
    noise : instance of Noise
        The noise, of a variance of about 1.
    """
    make_parts = _parts_in_spikes if kind == "mua" else _parts_in_fields
    return Noise(make_parts(info, times, rng))


def _parts_in_fields(info, times, rng) -> list[tuple[np.ndarray, np.ndarray]]:
    n_channels = len(info["chs"])
    step = times[1] - times[0]
    frequencies = np.arange(0.25, 0.5 / step, 0.25)
    cortex = background(info, 300, rng)
    alpha = background(info, 8, rng, occipital=True)
    return [
        _part(0.6, cortex, frequencies, frequencies**-1.2, times),
        _part(0.3, alpha, frequencies, _bump(frequencies, 10.0, 0.8), times),
        (np.sqrt(0.1) * np.eye(n_channels), np.eye(len(times))),
    ]


def _bump(frequencies: np.ndarray, center: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((frequencies - center) / width) ** 2)


def _part(share, fields, frequencies, power, times) -> tuple[np.ndarray, np.ndarray]:
    """Return noise of a spectrum whose variance, averaged over channels, is a share."""
    lags = times - times[0]
    in_time = np.cos(2 * np.pi * np.outer(lags, frequencies)) @ power / power.sum()
    in_time = toeplitz(in_time) + 1e-6 * np.eye(len(lags))
    # As many sources as channels have the same covariance as all dipoles.
    values, vectors = np.linalg.eigh(fields @ fields.T)
    mixing = vectors * np.sqrt(np.maximum(values, 0))
    return mixing * np.sqrt(share / np.mean((mixing**2).sum(axis=1))), in_time


def _parts_in_spikes(info, times, rng) -> list[tuple[np.ndarray, np.ndarray]]:
    n_channels = len(info["chs"])
    shared = np.array(
        [[name.startswith(area) for area in AREAS] for name in info["ch_names"]], float
    )
    shared *= rng.uniform(0.5, 1.5, (n_channels, 1))
    frequencies = np.arange(0.5, 0.5 / (times[1] - times[0]), 0.5)
    return [
        _part(0.3, shared, frequencies, frequencies**-1.0, times),
        (np.sqrt(0.7) * np.eye(n_channels), np.eye(len(times))),
    ]
