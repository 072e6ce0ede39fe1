"""Images of noise, and small networks that see them."""

import numpy as np
from PIL import Image

from mne_brainae import compute_image_features

SMALL_VIT = "timm:test_vit"


def noise(seed, size=(48, 60)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return Image.fromarray(pixels)


PICTURES = {f"image-{seed}": noise(seed) for seed in range(5)}


def features(encoder, pictures=PICTURES, **options):
    options = {"device": "cpu", "cache": None} | options
    return compute_image_features(pictures, encoder, **options)
