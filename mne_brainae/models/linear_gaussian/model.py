"""The maps of the closed form: between images, latent space and responses."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bands import Bands
from .likelihood import ConceptLaw, ErrorLaw, log_density
from .novelty import Novelty
from .squares import Squares


@dataclass
class LeftOut:
    """Training responses along the final axes, and what is predicted without them.

    Parameters
    ----------
    rows : array of int, shape (n_left_out,)
        The images, as rows of the training arrays.
    measured : array, shape (n_left_out, n_signal)
        Their responses along the signal axes.
    predicted : array, shape (n_left_out, n_signal)
        What the fold that held each image out predicts, times the slope.
    """

    rows: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray


@dataclass
class LinearGaussian:
    """A linear shared space of images and responses, with its Gaussian errors.

    The latent of a response is z_B = [signal axes; extra axes]. Images drive the
    signal axes, and the latent of an image is z_I = [W'(x - mean); 0]. The extra axes
    hold what images do not predict, so that a response is returned from its latent; the
    first of them may be driven after all, by responses that are too fast for the basis
    or no product of channels and times.

    Parameters
    ----------
    basis : array, shape (n_times, n_functions)
        The time basis B.
    mean : array, shape (n_channels, n_times)
        The mean response, in the unit of the responses.
    filters : array, shape (n_channels * n_functions, n_signal)
        By which the coordinates of a centered response are multiplied. Along the signal
        axes the noise of a mean training response has variance 1.
    patterns : array, shape (n_channels * n_functions, n_signal)
        Coordinates of the response to every axis.
    feature_mean : array, shape (n_features,)
        The mean of the image features.
    weights : array, shape (n_features, n_signal)
        The weights W of the features.
    slope : float
        The part s of the prediction that holds for images held out. Near 0, the
        responses do not follow these images.
    errors : instance of ErrorLaw
        The covariance of errors along the signal axes, by number of repetitions.
    penalties : array, shape (n_signal,)
        The ridge penalty of every axis, in units of the total variance of features.
    gain : array, shape (n_signal,)
        Mean squared response along every axis minus the mean squared leave-one-out
        error, in units of the noise.
    target : str
        What the noise covariance was shrunk to, ``"diagonal"`` or ``"kronecker"``.
    n_passes : int
        How often noise and axes were computed.
    extra_filters : array, shape (n_channels * n_times, n_extra)
        By which all samples of a centered response are multiplied.
    extra_patterns : array, shape (n_channels * n_times, n_extra)
        The response to every extra axis.
    extra_weights : array, shape (n_features, n_driven)
        The weights of the features for the first extra axes, where the signal axes
        lose what images drive. Most often there are none.
    concepts : instance of ConceptLaw | None
        How images of one concept differ along the signal axes; None without concepts.
    left_out : instance of LeftOut | None
        Training responses with cross-validated predictions; None without folds.
    noise : array, shape (n_channels * n_functions,) * 2 | None
        The noise covariance N of a mean training response; kept only when asked for.
    squares : instance of Squares | None
        What squares of the features add to W'(x - mean); None is nothing.
    bands : instance of Bands | None
        How far responses lie from their prediction at every channel and time; None
        without folds.
    novelty : instance of Novelty | None
        Whether the image of a response is among candidates; None without folds, with
        fewer than 40 concepts, and where ridge regression adds axes.
    concept_novelty : instance of Novelty | None
        Whether its concept is among candidates; None without ``novelty``, and with
        fewer than 40 concepts of two images or more.
    distances : array, shape (n_quantiles,) | None
        Quantiles of the squared distances of training responses from what folds predict
        without them, in units of the covariance of the errors; None without folds, and
        where ridge regression adds axes.
    """

    basis: np.ndarray
    mean: np.ndarray
    filters: np.ndarray
    patterns: np.ndarray
    feature_mean: np.ndarray
    weights: np.ndarray
    slope: float
    errors: ErrorLaw
    penalties: np.ndarray
    gain: np.ndarray
    target: str
    n_passes: int
    extra_filters: np.ndarray
    extra_patterns: np.ndarray
    extra_weights: np.ndarray
    concepts: ConceptLaw | None = None
    left_out: LeftOut | None = None
    noise: np.ndarray | None = None
    squares: Squares | None = None
    bands: Bands | None = None
    novelty: Novelty | None = None
    concept_novelty: Novelty | None = None
    distances: np.ndarray | None = None

    @property
    def n_signal(self) -> int:
        """Number of signal axes."""
        return self.filters.shape[1]

    @property
    def n_driven(self) -> int:
        """Number of extra axes that images drive."""
        return self.extra_weights.shape[1]

    @property
    def n_extra(self) -> int:
        """Number of extra axes."""
        return self.extra_filters.shape[1]

    def __str__(self) -> str:
        added = f", {self.n_driven} of ridge regression" if self.n_driven else ""
        n_others = self.n_extra - self.n_driven
        return (
            f"{self.n_signal} signal axes{added}, {n_others} others, "
            f"slope {self.slope:.2f}, noise shrunk to {self.target}"
        )

    def signal_filters(self) -> np.ndarray:
        """Return the filters over samples, (n_channels * n_times, n_signal)."""
        return self.over_samples(self.filters)

    def signal_patterns(self) -> np.ndarray:
        """Return the patterns over samples, (n_channels * n_times, n_signal)."""
        return self.over_samples(self.patterns)

    def over_samples(self, columns: np.ndarray) -> np.ndarray:
        """Return columns of coordinates over samples, channel by channel.

        Parameters
        ----------
        columns : array, shape (n_channels * n_functions, n_columns)
            Filters or patterns.

        Returns
        -------
        columns : array, shape (n_channels * n_times, n_columns)
            B times each channel.
        """
        n_times, n_functions = self.basis.shape
        grid = columns.reshape(len(self.mean), n_functions, -1)
        return (self.basis @ grid).reshape(len(self.mean) * n_times, -1)

    def embed_brain(self, responses: np.ndarray) -> np.ndarray:
        """Return latents of responses.

        Parameters
        ----------
        responses : array, shape (n_responses, n_channels, n_times)
            The responses.

        Returns
        -------
        latents : array, shape (n_responses, n_signal + n_extra)
            z_B.
        """
        centered = responses - self.mean
        coordinates = (centered @ self.basis).reshape(len(centered), -1)
        signal = coordinates @ self.filters
        extra = centered.reshape(len(centered), -1) @ self.extra_filters
        return np.hstack([signal, extra])

    def embed_image(self, features: np.ndarray) -> np.ndarray:
        """Return latents of images.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        latents : array, shape (n_images, n_signal + n_extra)
            z_I, without the slope.
        """
        centered = features - self.feature_mean
        signal = centered @ self.weights
        if self.squares is not None:
            signal = signal + self.squares.embed(centered)
        return np.hstack([signal, centered @ self.weights_of_extra()])

    def weights_of_extra(self) -> np.ndarray:
        """Return the weights for all extra axes, shape (n_features, n_extra)."""
        weights = np.zeros((len(self.feature_mean), self.n_extra))
        weights[:, : self.n_driven] = self.extra_weights
        return weights

    def image_projection(self) -> dict[str, np.ndarray]:
        """Return the arrays of :meth:`embed_image`, where there are squares.

        Returns
        -------
        arrays : dict of array
            What :meth:`mne_brainae.nn.squares.SquaredUnits.load` takes.
        """
        squares = self.squares
        weight = np.hstack([self.weights, self.weights_of_extra()]).T
        patterns = np.zeros((len(squares.directions), len(weight)))
        patterns[:, : self.n_signal] = squares.patterns
        return {
            "weight": weight,
            "bias": -weight @ self.feature_mean,
            "directions": squares.directions,
            "patterns": patterns,
            "feature_mean": self.feature_mean,
            "axes": squares.axes,
            "unit_mean": squares.unit_mean,
            "unit_sd": squares.unit_sd,
        }

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Return responses from latents.

        Parameters
        ----------
        latents : array, shape (n, n_signal + n_extra)
            Latents.

        Returns
        -------
        responses : array, shape (n, n_channels, n_times)
            The mean response plus all patterns times their latents.
        """
        signal, extra = latents[:, : self.n_signal], latents[:, self.n_signal :]
        coordinates = (signal @ self.patterns.T).reshape(
            len(latents), -1, self.basis.shape[1]
        )
        rest = (extra @ self.extra_patterns.T).reshape(len(latents), *self.mean.shape)
        return self.mean + coordinates @ self.basis.T + rest

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses to images.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Image features.

        Returns
        -------
        responses : array, shape (n_images, n_channels, n_times)
            The mean response plus the slope times what the latents give.
        """
        return self.decode(self.slope * self.embed_image(features))

    def log_likelihood(
        self, brain: np.ndarray, image: np.ndarray, repetitions: float = 1
    ) -> np.ndarray:
        """Return the log likelihood of responses to each image.

        Parameters
        ----------
        brain : array, shape (n_responses, n_latents)
            Latents of responses.
        image : array, shape (n_candidates, n_latents)
            Latents of images.
        repetitions : float
            Of how many trials each response is the mean.

        Returns
        -------
        log_likelihood : array, shape (n_responses, n_candidates)
            Log densities along the axes that images drive.
        """
        covariance = self.errors.covariance(repetitions)
        n_axes = len(covariance)
        measured, predicted = brain[:, :n_axes], image[:, :n_axes]
        return log_density(measured, self.slope * predicted, covariance)

    def concept_likelihood(
        self,
        brain: np.ndarray,
        templates: np.ndarray,
        n_templates=1,
        repetitions: float = 1,
    ) -> np.ndarray:
        """Return the log likelihood of responses to another image of each concept.

        Parameters
        ----------
        brain : array, shape (n_responses, n_latents)
            Latents of responses.
        templates : array, shape (n_concepts, n_latents)
            Mean latents of images of each concept.
        n_templates : int | array of int, shape (n_concepts,)
            Of how many images each template is the mean.
        repetitions : float
            Of how many trials each response is the mean.

        Returns
        -------
        log_likelihood : array, shape (n_responses, n_concepts)
            Log densities along the axes that images drive.
        """
        if self.concepts is None:
            raise ValueError("The concepts of training images are not known.")
        n_axes = len(self.errors.extra)
        return self.concepts.log_density(
            brain[:, :n_axes],
            self.slope * templates[:, :n_axes],
            np.broadcast_to(n_templates, len(templates)),
            self.errors.covariance(repetitions),
            self.slope,
        )
