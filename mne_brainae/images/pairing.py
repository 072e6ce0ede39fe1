"""What belongs to which epoch: features, predictions, and images held out."""

# License: BSD-3-Clause

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from ..utils.checks import (
    check_finite,
    five,
)
from . import find_images
from .ready import check_real


def image_paths(epochs, names: pd.Series) -> dict[str, str]:
    """Return the image files that the metadata name."""
    if "image_path" not in epochs.metadata:
        raise ValueError(
            "No images were given and epochs.metadata has no column 'image_path'. Give "
            "the folder of images, a list of files, or features."
        )
    return dict(zip(names, epochs.metadata["image_path"], strict=True))


def check_folder(images, names: pd.Series) -> None:
    """Refuse a folder that lacks images, before epochs are read or encoded."""
    if isinstance(images, str | os.PathLike):
        find_images(images, names.unique())


def rows_by_name(rows: np.ndarray, names: pd.Series) -> pd.DataFrame:
    """Turn one row of features per epoch into one row per image."""
    check_real(rows, "images")
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
            "Epochs of one image have different rows of features in images: "
            f"{five(names[differs].unique())}."
        )
    return features.astype(np.float32)


def named_rows(rows: np.ndarray) -> pd.DataFrame:
    """Name rows of features of new images by their number."""
    rows = np.atleast_2d(rows)
    if rows.ndim != 2:
        raise ValueError(
            "images as an array must be features of shape (n_images, n_features), got "
            f"{rows.shape}. Give pictures as files or PIL images."
        )
    check_real(rows, "images")
    names = [f"image-{i}" for i in range(len(rows))]
    return pd.DataFrame(rows, index=pd.Index(names, name="image"))
