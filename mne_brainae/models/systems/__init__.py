"""The systems that BrainAE is compared with, behind the same face."""

# License: BSD-3-Clause

from .linear_encoding import LinearEncoder
from .nonlinear_encoding import NonlinearEncoder
from .ridge import RidgeModel
from .table_1 import encoding_systems

__all__ = ["LinearEncoder", "NonlinearEncoder", "RidgeModel", "encoding_systems"]
