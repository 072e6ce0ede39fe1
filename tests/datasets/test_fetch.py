"""Where the files of a data set are and how they get there."""

import hashlib
import http.server
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from mne.utils import catch_logging

from mne_brainae.datasets import _download, _fetch


@pytest.mark.parametrize(
    ("name", "n_files"), [("macaque_v4", 62), ("macaque_it", 132), ("muse_n170", 6)]
)
def test_registries_are_complete(name, n_files):
    registry = _fetch.read_registry(name)
    assert len(registry.files) == n_files
    assert registry.license
    assert registry.citation
    for file in registry.files.values():
        assert file.url.startswith("https://raw.githubusercontent.com/")
        assert len(file.known_hash) == len("sha256:") + 64
        assert file.n_bytes > 0


def test_locate(tmp_path, monkeypatch):
    monkeypatch.setenv("MNE_DATA", str(tmp_path / "mne"))
    monkeypatch.setenv("MNE_BRAINAE_DATA", str(tmp_path / "mine"))
    default = tmp_path / "mne" / "MNE-brainae-data" / "macaque_v4"
    assert _fetch.locate("macaque_v4", None) == default  # mine has no such folder
    (tmp_path / "mine" / "macaque_v4").mkdir(parents=True)
    assert _fetch.locate("macaque_v4", None) == tmp_path / "mine" / "macaque_v4"
    assert _fetch.locate("macaque_v4", tmp_path / "there") == tmp_path / "there"
    assert _fetch.cache_dir("macaque_v4") == default
    monkeypatch.delenv("MNE_BRAINAE_DATA")
    assert _fetch.locate("macaque_v4", None) == default


def test_files_that_are_there_are_not_downloaded(register):
    folder = register("toy", {"a.bin": b"aa", "b.bin": b"bbb"})
    paths = _fetch.fetch_files("toy", ["b.bin", "a.bin"], folder)
    assert paths == [folder / "b.bin", folder / "a.bin"]


def test_file_of_wrong_size(register):
    folder = register("toy", {"a.bin": b"a" * 100})
    (folder / "a.bin").write_bytes(b"a" * 60)
    with pytest.raises(ValueError, match=r"a\.bin has 60 bytes.*toy expects 100"):
        _fetch.fetch_files("toy", ["a.bin"], folder)


def test_no_network(register):
    folder = register("toy", {"a.bin": b"a"}, on_disk=False)
    with pytest.raises(RuntimeError) as caught:
        _fetch.fetch_files("toy", ["a.bin"], folder)
    for text in (
        "https://data.example/some/where/a.bin",
        str(folder / "a.bin"),
        "no network",
        "path=",
        "$MNE_BRAINAE_DATA/toy",
    ):
        assert text in str(caught.value)
    assert not list(folder.iterdir())


def test_download_of_what_is_missing(register, upstream):
    contents, asked = upstream
    folder = register("toy", {"a.bin": b"a" * 10, "b.bin": b"b" * 5}, on_disk=False)
    (folder / "a.bin").write_bytes(b"a" * 10)
    contents["https://data.example/some/where/b.bin"] = b"b" * 5
    with catch_logging(verbose="INFO") as log:
        paths = _fetch.fetch_files("toy", ["a.bin", "b.bin"], folder)
    assert [path.read_bytes() for path in paths] == [b"a" * 10, b"b" * 5]
    assert asked == ["https://data.example/some/where/b.bin"]
    log = log.getvalue()
    for text in ("toy (1 file, 0.0 kB)", "https://data.example/", "CC0", "Nobody 2020"):
        assert text in log


def test_download_of_something_else(register, upstream):
    contents, _ = upstream
    folder = register("toy", {"a.bin": b"right"}, on_disk=False)
    contents["https://data.example/some/where/a.bin"] = b"wrong"
    with pytest.raises(RuntimeError, match=r"a\.bin could not be downloaded.*hash"):
        _fetch.fetch_files("toy", ["a.bin"], folder)
    assert not list(folder.iterdir())


# ---- a server that breaks off ----------------------------------------------------

WHOLE = bytes(range(256)) * 40


class Server(http.server.BaseHTTPRequestHandler):
    """Breaks off after half of a file, and may know of ranges."""

    knows_ranges, n_breaks, asked = True, 0, []
    body, version, kind = WHOLE, None, "application/octet-stream"

    def do_GET(self):
        header = self.headers.get("Range")
        type(self).asked.append(header)
        start = int(header[6:-1]) if header and self.knows_ranges else 0
        if self.headers.get("If-Range") not in (None, self.version):
            start = 0
        body = self.body[start:]
        if start >= len(self.body):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", self.kind)
        if self.version:
            self.send_header("ETag", self.version)
        self.end_headers()
        if type(self).n_breaks:
            type(self).n_breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server of this machine, and the handler that says what it does."""
    handler = type("Handler", (Server,), {"asked": []})
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/file", handler
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def download(server, tmp_path, real_download, monkeypatch):
    url, _ = server
    monkeypatch.setattr(_download, "CHUNK", 1024)

    def run():
        downloader = _download.ResumingDownloader(tmp_path / ".file.part")
        real_download(downloader, url, tmp_path / "file", None)
        return (tmp_path / "file").read_bytes()

    return run


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_broken_download_goes_on(knows_ranges, server, download, tmp_path):
    _, handler = server
    handler.knows_ranges, handler.n_breaks = knows_ranges, 2
    assert download() == WHOLE
    assert len(handler.asked) == 3
    assert handler.asked[0] is None
    assert handler.asked[1] == f"bytes={len(WHOLE) // 2}-"
    assert not (tmp_path / ".file.part").exists()


def test_download_of_a_later_call_goes_on(server, download, tmp_path):
    _, handler = server
    handler.n_breaks = 3
    with pytest.raises(requests.RequestException):
        download()
    n_there = (tmp_path / ".file.part").stat().st_size
    assert 0 < n_there < len(WHOLE)
    assert not (tmp_path / "file").exists()
    assert download() == WHOLE
    assert handler.asked[-1] == f"bytes={n_there}-"


def test_two_versions_are_never_mixed(server, download, tmp_path):
    """A file that changed while half of it was here is sent as a whole."""
    _, handler = server
    handler.n_breaks, handler.version = 3, '"one"'
    with pytest.raises(requests.RequestException):
        download()
    handler.body, handler.version = WHOLE[::-1], '"two"'
    assert download() == WHOLE[::-1]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_page_to_log_in_is_no_file(server, download, tmp_path):
    _, handler = server
    handler.kind = "text/html; charset=utf-8"
    with pytest.raises(requests.HTTPError, match=r"web page.*log in"):
        download()
    assert not (tmp_path / "file").exists()


def test_two_downloads_at_once(server, tmp_path, real_download):
    url, _ = server

    def run(_):
        downloader = _download.ResumingDownloader(tmp_path / ".file.part")
        real_download(downloader, url, tmp_path / "file", None)

    with _download._alone(tmp_path / ".file.part") as part:  # the first is under way
        part.write_bytes(b"half")
        run(None)
        assert (tmp_path / "file").read_bytes() == WHOLE
        assert part.read_bytes() == b"half"
        part.unlink()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert (tmp_path / "file").read_bytes() == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_part_that_is_already_whole(server, download, tmp_path):
    (tmp_path / ".file.part").write_bytes(WHOLE + b"something else")
    assert download() == WHOLE


def test_server_error_is_not_repeated(server, download):
    _, handler = server
    handler.do_GET = lambda self: self.send_error(404)
    with pytest.raises(requests.HTTPError, match="404"):
        download()


# ---- sizes and hashes that are not known -----------------------------------------


def test_unknown_hash_and_size(tmp_path, monkeypatch, upstream):
    contents, _ = upstream
    monkeypatch.setattr(_fetch, "REGISTRIES", tmp_path)
    (tmp_path / "toy.txt").write_text(
        "# url: https://data.example/\n# license: CC0\n# citation: Nobody 2020\n"
        "https://elsewhere.example/abc?version=2 - ~3e6 raw/sub-01.zip\n"
        "table.csv - -\n",
        "utf-8",
    )
    files = _fetch.read_registry("toy").files
    assert list(files) == ["raw/sub-01.zip", "table.csv"]
    assert files["raw/sub-01.zip"].n_bytes == 3_000_000
    contents["https://elsewhere.example/abc?version=2"] = b"zip"
    contents["https://data.example/table.csv"] = b"a,b"
    with catch_logging(verbose="INFO") as log:
        paths = _fetch.fetch_files("toy", list(files), tmp_path / "data")
    assert [path.read_bytes() for path in paths] == [b"zip", b"a,b"]
    assert paths[0] == tmp_path / "data" / "raw" / "sub-01.zip"
    log = log.getvalue()
    for text in ("about 3.0 MB and 1 of unknown size", "raw/sub-01.zip: sha256:"):
        assert text in log
    record = tmp_path / "data" / "raw" / ".sub-01.zip.sha256"
    assert hashlib.sha256(b"zip").hexdigest() in record.read_text()
    assert _fetch.fetch_files("toy", list(files), tmp_path / "data") == paths


@pytest.mark.parametrize(
    ("n_bytes", "is_exact", "size"),
    [
        (None, False, "size unknown"),
        (80, True, "0.1 kB"),
        (14_300, True, "14.3 kB"),
        (1_479_283, True, "1.5 MB"),
        (12.6e9, False, "about 12.6 GB"),
    ],
)
def test_sizes_in_words(n_bytes, is_exact, size):
    file = _fetch.RegisteredFile("https://x", None, n_bytes, is_exact)
    assert _fetch.describe_size([file]) == size


def test_full_disk(register, monkeypatch, tmp_path):
    folder = register("toy", {"a.bin": b"a" * 100}, on_disk=False)
    full = type("Usage", (), {"free": 50})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(RuntimeError, match=r"toy needs 0.0 GB in .*Make room"):
        _fetch.fetch_files("toy", ["a.bin"], folder)
