"""Gabor energy, color and luminance of images: a model of early visual cortex."""

# License: BSD-3-Clause

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageOps
from scipy import fft

SIZE = 128  # pixels
ANGLES = np.arange(8) * 22.5  # degrees
BANDWIDTH = 0.25  # sd of a filter in the Fourier domain over its frequency
TAPER = 8  # pixels
THRESHOLD = 0.002  # amplitude, where black to white is 1
# Grids of receptive fields, as fields per side. Fine gratings are pooled over smaller
# fields; the keys are spatial frequencies in cycles per image.
ENERGY_GRIDS = {2: 2, 4: 4, 8: 4, 16: 4, 32: 8}
SPREAD_GRIDS = (2, 1)
CHROMATIC_GRID = 2
COLOR_GRID = 8
HUE_GRID = 4
# The channel of each hue and the sign that it has there.
HUES = {"red": (1, 1), "green": (1, -1), "yellow": (2, 1), "blue": (2, -1)}
# IEC 61966-2-1 (sRGB), each row divided by the white point D65.
RGB_TO_XYZ = np.array(
    [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]],
    dtype="float32",
)


def gabor_features(images: list[Image.Image]) -> np.ndarray:
    """Describe images by Gabor energy, color and luminance.

    Each image is cropped to its central square, brought to 128 x 128 pixels and
    split into lightness, red-green and blue-yellow. Quadrature pairs of Gabor filters
    (five spatial frequencies an octave apart, eight orientations) give the amplitude
    of complex cells, which is averaged over grids of receptive fields; its spread
    within larger fields tells texture from outline. Both are compressed by a
    logarithm. Local mean and contrast of the three channels, and the amount of red,
    green, yellow and blue, stand for the cells that color drives.

    The Gabor wavelet as a receptive field is from [1]_, the pyramid of Gabor energies
    as a model of visual cortex from [2]_, its logarithmic compression from [3]_. Grids
    and bandwidth were chosen by how well ridge regression predicts neurons of macaque
    V4.

    Parameters
    ----------
    images : list of PIL.Image.Image
        Images in mode RGB, of any size.

    Returns
    -------
    features : array of float32, shape (n_images, n_features)
        The features of every image, named by :func:`gabor_feature_names`. A row
        depends on its image alone.

    References
    ----------
    .. [1] Jones and Palmer (1987). An evaluation of the two-dimensional Gabor filter
       model of simple receptive fields in cat striate cortex. J. Neurophysiol. 58.
    .. [2] Kay, Naselaris, Prenger and Gallant (2008). Identifying natural images from
       human brain activity. Nature 452.
    .. [3] Nishimoto, Vu, Naselaris, Benjamini, Yu and Gallant (2011). Reconstructing
       visual experiences from brain activity evoked by natural movies. Curr. Biol. 21.
    """
    rows = [
        np.concatenate([fields.ravel() for fields in _describe(image).values()])
        for image in images
    ]
    return np.array(rows, dtype="float32")


@cache
def gabor_feature_names() -> tuple[str, ...]:
    """Name the features: what is measured, and the row and column of the field.

    Returns
    -------
    names : tuple of str
        Such as ``"lightness 8 cycles 45 deg [0, 3]"``. The angle is that of the
        stripes, counter-clockwise from horizontal.
    """
    names = []
    for name, fields in _describe(Image.new("RGB", (SIZE, SIZE))).items():
        for *orientation, row, column in np.ndindex(fields.shape):
            angle = "".join(f" {ANGLES[index]:g} deg" for index in orientation)
            names.append(f"{name}{angle} [{row}, {column}]")
    return tuple(names)


def _describe(image: Image.Image) -> dict[str, np.ndarray]:
    """Return every measure, shape ([n_orientations,] grid, grid)."""
    square = ImageOps.fit(image, (SIZE, SIZE), method=Image.Resampling.BICUBIC)
    channels = _opponent_channels(np.asarray(square))
    return _color(channels) | _energy(channels)


def _opponent_channels(pixels: np.ndarray) -> np.ndarray:
    """Turn sRGB into lightness, red-green and blue-yellow as CIE 1976 L*a*b* does.

    The scale is that of L*a*b* / 100. Red and yellow are positive.
    """
    red_green_blue = _linear_light()[pixels].reshape(-1, 3)
    x, y, z = np.cbrt(RGB_TO_XYZ @ red_green_blue.T).reshape(3, SIZE, SIZE)
    return np.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)])


@cache
def _linear_light() -> np.ndarray:
    """Tabulate the light that each of the 256 values of sRGB stands for."""
    value = np.linspace(0, 1, 256, dtype="float32")
    bright = ((value + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, value / 12.92, bright).astype("float32")


def _color(channels: np.ndarray) -> dict[str, np.ndarray]:
    features = {}
    names = ("lightness", "red-green", "blue-yellow")
    for name, channel in zip(names, channels, strict=True):
        features[f"{name} mean"] = _pool(channel, COLOR_GRID)
        features[f"{name} contrast"] = _spread(channel, COLOR_GRID)
    for name, (index, sign) in HUES.items():
        amount = np.maximum(sign * channels[index], 0)
        features[f"{name} amount"] = np.sqrt(_pool(amount, HUE_GRID))
    return features


def _energy(channels: np.ndarray) -> dict[str, np.ndarray]:
    features = {}
    tapered = (channels - channels.mean(axis=(1, 2), keepdims=True)) * _taper()
    lightness, red_green, blue_yellow = fft.fft2(tapered)
    for frequency, grid in ENERGY_GRIDS.items():
        amplitude = _amplitude(lightness, frequency)
        features[f"lightness {frequency} cycles"] = _pool(amplitude, grid)
        for side in SPREAD_GRIDS:
            name = f"lightness {frequency} cycles spread {side}x{side}"
            features[name] = _spread(amplitude, side)
        for name, spectrum in (("red-green", red_green), ("blue-yellow", blue_yellow)):
            amplitude = _amplitude(spectrum, frequency)
            features[f"{name} {frequency} cycles"] = _pool(amplitude, CHROMATIC_GRID)
    return {name: np.log1p(value / THRESHOLD) for name, value in features.items()}


def _amplitude(spectrum: np.ndarray, frequency: int) -> np.ndarray:
    """Filter an image with one quadrature pair per orientation.

    A Gabor filter is a Gaussian in the Fourier domain, so that only a window around
    its center is transformed back: that moves the center to zero, which changes the
    phase of the response and not its amplitude, and makes coarse filters cheap.

    Parameters
    ----------
    spectrum : array of complex, shape (128, 128)
        The Fourier transform of the image.
    frequency : int
        Cycles per image.

    Returns
    -------
    amplitude : array, shape (n_orientations, side, side)
        The amplitude at every place; a grating that fits gives its own.
    """
    rows, columns, gain = _filters(frequency)
    return np.abs(fft.ifft2(spectrum[rows, columns] * gain))


@cache
def _filters(frequency: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the window of every orientation in the spectrum and its gain."""
    side = max(2 * frequency, 16)
    window = np.arange(side) - side // 2
    angles = np.deg2rad(ANGLES)[:, None, None]
    # Stripes vary along their normal; the rows of an image run downwards.
    row, column = frequency * np.cos(angles), frequency * np.sin(angles)
    rows = np.rint(row).astype(int) + window[:, None]
    columns = np.rint(column).astype(int) + window
    distance = np.hypot(rows - row, columns - column) / (BANDWIDTH * frequency)
    # Half of a grating's amplitude lies at each of its two frequencies.
    gain = 2 * np.exp(-(distance**2) / 2) * (side / SIZE) ** 2
    return rows % SIZE, columns % SIZE, gain.astype("float32")


@cache
def _taper() -> np.ndarray:
    """Fade the border, or the jump from one edge to the opposite one has energy."""
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(TAPER) + 0.5) / TAPER)
    profile = np.concatenate([ramp, np.ones(SIZE - 2 * TAPER), ramp[::-1]])
    return np.outer(profile, profile).astype("float32")


def _pool(values: np.ndarray, grid: int) -> np.ndarray:
    """Average over the fields of a grid."""
    return _fields(values, grid).mean(axis=(-3, -1))


def _spread(values: np.ndarray, grid: int) -> np.ndarray:
    """Return the standard deviation in the fields of a grid."""
    return _fields(values, grid).std(axis=(-3, -1))


def _fields(values: np.ndarray, grid: int) -> np.ndarray:
    side = values.shape[-1] // grid
    return values.reshape(*values.shape[:-2], grid, side, grid, side)
