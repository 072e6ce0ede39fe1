"""The pixels of images, for networks that are trained on them from end to end."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image

from .columns import FeatureBlock, feature_columns

SIDE = 224
# Mean and standard deviation of red, green and blue over ImageNet, black to white 1,
# which the networks of torchvision expect to be removed.
MEAN = np.array([0.485, 0.456, 0.406], "float32")
SPREAD = np.array([0.229, 0.224, 0.225], "float32")


def pixel_features(images: list[Image.Image]) -> np.ndarray:
    """Return the pixels of images as the networks of torchvision expect them.

    Parameters
    ----------
    images : list of PIL.Image.Image
        Images in mode RGB, of any size, which are brought to 224 x 224 pixels.

    Returns
    -------
    features : array of float32, shape (n_images, 150528)
        Red, green and blue one after the other, each row by row, standardized by mean
        and standard deviation over ImageNet.
    """
    resized = [
        image.resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images
    ]
    values = np.stack([np.asarray(image, "float32") for image in resized]) / 255
    standardized = (values - MEAN) / SPREAD  # (n_images, row, column, color)
    return standardized.transpose(0, 3, 1, 2).reshape(len(images), -1)


def pixel_columns() -> pd.MultiIndex:
    """Return the columns of :func:`pixel_features`: layer, channel, row, column."""
    return feature_columns([FeatureBlock("pixels", len(MEAN), SIDE, SIDE)])
