"""Brain encoders by name: brain response -> point in the shared space."""

# License: BSD-3-Clause

from __future__ import annotations

from torch import nn

from .nice import ATMEncoder, NICEEncoder
from .tsconv import TSConvEncoder


class LinearBrainEncoder(nn.Sequential):
    """One linear layer over all channels and times.

    Parameters
    ----------
    n_channels, n_times : int
        Size of one brain response.
    n_embedding : int
        Dimension F of the shared space.
    """

    def __init__(self, n_channels: int, n_times: int, n_embedding: int):
        super().__init__(nn.Flatten(), nn.Linear(n_channels * n_times, n_embedding))


BRAIN_ENCODERS = {
    "tsconv": TSConvEncoder,
    "linear": LinearBrainEncoder,
    "nice": NICEEncoder,
    "atm": ATMEncoder,
}
