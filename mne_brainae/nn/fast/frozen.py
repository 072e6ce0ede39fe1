"""A network in use: normalizations folded into kernels, which are kept.

In evaluation a batch normalization behind a linear layer with kernel w is linear, too:

    norm(w'x) = scale w'x + shift,   scale = weight / sqrt(var + eps),
                                     shift = bias - mean scale,

so the kernel ``scale w`` and the constant ``shift`` do the work of both. Without an
inner activation temporal convolution, pooling, spatial convolution and normalization
are one kernel, applied to time-major samples in blocks; with it they are two, and the
first one reads windows (:mod:`~mne_brainae.nn.fast.blocks`). The decoder without it is
an ELU and one transposed kernel. The kernels are made once and kept until a weight or a
running statistic changes.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..added import Added
from ..network import BrainAENetwork
from ..tsconv import TSConvDecoder, TSConvEncoder
from .blocks import (
    diagonals,
    elu_,
    in_blocks,
    windows,
)
from .precision import Precision
from .responses import WIDER, chunks
from .workers import linear, share, shared_product, workers_for

FLOAT32 = Precision()
CHUNK = 8  # responses at a time: what is between their layers stays in the cache
ROWS = 6_000  # rows of the inner map at a time


def freeze(network: BrainAENetwork, precision: Precision = FLOAT32) -> FrozenNetwork:
    """Return the maps of a network as they are used after training.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network, in evaluation mode.
    precision : instance of Precision
        The precision of large products on the way into the shared space.

    Returns
    -------
    frozen : instance of FrozenNetwork
        The same maps.
    """
    return FrozenNetwork(network, precision)


def convolves(network: BrainAENetwork) -> bool:
    """Tell whether a temporal-spatial convolution embeds responses, or a part of it."""
    encoder = network.brain_encoder
    encoder = encoder.learned if isinstance(encoder, Added) else encoder
    return type(encoder) is TSConvEncoder


class FrozenNetwork:
    """The maps of a network in evaluation mode, without gradients.

    It follows the network: kernels are folded anew when a weight has changed. Copies
    and pickles hold the network alone, and fold its kernels when they are used.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network, in evaluation mode.
    precision : instance of Precision
        The precision of large products on the way into the shared space: those of a
        temporal-spatial encoder, and of a linear image projection. Responses are
        predicted in float32.
    """

    def __init__(self, network: BrainAENetwork, precision: Precision = FLOAT32):
        self.network, self.precision = network, precision
        self._folded: FrozenEncoder | None = None
        self._decoder: FrozenDecoder | None = None

    def __reduce__(self) -> tuple:
        return freeze, (self.network, self.precision)

    @torch.no_grad()
    def embed_brain(self, brain: Tensor, **known: Tensor) -> Tensor:
        """Map responses (n, n_channels, n_times) to the shared space."""
        return self._embed(self.network.brain_encoder, brain, **known)

    @torch.no_grad()
    def embed_image(self, image: Tensor) -> Tensor:
        """Map image features (n, n_image_features) to the shared space."""
        layer = self.network.image_projection
        if type(layer) is not nn.Linear:
            return layer(image)
        with workers_for(image):  # they share the rows
            return linear(layer, image, self.precision)

    @torch.no_grad()
    def decode(self, embedding: Tensor) -> Tensor:
        """Map points (n, n_embedding) of the shared space to brain responses."""
        return self._decode(self.network.brain_decoder, embedding)

    def _embed(self, encoder: nn.Module, brain: Tensor, **known: Tensor) -> Tensor:
        if isinstance(encoder, Added):
            learned = self._embed(encoder.learned, brain)
            return encoder.fixed(brain) + encoder.gain * learned
        if type(encoder) is not TSConvEncoder:
            return encoder(brain, **known)
        if self._folded is None or self._folded.is_stale(encoder):
            self._folded = FrozenEncoder(encoder, self.precision)
        return self._folded(brain)

    def _decode(self, decoder: nn.Module, embedding: Tensor) -> Tensor:
        if isinstance(decoder, Added):
            learned = self._decode(decoder.learned, embedding)
            return decoder.fixed(embedding) + decoder.gain * learned
        if not FrozenDecoder.suits(decoder):
            return decoder(embedding)
        if self._decoder is None or self._decoder.is_stale(decoder):
            self._decoder = FrozenDecoder(decoder)
        return self._decoder(embedding, decoder.linear)


class FrozenEncoder:
    """A temporal-spatial encoder in evaluation mode, without gradients.

    Parameters
    ----------
    encoder : instance of TSConvEncoder
        The encoder as it is now. In float32 its linear layer is used in place.
    precision : instance of Precision
        The precision of the products. With an inner activation that is the linear
        layer alone, as in training.
    """

    @torch.no_grad()
    def __init__(self, encoder: TSConvEncoder, precision: Precision = FLOAT32):
        self.precision = precision
        self.stride, self.n_steps = encoder.pool_stride, encoder.n_steps
        self.n_taps = encoder.n_taps
        self.version = _version(encoder)
        scale, self.shift = _scale_and_shift(encoder.norm)  # (n_out,)
        self.temporal = None
        if encoder.inner_norm is None:
            kernel = encoder.composed_kernel() * scale[:, None, None]
            self.n_parts = -(-self.n_taps // self.stride)
            blocks = in_blocks(kernel, self.stride, self.n_parts)
            product = blocks.permute(2, 1, 0)  # (stride * n_channels, n_parts, n_out)
            product = product.flatten(1)  # (stride * n_channels, n_parts * n_out)
        else:
            inner_scale, inner_shift = _scale_and_shift(encoder.inner_norm)
            taps = encoder.pooled_kernel()[:, 0, 0].T * inner_scale
            self.temporal = torch.cat([taps, inner_shift[None]])  # (n_taps + 1, n_in)
            spatial = encoder.spatial.weight[..., 0] * scale[:, None, None]
            product = spatial.permute(2, 1, 0)  # (n_channels, n_in, n_out)
            product = product.flatten(0, 1)  # (n_channels * n_in, n_out)
        self.of_blocks = precision if self.temporal is None else FLOAT32
        self.product = self.of_blocks.factor(product.contiguous())
        self.weight = precision.factor(encoder.linear.weight)
        self.bias = encoder.linear.bias

    def is_stale(self, encoder: TSConvEncoder) -> bool:
        """Return whether a parameter or running statistic has changed since.

        What is written through ``parameter.data`` leaves no trace in PyTorch; call
        :func:`freeze` after it.
        """
        return self.version is None or self.version != _version(encoder)

    def __call__(self, brain: Tensor) -> Tensor:
        """Embed responses.

        Parameters
        ----------
        brain : Tensor, shape (n, n_channels, n_times)
            The responses.

        Returns
        -------
        embedding : Tensor, shape (n, n_embedding)
            Their points in the shared space.
        """
        size = self._chunk_size(brain)
        shape = len(brain), len(self.shift), self.n_steps
        maps = brain.new_empty(shape, dtype=self.weight.dtype)

        def work(start, stop):
            for first, last in chunks(start, stop, size):
                rounded = self.of_blocks.factor(brain[first:last])
                steps = self._convolve(_time_major(rounded, self.stride))
                steps = elu_(steps.add_(self.shift))
                maps[first:last] = steps.transpose(1, 2)  # (n, n_kernels, n_steps)

        with workers_for(brain):
            share(len(brain), work)
            rows = self.precision.factor(maps.flatten(1))  # (n, n_kernels * n_steps)
            return shared_product(rows, self.weight.T, self.precision).add_(self.bias)

    def _chunk_size(self, brain: Tensor) -> int:
        size = CHUNK
        if self.temporal is not None:
            size = max(1, ROWS // (self.n_steps * brain.shape[1]))
        return size if brain.device.type == "cpu" else WIDER * size

    def _convolve(self, samples: Tensor) -> Tensor:
        """Return the steps (n, n_steps, n_kernels) of time-major samples."""
        if self.temporal is not None:
            return self._convolve_twice(samples)
        blocks = samples.view(-1, len(self.product))  # (n * n_blocks, stride * n_ch)
        # (n * n_blocks, n_parts * n_out)
        rows = self.of_blocks.result(blocks @ self.product)
        size = len(samples), -1, self.n_parts, len(self.shift)
        product = rows.view(size)  # (n, n_blocks, n_parts, n_out)
        return diagonals(product, self.n_steps).sum(2)  # (n, n_steps, n_out)

    def _convolve_twice(self, samples: Tensor) -> Tensor:
        columns = windows(samples, self.n_steps, self.stride, self.n_taps)
        inner = elu_(columns.T @ self.temporal)  # (n * n_steps * n_channels, n_in)
        rows = inner.view(-1, len(self.product))  # (n * n_steps, n_channels * n_in)
        steps = rows @ self.product  # (n * n_steps, n_out)
        return steps.view(len(samples), self.n_steps, -1)  # (n, n_steps, n_out)


class FrozenDecoder:
    """A temporal-spatial decoder in evaluation mode, without gradients.

    Parameters
    ----------
    decoder : instance of TSConvDecoder
        The decoder as it is now, for which :meth:`suits` is true. Its linear layer is
        used in place.
    """

    @torch.no_grad()
    def __init__(self, decoder: TSConvDecoder):
        self.stride, self.n_steps = decoder.pool_stride, decoder.n_steps
        self.version = version_of(decoder)
        scale, shift = _scale_and_shift(decoder.norm)
        self.scale, self.shift = scale[:, None], shift[:, None]  # (n_kernels, 1)
        self.kernel = decoder.composed_kernel()
        self.held = decoder.held_kernel() if decoder.n_held else None
        self.n_held, self.offset = decoder.n_held, decoder.offset.detach().clone()

    @staticmethod
    def suits(decoder: nn.Module) -> bool:
        """Return whether all that follows the activation of a decoder is linear."""
        return (
            type(decoder) is TSConvDecoder
            and decoder.upsampling == "nearest"
            and not decoder.inner_activation
        )

    def is_stale(self, decoder: TSConvDecoder) -> bool:
        """Return whether a parameter or running statistic has changed since."""
        return self.version is None or self.version != version_of(decoder)

    def __call__(self, embedding: Tensor, first_layer: nn.Module) -> Tensor:
        """Decode points of the shared space.

        Parameters
        ----------
        embedding : Tensor, shape (n, n_embedding)
            The points.
        first_layer : instance of Linear
            What precedes the normalization.

        Returns
        -------
        brain : Tensor, shape (n, n_channels, n_times)
            The responses.
        """
        maps = first_layer(embedding).unflatten(1, (-1, self.n_steps))
        maps = elu_(maps * self.scale + self.shift)  # (n, n_kernels, n_steps)
        brain = F.conv_transpose1d(maps, self.kernel, stride=self.stride)
        if self.held is not None:
            tail = F.conv_transpose1d(maps[..., -1:], self.held)
            brain = F.pad(brain, (0, self.n_held))
            brain[..., self.n_steps * self.stride :] += tail
        return brain + self.offset


def _time_major(brain: Tensor, stride: int) -> Tensor:
    """Return responses as (n, n_blocks * stride, n_channels), zero at the end."""
    n, n_channels, n_times = brain.shape
    samples = brain.new_empty(n, -(-n_times // stride) * stride, n_channels)
    samples[:, :n_times] = brain.transpose(1, 2)
    samples[:, n_times:] = 0.0
    return samples


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def _version(encoder: TSConvEncoder) -> list | None:
    """Return what changes with the weights and normalizations of an encoder."""
    names = ("temporal", "inner_norm", "spatial", "norm", "linear")
    layers = (getattr(encoder, name) for name in names)
    return version_of(*(layer for layer in layers if layer is not None))


def version_of(*modules: nn.Module) -> list | None:
    """Return what changes with the weights and running statistics of modules.

    Parameters
    ----------
    *modules : Module
        The modules.

    Returns
    -------
    version : list | None
        Place and version of every tensor. None, which stands for no version, where
        PyTorch does not count changes: in tensors that were made in inference mode.
    """
    tensors = [
        tensor
        for module in modules
        for part in module.modules()
        for tensor in (*part._parameters.values(), *part._buffers.values())
        if tensor is not None
    ]
    if any(tensor.is_inference() for tensor in tensors):
        return None
    return [(tensor.data_ptr(), tensor._version) for tensor in tensors]
