"""The linear encoding model: from image features to every channel and time."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from ...images import ImageEncoder
from ...nn.network import BrainAENetwork, build_network
from ...utils.checks import check_device, logger, seed_from
from ...utils.constraints import integer, share
from ...utils.docs import fill_doc
from ..decoding import IdentifiesImages
from ..encoding import PredictsResponses
from ..linear_gaussian.ridge import Ridge
from ..linear_map import ALPHAS, check_alphas
from ..model import Model


@fill_doc
class LinearEncodingModel(PredictsResponses, IdentifiesImages, Model):
    """Regress every channel and time on image features (Linear Dec of Table 1).

    Images are identified by their predicted responses.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns images into features; see
        :func:`mne_brainae.compute_image_features`.
    n_components : int | float | None
        How many principal components of the standardized features to regress on, or
        the share of their variance to keep; None takes the features themselves.
    alphas : array-like | None
        Ridge penalties to choose from by leave-one-out on the training images, one for
        all channels and times; None is ordinary least squares.
    %(picks)s
    device : str
        Where image features are computed, as in :class:`mne_brainae.BrainAE`.
    %(random_state)s
        It decides over the principal components of very many features only.
    %(verbose)s

    Attributes
    ----------
    alpha_ : float
        The chosen penalty; 0 for ordinary least squares.
    selection_ : str
        How it was chosen, in words.

    See Also
    --------
    mne_brainae.NonlinearEncodingModel
    mne_brainae.RidgeModel
    mne_brainae.encoding_systems

    Notes
    -----
    Features are standardized and scaled to a mean squared norm of 100, responses are
    taken as deviations from the mean response in units of each channel's spread.
    Gifford et al. (2022) use ``n_components=1000, alphas=None``.

    Leave-one-out errors of all penalties come from one eigendecomposition, without
    predicting any value, so that 1,024 channels x 200 times need no more memory than
    the responses and the weights themselves.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.LinearEncodingModel()
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _learned: ClassVar[tuple[str, ...]] = (*Model._learned, "alpha_")
    _parameter_constraints: ClassVar[dict] = {
        "image_encoder": [str, ImageEncoder, callable],
        "n_components": [integer(1), share(), None],
        "alphas": ["array-like", None],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        image_encoder="gabor",
        n_components=None,
        alphas=ALPHAS,
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        self.image_encoder = image_encoder
        self.n_components = n_components
        self.alphas = alphas
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Examples
        --------
        >>> mne_brainae.LinearEncodingModel().check()
        """
        super().check()
        check_device(self.device)
        if self.alphas is not None:
            check_alphas(self.alphas)

    def _fit(self, epochs, images) -> None:
        data = self._read(epochs, images, seed_from(self.random_state))
        features = data.training.image.numpy()
        pca = self._reduce(features)
        reduced = features if pca is None else pca.transform(features)
        brain = data.training.brain.flatten(1).numpy()
        mean = brain.mean(axis=0, dtype=np.float64).astype(np.float32)
        ridge = Ridge.fit(reduced.astype(np.float32))
        brain = brain - mean
        projected = ridge.project(brain)
        penalty, how = self._choose(ridge, brain, projected)
        self.selection_ = f"{how} on {reduced.shape[1]} features of {len(brain)} images"
        network = _network(data, pca, reduced.shape[1])
        weights = ridge.weights(projected, penalty)
        bias = mean - ridge.mean @ weights
        load_regression(network.brain_decoder[0], weights.T, bias)
        self.latent_ = data.to_latent(network=network.eval())

    def _reduce(self, features: np.ndarray) -> PCA | None:
        if self.n_components is None:
            return None
        most = min(features.shape)
        if not 0 < self.n_components <= most:
            raise ValueError(
                f"n_components must be between 1 and {most}, the smaller number of "
                "images and features, or a share of the variance below 1, got "
                f"{self.n_components}."
            )
        return PCA(self.n_components, random_state=self.seed_).fit(features)

    def _choose(self, ridge: Ridge, brain, projected) -> tuple[float, str]:
        """Return the penalty in units of the total variance, and how it was chosen."""
        if self.alphas is None:
            n_components = len(ridge.energy)
            if n_components >= ridge.n_rows - 1:
                raise ValueError(
                    f"Least squares with {n_components} independent features fits all "
                    f"{ridge.n_rows} training images exactly and generalizes to none: "
                    "set n_components lower, or alphas to ridge penalties."
                )
            penalties, how = [0.0], "ordinary least squares"
        else:
            penalties = np.asarray(self.alphas, float) / ridge.unit
            how = "ridge penalty {:.3g} by leave-one-out"
        penalty, explained = ridge.choose_one(brain, penalties, projected)
        self.alpha_ = float(penalty * ridge.unit)
        logger.info(
            f"{100 * explained:.1f} % of the variance of responses left out is "
            "predicted."
        )
        return penalty, how.format(self.alpha_)


def _network(data, pca: PCA | None, n_components: int) -> BrainAENetwork:
    n_channels, n_times = data.shape
    network = build_network(
        n_channels=n_channels,
        n_times=n_times,
        n_image_features=data.n_features,
        n_embedding=n_components,
        brain_encoder=None,
        brain_decoder="linear",
        image_projection="identity" if pca is None else "linear",
    )
    if pca is not None:
        bias = -(pca.components_ @ pca.mean_)
        load_regression(network.image_projection, pca.components_, bias)
    return network


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
    layer.weight.copy_(torch.from_numpy(weight.astype(np.float32)))
    layer.bias.copy_(torch.from_numpy(bias.astype(np.float32)))
