"""Image features on disk, found again by the content of the image."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import mne
import numpy as np
from PIL import Image
from safetensors import SafetensorError, safe_open

from ..utils.checks import logger, warn
from ..utils.files import write_arrays
from ..utils.fingerprint import fingerprint
from .columns import FeatureBlock

CACHE_FILE = {"kind": "image feature cache", "version": 1}
KEY_BYTES = 16
SEAL_BYTES = 8
SPARE_BYTES = 2**30  # left free on the disk for others


def cache_folder(folder: str | os.PathLike | None = None) -> Path:
    """Return the folder of the cache.

    Parameters
    ----------
    folder : path-like | None
        The folder itself. None takes the environment variable or MNE-Python
        configuration ``MNE_BRAINAE_CACHE``, or else
        ``MNE-brainae-data/image_features`` in the data folder of MNE-Python.

    Returns
    -------
    folder : Path
        The folder. It may not exist yet.
    """
    if folder is None:
        folder = mne.get_config("MNE_BRAINAE_CACHE")
    if folder is not None:
        return Path(folder).expanduser()
    root = Path(mne.get_config("MNE_DATA", "~/mne_data")).expanduser()
    return root / "MNE-brainae-data" / "image_features"


def content_key(content: bytes | Image.Image) -> bytes:
    """Return what tells one image from all others.

    Parameters
    ----------
    content : bytes | PIL.Image.Image
        The file as it is on disk, or an image in mode RGB.

    Returns
    -------
    key : bytes
        A digest of 128 bits.
    """
    if isinstance(content, Image.Image):
        content = np.asarray(content)
    return bytes.fromhex(fingerprint(content))


class _Shard(NamedTuple):
    """One file of the cache."""

    path: Path
    blocks: list[FeatureBlock]
    seal: str


class FeatureCache:
    """The features that one encoder has computed before.

    Every batch is one file, written whole or not at all, so that a computation goes on
    where it was killed, and two of them may share a folder. Every row carries a
    checksum over encoder, image and features: what is damaged is computed again.

    Parameters
    ----------
    root : Path
        The folder of the cache.
    name : str
        The name of the encoder, for people.
    identity : dict
        All that decides the features of an image.
    """

    def __init__(self, root: Path, name: str, identity: dict):
        self.identity = json.loads(json.dumps(identity))
        self.folder = root / f"{_slug(name)}-{fingerprint(self.identity)[:16]}"
        self.name = name
        self.blocks: list[FeatureBlock] | None = None
        self._where: dict[bytes, list[tuple[_Shard, int]]] = defaultdict(list)
        self._may_write = True
        for path in _files_in(self.folder):
            self._register(path)

    def __len__(self) -> int:
        return len(self._where)

    def _register(self, path: Path) -> None:
        try:
            with safe_open(path, framework="numpy") as file:
                header = json.loads(file.metadata()["mne_brainae"])
                keys = file.get_tensor("keys")
            blocks = [FeatureBlock(*block) for block in header["blocks"]]
            is_ours = header["identity"] == self.identity
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            is_ours = False
        if not is_ours:
            logger.info(f"Passing over {path}, which is damaged or no cache file.")
            return
        shard = _Shard(path, blocks, self._seal(blocks))
        for row, key in enumerate(keys):
            self._where[key.tobytes()].append((shard, row))

    def _seal(self, blocks: Sequence[FeatureBlock]) -> str:
        """Return what changes with what the rows of a file mean."""
        return fingerprint(self.identity, list(blocks))

    def get(self, key: bytes) -> np.ndarray | None:
        """Return the features of an image.

        Parameters
        ----------
        key : bytes
            What :func:`content_key` returned.

        Returns
        -------
        row : array, shape (n_features,) | None
            None if they are not here, or damaged.
        """
        for shard, index in self._where.get(key, ()):
            row = _read_row(shard, index, key)
            if row is not None:
                self.blocks = shard.blocks
                return row
        return None

    def _check_space(self, n_bytes: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < n_bytes + SPARE_BYTES:
            raise OSError("the disk is nearly full")

    def put(
        self,
        keys: Sequence[bytes],
        rows: np.ndarray,
        blocks: Sequence[FeatureBlock],
    ) -> None:
        """Keep the features of some images.

        Parameters
        ----------
        keys : sequence of bytes
            The images.
        rows : array of float32, shape (n_images, n_features)
            Their features.
        blocks : sequence of FeatureBlock
            What the columns are.
        """
        self.blocks = list(blocks)
        if not self._may_write:
            return
        seal = self._seal(blocks)
        arrays = {
            "keys": np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES),
            "features": rows,
            "checksums": np.stack(
                [_checksum(seal, key, row) for key, row in zip(keys, rows, strict=True)]
            ),
        }
        header = {
            **CACHE_FILE,
            "name": self.name,
            "identity": self.identity,
            "blocks": [astuple(block) for block in blocks],
        }
        name = fingerprint(list(keys))[:24]
        try:
            self._check_space(rows.nbytes)
            write_arrays(self.folder / f"{name}.safetensors", arrays, header)
        except OSError as error:
            self._may_write = False
            warn(
                f"The image features cannot be kept in {self.folder} ({error}). They "
                "are computed all the same. cache=None does without, and cache=FOLDER "
                "takes another place."
            )


def _slug(name: str) -> str:
    return re.sub("[^A-Za-z0-9.-]+", "_", name)


def _read_row(shard: _Shard, index: int, key: bytes) -> np.ndarray | None:
    """Read one row, or None where the file is damaged or gone."""
    try:
        file = _opened(shard.path, shard.path.stat().st_mtime_ns)
        row = file.get_slice("features")[index : index + 1][0]
        expected = file.get_slice("checksums")[index : index + 1][0]
    except (SafetensorError, OSError, IndexError):
        return None
    is_whole = np.array_equal(_checksum(shard.seal, key, row), expected)
    return row if is_whole else None


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int):
    return safe_open(path, framework="numpy").__enter__()


def _checksum(seal: str, key: bytes, row: np.ndarray) -> np.ndarray:
    digest = bytes.fromhex(fingerprint(seal, key, row))
    return np.frombuffer(digest[:SEAL_BYTES], np.uint8)


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.safetensors") if path.name[0] != ".")


class CacheEntry(NamedTuple):
    """What the cache holds of one encoder."""

    encoder: str
    folder: Path
    n_bytes: int
    n_files: int
    days: float


def list_cache(folder: str | os.PathLike | None = None) -> list[CacheEntry]:
    """List what the cache holds.

    Parameters
    ----------
    folder : path-like | None
        The folder, see :func:`cache_folder`.

    Returns
    -------
    entries : list of CacheEntry
        One per encoder: its name, folder, bytes, files, and days since its last change.
    """
    return list(_entries(cache_folder(folder)))


def _entries(root: Path) -> Iterator[CacheEntry]:
    if not root.is_dir():
        return
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        files = _files_in(folder)
        if not files:
            continue
        stats = [path.stat() for path in files]
        days = (time.time() - max(stat.st_mtime for stat in stats)) / 86400
        n_bytes = sum(stat.st_size for stat in stats)
        name = folder.name.rpartition("-")[0]
        yield CacheEntry(name, folder, n_bytes, len(files), days)


def clean_cache(
    folder: str | os.PathLike | None = None,
    *,
    encoder: str | None = None,
    days: float = 0.0,
) -> list[CacheEntry]:
    """Remove features from the cache.

    Parameters
    ----------
    folder : path-like | None
        The folder, see :func:`cache_folder`.
    encoder : str | None
        Only those of the encoder of this name; None takes all.
    days : float
        Only those of encoders that have not been used to compute for so many days.

    Returns
    -------
    removed : list of CacheEntry
        What was removed. Nothing but files of the cache is.
    """
    removed = [
        entry
        for entry in list_cache(folder)
        if entry.days >= days and (encoder is None or _slug(encoder) == entry.encoder)
    ]
    for entry in removed:
        for path in entry.folder.glob("*.safetensors"):
            path.unlink(missing_ok=True)
        if not any(entry.folder.iterdir()):
            entry.folder.rmdir()
    return removed
