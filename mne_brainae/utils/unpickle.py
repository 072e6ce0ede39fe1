"""Arrays and dictionaries from files that hold pickles, without executing any."""

# License: BSD-3-Clause

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

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
    """A pickle names something that is no part of an array."""


class _ArrayUnpickler(pickle.Unpickler):
    """Loads arrays, numbers, strings and containers of them, and nothing else."""

    def find_class(self, module: str, name: str):
        """Return one of the names that :data:`ALLOWED` lists."""
        if (module, name) not in ALLOWED:
            raise _Refused(f"{module}.{name}")
        return super().find_class(module, name)


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
        The array; or, for a 0-d array of objects and for a pickle, the object in it. A
        truncated or foreign file, and one that would call a function on loading, are a
        ValueError.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if file.peek(6)[:6] == np.lib.format.MAGIC_PREFIX:
                return _load_array(file)
            return _ArrayUnpickler(file).load()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist.") from None
    except _Refused as error:
        raise ValueError(
            f"{path} would call {error} on loading. Only arrays, numbers, strings and "
            "containers of them are loaded, and nothing was executed. Get the file "
            "from its source again, and trust it no further than that source."
        ) from None
    except Exception as error:  # a damaged pickle fails in any way
        raise ValueError(
            f"{path} is no whole npy file or pickle ({error!r}). It is truncated or of "
            "another format; remove it and fetch it again."
        ) from error


def _load_array(file) -> np.ndarray | dict:
    """Load from an npy file, of which objects come as a pickle behind the header."""
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    dtype = None if read_header is None else read_header(file)[2]
    if dtype is None or not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    array = _ArrayUnpickler(file).load()
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
        The dictionary. Anything else, and one that lacks a key, is a ValueError.
    """
    contents = load_npy(path)
    found = sorted(contents) if isinstance(contents, dict) else type(contents).__name__
    if not isinstance(contents, dict) or not keys.keys() <= contents.keys():
        wanted = ", ".join(f"{key!r} ({text})" for key, text in keys.items())
        raise ValueError(f"{path} holds {found}, expected a dictionary with {wanted}.")
    return contents
