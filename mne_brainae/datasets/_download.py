"""Downloads that go on where they stopped."""

# License: BSD-3-Clause

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pooch
import requests
from mne.utils import ProgressBar

#: How often a broken connection is taken up again before giving up.
N_TRIES = 3
CHUNK = 2**20  # bytes
TIMEOUT = 60  # seconds without a byte


class ResumingDownloader(pooch.HTTPDownloader):
    """Download a file over HTTP, taking up what an earlier call left.

    What has come stays in ``part`` when the connection breaks or the process ends; the
    next call asks the server for the rest (RFC 9110, section 14: range requests). A
    server that knows no ranges sends the whole file again.

    Parameters
    ----------
    part : Path
        The file for what has come so far.
    """

    def __init__(self, part: Path):
        super().__init__()
        self.part = part

    def __call__(self, url, output_file, pooch, check_only=False):
        """Download as pooch asks for it."""
        with _alone(self.part) as part:
            for n_left in reversed(range(N_TRIES)):
                try:
                    self._append(url, part)
                    break
                except requests.HTTPError:
                    raise  # the server answered: asking again will not help
                except requests.RequestException:
                    if not n_left:
                        raise
            part.replace(output_file)
            _mark_of(part).unlink(missing_ok=True)

    def _append(self, url: str, part: Path) -> None:
        """Append what is missing of the version that has begun to come."""
        mark = _mark_of(part)
        version = mark.read_text() if mark.is_file() else ""
        n_there = part.stat().st_size if part.is_file() else 0
        headers = {"Accept-Encoding": "identity"}  # ranges of the file, not of a zip
        if n_there:
            headers["Range"] = f"bytes={n_there}-"
            if version:  # another version is sent as a whole (RFC 9110, 13.1.5)
                headers["If-Range"] = version
        got = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
        with closing(got):
            if n_there and got.status_code == requests.codes.range_not_satisfiable:
                # All of it is there already, or another file: only a new start tells.
                part.unlink()
                raise requests.ConnectionError(f"{url} has no range from {n_there} on")
            got.raise_for_status()
            goes_on = got.status_code == requests.codes.partial_content
            _refuse_page(got, url)
            if not goes_on:
                mark.write_text(_version_of(got))
            _write(got, part, n_there if goes_on else 0)


def _write(got: requests.Response, part: Path, n_there: int) -> None:
    """Write what comes to the end of what is there."""
    n_missing = int(got.headers.get("Content-Length", 0))
    n_bytes = n_there + n_missing
    bar = _bar(n_bytes, n_there) if n_bytes > 20 * CHUNK else None
    with part.open("ab" if n_there else "wb") as file:
        for chunk in got.iter_content(CHUNK):
            file.write(chunk)
            if bar is not None:
                bar.update_with_increment_value(len(chunk))
    n_came = part.stat().st_size
    if n_missing and n_came != n_bytes:
        raise requests.ConnectionError(f"{n_came} of {n_bytes} bytes came")


@contextmanager
def _alone(part: Path) -> Iterator[Path]:
    """Give the file for what has come, or one of its own to a second process."""
    lock = part.with_name(f"{part.name}.lock")
    with lock.open("w") as file:
        is_first = _lock(file, lock)
        if not is_first:
            part = part.with_name(f"{part.name}-{uuid4().hex[:8]}")
        try:
            yield part
        finally:
            if not is_first:
                part.unlink(missing_ok=True)
                _mark_of(part).unlink(missing_ok=True)
            elif not part.exists():
                lock.unlink(missing_ok=True)


def _lock(file, path: Path) -> bool:
    """Take hold of a file until it is closed; False if another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last owner may have removed it just now, and a third one made it anew.
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except OSError:
        return False


def _mark_of(part: Path) -> Path:
    """Name the file that says which version has begun to come."""
    return part.with_name(f"{part.name}.version")


def _version_of(got: requests.Response) -> str:
    """Return what tells a version from others; a weak mark does not."""
    tag = got.headers.get("ETag", "")
    return tag if tag.startswith('"') else got.headers.get("Last-Modified", "")


def _refuse_page(got: requests.Response, url: str) -> None:
    """Refuse a page, such as one to log in, in place of a file."""
    kind = got.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not url.endswith((".html", ".htm")):
        raise requests.HTTPError(
            f"{url} sends a web page and no file, perhaps one to log in or to accept "
            "terms. Fetch the file with a browser, and place it by hand"
        )


def _bar(n_bytes: int, n_there: int) -> ProgressBar:
    bar = ProgressBar(n_bytes, mesg="Downloading", unit="B", unit_scale=True)
    bar.update(n_there)
    return bar
