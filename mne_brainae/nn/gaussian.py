"""Diagonal Gaussians: encoders to them, decoders to their means, and their products.

A Gaussian here has one variance per dimension, and is kept as mean and log-variance.
"""

# License: BSD-3-Clause

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

#: Standard deviation of everything that is decoded.
SIGMA = 0.75
#: What is added to a variance before it is divided by.
LEAST_VARIANCE = 1e-8


class Gaussian(NamedTuple):
    """Diagonal Gaussians, one per row.

    Parameters
    ----------
    mean, log_variance : Tensor, shape (..., n_dimensions)
        Their means and the logarithms of their variances.
    """

    mean: Tensor
    log_variance: Tensor

    def take(self, rows) -> Gaussian:
        """Return those of some rows."""
        return Gaussian(self.mean[rows], self.log_variance[rows])

    def at(self, noise: Tensor) -> Tensor:
        """Return samples: the mean, and so many standard deviations of noise."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def log_density(self, points: Tensor) -> Tensor:
        """Return the log density at points, summed over dimensions."""
        deviation = (points - self.mean).square() * (-self.log_variance).exp()
        unit = self.log_variance + math.log(2 * math.pi)
        return -0.5 * (deviation + unit).sum(-1)


def standard_like(gaussian: Gaussian) -> Gaussian:
    """Return standard normal densities of the same shape: the prior."""
    return Gaussian(*map(torch.zeros_like, gaussian))


def divergence(gaussian: Gaussian) -> Tensor:
    """Return the divergence of Gaussians from the standard normal one.

    Parameters
    ----------
    gaussian : instance of Gaussian
        The Gaussians, of means m and variances v.

    Returns
    -------
    divergence : Tensor, shape (...)
        KL(N(m, v) || N(0, 1)) = -1/2 sum (1 + log v - m^2 - v).
    """
    mean, log_variance = gaussian
    inner = 1 + log_variance - mean.square() - log_variance.exp()
    return -0.5 * inner.sum(-1)


def product(experts: Sequence[Gaussian], *, with_prior: bool = False) -> Gaussian:
    """Multiply the densities of Gaussians, row by row.

    Parameters
    ----------
    experts : sequence of Gaussian
        The factors, of means m_i and variances v_i.
    with_prior : bool
        Whether the standard normal density is one factor more.

    Returns
    -------
    product : instance of Gaussian
        Of variance v = 1 / sum (1 / v_i) and mean v sum (m_i / v_i).
    """
    precisions = [1 / (each.log_variance.exp() + LEAST_VARIANCE) for each in experts]
    total = sum(precisions) + float(with_prior)
    weighted = sum(p * each.mean for p, each in zip(precisions, experts, strict=True))
    return Gaussian(weighted / total, -total.log())


def log_likelihood(rows: Tensor, decoded: Tensor) -> Tensor:
    """Return the log density of rows around what was decoded, with deviation SIGMA.

    Parameters
    ----------
    rows, decoded : Tensor, shape (n, ...)
        What is, and what was decoded.

    Returns
    -------
    log_density : Tensor, shape (n,)
        Summed over all values of a row.
    """
    squares = (rows - decoded).square().flatten(1)  # (n, n_values)
    return _normal(squares.sum(1), squares.shape[1])


def _normal(squares: Tensor, n_values: int) -> Tensor:
    unit = n_values * math.log(SIGMA * math.sqrt(2 * math.pi))
    return -0.5 * squares / SIGMA**2 - unit


def _hidden(n_in: int, n_hidden: int) -> nn.Sequential:
    first, second = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


class GaussianEncoder(nn.Module):
    """Two hidden layers, then a mean and a log-variance.

    Parameters
    ----------
    n_values : int
        Values of one row, such as channels times samples.
    n_embedding : int
        Dimension F of the shared space.
    n_hidden : int
        Size of the hidden layers.
    """

    def __init__(self, n_values: int, n_embedding: int, *, n_hidden: int = 256):
        super().__init__()
        self.hidden = _hidden(n_values, n_hidden)
        self.mean = nn.Linear(n_hidden, n_embedding)
        self.log_variance = nn.Linear(n_hidden, n_embedding)

    def posterior(self, rows: Tensor) -> Gaussian:
        """Return what rows of shape (n, ...) tell of the shared space."""
        hidden = self.hidden(rows.flatten(1))  # (n, n_hidden)
        return Gaussian(self.mean(hidden), self.log_variance(hidden))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the mean alone, which is the embedding of a fitted model."""
        return self.mean(self.hidden(rows.flatten(1)))


class Measured(NamedTuple):
    """Rows as the likelihood of many points sees them, see :class:`GaussianDecoder`.

    Parameters
    ----------
    power : Tensor, shape (n,)
        Squared norms of the rows less the bias.
    along : Tensor, shape (n, n_hidden)
        These rows times the last weights.
    gram : Tensor, shape (n_hidden, n_hidden)
        Inner products of the last weights.
    n_values : int
        Values of one row.
    """

    power: Tensor
    along: Tensor
    gram: Tensor
    n_values: int

    def take(self, rows) -> Measured:
        """Return some rows."""
        return self._replace(power=self.power[rows], along=self.along[rows])


class GaussianDecoder(nn.Module):
    """Two hidden layers, then the mean of what is decoded.

    Parameters
    ----------
    n_embedding : int
        Dimension F of the shared space.
    shape : tuple of int
        Shape of what is decoded, such as (n_channels, n_times).
    n_hidden : int
        Size of the hidden layers.

    Notes
    -----
    With hidden values h, last weights W and bias b, the squared error of a row x is
    ``|x - b|^2 - 2 h'W'(x - b) + h'W'W h``. The likelihood of many points given one
    row needs no decoded row: W'(x - b) and W'W are computed once.
    """

    def __init__(self, n_embedding: int, shape: tuple[int, ...], *, n_hidden=256):
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = _hidden(n_embedding, n_hidden)
        self.last = nn.Linear(n_hidden, math.prod(self.shape))

    def forward(self, z: Tensor) -> Tensor:
        """Decode points of shape (n, n_embedding)."""
        return self.last(self.hidden(z)).unflatten(-1, self.shape)

    def measure(self, rows: Tensor) -> Measured:
        """Return what :meth:`log_likelihood` needs of rows of shape (n, ...)."""
        weight = self.last.weight  # (n_values, n_hidden)
        rest = rows.flatten(1) - self.last.bias  # (n, n_values)
        power, along = rest.square().sum(1), rest @ weight
        return Measured(power, along, weight.T @ weight, rest.shape[1])

    def log_likelihood(self, z: Tensor, measured: Measured) -> Tensor:
        """Return the log density of measured rows given points.

        Parameters
        ----------
        z : Tensor, shape (n_samples, n, n_embedding)
            Points, several for every row.
        measured : instance of Measured
            The n rows.

        Returns
        -------
        log_density : Tensor, shape (n_samples, n)
            That of :func:`log_likelihood`.
        """
        hidden = self.hidden(z)  # (n_samples, n, n_hidden)
        inner = (hidden @ measured.gram - 2 * measured.along).mul(hidden).sum(-1)
        return _normal(measured.power + inner, measured.n_values)


def gaussian_brain_encoder(
    n_channels: int, n_times: int, n_embedding: int, **options
) -> GaussianEncoder:
    """Return an encoder of responses, see :class:`GaussianEncoder`."""
    return GaussianEncoder(n_channels * n_times, n_embedding, **options)


def gaussian_brain_decoder(
    n_channels: int, n_times: int, n_embedding: int, **options
) -> GaussianDecoder:
    """Return a decoder of responses, see :class:`GaussianDecoder`."""
    return GaussianDecoder(n_embedding, (n_channels, n_times), **options)


def draw(gaussian: Gaussian, n_samples: int) -> Tensor:
    """Draw samples of every Gaussian.

    Parameters
    ----------
    gaussian : instance of Gaussian
        The Gaussians, of shape (n, n_dimensions).
    n_samples : int
        How many samples of each.

    Returns
    -------
    z : Tensor, shape (n_samples, n, n_dimensions)
        The samples, through which gradients pass.
    """
    mean = gaussian.mean
    return gaussian.at(torch.randn(n_samples, *mean.shape, device=mean.device))
