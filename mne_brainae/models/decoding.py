"""Brain response to image or concept: what models do that identify images."""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..images.pairing import ImageNames, has_files, image_paths, match_names
from ..images.thumbnails import pictures_of
from ..preprocessing.averaging import (
    trials_averaged,
)
from ..scoring.comparison import Comparison
from ..scoring.identification import (
    SIMILARITIES,
    Identification,
    cosine_similarity,
)
from ..scoring.probabilities import Residuals
from ..scoring.templates import check_templates, compute_template_features
from ..scoring.transductive import TRANSDUCTIVE, csls, whiten_batch
from ..utils.checks import (
    _check_option,
    check_concepts,
    check_image_names,
    counted,
    five,
    logger,
    names_in,
    warn,
)
from ..utils.constraints import checked, integer, options
from ..utils.docs import fill_doc
from .linear_gaussian.novelty import FEWEST_CONCEPTS, Novelty

#: With fewer concepts or images, sets by distance hold more surely than sets by
#: probability.
MANY_CONCEPTS, MANY_IMAGES = 100, 400
#: What a protocol says of the images in a gallery, beside their number.
GALLERIES = {"shown": ", those that epochs name", "all": ""}
#: The candidate that stands for all images that are not candidates.
NONE = "none of these"
#: Where the noise of a model comes from if nothing is known of its subject.
MEAN_OF_SUBJECTS = "mean of subjects"


class IdentifiesImages:
    """Brain response to image or concept (decoding)."""

    @checked(none=["boolean"], gallery=[options("shown", "all"), None])
    @fill_doc
    def retrieve(
        self,
        epochs,
        candidates=None,
        *,
        gallery=None,
        similarity=None,
        transductive=None,
        average_embeddings=False,
        none=False,
    ) -> Identification:
        """Find the image that evoked every response among candidates.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata["image"]`` names the true images. Average
            repetitions first for the accuracy that papers report.
        candidates : path-like | list | dict | DataFrame | None
            The gallery, as ``images`` in :meth:`embed_images`; it must contain the
            true images unless ``none`` is True. None takes the files of
            ``epochs.metadata["image_path"]``.
        gallery : ``"shown"`` | ``"all"`` | None
            Whether the candidates are the images that ``epochs`` name, or all that are
            given, such as a whole folder. None is ``"shown"`` for a folder, unless
            ``none`` is True, and ``"all"`` otherwise. Log and protocol say how many
            there are.
        %(similarity)s
        %(transductive)s
        average_embeddings : bool
            Whether repetitions are embedded one by one and the embeddings of every
            image averaged, as a model that learns from single trials has it. The
            similarity is ``"cosine"`` then, and one response stands for every image.
        none : bool
            Whether ``"none of these"`` is a further candidate, the true one of epochs
            whose image is not in the gallery. This takes ``similarity="likelihood"``
            and a closed form of at least 40 training concepts, which learns from
            held-out images how probable a response is without its own image. Before
            the response, an image is in the gallery or not with equal probability.

        Returns
        -------
        identification : instance of Identification
            Similarities, ranks, accuracy and protocol.

        See Also
        --------
        mne_brainae.BrainAE.classify
        mne_brainae.Identification

        Examples
        --------
        >>> found = model.retrieve(averaged, unseen, similarity="cosine")
        >>> found.chance()
        0.125
        """
        names = check_image_names(epochs)
        similarity = self._similarity(similarity)
        if candidates is None:
            candidates = image_paths(epochs, names)
        if gallery is None:
            is_folder = isinstance(candidates, str | Path)
            gallery = "shown" if is_folder and not none else "all"
        shown = list(names.unique()) if gallery == "shown" else None
        embedded = self._embed_candidates(candidates, shown)
        features, z_image = embedded.features, embedded.z
        said = f"{counted(len(features), 'image')}{GALLERIES[gallery]}"
        if isinstance(candidates, str | Path):  # others have counted what they give
            logger.info(f"The gallery has {said}.")
        if none:
            known = ImageNames(list(z_image.index))
            rows = [known.find_one(name) for name in names]
            truth = [NONE if row is None else z_image.index[row] for row in rows]
            names = pd.Index(truth)[[row is not None for row in rows]]
        else:
            true = match_names(names, z_image.index, "The gallery")
            truth = names = z_image.index[true]
        protocol = self._protocol(epochs, names, features)
        if average_embeddings:
            compared, truth, counts = self._compare_means(
                epochs, z_image, truth, similarity, transductive
            )
            protocol["embeddings averaged"] = f"{counts.min()} to {counts.max()}"
        else:
            compared = self._compare_batch(epochs, z_image, similarity, transductive)
        if none:
            law = self._fitted().novelty
            compared = self._add_none(epochs, compared, law, similarity, transductive)
        return Identification(
            compared,
            [*z_image.index, NONE] if none else z_image.index,
            truth,
            {
                "task": "retrieval",
                "gallery": said,
                "templates": "the stimuli themselves",
                "similarity": SIMILARITIES[similarity],
                **protocol,
                "transductive": self._say_transductive(transductive),
            },
            similarity == "likelihood" and transductive is None,
            self._caution(similarity),
            None if none else self._residuals(epochs, similarity, transductive),
            pictures_of(candidates, list(features.index), epochs),
        )

    def _residuals(self, epochs, similarity: str, transductive) -> Residuals | None:
        """Return how far held-out responses lie from their images, if known."""
        latent = self._fitted()
        is_likelihood = similarity == "likelihood" and transductive is None
        if not is_likelihood or latent.distances is None:
            return None
        counts = np.broadcast_to(trials_averaged(epochs.metadata), len(epochs))
        few = self._n_concepts < MANY_CONCEPTS or len(latent.train_images) < MANY_IMAGES
        return Residuals(latent.log_norms(counts), latent.distances, few)

    @property
    def _n_concepts(self) -> int:
        latent = self._fitted()
        if latent.concepts is None:
            return len(latent.train_images)
        return latent.concepts.n_concepts

    def _add_none(
        self, epochs, compared, law: Novelty | None, similarity: str, transductive
    ) -> np.ndarray:
        """Add the column "none of these" to log-likelihoods."""
        if similarity != "likelihood" or transductive is not None:
            raise ValueError(
                "none=True compares log-likelihoods: give similarity='likelihood' and "
                f"leave transductive out, got {similarity!r} and {transductive!r}."
            )
        if law is None:
            raise RuntimeError(
                "The model has not learned when none of the candidates was shown. Fit "
                "recipe 'best' or 'linear' to images of at least 40 concepts, and for "
                "classify to two images or more of each."
            )
        density = np.asarray(compared[:, :], float)
        data, counts = self._read_whole(epochs), trials_averaged(epochs.metadata)
        of_none = self._fitted().none_of_these(law, density, data, counts)
        return np.column_stack([density, of_none])

    def _caution(self, similarity: str, per_concept: bool = False) -> str | None:
        """Say why probabilities of this model are too sure, if they are."""
        if similarity != "likelihood":
            return None
        latent = self._fitted()
        if getattr(self, "noise_target_", None) == MEAN_OF_SUBJECTS:
            return (
                "Nothing is known of this subject. The probabilities hold as far as it "
                "is like the group, and are too high where it is not. Fit a few of its "
                "responses with adapt() to improve them."
            )
        concepts = latent.concepts
        n_concepts = self._n_concepts
        if n_concepts < FEWEST_CONCEPTS:
            return (
                f"Errors were learned from {n_concepts} concepts. With fewer than "
                f"{FEWEST_CONCEPTS} the probabilities are too sure."
            )
        if per_concept and concepts is not None and concepts.images_per_concept < 2:
            return (
                "How images of a concept differ cannot be learned from about one image "
                "of each, so that the probabilities of concepts are too sure."
            )
        n_images = len(latent.train_images)
        if n_images < min(MANY_IMAGES, 2 * n_concepts):
            return (
                f"Errors were learned from {n_images} images, about one of each "
                f"concept. With fewer than {MANY_IMAGES} of them the probabilities are "
                "somewhat too sure. sets(method='residual') does not depend on them."
            )
        return None

    @checked(n_per_template=[integer(1)], none=["boolean"])
    @fill_doc
    def classify(
        self,
        epochs,
        templates,
        *,
        n_per_template=1,
        similarity=None,
        transductive=None,
        none=False,
    ) -> Identification:
        """Find the concept of the image that evoked every response.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata`` needs columns ``"image"`` and ``"concept"``.
        templates : path-like | dict | DataFrame
            Other images of the concepts: a folder with one sub-folder per concept, a
            mapping from concept to images, or features indexed by ``(concept, image)``.
        n_per_template : int
            Of how many images each given one is the mean, such as ready features that
            are means of all images of a concept. The likelihood expects a response
            nearer to the mean of many images than to one.
        %(similarity)s
        %(transductive)s
        none : bool
            Whether ``"none of these"`` is a further candidate, the true one of epochs
            whose concept has no templates. This takes ``similarity="likelihood"`` and a
            closed form of at least 40 training concepts with two images or more, of
            which it learns how probable a response is without its own concept. Before
            the response, a concept has templates or not with equal probability.

        Returns
        -------
        identification : instance of Identification
            Similarities to the mean embedding of every concept's templates.

        Raises
        ------
        ValueError
            If ``epochs`` show an image that a template is made of.

        See Also
        --------
        mne_brainae.BrainAE.retrieve
        mne_brainae.datasets.things.find_templates

        Examples
        --------
        >>> named = model.classify(averaged, templates, similarity="cosine")
        >>> named.chance()
        0.25
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
        truth = _among_templates(concepts, features.index, none)
        stimuli = self._features_of_files(epochs, names)
        self._warn_of_copies(names, features, stimuli)
        z_concept = self._embed_features(features).groupby(level="concept").mean()
        counts = n_per_template * features.groupby(level="concept").size()
        how = similarity, transductive
        compared = self._compare_batch(epochs, z_concept, *how, counts)
        if none:
            law = self._fitted().concept_novelty
            compared = self._add_none(epochs, compared, law, *how)
        return Identification(
            compared,
            [*z_concept.index, NONE] if none else z_concept.index,
            truth,
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
            self._caution(similarity, per_concept=True),
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


def _among_templates(
    shown: pd.Series, templates: pd.MultiIndex, none: bool
) -> pd.Series:
    """Return the concepts of epochs; what has no templates is none, or refused."""
    known = shown.isin(templates.get_level_values("concept"))
    lacking = set(shown[~known])
    if none:
        return shown.where(known, NONE)
    if lacking:
        raise ValueError(
            "templates lack these concepts that the epochs show: "
            f"{five(sorted(lacking))}."
        )
    return shown


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

        See Also
        --------
        mne_brainae.BrainAE.embed_images

        Examples
        --------
        >>> len(model.embed_epochs(averaged))
        8
        """
        data = self._read_whole(epochs)
        z = self._fitted().embed_brain(data, self._subjects_of(epochs))
        names = names_in(epochs.metadata)
        if names is None:
            return pd.DataFrame(z)
        return pd.DataFrame(z, index=pd.Index(names, name="image"))
