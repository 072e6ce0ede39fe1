"""Many subjects in one shared space, in closed form."""

# License: BSD-3-Clause

from .adaptation import AdaptationScores, score_adaptation
from .axes import SharedAxes, agreement
from .mean_map import MeanMap
from .member import Member
from .model import GroupModel
from .newcomer import PREDICTIONS, Newcomer
from .recordings import by_subject
from .weights import weigh_predictions

__all__ = [
    "PREDICTIONS",
    "AdaptationScores",
    "GroupModel",
    "MeanMap",
    "Member",
    "Newcomer",
    "SharedAxes",
    "agreement",
    "by_subject",
    "score_adaptation",
    "weigh_predictions",
]
