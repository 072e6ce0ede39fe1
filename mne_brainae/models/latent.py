"""The fitted shared space as a value: arrays in, arrays out."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import mne
import numpy as np
import pandas as pd
import torch
from torch import nn

from ..images import ImageEncoder
from ..images.pairing import ImageNames
from ..images.sketches import Copies, sketch
from ..nn.added import without_added
from ..nn.fast.frozen import convolves, freeze
from ..nn.fast.precision import Precision
from ..nn.network import BrainAENetwork
from ..preprocessing.imputation import Imputer
from ..preprocessing.scaling import Scaler
from ..scoring.comparison import Comparison, blocks
from ..scoring.correlation import unit_rows
from ..scoring.identification import cosine_similarity, log_likelihood
from ..utils.checks import five
from ..utils.torch_state import exact, threads
from ..utils.transfer import send
from .candidates import Candidates
from .linear_gaussian.bands import Bands
from .linear_gaussian.likelihood import ConceptLaw, ErrorLaw, log_density
from .linear_gaussian.novelty import Novelty
from .trial_noise import TrialNoise

BATCH = 512  # rows per forward pass
CPU = torch.device("cpu")
#: Rows that one thread passes on sooner than several that wait for each other.
SMALL_BYTES = 2**20
#: Values of measured and of predicted responses that are compared at once.
MEASURED, PREDICTED = 2**26, 2**24


@dataclass
class Latent:
    """One space of brain responses and image features.

    Parameters
    ----------
    network : instance of BrainAENetwork
        Brain encoder, brain decoder and image projection, in evaluation mode. A part
        that a model does not have is None.
    info : instance of Info
        The channels.
    times : array, shape (n_times,)
        The times in seconds.
    mean_response : array, shape (n_channels, n_times)
        The mean training response in SI units.
    brain_scaler : instance of Scaler
        Standardizes responses.
    image_scaler : instance of Scaler | None
        Standardizes image features; None where the model was fitted without images.
    feature_names : list of str | None
        The names of the image features.
    train_images : list of str
        The images seen in fit, those held out for validation included.
    train_sketches : array, shape (n_images, 8) | None
        What tells the features of these images from those of others, see
        :func:`mne_brainae.images.sketches.sketch`; None without images.
    image_encoder : str | ImageEncoder | callable | None
        What turns images into features; None where features were given ready.
    noise_axes : array, shape (n_values, n_axes) | None
        Axes along which errors of predicted responses are white; None where none were
        learned.
    slope : float
        The part of the predicted deviation from the mean response that holds for images
        held out.
    completes_linearly : bool
        Whether responses are completed by the fixed linear parts of the network alone.
    errors : instance of ErrorLaw | None
        How far responses lie from their images in the shared space, by the number of
        repetitions averaged; it is known in the closed form.
    concepts : instance of ConceptLaw | None
        How far images of one concept lie apart in the shared space.
    bands : instance of Bands | None
        How far responses lie from their prediction at every channel and time.
    novelty : instance of Novelty | None
        Whether the image of a response is among candidates.
    concept_novelty : instance of Novelty | None
        Whether its concept is among candidates.
    distances : array, shape (n_quantiles,) | None
        Quantiles of the squared distances of held-out training responses from their
        prediction, in units of the covariance of the errors.
    trial_noise : instance of TrialNoise | None
        The noise of single trials; None where it was not to be kept.
    imputer : instance of Imputer | None
        Fills missing entries; None puts the mean there.
    baseline : tuple | None
        The baseline of the responses in seconds.
    n_averaged : float
        Of how many trials a response to learn from was the mean.
    subjects : list of str | None
        The subjects that the brain encoder knows one from another; None where it does
        not ask.
    """

    network: BrainAENetwork
    info: mne.Info
    times: np.ndarray
    mean_response: np.ndarray
    brain_scaler: Scaler
    image_scaler: Scaler | None = None
    feature_names: list[str] | None = None
    train_images: list[str] = field(default_factory=list)
    train_sketches: np.ndarray | None = None
    image_encoder: str | ImageEncoder | Callable | None = None
    noise_axes: np.ndarray | None = None
    imputer: Imputer | None = None
    slope: float = 1.0
    completes_linearly: bool = False
    errors: ErrorLaw | None = None
    concepts: ConceptLaw | None = None
    bands: Bands | None = None
    novelty: Novelty | None = None
    concept_novelty: Novelty | None = None
    distances: np.ndarray | None = None
    trial_noise: TrialNoise | None = None
    baseline: tuple | None = None
    n_averaged: float = 1.0
    subjects: list[str] | None = None

    def __post_init__(self):
        self.network.eval()
        self._frozen = freeze(self.network)  # the same maps, faster
        self._columns = None  # of features that were found to be those of the fit
        self.kept: Candidates | None = None  # those that were embedded last

    # -- where it computes -------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the network is, and what it maps is computed."""
        return device_of(self.network)

    def to(self, device: torch.device, precision: str = "float32") -> None:
        """Move the network to a device. Arrays come and go on the host."""
        rounds = convolves(self.network)
        if precision == "bf16" and not rounds:
            raise ValueError(
                "precision='bf16' needs the temporal-spatial convolution as "
                "brain_encoder. Use precision='float32' or 'auto' for this model."
            )
        named = Precision.named(precision if rounds else "float32", device)
        self.network.to(device)
        self._frozen = freeze(self.network, named)  # no kernels of the former device
        self.kept = None

    @cached_property
    def kinds(self) -> np.ndarray:
        """The types of the channels, shape (n_channels,)."""
        return np.array(self.info.get_channel_types())

    # -- what it can do ---------------------------------------------------------------

    @property
    def similarities(self) -> tuple[str, ...]:
        """The ways to compare responses with images, the usual one first."""
        network = self.network
        if network.image_projection is None:
            return ()
        embeds, decodes = network.brain_encoder, network.brain_decoder
        ways = ["cosine"] if embeds is not None else []
        if decodes is not None:
            ways += ["encoding"]
            ways += ["likelihood"] if self.knows_noise else []
        return tuple(ways)

    @property
    def knows_noise(self) -> bool:
        """Whether a likelihood of responses given an image is known."""
        return self.errors is not None or self.noise_axes is not None

    @property
    def n_embedding(self) -> int:
        """The dimension of the shared space."""
        if self.image_scaler is not None:
            return self.embed_features(self.image_scaler.mean[None]).shape[1]
        return self.embed_brain(self.mean_response[None]).shape[1]

    # -- into the space, and out of it ------------------------------------------------

    def embed_brain(
        self, data: np.ndarray, subject: np.ndarray | None = None
    ) -> np.ndarray:
        """Map responses into the shared space.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Responses in SI units.
        subject : array of int, shape (n_epochs,) | None
            Which of :attr:`subjects` each response is of, -1 for another one; None
            where the brain encoder does not ask, or for others.

        Returns
        -------
        z : array, shape (n_epochs, n_embedding)
            Their embeddings.
        """
        rows = self.brain_scaler.transform(np.asarray(data, np.float32))
        known = {} if subject is None else {"subject": subject}
        return apply(self._frozen.embed_brain, rows, self.device, **known)

    def embed_features(self, features: np.ndarray) -> np.ndarray:
        """Map image features into the shared space.

        Parameters
        ----------
        features : array, shape (n_images, n_features)
            Features as the image encoder gives them.

        Returns
        -------
        z : array, shape (n_images, n_embedding)
            Their embeddings.
        """
        rows = self.image_scaler.transform(np.asarray(features, np.float32))
        return apply(self._frozen.embed_image, rows, self.device)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Map points of the shared space to responses.

        Parameters
        ----------
        z : array, shape (n, n_embedding)
            Embeddings of responses or images.

        Returns
        -------
        data : array, shape (n, n_channels, n_times)
            Responses in SI units.
        """
        return self.brain_scaler.inverse_transform(self._decode_standardized(z))

    def _decode_standardized(self, z: np.ndarray) -> np.ndarray:
        # pandas hands out read-only views, which PyTorch does not take.
        return apply(self._frozen.decode, np.array(z, np.float32), self.device)

    def predict(self, z_image: np.ndarray) -> np.ndarray:
        """Predict the responses to images.

        Parameters
        ----------
        z_image : array, shape (n_images, n_embedding)
            Embeddings of the images.

        Returns
        -------
        data : array, shape (n_images, n_channels, n_times)
            Responses in SI units: the mean response, and the part of the deviation from
            it that holds for images held out.
        """
        return self.brain_scaler.inverse_transform(self._predict_standardized(z_image))

    def _predict_standardized(self, z_image: np.ndarray) -> np.ndarray:
        decoded = self._decode_standardized(z_image)
        if self.slope == 1:
            return decoded
        mean = self.brain_scaler.transform(self.mean_response.astype(np.float32))
        return mean + np.float32(self.slope) * (decoded - mean)

    def half_width(
        self, level: float, n_averaged: float | None = None, n_images: int = 1
    ) -> np.ndarray:
        """Return half the width of a band around a predicted response.

        Parameters
        ----------
        level : float
            The share of responses that lie within.
        n_averaged : float | None
            For the mean of so many trials; None is for the response itself.
        n_images : int
            Of how many images the prediction is the mean.

        Returns
        -------
        half_width : array, shape (n_channels, n_times)
            Half the width in SI units.
        """
        if self.bands is None:
            raise RuntimeError(
                "The model does not know how far responses lie from its prediction. "
                "Fit recipe 'best' or 'linear', which learn it from held-out images."
            )
        found = self.bands.half_width(level, n_averaged, n_images)
        return found * self.brain_scaler.scale

    def fill(self, data: np.ndarray) -> np.ndarray:
        """Replace what is missing by what the rest of the response makes expected.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Responses in SI units. What is missing is NaN.

        Returns
        -------
        data : array, shape (n_epochs, n_channels, n_times)
            The same array where nothing is missing, or else a copy.
        """
        missing = np.isnan(data)
        if not missing.any():
            return data
        rows = self._fill_standardized(data)
        return np.where(missing, self.brain_scaler.inverse_transform(rows), data)

    def _fill_standardized(self, data: np.ndarray) -> np.ndarray:
        rows = self.brain_scaler.transform(np.asarray(data, np.float32))
        if self.imputer is not None:
            rows = self.imputer.fill(rows)
        rows[np.isnan(rows)] = 0.0  # the mean
        return rows

    def complete(self, data: np.ndarray) -> np.ndarray:
        """Complete responses of which entries are missing.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Responses in SI units. What is missing is NaN.

        Returns
        -------
        data : array, shape (n_epochs, n_channels, n_times)
            Whole responses in SI units, observed entries predicted, too.
        """
        missing, rows = np.isnan(data), self._fill_standardized(data)
        whole = self.brain_scaler.inverse_transform(self._rebuild(rows))
        if self.imputer is not None:
            whole[missing] = self.brain_scaler.inverse_transform(rows)[missing]
        return whole

    def _rebuild(self, rows: np.ndarray) -> np.ndarray:
        """Pass standardized responses through the shared space."""
        there = self.device
        if not self.completes_linearly:
            z = apply(self._frozen.embed_brain, rows, there)
            return self._decode_standardized(z)
        z = apply(without_added(self.network.brain_encoder), rows, there)
        return apply(without_added(self.network.brain_decoder), z, there)

    # -- responses beside images ------------------------------------------------------

    def compare(
        self,
        data: np.ndarray,
        z_image: np.ndarray,
        similarity: str,
        *,
        repetitions: np.ndarray | None = None,
        n_templates: np.ndarray | None = None,
        subject: np.ndarray | None = None,
    ) -> Comparison:
        """Compare every response with every image or concept.

        Parameters
        ----------
        data : array, shape (n_epochs, n_channels, n_times)
            Responses in SI units.
        z_image : array, shape (n_candidates, n_embedding)
            Embeddings of the candidates.
        similarity : str
            One of :attr:`similarities`.
        repetitions : array, shape (n_epochs,) | None
            Of how many trials each response is the mean; None is one.
        n_templates : array, shape (n_candidates,) | None
            Of how many other images of a concept each candidate is the mean; None where
            candidates are the images themselves.
        subject : array of int, shape (n_epochs,) | None
            As in :meth:`embed_brain`.

        Returns
        -------
        comparison : instance of Comparison
            The similarities, computed block by block when they are read.
        """
        z_image = np.asarray(z_image, np.float32)
        if similarity == "cosine":
            z_brain = self.embed_brain(data, subject)
            return Comparison(cosine_similarity, z_brain, z_image)
        if similarity == "likelihood" and self.errors is not None:
            measured = self._beside(self.embed_brain(data), repetitions, 1)
            expected = self._beside(z_image, n_templates, 0)
            return Comparison(self._likelihood_of_errors, measured, expected)
        measured = self.brain_scaler.transform(np.asarray(data, np.float32))
        measured = measured.reshape(len(measured), -1)  # (n_epochs, n_values)
        if similarity == "encoding":
            return Comparison(self._correlate_with_predicted, measured, z_image)
        measured = measured @ self.noise_axes
        return Comparison(self._likelihood_of_predicted, measured, z_image)

    def _beside(self, z: np.ndarray, counts, otherwise: int) -> np.ndarray:
        """Return the signal axes of embeddings, and a count in a last column."""
        counts = np.full(len(z), otherwise) if counts is None else np.asarray(counts)
        return np.column_stack([z[:, : len(self.errors.extra)], counts])

    def _likelihood_of_errors(self, measured, candidates) -> np.ndarray:
        """Return log densities; the covariance depends on both last columns."""
        found = np.empty((len(measured), len(candidates)))
        n_templates, slope = candidates[:, -1], self.errors.slope
        for repetitions in np.unique(measured[:, -1]):
            rows = measured[:, -1] == repetitions
            given = measured[rows, :-1], slope * candidates[:, :-1]
            of_errors = self.errors.covariance(repetitions)
            if self.concepts is not None and n_templates.any():
                how = n_templates, of_errors, slope
                found[rows] = self.concepts.log_density(*given, *how)
            else:
                found[rows] = log_density(*given, of_errors)
        return found

    def log_norms(self, repetitions: np.ndarray) -> np.ndarray:
        """Return the log density of responses at their prediction.

        Parameters
        ----------
        repetitions : array, shape (n_epochs,)
            Of how many trials each response is the mean.

        Returns
        -------
        log_norms : array, shape (n_epochs,)
            -log |2 pi S_m| / 2.
        """
        counts, of = np.unique(repetitions, return_inverse=True)
        covariances = [self.errors.covariance(count) for count in counts]
        each = [-np.linalg.slogdet(2 * np.pi * S)[1] / 2 for S in covariances]
        return np.array(each)[of]

    def none_of_these(
        self,
        novelty: Novelty,
        density: np.ndarray,
        data: np.ndarray,
        repetitions: np.ndarray,
    ) -> np.ndarray:
        """Return log densities of responses to what is not among the candidates.

        Parameters
        ----------
        novelty : instance of Novelty
            The law: :attr:`novelty` of images or :attr:`concept_novelty`.
        density : array, shape (n_epochs, n_candidates)
            Log densities given the candidates.
        data : array, shape (n_epochs, n_channels, n_times)
            Responses in SI units.
        repetitions : array, shape (n_epochs,)
            Of how many trials each response is the mean.

        Returns
        -------
        log_density : array, shape (n_epochs,)
            As :meth:`.Novelty.of_none` returns it.
        """
        measured = self.embed_brain(data)[:, : len(self.errors.extra)]
        repetitions = np.broadcast_to(repetitions, len(measured))
        found = np.empty(len(measured))
        for count in np.unique(repetitions):
            rows = repetitions == count
            found[rows] = novelty.of_none(
                density[rows], measured[rows], self.errors.covariance(count)
            )
        return found

    def _correlate_with_predicted(self, measured, z_image) -> np.ndarray:
        """Correlate block by block: predictions of a large gallery fill no memory."""
        r = np.empty((len(measured), len(z_image)))
        n_values = measured.shape[1]
        on_card = self.device.type == "cuda"
        correlate = self._correlate_on_card if on_card else self._correlate
        for rows in blocks(len(measured), max(MEASURED // n_values, 1)):
            units = unit_rows(measured[rows])
            for part in blocks(len(z_image), max(PREDICTED // n_values, 1)):
                r[rows, part] = correlate(units, z_image[part])
        return r

    def _correlate(self, units: np.ndarray, z_image: np.ndarray) -> np.ndarray:
        """Correlate rows of length 1 with the predicted responses to some images."""
        return units @ unit_rows(self._predicted_values(z_image)).T

    @torch.inference_mode()
    def _correlate_on_card(self, units: np.ndarray, z_image: np.ndarray) -> np.ndarray:
        """Do the same on a card, which alone sees the predicted responses."""
        there = self.device
        with exact():
            z = _on(there, np.array(z_image))  # pandas hands out read-only views
            predicted = self._frozen.decode(z).flatten(1).double()
            predicted -= predicted.mean(1, keepdim=True)
            length = predicted.norm(dim=1, keepdim=True)
            predicted /= length.clamp_min(np.finfo(np.float64).tiny)
            return (_on(there, units) @ predicted.T).cpu().numpy()

    def _likelihood_of_predicted(self, measured, z_image) -> np.ndarray:
        size = max(PREDICTED // len(self.noise_axes), 1)
        along = [
            self._predicted_values(z_image[part]) @ self.noise_axes
            for part in blocks(len(z_image), size)
        ]
        return log_likelihood(measured, np.concatenate(along))

    def _predicted_values(self, z_image: np.ndarray) -> np.ndarray:
        predicted = self._decode_standardized(z_image)
        return predicted.reshape(len(predicted), -1)  # (n_images, n_values)

    # -- what was seen in fit ----------------------------------------------------------

    def seen_in_fit(self, names, features: np.ndarray | None = None) -> np.ndarray:
        """Tell which images were seen in fit, whatever they were called there.

        Parameters
        ----------
        names : sequence of str
            The names of some images.
        features : array, shape (n_images, n_features) | None
            Their features; None looks at names alone.

        Returns
        -------
        rows : array of int, shape (n_images,)
            The image of the fit that each one is, by its path with or without suffix
            or, if no path is like it, by equal features; -1 for none.
        """
        known = self._images_of_fit
        found = [known.find_one(name, same_folder=True) for name in names]
        rows = np.array([-1 if row is None else row for row in found], int)
        if features is None or self.train_sketches is None:
            return rows
        found = self._copies_of_fit.find(self.sketch(features))
        return np.where(rows < 0, found, rows)

    @cached_property
    def _images_of_fit(self) -> ImageNames:
        """The names of the images of the fit, among which many are looked up."""
        return ImageNames(self.train_images)

    @cached_property
    def _copies_of_fit(self) -> Copies:
        """The sketches of the images of the fit."""
        return self.copies_of(self.train_sketches)

    def sketch(self, features: np.ndarray) -> np.ndarray:
        """Return what tells images from others, of the features that the model sees."""
        return sketch(self.image_scaler.transform(np.asarray(features, np.float32)))

    def copies_of(self, known: np.ndarray) -> Copies:
        """Return what finds copies of images by their sketches."""
        return Copies(known, self.train_sketches.std(axis=0, dtype=np.float64))

    # -- checks -----------------------------------------------------------------------

    def check_features(self, features: pd.DataFrame) -> None:
        """Refuse image features of other columns than at fit."""
        if features.empty:
            raise ValueError("images are empty, expected at least one image.")
        n_features = len(self.feature_names)
        if features.shape[1] != n_features:
            raise ValueError(
                f"images have {features.shape[1]} features, but the model was fitted "
                f"on {n_features}."
            )
        if features.columns.is_(self._columns):  # an index never changes
            return
        columns = [str(name) for name in features.columns]
        if columns == self.feature_names or are_numbers(columns):
            self._columns = features.columns
            return  # numbers are the names of columns that have none
        if set(columns) == set(self.feature_names):
            raise ValueError("The columns of images are in another order than at fit.")
        if not are_numbers(self.feature_names):
            others = [name for name in columns if name not in self.feature_names]
            raise ValueError(
                f"images have the columns {five(others)}, which the model was not "
                f"fitted on; those were {five(self.feature_names)}. Give features of "
                "the same kind, in the same order."
            )


def are_numbers(columns: list[str]) -> bool:
    """Tell whether columns are named by their numbers, as pandas does unasked."""
    return columns == [str(number) for number in range(len(columns))]


def device_of(network: nn.Module) -> torch.device:
    """Return the device of a network, the CPU for one without parameters."""
    first = next(network.parameters(), None)
    return CPU if first is None else first.device


@torch.inference_mode()
def apply(
    function: Callable,
    rows: np.ndarray,
    device: torch.device = CPU,
    **known: np.ndarray,
) -> np.ndarray:
    """Apply a part of a network to rows and what is known of them, batch by batch.

    Few rows are passed on by one thread.

    Parameters
    ----------
    function : callable
        Maps tensors on the device to a tensor.
    rows : array, shape (n_rows, ...)
        What it is given, some hundred rows at a time.
    device : device
        Where it computes.
    **known : array, shape (n_rows,)
        What else it takes by name.

    Returns
    -------
    found : array, shape (n_rows, ...)
        What it returned.
    """
    found = None
    is_small = device == CPU and rows.nbytes <= SMALL_BYTES
    with exact(), threads(1) if is_small else nullcontext():
        for part in blocks(max(len(rows), 1), BATCH):
            others = {name: _on(device, x[part]) for name, x in known.items()}
            result = function(_on(device, rows[part]), **others)
            if len(rows) <= BATCH:
                return result.cpu().numpy()
            if found is None:
                found = torch.empty(len(rows), *result.shape[1:], dtype=result.dtype)
            found[part] = result
    return found.numpy()


def _on(device: torch.device, values: np.ndarray) -> torch.Tensor:
    return send(torch.from_numpy(values), device)
