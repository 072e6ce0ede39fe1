"""Pictures by name, and their features."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
from mne.utils import ProgressBar
from PIL import Image, ImageOps, UnidentifiedImageError

from ._checks import (
    _check_option,
    _validate_type,
    check_complete,
    check_finite,
    five,
    verbose,
)
from ._docs import fill_doc
from ._gabor import gabor_feature_names, gabor_features

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff")
SUFFIXES += (".webp",)
BATCH_SIZE = 64


@fill_doc
@verbose
def compute_image_features(
    images,
    encoder: str | Callable[[list[Image.Image]], np.ndarray] = "gabor",
    *,
    names: Sequence[str] | None = None,
    verbose=None,
) -> pd.DataFrame:
    """Compute one row of features per picture.

    Parameters
    ----------
    images : path-like | list | dict | PIL.Image.Image | DataFrame
        The pictures: a folder (every picture below it, sorted, named by its path in
        the folder), one file or a list of files (named by file name, or by the path
        below their common folder where file names repeat), a mapping from name to
        file or PIL image, PIL images (named ``image-0``, ``image-1``, ...), or ready
        features as a DataFrame indexed by image name, which are checked and returned.
    encoder : ``"gabor"`` | callable
        What turns pictures into features. ``"gabor"`` is the classic model of early
        visual cortex: Gabor energy, colour and luminance. A callable takes a list of at
        most 64 PIL images in mode RGB and returns an array of shape
        (n_images, n_features).
    names : sequence of str | None
        The pictures to take, in this order. In a folder or a list a name may be the
        path below the folder or the file name, each with or without suffix, or an
        absolute path. None takes all pictures.
    %(verbose)s

    Returns
    -------
    features : DataFrame of float32, shape (n_images, n_features)
        The features. The index is called ``"image"`` and holds the names. A missing,
        ambiguous or doubled name, a picture that cannot be read, and features that are
        not finite or of changing width are a ValueError.
    """
    if isinstance(images, pd.DataFrame):
        return _check_features(images, names)
    pictures = _find_pictures(images, names)
    if not callable(encoder):
        _validate_type(encoder, (str, "callable"), "encoder")
        _check_option("encoder", encoder, ("gabor",))
        features = _encode(pictures, gabor_features)
        columns = gabor_feature_names()
    else:
        features = _encode(pictures, encoder)
        columns = None
    index = pd.Index(list(pictures), name="image", dtype=object).astype(str)
    return pd.DataFrame(features, index, columns)


def find_images(images, names: Sequence[str] | None = None) -> dict[str, Path]:
    """Find picture files by name.

    Parameters
    ----------
    images : path-like | list of path-like | dict
        A folder, one file, a list of files, or a mapping from name to file.
    names : sequence of str | None
        The names to find. In a folder or a list each is compared with the path below
        the (common) folder, that path without suffix, the file name, and the file name
        without suffix, in this order; an absolute path that exists matches as well. In
        a mapping it is a key. None finds all.

    Returns
    -------
    paths : dict of Path
        The file of every name, in the order of ``names``. Names that are missing,
        ambiguous or doubled are a ValueError.
    """
    if isinstance(images, Mapping):
        paths = {str(name): Path(path) for name, path in images.items()}
        _check_exist(paths.values())
        return _select(paths, names)
    root, files, display = _list_files(images)
    if names is None:
        return dict(zip(display, files, strict=True))
    return _match(root, files, _check_names(names))


def _find_pictures(images, names) -> dict[str, Path | Image.Image]:
    if isinstance(images, Image.Image):
        images = [images]
    if isinstance(images, Mapping):
        values = {str(name): value for name, value in images.items()}
    elif isinstance(images, Iterable) and not isinstance(images, str | os.PathLike):
        images = list(images)
        values = {f"image-{index}": value for index, value in enumerate(images)}
    else:
        return find_images(images, names)
    if any(isinstance(value, Image.Image) for value in values.values()):
        return _select(values, names)
    return find_images(images, names)


def read_image(path: str | os.PathLike) -> Image.Image:
    """Read a picture as RGB, upright.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    image : PIL.Image.Image
        The picture in mode RGB, turned as its EXIF orientation says. Transparent parts
        lie on mid-grey. A file that is not a whole picture is a ValueError.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            return _to_rgb(image)
    except FileNotFoundError:
        raise
    except UnidentifiedImageError:
        reason = "it is not in a picture format that Pillow knows"
    except Exception as error:
        reason = str(error) or type(error).__name__
    raise ValueError(f"Cannot read the picture {path}: {reason}.")


def _to_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = Image.fromarray(np.uint8(np.asarray(image) / 257 + 0.5))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        grey = Image.new("RGBA", image.size, (128, 128, 128, 255))
        image = Image.alpha_composite(grey, image)
    return image.convert("RGB")


def _encode(pictures: Mapping, encoder: Callable) -> np.ndarray:
    values = list(pictures.values())
    starts = range(0, len(values), BATCH_SIZE)
    features = None
    for start in ProgressBar(starts, mesg="Image features"):
        batch = values[start : start + BATCH_SIZE]
        batch = [
            _to_rgb(v) if isinstance(v, Image.Image) else read_image(v) for v in batch
        ]
        rows = np.asarray(encoder(batch), "float32")
        width = rows.shape[-1] if features is None else features.shape[1]
        if rows.shape != (len(batch), width):
            raise ValueError(
                f"The image encoder returned shape {rows.shape} for {len(batch)} "
                "images, expected (n_images, n_features), of one width throughout."
            )
        check_finite(rows, "The features of the image encoder")
        if features is None:
            features = np.empty((len(values), rows.shape[1]), "float32")
        features[start : start + len(batch)] = rows
    return features


def _check_features(features: pd.DataFrame, names) -> pd.DataFrame:
    features = features.astype("float32")
    features.index = features.index.astype(str).rename("image")
    check_finite(features.to_numpy(), "images")
    check_complete(names or [], features.index, "images")
    return features if names is None else features.loc[list(names)]


def _check_names(names) -> list[str]:
    return [str(name) for name in names]


def _select(values, names):
    if names is None:
        return values
    check_complete(_check_names(names), list(values), "images")
    return {name: values[name] for name in _check_names(names)}


def _check_exist(paths) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"These picture files do not exist: {five(missing)}.")


def _list_files(images):
    if isinstance(images, str | os.PathLike):
        root = Path(images)
        if root.is_dir():
            files = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
            return root, files, [p.relative_to(root).as_posix() for p in files]
        images = [images]
    files = [Path(path) for path in images]
    _check_exist(files)
    display = [path.name for path in files]
    root = Path(os.path.commonpath([p.parent.absolute() for p in files]))
    if len(set(display)) < len(display):
        display = [p.absolute().relative_to(root).as_posix() for p in files]
    return root, files, display


def _match(root, files, names):
    tiers = [defaultdict(list) for _ in range(4)]
    for path in files:
        relative = path.absolute().relative_to(root.absolute())
        keys = (relative, relative.with_suffix(""), relative.name, relative.stem)
        for tier, key in zip(tiers, keys, strict=True):
            tier[PurePath(key).as_posix()].append(path)
    found, missing, ambiguous = {}, [], []
    for name in names:
        paths = next((tier[name] for tier in tiers if name in tier), [])
        if len(paths) == 1:
            found[name] = paths[0]
        elif paths:
            ambiguous.append(name)
        elif Path(name).is_absolute() and Path(name).is_file():
            found[name] = Path(name)
        else:
            missing.append(name)
    if missing or ambiguous:
        raise ValueError(f"missing {five(missing)} ambiguous {five(ambiguous)}")
    return found
