"""What fitted models do on Epochs, one mixin for every direction.

A model inherits the directions that it has learned, and no others.
"""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..images.pairing import has_files, image_paths, match_names
from ..preprocessing.averaging import average_by, trials_averaged
from ..preprocessing.epochs import make_epochs, make_evoked
from ..preprocessing.recorded import locate_channels, warn_if_recorded_otherwise
from ..scoring.comparison import Comparison
from ..scoring.correlation import correlate
from ..scoring.identification import (
    SIMILARITIES,
    Identification,
    cosine_similarity,
)
from ..scoring.templates import check_templates, compute_template_features
from ..scoring.transductive import TRANSDUCTIVE, csls, whiten_batch
from ..utils.checks import (
    _check_option,
    check_concepts,
    check_finite,
    check_image_names,
    five,
    names_in,
    warn,
)
from ..utils.docs import fill_doc


class PredictsResponses:
    """Image to brain response (encoding)."""

    @fill_doc
    def predict_epochs(self, images, *, output="epochs"):
        """Predict the brain responses to images (encoding).

        Parameters
        ----------
        %(new_images)s
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs, which MNE-Python holds in float64, or a float32
            array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_images, n_channels, n_times)
            One response per image in SI units; ``metadata["image"]`` has the names.
        """
        _check_option("output", output, ("epochs", "array"))
        z = self.embed_images(images)
        data = self._fitted().predict(z.to_numpy())
        return self._hand_out(data, pd.DataFrame({"image": z.index}), output)

    @fill_doc
    def predict_evoked(self, images) -> mne.EvokedArray:
        """Predict the brain response to an image, or the mean over several.

        Parameters
        ----------
        %(new_images)s

        Returns
        -------
        evoked : instance of EvokedArray
            The response in SI units. ``nave`` is the number of images.
        """
        z = self.embed_images(images)
        data = self._fitted().predict(z.to_numpy())
        comment = "predicted: " + ", ".join(z.index[:3])
        mean = data.mean(axis=0)
        return make_evoked(mean, self.info_, self.times_, len(data), comment)

    def score(self, epochs, images=None) -> float:
        """Return the encoding score of unseen images.

        Parameters
        ----------
        epochs : instance of Epochs
            Measured responses; repetitions are averaged. Channels that are absent or
            bad are left out.
        images : path-like | list | dict | DataFrame | None
            The images, as at fit.

        Returns
        -------
        r : float
            Pearson correlation of measured and predicted responses across images, mean
            over channels and times. The mean response scores 0. For the full account
            see :func:`mne_brainae.score_encoding`.
        """
        names = check_image_names(epochs)
        latent = self._fitted()
        warn_if_recorded_otherwise(epochs, latent.info, latent.baseline)
        seen, picks = locate_channels(epochs, latent.info, latent.times)
        measured, table = average_by(epochs, "image", picks)
        images = image_paths(epochs, names) if images is None else images
        shown = list(table["image"])
        z = self._embed_features(self.compute_features(images, names=shown))
        predicted = latent.predict(z.to_numpy())[:, seen]
        return float(correlate(measured, predicted, axis=0).mean())

    def _hand_out(self, data: np.ndarray, metadata, output: str):
        if output == "array":
            return data
        baseline = self._fitted().baseline
        return make_epochs(data, self.info_, self.times_, metadata, baseline=baseline)


class IdentifiesImages:
    """Brain response to image or concept (decoding)."""

    @fill_doc
    def retrieve(
        self,
        epochs,
        candidates=None,
        *,
        similarity=None,
        transductive=None,
        average_embeddings=False,
    ) -> Identification:
        """Find the image that evoked every response among candidates.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata["image"]`` names the true images. Average
            repetitions first for the accuracy that papers report.
        candidates : path-like | list | dict | DataFrame | None
            The gallery, as ``images`` in :meth:`embed_images`; it must contain the
            true images. A folder or None stands for the images that ``epochs`` name.
        %(similarity)s
        %(transductive)s
        average_embeddings : bool
            Whether repetitions are embedded one by one and the embeddings of every
            image averaged, as a model that learns from single trials has it. The
            similarity is ``"cosine"`` then, and one response stands for every image.

        Returns
        -------
        identification : instance of Identification
            Similarities, ranks, accuracy and protocol.
        """
        names = check_image_names(epochs)
        similarity = self._similarity(similarity)
        if candidates is None:
            candidates = image_paths(epochs, names)
        whole = isinstance(candidates, str | Path)
        shown = list(names.unique()) if whole else None
        features = self.compute_features(candidates, names=shown)
        z_image = self._embed_features(features)
        true = match_names(names, z_image.index, "The gallery")
        names = z_image.index[true]
        protocol = self._protocol(epochs, names, features)
        if average_embeddings:
            compared, names, counts = self._compare_means(
                epochs, z_image, names, similarity, transductive
            )
            protocol["embeddings averaged"] = f"{counts.min()} to {counts.max()}"
        else:
            compared = self._compare_batch(epochs, z_image, similarity, transductive)
        return Identification(
            compared,
            z_image.index,
            names,
            {
                "task": "retrieval",
                "gallery": f"{len(z_image)} images",
                "templates": "the stimuli themselves",
                "similarity": SIMILARITIES[similarity],
                **protocol,
                "transductive": self._say_transductive(transductive),
            },
            similarity == "likelihood" and transductive is None,
        )

    @fill_doc
    def classify(
        self, epochs, templates, *, similarity=None, transductive=None
    ) -> Identification:
        """Find the concept of the image that evoked every response.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata`` needs columns ``"image"`` and ``"concept"``.
        templates : path-like | dict | DataFrame
            Other images of the concepts: a folder with one sub-folder per concept, a
            mapping from concept to images, or features indexed by
            ``(concept, image)``. An image that ``epochs`` show is a ValueError.
        %(similarity)s
        %(transductive)s

        Returns
        -------
        identification : instance of Identification
            Similarities to the mean embedding of every concept's templates.
        """
        names = check_image_names(epochs)
        similarity = self._similarity(similarity)
        if "concept" not in epochs.metadata:
            raise ValueError(
                "epochs.metadata has no column 'concept', which classification needs."
            )
        features = compute_template_features(templates, self.compute_features)
        concepts = check_concepts(epochs.metadata, names)
        check_templates(features.index, names, concepts)
        _check_known(concepts, features.index)
        stimuli = self._features_of_files(epochs, names)
        self._warn_of_copies(names, features, stimuli)
        z_concept = self._embed_features(features).groupby(level="concept").mean()
        counts = features.groupby(level="concept").size()
        return Identification(
            self._compare_batch(epochs, z_concept, similarity, transductive, counts),
            z_concept.index,
            concepts,
            {
                "task": "classification",
                "gallery": f"{len(z_concept)} concepts",
                "templates": f"mean of {counts.min()} to {counts.max()} other images "
                "of every concept",
                "similarity": SIMILARITIES[similarity],
                **self._protocol(epochs, names, stimuli),
                "transductive": self._say_transductive(transductive),
            },
            similarity == "likelihood" and transductive is None,
        )

    def _say_transductive(self, how: str | None) -> bool | str:
        """Say what a score knows of the test, beside the response that it judges."""
        return TRANSDUCTIVE.get(how, False)

    def _features_of_files(self, epochs, names: pd.Series) -> pd.DataFrame | None:
        """Return the features of the images shown, where their files are known."""
        if self._fitted().image_encoder is None or not has_files(epochs.metadata):
            return None
        shown = list(names.unique())
        return self.compute_features(image_paths(epochs, names), names=shown)

    def _warn_of_copies(self, names, features: pd.DataFrame, stimuli) -> None:
        """Warn of templates that have the features of an image that the epochs show.

        Where the files of these images are not known, those count that the model was
        fitted on.
        """
        latent = self._fitted()
        if stimuli is not None:
            shown = latent.sketch(stimuli.to_numpy())
        else:
            seen = latent.seen_in_fit(list(names.unique()))
            shown = latent.train_sketches[seen[seen >= 0]]
        rows = latent.copies_of(shown).find(latent.sketch(features.to_numpy()))
        copied = features.index[rows >= 0]
        if len(copied):
            warn(
                f"{len(copied)} of the templates are copies of images that the epochs "
                f"show, such as {five(['/'.join(each) for each in copied[:2]])}; leave "
                "them out, or the accuracy is that of retrieval."
            )

    def _similarity(self, similarity: str | None) -> str:
        """Return a similarity that the model has, its first one by default."""
        known = self._fitted().similarities
        if not known:
            raise RuntimeError(
                "The model was fitted without images and knows only brain responses. "
                "Fit it with images to predict, retrieve or classify."
            )
        if similarity is None:
            return known[0]
        _check_option("similarity", similarity, known)
        return similarity

    def _compare_means(self, epochs, z_image, names, similarity: str, transductive):
        """Compare the mean embedding of every image's repetitions."""
        if similarity != "cosine" or transductive is not None:
            raise ValueError(
                "average_embeddings compares mean embeddings by cosine, one by one: "
                "give similarity='cosine' and transductive=None, got "
                f"{similarity!r} and {transductive!r}."
            )
        z_brain = self._fitted().embed_brain(
            self._read_whole(epochs), self._subjects_of(epochs)
        )
        groups = pd.DataFrame(z_brain).groupby(np.asarray(names), sort=False)
        means, counts = groups.mean(), groups.size()
        compared = Comparison(cosine_similarity, means.to_numpy(), z_image.to_numpy())
        return compared, means.index, counts

    def _compare_batch(
        self, epochs, z_image: pd.DataFrame, similarity: str, transductive, counts=None
    ):
        """Compare one by one or, if asked for, with the whole batch in view."""
        _check_option("transductive", transductive, (None, *TRANSDUCTIVE))
        latent = self._fitted()
        data = self._read_whole(epochs)
        if transductive != "whiten":
            compared = latent.compare(
                data,
                z_image.to_numpy(),
                similarity,
                repetitions=trials_averaged(epochs.metadata),
                n_templates=None if counts is None else counts[z_image.index],
                subject=self._subjects_of(epochs),
            )
            return csls(compared[:, :]) if transductive else compared
        if similarity != "cosine":
            raise ValueError(
                "transductive='whiten' changes embeddings: give similarity='cosine', "
                f"got {similarity!r}."
            )
        z_brain = latent.embed_brain(data, self._subjects_of(epochs))
        whitened = whiten_batch(z_brain, z_image.to_numpy())
        return Comparison(cosine_similarity, *whitened)


def _check_known(shown: pd.Series, templates: pd.MultiIndex) -> None:
    """Refuse templates that lack concepts of the epochs."""
    lacking = set(shown) - set(templates.get_level_values("concept"))
    if lacking:
        raise ValueError(
            "templates lack these concepts that the epochs show: "
            f"{five(sorted(lacking))}."
        )


class EmbedsResponses(IdentifiesImages):
    """Brain response to shared space, and from there to image or concept."""

    def embed_epochs(self, epochs) -> pd.DataFrame:
        """Map brain responses into the shared space.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit. Channels that are absent
            or bad are imputed.

        Returns
        -------
        embedding : DataFrame, shape (n_epochs, n_embedding)
            One row per epoch, indexed by ``epochs.metadata["image"]`` where present.
        """
        data = self._read_whole(epochs)
        z = self._fitted().embed_brain(data, self._subjects_of(epochs))
        names = names_in(epochs.metadata)
        if names is None:
            return pd.DataFrame(z)
        return pd.DataFrame(z, index=pd.Index(names, name="image"))


class CompletesRecordings:
    """Partial recording to whole recording (reconstruction)."""

    def reconstruct(self, epochs, *, keep_observed=True, output="epochs"):
        """Complete a partial recording, or pass a whole one through the latent.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit. What is missing is NaN,
            as :func:`mne_brainae.mask_epochs` makes it; so are channels that are absent
            or bad (``epochs.info["bads"]``).
        keep_observed : bool
            Whether what was observed stays as it was. False predicts it, too, which
            shows what the shared space holds of it.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs or a float32 array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_epochs, n_channels, n_times)
            The whole responses in SI units.

        Notes
        -----
        The encoder sees a missing entry at the mean of its channel, and the decoder
        says what it is. With ``imputation="gaussian"`` the encoder sees what the
        observed entries make expected; that is also what is returned for the missing
        ones, for passing the noise of the observed through the latent would add to it.
        """
        _check_option("output", output, ("epochs", "array"))
        data = self._read_responses(epochs)
        check_finite(np.where(np.isnan(data), 0.0, data), "epochs")
        whole = self._fitted().complete(data)
        if keep_observed:
            whole = np.where(np.isnan(data), whole, data)
        if output == "array":
            return whole
        return make_epochs(
            whole,
            self.info_,
            self.times_,
            epochs.metadata,
            baseline=epochs.baseline,
        )
