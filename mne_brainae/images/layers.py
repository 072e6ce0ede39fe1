"""The outputs of inner layers of an image network, pooled over places."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..utils.checks import five
from .columns import EMBEDDING, FeatureBlock

#: Where networks keep the blocks that follow one another, the first found counts.
TRUNKS = (
    "transformer.resblocks",
    "blocks",
    "_blocks",
    "encoder.layers",
    "features",
    "stages",
    "trunk_output",
)
#: Parts after the last map: without them, children are layers.
HEADS = ("avgpool", "attnpool", "dropout", "fc", "classifier", "head", "heads", "norm")


@dataclass
class Network:
    """An image network and how its layers are laid out.

    Parameters
    ----------
    module : Module
        Maps images (n, 3, height, width) to embeddings (n, n_features).
    prefix : str
        Where in ``module`` the trunk is, such as ``"trunk."``.
    n_prefix_tokens : int
        Tokens that stand before those of the patches; the first is the class token.
    channels_last : bool
        Whether maps are (n, height, width, channels).
    """

    module: nn.Module
    prefix: str = ""
    n_prefix_tokens: int = 0
    channels_last: bool = False
    layers: dict[str, nn.Module] = field(init=False)

    def __post_init__(self):
        trunk = self.module.get_submodule(self.prefix)
        self.layers = find_layers(trunk)

    def find(self, layer: int | float | str) -> tuple[str, nn.Module]:
        """Return the name and the module of one layer.

        Parameters
        ----------
        layer : int | float | str
            The index among the layers, which may be negative; the share of the layers
            that an image has passed, above 0 and up to 1; or the name of any module.

        Returns
        -------
        name : str
            The name inside the trunk.
        module : Module
            The module.

        Raises
        ------
        ValueError
            If the network has no such layer. The message lists those that it has.
        """
        names = list(self.layers)
        if isinstance(layer, str):
            return layer, self._named(layer)
        if isinstance(layer, float):
            index = max(int(layer * len(names) + 0.5), 1) - 1
        else:
            index = layer
        if not -len(names) <= index < len(names):
            raise ValueError(
                f"layer must be an index below {len(names)}, got {layer}; the layers "
                f"of {type(self.module).__name__} are {five(names)}."
            )
        return names[index], self.layers[names[index]]

    def _named(self, layer: str) -> nn.Module:
        trunk = self.module.get_submodule(self.prefix)
        modules = dict(trunk.named_modules()) | self.layers
        if layer not in modules or not layer:
            raise ValueError(
                f"The network has no layer {layer!r}. Name one of its modules, such as "
                f"{five(self.layers)}, or give an index or a share of its depth."
            )
        return modules[layer]


def find_layers(trunk: nn.Module) -> dict[str, nn.Module]:
    """List the layers of a network in the order in which an image passes them.

    Parameters
    ----------
    trunk : Module
        A network of timm, open_clip, torchvision, or one built alike.

    Returns
    -------
    layers : dict of Module
        The blocks of a transformer or the stages of a convolutional network, by name.
    """
    # timm says which modules its own forward_intermediates returns.
    if isinstance(info := getattr(trunk, "feature_info", None), Sequence):
        return {stage["module"]: trunk.get_submodule(stage["module"]) for stage in info}
    for name in TRUNKS:
        try:
            blocks = trunk.get_submodule(name)
        except AttributeError:
            continue
        shown = name.strip("_")
        return {f"{shown}.{key}": block for key, block in blocks.named_children()}
    children = dict(trunk.named_children())
    stages = {key: child for key, child in children.items() if key[:5] == "layer"}
    return stages or {key: child for key, child in children.items() if key not in HEADS}


class _Enough(Exception):
    """Raised by the last layer that is wanted, to spare what follows it."""


class LayerReader:
    """Runs a network and returns the pooled outputs of some of its layers.

    Parameters
    ----------
    network : instance of Network
        The network, in evaluation mode.
    layers : sequence of int | float | str
        The layers, see :meth:`Network.find`; ``"embedding"`` is the network's output.
    pool : str | int | None
        See :func:`pool_places`.
    """

    def __init__(self, network: Network, layers: Sequence, pool: str | int | None):
        self.network = network
        self.pool = pool
        self.names = [
            EMBEDDING if layer == EMBEDDING else network.find(layer)[0]
            for layer in layers
        ]
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"layer names one layer twice: {five(self.names)}.")
        self.inner = [name for name in self.names if name != EMBEDDING]
        #: What the columns are, known once an image has passed.
        self.blocks: list[FeatureBlock] = []

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the features of prepared images, shape (n, n_features)."""
        found: dict[str, Tensor] = {}
        hooks = [
            self.network.find(name)[1].register_forward_hook(
                partial(self._keep, found, name)
            )
            for name in self.inner
        ]
        try:
            output = self.network.module(pictures)
            found[EMBEDDING] = output[0] if isinstance(output, tuple) else output
        except _Enough:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        parts = [found[name] for name in self.names]
        self.blocks = [
            FeatureBlock(name, *part.shape[1:])
            for name, part in zip(self.names, parts, strict=True)
        ]
        return torch.cat([part.flatten(1).float() for part in parts], dim=1)

    def _keep(self, found, name, module, inputs, output) -> None:
        """Pool at once, or the next layer may write over the output."""
        output = output[0] if isinstance(output, tuple) else output
        try:
            found[name] = pool_places(output, self.pool, self.network)
        except ValueError as error:
            raise ValueError(f"Layer {name}: {error}") from None
        if EMBEDDING not in self.names and len(found) == len(self.inner):
            raise _Enough


def pool_places(output: Tensor, pool: str | int | None, network: Network) -> Tensor:
    """Pool the output of a layer over places.

    Parameters
    ----------
    output : Tensor
        Tokens (n, n_tokens, n_channels), a map (n, n_channels, height, width), or
        (n, n_features) after the pooling of the network.
    pool : ``"cls"`` | ``"mean"`` | ``"spatial"`` | int | None
        The class token; the mean over patches or places; every place; or the means
        over an integer number of fields per side. None is the class token where there
        is one and the mean elsewhere.
    network : instance of Network
        Says how the output is laid out.

    Returns
    -------
    pooled : Tensor, shape (n, n_channels) or (n, n_channels, height, width)
        A copy.
    """
    if output.ndim == 2:
        if pool in ("mean", None):
            return output.clone()
        raise ValueError(
            f"its output has no spatial layout, so pool={pool!r} has no effect."
        )
    has_class_token = output.ndim == 3 and network.n_prefix_tokens > 0
    if pool is None:
        pool = "cls" if has_class_token else "mean"
    if pool == "cls":
        if not has_class_token:
            raise ValueError("it has no class token; take pool='mean' or 'spatial'.")
        return output[:, 0].clone()
    if output.ndim == 3 and pool == "mean":
        return output[:, network.n_prefix_tokens :].mean(1)
    places = _as_map(output, network)
    if pool == "mean":
        return places.mean((2, 3))
    if pool == "spatial":
        return places.clone(memory_format=torch.contiguous_format)
    height, width = places.shape[2:]
    if pool > min(height, width):
        raise ValueError(f"its map is {height} x {width}, too small for pool={pool}.")
    return functional.adaptive_avg_pool2d(places, pool).contiguous()


def _as_map(output: Tensor, network: Network) -> Tensor:
    """Return a view of shape (n, n_channels, height, width)."""
    if output.ndim == 4:
        return output.permute(0, 3, 1, 2) if network.channels_last else output
    patches = output[:, network.n_prefix_tokens :]
    side = isqrt(patches.shape[1])
    if output.ndim != 3 or side * side != patches.shape[1]:
        raise ValueError(
            f"its output of shape {tuple(output.shape)} is not a square map; take "
            "pool='mean' or 'cls'."
        )
    return patches.transpose(1, 2).unflatten(2, (side, side))
