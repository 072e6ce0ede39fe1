"""The systems that BrainAE is compared with, behind the same face."""

# License: BSD-3-Clause

from .linear import LinearEncoder
from .ridge import RidgeModel

__all__ = ["LinearEncoder", "RidgeModel"]
