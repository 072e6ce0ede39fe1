__all__ = ["FeatureNetwork", "score_pictures"]

from .metrics import score_pictures
from .networks import FeatureNetwork
