"""Arrays and dictionaries from files that hold pickles, without executing any."""

# License: BSD-3-Clause

from __future__ import annotations

import math
import os
import pickle
import pickletools
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .bounds import check_regular, read_header, read_npy

#: Values of more bytes are passed over when a pickle is checked.
LONG = 2**16

#: All that a pickled array or dictionary of arrays needs. Whatever else a pickle names
#: could be called on loading it, and is refused.
_ARRAY = ("_reconstruct", "scalar", "_frombuffer")
ALLOWED = {
    *(
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module in ("multiarray", "numeric")
        for name in _ARRAY
    ),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how Python 3 pickles bytes in protocol 2
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "set"),
    ("collections", "OrderedDict"),
}


class _Refused(pickle.UnpicklingError):
    """A pickle names something that is not part of an array."""


class _Array(np.ndarray):
    """An array of a pickle, whose announced size is checked before it is made."""

    def __setstate__(self, state: tuple) -> None:
        """Take shape, type and values, if there are as many values as announced."""
        shape, dtype, values = state[-4], state[-3], state[-1]
        n_values = len(values) if dtype.hasobject else len(values) / dtype.itemsize
        if n_values != math.prod(shape):
            raise pickle.UnpicklingError(
                f"an array of shape {shape} is announced, with {n_values:g} values"
            )
        super().__setstate__(state)


def _empty(kind: type, shape: tuple, typecode: bytes) -> np.ndarray:
    """Make an array to be filled, empty whatever the pickle says."""
    return np.ndarray.__new__(_Array, (0,), "b")


def _bytes_of(text: str, encoding: str) -> bytes:
    """Return the bytes that Python 3 pickles as text in protocol 2."""
    return text.encode("latin1")


def _byte_array(content: bytes | str = b"", *encoding) -> bytearray:
    """Make an array of the bytes given; a number would announce a size."""
    if not isinstance(content, bytes | str):
        raise pickle.UnpicklingError("a size is announced in place of bytes")
    return bytearray(content, *encoding)


class _Untouched:
    """Stands for the class of arrays, which must not be called."""


#: What stands for a name, which itself would allocate what a pickle announces.
REPLACED = {
    "_reconstruct": _empty,
    "ndarray": _Untouched,
    "encode": _bytes_of,
    "bytearray": _byte_array,
}


def _plain(value):
    """Return containers of arrays as they are outside of a pickle."""
    if isinstance(value, _Array):
        value = value.view(np.ndarray)
        if value.dtype == object:
            for place in np.ndindex(value.shape):
                value[place] = _plain(value[place])
        return value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value


class _Skipped:
    """A value of so many bytes that was not read."""

    def __init__(self, n_bytes: int):
        self.n_bytes = n_bytes

    def __len__(self) -> int:
        return self.n_bytes


class _Scan:
    """A file that passes over long values, and ends where it ends."""

    def __init__(self, file: BinaryIO):
        self.file, self.start = file, file.tell()
        self.readline = file.readline
        self.n_bytes = file.seek(0, os.SEEK_END)
        file.seek(self.start)

    def read(self, n_bytes: int) -> bytes | _Skipped:
        """Read, or pass over, so many bytes."""
        if n_bytes > self.n_bytes - self.file.tell():
            raise ValueError("it ends within a value that it announces")
        if n_bytes <= LONG:
            return self.file.read(n_bytes)
        self.file.seek(n_bytes, os.SEEK_CUR)
        return _Skipped(n_bytes)

    def tell(self) -> int:
        """Return the place in the file."""
        return self.file.tell()


def _load(file: BinaryIO):
    """Load a pickle whose values are all as long as they say."""
    scan = _Scan(file)
    for _ in pickletools.genops(scan):
        pass
    file.seek(scan.start)
    return _plain(_ArrayUnpickler(file).load())


class _ArrayUnpickler(pickle.Unpickler):
    """Loads arrays, numbers, strings and containers of them, and nothing else."""

    def find_class(self, module: str, name: str):
        """Return one of the names that :data:`ALLOWED` lists."""
        if (module, name) not in ALLOWED:
            raise _Refused(f"{module}.{name}")
        return REPLACED.get(name) or super().find_class(module, name)


def load_npy(path: str | Path) -> np.ndarray | dict:
    """Load an array or a dictionary of arrays; nothing in the file is executed.

    Parameters
    ----------
    path : path-like
        A file in NumPy's npy format, with or without objects in it, or a bare pickle,
        whatever its suffix: both are found under the name ``.npy``.

    Returns
    -------
    contents : array | dict
        The array; or, for a 0-d array of objects and for a pickle, the object in it.

    Raises
    ------
    ValueError
        If the file is truncated, of another kind, or would call a function on loading.
    """
    path = check_regular(Path(path))
    try:
        with path.open("rb") as file:
            if file.peek(6)[:6] == np.lib.format.MAGIC_PREFIX:
                return _load_array(file, path)
            return _load(file)
    except _Refused as error:
        raise ValueError(
            f"{path} would call {error} on loading. Only arrays, numbers, strings and "
            "containers of them are loaded, and nothing was executed. Get the file "
            "from its source again, and only if you trust that source."
        ) from None
    except Exception as error:  # a damaged pickle fails in any way
        raise ValueError(
            f"{path} is not a complete npy file or pickle ({error!r}). It is truncated "
            "or of another format; remove it and fetch it again."
        ) from error


def _load_array(file, path: Path) -> np.ndarray | dict:
    """Load from an npy file, of which objects come as a pickle behind the header."""
    if not read_header(file)[2].hasobject:
        file.seek(0)
        return read_npy(file, path.stat().st_size, path)
    array = _load(file)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"the header names an array, the pickle {type(array)}")
    return array.item() if array.ndim == 0 else array


def load_dict(path: str | Path, keys: dict[str, str]) -> dict:
    """Load a dictionary and check that it has what is needed.

    Parameters
    ----------
    path : path-like
        The file, see :func:`load_npy`.
    keys : dict of str
        What each needed key holds, for the error message.

    Returns
    -------
    contents : dict
        The dictionary.

    Raises
    ------
    ValueError
        If the file holds anything else, or lacks a key.
    """
    contents = load_npy(path)
    found = sorted(contents) if isinstance(contents, dict) else type(contents).__name__
    if not isinstance(contents, dict) or not keys.keys() <= contents.keys():
        wanted = ", ".join(f"{key!r} ({text})" for key, text in keys.items())
        raise ValueError(f"{path} holds {found}, expected a dictionary with {wanted}.")
    return contents
