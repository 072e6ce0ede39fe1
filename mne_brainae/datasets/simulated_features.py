"""A simulated recording of images of which only the features are known."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal
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
from ._feature_brains import LinearBrain, NonlinearBrain
from ._forward import Noise, make_info, make_noise
from ._nonlinearity import LAWS, draw_gains, draw_levels
from ._responses import Sources
from .simulated import (
    _check_numbers,
    _check_snr,
    _make_times,
    correlate_with_truth,
)

#: What image features drive, by turns: late vision more than early.
STAGES = ("IT", "LO", "IT", "V4")
#: Images of every concept that the best decoder of nonlinear responses imagines.
N_IMAGINED = 1000


@dataclass(frozen=True)
class FeatureLaw:
    """How the features of images of many concepts are distributed.

    An image is m + c + e, where c belongs to its concept and e to itself. Both are
    Gaussian, with covariances r S and (1 - r) S.

    Parameters
    ----------
    mean : array, shape (n_features,)
        The mean m.
    covariance : array, shape (n_features, n_features)
        The covariance S of images.
    concept_share : float
        The share r of it that images of one concept have in common.

    See Also
    --------
    mne_brainae.datasets.simulate_responses

    Examples
    --------
    >>> import numpy as np
    >>> from mne_brainae.datasets import FeatureLaw
    >>> law = FeatureLaw(np.zeros(4), np.eye(4), concept_share=0.5)
    """

    mean: np.ndarray
    covariance: np.ndarray
    concept_share: float

    @classmethod
    def learn(cls, pictures: np.ndarray, templates: np.ndarray) -> FeatureLaw:
        """Learn the law from one image of every concept and the mean of others.

        Parameters
        ----------
        images : array, shape (n_concepts, n_features)
            Features of one image of every concept.
        templates : array, shape (n_concepts, n_features)
            The mean features of other images of the same concepts.

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
    def of_a_network(
        cls, n_features: int = 768, seed: int = 0, decay: float = 1.0
    ) -> FeatureLaw:
        """Make a law up that is like that of unit embeddings of a network.

        Parameters
        ----------
        n_features : int
            The number of features.
        seed : int
            The seed of mean and axes.
        decay : float
            How steeply the variance falls from axis to axis.

        Returns
        -------
        law : instance of FeatureLaw
            Half of the squared length is the mean, the n-th axis has a variance
            proportional to 1 / (n + 10)^decay, and concepts have 0.6 of it.
        """
        rng = np.random.default_rng(seed)
        mean = rng.standard_normal(n_features)
        axes = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
        variances = 1 / (np.arange(n_features) + 11.0) ** decay
        covariance = (axes * (0.5 * variances / variances.sum())) @ axes.T
        return cls(mean * np.sqrt(0.5) / np.linalg.norm(mean), covariance, 0.6)

    def draw(
        self, n_concepts: int, n_exemplars: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw images of new concepts.

        Parameters
        ----------
        n_concepts, n_exemplars : int
            How many concepts, and how many images of each.
        rng : instance of Generator
            Where they come from.

        Returns
        -------
        features : array, shape (n_concepts, n_exemplars, n_features)
            The features in float32.

        See Also
        --------
        mne_brainae.datasets.FeatureLaw.imagine

        Examples
        --------
        >>> import numpy as np
        >>> from mne_brainae.datasets import FeatureLaw
        >>> law = FeatureLaw(np.zeros(4), np.eye(4), concept_share=0.5)
        >>> law.draw(3, 2, np.random.default_rng(0)).shape
        (3, 2, 4)
        """
        root = np.linalg.cholesky(self.covariance).T.astype(np.float32)
        shape, n_features = (n_concepts, n_exemplars), len(root)
        white = rng.standard_normal((*shape, n_features), np.float32)
        white *= np.sqrt(1 - self.concept_share)
        concept = rng.standard_normal((n_concepts, 1, n_features), np.float32)
        white += np.sqrt(self.concept_share) * concept
        return white @ root + self.mean.astype(np.float32)

    def guess(self, templates: np.ndarray, n_pictures: int) -> tuple:
        """Return what a template tells of another image of its concept.

        Parameters
        ----------
        templates : array, shape (n_concepts, n_features)
            Mean features of images.
        n_pictures : int
            How many images each is the mean of.

        Returns
        -------
        expected : array, shape (n_concepts, n_features)
            The mean of the other image.
        unknown : float
            The share of its covariance S that is left.

        See Also
        --------
        mne_brainae.datasets.FeatureLaw.imagine

        Examples
        --------
        >>> import numpy as np
        >>> from mne_brainae.datasets import FeatureLaw
        >>> law = FeatureLaw(np.zeros(4), np.eye(4), concept_share=0.5)
        >>> expected, unknown = law.guess(np.ones((3, 4)), n_pictures=1)
        >>> expected.shape
        (3, 4)
        """
        r = self.concept_share
        gain = r / (r + (1 - r) / n_pictures)
        return self.mean + gain * (templates - self.mean), 1 - gain * r

    def imagine(
        self, templates: np.ndarray, n_pictures: int, n_draws: int, seed: int = 0
    ) -> Iterator[np.ndarray]:
        """Draw other images of the concepts that templates are of.

        Parameters
        ----------
        templates : array, shape (n_concepts, n_features)
            Mean features of images.
        n_pictures : int
            How many images each is the mean of.
        n_draws : int
            How many to draw of each concept.
        seed : int
            The seed; every concept has the same deviations from what is expected.

        Yields
        ------
        features : array, shape (n_draws, n_features)
            The images of one concept after another.

        See Also
        --------
        mne_brainae.datasets.FeatureLaw.guess

        Examples
        --------
        >>> import numpy as np
        >>> from mne_brainae.datasets import FeatureLaw
        >>> law = FeatureLaw(np.zeros(4), np.eye(4), concept_share=0.5)
        >>> draws = law.imagine(np.ones((3, 4)), n_pictures=1, n_draws=2)
        >>> next(draws).shape
        (2, 4)
        """
        expected, unknown = self.guess(templates, n_pictures)
        white = np.random.default_rng(seed).standard_normal((n_draws, len(self.mean)))
        white -= white.mean(axis=0)
        deviations = np.sqrt(unknown) * white @ np.linalg.cholesky(self.covariance).T
        for each in expected:
            yield each + deviations


@dataclass(frozen=True, repr=False, eq=False)
class SimulatedResponses:
    """Responses to features, as returned by :func:`simulate_responses`.

    Parameters
    ----------
    train : instance of EpochsArray
        One epoch per training image, the mean of its repetitions. The metadata have
        the columns ``image``, ``concept``, ``partition`` and ``n_averaged``.
    test : instance of EpochsArray
        One epoch per test image in the same form.
    truth : instance of EpochsArray
        The noise-free response to every test image.
    noise_ceiling : dict of float
        As in :class:`mne_brainae.datasets.SimulatedData`.
    feature_law : instance of FeatureLaw
        The law of the features.
    brain : instance of LinearBrain | NonlinearBrain
        What responds to features: ``brain.respond(features)`` is free of noise, and
        ``brain.coordinates(features)`` are its coordinates in ``brain.basis``, less the
        response that all images share.
    filters : array, shape (n_functions, n_channels * n_times)
        The basis of the responses, divided by the covariance of the noise of ``test``.
    information : array, shape (n_functions, n_functions)
        ``filters`` times the basis.
    common : array, shape (n_channels, n_times)
        The response that all images share.
    gains : array, shape (n_images,)
        Mean gain of the trials of every test image; 1 where trials are even.

    See Also
    --------
    mne_brainae.datasets.simulate_responses
    mne_brainae.datasets.FeatureLaw

    Examples
    --------
    >>> data = mne_brainae.datasets.simulate_responses(
    ...     features_train, features_test, law, random_state=0
    ... )  # doctest: +SKIP
    >>> data.retrieve(
    ...     features_test
    ... ).top_k()  # the best that is possible  # doctest: +SKIP
    """

    train: mne.EpochsArray
    test: mne.EpochsArray
    truth: mne.EpochsArray
    noise_ceiling: dict[str, float]
    feature_law: FeatureLaw
    brain: LinearBrain | NonlinearBrain
    filters: np.ndarray
    information: np.ndarray
    common: np.ndarray
    gains: np.ndarray

    def __repr__(self) -> str:
        ceiling = ", ".join(f"{k} {r:.2f}" for k, r in self.noise_ceiling.items())
        return (
            f"<SimulatedResponses | SIMULATED, {len(self.test.ch_names)} channels x "
            f"{len(self.test.times)} times, {len(self.train)} training and "
            f"{len(self.test)} test images, {self.brain.n_drives} drives, "
            f"{self.brain.law} law, noise ceiling {ceiling}>"
        )

    def retrieve(self, candidates: pd.DataFrame) -> Identification:
        """Find the test images among candidates as well as can be.

        Parameters
        ----------
        candidates : DataFrame, shape (n_images, n_features)
            Features indexed by image.

        Returns
        -------
        identification : instance of Identification
            By the likelihood with the true responses and the true noise.

        See Also
        --------
        mne_brainae.datasets.SimulatedResponses.classify

        Examples
        --------
        >>> data.retrieve(features_test).top_k()  # doctest: +SKIP
        """
        coordinates = self.brain.coordinates(candidates.to_numpy(float))
        shown = self.test.metadata["image"]
        return self._identify(candidates.index, coordinates, shown, "retrieval")

    def classify(self, templates: pd.DataFrame, n_pictures: int) -> Identification:
        """Find the concepts of the test images as well as can be.

        Parameters
        ----------
        templates : DataFrame, shape (n_concepts, n_features)
            Mean features of other images, indexed by concept.
        n_pictures : int
            How many images each template is the mean of.

        Returns
        -------
        identification : instance of Identification
            By the likelihood with the true responses and the true noise, given what the
            law of the features says about images of each concept. Nonlinear responses
            to images of a concept are taken for Gaussian, with their own mean and
            covariance, so that this decoder is good, but not strictly the best.

        See Also
        --------
        mne_brainae.datasets.SimulatedResponses.retrieve

        Examples
        --------
        >>> data.classify(templates, n_pictures=1).top_k()  # doctest: +SKIP
        """
        shown = self.test.metadata["concept"]
        names = templates.index
        features = templates.to_numpy(float)
        if isinstance(self.brain, LinearBrain):
            expected, unknown = self.feature_law.guess(features, n_pictures)
            axes = self.brain.axes
            spread = unknown * axes.T @ self.feature_law.covariance @ axes
            coordinates = self.brain.coordinates(expected)
            return self._identify(names, coordinates, shown, "classification", spread)
        scores = self._judge_concepts(features, n_pictures)
        return self._found(scores, names, shown, "classification")

    def project(self, epochs: mne.BaseEpochs, gains=1.0) -> np.ndarray:
        """Project responses on the filters, less the response that all share.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses, such as ``test``.
        gains : float | array, shape (n_epochs,)
            Their gains, by which they are divided.

        Returns
        -------
        projected : array, shape (n_epochs, n_functions)
            What tells of the coordinates of the responses: for a response with the
            noise of ``test``, ``information`` times the coordinates, plus noise with
            the covariance ``information``.

        See Also
        --------
        mne_brainae.datasets.SimulatedResponses.whiten

        Examples
        --------
        >>> projected = data.project(data.test)  # doctest: +SKIP
        """
        data = epochs.get_data(copy=False) / np.reshape(gains, (-1, 1, 1))
        return (data - self.common).reshape(len(data), -1) @ self.filters.T

    def whiten(self) -> np.ndarray:
        """Return what makes the noise of projected test responses white.

        Returns
        -------
        white : array, shape (n_functions, n_axes)
            Columns that multiply what :meth:`project` returns.

        See Also
        --------
        mne_brainae.datasets.SimulatedResponses.project

        Examples
        --------
        >>> white = data.project(data.test) @ data.whiten()  # doctest: +SKIP
        """
        return _white(self.information)

    def _identify(self, names, coordinates, shown, task: str, spread=None):
        noise = self.information
        if spread is not None:
            noise = noise + noise @ spread @ noise
        white = _white(noise)
        found = self.project(self.test, self.gains) @ white
        scores = log_likelihood(found, coordinates @ self.information @ white)
        return self._found(scores, names, shown, task)

    def _judge_concepts(self, templates: np.ndarray, n_pictures: int) -> np.ndarray:
        """Return the log likelihoods of concepts, from images that are imagined."""
        white = self.whiten()
        measured = self.project(self.test, self.gains) @ white
        scores = []
        for features in self.feature_law.imagine(templates, n_pictures, N_IMAGINED):
            drawn = self.brain.coordinates(features) @ self.information @ white
            covariance = np.cov(drawn.T) + np.eye(drawn.shape[1])
            scores.append(
                multivariate_normal(drawn.mean(axis=0), covariance).logpdf(measured)
            )
        return np.array(scores).T

    @staticmethod
    def _found(scores, names, shown, task: str) -> Identification:
        protocol = {"task": task, "decoder": "the best possible, which knows the truth"}
        return Identification(scores, names, shown, protocol)


def _white(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    is_known = values > 1e-9 * values[-1]
    return vectors[:, is_known] / np.sqrt(values[is_known])


@verbose
@fill_doc
def simulate_responses(
    train: pd.DataFrame,
    test: pd.DataFrame,
    feature_law: FeatureLaw,
    *,
    kind: str = "eeg",
    n_drives: int = 40,
    n_train_repetitions: int = 4,
    n_test_repetitions: int = 80,
    law: str = "linear",
    snr: float = 0.05,
    sfreq: float = 100.0,
    tmin: float = 0.0,
    tmax: float = 1.0,
    random_state=0,
    verbose=None,
) -> SimulatedResponses:
    """Simulate a recording of a brain that is driven by features of images.

    Nothing here was recorded. It is for measuring decoders of any size of data against
    the best one that is possible.

    Parameters
    ----------
    train, test : DataFrame, shape (n_images, n_features)
        The features, indexed by concept and image.
    feature_law : instance of FeatureLaw
        How the features are distributed.
    kind : ``"eeg"`` | ``"meg"``
        63 electrodes (V) or 120 magnetometers (T).
    n_drives : int
        Number of random projections of the features that drive the brain.
    n_train_repetitions, n_test_repetitions : int
        How many trials each mean is taken over.
    law : ``"linear"`` | ``"nonlinear"``
        Whether responses are linear in the features and trials are even, or not, as in
        :func:`mne_brainae.datasets.simulate`.
    snr : float
        As in :func:`mne_brainae.datasets.simulate`, of one trial.
    sfreq : float
        Sampling rate in Hz.
    tmin, tmax : float
        First and last time in seconds; the image comes at 0.
    %(random_state)s
    %(verbose)s

    Returns
    -------
    data : instance of SimulatedResponses
        Averaged trials, the truth, and the best decoder.

    Raises
    ------
    ValueError
        If there are fewer than two test images, or parameters are impossible.

    See Also
    --------
    mne_brainae.datasets.simulate
    mne_brainae.datasets.FeatureLaw

    Notes
    -----
    Head, sources, evoked response and noise are those of
    :func:`mne_brainae.datasets.simulate`. Each drive scales one deflection of sources
    in V4, LO or inferior temporal cortex. With the linear law responses are linear in
    the features. With the nonlinear one, the drives are bent as in that function, one
    more random projection makes responses come early or late, and gain and noise level
    vary by trial; projections and sources of the drives are those of the linear law.
    ``snr`` is then that of 4,000 drawn images.

    Examples
    --------
    >>> data = mne_brainae.datasets.simulate_responses(
    ...     features_train, features_test, law, random_state=0
    ... )  # doctest: +SKIP
    """
    _check_option("kind", kind, ("eeg", "meg"))
    _check_option("law", law, LAWS)
    _check_numbers(
        n_drives=(n_drives, 1),
        n_train_repetitions=(n_train_repetitions, 1),
        n_test_repetitions=(n_test_repetitions, 1),
    )
    for name, table in (("train", train), ("test", test)):
        _check_features(name, table, feature_law)
    if len(test) < 2:
        raise ValueError(
            "test must have at least 2 images, over which the noise ceiling "
            f"correlates, got {len(test)}."
        )
    times = _make_times(sfreq, tmin, tmax)
    _check_snr(snr)
    logger.info("Simulating %s; nothing here is a real recording.", kind.upper())
    seed = seed_from(random_state)
    rng = np.random.default_rng(seed)
    info = make_info(kind, sfreq)
    brain = _draw_brain(feature_law, law, n_drives, info, times, rng, seed)
    signal = brain.variance(feature_law.covariance, times > 0)
    noise = make_noise(kind, info, times, rng).scaled(signal / snr)
    uneven = np.random.default_rng([seed, 4])

    def record(table: pd.DataFrame, partition: str, n_repetitions: int):
        data = brain.respond(table.to_numpy())
        gains, levels = np.ones(len(data)), np.ones(len(data))
        if law == "nonlinear":
            gains, levels = _draw_means((len(data), n_repetitions), uneven)
        _add_noise(data, _averaged(noise, n_repetitions), gains, levels, rng)
        metadata = _describe(table, partition, n_repetitions)
        return make_epochs(data, info, times, metadata), gains

    response = brain.respond(test.to_numpy())
    measured, gains = record(test, "test", n_test_repetitions)
    filters = _averaged(noise, n_test_repetitions).solve(brain.basis)
    filters = filters.reshape(len(filters), -1)
    information = filters @ brain.basis.reshape(len(filters), -1).T
    return SimulatedResponses(
        train=record(train, "train", n_train_repetitions)[0],
        test=measured,
        truth=make_epochs(response, info, times, _describe(test, "test", 1)),
        noise_ceiling=correlate_with_truth(measured.get_data(copy=False), response),
        feature_law=feature_law,
        brain=brain,
        filters=filters,
        common=brain.common,
        information=(information + information.T) / 2,
        gains=gains,
    )


def _draw_brain(
    features: FeatureLaw, law: str, n_drives: int, info, times, rng, seed: int
) -> LinearBrain | NonlinearBrain:
    """Draw what drives the brain, and where."""
    axes = _scale_axes(rng.standard_normal((len(features.mean), n_drives)), features)
    names = [f"{STAGES[i % len(STAGES)]} {i}" for i in range(n_drives)]
    sources = Sources.draw(names, info, rng)
    if law == "linear":
        return LinearBrain(features.mean, axes, *sources.evoke(times))
    other = np.random.default_rng([seed, 3]).standard_normal((len(axes), 1))
    axes = np.hstack([axes, _scale_axes(other, features)])
    return NonlinearBrain(features.mean, axes, sources, times)


def _scale_axes(axes: np.ndarray, features: FeatureLaw) -> np.ndarray:
    """Scale projections of the features to variance 1."""
    covariance = features.covariance
    axes /= np.sqrt(np.einsum("ij,ik,kj->j", axes, covariance, axes, optimize=True))
    return axes


def _draw_means(shape: tuple[int, int], rng) -> tuple[np.ndarray, np.ndarray]:
    """Draw gains and noise levels of trials, and average over repetitions."""
    gains, levels = draw_gains(shape, rng), draw_levels(shape, rng)
    return gains.mean(axis=1), np.sqrt((levels**2).mean(axis=1))


def _add_noise(data: np.ndarray, noise: Noise, gains, levels, rng) -> None:
    """Multiply responses by their gains and add noise of their levels, in place."""
    data *= (gains / levels).astype(data.dtype)[:, np.newaxis, np.newaxis]
    noise.add_to(data, rng)
    data *= levels.astype(data.dtype)[:, np.newaxis, np.newaxis]


def _check_features(name: str, table: pd.DataFrame, features: FeatureLaw) -> None:
    _validate_type(table, pd.DataFrame, name)
    if table.index.nlevels != 2 or table.shape[1] != len(features.mean):
        raise ValueError(
            f"{name} must be indexed by concept and image and have the "
            f"{len(features.mean)} features of the law, got an index of "
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
