"""Image to brain response: what models do that predict responses."""

# License: BSD-3-Clause

from __future__ import annotations

import mne
import numpy as np
import pandas as pd

from ..images.pairing import image_paths
from ..preprocessing.averaging import (
    average_by,
    event_names,
    shared_metadata,
)
from ..preprocessing.epochs import make_epochs, make_evoked
from ..preprocessing.imgs import check_masker, epochs_to_img
from ..preprocessing.recorded import locate_channels, warn_if_recorded_otherwise
from ..scoring.correlation import correlate
from ..scoring.encoding import EncodingScores, score_encoding
from ..utils.checks import (
    _check_option,
    check_epochs,
    check_image_names,
    seed_from,
)
from ..utils.constraints import checked, integer, options, positive, share
from ..utils.docs import fill_doc
from .band import Band


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

        See Also
        --------
        mne_brainae.score_encoding
        mne_brainae.BrainAE.predict_epochs

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

        See Also
        --------
        mne_brainae.BrainAE.predict_epochs

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
                "n_averaged determines the width of a band: give interval, such as "
                "interval=0.9, or leave n_averaged out."
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

        See Also
        --------
        mne_brainae.score_encoding

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

        See Also
        --------
        mne_brainae.BrainAE.predict_epochs

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
