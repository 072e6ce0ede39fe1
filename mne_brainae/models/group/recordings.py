"""The recordings of several subjects, one after the other."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ...images.ready import is_array
from ...images.sketches import sketch
from ...preprocessing.scaling import Scaler
from ...utils.checks import check_epochs, check_image_names, five
from ..training_set import Reading, TrainingSet, features_of_epochs

NAME_THEM = (
    "Name the subject of every epoch in epochs.metadata['subject'], or give a dict "
    "from subject to Epochs."
)


def subjects_in(epochs) -> list[str]:
    """Return the subjects that metadata name, in order; none without the column."""
    metadata = getattr(epochs, "metadata", None)
    if metadata is None or "subject" not in metadata:
        return []
    return [str(name) for name in metadata["subject"].dropna().unique()]


def by_subject(epochs) -> dict[str, mne.BaseEpochs]:
    """Return the epochs of every subject.

    Parameters
    ----------
    epochs : instance of Epochs | dict of Epochs
        Epochs whose metadata name the subject, or Epochs by subject, of other channels
        each if need be. Epochs that were not loaded are not loaded here.

    Returns
    -------
    recordings : dict of Epochs
        By subject.
    """
    if isinstance(epochs, Mapping):
        if not epochs:
            raise ValueError("epochs is an empty dict; expected Epochs by subject.")
        for name, each in epochs.items():
            check_epochs(each, f"epochs[{name!r}]")
        return {str(name): each for name, each in epochs.items()}
    check_epochs(epochs)
    names = subjects_in(epochs)
    if not names:
        raise ValueError(f"epochs do not name their subject. {NAME_THEM}")
    column = epochs.metadata["subject"]
    if column.isna().any():
        raise ValueError(
            f"epochs.metadata['subject'] is missing in {column.isna().sum()} of "
            f"{len(column)} rows. {NAME_THEM}"
        )
    column = column.astype(str).to_numpy()
    return {name: epochs[np.flatnonzero(column == name)] for name in names}


@dataclass
class Images:
    """The features of the images of all subjects.

    Parameters
    ----------
    features : DataFrame, shape (n_images, n_features)
        One row per image.
    encoder : str | ImageEncoder | callable | None
        What made them; None for ready features.
    """

    features: pd.DataFrame
    encoder: object

    @classmethod
    def of(cls, recordings: Mapping, images, encoder, device: str) -> Images:
        """Compute the features of the images of all subjects.

        Parameters
        ----------
        recordings : dict of Epochs
            The epochs by subject.
        images : path-like | list | dict | DataFrame | None
            The images or their features.
        encoder : str | ImageEncoder | callable
            What turns images into features.
        device : str
            Where they are computed.

        Returns
        -------
        found : instance of Images
            The features.

        Raises
        ------
        ValueError
            If one name stands for different images in two subjects.
        """
        if is_array(images):
            raise TypeError(
                "images must be named for several subjects: give a DataFrame indexed "
                f"by image, images or a folder, not {type(images).__name__}."
            )
        how, tables, used = Reading(encoder, device=device), [], None
        for epochs in recordings.values():
            names = check_image_names(epochs)
            table, used = features_of_epochs(epochs, names, images, how)
            tables.append(table)
        features = pd.concat(tables)
        again = features.index.duplicated()
        first = features[~again]
        repeated = features[again]
        same = np.isclose(repeated, first.loc[repeated.index]).all(axis=1)
        if not same.all():
            raise ValueError(
                "Subjects use one name for different images: "
                f"{five(repeated.index[~same])}. Give every image a name of its own."
            )
        return cls(first, used)


def read_standardized(
    epochs, features: pd.DataFrame, scaler: Scaler, picks, seed: int
) -> tuple[TrainingSet, np.ndarray]:
    """Read a subject's epochs, with features standardized alike for all subjects.

    Parameters
    ----------
    epochs : instance of Epochs
        The subject's epochs.
    features : DataFrame, shape (n_images, n_features)
        The features of the images.
    scaler : instance of Scaler
        Standardizes features.
    picks : str | array-like | slice | None
        The channels.
    seed : int
        A seed; nothing is held out here.

    Returns
    -------
    data : instance of TrainingSet
        The epochs as arrays.
    given : array, shape (n_images, n_features)
        The standardized features of the training images.
    """
    reading = Reading("gabor", picks=picks, spatial_window=None)
    data = TrainingSet.read(epochs, features, reading, seed)
    rows = features.loc[data.learned["image"]].to_numpy(np.float32)
    given = scaler.transform(rows)
    data.latent |= {"image_scaler": scaler, "train_sketches": sketch(given)}
    return data, given
