"""The network of Tables 6 and 7, written in the order of the paper: start here.

Every layer of the tables is one line of ``forward``, and every line names the shape of
its result, with

* ``n`` responses in the batch, of ``n_channels`` channels and ``n_times`` samples,
* ``n_kernels`` = k kernels of ``kernel_length`` = m1 samples,
* a pooling of ``pool_length`` = m2 samples with the stride ``pool_stride`` = s,
* ``n_steps`` = floor((n_times - m1 - m2 + 1) / s) + 1 time steps behind the pooling,
* ``n_embedding`` = F dimensions of the shared space.

The classes of :mod:`mne_brainae.nn.tsconv` have the same layers and results. They apply
neighboring linear layers as one, which is many times faster, and are what
``brain_encoder="tsconv"`` and ``brain_decoder="tsconv"`` build. The tests compare every
other form of the network with this one, and ``mne_brainae benchmark speed --compare
reference`` times it.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.docs import fill_doc

#: How a decoder comes from steps to samples, and the name of it in PyTorch.
INTERPOLATIONS = {"nearest": "nearest", "linear": "bilinear"}


def n_steps(
    n_times: int, kernel_length: int, pool_length: int, pool_stride: int
) -> int:
    """Return the time steps after temporal convolution and pooling (Table 6).

    Parameters
    ----------
    n_times : int
        Time samples of the window.
    kernel_length, pool_length, pool_stride : int
        The sizes m1, m2 and s of Table 6.

    Returns
    -------
    n_steps : int
        ``floor((n_times - m1 - m2 + 1) / s) + 1``.

    Raises
    ------
    ValueError
        If the window is shorter than the kernels, or the stride skips samples.
    """
    if pool_length < pool_stride:
        raise ValueError(
            f"pool_length={pool_length} is shorter than pool_stride={pool_stride}, so "
            "that samples would be skipped. Use pool_length >= pool_stride."
        )
    shortest = kernel_length + pool_length - 1
    if n_times < shortest:
        raise ValueError(
            f"The window has {n_times} times, but kernel_length={kernel_length} and "
            f"pool_length={pool_length} need at least {shortest}. Use a longer window "
            "or a higher sampling rate, shorter kernels, or brain_encoder='linear' and "
            "brain_decoder='linear'."
        )
    return (n_times - shortest) // pool_stride + 1


@fill_doc
class ReferenceEncoder(nn.Module):
    """Temporal convolution, pooling, spatial convolution, linear layer (Table 6).

    Parameters
    ----------
    %(network_sizes)s
    %(kernel_sizes)s
    inner_activation : bool
        Whether batch normalization and ELU follow the pooling too, as section 3.3.1
        says, or only the spatial convolution.

    Notes
    -----
    Maps (n, n_channels, n_times) to (n, n_embedding). The convolutions have no bias:
    the batch normalization behind each of them would cancel it.
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
        inner_activation: bool = True,
    ):
        super().__init__()
        self.n_steps = n_steps(n_times, kernel_length, pool_length, pool_stride)
        self.temporal = nn.Conv2d(1, n_kernels, (1, kernel_length), bias=False)
        self.pooling = nn.AvgPool2d((1, pool_length), stride=(1, pool_stride))
        self.inner_norm = nn.BatchNorm2d(n_kernels) if inner_activation else None
        self.spatial = nn.Conv2d(n_kernels, n_kernels, (n_channels, 1), bias=False)
        self.norm = nn.BatchNorm1d(n_kernels)
        self.linear = nn.Linear(n_kernels * self.n_steps, n_embedding)

    def forward(self, brain: Tensor) -> Tensor:
        """Embed brain responses."""
        maps = brain.unsqueeze(1)  # (n, 1, n_channels, n_times)
        maps = self.temporal(maps)  # (n, n_kernels, n_channels, n_times - m1 + 1)
        maps = self.pooling(maps)  # (n, n_kernels, n_channels, n_steps)
        if self.inner_norm is not None:
            maps = F.elu(self.inner_norm(maps))  # (n, n_kernels, n_channels, n_steps)
        maps = self.spatial(maps).squeeze(2)  # (n, n_kernels, n_steps)
        maps = F.elu(self.norm(maps))  # (n, n_kernels, n_steps)
        return self.linear(maps.flatten(1))  # (n, n_embedding)


@fill_doc
class ReferenceDecoder(nn.Module):
    """Linear layer, transposed spatial convolution, upsampling, transposed temporal.

    The mirror of :class:`ReferenceEncoder` (Table 7, read from the latent outwards),
    with an affine output per channel and no saturating nonlinearity.

    Parameters
    ----------
    %(network_sizes)s
    %(kernel_sizes)s
    inner_activation : bool
        Whether batch normalization and ELU follow the transposed spatial convolution,
        as in the encoder, or precede it.
    upsampling : ``"nearest"`` | ``"linear"``
        Whether samples repeat the step that they belong to, or lie on a line between
        steps.

    Notes
    -----
    Maps (n, n_embedding) to (n, n_channels, n_times). What the pooling of the encoder
    cut off at the end of the window, ``n_held`` samples, holds the last step.
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
        inner_activation: bool = True,
        upsampling: str = "nearest",
    ):
        if upsampling not in INTERPOLATIONS:
            raise ValueError(
                "upsampling must be one of "
                f"{', '.join(map(repr, INTERPOLATIONS))}, got {upsampling!r}."
            )
        super().__init__()
        self.n_steps = n_steps(n_times, kernel_length, pool_length, pool_stride)
        self.n_times, self.pool_stride = n_times, pool_stride
        self.n_held = n_times - (self.n_steps * pool_stride + kernel_length - 1)
        self.inner_activation, self.upsampling = inner_activation, upsampling
        self.linear = nn.Linear(n_embedding, n_kernels * self.n_steps)
        self.norm = nn.BatchNorm2d(n_kernels)
        self.spatial = nn.ConvTranspose2d(
            n_kernels, n_kernels, (n_channels, 1), bias=False
        )
        self.temporal = nn.ConvTranspose2d(n_kernels, 1, (1, kernel_length), bias=False)
        self.scale = nn.Parameter(torch.ones(n_channels, 1))
        self.offset = nn.Parameter(torch.zeros(n_channels, 1))

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict brain responses."""
        maps = self.linear(embedding)  # (n, n_kernels * n_steps)
        maps = maps.unflatten(1, (-1, 1, self.n_steps))  # (n, n_kernels, 1, n_steps)
        if not self.inner_activation:
            maps = F.elu(self.norm(maps))  # (n, n_kernels, 1, n_steps)
        maps = self.spatial(maps)  # (n, n_kernels, n_channels, n_steps)
        if self.inner_activation:
            maps = F.elu(self.norm(maps))  # (n, n_kernels, n_channels, n_steps)
        maps = self._upsample(maps)  # (n, n_kernels, n_channels, n_times - m1 + 1)
        signals = self.temporal(maps).squeeze(1)  # (n, n_channels, n_times)
        return signals * self.scale + self.offset  # (n, n_channels, n_times)

    def _upsample(self, maps: Tensor) -> Tensor:
        """Return ``pool_stride`` samples for each step, and hold the last one."""
        factor, mode = (1, self.pool_stride), INTERPOLATIONS[self.upsampling]
        maps = F.interpolate(maps, scale_factor=factor, mode=mode)
        return F.pad(maps, (0, self.n_held, 0, 0), mode="replicate")


def reference_of(network: nn.Module) -> nn.Module:
    """Return a network of the same parameters, computed one layer after another.

    Parameters
    ----------
    network : instance of BrainAENetwork
        A network with the temporal-spatial convolution as encoder and decoder, as
        :func:`mne_brainae.nn.network.build_network` returns it.

    Returns
    -------
    network : instance of BrainAENetwork
        The reference. It shares parameters and running statistics.
    """
    spec = network.spec
    size = spec["n_channels"], spec["n_times"], spec["n_embedding"]
    options, upsampling = spec["convolution"], spec["upsampling"]
    with torch.device("meta"):  # the weights come from the network
        encoder = ReferenceEncoder(*size, **options)
        decoder = ReferenceDecoder(*size, **options, upsampling=upsampling)
    reference = type(network)(
        _share(network.brain_encoder, encoder),
        _share(network.brain_decoder, decoder),
        network.image_projection,
    )
    reference.training = network.training
    return reference


def _share(source: nn.Module, target: nn.Module) -> nn.Module:
    """Give a module the layers and parameters of another one, and return it."""
    for name, layer in source.named_children():
        setattr(target, name, layer)
    for name, parameter in source.named_parameters(recurse=False):
        setattr(target, name, parameter)
    return target
