"""An image network in use: prepared images in, rows of features out."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..nn.fast.precision import multiplies_bf16
from ..utils.checks import logger, resolve_device, warn
from ..utils.fingerprint import fingerprint
from ..utils.torch_state import exact, own_state
from ..utils.transfer import send
from .columns import FeatureBlock
from .encoders import ImageEncoder, identity
from .layers import LayerReader
from .libraries import Library

#: Images that pass together, by device.
BATCH_SIZES = {"cpu": 8, "cuda": 256}
#: What networks compute in, by the name of a precision.
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


class NetworkEncoder:
    """Turns prepared images into features; the network is built at first use.

    Parameters
    ----------
    encoder : ImageEncoder
        The network and its layers.
    source : Library
        The network in its library.
    device : str
        ``"auto"`` or a PyTorch device.
    batch_size : int | None
        Images that pass together. None is 8 on the CPU, whose caches hold no more
        maps of a convolutional network, 256 on CUDA, and 64 elsewhere.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        source: Library,
        device: str = "auto",
        batch_size: int | None = None,
    ):
        self.encoder = encoder
        self.source = source
        self.device = resolve_device(device)
        self.batch_size = batch_size or BATCH_SIZES.get(self.device.type, 64)
        self.dtype = DTYPES[encoder.precision]
        self.prepare = source.transform()

    def __call__(self, prepared: Sequence[Tensor]) -> np.ndarray:
        """Return the features of prepared images, shape (n_images, n_features)."""
        rows = []
        for start in range(0, len(prepared), self.batch_size):
            pictures = torch.stack(prepared[start : start + self.batch_size])
            pictures = send(pictures, self.device)
            pictures = pictures.to(self.dtype, memory_format=torch.channels_last)
            with exact():
                rows.append(self._reader(pictures).float())
        return torch.cat(rows).cpu().numpy()

    @property
    def blocks(self) -> list[FeatureBlock]:
        """What the columns are; an image must have passed."""
        return self._reader.blocks

    @cached_property
    def _reader(self) -> LayerReader:
        key = fingerprint(identity(self.encoder, self.source), str(self.device))
        if key not in _LAST:
            _LAST.clear()
            _LAST[key] = self._build()
        return _LAST[key]

    def _build(self) -> LayerReader:
        logger.info(f"Building {self.source} on {self.device}.")
        with own_state():
            network = self.source.build()
        is_rounded = self.dtype == torch.bfloat16
        if is_rounded and not multiplies_bf16(self.device):
            warn(
                f"{self.device} does not multiply bf16 faster than float32, and takes "
                "longer for these features."
            )
        network.module.to(self.device, self.dtype, memory_format=torch.channels_last)
        return LayerReader(network, self.encoder.layers, self.encoder.pool)


#: The network in use stays built, so that one more image costs no more loading.
_LAST: dict[str, LayerReader] = {}


def release(device: torch.device) -> None:
    """Free the memory that the network in use takes on a card.

    Parameters
    ----------
    device : device
        Where other work needs the memory. On the CPU the network stays.
    """
    if device.type == "cpu":
        return
    _LAST.clear()
    if device.type == "cuda":
        torch.cuda.empty_cache()
