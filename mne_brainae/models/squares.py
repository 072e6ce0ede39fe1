"""Training of the squares that a closed form found, along its axes."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..nn.squares import SquaredUnits
from .latent import apply
from .linear_gaussian import LinearGaussian
from .linear_gaussian.residuals import linear_residuals
from .training_set import TrainingSet

N_EPOCHS = 20
BATCH_SIZE = 256
LEARNING_RATE, WEIGHT_DECAY = 3e-4, 1e-3
#: How much of the average of weights stays at every update.
DECAY = 0.99


@dataclass
class SquaresChoice:
    """How long to train the squares, as held-out images say.

    Parameters
    ----------
    projection : instance of SquaredUnits
        The image projection after the best epoch.
    n_epochs : int
        Epochs that were best; 0 stays with the closed form, as it does where the gain
        is no larger than its standard error over the held-out images.
    gain : float
        Share of the held-out squared error along the axes that training takes off.
    """

    projection: SquaredUnits
    n_epochs: int
    gain: float


def choose_squares(
    projection: SquaredUnits, closed_form: LinearGaussian, data: TrainingSet, seed: int
) -> SquaresChoice:
    """Train squares on a part of the images, and judge every epoch on the others.

    Parameters
    ----------
    projection : instance of SquaredUnits
        The squares as the closed form found them.
    closed_form : instance of LinearGaussian
        The closed form of the images to learn from.
    data : instance of TrainingSet
        These images, and others that were held out.
    seed : int
        The seed of batches and dropout.

    Returns
    -------
    choice : instance of SquaresChoice
        The best epoch. The squared error along the signal axes chooses it.
    """
    others = data.validation
    targets = closed_form.embed_brain(others.brain.numpy())[:, : closed_form.n_signal]

    def errors(projection: SquaredUnits) -> np.ndarray:
        predicted = apply(projection, others.image.numpy())
        left = targets - predicted[:, : closed_form.n_signal]
        return np.square(left).sum(axis=1)

    found, before = [deepcopy(projection)], errors(projection)
    left = [before]
    for trained in train_squares(projection, closed_form, data, seed):
        found.append(deepcopy(trained))
        left.append(errors(trained))
    best = int(np.argmin([each.sum() for each in left]))
    gain = before - left[best]
    if gain.mean() <= gain.std(ddof=1) / np.sqrt(len(gain)):
        best = 0
    share = (before - left[best]).sum() / before.sum()
    return SquaresChoice(found[best], best, float(share))


def train_squares(
    projection: SquaredUnits,
    closed_form: LinearGaussian,
    data: TrainingSet,
    seed: int,
    n_epochs: int = N_EPOCHS,
) -> Iterator[SquaredUnits]:
    """Train directions and patterns of the squares, all else fixed.

    They learn what linear leave-one-out predictions leave of the responses along the
    signal axes, by AdamW with dropout of the units. What counts is the moving average
    of the weights.

    Parameters
    ----------
    projection : instance of SquaredUnits
        The squares as the closed form found them; they stay as they are.
    closed_form : instance of LinearGaussian
        The closed form of the same images.
    data : instance of TrainingSet
        The images to learn from.
    seed : int
        The seed of batches and dropout.
    n_epochs : int
        How often every image is seen.

    Yields
    ------
    projection : instance of SquaredUnits
        The averaged squares after each epoch, in evaluation mode; the same object every
        time.
    """
    images, responses = data.training.image, data.training.brain
    left = linear_residuals(closed_form, images.numpy(), responses.numpy())
    targets = torch.from_numpy(left)  # (n_images, n_signal)
    learned = deepcopy(projection).requires_grad_(False).train()
    weights = [learned.directions.requires_grad_(), learned.patterns.requires_grad_()]
    averaged = AveragedModel(learned, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    averaged.requires_grad_(False).eval()  # without dropout
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_epochs):
        order = torch.randperm(len(images), generator=generator)
        for batch in order.split(BATCH_SIZE):
            added = learned.added(images[batch])[:, : targets.shape[1]]
            optimizer.zero_grad()
            mse_loss(added, targets[batch]).backward()
            optimizer.step()
            averaged.update_parameters(learned)
        yield averaged.module
