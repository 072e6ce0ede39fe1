"""The BrainAE model: an autoencoder of brain responses, aligned with images."""

# License: BSD-3-Clause

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from . import __version__, _training
from ._checks import (
    _check_fname,
    _check_option,
    _validate_type,
    check_complete,
    check_finite,
    check_image_names,
    check_same_space,
    five,
    logger,
    pick_channels,
    seed_from,
    verbose,
    warn,
)
from ._docs import fill_doc
from ._files import read_arrays, write_arrays
from .correlation import correlate
from .identification import Identification, check_templates, cosine_similarity
from .images import compute_image_features
from .nn.decoders import BRAIN_DECODERS
from .nn.encoders import BRAIN_ENCODERS
from .nn.losses import LOSS_TERMS, BrainAELoss
from .nn.network import build_network
from .preprocessing import Scaler, average_by, make_epochs, read_array
from .recipes import RECIPES
from .templates import compute_template_features

MODEL_FILE = {"kind": "model file", "version": 1}
BATCH = 512  # epochs per forward pass outside training


@fill_doc
class BrainAE(BaseEstimator):
    """One latent space for brain responses and the pictures that evoked them.

    A brain encoder and an image projection map responses and pictures into a shared
    space, a brain decoder maps points of that space to responses. Once fitted, the
    model predicts responses to pictures (encoding), identifies pictures from responses
    (decoding) and completes partial recordings (reconstruction).

    Parameters
    ----------
    brain_encoder : ``"tsconv"`` | ``"linear"`` | Module
        Table 6, one linear layer, or a module that maps (n, n_channels, n_times) to
        (n, n_embedding). A window of one sample takes the linear pair.
    brain_decoder : ``"tsconv"`` | ``"linear"`` | Module
        Table 7 (the mirror), one linear layer, or a module that maps (n, n_embedding)
        to (n, n_channels, n_times).
    image_encoder : ``"gabor"`` | callable
        What turns pictures into features when ``images`` are pictures; see
        :func:`mne_brainae.compute_image_features`.
    image_projection : ``"linear"`` | ``"identity"`` | Module
        What maps features into the shared space.
    n_embedding : int
        Dimension F of the shared space.
    n_kernels, kernel_length, pool_length, pool_stride : int
        The sizes k, m1, m2 and s of Table 6.
    inner_activation : bool
        Whether batch normalisation and ELU stand between temporal and spatial
        convolution (section 3.3.1); without them training is far faster.
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
        Passes over the training images.
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
    %(picks)s
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device.
    checkpoint : path-like | None
        A file that the state is written to after every epoch. A fit that was killed
        goes on from it to the same result.
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
        The epoch whose weights were kept.
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
        image_projection="linear",
        n_embedding=1024,
        n_kernels=40,
        kernel_length=26,
        pool_length=5,
        pool_stride=5,
        inner_activation=True,
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
        picks=None,
        device="auto",
        checkpoint=None,
        random_state=None,
        verbose=None,
    ):
        self.brain_encoder = brain_encoder
        self.brain_decoder = brain_decoder
        self.image_encoder = image_encoder
        self.image_projection = image_projection
        self.n_embedding = n_embedding
        self.n_kernels = n_kernels
        self.kernel_length = kernel_length
        self.pool_length = pool_length
        self.pool_stride = pool_stride
        self.inner_activation = inner_activation
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
        self.picks = picks
        self.device = device
        self.checkpoint = checkpoint
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
        features = self._features_at_fit(epochs, names, images)
        brain, table = average_by(epochs, "image", picks)
        shown = table["image"].astype(str)
        self._check_size(table)
        seed = seed_from(self.random_state)
        held_out = self._hold_out(table, np.random.default_rng(seed))
        self._learn_scales(brain, features, held_out, shown)
        self.info_ = mne.pick_info(epochs.info, picks)
        self.times_ = epochs.times.copy()
        self.train_images_ = list(shown)
        self._mean_response = brain.mean(axis=0, dtype=np.float64)
        self._train(*self._pairs(brain, features, held_out, shown), seed)
        self._seed = seed
        return self

    def _check_params(self) -> None:
        for name, registry in (
            ("brain_encoder", BRAIN_ENCODERS),
            ("brain_decoder", BRAIN_DECODERS),
        ):
            choice = getattr(self, name)
            _validate_type(choice, (str, torch.nn.Module), name)
            if isinstance(choice, str):
                _check_option(name, choice, tuple(registry))
        if isinstance(self.image_projection, str):
            _check_option(
                "image_projection", self.image_projection, ("linear", "identity")
            )
        _check_option("validation", self.validation, ("concept", "image"))
        _check_option("standardize", self.standardize, ("channel", "evoked"))
        for name in self.loss_weights or {}:
            _check_option("loss_weights", name, LOSS_TERMS)
        for name in ("temperature", "learning_rate", "max_epochs", "validation_size"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")

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
            logger.info("No images were given: fitting a brain-only autoencoder.")
            self.image_encoder_, self.feature_names_ = None, None
            return None
        unique = list(names.unique())
        if isinstance(images, np.ndarray):
            features = _rows_by_name(images, names)
        else:
            images = _image_paths(epochs, names) if images is None else images
            features = compute_image_features(
                images, self.image_encoder, names=unique, verbose=self.verbose
            )
        ready = isinstance(images, np.ndarray | pd.DataFrame)
        self.image_encoder_ = None if ready else self.image_encoder
        self.feature_names_ = [str(name) for name in features.columns]
        check_complete(unique, features.index, "images")
        return features

    def _hold_out(self, table: pd.DataFrame, rng) -> np.ndarray:
        """Choose the images to validate on; True where held out."""
        n_images = len(table)
        size = self.validation_size
        size = round(size * n_images) if size < 1 else int(size)
        wanted, size = size, int(np.clip(size, 2, max(n_images // 5, 2)))
        if wanted > size:
            logger.info(f"Validating on {size} images, a fifth, instead of {wanted}.")
        by_concept = self.validation == "concept" and "concept" in table
        if self.validation == "concept" and not by_concept:
            logger.info("epochs.metadata has no 'concept': validating on images.")
        groups = table["concept" if by_concept else "image"].astype(str)
        order = rng.permutation(groups.unique())
        counts = groups.value_counts()[order].cumsum()
        n_groups = min(int((counts < size).sum()) + 1, len(order) - 1)
        held_out = groups.isin(order[:n_groups]).to_numpy(copy=True)
        unit = "whole concepts" if by_concept else "images"
        self.selection_ = (
            f"least validation loss on {held_out.sum()} training images ({unit} "
            "held out)"
        )
        return held_out

    def _learn_scales(self, brain, features, held_out, shown) -> None:
        self._brain_scaler = Scaler.for_brain(brain[~held_out], self.standardize)
        self._image_scaler = None
        if features is not None:
            rows = features.loc[shown[~held_out]].to_numpy(np.float32)
            self._image_scaler = Scaler.for_features(rows)

    def _pairs(self, brain, features, held_out, shown):
        """Standardise, in place, and split into training and validation."""
        brain = torch.from_numpy(self._brain_scaler.transform(brain, out=brain))
        image = None
        if features is not None:
            rows = features.loc[shown].to_numpy(np.float32)
            image = torch.from_numpy(self._image_scaler.transform(rows))
        return [
            _training.Pairs(brain[part], None if image is None else image[part])
            for part in (torch.from_numpy(~held_out), torch.from_numpy(held_out))
        ]

    def _train(self, training, validation, seed: int) -> None:
        batch_size = _training.size_of_batch(len(training), self.batch_size)
        updates = len(training) // batch_size
        n_epochs = max(self.max_epochs, -(-self.min_updates // updates))
        if n_epochs > self.max_epochs:
            logger.info(f"{updates} updates per epoch: up to {n_epochs} epochs.")
        loss = BrainAELoss(
            dict.fromkeys(LOSS_TERMS, 1.0) | (self.loss_weights or {}),
            temperature=self.temperature,
            learn_temperature=self.learn_temperature,
            symmetric=self.symmetric,
        )
        checkpoint = None if self.checkpoint is None else Path(self.checkpoint)
        fingerprint = "" if checkpoint is None else self._fingerprint(training, seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network_ = self._build_network()
            state = _training.train(
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
                device=_training.resolve_device(self.device),
                checkpoint=checkpoint,
                fingerprint=fingerprint,
            )
        self.history_ = _training.history_table(state)
        self.best_epoch_ = state.best_epoch
        self.temperature_ = loss.temperature

    def _build_network(self):
        encoder, decoder = self.brain_encoder, self.brain_decoder
        if len(self.times_) == 1 and "tsconv" in (encoder, decoder):
            logger.info("One sample per epoch: taking the linear encoder and decoder.")
            encoder = "linear" if encoder == "tsconv" else encoder
            decoder = "linear" if decoder == "tsconv" else decoder
        scaler = self._image_scaler
        n_image_features = None if scaler is None else len(scaler.mean)
        identity = self.image_projection == "identity" and scaler is not None
        sizes = ("n_kernels", "kernel_length", "pool_length", "pool_stride")
        return build_network(
            n_channels=len(self.info_["ch_names"]),
            n_times=len(self.times_),
            n_image_features=n_image_features,
            n_embedding=n_image_features if identity else self.n_embedding,
            brain_encoder=encoder,
            brain_decoder=decoder,
            image_projection=self.image_projection,
            convolution={name: getattr(self, name) for name in sizes}
            | {"inner_activation": self.inner_activation},
        )

    def _fingerprint(self, training, seed: int) -> str:
        """Return the identity of data and settings, for checkpoints."""
        params = self.get_params()
        # More epochs go on from where fewer ended; the rest must be the same.
        for name in ("checkpoint", "device", "verbose", "random_state", "max_epochs"):
            params.pop(name)
        digest = hashlib.blake2b(json.dumps(params, default=_name_of).encode())
        digest.update(str(seed).encode())
        digest.update(training.brain.numpy().data)
        if training.image is not None:
            digest.update(training.image.numpy().data)
        return digest.hexdigest()

    # -- the shared space -------------------------------------------------------------

    def embed_epochs(self, epochs) -> pd.DataFrame:
        """Map brain responses into the shared space.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit.

        Returns
        -------
        embedding : DataFrame, shape (n_epochs, n_embedding)
            One row per epoch, indexed by ``epochs.metadata["image"]`` where present.
        """
        data = self._read(epochs)
        check_finite(data, "epochs")
        z = self._apply(self.network_.embed_brain, self._brain_scaler.transform(data))
        named = epochs.metadata is not None and "image" in epochs.metadata
        index = epochs.metadata["image"].astype(str).to_numpy() if named else None
        return pd.DataFrame(z, index=pd.Index(index, name="image") if named else None)

    @fill_doc
    def embed_images(self, images) -> pd.DataFrame:
        """Map pictures into the shared space.

        Parameters
        ----------
        %(new_images)s

        Returns
        -------
        embedding : DataFrame, shape (n_images, n_embedding)
            One row per picture, indexed by its name.
        """
        return self._embed_features(self._features(images))

    def _embed_features(self, features: pd.DataFrame) -> pd.DataFrame:
        rows = self._image_scaler.transform(features.to_numpy(np.float32))
        z = self._apply(self.network_.embed_image, rows)
        return pd.DataFrame(z, index=features.index)

    def _read(self, epochs) -> np.ndarray:
        check_is_fitted(self, "network_")
        picks = check_same_space(epochs, self.info_["ch_names"], self.times_)
        return read_array(epochs, picks)

    @torch.inference_mode()
    def _apply(self, function, rows: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(rows).split(BATCH)
        return torch.cat([function(part) for part in parts]).numpy()

    def _features(self, images, names=None) -> pd.DataFrame:
        """Return the features of pictures for a fitted model."""
        check_is_fitted(self, "network_")
        if self._image_scaler is None:
            raise RuntimeError(
                "The model was fitted without images and knows only brain responses. "
                "Fit it with images to predict, retrieve or classify."
            )
        ready = isinstance(images, pd.DataFrame) or (
            isinstance(images, np.ndarray) and images.ndim < 3
        )
        if isinstance(images, np.ndarray) and ready:
            images = _named_rows(images)
        if not ready and self.image_encoder_ is None:
            raise ValueError(
                "The model was fitted on ready features and has no image encoder. Give "
                "features of the same kind, as a DataFrame or array, not "
                f"{type(images).__name__}."
            )
        features = compute_image_features(
            images, self.image_encoder_, names=names, verbose=self.verbose
        )
        self._check_features(features)
        return features

    def _check_features(self, features: pd.DataFrame) -> None:
        n_features = len(self.feature_names_)
        if features.shape[1] != n_features:
            raise ValueError(
                f"images have {features.shape[1]} features, but the model was fitted "
                f"on {n_features}."
            )
        columns = [str(name) for name in features.columns]
        if columns != self.feature_names_ and set(columns) == set(self.feature_names_):
            raise ValueError("The columns of images are in another order than at fit.")

    # -- image -> brain ---------------------------------------------------------------

    @fill_doc
    def predict_epochs(self, images, *, output="epochs"):
        """Predict the brain responses to pictures (encoding).

        Parameters
        ----------
        %(new_images)s
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs, which MNE-Python holds in float64, or a float32
            array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_images, n_channels, n_times)
            One response per picture in SI units; ``metadata["image"]`` has the names.
        """
        _check_option("output", output, ("epochs", "array"))
        z = self.embed_images(images)
        return self._decode(z, pd.DataFrame({"image": z.index}), output)

    @fill_doc
    def predict_evoked(self, images) -> mne.EvokedArray:
        """Predict the brain response to a picture, or the mean over several.

        Parameters
        ----------
        %(new_images)s

        Returns
        -------
        evoked : instance of EvokedArray
            The response in SI units. ``nave`` is the number of pictures.
        """
        features = self._features(images)
        data = self._decode(self._embed_features(features), None, "array")
        return mne.EvokedArray(
            data.mean(axis=0),
            self.info_.copy(),
            tmin=self.times_[0],
            nave=len(data),
            comment="predicted: " + ", ".join(map(str, features.index[:3])),
        )

    def _decode(self, z: pd.DataFrame | np.ndarray, metadata, output: str):
        # pandas hands out read-only views, which PyTorch does not take.
        z = np.array(z, np.float32)
        data = self._apply(self.network_.decode, z)
        data = self._brain_scaler.inverse_transform(data)
        if output == "array":
            return data
        return make_epochs(data, self.info_, self.times_[0], metadata)

    # -- brain -> image ---------------------------------------------------------------

    def retrieve(self, epochs, candidates=None) -> Identification:
        """Find the picture that evoked every response among candidates.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata["image"]`` names the true pictures. Average
            repetitions first for the accuracy that papers report.
        candidates : path-like | list | dict | DataFrame | None
            The gallery, as ``images`` in :meth:`predict_epochs`; it must contain the
            true pictures. A folder or None stands for the pictures that ``epochs``
            name.

        Returns
        -------
        identification : instance of Identification
            Cosine similarities in the shared space, ranks, accuracy and protocol.
        """
        z_brain = self.embed_epochs(epochs)
        names = check_image_names(epochs)
        shown = list(names.unique())
        if candidates is None:
            candidates = _image_paths(epochs, names)
        whole = isinstance(candidates, str | Path)
        features = self._features(candidates, names=shown if whole else None)
        z_image = self._embed_features(features)
        return Identification(
            cosine_similarity(z_brain, z_image),
            z_image.index,
            names,
            {
                "task": "retrieval",
                "gallery": f"{len(z_image)} images",
                "templates": "the stimuli themselves",
                **self._protocol(epochs, names),
            },
        )

    def classify(self, epochs, templates) -> Identification:
        """Find the concept of the picture that evoked every response.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses; ``metadata`` needs columns ``"image"`` and ``"concept"``.
        templates : path-like | dict | DataFrame
            Other pictures of the concepts: a folder with one sub-folder per concept, a
            mapping from concept to pictures, or features indexed by
            ``(concept, image)``. A picture that ``epochs`` show is a ValueError.

        Returns
        -------
        identification : instance of Identification
            Cosine similarities to the mean embedding of every concept's templates.
        """
        z_brain = self.embed_epochs(epochs)
        names = check_image_names(epochs)
        if "concept" not in epochs.metadata:
            raise ValueError(
                "epochs.metadata has no column 'concept', which classification needs."
            )
        features = compute_template_features(templates, self._features)
        check_templates(features.index, epochs.metadata)
        lacking = set(epochs.metadata["concept"].astype(str)) - set(
            features.index.get_level_values("concept").astype(str)
        )
        if lacking:
            raise ValueError(
                "templates lack these concepts that the epochs show: "
                f"{five(sorted(lacking))}."
            )
        z_concept = self._embed_features(features).groupby(level="concept").mean()
        counts = features.groupby(level="concept").size()
        return Identification(
            cosine_similarity(z_brain, z_concept),
            z_concept.index,
            epochs.metadata["concept"].astype(str),
            {
                "task": "classification",
                "gallery": f"{len(z_concept)} concepts",
                "templates": f"mean of {counts.min()} to {counts.max()} other images "
                "of every concept",
                **self._protocol(epochs, names),
            },
        )

    def _protocol(self, epochs, names: pd.Series) -> dict:
        seen = set(names) & set(self.train_images_)
        if seen:
            warn(
                f"{len(seen)} of the test images were seen in fit, such as "
                f"{five(sorted(seen)[:2])}; the scores are not of unseen images."
            )
        counts = epochs.metadata.get("n_averaged", pd.Series([1]))
        return {
            "similarity": "cosine in the shared space",
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": len(self.info_["ch_names"]),
            "window": f"{self.times_[0]:g} to {self.times_[-1]:g} s",
            "model selection": self.selection_,
            "test images seen in fit": len(seen),
            "image encoder": _name_of(self.image_encoder_) or "ready features",
            "seed": self._seed,
            "transductive": False,
        }

    # -- brain -> brain ---------------------------------------------------------------

    def reconstruct(self, epochs, *, output="epochs"):
        """Complete a partial recording, or pass a whole one through the latent.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit. What is missing is NaN,
            as :func:`mne_brainae.mask_epochs` makes it.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs or a float32 array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_epochs, n_channels, n_times)
            The whole responses in SI units, observed entries predicted too.

        Notes
        -----
        The encoder sees a missing entry at the mean of its channel.
        """
        _check_option("output", output, ("epochs", "array"))
        data = self._read(epochs)
        data = self._brain_scaler.transform(data)
        data[np.isnan(data)] = 0.0
        check_finite(data, "epochs")
        z = self._apply(self.network_.embed_brain, data)
        return self._decode(z, epochs.metadata, output)

    # -- scores, files, looks ---------------------------------------------------------

    def score(self, epochs, images=None) -> float:
        """Return the encoding score of unseen images.

        Parameters
        ----------
        epochs : instance of Epochs
            Measured responses; repetitions are averaged.
        images : path-like | list | dict | DataFrame | None
            The pictures, as at fit.

        Returns
        -------
        r : float
            Pearson correlation of measured and predicted responses across images, mean
            over channels and times. The mean response scores 0. For the full account
            see :func:`mne_brainae.score_encoding`.
        """
        names = check_image_names(epochs)
        self._read(epochs[:1])
        picks = [epochs.ch_names.index(name) for name in self.info_["ch_names"]]
        measured, table = average_by(epochs, "image", np.array(picks))
        images = _image_paths(epochs, names) if images is None else images
        shown = list(table["image"].astype(str))
        features = self._features(images, names=shown)
        predicted = self._decode(self._embed_features(features), None, "array")
        return float(correlate(measured, predicted, axis=0).mean())

    @property
    def evoked_(self) -> mne.EvokedArray:
        """The mean training response."""
        check_is_fitted(self, "network_")
        return mne.EvokedArray(
            self._mean_response,
            self.info_.copy(),
            tmin=self.times_[0],
            nave=len(self.train_images_),
            comment="mean training response",
        )

    def copy(self) -> BrainAE:
        """Return a deep copy.

        Returns
        -------
        model : instance of BrainAE
            The copy.
        """
        return copy.deepcopy(self)

    @verbose
    def save(self, fname, *, overwrite=False, verbose=None) -> None:
        """Write the model to one safetensors file, without pickle.

        Parameters
        ----------
        fname : path-like
            The file; its name must end in ``.safetensors``.
        overwrite : bool
            Whether an existing file may be replaced.
        verbose : bool | str | int | None
            Control verbosity of the logging output.
        """
        check_is_fitted(self, "network_")
        fname = Path(fname)
        if fname.suffix != ".safetensors":
            raise ValueError(f"fname must end in .safetensors, got {fname.name!r}.")
        _check_fname(fname, overwrite=overwrite)
        weights = self.network_.state_dict()
        arrays = {f"network.{name}": value.numpy() for name, value in weights.items()}
        arrays |= {
            "brain.mean": self._brain_scaler.mean,
            "brain.scale": self._brain_scaler.scale,
            "mean_response": self._mean_response,
            "times": self.times_,
        }
        if self._image_scaler is not None:
            arrays["image.mean"] = self._image_scaler.mean
            arrays["image.scale"] = self._image_scaler.scale
        write_arrays(fname, arrays, self._header())
        logger.info(f"Wrote {fname}.")

    def _header(self) -> dict:
        params = self.get_params()
        params["picks"] = None if params["picks"] is None else self.info_["ch_names"]
        params["random_state"] = self._seed
        params["checkpoint"] = None
        learned = ("feature_names_", "train_images_", "selection_", "best_epoch_")
        return {
            **MODEL_FILE,
            "written_by": f"mne_brainae {__version__}, mne {mne.__version__}, "
            f"torch {torch.__version__}",
            "params": json.loads(json.dumps(params, default=_name_of)),
            "own_parts": [name for name in PARTS if not _is_plain(params[name])],
            "image_encoder_": _name_of(self.image_encoder_),
            "info": self.info_.to_json_dict(),
            "history": self.history_.to_dict(orient="list"),
            "temperature_": self.temperature_,
            **{name: getattr(self, name) for name in learned},
        }

    def __repr__(self, N_CHAR_MAX=700) -> str:
        if not hasattr(self, "network_"):
            return super().__repr__()
        n_features = 0 if self._image_scaler is None else len(self._image_scaler.mean)
        return (
            f"<BrainAE | {len(self.info_['ch_names'])} channels x {len(self.times_)} "
            f"times ({self.times_[0]:g} to {self.times_[-1]:g} s), {n_features} image "
            f"features, fitted on {len(self.train_images_)} images, epoch "
            f"{self.best_epoch_} of {len(self.history_)} kept>"
        )


#: Parameters that may be objects of the user's own.
PARTS = ("brain_encoder", "brain_decoder", "image_projection", "image_encoder")


def _is_plain(part) -> bool:
    return part is None or isinstance(part, str)


def _name_of(part) -> str | None:
    """Name a part of the user's own, for protocols and headers."""
    if isinstance(part, np.generic):
        return part.item()
    if _is_plain(part):
        return part
    return getattr(part, "__name__", type(part).__name__)


def _image_paths(epochs, names: pd.Series) -> dict[str, str]:
    """Return the picture files that the metadata name."""
    if "image_path" not in epochs.metadata:
        raise ValueError(
            "No images were given and epochs.metadata has no column 'image_path'. Give "
            "the folder of pictures, a list of files, or features."
        )
    return dict(zip(names, epochs.metadata["image_path"], strict=True))


def _rows_by_name(rows: np.ndarray, names: pd.Series) -> pd.DataFrame:
    """Turn one row of features per epoch into one row per image."""
    if rows.ndim != 2 or len(rows) != len(names):
        raise ValueError(
            f"images as an array must have shape (n_epochs, n_features) with "
            f"{len(names)} epochs, got {rows.shape}. Use a DataFrame indexed by image "
            "name to give every image once."
        )
    check_finite(rows, "images")
    first = ~names.duplicated().to_numpy()
    features = pd.DataFrame(rows[first], index=pd.Index(names[first], name="image"))
    differs = (features.loc[names].to_numpy() != rows).any(axis=1)
    if differs.any():
        raise ValueError(
            "Epochs of one image have different rows of features: "
            f"{five(names[differs].unique())}."
        )
    return features.astype(np.float32)


def _named_rows(rows: np.ndarray) -> pd.DataFrame:
    rows = np.atleast_2d(rows)
    names = [f"image-{i}" for i in range(len(rows))]
    return pd.DataFrame(rows, index=pd.Index(names, name="image"))


@fill_doc
def fit(epochs, images=None, *, recipe: str = "paper", **params) -> BrainAE:
    """Fit a BrainAE model in one line.

    Parameters
    ----------
    %(epochs_images)s
    %(images)s
    recipe : ``"paper"``
        Named settings: ``"paper"`` is section 4.2, with 740 random images to validate.
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
    arrays, header = read_arrays(Path(fname), **MODEL_FILE)
    parts = parts or {}
    missing = [name for name in header["own_parts"] if name not in parts]
    needed = [name for name in missing if name != "image_encoder"]
    if needed:
        raise ValueError(
            f"The model was fitted with your own {', '.join(needed)} "
            f"({', '.join(header['params'][name] for name in needed)}). Give it back: "
            "read_brainae(fname, parts={name: module})."
        )
    params = header["params"] | dict.fromkeys(missing, "gabor") | parts
    params["betas"] = tuple(params["betas"])
    model = BrainAE(**params)
    for name in ("feature_names_", "train_images_", "selection_", "best_epoch_"):
        setattr(model, name, header[name])
    model.temperature_ = header["temperature_"]
    model.history_ = pd.DataFrame(header["history"]).rename_axis("epoch")
    encoder = header["image_encoder_"]
    model.image_encoder_ = parts.get("image_encoder", encoder) if encoder else None
    if "image_encoder" in missing:
        model.image_encoder_ = None
    model.info_ = mne.Info.from_json_dict(header["info"])
    model.times_, model._mean_response = arrays["times"], arrays["mean_response"]
    model._brain_scaler = Scaler(arrays["brain.mean"], arrays["brain.scale"])
    model._image_scaler = None
    if "image.mean" in arrays:
        model._image_scaler = Scaler(arrays["image.mean"], arrays["image.scale"])
    model._seed = header["params"]["random_state"]
    model.network_ = model._build_network().eval()
    prefix = "network."
    weights = {
        name.removeprefix(prefix): torch.from_numpy(value)
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    model.network_.load_state_dict(weights)
    return model
