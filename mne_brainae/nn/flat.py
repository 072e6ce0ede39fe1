"""Brain encoders without convolution over time: flat, and a network over time."""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn

from .nice import Residual


class FlatEncoder(nn.Sequential):
    """All channels and times in one layer, and a residual branch (UBP).

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.
    n_hidden : int | None
        Width of the layers, with a last linear layer to the shared space; None takes
        its dimension and no last layer.
    dropout : float
        Share of the values of the branch that are dropped in training.

    Notes
    -----
    A linear layer; a residual branch of GELU, linear layer and dropout; layer
    normalization. UBP (Wu et al. 2025) has no last layer, NeuroBridge and SAMGA have
    one behind 1024 units.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        n_hidden: int | None = None,
        dropout: float = 0.3,
    ):
        size = n_embedding if n_hidden is None else n_hidden
        last = [] if n_hidden is None else [nn.Linear(n_hidden, n_embedding)]
        super().__init__(
            nn.Flatten(),
            nn.Linear(n_channels * n_times, size),
            Residual(nn.GELU(), nn.Linear(size, size), nn.Dropout(dropout)),
            nn.LayerNorm(size),
            *last,
        )


class TimeMLPEncoder(nn.Module):
    """Spatial filters, and one network over time that all of them pass (multi-blur).

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.
    n_filters : int
        Number of spatial filters.
    n_hidden : int
        Width of the two layers over time.
    non_negative : bool
        Whether the weights of a filter are absolute values.
    dropout : float
        Share of the values that are dropped between the two layers.
    last_dropout : float
        The share that is dropped behind them.

    Notes
    -----
    Spatial filters without bias, batch normalization; for every filter linear layer,
    ELU, dropout, linear layer, ELU, dropout over its time course; a linear layer. Liu
    et al. (2026) force weights of filters to be positive; here their absolute values
    count, so that a weight that crosses 0 goes on learning.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        n_filters: int = 25,
        n_hidden: int = 200,
        non_negative: bool = True,
        dropout: float = 0.25,
        last_dropout: float = 0.65,
    ):
        super().__init__()
        self.non_negative = non_negative
        self.spatial = nn.Parameter(torch.empty(n_filters, n_channels))
        nn.init.kaiming_uniform_(self.spatial, a=5**0.5)  # as a layer of PyTorch
        self.norm = nn.BatchNorm1d(n_filters)
        self.time = nn.Sequential(
            nn.Linear(n_times, n_hidden),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_hidden),
            nn.ELU(),
            nn.Dropout(last_dropout),
        )
        self.linear = nn.Linear(n_filters * n_hidden, n_embedding)

    def forward(self, brain: Tensor) -> Tensor:
        """Embed brain responses."""
        filters = self.spatial.abs() if self.non_negative else self.spatial
        courses = self.norm(filters @ brain)  # (n, n_filters, n_times)
        courses = self.time(courses)  # (n, n_filters, n_hidden)
        return self.linear(courses.flatten(1))  # (n, n_embedding)
