"""Bad calls of the whole public API, as tables."""

from . import epochs, estimators, files_and_images, group, scores
from .row import BadCall
from .world import make_world

TABLES = (epochs, estimators, files_and_images, group, scores)
BAD_CALLS: list[BadCall] = [row for table in TABLES for row in table.rows()]

__all__ = ["BAD_CALLS", "make_world"]
