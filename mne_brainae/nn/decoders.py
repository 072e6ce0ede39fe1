"""Brain decoders by name: point in the shared space -> brain response."""

# License: BSD-3-Clause

from __future__ import annotations

from torch import nn

from ..utils.docs import fill_doc
from .release import ReleaseDecoder
from .tsconv import TSConvDecoder


@fill_doc
class LinearBrainDecoder(nn.Sequential):
    """One linear layer to all channels and times (the linear decoder of Table 1).

    Parameters
    ----------
    %(network_sizes)s
    """

    def __init__(self, n_channels: int, n_times: int, n_embedding: int):
        super().__init__(
            nn.Linear(n_embedding, n_channels * n_times),
            nn.Unflatten(1, (n_channels, n_times)),
        )


BRAIN_DECODERS = {
    "tsconv": TSConvDecoder,
    "linear": LinearBrainDecoder,
    "release": ReleaseDecoder,
}
