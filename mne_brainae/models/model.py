"""What every model does: check, fit, keep the fitted space, save."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import ClassVar

import mne
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..images import ImageEncoder, compute_image_features
from ..images.networks import release
from ..images.pairing import named_rows
from ..images.ready import check_table, is_array, to_array
from ..nn.fast.precision import PRECISIONS
from ..preprocessing.averaging import trials_averaged
from ..preprocessing.epochs import make_evoked
from ..preprocessing.recorded import (
    describe_missing,
    missing_channels,
    read_recorded,
    warn_if_in_other_units,
    warn_if_recorded_otherwise,
)
from ..scoring.result import SEEN
from ..utils.checks import (
    check_device,
    check_finite,
    check_new_file,
    counted,
    five,
    logger,
    resolve_device,
    verbose,
    warn,
)
from ..utils.constraints import checked, options
from ..utils.docs import fill_doc
from ..utils.threads import one_blas_thread
from ..utils.torch_state import own_state
from .candidates import Candidates
from .feature_weights import SpatialWindow
from .file import name_of, pack, write_model
from .hub import GoesToHub
from .latent import Latent
from .linear_gaussian.blocks import products_on
from .parts import Part
from .training_set import Reading, TrainingSet, subject_codes

#: Up to so many epochs, products are too small for several threads.
FEW_EPOCHS = 10_000

#: Parameters of models that decide over how epochs and images are read.
OF_READING = (
    "image_encoder",
    "picks",
    "standardize",
    "device",
    "spatial_window",
    "keep_noise",
)


def _check_encoder(encoder) -> None:
    """Refuse an unknown image encoder, even where features make it unused."""
    if isinstance(encoder, str):
        try:
            ImageEncoder(encoder)
        except ValueError as error:
            raise ValueError(f"image_encoder: {error}") from None


class Model(GoesToHub, BaseEstimator):
    """A model of images and brain responses, fitted to Epochs.

    A model that inherits this declares its parameters and their constraints, and learns
    in ``_learn`` a :class:`Latent`, the fitted shared space. What it can do with it, it
    inherits from the mixins of ``encoding.py``, ``decoding.py`` and
    ``reconstruction.py``.
    """

    #: Fitted attributes beside the shared space that a model file holds.
    _learned: ClassVar[tuple[str, ...]] = ("selection_", "seed_")
    _parameter_constraints: ClassVar[dict] = {}

    # -- learning ---------------------------------------------------------------------

    @fill_doc
    def fit(self, epochs, images=None):
        """Learn from the responses to images.

        Parameters
        ----------
        %(epochs_images)s
            Repetitions of an image are averaged. The epochs are not changed.
        %(images)s

        Returns
        -------
        self : instance of the same class
            The fitted model.

        See Also
        --------
        mne_brainae.fit

        Examples
        --------
        >>> model = mne_brainae.LinearBrainAE(n_embedding=4).fit(train, features)
        """
        with own_state(), mne.utils.use_log_level(self.verbose):
            self.check()
            n_epochs = len(getattr(epochs, "events", ()))
            with one_blas_thread(n_epochs <= FEW_EPOCHS), products_on(self._place()):
                self._fit(epochs, images)
        return self

    def _place(self) -> torch.device:
        """Return where fit computes."""
        return resolve_device(self.get_params(deep=False).get("device", "cpu"))

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        ``fit`` calls it first.

        Raises
        ------
        ValueError
            If parameters are impossible, alone or together.
        TypeError
            If a parameter is of another type. The message says which it may be.
        """
        self._validate_params()
        params = self.get_params(deep=False)
        _check_encoder(params["image_encoder"])
        if params.get("spatial_window") not in (None, "auto"):
            SpatialWindow.of(params["spatial_window"])
        for part in params.values():
            if isinstance(part, Part):
                part.check()

    @abstractmethod
    def _fit(self, epochs, images) -> None:
        """Learn ``latent_`` and the attributes named in ``_learned``."""

    def _read(self, epochs, images, seed: int | None = None, **how) -> TrainingSet:
        """Turn epochs and images into arrays, as the parameters say."""
        params = self.get_params(deep=False)
        how = {name: params[name] for name in OF_READING if name in params} | how
        self.seed_ = seed
        data = TrainingSet.read(epochs, images, Reading(**how), seed)
        release(self._place())  # training needs the memory of a card
        return data

    # -- what was learned -------------------------------------------------------------

    def _fitted(self) -> Latent:
        check_is_fitted(self, "latent_")
        return self.latent_

    @property
    def info_(self) -> mne.Info:
        """The channels."""
        return self._fitted().info

    @property
    def times_(self) -> np.ndarray:
        """The times in seconds."""
        return self._fitted().times

    @property
    def network_(self):
        """The fitted network, in evaluation mode, where :meth:`to` has put it."""
        return self._fitted().network

    @property
    def n_embedding_(self) -> int:
        """The dimension of the shared space."""
        return self._fitted().n_embedding

    @property
    def train_images_(self) -> list[str]:
        """Names of all images seen in fit, those held out for validation included."""
        return self._fitted().train_images

    @property
    def feature_names_(self) -> list[str] | None:
        """Names of the image features; None for a model fitted without images."""
        return self._fitted().feature_names

    @property
    def image_encoder_(self):
        """What turns new images into features; None for ready features."""
        return self._fitted().image_encoder

    @property
    def evoked_(self) -> mne.EvokedArray:
        """The mean training response: the baseline that a prediction has to beat."""
        latent = self._fitted()
        return make_evoked(
            latent.mean_response,
            latent.info,
            latent.times,
            len(latent.train_images),
            "mean training response",
            baseline=latent.baseline,
        )

    @property
    def device_(self) -> str:
        """Where the fitted model computes; the CPU, unless :meth:`to` was called."""
        return str(self._fitted().device)

    @checked(device=check_device, precision=[options(*PRECISIONS)])
    def to(self, device, *, precision="float32") -> Model:
        """Move the fitted model to a device, as modules of PyTorch are moved.

        From now on it embeds, predicts and reconstructs there, whatever method asks
        for it. Epochs and features come from the host, which gets the results and
        compares embeddings; predicted responses are compared on the device.

        Parameters
        ----------
        device : str
            A PyTorch device such as ``"cuda"`` or ``"cpu"``; ``"auto"`` is CUDA, MPS,
            CPU in this order.
        precision : ``"float32"`` | ``"bf16"`` | ``"auto"``
            How the factors of large products are rounded when responses and images are
            embedded. In ``"bf16"`` embeddings differ by less than a percent, and many
            responses are embedded about twice as fast on hardware that multiplies bf16.
            It needs the temporal-spatial convolution of recipe ``"paper"``. ``"auto"``
            rounds where that is faster. Responses are predicted in float32.

        Returns
        -------
        self : instance of the same class
            The same model, moved in place; ``model.copy().to("cuda")`` keeps this one
            where it is.

        Raises
        ------
        ValueError
            If this machine does not have the device, or ``precision="bf16"`` has
            nothing to round.

        Notes
        -----
        The parameter ``device`` is where ``fit`` trains and where image features are
        computed. After a fit the model is on the CPU. A file of a model on any device
        is read on the CPU.

        Examples
        --------
        >>> model = mne_brainae.read_brainae("model.safetensors")  # doctest: +SKIP
        >>> z = model.to("cuda").embed_epochs(epochs)  # doctest: +SKIP
        """
        self._fitted().to(resolve_device(device), precision)
        return self

    # -- images and responses of a fitted model ---------------------------------------

    @fill_doc
    def compute_features(self, images, *, names=None) -> pd.DataFrame:
        """Return the features of images, as this model encodes and checks them.

        Parameters
        ----------
        %(new_images)s
        names : sequence of str | None
            The images to take, in this order; None takes all.

        Returns
        -------
        features : DataFrame, shape (n_images, n_features)
            One row per image, indexed by its name.

        See Also
        --------
        mne_brainae.compute_image_features

        Examples
        --------
        >>> model.compute_features(unseen).shape
        (8, 5)
        """
        latent = self._fitted()
        if latent.image_scaler is None:
            raise RuntimeError(
                "The model was fitted without images and knows only brain responses. "
                "Fit it with images to predict, retrieve or classify."
            )
        has_rows = is_array(images) and images.ndim < 3
        ready = isinstance(images, pd.DataFrame) or has_rows
        if has_rows:
            images = named_rows(to_array(images))
        if images is None or isinstance(images, pd.Series):
            raise TypeError(
                "images must be images by name, or features as a DataFrame or array, "
                f"got {type(images).__name__}."
            )
        if not ready and latent.image_encoder is None:
            raise ValueError(
                "The model was fitted on ready features and has no image encoder. Give "
                "features of the same kind, as a DataFrame or array, not "
                f"{type(images).__name__}."
            )
        if ready:
            features = check_table(images, names)
        else:
            features = compute_image_features(
                images,
                latent.image_encoder,
                names=names,
                device=self.device,
                verbose=self.verbose,
            )
        latent.check_features(features)
        return features

    @fill_doc
    def embed_images(self, images) -> pd.DataFrame:
        """Map images into the shared space.

        Parameters
        ----------
        %(new_images)s

        Returns
        -------
        embedding : DataFrame, shape (n_images, n_embedding)
            One row per image, indexed by its name.

        See Also
        --------
        mne_brainae.BrainAE.embed_epochs

        Examples
        --------
        >>> len(model.embed_images(unseen))
        8
        """
        return self._embed_features(self.compute_features(images))

    def _embed_candidates(self, images, names=None) -> Candidates:
        """Embed images, which are kept for the next call with the same table."""
        latent = self._fitted()
        kept = latent.kept
        if names is None and kept is not None and kept.are(images, latent.network):
            return kept
        features = self.compute_features(images, names=names)
        z = self._embed_features(features)
        found = Candidates.of(images, features, z, latent.network)
        if names is None and found.can_be_kept:
            latent.kept = found
        return found

    def _embed_features(self, features: pd.DataFrame) -> pd.DataFrame:
        z = self._fitted().embed_features(features.to_numpy(np.float32))
        return pd.DataFrame(z, index=features.index, copy=False)

    def _read_responses(self, epochs) -> np.ndarray:
        """Return responses of the channels of the fit, NaN where one is missing.

        Responses that were recorded or scaled otherwise than at fit are a warning.
        """
        latent = self._fitted()
        data = read_recorded(epochs, latent.info, latent.times)
        warn_if_recorded_otherwise(epochs, latent.info, latent.baseline)
        counts = trials_averaged(epochs.metadata).mean(), latent.n_averaged
        warn_if_in_other_units(data, latent.kinds, latent.brain_scaler, *counts)
        return data

    def _read_whole(self, epochs) -> np.ndarray:
        """Return responses whose missing channels are imputed."""
        data, missing = self._read_responses(epochs), self._missing(epochs)
        if not missing:
            check_finite(data, "epochs")
            return data
        seen = [name not in missing for name in self.info_["ch_names"]]
        check_finite(data[:, seen], "epochs")
        return self._fitted().fill(data)

    def _subjects_of(self, epochs) -> np.ndarray | None:
        """Return which of the fitted subjects every epoch is of, where it matters."""
        subjects = self._fitted().subjects
        if subjects is None:
            return None
        codes = subject_codes(epochs.metadata, subjects)
        return codes if len(codes) == len(epochs) else np.full(len(epochs), -1)

    def _missing(self, epochs) -> dict[str, str]:
        return missing_channels(epochs, self._fitted().info)

    @property
    def _held_out_slope(self) -> float:
        """The part of the prediction that holds, where it is known."""
        slope = getattr(self, "slope_", None)
        return self._fitted().slope if slope is None else slope

    def _protocol(self, epochs, names, features: pd.DataFrame | None = None) -> dict:
        """Return what every score of this model has to say about itself.

        Parameters
        ----------
        epochs : instance of Epochs
            The test epochs.
        names : sequence of str
            The images that they show.
        features : DataFrame, shape (n_images, n_features) | None
            The features of these images, where they are known.
        """
        latent = self._fitted()
        n_seen = self._warn_of_seen(list(dict.fromkeys(names)), features)
        counts = trials_averaged(epochs.metadata)
        encoder = None if latent.image_encoder is None else self.image_encoder
        return {
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": len(latent.info["ch_names"]),
            "channels imputed": describe_missing(self._missing(epochs)),
            "window": f"{latent.times[0]:g} to {latent.times[-1]:g} s",
            "model selection": self.selection_,
            "held-out slope": f"{self._held_out_slope:.2f}",
            SEEN: n_seen,
            "image encoder": name_of(encoder) or "ready features",
            "seed": self.seed_,
        }

    def _warn_of_seen(self, names: list[str], features) -> int:
        """Count the test images that were seen in fit, and warn if there are any."""
        latent = self._fitted()
        rows = features
        if features is not None:
            rows = features.to_numpy()[features.index.get_indexer(names)]
        known = latent.seen_in_fit(names, rows)
        seen = [
            name
            if name == latent.train_images[row]
            else f"{name} (as {latent.train_images[row]})"
            for name, row in zip(names, known, strict=True)
            if row >= 0
        ]
        if seen:
            warn(
                f"{len(seen)} of the test images were seen in fit, such as "
                f"{five(sorted(seen)[:2])}; the scores are not for unseen images only."
            )
        return len(seen)

    # -- files, looks -----------------------------------------------------------------

    def copy(self) -> Model:
        """Return a deep copy.

        Returns
        -------
        model : instance of the same class
            The copy.

        Examples
        --------
        >>> model.copy().slope_ == model.slope_
        True
        """
        return copy.deepcopy(self)

    @verbose
    @fill_doc
    def save(self, fname, *, overwrite=False, verbose=None) -> None:
        """Write the model to one safetensors file, without pickle.

        Parameters
        ----------
        %(new_safetensors)s
        %(verbose)s

        See Also
        --------
        mne_brainae.read_brainae : Read the file.

        Examples
        --------
        >>> model.save("sub-01.safetensors")
        >>> again = mne_brainae.read_brainae("sub-01.safetensors")
        """
        self._fitted()
        write_model(self, check_new_file(fname, ".safetensors", overwrite=overwrite))
        logger.info(f"Wrote {fname}.")

    def _pack(self) -> tuple[dict, dict]:
        return pack(self)

    def _chosen(self) -> str:
        """Say how the model was chosen, in a few words."""
        return "closed form"

    def __repr__(self, N_CHAR_MAX=700) -> str:
        if not hasattr(self, "latent_"):
            return super().__repr__(N_CHAR_MAX)
        latent = self.latent_
        scaler = latent.image_scaler
        times = latent.times
        return (
            f"<{type(self).__name__} | "
            f"{counted(len(latent.info['ch_names']), 'channel')} x "
            f"{counted(len(times), 'time')} ({times[0]:g} to {times[-1]:g} s), "
            f"{0 if scaler is None else len(scaler.mean)} image features, fitted on "
            f"{len(latent.train_images)} images, {self._chosen()}>"
        )
