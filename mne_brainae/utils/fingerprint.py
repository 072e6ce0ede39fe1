"""Short texts that change when values do: the one maker of fingerprints."""

# License: BSD-3-Clause

from __future__ import annotations

import copyreg
import dataclasses
import hashlib
import inspect
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Set
from enum import Enum
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType

import numpy as np
import pandas as pd

N_BYTES = 16  # of a digest, too many for two values to share one by chance
BLOCK = 2**20  # values of an array that are read at a time


def fingerprint(*values, without: Collection[str] = ()) -> str:
    """Return a short text that changes when any of the values does.

    Parameters
    ----------
    *values : object
        What to fingerprint, see Notes.
    without : collection of str
        Names of parameters of estimators and of fields of dataclasses that are left
        out, at every depth.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits, the same in every process.

    Raises
    ------
    ValueError
        If a value cannot be told from others, such as a generator.

    Notes
    -----
    The type of a value counts as well as its content: ``1``, ``1.0``, ``True``,
    ``"1"``, ``[1]`` and ``(1,)`` all differ. A NumPy scalar is the Python number that
    it equals, and NaN equals NaN. Further:

    * dictionaries and sets: their content, in any order;
    * paths (:class:`pathlib.Path`, not ``str``): of a file its name and content, of a
      folder the names, sizes and times of change of all files below it, and elsewhere
      the path as it stands;
    * arrays and tensors: type, shape and values; memory maps are read in blocks;
    * DataFrame, Series and Index: labels, names and values;
    * functions: module, name, source, defaults and what they close over, but not the
      global variables that they use; lambdas also what they were compiled to;
    * ``functools.partial`` and bound methods: the function and what it is bound to;
    * dataclasses: class and fields;
    * estimators of scikit-learn: class, parameters and what was fitted;
    * modules of PyTorch: class, ``forward``, attributes, weights, hooks and submodules;
    * objects whose method ``fingerprint`` takes no argument: what it returns;
    * other objects: class, ``__call__`` and what :mod:`pickle` would store.
    """
    return _Hasher(frozenset(without)).digest(values).hex()


def file_state(path: str | os.PathLike) -> tuple[str, int, int]:
    """Return what changes when a file is written, without reading it.

    Parameters
    ----------
    path : path-like
        A file that exists.

    Returns
    -------
    name : str
        The name of the file.
    n_bytes : int
        Its size.
    changed : int
        When it was last changed, in nanoseconds.
    """
    status = Path(path).stat()
    return Path(path).name, status.st_size, status.st_mtime_ns


def file_content(path: str | os.PathLike) -> str:
    """Return what changes when the content of a file does, whatever its name is.

    Parameters
    ----------
    path : path-like
        A file that exists. It is read once as long as its size and time of change
        stay.

    Returns
    -------
    content : str
        32 hexadecimal digits.
    """
    return _read_content(Path(path).absolute(), *file_state(path)[1:])


@lru_cache(maxsize=1024)
def _read_content(path: Path, n_bytes: int, changed: int) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16))
    return digest.hexdigest()


class _UnknownValueError(ValueError):
    """A value that cannot be told from others."""


class _Hasher:
    """Hashes values from the inside out: a value is its kind and its parts' digests."""

    def __init__(self, without: frozenset[str]):
        self.without = without
        self._open: list[int] = []  # the values that the present one is a part of

    def digest(self, value) -> bytes:
        """Return the digest of any value."""
        scalar = _scalar(value)
        if scalar is not None:
            return _combine(*scalar)
        if id(value) in self._open:  # such as a function that calls itself
            n_levels = len(self._open) - self._open.index(id(value))
            return _combine("itself", str(n_levels).encode())
        self._open.append(id(value))
        try:
            return self._composite(value)
        except _UnknownValueError:
            raise
        except (TypeError, AttributeError, ValueError, RuntimeError) as error:
            raise _UnknownValueError(
                f"{_shortened(value)} cannot be told from another "
                f"{type(value).__name__}: {error}. Give its class a method "
                "fingerprint(), which returns a text that changes with what it does."
            ) from error
        finally:
            self._open.pop()

    def _composite(self, value) -> bytes:
        if isinstance(value, np.ndarray | np.generic) and not _is_special(value):
            return self._array(np.asarray(value))
        if isinstance(value, Set):
            return _combine("set", *sorted(map(self.digest, value)))
        if isinstance(value, Mapping):
            pairs = (self.digest(key) + self.digest(value[key]) for key in value)
            return _combine("dict", self._kind(value, dict), *sorted(pairs))
        if isinstance(value, list | tuple):
            plain = list if isinstance(value, list) else tuple
            items = map(self.digest, value)
            return _combine(plain.__name__, self._kind(value, plain), *items)
        return self._parts(*self._described(value))

    def _kind(self, value, plain: type) -> bytes:
        return b"" if type(value) is plain else self.digest(type(value))

    def _parts(self, tag: str, *parts) -> bytes:
        return _combine(tag, *map(self.digest, parts))

    def _array(self, array: np.ndarray) -> bytes:
        """Hash an array in C order, whatever its layout, without a copy of it."""
        dtype = array.dtype.descr if array.dtype.names else array.dtype.str
        about = self.digest((dtype, array.shape))
        if array.dtype.hasobject:
            return _combine("objects", about, self._objects(array.ravel().tolist()))
        content = hashlib.blake2b(digest_size=N_BYTES)
        for block in _blocks(array) if array.nbytes else ():
            content.update(block.view(np.uint8))
        return _combine("array", about, content.digest())

    def _objects(self, items: list) -> bytes:
        if not all(type(item) is str for item in items):
            return self.digest(items)
        lengths = np.array([len(item) for item in items], "<i8").tobytes()
        return _combine("texts", lengths, _encoded("".join(items)))

    def _described(self, value) -> tuple:
        """Return the kind of a value, and the parts that it is made of."""
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return _describe_tensor(value, torch)
        for kind, describe in _KINDS.items():
            if isinstance(value, kind):
                return describe(value)
        if _speaks_for_itself(value):
            return "own fingerprint", type(value), value.fingerprint()
        if torch is not None and isinstance(value, torch.nn.Module):
            return _describe_module(value, torch)
        if hasattr(value, "get_params") and hasattr(value, "set_params"):
            return self._describe_estimator(value)
        if dataclasses.is_dataclass(value):
            fields = {field.name for field in dataclasses.fields(value)} - self.without
            content = {name: getattr(value, name) for name in fields}
            return "dataclass", type(value), content, _call_of(value)
        return _describe_object(value)

    def _describe_estimator(self, estimator) -> tuple:
        params = estimator.get_params(deep=False)
        fitted = {k: v for k, v in vars(estimator).items() if k not in params}
        params = {k: v for k, v in params.items() if k not in self.without}
        return "estimator", type(estimator), params, fitted


def _combine(tag: str, *parts: bytes) -> bytes:
    """Hash parts with their lengths, so that no two lists of parts are one text."""
    digest = hashlib.blake2b(digest_size=N_BYTES)
    for part in (tag.encode(), *parts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _scalar(value) -> tuple[str, bytes] | None:
    """Return type and content of a scalar; None of anything else."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        value = value.item()
    if value is None:
        return "none", b""
    if isinstance(value, Enum):
        return None
    if isinstance(value, bool):
        return "bool", str(value).encode()
    if isinstance(value, int):
        return "int", format(int(value), "x").encode()
    if isinstance(value, float):
        return "float", float(value).hex().encode()
    if isinstance(value, complex):
        return "complex", f"{value.real.hex()} {value.imag.hex()}".encode()
    if isinstance(value, str):
        return "str", _encoded(value)
    return ("bytes", value) if isinstance(value, bytes) else None


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _shortened(value) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]} ..."


def _is_special(array) -> bool:
    """Whether an array holds more than its values, such as a mask."""
    plain = (np.ndarray, np.memmap)
    return isinstance(array, np.ndarray) and type(array) not in plain


def _blocks(array: np.ndarray) -> Iterable[np.ndarray]:
    """Yield the values of an array in C order; a memory map is read as it goes."""
    if array.flags.c_contiguous:
        yield array.reshape(-1)
        return
    flags = ["external_loop", "buffered"]
    with np.nditer(array, flags, order="C", buffersize=BLOCK) as blocks:
        for block in blocks:
            yield np.ascontiguousarray(block)


def _describe_tensor(tensor, torch) -> tuple:
    content = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    content = content.reshape(-1).view(torch.uint8).numpy()  # NumPy has no bfloat16
    return "tensor", str(tensor.dtype), tuple(tensor.shape), content


def _describe_module(module, torch) -> tuple:
    known = vars(torch.nn.Module()).keys() - {"training"}
    own = {name: part for name, part in vars(module).items() if name not in known}
    weights = dict(module.named_parameters(recurse=False))
    weights |= dict(module.named_buffers(recurse=False))
    hooks = [module._forward_pre_hooks, module._forward_hooks]
    hooks = [list(each.values()) for each in hooks]  # their keys are mere counts
    forward = type(module).forward
    is_known = type(module).__module__.partition(".")[0] == "torch"
    forward = None if is_known or not inspect.isfunction(forward) else forward
    parts = list(module._modules.items())
    return "module", type(module), forward, own, weights, parts, hooks


def _describe_path(path: os.PathLike) -> tuple:
    path = Path(path)
    if path.is_file():
        return "file", path.name, file_content(path)
    if not path.is_dir():
        return "path", os.fspath(path)
    files = (file for file in path.rglob("*") if file.is_file())
    states = {file.relative_to(path).as_posix(): file_state(file)[1:] for file in files}
    return "folder", states


def _describe_frame(frame: pd.DataFrame) -> tuple:
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    dtypes = set(frame.dtypes)
    if len(dtypes) == 1 and isinstance(next(iter(dtypes)), np.dtype):
        content = frame.to_numpy()
    else:
        content = [_values(column) for column in columns]
    return "frame", frame.columns, frame.index, content, frame.attrs


def _describe_series(series: pd.Series) -> tuple:
    return "series", series.name, series.index, _values(series)


def _describe_index(index: pd.Index) -> tuple:
    if isinstance(index, pd.MultiIndex):
        levels = range(index.nlevels)
        return "levels", *(index.get_level_values(level) for level in levels)
    return "index", index.name, _values(index)


def _values(column: pd.Series | pd.Index) -> tuple:
    """Return what a column holds; texts are the same in every type of pandas."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return None, column.to_numpy()
    is_text = isinstance(dtype, pd.StringDtype)
    return None if is_text else dtype, column.to_numpy(object)


def _describe_function(function) -> tuple:
    try:  # The code, since a decorated function would show what it decorates.
        source = inspect.getsource(function.__code__)
    except OSError:  # such as one that was typed in
        source = ""
    names = function.__module__, function.__qualname__, function.__code__.co_qualname
    defaults = function.__defaults__, function.__kwdefaults__
    cells = [_content(cell) for cell in function.__closure__ or ()]
    is_lambda = function.__name__ == "<lambda>"  # of which a line may hold several
    code = function.__code__ if is_lambda or not source else None
    return "function", names, source, code, defaults, cells, vars(function)


def _content(cell) -> tuple:
    try:
        return (cell.cell_contents,)
    except ValueError:  # a variable that has no value yet
        return ()


def _describe_code(code: CodeType) -> tuple:
    """Return what a function does, without the places of its parts in a file."""
    return "code", code.co_code, code.co_names, code.co_consts


def _describe_class(cls: type) -> tuple:
    names = cls.__module__, cls.__qualname__
    if cls.__module__ != "__main__" and "<locals>" not in cls.__qualname__:
        return "class", names
    # Another one may take the name of it in the same session.
    functions = {k: v for k, v in vars(cls).items() if inspect.isfunction(v)}
    return "class", names, functions


def _describe_object(value) -> tuple:
    """Return what pickle would store of an object."""
    reduce = copyreg.dispatch_table.get(type(value))
    stored = value.__reduce_ex__(4) if reduce is None else reduce(value)
    if isinstance(stored, str):
        module, wrapped = (
            getattr(value, name, None) for name in ("__module__", "__wrapped__")
        )
        return "name", type(value), module, stored, wrapped  # such as lru_cache wraps
    make, args, state, items, pairs = (*stored, None, None, None)[:5]
    if inspect.isfunction(make):  # of a library, whose source may change
        make = make.__module__, make.__qualname__
    items, pairs = (_listed(each) for each in (items, pairs))
    return "object", type(value), make, args, state, items, pairs, _call_of(value)


def _listed(items: Iterable | None) -> list | None:
    return None if items is None else list(items)


def _call_of(value):
    """Return the function that runs when a value is called, if it has one."""
    call = type(value).__call__ if callable(value) else None
    return call if inspect.isfunction(call) else None


def _speaks_for_itself(value) -> bool:
    method = getattr(value, "fingerprint", None)
    if not inspect.ismethod(method):
        return False
    params = inspect.signature(method).parameters.values()
    return all(each.default is not each.empty for each in params)


#: What a value of one of these types is made of.
_KINDS = {
    os.PathLike: _describe_path,
    pd.DataFrame: _describe_frame,
    pd.Series: _describe_series,
    pd.Index: _describe_index,
    type: _describe_class,
    FunctionType: _describe_function,
    CodeType: _describe_code,
    Enum: lambda member: ("member", type(member), member.name),
    partial: lambda bound: ("partial", bound.func, bound.args, bound.keywords),
    MethodType: lambda bound: ("method", bound.__func__, bound.__self__),
}
