"""Downloads that go on where they stopped."""

# License: BSD-3-Clause

from __future__ import annotations

from contextlib import closing
from pathlib import Path

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
        for n_left in reversed(range(N_TRIES)):
            try:
                self._append(url)
                break
            except requests.HTTPError:
                raise  # the server answered: asking again will not help
            except requests.RequestException:
                if not n_left:
                    raise
        self.part.replace(output_file)

    def _append(self, url: str) -> None:
        """Append what is missing."""
        n_there = self.part.stat().st_size if self.part.is_file() else 0
        headers = {"Accept-Encoding": "identity"}  # ranges of the file, not of a zip
        if n_there:
            headers["Range"] = f"bytes={n_there}-"
        got = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
        with closing(got):
            if n_there and got.status_code == requests.codes.range_not_satisfiable:
                # All of it is there already, or another file: only a new start tells.
                self.part.unlink()
                raise requests.ConnectionError(f"{url} has no range from {n_there} on")
            got.raise_for_status()
            goes_on = got.status_code == requests.codes.partial_content
            self._write(got, n_there if goes_on else 0)

    def _write(self, got: requests.Response, n_there: int) -> None:
        n_missing = int(got.headers.get("Content-Length", 0))
        n_bytes = n_there + n_missing
        bar = _bar(n_bytes, n_there) if n_bytes > 20 * CHUNK else None
        with self.part.open("ab" if n_there else "wb") as file:
            for chunk in got.iter_content(CHUNK):
                file.write(chunk)
                if bar is not None:
                    bar.update_with_increment_value(len(chunk))
        n_came = self.part.stat().st_size
        if n_missing and n_came != n_bytes:
            raise requests.ConnectionError(f"{n_came} of {n_bytes} bytes came")


def _bar(n_bytes: int, n_there: int) -> ProgressBar:
    bar = ProgressBar(n_bytes, mesg="Downloading", unit="B", unit_scale=True)
    bar.update(n_there)
    return bar
