"""Which row of features belongs to which epoch, and which images are held out."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import pandas as pd

from ._checks import check_finite, five, logger


def image_paths(epochs, names: pd.Series) -> dict[str, str]:
    """Return the picture files that the metadata name."""
    if "image_path" not in epochs.metadata:
        raise ValueError(
            "No images were given and epochs.metadata has no column 'image_path'. Give "
            "the folder of pictures, a list of files, or features."
        )
    return dict(zip(names, epochs.metadata["image_path"], strict=True))


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
        logger.info(f"Validating on {size} images, a fifth, instead of {wanted}.")
    by_concept = by == "concept" and "concept" in table
    if by == "concept" and not by_concept:
        logger.info("epochs.metadata has no 'concept': validating on images.")
    groups = table["concept" if by_concept else "image"].astype(str)
    order = rng.permutation(groups.unique())
    counts = groups.value_counts()[order].cumsum()
    n_groups = min(int((counts < size).sum()) + 1, len(order) - 1)
    held_out = groups.isin(order[:n_groups]).to_numpy(copy=True)
    return held_out, "whole concepts" if by_concept else "images"
