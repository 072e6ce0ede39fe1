"""One row of features per image."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from mne.utils import ProgressBar
from PIL import Image

from ..utils.bounds import check_regular
from ..utils.checks import verbose
from ..utils.constraints import checked, integer
from ..utils.docs import fill_doc
from .built_in import BUILT_IN, GABOR
from .cache import FeatureCache, cache_folder, content_key
from .columns import FeatureBlock, feature_columns, stacked_columns
from .degradation import ORIGINAL, check_degradations, degrade
from .encoders import (
    ImageEncoder,
    identity,
    resolve,
)
from .files import (
    decode_image,
    explain,
    locate_images,
    to_rgb,
)
from .ready import as_float32, check_table, to_array

if TYPE_CHECKING:
    from .networks import NetworkEncoder

BATCH_SIZE = 64
GROUP = 32  # images that are read, passed through a network and kept together
N_READERS = min(4, os.cpu_count() or 1)
LONG = 128  # images, from which on the progress is shown


@checked(
    encoder=[str, ImageEncoder, callable],
    device=[str],
    batch_size=[integer(1), None],
    cache=[str, os.PathLike, "boolean", None],
)
@fill_doc
@verbose
def compute_image_features(
    images,
    encoder: str | ImageEncoder | Callable[[list[Image.Image]], np.ndarray] = GABOR,
    *,
    names: Sequence[str] | None = None,
    layer=None,
    pool: str | int | None = None,
    pretrained: str | os.PathLike | None = None,
    degradations: str | Sequence[str] | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    cache: str | os.PathLike | bool | None = True,
    verbose=None,
) -> pd.DataFrame:
    """Compute one row of features per image.

    Parameters
    ----------
    images : path-like | list | dict | PIL.Image.Image | DataFrame
        The images: a folder (every image below it, sorted, named by its path in
        the folder), one file or a list of files (named by file name, or by the path
        below their common folder where file names repeat), a mapping from name to
        file or PIL image, PIL images (named ``image-0``, ``image-1``, ...), or ready
        features as a DataFrame indexed by image name, which are checked and returned.
    encoder : str | ImageEncoder | callable
        What turns images into features. ``"gabor"`` is the classic model of early
        visual cortex: Gabor energy, color and luminance; it needs no weights. The
        other names are those of :class:`mne_brainae.ImageEncoder`. A callable takes a
        list of at most 64 PIL images in mode RGB and returns an array of shape
        (n_images, n_features).
    names : sequence of str | None
        The images to take, in this order. In a folder or a list a name may be the
        path below the folder or the file name, each with or without suffix, or an
        absolute path. None takes all images.
    layer, pool, pretrained : object
        For an encoder given by its name, see :class:`mne_brainae.ImageEncoder`.
    degradations : str | sequence of str | None
        For an encoder given by its name or a callable, see
        :class:`mne_brainae.ImageEncoder`.
    device : str
        ``"auto"`` (CUDA, MPS, CPU in this order) or a PyTorch device, for networks.
    batch_size : int | None
        Images that pass together. None is 64, and for networks 8 on the CPU, which
        are faster so, and 256 on CUDA.
    cache : path-like | bool | None
        Where features of networks are kept, so that no image is computed twice and
        a computation that was killed goes on. True is the folder that the
        configuration ``MNE_BRAINAE_CACHE`` names, or ``MNE-brainae-data`` in the data
        folder of MNE-Python; False and None keep nothing. ``mne_brainae cache`` shows
        and empties it.
    %(verbose)s

    Returns
    -------
    features : DataFrame of float32, shape (n_images, n_features)
        The features. The index is called ``"image"`` and holds the names. The columns
        of a network have the levels ``"layer"``, ``"channel"``, ``"row"`` and
        ``"column"``, so that ``features["blocks.9"]`` is one layer; row and column
        count from the top left of the map and are -1 without one. Versions side by side
        have a first level ``"version"``.

    Raises
    ------
    ValueError
        If a name is missing, ambiguous or doubled, an image cannot be read, or features
        are not finite or change in width.
    FileNotFoundError
        If a file or folder does not exist.
    RuntimeError
        If weights are neither on the disk nor downloadable. The message names the file.

    See Also
    --------
    mne_brainae.compute_text_features
    mne_brainae.read_image_features
    mne_brainae.list_image_encoders
    mne_brainae.ImageEncoder

    Examples
    --------
    >>> features = mne_brainae.compute_image_features(folder, "gabor")
    >>> len(features)
    32
    >>> new = mne_brainae.compute_image_features(
    ...     "photos/", "clip-vit-l-14", layer=0.75
    ... )  # doctest: +SKIP
    """
    if isinstance(images, pd.DataFrame):
        return check_table(images, names)
    options = {"layer": layer, "pool": pool, "pretrained": pretrained}
    how = {"device": device, "batch_size": batch_size, "cache": cache}
    worker = _worker(encoder, options, degradations, how)
    pictures = locate_images(images, names)
    rows = _encode(pictures, worker)
    index = pd.Index(list(pictures), name="image")
    return pd.DataFrame(rows, index, worker.columns)


@dataclass
class _Worker:
    """What happens to an image on its way to a row of features."""

    encode: Callable[[list], np.ndarray]
    versions: tuple[str, ...]
    n_group: int
    names: pd.Index | None = None
    network: NetworkEncoder | None = None
    cache: FeatureCache | None = None
    stacks: bool = False

    def load(self, name: str, picture: Path | Image.Image) -> _Loaded:
        """Read an image, or its row where the cache has it."""
        if isinstance(picture, Image.Image):
            with explain(name):
                image = content = to_rgb(picture)
        else:
            image, content = None, check_regular(picture).read_bytes()
        key = row = None
        if self.cache is not None:
            key = content_key(content)
            row = self.cache.get(key)
        if row is not None:
            return _Loaded(name, key, row, [])
        image = decode_image(content, picture) if image is None else image
        worse = [degrade(image, version) for version in self.versions]
        if self.network is not None:
            worse = [self.network.prepare(version) for version in worse]
        return _Loaded(name, key, None, worse)

    def combine(self, rows: np.ndarray) -> np.ndarray:
        """Turn (n_images, n_versions, n_features) into one row per image."""
        return rows.reshape(len(rows), -1) if self.stacks else rows.mean(axis=1)

    def width_of(self, features: np.ndarray) -> int:
        """Return how many features one version of an image has."""
        return features.shape[1] // (len(self.versions) if self.stacks else 1)

    @property
    def blocks(self) -> list[FeatureBlock] | None:
        """What the columns of a network are; it is not built if the cache knows."""
        if self.cache is not None and self.cache.blocks is not None:
            return self.cache.blocks
        return None if self.network is None else self.network.blocks

    @property
    def columns(self) -> pd.Index | None:
        """The names of the features, if they have any."""
        if self.names is not None:
            columns = self.names
        else:
            columns = None if self.network is None else feature_columns(self.blocks)
        return stacked_columns(columns, self.versions) if self.stacks else columns


class _Loaded(NamedTuple):
    name: str
    key: bytes | None
    row: np.ndarray | None
    prepared: list


def _worker(encoder, options: dict, degradations, how: dict) -> _Worker:
    """Choose what encodes, what it is fed and where its features are kept."""
    given = [name for name, value in options.items() if value is not None]
    n_group = how["batch_size"] or BATCH_SIZE
    if isinstance(encoder, str):
        encoder = ImageEncoder(encoder, **options, degradations=degradations)
    elif isinstance(encoder, ImageEncoder):
        if given or degradations is not None:
            raise ValueError(
                "encoder is an ImageEncoder, which has its own layer, pool, pretrained "
                "and degradations; set them there."
            )
    else:
        if given:
            raise ValueError(
                f"{', '.join(given)} cannot be chosen for an encoder that is a "
                "callable; build them into it."
            )
        return _Worker(encoder, _versions(check_degradations(degradations)), n_group)
    versions = _versions(encoder.degradations)
    if encoder.name in BUILT_IN:
        encode, columns = BUILT_IN[encoder.name]
        return _Worker(encode, versions, n_group, columns(), stacks=encoder.stacks)
    return _network_worker(encoder, versions, **how)


def _versions(degradations: tuple[str, ...]) -> tuple[str, ...]:
    return degradations or (ORIGINAL,)


def _network_worker(encoder, versions, *, device, batch_size, cache) -> _Worker:
    from .networks import NetworkEncoder

    source = resolve(encoder)
    network = NetworkEncoder(encoder, source, device, batch_size)
    store = None
    if cache not in (None, False):
        folder = cache_folder(None if cache is True else cache)
        store = FeatureCache(folder, encoder.name, identity(encoder, source))
    n_group = max(GROUP, network.batch_size)
    return _Worker(network, versions, n_group, None, network, store, encoder.stacks)


def _encode(pictures: Mapping[str, Path | Image.Image], worker: _Worker) -> np.ndarray:
    """Encode images batch by batch, so that few of them are in memory at once."""
    n_group = max(worker.n_group // len(worker.versions), 1)
    features, n_done = None, 0
    with ThreadPoolExecutor(N_READERS) as pool:
        loaded = _read_ahead(pool, worker, pictures, n_group)
        if len(pictures) > LONG:
            loaded = ProgressBar(
                loaded, mesg="Image features", max_value=len(pictures), unit=" images"
            )
        loaded = iter(loaded)
        while batch := list(islice(loaded, n_group)):
            width = None if features is None else worker.width_of(features)
            rows = _rows(batch, worker, width)
            if features is None:
                features = np.empty((len(pictures), rows.shape[1]), "float32")
            features[n_done : n_done + len(batch)] = rows
            n_done += len(batch)
    return features


def _read_ahead(
    pool: ThreadPoolExecutor, worker: _Worker, pictures: Mapping, depth: int
) -> Iterator[_Loaded]:
    """Read images in threads while those before them are encoded."""
    waiting = deque()
    try:
        for name, picture in pictures.items():
            if isinstance(picture, Image.Image):
                with explain(name):
                    picture.load()  # not safe in two threads, and one may come twice
            waiting.append(pool.submit(worker.load, name, picture))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _rows(batch: list[_Loaded], worker: _Worker, width: int | None) -> np.ndarray:
    """Return the features of a batch, computed where the cache has none."""
    new = [picture for picture in batch if picture.row is None]
    computed = None
    if new:
        names = [picture.name for picture in new]
        n_versions = len(worker.versions)
        prepared = [version for picture in new for version in picture.prepared]
        computed = to_array(worker.encode(prepared))
        _check_shape(computed, len(prepared), width)
        what = "The features of the image encoder"
        versions = [name for name in names for _ in range(n_versions)]
        computed = as_float32(computed, versions, what)
        if n_versions > 1:
            computed = worker.combine(computed.reshape(len(new), n_versions, -1))
        if worker.cache is not None:
            keys = [picture.key for picture in new]
            worker.cache.put(keys, computed, worker.network.blocks)
        if len(new) == len(batch):
            return computed
    fresh = iter(computed if computed is not None else ())
    return np.stack([next(fresh) if p.row is None else p.row for p in batch])


def _check_shape(rows: np.ndarray, n_images: int, width: int | None) -> None:
    is_right = rows.ndim == 2 and len(rows) == n_images and rows.shape[1] > 0
    if not is_right or width not in (None, rows.shape[1]):
        raise ValueError(
            f"The image encoder returned an array of shape {rows.shape} for "
            f"{n_images} images, expected ({n_images}, {width or 'n_features'})."
        )
