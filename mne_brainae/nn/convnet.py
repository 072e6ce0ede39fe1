"""A convolutional network of torchvision as image projection, trained end to end."""

# License: BSD-3-Clause

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

#: What Gifford et al. train.
ARCHITECTURE = "alexnet"
#: Modules that end in the layer which names classes.
HEADS = ("fc", "classifier", "head", "heads")


class ConvnetProjection(nn.Module):
    """Map pixels to what a network has before its layer of classes.

    Parameters
    ----------
    n_image_features : int
        The pixels of an image: three square maps of red, green and blue, as
        ``ImageEncoder("pixels")`` gives them.
    n_embedding : int
        The width of that layer, see :func:`width_of`.
    architecture : str
        The name of the network in torchvision.
    weights : str | None
        A file of weights to start from, which :meth:`load` reads; None starts from
        random ones.

    Notes
    -----
    With a linear decoder this is the network that Gifford et al. (2022) train from
    images to responses, the last layer of AlexNet in place of its classes.
    """

    def __init__(
        self,
        n_image_features: int,
        n_embedding: int,
        *,
        architecture: str = ARCHITECTURE,
        weights: str | None = None,
    ):
        super().__init__()
        self.side = math.isqrt(n_image_features // 3)
        if 3 * self.side**2 != n_image_features:
            raise ValueError(
                f"A convolutional network sees three square maps of pixels, and not "
                f"{n_image_features} features. Take image_encoder='pixels'."
            )
        if n_embedding != width_of(architecture):
            raise ValueError(
                f"{architecture} ends in {width_of(architecture)} values, and "
                f"n_embedding is {n_embedding}. Leave n_embedding out."
            )
        self.network = without_classes(architecture)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map (n_batch, 3 * side * side) to (n_batch, n_embedding)."""
        maps = pixels.view(len(pixels), 3, self.side, self.side)
        return self.network(maps)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take the weights of the whole network, without its layer of classes.

        Parameters
        ----------
        weights : dict of Tensor
            The weights by their names in torchvision.
        """
        names = self.network.state_dict()
        self.network.load_state_dict(
            {name: value for name, value in weights.items() if name in names}
        )


def without_classes(architecture: str) -> nn.Module:
    """Build a network without the layer that names classes, with random weights.

    Parameters
    ----------
    architecture : str
        The name of the network in torchvision.

    Returns
    -------
    network : instance of Module
        The network.
    """
    from torchvision.models import get_model

    network = get_model(architecture, weights=None)
    network.set_submodule(_last_layer(architecture, network), nn.Identity())
    return network


def width_of(architecture: str) -> int:
    """Return how many values a network has before its layer of classes.

    Parameters
    ----------
    architecture : str
        The name of the network in torchvision.

    Returns
    -------
    width : int
        Such as 4096 for ``"alexnet"``, and 2048 for ``"resnet50"``.
    """
    from torchvision.models import get_model

    with torch.device("meta"):
        network = get_model(architecture, weights=None)
    return network.get_submodule(_last_layer(architecture, network)).in_features


def _last_layer(architecture: str, network: nn.Module) -> str:
    linear = [n for n, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear or linear[-1].split(".")[0] not in HEADS:
        raise ValueError(
            f"architecture={architecture!r} has no last layer of classes to replace. "
            "Take a network such as 'alexnet' or 'resnet50'."
        )
    return linear[-1]
