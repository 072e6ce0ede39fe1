__all__ = ["SimulatedData", "macaque_it", "macaque_v4", "muse_n170", "simulate"]

from . import macaque_it, macaque_v4, muse_n170
from .simulated import SimulatedData, simulate
