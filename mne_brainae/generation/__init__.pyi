__all__ = ["FeatureNetwork", "PictureDecoder", "contact_sheet", "score_pictures"]

from .low_level import PictureDecoder
from .metrics import score_pictures
from .networks import FeatureNetwork
from .sheet import contact_sheet
