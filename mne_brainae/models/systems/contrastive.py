"""Responses aligned with fixed image features: the systems that decode only."""

# License: BSD-3-Clause

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import torch

from ...images import ImageEncoder
from ...nn.choice import check_choice, split_choice
from ...nn.encoders import BRAIN_ENCODERS
from ...nn.losses import BrainAELoss, TwoHeadLoss
from ...nn.projections import IMAGE_PROJECTIONS
from ...utils.constraints import integer, options, positive, real
from ...utils.docs import fill_doc
from ..brainae import check_identity
from ..decoding import EmbedsResponses
from ..feature_weights import know_versions
from ..montage import asks_for_subjects, know_sensors
from ..parts import Losses, Training
from ..trained import TrainedModel
from ..training_set import TrainingSet
from .nonlinear_encoding import PROJECTIONS


@fill_doc
class ContrastiveDecoder(EmbedsResponses, TrainedModel):
    """Align brain responses with fixed image features by contrast (NICE, ATM).

    The shared space are the standardized image features, or what a learned projection
    makes of them, and equation 1 is minimized. Nothing leads from there to
    responses, so that this model decodes only.

    Parameters
    ----------
    brain_encoder : str | dict | Module
        As in :class:`mne_brainae.BrainAE`, or ``"benchetrit"``, which looks at the
        positions of the sensors and has a layer for every subject that
        ``metadata["subject"]`` names. Repetitions are then averaged within subjects.
        A subject that was not in the fit passes the mean of all layers.
    image_encoder : str | ImageEncoder | callable
        As in :class:`mne_brainae.BrainAE`.
    image_projection : str | dict | Module
        What maps standardized image features into the shared space: ``"identity"``, or
        ``"linear"``, ``"mlp"`` and ``"mixture"`` as in :class:`mne_brainae.BrainAE`.
    n_embedding : int | None
        The dimension of the shared space; None is the number of image features, those
        of one layer or version with ``"mixture"``.
    temperature : float
        The temperature tau of equation 1, the inverse of what is called logit scale.
    learn_temperature : bool
        Whether tau is learned, as the exponential of a parameter.
    symmetric : bool
        Whether InfoNCE runs in both directions.
    normalize_brain : bool
        As in :class:`mne_brainae.Losses`.
    regression : float
        The share of equation 2, the squared distance to the image, in what is
        minimized; the rest is equation 1. The brain encoder ``"benchetrit"`` has a head
        for each of them.
    mmd : tuple of float | None
        Weights of the maximum mean discrepancy between both sides, beside equation 1,
        in the first and the last of so many epochs: ``(first, last, n_epochs)``. After
        them, and in validation, equation 1 counts alone. None has no such term.
    smooth_augmentation : float
        Share of the channels of every response that the brain encoder sees smoothed by
        a moving average of five samples, drawn anew in every batch.
    choose_by : ``"identification"`` | ``"loss"``
        What the epoch is chosen by on held-out images: how well their responses find
        them among one another, by the cross-entropy at its best temperature, or the
        loss itself. With a fixed temperature and a free norm, the loss rises when a
        network becomes too sure, while it still finds ever more images.
    training : instance of Training | None
        How it is trained; None takes the settings of the paper.
    standardize : ``"channel"`` | ``"evoked"``
        As in :class:`mne_brainae.BrainAE`.
    %(picks)s
    device : str
        As in :class:`mne_brainae.BrainAE`.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    history_ : DataFrame, shape (n_epochs, n_terms)
        The loss for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept.
    temperature_ : float
        The temperature in use, learned or fixed.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.BrainAE
    mne_brainae.MB2C
    mne_brainae.BraVL

    References
    ----------
    NICE: Song et al. (2024), "Decoding natural images from EEG for object recognition".
    ATM: Li et al. (2024), "Visual decoding and reconstruction via EEG embeddings with
    guided diffusion".

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.make_model("nice")
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict] = {
        "brain_encoder": [options(*BRAIN_ENCODERS), dict, torch.nn.Module],
        "image_encoder": [str, ImageEncoder, callable],
        "image_projection": [options(*PROJECTIONS), dict, torch.nn.Module],
        "n_embedding": [integer(1), None],
        "temperature": [positive()],
        "learn_temperature": ["boolean"],
        "symmetric": ["boolean"],
        "normalize_brain": ["boolean"],
        "regression": [real(0, 1)],
        "mmd": [tuple, list, None],
        "smooth_augmentation": [real(0, 1)],
        "choose_by": [options("identification", "loss")],
        "training": [Training, None],
        "standardize": [options("channel", "evoked")],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        brain_encoder="nice",
        image_encoder="gabor",
        image_projection="identity",
        n_embedding=None,
        temperature=0.07,
        learn_temperature=False,
        symmetric=True,
        normalize_brain=True,
        regression=0.0,
        mmd=None,
        smooth_augmentation=0.0,
        choose_by="identification",
        training=None,
        standardize="channel",
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        self.brain_encoder = brain_encoder
        self.image_encoder = image_encoder
        self.image_projection = image_projection
        self.n_embedding = n_embedding
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.symmetric = symmetric
        self.normalize_brain = normalize_brain
        self.regression = regression
        self.mmd = mmd
        self.smooth_augmentation = smooth_augmentation
        self.choose_by = choose_by
        self.training = training
        self.standardize = standardize
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Examples
        --------
        >>> mne_brainae.ContrastiveDecoder().check()
        """
        super().check()
        check_choice(
            "brain_encoder", self.brain_encoder, BRAIN_ENCODERS, BRAIN_ENCODERS
        )
        check_choice(
            "image_projection", self.image_projection, IMAGE_PROJECTIONS, PROJECTIONS
        )
        check_identity(self.image_projection, self.n_embedding)
        _check_mmd(self.mmd)

    @property
    def _losses(self) -> Losses:
        return Losses(
            contrastive=1 - self.regression,
            feature=self.regression,
            recon_brain=0.0,
            recon_image=0.0,
            temperature=self.temperature,
            learn_temperature=self.learn_temperature,
            symmetric=self.symmetric,
            normalize_brain=self.normalize_brain,
        )

    def _make_loss(self, data: TrainingSet) -> BrainAELoss:
        has_heads = asks_for_subjects(self.brain_encoder)
        kind = TwoHeadLoss if has_heads else BrainAELoss
        loss = kind(**self._of_loss(), mmd=self.mmd)
        loss.identifies = self.choose_by == "identification"
        return loss

    @property
    def _criterion(self) -> str:
        if self.choose_by == "loss":
            return super()._criterion
        return "best identification of responses to"

    def _sizes(self, data: TrainingSet) -> dict:
        n_channels, n_times = data.shape
        encoder = self.brain_encoder
        if n_times == 1 and encoder == "tsconv":
            encoder = "linear"
        projection = know_versions(self.image_projection, data.columns)
        options = split_choice(projection)[1] if isinstance(projection, dict) else {}
        n_features = data.n_features // options.get("n_versions", 1)
        return {
            "n_channels": n_channels,
            "n_times": n_times,
            "n_image_features": data.n_features,
            "n_embedding": self.n_embedding or n_features,
            "brain_encoder": know_sensors(encoder, data),
            "brain_decoder": None,
            "image_projection": projection,
        }


def _check_mmd(mmd) -> None:
    """Refuse what are no two weights and a number of epochs."""
    if mmd is None:
        return
    fits = len(mmd) == 3 and all(isinstance(each, Real) for each in mmd)
    if not (fits and max(mmd[:2]) < 1 and min(mmd[:2]) >= 0 and mmd[2] >= 1):
        raise ValueError(
            "mmd must have two weights of at least 0 and below 1 and a number of "
            f"epochs, such as (0.9, 0.5, 20), got {mmd!r}."
        )
