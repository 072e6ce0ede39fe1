"""A linear shared space of images and brain responses that is solved, not trained."""

# License: BSD-3-Clause

from .bands import Bands
from .folds import make_folds
from .likelihood import ConceptLaw, ErrorLaw
from .model import LeftOut, LinearGaussian
from .novelty import Novelty
from .residuals import linear_residuals
from .ridge import PENALTIES, Ridge
from .solve import solve
from .squares import Squares
from .stack import Stack, solve_stack
from .steps import Steps
from .windows import FeatureMaps, Window

__all__ = [
    "PENALTIES",
    "Bands",
    "ConceptLaw",
    "ErrorLaw",
    "FeatureMaps",
    "LeftOut",
    "LinearGaussian",
    "Novelty",
    "Ridge",
    "Squares",
    "Stack",
    "Steps",
    "Window",
    "linear_residuals",
    "make_folds",
    "solve",
    "solve_stack",
]
