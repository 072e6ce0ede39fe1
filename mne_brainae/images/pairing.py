"""The one rule that matches names of images, and what belongs to which epoch."""

# License: BSD-3-Clause

from __future__ import annotations

import filecmp
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..utils.checks import check_finite, check_once, check_real, five
from ..utils.names import texts

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
#: Rows of features that differ by less than this share of the largest value of a column
#: are equal: networks round otherwise in another batch.
ROUNDING = 1e-5
BLOCK = 256  # rows that are compared at a time


class _Name(NamedTuple):
    """A name in parts."""

    folder: tuple[str, ...]
    file: str
    stem: str

    @classmethod
    def of(cls, name: str) -> _Name:
        path = PurePosixPath(name)
        folder = tuple(part for part in path.parts[:-1] if part not in ("/", "."))
        has_suffix = path.suffix.lower() in SUFFIXES
        return cls(folder, path.name, path.stem if has_suffix else path.name)

    def lower(self) -> _Name:
        folder = tuple(part.casefold() for part in self.folder)
        return _Name(folder, self.file.casefold(), self.stem.casefold())

    def may_lie_in(self, folder: tuple[str, ...]) -> bool:
        """Whether one folder is the end of the other, as where one of them is short."""
        n = min(len(self.folder), len(folder))
        return self.folder[len(self.folder) - n :] == folder[len(folder) - n :]


def stem(name: str) -> str:
    """Return the name of an image without folder and suffix, in lower case."""
    return _Name.of(name).stem.casefold()


def flat_stem(name: str) -> str:
    """Return a name without suffix and with its folders in one file name."""
    parts = _Name.of(name)
    return "_".join((*parts.folder, parts.stem))


class ImageNames:
    """Names of images, among which other spellings are found.

    A name stands for the first of these that there is: the same path; the same file
    name; the same name without suffix; the same without regard to case. Folders must
    agree as far as both names have them, and the same folder is preferred.

    Parameters
    ----------
    names : iterable of str
        The names, as text, each once.
    """

    def __init__(self, names: Iterable[str]):
        self.names = list(names)
        self._rows = {name: row for row, name in enumerate(self.names)}

    @cached_property
    def _parts(self) -> list[_Name]:
        return [_Name.of(name) for name in self.names]

    @cached_property
    def _tables(self) -> list[dict[str, list[int]]]:
        """The rows by file name, by stem, and by stem in lower case."""
        tables = [defaultdict(list) for _ in range(3)]
        for row, parts in enumerate(self._parts):
            for table, key in zip(tables, self._keys(parts), strict=True):
                table[key].append(row)
        return tables

    @staticmethod
    def _keys(parts: _Name) -> tuple[str, str, str]:
        return parts.file, parts.stem, parts.stem.casefold()

    def find(self, name: str, *, same_folder: bool = False) -> list[int]:
        """Return the rows that a name may stand for; one if it is clear."""
        if name in self._rows:
            return [self._rows[name]]
        parts = _Name.of(name)
        for level, key in enumerate(self._keys(parts)):
            rows = self._tables[level].get(key, [])
            folders = {row: self._parts[row].folder for row in rows}
            wanted = parts
            if level == 2:
                wanted = parts.lower()
                folders = {row: self._parts[row].lower().folder for row in rows}
            same = [row for row in rows if folders[row] == wanted.folder]
            near = [row for row in rows if wanted.may_lie_in(folders[row])]
            if rows := same or ([] if same_folder else near):
                return rows
        return []

    def find_one(self, name: str, *, same_folder: bool = False) -> int | None:
        """Return the row that a name stands for; None if there is none, or several."""
        rows = self.find(name, same_folder=same_folder)
        return rows[0] if len(rows) == 1 else None

    def like(self, name: str) -> str | None:
        """Return a name that is spelled almost alike, for an error message."""
        close = get_close_matches(name, self.names, 1)
        return close[0] if close else None


def match_names(wanted: Sequence, present: Sequence, where: str) -> list[int]:
    """Find names among those of images.

    Parameters
    ----------
    wanted : sequence of str
        The names to find.
    present : sequence of str
        The names there are.
    where : str
        What has them, for error messages.

    Returns
    -------
    rows : list of int
        The row of every wanted name in ``present``, by the rule of :class:`ImageNames`.

    Raises
    ------
    ValueError
        If a name is missing or ambiguous, or the names of two different images match
        the same one.
    """
    wanted, present = texts(wanted), texts(present)
    check_once(present, where)
    rows = {name: row for row, name in enumerate(present)}
    if rows.keys() >= set(wanted):  # the usual case, and the quickest
        return [rows[name] for name in wanted]
    known = ImageNames(present)
    found = {name: known.find(name) for name in dict.fromkeys(wanted)}
    missing = [name for name, rows in found.items() if not rows]
    if missing:
        like = known.like(missing[0])
        raise ValueError(
            f"{where} lacks these images: {five(missing)}"
            + (f"; did you mean {like!r}?" if like else ".")
            + " Looked for the path and for the file name, both with and without "
            f"suffix, among {len(present)} images such as {five(present[:2])}."
        )
    several = [
        f"{name} ({present[rows[0]]}, {present[rows[1]]})"
        for name, rows in found.items()
        if len(rows) > 1
    ]
    if several:
        raise ValueError(
            f"Several images in {where} go by the names {five(several)}. Name them by "
            "their path in the folder."
        )
    _check_distinct(found, present, where)
    return [found[name][0] for name in wanted]


def _check_distinct(found: dict[str, list[int]], present: list[str], where: str):
    """Refuse two images, such as 1.png of two sessions, that stand for the same one."""
    users = defaultdict(list)
    for name, (row,) in found.items():
        users[row].append(name)
    for row, names in users.items():
        longest = max(names, key=len)
        others = [name for name in names if not ImageNames([longest]).find(name)]
        if others:
            raise ValueError(
                f"The names {five([longest, *others])} are of different images, but "
                f"{where} has only {present[row]!r} for them. Name its images by paths "
                "that tell them apart."
            )


def image_paths(epochs, names: pd.Series) -> dict[str, str]:
    """Return the image files that the metadata name.

    Parameters
    ----------
    epochs : instance of Epochs
        Epochs whose metadata have a column ``"image_path"``.
    names : Series, shape (n_epochs,)
        The image of every epoch.

    Returns
    -------
    paths : dict of str
        The file of every image.

    Raises
    ------
    ValueError
        If two files under one name differ in content.
    """
    if "image_path" not in epochs.metadata:
        raise ValueError(
            "No images were given and epochs.metadata has no column 'image_path'. Give "
            "the folder of images, a list of files, or features."
        )
    paths = epochs.metadata["image_path"]
    if paths.isna().any():
        raise ValueError(
            "epochs.metadata['image_path'] is missing for the images "
            f"{five(names[paths.isna().to_numpy()].unique())}. Fill in the files."
        )
    found: dict[str, str] = {}
    pairs = pd.DataFrame({"name": names.to_numpy(), "path": list(map(_fs, paths))})
    for name, path in pairs.drop_duplicates().itertuples(index=False):
        if not _is_same_file(found.setdefault(name, path), path):
            raise ValueError(
                f"epochs.metadata['image_path'] has two files for the image {name!r}: "
                f"{found[name]} and {path}. Give different images different names, "
                "such as their path below a common folder."
            )
    return found


def has_files(metadata: pd.DataFrame) -> bool:
    """Tell whether the metadata name image files that are all there."""
    if "image_path" not in metadata:
        return False
    paths = metadata["image_path"]
    return bool(paths.notna().all()) and all(
        Path(_fs(path)).expanduser().is_file() for path in paths.unique()
    )


def _fs(path) -> str:
    """Return a path as text, as the file system has it."""
    return os.fsdecode(path)


def _is_same_file(one: str, other: str) -> bool:
    """Whether two paths lead to the same image; what is not there cannot tell."""
    if one == other:
        return True
    files = Path(one).expanduser(), Path(other).expanduser()
    if not all(file.is_file() for file in files):
        return False
    return filecmp.cmp(*files, shallow=False)


def rows_by_name(rows: np.ndarray, names: pd.Series) -> pd.DataFrame:
    """Turn one row of features per epoch into one row per image.

    Parameters
    ----------
    rows : array, shape (n_epochs, n_features)
        The features of the image of every epoch.
    names : Series, shape (n_epochs,)
        The image of every epoch.

    Returns
    -------
    features : DataFrame of float32, shape (n_images, n_features)
        The row of the first epoch of every image.

    Raises
    ------
    ValueError
        If rows of one image differ by more than rounding.
    """
    check_real(rows, "images")
    if rows.ndim != 2 or len(rows) != len(names):
        raise ValueError(
            f"images as an array must have shape (n_epochs, n_features) with "
            f"{len(names)} epochs, got {rows.shape}. Use a DataFrame indexed by image "
            "name to give every image once."
        )
    check_finite(rows, "images")
    first = ~names.duplicated().to_numpy()
    features = pd.DataFrame(rows[first], index=pd.Index(names[first], name="image"))
    differs = _differ_from_first(rows, features.index.get_indexer(names))
    if differs.any():
        raise ValueError(
            "Epochs of one image have different rows of features in images: "
            f"{five(names[differs].unique())}."
        )
    return features.astype(np.float32)


def _differ_from_first(rows: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Tell which rows differ by more than rounding from the first of their image."""
    first = np.unique(images, return_index=True)[1]
    allowed = ROUNDING * np.abs(rows).max(axis=0, initial=0.0)
    differs = np.empty(len(rows), bool)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        away = np.abs(rows[part].astype(float) - rows[first[images[part]]])
        differs[part] = (away > allowed).any(axis=1)
    return differs


def named_rows(rows: np.ndarray) -> pd.DataFrame:
    """Name rows of features of new images by their number."""
    rows = np.atleast_2d(rows)
    if rows.ndim != 2:
        raise ValueError(
            "images as an array must be features of shape (n_images, n_features), got "
            f"{rows.shape}. Give pictures as files or PIL images."
        )
    check_real(rows, "images")
    names = [f"image-{i}" for i in range(len(rows))]
    return pd.DataFrame(rows, index=pd.Index(names, name="image"))
