"""The network: brain encoder, brain decoder and image projection (Figure 1a)."""

# License: BSD-3-Clause

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .decoders import BRAIN_DECODERS
from .encoders import BRAIN_ENCODERS


class BrainAENetwork(nn.Module):
    """Brain responses and image features in one shared space.

    Parameters
    ----------
    brain_encoder : Module
        Maps (n_batch, n_channels, n_times) to (n_batch, n_embedding).
    brain_decoder : Module
        Maps (n_batch, n_embedding) to (n_batch, n_channels, n_times).
    image_projection : Module | None
        Maps (n_batch, n_image_features) to (n_batch, n_embedding).
    """

    def __init__(
        self,
        brain_encoder: nn.Module,
        brain_decoder: nn.Module,
        image_projection: nn.Module | None,
    ):
        super().__init__()
        self.brain_encoder = brain_encoder
        self.brain_decoder = brain_decoder
        self.image_projection = image_projection
        self.spec: dict = {}

    def embed_brain(self, brain: Tensor) -> Tensor:
        """Map brain responses into the shared space."""
        return self.brain_encoder(brain)

    def embed_image(self, image: Tensor) -> Tensor:
        """Map image features into the shared space."""
        return self.image_projection(image)

    def decode(self, embedding: Tensor) -> Tensor:
        """Map points of the shared space to brain responses."""
        return self.brain_decoder(embedding)

    def squared_error(self, embedding: Tensor, brain: Tensor) -> Tensor:
        """Return the mean squared error of decoding (equations 3 and 4)."""
        return F.mse_loss(self.decode(embedding), brain)

    def arrange(self, brain: Tensor, zeros=None) -> Tensor:
        """Lay responses of shape (n, n_channels, n_times) out for training."""
        return brain

    @torch.no_grad()
    def load_affine(self, image, encoder, decoder) -> None:
        """Set the weights and biases of a network whose parts are all linear.

        Parameters
        ----------
        image, encoder, decoder : tuple of array
            Weight and bias of image projection, brain encoder and brain decoder.
        """
        layers = (self.image_projection, self.brain_encoder[-1], self.brain_decoder[0])
        for layer, given in zip(layers, (image, encoder, decoder), strict=True):
            for parameter, values in zip(
                (layer.weight, layer.bias), given, strict=True
            ):
                parameter.copy_(torch.from_numpy(values))


def build_network(
    *,
    n_channels: int,
    n_times: int,
    n_image_features: int | None,
    n_embedding: int,
    brain_encoder: str | nn.Module,
    brain_decoder: str | nn.Module,
    image_projection: str | nn.Module,
    convolution: dict | None = None,
    upsampling: str = "nearest",
) -> BrainAENetwork:
    """Build a network for recordings and image features of any size.

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_image_features : int | None
        Size of one image's features, None for a network without images.
    n_embedding : int
        Dimension F of the shared space.
    brain_encoder, brain_decoder : str | Module
        A name of ``BRAIN_ENCODERS`` and ``BRAIN_DECODERS``, or a module of one's own,
        which is copied.
    image_projection : str | Module
        ``"linear"``, ``"identity"`` (the features are the shared space), or a module.
    convolution : dict
        Options of the temporal-spatial convolution.
    upsampling : ``"nearest"`` | ``"linear"``
        That of the decoder with this convolution.

    Returns
    -------
    network : instance of BrainAENetwork
        The network. Modules whose output has another shape than the network needs are
        a ValueError.
    """
    spec = dict(locals())
    convolution = convolution or {}
    size = (n_channels, n_times, n_embedding)
    encoder = _build(brain_encoder, BRAIN_ENCODERS, size, convolution)
    mirror = convolution | {"upsampling": upsampling}
    decoder = _build(brain_decoder, BRAIN_DECODERS, size, mirror)
    projection = _build_projection(image_projection, n_image_features, n_embedding)
    network = BrainAENetwork(encoder, decoder, projection)
    network.spec = spec
    brain, latent = torch.zeros(2, n_channels, n_times), torch.zeros(2, n_embedding)
    if encoder is not None:
        _check_shape("brain_encoder", encoder, brain, latent)
    if decoder is not None:
        _check_shape("brain_decoder", decoder, latent, brain)
    if projection is not None:
        image = torch.zeros(2, n_image_features)
        _check_shape("image_projection", projection, image, latent)
    return network


def _build(choice, registry: dict, size: tuple, convolution: dict) -> nn.Module:
    if choice is None:
        return None
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    options = convolution if choice == "tsconv" else {}
    return registry[choice](*size, **options)


def _build_projection(choice, n_image_features, n_embedding) -> nn.Module | None:
    if n_image_features is None:
        return None
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    if choice == "identity":
        return nn.Identity()
    return nn.Linear(n_image_features, n_embedding)


@torch.no_grad()
def _check_shape(name: str, module: nn.Module, given: Tensor, wanted: Tensor) -> None:
    training = module.training
    result = module.eval()(given)
    module.train(training)
    if result.shape != wanted.shape:
        raise ValueError(
            f"{name} maps {tuple(given.shape)} to {tuple(result.shape)}, expected "
            f"{tuple(wanted.shape)}. Change the module or n_embedding."
        )
