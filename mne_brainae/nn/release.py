"""The brain decoder and the first weights of the release of the BrainAE authors."""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.docs import fill_doc
from .reference import n_steps

SPREAD = 0.02  # standard deviation of the first weights


@fill_doc
class ReleaseDecoder(nn.Module):
    """The decoder of the authors' own release, whose output lies between -1 and 1.

    Parameters
    ----------
    %(network_sizes)s
    %(kernel_sizes)s

    Notes
    -----
    Maps (n, n_embedding) to (n, n_channels, n_times). Linear layer and GELU; transposed
    spatial convolution, batch normalization and ELU; every step repeated; transposed
    temporal convolution to as many maps, batch normalization and ELU; 1 x 1 convolution
    to one map, batch normalization and tanh. What the pooling of the encoder cut off
    at the end of the window holds the last sample.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        n_kernels: int = 40,
        kernel_length: int = 26,
        pool_length: int = 5,
        pool_stride: int = 5,
    ):
        super().__init__()
        self.n_steps = n_steps(n_times, kernel_length, pool_length, pool_stride)
        self.pool_stride = pool_stride
        self.n_held = n_times - (self.n_steps * pool_stride + kernel_length - 1)
        self.linear = nn.Linear(n_embedding, n_kernels * self.n_steps)
        self.spatial = nn.Sequential(
            nn.ConvTranspose2d(n_kernels, n_kernels, (n_channels, 1)),
            nn.BatchNorm2d(n_kernels),
            nn.ELU(),
        )
        self.temporal = nn.Sequential(
            nn.ConvTranspose2d(n_kernels, n_kernels, (1, kernel_length)),
            nn.BatchNorm2d(n_kernels),
            nn.ELU(),
            nn.ConvTranspose2d(n_kernels, 1, 1),
            nn.BatchNorm2d(1),
            nn.Tanh(),
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict brain responses."""
        maps = F.gelu(self.linear(embedding))  # (n, n_kernels * n_steps)
        maps = maps.unflatten(1, (-1, 1, self.n_steps))  # (n, n_kernels, 1, n_steps)
        maps = self.spatial(maps)  # (n, n_kernels, n_channels, n_steps)
        maps = maps.repeat_interleave(self.pool_stride, dim=3)
        signals = self.temporal(maps)  # (n, 1, n_channels, n_times - n_held)
        return F.pad(signals, (0, self.n_held, 0, 0), mode="replicate").squeeze(1)


@torch.no_grad()
def initialize(module: nn.Module) -> None:
    """Draw the weights of a module as the release does.

    Parameters
    ----------
    module : Module
        The module, changed in place. Weights of convolutions and linear layers have a
        standard deviation of 0.02; scales of batch normalization have it around 1, and
        their offsets are 0. The biases of layers stay as PyTorch draws them.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.normal_(0.0, SPREAD)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.weight.normal_(1.0, SPREAD)
            layer.bias.zero_()
