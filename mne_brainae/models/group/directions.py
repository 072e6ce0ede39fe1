"""What a model of many subjects does, one subject at a time."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
from dataclasses import replace
from difflib import get_close_matches

import mne
import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ...scoring.identification import Identification
from ...utils.checks import check_epochs, five, logger
from ...utils.docs import fill_doc
from ..linear import LinearBrainAE
from .recordings import by_subject


class ServesSubjects:
    """The directions of :class:`mne_brainae.LinearBrainAE`, for a named subject.

    A model that inherits this has ``models_``, one model per subject, ``anyone_``, the
    mean map of the group, and ``_anyone_on``, which gives it on other channels.
    """

    def _fitted(self) -> None:
        check_is_fitted(self, "models_")

    @property
    def subjects_(self) -> list[str]:
        """The subjects that the model knows."""
        self._fitted()
        return list(self.models_)

    @property
    def device_(self) -> str:
        """Where the fitted model computes; the CPU, unless :meth:`to` was called."""
        self._fitted()
        return next(iter(self.models_.values())).device_

    def to(self, device):
        """Move the models of all subjects to a device.

        Parameters
        ----------
        device : str
            As in :meth:`mne_brainae.LinearBrainAE.to`.

        Returns
        -------
        self : instance of the same class
            The same model, moved in place.

        Raises
        ------
        ValueError
            If this machine does not have the device.

        See Also
        --------
        mne_brainae.LinearBrainAE.to

        Examples
        --------
        >>> group.to("cpu").device_
        'cpu'
        """
        self._fitted()
        every = list(self.models_.values())
        every += [] if self.anyone_ is None else [self.anyone_]
        for model in every:
            model.to(device)
        return self

    def for_subject(self, subject: str | None = None) -> LinearBrainAE:
        """Return the model of one subject, for all that a single model serves.

        Parameters
        ----------
        subject : str | None
            The subject; None is the mean map of the group.

        Returns
        -------
        model : instance of LinearBrainAE
            The model, such as for :func:`mne_brainae.make_report`.

        See Also
        --------
        mne_brainae.GroupModel.for_epochs

        Examples
        --------
        >>> own = group.for_subject(group.subjects_[0])
        >>> own.predict_evoked(
        ...     unseen
        ... ).data.shape == group.evoked_.data.shape  # doctest: +SKIP
        True
        """
        self._fitted()
        if subject is None:
            return self._mean_model()
        if str(subject) not in self.models_:
            close = get_close_matches(str(subject), self.models_, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"subject {subject!r} is not known; the model knows "
                f"{five(self.models_)}.{hint} model.adapt(epochs, images) adds one."
            )
        return self.models_[str(subject)]

    def _mean_model(self) -> LinearBrainAE:
        if self.anyone_ is None:
            raise ValueError(
                "There is no mean map of other subjects: none is left in the group, or "
                f"they share no channel. Give subject=, one of {five(self.models_)}, "
                "or model.adapt(epochs, images) to a new one."
            )
        return self.anyone_

    def for_epochs(self, epochs) -> LinearBrainAE:
        """Return the model of the subject whose responses epochs are.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses whose metadata name the subject.

        Returns
        -------
        model : instance of LinearBrainAE
            The model of this subject; of a subject that is not known, the mean map of
            the group on the channels of ``epochs``, around their mean response.

        See Also
        --------
        mne_brainae.GroupModel.for_subject

        Examples
        --------
        >>> group.for_epochs(recording)  # doctest: +SKIP
        """
        self._fitted()
        name, epochs = only_one(epochs)
        if name in self.subjects_:
            return self.models_[name]
        logger.info(f"Subject {name!r} is new: using the mean map of the group.")
        return self._centered_on(epochs)

    def _of(self, epochs, subject: str | None) -> LinearBrainAE:
        """Return the model for epochs, by name or by their metadata."""
        check_epochs(epochs)
        return self.for_epochs(epochs) if subject is None else self.for_subject(subject)

    def _centered_on(self, epochs) -> LinearBrainAE:
        """Return the mean map around the mean response of epochs."""
        model = copy.copy(self._anyone_on(epochs.info))
        latent = model.latent_
        data = model._read_whole(epochs)
        names = pd.factorize(epochs.metadata["image"].astype(str))[0]
        sums = np.zeros((names.max() + 1, *data.shape[1:]))
        np.add.at(sums, names, data)
        means = sums / np.bincount(names)[:, None, None]
        scaler = replace(
            latent.brain_scaler, mean=means.mean(axis=0).astype(np.float32)
        )
        mean = means.mean(axis=0)
        model.latent_ = replace(latent, brain_scaler=scaler, mean_response=mean)
        model.selection_ += (
            f"; the mean response to {len(means)} test images was removed"
        )
        return model

    # -- directions -------------------------------------------------------------------

    @fill_doc
    def predict_epochs(self, images=None, *, subject=None, like=None, output="epochs"):
        """Predict the brain responses of a subject to images (encoding).

        Parameters
        ----------
        %(new_images)s
        %(subject)s
        like : instance of Epochs | None
            Epochs whose images are predicted, as in
            :meth:`mne_brainae.LinearBrainAE.predict_epochs`.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs or a float32 array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_images, n_channels, n_times)
            One response per image in SI units.

        See Also
        --------
        mne_brainae.BrainAE.predict_epochs

        Examples
        --------
        >>> len(group.predict_epochs(unseen)) == len(unseen)
        True
        """
        model = self.for_subject(subject)
        return model.predict_epochs(images, like=like, output=output)

    @fill_doc
    def predict_evoked(self, images, *, subject=None) -> mne.EvokedArray:
        """Predict the response of a subject to an image, or the mean over several.

        Parameters
        ----------
        %(new_images)s
        %(subject)s

        Returns
        -------
        evoked : instance of EvokedArray
            The response in SI units.

        See Also
        --------
        mne_brainae.BrainAE.predict_evoked

        Examples
        --------
        >>> evoked = group.predict_evoked(unseen)
        """
        return self.for_subject(subject).predict_evoked(images)

    @fill_doc
    def embed_images(self, images, *, subject=None) -> pd.DataFrame:
        """Map images into the latent space of a subject.

        Parameters
        ----------
        %(new_images)s
        %(subject)s

        Returns
        -------
        embedding : DataFrame, shape (n_images, n_embedding)
            One row per image, indexed by its name.

        See Also
        --------
        mne_brainae.BrainAE.embed_images

        Examples
        --------
        >>> len(group.embed_images(unseen)) == len(unseen)
        True
        """
        return self.for_subject(subject).embed_images(images)

    @fill_doc
    def embed_epochs(self, epochs, *, subject=None) -> pd.DataFrame:
        """Map responses into the latent space of their subject.

        Parameters
        ----------
        %(epochs_of_one)s
        %(subject)s

        Returns
        -------
        embedding : DataFrame, shape (n_epochs, n_embedding)
            One row per epoch.

        See Also
        --------
        mne_brainae.BrainAE.embed_epochs

        Examples
        --------
        >>> group.embed_epochs(test, subject=subject)  # doctest: +SKIP
        """
        return self._of(epochs, subject).embed_epochs(epochs)

    @fill_doc
    def retrieve(
        self,
        epochs,
        candidates=None,
        *,
        subject=None,
        gallery=None,
        similarity=None,
        transductive=None,
    ) -> Identification:
        """Find the image that evoked every response among candidates.

        Parameters
        ----------
        %(epochs_of_one)s
        candidates : path-like | list | dict | DataFrame | None
            The gallery, as in :meth:`mne_brainae.LinearBrainAE.retrieve`.
        %(subject)s
        gallery : ``"shown"`` | ``"all"`` | None
            Whether the candidates are the images that ``epochs`` name, or all.
        %(similarity)s
        %(transductive)s

        Returns
        -------
        identification : instance of Identification
            Similarities, ranks, accuracy and protocol.

        See Also
        --------
        mne_brainae.BrainAE.retrieve

        Examples
        --------
        >>> group.retrieve(test, unseen, subject=subject).top_k()  # doctest: +SKIP
        """
        model = self._of(epochs, subject)
        how = {"similarity": similarity, "transductive": transductive}
        how["gallery"] = gallery
        return model.retrieve(epochs, candidates, **how)

    @fill_doc
    def classify(
        self,
        epochs,
        templates,
        *,
        subject=None,
        n_per_template=1,
        similarity=None,
        transductive=None,
    ) -> Identification:
        """Find the concept of the image that evoked every response.

        Parameters
        ----------
        %(epochs_of_one)s
        templates : path-like | dict | DataFrame
            Other images of the concepts, as in
            :meth:`mne_brainae.LinearBrainAE.classify`.
        %(subject)s
        n_per_template : int
            Of how many images each given one is the mean.
        %(similarity)s
        %(transductive)s

        Returns
        -------
        identification : instance of Identification
            Similarities to the mean embedding of every concept's templates.

        See Also
        --------
        mne_brainae.BrainAE.classify

        Examples
        --------
        >>> group.classify(test, templates, subject=subject).top_k()  # doctest: +SKIP
        """
        model = self._of(epochs, subject)
        how = {"similarity": similarity, "transductive": transductive}
        return model.classify(epochs, templates, n_per_template=n_per_template, **how)

    @fill_doc
    def reconstruct(self, epochs, *, subject=None, keep_observed=True, output="epochs"):
        """Complete partial recordings of a subject.

        Parameters
        ----------
        %(epochs_of_one)s
        %(subject)s
        keep_observed : bool
            Whether what was observed stays as it was.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs or a float32 array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_epochs, n_channels, n_times)
            The whole responses in SI units.

        See Also
        --------
        mne_brainae.BrainAE.reconstruct

        Examples
        --------
        >>> group.reconstruct(masked, subject=subject)  # doctest: +SKIP
        """
        model = self._of(epochs, subject)
        return model.reconstruct(epochs, keep_observed=keep_observed, output=output)

    @fill_doc
    def score(self, epochs, images=None, *, subject=None) -> float:
        """Return the encoding score of unseen images, of one subject or all.

        Parameters
        ----------
        epochs : instance of Epochs | dict of Epochs
            Measured responses, of one subject or several.
        images : path-like | list | dict | DataFrame | None
            The images, as at fit.
        %(subject)s

        Returns
        -------
        r : float
            As :meth:`mne_brainae.LinearBrainAE.score`; the mean over subjects.

        See Also
        --------
        mne_brainae.BrainAE.score

        Examples
        --------
        >>> group.score(test, unseen, subject=subject)  # doctest: +SKIP
        """
        if subject is not None:
            return self.for_subject(subject).score(epochs, images)
        recordings = by_subject(epochs).values()
        scores = [self._of(each, None).score(each, images) for each in recordings]
        return float(np.mean(scores))


def only_one(epochs) -> tuple[str, mne.BaseEpochs]:
    """Return the name of the only subject of epochs, and its epochs.

    Parameters
    ----------
    epochs : instance of Epochs
        Epochs whose metadata name the subject.

    Returns
    -------
    name : str
        The subject.
    epochs : instance of Epochs
        The epochs.

    Raises
    ------
    ValueError
        If there are several.
    """
    check_epochs(epochs)
    recordings = by_subject(epochs)
    if len(recordings) > 1:
        raise ValueError(
            f"epochs are of {len(recordings)} subjects ({five(recordings)}). Select "
            "those of one: epochs[epochs.metadata['subject'] == name]."
        )
    return next(iter(recordings.items()))
