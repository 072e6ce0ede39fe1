"""Image encoders by name: the paper's four, and all of three libraries."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..utils.checks import five
from ..utils.constraints import options, validate_parameter_constraints
from ..utils.fingerprint import fingerprint
from .built_in import BUILT_IN, GABOR
from .columns import EMBEDDING
from .degradation import check_degradations
from .weights import RANDOM

READING = 1  # raised when images are read or degraded otherwise than before


class Preset(NamedTuple):
    """A network under a readable name."""

    library: str
    model: str
    tag: str
    weights: str
    license: str


#: The paper's encoders (section 4.1 and Table 2), that of multi-blur, UBP and
#: NeuroBridge, that of SAMGA, and two that install with pip.
PRESETS = {
    "vit-b-16": Preset(
        "timm",
        "vit_base_patch16_224",
        "augreg_in21k_ft_in1k",
        "ImageNet-21k, fine-tuned on ImageNet 2012",
        "apache-2.0",
    ),
    "clip-vit-l-14": Preset(
        "open_clip", "ViT-L-14", "laion400m_e32", "LAION-400M", "mit"
    ),
    "clip-vit-h-14": Preset(
        "open_clip", "ViT-H-14", "laion2b_s32b_b79k", "LAION-2B", "mit"
    ),
    "eva02-clip-e-14-plus": Preset(
        "open_clip", "EVA02-E-14-plus", "laion2b_s9b_b144k", "LAION-2B", "mit"
    ),
    "clip-rn50": Preset(
        "open_clip", "RN50", "openai", "400 million pairs of OpenAI", "mit"
    ),
    "internvit-6b": Preset(
        "intern_vit",
        "InternViT-6B-448px-V1-5",
        "",
        "LAION and other images with text",
        "mit",
    ),
    "efficientnet-lite0": Preset(
        "efficientnet_lite",
        "efficientnet-lite0",
        "57934424",
        "ImageNet 2012",
        "apache-2.0",
    ),
    "efficientnet-lite2": Preset(
        "efficientnet_lite",
        "efficientnet-lite2",
        "9656183e",
        "ImageNet 2012",
        "apache-2.0",
    ),
}
LIBRARY_NAMES = ("timm", "open_clip", "torchvision")
POOLS = ("cls", "mean", "spatial")
MEAN, STACK = "mean", "stack"


CONSTRAINTS = {
    "name": [str],
    "pretrained": [str, os.PathLike, None],
    "degradations": [str, list, tuple, None],
    "degrade_gallery": ["boolean"],
    "versions": [options(MEAN, STACK)],
    "precision": [options("float32", "bf16")],
}


@dataclass(frozen=True)
class ImageEncoder:
    """An image encoder by name, with the layers and the weights to take.

    Parameters
    ----------
    name : str
        ``"gabor"``; ``"pixels"``, the 150,528 values of an image of 224 x 224, for
        networks that are trained from end to end, 0.6 MB an image; a preset:
        ``"vit-b-16"``, ``"clip-vit-l-14"``,
        ``"clip-vit-h-14"``, ``"eva02-clip-e-14-plus"``, ``"clip-rn50"``,
        ``"internvit-6b"``, ``"efficientnet-lite0"`` or ``"efficientnet-lite2"``;
        or any network of a library, as ``"timm:MODEL"``, ``"timm:MODEL.TAG"``,
        ``"open_clip:MODEL/TAG"``, ``"torchvision:MODEL"`` or
        ``"torchvision:MODEL/WEIGHTS"``.
    layer : int | float | str | sequence | None
        The layers: an index among the blocks of the network, negative from the end; a
        float as the share of the blocks that an image has passed (0.66 is after two
        thirds of them); the name of a module, such as ``"layer3.1"``; or
        ``"embedding"``, the output of the network. A sequence takes several, side by
        side. None is ``"embedding"``.
    pool : ``"cls"`` | ``"mean"`` | ``"spatial"`` | int | None
        What is taken of every layer but the embedding: the class token, the mean over
        places, all places, or the means over a grid of that many fields per side. None
        is the class token where there is one and the mean elsewhere.
    pretrained : path-like | str | None
        A file or folder of weights; the tag of published weights; or ``"random"``,
        untrained weights from a fixed seed, a control. None takes those that the name
        says.
    degradations : str | sequence of str | None
        Versions of every image that are encoded: ``"blur"``, ``"lowres"``, ``"noise"``,
        ``"mosaic"``, ``"foveate"``, ``"fovea"`` and ``"original"``, each with a
        strength if need be, such as ``"blur:0.05"``. None is the original.
    degrade_gallery : bool
        Whether a fitted model degrades new images, too. False degrades only those
        that it is fitted on.
    versions : ``"mean"`` | ``"stack"``
        Whether features are the mean over the versions, or those of all versions side
        by side, for ``image_projection="mixture"``, which learns how much each counts.
        Columns then have a first level ``"version"``, and new images are degraded, too.
    precision : ``"float32"`` | ``"bf16"``
        What a network computes in. With ``"bf16"`` weights and maps have half the bytes
        and 8 significant bits, so that features differ by about a percent; it is
        faster on cards and processors that multiply bf16. Features of both are kept
        apart in the cache, and a model stays with the one that it was fitted on.

    Raises
    ------
    ValueError
        If settings contradict each other.

    See Also
    --------
    mne_brainae.compute_image_features : Features by such an encoder.
    mne_brainae.list_image_encoders : Sizes, licenses and costs.

    Examples
    --------
    >>> print(mne_brainae.ImageEncoder("gabor"))
    gabor
    >>> encoder = mne_brainae.ImageEncoder(
    ...     "clip-vit-l-14", layer=(0.5, 0.75), pool="mean"
    ... )
    """

    name: str = GABOR
    layer: int | float | str | tuple | None = None
    pool: str | int | None = None
    pretrained: str | None = None
    degradations: tuple[str, ...] = ()
    degrade_gallery: bool = False
    versions: str = MEAN
    precision: str = "float32"

    def __post_init__(self):
        set_field = object.__setattr__  # the dataclass is frozen
        set_field(self, "layer", _plain(self.layer))
        validate_parameter_constraints(CONSTRAINTS, vars(self), "ImageEncoder")
        set_field(self, "pool", _plain(self.pool))
        if self.pretrained is not None:
            set_field(self, "pretrained", str(Path(self.pretrained).expanduser()))
        set_field(self, "degradations", check_degradations(self.degradations))
        _check_name(self.name)
        if self.stacks and len(self.degradations) < 2:
            raise ValueError(
                "versions='stack' needs at least two degradations, one of which may be "
                f"'original', got {self.degradations}."
            )
        self._check_layers()
        self._check_pool()
        options = (self.layer, self.pool, self.pretrained)
        if self.name in BUILT_IN and any(option is not None for option in options):
            raise ValueError(
                f"The encoder {self.name!r} has neither layers nor weights, so layer, "
                "pool and pretrained must be None."
            )
        if self.name in BUILT_IN and self.precision != "float32":
            raise ValueError(
                f"precision={self.precision!r} is for networks; the encoder "
                f"{self.name!r} computes in float32."
            )

    def _check_layers(self) -> None:
        if not self.layers:
            raise ValueError("layer is an empty sequence, expected at least one layer.")
        for layer in self.layers:
            if isinstance(layer, bool) or not isinstance(layer, int | float | str):
                raise TypeError(
                    "layer must be an index, a share, a name, or a sequence of them, "
                    f"got {layer!r}."
                )
            if isinstance(layer, float) and not 0 < layer <= 1:
                raise ValueError(
                    "layer as a float is the share of the network that an image has "
                    f"passed, above 0 and up to 1, got {layer}. An index is an integer."
                )

    def _check_pool(self) -> None:
        pool = self.pool
        is_grid = isinstance(pool, int) and not isinstance(pool, bool) and pool > 0
        if not (pool is None or pool in POOLS or is_grid):
            raise ValueError(
                f"pool must be one of {five(POOLS)}, a number of fields per side, or "
                f"None, got {pool!r}."
            )
        if pool is not None and self.layers == (EMBEDDING,):
            raise ValueError(
                f"pool={pool!r} needs a layer: the embedding of a network has no "
                "spatial layout. layer=1.0 is the last block."
            )

    @property
    def layers(self) -> tuple:
        """The layers in their order."""
        if self.layer is None:
            return (EMBEDDING,)
        return self.layer if isinstance(self.layer, tuple) else (self.layer,)

    @property
    def stacks(self) -> bool:
        """Whether the features of all versions stand side by side."""
        return self.versions == STACK

    def for_gallery(self) -> ImageEncoder:
        """Return the encoder for images that a model is not fitted on.

        Returns
        -------
        encoder : ImageEncoder
            The same, without degradations unless ``degrade_gallery`` or ``versions``
            asks for them.

        Examples
        --------
        >>> mne_brainae.ImageEncoder("gabor").for_gallery() == mne_brainae.ImageEncoder(
        ...     "gabor"
        ... )
        True
        """
        keeps = self.degrade_gallery or self.stacks
        return self if keeps else replace(self, degradations=())

    def to_dict(self) -> dict:
        """Return what JSON can hold and ``ImageEncoder(**...)`` takes.

        Returns
        -------
        settings : dict
            The parameters that differ from their defaults, and the name.

        Examples
        --------
        >>> encoder = mne_brainae.ImageEncoder("gabor")
        >>> mne_brainae.ImageEncoder(**encoder.to_dict()) == encoder
        True
        """
        settings = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return {"name": self.name} | settings

    def fingerprint(self) -> str:
        """Return what changes when any setting does, or the content of its weights.

        Returns
        -------
        fingerprint : str
            32 hexadecimal digits. Of a file of weights, name and content count, and
            not the folder that it is in.

        Examples
        --------
        >>> encoder = mne_brainae.ImageEncoder("gabor")
        >>> encoder.fingerprint() == mne_brainae.ImageEncoder("gabor").fingerprint()
        True
        """
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        pretrained = self.pretrained
        if pretrained not in (None, RANDOM) and Path(pretrained).exists():
            settings["pretrained"] = Path(pretrained)
        return fingerprint(settings)

    def __str__(self) -> str:
        words = [self.name]
        if self.layer is not None:
            words.append(f"layer {', '.join(map(str, self.layers))}")
        words += [f"pool {self.pool}"] * (self.pool is not None)
        words += [f"weights {self.pretrained}"] * (self.pretrained is not None)
        if self.degradations:
            both = self.degrade_gallery or self.stacks
            where = "training and gallery" if both else "training"
            words.append(f"{where} images degraded by {', '.join(self.degradations)}")
            words += ["versions side by side"] * self.stacks
        return "; ".join(words)


def _plain(value):
    """Turn numbers of NumPy into those of Python, and sequences into tuples."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_plain(each) for each in value)
    return value


def _check_name(name: str) -> None:
    library, _, model = name.partition(":")
    if name in BUILT_IN or name in PRESETS or (library in LIBRARY_NAMES and model):
        return
    known = ", ".join(repr(known) for known in (*BUILT_IN, *PRESETS))
    raise ValueError(
        f"The name of an image encoder must be one of {known}, or "
        "a network of a library as 'timm:MODEL', 'open_clip:MODEL/TAG' or "
        f"'torchvision:MODEL', or encoder a callable, but got {name!r} instead."
    )


def resolve(encoder: ImageEncoder):
    """Find the network of an encoder in its library, without building it.

    Parameters
    ----------
    encoder : ImageEncoder
        An encoder that has weights, other than ``"gabor"`` and ``"pixels"``.

    Returns
    -------
    source : Library
        The network in its library.
    """
    from .libraries import LIBRARIES

    if encoder.name in PRESETS:
        preset = PRESETS[encoder.name]
        library, model, tag = preset.library, preset.model, preset.tag
    else:
        library, _, model = encoder.name.partition(":")
        model, _, tag = model.partition("/")
    return LIBRARIES[library](model, tag or None, encoder.pretrained)


def identity(encoder: ImageEncoder, source) -> dict:
    """Return all that decides the features of an image, for the cache.

    Parameters
    ----------
    encoder : ImageEncoder
        The encoder.
    source : Library
        What :func:`resolve` returned.

    Returns
    -------
    identity : dict
        What JSON can hold.
    """
    settings = {field.name: getattr(encoder, field.name) for field in fields(encoder)}
    del settings["pretrained"]  # of which the content counts
    return {
        **settings,
        "model": f"{type(source).__name__} {source.model}",
        "weights": source.weights_id,
        "preprocessing": source.preprocessing,
        "reading": READING,
    }
