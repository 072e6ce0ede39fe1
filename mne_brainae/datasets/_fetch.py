"""Where the files of a data set are, and how they get there."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import mne
import pooch
from mne.utils import ProgressBar

from ..utils.checks import logger
from ..utils.docs import fill_doc
from ..utils.files import check_room, shortened
from ._download import ResumingDownloader

REGISTRIES = Path(__file__).parent / "registries"


class RegisteredFile(NamedTuple):
    """One file of a data set: where it comes from and how it is recognized."""

    url: str
    known_hash: str | None
    n_bytes: int | None
    is_exact: bool  # else n_bytes is a rough size, to tell and to make room for


class Registry(NamedTuple):
    """What is known about a data set before it is downloaded."""

    url: str
    license: str
    citation: str
    files: dict[str, RegisteredFile]


@fill_doc
def read_registry(name: str) -> Registry:
    """Read the registry of a data set.

    Parameters
    ----------
    %(data_set)s

    Returns
    -------
    registry : Registry
        The source, license and citation, and the files by their local name.

    Notes
    -----
    A registry has a header and one line per file: the path below the ``url`` of the
    header, or a whole URL; the hash; the size in bytes; and, where it is not the last
    part of the path, the local name. ``-`` is an unknown hash or size, and a size that
    begins with ``~`` is a rough one.
    """
    header, files = {}, {}
    for line in (REGISTRIES / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            key, _, header[key] = line[2:].partition(": ")
        else:
            path, known_hash, size, *local = line.split()
            files[local[0] if local else PurePosixPath(path).name] = RegisteredFile(
                url=path if "://" in path else header["url"] + path,
                known_hash=None if known_hash == "-" else known_hash,
                n_bytes=None if size == "-" else int(float(size.removeprefix("~"))),
                is_exact=size.isdigit(),
            )
    return Registry(**header, files=files)


@fill_doc
def locate(name: str, path: str | Path | None) -> Path:
    """Decide in which folder the files of a data set are.

    Parameters
    ----------
    %(data_set)s
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


@fill_doc
def cache_dir(name: str) -> Path:
    """Return the folder for what is derived from a data set, such as unzipped images.

    Parameters
    ----------
    %(data_set)s

    Returns
    -------
    folder : Path
        ``MNE-brainae-data/<name>`` in the data folder of MNE-Python (the configuration
        ``MNE_DATA``, ``~/mne_data`` by default). It belongs to the user, unlike the
        folder of the data, which may be shared and read-only.
    """
    root = Path(mne.get_config("MNE_DATA", "~/mne_data")).expanduser()
    return root / "MNE-brainae-data" / name


@fill_doc
def fetch_files(
    name: str, files: Sequence[str], path: str | Path | None = None
) -> list[Path]:
    """Return files of a data set, downloading those that are not there yet.

    Parameters
    ----------
    %(data_set)s
    files : sequence of str
        The local names of the files.
    path : path-like | None
        The folder of the data set, see :func:`locate`.

    Returns
    -------
    paths : list of Path
        The files, in the order asked for.

    Raises
    ------
    ValueError
        If a file exists whose size differs from the registered one.
    RuntimeError
        If a download fails, or the disk has too little space.
    """
    folder = locate(name, path)
    registry = read_registry(name)
    missing = []
    for file in dict.fromkeys(files):
        if (folder / file).is_file():
            _check_size(folder / file, registry.files[file], name)
        else:
            missing.append(file)
    if missing:
        _announce(name, registry, missing, folder)
        _download(name, registry, missing, folder)
    return [folder / file for file in files]


def _check_size(file: Path, registered: RegisteredFile, name: str) -> None:
    """Refuse a truncated or foreign file before anything is read from it."""
    found = file.stat().st_size
    if registered.is_exact and found != registered.n_bytes:
        raise ValueError(
            f"{file} has {found} bytes, but the registry of {name} expects "
            f"{registered.n_bytes}: it is truncated or another file. Remove it to have "
            "it downloaded again."
        )


def describe_size(files: Sequence[RegisteredFile]) -> str:
    """Write the size of some files, as far as it is known."""
    n_bytes = sum(file.n_bytes or 0 for file in files)
    steps = {"GB": 1e9, "MB": 1e6, "kB": 1e3}
    unit = next((unit for unit, step in steps.items() if n_bytes >= step), "kB")
    size = f"{n_bytes / steps[unit]:.1f} {unit}"
    rough = any(file.n_bytes and not file.is_exact for file in files)
    n_unknown = sum(file.n_bytes is None for file in files)
    if n_unknown == len(files):
        return "size unknown"
    unknown = f" and {n_unknown} of unknown size" if n_unknown else ""
    return f"{'about ' if rough else ''}{size}{unknown}"


def _announce(
    name: str, registry: Registry, missing: Sequence[str], folder: Path
) -> None:
    """Say what will be downloaded, and refuse what does not fit on the disk."""
    wanted = [registry.files[file] for file in missing]
    n_files = "1 file" if len(missing) == 1 else f"{len(missing)} files"
    logger.info(
        f"Downloading {name} ({n_files}, {describe_size(wanted)}) to {folder}.\n"
        f"    Source: {registry.url}\n    License: {registry.license}\n"
        f"    Please cite: {registry.citation}"
    )
    check_room(folder, sum(file.n_bytes or 0 for file in wanted), name)


def _record_hash(file: Path, name: str) -> None:
    """Keep the hash of a file that no registry knows, to tell whether it changes."""
    found = f"sha256:{pooch.file_hash(file)}"
    record = file.with_name(f".{shortened(file.name)}.sha256")
    record.write_text(f"{found}  {file.name}\n", "utf-8")
    logger.info(
        f"{name}: {found}. No hash is registered to compare it with; this one is "
        f"kept in {record.name}."
    )


def _download(
    name: str, registry: Registry, missing: Sequence[str], folder: Path
) -> None:
    """Download the missing files into the folder, whole and checked or not at all."""
    pooch_logger = pooch.get_logger()
    level = pooch_logger.level
    pooch_logger.setLevel("ERROR")  # one bar in place of three lines per file
    try:
        # A large file has a bar of its own.
        small = all((registry.files[file].n_bytes or 1e9) < 2e7 for file in missing)
        for file in ProgressBar(missing, mesg="Downloading") if small else missing:
            url, known_hash, *_ = registry.files[file]
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            downloader = ResumingDownloader(
                target.with_name(f".{shortened(target.name)}.part")
            )
            pooch.retrieve(
                url,
                known_hash,
                fname=target.name,
                path=target.parent,
                downloader=downloader,
            )
            if known_hash is None:
                _record_hash(target, file)
    except (OSError, ValueError) as error:  # no network or disk; another hash
        reason = str(error).rstrip(".")
        raise RuntimeError(
            f"{url} could not be downloaded to {folder / file} ({reason}). Try again "
            "(the part that is already there is kept), or place the file by hand, "
            "either in a folder that you name by path=, or in the folder "
            f"$MNE_BRAINAE_DATA/{name}."
        ) from error
    finally:
        pooch_logger.setLevel(level)
