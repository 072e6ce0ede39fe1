"""Many fits: one table, the same however they are run, and nothing lost."""

import os
import shutil
import signal
import threading
import time
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import mne_brainae

SETTINGS = {"plain": {}, "cold": {"temperature": 0.5}}


@pytest.fixture(scope="module")
def quick(small):
    """Fits of a fraction of a second."""
    short = {"max_epochs": 4, "min_updates": 1}
    return {k: v for k, v in (small | short).items() if k not in ("random_state",)}


def _score(model, subject):
    """Numbers for the table, computed where the fit ran."""
    return {"threads": torch.get_num_threads(), "letters": len(subject)}


def _weights(table):
    return [load_file(fname) for fname in table["fname"]]


def _same(one, other):
    columns = ["subject", "setting", "seed", "n_epochs", "best_epoch"]
    columns += ["validation_loss", "threads", "letters"]
    pd.testing.assert_frame_equal(one[columns], other[columns])
    for left, right in zip(_weights(one), _weights(other), strict=True):
        assert left.keys() == right.keys()
        assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def one_by_one(recording, quick, tmp_path_factory):
    """The fits of two subjects, two settings and two seeds, one after another."""
    epochs, features = recording
    folder = tmp_path_factory.mktemp("one_by_one")
    epochs.save(folder / "file-epo.fif", verbose="ERROR")
    subjects = {"a": epochs, "file": folder / "file-epo.fif"}
    given = {"settings": SETTINGS, "seeds": (0, 1), "score": _score, **quick}
    before = torch.get_num_threads()
    table = mne_brainae.fit_many(subjects, features, folder=folder / "fits", **given)
    assert torch.get_num_threads() == before
    return subjects, features, given, table


def test_one_table(one_by_one):
    """A row per fit, in order, also in a file; every model can be read."""
    table = one_by_one[-1]
    assert list(table["subject"]) == ["a"] * 4 + ["file"] * 4
    assert list(table["setting"]) == ["plain", "plain", "cold", "cold"] * 2
    assert list(table["seed"]) == [0, 1] * 4
    assert (table["threads"] == 1).all()
    assert (table["seconds"] > 0).all()
    folder = Path(table["fname"][0]).parent
    written = pd.read_csv(folder / "fits.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    assert not list(folder.glob("*checkpoint*"))
    model = mne_brainae.read_brainae(table["fname"][3])
    assert model.temperature_ == pytest.approx(0.5)
    assert model.random_state == 1


def test_what_is_done_is_not_done_again(one_by_one, tmp_path):
    subjects, features, given, table = one_by_one
    folder = tmp_path / "fits"
    shutil.copytree(Path(table["fname"][0]).parent, folder)
    times = {file: file.stat().st_mtime_ns for file in folder.glob("*.safetensors")}
    (folder / "a_set-cold_seed-1.json").unlink()
    again = mne_brainae.fit_many(subjects, features, folder=folder, **given)
    _same(again, table)
    changed = [f.name for f, then in times.items() if f.stat().st_mtime_ns != then]
    assert changed == ["a_set-cold_seed-1.safetensors"]
    given = given | {"learning_rate": 0.01}
    with pytest.raises(ValueError, match="of other data or settings"):
        mne_brainae.fit_many(subjects, features, folder=folder, **given)
    other = mne_brainae.fit_many(
        subjects, features, folder=folder, overwrite=True, **given
    )
    assert not np.allclose(other["validation_loss"], table["validation_loss"])
    given = given | {"learning_rate": 0.02, "keep_models": False}
    without = mne_brainae.fit_many(
        subjects, features, folder=folder, overwrite=True, **given
    )
    assert without["fname"].isna().all()  # not the models of other settings


def test_bad_input_names_the_fit(recording, quick, tmp_path):
    epochs, features = recording
    with pytest.raises(ValueError, match="'a/b' must be of letters"):
        mne_brainae.fit_many({"a/b": epochs}, features, folder=tmp_path)
    with pytest.raises(TypeError, match="no_such"):
        mne_brainae.fit_many(epochs, features, folder=tmp_path, no_such=1)
    with pytest.raises(ValueError, match="recipe") as caught:
        mne_brainae.fit_many(epochs, features, folder=tmp_path, recipe="none")
    with pytest.raises(ValueError, match="lacks these images") as caught:
        mne_brainae.fit_many(epochs, features[:3], folder=tmp_path, **quick)
    assert "'all_set-default_seed-0'" in caught.value.__notes__[-1]


def _die_once(model, subject, flag):
    """Kill the process that comes here when three fits are done."""
    done = list(flag.parent.glob("fits/*.json"))
    if len(done) >= 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _score(model, subject)


def test_killed_process_says_how_to_go_on(one_by_one, tmp_path):
    """The next call completes what two processes began, to the same models."""
    subjects, features, given, table = one_by_one
    die = partial(_die_once, flag=tmp_path / "flag")
    given = given | {"score": die, "folder": tmp_path / "fits"}
    with pytest.raises(RuntimeError, match=r"[3-7] of 8 fits are done\. Call fit_many"):
        mne_brainae.fit_many(subjects, features, n_jobs=2, **given)
    # One after another, so that no two processes have to start anew.
    _same(mne_brainae.fit_many(subjects, features, **given), table)


def test_cluster_loses_nothing_when_a_worker_is_killed(one_by_one, tmp_path):
    """A real cluster of two processes, one of which is killed in the middle."""
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    subjects, features, given, table = one_by_one
    folder = tmp_path / "2"
    # Workers fork from one process that has imported everything.
    forks = dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    distributed.utils.get_mp_context().set_forkserver_preload(["mne_brainae.many"])
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    with forks, cluster, distributed.Client(cluster) as client:
        pids = client.run(os.getpid)
        killed = []

        def kill():
            while not list(folder.glob("*.json")):
                time.sleep(0.1)
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with joblib.parallel_config("dask"):
            found = mne_brainae.fit_many(subjects, features, folder=folder, **given)
        killer.join()
        assert killed
        assert killed[0] not in client.run(os.getpid).values()
    _same(found, table)
