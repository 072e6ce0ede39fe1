"""A model of many subjects: one shared space, and one map per subject."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
from dataclasses import replace
from typing import ClassVar

import mne
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator

from ...images import ImageEncoder
from ...images.sketches import sketch
from ...preprocessing.scaling import Scaler
from ...utils.checks import (
    check_device,
    check_new_file,
    counted,
    five,
    logger,
    pick_channels,
    seed_from,
    verbose,
    warn,
)
from ...utils.constraints import JOBS, integer, options
from ...utils.docs import fill_doc
from ...utils.threads import one_blas_thread
from ...utils.torch_state import own_state
from ..decoding import MEAN_OF_SUBJECTS
from ..feature_weights import feature_weights, has_maps
from ..hub import GoesToHub
from ..latent import Latent
from ..linear import LinearBrainAE
from ..linear_gaussian import Steps
from ..model import FEW_EPOCHS, _check_encoder
from .axes import MOST_AXES, agreement
from .directions import ServesSubjects, only_one
from .file import pack_group, rebuild_group, write_group
from .member import LEAST_SLOPE, Member
from .newcomer import PREDICTIONS
from .recordings import Images, by_subject
from .stacked import StackedSubject
from .subject import Subject
from .zero_shot import Anyone, Hint, latent_of_anyone

#: Reference images, at most.
MOST_REFERENCE = 2000
#: The part of the mean map that holds for an unknown subject, if members cannot tell.
UNKNOWN_SLOPE = 0.5
#: By how much features of one image differ at most, computed again, as a share of the
#: standard deviation over images.
SAME_IMAGE = 0.01


@fill_doc
class GroupModel(ServesSubjects, GoesToHub, BaseEstimator):
    """Many subjects in one shared space, in closed form.

    Every subject is fitted alone first. Subjects are then compared through what their
    own models predict for the same images, so that they need neither images nor
    channels in common. What they share helps each of them, and a newcomer of few
    images most: the prediction for a subject is a sum of what the subject's own
    features, shared latents, both, and the mean map of the others predict, with the
    weights that hold for images left out. Subjects whose responses do not follow the
    images leave the group, and are named in a warning.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns images into features, as in :class:`mne_brainae.LinearBrainAE`.
    n_shared : int
        The most axes that the group shares. Those on which subjects do not agree are
        weak by construction, so that the number hardly matters.
    n_embedding : int
        The most dimensions of every subject's latent space.
    steps : instance of Steps | None
        The steps of the closed form, to leave some out; None is all.
    validation : ``"concept"`` | ``"image"``
        What is held out as a whole in the folds. Without a metadata column
        ``"concept"`` it is images.
    %(picks)s
    device : str
        Where image features are computed, as in :class:`mne_brainae.LinearBrainAE`.
    random_state : None | int | instance of RandomState
        The seed of the folds; the rest is not random.
    n_jobs : int | None
        How many subjects are fitted at the same time, each in a process of its own.
        None takes it from :func:`joblib.parallel_config`, with ``"dask"`` a cluster, or
        is 1. The results are the same.
    %(verbose)s

    Attributes
    ----------
    subjects_ : list of str
        The subjects that the model knows, newcomers included.
    weights_ : DataFrame, shape (n_subjects, 4)
        How much each prediction counts: ``"own"``, ``"mixed"``, ``"shared"`` and
        ``"mean"``.
    slopes_ : Series, shape (n_subjects,)
        The held-out slope of every subject fitted alone. Below 0.1 a subject has left
        the group.
    agreement_ : array, shape (n_axes,)
        The share of subjects who agree along every whitened shared axis.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.fit : Fit a model; of several subjects it is this one.

    Notes
    -----
    Without ``subject``, methods take it from ``epochs.metadata["subject"]``. For a
    subject that the model does not know, and for images alone without ``subject``, the
    model is the mean map of the group (zero images). The mean response of an unknown
    subject is not known: predictions are then deviations from it, and from responses
    the mean over the given images is removed, which the protocol says.

    Of dicts of Epochs with ``preload=False``, only the trials of one subject are in
    memory at a time, or of ``n_jobs`` subjects.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate_group(3)  # doctest: +SKIP
    >>> model = mne_brainae.GroupModel()
    >>> model.fit(data.train, data.features)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        "image_encoder": [str, ImageEncoder, callable],
        "n_shared": [integer(1)],
        "n_embedding": [integer(1)],
        "steps": [Steps, None],
        "validation": [options("concept", "image")],
        "device": [str],
        "random_state": ["random_state"],
        "n_jobs": JOBS,
    }

    def __init__(
        self,
        *,
        image_encoder="gabor",
        n_shared=MOST_AXES,
        n_embedding=128,
        steps=None,
        validation="concept",
        picks=None,
        device="auto",
        random_state=0,
        n_jobs=None,
        verbose=None,
    ):
        self.image_encoder = image_encoder
        self.n_shared = n_shared
        self.n_embedding = n_embedding
        self.steps = steps
        self.validation = validation
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    # -- learning ---------------------------------------------------------------------

    @fill_doc
    def fit(self, epochs, images=None) -> GroupModel:
        """Learn from the responses of several subjects.

        Parameters
        ----------
        epochs : instance of Epochs | dict of Epochs
            Epochs whose metadata name image and ``"subject"``, or Epochs by subject, of
            other channels each if need be.
        %(images)s
            The subjects need not see the same images. Arrays are refused, since their
            rows have no names.

        Returns
        -------
        self : instance of GroupModel
            The fitted model.

        See Also
        --------
        mne_brainae.fit

        Examples
        --------
        >>> group = mne_brainae.GroupModel().fit(
        ...     of_subjects, features
        ... )  # doctest: +SKIP
        """
        with own_state(), mne.utils.use_log_level(self.verbose):
            self._check()
            recordings = by_subject(epochs)
            self.seed_ = seed_from(self.random_state)
            found = Images.of(recordings, images, self.image_encoder, self.device)
            self.image_encoder_ = found.encoder
            most = max(len(each.events) for each in recordings.values())
            with one_blas_thread(most <= FEW_EPOCHS):
                self._set_reference(recordings, found.features)
                targets = self._fit_members(recordings, found.features)
                self._fit_maps(recordings, found.features, targets)
        return self

    def _check(self) -> None:
        self._validate_params()
        _check_encoder(self.image_encoder)
        check_device(self.device)

    def _set_reference(self, recordings: dict, features: pd.DataFrame) -> None:
        """Standardize features with one mean and scale for all (step 1, step 2)."""
        one_sample = all(len(each.times) == 1 for each in recordings.values())
        self.stacks_ = one_sample and has_maps(features.columns)
        rows = features.to_numpy(np.float32)
        weights = None  # windows and layers weigh features
        if not self.stacks_:
            weights = feature_weights(features.columns, None)
        self.scaler_ = Scaler.for_features(rows, weights)
        some = np.random.default_rng(self.seed_).permutation(len(rows))
        self.reference_ = self.scaler_.transform(rows[np.sort(some[:MOST_REFERENCE])])

    def _fit_members(self, recordings: dict, features: pd.DataFrame) -> dict[str, str]:
        """Fit every subject alone, and return what their noise was shrunk to."""
        members, anyone, targets = [], Anyone(), {}
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(self._fit_member)(name, epochs, features)
            for name, epochs in recordings.items()
        )
        for member, target, hint in found:
            members.append(member)
            targets[member.name] = target
            if hint is not None:
                anyone.add(hint)
        self.members_ = [member for member in members if member.is_reliable]
        left = [member.name for member in members if not member.is_reliable]
        if left:
            warn(
                f"Left out of the group: {five(left)}. Less than {LEAST_SLOPE:g} of "
                "the predicted response held for held-out images, so these responses "
                "do not follow the images. The others learn nothing from them."
            )
        self.slopes_ = pd.Series({each.name: each.slope for each in members})
        n_images = sum(len(each.images) for each in members)
        self.selection_ = (
            f"closed form of {counted(len(members), 'subject')} on {n_images} training "
            f"images, {len(self.members_)} of them in the group"
        )
        self.agreement_ = np.ones(0)
        self.anyone_ = self.noise_ = None
        if self.members_:
            self.agreement_ = agreement(self.members_, self.reference_)
        if self.members_ and not self.stacks_:
            rows = self.scaler_.transform(features.to_numpy(np.float32))
            known = {"train_images": list(features.index)}
            known["train_sketches"] = sketch(rows)
            known["image_encoder"] = self.image_encoder_
            self.noise_ = anyone.noise()
            self.anyone_ = self._solve_anyone(**anyone.fields, **known)
        logger.info(f"Chose {self.selection_}.")
        return targets

    def _fit_member(self, name: str, epochs, features) -> tuple:
        """Fit a subject alone: the member, its target, and what it tells of anyone."""
        with one_blas_thread(len(epochs.events) <= FEW_EPOCHS):
            subject = self._read(name, epochs, features)
            member = subject.to_member()
            tells = member.is_reliable and not self.stacks_
            return member, subject.target, Hint.of(subject) if tells else None

    def _solve_anyone(self, info: mne.Info, times, **fields) -> LinearBrainAE | None:
        """Return the mean map of the group on some channels, as a model."""
        args = self.members_, self.reference_, self.noise_, info, times
        found = latent_of_anyone(*args, **fields)
        if found is None:
            return None
        return self._to_model(found[0], None, found[1], MEAN_OF_SUBJECTS)

    def _anyone_on(self, info: mne.Info) -> LinearBrainAE:
        """Return the mean map on the channels of a recording that came new."""
        model = self._mean_model()
        latent = model.latent_
        info = mne.pick_info(info, pick_channels(info, self.picks))
        if set(latent.info["ch_names"]) <= set(info["ch_names"]):
            return model
        found = self._solve_anyone_like(latent, info, latent.slope)
        if found is None:
            raise ValueError(
                "Nothing is known of the channels "
                f"{five(info['ch_names'])}: give channels of the group "
                f"({five(latent.info['ch_names'])}), or EEG at known positions "
                "(epochs.set_montage)."
            )
        return found.to(self.device_)

    def _solve_anyone_like(
        self, latent: Latent, info: mne.Info, slope: float
    ) -> LinearBrainAE | None:
        """Return the mean map on other channels, or with another slope."""
        kept = "image_scaler", "feature_names", "baseline", "train_images"
        kept += "train_sketches", "image_encoder"
        fields = {name: getattr(latent, name) for name in kept}
        return self._solve_anyone(info, latent.times, slope=slope, **fields)

    def _fit_maps(self, recordings: dict, features: pd.DataFrame, targets: dict):
        """Refit every subject with the axes of the others.

        Epochs are read once more, so that trials of one subject are in memory.
        """
        self.models_, weights, held = {}, {}, []
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(self._refit)(name, epochs, features, targets[name])
            for name, epochs in recordings.items()
        )
        for name, (model, own, slope) in zip(recordings, found, strict=True):
            self.models_[name], weights[name] = model, own
            if slope is not None and self.slopes_[name] >= LEAST_SLOPE:
                held.append(slope)
        if self.anyone_ is not None:
            latent = self.anyone_.latent_
            slope = float(np.mean(held)) if held else UNKNOWN_SLOPE
            self.anyone_ = self._solve_anyone_like(latent, latent.info, slope)
        self.weights_ = pd.DataFrame(weights, PREDICTIONS).T.fillna(0.0)

    def _refit(self, name: str, epochs, features, target: str) -> tuple:
        """Refit a subject: its model, its weights, and the slope of the mean map."""
        with one_blas_thread(len(epochs.events) <= FEW_EPOCHS):
            subject = self._read(name, epochs, features, target)
            others = [each for each in self.members_ if each.name != name]
            return self._solve(subject, others)

    def _steps(self, n_images: int, target: str | None = None) -> Steps:
        steps = Steps() if self.steps is None else self.steps
        target = steps.target if target is None else target
        return replace(steps.limited(n_images, self.n_embedding), target=target)

    def _read(
        self, name: str, epochs, features, target=None
    ) -> Subject | StackedSubject:
        stacks = self.stacks_ and len(epochs.times) == 1
        return (StackedSubject if stacks else Subject).read(
            name,
            epochs,
            features,
            self.scaler_,
            picks=self.picks,
            steps=self._steps(epochs.metadata["image"].nunique(), target),
            validation=self.validation,
            seed=self.seed_,
        )

    def _solve(self, subject, others: list[Member]) -> tuple:
        """Return a subject's model, its weights, and the slope of the mean map."""
        shared = others, self.reference_, self.n_shared
        mean = slope = None
        if isinstance(subject, StackedSubject):
            found, weights = subject.solve_with(*shared)
            latent = subject.to_latent(found, self.image_encoder_)
        else:
            steps = self._steps(len(subject.images))
            found, mean = subject.solve_with(*shared, self.n_embedding, steps)
            weights, slope = found.weights, found.mean_slope
            latent = subject.to_latent(found.maps, self.image_encoder_)
        shares = ", ".join(f"{name} {share:.2f}" for name, share in weights.items())
        about = (
            f"subject {subject.name!r} on {counted(len(subject.images), 'image')} with "
            f"the help of {counted(len(others), 'other')} (weights that hold for "
            f"images left out: {shares})"
        )
        if mean is not None and mean.interpolated:
            about += (
                "; the maps of "
                + five(mean.interpolated)
                + " were interpolated to the positions of other channels"
            )
            logger.info(f"In {about}.")
        model = self._to_model(latent, subject.slope, about, subject.target)
        return model, weights, slope

    def _to_model(self, latent: Latent, slope, about: str, target: str):
        """Return a latent space as a fitted model with all its methods."""
        model = LinearBrainAE(
            image_encoder=self.image_encoder,
            spatial_window=None,
            n_embedding=self.n_embedding,
            steps=self.steps,
            validation=self.validation,
            device=self.device,
            random_state=self.seed_,
            verbose=self.verbose,
        )
        model.latent_ = latent
        model.selection_, model.seed_ = about, self.seed_
        model.n_signal_, model.slope_ = len(latent.errors.extra), slope
        model.noise_target_, model.spatial_window_ = target, None
        return model

    @fill_doc
    def adapt(self, epochs, images=None) -> GroupModel:
        """Return a model that also knows a new subject, from few images.

        Parameters
        ----------
        epochs : instance of Epochs
            The newcomer's responses; ``metadata["subject"]`` names one subject.
            Channels may differ from those of the group: where names differ, the
            mean map of the group is interpolated to the positions of EEG electrodes.
        %(images)s

        Returns
        -------
        adapted : instance of GroupModel
            A copy with one more subject. A subject that the model knows is fitted anew
            without itself in the axes. The group itself does not learn from newcomers.

        See Also
        --------
        mne_brainae.score_adaptation

        Examples
        --------
        >>> adapted = group.adapt(newcomer, features)  # doctest: +SKIP
        """
        self._fitted()
        with own_state(), mne.utils.use_log_level(self.verbose):
            name, epochs = only_one(epochs)
            recordings = {name: epochs}
            encoder = self.image_encoder_
            encoder = self.image_encoder if encoder is None else encoder
            found = Images.of(recordings, images, encoder, self.device)
            self._check_features(found)
            self._check_names(found.features)
            subject = self._read(name, epochs, found.features)
            others = [each for each in self.members_ if each.name != name]
            model, weights, _ = self._solve(subject, others)
        if not sum(weights.values()) > 0 or subject.slope < LEAST_SLOPE:
            warn(
                f"The responses of subject {name!r} hardly follow the images: its "
                f"held-out slope is {subject.slope:.2f}. Check the names of the images."
            )
        adapted = copy.copy(self)
        adapted.models_ = self.models_ | {name: model.to(self.device_)}
        row = pd.DataFrame({name: weights}, PREDICTIONS).T.fillna(0.0)
        others = self.weights_.drop(index=name, errors="ignore")
        adapted.weights_ = pd.concat([others, row])
        adapted.slopes_ = self.slopes_.copy()
        adapted.slopes_[name] = subject.slope
        return adapted

    def _check_features(self, found: Images) -> None:
        if found.encoder is None and self.image_encoder_ is not None:
            logger.info("Taking the features as those of the model's image encoder.")
        next(iter(self.models_.values())).latent_.check_features(found.features)

    def _check_names(self, features: pd.DataFrame) -> None:
        """Refuse a name that stands for another image than in the group."""
        new = sketch(self.scaler_.transform(features.to_numpy(np.float32)))
        for name, model in self.models_.items():
            latent = model.latent_
            rows = pd.Index(latent.train_images).get_indexer(features.index)
            known = latent.train_sketches[rows]
            near = SAME_IMAGE * latent.train_sketches.std(axis=0)
            differ = (rows >= 0) & (np.abs(new - known) > near).any(axis=1)
            if differ.any():
                raise ValueError(
                    f"Images of one name differ from those of subject {name!r}: "
                    f"{five(features.index[differ])}. Give every image a name of its "
                    "own, for example with its session in front."
                )

    # -- files, looks -----------------------------------------------------------------

    @verbose
    @fill_doc
    def save(self, fname, *, overwrite=False, verbose=None) -> None:
        """Write the model with all its subjects to one safetensors file.

        Parameters
        ----------
        %(new_safetensors)s
        %(verbose)s

        See Also
        --------
        mne_brainae.read_brainae : Read the file.

        Examples
        --------
        >>> group.save("group.safetensors")
        >>> mne_brainae.read_brainae("group.safetensors").subjects_ == group.subjects_
        True
        """
        self._fitted()
        write_group(self, check_new_file(fname, ".safetensors", overwrite=overwrite))
        logger.info(f"Wrote {fname}.")

    def _pack(self) -> tuple[dict, dict]:
        return pack_group(self)

    def read_from(self, arrays: dict, header: dict, parts: dict) -> GroupModel:
        """Take what a file holds; :func:`mne_brainae.read_brainae` calls it.

        Parameters
        ----------
        arrays : dict of array
            The arrays of the file.
        header : dict
            Its header.
        parts : dict
            The user's own image encoder, if there is one.

        Returns
        -------
        self : instance of GroupModel
            The fitted model.

        See Also
        --------
        mne_brainae.read_brainae

        Examples
        --------
        >>> group = mne_brainae.read_brainae("group.safetensors")  # doctest: +SKIP
        """
        return rebuild_group(self, arrays, header, parts)

    def __repr__(self, N_CHAR_MAX=700) -> str:
        if not hasattr(self, "models_"):
            return super().__repr__(N_CHAR_MAX)
        return (
            f"<GroupModel | {counted(len(self.models_), 'subject')}, "
            f"{len(self.members_)} in the group, "
            f"{self.reference_.shape[1]} image features, closed form>"
        )
