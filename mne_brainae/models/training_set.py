"""What a model learns from: epochs and images, paired, averaged, split and scaled."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import torch

from ..images import ImageEncoder, compute_image_features
from ..images.files import check_folder
from ..images.pairing import image_paths, rows_by_name
from ..images.ready import as_float32, is_array, to_array
from ..images.sketches import sketch
from ..preprocessing.averaging import average_by, trials_averaged
from ..preprocessing.imputation import MOST_EPOCHS, Imputer
from ..preprocessing.scaling import FEATURE_ENERGY, Scaler
from ..preprocessing.splits import hold_out
from ..preprocessing.trials import Trials
from ..utils.checks import check_image_names, logger, pick_channels, warn
from ..utils.files import take_rows
from .feature_weights import (
    SpatialWindow,
    check_maps,
    choose_window,
    feature_weights,
    has_maps,
)
from .latent import Latent
from .training import Pairs
from .trial_noise import TrialNoise

SOME = 500  # responses are enough to see their scale
FEWEST_IMAGES = 4  # two to learn from, two to validate on


@dataclass
class Reading:
    """How epochs and images become arrays; every model takes what it needs.

    Parameters
    ----------
    image_encoder : str | ImageEncoder | callable
        What turns images into features.
    picks : str | array-like | slice | None
        The channels.
    standardize : ``"channel"`` | ``"evoked"`` | ``"raw"``
        What is subtracted of responses: every channel's mean, the mean response, or
        nothing, which does not divide either.
    standardize_images : bool
        Whether image features are standardized.
    device : str
        Where image features are computed.
    needs_images : bool
        Whether the model cannot do without images.
    spatial_window : ``"auto"`` | tuple of float | None
        The part of the image that counts.
    validation : ``"concept"`` | ``"image"`` | None
        What is held out to choose by; None holds nothing out.
    validation_size : float | int
        How much is held out.
    memory_map : Path | None
        A folder for temporary files; None is memory.
    stacks_windows : bool
        Whether the model itself sees the maps of features through windows where
        responses have one sample, so that all features are standardized alike.
    feature_energy : float | None
        The mean squared norm of standardized features; None is their number.
    by_subject : bool
        Whether repetitions are averaged within subjects, which the metadata name.
    keep_noise : bool
        Whether the model keeps the noise of single trials.
    """

    image_encoder: str | ImageEncoder | Callable
    picks: object = None
    standardize: str = "evoked"
    standardize_images: bool = True
    device: str = "auto"
    needs_images: bool = True
    spatial_window: str | tuple | None = None
    validation: str | None = None
    validation_size: float = 0.1
    memory_map: Path | None = None
    stacks_windows: bool = False
    feature_energy: float | None = FEATURE_ENERGY
    by_subject: bool = False
    keep_noise: bool = False

    def stacks(self, n_times: int, columns: pd.Index) -> bool:
        """Tell whether the model sees features through windows of its own."""
        return self.stacks_windows and n_times == 1 and has_maps(columns)


@dataclass
class TrainingSet:
    """Averaged responses beside image features, standardized, and what undoes it.

    Parameters
    ----------
    training, validation : instance of Pairs
        The images to learn from and those that were held out to choose by.
    table : DataFrame, shape (n_images, n_columns)
        What the metadata say of all images, and ``n_averaged``.
    held_out : array of bool, shape (n_images,)
        Which of them were held out.
    held_out_by : str
        What was held out, in words.
    latent : dict
        The fields of :class:`Latent` that reading decides over.
    spatial_window : tuple of float | None
        The window in use.
    stacks_windows : bool
        Whether the model is to see features through windows of its own.
    columns : Index | None
        The columns of the image features.
    folder : Path | None
        Where temporary files are kept; None is memory.
    epochs : instance of Epochs
        The responses that were averaged.
    picks : array of int, shape (n_channels,)
        The channels.
    unpaired : instance of Pairs | None
        Images without responses to learn from as well.
    """

    training: Pairs
    validation: Pairs
    table: pd.DataFrame
    held_out: np.ndarray
    held_out_by: str
    latent: dict
    spatial_window: tuple | None
    stacks_windows: bool
    columns: pd.Index | None
    folder: Path | None
    epochs: mne.BaseEpochs
    picks: np.ndarray
    unpaired: Pairs | None = None

    @classmethod
    def read(cls, epochs, images, how: Reading, seed: int | None) -> TrainingSet:
        """Read, pair, average, split and standardize.

        Parameters
        ----------
        epochs : instance of Epochs
            The responses.
        images : path-like | list | dict | DataFrame | array | None
            The images or their features.
        how : instance of Reading
            How to.
        seed : int | None
            Seed of the split.

        Returns
        -------
        data : instance of TrainingSet
            What a model learns from.
        """
        names = check_image_names(epochs)
        picks = pick_channels(epochs.info, how.picks)
        check_folder(images, names)
        if how.keep_noise:
            check_repeated(names)
        # Before features are computed, which may take long: NaN is an error here.
        keys = ["image", "subject"] if names_subjects(epochs, how) else ["image"]
        brain, table = average_by(epochs, keys, picks, how.memory_map)
        features, encoder = features_of_epochs(epochs, names, images, how)
        shown = table["image"]
        check_size(table)
        held_out, held_out_by = _hold_out(table, how, seed)
        latent = {
            "info": mne.pick_info(epochs.info, picks),
            "times": epochs.times.copy(),
            "mean_response": brain.mean(axis=0, dtype=np.float64),
            "train_images": list(shown.unique()),
            "image_encoder": encoder,
            "baseline": epochs.baseline,
            "n_averaged": float(table["n_averaged"].mean()),
        }
        if how.by_subject:
            latent["subjects"] = subjects_in(table)
        parts = _split(brain, held_out, how.memory_map)
        del brain  # the parts hold what goes on
        if how.standardize == "raw":
            _warn_if_in_volts(parts[0])
        latent["brain_scaler"] = scaler = Scaler.for_brain(parts[0], how.standardize)
        for part in parts:
            scaler.transform(part, out=part)
        window, image, columns, stacks = None, [None, None], None, False
        if features is not None:
            rows, columns = features.loc[shown], features.columns
            del features  # pixels of many images take much memory
            window, latent["image_scaler"] = _scale_of_images(
                rows[~held_out], parts[0], how
            )
            latent["feature_names"] = [str(name) for name in columns]
            image, sketches = _scaled_parts(rows, held_out, latent["image_scaler"])
            stacks = how.stacks(len(epochs.times), columns)
            latent["train_sketches"] = sketches[~shown.duplicated()]
            del rows  # the parts hold what goes on
        pairs = [
            Pairs(torch.from_numpy(part), rows, how.memory_map)
            for part, rows in zip(parts, image, strict=True)
        ]
        about = (table, held_out, held_out_by, latent, window, stacks, columns)
        data = cls(*pairs, *about, how.memory_map, epochs, picks)
        if how.by_subject:
            data.let_know("subject", subject_codes(table, latent["subjects"]))
        if how.keep_noise:  # before a training lays the responses out for itself
            latent["trial_noise"] = data._learn_trial_noise()
        return data

    def let_know(self, name: str, rows: np.ndarray) -> None:
        """Add what else is known of every image, for the objective.

        Parameters
        ----------
        name : str
            Its name there.
        rows : array, shape (n_images, ...)
            One row per row of ``table``.
        """
        self.training.known[name] = torch.from_numpy(rows[~self.held_out])
        self.validation.known[name] = torch.from_numpy(rows[self.held_out])

    @property
    def learned(self) -> pd.DataFrame:
        """The rows of the table that the model learns from."""
        return self.table[~self.held_out]

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of channels and times."""
        return self.latent["mean_response"].shape

    @property
    def n_features(self) -> int | None:
        """The number of image features; None without images."""
        scaler = self.latent.get("image_scaler")
        return None if scaler is None else len(scaler.mean)

    def groups(self, by: str) -> pd.Series:
        """Return what is held out as a whole of the images to learn from."""
        by = by if by in self.table else "image"
        return self.learned[by].astype(str)

    def hold_out(self, by: str, size: float | int, seed: int) -> TrainingSet:
        """Hold images out of those to learn from, standardized as before.

        Parameters
        ----------
        by : ``"concept"`` | ``"image"``
            What is held out as a whole.
        size : float | int
            The share or number of images.
        seed : int
            The seed.

        Returns
        -------
        data : instance of TrainingSet
            The same recording with fewer images to learn from; arrays are copied.
        """
        rng = np.random.default_rng(seed)
        held_out, unit = hold_out(self.table, by, size, rng)
        pairs = []
        for rows in (np.flatnonzero(~held_out), np.flatnonzero(held_out)):
            brain = take_rows(self.training.brain.numpy(), rows, self.folder)
            image = self.training.image
            image = None if image is None else image[torch.from_numpy(rows)]
            pairs.append(Pairs(torch.from_numpy(brain), image, self.folder))
        return replace(
            self,
            training=pairs[0],
            validation=pairs[1],
            held_out=held_out,
            held_out_by=unit,
        )

    @property
    def sfreq(self) -> float:
        """The sampling frequency in hertz."""
        return self.latent["info"]["sfreq"]

    def trials(self) -> tuple[Trials, np.ndarray]:
        """Return the single trials of the images to learn from.

        Returns
        -------
        trials : instance of Trials
            The standardized trials, read when they are asked for.
        images : array of int, shape (n_trials,)
            The image of each, as a row of ``training``.
        """
        metadata = self.epochs.metadata.assign(image=check_image_names(self.epochs))
        by_subject = "subject" in self.training.known and "subject" in metadata
        keys = ["image", "subject"] if by_subject else ["image"]
        learned = pd.MultiIndex.from_frame(self.learned[keys])
        images = learned.get_indexer(pd.MultiIndex.from_frame(metadata[keys]))
        rows = np.flatnonzero(images >= 0)
        scaler = self.latent["brain_scaler"]
        return Trials(self.epochs, self.picks, scaler, rows), images[rows]

    def averaged_before(self) -> float:
        """Return of how many trials one epoch is the mean: 1, or ``n_averaged``."""
        return float(1 / np.mean(1 / trials_averaged(self.epochs.metadata)))

    def learn_imputer(self) -> Imputer:
        """Learn to fill missing entries from single epochs, at most 2000 of them."""
        n_epochs = len(self.epochs)
        some = np.linspace(0, n_epochs - 1, min(n_epochs, MOST_EPOCHS)).astype(int)
        trials = Trials(self.epochs, self.picks, self.latent["brain_scaler"])
        data = trials[np.unique(some)]
        return Imputer.fit(data.reshape(len(data), -1))

    def to_latent(self, **learned) -> Latent:
        """Return the fitted shared space, of what a model learned from this."""
        return Latent(**self.latent, **learned)

    def _learn_trial_noise(self) -> TrialNoise:
        trials, images = self.trials()
        noise = TrialNoise.learn(trials, images, self.training.brain.numpy())
        logger.info(
            f"Kept the noise of {len(noise.rows)} trials, which makes the model and "
            f"its file {noise.rows.nbytes / 2**20:.1f} MB larger."
        )
        return noise


def check_repeated(names: pd.Series) -> None:
    """Refuse images that were shown once, whose trials tell no noise."""
    if not names.duplicated().any():
        raise ValueError(
            "keep_noise=True keeps what differs between the trials of an image, but "
            "every image was shown only once. Give single trials of images that were "
            "repeated, or leave keep_noise out."
        )


def names_subjects(epochs: mne.BaseEpochs, how: Reading) -> bool:
    """Tell whether responses are to be averaged within the subjects they name."""
    return how.by_subject and "subject" in epochs.metadata


def subjects_in(table: pd.DataFrame) -> list[str]:
    """Return the names of all subjects, one of no name where there is no column."""
    return sorted(table["subject"].astype(str).unique()) if "subject" in table else [""]


def subject_codes(table: pd.DataFrame | None, subjects: list[str]) -> np.ndarray:
    """Return which of some subjects every row is of.

    Parameters
    ----------
    table : DataFrame, shape (n_rows, n_columns) | None
        Metadata; without a column ``"subject"`` there is one subject, of no name.
    subjects : list of str
        The names.

    Returns
    -------
    codes : array of int, shape (n_rows,)
        The place of each one's subject, -1 for a subject of another name.
    """
    if table is None:
        return np.full(1, -1)
    names = [""] * len(table) if "subject" not in table else table["subject"]
    return pd.Index(subjects).get_indexer(pd.Series(names, dtype=object).astype(str))


def check_size(table: pd.DataFrame) -> None:
    """Refuse images that are too few to learn from and to validate on."""
    if len(table) < FEWEST_IMAGES:
        raise ValueError(
            f"epochs show {len(table)} different images, but at least {FEWEST_IMAGES} "
            "are needed to train and to validate: a batch needs two."
        )
    if "concept" in table and table["concept"].nunique() == 1:
        raise ValueError(
            f"epochs.metadata['concept'] is always {table['concept'].iloc[0]!r}. At "
            "least two concepts are needed, or drop the column to hold out images."
        )


def features_of_epochs(
    epochs, names: pd.Series, images, how: Reading
) -> tuple[pd.DataFrame | None, object]:
    """Return the features of the images in epochs, and what encoded them.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs.
    names : Series, shape (n_epochs,)
        The image of every epoch.
    images : path-like | list | dict | DataFrame | array | None
        Images or features.
    how : instance of Reading
        Image encoder and device.

    Returns
    -------
    features : DataFrame | None
        One row per image; None without images, where the model can do without.
    encoder : str | ImageEncoder | callable | None
        The image encoder; None for ready features.
    """
    if images is None and "image_path" not in epochs.metadata:
        if how.needs_images:
            raise ValueError(
                "The model learns from images: give images, or a column 'image_path' "
                "in epochs.metadata."
            )
        logger.info("No images were given: fitting a brain-only autoencoder.")
        return None, None
    unique = list(names.unique())
    if is_array(images):
        rows = as_float32(to_array(images), names, "images")
        features = rows_by_name(rows, names)
    else:
        images = image_paths(epochs, names) if images is None else images
        features = compute_image_features(
            images, how.image_encoder, names=unique, device=how.device
        )
    if is_array(images) or isinstance(images, pd.DataFrame):
        return features, None
    encoder = how.image_encoder
    if isinstance(encoder, ImageEncoder):
        encoder = encoder.for_gallery()
    return features, encoder


def _hold_out(table: pd.DataFrame, how: Reading, seed) -> tuple[np.ndarray, str]:
    """Choose the images to validate on; True where held out."""
    if how.validation is None:
        return np.zeros(len(table), bool), "none"
    rng = np.random.default_rng(seed)
    return hold_out(table, how.validation, how.validation_size, rng)


def _split(brain: np.ndarray, held_out: np.ndarray, folder) -> list[np.ndarray]:
    if not held_out.any():
        return [brain, brain[:0]]
    rows = [np.flatnonzero(part) for part in (~held_out, held_out)]
    return [take_rows(brain, each, folder) for each in rows]


def _warn_if_in_volts(responses: np.ndarray) -> None:
    """Warn of responses that a network cannot take as they are."""
    spread = float(np.std(responses[:SOME]))
    if not 0.01 < spread < 100:
        warn(
            f"The responses have a standard deviation of {spread:.3g}, and "
            "standardize='raw' does not scale them. Whiten them, or take "
            "standardize='evoked'."
        )


def _scaled_parts(
    rows: pd.DataFrame, held_out: np.ndarray, scaler: Scaler
) -> tuple[list[torch.Tensor], np.ndarray]:
    """Return the standardized features of both parts, and sketches of all images."""
    values, parts, sketches = rows.to_numpy(np.float32), [], None
    for part in (~held_out, held_out):
        scaled = values[part]
        scaler.transform(scaled, out=scaled)
        of_part = sketch(scaled)
        if sketches is None:
            sketches = np.empty((len(values), of_part.shape[1]), np.float32)
        sketches[part] = of_part
        parts.append(torch.from_numpy(scaled))
    return parts, sketches


def _scale_of_images(
    rows: pd.DataFrame, responses: np.ndarray, how: Reading
) -> tuple[tuple | None, Scaler]:
    """Learn how much every feature counts, for standardized responses."""
    if how.stacks(responses.shape[2], rows.columns):
        return None, Scaler.for_features(rows.to_numpy(np.float32))
    if not how.standardize_images:
        return None, Scaler.none(rows.shape[1:])
    window = how.spatial_window
    if window == "auto":
        window = choose_window(rows, responses) if has_maps(rows.columns) else None
    elif window is not None:
        window = SpatialWindow.of(window)
        check_maps(rows.columns)
    weights = feature_weights(rows.columns, window)
    features = rows.to_numpy(np.float32)
    scaler = Scaler.for_features(features, weights, how.feature_energy)
    return None if window is None else astuple(window), scaler
