"""The network of Tables 6 and 7, one layer after another: the reference.

It computes what the classes of ``tsconv`` compute, from their own layers, with nothing
composed. Tests compare with it, and ``mne_brainae benchmark speed`` times it.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .network import BrainAENetwork
from .tsconv import TSConvDecoder, TSConvEncoder


class NaiveEncoder(nn.Module):
    """Table 6, one layer after another.

    Parameters
    ----------
    encoder : instance of TSConvEncoder
        The encoder whose layers are used.
    """

    def __init__(self, encoder: TSConvEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, brain: Tensor) -> Tensor:
        """Embed brain responses."""
        layers = self.encoder
        maps = layers.temporal(brain[:, None])
        maps = F.avg_pool2d(maps, (1, layers.pool_length), (1, layers.pool_stride))
        if layers.inner_norm is not None:
            maps = F.elu(layers.inner_norm(maps))
        maps = F.elu(layers.norm(layers.spatial(maps)[:, :, 0]))
        return layers.linear(maps.flatten(1))


class NaiveDecoder(nn.Module):
    """Table 7 from the latent outwards, one layer after another.

    Parameters
    ----------
    decoder : instance of TSConvDecoder
        The decoder whose layers are used.
    """

    def __init__(self, decoder: TSConvDecoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict brain responses."""
        layers = self.decoder
        maps = layers.linear(embedding)
        maps = maps.unflatten(1, (len(layers.temporal.weight), 1, -1))
        if not layers.inner_activation:
            maps = F.elu(layers.norm(maps))
        maps = layers.spatial(maps)
        if layers.inner_activation:
            maps = F.elu(layers.norm(maps))
        mode = {"nearest": "nearest", "linear": "bilinear"}[layers.upsampling]
        maps = F.interpolate(maps, scale_factor=(1, layers.pool_stride), mode=mode)
        held = maps[..., -1:].expand(*maps.shape[:-1], layers.n_held)
        signals = layers.temporal(torch.cat([maps, held], dim=-1))[:, 0]
        return signals * layers.scale + layers.offset


def naive(network: BrainAENetwork) -> BrainAENetwork:
    """Return a network of the same parameters, computed one layer after another.

    Parameters
    ----------
    network : instance of BrainAENetwork
        A network with temporal-spatial convolutions.

    Returns
    -------
    network : instance of BrainAENetwork
        The reference. It shares the parameters.
    """
    return BrainAENetwork(
        NaiveEncoder(network.brain_encoder),
        NaiveDecoder(network.brain_decoder),
        network.image_projection,
    )
