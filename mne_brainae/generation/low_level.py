"""Colors and layout of what was seen, read from the brain linearly."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import ClassVar

import mne
import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .. import __version__
from ..images.files import locate_images
from ..images.pairing import image_paths
from ..models.linear_map import ALPHAS, LinearMap, check_alphas
from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import read_array
from ..preprocessing.scaling import Scaler
from ..utils.checks import (
    check_finite,
    check_image_names,
    check_new_file,
    check_old_file,
    check_same_space,
    logger,
    pick_channels,
    verbose,
)
from ..utils.constraints import integer
from ..utils.docs import fill_doc
from ..utils.files import (
    as_group,
    read_arrays,
    take_group,
    write_arrays,
)
from .pixels import as_pictures, as_pixels, from_pixels

DECODER_FILE = {"kind": "picture decoder", "version": 1}


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
    alpha_ : float
        The penalty that was chosen.

    See Also
    --------
    mne_brainae.generation.generate_pictures : Starts from such pictures.
    mne_brainae.generation.read_picture_decoder : Reads a decoder that was saved.

    Examples
    --------
    >>> from mne_brainae import generation
    >>> decoder = generation.PictureDecoder(size=2, n_components=3).fit(train, folder)
    >>> len(decoder.predict(averaged))
    8
    """

    _parameter_constraints: ClassVar[dict] = {
        "size": [integer(1)],
        "alphas": ["array-like"],
        "n_components": [integer(1), None],
    }

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

        See Also
        --------
        mne_brainae.generation.PictureDecoder.predict

        Examples
        --------
        >>> from mne_brainae.generation import PictureDecoder
        >>> decoder = PictureDecoder(size=2, n_components=3).fit(train, folder)
        >>> round(decoder.alpha_) > 0
        True
        """
        self._validate_params()
        check_alphas(self.alphas)
        names = check_image_names(epochs)
        picks = pick_channels(epochs.info, self.picks)
        brain, table = average_by(epochs, "image", picks)
        images = image_paths(epochs, names) if images is None else images
        shown = locate_images(images, list(table["image"]))
        pixels = as_pixels(as_pictures(shown), self.size)
        check_finite(brain, "epochs")
        self._scaler = Scaler.for_brain(brain, "evoked")
        self._ridge = LinearMap.fit(
            self._rows(brain),
            pixels.reshape(len(pixels), -1),
            self.alphas,
            self.n_components,
        )
        self.info_, self.times_ = mne.pick_info(epochs.info, picks), epochs.times.copy()
        self._mean = pixels.mean(axis=0)
        logger.info(
            f"Decoding {self.size} x {self.size} pixels from {brain[0].size} values, "
            f"learned on {len(brain)} pictures with penalty {self.alpha_:.3g}."
        )
        return self

    @property
    def mean_picture_(self) -> Image.Image:
        """The mean training picture."""
        check_is_fitted(self, "info_")
        return from_pixels(self._mean[None])[0]

    @property
    def alpha_(self) -> float:
        """The penalty that was chosen."""
        check_is_fitted(self, "_ridge")
        return self._ridge.alpha

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

        Examples
        --------
        >>> pictures = decoder.predict(test)
        >>> len(pictures) == len(test)
        True
        """
        check_is_fitted(self, "info_")
        picks = check_same_space(epochs, self.info_["ch_names"], self.times_)
        brain = read_array(epochs, picks)
        check_finite(brain, "epochs")
        pixels = self._ridge.predict(self._rows(brain))
        return from_pixels(pixels.reshape(len(brain), self.size, self.size, 3))

    @verbose
    @fill_doc
    def save(self, fname, *, overwrite: bool = False, verbose=None) -> None:
        """Write the decoder to one safetensors file.

        Parameters
        ----------
        %(new_safetensors)s
        %(verbose)s

        See Also
        --------
        mne_brainae.generation.read_picture_decoder

        Examples
        --------
        >>> decoder.save("decoder.safetensors")
        """
        check_is_fitted(self, "info_")
        fname = check_new_file(fname, ".safetensors", overwrite=overwrite)
        arrays = as_group("scaler", vars(self._scaler)) | as_group(
            "ridge", vars(self._ridge)
        )
        params = self.get_params() | {"alphas": [float(a) for a in self.alphas]}
        if params["picks"] is not None:
            params["picks"] = self.info_["ch_names"]
        header = {
            **DECODER_FILE,
            "written_by": f"mne_brainae {__version__}, mne {mne.__version__}",
            "params": params,
            "info": self.info_.to_json_dict(),
        }
        write_arrays(fname, arrays | {"times": self.times_, "mean": self._mean}, header)
        logger.info(f"Wrote {fname}.")


def read_picture_decoder(fname) -> PictureDecoder:
    """Read a decoder that ``PictureDecoder.save`` wrote.

    Parameters
    ----------
    fname : path-like
        The file.

    Returns
    -------
    decoder : instance of PictureDecoder
        The fitted decoder.

    Raises
    ------
    ValueError
        If the file is truncated or of another kind.

    See Also
    --------
    mne_brainae.generation.PictureDecoder

    Examples
    --------
    >>> decoder = generation.read_picture_decoder(
    ...     "low_level.safetensors"
    ... )  # doctest: +SKIP
    """
    fname = check_old_file(fname, "a decoder that save wrote")
    arrays, header = read_arrays(fname, **DECODER_FILE)
    params = header["params"]
    decoder = PictureDecoder(**params | {"alphas": tuple(params["alphas"])})
    decoder.info_ = mne.Info.from_json_dict(header["info"])
    decoder.times_, decoder._mean = arrays["times"], arrays["mean"]
    decoder._scaler = Scaler(**take_group("scaler", arrays))
    decoder._ridge = LinearMap(**take_group("ridge", arrays))
    return decoder
