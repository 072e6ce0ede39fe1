"""A linear shared space of images and brain responses that is solved, not trained."""

# License: BSD-3-Clause

from .folds import make_folds
from .likelihood import ConceptLaw, ErrorLaw
from .model import LinearGaussian
from .residuals import linear_residuals
from .ridge import PENALTIES, Ridge
from .solve import solve
from .squares import Squares
from .steps import Steps

__all__ = [
    "PENALTIES",
    "ConceptLaw",
    "ErrorLaw",
    "LinearGaussian",
    "Ridge",
    "Squares",
    "Steps",
    "linear_residuals",
    "make_folds",
    "solve",
]
