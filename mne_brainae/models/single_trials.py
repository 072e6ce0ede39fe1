"""Training on single trials, or on means over some of them, drawn in every epoch."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..utils.files import zeros
from ..utils.transfer import gather, send
from .training import Pairs
from .training_set import TrainingSet

BLOCK = 512  # trials that are read at once
#: What the response to an image is in an epoch of training.
AVERAGES = (True, False, "random")


@dataclass(kw_only=True)
class TrialPairs(Pairs):
    """Single trials and the features of the images that they show.

    Every row is an image, as in :class:`Pairs`, so that no image is twice in a batch,
    where a contrast would count it as a wrong answer. Its response is the mean of some
    of its trials, drawn anew in every epoch.

    Parameters
    ----------
    brain : Tensor, shape (n_trials, n_channels, n_times)
        The trials, standardized.
    trials_of : Tensor of int, shape (n_images, n_most)
        The trials of every image, the first ones of each row.
    counts : Tensor of int, shape (n_images,)
        How many trials every image has.
    average : False | ``"random"``
        Whether one trial is drawn, or the mean of a random number of them.
    """

    trials_of: Tensor
    counts: Tensor
    average: bool | str
    draws: torch.Generator = field(default_factory=torch.Generator)

    def __len__(self) -> int:
        return len(self.counts)

    def begin(self, seed: int, epoch: int) -> None:
        """Draw the trials of an epoch, the same whenever it is trained."""
        entropy = np.random.SeedSequence([seed, epoch]).generate_state(1)
        self.draws.manual_seed(int(entropy[0]))

    @property
    def place(self) -> torch.device:
        """Where rows are chosen: on the host, which draws their trials."""
        return self.counts.device

    def take(self, rows: Tensor, device: torch.device) -> tuple:
        """Gather some images, and for each the mean of trials that are drawn."""
        weights = self.weights(rows)  # (n, n_most)
        trials, there = self.trials_of[rows], self.brain.device
        brain = torch.zeros(len(rows), *self.brain.shape[1:], device=there)
        for column in range(weights.shape[1]):
            some = torch.nonzero(weights[:, column]).flatten()
            weight = send(weights[some, column], there)[:, None, None]
            chosen = gather(self.brain, send(trials[some, column], there), there)
            brain.index_add_(0, send(some, there), weight * chosen)
        there = there if self.image is None else self.image.device
        return brain.to(device), *self._rest(send(rows, there), device)

    def weights(self, rows: Tensor) -> Tensor:
        """Draw how much every trial of some images counts.

        Parameters
        ----------
        rows : Tensor of int, shape (n,)
            The images.

        Returns
        -------
        weights : Tensor, shape (n, n_most)
            They sum to 1 for every image.
        """
        counts = self.counts[rows][:, None]
        n_most = self.trials_of.shape[1]
        keys = torch.rand(len(rows), n_most, generator=self.draws)
        keys[torch.arange(n_most) >= counts] = 2.0  # behind all trials that there are
        ranks = keys.argsort(dim=1).argsort(dim=1)
        n_drawn = torch.ones_like(counts)
        if self.average == "random":
            shares = torch.rand(len(rows), 1, generator=self.draws)
            n_drawn = 1 + (shares * counts).long()
        return (ranks < n_drawn) / n_drawn


def with_trials(data: TrainingSet, average: bool | str) -> TrainingSet:
    """Return a training set whose responses to learn from are drawn from trials.

    Parameters
    ----------
    data : instance of TrainingSet
        What was read. Its averages to validate on stay.
    average : False | ``"random"``
        See :class:`TrialPairs`.

    Returns
    -------
    data : instance of TrainingSet
        The same with single trials; they take the place of the averages.
    """
    trials, images = data.trials()
    brain = zeros(trials.shape, np.float32, data.folder)
    for start in range(0, len(trials), BLOCK):
        some = slice(start, start + BLOCK)
        brain[some] = trials[some]
    counts = np.bincount(images, minlength=len(data.learned))
    order = np.argsort(images, kind="stable")
    trials_of = np.zeros((len(counts), counts.max()), np.int64)
    column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    trials_of[images[order], column] = order
    given = data.training
    pairs = TrialPairs(
        torch.from_numpy(brain),
        given.image,
        given.folder,
        given.known,
        trials_of=torch.from_numpy(trials_of),
        counts=torch.from_numpy(counts),
        average=average,
    )
    return replace(data, training=pairs)
