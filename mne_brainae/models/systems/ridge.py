"""Ridge regression in both directions, in the space of image features."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from ...images import ImageEncoder, compute_image_features
from ...images.pairing import check_folder, image_paths, rows_by_name
from ...nn.network import BrainAENetwork
from ...preprocessing.averaging import average_by
from ...preprocessing.scaling import Scaler
from ...utils.checks import (
    check_complete,
    check_image_names,
    logger,
    pick_channels,
)
from ...utils.docs import fill_doc
from ..directions import LatentModel
from .linear_encoding import ALPHAS


@fill_doc
class RidgeModel(LatentModel):
    """Two ridge regressions behind the face of :class:`mne_brainae.BrainAE`.

    One predicts responses from image features (encoding), the other image features from
    responses (decoding). The shared space are the standardised features, so that
    ``similarity="cosine"`` compares decoded with true features, and ``"encoding"`` the
    measured with the predicted response.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns pictures into features; see
        :func:`mne_brainae.compute_image_features`.
    alphas : array-like
        Ridge penalties to choose from by leave-one-out on the training images, one for
        each direction.
    %(picks)s
    device : str
        Where image features are computed, as in :class:`mne_brainae.BrainAE`.
    %(verbose)s
    """

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

    def fit(self, epochs: mne.BaseEpochs, images=None) -> RidgeModel:
        """Learn both regressions.

        Parameters
        ----------
        epochs : instance of Epochs
            The brain responses, with ``metadata["image"]``; repetitions are averaged.
        images : path-like | list | dict | DataFrame | None
            The pictures or their features, as in :meth:`mne_brainae.BrainAE.fit`.

        Returns
        -------
        self : instance of RidgeModel
            The fitted model.
        """
        with mne.utils.use_log_level(self.verbose):
            return self._fit(epochs, images)

    def _fit(self, epochs, images) -> RidgeModel:
        names = check_image_names(epochs)
        picks = pick_channels(epochs.info, self.picks)
        check_folder(images, names)
        brain, table = average_by(epochs, "image", picks)  # NaN ends it before features
        features = self._features_at_fit(epochs, names, images)
        shown = list(table["image"].astype(str))
        check_complete(shown, features.index, "images")
        rows = features.loc[shown].to_numpy(np.float32)
        self.info_, self.times_ = mne.pick_info(epochs.info, picks), epochs.times.copy()
        self.train_images_ = shown
        self._mean_response = brain.mean(axis=0, dtype=np.float64)
        self._brain_scaler = Scaler.for_brain(brain, "evoked")
        self._image_scaler = Scaler.for_features(rows)
        self._noise_axes, self._imputer, self._seed = None, None, None
        self._solve(
            self._brain_scaler.transform(brain), self._image_scaler.transform(rows)
        )
        return self

    def _features_at_fit(self, epochs, names, images) -> pd.DataFrame:
        if isinstance(images, np.ndarray):
            images = rows_by_name(images, names)
        images = image_paths(epochs, names) if images is None else images
        features = compute_image_features(
            images, self.image_encoder, names=list(names.unique()), device=self.device
        )
        self.feature_names_ = [str(name) for name in features.columns]
        self.image_encoder_ = self.image_encoder
        if isinstance(images, pd.DataFrame):
            self.image_encoder_ = None
        elif isinstance(self.image_encoder, ImageEncoder):
            self.image_encoder_ = self.image_encoder.for_gallery()
        return features

    def _solve(self, brain: np.ndarray, rows: np.ndarray) -> None:
        flat = brain.reshape(len(brain), -1).astype(np.float64)
        rows = rows.astype(np.float64)
        decoding = RidgeCV(alphas=self._scaled(flat)).fit(flat, rows)
        encoding = RidgeCV(alphas=self._scaled(rows)).fit(rows, flat)
        self.selection_ = (
            f"ridge penalties {encoding.alpha_:.3g} (encoding) and "
            f"{decoding.alpha_:.3g} (decoding) by leave-one-out on {len(rows)} images"
        )
        logger.info(f"Chose {self.selection_}.")
        self.network_ = BrainAENetwork(
            nn.Sequential(nn.Flatten(), _linear(decoding)),
            nn.Sequential(_linear(encoding), nn.Unflatten(1, brain.shape[1:])),
            nn.Identity(),
        ).eval()

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        """Return penalties in units of the mean variance of the predictors."""
        return np.asarray(self.alphas) * np.square(rows).mean()

    def save(self, fname, *, overwrite=False, verbose=None) -> None:
        """Refuse: this baseline is refitted in seconds and has no file format.

        Parameters
        ----------
        fname : path-like
            Not used.
        overwrite : bool
            Not used.
        verbose : bool | str | int | None
            Not used.
        """
        raise NotImplementedError(
            "RidgeModel has no file format; fit it again, or save the predictions."
        )


def _linear(ridge: RidgeCV) -> nn.Linear:
    """Return a fitted regression as a layer."""
    weights = np.atleast_2d(ridge.coef_).astype(np.float32)
    layer = nn.Linear(weights.shape[1], weights.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.copy_(torch.from_numpy(np.atleast_1d(ridge.intercept_)))
    return layer.requires_grad_(False)
