"""The systems that BrainAE is compared with, by the methods of BrainAE."""

# License: BSD-3-Clause

from .bravl import BraVL
from .contrastive import ContrastiveDecoder
from .linear_encoding import LinearEncodingModel
from .mb2c import MB2C
from .nonlinear_encoding import NonlinearEncodingModel
from .ridge import RidgeModel
from .table_1 import encoding_systems

__all__ = [
    "MB2C",
    "BraVL",
    "ContrastiveDecoder",
    "LinearEncodingModel",
    "NonlinearEncodingModel",
    "RidgeModel",
    "encoding_systems",
]
