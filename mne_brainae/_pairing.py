"""What belongs to which epoch: features, predictions, and images held out."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ._checks import (
    _validate_type,
    check_complete,
    check_finite,
    check_image_names,
    check_same_space,
    counted,
    five,
    logger,
    pick_channels,
)
from .images import find_images
from .preprocessing import average_by, read_array


def image_paths(epochs, names: pd.Series) -> dict[str, str]:
    """Return the picture files that the metadata name."""
    if "image_path" not in epochs.metadata:
        raise ValueError(
            "No images were given and epochs.metadata has no column 'image_path'. Give "
            "the folder of pictures, a list of files, or features."
        )
    return dict(zip(names, epochs.metadata["image_path"], strict=True))


def check_folder(images, names: pd.Series) -> None:
    """Refuse a folder that lacks pictures, before epochs are read or encoded."""
    if isinstance(images, str | os.PathLike):
        find_images(images, names.unique())


def rows_by_name(rows: np.ndarray, names: pd.Series) -> pd.DataFrame:
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


def named_rows(rows: np.ndarray) -> pd.DataFrame:
    """Name rows of features of new images by their number."""
    rows = np.atleast_2d(rows)
    names = [f"image-{i}" for i in range(len(rows))]
    return pd.DataFrame(rows, index=pd.Index(names, name="image"))


def hold_out(
    table: pd.DataFrame, by: str, size: float, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Choose the images to validate on.

    Parameters
    ----------
    table : DataFrame, shape (n_images, n_columns)
        One row per image, with columns ``"image"`` and, to hold out concepts,
        ``"concept"``.
    by : ``"concept"`` | ``"image"``
        What is held out as a whole.
    size : float | int
        The share or number of images, at most a fifth of them.
    rng : instance of Generator
        The random numbers.

    Returns
    -------
    held_out : array of bool, shape (n_images,)
        True where held out.
    unit : str
        What was held out, in words.
    """
    n_images = len(table)
    wanted = round(size * n_images) if size < 1 else int(size)
    size = int(np.clip(wanted, 2, max(n_images // 5, 2)))
    if wanted > size:
        logger.info(
            f"Validating on {counted(size, 'image')}, a fifth, instead of {wanted}."
        )
    by_concept = by == "concept" and "concept" in table
    if by == "concept" and not by_concept:
        logger.info("epochs.metadata has no 'concept': validating on images.")
    groups = table["concept" if by_concept else "image"].astype(str)
    order = rng.permutation(groups.unique())
    counts = groups.value_counts()[order].cumsum()
    n_groups = min(int((counts < size).sum()) + 1, len(order) - 1)
    held_out = groups.isin(order[:n_groups]).to_numpy(copy=True)
    return held_out, "whole concepts" if by_concept else "images"


@dataclass
class Pairs:
    """Measured and predicted responses to the same images, on the same channels.

    Parameters
    ----------
    measured, predicted, mean : array, shape (n_images, n_channels, n_times)
        Responses averaged over repetitions, predictions, and the mean response for
        every image.
    table : DataFrame, shape (n_images, n_columns)
        What the metadata say of every image, and ``n_averaged``.
    picks : array of int, shape (n_channels,)
        Where the channels are in the measured epochs.
    info : instance of Info
        The channels.
    tmin : float
        The first time in seconds.
    protocol : dict
        Images, repetitions, channels and window.
    """

    measured: np.ndarray
    predicted: np.ndarray
    mean: np.ndarray
    table: pd.DataFrame
    picks: np.ndarray
    info: mne.Info
    tmin: float
    protocol: dict

    @property
    def images(self) -> list[str]:
        """The names of the images."""
        return list(self.table["image"].astype(str))


def pair_responses(epochs, epochs_predicted, mean_response, picks=None) -> Pairs:
    """Average repetitions, and bring the predictions into the same order.

    Parameters
    ----------
    epochs : instance of Epochs
        Measured responses with ``metadata["image"]``.
    epochs_predicted : instance of Epochs
        One predicted response per image; other images are left out.
    mean_response : instance of Evoked
        The mean training response, of the channels and times of the predictions.
    picks : str | array-like | slice | None
        Channels of ``epochs_predicted``; None takes all.

    Returns
    -------
    pairs : instance of Pairs
        The responses. Other channels or times, and missing images, are a ValueError.
    """
    _validate_type(mean_response, mne.Evoked, "mean_response")
    check_image_names(epochs)
    epochs.drop_bad(verbose=False)
    predicted_names = check_image_names(epochs_predicted)
    ch_names, times = epochs_predicted.ch_names, epochs_predicted.times
    in_measured = check_same_space(epochs, ch_names, times)
    same_channels = list(mean_response.ch_names) == list(ch_names)
    if not same_channels or mean_response.data.shape[1] != len(times):
        raise ValueError(
            "mean_response has other channels or times than epochs_predicted."
        )
    chosen = np.arange(len(ch_names))
    if picks is not None:
        chosen = pick_channels(epochs_predicted.info, picks)
    measured, table = average_by(epochs, "image", in_measured[chosen])
    shown = table["image"].astype(str)
    check_complete(shown, predicted_names, "epochs_predicted")
    rows = pd.Index(predicted_names).get_indexer(shown)
    predicted = read_array(epochs_predicted, chosen)[rows]
    check_finite(predicted, "epochs_predicted")
    counts = table["n_averaged"]
    return Pairs(
        measured,
        predicted,
        np.broadcast_to(mean_response.data[chosen], measured.shape),
        table,
        in_measured[chosen],
        mne.pick_info(epochs_predicted.info, chosen),
        times[0],
        {
            "images": len(table),
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": f"{len(chosen)} of {len(ch_names)}",
            "window": f"{times[0]:g} to {times[-1]:g} s",
        },
    )
