"""Batch normalization: its running state, and with ELU in one go over a few rows.

With the mean m and variance v of a kernel over the N values of the batch, normalization
is y = w (x - m) / sqrt(v + eps) + b = scale x + shift: one scale and one shift per
kernel, which go over the maps together with ELU. Backward, with the gradient g behind
ELU and r = (v + eps)^-1/2, the sums B = sum g and S = sum g (x - m) give

    db = B,   dw = r S,   dx = w r (g - B / N - (x - m) r^2 S / N),

so that dx = scale g + slope x + offset is again one scale, slope and offset per kernel.
In evaluation m and v do not depend on x, and the last two terms are absent.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd import Function

from .blocks import elu_, elu_backward
from .responses import chunks
from .workers import share

CHUNK = 32  # rows at a time: what is between two operations stays in the cache


def scale_and_shift(
    norm: nn.Module, mean: Tensor, variance: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Return scale and shift of a batch normalization, and move its running state.

    Parameters
    ----------
    norm : instance of BatchNorm1d | BatchNorm2d
        The normalization.
    mean, variance : Tensor, shape (n_kernels,)
        Mean and variance of the batch, used and kept in training.
    count : int
        Values that they are of.

    Returns
    -------
    scale, shift : Tensor, shape (n_kernels,)
        What normalizes.
    """
    if norm.training:
        with torch.no_grad():
            norm.num_batches_tracked += 1
            unbiased = variance * (count / (count - 1))
            for running, now in (
                (norm.running_mean, mean),
                (norm.running_var, unbiased),
            ):
                running.lerp_(now.to(running.dtype), norm.momentum)
    else:
        mean, variance = norm.running_mean, norm.running_var
    scale = norm.weight * (variance + norm.eps).rsqrt()
    return scale, norm.bias - mean * scale


def normalized_elu(norm: nn.Module, maps: Tensor) -> Tensor:
    """Apply a batch normalization and ELU, the rows shared by the threads.

    Parameters
    ----------
    norm : instance of BatchNorm1d | BatchNorm2d
        The normalization. In training its running statistics move on.
    maps : Tensor, shape (n, n_kernels, n_steps)
        The maps.

    Returns
    -------
    maps : Tensor, shape (n, n_kernels, n_steps)
        Maps normalized, with ELU applied.
    """
    return _NormalizedElu.apply(maps, norm.weight, norm.bias, norm)


class _NormalizedElu(Function):
    @staticmethod
    def forward(ctx, maps, weight, bias, norm):
        count = maps[:, 0].numel()
        mean, variance = norm.running_mean.double(), norm.running_var.double()
        if norm.training:
            mean = _total(maps, lambda part: part) / count
            center = mean.to(maps.dtype)[:, None]
            variance = _total(maps, lambda part: (part - center).square_()) / count
        scale, shift = scale_and_shift(norm, mean, variance, count)
        scale, shift = (
            each.to(maps.dtype)[:, None] for each in (scale, shift)
        )  # (n_kernels, 1)
        activated = torch.empty_like(maps)

        def normalize(rows):
            elu_(torch.mul(maps[rows], scale, out=activated[rows]).add_(shift))

        _in_chunks(maps, normalize)
        ctx.save_for_backward(maps, activated, weight, mean, variance)
        ctx.eps, ctx.training = norm.eps, norm.training
        return activated

    @staticmethod
    def backward(ctx, gradient):
        maps, activated, weight, mean, variance = ctx.saved_tensors
        count = maps[:, 0].numel()
        center = mean.to(maps.dtype)[:, None]
        d_maps = torch.empty_like(maps)

        def differentiate(rows):
            slope = elu_backward(gradient[rows], activated[rows], out=d_maps[rows])
            moment = _sum_rows((maps[rows] - center).mul_(slope))
            return _sum_rows(slope), moment  # each (n_kernels,)

        sums = zip(*_in_chunks(maps, differentiate), strict=True)
        d_bias, d_scale = (
            torch.stack(each).sum(0, dtype=torch.float64) for each in sums
        )
        rstd = (variance + ctx.eps).rsqrt()
        scale = weight * rstd
        # In training every value also moves the mean and the variance of the batch.
        share_of_one = ctx.training / count
        slope = -scale * rstd.square() * d_scale * share_of_one
        offset = -scale * d_bias * share_of_one - slope * mean
        scale, slope, offset = (
            each.to(maps.dtype)[:, None] for each in (scale, slope, offset)
        )  # (n_kernels, 1)

        def project(rows):
            d_maps[rows].mul_(scale).add_((maps[rows] * slope).add_(offset))

        _in_chunks(maps, project)
        d_weight = (d_scale * rstd).to(weight.dtype)
        return d_maps, d_weight, d_bias.to(weight.dtype), None


def _total(maps: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the sum, per kernel, of a function of maps, in float64."""
    parts = _in_chunks(maps, lambda rows: _sum_rows(function(maps[rows])))
    return torch.stack(parts).sum(0, dtype=torch.float64)


def _sum_rows(maps: Tensor) -> Tensor:
    """Return the sum of maps (n, n_kernels, n_steps) per kernel."""
    # A product sums the short last axis faster than a sum does.
    return (maps @ maps.new_ones(maps.shape[2])).sum(0)


def _in_chunks(maps: Tensor, work: Callable[[slice], object]) -> list:
    """Call ``work`` on slices of rows that stay in the cache, shared by the threads."""
    size = CHUNK if maps.device.type == "cpu" else len(maps)

    def work_on(start, stop):
        return [work(slice(*chunk)) for chunk in chunks(start, stop, size)]

    return [result for part in share(len(maps), work_on) for result in part]
