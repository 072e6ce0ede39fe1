"""Files that are made to do harm when they are read."""

import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.numpy import save_file

HUGE = 10**10
#: Zeros in a compressed file, and the side of a large image.
N_ZEROS, SIDE = 2**28 + 2**21, 9000


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def npy_header(shape, dtype="<f8") -> bytes:
    """Return the header of an array that is not there."""
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def zipped(path: Path, *members: tuple[str, bytes]) -> None:
    """Write a compressed archive, names twice included."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def zeros_zipped(path: Path, name: str, header: bytes, n_bytes: int) -> None:
    """Write an archive of one member of zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        file.write(header)
        for _ in range(n_bytes // 2**20):
            file.write(bytes(2**20))


def array_state(shape, values, dtype="O"):
    """Return a pickle of an array that announces another shape than it has values."""
    array = np.empty(1, dtype)
    rebuild, args, _ = array.__reduce__()
    return Reduced(rebuild, args, (1, shape, np.dtype(dtype), False, values))


class Reduced:
    """Pickles as what it is told."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def matlab(path: Path, element: bytes) -> None:
    """Write a MATLAB file of version 5 with one compressed element."""
    head = b"MATLAB 5.0 MAT-file".ljust(124, b" ") + struct.pack("<H", 0x0100) + b"IM"
    path.write_bytes(head + struct.pack("<II", 15, len(element)) + element)


def matlab_matrix(n: int, kind: int, content: bytes = b"") -> bytes:
    """Return a matrix of n x 1 that announces its size only."""
    body = struct.pack("<IIII", 6, 8, kind, 0)  # flags: the class of the array
    body += struct.pack("<IIii", 5, 8, n, 1)  # dimensions
    body += struct.pack("<II", 1, 7) + b"mapping\0" + content
    return struct.pack("<II", 14, len(body)) + body


def png(width: int, height: int) -> bytes:
    """Return the beginning of an image, which announces its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b"")


def expanded(folder: Path) -> None:
    torch.save(torch.zeros(1).expand(HUGE), folder / "stride.pt")
    contents = {"img_features": torch.zeros(1).expand(100_000, 100_000)}
    torch.save(contents, folder / "strides.pt")


def model_of(folder: Path, name: str, **changes) -> None:
    """Write a model file with another header."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        header = json.loads(file.metadata()["mne_brainae"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    for place, value in changes.items():
        *inner, last = place.split("__")
        part = header
        for key in inner:
            part = part[key]
        part[last] = value
    text = json.dumps(header)
    save_file(arrays, folder / name, metadata={"mne_brainae": text})


def make(folder: Path) -> dict[str, str]:
    """Write all files, and return what reads each of them.

    A fitted model lies in the folder as ``model.safetensors``.
    """
    put = {
        "header.npy": npy_header((HUGE,)),
        "header.npz": b"",
        "bytearray.npy": pickle.dumps(Call(bytearray, HUGE), 4),
        "bytearray_2.npy": pickle.dumps(Call(bytearray, HUGE), 2),
        "ndarray.npy": pickle.dumps(Call(np.ndarray, (HUGE,)), 2),
        "announced.npy": pickle.dumps(array_state((HUGE,), []), 2),
        "rows.npy": pickle.dumps({"a": array_state((HUGE // 10, 10), [1.0])}, 2),
        "numbers.npy": pickle.dumps(array_state((HUGE,), b"1234", "<f4"), 2),
        "counted.npy": b"\x80\x04\x8e" + struct.pack("<Q", 8 * HUGE) + b"abc.",
        "counted_array.npy": b"\x80\x05\x96" + struct.pack("<Q", 8 * HUGE) + b"abc.",
        "code.npy": pickle.dumps(Call(os.system, "touch harmed"), 2),
        "empty.npy": b"",
        "cut.npy": npy_header((4, 3)) + bytes(8),
        "many.png": png(SIDE, SIDE),
        "cut.png": png(1000, 1000),
        "script.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "folder.psd": b"8BPS",
        "cut.jpg": b"\xff\xd8\xff\xe0",
        "deep.safetensors": b"",
        "cut.safetensors": struct.pack("<Q", HUGE) + b"{}",
        "cut.pt": b"PK\x03\x04",
        "code.pt": pickle.dumps(Call(os.system, "touch harmed"), 2),
    }
    for name, content in put.items():
        (folder / name).write_bytes(content)
    zeros_zipped(folder / "header.npz", "a.npy", npy_header((HUGE,)), 2**20)
    zeros_zipped(folder / "zeros.npz", "a.npy", npy_header((N_ZEROS,), "|i1"), N_ZEROS)
    whole = npy_header((4,)) + bytes(32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        zipped(folder / "twice.npz", ("a.npy", whole), ("a.npy", whole))
        zipped(folder / "twice.zip", ("a.txt", b"1"), ("a.txt", b"2"))
    zipped(folder / "out.zip", ("../harmed", b"1"))
    zipped(folder / "root.zip", ("/tmp/harmed", b"1"))
    with tarfile.open(folder / "link.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/"
        archive.addfile(link)
        inner = tarfile.TarInfo("link/inner")
        archive.addfile(inner, io.BytesIO())
    expanded(folder)
    for name in ("zeros.zip", "zeros.pt"):
        (folder / name).write_bytes((folder / "zeros.npz").read_bytes())
    zeros = zlib.compressobj(1)
    compressed = b"".join(zeros.compress(bytes(2**20)) for _ in range(N_ZEROS >> 20))
    matlab(folder / "zeros.mat", compressed + zeros.flush())
    cells = matlab_matrix(HUGE // 10, 1)
    matlab(folder / "cells.mat", zlib.compress(cells))
    with h5py.File(folder / "external.mat", "w") as file:
        file["ALLMUA"] = h5py.ExternalLink("other.mat", "/secret")
    with h5py.File(folder / "storage.mat", "w") as file:
        file.create_dataset("tb", (9,), "u1", external=[("other.mat", 0, 9)])
    with h5py.File(folder / "fill.mat", "w") as file:
        file.create_dataset("ALLMUA", (HUGE,), "f8", chunks=(1024,))
    with h5py.File(folder / "chunk.mat", "w") as file:
        file.create_dataset("tb", (10,), "f8", chunks=(2**26,), maxshape=(None,))
    save_file(
        {"a": np.zeros(2)},
        folder / "deep.safetensors",
        metadata={"mne_brainae": "[" * 10**5},
    )
    model_of(folder, "large.safetensors", network__n_embedding=HUGE)
    model_of(folder, "wide.safetensors", network__n_channels=30_000)
    model_of(folder, "class.safetensors", **{"class": "os"})
    model_of(folder, "list.safetensors", params=[1])
    model_of(folder, "none.safetensors", info=None)
    names = {".npy": "features", ".npz": "features", ".pt": "features"}
    readers = {
        path.name: names.get(path.suffix, "image")
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    for name in readers:
        kind = Path(name).suffix
        readers[name] = {".zip": "archive", ".tar": "archive", ".mat": "hdf5"}.get(
            kind, readers[name]
        )
        readers[name] = "model" if kind == ".safetensors" else readers[name]
    readers |= {"zeros.mat": "matlab", "cells.mat": "matlab"}
    del readers["model.safetensors"]
    if hasattr(os, "mkfifo"):
        for kind in ("png", "npy", "npz", "pt", "safetensors", "mat", "zip"):
            os.mkfifo(folder / f"pipe.{kind}")
            readers[f"pipe.{kind}"] = {
                "png": "image",
                "safetensors": "model",
                "mat": "matlab",
                "zip": "archive",
            }.get(kind, "features")
    return readers


def read(path: Path, how: str):
    """Read a file as the package does."""
    import mne_brainae
    from mne_brainae.datasets import _archive, _tvsd_source
    from mne_brainae.images import read_image
    from mne_brainae.utils.bounds import check_matlab

    return {
        "features": lambda: mne_brainae.read_image_features(path, list("abcd")),
        "image": lambda: read_image(path),
        "archive": lambda: _archive.unpack(path, path.parent / "unpacked"),
        "hdf5": lambda: _tvsd_source.open_matlab(path),
        "matlab": lambda: check_matlab(path),
        "model": lambda: mne_brainae.read_brainae(path),
    }[how]()


def read_all(folder: Path, readers: dict[str, str]) -> dict:
    """Read every file; return what was said of each, and the memory that it took."""
    import resource

    read_quietly(folder / "model.safetensors", "model")
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = {name: read_quietly(folder / name, how) for name, how in readers.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"said": said, "grown": (peak - begin) * 1024}


def read_quietly(path: Path, how: str) -> str:
    try:
        read(path, how)
    except (ValueError, TypeError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    except BaseException as error:
        return f"NOT ANSWERED {type(error).__name__}: {error}"
    return "READ"


if __name__ == "__main__":
    import sys

    found = read_all(Path(sys.argv[1]), json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(found))
