"""A fit from temporary files: the same weights in less memory, nothing left."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from building import brain_ae

import mne_brainae
from mne_brainae.models import training
from mne_brainae.models.fingerprints import fingerprint_training
from mne_brainae.preprocessing.averaging import average_by
from mne_brainae.preprocessing.epochs import make_epochs
from mne_brainae.utils.files import take_rows, zeros

HAS_PROC = Path("/proc/self/maps").exists()
SHORT = {"max_epochs": 2, "min_updates": 1}
KINDS = {
    "linear chain": SHORT,
    "activated chain": SHORT | {"inner_activation": True},
    "rounded": SHORT | {"precision": "bf16"},
    "plain": SHORT | {"computation": "plain"},
    "mean response": SHORT | {"standardize": "evoked", "imputation": "gaussian"},
}

#: Fits with and without ``memory_map``, and reports the peaks of anonymous memory.
MEASURE = """
import sys, threading
import mne, numpy as np, pandas as pd, torch
import mne_brainae
from mne_brainae.models.linear_gaussian import Steps

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(x.split()[1]) for x in lines if x.startswith(name + ":"))

def fit(**params):
    model = mne_brainae.fit(epochs, features, verbose="ERROR", **params)
    return [value.numpy() for value in model.network_.state_dict().values()]

def peak_of(**params):
    before, peaks, ended = status("RssAnon"), [0], threading.Event()
    def watch():
        while not ended.wait(0.002):
            peaks.append(status("RssAnon") - before)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return fit(**params), max(peaks)
    finally:
        ended.set()
        watcher.join()

fname, table, folder = sys.argv[1:]
recipes = {
    "paper": dict(
        n_kernels=8, inner_activation=False, max_epochs=1, min_updates=1,
        batch_size=400, random_state=0,
    ),
    "linear": dict(imputation="mean", steps=Steps(n_functions=8, n_folds=1)),
}
whole = mne.read_epochs(fname, preload=False, verbose="ERROR")
features = pd.read_csv(table, index_col="image")
size = 4 * len(whole) * len(whole.ch_names) * len(whole.times)
for recipe, params in recipes.items():
    params |= dict(recipe=recipe, n_embedding=32)
    epochs = whole[:100]
    fit(**params)  # what is imported at use
    epochs = whole
    mapped, low = peak_of(memory_map=folder, **params)
    in_memory, high = peak_of(**params)
    same = all(np.array_equal(*pair) for pair in zip(mapped, in_memory, strict=True))
    print(recipe, size, low, high, same)
"""


def weights(model):
    return dict(model.network_.state_dict())


def assert_same(one, two):
    for name, value in weights(one).items():
        assert torch.equal(value, weights(two)[name]), name
    for name in ("mean", "scale"):
        scales = [getattr(each.latent_.brain_scaler, name) for each in (one, two)]
        np.testing.assert_array_equal(*scales)
    spaces = one.latent_, two.latent_
    np.testing.assert_array_equal(*(space.mean_response for space in spaces))
    if spaces[0].noise_axes is not None:
        np.testing.assert_array_equal(*(space.noise_axes for space in spaces))
    if hasattr(one, "history_"):
        pd.testing.assert_frame_equal(one.history_, two.history_)


def mapped_files(folder):
    """Return the lines of /proc that name files below a folder, deleted ones too."""
    gc.collect()
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if str(folder) in line]


@pytest.fixture
def on_disk(recording, tmp_path):
    """Make epochs that were not read into memory."""
    fname = tmp_path / "recording-epo.fif"
    recording[0].save(fname)
    return mne.read_epochs(fname, preload=False)


@pytest.mark.filterwarnings("ignore:.*saves memory but no time")
@pytest.mark.parametrize("kind", KINDS)
def test_gives_the_same_weights(on_disk, recording, small, tmp_path, kind):
    settings, folder = small | KINDS[kind], tmp_path / "maps"
    folder.mkdir()
    in_memory = brain_ae(**settings).fit(on_disk, recording[1])
    mapped = brain_ae(**settings, memory_map=folder)
    assert_same(in_memory, mapped.fit(on_disk, recording[1]))
    assert not list(folder.iterdir())
    if HAS_PROC:
        assert not mapped_files(folder)


def test_closed_form_is_the_same(on_disk, recording, tmp_path):
    settings = {"recipe": "linear", "verbose": "ERROR"}
    in_memory = mne_brainae.fit(on_disk, recording[1], **settings)
    mapped = mne_brainae.fit(
        on_disk, recording[1], **settings, memory_map=str(tmp_path)
    )
    assert mapped.selection_ == in_memory.selection_
    assert_same(in_memory, mapped)
    np.testing.assert_array_equal(
        mapped.latent_.imputer.components, in_memory.latent_.imputer.components
    )


@pytest.fixture
def large(tmp_path):
    """Write 205 MB of epochs, and the features of their images."""
    n, rng = 8_000, np.random.default_rng(0)
    names = [f"image {i}" for i in range(n)]
    features = rng.standard_normal((n, 12), dtype=np.float32)
    data = features @ rng.standard_normal((12, 32 * 200), dtype=np.float32)
    data += rng.standard_normal(data.shape, dtype=np.float32)
    info = mne.create_info(32, 100.0, "eeg")
    metadata = pd.DataFrame({"image": names})
    epochs = make_epochs(
        1e-6 * data.reshape(n, 32, 200), info, np.arange(200) / 100, metadata
    )
    fname, table = tmp_path / "large-epo.fif", tmp_path / "features.csv"
    epochs.save(fname)
    pd.DataFrame(features, index=pd.Index(names, name="image")).to_csv(table)
    return fname, table


@pytest.mark.skipif(not HAS_PROC, reason="memory is read from /proc, which Linux has")
def test_holds_less_than_the_data(large, tmp_path):
    """One thread and one arena, so that the allocator is the same on every machine."""
    command = [sys.executable, "-c", MEASURE, *map(str, large), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    )
    assert run.returncode == 0, run.stderr
    for line in run.stdout.splitlines():
        recipe, *sizes, same = line.split()
        size, mapped, in_memory = (int(each) / 1e6 for each in sizes)
        print(  # noqa: T201
            f"recipe={recipe!r}: {size:.0f} MB of responses, {mapped:.0f} MB with "
            f"memory_map, {in_memory:.0f} MB without"
        )
        assert mapped < 0.75 * size < size < in_memory
        assert same == "True"
    assert len(run.stdout.splitlines()) == 2


@pytest.mark.skipif(not HAS_PROC, reason="what is mapped is read from /proc")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_stays_after_a_failure(
    on_disk, recording, small, tmp_path, monkeypatch, error
):
    """Files without a name go with the arrays, after Ctrl-C in the first epoch, too."""
    folder = tmp_path / "maps"
    folder.mkdir()
    held = []

    def fail(*args):
        held.append(mapped_files(folder))
        raise error("in the middle")

    monkeypatch.setattr(training, "_validate", fail)
    model = brain_ae(**small, memory_map=folder)
    with pytest.raises(error, match="in the middle"):
        model.fit(on_disk, recording[1])
    assert held[0]
    assert not mapped_files(folder)
    assert not list(folder.iterdir())


def test_is_no_part_of_what_is_learned(recording, small, tmp_path):
    """A checkpoint goes on without the map, and a saved model forgets the folder."""
    short = small | SHORT
    checkpoint, saved = tmp_path / "fit.safetensors", tmp_path / "model.safetensors"
    mapped = brain_ae(**short, checkpoint=checkpoint, memory_map=tmp_path)
    mapped.fit(*recording).save(saved)
    assert mne_brainae.read_brainae(saved).training.memory_map is None
    again = brain_ae(**short, checkpoint=checkpoint).fit(*recording)
    assert_same(mapped, again)


def test_fingerprint_is_that_of_the_same_array_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    brain = rng.standard_normal((7, 3, 5), dtype=np.float32)
    rows = np.arange(7)[::-1]
    prints = set()
    for folder in (None, tmp_path):
        taken = torch.from_numpy(take_rows(brain, rows, folder))
        pairs = training.Pairs(taken, folder=folder)
        model = brain_ae(memory_map=folder)
        prints.add(fingerprint_training(model, pairs, pairs, seed=3))
    assert len(prints) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [7, (3, 0, 2), (300, 2, 5)])
def test_arrays_on_disk_are_arrays(tmp_path, shape, dtype):
    array = zeros(shape, dtype, tmp_path)
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, np.zeros(shape, dtype))
    array += 1
    assert array.sum() == array.size
    rows = np.arange(0, len(array), 2)
    np.testing.assert_array_equal(take_rows(array, rows, tmp_path), array[rows])
    assert not list(tmp_path.iterdir())


def test_averages_are_the_same(on_disk, tmp_path):
    """Epochs are read in blocks, whatever holds their averages."""
    picks = np.arange(3, 9)
    in_memory, table = average_by(on_disk, "image", picks)
    mapped, table_again = average_by(on_disk, "image", picks, tmp_path)
    np.testing.assert_array_equal(mapped, in_memory)
    pd.testing.assert_frame_equal(table, table_again)
    assert not on_disk.preload


def test_bad_folders_are_refused_before_any_work(recording, small, tmp_path):
    model = brain_ae(**small, memory_map=tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="memory_map does not exist"):
        model.fit(*recording)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match="Need a directory for memory_map"):
        model.set_params(training__memory_map=file).fit(*recording)
    with pytest.raises(ValueError, match="The 'memory_map' parameter"):
        model.set_params(training__memory_map=True).fit(*recording)


def test_full_disk_is_an_error(recording, small, tmp_path, monkeypatch):
    """Where there is no room, the fit says so; it is not killed when a page is due."""
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    model = brain_ae(**small, memory_map=tmp_path)
    with pytest.raises(RuntimeError, match="A memory map needs"):
        model.fit(*recording)
