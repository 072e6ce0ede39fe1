"""The fast computation of the network whose convolution chain is linear.

Without an inner activation, encoder and decoder each hold one strided (transposed)
convolution. Two identities follow, both exact.

*Convolution theorem.* Responses are cut into blocks of one stride, and stored as the
Fourier coefficients of their blocks along time. A strided convolution then multiplies
every pair of coefficients, a cosine's and a sine's, by a matrix of its own: two
products of matrices, where the convolution has one per stride of the kernel. The
coefficients of responses are made once for all epochs of training.

*Gram form of the squared error.* A reconstruction W h + o of X, with the map W from
hidden steps h to samples and an offset o per channel, has the squared error

    |X - o - W h|^2 = |X - o|^2 - 2 <W'(X - o), h> + <h, (W'W) h>.

W'X is a convolution of X that both decoder passes share and that the encoder's product
computes along with its own. W'W couples no two pairs of coefficients. So no
reconstruction, nor its gradient, is ever formed.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Function

from ..network import BrainAENetwork
from .base import FastComputation
from .blocks import in_blocks
from .normalization import normalized_elu
from .precision import Precision
from .responses import Responses, pair_groups
from .spectrum import (
    analyze,
    fourier_basis,
    pair_matrices,
    pair_matrices_backward,
    synthesize,
    turns,
)
from .workers import linear, share

CHUNK = 2_000_000  # values of coefficients per product, which a cache holds
ENDS = 16  # responses whose ends are restored at a time


class GramComputation(FastComputation):
    """A network with linear convolution chains, computed in the Gram form.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network; its parameters and running statistics are used in place.
    precision : instance of Precision
        The precision of large products.
    """

    def __init__(self, network: BrainAENetwork, precision: Precision):
        super().__init__(network, precision)
        decoder = network.brain_decoder
        taps = max(self.n_taps, decoder.n_taps)
        self.n_parts = -(-taps // self.stride)
        # An even number, so that coefficients come in pairs.
        self.n_blocks = 2 * -(-decoder.n_times // (2 * self.stride))
        like = decoder.offset.detach()
        self.basis = fourier_basis(self.n_blocks).to(like)
        self.turns = turns(self.n_blocks, self.n_parts).to(like)

    def arrange(self, brain: Tensor, zeros=None) -> Responses:
        """Lay responses of shape (n, n_channels, n_times) out for this form."""

        def coefficients(samples: Tensor) -> Tensor:
            blocks = self._in_blocks(samples)
            return self.basis.T.to(samples) @ blocks  # (n, n_blocks, stride * n_ch)

        responses = Responses.arrange(
            brain, 2 * self.stride, self.precision.storage, zeros, coefficients
        )
        # The first block holds the constant coefficients, which are sums over time.
        root = self.n_blocks**0.5
        return responses.add_sums(
            square=lambda x: x.double().square().sum((1, 2)).to(brain.dtype),
            sample=lambda x: x[:, : self.stride].to(brain.dtype).sum(1) * root,
        )

    def _in_blocks(self, samples: Tensor) -> Tensor:
        blocks = samples.unflatten(1, (-1, self.stride))  # (n, n_blocks, stride, n_ch)
        return blocks.flatten(2)  # (n, n_blocks, stride * n_channels)

    def embed_brain(self, brain: Responses) -> Tensor:
        """Map responses into the shared space, and keep W'X for the errors."""
        encoder, decoder = self.network.brain_encoder, self.network.brain_decoder
        kernels = [encoder.composed_kernel(), decoder.composed_kernel()]
        self._kernel = kernels[1]
        blocks = torch.cat([in_blocks(k, self.stride, self.n_parts) for k in kernels])
        blocks = blocks.permute(1, 2, 0)  # (n_parts, stride * n_channels, 2 n_kernels)
        spectrum, self._projection = _SpectralConvolution.apply(
            blocks, brain, self.turns, self.precision
        )  # each (n_blocks, n, n_kernels)
        self._end = self._restore_end(brain) if decoder.n_held else None
        basis = self.basis[: self.n_steps]
        maps = _ChangeOfBasis.apply(spectrum, basis, synthesize, analyze)
        maps = normalized_elu(encoder.norm, maps)  # (n, n_kernels, n_steps)
        rows = maps.flatten(1)  # (n, n_kernels * n_steps)
        return linear(encoder.linear, rows, self.precision)  # (n, n_embedding)

    def squared_error(self, embedding: Tensor, brain: Responses) -> Tensor:
        """Return the mean squared error of decoding, after :meth:`embed_brain`."""
        decoder, kernel = self.network.brain_decoder, self._kernel
        rows = linear(decoder.linear, embedding, self.precision)
        maps = rows.unflatten(1, (len(kernel), -1))  # (n, n_kernels, n_steps)
        maps = normalized_elu(decoder.norm, maps)
        basis = self.basis[: self.n_steps]
        spectrum = _ChangeOfBasis.apply(maps, basis, analyze, synthesize)
        offset = decoder.offset[:, 0]  # (n_channels,)
        constant = kernel.sum(2) @ offset * self.n_blocks**0.5  # (n_kernels,)
        error = _offset_error(brain, offset) + _SpectralError.apply(
            spectrum, self._projection, constant, self._coupling(kernel)
        )
        if decoder.n_held:
            error = error + self._held_error(decoder, maps, offset)
        return error / (len(brain) * brain.n_channels * brain.n_times)

    def _coupling(self, kernel: Tensor) -> Tensor:
        """Return W'W between the hidden steps of every pair of coefficients."""
        grams = lag_grams(in_blocks(kernel, self.stride, self.n_parts))
        grams = torch.stack([grams[0] / 2, *grams[1:]])  # (n_parts, n_kernels, same)
        half = torch.einsum("pjab,pkl->jakbl", self.turns, grams)
        half = half.flatten(3).flatten(1, 2)  # (n_pairs, 2 n_kernels, 2 n_kernels)
        return half + half.transpose(1, 2)

    def _restore_end(self, brain: Responses) -> Tensor:
        """Return the samples after the last step, where the decoder holds it."""
        blocks = self.basis[self.n_steps :]

        def restore(start, stop):
            return [
                blocks @ self._in_blocks(brain.chunk(first, last)).to(blocks.dtype)
                for first, last in brain.chunks(start, stop, ENDS)
            ]

        parts = [part for parts in share(len(brain), restore) for part in parts]
        end = torch.cat(parts)  # (n, n_ends, stride * n_channels)
        end = end.unflatten(2, (self.stride, -1))  # (n, n_ends, stride, n_channels)
        return end.flatten(1, 2)  # (n, n_samples, n_channels)

    def _held_error(self, decoder, maps: Tensor, offset: Tensor) -> Tensor:
        """Return what holding the last step, to the window's end, adds to the error."""
        held = decoder.held_kernel()  # (n_kernels, n_channels, n_taps)
        last = maps[..., -1]  # (n, n_kernels)
        n_taps = held.shape[2]
        end = self._end[:, :n_taps].flatten(1)  # (n, n_taps * n_channels)
        projection = end @ held.permute(2, 1, 0).flatten(0, 1)  # (n, n_kernels)
        rows = held.flatten(1)  # (n_kernels, n_channels * n_taps)
        error = (rows @ rows.T * (last.T @ last)).sum()
        error = error - 2 * (projection * last).sum()
        error = error + 2 * last.sum(0) @ (held.sum(2) @ offset)
        # The steps before reach into the held samples by the ends of their kernels.
        for back in range(1, min(self.n_parts, self.n_steps + 1)):
            tail = self._kernel[:, :, back * self.stride :][:, :, :n_taps]
            begin = held[:, :, : tail.shape[2]].flatten(1)
            overlap = begin @ tail.flatten(1).T  # (n_kernels, n_kernels)
            products = last.T @ maps[..., self.n_steps - back]  # (n_kernels, n_kernels)
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
    rows = blocks.transpose(0, 1).flatten(0, 1)  # (n_parts * n_kernels, n_in)
    products = rows @ rows.T  # (n_parts * n_kernels, n_parts * n_kernels)
    products = products.view(n_parts, n_kernels, n_parts, n_kernels)
    products = products.transpose(1, 2)  # (n_parts, n_parts, n_kernels, n_kernels)
    return [products.diagonal(-lag).sum(-1) for lag in range(n_parts)]


class _SpectralConvolution(Function):
    """Two strided convolutions of the same responses, as coefficients.

    Kernels have the shape (n_parts, stride * n_channels, 2 * n_kernels). Coefficients
    come in two parts of shape (n_blocks, n, n_kernels), one for each half of them.
    """

    @staticmethod
    def forward(ctx, kernels, brain, turns, precision):
        _, n_in, n_out = kernels.shape
        n_pairs, kernels = turns.shape[1], kernels.contiguous()
        shape = (n_pairs, 2, len(brain), n_out // 2)
        results = kernels.new_empty(shape), kernels.new_empty(shape)

        def convolve(start, stop):
            for pairs in pair_groups(start, stop, kernels.device):
                matrices = precision.factor(pair_matrices(kernels, turns[:, pairs]))
                for first, last in brain.chunks(0, len(brain), _rows(pairs, n_in)):
                    parts = precision.factor(brain.parts(pairs, n_pairs, first, last))
                    product = torch.bmm(parts, matrices)  # (n_group, n, 2 n_out)
                    product = product.view(*product.shape[:2], 2, 2, n_out // 2)
                    # pair, response, cosine or sine, encoder or decoder, kernel
                    for result, half in zip(results, product.unbind(3), strict=True):
                        half = half.transpose(1, 2)  # (n_group, 2, n, n_kernels)
                        result[pairs, :, first:last] = half

        share(n_pairs, convolve)
        ctx.brain, ctx.turns, ctx.precision = brain, turns, precision
        ctx.shape = kernels.shape
        return tuple(each.flatten(0, 1) for each in results)  # (n_blocks, n, n_kernels)

    @staticmethod
    def backward(ctx, *gradients):
        brain, turns, precision = ctx.brain, ctx.turns, ctx.precision
        _, n_in, n_out = ctx.shape
        n_pairs = turns.shape[1]
        gradients = [each.unflatten(0, (n_pairs, 2)) for each in gradients]
        # each (n_pairs, 2, n, n_kernels)

        def correlate(start, stop):
            total = gradients[0].new_zeros(ctx.shape)
            for pairs in pair_groups(start, stop, total.device):
                n_group = pairs.stop - pairs.start
                d_matrices = total.new_zeros(n_group, 2 * n_in, 2 * n_out)
                for first, last in brain.chunks(0, len(brain), _rows(pairs, n_in)):
                    parts = precision.factor(brain.parts(pairs, n_pairs, first, last))
                    spread = [each[pairs, :, first:last] for each in gradients]
                    spread = torch.stack(spread, 2)  # (n_group, 2, 2, n, n_kernels)
                    spread = spread.permute(0, 3, 1, 2, 4)
                    spread = spread.reshape(n_group, last - first, -1)
                    spread = precision.factor(spread)  # (n_group, n, 2 n_out)
                    d_matrices += torch.bmm(parts.transpose(1, 2), spread)
                pair_matrices_backward(d_matrices, turns[:, pairs], total)
            return total

        return sum(share(n_pairs, correlate)), None, None, None


def _rows(pairs: slice, n_in: int) -> int:
    """Return how many responses of some pairs make up a chunk."""
    return max(1, CHUNK // ((pairs.stop - pairs.start) * 2 * n_in))


class _ChangeOfBasis(Function):
    """One of :func:`synthesize` and :func:`analyze`; the other one leads back."""

    @staticmethod
    def forward(ctx, given, basis, there, back):
        ctx.basis, ctx.back = basis, back
        return there(given, basis)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.back(gradient, ctx.basis), None, None, None


class _SpectralError(Function):
    """The sum of <h, (W'W) h> - 2 <W'(X - o), h> over pairs of coefficients.

    W'o, the same in every step, has a constant coefficient only.
    """

    @staticmethod
    def forward(ctx, spectrum, projection, constant, coupling):
        n_pairs = len(coupling)
        slopes = torch.empty_like(spectrum)
        errors, moments = spectrum.new_empty(n_pairs), torch.empty_like(coupling)

        def compute(start, stop):
            for pairs in pair_groups(start, stop, spectrum.device):
                here = slice(2 * pairs.start, 2 * pairs.stop)
                rows, fixed = _by_pair(spectrum[here]), _by_pair(projection[here])
                if pairs.start == 0:
                    fixed[0, :, : len(constant)] -= constant
                slope = torch.bmm(rows, coupling[pairs]).sub_(fixed)
                torch.bmm(rows.transpose(1, 2), rows, out=moments[pairs])
                halves = slope.unflatten(2, (2, -1))  # (n_group, n, 2, n_kernels)
                halves = halves.transpose(1, 2)  # (n_group, 2, n, n_kernels)
                slopes[here].view(halves.shape).copy_(halves)
                errors[pairs] = (rows * slope.sub_(fixed)).sum((1, 2))

        share(n_pairs, compute)
        ctx.save_for_backward(spectrum, slopes, moments)
        return errors.sum()

    @staticmethod
    def backward(ctx, gradient):
        spectrum, slopes, moments = ctx.saved_tensors
        d_spectrum, d_projection = torch.empty_like(slopes), torch.empty_like(spectrum)

        def scale(start, stop):
            torch.mul(slopes[start:stop], 2 * gradient, out=d_spectrum[start:stop])
            torch.mul(spectrum[start:stop], -2 * gradient, out=d_projection[start:stop])

        share(len(spectrum), scale)
        d_constant = 2 * gradient * spectrum[0].sum(0)
        return d_spectrum, d_projection, d_constant, moments * gradient


def _by_pair(spectrum: Tensor) -> Tensor:
    """Copy coefficients (2 n_pairs, n, n_kernels) to (n_pairs, n, 2 n_kernels)."""
    pairs = spectrum.unflatten(0, (-1, 2)).transpose(1, 2)
    return pairs.flatten(2)  # from (n_pairs, n, 2, n_kernels)
