"""The image encoder that a benchmark is told to use."""

# License: BSD-3-Clause

from __future__ import annotations

import argparse

#: The network that installs with pip, its middle layers as maps of 7 x 7, its output.
NETWORK = "efficientnet-lite0"
LAYERS, POOL = ("2", "4", "6", "7", "9", "12", "embedding"), "7"


def add_encoder_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the image encoder, its layers and its weights."""
    add = parser.add_argument
    add("--encoder", default=NETWORK, help="the image encoder")
    add("--layer", nargs="+", help="layers: indices, shares, names, embedding")
    add("--pool", help="cls, mean, spatial, or fields per side")
    add("--pretrained", help="a file or folder of weights, a tag, or random")
    precision = "what the network computes in"
    add("--precision", choices=("float32", "bf16"), default="float32", help=precision)


def encoder_of(given: argparse.Namespace):
    """Return the image encoder that was asked for."""
    from ...images import ImageEncoder

    pool = given.pool
    return ImageEncoder(
        given.encoder,
        layer=None if given.layer is None else [_layer(word) for word in given.layer],
        pool=int(pool) if pool and pool.isdigit() else pool,
        pretrained=given.pretrained,
        precision=given.precision,
    )


def layers_of(given: argparse.Namespace):
    """Return the same, but by default the network with its middle layers."""
    if given.encoder == NETWORK and given.layer is None:
        given.layer, given.pool = LAYERS, POOL
    return encoder_of(given)


def _layer(word: str) -> int | float | str:
    """Read an index, a share or a name."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
