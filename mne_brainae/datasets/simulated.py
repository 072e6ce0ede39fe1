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
from ._drawing import ImageSet, compute_drives, draw_images
from ._forward import Noise, make_info, make_noise
from ._nonlinearity import LAWS, bend, delays_of, draw_gains, draw_levels
from ._responses import respond_in_fields, respond_in_spikes

KINDS = ("eeg", "meg", "mua")


@dataclass(frozen=True, repr=False, eq=False)
class SimulatedData:
    """A simulated experiment, as returned by :func:`simulate`.

    Parameters
    ----------
    train : instance of EpochsArray
        Single trials of the training images. The metadata have the columns
        ``image`` (path below ``images``), ``concept``, ``category``, ``partition``,
        ``repetition`` and ``session``.
    test : instance of EpochsArray
        Single trials of the test images, one per test concept, in the same form.
    images : Path
        The folder of the images that are shown, one sub-folder per concept.
    templates : Path
        The folder of other images of the test concepts, which are never shown; one
        sub-folder per concept.
    truth : instance of EpochsArray
        The noise-free response to every test image, one epoch per image.
    noise_ceiling : dict of float
        Pearson's r between the truth and the test trials averaged over repetitions,
        the most that a model can expect: ``"r_pattern"`` correlates over channels and
        times and averages over images; ``"r_images"`` correlates over images and
        averages over the channels and times where the truth varies (by at least a
        tenth of the standard deviation over images where that is largest).
    best_top1, best_top5 : float
        Accuracy of the best possible decoder in retrieving the test image from the
        averaged trials among all test images: the Gaussian likelihood with the true
        responses and the true covariance of the noise.

    See Also
    --------
    mne_brainae.datasets.simulate

    Examples
    --------
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> data.train, data.images, data.templates  # doctest: +SKIP
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
    law: str = "linear",
    snr: float = 0.05,
    sfreq: float = 100.0,
    tmin: float = -0.1,
    tmax: float = 0.7,
    path: str | Path | None = None,
    random_state=0,
    verbose=None,
) -> SimulatedData:
    """Simulate a recording of a brain that looks at drawn images.

    Nothing here was recorded: it is for learning and testing, with the layout of
    THINGS-EEG2, THINGS-MEG or TVSD, and with a known truth to compare a model with.

    Parameters
    ----------
    kind : ``"eeg"`` | ``"meg"`` | ``"mua"``
        63 electrodes (V), 120 magnetometers (T), or three arrays of 32 contacts in V1,
        V4 and IT (multi-unit activity in arbitrary units, channels of type seeg).
    n_train_concepts, n_test_concepts : int
        Numbers of concepts. No training image shows a test concept.
    n_exemplars : int
        Images per training concept. Of a test concept one image is shown.
    n_templates : int
        Further images per test concept, never shown.
    n_train_repetitions, n_test_repetitions : int
        How often every image is shown.
    n_sessions : int
        Sessions over which the repetitions are spread. They differ by a few percent in
        gain and in the level of the noise.
    law : ``"linear"`` | ``"nonlinear"``
        Whether EEG and MEG are linear in the drives, with equal trials, or not, as the
        notes say.
    snr : float
        Variance over all images of the noise-free response, averaged over channels
        and over times after onset, divided by the variance of the noise of one trial,
        averaged over channels. What all images evoke alike does not count.
    sfreq : float
        Sampling rate in Hz.
    tmin, tmax : float
        First and last time in seconds; the image comes at 0.
    path : path-like | None
        The folder for the images, which are drawn once into a sub-folder named after
        the parameters. None takes ``MNE-brainae-data/simulated`` in the data folder of
        MNE-Python.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    data : instance of SimulatedData
        Trials, images, the truth, and how well it can be known.

    See Also
    --------
    mne_brainae.datasets.simulate_responses
    mne_brainae.datasets.simulate_group

    Notes
    -----
    The images are drawn by the package; ``category`` names a family of drawings.

    About twenty features of an image drive the brain: contrast and luminance of the
    quadrants of the visual field, edges and colors, all measured in the pixels, and
    late in time the appearance and category of the concept. EEG and MEG come from
    dipoles along the ventral visual stream in a spherical head. Each feature, as a
    saturating function, scales one deflection on top of an evoked response that all
    images share. The noise is the activity of dipoles all over the cortex with a 1/f
    spectrum, occipital alpha at 10 Hz, and white noise of the sensors. In MUA the
    contacts of an area mix its features and fire at rates above zero, on shared and
    private noise. The trials are not baseline-corrected.

    With ``law="nonlinear"`` a third of the drives saturate (tanh of twice the
    drive d), a third are squared (d^2 - 1), and a third are gated by another drive g (d
    where g > 0, else 0), so that about half of what drives the brain is linear in the
    drives. The whole response comes up to 12 ms early or late, in steps of 1 ms; more
    contrast makes it come early. From trial to trial the gain of the response and
    the level of the noise vary by 20 %% (log-normal; the mean gain and the mean square
    of the level are 1). Images, sources and the noise before its level are those of
    the linear law; ``truth`` is bent and delayed, at a gain of 1. ``snr`` and
    ``noise_ceiling`` mean the same for both laws; the ceiling is that of plain averages
    of trials, so that uneven gain and noise count against it. The best possible decoder
    knows the bent and delayed responses, and the mean gain of the trials it is given.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(
    ...     n_train_concepts=20, n_test_concepts=5, random_state=0
    ... )  # doctest: +SKIP
    >>> data.train.metadata["image"]  # doctest: +SKIP
    """
    _check_option("kind", kind, KINDS)
    _check_option("law", law, LAWS)
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
    pictures = draw_images(
        n_train_concepts, n_test_concepts, n_exemplars, n_templates, seed, path
    )
    rng = np.random.default_rng([seed, 2, KINDS.index(kind)])
    info = make_info(kind, sfreq)
    respond = respond_in_spikes if kind == "mua" else respond_in_fields
    response = respond(*_drive(pictures, law), info, times, rng)
    signal = response[:, :, times > 0].var(axis=0).mean()
    noise = make_noise(kind, info, times, rng).scaled(signal / snr)
    sessions = _draw_sessions(n_sessions, rng)
    plans = {
        "train": _plan_trials(pictures, "train", n_train_repetitions, sessions, rng),
        "test": _plan_trials(pictures, "test", n_test_repetitions, sessions, rng),
    }
    if law == "nonlinear":
        _make_uneven(plans, np.random.default_rng([seed, 3]))
    trials = {
        partition: make_epochs(
            _record(response, noise, plan, rng), info, times, _describe(plan)
        )
        for partition, plan in plans.items()
    }
    is_test = (pictures.shown["partition"] == "test").to_numpy()
    table = pictures.shown[is_test].reset_index(drop=True)
    truth = make_epochs(response[is_test], info, times, table)
    return SimulatedData(
        **trials,
        images=pictures.folder / "images",
        templates=pictures.folder / "templates",
        truth=truth,
        **_judge(trials["test"], truth, noise, _mean_gains(plans["test"], law)),
    )


def _drive(pictures: ImageSet, law: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return what drives the brain, and by how much every response comes late."""
    drives = compute_drives(pictures)
    if law == "linear":
        return drives, np.zeros(len(drives))
    contrast = drives.filter(like="contrast").mean(axis=1)
    strength = (contrast - contrast.mean()) / contrast.std(ddof=0)
    bent = pd.DataFrame(bend(drives.to_numpy()), columns=drives.columns)
    return bent, delays_of(strength.to_numpy())


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
    if not 50 <= sfreq < np.inf:
        raise ValueError(f"sfreq must be at least 50 Hz and finite, got {sfreq}.")
    if not (-np.inf < tmin <= 0 and 0.2 <= tmax < np.inf):
        raise ValueError(
            "The window must start at or before the image and end 0.2 s after it or "
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
    pictures: ImageSet, partition: str, n_repetitions: int, sessions, rng
) -> pd.DataFrame:
    """Order the trials: every repetition shows each image once, in random order."""
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


def _make_uneven(plans: dict[str, pd.DataFrame], rng) -> None:
    """Let gain and noise level vary from trial to trial."""
    for plan in plans.values():
        plan["gain"] *= draw_gains(len(plan), rng)
        plan["level"] *= draw_levels(len(plan), rng)


def _mean_gains(plan: pd.DataFrame, law: str) -> np.ndarray | float:
    """Return the gain of every averaged response, by image; 1 where trials are even."""
    if law == "linear":
        return 1.0
    return plan.groupby("row")["gain"].mean().to_numpy()


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


def _judge(test: mne.Epochs, truth: mne.Epochs, noise: Noise, gains) -> dict:
    """Measure how well the truth can be known from the averaged test trials.

    A response divided by its known gain has the same noise up to a factor, so that
    ranks are those of the exact likelihood.
    """
    measured = average_repetitions(test, verbose=False)
    order = pd.Index(measured.metadata["image"]).get_indexer(truth.metadata["image"])
    measured, response = (
        measured.get_data(copy=False)[order],
        truth.get_data(copy=False),
    )
    even = measured / np.reshape(gains, (-1, 1, 1))
    ranks = rank_of_truth(_likelihood(even, response, noise), np.arange(len(order)))
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
        Averaged trials, and the true responses to the same images.

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
    center = response.mean(axis=0)
    flat = (response - center).reshape(n_images, -1)
    scores, values, axes = np.linalg.svd(flat, full_matrices=False)
    keep = values > 1e-6 * values[0]
    filters = noise.solve(axes[keep].reshape(-1, *center.shape))
    weights = (scores[:, keep] * values[keep]) @ filters.reshape(keep.sum(), -1)
    own = 0.5 * (weights * flat).sum(axis=1)
    return (measured - center).reshape(n_images, -1) @ weights.T - own
