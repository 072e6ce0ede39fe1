"""A simulated recording of which the truth is known."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..preprocessing.averaging import average_repetitions
from ..preprocessing.epochs import make_epochs
from ..scoring.correlation import correlate
from ..scoring.identification import rank_of_truth
from ..utils.checks import (
    _check_option,
    _validate_type,
    logger,
    seed_from,
    verbose,
)
from ..utils.docs import fill_doc
from ._forward import (
    SIDES,
    Noise,
    make_info,
    make_noise,
    ventral_stream,
)
from ._pictures import PictureSet, compute_drives, draw_pictures

KINDS = ("eeg", "meg", "mua")

#: The response to any picture: sources, moment (nAm), peak and width (s), after the
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


@dataclass(frozen=True, repr=False, eq=False)
class SimulatedData:
    """A simulated experiment, as returned by :func:`simulate`.

    Parameters
    ----------
    train : instance of EpochsArray
        Single trials of the training pictures. The metadata have the columns
        ``image`` (path below ``images``), ``concept``, ``category``, ``partition``,
        ``repetition`` and ``session``.
    test : instance of EpochsArray
        Single trials of the test pictures, one per test concept, in the same form.
    images : Path
        The folder of the pictures that are shown, one sub-folder per concept.
    templates : Path
        The folder of other pictures of the test concepts, which are never shown; one
        sub-folder per concept.
    truth : instance of EpochsArray
        The noise-free response to every test picture, one epoch per picture.
    noise_ceiling : dict of float
        Pearson's r between the truth and the test trials averaged over repetitions,
        the most that a model can expect: ``"r_pattern"`` correlates over channels and
        times and averages over images; ``"r_images"`` correlates over images and
        averages over the channels and times where the truth varies (by at least a
        tenth of the standard deviation over images where that is largest).
    best_top1, best_top5 : float
        Accuracy of the best possible decoder in retrieving the test picture from the
        averaged trials among all test pictures: the Gaussian likelihood with the true
        responses and the true covariance of the noise.
    """

    train: mne.EpochsArray
    test: mne.EpochsArray
    images: Path
    templates: Path
    truth: mne.EpochsArray
    noise_ceiling: dict[str, float]
    best_top1: float
    best_top5: float

    def __repr__(self) -> str:
        ceiling = ", ".join(f"{k} {r:.2f}" for k, r in self.noise_ceiling.items())
        n_concepts = [e.metadata["concept"].nunique() for e in (self.train, self.test)]
        return (
            f"<SimulatedData | SIMULATED, {len(self.train.ch_names)} channels x "
            f"{len(self.train.times)} times, {len(self.train)} training trials of "
            f"{n_concepts[0]} concepts, {len(self.test)} test trials of "
            f"{n_concepts[1]} other concepts, noise ceiling {ceiling}, best decoder "
            f"top-1 {100 * self.best_top1:.0f} %>"
        )


@verbose
@fill_doc
def simulate(
    kind: str = "eeg",
    *,
    n_train_concepts: int = 120,
    n_test_concepts: int = 100,
    n_exemplars: int = 8,
    n_templates: int = 6,
    n_train_repetitions: int = 2,
    n_test_repetitions: int = 20,
    n_sessions: int = 2,
    snr: float = 0.05,
    sfreq: float = 100.0,
    tmin: float = -0.1,
    tmax: float = 0.7,
    path: str | Path | None = None,
    random_state=0,
    verbose=None,
) -> SimulatedData:
    """Simulate a recording of a brain that looks at drawn pictures.

    Nothing here was recorded: it is for learning and testing, with the layout of
    THINGS-EEG2, THINGS-MEG or TVSD, and with a known truth to compare a model with.

    Parameters
    ----------
    kind : ``"eeg"`` | ``"meg"`` | ``"mua"``
        63 electrodes (V), 120 magnetometers (T), or three arrays of 32 contacts in V1,
        V4 and IT (multi-unit activity in arbitrary units, channels of type seeg).
    n_train_concepts, n_test_concepts : int
        Numbers of concepts. The test concepts are others than the training concepts.
    n_exemplars : int
        Pictures per training concept. Of a test concept one picture is shown.
    n_templates : int
        Further pictures per test concept, never shown.
    n_train_repetitions, n_test_repetitions : int
        How often every picture is shown.
    n_sessions : int
        Sessions over which the repetitions are spread. They differ by a few percent in
        gain and in the level of the noise.
    snr : float
        Variance over all pictures of the noise-free response, averaged over channels
        and over times after onset, divided by the variance of the noise of one trial,
        averaged over channels. What all pictures evoke alike does not count.
    sfreq : float
        Sampling rate in Hz.
    tmin, tmax : float
        First and last time in seconds; the picture comes at 0.
    path : path-like | None
        The folder for the pictures, which are drawn once into a sub-folder named after
        the parameters. None takes ``MNE-brainae-data/simulated`` in the data folder of
        MNE-Python.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    data : instance of SimulatedData
        Trials, pictures, the truth, and how well it can be known.

    Notes
    -----
    The pictures are drawn by the package; ``category`` names a family of drawings.

    About twenty features of a picture drive the brain: contrast and luminance of the
    quadrants of the visual field, edges and colours, all measured in the pixels, and
    late in time the appearance and category of the concept. EEG and MEG come from
    dipoles along the ventral visual stream in a spherical head. Each feature, as a
    saturating function, scales one deflection on top of an evoked response that all
    pictures share. The noise is the activity of dipoles all over the cortex with a 1/f
    spectrum, occipital alpha at 10 Hz, and white noise of the sensors. In MUA the
    contacts of an area mix its features and fire at rates above zero, on shared and
    private noise. The trials are not baseline-corrected.
    """
    _check_option("kind", kind, KINDS)
    _check_numbers(
        n_train_concepts=(n_train_concepts, 2),
        n_test_concepts=(n_test_concepts, 2),
        n_exemplars=(n_exemplars, 1),
        n_templates=(n_templates, 0),
        n_train_repetitions=(n_train_repetitions, 1),
        n_test_repetitions=(n_test_repetitions, 1),
        n_sessions=(n_sessions, 1),
    )
    times = _make_times(sfreq, tmin, tmax)
    _check_snr(snr)
    _validate_type(path, ("path-like", None), "path")
    seed = seed_from(random_state)
    logger.info("Simulating %s; nothing here is a real recording.", kind.upper())
    pictures = draw_pictures(
        n_train_concepts, n_test_concepts, n_exemplars, n_templates, seed, path
    )
    rng = np.random.default_rng([seed, 2, KINDS.index(kind)])
    info = make_info(kind, sfreq)
    respond = _respond_in_spikes if kind == "mua" else _respond_in_fields
    response = respond(compute_drives(pictures), info, times, rng)
    signal = response[:, :, times > 0].var(axis=0).mean()
    noise = make_noise(kind, info, times, rng).scaled(signal / snr)
    sessions = _draw_sessions(n_sessions, rng)
    plans = {
        "train": _plan_trials(pictures, "train", n_train_repetitions, sessions, rng),
        "test": _plan_trials(pictures, "test", n_test_repetitions, sessions, rng),
    }
    trials = {
        partition: make_epochs(
            _record(response, noise, plan, rng), info, times[0], _describe(plan)
        )
        for partition, plan in plans.items()
    }
    is_test = (pictures.shown["partition"] == "test").to_numpy()
    table = pictures.shown[is_test].reset_index(drop=True)
    truth = make_epochs(response[is_test], info, times[0], table)
    return SimulatedData(
        **trials,
        images=pictures.folder / "images",
        templates=pictures.folder / "templates",
        truth=truth,
        **_judge(trials["test"], truth, noise),
    )


def _check_numbers(**numbers: tuple[int, int]) -> None:
    for name, (number, least) in numbers.items():
        _validate_type(number, "int-like", name)
        if number < least:
            raise ValueError(f"{name} must be at least {least}, got {number}.")


def _check_snr(snr: float) -> None:
    _validate_type(snr, "numeric", "snr")
    if not 0 < snr < np.inf:
        raise ValueError(f"snr must be positive and finite, got {snr}.")


def _make_times(sfreq: float, tmin: float, tmax: float) -> np.ndarray:
    for name, value in (("sfreq", sfreq), ("tmin", tmin), ("tmax", tmax)):
        _validate_type(value, "numeric", name)
    if not sfreq >= 50:
        raise ValueError(f"sfreq must be at least 50 Hz, got {sfreq}.")
    if not (tmin <= 0 and tmax >= 0.2):
        raise ValueError(
            "The window must start at or before the picture and end 0.2 s after it or "
            f"later, got tmin={tmin} and tmax={tmax}."
        )
    return np.arange(round(tmin * sfreq), round(tmax * sfreq) + 1) / sfreq


def _draw_sessions(n_sessions: int, rng) -> pd.DataFrame:
    """Draw the gain of the amplifier and the level of the noise of every session."""
    gain = 1 + 0.04 * rng.uniform(-1, 1, n_sessions)
    level = gain * (1 + 0.08 * rng.uniform(-1, 1, n_sessions))
    number = np.arange(n_sessions) + 1
    return pd.DataFrame({"session": number, "gain": gain, "level": level})


def _plan_trials(
    pictures: PictureSet, partition: str, n_repetitions: int, sessions, rng
) -> pd.DataFrame:
    """Order the trials: every repetition shows each picture once, in random order."""
    shown = pictures.shown[pictures.shown["partition"] == partition]
    blocks = []
    for repetition in range(n_repetitions):
        session = repetition * min(len(sessions), n_repetitions) // n_repetitions
        block = shown.iloc[rng.permutation(len(shown))]
        blocks.append(
            block.assign(repetition=repetition + 1, **sessions.iloc[session].to_dict())
        )
    plan = pd.concat(blocks).astype({"session": int})
    return plan.rename_axis("row").reset_index()


def _describe(plan: pd.DataFrame) -> pd.DataFrame:
    return plan.drop(columns=["row", "gain", "level"])


def _record(response, noise: Noise, plan: pd.DataFrame, rng) -> np.ndarray:
    """Record the planned trials, shape (n_trials, n_channels, n_times)."""
    data = np.zeros((len(plan), *response.shape[1:]))
    noise.add_to(data, rng)
    for trial, row, gain, level in zip(
        data, plan["row"], plan["gain"], plan["level"], strict=True
    ):
        trial *= level
        trial += gain * response[row]
    return data


def _stage_of(drive: str) -> str:
    if (first := drive.split()[0]) in STAGES:
        return first
    is_early = drive.startswith(("contrast", "luminance"))
    return "V1" if is_early else STAGE_OF.get(drive, "IT")


def _deflection(times: np.ndarray, peak: float, width: float) -> np.ndarray:
    """Rise to one peak at 1, then swing back through a flatter one."""
    first = np.exp(-0.5 * ((times - peak) / width) ** 2)
    second = np.exp(-0.5 * ((times - peak - 3 * width) / (1.6 * width)) ** 2)
    return first - 0.5 * second


def _respond_in_fields(drives, info, times, rng) -> np.ndarray:
    """Sum the fields of the driven dipoles, shape (n_images, n_channels, n_times)."""
    common, patterns = draw_fields(drives.columns, info, times, rng)
    return common + np.tensordot(drives.to_numpy(), patterns, 1)


def draw_fields(drives, info: mne.Info, times: np.ndarray, rng) -> tuple:
    """Draw the EEG or MEG that each drive evokes, and what any picture evokes.

    Parameters
    ----------
    drives : iterable of str
        Names, which begin with a stage of :data:`STAGES` or have one in it.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    rng : instance of Generator
        Where sources and latencies come from.

    Returns
    -------
    common : array, shape (n_channels, n_times)
        The response that all pictures share.
    patterns : array, shape (n_drives, n_channels, n_times)
        The response to one standard deviation of every drive.
    """
    fields = ventral_stream(info)
    common = np.zeros((len(info["chs"]), len(times)))
    for sources, moment, peak, width in COMMON:
        field = sum(fields[source, side] for source in sources for side in SIDES)
        bump = np.exp(-0.5 * ((times - peak) / width) ** 2)
        common += moment * 1e-9 * np.outer(field, bump)
    patterns = []
    for drive in drives:
        sources, moment, (earliest, latest), width = STAGES[_stage_of(drive)]
        field = _field_of(drive, sources, fields, rng)
        shape = _deflection(times, rng.uniform(earliest, latest), width)
        patterns.append(moment * 1e-9 * np.outer(field, shape))
    return common, np.array(patterns)


def _field_of(drive: str, sources, fields, rng) -> np.ndarray:
    """Return the field of what a drive excites: its own quadrant, or a random mix."""
    if _stage_of(drive) == "V1":
        _, height, side = drive.split()
        bank = "V1 lower bank" if height == "upper" else "V1 upper bank"
        return fields[bank, "left" if side == "right" else "right"]
    keys = [(source, side) for source in sources for side in SIDES]
    weights = rng.standard_normal(len(keys))
    weights /= np.linalg.norm(weights)
    return sum(w * fields[key] for w, key in zip(weights, keys, strict=True))


def _respond_in_spikes(drives, info, times, rng) -> np.ndarray:
    """Return rectified rates of contacts, shape (n_images, n_channels, n_times)."""
    response = np.empty((len(drives), len(info["chs"]), len(times)))
    for channel, name in enumerate(info["ch_names"]):
        area = name.split("_")[0]
        inputs = drives[[d for d in drives if AREA_OF[_stage_of(d)] == area]]
        if area == "V1":
            quadrant = inputs.columns[rng.integers(inputs.shape[1])].split(" ", 1)[1]
            inputs = inputs[[c for c in inputs if c.endswith(quadrant)]]
        weights = rng.standard_normal(inputs.shape[1])
        weights /= np.linalg.norm(weights)
        rate = np.maximum(1 + 0.6 * inputs.to_numpy() @ weights, 0)
        course = _spiking(times - ONSETS[area] - 0.005 * rng.uniform(-1, 1))
        response[:, channel] = rate[:, None] * course
    return response


def _spiking(since_onset: np.ndarray) -> np.ndarray:
    """Rise within some ms to a transient, stay at half of it, and fall after 0.25 s."""
    since = np.maximum(since_onset, 0)
    fall = 1 / (1 + np.exp((since - 0.25) / 0.03))
    return (1 - np.exp(-since / 0.012)) * (np.exp(-since / 0.05) + 0.5) * fall


def _judge(test: mne.Epochs, truth: mne.Epochs, noise: Noise) -> dict:
    """Measure how well the truth can be known from the averaged test trials."""
    measured = average_repetitions(test, verbose=False)
    order = pd.Index(measured.metadata["image"]).get_indexer(truth.metadata["image"])
    measured, response = (
        measured.get_data(copy=False)[order],
        truth.get_data(copy=False),
    )
    ranks = rank_of_truth(_likelihood(measured, response, noise), np.arange(len(order)))
    return {
        "noise_ceiling": correlate_with_truth(measured, response),
        "best_top1": float(np.mean(ranks <= 1)),
        "best_top5": float(np.mean(ranks <= 5)),
    }


def correlate_with_truth(measured: np.ndarray, response: np.ndarray) -> dict:
    """Return the noise ceilings of :class:`SimulatedData`.

    Parameters
    ----------
    measured, response : array, shape (n_images, n_channels, n_times)
        Averaged trials, and the true responses to the same pictures.

    Returns
    -------
    noise_ceiling : dict of float
        ``"r_pattern"`` and ``"r_images"``.
    """
    sd = response.std(axis=0)
    varies = sd > 0.1 * sd.max()
    over_images = correlate(response, measured, axis=0)[varies]
    return {
        "r_pattern": float(correlate(response, measured, axis=(1, 2)).mean()),
        "r_images": float(over_images.mean()),
    }


def _likelihood(measured, response, noise: Noise) -> np.ndarray:
    """Return the log likelihood of responses given averages, up to constants of rows.

    Parameters
    ----------
    measured, response : array, shape (n_images, n_channels, n_times)
        Averaged trials, and the true responses of the candidates.
    noise : instance of Noise
        The noise of the trials.

    Returns
    -------
    likelihood : array, shape (n_images, n_images)
        One row per average, one column per candidate.
    """
    n_images = len(response)
    centre = response.mean(axis=0)
    flat = (response - centre).reshape(n_images, -1)
    scores, values, axes = np.linalg.svd(flat, full_matrices=False)
    keep = values > 1e-6 * values[0]
    filters = noise.solve(axes[keep].reshape(-1, *centre.shape))
    weights = (scores[:, keep] * values[keep]) @ filters.reshape(keep.sum(), -1)
    own = 0.5 * (weights * flat).sum(axis=1)
    return (measured - centre).reshape(n_images, -1) @ weights.T - own
