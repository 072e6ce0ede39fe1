"""A file is whole or absent."""

import errno
import os
import threading

import numpy as np
import pytest
from safetensors import SafetensorError

from mne_brainae.utils import files
from mne_brainae.utils.files import (
    clean_leftovers,
    locked,
    read_arrays,
    replacing,
    write_arrays,
)

MARK = {"kind": "test file", "version": 3}


def test_replaces_at_the_end_only(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with replacing(path) as temporary:
        temporary.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert os.listdir(path.parent) == ["a.txt"]  # noqa: PTH208


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_nothing(existed, error, tmp_path):
    path = tmp_path / "a.txt"
    if existed:
        path.write_text("before")

    def write():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] * existed
    if existed:
        assert path.read_text() == "before"


def left_by(process, tmp_path, monkeypatch):
    """Return a file that a process has begun to write."""
    with monkeypatch.context() as patched:
        patched.setattr(files.os, "getpid", lambda: process)
        name = files.unfinished_prefix("a") + "abcd_123.txt"
    (tmp_path / name).write_text("half")
    return tmp_path / name


def test_what_a_killed_process_left_goes(tmp_path, monkeypatch):
    dead = left_by(2**22 + 1, tmp_path, monkeypatch)  # above the largest of Linux
    alive = left_by(os.getppid(), tmp_path, monkeypatch)
    (tmp_path / ".hidden-file").write_text("not ours")
    folder = tmp_path / files.unfinished_prefix("b").replace(str(os.getpid()), "9" * 8)
    folder = folder.with_name(folder.name + "abcd_123")
    (folder / "deep").mkdir(parents=True)
    clean_leftovers(tmp_path)
    assert not dead.exists()
    assert not folder.exists()
    assert alive.exists()
    assert (tmp_path / ".hidden-file").exists()


def test_writing_cleans_its_folder(tmp_path, monkeypatch):
    dead = left_by(2**22 + 1, tmp_path, monkeypatch)
    with replacing(tmp_path / "b.txt"):
        pass
    assert not dead.exists()


def test_what_another_machine_writes_stays_for_a_week(tmp_path, monkeypatch):
    file = left_by(2**22 + 1, tmp_path, monkeypatch)
    theirs = file.rename(file.with_name(file.name.replace(files._machine(), "0" * 8)))
    clean_leftovers(tmp_path)
    assert theirs.exists()
    os.utime(theirs, (0, 0))
    clean_leftovers(tmp_path)
    assert not theirs.exists()


def test_one_at_a_time(tmp_path):
    inside, most = [], []

    def enter():
        for _ in range(20):
            with locked(tmp_path):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 80
    assert not list(tmp_path.iterdir())


def full_disk(temporary):
    raise OSError(errno.ENOSPC, "No space left on device")


def quota(temporary):
    raise OSError(errno.EDQUOT, "Disk quota exceeded", str(temporary))


def full_for_safetensors(temporary):
    raise SafetensorError("I/O error: No space left on device")


@pytest.mark.parametrize("fail", [full_disk, quota, full_for_safetensors])
def test_a_full_disk_names_the_file(fail, tmp_path):
    with (
        pytest.raises(OSError, match=r"(No space|quota).*wanted\.txt"),
        replacing(tmp_path / "wanted.txt") as temporary,
    ):
        fail(temporary)
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_file_stays(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="source"),
        replacing(tmp_path / "target.txt"),
    ):
        (tmp_path / "source").read_bytes()


@pytest.mark.parametrize("letter", ["a", "ä"])
def test_names_as_long_as_a_disk_takes(letter, tmp_path):
    stem = letter * ((255 - len(".txt")) // len(letter.encode()))
    with replacing(tmp_path / f"{stem}.txt") as temporary:
        temporary.write_text("text")
    assert [path.name for path in tmp_path.iterdir()] == [f"{stem}.txt"]


def test_readable_as_any_other_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("text")
    modes = {file.stat().st_mode for file in tmp_path.iterdir()}
    assert len(modes) == 1


def test_arrays_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "float32": rng.standard_normal((3, 4)).astype(np.float32),
        "float64": rng.standard_normal(5),
        "int64": np.arange(6),
        "bytes": np.arange(7, dtype=np.uint8),
        "transposed": rng.standard_normal((3, 4)).T,
        "strided": np.arange(10)[::3],
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3)),
    }
    header = {**MARK, "names": ["ä", "b"], "nested": {"x": [1, 2.5, None]}}
    path = tmp_path / "a.safetensors"
    write_arrays(path, arrays, header)
    again, header_again = read_arrays(path, **MARK)
    assert header_again == header
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert again[name].shape == array.shape, name
        np.testing.assert_array_equal(again[name], array)


def test_other_kind_and_version(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, {"x": np.zeros(2)}, MARK)
    with pytest.raises(ValueError, match="holds test file, expected the other"):
        read_arrays(path, kind="other", version=3)
    with pytest.raises(ValueError, match=r"format 3, this release .* format 4"):
        read_arrays(path, kind="test file", version=4)


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, {"x": np.zeros(2)}, MARK)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_arrays(path, {"x": np.ones(2)}, {**MARK, "bad": object()})
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
