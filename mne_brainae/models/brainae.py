"""The BrainAE model: an autoencoder of brain responses, aligned with images."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch

from ..images import ImageEncoder, compute_image_features
from ..images.pairing import check_folder, image_paths, rows_by_name
from ..nn.losses import LOSS_TERMS, BrainAELoss
from ..nn.network import build_network
from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import read_array
from ..preprocessing.imputation import MOST_EPOCHS, Imputer
from ..preprocessing.scaling import Scaler
from ..preprocessing.splits import hold_out
from ..utils.checks import (
    _check_fname,
    _check_option,
    check_complete,
    check_image_names,
    counted,
    logger,
    pick_channels,
    resolve_device,
    seed_from,
    verbose,
)
from ..utils.docs import fill_doc
from ..utils.files import take_rows
from .checkpoint import State, history_table
from .closed_form import ClosedForm, solve, white_axes
from .directions import LatentModel
from .feature_weights import (
    SpatialWindow,
    choose_window,
    feature_weights,
    has_maps,
)
from .file import read_model
from .parts import check_params
from .recipes import RECIPES
from .training import Pairs, fingerprint_of, size_of_batch, train


@fill_doc
class BrainAE(LatentModel):
    """One latent space for brain responses and the pictures that evoked them.

    A brain encoder and an image projection map responses and pictures into a shared
    space, a brain decoder maps points of that space to responses. Once fitted, the
    model predicts responses to pictures (encoding), identifies pictures from responses
    (decoding) and completes partial recordings (reconstruction).

    Parameters
    ----------
    brain_encoder : str | Module
        ``"tsconv"`` (Table 6), ``"linear"`` (one layer), ``"nice"`` and ``"atm"``; of
        braindecode ``"shallow"``, ``"deep4"``, ``"eegnet"`` and ``"conformer"``
        (Table 5); or a module that maps (n, n_channels, n_times) to (n, n_embedding). A
        window of one sample takes the linear pair.
    brain_decoder : ``"tsconv"`` | ``"linear"`` | Module
        Table 7 (the mirror), one linear layer, or a module that maps (n, n_embedding)
        to (n, n_channels, n_times).
    image_encoder : str | ImageEncoder | callable
        What turns pictures into features when ``images`` are pictures: ``"gabor"``, the
        name of a network such as ``"clip-vit-l-14"``, or an
        :class:`mne_brainae.ImageEncoder` with the layers to take; see
        :func:`mne_brainae.compute_image_features`. New pictures pass the same.
    spatial_window : ``"auto"`` | tuple of float | None
        A soft window through which the maps of image features are seen, such as the
        receptive field of neurons or a fixated part: ``(row, column, width)`` as shares
        of the picture, or the one of 19 that predicts left-out training images best.
        None is the whole picture. Features without the levels ``"row"`` and
        ``"column"`` have no maps, and none is chosen. The levels ``"layer"`` count
        alike in any case.
    image_projection : ``"linear"`` | ``"identity"`` | Module
        What maps features into the shared space.
    n_embedding : int
        Dimension F of the shared space; with ``init="ridge"`` the most that it has.
    init : ``"random"`` | ``"ridge"``
        Where training starts: at random weights, or at the closed form of the linear
        model, in which the predicted response is that of ridge regression and distance
        in the shared space is the likelihood of the response. It takes seconds, needs
        linear encoder, decoder and projection, and is a model of its own with
        ``max_epochs=0``.
    n_signal : int | ``"auto"`` | None
        With ``init="ridge"``, along how many directions of the response pictures are
        told apart, each with a ridge penalty of its own; ``"auto"`` is what predicts
        held-out concepts best in five folds of the training images, where there are
        at least 40. None is plain ridge regression.
    n_kernels, kernel_length, pool_length, pool_stride : int
        The sizes k, m1, m2 and s of Table 6.
    inner_activation : bool
        Whether batch normalisation and ELU stand between temporal and spatial
        convolution (section 3.3.1); without them training is far faster.
    upsampling : ``"nearest"`` | ``"linear"``
        How the decoder comes from steps to samples; ``"nearest"`` trains faster.
    loss_weights : dict | None
        Weights of ``"contrastive"`` (equation 1), ``"feature"`` (2), ``"recon_brain"``
        (3) and ``"recon_image"`` (4) where they differ from 1. Zero switches a term
        off (Table 4).
    temperature : float
        The temperature tau of equation 1.
    learn_temperature : bool
        Whether tau is learned.
    symmetric : bool
        Whether InfoNCE runs in both directions; False is equation 1 as printed.
    learning_rate : float
        Adam's step size.
    betas : tuple of float
        Adam's decay rates.
    batch_size : int
        Images per update; fewer on small sets, so that an epoch has eight updates.
    max_epochs : int
        Passes over the training images. With 0 nothing is trained after ``init``, and
        no image is held out.
    min_updates : int
        Small sets are passed over more often, until Adam has made this many updates,
        as many as 50 epochs of THINGS-EEG2 give, or until 20 epochs have brought no
        better validation loss. The best epoch is kept in any case.
    validation : ``"concept"`` | ``"image"``
        Whether whole concepts are held out to choose the epoch, or random images, as
        in the paper. Without a metadata column ``"concept"`` it is images.
    validation_size : float | int
        The share or number of images held out, at most a fifth of them.
    standardize : ``"channel"`` | ``"evoked"``
        Whether every channel's mean is subtracted inside, or the mean response. Both
        divide by the channel's standard deviation and are undone on the way out.
    mask_augmentation : float
        Share of the responses of every batch of which the encoder sees a part only,
        under masks of all kinds and ratios, while all is to be reconstructed. It helps
        ``reconstruct`` where half or more is missing, and 0 is off. Training is plain
        with it, see ``computation``; the epoch is chosen on whole responses.
    imputation : ``"mean"`` | ``"gaussian"``
        What ``reconstruct`` lets the encoder see in place of missing entries: the mean,
        or what is expected given the observed ones, by probabilistic principal
        components of the training epochs, which is also its answer for them.
    %(picks)s
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device.
    computation : ``"auto"`` | ``"fast"`` | ``"plain"``
        How training computes the network: in a fast form, the same to the last digits,
        where one suits the network (``"auto"``), always, or never.
    precision : ``"float32"`` | ``"bf16"``
        Whether the fast forms round the factors of large products to bf16 in training,
        which pays on hardware that multiplies bf16. The rest, validation, and a fitted
        model are float32.
    checkpoint : path-like | None
        A file that the state is written to after an epoch, as often as it takes little
        time. A fit that was killed goes on from it to the same result.
    memory_map : path-like | None
        A folder on a disk, where temporary files hold the responses during the fit, for
        recordings larger than memory; None holds them in memory. The weights are the
        same. Give epochs that were read with ``preload=False``. The files take twice
        the averaged responses in float32, about four times with ``init="ridge"``; no
        room is a RuntimeError. They have no names, and are gone when the fit ends,
        fails or is killed. In memory are still: batches, predictions for held-out
        images, features, and some copies of at most 2000 responses for
        ``imputation="gaussian"`` and of 1500 for ``spatial_window="auto"``. A folder
        that is itself in memory, as ``/tmp`` may be, saves nothing.
    %(random_state)s
    %(verbose)s

    Attributes
    ----------
    network_ : Module
        The fitted network, in evaluation mode on the CPU.
    info_ : instance of Info
        The channels.
    times_ : array, shape (n_times,)
        The times in seconds.
    evoked_ : instance of Evoked
        The mean training response: the baseline that a prediction has to beat.
    history_ : DataFrame, shape (n_epochs, n_terms)
        Every loss term for training and validation.
    best_epoch_ : int
        The epoch whose weights were kept; -1 are those of ``init="ridge"``.
    n_embedding_ : int
        The dimension of the shared space.
    spatial_window_ : tuple of float | None
        The window in use.
    temperature_ : float
        The temperature in use, learned or fixed.
    train_images_ : list of str
        Names of all images seen in fit, those held out for validation included.

    See Also
    --------
    mne_brainae.fit : Fit a model by a named recipe.

    References
    ----------
    BrainAE: alignment-driven autoencoder for bidirectional visual encoding and
    decoding, sections 3 and 4, appendices D and E.
    """

    def __init__(
        self,
        *,
        brain_encoder="tsconv",
        brain_decoder="tsconv",
        image_encoder="gabor",
        spatial_window=None,
        image_projection="linear",
        n_embedding=1024,
        init="random",
        n_signal=None,
        n_kernels=40,
        kernel_length=26,
        pool_length=5,
        pool_stride=5,
        inner_activation=True,
        upsampling="nearest",
        loss_weights=None,
        temperature=0.07,
        learn_temperature=False,
        symmetric=True,
        learning_rate=1e-3,
        betas=(0.5, 0.999),
        batch_size=800,
        max_epochs=50,
        min_updates=950,
        validation="concept",
        validation_size=0.1,
        standardize="channel",
        mask_augmentation=0.0,
        imputation="mean",
        picks=None,
        device="auto",
        computation="auto",
        precision="float32",
        checkpoint=None,
        memory_map=None,
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
        self.n_signal = n_signal
        self.n_kernels = n_kernels
        self.kernel_length = kernel_length
        self.pool_length = pool_length
        self.pool_stride = pool_stride
        self.inner_activation = inner_activation
        self.upsampling = upsampling
        self.loss_weights = loss_weights
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.symmetric = symmetric
        self.learning_rate = learning_rate
        self.betas = betas
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.min_updates = min_updates
        self.validation = validation
        self.validation_size = validation_size
        self.standardize = standardize
        self.mask_augmentation = mask_augmentation
        self.imputation = imputation
        self.picks = picks
        self.device = device
        self.computation = computation
        self.precision = precision
        self.checkpoint = checkpoint
        self.memory_map = memory_map
        self.random_state = random_state
        self.verbose = verbose

    # -- learning ---------------------------------------------------------------------

    @fill_doc
    def fit(self, epochs, images=None):
        """Learn the shared space.

        Parameters
        ----------
        %(epochs_images)s
            Repetitions of an image are averaged. The epochs are not changed.
        %(images)s
            Without these either, a brain-only autoencoder is learned, and said.

        Returns
        -------
        self : instance of BrainAE
            The fitted model.
        """
        with mne.utils.use_log_level(self.verbose):
            return self._fit(epochs, images)

    def _fit(self, epochs, images):
        self._check_params()
        names = check_image_names(epochs)
        picks = pick_channels(epochs.info, self.picks)
        check_folder(images, names)
        # NaN ends it before features
        brain, table = average_by(epochs, "image", picks, self.memory_map)
        features = self._features_at_fit(epochs, names, images)
        shown = table["image"].astype(str)
        self._check_size(table)
        seed = seed_from(self.random_state)
        held_out = self._hold_out(table, np.random.default_rng(seed))
        self.info_ = mne.pick_info(epochs.info, picks)
        self.times_ = epochs.times.copy()
        self.train_images_ = list(shown)
        self._mean_response = brain.mean(axis=0, dtype=np.float64)
        training, validation = self._pairs(brain, features, held_out, shown)
        del brain  # the pairs hold what goes on
        solution = None
        if self.init == "ridge":
            solution = self._solve(training, table[~held_out])
        self._train(training, validation, solution, seed)
        self._noise_axes = self._learn_noise(validation)
        self._imputer = self._learn_imputer(epochs, picks)
        self._seed = seed
        return self

    def _check_params(self) -> None:
        check_params(self)

    def _check_size(self, table: pd.DataFrame) -> None:
        if len(table) < 4:
            raise ValueError(
                f"epochs show {len(table)} different images, but at least 4 are needed "
                "to train and to validate: a batch needs two."
            )
        if "concept" in table and table["concept"].nunique() == 1:
            raise ValueError(
                "All epochs show one concept, "
                f"{table['concept'].iloc[0]!r}; at least two are needed."
            )

    def _features_at_fit(self, epochs, names, images) -> pd.DataFrame | None:
        """Return the features of the images in epochs, or None without images."""
        if images is None and "image_path" not in epochs.metadata:
            if self.init == "ridge":
                raise ValueError(
                    "init='ridge' learns from pictures: give images, or a column "
                    "'image_path' in epochs.metadata."
                )
            logger.info("No images were given: fitting a brain-only autoencoder.")
            self.image_encoder_, self.feature_names_ = None, None
            return None
        unique = list(names.unique())
        if isinstance(images, np.ndarray):
            features = rows_by_name(images, names)
        else:
            images = image_paths(epochs, names) if images is None else images
            features = compute_image_features(
                images,
                self.image_encoder,
                names=unique,
                device=self.device,
                verbose=self.verbose,
            )
        ready = isinstance(images, np.ndarray | pd.DataFrame)
        self.image_encoder_ = None if ready else self.image_encoder
        if isinstance(self.image_encoder_, ImageEncoder):
            self.image_encoder_ = self.image_encoder_.for_gallery()
        self.feature_names_ = [str(name) for name in features.columns]
        check_complete(unique, features.index, "images")
        return features

    def _hold_out(self, table: pd.DataFrame, rng) -> np.ndarray:
        """Choose the images to validate on; True where held out."""
        if self.max_epochs == 0:  # nothing is chosen by validation
            return np.zeros(len(table), bool)
        held_out, unit = hold_out(table, self.validation, self.validation_size, rng)
        self.selection_ = (
            f"least validation loss on {held_out.sum()} training images ({unit} "
            "held out)"
        )
        return held_out

    def _pairs(self, brain, features, held_out, shown) -> list[Pairs]:
        """Split into training and validation, and standardise, in place."""
        parts = [brain, brain[:0]]
        if held_out.any():
            rows = [np.flatnonzero(part) for part in (~held_out, held_out)]
            parts = [take_rows(brain, each, self.memory_map) for each in rows]
        self._brain_scaler = Scaler.for_brain(parts[0], self.standardize)
        for part in parts:
            self._brain_scaler.transform(part, out=part)
        self._learn_image_scale(features, shown[~held_out], parts[0])
        images = [None, None]
        if features is not None:
            rows = features.loc[shown].to_numpy(np.float32)
            image = torch.from_numpy(self._image_scaler.transform(rows))
            images = [image[part] for part in (~held_out, held_out)]
        return [
            Pairs(torch.from_numpy(part), image, self.memory_map)
            for part, image in zip(parts, images, strict=True)
        ]

    def _learn_image_scale(self, features, shown, responses) -> None:
        """Learn how much every feature counts, for standardised responses."""
        self._image_scaler, self.spatial_window_ = None, None
        if features is None:
            return
        rows = features.loc[shown]
        window = self.spatial_window
        if window == "auto":
            window = choose_window(rows, responses) if has_maps(rows.columns) else None
        elif window is not None:
            window = SpatialWindow.of(window, rows.columns)
        self.spatial_window_ = None if window is None else astuple(window)
        weights = feature_weights(rows.columns, window)
        self._image_scaler = Scaler.for_features(rows.to_numpy(np.float32), weights)

    def _solve(self, training, table: pd.DataFrame) -> ClosedForm:
        """Solve for the linear model, and say how it was chosen."""
        by_concept = self.validation == "concept" and "concept" in table
        solution = solve(
            training.brain.numpy(),
            training.image.numpy(),
            self.n_embedding,
            n_signal=self.n_signal,
            groups=table["concept" if by_concept else "image"].astype(str),
            folder=self.memory_map,
        )
        chosen = f"{solution} on {len(training)} training images"
        logger.info(
            f"Chose {chosen}: {100 * solution.explained:.1f} % of the variance of "
            "responses left out is predicted."
        )
        trained = f", then {self.selection_}" if self.max_epochs else ""
        self.selection_ = chosen + trained
        return solution

    def _train(self, training, validation, solution, seed: int) -> None:
        loss = BrainAELoss(
            dict.fromkeys(LOSS_TERMS, 1.0) | (self.loss_weights or {}),
            temperature=self.temperature,
            learn_temperature=self.learn_temperature,
            symmetric=self.symmetric,
        )
        self.n_embedding_ = self._size_of_latent(solution)
        # Of all devices, since manual_seed sets all.
        with torch.random.fork_rng(range(torch.cuda.device_count()) or None):
            torch.manual_seed(seed)
            self.network_ = self._build_network()
            if solution is not None:
                self.network_.load_affine(
                    solution.image, solution.encoder, solution.decoder
                )
            state = State()
            if self.max_epochs:
                state = self._run_epochs(loss, training, validation, seed)
        self.network_.eval()
        self.history_ = history_table(state)
        self.best_epoch_ = state.best_epoch
        self.temperature_ = loss.temperature

    def _size_of_latent(self, solution) -> int:
        if solution is not None:
            return len(solution.image[1])
        if self.image_projection == "identity" and self._image_scaler is not None:
            return len(self._image_scaler.mean)
        return self.n_embedding

    def _run_epochs(self, loss, training, validation, seed: int) -> State:
        batch_size = size_of_batch(len(training), self.batch_size)
        updates = len(training) // batch_size
        n_epochs = max(self.max_epochs, -(-self.min_updates // updates))
        if n_epochs > self.max_epochs:
            logger.info(f"{updates} updates per epoch: up to {n_epochs} epochs.")
        checkpoint = None if self.checkpoint is None else Path(self.checkpoint)
        return train(
            self.network_,
            loss,
            training,
            validation,
            batch_size=batch_size,
            max_epochs=n_epochs,
            min_epochs=self.max_epochs,
            learning_rate=self.learning_rate,
            betas=tuple(self.betas),
            seed=seed,
            device=resolve_device(self.device),
            start_counts=self.init == "ridge",
            computation=self.computation,
            precision=self.precision,
            mask_augmentation=self.mask_augmentation,
            checkpoint=checkpoint,
            fingerprint=""
            if checkpoint is None
            else fingerprint_of(self.get_params(), training, seed),
        )

    def _learn_noise(self, validation) -> np.ndarray | None:
        """Return axes along which held-out errors of the prediction are white.

        None stands for the shared space itself, whose errors the closed form whitens.
        """
        if self._image_scaler is None or not self.max_epochs:
            return None
        measured = validation.brain.flatten(1).numpy()
        z_image = self._apply(self.network_.embed_image, validation.image.numpy())
        predicted = self._apply(self.network_.decode, z_image)
        predicted = predicted.reshape(measured.shape)
        return white_axes(measured, predicted, self.memory_map)

    def _learn_imputer(self, epochs, picks) -> Imputer | None:
        if self.imputation == "mean":
            return None
        some = np.linspace(0, len(epochs) - 1, min(len(epochs), MOST_EPOCHS))
        data = read_array(epochs[np.unique(some.astype(int))], picks)
        data = self._brain_scaler.transform(data, out=data)
        return Imputer.fit(data.reshape(len(data), -1))

    def _build_network(self):
        encoder, decoder = self.brain_encoder, self.brain_decoder
        if len(self.times_) == 1 and "tsconv" in (encoder, decoder):
            logger.info("One sample per epoch: taking the linear encoder and decoder.")
            encoder = "linear" if encoder == "tsconv" else encoder
            decoder = "linear" if decoder == "tsconv" else decoder
        scaler = self._image_scaler
        sizes = ("n_kernels", "kernel_length", "pool_length", "pool_stride")
        return build_network(
            n_channels=len(self.info_["ch_names"]),
            n_times=len(self.times_),
            n_image_features=None if scaler is None else len(scaler.mean),
            n_embedding=self.n_embedding_,
            brain_encoder=encoder,
            brain_decoder=decoder,
            image_projection=self.image_projection,
            convolution={name: getattr(self, name) for name in sizes}
            | {"inner_activation": self.inner_activation},
            upsampling=self.upsampling,
        )

    def __repr__(self, N_CHAR_MAX=700) -> str:
        if not hasattr(self, "network_"):
            return super().__repr__()
        n_features = 0 if self._image_scaler is None else len(self._image_scaler.mean)
        kept = f"epoch {self.best_epoch_} of {len(self.history_)} kept"
        if self.best_epoch_ < 0:
            kept = "closed form"
        channels = counted(len(self.info_["ch_names"]), "channel")
        times = counted(len(self.times_), "time")
        return (
            f"<{type(self).__name__} | {channels} x "
            f"{times} ({self.times_[0]:g} to {self.times_[-1]:g} s), "
            f"{n_features} image features, fitted on {len(self.train_images_)} images, "
            f"{kept}>"
        )


@fill_doc
def fit(epochs, images=None, *, recipe: str = "paper", **params) -> BrainAE:
    """Fit a BrainAE model in one line.

    Parameters
    ----------
    %(epochs_images)s
    %(images)s
    recipe : ``"paper"`` | ``"best"`` | ``"nice"`` | ``"atm"``
        Named settings: ``"paper"`` is section 4.2, with 740 random images to validate;
        ``"best"`` is what measures best on real and simulated recordings, the closed
        form of the linear model. ``"nice"`` and ``"atm"`` are the systems of Table 2:
        they decode only, and what they would predict or reconstruct is not trained.
    **params
        Parameters of :class:`mne_brainae.BrainAE` that differ from the recipe.

    Returns
    -------
    model : instance of BrainAE
        The fitted model.
    """
    _check_option("recipe", recipe, tuple(RECIPES))
    return BrainAE(**(RECIPES[recipe] | params)).fit(epochs, images)


@verbose
def read_brainae(fname, *, parts: dict | None = None, verbose=None) -> BrainAE:
    """Read a model that ``BrainAE.save`` wrote.

    Parameters
    ----------
    fname : path-like
        The file.
    parts : dict | None
        The parts of one's own that the model was fitted with, by parameter name:
        modules, which take their weights from the file, or an image encoder.
    verbose : bool | str | int | None
        Control verbosity of the logging output.

    Returns
    -------
    model : instance of BrainAE
        The fitted model. A truncated or foreign file, another format version, and
        missing parts are a ValueError.
    """
    _check_fname(fname, overwrite="read", must_exist=True)
    return read_model(BrainAE, Path(fname), parts or {})
