"""A simulated recording of pictures of which only the features are known."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd
from sklearn.covariance import ledoit_wolf

from ..preprocessing.epochs import make_epochs
from ..scoring.identification import Identification, log_likelihood
from ..utils.checks import (
    _check_option,
    _validate_type,
    logger,
    seed_from,
    verbose,
)
from ..utils.docs import fill_doc
from ._forward import Noise, make_info, make_noise
from .simulated import (
    _check_numbers,
    _check_snr,
    _make_times,
    correlate_with_truth,
    draw_fields,
)

#: What picture features drive, by turns: late vision more than early.
STAGES = ("IT", "LO", "IT", "V4")


@dataclass(frozen=True)
class FeatureLaw:
    """How the features of pictures of many concepts are distributed.

    A picture is m + c + e, where c belongs to its concept and e to itself. Both are
    Gaussian, with covariances r S and (1 - r) S.

    Parameters
    ----------
    mean : array, shape (n_features,)
        The mean m.
    covariance : array, shape (n_features, n_features)
        The covariance S of pictures.
    concept_share : float
        The share r of it that pictures of one concept have in common.
    """

    mean: np.ndarray
    covariance: np.ndarray
    concept_share: float

    @classmethod
    def learn(cls, pictures: np.ndarray, templates: np.ndarray) -> FeatureLaw:
        """Learn the law from one picture of every concept and the mean of others.

        Parameters
        ----------
        pictures : array, shape (n_concepts, n_features)
            Features of one picture of every concept.
        templates : array, shape (n_concepts, n_features)
            The mean features of other pictures of the same concepts.

        Returns
        -------
        law : instance of FeatureLaw
            The law; the covariance is shrunk after Ledoit and Wolf (2004).
        """
        pictures, templates = (np.asarray(x, float) for x in (pictures, templates))
        mean = pictures.mean(axis=0)
        deviations = pictures - mean
        shared = np.sum(deviations * (templates - templates.mean(axis=0)))
        share = np.clip(shared / np.square(deviations).sum(), 0.01, 0.99)
        return cls(mean, ledoit_wolf(pictures)[0], float(share))

    @classmethod
    def of_a_network(cls, n_features: int = 768, seed: int = 0) -> FeatureLaw:
        """Make a law up that is like that of unit embeddings of a network.

        Parameters
        ----------
        n_features : int
            The number of features.
        seed : int
            The seed of mean and axes.

        Returns
        -------
        law : instance of FeatureLaw
            Half of the squared length is the mean, the n-th axis has a variance
            proportional to 1 / (n + 10), and concepts have 0.6 of it.
        """
        rng = np.random.default_rng(seed)
        mean = rng.standard_normal(n_features)
        axes = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
        variances = 1 / (np.arange(n_features) + 11)
        covariance = (axes * (0.5 * variances / variances.sum())) @ axes.T
        return cls(mean * np.sqrt(0.5) / np.linalg.norm(mean), covariance, 0.6)

    def draw(
        self, n_concepts: int, n_exemplars: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw pictures of new concepts.

        Parameters
        ----------
        n_concepts, n_exemplars : int
            How many concepts, and how many pictures of each.
        rng : instance of Generator
            Where they come from.

        Returns
        -------
        features : array, shape (n_concepts, n_exemplars, n_features)
            The features in float32.
        """
        root = np.linalg.cholesky(self.covariance).T.astype(np.float32)
        shape, n_features = (n_concepts, n_exemplars), len(root)
        white = rng.standard_normal((*shape, n_features), np.float32)
        white *= np.sqrt(1 - self.concept_share)
        concept = rng.standard_normal((n_concepts, 1, n_features), np.float32)
        white += np.sqrt(self.concept_share) * concept
        return white @ root + self.mean.astype(np.float32)

    def guess(self, templates: np.ndarray, n_pictures: int) -> tuple:
        """Return what a template tells of another picture of its concept.

        Parameters
        ----------
        templates : array, shape (n_concepts, n_features)
            Mean features of pictures.
        n_pictures : int
            How many pictures each is the mean of.

        Returns
        -------
        expected : array, shape (n_concepts, n_features)
            The mean of the other picture.
        unknown : float
            The share of its covariance S that is left.
        """
        r = self.concept_share
        gain = r / (r + (1 - r) / n_pictures)
        return self.mean + gain * (templates - self.mean), 1 - gain * r


@dataclass(frozen=True, repr=False, eq=False)
class SimulatedResponses:
    """Responses to features, as returned by :func:`simulate_responses`.

    Parameters
    ----------
    train : instance of EpochsArray
        One epoch per training picture, the mean of its repetitions. The metadata have
        the columns ``image``, ``concept``, ``partition`` and ``n_averaged``.
    test : instance of EpochsArray
        One epoch per test picture in the same form.
    truth : instance of EpochsArray
        The noise-free response to every test picture.
    noise_ceiling : dict of float
        As in :class:`mne_brainae.datasets.SimulatedData`.
    law : instance of FeatureLaw
        The law of the features.
    axes : array, shape (n_features, n_drives)
        What drives the brain: these projections of the features minus their mean.
    filters : array, shape (n_drives, n_channels * n_times)
        Responses to the drives, divided by the covariance of the noise of ``test``.
    common : array, shape (n_channels, n_times)
        The response that all pictures share.
    information : array, shape (n_drives, n_drives)
        ``filters`` times the responses to the drives.
    """

    train: mne.EpochsArray
    test: mne.EpochsArray
    truth: mne.EpochsArray
    noise_ceiling: dict[str, float]
    law: FeatureLaw
    axes: np.ndarray
    filters: np.ndarray
    common: np.ndarray
    information: np.ndarray

    def __repr__(self) -> str:
        ceiling = ", ".join(f"{k} {r:.2f}" for k, r in self.noise_ceiling.items())
        return (
            f"<SimulatedResponses | SIMULATED, {len(self.test.ch_names)} channels x "
            f"{len(self.test.times)} times, {len(self.train)} training and "
            f"{len(self.test)} test pictures, {len(self.filters)} drives, noise "
            f"ceiling {ceiling}>"
        )

    def retrieve(self, candidates: pd.DataFrame) -> Identification:
        """Find the test pictures among candidates as well as can be.

        Parameters
        ----------
        candidates : DataFrame, shape (n_images, n_features)
            Features indexed by image.

        Returns
        -------
        identification : instance of Identification
            By the likelihood with the true responses and the true noise.
        """
        shown = self.test.metadata["image"]
        return self._identify(candidates, shown, 0.0, "retrieval")

    def classify(self, templates: pd.DataFrame, n_pictures: int) -> Identification:
        """Find the concepts of the test pictures as well as can be.

        Parameters
        ----------
        templates : DataFrame, shape (n_concepts, n_features)
            Mean features of other pictures, indexed by concept.
        n_pictures : int
            How many pictures each template is the mean of.

        Returns
        -------
        identification : instance of Identification
            By the likelihood with the true responses and the true noise, given what the
            law of the features says about pictures of each concept.
        """
        expected, unknown = self.law.guess(templates.to_numpy(float), n_pictures)
        expected = pd.DataFrame(expected, index=templates.index)
        shown = self.test.metadata["concept"]
        return self._identify(expected, shown, unknown, "classification")

    def _identify(self, candidates, shown, unknown: float, task: str):
        measured = (self.test.get_data(copy=False) - self.common).reshape(
            len(self.test), -1
        )
        found = measured @ self.filters.T
        drives = (candidates.to_numpy(float) - self.law.mean) @ self.axes
        spread = unknown * self.axes.T @ self.law.covariance @ self.axes
        noise = self.information + self.information @ spread @ self.information
        values, vectors = np.linalg.eigh(noise)
        is_known = values > 1e-9 * values[-1]
        white = vectors[:, is_known] / np.sqrt(values[is_known])
        likelihood = log_likelihood(found @ white, drives @ self.information @ white)
        protocol = {"task": task, "decoder": "the best possible, which knows the truth"}
        return Identification(likelihood, candidates.index, shown, protocol)


@verbose
@fill_doc
def simulate_responses(
    train: pd.DataFrame,
    test: pd.DataFrame,
    law: FeatureLaw,
    *,
    kind: str = "eeg",
    n_drives: int = 40,
    n_train_repetitions: int = 4,
    n_test_repetitions: int = 80,
    snr: float = 0.05,
    sfreq: float = 100.0,
    tmin: float = 0.0,
    tmax: float = 1.0,
    random_state=0,
    verbose=None,
) -> SimulatedResponses:
    """Simulate a recording of a brain that is driven by features of pictures.

    Nothing here was recorded. It is for measuring decoders of any size of data against
    the best one that is possible.

    Parameters
    ----------
    train, test : DataFrame, shape (n_images, n_features)
        The features, indexed by concept and image. Fewer than two test pictures are a
        ValueError: over one picture nothing correlates.
    law : instance of FeatureLaw
        How the features are distributed.
    kind : ``"eeg"`` | ``"meg"``
        63 electrodes (V) or 120 magnetometers (T).
    n_drives : int
        Number of random projections of the features that drive the brain.
    n_train_repetitions, n_test_repetitions : int
        How many trials each mean is taken over.
    snr : float
        As in :func:`mne_brainae.datasets.simulate`, of one trial.
    sfreq : float
        Sampling rate in Hz.
    tmin, tmax : float
        First and last time in seconds; the picture comes at 0.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    data : instance of SimulatedResponses
        Averaged trials, the truth, and the best decoder.

    Notes
    -----
    Head, sources, evoked response and noise are those of
    :func:`mne_brainae.datasets.simulate`. Each drive scales one deflection of sources
    in V4, LO or inferior temporal cortex, so that responses are linear in the features.
    """
    _check_option("kind", kind, ("eeg", "meg"))
    _check_numbers(
        n_drives=(n_drives, 1),
        n_train_repetitions=(n_train_repetitions, 1),
        n_test_repetitions=(n_test_repetitions, 1),
    )
    for name, table in (("train", train), ("test", test)):
        _check_features(name, table, law)
    if len(test) < 2:
        raise ValueError(
            "test must have at least 2 pictures, over which the noise ceiling "
            f"correlates, got {len(test)}."
        )
    times = _make_times(sfreq, tmin, tmax)
    _check_snr(snr)
    logger.info("Simulating %s; nothing here is a real recording.", kind.upper())
    rng = np.random.default_rng(seed_from(random_state))
    info = make_info(kind, sfreq)
    axes = rng.standard_normal((len(law.mean), n_drives))
    axes /= np.sqrt(np.einsum("ij,ik,kj->j", axes, law.covariance, axes, optimize=True))
    names = [f"{STAGES[i % len(STAGES)]} {i}" for i in range(n_drives)]
    common, patterns = draw_fields(names, info, times, rng)
    spread = axes.T @ law.covariance @ axes
    after = patterns[:, :, times > 0].reshape(n_drives, -1)
    signal = np.einsum("ij,ik,kj->j", after, spread, after, optimize=True).mean()
    noise = make_noise(kind, info, times, rng).scaled(signal / snr)

    def respond(table: pd.DataFrame) -> np.ndarray:
        drives = (table.to_numpy(np.float32) - law.mean) @ axes
        response = np.tensordot(
            drives.astype(np.float32), patterns.astype(np.float32), 1
        )
        return np.add(response, common, out=response, casting="same_kind")

    def record(table: pd.DataFrame, partition: str, n_repetitions: int):
        data = respond(table)
        _averaged(noise, n_repetitions).add_to(data, rng)
        metadata = _describe(table, partition, n_repetitions)
        return make_epochs(data, info, times[0], metadata)

    response = respond(test)
    measured = record(test, "test", n_test_repetitions)
    filters = _averaged(noise, n_test_repetitions).solve(patterns)
    filters = filters.reshape(n_drives, -1)
    information = filters @ patterns.reshape(n_drives, -1).T
    return SimulatedResponses(
        train=record(train, "train", n_train_repetitions),
        test=measured,
        truth=make_epochs(response, info, times[0], _describe(test, "test", 1)),
        noise_ceiling=correlate_with_truth(measured.get_data(copy=False), response),
        law=law,
        axes=axes,
        filters=filters,
        common=common,
        information=(information + information.T) / 2,
    )


def _check_features(name: str, table: pd.DataFrame, law: FeatureLaw) -> None:
    _validate_type(table, pd.DataFrame, name)
    if table.index.nlevels != 2 or table.shape[1] != len(law.mean):
        raise ValueError(
            f"{name} must be indexed by concept and image and have the "
            f"{len(law.mean)} features of the law, got an index of "
            f"{table.index.nlevels} levels and {table.shape[1]} features."
        )


def _describe(table: pd.DataFrame, partition: str, n_averaged: int) -> pd.DataFrame:
    concepts, images = (table.index.get_level_values(i).astype(str) for i in (0, 1))
    return pd.DataFrame(
        {
            "image": images,
            "concept": concepts,
            "partition": partition,
            "n_averaged": n_averaged,
        }
    )


def _averaged(noise: Noise, n_repetitions: int) -> Noise:
    return noise.scaled(noise.variance() / n_repetitions)
