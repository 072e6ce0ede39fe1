"""The linear encoding model: from image features to every channel and time."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from ...nn.decoders import LinearBrainDecoder
from ...nn.network import BrainAENetwork
from ...utils.checks import logger, seed_from
from ...utils.docs import fill_doc
from ..checkpoint import State, history_table
from ..closed_form import RidgePath
from .encoding_only import EncodingOnly

#: Ridge penalties for standardised features, half a decade apart.
ALPHAS = tuple(10.0 ** (half / 2) for half in range(15))


@fill_doc
class LinearEncoder(EncodingOnly):
    """Regress every channel and time on image features (Linear Dec of Table 1).

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns pictures into features; see
        :func:`mne_brainae.compute_image_features`.
    n_components : int | float | None
        How many principal components of the standardised features to regress on, or
        the share of their variance to keep; None takes the features themselves.
    alphas : array-like | None
        Ridge penalties to choose from by leave-one-out on the training images, one for
        all channels and times; None is ordinary least squares.
    %(picks)s
    %(random_state)s
        It decides over the principal components of very many features only.
    %(verbose)s

    Attributes
    ----------
    network_ : Module
        Projection on principal components and linear decoder, on the CPU.
    alpha_ : float
        The chosen penalty; 0 for ordinary least squares.
    info_ : instance of Info
        The channels.
    times_ : array, shape (n_times,)
        The times in seconds.
    evoked_ : instance of Evoked
        The mean training response.
    train_images_ : list of str
        Names of all images seen in fit.

    Notes
    -----
    Features are standardised and scaled to a mean squared norm of 100, responses are
    taken as deviations from the mean response in units of each channel's spread.
    Gifford et al. (2022) use ``n_components=1000, alphas=None``.

    Leave-one-out errors of all penalties come from one eigendecomposition, without
    predicting any value, so that 1,024 channels x 200 times need no more memory than
    the responses and the weights themselves.
    """

    def __init__(
        self,
        *,
        image_encoder="gabor",
        n_components=None,
        alphas=ALPHAS,
        picks=None,
        random_state=None,
        verbose=None,
    ):
        super().__init__(
            brain_encoder="linear",
            brain_decoder="linear",
            image_encoder=image_encoder,
            init="ridge",
            max_epochs=0,
            standardize="evoked",
            picks=picks,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_components = n_components
        self.alphas = alphas

    def _check_params(self) -> None:
        super()._check_params()
        if self.alphas is not None and np.min(self.alphas) <= 0:
            raise ValueError(
                f"alphas must be positive, got {np.min(self.alphas):g}; None is "
                "ordinary least squares."
            )

    def _solve(self, training, table) -> tuple[nn.Module, nn.Module]:
        """Return the projection on components and the decoder."""
        features = training.image.numpy()
        projection = self._reduce(features)
        with torch.inference_mode():
            reduced = projection(training.image).numpy()
        brain = training.brain.numpy()
        responses = brain.reshape(len(brain), -1)
        mean = responses.mean(axis=0, dtype=np.float64).astype(np.float32)
        ridge = RidgePath.fit(reduced, responses - mean)
        penalty, how = self._choose(ridge)
        filtered = ridge.shrinkage(penalty)[:, 0] / ridge.energy
        axes = (ridge.features.T @ ridge.scores) * filtered
        weight = axes.astype(np.float32) @ ridge.projected
        decoder = LinearBrainDecoder(*brain.shape[1:], len(weight))
        bias = mean - (ridge.feature_mean @ weight).astype(np.float32)
        _load(decoder[0], weight.T, bias)
        self.selection_ = f"{how} on {len(weight)} features of {len(brain)} images"
        return projection, decoder

    def _reduce(self, features: np.ndarray) -> nn.Module:
        if self.n_components is None:
            return nn.Identity()
        most = min(features.shape)
        if not 0 < self.n_components <= most:
            raise ValueError(
                f"n_components must be between 1 and {most}, the smaller number of "
                "images and features, or a share of the variance below 1, got "
                f"{self.n_components}."
            )
        pca = PCA(self.n_components, random_state=seed_from(self.random_state))
        pca.fit(features)
        projection = nn.Linear(features.shape[1], pca.n_components_)
        _load(projection, pca.components_, -(pca.components_ @ pca.mean_))
        return projection

    def _choose(self, ridge: RidgePath) -> tuple[float, str]:
        """Return the penalty in units of the mean energy, and how it was chosen."""
        energy = ridge.energy.sum() / ridge.n_images
        if self.alphas is None:
            n_components = len(ridge.energy)
            if n_components >= ridge.n_images - 1:
                raise ValueError(
                    f"Least squares with {n_components} independent features passes "
                    f"through all {ridge.n_images} training images and predicts "
                    "nothing: set n_components lower, or alphas to ridge penalties."
                )
            penalties, how = [0.0], "ordinary least squares"
        else:
            penalties = np.asarray(self.alphas, float) / energy
            how = "ridge penalty {:.3g} by leave-one-out"
        penalty, explained = ridge.choose(penalties)
        self.alpha_ = float(penalty * energy)
        logger.info(
            f"{100 * explained:.1f} % of the variance of responses left out is "
            "predicted."
        )
        return penalty, how.format(self.alpha_)

    def _train(self, training, validation, solution, seed: int) -> None:
        projection, decoder = solution
        self.network_ = BrainAENetwork(None, decoder, projection).eval()
        self.n_embedding_ = decoder[0].in_features
        self.history_ = history_table(State())
        self.best_epoch_, self.temperature_ = -1, self.temperature


@torch.no_grad()
def _load(layer: nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    layer.weight.copy_(torch.from_numpy(weight.astype(np.float32)))
    layer.bias.copy_(torch.from_numpy(bias.astype(np.float32)))
