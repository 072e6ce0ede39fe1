"""Ridge regression in both directions, in the space of image features."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from ...images import ImageEncoder
from ...nn.network import BrainAENetwork, build_network
from ...utils.checks import check_device, logger
from ...utils.docs import fill_doc
from ..directions import (
    CompletesRecordings,
    EmbedsResponses,
    PredictsResponses,
)
from ..model import Model
from .linear_encoding import ALPHAS, check_alphas


@fill_doc
class RidgeModel(PredictsResponses, EmbedsResponses, CompletesRecordings, Model):
    """Two ridge regressions, between responses and image features.

    One predicts responses from image features (encoding), the other image features from
    responses (decoding). The shared space are the standardized features, so that
    ``similarity="cosine"`` compares decoded with true features, and ``"encoding"`` the
    measured with the predicted response.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns images into features; see
        :func:`mne_brainae.compute_image_features`.
    alphas : array-like
        Ridge penalties to choose from by leave-one-out on the training images, one for
        each direction.
    %(picks)s
    device : str
        Where image features are computed, as in :class:`mne_brainae.BrainAE`.
    %(verbose)s

    Attributes
    ----------
    selection_ : str
        The chosen penalties, in words.

    See Also
    --------
    mne_brainae.LinearBrainAE : The linear model that knows the noise.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> mne_brainae.RidgeModel().fit(data.train, data.images)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        "image_encoder": [str, ImageEncoder, callable],
        "alphas": ["array-like"],
        "device": [str],
    }

    def __init__(
        self,
        *,
        image_encoder="gabor",
        alphas=ALPHAS,
        picks=None,
        device="auto",
        verbose=None,
    ):
        self.image_encoder = image_encoder
        self.alphas = alphas
        self.picks = picks
        self.device = device
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together."""
        super().check()
        check_device(self.device)
        check_alphas(self.alphas)

    def _fit(self, epochs, images) -> None:
        data = self._read(epochs, images)
        brain = data.training.brain.flatten(1).numpy().astype(np.float64)
        rows = data.training.image.numpy().astype(np.float64)
        decoding = RidgeCV(alphas=self._scaled(brain)).fit(brain, rows)
        encoding = RidgeCV(alphas=self._scaled(rows)).fit(rows, brain)
        self.selection_ = (
            f"ridge penalties {encoding.alpha_:.3g} (encoding) and "
            f"{decoding.alpha_:.3g} (decoding) by leave-one-out on {len(rows)} images"
        )
        logger.info(f"Chose {self.selection_}.")
        self.latent_ = data.to_latent(network=_network(data, encoding, decoding))

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        """Return penalties in units of the mean variance of the predictors."""
        return np.asarray(self.alphas, float) * np.square(rows).mean()


def _network(data, encoding: RidgeCV, decoding: RidgeCV) -> BrainAENetwork:
    n_channels, n_times = data.shape
    network = build_network(
        n_channels=n_channels,
        n_times=n_times,
        n_image_features=data.n_features,
        n_embedding=data.n_features,
        brain_encoder="linear",
        brain_decoder="linear",
        image_projection="identity",
    )
    load_regression(network.brain_encoder[-1], decoding.coef_, decoding.intercept_)
    load_regression(network.brain_decoder[0], encoding.coef_, encoding.intercept_)
    return network.eval()


@torch.no_grad()
def load_regression(layer: nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    """Set a layer to the coefficients and intercepts of a regression.

    Parameters
    ----------
    layer : instance of Linear
        The layer, changed in place.
    weight : array, shape (n_out, n_in)
        The coefficients.
    bias : array, shape (n_out,)
        The intercepts.
    """
    layer.weight.copy_(torch.from_numpy(np.atleast_2d(weight).astype(np.float32)))
    layer.bias.copy_(torch.from_numpy(np.atleast_1d(bias).astype(np.float32)))
