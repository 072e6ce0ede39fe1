"""Images by name, and their features by many encoders."""

# License: BSD-3-Clause

from .catalogue import list_image_encoders
from .encoders import ImageEncoder
from .feature_files import read_image_features
from .features import compute_image_features
from .files import find_images, read_image
from .texts import compute_text_features

__all__ = [
    "ImageEncoder",
    "compute_image_features",
    "compute_text_features",
    "find_images",
    "list_image_encoders",
    "read_image",
    "read_image_features",
]
