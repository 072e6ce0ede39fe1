__all__ = [
    "DiffusionPrior",
    "FeatureNetwork",
    "GeneratedPictures",
    "PictureDecoder",
    "PictureScores",
    "RidgePrior",
    "contact_sheet",
    "fit_prior",
    "generate_pictures",
    "load_pipeline",
    "read_picture_decoder",
    "read_prior",
    "score_pictures",
]

from .generate import GeneratedPictures, fit_prior, generate_pictures
from .low_level import PictureDecoder, read_picture_decoder
from .metrics import PictureScores, score_pictures
from .networks import FeatureNetwork
from .pipeline import load_pipeline
from .prior import DiffusionPrior, RidgePrior, read_prior
from .sheet import contact_sheet
