"""Ridge regression in both directions, in the space of image features."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...images import ImageEncoder
from ...nn.network import BrainAENetwork, build_network
from ...utils.checks import check_device, logger
from ...utils.docs import fill_doc
from ..decoding import EmbedsResponses
from ..encoding import PredictsResponses
from ..linear_map import ALPHAS, LinearMap, check_alphas
from ..model import Model
from ..reconstruction import CompletesRecordings
from .linear_encoding import load_regression


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
        """Refuse parameters that are impossible, alone or together.

        Examples
        --------
        >>> mne_brainae.RidgeModel().check()
        """
        super().check()
        check_device(self.device)
        check_alphas(self.alphas)

    def _fit(self, epochs, images) -> None:
        data = self._read(epochs, images)
        brain = data.training.brain.flatten(1).numpy()
        rows = data.training.image.numpy()
        encoding, decoding = self._regress(rows, brain), self._regress(brain, rows)
        self.selection_ = (
            f"ridge penalties {encoding.alpha:.3g} (encoding) and "
            f"{decoding.alpha:.3g} (decoding) by leave-one-out on {len(rows)} images"
        )
        logger.info(f"Chose {self.selection_}.")
        self.latent_ = data.to_latent(network=_network(data, encoding, decoding))

    def _regress(self, given: np.ndarray, wanted: np.ndarray) -> LinearMap:
        """Regress; penalties are in units of the mean variance of the predictors."""
        alphas = np.asarray(self.alphas, float) * np.square(given).mean()
        return LinearMap.fit(given, wanted, alphas)


def _network(data, encoding: LinearMap, decoding: LinearMap) -> BrainAENetwork:
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
    for layer, found in (
        (network.brain_encoder[-1], decoding),
        (network.brain_decoder[0], encoding),
    ):
        load_regression(layer, found.weights.T, found.offset)
    return network.eval()
