"""A network that is trained from the closed form: what is fixed, added and judged."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..nn.network import BrainAENetwork, build_network
from .latent import apply
from .linear import LinearBrainAE
from .linear_gaussian import Steps
from .training_set import TrainingSet

#: What a model that starts from a closed form reads epochs and images by itself.
SHARED = ("device", "image_encoder", "imputation", "picks", "spatial_window", "verbose")


@dataclass
class Choice:
    """How long to train, as held-out images say.

    Parameters
    ----------
    n_epochs : int
        Epochs that were best; 0 stays with the closed form.
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
    sizes = sizes | {"n_embedding": start.spec["n_embedding"]}
    return build_network(**sizes, start=start)


def choose_length(model, linear: LinearBrainAE, data: TrainingSet, seed) -> Choice:
    """Train on a part of the images, and judge every epoch on the others.

    The closed form is solved anew without the held-out images, since it would know
    them; it counts as the epoch before the first.

    Parameters
    ----------
    model : instance of BrainAE
        Says what is added and how it is trained.
    linear : instance of LinearBrainAE
        The fitted closed form of all images.
    data : instance of TrainingSet
        All images.
    seed : int
        The seed.

    Returns
    -------
    choice : instance of Choice
        How long to train.
    """
    how = model._training
    part = data.hold_out(how.validation, how.validation_size, seed)
    smaller = clone(linear)
    steps = Steps() if linear.steps is None else linear.steps
    smaller.steps = steps.quick(linear.noise_target_)
    start = smaller._solve(part, seed)["network"]
    network = network_from(model._sizes(part), start)
    validation = part.validation
    state = model._run_epochs(network, part, seed, start_counts=True)
    responses, images = validation.brain.numpy(), validation.image.numpy()
    before = held_out_error(start, responses, images)
    slope, after = held_out_slope(network, responses, images)
    rebuilt = [
        np.square(responses - _rebuild(each, responses)).sum()
        for each in (start, network)
    ]
    return Choice(
        n_epochs=state.best_epoch + 1,
        slope=slope,
        gain=1 - after / before,
        history=pd.DataFrame(state.history).rename_axis("epoch"),
        completes_linearly=bool(rebuilt[0] <= rebuilt[1]),
    )


def held_out_error(network, responses: np.ndarray, images: np.ndarray) -> float:
    """Return the squared error of predicted responses, after their held-out slope."""
    return held_out_slope(network, responses, images)[1]


def held_out_slope(
    network, responses: np.ndarray, images: np.ndarray, mean=0.0
) -> tuple[float, float]:
    """Return the part of a prediction that holds, and the error that it leaves.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network.
    responses : array, shape (n_images, n_channels, n_times)
        Standardized responses that it was not trained on.
    images : array, shape (n_images, n_features)
        Standardized features of their images.
    mean : array, shape (n_channels, n_times) | float
        The standardized mean training response.

    Returns
    -------
    slope : float
        s = sum (y - mean) (p - mean) / sum (p - mean)^2, between 0 and 1, so that
        mean + s (p - mean) is no worse than the mean response.
    error : float
        The squared error of this prediction.
    """
    predicted = apply(network.decode, apply(network.embed_image, images)) - mean
    deviation = responses - mean
    power = np.square(predicted, dtype=np.float64).sum()
    product = np.multiply(predicted, deviation, dtype=np.float64).sum()
    slope = float(np.clip(product / power, 0, 1)) if power > 0 else 0.0
    error = np.square(deviation - slope * predicted, dtype=np.float64).sum()
    return slope, float(error)


def _rebuild(network, responses: np.ndarray) -> np.ndarray:
    return apply(network.decode, apply(network.embed_brain, responses))


def has_added(network: BrainAENetwork) -> bool:
    """Tell whether a network has anything beyond its fixed linear parts."""
    return any(parameter.requires_grad for parameter in network.parameters())
