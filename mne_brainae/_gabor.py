"""Gabor energy, colour and luminance of pictures: a V1-like image encoder."""

# License: BSD-3-Clause

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageOps
from scipy import fft

SIZE = 128
N_ORIENTATIONS = 8
GRIDS = {2: 4, 4: 4, 8: 8, 16: 8, 32: 8}  # cycles per picture: side of the grid
COLOUR_GRID = 8
OPPONENT = np.array(  # luminance, red-green, blue-yellow of (R, G, B)
    [[0.299, 0.587, 0.114], [1, -1, 0], [-0.5, -0.5, 1]], dtype="float32"
)


def gabor_features(images: list[Image.Image]) -> np.ndarray:
    """Describe pictures by Gabor energy, colour and luminance.

    Parameters
    ----------
    images : list of PIL.Image.Image
        Pictures in mode RGB, of any size.

    Returns
    -------
    features : array of float32, shape (n_images, n_features)
        The features of every picture.
    """
    return np.stack([_features(image) for image in images])


def gabor_feature_names() -> list[str]:
    """Name the columns of :func:`gabor_features`."""
    names = []
    for frequency, grid in GRIDS.items():
        for orientation in range(N_ORIENTATIONS):
            angle = 180 * orientation / N_ORIENTATIONS
            names += _cells(f"gabor {frequency} cycles {angle:g} deg", grid)
    for statistic in ("mean", "sd"):
        for channel in ("luminance", "red-green", "blue-yellow"):
            names += _cells(f"{channel} {statistic}", COLOUR_GRID)
    return names


def _cells(name: str, grid: int) -> list[str]:
    return [f"{name} [{row}, {col}]" for row in range(grid) for col in range(grid)]


def _features(image: Image.Image) -> np.ndarray:
    square = ImageOps.fit(image, (SIZE, SIZE), method=Image.Resampling.BICUBIC)
    channels = OPPONENT @ (np.asarray(square, "float32") / 255).reshape(-1, 3).T
    channels = channels.reshape(3, SIZE, SIZE)
    mean = _pool(channels, COLOUR_GRID)
    square_mean = _pool(channels**2, COLOUR_GRID)
    sd = np.sqrt(np.maximum(square_mean - mean**2, 0))
    energy = gabor_amplitude(channels[0])
    return np.concatenate([*map(np.ravel, energy), mean.ravel(), sd.ravel()])


def gabor_amplitude(luminance: np.ndarray) -> list[np.ndarray]:
    """Compute the pooled amplitude of quadrature pairs of Gabor filters.

    Parameters
    ----------
    luminance : array, shape (128, 128)
        The picture.

    Returns
    -------
    amplitudes : list of array, shape (n_orientations, grid, grid)
        One array per spatial frequency.
    """
    spectrum = fft.fft2(luminance - luminance.mean())
    amplitudes = []
    for frequency, grid in GRIDS.items():
        rows, cols, gains = _filters(frequency)
        responses = fft.ifft2(spectrum[rows, cols] * gains)
        amplitudes.append(_pool(np.abs(responses), grid))
    return amplitudes


@cache
def _filters(frequency: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    side = max(2 * frequency, 8)
    angles = np.pi * np.arange(N_ORIENTATIONS) / N_ORIENTATIONS
    # stripes at an angle vary along its normal; rows of a picture run downwards
    centre = frequency * np.stack([np.cos(angles), np.sin(angles)])
    around = np.arange(side) - side // 2
    rows = np.rint(centre[0]).astype(int)[:, None, None] + around[:, None]
    cols = np.rint(centre[1]).astype(int)[:, None, None] + around
    distance2 = (rows - centre[0][:, None, None]) ** 2
    distance2 = distance2 + (cols - centre[1][:, None, None]) ** 2
    gains = np.exp(-distance2 / (2 * (frequency / 3) ** 2)) * (side / SIZE) ** 2
    return rows % SIZE, cols % SIZE, gains.astype("float32")


def _pool(maps: np.ndarray, grid: int) -> np.ndarray:
    side = maps.shape[-1] // grid
    return maps.reshape(-1, grid, side, grid, side).mean(axis=(2, 4))
