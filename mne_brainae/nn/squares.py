"""Image projection with squared units: a linear map, and squares that add to it."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SquaredUnits(nn.Module):
    """Project image features linearly, and add patterns of squared units.

    Parameters
    ----------
    n_image_features : int
        Size of one image's features.
    n_embedding : int
        Dimension F of the shared space.
    n_units : int
        How many squared units there are.
    n_coordinates : int
        How many coordinates of the features the units see.
    dropout : float
        Share of the units that are dropped in training.

    Attributes
    ----------
    linear : Linear
        The linear map W, which is fixed.
    directions : Parameter, shape (n_units, n_coordinates)
        The directions a_i, which are learned.
    patterns : Parameter, shape (n_units, n_embedding)
        The patterns C, which are learned.
    feature_mean : Tensor, shape (n_image_features,)
        The features at which all coordinates are 0.
    axes : Tensor, shape (n_image_features, n_coordinates)
        The axes of the coordinates, scaled.
    unit_mean, unit_sd : Tensor, shape (n_units,)
        Mean and standard deviation of the squares, which standardize them.

    Notes
    -----
    The projection is ``z = W x + b + C' h(x)`` with
    ``h_i = ((a_i' x~)^2 - mean_i) / sd_i`` and the coordinates
    ``x~ = axes' (x - feature_mean)``. All but ``directions`` and ``patterns`` stays as
    :meth:`load` has set it. Before that, the directions are drawn and the patterns are
    0, so that the projection is linear.
    """

    def __init__(
        self,
        n_image_features: int,
        n_embedding: int,
        *,
        n_units: int,
        n_coordinates: int,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.linear = nn.Linear(n_image_features, n_embedding).requires_grad_(False)
        directions = torch.randn(n_units, n_coordinates)
        self.directions = nn.Parameter(F.normalize(directions, dim=1))
        self.patterns = nn.Parameter(torch.zeros(n_units, n_embedding))
        self.register_buffer("feature_mean", torch.zeros(n_image_features))
        self.register_buffer("axes", torch.eye(n_image_features, n_coordinates))
        self.register_buffer("unit_mean", torch.zeros(n_units))
        self.register_buffer("unit_sd", torch.ones(n_units))
        self.dropout = nn.Dropout(dropout)

    @property
    def spec(self) -> dict:
        """What to call for the same layout: ``{"squares": options}``."""
        n_units, n_coordinates = self.directions.shape
        options = {"n_units": n_units, "n_coordinates": n_coordinates}
        return {"squares": options | {"dropout": self.dropout.p}}

    @torch.no_grad()
    def load(self, *, weight, bias, **arrays: np.ndarray) -> None:
        """Set the values of a closed form.

        Parameters
        ----------
        weight : array, shape (n_embedding, n_image_features)
            The linear map W.
        bias : array, shape (n_embedding,)
            Its bias b.
        **arrays
            ``directions``, ``patterns``, ``feature_mean``, ``axes``, ``unit_mean`` and
            ``unit_sd``, in the shapes of these attributes.
        """
        self.linear.weight.copy_(torch.as_tensor(weight))
        self.linear.bias.copy_(torch.as_tensor(bias))
        for name, values in arrays.items():
            getattr(self, name).copy_(torch.as_tensor(values))

    def units(self, image: Tensor) -> Tensor:
        """Return the standardized squares.

        Parameters
        ----------
        image : Tensor, shape (n, n_image_features)
            Image features.

        Returns
        -------
        units : Tensor, shape (n, n_units)
            The squares h.
        """
        coordinates = (image - self.feature_mean) @ self.axes  # (n, n_coordinates)
        squares = (coordinates @ self.directions.T).square()  # (n, n_units)
        return (squares - self.unit_mean) / self.unit_sd

    def added(self, image: Tensor) -> Tensor:
        """Return what the squares add to the linear map, (n, n_embedding)."""
        return self.dropout(self.units(image)) @ self.patterns

    def forward(self, image: Tensor) -> Tensor:
        """Map image features of shape (n, n_image_features) to the shared space."""
        return self.linear(image) + self.added(image)
