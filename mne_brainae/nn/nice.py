"""The brain encoders of NICE and ATM, which decode without a way back."""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .reference import n_steps
from .tsconv import running_sum


class Residual(nn.Module):
    """Add what a module makes of its input to the input.

    Parameters
    ----------
    *layers : Module
        The layers of the module.
    """

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, rows: Tensor) -> Tensor:
        """Add the branch."""
        return rows + self.layers(rows)


class NICEEncoder(nn.Module):
    """The brain encoder of NICE (Song et al. 2024).

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.
    n_kernels, kernel_length, pool_length, pool_stride : int
        Number and length of the temporal kernels; length and stride of the pooling.
        The defaults are those for 250 Hz, and need 75 samples.
    dropout : float
        Share of the values that are dropped, before and in the head.

    Notes
    -----
    Temporal convolution, pooling, batch normalization and ELU; spatial convolution,
    batch normalization and ELU; dropout, 1 x 1 convolution and linear layer; a residual
    branch of GELU, linear layer and dropout; layer normalization. Convolutions before a
    batch normalization have no bias, which it would cancel.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        n_kernels: int = 40,
        kernel_length: int = 25,
        pool_length: int = 51,
        pool_stride: int = 5,
        dropout: float = 0.5,
    ):
        super().__init__()
        steps = n_steps(
            n_times,
            kernel_length=kernel_length,
            pool_length=pool_length,
            pool_stride=pool_stride,
        )
        self.pool_length, self.pool_stride = pool_length, pool_stride
        self.temporal = nn.Conv2d(1, n_kernels, (1, kernel_length), bias=False)
        self.inner_norm = nn.BatchNorm2d(n_kernels)
        self.spatial = nn.Conv2d(n_kernels, n_kernels, (n_channels, 1), bias=False)
        self.norm = nn.BatchNorm2d(n_kernels)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Conv2d(n_kernels, n_kernels, 1),
            nn.Flatten(),
            nn.Linear(n_kernels * steps, n_embedding),
            Residual(
                nn.GELU(), nn.Linear(n_embedding, n_embedding), nn.Dropout(dropout)
            ),
            nn.LayerNorm(n_embedding),
        )

    def forward(self, brain: Tensor) -> Tensor:
        """Embed brain responses."""
        # Convolution and pooling are both linear: one convolution with a stride.
        kernel = running_sum(self.temporal.weight, self.pool_length) / self.pool_length
        maps = F.conv2d(brain[:, None], kernel, stride=(1, self.pool_stride))
        maps = F.elu(self.inner_norm(maps))
        maps = F.elu(self.norm(self.spatial(maps)))
        return self.head(maps)


class ChannelAttention(nn.Module):
    """Attention of every channel to all channels and to a token of the subject.

    Parameters
    ----------
    n_times : int
        Samples of a channel, which is one token.
    n_heads : int
        Number of heads, each of ``n_times // n_heads`` dimensions.
    n_hidden : int
        Size of the layer between the two that follow the attention.
    dropout : float
        Share of the values that are dropped.
    """

    def __init__(
        self,
        n_times: int,
        *,
        n_heads: int = 4,
        n_hidden: int = 256,
        dropout: float = 0.25,
    ):
        super().__init__()
        size = n_heads * max(n_times // n_heads, 1)
        self.n_heads, self.dropout = n_heads, dropout
        self.embedding = nn.Linear(n_times, n_times)
        self.subject = nn.Parameter(torch.randn(1, 1, n_times))
        self.query_key_value = nn.Linear(n_times, 3 * size)
        self.out = nn.Linear(size, n_times)
        self.drop = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(n_times)
        self.feed_forward = Residual(
            nn.Linear(n_times, n_hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_times),
            nn.Dropout(dropout),
        )
        self.last_norms = nn.Sequential(nn.LayerNorm(n_times), nn.LayerNorm(n_times))

    def forward(self, brain: Tensor) -> Tensor:
        """Mix channels; the shape stays."""
        subject = self.subject.expand(len(brain), -1, -1)
        tokens = self.drop(torch.cat([subject, self.embedding(brain)], dim=1))
        tokens = self.norm(tokens + self.drop(self._attend(tokens)))
        return self.last_norms(self.feed_forward(tokens))[:, 1:]

    def _attend(self, tokens: Tensor) -> Tensor:
        parts = self.query_key_value(tokens).chunk(3, dim=-1)
        heads = [
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts
        ]
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(*heads, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).flatten(2))


class ATMEncoder(nn.Sequential):
    """The brain encoder of ATM-S (Li et al. 2024): attention, then that of NICE.

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.
    **convolution
        Options of :class:`NICEEncoder`.

    Notes
    -----
    One transformer layer whose tokens are the channels and one for the subject. The
    token of the subject is left out of what follows; the authors' code leaves out the
    last channel in its place.
    """

    def __init__(self, n_channels: int, n_times: int, n_embedding: int, **convolution):
        super().__init__(
            ChannelAttention(n_times),
            NICEEncoder(n_channels, n_times, n_embedding, **convolution),
        )
