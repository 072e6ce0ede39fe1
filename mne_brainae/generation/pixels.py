"""Pictures as arrays of one size, and back."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import Image

from ..images.files import locate_images, read_image, to_rgb


def as_pictures(pictures, name: str = "pictures") -> list[Image.Image]:
    """Read pictures as RGB, in their order.

    Parameters
    ----------
    pictures : path-like | list | dict | PIL.Image.Image
        A folder, files, a mapping from name to file or PIL image, or PIL images.
    name : str
        The name of the parameter, for messages.

    Returns
    -------
    pictures : list of PIL.Image.Image
        The pictures in mode RGB.
    """
    with about(name):
        found = locate_images(pictures, None).values()
    return [to_rgb(p) if isinstance(p, Image.Image) else read_image(p) for p in found]


def names_of(pictures) -> list[str] | None:
    """Return the names of pictures, in their order.

    Parameters
    ----------
    pictures : path-like | list | dict | PIL.Image.Image
        As in :func:`as_pictures`.

    Returns
    -------
    names : list of str | None
        Keys of a mapping, or names of files; None of pictures that have none.
    """
    listed = isinstance(pictures, list | tuple | Image.Image)
    values = pictures if isinstance(pictures, list | tuple) else [pictures]
    if listed and any(isinstance(value, Image.Image) for value in values):
        return None
    return list(locate_images(pictures, None))


@contextmanager
def about(name: str) -> Iterator[None]:
    """Name the parameter in what is wrong with the pictures that it holds."""
    try:
        yield
    except (OSError, TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def as_pixels(pictures: Sequence[Image.Image], size: int) -> np.ndarray:
    """Bring pictures to squares.

    Parameters
    ----------
    pictures : sequence of PIL.Image.Image
        The pictures in mode RGB. Images that are not square are squeezed.
    size : int
        Height and width in pixels, reached by bilinear interpolation.

    Returns
    -------
    pixels : array of float32, shape (n_pictures, size, size, 3)
        Values from 0 to 1.
    """
    squares = np.empty((len(pictures), size, size, 3), np.float32)
    for square, picture in zip(squares, pictures, strict=True):
        square[:] = picture.resize((size, size), Image.Resampling.BILINEAR)
    squares /= 255
    return squares


def from_pixels(pixels: np.ndarray) -> list[Image.Image]:
    """Turn arrays back into pictures.

    Parameters
    ----------
    pixels : array, shape (n_pictures, height, width, 3)
        Values from 0 to 1; what lies outside is clipped.

    Returns
    -------
    pictures : list of PIL.Image.Image
        The pictures in mode RGB.
    """
    levels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return [Image.fromarray(picture) for picture in levels]


def resize(pixels: np.ndarray, size: int):
    """Resize square pictures by bilinear interpolation, without rounding.

    Parameters
    ----------
    pixels : array, shape (n_pictures, height, width, 3)
        Values from 0 to 1.
    size : int
        Height and width in pixels.

    Returns
    -------
    pixels : Tensor, shape (n_pictures, 3, size, size)
        The resized pictures. Smaller ones are averaged, not sampled.
    """
    import torch

    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(
        tensor, (size, size), mode="bilinear", antialias=True
    )
