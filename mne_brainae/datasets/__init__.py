"""Data sets: simulated recordings, and readers of real ones."""

# License: BSD-3-Clause

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
