"""Image projection that learns how much layers and versions of an image count."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

PER_DIMENSION, SHARED = "dimension", "shared"


class MixtureProjection(nn.Module):
    """Mix features of several layers or versions by learned weights, and project.

    Parameters
    ----------
    n_image_features : int
        Size of one image's features, those of all versions side by side.
    n_embedding : int
        Dimension F of the shared space.
    n_versions : int
        How many versions there are, of equal size.
    weights : ``"shared"`` | ``"dimension"``
        Whether a version has one weight, or one for every dimension.
    start : sequence of float | None
        The logits of the weights before training, one for every version; None is the
        mean of all.
    n_free : int
        How many learned vectors, 0 before training, are mixed in beside the versions.
    n_reduced : int | None
        Width of a linear layer that all versions pass, each followed by one of its own
        to the shared space, before they are mixed; None mixes the features themselves.
    n_hidden : int | None
        Width of a layer with ELU and dropout behind the mixture; None has none.
    dropout : float
        Share of the values of that layer that are dropped in training.

    Attributes
    ----------
    logits : Parameter, shape (n_versions + n_free, n_dimensions or 1)
        What the weights are the softmax of, over versions.

    Notes
    -----
    Multi-blur (Liu et al. 2026) mixes per dimension with four free vectors, SAMGA
    (Jiang et al. 2026) layers by shared weights, each behind a map of its own.
    Standardized features have one squared norm in all; times the root of the number of
    versions, the mean of equal versions has the norm of one.
    """

    def __init__(
        self,
        n_image_features: int,
        n_embedding: int,
        *,
        n_versions: int,
        weights: str = SHARED,
        start: Sequence[float] | None = None,
        n_free: int = 0,
        n_reduced: int | None = None,
        n_hidden: int | None = None,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.n_versions = n_versions
        size = n_image_features // n_versions
        _check(n_image_features, n_versions, weights, start, n_reduced, n_hidden)
        self.reduce = nn.Identity()
        self.own = None
        if n_reduced is not None:
            self.reduce = nn.Linear(size, n_reduced)
            each = [nn.Linear(n_reduced, n_embedding) for _ in range(n_versions)]
            self.own, size = nn.ModuleList(each), n_embedding
        logits = torch.zeros(n_versions + n_free)
        if start is not None:
            logits[:n_versions] = torch.as_tensor(list(start), dtype=logits.dtype)
        n_weights = size if weights == PER_DIMENSION else 1
        self.logits = nn.Parameter(logits[:, None].repeat(1, n_weights))
        self.free = nn.Parameter(torch.zeros(n_free, size)) if n_free else None
        self.head = _head(size, n_embedding, n_hidden, dropout)

    def mixing(self) -> Tensor:
        """Return the weights of versions and free vectors, which sum to 1."""
        return self.logits.softmax(0)  # (n_versions + n_free, n_dimensions or 1)

    def forward(self, image: Tensor) -> Tensor:
        """Map image features of shape (n, n_image_features) to the shared space."""
        rows = image.unflatten(1, (self.n_versions, -1)) * sqrt(self.n_versions)
        rows = self.reduce(rows)  # (n, n_versions, n_dimensions)
        if self.own is not None:
            each = [layer(rows[:, row]) for row, layer in enumerate(self.own)]
            rows = torch.stack(each, dim=1)  # (n, n_versions, n_embedding)
        mixing = self.mixing()
        mixed = (rows * mixing[: self.n_versions]).sum(1)  # (n, n_dimensions)
        if self.free is not None:
            mixed = mixed + (self.free * mixing[self.n_versions :]).sum(0)
        return self.head(mixed)


def _check(n_image_features, n_versions, weights, start, n_reduced, n_hidden) -> None:
    """Refuse sizes that do not fit together."""
    if weights not in (PER_DIMENSION, SHARED):
        raise ValueError(
            f"weights must be {PER_DIMENSION!r} or {SHARED!r}, got {weights!r}."
        )
    if n_versions < 2 or n_image_features % n_versions:
        raise ValueError(
            "A mixture needs at least two versions of equal size side by side, but "
            f"n_versions={n_versions} and there are {n_image_features} features."
        )
    if start is not None and len(start) != n_versions:
        raise ValueError(
            f"start must have one logit for each of {n_versions} versions, got "
            f"{len(start)}."
        )
    if n_reduced is not None and n_hidden is not None:
        raise ValueError(
            "n_reduced brings versions into the shared space before they are mixed, so "
            "that no layer of n_hidden units can follow. Give only one of the two."
        )


def _head(size: int, n_embedding: int, n_hidden: int | None, dropout: float):
    """Return what follows the mixture."""
    if n_hidden is not None:
        return nn.Sequential(
            nn.Linear(size, n_hidden),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_embedding),
        )
    return nn.Identity() if size == n_embedding else nn.Linear(size, n_embedding)
