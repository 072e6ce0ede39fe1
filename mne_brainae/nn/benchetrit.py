"""The brain encoder of Benchetrit, Banville and King (2024)."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from .sensors import SensorAttention, SubjectLayer

N_DILATIONS = 5  # after which dilations begin anew


class DilatedBlock(nn.Module):
    """Two dilated convolutions, and one that is gated.

    Parameters
    ----------
    n_in, n_out : int
        Channels that come in and go out.
    index : int
        The place of the block, from 0, which the dilations follow from.

    Notes
    -----
    Convolutions of three samples keep the length. The first two, with dilations
    ``2 ** (2 index mod 5)`` and ``2 ** ((2 index + 1) mod 5)``, are followed by batch
    normalization and GELU and are added to their input where it has as many channels.
    The third has a dilation of 2, twice the channels, and half of them gate the others.
    """

    def __init__(self, n_in: int, n_out: int, index: int):
        super().__init__()
        dilations = [2 ** ((2 * index + each) % N_DILATIONS) for each in (0, 1)]
        self.first = _convolution(n_in, n_out, dilations[0], normalizes=True)
        self.second = _convolution(n_out, n_out, dilations[1], normalizes=True)
        self.gated = _convolution(n_out, 2 * n_out, 2, normalizes=False)

    def forward(self, signals: Tensor) -> Tensor:
        """Map (n, n_in, n_times) to (n, n_out, n_times)."""
        first = F.gelu(self.first(signals))
        if first.shape == signals.shape:
            first = first + signals
        second = first + F.gelu(self.second(first))
        return F.glu(self.gated(second), dim=1)


def _convolution(n_in: int, n_out: int, dilation: int, *, normalizes: bool):
    convolution = nn.Conv1d(
        n_in, n_out, 3, padding=dilation, dilation=dilation, bias=not normalizes
    )
    return nn.Sequential(convolution, *[nn.BatchNorm1d(n_out)] * normalizes)


class BenchetritEncoder(nn.Module):
    """Attention to sensors, a layer for each subject, dilated convolutions, two heads.

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.
    positions : sequence, shape (n_channels, 2)
        The positions of the sensors in the unit square; a model takes them from the
        info of its epochs.
    n_subjects : int
        How many subjects have a matrix of their own.
    n_virtual : int
        Virtual channels of the attention.
    n_frequencies : int
        Spatial frequencies per axis of the attention.
    dropout_radius : float
        Radius of the sensors that are left out in training.
    n_hidden : int
        Channels of the convolutions.
    n_features : int
        Channels of the last convolution, which the heads see.

    Notes
    -----
    Attention to ``n_virtual`` channels, 1 x 1 convolution, subject layer, two
    :class:`DilatedBlock`, 1 x 1 convolution with twice the channels and GELU, 1 x 1
    convolution to ``n_features``; a learned weighted sum over time with an offset; and
    two heads of layer normalization, GELU and linear layer: one for the contrast, which
    the encoder returns, and one for regression.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        positions: Sequence,
        n_subjects: int = 1,
        n_virtual: int = 270,
        n_frequencies: int = 32,
        dropout_radius: float = 0.2,
        n_hidden: int = 320,
        n_features: int = 2048,
    ):
        super().__init__()
        self.attention = SensorAttention(
            positions,
            n_virtual,
            n_frequencies=n_frequencies,
            dropout_radius=dropout_radius,
        )
        self.mix = nn.Conv1d(n_virtual, n_virtual, 1)
        self.subjects = SubjectLayer(n_subjects, n_virtual)
        self.blocks = nn.Sequential(
            DilatedBlock(n_virtual, n_hidden, 0), DilatedBlock(n_hidden, n_hidden, 1)
        )
        self.last = nn.Sequential(
            nn.Conv1d(n_hidden, 2 * n_hidden, 1),
            nn.GELU(),
            nn.Conv1d(2 * n_hidden, n_features, 1),
        )
        self.time = nn.Linear(n_times, 1)
        self.contrastive, self.regression = (
            _head(n_features, n_embedding) for _ in range(2)
        )

    def features(self, brain: Tensor, subject: Tensor | None = None) -> Tensor:
        """Return what both heads see, (n, n_features)."""
        signals = self.mix(self.attention(brain))  # (n, n_virtual, n_times)
        signals = self.subjects(signals, subject)
        signals = self.last(self.blocks(signals))  # (n, n_features, n_times)
        return self.time(signals).squeeze(2)

    def heads(
        self, brain: Tensor, subject: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embed brain responses for the contrast, and for regression.

        Parameters
        ----------
        brain : Tensor, shape (n, n_channels, n_times)
            Responses.
        subject : Tensor of int, shape (n,) | None
            The subject of every response; -1 and None are one that is not known.

        Returns
        -------
        contrasted, regressed : Tensor, shape (n, n_embedding)
            The embeddings.
        """
        features = self.features(brain, subject)
        return self.contrastive(features), self.regression(features)

    def forward(self, brain: Tensor, subject: Tensor | None = None) -> Tensor:
        """Embed brain responses for the contrast."""
        return self.contrastive(self.features(brain, subject))


def _head(n_features: int, n_embedding: int) -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(n_features), nn.GELU(), nn.Linear(n_features, n_embedding)
    )
