"""An image network in use: prepared images in, rows of features out."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..utils.checks import logger, resolve_device
from ..utils.fingerprint import fingerprint
from ..utils.torch_state import exact, own_state
from .columns import FeatureBlock
from .encoders import ImageEncoder, identity
from .layers import LayerReader
from .libraries import Library


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
        maps of a convolutional network, and 64 elsewhere.
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
        self.batch_size = batch_size or (8 if self.device.type == "cpu" else 64)
        self.prepare = source.transform()

    def __call__(self, prepared: Sequence[Tensor]) -> np.ndarray:
        """Return the features of prepared images, shape (n_images, n_features)."""
        rows = []
        for start in range(0, len(prepared), self.batch_size):
            pictures = torch.stack(prepared[start : start + self.batch_size])
            pictures = pictures.to(self.device, memory_format=torch.channels_last)
            with exact():
                rows.append(self._reader(pictures).cpu().numpy())
        return np.concatenate(rows)

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
        network.module.to(self.device, memory_format=torch.channels_last)
        return LayerReader(network, self.encoder.layers, self.encoder.pool)


#: The network in use stays built, so that one more image costs no more loading.
_LAST: dict[str, LayerReader] = {}
