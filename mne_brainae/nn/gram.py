"""The fast computation of the network whose convolution chain is linear.

Without an inner activation, encoder and decoder each hold one strided (transposed)
convolution. Two identities follow, both exact.

*Polyphase product.* Samples are stored time-major in blocks of one stride. All blocks
times all parts of the kernel is one product of matrices; adding up its diagonals gives
the convolution. Nothing is unfolded.

*Gram form of the squared error.* A reconstruction W h + o of X, with the map W from
hidden steps h to samples and an offset o per channel, has the squared error

    |X - o - W h|^2 = |X - o|^2 - 2 <W'(X - o), h> + <h, (W'W) h>.

W'X is a convolution of X that both decoder passes share and that the encoder's product
computes along with its own. W'W couples steps at most one kernel apart. So no
reconstruction, nor its gradient, is ever formed.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from .blocks import diagonals, in_blocks, swap_axes
from .network import BrainAENetwork
from .precision import Precision
from .responses import Responses
from .workers import linear, share

CHUNK = 16  # responses per product: its result stays in the cache


class GramComputation:
    """A network with linear convolution chains, computed in the Gram form.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network; its parameters and running statistics are used in place.
    precision : instance of Precision
        The precision of large products.
    """

    def __init__(self, network: BrainAENetwork, precision: Precision):
        self.network, self.precision = network, precision
        encoder, decoder = network.brain_encoder, network.brain_decoder
        self.stride = encoder.pool_stride
        self.n_steps = encoder.n_steps
        taps = max(encoder.n_taps, decoder.n_taps)
        self.n_parts = -(-taps // self.stride)

    def arrange(self, brain: Tensor) -> Responses:
        """Lay responses of shape (n, n_channels, n_times) out for this form."""
        responses = Responses.arrange(brain, self.stride, self.precision.storage)
        return responses.add_sums(
            square=lambda x: x.double().square().sum((1, 2)).to(brain.dtype),
            sample=lambda x: x.double().sum(1).to(brain.dtype),
        )

    def embed_brain(self, brain: Responses) -> Tensor:
        """Map responses into the shared space, and keep W'X for the errors."""
        encoder, decoder = self.network.brain_encoder, self.network.brain_decoder
        kernels = [encoder.composed_kernel(), decoder.composed_kernel()]
        self._kernel = kernels[1]
        blocks = torch.cat([in_blocks(k, self.stride, self.n_parts) for k in kernels])
        maps, self._projection = _PolyphaseConvolution.apply(
            blocks, brain, self.stride, self.n_steps, self.precision
        )
        maps = F.elu(encoder.norm(maps), inplace=True)
        return linear(encoder.linear, maps.flatten(1), self.precision)

    def embed_image(self, image: Tensor) -> Tensor:
        """Map image features into the shared space."""
        return linear(self.network.image_projection, image, self.precision)

    def squared_error(self, embedding: Tensor, brain: Responses) -> Tensor:
        """Return the mean squared error of decoding, after :meth:`embed_brain`."""
        decoder, kernel = self.network.brain_decoder, self._kernel
        maps = linear(decoder.linear, embedding, self.precision)
        maps = maps.unflatten(1, (len(kernel), 1, -1))
        maps = F.elu(decoder.norm(maps), inplace=True)
        steps = swap_axes(maps.squeeze(2))
        offset = decoder.offset[:, 0]
        error = (
            _offset_error(brain, offset)
            - 2 * (self._projection * steps).sum()
            + 2 * steps.sum((0, 1)) @ (kernel.sum(2) @ offset)
            + self._energy(kernel, steps)
        )
        if decoder.n_held:
            error = error + self._held_error(decoder, steps, brain, offset)
        return error / (len(brain) * brain.n_channels * brain.n_times)

    def _energy(self, kernel: Tensor, steps: Tensor) -> Tensor:
        """Return <h, (W'W) h> from the products of steps one kernel apart."""
        blocks = in_blocks(kernel, self.stride, self.n_parts)
        within, between = _block_toeplitz(lag_grams(blocks))
        size = len(within) // len(kernel)
        padded = F.pad(steps, (0, 0, 0, -steps.shape[1] % size))
        products = _LagProducts.apply(
            padded.reshape(len(steps), -1, len(within)), self.precision
        )
        return (within * products[0]).sum() + 2 * (between * products[1]).sum()

    def _held_error(self, decoder, steps, brain, offset) -> Tensor:
        """Return what holding the last step, to the window's end, adds to the error."""
        held = decoder.held_kernel()
        start, n_taps = self.n_steps * self.stride, held.shape[2]
        last = steps[:, -1]
        samples = brain.chunk(0, len(brain))[:, start : start + n_taps].to(held.dtype)
        projection = samples.flatten(1) @ held.permute(2, 1, 0).flatten(0, 1)
        error = (held.flatten(1) @ held.flatten(1).T * (last.T @ last)).sum()
        error = error - 2 * (projection * last).sum()
        error = error + 2 * last.sum(0) @ (held.sum(2) @ offset)
        # The steps before reach into the held samples by the ends of their kernels.
        for back in range(1, min(self.n_parts, self.n_steps + 1)):
            end = self._kernel[:, :, back * self.stride :][:, :, :n_taps]
            overlap = held[:, :, : end.shape[2]].flatten(1) @ end.flatten(1).T
            products = last.T @ steps[:, self.n_steps - back]
            error = error + 2 * (overlap * products).sum()
        return error


def _offset_error(brain: Responses, offset: Tensor) -> Tensor:
    """Return |X - o|^2."""
    squares = brain.sums["square"].sum() + len(brain) * brain.n_times * offset @ offset
    return squares - 2 * brain.sums["sample"].sum(0) @ offset


def lag_grams(blocks: Tensor) -> list[Tensor]:
    """Return the overlap of every two kernels, one per lag in steps.

    Parameters
    ----------
    blocks : Tensor, shape (n_kernels, n_parts, stride * n_channels)
        The kernels in parts of one stride.

    Returns
    -------
    grams : list of Tensor, shape (n_kernels, n_kernels)
        Entry [j, i] of lag l is the product of kernel j with kernel i placed l steps
        later. Longer lags do not overlap.
    """
    n_kernels, n_parts, _ = blocks.shape
    rows = blocks.transpose(0, 1).flatten(0, 1)
    products = (rows @ rows.T).view(n_parts, n_kernels, n_parts, n_kernels)
    products = products.transpose(1, 2)
    return [products.diagonal(-lag).sum(-1) for lag in range(n_parts)]


def _block_toeplitz(grams: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return W'W within a group of steps, and between a group and the next one.

    Groups of one step less than the kernels span touch no others than their
    neighbours.
    """
    size = max(len(grams) - 1, 1)
    zero = torch.zeros_like(grams[0])

    def at(lag: int) -> Tensor:
        if abs(lag) >= len(grams):
            return zero
        return grams[lag] if lag >= 0 else grams[-lag].T

    def matrix(first: int) -> Tensor:
        rows = [[at(first + j - i) for j in range(size)] for i in range(size)]
        return torch.cat([torch.cat(row, dim=1) for row in rows])

    return matrix(0), matrix(size)


class _PolyphaseConvolution(Function):
    """Two strided convolutions of the same samples in one product.

    The first half of the kernels gives maps (n, n_kernels, n_steps), the second half
    steps (n, n_steps, n_kernels), as what follows each wants them.
    """

    @staticmethod
    def forward(ctx, blocks, brain, stride, n_steps, precision):
        n_out, n_parts, n_in = blocks.shape
        half = n_out // 2
        factor = precision.factor(blocks.permute(2, 1, 0).reshape(n_in, -1))
        maps = blocks.new_empty(len(brain), half, n_steps)
        steps = blocks.new_empty(len(brain), n_steps, n_out - half)

        def convolve(start, stop):
            for first, last in brain.chunks(start, stop, CHUNK):
                rows = precision.factor(brain.chunk(first, last)).view(-1, n_in)
                product = (rows @ factor).view(last - first, -1, n_parts, n_out)
                both = diagonals(product, n_steps).sum(2, dtype=blocks.dtype)
                maps[first:last] = both[..., :half].transpose(1, 2)
                steps[first:last] = both[..., half:]

        share(len(brain), convolve)
        ctx.brain, ctx.precision, ctx.shape = brain, precision, blocks.shape
        ctx.n_steps = n_steps
        return maps, steps

    @staticmethod
    def backward(ctx, d_maps, d_steps):
        brain, precision, n_steps = ctx.brain, ctx.precision, ctx.n_steps
        n_out, n_parts, n_in = ctx.shape
        half = n_out // 2
        n_blocks = brain.samples.shape[1] * brain.n_channels // n_in

        def correlate(start, stop):
            total = d_maps.new_zeros(n_in, n_parts * n_out)
            for first, last in brain.chunks(start, stop, CHUNK):
                spread = d_maps.new_zeros(last - first, n_blocks, n_parts, n_out)
                outputs = diagonals(spread, n_steps)
                outputs[..., :half] = d_maps[first:last].transpose(1, 2)[:, :, None]
                outputs[..., half:] = d_steps[first:last, :, None]
                rows = precision.factor(brain.chunk(first, last)).view(-1, n_in)
                factor = precision.factor(spread.view(len(rows), -1))
                if factor.dtype == total.dtype:
                    total.addmm_(rows.T, factor)
                else:
                    total += rows.T @ factor
            return total

        total = sum(share(len(brain), correlate))
        d_blocks = total.view(n_in, n_parts, n_out).permute(2, 1, 0)
        return d_blocks, None, None, None, None


class _LagProducts(Function):
    """Products of groups of steps with themselves, and with the groups after them."""

    @staticmethod
    def forward(ctx, groups, precision):
        size = groups.shape[2]
        factor = precision.factor(groups)
        ctx.save_for_backward(factor)
        ctx.precision = precision

        def products(start, stop):
            part = factor[start:stop]
            within = part.reshape(-1, size)
            early, late = part[:, :-1].reshape(-1, size), part[:, 1:].reshape(-1, size)
            return torch.stack([within.T @ within, early.T @ late])

        parts = share(len(groups), products)
        return precision.result(sum(parts))

    @staticmethod
    def backward(ctx, gradient):
        (factor,) = ctx.saved_tensors
        precision = ctx.precision
        within, between = precision.factor(gradient)
        d_groups = gradient.new_empty(factor.shape)
        within = within + within.T

        def spread(start, stop):
            part, out = factor[start:stop], d_groups[start:stop]
            rows = part.flatten(0, 1)
            out.copy_((rows @ within).view_as(part))
            out[:, :-1] += (rows @ between.T).view_as(part)[:, 1:]
            out[:, 1:] += (rows @ between).view_as(part)[:, :-1]

        share(len(factor), spread)
        return d_groups, None
