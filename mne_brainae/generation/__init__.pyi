__all__ = [
    "DiffusionPrior",
    "FeatureNetwork",
    "PictureDecoder",
    "RidgePrior",
    "contact_sheet",
    "read_prior",
    "score_pictures",
]

from .low_level import PictureDecoder
from .metrics import score_pictures
from .networks import FeatureNetwork
from .prior import DiffusionPrior, RidgePrior, read_prior
from .sheet import contact_sheet
