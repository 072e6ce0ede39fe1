"""THINGS-MEG, on miniature files in its exact format."""

import shutil
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from evidence import need
from miniatures import (
    CATCH,
    MEG_TEST,
    MEG_TRAIN,
    meg_names,
    write_pictures,
    write_things_meg,
    write_things_meg_epochs,
)
from mne.utils import catch_logging
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae.datasets import _fetch, things_meg
from mne_brainae.datasets._bids import read_tsv
from mne_brainae.preprocessing.streaming import read_filtered

PLAIN = {"l_freq": None, "h_freq": None, "sfreq": None, "baseline": None}
GOOD = [i for i, name in enumerate(meg_names()) if not name.startswith("MRO11")]
REAL_EVENTS = "example_sub-BIGMEG1_ses-01_task-main_run-01_events.tsv"


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """The BIDS data set and what is in it."""
    root = tmp_path_factory.mktemp("things_meg")
    return root, write_things_meg(root)


@pytest.fixture(scope="module")
def derivative(tmp_path_factory):
    return write_things_meg_epochs(tmp_path_factory.mktemp("preprocessed"))


def concept_of(number):
    for concept, numbers in MEG_TRAIN.items():
        if number in (*numbers, MEG_TEST.get(concept)):
            return concept
    return None


def trials(written, partition):
    """Cut the raw arrays by hand, without test concepts in the training."""
    for session, (numbers, onsets, data) in enumerate(written, 1):
        for number, onset in zip(numbers, onsets, strict=True):
            is_test = number in MEG_TEST.values()
            is_train = number != CATCH and concept_of(number) not in MEG_TEST
            if is_test if partition == "test" else is_train:
                yield session, number, data[GOOD, onset : onset + 1200]


@pytest.mark.parametrize("partition", ["train", "test"])
def test_raw_is_read_as_it_is(partition, miniature):
    """Events, names, sessions and values; OTHER, N/A, junk and gaps do no harm."""
    root, written = miniature
    expected = list(trials(written, partition))
    epochs = things_meg.read_epochs(root, 1, partition, tmax=1199 / 1200, **PLAIN)
    assert len(epochs) == len(expected) == 6
    assert len(epochs.ch_names) == 271
    assert set(epochs.get_channel_types()) == {"mag"}
    table = epochs.metadata
    assert list(table["session"]) == [f"{session:02d}" for session, *_ in expected]
    assert list(table["concept"]) == [concept_of(number) for _, number, _ in expected]
    suffix = "s.jpg" if partition == "test" else "b.jpg"
    assert table["image"].str.endswith(suffix).all()
    assert list(table["stim_file"]) == list(table["concept"] + "/" + table["image"])
    for found, (_, _, trial) in zip(epochs.get_data(), expected, strict=True):
        assert_allclose(found, trial, rtol=2e-7)


def test_defaults_are_those_of_the_paper(tmp_path):
    write_things_meg(tmp_path, tail=36)  # the 0.1 Hz filter is 33 s long
    with catch_logging(verbose="INFO") as log:
        epochs = things_meg.read_epochs(
            tmp_path, 1, "test", average=True, picks=slice(0, 9), verbose="INFO"
        )
    assert "Low-pass at 80 Hz, so that nothing folds back at 200 Hz" in log.getvalue()
    assert epochs.get_data().shape == (1, 9, 200)
    assert epochs.info["sfreq"] == 200
    assert epochs.info["lowpass"] == 80
    assert_allclose(epochs.times[[0, -1]], [0, 0.995])
    assert list(epochs.metadata["n_averaged"]) == [6]


def test_visual_sensors(miniature):
    root, _ = miniature
    epochs = things_meg.read_epochs(root, "BIGMEG1"[-1], "test", **PLAIN)
    visual = mne_brainae.channel_regions(epochs.info)["visual"]
    assert len(visual) == 152
    assert len(things_meg.read_epochs(root, 1, picks=visual, **PLAIN).ch_names) == 152


def test_zero_shot(miniature):
    root, _ = miniature
    strict = things_meg.read_epochs(root, 1, **PLAIN).metadata
    assert set(strict["concept"]) == {"aardvark", "accordion"}
    with pytest.warns(RuntimeWarning, match="3 training trials of the 1 test concepts"):
        leaky = things_meg.read_epochs(root, 1, zero_shot=False, **PLAIN).metadata
    assert set(leaky["concept"]) == set(MEG_TRAIN)
    one = things_meg.read_epochs(root, 1, sessions=["02"], **PLAIN).metadata
    assert set(one["session"]) == {"02"}
    assert "abacus" not in set(one["concept"])


def test_shown_images(miniature):
    root, _ = miniature
    shown = things_meg.shown_images(root, 1).set_index("image")["n_repetitions"]
    assert len(shown) == 10
    assert shown["abacus_13s.jpg"] == 6


def test_dropout_is_filled_by_the_median(miniature, monkeypatch):
    root, written = miniature
    path = next(root.rglob("sub-*ses-01*meg.fif"))
    raw = mne.io.read_raw_fif(path)
    clean = read_filtered(raw, np.arange(3), dropouts=((1.0, 1.2),))
    data = written[0][2][:3]
    assert_allclose(clean[:, :1200], data[:, :1200], rtol=2e-7)
    median = np.broadcast_to(np.median(data, axis=1, keepdims=True), (3, 240))
    assert_allclose(clean[:, 1200:1440], median, rtol=1e-6)
    monkeypatch.setitem(things_meg.DROPOUTS, ("1", "01", "01"), (0.0, 99.0))
    epochs = things_meg.read_epochs(root, 1, "test", sessions=["01"], **PLAIN)
    assert np.ptp(epochs.get_data(), axis=(0, 2)).max() == 0


def test_fit_from_end_to_end(miniature, small, tmp_path):
    root, _ = miniature
    read = {"l_freq": None, "average": True, "picks": slice(0, 20)}
    train = things_meg.read_epochs(root, 1, **read)
    test = things_meg.read_epochs(root, 1, "test", **read)
    shown = things_meg.shown_images(root, 1)
    write_pictures(tmp_path, list(shown["concept"] + "/" + shown["image"]))
    settings = small | {"max_epochs": 2, "min_updates": 2, "validation": "image"}
    model = mne_brainae.fit(train, tmp_path, recipe="paper", **settings)
    found = model.retrieve(test, tmp_path)
    assert list(found.candidates) == ["abacus_13s.jpg"]


@pytest.mark.data("things")
def test_real_events():
    """The events of a real run are understood."""
    folder = need("things")
    events = read_tsv(folder / REAL_EVENTS)
    assert set(events["trial_type"]) == {"exp", "test", "catch"}
    is_catch = events["trial_type"] == "catch"
    assert events.loc[is_catch, "value"].isna().all()
    tests = pd.read_csv(folder / "things_meg_test_images.tsv", sep="\t")
    shown = events.loc[events["trial_type"] == "test", "value"].astype(int)
    assert len(shown) == 20
    assert set(shown) <= set(tests["things_image_nr"])


# ---- the epochs of the authors ---------------------------------------------------


@pytest.mark.parametrize("partition", ["train", "test"])
def test_read_preprocessed(partition, derivative):
    file, data, numbers = derivative
    assert len(list(file.parent.glob("*.fif"))) > 2
    epochs = things_meg.read_preprocessed(file, partition)
    if partition == "test":
        rows = [i for i, n in enumerate(numbers) if n in MEG_TEST.values()]
    else:
        rows = [
            i
            for i, n in enumerate(numbers)
            if n != CATCH and concept_of(n) not in MEG_TEST
        ]
    assert epochs.get_data().shape == (6, 271, 200)
    assert_allclose(epochs.times[[0, -1]], [0, 0.995])
    assert_array_equal(epochs.get_data(), data[rows][:, :, 20:220])
    table = epochs.metadata
    assert list(table["concept"]) == [concept_of(numbers[row]) for row in rows]
    assert set(table["session"]) == {"01", "02"}


def test_read_preprocessed_as_brainae_does(derivative):
    file, data, numbers = derivative
    settings = {"tmin": 0.005, "tmax": 1.0, "average": True, "output": "array"}
    found = things_meg.read_preprocessed(file, "test", **settings)
    rows = [i for i, n in enumerate(numbers) if n in MEG_TEST.values()]
    assert found.data.dtype == np.float32
    assert_allclose(found.data[0], data[rows][:, :, 21:221].mean(axis=0), atol=1e-6)
    assert list(found.metadata["n_averaged"]) == [6]
    assert_allclose(found.times[[0, -1]], [0.005, 1.0])


def test_read_preprocessed_zero_shot(derivative):
    file, *_ = derivative
    with pytest.warns(RuntimeWarning, match="not zero-shot"):
        leaky = things_meg.read_preprocessed(file, zero_shot=False)
    assert len(leaky) == 9


def test_read_preprocessed_bad_files(derivative, tmp_path):
    file, *_ = derivative
    with pytest.raises(ValueError, match=r"last from -0\.1 to 1\.3 s"):
        things_meg.read_preprocessed(file, tmax=1.5)
    with pytest.raises(FileNotFoundError, match=r"P1-epo\.fif does not exist"):
        things_meg.read_preprocessed(tmp_path / "preprocessed_P1-epo.fif")
    shutil.copytree(file.parent, tmp_path / "cut")
    cut = tmp_path / "cut" / file.name
    cut.write_bytes(cut.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="not complete epochs"):
        things_meg.read_preprocessed(cut)
    shutil.copytree(file.parent, tmp_path / "incomplete")
    (tmp_path / "incomplete" / "preprocessed_P1-epo-1.fif").unlink()
    with pytest.raises(ValueError, match="not complete epochs"):
        things_meg.read_preprocessed(tmp_path / "incomplete" / file.name)
    plain = tmp_path / "plain-epo.fif"
    info = mne.create_info(2, 200.0, "mag")
    mne.EpochsArray(np.zeros((2, 2, 281)), info, tmin=-0.1).save(plain)
    with pytest.raises(ValueError, match="lack image_path, session_nr, things"):
        things_meg.read_preprocessed(plain)


# ---- what is missing or damaged --------------------------------------------------


@pytest.mark.parametrize(
    ("name", "how", "error", "match"),
    [
        ("sourcedata/sample_attributes_P1.csv", Path.unlink, FileNotFoundError,
         "sample_attributes_P1.csv does not exist.*fetch"),
        ("sourcedata/sample_attributes_P1.csv", lambda f: f.write_text("a,b\n"),
         ValueError, "not a table of the trials"),
        ("sourcedata/sample_attributes_P1.csv",
         lambda f: f.write_text("\n".join(f.read_text().split("\n")[:2])), ValueError,
         "show images that sample_attributes_P1.csv does not name"),
        ("sub-BIGMEG1/ses-02/meg/sub-BIGMEG1_ses-02_task-main_run-01_events.tsv",
         Path.unlink, FileNotFoundError, "run-01_events.tsv does not exist"),
    ],
)  # fmt: skip
def test_damaged_tree(name, how, error, match, miniature, tmp_path):
    root, _ = miniature
    shutil.copytree(root, tmp_path / "copy")
    how(tmp_path / "copy" / name)
    with pytest.raises(error, match=match):
        things_meg.read_epochs(tmp_path / "copy", 1, **PLAIN)


def test_truncated_run(miniature, tmp_path):
    root, _ = miniature
    shutil.copytree(root, tmp_path / "copy")
    file = next((tmp_path / "copy").rglob("sub-*ses-01*_meg.fif"))
    file.write_bytes(file.read_bytes()[:200_000])
    with pytest.raises(ValueError, match=r"run-01_meg\.fif has .*is truncated"):
        things_meg.read_epochs(tmp_path / "copy", 1, **PLAIN)


def test_ctf_folders_go_to_the_ctf_reader(miniature, tmp_path):
    """MNE-Python cannot write CTF, so only that its reader is asked can be shown."""
    root, _ = miniature
    shutil.copytree(root, tmp_path / "copy")
    for file in (tmp_path / "copy").rglob("*_meg.fif"):
        file.with_suffix(".ds").mkdir()
        file.unlink()
    with pytest.raises(ValueError, match=r"run-01_meg\.ds .*\.res4"):
        things_meg.read_epochs(tmp_path / "copy", 1, **PLAIN)


def test_bad_arguments(miniature):
    root, _ = miniature
    for arguments, match in (
        ({"subject": 5}, "subject must be one of 1, 2, 3, 4, got 5"),
        ({"partition": "exp"}, "'partition' parameter"),
        ({"sessions": [9]}, "in the sessions 09; there are 01, 02"),
        ({"sfreq": 250.0}, "1200 Hz.* divided by a whole number"),
    ):
        with pytest.raises(ValueError, match=match):
            things_meg.read_epochs(root, **({"subject": 1} | arguments))


def test_fetch(tmp_path, upstream, monkeypatch):
    contents, asked = upstream
    registry = _fetch.read_registry("things_meg")
    assert all(
        file.known_hash.startswith("sha256:") and file.is_exact
        for name, file in registry.files.items()
        if "category" not in name
    )
    for file in registry.files.values():
        contents[file.url] = b"x"
    with pytest.raises(RuntimeError, match="hash"):
        things_meg.fetch(tmp_path, subjects=2)
    assert len(asked) == 1
    assert asked[0].startswith("https://s3.amazonaws.com/openneuro.org/ds004212/")
    assert "_P2" in asked[0]
