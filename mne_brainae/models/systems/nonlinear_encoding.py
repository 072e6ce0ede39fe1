"""The brain decoder alone, without alignment."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import torch

from ...images import ImageEncoder
from ...images.built_in import PIXELS
from ...images.weights import explain_mismatch, local_weights, read_weights
from ...nn.choice import check_choice, split_choice
from ...nn.convnet import ARCHITECTURE, width_of
from ...nn.decoders import BRAIN_DECODERS
from ...nn.network import REGISTRIES, BrainAENetwork
from ...nn.projections import IMAGE_PROJECTIONS
from ...utils.constraints import integer, options
from ...utils.docs import fill_doc
from ..brainae import SIZES, check_identity
from ..decoding import IdentifiesImages
from ..encoding import PredictsResponses
from ..feature_weights import know_versions
from ..parts import Losses, Training
from ..trained import TrainedModel
from ..training_set import TrainingSet

PROJECTIONS = (*(name for name in IMAGE_PROJECTIONS if name != "squares"), "convnet")


@fill_doc
class NonlinearEncodingModel(PredictsResponses, IdentifiesImages, TrainedModel):
    """Train the brain decoder on image features (Nonlinear Dec of Table 1).

    It is the BrainAE whose objective is equation 4 alone: no brain encoder, and so no
    alignment. What the other terms add is the difference between the two. Images are
    identified by their predicted responses.

    Parameters
    ----------
    brain_decoder : ``"tsconv"`` | ``"linear"`` | Module
        Table 7, one linear layer, or a module that maps (n, n_embedding) to
        (n, n_channels, n_times).
    image_encoder, image_projection, n_embedding : str | callable | Module | int
        As in :class:`mne_brainae.BrainAE`; and ``image_projection="convnet"`` with
        ``image_encoder="pixels"`` is a network that is trained from end to end,
        ``{"convnet": {"architecture": "resnet50", "weights": "file.pth"}}`` another
        one, from weights of torchvision. ``recipe="end_to_end"`` trains it as Gifford
        et al. (2022) do.
    n_kernels, kernel_length, pool_length, pool_stride : int
        The sizes k, m1, m2 and s of Table 7.
    training : instance of Training | None
        How it is trained; None takes the settings of the paper.
    standardize : ``"channel"`` | ``"evoked"``
        As in :class:`mne_brainae.BrainAE`.
    %(picks)s
    device : str
        As in :class:`mne_brainae.BrainAE`.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    history_ : DataFrame, shape (n_epochs, n_terms)
        The loss for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept.
    selection_ : str
        How it was chosen, in words.

    See Also
    --------
    mne_brainae.LinearEncodingModel
    mne_brainae.RidgeModel
    mne_brainae.encoding_systems

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.NonlinearEncodingModel()
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        "brain_decoder": [options(*BRAIN_DECODERS), torch.nn.Module],
        "image_encoder": [str, ImageEncoder, callable],
        "image_projection": [options(*PROJECTIONS), dict, torch.nn.Module],
        "n_embedding": [integer(1), None],
        **{size: [integer(1)] for size in SIZES},
        "training": [Training, None],
        "standardize": [options("channel", "evoked")],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        brain_decoder="tsconv",
        image_encoder="gabor",
        image_projection="linear",
        n_embedding=None,
        n_kernels=40,
        kernel_length=26,
        pool_length=5,
        pool_stride=5,
        training=None,
        standardize="channel",
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        self.brain_decoder = brain_decoder
        self.image_encoder = image_encoder
        self.image_projection = image_projection
        self.n_embedding = n_embedding
        self.n_kernels = n_kernels
        self.kernel_length = kernel_length
        self.pool_length = pool_length
        self.pool_stride = pool_stride
        self.training = training
        self.standardize = standardize
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Raises
        ------
        ValueError
            If a parameter is impossible, or a network of pixels is given features or
            another image projection pixels.

        Examples
        --------
        >>> mne_brainae.NonlinearEncodingModel().check()
        """
        super().check()
        check_identity(self.image_projection, self.n_embedding)
        known = REGISTRIES["image_projection"]
        check_choice("image_projection", self.image_projection, known, PROJECTIONS)
        encoder = self.image_encoder
        sees_pixels = getattr(encoder, "name", encoder) == PIXELS
        if (self._convnet is not None) != sees_pixels:
            raise ValueError(
                "image_projection='convnet' and image_encoder='pixels' go together: "
                "take both, as recipe='end_to_end' does, or none."
            )

    @property
    def _losses(self) -> Losses:
        return Losses(contrastive=0.0, feature=0.0, recon_brain=0.0)

    @property
    def _convnet(self) -> dict | None:
        """The options of the network that is trained on pixels, if there is one."""
        if not isinstance(self.image_projection, str | dict):
            return None
        name, options = split_choice(self.image_projection)
        return options if name == "convnet" else None

    def _read(self, epochs, images, seed=None, **how) -> TrainingSet:
        # Pixels come as networks expect them.
        how |= {"standardize_images": self._convnet is None}
        return super()._read(epochs, images, seed, **how)

    def _build(self, data: TrainingSet) -> BrainAENetwork:
        network = super()._build(data)
        weights = (self._convnet or {}).get("weights")
        if weights is not None:
            found = read_weights(local_weights(weights))
            with explain_mismatch(weights, type(network.image_projection).__name__):
                network.image_projection.load(found)
        return network

    def _sizes(self, data: TrainingSet) -> dict:
        n_channels, n_times = data.shape
        decoder = self.brain_decoder
        if n_times == 1 and decoder == "tsconv":
            decoder = "linear"
        n_embedding = 1024 if self.n_embedding is None else self.n_embedding
        if self.image_projection == "identity":
            n_embedding = data.n_features
        elif self._convnet is not None and self.n_embedding is None:
            n_embedding = width_of(self._convnet.get("architecture", ARCHITECTURE))
        return {
            "n_channels": n_channels,
            "n_times": n_times,
            "n_image_features": data.n_features,
            "n_embedding": n_embedding,
            "brain_encoder": None,
            "brain_decoder": decoder,
            "image_projection": know_versions(self.image_projection, data.columns),
            "convolution": {name: getattr(self, name) for name in SIZES},
        }
