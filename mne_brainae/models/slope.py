"""How much of a prediction holds for images that were held out."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..nn.network import BrainAENetwork
from ..utils.checks import warn
from .latent import BATCH, apply

#: A held-out slope below which the responses do not follow the images.
LOW_SLOPE = 0.2


def held_out_slope(
    network: BrainAENetwork, responses: np.ndarray, images: np.ndarray, mean=0.0
) -> tuple[float, np.ndarray]:
    """Return the part of a prediction that holds, and the errors that it leaves.

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
    errors : array, shape (n_images,)
        The squared error of this prediction for every image.
    """
    n_images = len(responses)
    power, product, measured = np.zeros((3, n_images))
    for start in range(0, n_images, BATCH):
        rows = slice(start, start + BATCH)
        z = apply(network.embed_image, images[rows])
        predicted = apply(network.decode, z) - mean
        deviation = responses[rows] - mean
        for sums, one, other in (
            (power, predicted, predicted),
            (product, predicted, deviation),
            (measured, deviation, deviation),
        ):
            np.einsum("nct,nct->n", one, other, out=sums[rows], dtype=np.float64)
    slope = float(np.clip(product.sum() / (power.sum() or 1.0), 0, 1))
    return slope, measured - 2 * slope * product + slope**2 * power


def warn_if_low(slope: float) -> None:
    """Warn where the responses hardly follow the images."""
    if slope < LOW_SLOPE:
        warn(
            f"Only {100 * slope:.0f} % of the predicted responses hold for images that "
            "were left out: these responses hardly follow these images. Check that "
            "metadata['image'] names what was shown, and that the features describe "
            "what the brain responds to."
        )
