"""What the columns of image features are: layer, channel, row and column."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

LEVELS = ("layer", "channel", "row", "column")
#: The output of a network, as the name of a layer.
EMBEDDING = "embedding"
NOWHERE = -1


@dataclass(frozen=True)
class FeatureBlock:
    """The columns of one layer, channel by channel.

    Parameters
    ----------
    layer : str
        The name of the layer.
    n_channels : int
        How many channels there are.
    n_rows, n_columns : int | None
        The size of the map of every channel, from the top left; None is no map.
    """

    layer: str
    n_channels: int
    n_rows: int | None = None
    n_columns: int | None = None

    @property
    def size(self) -> int:
        """The number of columns."""
        return self.n_channels * (self.n_rows or 1) * (self.n_columns or 1)


def feature_columns(blocks: Sequence[FeatureBlock]) -> pd.MultiIndex:
    """Name the columns of several layers side by side.

    Parameters
    ----------
    blocks : sequence of FeatureBlock
        The layers.

    Returns
    -------
    columns : MultiIndex, shape (n_features,)
        The levels ``"layer"``, ``"channel"``, ``"row"`` and ``"column"``. Row and
        column are -1 where a channel is one number and no map.
    """
    places = [_places(block) for block in blocks]
    layers = np.repeat([block.layer for block in blocks], [b.size for b in blocks])
    arrays = [layers, *np.concatenate(places, axis=1)]
    return pd.MultiIndex.from_arrays(arrays, names=LEVELS)


def stacked_columns(columns: pd.Index, versions: Sequence[str]) -> pd.Index:
    """Name the columns of several versions of an image side by side.

    Parameters
    ----------
    columns : Index, shape (n_features,)
        The columns of one version.
    versions : sequence of str
        The versions.

    Returns
    -------
    columns : MultiIndex, shape (n_versions * n_features,)
        A first level ``"version"``, and then the levels of the columns.
    """
    if columns.nlevels == 1:
        columns = pd.MultiIndex.from_arrays([columns], names=["feature"])
    parts = [columns.get_level_values(level) for level in columns.names]
    arrays = [np.tile(part, len(versions)) for part in parts]
    first = np.repeat(list(versions), len(columns))
    return pd.MultiIndex.from_arrays(
        [first, *arrays], names=["version", *columns.names]
    )


def _places(block: FeatureBlock) -> np.ndarray:
    """Return channel, row and column of every column."""
    shape = (block.n_channels, block.n_rows or 1, block.n_columns or 1)
    places = np.indices(shape, dtype=np.int32).reshape(3, -1)
    if block.n_rows is None:
        places[1:] = NOWHERE
    return places
