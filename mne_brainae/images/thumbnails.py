"""Small copies of images, for figures and HTML."""

# License: BSD-3-Clause

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from io import BytesIO

import pandas as pd
from PIL import Image, ImageOps

from ..utils.checks import check_image_names
from .files import locate_images, read_image, to_rgb
from .pairing import match_names
from .ready import is_array

#: The longer side in pixels: in figures, and in the HTML of a notebook.
IN_FIGURES, IN_HTML = 160, 64
#: The frame of a guess that is right.
HIT = "#2ca02c"


def thumbnail(image, size: int = IN_FIGURES) -> Image.Image | None:
    """Return a small copy of an image.

    Parameters
    ----------
    image : path-like | PIL.Image.Image
        A file or an image.
    size : int
        The longer side in pixels; smaller images stay as they are.

    Returns
    -------
    small : PIL.Image.Image | None
        The copy, in RGB and upright; None where there is no such file.
    """
    try:
        whole = to_rgb(image) if isinstance(image, Image.Image) else read_image(image)
    except FileNotFoundError:
        return None
    if max(whole.size) <= size:
        return whole
    return ImageOps.contain(whole, (size, size))


def thumbnails(names: Iterable[str], images: Mapping, size: int = IN_FIGURES) -> dict:
    """Return small copies of images by name.

    Parameters
    ----------
    names : iterable of str
        The images to take.
    images : dict
        Files or PIL images by name.
    size : int
        The longer side in pixels.

    Returns
    -------
    pictures : dict
        Those that there are, each read once.
    """
    found = {
        name: thumbnail(images[name], size)
        for name in dict.fromkeys(names)
        if name in images
    }
    return {name: picture for name, picture in found.items() if picture is not None}


def pictures_of(images, names: list[str], epochs) -> dict | None:
    """Return files or PIL images by name, as far as they are known.

    Parameters
    ----------
    images : path-like | list | dict | DataFrame | array
        Images, or features of them.
    names : list of str
        The names to find.
    epochs : instance of Epochs
        Epochs whose ``metadata["image_path"]`` tells the files of images of which there
        are features only.

    Returns
    -------
    pictures : dict | None
        The images by name; None where nothing is known of them.
    """
    if not (is_array(images) or isinstance(images, pd.DataFrame)):
        return locate_images(images, names)
    if epochs.metadata is None or "image_path" not in epochs.metadata:
        return None
    shown = match_names(check_image_names(epochs), names, "The gallery")
    paths = epochs.metadata["image_path"]
    return {
        names[row]: path
        for row, path in zip(shown, paths, strict=True)
        if pd.notna(path)
    }


def as_html(picture: Image.Image | None, name: str, *, is_hit: bool = False) -> str:
    """Write a small image, or its name where there is none, as HTML.

    Parameters
    ----------
    picture : PIL.Image.Image | None
        The image.
    name : str
        Its name.
    is_hit : bool
        Whether it is framed.

    Returns
    -------
    html : str
        The element, with the image inside.
    """
    frame = f"border:3px solid {HIT if is_hit else 'transparent'}"
    name = escape(name, quote=True)
    if picture is None:
        return f'<span style="{frame}">{name}</span>'
    file = BytesIO()
    picture.save(file, "JPEG", quality=85)
    code = base64.b64encode(file.getvalue()).decode()
    source = f"data:image/jpeg;base64,{code}"
    return f'<img src="{source}" alt="{name}" title="{name}" style="{frame}"/>'
