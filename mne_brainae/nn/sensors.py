"""Attention to sensors by their position: one network for any montage."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import torch
from torch import Tensor, nn


class SensorAttention(nn.Module):
    """Turn sensors into virtual channels by weights that depend on positions alone.

    Parameters
    ----------
    positions : sequence, shape (n_channels, 2)
        The positions of the sensors in the unit square, see
        :func:`mne_brainae.preprocessing.layout.sensor_layout`.
    n_virtual : int
        How many virtual channels there are.
    n_frequencies : int
        Spatial frequencies per axis.
    dropout_radius : float
        In training the sensors within this distance of a random place are left out of
        a batch; 0 leaves none out.

    Attributes
    ----------
    coefficients : Parameter, shape (n_virtual, 2 * n_frequencies ** 2)
        What is learned: the Fourier coefficients of the logit of every virtual channel,
        those of cosines and then those of sines.
    positions : Tensor, shape (n_channels, 2)
        The positions.

    Notes
    -----
    A virtual channel is the mean of all sensors, weighed by the softmax over sensors of
    ``sum_kl a_kl cos 2 pi (k x + l y) + b_kl sin 2 pi (k x + l y)``, as in Benchetrit
    et al. (2024). The order of the sensors has no effect.
    """

    def __init__(
        self,
        positions: Sequence,
        n_virtual: int,
        *,
        n_frequencies: int = 32,
        dropout_radius: float = 0.2,
    ):
        super().__init__()
        self.dropout_radius = dropout_radius
        places = torch.as_tensor(positions, dtype=torch.float32)
        self.register_buffer("positions", places)
        self.n_frequencies = n_frequencies
        size = 2 * n_frequencies**2
        self.coefficients = nn.Parameter(torch.randn(n_virtual, size) / sqrt(size))

    def waves(self) -> Tensor:
        """Return cosines and sines at the sensors, (n_channels, n_coefficients)."""
        steps = torch.arange(self.n_frequencies, device=self.positions.device)
        x, y = (2 * pi * self.positions[:, axis, None] * steps for axis in (0, 1))
        phase = (x[:, :, None] + y[:, None, :]).flatten(1)  # (n_channels, k * l)
        return torch.cat([phase.cos(), phase.sin()], dim=1)

    def weights(self) -> Tensor:
        """Return the weights of the sensors, (n_virtual, n_channels)."""
        logits = self.coefficients @ self.waves().T
        if self.training and self.dropout_radius:
            hidden = self._near_a_random_place()
            logits = logits.masked_fill(hidden & ~hidden.all(), -torch.inf)
        return logits.softmax(1)

    def _near_a_random_place(self) -> Tensor:
        place = torch.rand(2, device=self.positions.device)
        return (self.positions - place).norm(dim=1) < self.dropout_radius

    def forward(self, brain: Tensor) -> Tensor:
        """Map (n, n_channels, n_times) to (n, n_virtual, n_times)."""
        return self.weights() @ brain


class SubjectLayer(nn.Module):
    """One matrix for every subject.

    Parameters
    ----------
    n_subjects : int
        How many subjects there are.
    n_channels : int
        Size of the matrices.

    Attributes
    ----------
    matrices : Parameter, shape (n_subjects, n_channels, n_channels)
        The matrices, which start as the identity.
    """

    def __init__(self, n_subjects: int, n_channels: int):
        super().__init__()
        start = torch.eye(n_channels).repeat(n_subjects, 1, 1)
        self.matrices = nn.Parameter(start)

    def forward(self, brain: Tensor, subject: Tensor | None = None) -> Tensor:
        """Mix channels by the matrix of the subject of every response.

        Parameters
        ----------
        brain : Tensor, shape (n, n_channels, n_times)
            Responses.
        subject : Tensor of int, shape (n,) | None
            The row of the matrix; -1 and None take the mean of all matrices.

        Returns
        -------
        brain : Tensor, shape (n, n_channels, n_times)
            The mixed responses.
        """
        mean = self.matrices.mean(0, keepdim=True)
        if subject is None:
            return mean @ brain
        # The mean stands last, where -1 finds it.
        return torch.cat([self.matrices, mean])[subject] @ brain
