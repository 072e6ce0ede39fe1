"""A simulated group of subjects who share a part of what drives their brains."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ..preprocessing.averaging import average_repetitions
from ..preprocessing.epochs import make_epochs
from ..utils.checks import _check_option, five, logger, seed_from, verbose
from ..utils.constraints import checked, integer, positive
from ..utils.docs import fill_doc
from ._forward import EEG_NAMES, Noise, make_info, make_noise
from ._nonlinearity import SD_SATURATING
from ._responses import Sources
from .simulated import _make_times
from .simulated_features import STAGES, FeatureLaw, _scale_axes

#: Amplitudes of the common and of the own part of the field of a common drive.
COMMON_FIELD, OWN_FIELD = 0.8, 0.6
#: By how much a subject is late or early at most (s), and the range of gains.
LARGEST_LATENCY, GAINS = 0.02, (0.5, 2.0)
MOST_CHANNELS = len(EEG_NAMES.split())


@dataclass(frozen=True, repr=False, eq=False)
class SimulatedGroup:
    """Recordings of a group, as returned by :func:`simulate_group`.

    Parameters
    ----------
    train, test, truth : dict of Epochs
        By subject, single trials of training images, one averaged response per test
        image, and the noise-free responses to the test images.
    features : DataFrame, shape (n_images, n_features)
        The features of all images.
    noise_subjects : list of str
        The subjects who do not respond to what images show.

    See Also
    --------
    mne_brainae.datasets.simulate_group
    mne_brainae.GroupModel

    Examples
    --------
    >>> group = mne_brainae.datasets.simulate_group(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(group.train, group.features)  # doctest: +SKIP
    """

    train: dict[str, mne.EpochsArray]
    test: dict[str, mne.EpochsArray]
    truth: dict[str, mne.EpochsArray]
    features: pd.DataFrame
    noise_subjects: list[str]

    @property
    def subjects(self) -> list[str]:
        """The names of the subjects."""
        return list(self.train)

    def skill(self, subject: str, predicted: mne.BaseEpochs) -> float:
        """Return the share of the noise-free response that is predicted.

        Parameters
        ----------
        subject : str
            The subject.
        predicted : instance of Epochs
            Predictions for the test images, in the order of ``truth``.

        Returns
        -------
        skill : float
            1 - squared error / variance, after the mean over images is removed from
            both. The mean response scores 0.

        Raises
        ------
        ValueError
            If the subject is not known, or the predictions have another shape.

        See Also
        --------
        mne_brainae.GroupModel.predict_epochs

        Examples
        --------
        >>> data.skill("sub-01", model.predict_epochs(data.features))  # doctest: +SKIP
        """
        if subject not in self.truth:
            raise ValueError(
                f"subject must be one of {five(self.truth)}, got {subject!r}."
            )
        both = self.truth[subject], predicted
        wanted, came = (each.get_data(copy=False).shape for each in both)
        if wanted != came:
            raise ValueError(
                f"predicted must be of the shape {wanted}, one response per test image "
                f"on the subject's channels, got {came}."
            )
        data = [each.get_data(copy=True) for each in (self.truth[subject], predicted)]
        response, predicted = (each - each.mean(axis=0) for each in data)
        return float(1 - np.square(response - predicted).sum() / np.sum(response**2))

    def __repr__(self) -> str:
        return (
            f"<SimulatedGroup | {len(self.train)} subjects, {len(self.features)} "
            "images; nothing here is a real recording>"
        )


@checked(
    n_subjects=[integer(1)],
    n_images=[integer(4)],
    n_exemplars=[integer(1)],
    n_common=[integer(0)],
    n_own=[integer(0)],
    n_noise=[integer(0)],
    n_test_images=[integer(2)],
    n_repetitions=[integer(1)],
    n_test_repetitions=[integer(1)],
    n_features=[integer(2)],
    decay=[positive()],
    snr=[tuple, list, positive()],
    n_channels=[tuple, list, integer(4, 63)],
    sfreq=[positive()],
)
@verbose
@fill_doc
def simulate_group(
    n_subjects: int = 6,
    *,
    n_images: int = 200,
    n_exemplars: int = 4,
    n_common: int = 12,
    n_own: int = 0,
    images: str = "own",
    n_noise: int = 0,
    n_channels=63,
    snr=(0.02, 0.04),
    n_repetitions: int = 4,
    n_test_images: int = 200,
    n_test_repetitions: int = 20,
    n_features: int = 768,
    decay: float = 1.0,
    sfreq: float = 50.0,
    tmin: float = 0.0,
    tmax: float = 0.7,
    random_state=0,
    verbose=None,
) -> SimulatedGroup:
    """Simulate the EEG of a group of subjects who see images.

    Nothing here was recorded. It is for measuring what a group tells of a newcomer,
    against the truth.

    Parameters
    ----------
    n_subjects : int
        Number of subjects.
    n_images : int
        Training images of each subject.
    n_exemplars : int
        Images of each training concept.
    n_common : int
        Number of projections of image features that drive all subjects.
    n_own : int
        Number of projections that drive one subject only, others for each. With
        ``n_common=0`` subjects share nothing.
    images : ``"own"`` | ``"same"``
        Whether each subject sees training images of their own, or all see the same.
    n_noise : int
        How many of the subjects, the last ones, respond to all images alike.
    n_channels : int | tuple of int
        Number of electrodes, 4 to 63; several numbers are taken by turns.
    snr : float | tuple of float
        Signal to noise of one trial; with two numbers every subject has one of its own
        between them.
    n_repetitions : int
        Trials per training image.
    n_test_images : int
        Test images, each of another concept; all subjects see the same.
    n_test_repetitions : int
        Trials averaged per test image.
    n_features : int
        Number of image features.
    decay : float
        How steeply the variance of their principal axes falls: that of the n-th is
        proportional to 1 / (n + 10)^decay. With 1, as of networks, few images tell
        little of the drives even without noise; with 3, a few tens of axes have it all.
    sfreq : float
        Sampling rate in Hz.
    tmin, tmax : float
        First and last time in seconds; the image comes at 0.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    data : instance of SimulatedGroup
        Epochs by subject, with ``"image"``, ``"concept"`` and ``"subject"`` in their
        metadata, the features, and the truth.

    Raises
    ------
    ValueError
        If a number is impossible, or nothing drives the subjects.

    See Also
    --------
    mne_brainae.datasets.simulate
    mne_brainae.GroupModel

    Notes
    -----
    Drives saturate: they are tanh(2 d) of random projections d. The field of a common
    drive is 0.8 times one that all subjects share plus 0.6 times one of the subject.
    Subjects also differ in latency (up to 20 ms), gain (0.5 to 2), noise and signal to
    noise.

    Examples
    --------
    >>> from mne_brainae.datasets import simulate_group
    >>> data = simulate_group(2, n_images=8, n_test_images=2, random_state=0)
    >>> data.subjects
    ['sub-01', 'sub-02']
    """
    _check_option("images", images, ("own", "same"))
    _check_numbers(n_common + n_own, n_noise, n_subjects, n_images, n_exemplars)
    snrs, sizes = _check_range(snr), _check_sizes(n_channels)
    times = _make_times(sfreq, tmin, tmax)
    logger.info("Simulating the EEG of a group; nothing here is a real recording.")
    seed = seed_from(random_state)
    law = FeatureLaw.of_a_network(n_features, seed, decay)
    shared = np.random.default_rng([seed, 0])
    group = _Group(
        law,
        n_own,
        _draw_axes(law, n_common, shared),
        make_info("eeg", sfreq),
        times,
        seed,
    )
    test = _draw_images(law, n_test_images, 1, "test", shared)
    n_concepts = n_images // n_exemplars
    trained = [_draw_images(law, n_concepts, n_exemplars, "train", shared)]
    recorded = {}
    for number in range(n_subjects):
        name, rng = f"sub-{number + 1:02d}", np.random.default_rng([seed, 1, number])
        if images == "own":
            trained.append(_draw_images(law, n_concepts, n_exemplars, name, rng))
        size = int(sizes[number % len(sizes)])
        subject = group.draw(name, size, number < n_subjects - n_noise, rng)
        subject.set_noise(np.exp(rng.uniform(*np.log(snrs))), rng)
        recorded[name] = (
            subject.record(trained[-1], n_repetitions, rng),
            average_repetitions(subject.record(test, n_test_repetitions, rng)),
            subject.record(test, 0, rng),
        )
    tables = trained[1:] if images == "own" else trained
    return SimulatedGroup(
        *({name: each[part] for name, each in recorded.items()} for part in range(3)),
        pd.concat([*tables, test]).droplevel("concept"),
        list(recorded)[n_subjects - n_noise :],
    )


def _check_numbers(n_drives, n_noise, n_subjects, n_images, n_exemplars) -> None:
    """Refuse numbers that contradict each other."""
    if n_drives == 0:
        raise ValueError(
            "n_common and n_own are both 0, so nothing drives the subjects. Give at "
            "least one drive."
        )
    if n_noise > n_subjects:
        raise ValueError(f"n_noise is {n_noise}, more than the {n_subjects} subjects.")
    if n_images % n_exemplars:
        raise ValueError(
            f"n_images must be a multiple of n_exemplars={n_exemplars}, got {n_images}."
        )


def _check_sizes(n_channels) -> np.ndarray:
    """Return the numbers of channels, one or more."""
    sizes = np.atleast_1d(n_channels)
    if sizes.min() < 4 or sizes.max() > MOST_CHANNELS:
        raise ValueError(
            f"n_channels must be from 4 to {MOST_CHANNELS}, got {n_channels}."
        )
    return sizes


def _check_range(snr) -> tuple[float, float]:
    """Return the least and the largest signal to noise."""
    bounds = [snr, snr] if np.ndim(snr) == 0 else list(snr)
    least, largest = bounds[0], bounds[-1]
    if len(bounds) != 2 or not 0 < least <= largest < np.inf:
        raise ValueError(
            f"snr must be a positive number, or two in ascending order, got {snr!r}."
        )
    return float(least), float(largest)


def _draw_axes(law: FeatureLaw, n_drives: int, rng) -> np.ndarray:
    """Draw projections of the features, of variance 1 over images."""
    return _scale_axes(rng.standard_normal((len(law.mean), n_drives)), law)


def _draw_images(law, n_concepts: int, n_exemplars: int, part: str, rng):
    """Draw images of new concepts, indexed by concept and image."""
    features = law.draw(n_concepts, n_exemplars, rng)
    index = [
        (f"{part}-{concept:04d}", f"{part}-{concept:04d}/{image:02d}.jpg")
        for concept in range(n_concepts)
        for image in range(n_exemplars)
    ]
    return pd.DataFrame(
        features.reshape(len(index), -1),
        index=pd.MultiIndex.from_tuples(index, names=["concept", "image"]),
    )


@dataclass(frozen=True)
class _Group:
    """What subjects have in common, and how one of them is drawn."""

    law: FeatureLaw
    n_own: int
    axes: np.ndarray
    info: mne.Info
    times: np.ndarray
    seed: int

    def draw(self, name: str, n_channels: int, responds: bool, rng) -> _Subject:
        """Draw a subject: fields, latency, gain and drives of their own."""
        n_common = self.axes.shape[1]
        names = [f"{STAGES[i % len(STAGES)]} {i}" for i in range(n_common + self.n_own)]
        of_all = np.random.default_rng([self.seed, 2])
        common = Sources.draw(names[:n_common], self.info, of_all)
        own = Sources.draw(names, self.info, rng)
        times = self.times - rng.uniform(-LARGEST_LATENCY, LARGEST_LATENCY)
        evoked, patterns = own.evoke(times)
        patterns[:n_common] *= OWN_FIELD
        if n_common:
            patterns[:n_common] += COMMON_FIELD * common.evoke(times)[1]
        gain = np.exp(rng.uniform(*np.log(GAINS)))
        axes = np.hstack([self.axes, _draw_axes(self.law, self.n_own, rng)])
        picks = (
            np.linspace(0, len(self.info["chs"]) - 1, n_channels).round().astype(int)
        )
        return _Subject(
            name,
            self.law.mean,
            axes,
            gain * evoked[picks],
            gain * patterns[:, picks],
            mne.pick_info(self.info, picks),
            self.times,
            responds,
        )


@dataclass
class _Subject:
    """One brain, which saturating drives of images drive, and its noise."""

    name: str
    feature_mean: np.ndarray
    axes: np.ndarray
    evoked: np.ndarray
    patterns: np.ndarray
    info: mne.Info
    times: np.ndarray
    responds: bool
    noise: Noise | None = None

    def set_noise(self, snr: float, rng) -> None:
        """Draw the noise, for a signal to noise of one trial."""
        signal = np.square(self.patterns[:, :, self.times > 0]).sum(axis=0).mean()
        noise = make_noise("eeg", self.info, self.times, rng)
        self.noise = noise.scaled(signal / snr)

    def record(self, images: pd.DataFrame, n_repetitions: int, rng) -> mne.EpochsArray:
        """Record trials of every image; without repetitions, the response itself."""
        drives = (images.to_numpy() - self.feature_mean) @ self.axes
        drives = np.tanh(2 * drives) / SD_SATURATING * self.responds
        response = self.evoked + np.tensordot(drives, self.patterns, 1)
        data = np.repeat(response, max(n_repetitions, 1), axis=0)
        if n_repetitions:
            self.noise.add_to(data, rng)
        table = images.index.to_frame(index=False)[["image", "concept"]]
        table = table.loc[table.index.repeat(max(n_repetitions, 1))]
        metadata = table.assign(subject=self.name).reset_index(drop=True)
        return make_epochs(data, self.info, self.times, metadata)
