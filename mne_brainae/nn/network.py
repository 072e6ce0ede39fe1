"""The network: brain encoder, brain decoder and image projection (Figure 1a)."""

# License: BSD-3-Clause

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .added import Added
from .choice import split_choice
from .convnet import ConvnetProjection
from .decoders import BRAIN_DECODERS
from .encoders import BRAIN_ENCODERS
from .gaussian import (
    GaussianEncoder,
    gaussian_brain_decoder,
    gaussian_brain_encoder,
)
from .projections import IMAGE_PROJECTIONS
from .squares import SquaredUnits

PARTS = ("brain_encoder", "brain_decoder", "image_projection")
#: All parts by name: those that can be chosen, and those of a system of its own.
REGISTRIES = {
    "brain_encoder": BRAIN_ENCODERS | {"gaussian": gaussian_brain_encoder},
    "brain_decoder": BRAIN_DECODERS | {"gaussian": gaussian_brain_decoder},
    "image_projection": IMAGE_PROJECTIONS
    | {"gaussian": GaussianEncoder, "convnet": ConvnetProjection},
}


class BrainAENetwork(nn.Module):
    """Brain responses and image features in one shared space.

    Parameters
    ----------
    brain_encoder : Module | None
        Maps (n_batch, n_channels, n_times) to (n_batch, n_embedding).
    brain_decoder : Module | None
        Maps (n_batch, n_embedding) to (n_batch, n_channels, n_times).
    image_projection : Module | None
        Maps (n_batch, n_image_features) to (n_batch, n_embedding).
    spec : dict | None
        The arguments of :func:`build_network` that build the same layout.

    Attributes
    ----------
    spec : dict | None
        The same, for files. Its values go through JSON, but for modules of one's own,
        which stand there as they are in the network.
    """

    def __init__(
        self,
        brain_encoder: nn.Module | None,
        brain_decoder: nn.Module | None,
        image_projection: nn.Module | None,
        spec: dict | None = None,
    ):
        super().__init__()
        self.brain_encoder = brain_encoder
        self.brain_decoder = brain_decoder
        self.image_projection = image_projection
        self.spec = spec

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that the network has."""
        return tuple(name for name in PARTS if getattr(self, name) is not None)

    def embed_brain(self, brain: Tensor, **known: Tensor) -> Tensor:
        """Map brain responses, and what else the encoder takes, into the space."""
        return self.brain_encoder(brain, **known)

    def embed_image(self, image: Tensor) -> Tensor:
        """Map image features into the shared space."""
        return self.image_projection(image)

    def decode(self, embedding: Tensor) -> Tensor:
        """Map points of the shared space to brain responses."""
        return self.brain_decoder(embedding)

    def squared_error(self, embedding: Tensor, brain: Tensor) -> Tensor:
        """Return the mean squared error of decoding (equations 3 and 4)."""
        return F.mse_loss(self.decode(embedding), brain)

    def inner_products(self, left: Tensor, right: Tensor) -> Tensor:
        """Multiply every row of one matrix with every row of another (equation 1)."""
        return left @ right.T

    def arrange(self, brain: Tensor, zeros=None) -> Tensor:
        """Lay responses of shape (n, n_channels, n_times) out for training."""
        return brain

    @torch.no_grad()
    def load_affine(self, image, encoder, decoder) -> None:
        """Set the weights and biases of a network whose parts are all linear.

        Parameters
        ----------
        image, encoder, decoder : tuple of array | None
            Weight and bias of image projection, brain encoder and brain decoder. A part
            that the network lacks, or None for it, is passed over.
        """
        given = (image, encoder, decoder)
        parts = (self.image_projection, self.brain_encoder, self.brain_decoder)
        for part, values in zip(parts, given, strict=True):
            if part is None or values is None:
                continue
            (layer,) = (each for each in part.modules() if type(each) is nn.Linear)
            layer.weight.copy_(torch.from_numpy(values[0]))
            layer.bias.copy_(torch.from_numpy(values[1]))


def build_network(
    *,
    n_channels: int,
    n_times: int,
    n_image_features: int | None,
    n_embedding: int,
    brain_encoder: str | dict | nn.Module | None,
    brain_decoder: str | dict | nn.Module | None,
    image_projection: str | dict | nn.Module,
    convolution: dict | None = None,
    upsampling: str = "nearest",
    start: BrainAENetwork | dict | None = None,
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
    brain_encoder, brain_decoder : str | dict | Module | None
        A name of :data:`REGISTRIES`, a name with options as ``{name: options}``, or a
        module of one's own, which is copied. None is a network that does not embed or
        predict responses.
    image_projection : str | dict | Module
        A name of :data:`REGISTRIES`, a name with options, or a module.
    convolution : dict | None
        Options of the temporal-spatial convolution.
    upsampling : ``"nearest"`` | ``"linear"``
        That of the decoder with this convolution.
    start : BrainAENetwork | dict | None
        A network of linear parts to start from, or the ``spec`` of one. A part named
        ``"linear"`` is a fixed copy of its part, and any other part is
        :class:`~mne_brainae.nn.added.Added` to it, except squares, which have a fixed
        linear map of their own.

    Returns
    -------
    network : instance of BrainAENetwork
        The network.

    Raises
    ------
    ValueError
        If the output of a part has another shape than the network needs, or ``start``
        lacks a part that the network has.
    """
    convolution = dict(convolution or {})
    spec = dict(locals())
    if isinstance(start, dict):
        start = build_network(**start)
    size = (n_channels, n_times, n_embedding)
    mirror = convolution | {"upsampling": upsampling}
    parts = {
        "brain_encoder": _build(brain_encoder, "brain_encoder", size, convolution),
        "brain_decoder": _build(brain_decoder, "brain_decoder", size, mirror),
        "image_projection": _build_projection(
            image_projection, n_image_features, n_embedding
        ),
    }
    spec |= {name: _spec_of(spec[name], part) for name, part in parts.items()}
    if start is not None:
        parts = {
            name: _start_from(getattr(start, name), spec[name], part)
            for name, part in parts.items()
        }
        spec["start"] = start.spec
    network = BrainAENetwork(**parts, spec=spec)
    _check_shapes(network)
    return network


def _build(choice, part: str, size: tuple, convolution: dict) -> nn.Module | None:
    if choice is None:
        return None
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    name, options = split_choice(choice)
    shared = convolution if name == "tsconv" else {}
    return REGISTRIES[part][name](*size, **shared | options)


def _build_projection(choice, n_image_features, n_embedding) -> nn.Module | None:
    if n_image_features is None:
        return None
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    name, options = split_choice(choice)
    size = n_image_features, n_embedding
    return REGISTRIES["image_projection"][name](*size, **options)


def _spec_of(choice, part: nn.Module | None):
    """Return what builds the same part: for a module that was given, its copy."""
    if not isinstance(choice, nn.Module):
        return choice
    return part.spec if isinstance(part, SquaredUnits) else part


def _start_from(linear: nn.Module | None, choice, part: nn.Module | None):
    """Return a fixed linear part, or a learned part beside it."""
    if part is None or isinstance(part, SquaredUnits):
        return part
    if linear is None:
        raise ValueError(
            f"start has no part to begin {type(part).__name__} from. Give a network "
            f"that has its {', '.join(PARTS)}."
        )
    fixed = copy.deepcopy(linear).requires_grad_(False)
    return fixed if choice == "linear" else Added(fixed, part)


@torch.no_grad()
def _check_shapes(network: BrainAENetwork) -> None:
    """Raise a ValueError where a part returns another shape than the network needs."""
    spec = network.spec
    brain = (2, spec["n_channels"], spec["n_times"])
    latent, image = (2, spec["n_embedding"]), (2, spec["n_image_features"])
    shapes = ((brain, latent), (latent, brain), (image, latent))
    for name, (given, wanted) in zip(PARTS, shapes, strict=True):
        module = getattr(network, name)
        if module is None:
            continue
        training = module.training
        found = tuple(module.eval()(torch.zeros(given)).shape)
        module.train(training)
        if found != wanted:
            raise ValueError(
                f"{name} maps {given} to {found}, expected {wanted}. Change the module "
                "or n_embedding."
            )
