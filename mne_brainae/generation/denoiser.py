"""The network of the diffusion prior: a U-shaped MLP."""

# License: BSD-3-Clause

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

LONGEST_PERIOD = 10_000.0


class TimeFeatures(nn.Module):
    """Sines and cosines of the diffusion step, after Vaswani et al. (2017).

    Parameters
    ----------
    n_features : int
        How many, an even number.
    """

    def __init__(self, n_features: int):
        super().__init__()
        share = torch.arange(n_features // 2) / (n_features // 2)
        rate = torch.exp(-math.log(LONGEST_PERIOD) * share)
        self.register_buffer("rate", rate, persistent=False)

    def forward(self, step: Tensor) -> Tensor:
        """Map steps of shape (n,) to features of shape (n, n_features)."""
        angle = step[:, None] * self.rate
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class Level(nn.Module):
    """One level: time and condition are added, then one block changes the width.

    Parameters
    ----------
    width, next_width : int
        Units before and after the block.
    n_time, n_condition : int
        Features of the time and of the condition.
    dropout : float
        Share of the units that are dropped in training.
    """

    def __init__(self, width, next_width, n_time, n_condition, dropout):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(n_time, width), nn.SiLU())
        self.time.append(nn.Linear(width, width))
        self.condition = nn.Linear(n_condition, width)
        self.block = nn.Sequential(
            nn.Linear(width, next_width),
            nn.LayerNorm(next_width),
            nn.SiLU(),
            nn.Dropout(dropout),
        )

    def forward(self, h: Tensor, time: Tensor, condition: Tensor, keep: Tensor):
        """Return the next hidden units, shape (n, next_width)."""
        return self.block(h + self.time(time) + keep * self.condition(condition))


class Denoiser(nn.Module):
    """Predicts from a noisy embedding what it was, the noise in it, or a mix of both.

    Widths go down and up again; what enters a level on the way down is added where the
    way up has its width. The layout is that of the prior of ATM (Li et al., 2024).

    Parameters
    ----------
    n_target, n_condition : int
        Dimensions of the image embedding and of the brain embedding.
    widths : sequence of int
        Units of the levels, from the outside in.
    dropout : float
        Share of the units that are dropped in training.
    """

    def __init__(
        self,
        n_target: int,
        n_condition: int,
        widths: Sequence[int],
        dropout: float = 0.1,
    ):
        super().__init__()
        n_time = 2 * (widths[0] // 4)  # 512 for 1024 units
        self.n_condition = n_condition
        self.time = TimeFeatures(n_time)
        self.enter = nn.Sequential(
            nn.Linear(n_target, widths[0]), nn.LayerNorm(widths[0]), nn.SiLU()
        )
        shared = (n_time, n_condition, dropout)
        down = list(pairwise(widths))
        up = [(narrow, wide) for wide, narrow in reversed(down)]
        self.down = nn.ModuleList(Level(*sizes, *shared) for sizes in down)
        self.up = nn.ModuleList(Level(*sizes, *shared) for sizes in up)
        self.leave = nn.Linear(widths[0], n_target)

    def forward(
        self, noisy: Tensor, step: Tensor, condition: Tensor, keep: Tensor
    ) -> Tensor:
        """Denoise a batch.

        Parameters
        ----------
        noisy : Tensor, shape (n, n_target)
            Image embeddings with noise.
        step : Tensor, shape (n,)
            How far diffusion has come.
        condition : Tensor, shape (n, n_condition)
            Brain embeddings.
        keep : Tensor, shape (n, 1)
            1 where the condition is seen, 0 where it is not.

        Returns
        -------
        predicted : Tensor, shape (n, n_target)
            The prediction.
        """
        time = self.time(step)
        h, skipped = self.enter(noisy), []
        for level in self.down:
            skipped.append(h)
            h = level(h, time, condition, keep)
        for level in self.up:
            h = level(h, time, condition, keep) + skipped.pop()
        return self.leave(h)
