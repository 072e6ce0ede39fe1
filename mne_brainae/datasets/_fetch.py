"""Where the files of a data set are, and how they get there."""

# License: BSD-3-Clause

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import mne
import pooch
from mne.utils import ProgressBar

from .._checks import logger

REGISTRIES = Path(__file__).parent / "registries"


class RegisteredFile(NamedTuple):
    """One file of a data set: where it comes from and how it is recognised."""

    url: str
    known_hash: str
    n_bytes: int


class Registry(NamedTuple):
    """What is known about a data set before it is downloaded."""

    url: str
    licence: str
    citation: str
    files: dict[str, RegisteredFile]


def read_registry(name: str) -> Registry:
    """Read the registry of a data set.

    Parameters
    ----------
    name : str
        The data set, such as ``"macaque_v4"``.

    Returns
    -------
    registry : Registry
        The source, licence and citation, and the files by their local name, which is
        the last part of the path upstream: folders of data are flat.
    """
    header, files = {}, {}
    for line in (REGISTRIES / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            key, _, header[key] = line[2:].partition(": ")
        else:
            path, known_hash, n_bytes = line.split()
            files[PurePosixPath(path).name] = RegisteredFile(
                header["url"] + path, known_hash, int(n_bytes)
            )
    return Registry(**header, files=files)


def locate(name: str, path: str | Path | None) -> Path:
    """Decide in which folder the files of a data set are.

    Parameters
    ----------
    name : str
        The data set, such as ``"macaque_v4"``.
    path : path-like | None
        The folder itself. None takes ``$MNE_BRAINAE_DATA/<name>`` where it exists,
        and ``MNE-brainae-data/<name>`` in the data folder of MNE-Python otherwise.

    Returns
    -------
    folder : Path
        The folder. It may not exist yet.
    """
    if path is not None:
        return Path(path).expanduser()
    if root := os.environ.get("MNE_BRAINAE_DATA"):
        folder = Path(root).expanduser() / name
        if folder.is_dir():
            return folder
    return cache_dir(name)


def cache_dir(name: str) -> Path:
    """Return the folder for what is derived from a data set, such as unzipped pictures.

    Parameters
    ----------
    name : str
        The data set, such as ``"macaque_v4"``.

    Returns
    -------
    folder : Path
        ``MNE-brainae-data/<name>`` in the data folder of MNE-Python (the configuration
        ``MNE_DATA``, ``~/mne_data`` by default). It belongs to the user, unlike the
        folder of the data, which may be shared and read-only.
    """
    root = Path(mne.get_config("MNE_DATA", "~/mne_data")).expanduser()
    return root / "MNE-brainae-data" / name


def fetch_files(
    name: str, files: Sequence[str], path: str | Path | None = None
) -> list[Path]:
    """Return files of a data set, downloading those that are not there yet.

    Parameters
    ----------
    name : str
        The data set, such as ``"macaque_v4"``.
    files : sequence of str
        The names of the files, without folder.
    path : path-like | None
        The folder of the data set, see :func:`locate`.

    Returns
    -------
    paths : list of Path
        The files, in the order asked for. A file that is there with another size than
        registered is a ValueError, a failed download a RuntimeError.
    """
    folder = locate(name, path)
    registry = read_registry(name)
    missing = []
    for file in files:
        if (folder / file).is_file():
            _check_size(folder / file, registry.files[file].n_bytes, name)
        else:
            missing.append(file)
    if missing:
        _download(name, registry, missing, folder)
    return [folder / file for file in files]


def _check_size(file: Path, n_bytes: int, name: str) -> None:
    """Refuse a truncated or foreign file before anything is read from it."""
    found = file.stat().st_size
    if found != n_bytes:
        raise ValueError(
            f"{file} has {found} bytes, but the registry of {name} expects {n_bytes}: "
            "it is truncated or another file. Remove it to have it downloaded again."
        )


def _download(
    name: str, registry: Registry, missing: Sequence[str], folder: Path
) -> None:
    """Download the missing files into the folder, whole and checked or not at all."""
    total = sum(registry.files[file].n_bytes for file in missing)
    n_files = "1 file" if len(missing) == 1 else f"{len(missing)} files"
    logger.info(
        f"Downloading {name} ({n_files}, {total / 1e6:.1f} MB) to {folder}.\n"
        f"    Source: {registry.url}\n    Licence: {registry.licence}\n"
        f"    Please cite: {registry.citation}"
    )
    pooch_logger = pooch.get_logger()
    level = pooch_logger.level
    pooch_logger.setLevel("ERROR")  # one bar in place of three lines per file
    try:
        for file in ProgressBar(missing, mesg="Downloading"):
            url, known_hash, _ = registry.files[file]
            pooch.retrieve(url, known_hash, fname=file, path=folder)
    except (OSError, ValueError) as error:  # no network or disk; another hash
        raise RuntimeError(
            f"{url} could not be downloaded to {folder / file} ({error}). Try again, "
            "and what is already there will be kept; or place the file by hand, either "
            "in a folder that you name by path=, or in the folder "
            f"$MNE_BRAINAE_DATA/{name}."
        ) from error
    finally:
        pooch_logger.setLevel(level)


def unzip(archive: Path, folder: Path) -> list[Path]:
    """Unpack an archive into one flat folder, completely or not at all.

    Parameters
    ----------
    archive : Path
        The zip file. Its folders are dropped, and its hidden files are left out.
    folder : Path
        The folder to make. It is filled under another name and then renamed, so that
        it holds everything as soon as it exists; it is used as it is when it already
        holds every file, and replaced when it does not.

    Returns
    -------
    paths : list of Path
        The unpacked files, sorted by name. A broken archive, and one with an absolute
        path, a path with ``..`` or two files of one name, is a ValueError.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, archive)
            if not _holds(folder, members):
                _unpack(opened, members, folder)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{archive} is no whole zip file ({error}). It is truncated or of another "
            "format; remove it and fetch it again."
        ) from error
    return [folder / name for name in sorted(members)]


def _members(opened: zipfile.ZipFile, archive: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the visible files of an archive by their name without folder."""
    members = {}
    for member in opened.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", str(path)):
            raise ValueError(
                f"{archive} holds {member.filename!r}, a path that leads out of the "
                "folder to unpack to. Nothing was unpacked; get the archive from its "
                "source again."
            )
        if member.is_dir() or path.name.startswith("."):
            continue
        if path.name in members:
            raise ValueError(
                f"{archive} holds several files named {path.name!r}, expected one "
                "file per name."
            )
        members[path.name] = member
    return members


def _holds(folder: Path, members: dict[str, zipfile.ZipInfo]) -> bool:
    """Tell whether a folder holds every file of an archive in its full size."""
    if not folder.is_dir():
        return False
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    return all(sizes.get(name) == info.file_size for name, info in members.items())


def _unpack(
    opened: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], folder: Path
) -> None:
    """Fill a temporary folder and move it to its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}-"
    ) as temporary:
        whole = Path(temporary) / folder.name
        whole.mkdir()
        for name, member in members.items():
            with opened.open(member) as source, (whole / name).open("wb") as target:
                shutil.copyfileobj(source, target)
        try:
            if folder.is_dir() and not _holds(folder, members):
                folder.rename(Path(temporary) / "incomplete")
            whole.rename(folder)
        except OSError:
            if not _holds(folder, members):  # else another process was faster
                raise
