"""What every fitted model of pictures and brain responses can do."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..images import compute_image_features
from ..images.pairing import image_paths, named_rows
from ..nn.fast.frozen import FrozenNetwork, freeze
from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import make_epochs, read_array
from ..scoring.comparison import Comparison
from ..scoring.correlation import correlate, correlate_all
from ..scoring.identification import (
    SIMILARITIES,
    Identification,
    check_templates,
    cosine_similarity,
    log_likelihood,
)
from ..scoring.templates import compute_template_features
from ..scoring.transductive import TRANSDUCTIVE, csls, whiten_batch
from ..utils.checks import (
    _check_option,
    check_finite,
    check_image_names,
    check_new_file,
    check_same_space,
    five,
    logger,
    verbose,
    warn,
)
from ..utils.docs import fill_doc
from .file import name_of, write_model

BATCH = 512  # epochs per forward pass outside training


class LatentModel(BaseEstimator):
    """Predict, identify and complete brain responses by way of a shared space.

    A model that inherits this learns, in ``fit``, a network that embeds responses and
    picture features and decodes embeddings (``network_``), what it standardises by, and
    the channels and times (``info_``, ``times_``).
    """

    # -- the shared space -------------------------------------------------------------

    def embed_epochs(self, epochs) -> pd.DataFrame:
        """Map brain responses into the shared space.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit.

        Returns
        -------
        embedding : DataFrame, shape (n_epochs, n_embedding)
            One row per epoch, indexed by ``epochs.metadata["image"]`` where present.
        """
        data = self._read(epochs)
        check_finite(data, "epochs")
        z = self._apply(
            self._frozen_network.embed_brain, self._brain_scaler.transform(data)
        )
        if epochs.metadata is None or "image" not in epochs.metadata:
            return pd.DataFrame(z)
        names = pd.Index(epochs.metadata["image"], name="image").astype(str)
        return pd.DataFrame(z, index=names)

    @fill_doc
    def embed_images(self, images) -> pd.DataFrame:
        """Map pictures into the shared space.

        Parameters
        ----------
        %(new_images)s

        Returns
        -------
        embedding : DataFrame, shape (n_images, n_embedding)
            One row per picture, indexed by its name.
        """
        return self._embed_features(self._features(images))

    def _embed_features(self, features: pd.DataFrame) -> pd.DataFrame:
        rows = self._image_scaler.transform(features.to_numpy(np.float32))
        z = self._apply(self._frozen_network.embed_image, rows)
        return pd.DataFrame(z, index=features.index)

    def _read(self, epochs) -> np.ndarray:
        check_is_fitted(self, "network_")
        picks = check_same_space(epochs, self.info_["ch_names"], self.times_)
        return read_array(epochs, picks)

    @property
    def _frozen_network(self) -> FrozenNetwork:
        """The network as inference computes it; made when first used."""
        frozen = self.__dict__.get("_frozen")
        if frozen is None or frozen.network is not self.network_:
            frozen = self._frozen = freeze(self.network_)
        return frozen

    @torch.inference_mode()
    def _apply(self, function, rows: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(rows).split(BATCH)
        return torch.cat([function(part) for part in parts]).numpy()

    def _features(self, images, names=None) -> pd.DataFrame:
        """Return the features of pictures for a fitted model."""
        check_is_fitted(self, "network_")
        if self._image_scaler is None:
            raise RuntimeError(
                "The model was fitted without images and knows only brain responses. "
                "Fit it with images to predict, retrieve or classify."
            )
        ready = isinstance(images, pd.DataFrame) or (
            isinstance(images, np.ndarray) and images.ndim < 3
        )
        if isinstance(images, np.ndarray) and ready:
            images = named_rows(images)
        if not ready and self.image_encoder_ is None:
            raise ValueError(
                "The model was fitted on ready features and has no image encoder. Give "
                "features of the same kind, as a DataFrame or array, not "
                f"{type(images).__name__}."
            )
        features = compute_image_features(
            images,
            self.image_encoder_,
            names=names,
            device=self.device,
            verbose=self.verbose,
        )
        if features.empty:
            raise ValueError("images are empty, expected at least one picture.")
        self._check_features(features)
        return features

    def _check_features(self, features: pd.DataFrame) -> None:
        n_features = len(self.feature_names_)
        if features.shape[1] != n_features:
            raise ValueError(
                f"images have {features.shape[1]} features, but the model was fitted "
                f"on {n_features}."
            )
        columns = [str(name) for name in features.columns]
        if columns != self.feature_names_ and set(columns) == set(self.feature_names_):
            raise ValueError("The columns of images are in another order than at fit.")

    # -- image -> brain ---------------------------------------------------------------

    @fill_doc
    def predict_epochs(self, images, *, output="epochs"):
        """Predict the brain responses to pictures (encoding).

        Parameters
        ----------
        %(new_images)s
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs, which MNE-Python holds in float64, or a float32
            array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_images, n_channels, n_times)
            One response per picture in SI units; ``metadata["image"]`` has the names.
        """
        _check_option("output", output, ("epochs", "array"))
        z = self.embed_images(images)
        return self._decode(z, pd.DataFrame({"image": z.index}), output)

    @fill_doc
    def predict_evoked(self, images) -> mne.EvokedArray:
        """Predict the brain response to a picture, or the mean over several.

        Parameters
        ----------
        %(new_images)s

        Returns
        -------
        evoked : instance of EvokedArray
            The response in SI units. ``nave`` is the number of pictures.
        """
        features = self._features(images)
        data = self._decode(self._embed_features(features), None, "array")
        return mne.EvokedArray(
            data.mean(axis=0),
            self.info_.copy(),
            tmin=self.times_[0],
            nave=len(data),
            comment="predicted: " + ", ".join(map(str, features.index[:3])),
        )

    def _decode(self, z: pd.DataFrame | np.ndarray, metadata, output: str):
        # pandas hands out read-only views, which PyTorch does not take.
        z = np.array(z, np.float32)
        data = self._apply(self._frozen_network.decode, z)
        data = self._brain_scaler.inverse_transform(data)
        if output == "array":
            return data
        return make_epochs(data, self.info_, self.times_[0], metadata)

    # -- brain -> image ---------------------------------------------------------------

    @fill_doc
    def retrieve(
        self, epochs, candidates=None, *, similarity="cosine", transductive=None
    ) -> Identification:
        """Find the picture that evoked every response among candidates.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata["image"]`` names the true pictures. Average
            repetitions first for the accuracy that papers report.
        candidates : path-like | list | dict | DataFrame | None
            The gallery, as ``images`` in :meth:`predict_epochs`; it must contain the
            true pictures. A folder or None stands for the pictures that ``epochs``
            name.
        %(similarity)s
        %(transductive)s

        Returns
        -------
        identification : instance of Identification
            Similarities, ranks, accuracy and protocol.
        """
        names = check_image_names(epochs)
        shown = list(names.unique())
        if candidates is None:
            candidates = image_paths(epochs, names)
        whole = isinstance(candidates, str | Path)
        features = self._features(candidates, names=shown if whole else None)
        z_image = self._embed_features(features)
        return Identification(
            self._compare_batch(epochs, z_image, similarity, transductive),
            z_image.index,
            names,
            {
                "task": "retrieval",
                "gallery": f"{len(z_image)} images",
                "templates": "the stimuli themselves",
                "similarity": SIMILARITIES[similarity],
                **self._protocol(epochs, names),
                "transductive": TRANSDUCTIVE.get(transductive, False),
            },
        )

    @fill_doc
    def classify(
        self, epochs, templates, *, similarity="cosine", transductive=None
    ) -> Identification:
        """Find the concept of the picture that evoked every response.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata`` needs columns ``"image"`` and ``"concept"``.
        templates : path-like | dict | DataFrame
            Other pictures of the concepts: a folder with one sub-folder per concept, a
            mapping from concept to pictures, or features indexed by
            ``(concept, image)``. A picture that ``epochs`` show is a ValueError.
        %(similarity)s
        %(transductive)s

        Returns
        -------
        identification : instance of Identification
            Similarities to the mean embedding of every concept's templates.
        """
        names = check_image_names(epochs)
        if "concept" not in epochs.metadata:
            raise ValueError(
                "epochs.metadata has no column 'concept', which classification needs."
            )
        features = compute_template_features(templates, self._features)
        check_templates(features.index, epochs.metadata)
        lacking = set(epochs.metadata["concept"].astype(str)) - set(
            features.index.get_level_values("concept").astype(str)
        )
        if lacking:
            raise ValueError(
                "templates lack these concepts that the epochs show: "
                f"{five(sorted(lacking))}."
            )
        z_concept = self._embed_features(features).groupby(level="concept").mean()
        counts = features.groupby(level="concept").size()
        return Identification(
            self._compare_batch(epochs, z_concept, similarity, transductive),
            z_concept.index,
            epochs.metadata["concept"].astype(str),
            {
                "task": "classification",
                "gallery": f"{len(z_concept)} concepts",
                "templates": f"mean of {counts.min()} to {counts.max()} other images "
                "of every concept",
                "similarity": SIMILARITIES[similarity],
                **self._protocol(epochs, names),
                "transductive": TRANSDUCTIVE.get(transductive, False),
            },
        )

    def _compare_batch(self, epochs, z_image, similarity: str, transductive):
        """Compare one by one or, if asked for, with the whole batch in view."""
        _check_option("transductive", transductive, (None, *TRANSDUCTIVE))
        if transductive != "whiten":
            compared = self._compare(epochs, z_image, similarity)
            return csls(compared[:, :]) if transductive else compared
        if similarity != "cosine":
            raise ValueError(
                "transductive='whiten' changes embeddings: give similarity='cosine', "
                f"got {similarity!r}."
            )
        brain, image = self.embed_epochs(epochs).to_numpy(), z_image.to_numpy()
        return Comparison(cosine_similarity, *whiten_batch(brain, image))

    def _compare(self, epochs, z_image: pd.DataFrame, similarity: str) -> Comparison:
        """Compare every response with every picture or concept."""
        _check_option("similarity", similarity, tuple(SIMILARITIES))
        candidates = z_image.to_numpy(np.float32)
        if similarity == "cosine" or (
            similarity == "likelihood" and self._noise_axes is None
        ):
            is_cosine = similarity == "cosine"
            compare = cosine_similarity if is_cosine else log_likelihood
            return Comparison(compare, self.embed_epochs(epochs).to_numpy(), candidates)
        measured = self._brain_scaler.transform(self._read(epochs))
        check_finite(measured, "epochs")
        measured = measured.reshape(len(measured), -1)
        if similarity == "encoding":
            return Comparison(self._correlate_with_predicted, measured, candidates)
        measured = measured @ self._noise_axes
        return Comparison(self._likelihood_of_predicted, measured, candidates)

    def _correlate_with_predicted(self, measured, z_image) -> np.ndarray:
        return correlate_all(measured, self._decode_flat(z_image))

    def _likelihood_of_predicted(self, measured, z_image) -> np.ndarray:
        return log_likelihood(measured, self._decode_flat(z_image) @ self._noise_axes)

    def _decode_flat(self, z_image: np.ndarray) -> np.ndarray:
        predicted = self._apply(self._frozen_network.decode, np.array(z_image))
        return predicted.reshape(len(predicted), -1)

    def _protocol(self, epochs, names: pd.Series) -> dict:
        seen = set(names) & set(self.train_images_)
        if seen:
            warn(
                f"{len(seen)} of the test images were seen in fit, such as "
                f"{five(sorted(seen)[:2])}; the scores are not of unseen images."
            )
        counts = epochs.metadata.get("n_averaged", pd.Series([1]))
        encoder = None if self.image_encoder_ is None else self.image_encoder
        return {
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": len(self.info_["ch_names"]),
            "window": f"{self.times_[0]:g} to {self.times_[-1]:g} s",
            "model selection": self.selection_,
            "test images seen in fit": len(seen),
            "image encoder": name_of(encoder) or "ready features",
            "seed": self._seed,
        }

    def generate(self, epochs, prior, **options):
        """Generate new pictures of what was seen.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; average repetitions first for the quality that papers report.
        prior : instance of DiffusionPrior | RidgePrior
            What :func:`mne_brainae.generation.fit_prior` learned of this model.
        **options
            As in :func:`mne_brainae.generation.generate_pictures`, such as
            ``pipeline="sdxl-turbo"``, ``n_images=1`` and ``random_state=None``.

        Returns
        -------
        generated : instance of GeneratedPictures
            The pictures, with contact sheet and scores.
        """
        from ..generation import generate_pictures

        return generate_pictures(self, epochs, prior, **options)

    # -- brain -> brain ---------------------------------------------------------------

    def reconstruct(self, epochs, *, output="epochs"):
        """Complete a partial recording, or pass a whole one through the latent.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit. What is missing is NaN,
            as :func:`mne_brainae.mask_epochs` makes it.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs or a float32 array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_epochs, n_channels, n_times)
            The whole responses in SI units, observed entries predicted too.

        Notes
        -----
        The encoder sees a missing entry at the mean of its channel, and the decoder
        says what it is. With ``imputation="gaussian"`` the encoder sees what the
        observed entries make expected; that is also what is returned for the missing
        ones, for passing the noise of the observed through the latent would add to it.
        """
        _check_option("output", output, ("epochs", "array"))
        data = self._read(epochs)
        data = self._brain_scaler.transform(data)
        missing = np.isnan(data)
        if self._imputer is not None:
            data = self._imputer.fill(data)
        data[np.isnan(data)] = 0.0
        check_finite(data, "epochs")
        z = self._apply(self._frozen_network.embed_brain, data)
        rebuilt = self._decode(z, None, "array")
        if self._imputer is not None:
            rebuilt[missing] = self._brain_scaler.inverse_transform(data)[missing]
        if output == "array":
            return rebuilt
        return make_epochs(rebuilt, self.info_, self.times_[0], epochs.metadata)

    # -- scores, files, looks ---------------------------------------------------------

    def score(self, epochs, images=None) -> float:
        """Return the encoding score of unseen images.

        Parameters
        ----------
        epochs : instance of Epochs
            Measured responses; repetitions are averaged.
        images : path-like | list | dict | DataFrame | None
            The pictures, as at fit.

        Returns
        -------
        r : float
            Pearson correlation of measured and predicted responses across images, mean
            over channels and times. The mean response scores 0. For the full account
            see :func:`mne_brainae.score_encoding`.
        """
        names = check_image_names(epochs)
        self._read(epochs[:1])
        picks = [epochs.ch_names.index(name) for name in self.info_["ch_names"]]
        measured, table = average_by(epochs, "image", np.array(picks))
        images = image_paths(epochs, names) if images is None else images
        shown = list(table["image"].astype(str))
        features = self._features(images, names=shown)
        predicted = self._decode(self._embed_features(features), None, "array")
        return float(correlate(measured, predicted, axis=0).mean())

    def report(
        self, epochs, images=None, *, fname=None, overwrite=False, **options
    ) -> mne.Report:
        """Describe the model and its scores on one HTML page.

        Parameters
        ----------
        epochs : instance of Epochs
            Test responses, which the model has not seen.
        images : path-like | list | dict | DataFrame | None
            The pictures, as at fit.
        fname : path-like | None
            A file to write, whose name ends in ``.html``.
        overwrite : bool
            Whether an existing file may be replaced.
        **options
            More of :func:`mne_brainae.make_report`, such as ``templates``.

        Returns
        -------
        report : instance of Report
            The page.
        """
        from ..report import make_report, write_report

        if fname is not None:
            check_new_file(fname, ".html", overwrite=overwrite)
        report = make_report(self, epochs, images, **options)
        if fname is not None:
            write_report(report, fname, overwrite=overwrite)
        return report

    @property
    def evoked_(self) -> mne.EvokedArray:
        """The mean training response."""
        check_is_fitted(self, "network_")
        return mne.EvokedArray(
            self._mean_response,
            self.info_.copy(),
            tmin=self.times_[0],
            nave=len(self.train_images_),
            comment="mean training response",
        )

    def copy(self) -> LatentModel:
        """Return a deep copy.

        Returns
        -------
        model : instance of the same class
            The copy.
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
        """
        check_is_fitted(self, "network_")
        write_model(self, check_new_file(fname, ".safetensors", overwrite=overwrite))
        logger.info(f"Wrote {fname}.")
