"""Images by name, read as RGB and upright."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
from PIL import Image, ImageOps, UnidentifiedImageError

from ..utils.bounds import check_regular
from ..utils.checks import _validate_type, check_once, five
from ..utils.names import as_text, texts
from .pairing import SUFFIXES, match_names

#: Formats whose gray of more than 8 bits Pillow hands out as 32-bit integers, with
#: white at 65535.
SIXTEEN_BITS = ("PNG", "PPM")
#: What Pillow may open: for PostScript, for one, it would start another program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: Images of more pixels are not read: decoded they would take gigabytes.
MOST_PIXELS = 2**26
MID_GRAY = (128, 128, 128, 255)


def find_images(images, names: Sequence[str] | None = None) -> dict[str, Path]:
    """Find image files by name.

    Parameters
    ----------
    images : path-like | list of path-like | dict
        A folder, one file, a list of files, or a mapping from name to file.
    names : sequence of str | None
        The names to find. Each is compared with the path below the (common) folder, or
        the key of a mapping; with the file name; with the file name without suffix; and
        with that in lower case, in this order. An absolute path that exists in a folder
        or list, or elsewhere, is that file. None finds all.

    Returns
    -------
    paths : dict of Path
        The file of every name, in the order of ``names``, at every level below a folder
        and below folders that are links. Names are in Unicode's composed form (NFC),
        with ``/`` between folders.

    Raises
    ------
    ValueError
        If names are missing, ambiguous or doubled.
    """
    if isinstance(images, Mapping):
        paths = {name: _as_path(path) for name, path in _by_name(images).items()}
        paths = _select(paths, names)
        _check_exist(paths.values())
        return paths
    if _is_path(images) and _as_path(images).is_dir():
        where = f"the folder of images {images}"
        files = _files_below(_as_path(images))
        if not files:
            raise ValueError(
                f"There is no image in {where}; looked at every level for files "
                f"ending in {', '.join(sorted(SUFFIXES))}."
            )
        return files if names is None else _match(files, names, where)
    files = _listed_files([images] if _is_path(images) else images)
    if names is not None:
        return _match(files, names, "the list of images")
    file_names = [as_text(path.name) for path in files.values()]
    is_unique = len(set(file_names)) == len(file_names)
    return dict(zip(file_names, files.values(), strict=True)) if is_unique else files


def check_folder(images, names: pd.Series) -> None:
    """Refuse a folder that lacks images, before epochs are read or encoded."""
    if _is_path(images):
        find_images(images, names.unique())


def read_image(path: str | os.PathLike) -> Image.Image:
    """Read an image as RGB, upright.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    image : PIL.Image.Image
        The image in mode RGB, turned as its EXIF orientation says; the first frame of
        an animation. Transparent parts lie on mid-gray, as images do in most
        experiments, which adds the least light and the weakest edges.

    Raises
    ------
    ValueError
        If the file is not a complete image.
    """
    return decode_image(check_regular(Path(path)).read_bytes(), path)


def decode_image(content: bytes, path: str | os.PathLike) -> Image.Image:
    """Decode the bytes of an image, see :func:`read_image`.

    Parameters
    ----------
    content : bytes
        What is in the file.
    path : path-like
        The file, for messages.

    Returns
    -------
    image : PIL.Image.Image
        The image in mode RGB.
    """
    with explain(path), Image.open(BytesIO(content), formats=FORMATS) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise ValueError(
                f"it has {width} x {height} pixels, more than the {MOST_PIXELS} that "
                "are allowed; make it smaller"
            )
        return to_rgb(image)


def locate_images(images, names) -> dict[str, Path | Image.Image]:
    """Return what is to be encoded by name.

    Parameters
    ----------
    images : path-like | list | dict | PIL.Image.Image
        Files or PIL images.
    names : sequence of str | None
        The images to take, in this order.

    Returns
    -------
    images : dict of Path | PIL.Image.Image
        PIL images as given, files as paths.
    """
    if isinstance(images, Image.Image):
        images = [images]
    if _is_path(images):
        return find_images(images, names)
    if not isinstance(images, Iterable) or isinstance(images, pd.Series):
        raise TypeError(
            "images must be a folder, files, a mapping from name to file, PIL images "
            f"or a DataFrame of features, got {type(images).__name__}."
        )
    images = _by_name(images) if isinstance(images, Mapping) else list(images)
    values = images.values() if isinstance(images, Mapping) else images
    if not any(isinstance(value, Image.Image) for value in values):
        return find_images(images, names)
    if not isinstance(images, Mapping):
        images = {f"image-{index}": value for index, value in enumerate(images)}
    pictures = _select(images, names)
    return {
        name: value if isinstance(value, Image.Image) else _as_path(value)
        for name, value in pictures.items()
    }


@contextmanager
def explain(picture: str | os.PathLike) -> Iterator[None]:
    """Name the image in whatever goes wrong when it is decoded."""
    try:
        yield
    except (FileNotFoundError, MemoryError):
        raise
    except UnidentifiedImageError:
        reason = "it is empty, or in no image format that Pillow knows"
        raise ValueError(f"Cannot read the image {picture}: {reason}.") from None
    except Exception as error:  # the decoders raise all kinds on a damaged file
        reason = str(error).rstrip(".") or type(error).__name__
        raise ValueError(
            f"Cannot read the image {picture}, it may be damaged: {reason}."
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn an image upright and into RGB, see :func:`read_image`."""
    if 0 in image.size:
        width, height = image.size
        raise ValueError(f"it is of {width} x {height} pixels and shows nothing")
    white_is_known = image.format in SIXTEEN_BITS or image.mode.startswith("I;16")
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":
        image = _to_8_bit(image, white_is_known)
    if image.has_transparency_data:
        # Mid-gray is the usual background of an experiment. Black or white, which the
        # hidden colors of transparent pixels tend to be, would add light and edges.
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, MID_GRAY)
        image = Image.alpha_composite(background, image)
    return image.convert("RGB")


def _to_8_bit(image: Image.Image, white_is_known: bool) -> Image.Image:
    """Scale gray of more than 8 bits, which Pillow would clip at 255.

    White is 65535 in a picture of 16 bits. A picture of 32-bit integers does not say
    what is white in it: it is 255 if no value is above.
    """
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"its mode {image.mode!r} does not say which value is white; save it with "
            "8 or 16 bits"
        )
    if not white_is_known and values.max() <= 255:
        return Image.fromarray(values.astype(np.uint8))
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))


def _is_path(value) -> bool:
    return isinstance(value, str | os.PathLike)


def _as_path(value) -> Path:
    _validate_type(value, "path-like", "every file in images")
    return Path(value).expanduser()


def as_names(names) -> list[str]:
    """Return names as text, none of them twice."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"names must be a sequence of names, got {names!r}.")
    names = texts(names)
    check_once(names, "names")
    if not names:
        raise ValueError("names is empty, expected at least one name.")
    return names


def _by_name(images: Mapping) -> dict:
    """Return a mapping with names as text."""
    if not images:
        raise ValueError("images is an empty mapping, expected at least one image.")
    names = texts(images)
    check_once(names, "images")
    return dict(zip(names, images.values(), strict=True))


def _select(pictures: dict, names) -> dict:
    """Take images by their name."""
    if names is None:
        return pictures
    names, values = as_names(names), list(pictures.values())
    rows = match_names(names, list(pictures), "images")
    return {name: values[row] for name, row in zip(names, rows, strict=True)}


def _check_exist(paths: Iterable[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"These image files or folders do not exist: {five(missing)}."
        )


def _files_below(folder: Path) -> dict[str, Path]:
    """List the images below a folder by their path in it, hidden ones aside."""
    found = sorted(_walk(folder, ()))
    names = [as_text(path.relative_to(folder)) for path in found]
    check_once(names, f"The folder {folder}")
    return dict(zip(names, found, strict=True))


def _walk(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Yield images, also below folders that are links unless these lead back up."""
    real = folder.resolve()
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            # archives made on a Mac hold a file ._x.jpg, no image, beside each x.jpg
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(folder / entry.name, (*above, real))
            elif PurePath(entry.name).suffix.lower() in SUFFIXES and entry.is_file():
                yield folder / entry.name


def _listed_files(paths: Iterable) -> dict[str, Path]:
    """Return listed files by their path below the folder that they have in common."""
    paths = [_as_path(path) for path in paths]
    if not paths:
        raise ValueError("images is an empty list, expected at least one image.")
    _check_exist(paths)
    full = [path.absolute() for path in paths]
    common = os.path.commonpath([path.parent for path in full])
    relative = [as_text(path.relative_to(common)) for path in full]
    check_once(relative, "images")
    return dict(zip(relative, paths, strict=True))


def _match(files: dict[str, Path], names, where: str) -> dict[str, Path]:
    """Find files by name; an absolute path that exists is found as it is."""
    found = {name: Path(name) for name in as_names(names) if _is_whole_path(name)}
    others = [name for name in as_names(names) if name not in found]
    paths = list(files.values())
    rows = match_names(others, list(files), where)
    found |= {name: paths[row] for name, row in zip(others, rows, strict=True)}
    return {name: found[name] for name in as_names(names)}


def _is_whole_path(name: str) -> bool:
    return Path(name).is_absolute() and Path(name).is_file()
