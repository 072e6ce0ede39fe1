"""Convolution as products of matrices: samples in blocks, windows, diagonals, ELU.

*Blocks.* A window of n_taps samples at step q begins with block q of ``stride``
samples. Cut the kernel into parts of one stride, too, and the convolution is

    y_q = sum_r block_(q + r) part_r.

All products block_b part_r are one product of matrices; y_q sums over its diagonal
b = q + r (:func:`diagonals`, a view without a copy).

*Windows.* Where a nonlinearity follows each channel's own convolution, every column is
the window that one step of one channel sees, and a one, so that the last row of the
kernels is a constant (:func:`windows`).
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def in_blocks(kernel: Tensor, stride: int, n_parts: int) -> Tensor:
    """Divide kernels into parts of one stride, as time-major samples are.

    Parameters
    ----------
    kernel : Tensor, shape (n_kernels, n_channels, n_taps)
        The kernels.
    stride : int
        Samples of one part.
    n_parts : int
        How many parts; missing taps are zero.

    Returns
    -------
    blocks : Tensor, shape (n_kernels, n_parts, stride * n_channels)
        The parts.
    """
    padded = F.pad(kernel, (0, n_parts * stride - kernel.shape[2]))
    taps = padded.transpose(1, 2)  # (n_kernels, n_parts * stride, n_channels)
    return taps.reshape(len(kernel), n_parts, -1)  # (n_kernels, n_parts, stride * n_ch)


def diagonals(product: Tensor, n_steps: int) -> Tensor:
    """View what adds up to one output: step q is the sum of block q + r, part r.

    Parameters
    ----------
    product : Tensor, shape (n, n_blocks, n_parts, n_out)
        Product of every block of samples with every part of the kernels.
    n_steps : int
        Outputs wanted.

    Returns
    -------
    diagonals : Tensor, shape (n, n_steps, n_parts, n_out)
        A view of the same memory; its sum over parts is the convolution.
    """
    n, _, n_parts, n_out = product.shape
    whole, block, part, _ = product.stride()
    return product.as_strided(
        (n, n_steps, n_parts, n_out), (whole, block, block + part, 1)
    )


def windows(samples: Tensor, n_steps: int, stride: int, n_taps: int) -> Tensor:
    """Return the window of samples that every step sees, and a row of ones.

    Parameters
    ----------
    samples : Tensor, shape (n, n_samples, n_channels)
        Time-major samples.
    n_steps, stride, n_taps : int
        How many windows, how far apart, how long.

    Returns
    -------
    windows : Tensor, shape (n_taps + 1, n * n_steps * n_channels)
        One column per response, step and channel.
    """
    n, n_samples, n_channels = samples.shape
    view = samples.as_strided(
        (n_taps, n, n_steps, n_channels),
        (n_channels, n_samples * n_channels, stride * n_channels, 1),
        samples.storage_offset(),
    )
    result = samples.new_empty(n_taps + 1, n, n_steps, n_channels)
    result[:-1] = view
    result[-1] = 1.0
    return result.flatten(1)  # (n_taps + 1, n * n_steps * n_channels)


def elu_(maps: Tensor) -> Tensor:
    """Apply ELU in place, by exp instead of the slower and finer expm1 of PyTorch.

    Parameters
    ----------
    maps : Tensor
        Its argument, any shape.

    Returns
    -------
    maps : Tensor
        The same tensor.
    """
    below = torch.clamp(maps, max=0.0).exp_().sub_(1.0)
    return torch.maximum(maps, below, out=maps)


def elu_backward(gradient: Tensor, result: Tensor, *, out: Tensor) -> Tensor:
    """Multiply a gradient by the slope of ELU.

    Parameters
    ----------
    gradient : Tensor
        Gradient by the result.
    result : Tensor
        What :func:`elu_` returned.
    out : Tensor
        Where to write; may be ``gradient`` itself.

    Returns
    -------
    out : Tensor
        The same tensor, now the gradient by the input.
    """
    return torch.ops.aten.elu_backward.grad_input(
        gradient, 1.0, 1.0, 1.0, True, result, grad_input=out
    )
