"""Archives, unpacked completely or not at all, and never outside their folder."""

# License: BSD-3-Clause

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from mne.utils import ProgressBar

from ..utils.bounds import check_growth, check_regular
from ..utils.files import check_room, shortened


class Member(NamedTuple):
    """One file of an archive: its size, and how to open it."""

    n_bytes: int
    open: Callable[[], BinaryIO]


def unpack(
    archive: Path, folder: Path, *, flat: bool = False, password: str | None = None
) -> list[Path]:
    """Unpack an archive into a folder, completely or not at all.

    Parameters
    ----------
    archive : Path
        A zip or tar file, compressed or not. Its hidden files are left out, and so are
        links.
    folder : Path
        The folder to make. It is filled under another name and then renamed, so that
        it holds everything as soon as it exists; it is used as it is when it already
        holds every file, and replaced when it does not. A folder of the same name that
        holds everything in the archive is not made again in it.
    flat : bool
        Drop the folders of the archive.
    password : str | None
        The password of an encrypted zip file.

    Returns
    -------
    paths : list of Path
        The unpacked files, sorted by name.

    Raises
    ------
    ValueError
        If the archive is broken, the password is wrong or missing, or a path is
        absolute, contains ``..`` or comes twice.
    """
    try:
        with _open(archive, password) as opened:
            members = _members(opened, archive, flat=flat)
            top = f"{folder.name}/"
            if all(name.startswith(top) for name in members):
                members = {name.removeprefix(top): it for name, it in members.items()}
            if not _holds(folder, members):
                size = sum(member.n_bytes for member in members.values())
                check_growth(size, archive)
                check_room(folder, size, archive.name)
                _fill(members, folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{archive} is not a complete zip or tar file ({error}). It is truncated "
            "or of another format; remove it and fetch it again."
        ) from error
    except RuntimeError as error:
        if "password" not in str(error):  # which zipfile reports by a plain one
            raise
        raise ValueError(
            f"{archive} does not open with the given password ({error})."
        ) from error
    return [folder / name for name in sorted(members)]


def _open(archive: Path, password: str | None) -> zipfile.ZipFile | tarfile.TarFile:
    check_regular(archive)
    if not zipfile.is_zipfile(archive) and tarfile.is_tarfile(archive):
        return tarfile.open(archive)
    opened = zipfile.ZipFile(archive)
    opened.setpassword(None if password is None else password.encode())
    return opened


def _files(
    opened: zipfile.ZipFile | tarfile.TarFile,
) -> Iterator[tuple[str, Member]]:
    """Yield the files of an archive, links and devices left out."""
    if isinstance(opened, zipfile.ZipFile):
        for info in opened.infolist():
            if not info.is_dir():
                reader = partial(opened.open, info)
                yield info.filename, Member(info.file_size, reader)
        return
    for info in opened:
        if info.isfile():
            yield info.name, Member(info.size, partial(opened.extractfile, info))


def _members(opened, archive: Path, *, flat: bool) -> dict[str, Member]:
    """Return the visible files of an archive by the path they get."""
    members = {}
    for name, member in _files(opened):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", str(path)):
            raise ValueError(
                f"{archive} holds {name!r}, a path that leads out of the folder to "
                "unpack to. Nothing was unpacked; get the archive from its source "
                "again."
            )
        if path.name.startswith(".") or "__MACOSX" in path.parts:
            continue
        key = path.name if flat else str(path)
        if key in members:
            raise ValueError(
                f"{archive} holds several files named {key!r}, expected one file per "
                "name."
            )
        members[key] = member
    return members


def _holds(folder: Path, members: dict[str, Member]) -> bool:
    """Tell whether a folder holds every file of an archive in its full size."""
    paths = {name: folder / name for name in members}
    return folder.is_dir() and all(
        paths[name].is_file() and paths[name].stat().st_size == member.n_bytes
        for name, member in members.items()
    )


def _fill(members: dict[str, Member], folder: Path) -> None:
    """Fill a temporary folder and move it to its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{shortened(folder.name)}-"
    ) as temporary:
        whole = Path(temporary) / folder.name
        whole.mkdir()
        names = list(members)
        for name in ProgressBar(names, mesg="Unpacking") if len(names) > 99 else names:
            (whole / name).parent.mkdir(parents=True, exist_ok=True)
            with members[name].open() as source, (whole / name).open("wb") as target:
                shutil.copyfileobj(source, target)
        try:
            if folder.is_dir() and not _holds(folder, members):
                folder.rename(Path(temporary) / "incomplete")
            whole.rename(folder)
        except OSError:
            if not _holds(folder, members):  # else another process was faster
                raise
