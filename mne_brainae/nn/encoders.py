"""Brain encoders by name: brain response -> point in the shared space."""

# License: BSD-3-Clause

from __future__ import annotations

from functools import partial

from torch import nn

from ..utils.docs import fill_doc
from .backbones import BACKBONES, build_backbone
from .benchetrit import BenchetritEncoder
from .flat import FlatEncoder, TimeMLPEncoder
from .nice import ATMEncoder, NICEEncoder
from .pretrained import SOURCES, PretrainedEncoder
from .tsconv import TSConvEncoder


@fill_doc
class LinearBrainEncoder(nn.Sequential):
    """One linear layer over all channels and times.

    Parameters
    ----------
    %(network_sizes)s
    """

    def __init__(self, n_channels: int, n_times: int, n_embedding: int):
        super().__init__(nn.Flatten(), nn.Linear(n_channels * n_times, n_embedding))


BRAIN_ENCODERS = {
    "tsconv": TSConvEncoder,
    "linear": LinearBrainEncoder,
    "nice": NICEEncoder,
    "atm": ATMEncoder,
    "benchetrit": BenchetritEncoder,
    "flat": FlatEncoder,
    "time_mlp": TimeMLPEncoder,
    **{name: partial(build_backbone, name) for name in BACKBONES},
    **{name: partial(PretrainedEncoder, name) for name in SOURCES},
}
#: Brain encoders that take the positions of sensors, and the subject of a response.
OF_SUBJECTS = ("benchetrit",)
