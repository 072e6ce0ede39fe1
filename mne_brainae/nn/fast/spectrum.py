"""Fourier coefficients of time-major blocks: shifting by a block turns every pair.

A signal of Q blocks x_0 ... x_(Q-1) is written in the real, orthonormal Fourier basis
F, c = F'x. Shifting it by p blocks, with what leaves at one end coming back at the
other, turns the cosine and the sine of j cycles into one another:

    (c_2j, c_2j+1)  ->  R(2 pi j p / Q) (c_2j, c_2j+1),   R a rotation.

The constant and the alternating function are the first pair: a shift leaves the one,
and changes the sign of the other where p is odd. A convolution sums shifted signals
times parts K_p of its kernel, so it multiplies pair j by sum_p R(2 pi j p / Q) (x) K_p
and no other pair enters: one product of matrices per pair.
"""

# License: BSD-3-Clause

from __future__ import annotations

import math

import torch
from torch import Tensor

from .workers import share


def fourier_basis(n_blocks: int) -> Tensor:
    """Return the real Fourier basis, in pairs.

    Parameters
    ----------
    n_blocks : int
        Length of a period, an even number.

    Returns
    -------
    basis : Tensor, shape (n_blocks, n_blocks)
        One function per column, orthonormal, in float64: the constant and the
        alternating one first, then cosine and sine of 1, 2, ... cycles.
    """
    half = n_blocks // 2
    cycles = torch.arange(1, half, dtype=torch.float64)
    blocks = torch.arange(n_blocks, dtype=torch.float64)
    angles = 2 * math.pi / n_blocks * blocks[:, None]  # (n_blocks, 1)
    pairs = torch.stack([(angles * cycles).cos(), (angles * cycles).sin()], dim=2)
    first = torch.stack([(0 * angles).cos(), (half * angles).cos()], dim=2)
    pairs = torch.cat([first * math.sqrt(0.5), pairs], dim=1)  # (n_blocks, half, 2)
    return pairs.flatten(1) * math.sqrt(2 / n_blocks)  # (n_blocks, n_blocks)


def turns(n_blocks: int, n_shifts: int) -> Tensor:
    """Return what shifts do to the pairs of coefficients of :func:`fourier_basis`.

    Parameters
    ----------
    n_blocks : int
        Length of a period, an even number.
    n_shifts : int
        Shifts by 0, 1, ... blocks.

    Returns
    -------
    turns : Tensor, shape (n_shifts, n_blocks / 2, 2, 2)
        In float64. ``turns[p, j] @ pair`` is pair j of ``x`` moved ahead by p blocks,
        where ``pair`` is that of ``x`` itself, which starts anew after its period.
    """
    basis = fourier_basis(n_blocks)
    shifted = torch.stack([basis.roll(shift, 0) for shift in range(n_shifts)])
    shifted = shifted.unflatten(2, (-1, 2))  # (n_shifts, n_blocks, n_blocks / 2, 2)
    return torch.einsum("ptja,tjb->pjab", shifted, basis.unflatten(1, (-1, 2)))


def pair_matrices(blocks: Tensor, turns: Tensor) -> Tensor:
    """Return what a convolution with kernels does to some pairs of coefficients.

    Parameters
    ----------
    blocks : Tensor, shape (n_parts, n_in, n_out)
        The kernels in parts of one block.
    turns : Tensor, shape (n_parts, n_pairs, 2, 2)
        What shifts by 0, 1, ... blocks do to these pairs.

    Returns
    -------
    matrices : Tensor, shape (n_pairs, 2 * n_in, 2 * n_out)
        A row of coefficients, the two of a pair one after the other, times its matrix
        is the row of coefficients of the result.
    """
    _, n_in, n_out = blocks.shape
    turned = _entries(turns) @ blocks.flatten(1)  # (n_pairs * 4, n_in * n_out)
    turned = turned.view(-1, 2, 2, n_in, n_out).transpose(2, 3)
    return turned.reshape(-1, 2 * n_in, 2 * n_out)  # from (n_pairs, 2, n_in, 2, n_out)


def pair_matrices_backward(gradient: Tensor, turns: Tensor, total: Tensor) -> None:
    """Add the gradient by blocks, from that by :func:`pair_matrices`, to a total.

    Parameters
    ----------
    gradient : Tensor, shape (n_pairs, 2 * n_in, 2 * n_out)
        The gradient by the matrices.
    turns : Tensor, shape (n_parts, n_pairs, 2, 2)
        What shifts by 0, 1, ... blocks do to these pairs.
    total : Tensor, shape (n_parts, n_in, n_out)
        What to add to, in place.
    """
    n_parts, n_in, n_out = total.shape
    turned = gradient.view(-1, 2, n_in, 2, n_out).transpose(2, 3)
    turned = turned.reshape(-1, n_in * n_out)  # (n_pairs * 4, n_in * n_out)
    rows = total.view(n_parts, -1)  # (n_parts, n_in * n_out)
    rows.addmm_(_entries(turns).T, turned)


def _entries(turns: Tensor) -> Tensor:
    """Return the entries of the turns of every pair, shape (n_pairs * 4, n_parts)."""
    return turns.permute(1, 3, 2, 0).reshape(-1, len(turns))


def synthesize(spectrum: Tensor, basis: Tensor) -> Tensor:
    """Return maps over time, their axis of time last, from coefficients.

    Parameters
    ----------
    spectrum : Tensor, shape (n_blocks, n, n_kernels)
        The coefficients.
    basis : Tensor, shape (n_steps, n_blocks)
        As many steps of :func:`fourier_basis` as are wanted.

    Returns
    -------
    maps : Tensor, shape (n, n_kernels, n_steps)
        The maps, whose rows the threads share.
    """
    columns = spectrum.flatten(1)  # (n_blocks, n * n_kernels)
    rows = columns.new_empty(columns.shape[1], len(basis))

    def work(start, stop):
        torch.mm(columns[:, start:stop].T, basis.T, out=rows[start:stop])

    share(len(rows), work)
    return rows.view(*spectrum.shape[1:], -1)  # (n, n_kernels, n_steps)


def analyze(maps: Tensor, basis: Tensor) -> Tensor:
    """Return coefficients of maps, which are zero after their last step.

    Parameters
    ----------
    maps : Tensor, shape (n, n_kernels, n_steps)
        The maps.
    basis : Tensor, shape (n_steps, n_blocks)
        The first steps of :func:`fourier_basis`.

    Returns
    -------
    spectrum : Tensor, shape (n_blocks, n, n_kernels)
        The coefficients, which the threads share.
    """
    rows = maps.flatten(0, 1)  # (n * n_kernels, n_steps)
    columns = rows.new_empty(basis.shape[1], len(rows))

    def work(start, stop):
        columns[:, start:stop] = basis.T @ rows[start:stop].T

    share(len(rows), work)
    return columns.view(-1, *maps.shape[:2])  # (n_blocks, n, n_kernels)
