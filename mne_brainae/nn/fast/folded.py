"""The fast computation of the network with an inner activation.

Batch normalization and ELU between temporal and spatial convolution need the map of
all steps, channels and kernels, which is by far the largest array of the network. Here
it exists for a few responses at a time only, and no normalization ever passes over it:

*Folded normalization.* What the first normalization sees is linear in windows of
samples, w'u. Its mean and variance over the batch are w'm and w'Cw, with the mean m
and covariance C of the windows, which are summed up once per response. So the
normalization becomes a scale and a shift of the kernels. In the decoder the same holds
for the spatial kernels and the covariance of the steps that they see.

*Chunks.* With the normalization folded, responses are independent of one another and
the squared error is a sum. The decoder computes error and gradients of a chunk in one
go and keeps neither map nor reconstruction; the encoder computes its map again.

``F.batch_norm`` over maps with channels last would be wrong besides: in float32 its
variance is off by 1e-4 for some 10^5 rows on a CPU. ``tests/nn/test_network.py``
compares.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from ..tsconv import running_sum
from .base import FastComputation
from .blocks import elu_, elu_backward, windows
from .normalization import normalized_elu, scale_and_shift
from .responses import Responses
from .workers import linear, share

ROWS = 12_000  # rows of the inner map per chunk: steps x channels x responses


class FoldedComputation(FastComputation):
    """A network with an inner activation, computed in chunks.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network; its parameters and running statistics are used in place.
    precision : instance of Precision
        The precision of the linear layers and of stored responses. The thin products
        of this form gain too little from bf16.
    """

    def arrange(self, brain: Tensor, zeros=None) -> Responses:
        """Lay responses of shape (n, n_channels, n_times) out for this form."""
        responses = Responses.arrange(brain, self.stride, self.precision.storage, zeros)

        def moments(samples: Tensor) -> Tensor:
            windows = self._windows(samples.to(brain.dtype))
            windows = windows.unflatten(1, (len(samples), -1))
            windows = windows.transpose(0, 1)  # (n, n_taps + 1, n_steps * n_channels)
            return windows @ windows.transpose(1, 2)  # (n, n_taps + 1, n_taps + 1)

        return responses.add_sums(moments=moments)

    def _windows(self, samples: Tensor) -> Tensor:
        return windows(samples, self.n_steps, self.stride, self.n_taps)

    def embed_brain(self, brain: Responses) -> Tensor:
        """Map responses into the shared space."""
        encoder = self.network.brain_encoder
        kernel = encoder.pooled_kernel()[:, 0, 0].T  # (n_taps, n_kernels)
        spatial = encoder.spatial.weight[..., 0]  # (n_out, n_in, n_channels)
        spatial = spatial.permute(2, 1, 0)  # (n_channels, n_in, n_out)
        moments = brain.sums["moments"].sum(0, dtype=torch.float64)
        maps = _InnerConvolution.apply(
            fold_temporal(encoder.inner_norm, kernel, moments),
            spatial.flatten(0, 1),  # (n_channels * n_in, n_out)
            brain,
            self._windows,
            self.n_steps,
        )
        maps = normalized_elu(encoder.norm, maps)  # (n, n_kernels, n_steps)
        rows = maps.flatten(1)  # (n, n_kernels * n_steps)
        return linear(encoder.linear, rows, self.precision)  # (n, n_embedding)

    def squared_error(self, embedding: Tensor, brain: Responses) -> Tensor:
        """Return the mean squared error of decoding."""
        decoder = self.network.brain_decoder
        rows = linear(decoder.linear, embedding, self.precision)
        maps = rows.unflatten(1, (-1, self.n_steps))  # (n, n_kernels, n_steps)
        steps = maps.transpose(1, 2)  # (n, n_steps, n_kernels)
        temporal, n_held = decoder.temporal.weight, decoder.n_held
        held = running_sum(temporal, n_held) if n_held else temporal[..., :0]
        error = _MirrorError.apply(
            F.pad(steps, (0, 1), value=1.0),  # (n, n_steps, n_kernels + 1)
            fold_spatial(decoder.norm, decoder.spatial.weight[..., 0], steps),
            _in_strides(running_sum(temporal, self.stride), self.stride),
            _in_strides(held, self.stride),
            decoder.scale[:, 0],
            decoder.offset[:, 0],
            brain,
            self.stride,
            torch.is_grad_enabled(),
        )
        return error / (len(brain) * brain.n_channels * brain.n_times)


def fold_temporal(norm: nn.Module, kernel: Tensor, moments: Tensor) -> Tensor:
    """Fold a normalization into the kernels before it.

    Parameters
    ----------
    norm : instance of BatchNorm2d
        The normalization. In training its running statistics move on.
    kernel : Tensor, shape (n_taps, n_kernels)
        The kernels.
    moments : Tensor, shape (n_taps + 1, n_taps + 1)
        Sum of products of all windows of the batch, with themselves and with one, in
        float64.

    Returns
    -------
    kernel : Tensor, shape (n_taps + 1, n_kernels)
        The normalized kernels, and the constant in the last row.
    """
    count = moments[-1, -1]
    mean, second = moments[:-1, -1] / count, moments[:-1, :-1] / count
    covariance = second - torch.outer(mean, mean)
    exact = kernel.double()
    variance = (exact * (covariance @ exact)).sum(0)
    scale, shift = scale_and_shift(norm, mean @ exact, variance, count)
    return torch.cat([exact * scale, shift[None]]).to(kernel.dtype)


def fold_spatial(norm: nn.Module, spatial: Tensor, steps: Tensor) -> Tensor:
    """Fold a normalization into the spatial kernels before it.

    Parameters
    ----------
    norm : instance of BatchNorm2d
        The normalization. In training its running statistics move on.
    spatial : Tensor, shape (n_in, n_out, n_channels)
        The kernels.
    steps : Tensor, shape (n, n_steps, n_in)
        What the kernels are applied to.

    Returns
    -------
    spatial : Tensor, shape (n_in + 1, n_channels * n_out)
        The normalized kernels, and the constant in the last row.
    """
    n_in, _, n_channels = spatial.shape
    rows = steps.reshape(-1, n_in)  # (n * n_steps, n_in)
    center = rows.mean(0)
    centered = rows - center
    covariance = centered.T @ centered / len(rows)
    means = torch.einsum("i,ijc->jc", center, spatial)  # (n_out, n_channels)
    mixed = covariance @ spatial.flatten(1)  # (n_in, n_out * n_channels)
    mixed = mixed.view_as(spatial)  # (n_in, n_out, n_channels)
    mean = means.mean(1)  # (n_out,)
    # Within a channel, and between the means of channels: both are positive.
    variance = (spatial * mixed).sum(0).mean(1) + means.var(1, correction=0)
    scale, shift = scale_and_shift(norm, mean, variance, len(rows) * n_channels)
    shifts = shift.expand(n_channels, -1).T  # (n_out, n_channels)
    folded = torch.cat([spatial * scale[:, None], shifts[None]])
    return folded.transpose(1, 2).flatten(1)  # (n_in + 1, n_channels * n_out)


def _in_strides(kernel: Tensor, stride: int) -> Tensor:
    """Pad kernels (n_in, 1, 1, n_taps) to whole strides, as (n_taps, n_in)."""
    taps = kernel[:, 0, 0].T  # (n_taps, n_in)
    return F.pad(taps, (0, 0, 0, -len(taps) % stride))


def _chunk_size(brain: Responses, n_steps: int) -> int:
    return max(1, ROWS // (n_steps * brain.n_channels))


class _InnerConvolution(Function):
    """Temporal convolution, ELU and spatial convolution, chunk by chunk."""

    @staticmethod
    def forward(ctx, temporal, spatial, brain, windows, n_steps):
        n_kernels = spatial.shape[1]
        maps = temporal.new_empty(len(brain), n_kernels, n_steps)
        size = _chunk_size(brain, n_steps)

        def convolve(start, stop):
            for first, last in brain.chunks(start, stop, size):
                columns = windows(brain.chunk(first, last).to(temporal.dtype))
                inner = elu_(columns.T @ temporal)  # (n * n_steps * n_channels, n_in)
                inner = inner.view(-1, len(spatial))  # (n * n_steps, n_channels * n_in)
                steps = inner @ spatial  # (n * n_steps, n_out)
                steps = steps.view(last - first, n_steps, -1)  # (n, n_steps, n_out)
                maps[first:last] = steps.transpose(1, 2)  # (n, n_out, n_steps)

        share(len(brain), convolve)
        ctx.save_for_backward(temporal, spatial)
        ctx.brain, ctx.windows, ctx.size = brain, windows, size
        return maps

    @staticmethod
    def backward(ctx, d_maps):
        temporal, spatial = ctx.saved_tensors
        brain, windows = ctx.brain, ctx.windows

        def differentiate(start, stop):
            d_temporal, d_spatial = map(torch.zeros_like, (temporal, spatial))
            for first, last in brain.chunks(start, stop, ctx.size):
                columns = windows(brain.chunk(first, last).to(temporal.dtype))
                inner = elu_(columns.T @ temporal)  # (n * n_steps * n_channels, n_in)
                d_steps = d_maps[first:last].transpose(1, 2)  # (n, n_steps, n_out)
                d_steps = d_steps.flatten(0, 1)  # (n * n_steps, n_out)
                rows = inner.view(len(d_steps), -1)  # (n * n_steps, n_channels * n_in)
                d_spatial.addmm_(rows.T, d_steps)
                d_inner = (d_steps @ spatial.T).view_as(inner)
                d_temporal.addmm_(columns, elu_backward(d_inner, inner, out=d_inner))
            return d_temporal, d_spatial

        parts = share(len(brain), differentiate)
        return *map(sum, zip(*parts, strict=True)), None, None, None


class _MirrorError(Function):
    """Sum of squared errors of the decoder behind its linear layer.

    The gradients of a chunk are computed along with its error, so that nothing is
    kept; the backward pass only scales them.
    """

    @staticmethod
    def forward(ctx, steps, *others):
        *parameters, brain, stride, differentiate = others
        d_steps = torch.empty_like(steps)
        size = _chunk_size(brain, steps.shape[1])

        def sum_up(start, stop):
            mirror, error = _Mirror(*parameters, stride, brain.n_times), 0.0
            for first, last in brain.chunks(start, stop, size):
                rows = slice(first, last)
                samples = brain.chunk(first, last).to(steps.dtype)
                error += mirror.error(steps[rows], samples)
                if differentiate:
                    d_steps[rows] = mirror.differentiate()
            return error, mirror.gradients

        errors, gradients = zip(*share(len(brain), sum_up), strict=True)
        ctx.gradients = d_steps, *map(sum, zip(*gradients, strict=True))
        return sum(errors)

    @staticmethod
    def backward(ctx, gradient):
        return *(gradient * each for each in ctx.gradients), None, None, None


class _Mirror:
    """The decoder behind its linear layer, for one chunk of responses after another.

    Parameters
    ----------
    spatial : Tensor, shape (n_in + 1, n_channels * n_kernels)
        Normalized spatial kernels.
    kernel, held : Tensor, shape (n_taps, n_kernels)
        Temporal kernels of all steps, and of what holding the last step adds.
    scale, offset : Tensor, shape (n_channels,)
        The affine output.
    stride, n_times : int
        Samples per step, and samples of the window.
    """

    def __init__(self, spatial, kernel, held, scale, offset, stride, n_times):
        self.spatial, self.kernel, self.held = spatial, kernel, held
        self.scale, self.offset = scale, offset
        self.stride, self.n_times = stride, n_times
        parameters = spatial, kernel, held, scale, offset
        self.gradients = [torch.zeros_like(each) for each in parameters]

    def error(self, steps: Tensor, samples: Tensor) -> Tensor:
        """Return the sum of squared errors of a chunk.

        Parameters
        ----------
        steps : Tensor, shape (n, n_steps, n_in + 1)
            Steps, with a one behind each.
        samples : Tensor, shape (n, n_blocks * stride, n_channels)
            The responses to be met.

        Returns
        -------
        error : Tensor, shape ()
            The sum.
        """
        n, n_steps, _ = steps.shape
        n_channels, n_kernels = len(self.scale), self.kernel.shape[1]
        self.rows = steps.reshape(n * n_steps, -1)  # (n * n_steps, n_in + 1)
        inner = self.rows @ self.spatial  # (n * n_steps, n_channels * n_kernels)
        inner = inner.view(-1, n_kernels)  # (n * n_steps * n_channels, n_kernels)
        self.inner = elu_(inner)
        inner = inner.view(n, n_steps, n_channels, n_kernels)
        self.last = inner[:, -1].flatten(0, 1)  # (n * n_channels, n_kernels)
        self.taps = self.kernel @ self.inner.T  # (n_taps, n * n_steps * n_channels)
        self.ends = self.held @ self.last.T  # (n_taps of held, n * n_channels)
        # Sample stride * q + j of every channel stands at [j, :, q].
        target = samples.unflatten(1, (-1, self.stride))
        target = target.permute(2, 0, 1, 3)  # (stride, n, n_blocks, n_channels)
        self.signal = samples.new_zeros(target.shape)
        for here, taps in self._overlaps(self.signal, n_steps):
            here += taps
        self.residual = (self.signal * self.scale).add_(self.offset - target)
        n_valid = self.n_times % self.stride
        if n_valid:
            self.residual[n_valid:, :, -1] = 0.0
        return self.residual.square().sum()

    def _overlaps(self, signal: Tensor, n_steps: int) -> list[tuple[Tensor, Tensor]]:
        """Pair the parts of a signal with the taps that reach them."""
        _, n, _, n_channels = signal.shape
        # Parts of one stride come first: part, sample of the stride, response, ...
        taps = self.taps.view(-1, self.stride, n, n_steps, n_channels)
        ends = self.ends.view(-1, self.stride, n, n_channels)
        return [
            (signal[:, :, part : part + n_steps], each)
            for part, each in enumerate(taps)
        ] + [(signal[:, :, n_steps + part], each) for part, each in enumerate(ends)]

    def differentiate(self) -> Tensor:
        """Add up the parameters' gradients of this chunk, return those of its steps."""
        d_spatial, d_kernel, d_held, d_scale, d_offset = self.gradients
        gradient = self.residual.mul_(2.0)
        d_offset += gradient.sum((0, 1, 2))
        d_scale += (gradient * self.signal).sum((0, 1, 2))
        gradient *= self.scale
        n, n_channels = gradient.shape[1], gradient.shape[3]
        for here, taps in self._overlaps(gradient, len(self.rows) // n):
            taps.copy_(here)
        d_kernel.addmm_(self.taps, self.inner)
        d_held.addmm_(self.ends, self.last)
        d_inner = self.taps.T @ self.kernel  # (n * n_steps * n_channels, n_kernels)
        d_steps = d_inner.view(n, -1, n_channels, d_inner.shape[1])
        d_last = d_steps[:, -1]  # (n, n_channels, n_kernels)
        d_last += (self.ends.T @ self.held).view_as(d_last)
        elu_backward(d_inner, self.inner, out=d_inner)
        d_rows = d_inner.view(len(self.rows), -1)  # as rows @ spatial
        d_spatial.addmm_(self.rows.T, d_rows)
        d_rows = d_rows @ self.spatial.T  # (n * n_steps, n_in + 1)
        return d_rows.view(n, -1, self.rows.shape[1])  # (n, n_steps, n_in + 1)
