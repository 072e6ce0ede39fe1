"""Colours and layout of what was seen, read from the brain linearly."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from .._checks import (
    check_finite,
    check_image_names,
    check_same_space,
    logger,
    pick_channels,
    verbose,
)
from .._docs import fill_doc
from .._pairing import image_paths
from ..images.pictures import find_pictures
from ..preprocessing import Scaler, average_by, read_array
from .pixels import as_pictures, as_pixels, from_pixels

#: Ridge penalties for standardised responses, half a decade apart.
ALPHAS = tuple(10.0 ** (half / 2) for half in range(-2, 15))


@fill_doc
class PictureDecoder(BaseEstimator):
    """Ridge regression from brain responses to blurry pictures.

    Parameters
    ----------
    size : int
        Height and width in pixels of what is decoded. Brains are seldom recorded well
        enough for more than a few.
    alphas : array-like
        Ridge penalties to choose from by leave-one-out on the training pictures, one
        for all pixels.
    n_components : int
        Responses of more values (channels times samples) are first reduced to this many
        principal components.
    %(picks)s

    Attributes
    ----------
    info_ : instance of Info
        The channels.
    times_ : array, shape (n_times,)
        The times in seconds.
    mean_picture_ : PIL.Image.Image
        The mean training picture, which a decoded one has to beat.

    See Also
    --------
    mne_brainae.generation.generate_pictures : Starts from such pictures.
    """

    def __init__(self, *, size=16, alphas=ALPHAS, n_components=1000, picks=None):
        self.size = size
        self.alphas = alphas
        self.n_components = n_components
        self.picks = picks

    @verbose
    @fill_doc
    def fit(self, epochs: mne.BaseEpochs, images=None, *, verbose=None):
        """Learn the regression.

        Parameters
        ----------
        %(epochs_images)s
            Repetitions of a picture are averaged.
        images : path-like | list | dict | None
            The pictures, as files or PIL images. None takes the files of
            ``epochs.metadata["image_path"]``.
        %(verbose)s

        Returns
        -------
        self : instance of PictureDecoder
            The fitted decoder.
        """
        names = check_image_names(epochs)
        picks = pick_channels(epochs.info, self.picks)
        brain, table = average_by(epochs, "image", picks)
        images = image_paths(epochs, names) if images is None else images
        shown = find_pictures(images, list(table["image"].astype(str)))
        pixels = as_pixels(as_pictures(shown), self.size)
        self._scaler = Scaler.for_brain(brain, "evoked")
        self._ridge = self._regression(brain[0].size, len(brain))
        self._ridge.fit(self._rows(brain), pixels.reshape(len(pixels), -1))
        self.info_, self.times_ = mne.pick_info(epochs.info, picks), epochs.times.copy()
        self.mean_picture_ = from_pixels(pixels.mean(axis=0, keepdims=True))[0]
        logger.info(
            f"Decoding {self.size} x {self.size} pixels from {brain[0].size} values, "
            f"learned on {len(brain)} pictures with penalty "
            f"{self._ridge[-1].alpha_:.3g}."
        )
        return self

    def _regression(self, n_values: int, n_pictures: int):
        ridge = RidgeCV(alphas=self.alphas)
        n_components = min(self.n_components, n_pictures - 1)
        if n_values <= self.n_components:
            return make_pipeline(ridge)
        return make_pipeline(PCA(n_components, random_state=0), ridge)

    def _rows(self, brain: np.ndarray) -> np.ndarray:
        return self._scaler.transform(brain).reshape(len(brain), -1)

    def predict(self, epochs: mne.BaseEpochs) -> list[Image.Image]:
        """Decode one picture per epoch.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit.

        Returns
        -------
        pictures : list of PIL.Image.Image
            Pictures of ``size`` times ``size`` pixels, in the order of the epochs.
        """
        check_is_fitted(self, "info_")
        picks = check_same_space(epochs, self.info_["ch_names"], self.times_)
        brain = read_array(epochs, picks)
        check_finite(brain, "epochs")
        pixels = self._ridge.predict(self._rows(brain))
        return from_pixels(pixels.reshape(len(brain), self.size, self.size, 3))
