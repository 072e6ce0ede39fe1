"""Ridge regression from image features to every channel and time."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeCV
from sklearn.utils.validation import check_is_fitted

from .._checks import check_image_names, check_same_space, pick_channels
from .._docs import fill_doc
from ..correlation import correlate_all
from ..identification import SIMILARITIES, Identification
from ..images import compute_image_features
from ..preprocessing import Scaler, average_by, make_epochs, read_array

#: Ridge penalties for standardised features, half a decade apart.
ALPHAS = tuple(10.0 ** (half / 2) for half in range(15))


@fill_doc
class LinearEncoder(BaseEstimator):
    """The linear encoding model, and identification by its predictions.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns pictures into features; see
        :func:`mne_brainae.compute_image_features`.
    alphas : array-like
        Ridge penalties to choose from by leave-one-out on the training images.
    %(picks)s

    Attributes
    ----------
    ridge_ : instance of RidgeCV
        The regression of standardised responses on standardised features.

    Notes
    -----
    One penalty serves all channels and times, as in Gifford et al. (2022), where it is
    zero after a reduction of the features.
    """

    def __init__(self, *, image_encoder="gabor", alphas=ALPHAS, picks=None):
        self.image_encoder = image_encoder
        self.alphas = alphas
        self.picks = picks

    def fit(self, epochs: mne.BaseEpochs, images) -> LinearEncoder:
        """Learn the regression.

        Parameters
        ----------
        epochs : instance of Epochs
            The brain responses, with ``metadata["image"]``; repetitions are averaged.
        images : path-like | list | dict | DataFrame
            The pictures or their features, as in :meth:`mne_brainae.BrainAE.fit`.

        Returns
        -------
        self : instance of LinearEncoder
            The fitted model.
        """
        check_image_names(epochs)
        picks = pick_channels(epochs.info, self.picks)
        brain, table = average_by(epochs, "image", picks)
        features = self._features(images, list(table["image"].astype(str)))
        self._brain_scaler = Scaler.for_brain(brain, "evoked")
        self._image_scaler = Scaler.for_features(features)
        self.info_, self.times_ = mne.pick_info(epochs.info, picks), epochs.times.copy()
        self.ridge_ = RidgeCV(alphas=self.alphas).fit(
            self._image_scaler.transform(features).astype(np.float64),
            self._brain_scaler.transform(brain).reshape(len(brain), -1),
        )
        return self

    def _features(self, images, names=None) -> np.ndarray:
        table = compute_image_features(images, self.image_encoder, names=names)
        return table.to_numpy(np.float32)

    def predict_epochs(self, images) -> mne.EpochsArray:
        """Predict the brain responses to pictures.

        Parameters
        ----------
        images : path-like | list | dict | DataFrame
            The pictures or their features.

        Returns
        -------
        epochs : instance of EpochsArray
            One response per picture in SI units.
        """
        check_is_fitted(self, "ridge_")
        table = compute_image_features(images, self.image_encoder)
        features = self._image_scaler.transform(table.to_numpy(np.float32))
        shape = (len(table), len(self.info_["ch_names"]), len(self.times_))
        data = self.ridge_.predict(features.astype(np.float64)).reshape(shape)
        data = self._brain_scaler.inverse_transform(data)
        return make_epochs(
            data, self.info_, self.times_[0], pd.DataFrame({"image": table.index})
        )

    def predict_evoked(self, images) -> mne.EvokedArray:
        """Predict the brain response to a picture, or the mean over several.

        Parameters
        ----------
        images : path-like | list | dict | DataFrame
            The pictures or their features.

        Returns
        -------
        evoked : instance of EvokedArray
            The response in SI units.
        """
        return self.predict_epochs(images).average()

    def retrieve(self, epochs: mne.BaseEpochs, candidates) -> Identification:
        """Find the picture whose predicted response is most like the measured one.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata["image"]`` names the true pictures.
        candidates : path-like | list | dict | DataFrame
            The gallery, which contains the true pictures.

        Returns
        -------
        identification : instance of Identification
            Pearson correlations of measured and predicted responses, standardised.
        """
        predicted = self.predict_epochs(candidates)
        names = check_image_names(epochs)
        picks = check_same_space(epochs, self.info_["ch_names"], self.times_)
        measured = self._brain_scaler.transform(read_array(epochs, picks))
        guesses = self._brain_scaler.transform(
            predicted.get_data(copy=False).astype(np.float32)
        )
        similarity = correlate_all(
            measured.reshape(len(measured), -1), guesses.reshape(len(guesses), -1)
        )
        protocol = {"task": "retrieval", "similarity": SIMILARITIES["encoding"]}
        return Identification(
            similarity, predicted.metadata["image"].astype(str), names, protocol
        )
