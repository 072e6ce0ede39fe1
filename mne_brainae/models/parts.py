"""The declared values that a model is made of: how it trains, and what it minimizes."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import ClassVar

from sklearn.base import BaseEstimator

from ..nn.fast.computation import COMPUTATIONS
from ..nn.fast.precision import PRECISIONS
from ..nn.losses import LOSS_TERMS
from ..utils.constraints import integer, options, positive, real
from .training import OPTIMIZERS


class Part(BaseEstimator):
    """A group of parameters that models share.

    It behaves as a part of an estimator does in scikit-learn: ``get_params`` and
    ``set_params`` of the model reach its parameters as ``training__max_epochs``.
    """

    _parameter_constraints: ClassVar[dict] = {}

    def check(self) -> None:
        """Refuse values that no training can use."""
        self._validate_params()


def check_size(validation_size: float | int) -> None:
    """Refuse what is neither a share nor a whole number of images.

    Parameters
    ----------
    validation_size : float | int
        A positive number.
    """
    if validation_size >= 1 and not isinstance(validation_size, Integral):
        raise ValueError(
            "validation_size must be a share below 1 or a whole number of images, got "
            f"{validation_size!r}."
        )


def check_schedule(schedule) -> None:
    """Refuse steps that are no pairs of an epoch and a positive factor."""
    if schedule is None or schedule == "cosine":
        return
    for step in schedule:
        pair = step if isinstance(step, tuple | list) and len(step) == 2 else (-1, -1)
        is_pair = isinstance(pair[0], Integral) and isinstance(pair[1], Real)
        if not (is_pair and pair[0] >= 0 and pair[1] > 0):
            raise ValueError(
                "schedule must have pairs of an epoch and a factor above 0, such as "
                f"((20, 0.5),), got {schedule!r}."
            )


class Training(Part):
    """How a network is trained.

    Parameters
    ----------
    learning_rate : float
        Step size of the optimizer.
    betas : tuple of float
        Decay rates of Adam's moments.
    optimizer : ``"adam"`` | ``"adamw"`` | ``"radam"``
        The optimizer.
    weight_decay : float
        Weight decay of the optimizer.
    batch_size : int
        Images per update; fewer on small sets, so that an epoch has eight updates.
    max_epochs : int
        Passes over the training images.
    min_updates : int
        Small sets are passed over more often, until the optimizer has made this many
        updates, as many as 50 epochs of THINGS-EEG2 give, or until ``patience`` ends
        it. The best epoch is kept in any case.
    patience : int
        Training beyond ``max_epochs`` ends when so many epochs have brought no better
        validation loss.
    validation : ``"concept"`` | ``"image"``
        Whether whole concepts are held out to choose the epoch, or random images, as
        in the paper. Without a metadata column ``"concept"`` it is images.
    validation_size : float | int
        The share or number of images held out, at most a fifth of them.
    precision : ``"float32"`` | ``"bf16"`` | ``"auto"``
        Whether the fast forms round the factors of large products to bf16 in training.
        The rest, validation, and a fitted model are float32. ``"auto"`` does so where
        the device is measured to multiply bf16 faster, and takes float32 elsewhere, so
        that machines may differ in the last digits.
    computation : ``"auto"`` | ``"fast"`` | ``"plain"``
        How training computes the network: in a fast form, the same to the last digits,
        where one suits the network (``"auto"``), always, or never.
    average : bool | ``"random"``
        What the response to an image is in an epoch of training: the mean of all its
        repetitions; one of them (False), drawn anew in every epoch; or the mean of a
        random number of them. Held-out images are averaged in any case. Training is
        plain unless it is True.
    schedule : ``"cosine"`` | sequence of tuple | None
        What the step size is multiplied by: ``"cosine"`` falls from 1 to almost 0;
        ``((20, 0.5),)`` takes half from epoch 20 on; None is constant.
    checkpoint : path-like | None
        A file that the state is written to after an epoch, as often as it takes little
        time. A fit that was killed goes on from it to the same result.
    memory_map : path-like | None
        A folder on a disk, where temporary files hold the responses during the fit, for
        recordings larger than memory; None holds them in memory. The weights are the
        same. Give epochs that were read with ``preload=False``. The files take twice
        the averaged responses in float32. They have no names, and are gone when the fit
        ends, fails or is killed. A folder that is itself in memory, as ``/tmp`` may be,
        saves nothing.

    See Also
    --------
    mne_brainae.BrainAE : The model that is trained.

    Examples
    --------
    >>> import mne_brainae
    >>> mne_brainae.Training(max_epochs=10)
    Training(max_epochs=10)
    """

    _parameter_constraints: ClassVar[dict] = {
        "learning_rate": [positive()],
        "betas": [tuple, list],
        "optimizer": [options(*OPTIMIZERS)],
        "weight_decay": [real(0)],
        "batch_size": [integer(2)],
        "max_epochs": [integer(1)],
        "min_updates": [integer(0)],
        "patience": [integer(1)],
        "validation": [options("concept", "image")],
        "validation_size": [positive()],
        "precision": [options(*PRECISIONS)],
        "computation": [options(*COMPUTATIONS)],
        "average": ["boolean", options("random")],
        "schedule": [options("cosine"), tuple, list, None],
        "checkpoint": [str, os.PathLike, None],
        "memory_map": [str, os.PathLike, None],
    }

    def __init__(
        self,
        *,
        learning_rate=1e-3,
        betas=(0.5, 0.999),
        optimizer="adam",
        weight_decay=0.0,
        batch_size=800,
        max_epochs=50,
        min_updates=950,
        patience=20,
        validation="concept",
        validation_size=0.1,
        precision="float32",
        computation="auto",
        average=True,
        schedule=None,
        checkpoint=None,
        memory_map=None,
    ):
        self.learning_rate = learning_rate
        self.betas = betas
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.min_updates = min_updates
        self.patience = patience
        self.validation = validation
        self.validation_size = validation_size
        self.precision = precision
        self.computation = computation
        self.average = average
        self.schedule = schedule
        self.checkpoint = checkpoint
        self.memory_map = memory_map

    def check(self) -> None:
        """Refuse values that no training can use.

        Raises
        ------
        ValueError
            If a value is out of its range, or one does not go with another.

        Examples
        --------
        >>> mne_brainae.Training(max_epochs=10).check()
        """
        super().check()
        check_size(self.validation_size)
        valid = len(self.betas) == 2 and all(
            isinstance(beta, float | int) and 0 <= beta < 1 for beta in self.betas
        )
        if not valid:
            raise ValueError(
                "betas must be two numbers of at least 0 and below 1, such as "
                f"(0.5, 0.999), got {self.betas!r}."
            )
        if self.computation == "fast" and self.average is not True:
            raise ValueError(
                f"average={self.average!r} draws new responses for every batch, which "
                "computation='fast' cannot do. Take 'auto' or 'plain'."
            )
        check_schedule(self.schedule)


class Losses(Part):
    """What a network minimizes (equations 1 to 5).

    Parameters
    ----------
    contrastive, feature, recon_brain, recon_image : float
        Weights of equations 1 to 4. Zero switches a term off (Table 4).
    temperature : float
        The temperature tau of equation 1.
    learn_temperature : bool
        Whether tau is learned.
    symmetric : bool
        Whether InfoNCE runs in both directions; False is equation 1 as printed.
    normalize_brain : bool
        Whether InfoNCE compares by cosine; False leaves the norm of the embedded
        response, so that a clear response may count for more than a faint one.

    See Also
    --------
    mne_brainae.BrainAE : The model that is trained.

    Examples
    --------
    >>> import mne_brainae
    >>> mne_brainae.Losses(feature=0.0)
    Losses(feature=0.0)
    """

    _parameter_constraints: ClassVar[dict] = {
        **{term: [real(0)] for term in LOSS_TERMS},
        "temperature": [positive()],
        "learn_temperature": ["boolean"],
        "symmetric": ["boolean"],
        "normalize_brain": ["boolean"],
    }

    def __init__(
        self,
        *,
        contrastive=1.0,
        feature=1.0,
        recon_brain=1.0,
        recon_image=1.0,
        temperature=0.07,
        learn_temperature=False,
        symmetric=True,
        normalize_brain=True,
    ):
        self.contrastive = contrastive
        self.feature = feature
        self.recon_brain = recon_brain
        self.recon_image = recon_image
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.symmetric = symmetric
        self.normalize_brain = normalize_brain

    @property
    def weights(self) -> dict[str, float]:
        """The weight of every term by its name."""
        return {term: float(getattr(self, term)) for term in LOSS_TERMS}

    def check(self) -> None:
        """Refuse values that no training can use.

        Raises
        ------
        ValueError
            If all weights are 0.

        Examples
        --------
        >>> mne_brainae.Losses(contrastive=0.5).check()
        """
        super().check()
        if not any(self.weights.values()):
            raise ValueError(
                "All loss weights are 0, so nothing would be learned. Give a positive "
                f"weight to one of {', '.join(LOSS_TERMS)}."
            )
