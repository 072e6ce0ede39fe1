"""Image encoders that are functions of the image alone and need no weights."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from .gabor import gabor_feature_names, gabor_features
from .pixels import pixel_columns, pixel_features

GABOR, PIXELS = "gabor", "pixels"


class BuiltIn(NamedTuple):
    """An image encoder without weights.

    Parameters
    ----------
    encode : callable
        From a list of images in mode RGB to an array, shape (n_images, n_features).
    columns : callable
        Returns the columns of this array.
    """

    encode: Callable[[list], np.ndarray]
    columns: Callable[[], pd.Index]


BUILT_IN = {
    GABOR: BuiltIn(gabor_features, lambda: pd.Index(gabor_feature_names())),
    PIXELS: BuiltIn(pixel_features, pixel_columns),
}
