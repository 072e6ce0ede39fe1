"""What fitted models do on Epochs, one mixin for every direction.

A model inherits the directions that it has learned, and no others.
"""

# License: BSD-3-Clause

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pandas as pd

from ..images.pairing import ImageNames, has_files, image_paths, match_names
from ..images.thumbnails import pictures_of
from ..preprocessing.averaging import (
    average_by,
    event_names,
    shared_metadata,
    trials_averaged,
)
from ..preprocessing.epochs import make_epochs, make_epochs_like, make_evoked
from ..preprocessing.imgs import check_masker, epochs_to_img
from ..preprocessing.recorded import locate_channels, warn_if_recorded_otherwise
from ..scoring.comparison import Comparison
from ..scoring.correlation import correlate
from ..scoring.encoding import EncodingScores, score_encoding
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
    check_epochs,
    check_finite,
    check_image_names,
    counted,
    five,
    logger,
    names_in,
    seed_from,
    warn,
)
from ..utils.constraints import checked, integer, options, positive, share
from ..utils.docs import fill_doc
from .band import Band
from .linear_gaussian.novelty import FEWEST_CONCEPTS

#: With fewer concepts, sets by distance hold more surely than sets by probability.
MANY_CONCEPTS = 100
#: What a protocol says of the images in a gallery, beside their number.
GALLERIES = {"shown": ", those that epochs name", "all": ""}
#: The candidate that stands for all images that are not candidates.
NONE = "none of these"


class PredictsResponses:
    """Image to brain response (encoding)."""

    @fill_doc
    def predict_epochs(self, images=None, *, like=None, output="epochs"):
        """Predict the brain responses to images (encoding).

        Parameters
        ----------
        %(new_images)s
            None, with ``like``, takes the files of ``like.metadata["image_path"]``.
        like : instance of Epochs | None
            Epochs whose images are predicted, such as a test: one response for every
            image, in order of first appearance, named as they name it, with their
            metadata and event names. None predicts all images, by their own names.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs, which MNE-Python holds in float64, or a float32
            array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_images, n_channels, n_times)
            One response per image in SI units; ``metadata["image"]`` has the names.

        See Also
        --------
        mne_brainae.LinearBrainAE.score_encoding : Predict and score in one call.

        Examples
        --------
        >>> predicted = model.predict_epochs(unseen)
        >>> predicted.get_data().shape
        (8, 6, 20)
        >>> model.predict_epochs(unseen, like=test).event_id == test.event_id
        True
        """
        _check_option("output", output, ("epochs", "array"))
        if like is None:
            z, events = self.embed_images(images), {}
            table = pd.DataFrame({"image": z.index})
        else:
            table, names, events = _images_of(like)
            given = (
                image_paths(like, check_image_names(like)) if images is None else images
            )
            features = self.compute_features(given, names=names)
            z = self._embed_features(features)
        data = self._fitted().predict(z.to_numpy())
        return self._hand_out(data, table, output, **events)

    @checked(n_splits=[integer(1)], n_bootstraps=[integer(0)])
    @fill_doc
    def score_encoding(
        self,
        epochs,
        images=None,
        *,
        picks=None,
        n_splits=100,
        n_bootstraps=1000,
        random_state=None,
    ) -> EncodingScores:
        """Predict the responses to the images of a test, and score them.

        Parameters
        ----------
        %(epochs_images)s
            Repetitions are averaged and give the noise ceiling.
        images : path-like | list | dict | DataFrame | None
            The images, as at fit; None takes the files of
            ``epochs.metadata["image_path"]``.
        picks : str | array-like | slice | None
            The channels to score; None scores all.
        n_splits, n_bootstraps : int
            As in :func:`mne_brainae.score_encoding`.
        %(random_state)s

        Returns
        -------
        scores : instance of EncodingScores
            As :func:`mne_brainae.score_encoding` returns them, beside the mean training
            response and the noise ceiling.

        Examples
        --------
        >>> scores = model.score_encoding(test, unseen, n_bootstraps=10)
        >>> list(scores.table.columns)
        ['r_pattern', 'mse', 'r_images', 'r_half']
        """
        return score_encoding(
            epochs,
            self.predict_epochs(images, like=epochs),
            self.evoked_,
            picks=picks,
            n_splits=n_splits,
            n_bootstraps=n_bootstraps,
            random_state=random_state,
            verbose=self.verbose,
        )

    @checked(masker=check_masker)
    @fill_doc
    def predict_img(self, images, masker):
        """Predict images of the brain, such as fMRI volumes (encoding).

        Parameters
        ----------
        %(new_images)s
        masker : instance of NiftiMasker
            The masker of nilearn that :func:`mne_brainae.epochs_from_imgs` made the
            training epochs with.

        Returns
        -------
        img : Niimg-like
            A 4-D image with one volume per image, or an image of the surface. It is 0
            where the model has no channel.

        See Also
        --------
        mne_brainae.epochs_to_img : The same of any epochs.

        Examples
        --------
        >>> volumes = model.predict_img(images, masker)  # doctest: +SKIP
        >>> nilearn.plotting.plot_glass_brain(volumes)  # doctest: +SKIP
        """
        return epochs_to_img(self.predict_epochs(images), masker)

    @checked(interval=[share(), None], n_averaged=[positive(), None])
    @fill_doc
    def predict_evoked(
        self, images, *, interval=None, n_averaged=None
    ) -> mne.EvokedArray | Band:
        """Predict the brain response to an image, or the mean over several.

        Parameters
        ----------
        %(new_images)s
        interval : float | None
            The share of responses that a band around the prediction is to hold, such as
            0.9; None returns the prediction alone.
        n_averaged : float | None
            With ``interval``, whether the band is for a mean of so many trials or, by
            None, for the response itself, without the noise of trials.

        Returns
        -------
        evoked : instance of EvokedArray | Band
            The response in SI units. ``nave`` is the number of images. With
            ``interval`` a :class:`mne_brainae.Band` of ``prediction``, ``lower`` and
            ``upper``.

        Raises
        ------
        RuntimeError
            If a band is asked of a model that has learned none: recipes ``"best"`` and
            ``"linear"`` learn it from training images that are held out.
        ValueError
            If ``n_averaged`` is given without ``interval``.

        Notes
        -----
        The band holds at every channel and time by itself. For several images, their
        errors are taken as independent. Of a model whose training images were not
        repeated, a band for the response itself is that of a measured one.

        Examples
        --------
        >>> evoked = model.predict_evoked(unseen.iloc[[0]])
        >>> fig = evoked.plot_topomap(times=[0.1], show=False)
        """
        if interval is None and n_averaged is not None:
            raise ValueError(
                "n_averaged decides over the width of a band: give interval, such as "
                "interval=0.9, or leave it out."
            )
        latent = self._fitted()
        z = self.embed_images(images)
        data = latent.predict(z.to_numpy())
        comment = "predicted: " + ", ".join(z.index[:3])
        mean, about = data.mean(axis=0), (self.info_, self.times_, len(data))
        how = {"baseline": latent.baseline}
        evoked = make_evoked(mean, *about, comment, **how)
        if interval is None:
            return evoked
        half = latent.half_width(interval, n_averaged, len(data))
        ends = [
            make_evoked(
                mean + sign * half, *about, f"{comment}, {end} {interval:g}", **how
            )
            for sign, end in ((-1, "lower"), (1, "upper"))
        ]
        of = "responses" if n_averaged is None else f"means of {n_averaged:g} trials"
        return Band(evoked, *ends, f"{100 * interval:g} % of {of}")

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

        Examples
        --------
        >>> -1 <= model.score(test, unseen) <= 1
        True
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

    def _hand_out(self, data: np.ndarray, metadata, output: str, **events):
        if output == "array":
            return data
        return make_epochs(
            data,
            self.info_,
            self.times_,
            metadata,
            baseline=self._fitted().baseline,
            **events,
        )


def _images_of(epochs) -> tuple[pd.DataFrame, list[str], dict]:
    """Return what epochs say of every image, the names as text, and event names."""
    check_epochs(epochs, "like")
    names = check_image_names(epochs)
    codes, shown = pd.factorize(names)
    table = shared_metadata(epochs.metadata, codes).drop(columns="n_averaged")
    if "image" not in table:  # it is called stim_file, or spelled in several ways
        table["image"] = list(shown)
    return table, list(shown), event_names(epochs, codes)


class SamplesTrials(PredictsResponses):
    """Image to brain response, and to single trials with their noise."""

    @checked(
        n_repetitions=[integer(1)],
        random_state=["random_state"],
        output=[options("epochs", "array")],
    )
    @fill_doc
    def sample_epochs(
        self, images, n_repetitions=1, *, random_state=None, output="epochs"
    ):
        """Draw single trials as they would be recorded (in silico).

        Every trial is the predicted response and noise: a sum of that of a few training
        trials with random weights, which has their covariance over all channels and
        times, and the power of single trials.

        Parameters
        ----------
        %(new_images)s
        n_repetitions : int
            The number of trials of every image.
        %(random_state)s
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs, which MNE-Python holds in float64, or a float32
            array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_trials, n_channels, n_times)
            The trials in SI units, image by image; ``metadata`` has the columns
            ``image`` and ``repetition``.

        Raises
        ------
        RuntimeError
            If the model was not fitted with ``keep_noise=True``.

        Notes
        -----
        The noise is that of the epochs of the fit as a whole: to imitate one session,
        fit to its epochs. What images evoke and their features do not predict is not
        in the trials. A fit to fewer than about 300 trials gives trials that a
        classifier tells from measured ones.

        Examples
        --------
        >>> import mne_brainae
        >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
        >>> model = mne_brainae.fit(
        ...     data.train, data.images, keep_noise=True
        ... )  # doctest: +SKIP
        >>> epochs = model.sample_epochs(new_images, 20)  # doctest: +SKIP
        >>> epochs.average().plot()  # doctest: +SKIP
        """
        latent = self._fitted()
        if latent.trial_noise is None:
            raise RuntimeError(
                "The model has not kept the noise of single trials. Fit it with "
                "keep_noise=True to epochs in which images are repeated."
            )
        z = self.embed_images(images)
        predicted = latent.predict(z.to_numpy())
        shown = np.repeat(np.arange(len(z)), n_repetitions)
        data = np.empty((len(shown), *predicted.shape[1:]), np.float32)
        rng = np.random.default_rng(seed_from(random_state))
        for rows, noise in latent.trial_noise.draw(len(shown), rng):
            data[rows] = predicted[shown[rows]] + noise * latent.brain_scaler.scale
        table = pd.DataFrame(
            {
                "image": z.index[shown],
                "repetition": np.tile(np.arange(1, n_repetitions + 1), len(z)),
            }
        )
        return self._hand_out(data, table, output)


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
            given, such as a whole folder. None is ``"shown"`` for a folder and
            ``"all"`` otherwise. Log and protocol say how many there are.
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
            gallery = "shown" if isinstance(candidates, str | Path) else "all"
        shown = list(names.unique()) if gallery == "shown" else None
        features = self.compute_features(candidates, names=shown)
        said = f"{counted(len(features), 'image')}{GALLERIES[gallery]}"
        if isinstance(candidates, str | Path):  # others have counted what they give
            logger.info(f"The gallery has {said}.")
        z_image = self._embed_features(features)
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
            compared = self._add_none(epochs, compared, similarity, transductive)
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
        few = self._n_concepts < MANY_CONCEPTS
        return Residuals(latent.log_norms(counts), latent.distances, few)

    @property
    def _n_concepts(self) -> int:
        latent = self._fitted()
        if latent.concepts is None:
            return len(latent.train_images)
        return latent.concepts.n_concepts

    def _add_none(self, epochs, compared, similarity: str, transductive) -> np.ndarray:
        """Add the column "none of these" to log-likelihoods."""
        latent = self._fitted()
        if similarity != "likelihood" or transductive is not None:
            raise ValueError(
                "none=True compares log-likelihoods: give similarity='likelihood' and "
                f"leave transductive out, got {similarity!r} and {transductive!r}."
            )
        if latent.novelty is None:
            raise RuntimeError(
                "The model has not learned when none of the candidates was shown. Fit "
                "recipe 'best' or 'linear' to images of at least 40 concepts."
            )
        density = np.asarray(compared[:, :], float)
        data, counts = self._read_whole(epochs), trials_averaged(epochs.metadata)
        return np.column_stack([density, latent.none_of_these(density, data, counts)])

    def _caution(self, similarity: str, per_concept: bool = False) -> str | None:
        """Say why probabilities of this model are too sure, if they are."""
        if similarity != "likelihood":
            return None
        latent = self._fitted()
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
        return None

    @checked(n_per_template=[integer(1)])
    @fill_doc
    def classify(
        self,
        epochs,
        templates,
        *,
        n_per_template=1,
        similarity=None,
        transductive=None,
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
        n_per_template : int
            Of how many images each given one is the mean, such as ready features that
            are means of all images of a concept. The likelihood expects a response
            nearer to the mean of many images than to one.
        %(similarity)s
        %(transductive)s

        Returns
        -------
        identification : instance of Identification
            Similarities to the mean embedding of every concept's templates.

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
        _check_known(concepts, features.index)
        stimuli = self._features_of_files(epochs, names)
        self._warn_of_copies(names, features, stimuli)
        z_concept = self._embed_features(features).groupby(level="concept").mean()
        counts = n_per_template * features.groupby(level="concept").size()
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

        Examples
        --------
        >>> masked = mne_brainae.mask_epochs(averaged, "spatial", 0.5, random_state=0)
        >>> whole = model.reconstruct(masked)
        >>> whole.get_data().shape
        (8, 6, 20)
        """
        _check_option("output", output, ("epochs", "array"))
        data = self._read_responses(epochs)
        check_finite(np.where(np.isnan(data), 0.0, data), "epochs")
        whole = self._fitted().complete(data)
        if keep_observed:
            whole = np.where(np.isnan(data), whole, data)
        if output == "array":
            return whole
        return make_epochs_like(epochs, whole, self.info_)
