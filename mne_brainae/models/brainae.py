"""The BrainAE model: an autoencoder of brain responses, aligned with images."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import torch

from ..images import ImageEncoder
from ..nn.decoders import BRAIN_DECODERS
from ..nn.encoders import BRAIN_ENCODERS
from ..nn.tsconv import UPSAMPLINGS
from ..utils.checks import check_device, check_folder_for_arrays, logger
from ..utils.constraints import integer, options, real
from ..utils.docs import fill_doc
from .directions import CompletesRecordings, EmbedsResponses, PredictsResponses
from .parts import Losses, Training
from .trained import TrainedModel, held_out_noise
from .training_set import TrainingSet

#: The sizes k, m1, m2 and s of Table 6.
SIZES = ("n_kernels", "kernel_length", "pool_length", "pool_stride")


@fill_doc
class BrainAE(PredictsResponses, EmbedsResponses, CompletesRecordings, TrainedModel):
    """One latent space for brain responses and the images that evoked them.

    A brain encoder and an image projection map responses and images into a shared
    space, a brain decoder maps points of that space to responses. Once fitted, the
    model predicts responses to images (encoding), identifies images from responses
    (decoding) and completes partial recordings (reconstruction).

    Parameters
    ----------
    brain_encoder : str | Module
        ``"tsconv"`` (Table 6), ``"linear"`` (one layer), ``"nice"`` and ``"atm"``; of
        braindecode ``"shallow"``, ``"deep4"``, ``"eegnet"`` and ``"conformer"``
        (Table 5); or a module that maps (n, n_channels, n_times) to (n, n_embedding). A
        window of one sample takes the linear pair.
    brain_decoder : ``"tsconv"`` | ``"linear"`` | Module
        Table 7 (the mirror), one linear layer, or a module that maps (n, n_embedding)
        to (n, n_channels, n_times).
    image_encoder : str | ImageEncoder | callable
        What turns images into features when ``images`` are images: ``"gabor"``, the
        name of a network such as ``"clip-vit-l-14"``, or an
        :class:`mne_brainae.ImageEncoder` with the layers to take; see
        :func:`mne_brainae.compute_image_features`. New images pass the same.
    spatial_window : ``"auto"`` | tuple of float | None
        As in :class:`mne_brainae.LinearBrainAE`.
    image_projection : ``"linear"`` | ``"identity"`` | Module
        What maps features into the shared space.
    n_embedding : int
        Dimension F of the shared space.
    n_kernels, kernel_length, pool_length, pool_stride : int
        The sizes k, m1, m2 and s of Table 6.
    inner_activation : bool
        Whether batch normalization and ELU stand between temporal and spatial
        convolution (section 3.3.1); without them training is far faster.
    upsampling : ``"nearest"`` | ``"linear"``
        How the decoder comes from steps to samples; ``"nearest"`` trains faster.
    losses : instance of Losses | None
        What is minimized; None is the four terms of the paper with weight 1.
    training : instance of Training | None
        How it is trained; None takes the settings of the paper.
    standardize : ``"channel"`` | ``"evoked"``
        Whether every channel's mean is subtracted inside, or the mean response. Both
        divide by the channel's standard deviation and are undone on the way out.
    mask_augmentation : float
        Share of the responses of every batch of which the encoder sees a part only,
        under masks of all kinds and ratios, while all is to be reconstructed. It helps
        ``reconstruct`` where half or more is missing, and 0 is off. Training is plain
        with it; the epoch is chosen on whole responses.
    imputation : ``"mean"`` | ``"gaussian"``
        As in :class:`mne_brainae.LinearBrainAE`.
    %(picks)s
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    history_ : DataFrame, shape (n_epochs, n_terms)
        Every loss term for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept.
    spatial_window_ : tuple of float | None
        The window in use.
    temperature_ : float
        The temperature in use, learned or fixed.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.fit : Fit a model by a named recipe.
    mne_brainae.Training : How it is trained.
    mne_brainae.Losses : What it minimizes.

    References
    ----------
    BrainAE: alignment-driven autoencoder for bidirectional visual encoding and
    decoding, sections 3 and 4, appendices D and E.

    Examples
    --------
    >>> import mne_brainae
    >>> model = mne_brainae.BrainAE(training=mne_brainae.Training(max_epochs=10))
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        "brain_encoder": [options(*BRAIN_ENCODERS), torch.nn.Module],
        "brain_decoder": [options(*BRAIN_DECODERS), torch.nn.Module],
        "image_encoder": [str, ImageEncoder, callable],
        "spatial_window": [options("auto"), tuple, list, None],
        "image_projection": [options("linear", "identity"), torch.nn.Module],
        "n_embedding": [integer(1)],
        **{size: [integer(1)] for size in SIZES},
        "inner_activation": ["boolean"],
        "upsampling": [options(*UPSAMPLINGS)],
        "losses": [Losses, None],
        "training": [Training, None],
        "standardize": [options("channel", "evoked")],
        "mask_augmentation": [real(0, 1)],
        "imputation": [options("mean", "gaussian")],
        "device": [str],
    }

    def __init__(
        self,
        *,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_encoder="gabor",
        spatial_window=None,
        image_projection="linear",
        n_embedding=1024,
        n_kernels=40,
        kernel_length=26,
        pool_length=5,
        pool_stride=5,
        inner_activation=True,
        upsampling="nearest",
        losses=None,
        training=None,
        standardize="channel",
        mask_augmentation=0.0,
        imputation="mean",
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        self.brain_encoder = brain_encoder
        self.brain_decoder = brain_decoder
        self.image_encoder = image_encoder
        self.spatial_window = spatial_window
        self.image_projection = image_projection
        self.n_embedding = n_embedding
        self.n_kernels = n_kernels
        self.kernel_length = kernel_length
        self.pool_length = pool_length
        self.pool_stride = pool_stride
        self.inner_activation = inner_activation
        self.upsampling = upsampling
        self.losses = losses
        self.training = training
        self.standardize = standardize
        self.mask_augmentation = mask_augmentation
        self.imputation = imputation
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together."""
        super().check()
        check_device(self.device)
        check_folder_for_arrays(self._training.memory_map)
        if self.mask_augmentation and self._training.computation == "fast":
            raise ValueError(
                "mask_augmentation shows the encoder something else than it is to "
                "bring back, which computation='fast' cannot. Take 'auto' or 'plain'."
            )

    def _read(self, epochs, images, seed=None, **how) -> TrainingSet:
        return super()._read(epochs, images, seed, needs_images=False, **how)

    def _sizes(self, data: TrainingSet) -> dict:
        n_channels, n_times = data.shape
        encoder, decoder = self.brain_encoder, self.brain_decoder
        if n_times == 1 and "tsconv" in (encoder, decoder):
            logger.info("One sample per epoch: taking the linear encoder and decoder.")
            encoder = "linear" if encoder == "tsconv" else encoder
            decoder = "linear" if decoder == "tsconv" else decoder
        n_embedding = self.n_embedding
        if self.image_projection == "identity" and data.n_features is not None:
            n_embedding = data.n_features
        return {
            "n_channels": n_channels,
            "n_times": n_times,
            "n_image_features": data.n_features,
            "n_embedding": n_embedding,
            "brain_encoder": encoder,
            "brain_decoder": decoder,
            "image_projection": self.image_projection,
            "convolution": {name: getattr(self, name) for name in SIZES}
            | {"inner_activation": self.inner_activation},
            "upsampling": self.upsampling,
        }

    def _learn_rest(self, data: TrainingSet, network) -> dict:
        learned = {"noise_axes": held_out_noise(data, network)}
        if self.imputation == "gaussian":
            learned["imputer"] = data.learn_imputer()
        return learned
