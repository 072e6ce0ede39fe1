"""The linear BrainAE: solved in closed form, not trained."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from typing import ClassVar

import numpy as np
import pandas as pd

from ..images import ImageEncoder
from ..nn.network import BrainAENetwork, build_network
from ..utils.checks import (
    check_device,
    check_folder_for_arrays,
    logger,
    seed_from,
    warn,
)
from ..utils.constraints import integer, options
from ..utils.docs import fill_doc
from .decoding import EmbedsResponses
from .encoding import SamplesTrials
from .feature_weights import feature_maps
from .linear_gaussian import ErrorLaw, LinearGaussian, Steps, make_folds, solve
from .linear_gaussian.stack import Stack, solve_stack
from .model import Model
from .reconstruction import CompletesRecordings
from .slope import warn_if_low
from .training_set import TrainingSet

#: Fewer images give little more than chance (see the guide, "What to expect").
FEW_IMAGES = 40


@fill_doc
class LinearBrainAE(SamplesTrials, EmbedsResponses, CompletesRecordings, Model):
    """One latent space for brain responses and images, in closed form.

    The linear encoder, decoder and image projection are solved for in seconds. Images
    are told apart along the few directions of the response that they drive, each with a
    ridge penalty of its own, in units of the noise between repetitions; what the
    prediction does not hold on concepts left out is taken off it.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns images into features when ``images`` are images: ``"gabor"``, the
        name of a network such as ``"clip-vit-l-14"``, or an
        :class:`mne_brainae.ImageEncoder` with the layers to take; see
        :func:`mne_brainae.compute_image_features`. New images pass the same.
    spatial_window : ``"auto"`` | tuple of float | None
        A soft window through which the maps of image features are seen, such as the
        receptive field of neurons or a fixated part: ``(row, column, width)`` as shares
        of the image, or the one of 19 that predicts left-out training images best. For
        responses of one sample ``"auto"`` stacks, for every channel, predictions
        through many windows. None is the whole image. Features without the levels
        ``"row"`` and ``"column"`` have no maps, and none is chosen. The levels
        ``"layer"`` count alike in any case.
    n_embedding : int
        The most dimensions that the shared space has: up to 30 directions that images
        drive, and principal axes of the rest, so that responses can be reconstructed.
    steps : instance of Steps | None
        The steps of the closed form, to leave some out; None is all.
    validation : ``"concept"`` | ``"image"``
        What is held out as a whole in the five folds that judge the prediction. Without
        a metadata column ``"concept"`` it is images.
    imputation : ``"gaussian"`` | ``"mean"``
        What ``reconstruct`` lets the encoder see in place of missing entries: what is
        expected given the observed ones, by probabilistic principal components of the
        training epochs, which is also its answer for them, or the mean.
    %(keep_noise)s
    %(picks)s
    device : str
        Where image features are computed: ``"auto"`` (CUDA, MPS, CPU in this order) or
        a PyTorch device.
    memory_map : path-like | None
        A folder on a disk, where temporary files hold the responses during the fit, for
        recordings larger than memory; None holds them in memory. The weights are the
        same. Give epochs that were read with ``preload=False``. In memory are still
        arrays of 20 values a second for every channel and image.
    random_state : None | int | instance of RandomState
        The seed of the folds; the rest is not random. The default gives the same model
        every time.
    %(verbose)s

    Attributes
    ----------
    slope_ : float
        The part of the prediction that holds for images held out. Near 0, the responses
        do not follow these images. Where windows are stacked for 400 images or more, it
        is by leave-one-out.
    n_signal_ : int
        The number of directions along which images are told apart.
    noise_target_ : str
        What the noise covariance was shrunk to, ``"diagonal"`` or ``"kronecker"``.
    spatial_window_ : tuple of float | None
        The window in use.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.fit : Fit a model by a named recipe.
    mne_brainae.BrainAE : The network, which may start from this model.

    Notes
    -----
    Signal axes are looked for up to 10 Hz, by 20 cosines a second, and where a product
    of channels and times may lie. Where held-out images show that these lose more than
    a tenth of what ridge regression of all samples predicts, as of faster responses,
    axes of that regression are added, and ``selection_`` tells how many.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.LinearBrainAE()
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _learned: ClassVar[tuple[str, ...]] = (
        *Model._learned,
        "n_signal_",
        "noise_target_",
        "slope_",
        "spatial_window_",
    )
    _parameter_constraints: ClassVar[dict] = {
        "image_encoder": [str, ImageEncoder, callable],
        "spatial_window": [options("auto"), tuple, list, None],
        "n_embedding": [integer(1)],
        "steps": [Steps, None],
        "validation": [options("concept", "image")],
        "imputation": [options("mean", "gaussian")],
        "keep_noise": ["boolean"],
        "device": [str],
        "memory_map": [str, os.PathLike, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        image_encoder="gabor",
        spatial_window="auto",
        n_embedding=128,
        steps=None,
        validation="concept",
        imputation="gaussian",
        keep_noise=False,
        picks=None,
        device="auto",
        memory_map=None,
        random_state=0,
        verbose=None,
    ):
        self.image_encoder = image_encoder
        self.spatial_window = spatial_window
        self.n_embedding = n_embedding
        self.steps = steps
        self.validation = validation
        self.imputation = imputation
        self.keep_noise = keep_noise
        self.picks = picks
        self.device = device
        self.memory_map = memory_map
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Examples
        --------
        >>> mne_brainae.LinearBrainAE(n_embedding=16).check()
        """
        super().check()
        check_device(self.device)
        check_folder_for_arrays(self.memory_map)

    def _fit(self, epochs, images) -> None:
        seed = seed_from(self.random_state)
        data = self._read(
            epochs,
            images,
            seed,
            memory_map=self.memory_map,
            stacks_windows=self.spatial_window == "auto",
        )
        learned = self._solve(data, seed)
        if self.imputation == "gaussian":
            learned["imputer"] = data.learn_imputer()
        self.latent_ = data.to_latent(**learned)
        self._say(data)

    def _solve(self, data: TrainingSet, seed: int) -> dict:
        """Learn the fields of the shared space that a training set gives."""
        if data.stacks_windows:
            return self._solve_stack(data, seed)
        return self._fields_of(data, self._solve_axes(data, seed))

    def _solve_axes(
        self, data: TrainingSet, seed: int, *, squares: bool = False
    ) -> LinearGaussian:
        """Solve the closed form.

        ``squares`` adds squares of image features where held-out images gain by them.
        """
        trials, of = data.trials()
        groups = self._groups(data)
        labels = np.unique(groups, return_inverse=True)[1]
        has_concepts = "concept" in data.table
        steps = Steps() if self.steps is None else self.steps
        steps = steps.limited(len(labels), self.n_embedding)
        found = solve(
            data.training.image.numpy(),
            data.training.brain.numpy(),
            duration=data.shape[1] / data.sfreq,
            trials=trials,
            trial_images=of,
            concepts=data.groups("concept") if has_concepts else None,
            folds=make_folds(labels, steps.n_folds, seed),
            n_extra=self.n_embedding - steps.n_prior,
            squares=squares,
            steps=steps,
            folder=data.folder,
        )
        averaged_before = data.averaged_before()
        found.errors.repetitions *= averaged_before
        if found.bands is not None:
            found.bands.repetitions *= averaged_before
            found.bands.noise *= averaged_before
        found.errors.slope = found.slope
        self.spatial_window_ = data.spatial_window
        self.n_signal_, self.slope_ = found.n_signal, found.slope
        self.noise_target_ = found.target
        self.selection_ = f"{found} on {len(data.training)} training images"
        return found

    @staticmethod
    def _fields_of(data: TrainingSet, found: LinearGaussian) -> dict:
        return {
            "network": network_of(data, found),
            "slope": found.slope,
            "errors": found.errors,
            "concepts": found.concepts,
            "bands": found.bands,
            "novelty": found.novelty,
            "concept_novelty": found.concept_novelty,
            "distances": found.distances,
        }

    def _groups(self, data: TrainingSet) -> pd.Series:
        """Return what the folds hold out as a whole.

        Features that are labels are equal for all images of a concept. Without these
        images nothing could be known of the concept, so that images are held out.
        """
        groups = data.groups(self.validation)
        rows = data.training.image.numpy()
        codes = pd.factorize(groups)[0]
        first = np.unique(codes, return_index=True)[1]
        if len(first) < len(rows) and np.array_equal(rows, rows[first][codes]):
            logger.info("Images of a concept have equal features: holding out images.")
            return data.groups("image")
        return groups

    def _solve_stack(self, data: TrainingSet, seed: int) -> dict:
        labels = np.unique(self._groups(data), return_inverse=True)[1]
        n_folds = Steps().n_folds if self.steps is None else self.steps.n_folds
        found = solve_stack(
            data.training.image.numpy(),
            data.training.brain.numpy()[..., 0],
            feature_maps(data.columns),
            folds=make_folds(labels, n_folds, seed),
        )
        self.spatial_window_, self.slope_ = None, found.slope
        self.n_signal_, self.noise_target_ = len(found.mean), "diagonal"
        self.selection_ = (
            f"{len(found.members)} ridge regressions through windows and on layers, "
            f"stacked by leave-one-out, on {len(data.training)} training images"
        )
        repetitions = 1 / np.mean(1 / data.learned["n_averaged"].to_numpy(float))
        found.bands.repetitions = float(repetitions)
        return {
            "network": linear_network(data, *maps_of_stack(found)),
            "slope": found.factor,
            "errors": errors_of_stack(found, float(repetitions)),
            "bands": found.bands,
        }

    def _say(self, data: TrainingSet) -> None:
        logger.info(f"Chose {self.selection_}.")
        n_images = len(data.training)
        if n_images < FEW_IMAGES:
            warn(
                f"The model was fitted on {n_images} images. With fewer than "
                f"{FEW_IMAGES} it can tell only few images apart; show more of them."
            )
        if self.slope_ is not None:
            warn_if_low(self.slope_)


def network_of(data: TrainingSet, found: LinearGaussian) -> BrainAENetwork:
    """Return a closed form as a network, with its squares if it has any.

    Parameters
    ----------
    data : instance of TrainingSet
        The sizes.
    found : instance of LinearGaussian
        The closed form of standardized responses and features.

    Returns
    -------
    network : instance of BrainAENetwork
        The network, in evaluation mode.
    """
    image, encoder, decoder = maps_of(found)
    if found.squares is None:
        return linear_network(data, image, encoder, decoder)
    n_units, n_coordinates = found.squares.directions.shape
    options = {"n_units": n_units, "n_coordinates": n_coordinates}
    network = _build(data, len(image[1]), {"squares": options})
    network.load_affine(None, encoder, decoder)
    network.image_projection.load(**found.image_projection())
    return network.requires_grad_(False).eval()


def maps_of(found: LinearGaussian) -> tuple:
    """Return image projection, encoder and decoder, each as weight and bias.

    Parameters
    ----------
    found : instance of LinearGaussian
        The closed form of standardized responses and features.

    Returns
    -------
    image, encoder, decoder : tuple of array
        Weights and biases in float32.
    """
    mean = found.mean.ravel()
    filters = np.hstack([found.signal_filters(), found.extra_filters])
    patterns = np.hstack([found.signal_patterns(), found.extra_patterns])
    weights = np.hstack([found.weights, found.weights_of_extra()])
    return (
        _float32(weights.T, -(found.feature_mean @ weights)),
        _float32(filters.T, -(mean @ filters)),
        _float32(patterns, mean),
    )


def maps_of_stack(found: Stack) -> tuple:
    """Return the same of a stack, in coordinates in which its errors are white.

    Parameters
    ----------
    found : instance of Stack
        The stack of standardized responses and features.

    Returns
    -------
    image, encoder, decoder : tuple of array
        Weights and biases in float32.
    """
    whiten, color = white_maps(found.errors)
    weights = found.weights @ whiten
    return (
        _float32(weights.T, -(found.feature_mean @ weights)),
        _float32(whiten, -(whiten @ found.mean)),
        _float32(color, found.mean),
    )


def errors_of_stack(found: Stack, repetitions: float) -> ErrorLaw:
    """Return the law of the errors of a stack, which are white there.

    Parameters
    ----------
    found : instance of Stack
        The stack.
    repetitions : float
        Of how many trials the responses are means.

    Returns
    -------
    errors : instance of ErrorLaw
        The law.
    """
    return ErrorLaw(0.0, np.eye(len(found.mean)), repetitions, found.factor)


def white_maps(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric maps to coordinates of variance 1, and back.

    Parameters
    ----------
    covariance : array, shape (n_values, n_values)
        The covariance.

    Returns
    -------
    whiten, color : array, shape (n_values, n_values)
        Its roots, inverse and not.
    """
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-12 * values[-1])
    whiten = (vectors * values**-0.5) @ vectors.T
    return whiten, (vectors * values**0.5) @ vectors.T


def _float32(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.ascontiguousarray(array, np.float32) for array in arrays)


def linear_network(data: TrainingSet, image, encoder, decoder) -> BrainAENetwork:
    """Return three affine maps as a network.

    Parameters
    ----------
    data : instance of TrainingSet
        The sizes.
    image, encoder, decoder : tuple of array
        Weights and biases.

    Returns
    -------
    network : instance of BrainAENetwork
        The network, in evaluation mode.
    """
    network = _build(data, len(image[1]), "linear")
    network.load_affine(image, encoder, decoder)
    return network.eval()


def _build(data: TrainingSet, n_embedding: int, image_projection) -> BrainAENetwork:
    n_channels, n_times = data.shape
    return build_network(
        n_channels=n_channels,
        n_times=n_times,
        n_image_features=data.n_features,
        n_embedding=n_embedding,
        brain_encoder="linear",
        brain_decoder="linear",
        image_projection=image_projection,
    )
