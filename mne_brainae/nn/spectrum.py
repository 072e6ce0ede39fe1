"""Fourier coefficients of time-major blocks: shifting by a block turns every pair."""

# License: BSD-3-Clause

from __future__ import annotations

import math

import torch
from torch import Tensor


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
    angles = (
        2 * math.pi / n_blocks * torch.arange(n_blocks, dtype=torch.float64)[:, None]
    )
    pairs = torch.stack([(angles * cycles).cos(), (angles * cycles).sin()], dim=2)
    first = torch.stack([(0 * angles).cos(), (half * angles).cos()], dim=2)
    pairs = torch.cat([first * math.sqrt(0.5), pairs], dim=1)
    return pairs.flatten(1) * math.sqrt(2 / n_blocks)


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
    shifted = shifted.unflatten(2, (-1, 2))
    return torch.einsum("ptja,tjb->pjab", shifted, basis.unflatten(1, (-1, 2)))
