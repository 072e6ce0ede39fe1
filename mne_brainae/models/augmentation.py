"""Changes of responses in training: parts hidden, channels smoothed."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..preprocessing.masking import draw_mask

SMOOTHED = 5  # samples of the moving average, as in NeuroBridge and SAMGA


@dataclass
class Augmentation:
    """Changes what the encoder sees of the responses of a batch.

    Parameters
    ----------
    hidden : float
        Share of the responses of which a part is hidden: the mean of each channel
        stands there.
    smoothed : float
        Share of the channels of every response that are smoothed over time.
    rng : instance of Generator
        Draws which ones.
    """

    hidden: float
    smoothed: float
    rng: np.random.Generator

    def __call__(self, brain: Tensor) -> Tensor:
        """Return what the encoder sees of (n_batch, n_channels, n_times)."""
        if self.smoothed:
            drawn = self.rng.random(brain.shape[:2]) < self.smoothed
            chosen = torch.from_numpy(drawn).to(brain.device)
            brain = torch.where(chosen[..., None], smooth(brain), brain)
        if self.hidden:
            mask = draw_mask(tuple(brain.shape), self.hidden, self.rng)
            brain = brain.masked_fill(torch.from_numpy(mask).to(brain.device), 0.0)
        return brain


def smooth(brain: Tensor) -> Tensor:
    """Return the moving average over :data:`SMOOTHED` samples, fewer at the ends.

    Parameters
    ----------
    brain : Tensor, shape (n_batch, n_channels, n_times)
        Responses.

    Returns
    -------
    brain : Tensor, shape (n_batch, n_channels, n_times)
        The smoothed responses.
    """
    half = SMOOTHED // 2
    return F.avg_pool1d(brain, SMOOTHED, 1, half, count_include_pad=False)
