"""The encoder in use: normalisations folded into kernels, which are kept."""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import (
    diagonals,
    elu_,
    in_blocks,
    windows,
)
from .precision import Precision
from .responses import WIDER, chunks
from .workers import linear, share, workers_for

CHUNK = 8  # responses at a time: what is between their layers stays in the cache
ROWS = 6_000  # rows of the inner map at a time


class FrozenEncoder:
    """A temporal-spatial encoder in evaluation mode, without gradients.

    Parameters
    ----------
    encoder : instance of TSConvEncoder
        The encoder as it is now. Its linear layer is used in place.
    """

    def __init__(self, encoder: nn.Module):
        self.stride, self.n_steps = encoder.pool_stride, encoder.n_steps
        self.n_taps = encoder.n_taps
        self.version = _version(encoder)
        scale, self.shift = _scale_and_shift(encoder.norm)
        self.temporal = None
        if encoder.inner_norm is None:
            kernel = encoder.composed_kernel() * scale[:, None, None]
            self.n_parts = -(-self.n_taps // self.stride)
            blocks = in_blocks(kernel, self.stride, self.n_parts)
            self.product = blocks.permute(2, 1, 0).flatten(1).contiguous()
        else:
            inner_scale, inner_shift = _scale_and_shift(encoder.inner_norm)
            taps = encoder.pooled_kernel()[:, 0, 0].T * inner_scale
            self.temporal = torch.cat([taps, inner_shift[None]])
            spatial = encoder.spatial.weight[..., 0] * scale[:, None, None]
            self.product = spatial.permute(2, 1, 0).flatten(0, 1).contiguous()

    def is_stale(self, encoder: nn.Module) -> bool:
        """Return whether a parameter or running statistic has changed since.

        What is written through ``parameter.data`` leaves no trace; call
        ``encoder.eval()`` after it.
        """
        return self.version is None or self.version != _version(encoder)

    def __call__(self, brain: Tensor, last_layer: nn.Module) -> Tensor:
        """Embed responses.

        Parameters
        ----------
        brain : Tensor, shape (n, n_channels, n_times)
            The responses.
        last_layer : instance of Linear
            What follows the convolutions.

        Returns
        -------
        embedding : Tensor, shape (n, n_embedding)
            Their points in the shared space.
        """
        if self.temporal is None:
            convolve, size = self._convolve, CHUNK
        else:
            convolve = self._convolve_inner
            size = max(1, ROWS // (self.n_steps * brain.shape[1]))
        if brain.device.type != "cpu":
            size *= WIDER
        maps = brain.new_empty(len(brain), len(self.shift), self.n_steps)

        def work(start, stop):
            for first, last in chunks(start, stop, size):
                samples = _time_major(brain[first:last], self.stride)
                steps = elu_(convolve(samples).add_(self.shift))
                maps[first:last] = steps.transpose(1, 2)

        with workers_for(brain):
            share(len(brain), work)
            return linear(last_layer, maps.flatten(1), Precision())

    def _convolve(self, samples: Tensor) -> Tensor:
        rows = samples.view(-1, len(self.product)) @ self.product
        product = rows.view(len(samples), -1, self.n_parts, len(self.shift))
        return diagonals(product, self.n_steps).sum(2)

    def _convolve_inner(self, samples: Tensor) -> Tensor:
        columns = windows(samples, self.n_steps, self.stride, self.n_taps)
        inner = elu_(columns.T @ self.temporal)
        steps = inner.view(-1, len(self.product)) @ self.product
        return steps.view(len(samples), self.n_steps, -1)


def _time_major(brain: Tensor, stride: int) -> Tensor:
    """Transpose responses, padded to whole strides."""
    n, n_channels, n_times = brain.shape
    samples = brain.new_empty(n, -(-n_times // stride) * stride, n_channels)
    samples[:, :n_times] = brain.transpose(1, 2)
    samples[:, n_times:] = 0.0
    return samples


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def _version(encoder: nn.Module) -> list | None:
    """Return what changes with the convolutions and normalisations of an encoder.

    None, which equals no version, where PyTorch does not count changes: in tensors
    that were made in inference mode.
    """
    kept = (encoder.temporal, encoder.inner_norm, encoder.spatial, encoder.norm)
    tensors = [
        tensor
        for layer in kept
        if layer is not None
        for tensor in (*layer._parameters.values(), *layer._buffers.values())
        if tensor is not None
    ]
    if any(tensor.is_inference() for tensor in tensors):
        return None
    return [(tensor.data_ptr(), tensor._version) for tensor in tensors]
