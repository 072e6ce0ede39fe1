"""Image projections by name: image features -> point in the shared space."""

# License: BSD-3-Clause

from __future__ import annotations

from torch import nn

from .mixture import MixtureProjection
from .nice import Residual
from .squares import SquaredUnits


class IdentityProjection(nn.Identity):
    """The image features are the shared space.

    Parameters
    ----------
    n_image_features, n_embedding : int
        The size of both, which is one.
    """

    def __init__(self, n_image_features: int, n_embedding: int):
        super().__init__()


class MLPProjection(nn.Sequential):
    """A linear layer, a residual branch of GELU and linear layer, and a LayerNorm.

    Parameters
    ----------
    n_image_features : int
        Size of one image's features.
    n_embedding : int
        Dimension F of the shared space.
    dropout : float
        Share of the values of the branch that are dropped in training.

    Notes
    -----
    MB2C (Wei et al. 2024) projects images so.
    """

    def __init__(
        self, n_image_features: int, n_embedding: int, *, dropout: float = 0.3
    ):
        super().__init__(
            nn.Linear(n_image_features, n_embedding),
            Residual(
                nn.GELU(), nn.Linear(n_embedding, n_embedding), nn.Dropout(dropout)
            ),
            nn.LayerNorm(n_embedding),
        )


IMAGE_PROJECTIONS = {
    "linear": nn.Linear,
    "identity": IdentityProjection,
    "mlp": MLPProjection,
    "mixture": MixtureProjection,
    "squares": SquaredUnits,
}
