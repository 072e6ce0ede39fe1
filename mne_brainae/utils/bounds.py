"""What a file may announce: no more than its own size accounts for."""

# License: BSD-3-Clause

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

#: What compressed files may grow to in any case, and how many times their size.
#: Recordings and features compress to a tenth at best, spikes to a fiftieth.
LEAST, RATIO = 2**28, 100
#: Bytes that are decompressed at once to count them.
CHUNK = 2**20
#: The type of compressed elements of a MATLAB file of version 5.
COMPRESSED = 15


def check_regular(path: Path) -> Path:
    """Refuse what is no regular file, such as a pipe, from which reading never ends.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    path : Path
        The same.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if not path.is_file():
        raise ValueError(f"{path} is a folder, a pipe or a device, expected a file.")
    return path


def check_growth(n_bytes: int, path: Path) -> None:
    """Refuse contents that are far larger than the file that holds them.

    Parameters
    ----------
    n_bytes : int
        What the contents take in memory, as the file announces it.
    path : Path
        The file.
    """
    most = max(LEAST, RATIO * path.stat().st_size)
    if n_bytes > most:
        raise ValueError(
            f"{path} has {path.stat().st_size} bytes and claims contents of {n_bytes} "
            "bytes, far more than recordings or features can be compressed. It is "
            "damaged or made to fill memory; get it from its source again."
        )


def read_npy(file: BinaryIO, n_bytes: int, path: Path) -> np.ndarray:
    """Read an array without objects, if it is as large as its header says.

    Parameters
    ----------
    file : file object
        At the beginning of an array in NumPy's format.
    n_bytes : int
        How many bytes there are.
    path : Path
        The file, for messages.

    Returns
    -------
    array : array
        The array.
    """
    shape, _, dtype = read_header(file)
    n_values = math.prod(shape)
    announced = n_values * dtype.itemsize
    if dtype.hasobject:
        raise ValueError(f"{path} holds objects, expected numbers")
    if announced > n_bytes:
        raise ValueError(
            f"the header of {path} announces {announced} bytes, but there are {n_bytes}"
        )
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_numbers(path: Path) -> np.ndarray:
    """Read a file of one array without objects.

    Parameters
    ----------
    path : Path
        The file, in NumPy's npy format.

    Returns
    -------
    array : array
        The array.
    """
    with check_regular(path).open("rb") as file:
        return read_npy(file, path.stat().st_size, path)


def read_header(file: BinaryIO) -> tuple[tuple, bool, np.dtype]:
    """Return shape, order and type of an array in NumPy's format."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of NumPy's format is not known")
    # Version 3 differs from 2 in the encoding of names only.
    reader = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    return reader(file)


def check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive with two files of one name, or that grows beyond measure.

    Parameters
    ----------
    archive : ZipFile
        The archive.
    path : Path
        The file, for messages.
    """
    names = archive.namelist()
    if len(set(names)) < len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} holds {doubled!r} twice, expected one file per name.")
    check_growth(sum(info.file_size for info in archive.infolist()), path)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read an archive of arrays without objects.

    Parameters
    ----------
    path : Path
        A file that ``np.savez`` or ``np.savez_compressed`` wrote.

    Returns
    -------
    arrays : dict of array
        The arrays by name.
    """
    arrays = {}
    with check_regular(path).open("rb") as opened, zipfile.ZipFile(opened) as archive:
        check_archive(archive, path)
        for info in archive.infolist():
            with archive.open(info) as file:
                name = info.filename.removesuffix(".npy")
                arrays[name] = read_npy(file, info.file_size, path)
    return arrays


def check_matlab(path: Path) -> Path:
    """Refuse a MATLAB file of version 5 that grows beyond measure.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    path : Path
        The same.
    """
    from scipy.io import whosmat

    total = 0
    with check_regular(path).open("rb") as file:
        order = "<" if file.read(128)[-2:] == b"IM" else ">"
        for n_bytes in _elements(file, order):
            total += n_bytes
            check_growth(total, path)
    for name, shape, _ in whosmat(path):
        # Every entry takes a byte or more, of a cell array eight and more.
        if math.prod(shape) > max(total, LEAST // 8):
            raise ValueError(
                f"{path} announces {name!r} of shape {shape}, but holds {total} bytes"
            )
    return path


def _elements(file: BinaryIO, order: str) -> Iterator[int]:
    """Yield the sizes of elements, of compressed ones as they are decompressed."""
    while len(tag := file.read(8)) == 8:
        kind, n_bytes = np.frombuffer(tag, f"{order}u4")
        if kind != COMPRESSED:
            yield int(n_bytes)
            file.seek(int(n_bytes), io.SEEK_CUR)
            continue
        yield from _decompressed(file, int(n_bytes))


def _decompressed(file: BinaryIO, n_bytes: int) -> Iterator[int]:
    machine = zlib.decompressobj()
    while n_bytes > 0 and (part := file.read(min(CHUNK, n_bytes))):
        n_bytes -= len(part)
        while part:
            yield len(machine.decompress(part, CHUNK))
            part = machine.unconsumed_tail


def check_hdf5(opened, path: Path) -> None:
    """Refuse links to other files, and data that grow beyond measure.

    Parameters
    ----------
    opened : h5py.File
        The file.
    path : Path
        The file, for messages.
    """
    import h5py

    elsewhere, data = [], {}

    def visit(name: str, link) -> None:
        if isinstance(link, h5py.ExternalLink):
            elsewhere.append(name)

    def keep(name: str, found) -> None:
        if isinstance(found, h5py.Dataset):
            data[name] = found

    opened.visititems_links(visit)
    if not elsewhere:
        opened.visititems(keep)
        elsewhere = [name for name, it in data.items() if it.external or it.is_virtual]
    if elsewhere:
        raise ValueError(
            f"{path} keeps {elsewhere[0]!r} in another file, which is not read."
        )
    for found in data.values():
        check_growth(found.nbytes, path)
        if found.chunks is not None:
            check_growth(math.prod(found.chunks) * found.dtype.itemsize, path)


def inside(folder: Path, name: str) -> Path:
    """Return a file of a folder by a name from data, which may not lead out of it.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        The path below it, as a table or a file says it.

    Returns
    -------
    path : Path
        The path.

    Raises
    ------
    ValueError
        If the path is absolute, goes up, or leaves the folder through a link.
    """
    path = folder / name.replace("\\", "/")
    parent = path.parent.resolve()
    if ".." in Path(name).parts or not parent.is_relative_to(folder.resolve()):
        raise ValueError(
            f"The file name {name!r} leads out of {folder}. Correct it in the table "
            "that it comes from."
        )
    return path
