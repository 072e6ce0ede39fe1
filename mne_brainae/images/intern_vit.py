"""InternViT, a vision transformer that no image library here has."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InternVitSize(NamedTuple):
    """The sizes of one InternViT."""

    width: int
    n_blocks: int
    n_heads: int
    n_hidden: int
    image_side: int
    patch_side: int


#: By the name of its weights. The last 3 of 48 blocks were discarded in V1.2.
SIZES = {"InternViT-6B-448px-V1-5": InternVitSize(3200, 45, 25, 12800, 448, 14)}


class InternVit(nn.Module):
    """A vision transformer with normalized queries and keys, and RMS normalization.

    Parameters
    ----------
    size : instance of InternVitSize
        Its sizes.

    Notes
    -----
    Layers have the names of the published weights. Every block adds, with a learned
    scale per dimension, attention and then a GELU network of the normalized tokens.
    Queries and keys are normalized over all heads together. The embedding is the class
    token of the last block.
    """

    def __init__(self, size: InternVitSize):
        super().__init__()
        self.embeddings = _Embeddings(size)
        self.encoder = _Blocks(size)

    def forward(self, images: Tensor) -> Tensor:
        """Map images of shape (n, 3, height, width) to embeddings (n, width)."""
        tokens = self.embeddings(images)  # (n, 1 + n_patches, width)
        return self.encoder(tokens)[:, 0]


class _Embeddings(nn.Module):
    def __init__(self, size: InternVitSize):
        super().__init__()
        side, width = size.patch_side, size.width
        n_patches = (size.image_side // side) ** 2
        self.class_embedding = nn.Parameter(torch.randn(1, 1, width))
        self.patch_embedding = nn.Conv2d(3, width, side, stride=side)
        self.position_embedding = nn.Parameter(torch.randn(1, 1 + n_patches, width))

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(images), -1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding


class _Blocks(nn.Module):
    def __init__(self, size: InternVitSize):
        super().__init__()
        self.layers = nn.Sequential(*(_Block(size) for _ in range(size.n_blocks)))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.layers(tokens)


class _Block(nn.Module):
    def __init__(self, size: InternVitSize):
        super().__init__()
        self.norm1, self.norm2 = (nn.RMSNorm(size.width, 1e-6) for _ in range(2))
        self.attn, self.mlp = _Attention(size), _FeedForward(size)
        self.ls1, self.ls2 = (
            nn.Parameter(torch.full((size.width,), 0.1)) for _ in range(2)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1 * self.attn(self.norm1(tokens))
        return tokens + self.ls2 * self.mlp(self.norm2(tokens))


class _Attention(nn.Module):
    def __init__(self, size: InternVitSize):
        super().__init__()
        width, self.n_heads = size.width, size.n_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm, self.k_norm = (nn.RMSNorm(width, 1e-6) for _ in range(2))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(tokens).chunk(3, dim=-1)
        parts = self.q_norm(query), self.k_norm(key), value
        heads = [
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts
        ]
        mixed = F.scaled_dot_product_attention(*heads)  # (n, n_heads, n_tokens, each)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class _FeedForward(nn.Module):
    def __init__(self, size: InternVitSize):
        super().__init__()
        self.fc1 = nn.Linear(size.width, size.n_hidden)
        self.fc2 = nn.Linear(size.n_hidden, size.width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))
