"""Files of features that other programs computed."""

# License: BSD-3-Clause

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..utils.bounds import read_npz
from ..utils.checks import five
from ..utils.constraints import checked
from ..utils.docs import fill_doc
from ..utils.unpickle import load_npy
from .columns import FeatureBlock, feature_columns
from .files import as_names
from .ready import as_float32, to_array

#: What NumPy raises on a file that is not an archive.
NO_ARCHIVE = (EOFError, TypeError, zipfile.BadZipFile)
#: What the features of images are called in files that hold others as well.
USUAL_KEYS = ("img_features", "image_features", "features")


@checked(fname=[str, os.PathLike], key=[str, list, tuple, None])
@fill_doc
def read_image_features(
    fname: str | os.PathLike,
    names: Sequence[str],
    *,
    key: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read image features from a file of another program.

    Parameters
    ----------
    fname : path-like
        The file: an array or a dictionary of arrays as ``.npy``, ``.npz``,
        ``.safetensors``, ``.pt`` or ``.pth``; or a folder with one ``.npy`` per
        image, which is read in sorted order.
    names : sequence of str
        The name of the image of every row, in order. No file is trusted to be in the
        order of anything else.
    key : str | sequence of str | None
        The entries of a dictionary to take, such as layers of a network. None takes
        ``"img_features"``, ``"image_features"`` or ``"features"`` where there is one,
        and all entries otherwise.

    Returns
    -------
    features : DataFrame of float32, shape (n_images, n_features)
        What :func:`mne_brainae.fit` takes as ``images``. An array has numbered columns;
        entries of a dictionary have those of
        :func:`mne_brainae.compute_image_features`, the entry being the layer.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it does not hold one row of numbers for every image, or if the file is
        truncated or would run code.

    See Also
    --------
    mne_brainae.compute_image_features

    Notes
    -----
    These are the layouts of public releases for THINGS-EEG2: NICE keeps arrays
    (n_images, n_features) or (n_images, 1, n_features) as ``.npy``; ATM keeps
    ``img_features`` beside ``text_features`` as ``.pt``; Gifford et al. (2022) keep a
    dictionary from layer to principal scores as one ``.npy``, and a folder with a
    dictionary from layer to maps per image. The first two list images in the sorted
    order of the folders of their data set.

    Examples
    --------
    >>> features = mne_brainae.read_image_features(
    ...     "features.npy", names=image_names
    ... )  # doctest: +SKIP
    """
    path = Path(fname).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"The file of features {path} does not exist.")
    names = as_names(names)
    contents = _read_folder(path, len(names)) if path.is_dir() else _read(path)
    if isinstance(contents, Mapping):
        entries = _choose(contents, key, path)
        arrays = [_rows(array, names, f"{path}: {name}") for name, array in entries]
        columns = feature_columns(
            [
                _block(name, *array.shape[1:])
                for (name, _), array in zip(entries, arrays, strict=True)
            ]
        )
    elif key is not None:
        raise ValueError(f"{path} holds one array and no entry key={key!r}.")
    else:
        arrays, columns = [_rows(contents, names, str(path))], None
    rows = np.concatenate([array.reshape(len(names), -1) for array in arrays], axis=1)
    return pd.DataFrame(rows, pd.Index(names, name="image"), columns)


def _block(name: str, *shape: int) -> FeatureBlock:
    """Take (channels, rows, columns) for a map and anything else for channels."""
    if len(shape) == 3:
        return FeatureBlock(name, *shape)
    return FeatureBlock(name, int(np.prod(shape)))


def _read(path: Path):
    """Return an array or a dictionary of arrays."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return load_npy(path)
    if suffix in (".pt", ".pth", ".safetensors"):
        return _read_tensors(path)
    try:
        if suffix == ".npz":
            return read_npz(path)
    except (OSError, ValueError, *NO_ARCHIVE) as err:
        raise ValueError(
            f"{path} is not a complete {suffix} file ({err}). It may be truncated or "
            "of another format; objects in it are not read."
        ) from None
    raise ValueError(
        f"{path} ends in {suffix!r}, expected .npy, .npz, .safetensors, .pt or .pth."
    )


def _read_tensors(path: Path):
    from .weights import read_tensors

    contents = read_tensors(path)
    if isinstance(contents, Mapping):
        return {
            str(name): to_array(value) if hasattr(value, "detach") else value
            for name, value in contents.items()
        }
    if not hasattr(contents, "detach"):
        raise ValueError(f"{path} holds a {type(contents).__name__} and no tensor.")
    return to_array(contents)


def _read_folder(folder: Path, n_names: int) -> dict[str, np.ndarray]:
    """Read one dictionary per image and stack them by layer."""
    files = sorted(folder.glob("*.npy"))
    if len(files) != n_names:
        raise ValueError(
            f"The folder {folder} holds {len(files)} .npy files, but names lists "
            f"{n_names} images."
        )
    pictures = [load_npy(file) for file in files]
    if all(isinstance(picture, np.ndarray) for picture in pictures):
        pictures = [{"features": picture} for picture in pictures]
    layers = list(pictures[0])
    for file, picture in zip(files, pictures, strict=True):
        if list(picture) != layers:
            raise ValueError(
                f"{file} holds {five(picture)}, but the files before it {five(layers)}."
            )
    return {layer: np.stack([p[layer] for p in pictures]) for layer in layers}


def _choose(contents: Mapping, key, path: Path) -> list[tuple[str, np.ndarray]]:
    """Choose entries of a dictionary."""
    if key is None:
        usual = [name for name in USUAL_KEYS if name in contents]
        keys = usual[:1] or list(contents)
    else:
        keys = [key] if isinstance(key, str) else list(key)
    missing = [name for name in keys if name not in contents]
    if missing or not keys:
        raise ValueError(
            f"{path} has no entry {five(missing)}; it holds {five(contents)}."
        )
    return [(str(name), contents[name]) for name in keys]


def _rows(array, names: list[str], what: str) -> np.ndarray:
    """Return one row per name as float32, without sides of length one."""
    array = np.asarray(array)
    if array.ndim < 2 or len(array) != len(names) or not array.size:
        raise ValueError(
            f"{what} holds an array of shape {array.shape}, expected one row of "
            f"features for each of the {len(names)} names."
        )
    while array.ndim > 2 and array.shape[1] == 1:
        array = array[:, 0]
    flat = as_float32(array.reshape(len(array), -1), names, what)
    return flat.reshape(array.shape)
