"""Archives are unpacked whole or not at all, and never outside their folder."""

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from miniatures import encrypted, zipped

from mne_brainae.datasets._archive import unpack


@pytest.fixture
def archive(tmp_path):
    file = tmp_path / "in" / "images.zip"
    file.parent.mkdir()
    contents = {
        "images/": b"",
        "images/2.jpg": b"two",
        "images/1.jpg": b"one",
        "__MACOSX/images/._1.jpg": b"",
    }
    file.write_bytes(zipped(contents))
    return file


def test_unpack_is_flat_and_sorted(archive, tmp_path):
    folder = tmp_path / "out" / "images"
    paths = unpack(archive, folder, flat=True)
    assert paths == [folder / "1.jpg", folder / "2.jpg"]
    assert [path.read_bytes() for path in paths] == [b"one", b"two"]
    assert [path.name for path in folder.parent.iterdir()] == ["images"]
    written = paths[0].stat().st_mtime_ns
    assert unpack(archive, folder, flat=True) == paths
    assert paths[0].stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "name",
    ["../evil.jpg", "/evil.jpg", "a/../../evil.jpg", "..\\evil.jpg", "C:\\e.jpg"],
)
def test_unpack_refuses_to_leave_its_folder(name, tmp_path):
    file = tmp_path / "evil.zip"
    file.write_bytes(zipped({"good.jpg": b"", name: b"evil"}))
    with pytest.raises(ValueError, match=r"evil\.zip holds .* leads out of the folder"):
        unpack(file, tmp_path / "out" / "images")
    assert [path.name for path in tmp_path.rglob("*")] == ["evil.zip"]


def test_unpack_refuses_two_files_of_one_name(tmp_path):
    file = tmp_path / "double.zip"
    file.write_bytes(zipped({"a/1.jpg": b"", "b/1.jpg": b""}))
    with pytest.raises(ValueError, match=r"several files named '1\.jpg'"):
        unpack(file, tmp_path / "out", flat=True)


def test_unpack_of_a_broken_archive(archive, tmp_path):
    whole = archive.read_bytes()
    for broken in (whole[:-30], b"no zip", whole.replace(b"one", b"eno")):
        archive.write_bytes(broken)
        with pytest.raises(ValueError, match=r"images\.zip is not a complete zip or"):
            unpack(archive, tmp_path / "out" / "images", flat=True)
    assert not list((tmp_path / "out").iterdir())


def test_killed_unpack_leaves_nothing(archive, tmp_path, monkeypatch):
    folder = tmp_path / "out" / "images"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", lambda *_: (_ for _ in ()).throw(OSError))
        with pytest.raises(OSError):  # noqa: PT011
            unpack(archive, folder, flat=True)
    assert not list(folder.parent.iterdir())
    assert len(unpack(archive, folder, flat=True)) == 2


def test_unpack_repairs_an_incomplete_folder(archive, tmp_path):
    folder = tmp_path / "images"
    first, second = unpack(archive, folder, flat=True)
    first.unlink()
    second.write_bytes(b"t")
    unpack(archive, folder, flat=True)
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


@pytest.mark.parametrize("whole", [True, False])
def test_unpack_beside_another_process(whole, archive, tmp_path, monkeypatch):
    folder = tmp_path / "images"

    def lose_the_race(self, target):
        if whole:
            shutil.copytree(self, target)
        raise OSError("Directory not empty")

    monkeypatch.setattr(Path, "rename", lose_the_race)
    if whole:
        assert len(unpack(archive, folder, flat=True)) == 2
    else:
        with pytest.raises(OSError, match="not empty"):
            unpack(archive, folder, flat=True)


def test_unpack_keeps_folders(archive, tmp_path):
    paths = unpack(archive, tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in paths] == [
        "images/1.jpg",
        "images/2.jpg",
    ]


def test_unpack_makes_no_folder_twice(archive, tmp_path):
    paths = unpack(archive, tmp_path / "images")
    assert paths == [tmp_path / "images" / name for name in ("1.jpg", "2.jpg")]


def test_unpack_to_a_full_disk(archive, tmp_path, monkeypatch):
    full = type("Usage", (), {"free": 1})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(RuntimeError, match=r"images\.zip needs .*Make room"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def tarred(contents, **special):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in special.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def test_unpack_tar_without_links(tmp_path):
    file = tmp_path / "data.tar.gz"
    file.write_bytes(tarred({"a/1.txt": b"one", "b/1.txt": b"two"}, link="/etc/passwd"))
    paths = unpack(file, tmp_path / "out")
    assert [path.read_bytes() for path in paths] == [b"one", b"two"]
    assert not (tmp_path / "out" / "link").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil"])
def test_unpack_refuses_a_tar_that_leaves_its_folder(name, tmp_path):
    file = tmp_path / "evil.tar"
    file.write_bytes(tarred({name: b"evil"}))
    with pytest.raises(ValueError, match="leads out of the folder"):
        unpack(file, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["evil.tar"]


def test_unpack_of_a_broken_tar(tmp_path):
    file = tmp_path / "data.tar.gz"
    whole = tarred({"a": np.random.default_rng(0).bytes(100_000)})
    file.write_bytes(whole[:-40_000])
    with pytest.raises(ValueError, match="not a complete zip or tar file"):
        unpack(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unpack_with_a_password(tmp_path):
    file = tmp_path / "locked.zip"
    file.write_bytes(encrypted("images/1.jpg", b"one", b"secret"))
    for wrong in (None, "other"):
        with pytest.raises(ValueError, match=r"locked\.zip does not open.*password"):
            unpack(file, tmp_path / "out", password=wrong)
    (path,) = unpack(file, tmp_path / "out", password="secret")
    assert path.read_bytes() == b"one"
