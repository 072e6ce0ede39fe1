"""What the speed is measured of: the paper's recordings by size, and networks."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """A recording of the paper: its size, and the images of a subject."""

    n_channels: int
    n_times: int
    n_images: int


SHAPES = {
    "eeg": Shape(63, 250, 16540),
    "meg": Shape(271, 200, 19848),
    "mua": Shape(1024, 200, 22248),
}
N_FEATURES = 1024
N_VALIDATION, N_EPOCHS = 740, 50  # of the paper
#: Of the paper's Table 16, on a GeForce 4090: minutes of 50 epochs, and microseconds of
#: embedding a response.
TABLE_16 = {"eeg": (7, 47), "meg": (19, 95), "mua": (28, 570)}
CHAINS = {"linear": False, "activated": True}  # value of inner_activation
CLOSED_FORM = "closed form"
#: What the closed form is timed beside, as the command and as a table names it.
REGRESSIONS = {
    "whole": "LinearBrainAE",
    "path": "its ridge path",
    "scikit-learn": "scikit-learn RidgeCV",
    "himalaya": "himalaya RidgeCV",
}
#: What can be timed: how the network is computed, in which precision, and whether the
#: package shares the work among threads or OpenMP does.
VARIANTS = {
    "reference": ("reference", "float32", False),
    "plain": ("plain", "float32", False),
    "fast": ("fast", "float32", True),
    "bf16": ("fast", "bf16", True),
    "openmp": ("fast", "float32", False),
}


def make_network(shape: Shape, chain: str):
    """Return the paper's network for a recording, its weights drawn.

    Parameters
    ----------
    shape : instance of Shape
        The recording.
    chain : ``"linear"`` | ``"activated"``
        The convolution chain, a name of ``CHAINS``.

    Returns
    -------
    network : instance of BrainAENetwork
        The network.
    """
    # Imported here, because the command line reads the names above without PyTorch.
    import torch

    from ...nn.network import build_network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_network(
            n_channels=shape.n_channels,
            n_times=shape.n_times,
            n_image_features=N_FEATURES,
            n_embedding=1024,
            brain_encoder="tsconv",
            brain_decoder="tsconv",
            image_projection="linear",
            convolution={"inner_activation": CHAINS[chain]},
        )
