__all__ = [
    "FeatureLaw",
    "Responses",
    "SimulatedData",
    "SimulatedGroup",
    "SimulatedResponses",
    "macaque_it",
    "macaque_v4",
    "muse_n170",
    "read_bids_epochs",
    "simulate",
    "simulate_group",
    "simulate_responses",
    "things",
    "things_eeg1",
    "things_eeg2",
    "things_meg",
    "tvsd",
]

from . import (
    macaque_it,
    macaque_v4,
    muse_n170,
    things,
    things_eeg1,
    things_eeg2,
    things_meg,
    tvsd,
)
from ._bids_epochs import read_bids_epochs
from ._reading import Responses
from .simulated import SimulatedData, simulate
from .simulated_features import FeatureLaw, SimulatedResponses, simulate_responses
from .simulated_group import SimulatedGroup, simulate_group
