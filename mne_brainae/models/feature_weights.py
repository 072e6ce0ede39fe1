"""How much every image feature counts: layers alike, seen through a soft window."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from mne.utils import ProgressBar

from ..nn.choice import split_choice
from ..preprocessing.scaling import Scaler
from ..utils.checks import logger
from .linear_gaussian.ridge import PENALTIES, Ridge
from .linear_gaussian.windows import FeatureMaps

#: Centers and widths to choose from, as shares of an image's side.
CENTERS = tuple((0.5 + step / 7) for step in (-1, 0, 1))
WIDTHS = (2 / 7, 3 / 7)
#: A window is chosen by at most this many images.
MOST_IMAGES = 1500


@dataclass(frozen=True)
class SpatialWindow:
    """A Gaussian part of the image, the receptive field of a whole recording.

    Parameters
    ----------
    row, column : float
        The center, as shares of the image's height from the top and of its width
        from the left.
    width : float
        The standard deviation as a share of the side.
    """

    row: float
    column: float
    width: float

    @classmethod
    def of(cls, given) -> SpatialWindow:
        """Take a window from the user."""
        try:
            window = cls(*map(float, given))
        except (TypeError, ValueError):
            window = None
        if window is None or not np.isfinite(given).all() or window.width <= 0:
            raise ValueError(
                "spatial_window must be 'auto', None or (row, column, width) as shares "
                f"of the image, got {given!r}."
            )
        return window

    def weights(self, columns: pd.MultiIndex) -> np.ndarray:
        """Return the weight of every feature, 1 at the center and where is no map."""
        squared = np.zeros(len(columns))
        for level, center in (("row", self.row), ("column", self.column)):
            place = columns.get_level_values(level).to_numpy(float)
            distance = (place + 0.5) / np.maximum(_sides(columns, level), 1) - center
            squared += np.where(place < 0, 0.0, distance**2)
        # The square root of a Gaussian, since the energy of a feature is the square.
        return np.exp(-squared / (4 * self.width**2))


def layers_of(columns: pd.Index) -> np.ndarray:
    """Return the layer of every column, and the version of the image where it has one.

    Parameters
    ----------
    columns : Index, shape (n_features,)
        The columns of image features.

    Returns
    -------
    layers : array of str, shape (n_features,)
        Columns of one layer and one version have the same name.
    """
    levels = [level for level in ("version", "layer") if level in columns.names]
    names = np.full(len(columns), "", dtype=object)
    for level in levels:
        names = names + "/" + columns.get_level_values(level).to_numpy(str)
    return names.astype(str)


def _sides(columns: pd.Index, level: str) -> np.ndarray:
    """Return the rows or columns of the map of every feature, 0 without a map."""
    place = pd.Series(columns.get_level_values(level).to_numpy(int))
    return place.groupby(layers_of(columns)).transform("max").to_numpy() + 1


def has_maps(columns: pd.Index) -> bool:
    """Tell whether features have places: levels ``"row"`` and ``"column"``."""
    if not {"row", "column"} <= set(columns.names):
        return False
    places = [columns.get_level_values(level) for level in ("row", "column")]
    return all(place.max() > 0 for place in places)


def know_versions(choice, columns: pd.Index | None):
    """Tell a mixture how many layers and versions of an image it mixes.

    Parameters
    ----------
    choice : str | dict | Module
        The choice of an image projection.
    columns : Index, shape (n_features,) | None
        The columns of image features; None without images.

    Returns
    -------
    choice : str | dict | Module
        A mixture with its ``n_versions``, and any other choice as it was.

    Raises
    ------
    ValueError
        If the features are not layers or versions of equal size side by side.
    """
    if not isinstance(choice, str | dict) or columns is None:
        return choice
    name, options = split_choice(choice)
    if name != "mixture" or "n_versions" in options:
        return choice
    layers = layers_of(columns)
    n_versions = len(np.unique(layers))
    blocks = layers.reshape(n_versions, -1) if len(layers) % n_versions == 0 else None
    if n_versions < 2 or blocks is None or (blocks != blocks[:, :1]).any():
        raise ValueError(
            "image_projection='mixture' mixes layers or versions of an image, of equal "
            "size side by side, which these features do not have. Give an ImageEncoder "
            "with several layers, or with degradations and versions='stack'; or say "
            "how many there are by "
            "image_projection={'mixture': {'n_versions': 3}}."
        )
    return {name: options | {"n_versions": n_versions}}


def check_maps(columns: pd.Index) -> None:
    """Refuse a spatial window of features that have no places."""
    if not has_maps(columns):
        raise ValueError(
            "spatial_window needs image features with maps, that is, columns with "
            "levels 'row' and 'column', as pool='spatial' of ImageEncoder gives."
        )


def feature_maps(columns: pd.Index) -> FeatureMaps:
    """Return layer and place of every feature, as the closed form stacks windows."""
    layer = pd.factorize(layers_of(columns))[0]
    places = (columns.get_level_values(level) for level in ("row", "column"))
    return FeatureMaps(layer, *(place.to_numpy(int) for place in places))


def feature_weights(columns: pd.Index, window: SpatialWindow | None) -> np.ndarray:
    """Return weights under which every layer has the same energy.

    Parameters
    ----------
    columns : Index, shape (n_features,)
        The columns of image features; a level ``"layer"`` tells the layers apart.
    window : instance of SpatialWindow | None
        The part of the image that counts; None is all of it alike.

    Returns
    -------
    weights : array, shape (n_features,)
        Weights of standardized features whose squares sum to 1.
    """
    weights = np.ones(len(columns)) if window is None else window.weights(columns)
    codes, layers = pd.factorize(layers_of(columns))
    energy = np.bincount(codes, weights**2)
    return weights / np.sqrt(energy[codes] * len(layers))


def choose_window(features: pd.DataFrame, brain: np.ndarray) -> SpatialWindow | None:
    """Choose the window through which the responses are predicted best.

    Parameters
    ----------
    features : DataFrame, shape (n_images, n_features)
        Features of training images, with levels ``"row"`` and ``"column"``.
    brain : array, shape (n_images, n_channels, n_times)
        Their standardized responses.

    Returns
    -------
    window : instance of SpatialWindow | None
        The window of least squared leave-one-out error of ridge regression; None where
        the whole image is better.
    """
    rows = np.linspace(0, len(brain) - 1, min(len(brain), MOST_IMAGES)).astype(int)
    rows = np.unique(rows)
    responses = brain[rows].reshape(len(rows), -1)
    responses = responses - responses.mean(axis=0)
    places, grams = _grams(features.iloc[rows])
    windows = [None]
    windows += [SpatialWindow(*place) for place in product(CENTERS, CENTERS, WIDTHS)]
    whole = feature_weights(places, None)
    shares = []
    for window in ProgressBar(windows, mesg="Spatial window"):
        energy = (feature_weights(places, window) / whole) ** 2
        gram = np.tensordot(energy.astype(np.float32), grams, 1)
        shares.append(Ridge.from_gram(gram).choose_one(responses, PENALTIES)[1])
    best = int(np.argmax(shares))
    logger.info(
        f"Chose the spatial window {windows[best] or 'whole image'}: "
        f"{100 * shares[best]:.1f} % of the variance of left-out responses is "
        f"predicted, {100 * shares[0]:.1f} % from the whole image."
    )
    return windows[best]


def _grams(features: pd.DataFrame) -> tuple[pd.MultiIndex, np.ndarray]:
    """Return the inner products of images within every place of the maps.

    The inner products of all features, seen through a window, are a sum of these. So
    the features are multiplied once and not for every window.

    Returns
    -------
    places : MultiIndex, shape (n_places,)
        Levels ``"layer"``, ``"row"`` and ``"column"``; layers whose maps are of one
        size are one layer here, as they have the same windows.
    grams : array, shape (n_places, n_images, n_images)
        The inner products of standardized features, every layer with the same energy.
    """
    columns = features.columns
    values = features.to_numpy(np.float32)
    scaler = Scaler.for_features(values, feature_weights(columns, None))
    values = scaler.transform(values)
    sides = zip(_sides(columns, "row"), _sides(columns, "column"), strict=True)
    size = [f"{n_rows} x {n_columns}" for n_rows, n_columns in sides]
    place = [columns.get_level_values(level) for level in ("row", "column")]
    keys = pd.MultiIndex.from_arrays([size, *place], names=["layer", "row", "column"])
    places = keys.unique()
    codes = places.get_indexer(keys)
    grams = np.empty((len(places), len(values), len(values)), np.float32)
    for code in range(len(places)):
        part = values[:, codes == code]
        grams[code] = part @ part.T
    return places, grams
