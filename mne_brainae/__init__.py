"""One shared latent space for images and brain responses, on MNE-Python objects."""

# License: BSD-3-Clause

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

try:
    __version__ = version("mne_brainae")
except PackageNotFoundError:
    __version__ = "0.0.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
