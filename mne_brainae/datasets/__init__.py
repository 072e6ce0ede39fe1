"""Data sets: simulated recordings, and real ones that are fetched or found."""

# License: BSD-3-Clause

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
