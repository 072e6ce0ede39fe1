"""Image features on disk: never another image's, and nothing computed twice."""

import os
import shutil
import signal
import subprocess
import sys
import time
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mne_brainae import ImageEncoder, compute_image_features
from mne_brainae.commands import main
from mne_brainae.images import networks
from mne_brainae.images.cache import cache_folder, clean_cache, list_cache

ENCODER = ImageEncoder("timm:test_vit", layer=[1, 3], pool=2, pretrained="random")


def noise(seed, size=(20, 24)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(9):
        noise(seed).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def counted(monkeypatch):
    """Count the images that pass through a network."""
    seen = []
    call = networks.NetworkEncoder.__call__

    def count(self, prepared):
        seen.append(len(prepared))
        return call(self, prepared)

    monkeypatch.setattr(networks.NetworkEncoder, "__call__", count)
    return seen


def features(images, cache, encoder=ENCODER, **options):
    return compute_image_features(images, encoder, cache=cache, device="cpu", **options)


def test_nothing_is_computed_twice(folder, tmp_path, counted):
    cache = tmp_path / "cache"
    plain = features(folder, None)
    first = features(folder, cache, names=["3", "1"])
    np.testing.assert_allclose(first, plain.loc[["3.png", "1.png"]], atol=1e-6)
    whole = features(folder, cache)
    assert counted == [9, 2, 7]
    again = features(folder, cache, names=["8", "0", "3"])
    assert counted == [9, 2, 7]
    expected = whole.loc[["8.png", "0.png", "3.png"]]
    np.testing.assert_array_equal(again, expected)
    pd.testing.assert_index_equal(again.columns, plain.columns)


def test_a_full_cache_needs_no_network(folder, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    first = features(folder, cache)
    monkeypatch.delattr(networks.NetworkEncoder, "_build")
    networks._LAST.clear()
    pd.testing.assert_frame_equal(features(folder, cache), first)


def test_content_counts_and_not_the_name(folder, tmp_path, counted):
    cache = tmp_path / "cache"
    first = features(folder, cache)
    content = (folder / "5.png").read_bytes()
    (folder / "5.png").write_bytes((folder / "6.png").read_bytes())
    (folder / "6.png").write_bytes(content)
    second = features(folder, cache)
    assert counted == [9]
    np.testing.assert_array_equal(second.loc["5.png"], first.loc["6.png"])
    np.testing.assert_array_equal(second.loc["6.png"], first.loc["5.png"])
    memory = features({"new": noise(5), "old": noise(5)}, cache)
    np.testing.assert_allclose(memory.loc["new"], first.loc["5.png"], atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"layer": [3, 1]},
        {"layer": 1},
        {"layer": 1.0},
        {"pool": 5},
        {"pool": "cls"},
        {"degradations": "blur"},
        {"degradations": "blur:0.5"},
        {"degrade_gallery": True},
        {"name": "timm:test_vit2"},
    ],
)
def test_every_option_counts(change, folder, tmp_path):
    cache = tmp_path / "cache"
    settings = ENCODER.to_dict() | change
    features(folder, cache)
    other = ImageEncoder(**settings)
    cached = features(folder, cache, other)
    pd.testing.assert_frame_equal(cached, features(folder, None, other))
    pd.testing.assert_frame_equal(features(folder, cache, other), cached)
    assert len(list_cache(cache)) == 2


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damage_is_never_returned(data, tmp_path_factory):
    """Whatever bits of the cache change, the features are those of the image."""
    base = tmp_path_factory.getbasetemp() / "damage"
    cache = base / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    pictures = {str(seed): noise(seed) for seed in range(3)}
    true = features(pictures, None)
    features(pictures, cache)
    (entry,) = list_cache(cache)
    (path,) = entry.folder.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    kind = data.draw(st.sampled_from(["header", "keys", "anywhere", "truncate"]))
    if kind == "truncate":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        end = {"header": 1200, "keys": 2500}.get(kind, len(content))
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(0, min(end, len(content)) - 1))
            content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    found = features(pictures, cache)
    np.testing.assert_allclose(found, true, atol=1e-6)
    pd.testing.assert_index_equal(found.columns, true.columns)
    with patch.object(networks.NetworkEncoder, "__call__", None):  # mended
        np.testing.assert_array_equal(features(pictures, cache), found)


SCRIPT = """
import sys
from mne_brainae import ImageEncoder, compute_image_features
folder, cache, out = sys.argv[1:]
encoder = ImageEncoder("timm:test_vit", layer=[1, 3], pool=2, pretrained="random")
table = compute_image_features(folder, encoder, cache=cache, device="cpu")
table.to_pickle(out)
"""


def start(*arguments):
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | {"MNE_LOGGING_LEVEL": "ERROR"})


def test_two_processes_and_a_kill(tmp_path, counted):
    """A killed process leaves whole batches; two at once leave one truth."""
    folder, cache = tmp_path / "many", tmp_path / "cache"
    folder.mkdir()
    for seed in range(150):
        noise(seed).save(folder / f"{seed:03d}.png")
    process = start(folder, cache, tmp_path / "killed.pkl")
    while process.poll() is None and not list_cache(cache):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.pkl").exists()
    left = sum(entry.n_files for entry in list_cache(cache))
    assert left >= 1
    both = [start(folder, cache, tmp_path / f"{i}.pkl") for i in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    tables = [pd.read_pickle(tmp_path / f"{i}.pkl") for i in range(2)]
    names = [f"{seed:03d}" for seed in range(0, 150, 50)]
    expected = features(folder, None, names=names)
    for table in tables:
        np.testing.assert_allclose(table.iloc[::50], expected, atol=1e-6)
    counted.clear()
    pd.testing.assert_frame_equal(features(folder, cache), tables[0])
    assert counted == []


def test_a_cache_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(RuntimeWarning, match="cannot be kept in .*file"):
        table = features(folder, tmp_path / "file")
    pd.testing.assert_frame_equal(table, features(folder, None))


def test_a_full_disk_is_left_alone(folder, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.warns(RuntimeWarning, match="disk is nearly full"):
        features(folder, tmp_path / "cache")


def test_callables_and_gabor_are_not_kept(folder, tmp_path):
    for encoder in ("gabor", lambda images: np.eye(len(images))):
        features(folder, tmp_path / "cache", encoder)
    assert not (tmp_path / "cache").exists()


def test_where_it_is(tmp_path, monkeypatch):
    assert cache_folder().parent.name == "MNE-brainae-data"
    monkeypatch.setenv("MNE_BRAINAE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"


def test_size_and_clean(folder, tmp_path, capsys):
    cache = tmp_path / "cache"
    assert list_cache(cache) == []
    features(folder, cache)
    features(folder, cache, ImageEncoder("timm:resnet18", pretrained="random"))
    (cache / "notes.txt").write_text("mine")
    main(["cache", "size", "--folder", str(cache)])
    shown = capsys.readouterr().out
    assert "timm_test_vit" in shown
    assert f"in {cache}" in shown
    assert clean_cache(cache, days=1) == []
    main(["cache", "clean", "--folder", str(cache), "--encoder", "timm:resnet18"])
    assert "1 files" in capsys.readouterr().out
    assert [entry.encoder for entry in list_cache(cache)] == ["timm_test_vit"]
    clean_cache(cache)
    assert [path.name for path in cache.iterdir()] == ["notes.txt"]
