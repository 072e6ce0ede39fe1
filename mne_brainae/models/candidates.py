"""Images that were embedded, for the next response to be found among them."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..nn.fast.frozen import version_of

#: Bytes of features that are kept for the next call.
MOST_KEPT = 2**26


@dataclass
class Candidates:
    """Features of images and their embeddings.

    Parameters
    ----------
    features : DataFrame, shape (n_images, n_features)
        The features, checked, one row per image.
    z : DataFrame, shape (n_images, n_embedding)
        Their embeddings.
    given : tuple of Index | None
        The rows and columns of the table that they came from; None where it was none.
    version : list | None
        The version of the weights; None where their changes cannot be seen.
    """

    features: pd.DataFrame
    z: pd.DataFrame
    given: tuple[pd.Index, pd.Index] | None
    version: list | None

    @classmethod
    def of(cls, images, features: pd.DataFrame, z: pd.DataFrame, network) -> Candidates:
        """Remember from what features were made.

        Parameters
        ----------
        images : object
            What was given as images.
        features : DataFrame, shape (n_images, n_features)
            Their features.
        z : DataFrame, shape (n_images, n_embedding)
            Their embeddings.
        network : instance of BrainAENetwork
            The network that embedded them.
        """
        is_table = isinstance(images, pd.DataFrame)
        given = (images.index, images.columns) if is_table else None
        return cls(features, z, given, version_of(network.image_projection))

    @property
    def can_be_kept(self) -> bool:
        """Whether they are a table of moderate size, and weights show their changes."""
        size = self.features.to_numpy().nbytes
        is_known = self.given is not None and self.version is not None
        return is_known and len(self.features) > 1 and size <= MOST_KEPT

    def are(self, images, network) -> bool:
        """Whether these are the same images, and the weights have not changed."""
        if not isinstance(images, pd.DataFrame) or self.given is None:
            return False
        rows, columns = self.given  # an index never changes
        return (
            images.index.is_(rows)
            and images.columns.is_(columns)
            and np.array_equal(images.to_numpy(), self.features.to_numpy())
            and version_of(network.image_projection) == self.version
        )
