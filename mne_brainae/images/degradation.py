"""Degraded images, which keep what a brain response is likely to keep."""

# License: BSD-3-Clause

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from ..utils.checks import five

ORIGINAL = "original"
#: Strengths that are taken where none is given; lengths as shares of the shorter side.
STRENGTHS = {
    "blur": 0.02,  # standard deviation of the Gaussian
    "lowres": 0.25,  # share of the pixels per side that is kept
    "noise": 0.1,  # standard deviation, where black to white is 1
    "mosaic": 0.05,  # side of a tile
    "foveate": 0.05,  # standard deviation of the blur at the corners
    "fovea": 0.036,  # standard deviation of the blur that the center is mixed with
}


def check_degradations(degradations: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of degradations, each with its strength.

    Parameters
    ----------
    degradations : str | sequence of str | None
        Names such as ``"blur"`` or ``"blur:0.05"``.

    Returns
    -------
    degradations : tuple of str
        Such as ``("blur:0.02", "original")``.
    """
    if degradations is None:
        return ()
    if isinstance(degradations, str):
        degradations = [degradations]
    full = tuple(_with_strength(str(given)) for given in degradations)
    if len(set(full)) < len(full):
        raise ValueError(f"degradations name one version twice: {five(full)}.")
    return full


def _with_strength(given: str) -> str:
    name, _, number = given.partition(":")
    if given == ORIGINAL:
        return given
    if name not in STRENGTHS:
        raise ValueError(
            f"degradations must be among {', '.join((*STRENGTHS, ORIGINAL))}, each "
            f"with a strength if need be, such as 'blur:0.05', got {given!r}."
        )
    try:
        strength = float(number) if number else STRENGTHS[name]
    except ValueError:
        strength = -1.0
    if not 0 < strength <= 1:
        raise ValueError(
            f"degradations must have a strength above 0 and up to 1, got {given!r}."
        )
    return f"{name}:{strength:g}"


def degrade(image: Image.Image, degradation: str) -> Image.Image:
    """Return a worse version of an image.

    Parameters
    ----------
    image : PIL.Image.Image
        An image in mode RGB.
    degradation : str
        The name and the strength, see :func:`check_degradations`. ``"blur"`` is a
        Gaussian filter; ``"lowres"`` keeps few pixels and brings them back smoothly;
        ``"noise"`` adds Gaussian noise that depends on nothing but the image;
        ``"mosaic"`` fills tiles with their mean; ``"foveate"`` blurs more the farther
        from the center a place is, as vision does while the center is fixated;
        ``"fovea"`` mixes the image with one blurred version, half and half in the
        center and with ever less of the sharp image outward, as UBP does.

    Returns
    -------
    image : PIL.Image.Image
        An image of the same size and mode.

    References
    ----------
    Blurred and foveated images as targets: Wu et al. (2025), "Bridging the
    vision-brain gap with an uncertainty-aware blur prior".
    """
    name, _, strength = degradation.partition(":")
    return image if name == ORIGINAL else _KINDS[name](image, float(strength))


def _blur(image: Image.Image, strength: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(strength * min(image.size)))


def _lowres(image: Image.Image, strength: float) -> Image.Image:
    small = [max(round(strength * side), 1) for side in image.size]
    coarse = image.resize(small, Image.Resampling.BOX)
    return coarse.resize(image.size, Image.Resampling.BICUBIC)


def _noise(image: Image.Image, strength: float) -> Image.Image:
    pixels = np.asarray(image)
    digest = hashlib.blake2b(np.ascontiguousarray(pixels), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    worse = np.rint(pixels + 255 * strength * noise).clip(0, 255)
    return Image.fromarray(worse.astype(np.uint8))


def _mosaic(image: Image.Image, strength: float) -> Image.Image:
    side = max(strength * min(image.size), 1)
    tiles = [max(round(length / side), 1) for length in image.size]
    coarse = image.resize(tiles, Image.Resampling.BOX)
    return coarse.resize(image.size, Image.Resampling.NEAREST)


def _foveate(image: Image.Image, strength: float) -> Image.Image:
    """Mix versions of growing blur by the distance from the center."""
    width, height = image.size
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    depth = np.hypot(rows, columns) / np.sqrt(2) * (N_BLURS - 1)
    mixed = np.zeros((height, width, 3), dtype=np.float32)
    for level in range(N_BLURS):
        weight = np.maximum(1 - np.abs(depth - level), 0)[..., np.newaxis]
        blurred = _blur(image, strength * level / (N_BLURS - 1))
        mixed += weight.astype(np.float32) * np.asarray(blurred)
    return Image.fromarray(np.rint(mixed).clip(0, 255).astype(np.uint8))


def _fovea(image: Image.Image, strength: float) -> Image.Image:
    """Mix with one blur: a share of exp(-3 r) / 2 is sharp, r is 1 in the corners."""
    width, height = image.size
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    distance = np.hypot(rows, columns) / np.sqrt(2)  # (height, width)
    sharp = (np.exp(-3 * distance) / 2)[..., np.newaxis].astype(np.float32)
    blurred = np.asarray(_blur(image, strength), np.float32)
    mixed = sharp * np.asarray(image) + (1 - sharp) * blurred
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


N_BLURS = 6
_KINDS = {
    "blur": _blur,
    "lowres": _lowres,
    "noise": _noise,
    "mosaic": _mosaic,
    "foveate": _foveate,
    "fovea": _fovea,
}
