"""Files that are whole or absent."""

# License: BSD-3-Clause

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .bounds import check_regular

#: Seconds after which what another machine began to write counts as left behind.
LONG = 7 * 24 * 3600
#: Names of what is being written: the machine, its process, then random letters.
UNFINISHED = re.compile(r"\..*-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-\w{8}(\.|$)")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` on success.

    Parameters
    ----------
    path : path-like
        The file to write. Its folder is created when absent.

    Yields
    ------
    temporary : Path
        A path in the same folder to write to. It is moved over ``path`` when the
        block ends well and removed when it does not, so that no reader ever meets
        half a file. What killed processes left in the folder is removed first.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean_once(path.parent.absolute())
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=unfinished_prefix(path.stem), suffix=path.suffix
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp is private to its user
        temporary.replace(path)
    except OSError as error:  # disk full, quota, read-only
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from error
    except SafetensorError as error:  # which does not say that the disk is full
        raise OSError(errno.EIO, f"cannot be written ({error})", str(path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def shortened(stem: str) -> str:
    """Return the beginning of a name, to which a file system lets more be added.

    Parameters
    ----------
    stem : str
        A name of up to 255 bytes.

    Returns
    -------
    stem : str
        At most 100 bytes of it.
    """
    return stem.encode()[:100].decode(errors="ignore")


def unfinished_prefix(name: str) -> str:
    """Return how the name of an unfinished file or folder of this process begins.

    Parameters
    ----------
    name : str
        The name it will have.

    Returns
    -------
    prefix : str
        The prefix, for :mod:`tempfile`, which :func:`clean_leftovers` recognizes.
    """
    return f".{shortened(name)}-{_machine()}-{os.getpid()}-"


def clean_leftovers(folder: str | Path) -> None:
    """Remove the unfinished files and folders of processes that were killed.

    Parameters
    ----------
    folder : path-like
        Where to look, not below it. What another machine began to write less than a
        week ago is left, since its process may be alive.
    """
    for entry in Path(folder).glob(".*"):
        if _is_left_behind(entry):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


@cache
def _clean_once(folder: Path) -> None:
    """Clean a folder, once in the life of this process, since it may hold millions."""
    clean_leftovers(folder)


def _is_left_behind(entry: Path) -> bool:
    found = UNFINISHED.match(entry.name)
    if found is None:
        return False
    if found["machine"] == _machine() and os.name == "posix":
        return not _is_alive(int(found["process"]))
    try:
        return time.time() - entry.lstat().st_mtime > LONG
    except FileNotFoundError:  # another process has removed it meanwhile
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@cache
def _machine() -> str:
    """Return eight hexadecimal digits that stand for this machine."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Let one process at a time change a folder.

    Parameters
    ----------
    folder : path-like
        The folder, which is created when absent.

    Notes
    -----
    The lock goes with the process that holds it, even where it is killed. Systems
    without POSIX locks have none.
    """
    try:
        from fcntl import LOCK_EX, flock
    except ImportError:
        yield
        return
    path = Path(folder) / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            flock(file, LOCK_EX)
            # The one who held it has removed the file, and others have a new one.
            if not _is_same_file(path, file):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_same_file(path: Path, file) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_room(folder: str | Path, n_bytes: int, what: str) -> None:
    """Refuse to begin what does not fit on the disk.

    Parameters
    ----------
    folder : path-like
        Where it is to go. It may not exist yet.
    n_bytes : int
        How much it takes.
    what : str
        What it is, for the message of the RuntimeError.
    """
    folder = Path(folder).absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if n_bytes > free:
        raise RuntimeError(
            f"{what} needs {n_bytes / 1e9:.1f} GB in {folder}, but the disk has "
            f"{free / 1e9:.1f} GB left. Make room, ask for less, or name another "
            "folder."
        )


def zeros(shape, dtype=np.float32, folder: str | Path | None = None) -> np.ndarray:
    """Make an array of zeros, in memory or on disk.

    Parameters
    ----------
    shape : int | tuple of int
        The shape.
    dtype : dtype
        The type of the values.
    folder : path-like | None
        Where to make a temporary file that the array is mapped to; None is memory.

    Returns
    -------
    array : array, shape ``shape``
        The zeros. The file has no name and goes with the array, even where the process
        is killed.

    Raises
    ------
    RuntimeError
        If the disk is too full.
    """
    if folder is None:
        return np.zeros(shape, dtype)
    n_bytes = math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize
    if not n_bytes:  # of which there is no map
        return np.zeros(shape, dtype)
    folder = Path(folder).expanduser()
    check_room(folder, n_bytes, "A memory map")
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            # Else a disk that others fill meanwhile would kill the process.
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        return np.asarray(np.memmap(file, dtype, "w+", shape=shape))


def take_rows(array: np.ndarray, rows, folder: str | Path | None = None) -> np.ndarray:
    """Copy some rows of an array, in memory or on disk.

    Parameters
    ----------
    array : array, shape (n, ...)
        The array.
    rows : array of int, shape (n_rows,)
        Which rows.
    folder : path-like | None
        As in :func:`zeros`.

    Returns
    -------
    taken : array, shape (n_rows, ...)
        The copy.
    """
    taken = zeros((len(rows), *array.shape[1:]), array.dtype, folder)
    # Any other mode would copy all rows in memory first.
    return np.take(array, rows, axis=0, out=taken, mode="clip")


def as_group(name: str, arrays: Mapping) -> dict:
    """Put arrays under one name: ``mean`` becomes ``brain.mean``; None is left out."""
    return {
        f"{name}.{part}": array for part, array in arrays.items() if array is not None
    }


def take_group(name: str, arrays: Mapping) -> dict:
    """Return the arrays under one name, by what comes after it."""
    prefix = f"{name}."
    return {
        part.removeprefix(prefix): array
        for part, array in arrays.items()
        if part.startswith(prefix)
    }


def write_arrays(path: Path, arrays: dict[str, np.ndarray], header: dict) -> None:
    """Write arrays and a JSON header to one safetensors file.

    Parameters
    ----------
    path : Path
        The file.
    arrays : dict of array
        The arrays by name.
    header : dict
        What JSON can hold, with ``"kind"`` and ``"version"`` of the contents.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(header, default=_plain)
    prefix = unfinished_prefix(Path(path).stem)
    with (
        replacing(path) as temporary,
        tempfile.TemporaryDirectory(dir=temporary.parent, prefix=prefix) as folder,
    ):
        # In a folder, since safetensors begins a file under a name of its own, which
        # would be left behind beside the others where the process is killed.
        whole = Path(folder) / "whole"
        save_file(arrays, whole, metadata={"mne_brainae": text})
        whole.replace(temporary)


def _plain(value):
    """Turn a number of NumPy into one of Python, which JSON can hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"A header cannot hold a {type(value).__name__}.")


def read_arrays(
    path: Path, *, kind: str, version: int
) -> tuple[dict[str, np.ndarray], dict]:
    """Read what :func:`write_arrays` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        The kind of contents that is expected.
    version : int
        The version of the contents that is expected.

    Returns
    -------
    arrays : dict of array
        The arrays by name.
    header : dict
        The header.

    Raises
    ------
    ValueError
        If the file is truncated, of another kind, or of another version.
    """
    check_regular(path)
    try:
        with safe_open(path, framework="numpy") as file:
            header = (file.metadata() or {}).get("mne_brainae")
            header = json.loads(header) if header else {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header.get("kind")
    except (SafetensorError, ValueError, RecursionError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a complete safetensors file ({error}). It may be truncated "
            f"or of another format; expected the {kind} of mne_brainae."
        ) from None
    if header.get("kind") != kind:
        found = header.get("kind", "no mark of mne_brainae")
        raise ValueError(f"{path} holds {found}, expected the {kind} of mne_brainae.")
    if header.get("version") != version:
        raise ValueError(
            f"{path} has {kind} format {header.get('version')}, this release of "
            f"mne_brainae reads format {version}. Read it with the release that wrote "
            f"it ({header.get('written_by', 'unknown')}), or fit again."
        )
    return arrays, header
