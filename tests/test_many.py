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
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from interrupts import interrupt
from PIL import Image
from safetensors.torch import load_file

import mne_brainae
from mne_brainae.many import _Job
from mne_brainae.utils.files import unfinished_prefix

SETTINGS = {"plain": {}, "cold": {"temperature": 0.5}}


@pytest.fixture(scope="module")
def quick(small):
    """Fits of a fraction of a second."""
    short = {"recipe": "paper", "max_epochs": 4, "min_updates": 1}
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


LABELS = st.from_regex(r"[ab_.+-]+|(a|_|_set-|_seed-1)+", fullmatch=True)


@settings(deadline=None)
@given(st.tuples(LABELS, LABELS), st.tuples(LABELS, LABELS))
def test_no_two_fits_share_a_file(one, other):
    assume(one != other)
    names = [_Job(*each, 0, {}, Path(), "", "").name for each in (one, other)]
    assert names[0] != names[1]


def test_labels_that_run_into_each_other(recording, quick, tmp_path):
    """Of subject and setting "a_b" and "c" there are other files than of "a", "b_c"."""
    epochs, features = recording
    settings = {"c": {}, "b_c": {"temperature": 0.5}}
    fits = mne_brainae.fit_many(
        {"a_b": epochs, "a": epochs},
        features,
        folder=tmp_path,
        settings=settings,
        **quick,
    )
    assert fits["fname"].nunique() == 4
    losses = fits.set_index(["subject", "setting"])["validation_loss"]
    assert losses["a_b", "c"] == losses["a", "c"] != losses["a", "b_c"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"a": {}, "A": {}}}, "settings has 'a' and 'A'"),
        ({"settings": {"1": {}, 1: {}}}, "settings has '1' and 1"),
        ({"settings": {"\uac00": {}, "\u1100\u1161": {}}}, "name the same files"),
        ({"seeds": (0, 1, 0)}, "seeds must differ"),
        ({"seeds": (0.5,)}, "seeds must be integers"),
    ],
)
def test_names_that_would_be_one_file(recording, tmp_path, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mne_brainae.fit_many(*recording, folder=tmp_path, **change)
    epochs, features = recording
    with pytest.raises(ValueError, match="epochs has 'S1' and 's1'"):
        mne_brainae.fit_many({"S1": epochs, "s1": epochs}, features, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def _n_channels(model, subject):
    return {"n": len(model.info_["ch_names"])}


def _projection(seed, n_features):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.Linear(n_features, 32)


def test_settings_that_json_cannot_hold_are_told_by_content(recording, quick, tmp_path):
    """A setting of the same type is another one if it holds something else."""
    epochs, features = recording
    n_features = features.shape[1]

    def fit(number, **setting):
        return mne_brainae.fit_many(
            epochs,
            features,
            folder=tmp_path / str(number),
            settings={"a": setting},
            score=_n_channels,
            **quick,
        )

    changes = [
        ({"picks": np.array([0, 1])}, {"picks": np.array([1, 2, 3])}),
        tuple({"image_projection": _projection(seed, n_features)} for seed in (0, 1)),
    ]
    for number, (one, other) in enumerate(changes):
        first = fit(number, **one)
        pd.testing.assert_frame_equal(fit(number, **one), first)
        with pytest.raises(ValueError, match="of other data or settings"):
            fit(number, **other)


def test_a_picture_that_changes_is_noticed(recording, quick, tmp_path):
    epochs, features = recording
    pictures = tmp_path / "images"
    rng = np.random.default_rng(0)
    for name in features.index:
        file = pictures / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(file)
    given = {"folder": tmp_path / "fits", **quick}
    first = mne_brainae.fit_many(epochs, pictures, **given)
    pd.testing.assert_frame_equal(
        mne_brainae.fit_many(epochs, pictures, **given), first
    )
    Image.new("RGB", (9, 9)).save(file)
    with pytest.raises(ValueError, match="of other data or settings"):
        mne_brainae.fit_many(epochs, pictures, **given)


def _die_once(model, subject, flag):
    """Kill the process that comes here when three fits are done."""
    flag = Path(flag)
    done = list(flag.parent.glob("fits/*.json"))
    if len(done) >= 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _score(model, subject)


@pytest.mark.parametrize("on_error", ["raise", "warn"])
def test_an_interrupt_marks_nothing_as_done(
    one_by_one, tmp_path, monkeypatch, on_error
):
    *_, features, given, table = one_by_one
    subjects = {"a": one_by_one[0]["a"]}
    given = given | {"seeds": (0,), "on_error": on_error, "n_jobs": 1}
    with monkeypatch.context() as patched:
        interrupt(patched, "_validate", at=7)  # of four epochs: in the second fit
        with pytest.raises(KeyboardInterrupt):
            mne_brainae.fit_many(subjects, features, folder=tmp_path, **given)
    results = [file.name for file in tmp_path.glob("*.json")]
    assert results == ["a_set-plain_seed-0.json"]
    assert len(list(tmp_path.glob("a_set-cold_seed-0.*.checkpoint.safetensors"))) == 1
    again = mne_brainae.fit_many(subjects, features, folder=tmp_path, **given)
    whole = table[(table["subject"] == "a") & (table["seed"] == 0)]
    _same(again, whole.reset_index(drop=True))
    assert not list(tmp_path.glob("*checkpoint*"))


def test_leftovers_of_killed_runs_go(one_by_one, tmp_path):
    """A checkpoint of a fit that is done, and half a file of a process that died."""
    subjects, features, given, table = one_by_one
    folder = tmp_path / "fits"
    shutil.copytree(Path(table["fname"][0]).parent, folder)
    name = unfinished_prefix("fits").replace(f"-{os.getpid()}-", "-99999999-")
    (folder / f"{name}abcd_123.csv").write_text("half")
    (folder / "a_set-cold_seed-1.0abc.checkpoint.safetensors").write_text("whole")
    files = sorted(file.name for file in Path(table["fname"][0]).parent.iterdir())
    mne_brainae.fit_many(subjects, features, folder=folder, **given)
    assert sorted(file.name for file in folder.iterdir()) == files


def test_killed_process_says_how_to_go_on(one_by_one, tmp_path):
    """The next call completes what two processes began, to the same models."""
    subjects, features, given, table = one_by_one
    die = partial(_die_once, flag=str(tmp_path / "flag"))  # of a Path the file counts
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
