"""The networks through whose features generated pictures are judged."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..images import ImageEncoder
from ..images.encoders import resolve
from ..utils.checks import (
    _check_option,
    five,
    logger,
)
from ..utils.constraints import integer, options, validate_parameter_constraints
from .pixels import from_pixels, resize

IDENTIFICATION, DISTANCE = "identification", "distance"
BATCH = 32
#: Mean and standard deviation of the pixels that networks were trained on.
NORMALIZATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": (
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
}
#: The name under which :class:`.swav.SwAV` is found.
SWAV = "torchvision:resnet50/swav"


CONSTRAINTS = {
    "encoder": [ImageEncoder],
    "size": [integer(1)],
    "score": [options(IDENTIFICATION, DISTANCE)],
    "normalization": [options(*NORMALIZATIONS)],
}


@dataclass(frozen=True)
class FeatureNetwork:
    """A network, the size of its pictures, and what is computed of its features.

    Parameters
    ----------
    encoder : ImageEncoder
        The network and its layer. Its ``pretrained`` may name a file of weights.
    size : int
        Height and width of the pictures that it sees.
    score : ``"identification"`` | ``"distance"``
        Two-way identification, where 1 is best and 0.5 chance, or one minus the
        correlation of the features, where 0 is best.
    normalization : ``"imagenet"`` | ``"clip"``
        Mean and spread of the pixels that the network was trained on.

    See Also
    --------
    mne_brainae.generation.score_pictures
    mne_brainae.ImageEncoder

    Examples
    --------
    >>> from mne_brainae import generation
    >>> network = generation.FeatureNetwork(
    ...     mne_brainae.ImageEncoder("torchvision:alexnet", layer="features.4")
    ... )  # doctest: +SKIP
    """

    encoder: ImageEncoder
    size: int = 224
    score: str = IDENTIFICATION
    normalization: str = "imagenet"

    def __post_init__(self):
        validate_parameter_constraints(CONSTRAINTS, vars(self), "FeatureNetwork")

    def features(self, pixels: np.ndarray, device: str = "auto") -> np.ndarray:
        """Return one row of features per picture.

        Parameters
        ----------
        pixels : array, shape (n_pictures, height, width, 3)
            The pictures, with values from 0 to 1.
        device : str
            ``"auto"`` or a PyTorch device.

        Returns
        -------
        features : array, shape (n_pictures, n_features)
            The features.

        Raises
        ------
        RuntimeError
            If weights are neither on the disk nor downloadable. The message names the
            file.

        Examples
        --------
        >>> network.features(pixels, device="cpu")  # doctest: +SKIP
        """
        import torch

        from ..images.networks import NetworkEncoder

        network = NetworkEncoder(self.encoder, self._source(), device)
        mean, spread = (
            torch.tensor(values)[:, None, None]
            for values in NORMALIZATIONS[self.normalization]
        )
        rows = []
        for start in range(0, len(pixels), BATCH):
            resized = resize(pixels[start : start + BATCH], self.size)
            rows.append(network(list((resized - mean) / spread)))
        return np.concatenate(rows)

    def _source(self):
        if self.encoder.name == SWAV:
            from .swav import SwAV

            return SwAV(self.encoder.pretrained)
        return resolve(self.encoder)


def _torchvision(model: str, layer: str, size: int, score=IDENTIFICATION):
    """Name a network of torchvision; maps keep every place of theirs."""
    pool = "mean" if layer == "avgpool" else "spatial"
    encoder = ImageEncoder(f"torchvision:{model}", layer=layer, pool=pool)
    return FeatureNetwork(encoder, size, score)


#: The six networks of the paper's Table 3, as the code of its lineage sets them
#: (Scotti et al., 2023; Li et al., 2024).
NETWORKS = {
    "AlexNet(2)": _torchvision("alexnet/IMAGENET1K_V1", "features.4", 256),
    "AlexNet(5)": _torchvision("alexnet/IMAGENET1K_V1", "features.11", 256),
    "Inception": _torchvision("inception_v3/IMAGENET1K_V1", "avgpool", 342),
    "CLIP": FeatureNetwork(
        ImageEncoder("open_clip:ViT-L-14/openai"), 224, normalization="clip"
    ),
    "EfficientNet": _torchvision(
        "efficientnet_b1/IMAGENET1K_V2", "avgpool", 255, DISTANCE
    ),
    "SwAV": _torchvision("resnet50/swav", "avgpool", 224, DISTANCE),
}


class Judge(NamedTuple):
    """What turns pixels into features, and what is computed of them."""

    features: object
    score: str


def find_judges(networks, device: str) -> dict[str, Judge]:
    """Return the judge of every name.

    Parameters
    ----------
    networks : None | ``"paper"`` | sequence of str | dict
        See :func:`mne_brainae.generation.score_pictures`.
    device : str
        ``"auto"`` or a PyTorch device.

    Returns
    -------
    judges : dict of Judge
        By the name of the score.
    """
    if networks is None:
        return {}
    if isinstance(networks, str):
        networks = NETWORKS if networks == "paper" else [networks]
    if not isinstance(networks, Mapping):
        for name in networks:
            _check_option("networks", name, tuple(NETWORKS))
        networks = {name: NETWORKS[name] for name in networks}
    return {name: _judge(name, value, device) for name, value in networks.items()}


def _judge(name: str, network, device: str) -> Judge:
    if isinstance(network, FeatureNetwork):
        logger.info(f"{name}: {network.encoder} at {network.size} pixels.")
        return Judge(lambda pixels: network.features(pixels, device), network.score)
    if callable(network):
        return Judge(lambda pixels: _rows(name, network, pixels), IDENTIFICATION)
    known = NETWORKS.get(name)
    if known is not None and isinstance(network, str | os.PathLike):
        encoder = replace(known.encoder, pretrained=str(network))
        return _judge(name, replace(known, encoder=encoder), device)
    raise TypeError(
        f"networks[{name!r}] must be a FeatureNetwork, a function from pictures to "
        f"rows, or, for {five(NETWORKS)}, a file of weights, got "
        f"{type(network).__name__}."
    )


def _rows(name: str, function, pixels: np.ndarray) -> np.ndarray:
    """Let a function of the user compute features."""
    rows = np.asarray(function(from_pixels(pixels)))
    if rows.ndim != 2 or len(rows) != len(pixels):
        raise ValueError(
            f"networks[{name!r}] returned an array of shape {rows.shape} for "
            f"{len(pixels)} pictures, expected ({len(pixels)}, n_features)."
        )
    return rows
