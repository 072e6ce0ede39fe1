"""The BrainAE model: an autoencoder of brain responses, aligned with images."""

# License: BSD-3-Clause

from __future__ import annotations

from copy import deepcopy
from typing import ClassVar

import pandas as pd
import torch

from ..images import ImageEncoder
from ..nn.choice import check_choice
from ..nn.decoders import BRAIN_DECODERS
from ..nn.encoders import BRAIN_ENCODERS, OF_SUBJECTS
from ..nn.network import PARTS, BrainAENetwork
from ..nn.projections import IMAGE_PROJECTIONS
from ..nn.release import initialize
from ..nn.squares import SquaredUnits
from ..nn.tsconv import UPSAMPLINGS
from ..utils.checks import (
    counted,
    logger,
    seed_from,
    warn,
)
from ..utils.constraints import integer, options, real
from ..utils.docs import fill_doc
from ..utils.interrupts import ending_at_interrupt, interrupts_end
from ..utils.torch_state import own_random_numbers
from .checkpoint import ALL_IMAGES
from .decoding import EmbedsResponses
from .encoding import SamplesTrials
from .feature_weights import know_versions
from .linear import LinearBrainAE, network_of
from .montage import is_pretrained, know_sensors
from .parts import Losses, Training
from .reconstruction import CompletesRecordings
from .slope import held_out_slope
from .squares import choose_squares, train_squares
from .start import choose_length, linear_of, network_from, solve_without_some
from .trained import TrainedModel, held_out_noise
from .training_set import TrainingSet

#: Fewer images are too few to hold some out and judge training by them.
FEWEST_TO_TRAIN = 100
#: What a response alone is enough for.
ENCODERS = tuple(name for name in BRAIN_ENCODERS if name not in OF_SUBJECTS)
#: The sizes k, m1, m2 and s of Table 6.
SIZES = ("n_kernels", "kernel_length", "pool_length", "pool_stride")


def check_identity(image_projection, n_embedding: int | None) -> None:
    """Refuse an embedding dimension where that of the image features is taken."""
    if image_projection == "identity" and n_embedding is not None:
        raise ValueError(
            f"n_embedding={n_embedding} has no effect with image_projection='identity',"
            " which takes the image features as they are. Leave it out."
        )


@fill_doc
class BrainAE(SamplesTrials, EmbedsResponses, CompletesRecordings, TrainedModel):
    """One latent space for brain responses and the images that evoked them.

    A brain encoder and an image projection map responses and images into a shared
    space, a brain decoder maps points of that space to responses. Once fitted, the
    model predicts responses to images (encoding), identifies images from responses
    (decoding) and completes partial recordings (reconstruction).

    Parameters
    ----------
    brain_encoder : str | dict | Module
        ``"tsconv"`` (Table 6), ``"linear"`` (one layer), ``"nice"`` and ``"atm"``;
        ``"flat"`` and ``"time_mlp"`` of the systems that lead today; of braindecode
        ``"shallow"``, ``"deep4"``, ``"eegnet"`` and ``"conformer"`` (Table 5), and
        pretrained on much EEG ``"labram"``, ``"bendr"`` and ``"cbramod"``
        (:ref:`pretrained`); a name with options, such as
        ``{"nice": {"dropout": 0.3}}``; or a module that maps (n, n_channels, n_times)
        to (n, n_embedding). A window of one sample takes the linear pair.
    brain_decoder : ``"tsconv"`` | ``"linear"`` | ``"release"`` | Module
        Table 7 (the mirror), one linear layer, that of the authors' release, whose
        output lies between -1 and 1, or a module that maps (n, n_embedding) to
        (n, n_channels, n_times).
    image_encoder : str | ImageEncoder | callable
        What turns images into features when ``images`` are images: ``"gabor"``, the
        name of a network such as ``"clip-vit-l-14"``, or an
        :class:`mne_brainae.ImageEncoder` with the layers to take; see
        :func:`mne_brainae.compute_image_features`. New images pass the same.
    spatial_window : ``"auto"`` | tuple of float | None
        As in :class:`mne_brainae.LinearBrainAE`.
    image_projection : str | dict | Module
        What maps features into the shared space: ``"linear"``, ``"identity"`` (the
        features are the shared space), ``"mlp"`` (a linear layer, a residual branch of
        GELU and linear layer, and layer normalization), or ``"mixture"`` (learned
        weights of the layers and versions that stand side by side in the features, with
        the options that :ref:`choosing` lists). ``"squares"``, with
        ``init``, adds squares of projections of the features, solved in closed form,
        where held-out images are identified better with them. A dict has a name and
        options, such as ``{"mlp": {"dropout": 0.5}}``.
    n_embedding : int | None
        Dimension F of the shared space; None is 1024, or what ``init`` has.
    init : instance of LinearBrainAE | None
        None is random weights, as in the paper. A linear model is fitted to the same
        epochs and images, fitted before or not, and the network starts from it: its
        three maps stay as they are, and a part that is not ``"linear"`` is added to its
        map from scale 0. Where training takes nothing off the error of held-out
        concepts, the closed form is kept as it is. What reads epochs and images
        (``image_encoder``, ``spatial_window``, ``picks``, ``imputation``,
        ``keep_noise``, ``device``) is that of this model, and not of ``init``.
    n_kernels, kernel_length, pool_length, pool_stride : int
        The sizes k, m1, m2 and s of Table 6.
    inner_activation : bool
        Whether batch normalization and ELU stand between temporal and spatial
        convolution (section 3.3.1); without them training is far faster.
    upsampling : ``"nearest"`` | ``"linear"``
        How the decoder comes from steps to samples; ``"nearest"`` trains faster.
    losses : instance of Losses | None
        What is minimized; None is the four terms of the paper with weight 1.
    training : instance of Training | None
        How it is trained; None takes the settings of the paper.
    standardize : ``"channel"`` | ``"evoked"`` | ``"raw"`` | None
        Whether every channel's mean is subtracted inside, or the mean response. Both
        divide by the channel's standard deviation and are undone on the way out.
        ``"raw"`` takes responses as they are, which should then be whitened or
        z-scored. None is ``"channel"``, and ``"evoked"`` with ``init``, which needs it.
    standardize_images : bool
        Whether image features are standardized inside; False takes them as they are.
    initialization : ``"default"`` | ``"release"``
        How the first weights of brain encoder and decoder are drawn: as PyTorch does,
        or with a standard deviation of 0.02, as the authors' release does.
    mask_augmentation : float
        Share of the responses of every batch of which the encoder sees a part only,
        under masks of all kinds and ratios, while all is to be reconstructed. It helps
        ``reconstruct`` where half or more is missing, and 0 is off. Training is plain
        with it; the epoch is chosen on whole responses.
    smooth_augmentation : float
        Share of the channels of every response that the brain encoder sees smoothed by
        a moving average of five samples, drawn anew in every batch. Training is plain
        with it.
    imputation : ``"mean"`` | ``"gaussian"``
        As in :class:`mne_brainae.LinearBrainAE`.
    %(keep_noise)s
    %(picks)s
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    history_ : DataFrame, shape (n_epochs, n_terms)
        Every loss term for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept; -1 is the closed form of ``init``.
    n_signal_, noise_target_ : int | str | None
        As in :class:`mne_brainae.LinearBrainAE`; None without ``init``.
    slope_ : float | None
        The part of the predicted deviation from the mean response that holds for images
        held out; None without images.
    spatial_window_ : tuple of float | None
        The window in use.
    temperature_ : float
        The temperature in use, learned or fixed.
    selection_ : str
        How the model was chosen, in words.

    See Also
    --------
    mne_brainae.fit : Fit a model by a named recipe.
    mne_brainae.Training : How it is trained.
    mne_brainae.Losses : What it minimizes.

    References
    ----------
    BrainAE: alignment-driven autoencoder for bidirectional visual encoding and
    decoding, sections 3 and 4, appendices D and E.

    Examples
    --------
    >>> import mne_brainae
    >>> model = mne_brainae.BrainAE(training=mne_brainae.Training(max_epochs=10))
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model.fit(data.train, data.images)  # doctest: +SKIP
    """

    _learned: ClassVar[tuple[str, ...]] = (
        *TrainedModel._learned,
        "n_signal_",
        "noise_target_",
    )
    _parameter_constraints: ClassVar[dict] = {
        "brain_encoder": [options(*ENCODERS), dict, torch.nn.Module],
        "brain_decoder": [options(*BRAIN_DECODERS), torch.nn.Module],
        "image_encoder": [str, ImageEncoder, callable],
        "spatial_window": [options("auto"), tuple, list, None],
        "image_projection": [options(*IMAGE_PROJECTIONS), dict, torch.nn.Module],
        "n_embedding": [integer(1), None],
        "init": [LinearBrainAE, None],
        **{size: [integer(1)] for size in SIZES},
        "inner_activation": ["boolean"],
        "upsampling": [options(*UPSAMPLINGS)],
        "losses": [Losses, None],
        "training": [Training, None],
        "standardize": [options("channel", "evoked", "raw"), None],
        "standardize_images": ["boolean"],
        "initialization": [options("default", "release")],
        "mask_augmentation": [real(0, 1)],
        "smooth_augmentation": [real(0, 1)],
        "imputation": [options("mean", "gaussian")],
        "keep_noise": ["boolean"],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_encoder="gabor",
        spatial_window=None,
        image_projection="linear",
        n_embedding=None,
        init=None,
        n_kernels=40,
        kernel_length=26,
        pool_length=5,
        pool_stride=5,
        inner_activation=True,
        upsampling="nearest",
        losses=None,
        training=None,
        standardize=None,
        standardize_images=True,
        initialization="default",
        mask_augmentation=0.0,
        smooth_augmentation=0.0,
        imputation="mean",
        keep_noise=False,
        picks=None,
        device="auto",
        random_state=None,
        verbose=None,
    ):
        self.brain_encoder = brain_encoder
        self.brain_decoder = brain_decoder
        self.image_encoder = image_encoder
        self.spatial_window = spatial_window
        self.image_projection = image_projection
        self.n_embedding = n_embedding
        self.init = init
        self.n_kernels = n_kernels
        self.kernel_length = kernel_length
        self.pool_length = pool_length
        self.pool_stride = pool_stride
        self.inner_activation = inner_activation
        self.upsampling = upsampling
        self.losses = losses
        self.training = training
        self.standardize = standardize
        self.standardize_images = standardize_images
        self.initialization = initialization
        self.mask_augmentation = mask_augmentation
        self.smooth_augmentation = smooth_augmentation
        self.imputation = imputation
        self.keep_noise = keep_noise
        self.picks = picks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def check(self) -> None:
        """Refuse parameters that are impossible, alone or together.

        Raises
        ------
        ValueError
            If parameters contradict each other, or a part cannot do what another one
            asks for.

        Examples
        --------
        >>> mne_brainae.BrainAE().check()
        """
        super().check()
        augments = self.mask_augmentation or self.smooth_augmentation
        if augments and self._training.computation == "fast":
            raise ValueError(
                "mask_augmentation and smooth_augmentation change what the encoder "
                "sees, but not what it has to reconstruct, which computation='fast' "
                "cannot do. Take 'auto' or 'plain'."
            )
        check_identity(self.image_projection, self.n_embedding)
        check_choice("brain_encoder", self.brain_encoder, BRAIN_ENCODERS, ENCODERS)
        names = set(IMAGE_PROJECTIONS) - {"squares"}
        check_choice(
            "image_projection", self.image_projection, IMAGE_PROJECTIONS, names
        )
        if self.spatial_window is not None and not self.standardize_images:
            raise ValueError(
                f"spatial_window={self.spatial_window!r} weighs standardized features. "
                "Leave it out, or take standardize_images=True."
            )
        if is_pretrained(self.brain_encoder):
            self._check_random()
        if self.init is not None:
            self._check_start()
        elif self._takes_squares:
            raise ValueError(
                "image_projection='squares' adds to a closed form: give "
                "init=LinearBrainAE(), or take 'linear'."
            )

    def _check_random(self) -> None:
        """Refuse what would undo the earlier training of the brain encoder."""
        if self.init is not None or self.initialization != "default":
            raise ValueError(
                f"brain_encoder={self.brain_encoder!r} has weights of its own, which "
                "neither init nor initialization can set. Leave both out."
            )

    def _check_start(self) -> None:
        """Refuse what would have no effect beside the linear model."""
        only = {
            "n_embedding": None,
            "standardize": "evoked",
            "standardize_images": True,
            "initialization": "default",
        }
        for name, value in only.items():
            if getattr(self, name) not in (None, value):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} has no effect with init, which "
                    "determines it. Leave it out, or set it in "
                    "init=LinearBrainAE(...)."
                )
        if self.image_projection not in ("linear", "squares"):
            raise ValueError(
                "With init, image_projection must be 'linear' or 'squares', got "
                f"{self.image_projection!r}."
            )
        if self._training.average is not True:
            raise ValueError(
                f"average={self._training.average!r} has no effect with init, whose "
                "closed form learns from averages and single trials alike. Leave it "
                "out."
            )
        self.init.check()

    def _read(self, epochs, images, seed=None, **how) -> TrainingSet:
        how |= {"needs_images": self.init is not None}
        how |= {"standardize": self._standardize}
        how |= {"standardize_images": self.standardize_images}
        return super()._read(epochs, images, seed, **how)

    @property
    def _standardize(self) -> str:
        if self.standardize is not None:
            return self.standardize
        return "channel" if self.init is None else "evoked"

    def _build(self, data: TrainingSet) -> BrainAENetwork:
        network = super()._build(data)
        if self.initialization == "release":
            for part in (network.brain_encoder, network.brain_decoder):
                initialize(part)
        return network

    @property
    def _losses(self) -> Losses:
        if self.losses is not None or self.init is None:
            return super()._losses
        # The closed form is the best linear alignment; what is added is to predict.
        feature = float(self.brain_encoder != "linear")
        return Losses(contrastive=0.0, feature=feature, recon_brain=0.0)

    def _fit(self, epochs, images) -> None:
        if self.init is None:
            self.n_signal_, self.noise_target_ = None, None
            super()._fit(epochs, images)
        else:
            self._fit_from_start(epochs, images)

    def _fit_from_start(self, epochs, images) -> None:
        """Solve the closed form, choose how long to train beyond it, and train."""
        seed = seed_from(self.random_state)
        data = self._read(
            epochs,
            images,
            seed,
            memory_map=self._training.memory_map,
            stacks_windows=self.spatial_window == "auto",
        )
        linear = linear_of(self, seed)
        closed_form = None
        if data.stacks_windows:
            learned = linear._solve(data, seed)
        else:
            closed_form = linear._solve_axes(data, seed, squares=self._takes_squares)
            learned = linear._fields_of(data, closed_form)
        self._take_over(linear)
        if self.imputation == "gaussian":
            learned["imputer"] = data.learn_imputer()
        self.history_, self.best_epoch_ = pd.DataFrame(), -1
        self.temperature_ = self._losses.temperature
        if closed_form is not None and self._adds_to(data, learned["network"]):
            try:
                with own_random_numbers(seed):
                    learned |= self._train_from(
                        closed_form, learned["network"], linear, data, seed
                    )
            except KeyboardInterrupt:
                if interrupts_end():
                    raise
                self._keep_closed_form(linear)
        self.latent_ = data.to_latent(**learned)
        linear._say(data)

    @property
    def _takes_squares(self) -> bool:
        return self.image_projection == "squares"

    def _take_over(self, linear: LinearBrainAE) -> None:
        for name in ("n_signal_", "noise_target_", "slope_", "spatial_window_"):
            setattr(self, name, getattr(linear, name))
        self.selection_ = f"{linear.selection_}; the closed form alone"

    def _keep_closed_form(self, linear: LinearBrainAE) -> None:
        """Forget a training that Ctrl-C has ended before it gained anything."""
        self._take_over(linear)
        self.history_, self.best_epoch_ = pd.DataFrame(), -1
        self.selection_ += ", since training was interrupted"
        warn(
            "Training was interrupted before its length was chosen; the closed form, "
            "which is the best so far, is kept."
        )

    def _adds_to(self, data: TrainingSet, network: BrainAENetwork) -> bool:
        """Tell whether there is anything to train beside the closed form."""
        if not self._adds_parts(data) and not has_squares(network):
            return False
        is_enough = len(data.training) >= FEWEST_TO_TRAIN
        if not is_enough:
            logger.info(
                f"Fewer than {FEWEST_TO_TRAIN} images cannot tell whether training "
                "gains: closed form kept."
            )
        return is_enough

    def _adds_parts(self, data: TrainingSet) -> bool:
        parts = self._sizes(data)
        return any(parts[name] not in ("linear", None) for name in PARTS[:2])

    def _train_from(self, closed_form, network, linear, data, seed: int) -> dict:
        """Train squares and parts, for as long as held-out images gain by each."""
        part, smaller = solve_without_some(self, linear, closed_form, data, seed)
        start, added, told = network_of(part, smaller), {}, []
        if has_squares(start) and has_squares(network):
            choice = choose_squares(start.image_projection, smaller, part, seed)
            start.image_projection = choice.projection
            if choice.n_epochs:
                network = deepcopy(network)  # the closed form stays if this is stopped
                *_, network.image_projection = train_squares(
                    network.image_projection, closed_form, data, seed, choice.n_epochs
                )
                held_out = part.validation.brain.numpy(), part.validation.image.numpy()
                self.slope_, _ = held_out_slope(start, *held_out)
                added = {"network": network, "slope": self.slope_}
                told.append(_tell(" of squares", choice, " along the axes"))
        if self._adds_parts(data):
            with ending_at_interrupt():  # what half the epochs choose is no choice
                choice = choose_length(self, start, part, seed)
            self.history_, self.best_epoch_ = choice.history, choice.n_epochs - 1
            if choice.n_epochs:
                added = self._train_parts(network, choice, data, seed)
                told.append(_tell("", choice))
        if not told:
            logger.info("Training gained nothing on held-out images: closed form kept.")
            return {}
        self.selection_ = f"{linear.selection_}; then {' and '.join(told)}"
        logger.info(f"Chose {self.selection_}.")
        return added

    def _train_parts(self, start: BrainAENetwork, choice, data, seed: int) -> dict:
        """Train what is added to the linear maps, with all images."""
        network = network_from(self._sizes(data), start)
        self._run_epochs(
            network, data, seed, n_epochs=choice.n_epochs, stage=ALL_IMAGES
        )
        self.slope_ = choice.slope
        return {
            "network": network.eval(),
            "slope": self.slope_,
            "completes_linearly": choice.completes_linearly,
        }

    def _sizes(self, data: TrainingSet) -> dict:
        n_channels, n_times = data.shape
        encoder, decoder = self.brain_encoder, self.brain_decoder
        if n_times == 1 and "tsconv" in (encoder, decoder):
            logger.info("One sample per epoch: taking the linear encoder and decoder.")
            encoder = "linear" if encoder == "tsconv" else encoder
            decoder = "linear" if decoder == "tsconv" else decoder
        n_embedding = 1024 if self.n_embedding is None else self.n_embedding
        if self.image_projection == "identity" and data.n_features is not None:
            n_embedding = data.n_features
        return {
            "n_channels": n_channels,
            "n_times": n_times,
            "n_image_features": data.n_features,
            "n_embedding": n_embedding,
            "brain_encoder": know_sensors(encoder, data),
            "brain_decoder": decoder,
            "image_projection": know_versions(self.image_projection, data.columns),
            "convolution": {name: getattr(self, name) for name in SIZES}
            | {"inner_activation": self.inner_activation},
            "upsampling": self.upsampling,
        }

    def _learn_rest(self, data: TrainingSet, network) -> dict:
        learned = super()._learn_rest(data, network)
        learned |= {"noise_axes": held_out_noise(data, network)}
        if self.imputation == "gaussian":
            learned["imputer"] = data.learn_imputer()
        return learned


def has_squares(network: BrainAENetwork) -> bool:
    """Tell whether squares of image features add to the linear projection."""
    return isinstance(network.image_projection, SquaredUnits)


def _tell(what: str, choice, where: str = "") -> str:
    return (
        f"{counted(choice.n_epochs, 'epoch')} of training{what}, which took "
        f"{100 * choice.gain:.1f} % off the squared error of held-out images{where}"
    )
