"""A network that is trained from the closed form: what is fixed, added and judged."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..nn.network import BrainAENetwork, build_network
from ..nn.squares import SquaredUnits
from .latent import apply
from .linear import LinearBrainAE
from .linear_gaussian import LinearGaussian, Steps
from .slope import held_out_slope
from .training_set import TrainingSet

#: What a model that starts from a closed form reads epochs and images by itself.
SHARED = ("device", "image_encoder", "imputation", "picks", "spatial_window", "verbose")


@dataclass
class Choice:
    """How long to train, as held-out images say.

    Parameters
    ----------
    n_epochs : int
        Epochs that were best; 0 stays with the closed form, as it does where the gain
        is no larger than its standard error over the held-out images.
    slope : float
        The part of the predicted deviation from the mean response that holds.
    gain : float
        Share of the held-out squared error that training takes off.
    history : DataFrame, shape (n_epochs, n_terms)
        The losses of every epoch.
    completes_linearly : bool
        Whether the closed form alone returns held-out responses better.
    """

    n_epochs: int
    slope: float
    gain: float
    history: pd.DataFrame
    completes_linearly: bool


def linear_of(model, seed: int) -> LinearBrainAE:
    """Return the linear model that another one starts from, not yet fitted."""
    linear = clone(model.init)
    shared = {name: getattr(model, name) for name in SHARED}
    how = model._training
    shared |= {"validation": how.validation, "memory_map": how.memory_map}
    return linear.set_params(**shared, random_state=seed)


def network_from(sizes: dict, start: BrainAENetwork) -> BrainAENetwork:
    """Return a network whose linear parts are fixed, with others added to them.

    Parameters
    ----------
    sizes : dict
        Arguments of :func:`mne_brainae.nn.network.build_network`.
    start : instance of BrainAENetwork
        The network of linear parts.

    Returns
    -------
    network : instance of BrainAENetwork
        The network; before training it is that of the linear parts.
    """
    sizes = sizes | {
        "n_embedding": start.spec["n_embedding"],
        # What the closed form makes of images stays as it is.
        "image_projection": "linear",
    }
    if isinstance(start.image_projection, SquaredUnits):
        sizes["image_projection"] = start.image_projection
    network = build_network(**sizes, start=start)
    network.image_projection.requires_grad_(False)
    return network


def solve_without_some(
    model,
    linear: LinearBrainAE,
    closed_form: LinearGaussian,
    data: TrainingSet,
    seed: int,
) -> tuple[TrainingSet, LinearGaussian]:
    """Hold images out, by which training is judged, and solve for the others.

    The closed form of all images would know those that are held out.

    Parameters
    ----------
    model : instance of BrainAE
        Says how much is held out.
    linear : instance of LinearBrainAE
        The linear model of all images.
    closed_form : instance of LinearGaussian
        Its closed form. Where that has axes of ridge regression, folds tell whether
        the other has them, too; otherwise it needs none.
    data : instance of TrainingSet
        All images.
    seed : int
        The seed.

    Returns
    -------
    part : instance of TrainingSet
        The images to learn from, and those held out as its validation images.
    closed_form : instance of LinearGaussian
        The closed form of the images to learn from.
    """
    how = model._training
    part = data.hold_out(how.validation, how.validation_size, seed)
    smaller = clone(linear)
    steps = Steps() if linear.steps is None else linear.steps
    smaller.steps = steps.quick(closed_form.target)
    if closed_form.n_driven:
        smaller.steps = replace(steps, target=closed_form.target)
    return part, smaller._solve_axes(part, seed, squares=model._takes_squares)


def choose_length(model, start: BrainAENetwork, part: TrainingSet, seed: int) -> Choice:
    """Train on a part of the images, and judge every epoch on the others.

    Parameters
    ----------
    model : instance of BrainAE
        Says what is added and how it is trained.
    start : instance of BrainAENetwork
        The network of linear parts, which counts as the epoch before the first.
    part : instance of TrainingSet
        The images to learn from, and those held out.
    seed : int
        The seed.

    Returns
    -------
    choice : instance of Choice
        How long to train.
    """
    network = network_from(model._sizes(part), start)
    state = model._run_epochs(network, part, seed, start_counts=True)
    responses, images = part.validation.brain.numpy(), part.validation.image.numpy()
    _, before = held_out_slope(start, responses, images)
    slope, after = held_out_slope(network, responses, images)
    rebuilt = [
        np.square(responses - _rebuild(each, responses)).sum()
        for each in (start, network)
    ]
    gain = before - after
    is_sure = gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain))
    return Choice(
        n_epochs=state.best_epoch + 1 if is_sure else 0,
        slope=slope,
        gain=float(gain.sum() / before.sum()),
        history=pd.DataFrame(state.history).rename_axis("epoch"),
        completes_linearly=bool(rebuilt[0] <= rebuilt[1]),
    )


def _rebuild(network, responses: np.ndarray) -> np.ndarray:
    return apply(network.decode, apply(network.embed_brain, responses))
