"""The image encoders that have names, with their sizes and what they cost."""

# License: BSD-3-Clause

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..utils.checks import logger, verbose
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from .built_in import BUILT_IN, GABOR
from .encoders import (
    PRESETS,
    ImageEncoder,
    resolve,
)

COLUMNS = (
    "n_parameters",
    "n_features",
    "n_layers",
    "gflop_per_image",
    "trained_on",
    "license",
    "at_hand",
)
#: Share of the memory that weights may take in a probe.
MEMORY_SHARE = 0.5


@fill_doc
@checked(names=[list, tuple, None], probe=["boolean"])
@verbose
def list_image_encoders(
    names: Sequence[str] | None = None,
    *,
    probe: bool = False,
    device: str = "auto",
    verbose=None,
) -> pd.DataFrame:
    """List image encoders with their sizes, licenses and costs.

    Parameters
    ----------
    names : sequence of str | None
        Names as in :class:`mne_brainae.ImageEncoder`, such as ``"timm:resnet18"``. None
        takes ``"gabor"`` and the presets.
    probe : bool
        Whether to time each encoder on this machine, with untrained weights, which cost
        the same. Those whose weights take more than half of the memory are left out.
    device : str
        ``"auto"`` or a PyTorch device, for the probe.
    %(verbose)s

    Returns
    -------
    encoders : DataFrame
        One row per encoder: parameters of the image tower, features of its embedding,
        layers to choose from, floating-point operations per image in units of 10^9 (a
        multiplication and an addition are two), the images it was trained on, the
        license of its weights, whether they are on this machine, and with ``probe``
        the images per second. Sizes are counted on the network as its library builds
        it, which needs no weights. What is unknown is missing.

    See Also
    --------
    mne_brainae.ImageEncoder
    mne_brainae.compute_image_features

    Examples
    --------
    >>> mne_brainae.list_image_encoders(["gabor"]).index.tolist()
    ['gabor']
    """
    names = [GABOR, *PRESETS] if names is None else list(names)
    rows = {}
    for name in names:
        encoder = ImageEncoder(name)
        describe = _describe_built_in if name in BUILT_IN else _describe_network
        try:
            rows[name] = describe(encoder)
        except ImportError as error:
            logger.info(str(error))
            rows[name] = {"at_hand": False}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    if probe:
        table["images_per_second"] = [
            _speed(name, table.loc[name, "n_parameters"], device) for name in names
        ]
    return table.rename_axis("encoder")


def _describe_built_in(encoder: ImageEncoder) -> dict:
    return {
        "n_parameters": 0,
        "n_features": len(BUILT_IN[encoder.name].columns()),
        "trained_on": "nothing",
        "license": "BSD-3-Clause",
        "at_hand": True,
    }


def _describe_network(encoder: ImageEncoder) -> dict:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    source = resolve(encoder)
    network = source.sketch()
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode(), torch.device("meta"):
        output = network.module(torch.empty(1, 3, *source.input_size))
    output = output[0] if isinstance(output, tuple) else output
    preset = PRESETS.get(encoder.name)
    return {
        "n_parameters": sum(part.numel() for part in network.module.parameters()),
        "n_features": output.shape[1],
        "n_layers": len(network.layers),
        "gflop_per_image": counter.get_total_flops() / 1e9,
        "trained_on": preset.weights if preset else source.tag,
        "license": preset.license if preset else source.license,
        "at_hand": source.is_at_hand,
    }


def _speed(name: str, n_parameters: float, device: str) -> float:
    """Time one pass of one batch; missing where the weights do not fit."""
    n_bytes = 4 * n_parameters
    if np.isnan(n_bytes) or n_bytes > MEMORY_SHARE * _memory(device):
        logger.info(f"Not timing {name}: its weights take {n_bytes / 2**30:.1f} GiB.")
        return np.nan
    if name in BUILT_IN:
        return _time(BUILT_IN[name].encode, _pictures(8), 8)
    from .networks import NetworkEncoder

    encoder = ImageEncoder(name, pretrained="random")
    network = NetworkEncoder(encoder, resolve(encoder), device)
    prepared = [network.prepare(picture) for picture in _pictures(2)]
    network(prepared[:1])  # builds the network
    return _time(network, prepared, 2)


def _time(encode, pictures: list, n_pictures: int) -> float:
    start = time.perf_counter()
    encode(pictures)
    return n_pictures / (time.perf_counter() - start)


def _pictures(n_pictures: int) -> list:
    from PIL import Image

    return [
        Image.new("RGB", (400, 400), (index, 128, 128)) for index in range(n_pictures)
    ]


def _memory(device: str) -> float:
    """Return the bytes of memory of a device."""
    import torch

    from ..utils.checks import resolve_device

    chosen = resolve_device(device)
    if chosen.type == "cuda":
        return torch.cuda.get_device_properties(chosen).total_memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # not on this system
        return np.inf
