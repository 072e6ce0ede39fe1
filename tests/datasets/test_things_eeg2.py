"""THINGS-EEG2, on miniature files in its exact format."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from miniatures import (
    EEG2_CHANNELS,
    TARGET,
    assert_valid_bids,
    eeg2_image_table,
    write_pictures,
    write_things_eeg2,
    zipped,
)
from numpy.testing import assert_allclose, assert_array_equal

import mne_brainae
from mne_brainae.datasets import _bids, _fetch, things_eeg2
from mne_brainae.datasets._things_eeg2_source import THEIR_NAMES

PLAIN = {"l_freq": None, "h_freq": None, "sfreq": None, "baseline": None}


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """Raw files, their contents, and the BIDS data set made of them."""
    source = tmp_path_factory.mktemp("things_eeg2")
    shown = write_things_eeg2(source)
    table = eeg2_image_table()
    for partition, theirs in THEIR_NAMES.items():
        folders, files = (table[f"{partition}_img_{w}"] for w in ("concepts", "files"))
        names = [f"{a}/{b}" for a, b in zip(folders, files, strict=True)]
        write_pictures(source / f"{theirs}_images", names)
    bids = tmp_path_factory.mktemp("bids")
    things_eeg2.to_bids(source, bids, images=source)
    return source, shown, bids


def expected_trials(shown, name, table):
    """Cut the raw arrays by hand: image, and 1000 samples from onset."""
    for session in range(1, 5):
        codes, data = shown["01", session, name]
        for onset in np.flatnonzero(data[63]):
            code = int(data[63, onset])
            if code != TARGET:
                yield session, table[code - 1], data[:63, onset : onset + 1000]
        assert_array_equal(data[63][data[63] > 0], codes)


@pytest.mark.parametrize("partition", ["train", "test"])
def test_round_trip(partition, miniature):
    """Onsets, names, repetitions and values survive: npy -> BIDS -> Epochs."""
    _, shown, bids = miniature
    files = eeg2_image_table()[f"{partition}_img_files"]
    name = THEIR_NAMES[partition]
    expected = list(expected_trials(shown, name, files))
    epochs = things_eeg2.read_epochs(bids, 1, partition, tmax=0.999, **PLAIN)
    assert len(epochs) == len(expected) == {"train": 24, "test": 24}[partition]
    assert epochs.ch_names == EEG2_CHANNELS
    assert_allclose(epochs.times, np.arange(1000) / 1000)
    table = epochs.metadata
    assert list(table) == [
        "image", "concept", "partition", "session", "subject", "repetition",
        "stim_file",
    ]  # fmt: skip
    assert list(table["image"]) == [image for _, image, _ in expected]
    assert list(table["session"]) == [f"{session:02d}" for session, *_ in expected]
    assert set(table["subject"]) == {"01"}
    assert set(table["partition"]) == {partition}
    n_each = table.groupby("image")["repetition"].agg(["min", "max", "nunique"])
    assert set(n_each["max"]) == set(n_each["nunique"]) == {len(expected) // len(files)}
    data = epochs.get_data()
    for found, (_, _, trial) in zip(data, expected, strict=True):
        assert_allclose(found, trial, rtol=2e-7)


def test_concepts_are_those_of_things(miniature):
    *_, bids = miniature
    table = things_eeg2.read_epochs(bids, "sub-01", "test", **PLAIN).metadata
    pairs = set(zip(table["image"], table["concept"], table["stim_file"], strict=True))
    assert pairs == {
        ("aircraft_carrier_06s.jpg", "aircraft_carrier",
         "test_images/00001_aircraft_carrier/aircraft_carrier_06s.jpg"),
        ("antelope_06s.jpg", "antelope", "test_images/00002_antelope/antelope_06s.jpg"),
    }  # fmt: skip


def test_events_keep_targets(miniature):
    *_, bids = miniature
    file = bids / "sub-01/ses-02/eeg/sub-01_ses-02_task-train_events.tsv"
    events = _bids.read_tsv(file)
    targets = events[events["trial_type"] == "target"]
    assert len(targets) == 2
    assert set(targets["value"]) == {TARGET}
    assert targets["stim_file"].isna().all()
    assert_allclose(events["onset"] * 1000, events["sample"])
    assert "\tn/a\tn/a" in file.read_text()


def test_the_band_is_that_of_the_amplifier(miniature):
    for file in miniature[2].rglob("*_channels.tsv"):
        table = pd.read_csv(file, sep="\t")
        assert set(table["low_cutoff"]) == {0.01}
        assert set(table["high_cutoff"]) == {100.0}


def test_the_general_reader_reads_the_same(miniature):
    bids = miniature[2]
    how = {"tmin": 0.0, "tmax": 0.1, "baseline": None}
    own = things_eeg2.read_epochs(bids, 1, "test", **PLAIN | how)
    general = mne_brainae.datasets.read_bids_epochs(
        bids, 1, task="test", query="trial_type != 'target'", **how
    )
    assert_allclose(general.get_data(copy=False), own.get_data(copy=False))
    names = general.metadata["image"].str.rsplit("/", n=1).str[-1]
    assert names.tolist() == own.metadata["image"].tolist()
    assert general.metadata["session"].tolist() == own.metadata["session"].tolist()


def test_defaults_are_those_of_the_paper(tmp_path):
    """63 channels, 0 to 0.996 s, 250 Hz, baseline from before the window."""
    source, bids = tmp_path / "source", tmp_path / "bids"
    source.mkdir()
    write_things_eeg2(source, sessions=1, tail=34_000)  # the 0.1 Hz filter is 33 s long
    things_eeg2.to_bids(source, bids, sessions=["01"])
    epochs = things_eeg2.read_epochs(bids, 1, "test", average=True)
    assert epochs.get_data().shape == (2, 63, 250)
    assert epochs.info["sfreq"] == 250
    assert epochs.info["highpass"] == 0.1
    assert epochs.info["lowpass"] == 100
    assert_allclose(epochs.times[[0, -1]], [0, 0.996])
    assert list(epochs.metadata["n_averaged"]) == [3, 3]
    assert np.isfinite(epochs.info["chs"][0]["loc"][:3]).all()


def test_parity_with_mne(miniature):
    """The same epochs as filter, Epochs and averages of MNE-Python, at exact onsets."""
    *_, bids = miniature
    settings = {"tmin": -0.1, "tmax": 0.5, "baseline": (-0.1, 0), "l_freq": 2.0}
    settings["h_freq"] = 40.0
    ours = things_eeg2.read_epochs(bids, 1, "test", sessions=["01"], **settings)
    path = bids / "sub-01/ses-01/eeg/sub-01_ses-01_task-test_eeg.vhdr"
    raw = mne.io.read_raw_brainvision(path, preload=True)
    raw.set_annotations(None).filter(2.0, 40.0)
    events = _bids.read_tsv(path.with_name("sub-01_ses-01_task-test_events.tsv"))
    events = events[events["trial_type"] != "target"]
    events = np.column_stack([events["sample"], 0 * events["value"], events["value"]])
    theirs = mne.Epochs(
        raw, events, tmin=-0.1, tmax=0.5, baseline=None, decim=4, preload=True
    )
    theirs.apply_baseline((-0.1, 0))
    assert_allclose(ours.times, theirs.times)
    assert_allclose(ours.get_data(), theirs.get_data(), rtol=1e-4, atol=1e-10)


def test_average_while_reading(miniature):
    *_, bids = miniature
    single = things_eeg2.read_epochs(bids, 1, l_freq=None)
    averaged = things_eeg2.read_epochs(bids, 1, l_freq=None, average=True)
    expected = mne_brainae.average_repetitions(single)
    assert list(averaged.metadata["image"]) == list(expected.metadata["image"])
    assert set(averaged.metadata["n_averaged"]) == {4}
    assert "repetition" not in averaged.metadata
    assert_allclose(averaged.get_data(), expected.get_data(), rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("dim", ["epochs", "time"])
def test_whitening_while_reading(dim, miniature):
    """Covariance sums on the fly equal MVNN on the epochs; test data change nothing."""
    *_, bids = miniature
    mvnn, later = mne_brainae.MVNN(dim), mne_brainae.MVNN(dim)
    settings = {"l_freq": None, "picks": EEG2_CHANNELS[:12]}
    white = things_eeg2.read_epochs(bids, 1, average=True, mvnn=mvnn, **settings)
    single = things_eeg2.read_epochs(bids, 1, **settings)
    later.fit(single)
    assert list(mvnn.covariances_) == ["01", "02", "03", "04"]
    for session, covariance in later.covariances_.items():
        assert_allclose(
            mvnn.covariances_[session], covariance, rtol=1e-3, atol=1e-4 * 1e-10
        )
    expected = mne_brainae.average_repetitions(later.transform(single))
    assert_allclose(white.get_data(), expected.get_data(), rtol=2e-3, atol=2e-3)
    before = {s: c.copy() for s, c in mvnn.covariances_.items()}
    test = things_eeg2.read_epochs(bids, 1, "test", mvnn=mvnn, **settings)
    for session, covariance in before.items():
        assert_array_equal(mvnn.covariances_[session], covariance)
    raw = things_eeg2.read_epochs(bids, 1, "test", **settings)
    assert_allclose(
        test.get_data(), mvnn.transform(raw).get_data(), rtol=1e-3, atol=1e-3
    )


def test_array_output(miniature):
    *_, bids = miniature
    found = things_eeg2.read_epochs(bids, 1, l_freq=None, output="array")
    epochs = things_eeg2.read_epochs(bids, 1, l_freq=None)
    assert found.data.dtype == np.float32
    assert found.data.flags.c_contiguous
    assert_array_equal(found.to_epochs().get_data(), epochs.get_data())
    assert_allclose(found.times, epochs.times)


def test_shown_images(miniature):
    *_, bids = miniature
    shown = things_eeg2.shown_images(bids, 1)
    assert list(shown["n_repetitions"]) == [12] * 2 + [4] * 6
    assert set(shown["image"]) == {
        name
        for partition in ("train", "test")
        for name in eeg2_image_table()[f"{partition}_img_files"]
    }


def test_pictures_are_found(miniature):
    *_, bids = miniature
    table = eeg2_image_table()
    stimuli = bids / "stimuli"
    assert len(list(stimuli.rglob("*.jpg"))) == 8
    name = table["train_img_files"][0]
    assert (stimuli / "training_images" / "00001_aardvark" / name).is_file()


def test_fit_from_end_to_end(miniature, small):
    """Raw files, BIDS, epochs, a fit, and an answer, with nothing else between."""
    *_, bids = miniature
    mvnn = mne_brainae.MVNN()
    picks = EEG2_CHANNELS[:8]
    train, test = (
        things_eeg2.read_epochs(
            bids, 1, part, average=True, l_freq=None, mvnn=mvnn, picks=picks
        )
        for part in ("train", "test")
    )
    settings = small | {"max_epochs": 2, "min_updates": 2}
    model = mne_brainae.fit(train, bids / "stimuli", recipe="paper", **settings)
    found = model.retrieve(test, bids / "stimuli" / "test_images")
    assert len(found.candidates) == 2
    back = mvnn.inverse_transform(model.predict_epochs(bids / "stimuli/test_images"))
    assert np.abs(back.get_data()).max() < 1e-2  # volts again


# ---- conversion that stops, sidecars that lack -----------------------------------


@pytest.fixture
def one_session(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write_things_eeg2(source, sessions=1)
    return source, tmp_path / "bids"


def test_a_second_call_finishes_a_stopped_one(one_session, monkeypatch):
    source, bids = one_session
    n_calls = []

    def stop(path, source_file=_bids.write_raw_bids):
        def run(*args, **kwargs):
            n_calls.append(1)
            if len(n_calls) == 2:
                raise KeyboardInterrupt
            return source_file(*args, **kwargs)

        return run

    monkeypatch.setattr(_bids, "write_raw_bids", stop(bids))
    with pytest.raises(KeyboardInterrupt):
        things_eeg2.to_bids(source, bids, sessions=["01"])
    assert [p.name for p in bids.rglob("*.vhdr")] == [
        "sub-01_ses-01_task-train_eeg.vhdr"
    ]
    assert not list(bids.rglob("*test*"))
    assert not (bids / ".incomplete").exists()
    train = bids / "sub-01/ses-01/eeg/sub-01_ses-01_task-train_eeg.eeg"
    written = train.stat().st_mtime_ns
    things_eeg2.to_bids(source, bids, sessions=["01"])
    assert train.stat().st_mtime_ns == written
    assert len(list(bids.rglob("*.vhdr"))) == 2
    scans = _bids.read_tsv(bids / "sub-01/ses-01/sub-01_ses-01_scans.tsv")
    assert len(scans) == 2
    things_eeg2.to_bids(source, bids, sessions=["01"], overwrite=True)
    assert train.stat().st_mtime_ns > written
    assert len(_bids.read_tsv(bids / "sub-01/ses-01/sub-01_ses-01_scans.tsv")) == 2


def test_a_killed_process_leaves_nothing_that_reads_as_whole(one_session):
    source, bids = one_session
    code = (
        "import os, signal\n"
        "from mne_brainae.datasets import _bids, things_eeg2\n"
        "def die(*args): os.kill(os.getpid(), signal.SIGKILL)\n"
        "_bids._move = die\n"
        f"things_eeg2.to_bids({str(source)!r}, {str(bids)!r}, sessions=['01'])\n"
    )
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    assert (bids / ".incomplete").exists()
    with pytest.raises(FileNotFoundError, match="no eeg recording of the task 'train'"):
        things_eeg2.read_epochs(bids, 1)
    things_eeg2.to_bids(source, bids, sessions=["01"])
    assert not (bids / ".incomplete").exists()
    assert len(things_eeg2.read_epochs(bids, 1, **PLAIN)) == 6


def damage(bids, suffix, how):
    file = next(bids.rglob(f"*task-train_{suffix}"))
    how(file)
    return file


def test_truncated_recording(one_session):
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    whole = next(bids.rglob("*task-train_eeg.eeg"))
    whole.write_bytes(whole.read_bytes()[: -63 * 4 * 100])
    with pytest.raises(ValueError, match=r"task-train_eeg\.eeg has .* is truncated"):
        things_eeg2.read_epochs(bids, 1)


@pytest.mark.parametrize(
    ("suffix", "how", "error", "match"),
    [
        ("events.tsv", Path.unlink, FileNotFoundError, r"train_events\.tsv does not"),
        ("events.tsv", lambda f: f.write_text("onset\n1\n"), ValueError,
         r"train_events\.tsv lacks the columns stim_file, concept"),
        ("events.tsv", lambda f: f.write_bytes(b"\xff\xfe\x00"), ValueError,
         r"train_events\.tsv (is not a table|lacks)"),
        ("eeg.eeg", Path.unlink, FileNotFoundError, r"train_eeg\.eeg does not exist"),
    ],
)  # fmt: skip
def test_damaged_tree(suffix, how, error, match, one_session):
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    damage(bids, suffix, how)
    with pytest.raises(error, match=match):
        things_eeg2.read_epochs(bids, 1)


@pytest.mark.parametrize("suffix", ["channels.tsv", "eeg.json"])
def test_absent_sidecars_are_survived(suffix, one_session):
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    damage(bids, suffix, Path.unlink)
    assert len(things_eeg2.read_epochs(bids, 1, **PLAIN)) == 6


def rewrite(bids, suffix, how):
    """Change a table of the training recording."""
    file = next(bids.rglob(f"*task-train_{suffix}"))
    _bids.write_tsv(file, how(_bids.read_tsv(file)))


def test_what_bids_leaves_open_may_be_absent(one_session):
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    events = things_eeg2.read_epochs(bids, 1, **PLAIN).events
    rewrite(bids, "channels.tsv", lambda table: table.drop(columns="status"))
    rewrite(
        bids, "events.tsv", lambda table: table.drop(columns=["sample", "trial_type"])
    )
    sidecar = next(bids.rglob("*task-train_eeg.json"))
    about = json.loads(sidecar.read_text())
    del about["RecordingDuration"], about["EEGChannelCount"]
    sidecar.write_text(json.dumps(about))
    epochs = things_eeg2.read_epochs(bids, 1, **PLAIN)
    assert len(epochs.ch_names) == 63
    # Onsets are written in full, and targets are no longer told from images.
    assert set(events[:, 0]) <= set(epochs.events[:, 0])


def test_whole_numbers_of_two_bytes_are_not_truncated(one_session):
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    data = next(bids.rglob("*task-train_eeg.eeg"))
    data.write_bytes(np.fromfile(data, "<f4").astype("<i2").tobytes())
    header = data.with_suffix(".vhdr")
    text = header.read_text("utf-8").replace("IEEE_FLOAT_32", "INT_16")
    header.write_text(text, "utf-8")
    assert len(things_eeg2.read_epochs(bids, 1, **PLAIN)) == 6


def test_another_session_leaves_all_that_people_wrote(one_session):
    """Read as numbers, 007 would become 7 and 3 beside a gap 3.0."""
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    table = bids / "participants.tsv"
    header, row = table.read_text("utf-8-sig").splitlines()
    row = row.replace("n/a", "41", 1)
    table.write_text(f"{header}\tcode\tdose\n{row}\t007\t0.10\n")
    (bids / "README").write_text("Ours.")
    (bids / "dataset_description.json").write_text('{"Name": "Ours"}')
    before = table.read_bytes()
    things_eeg2.to_bids(source, bids, sessions=["01"], overwrite=True)
    assert table.read_bytes() == before
    assert (bids / "README").read_text() == "Ours."
    assert json.loads((bids / "dataset_description.json").read_text())["Name"] == "Ours"


def test_rows_of_another_participant_are_added(tmp_path):
    ours, theirs = tmp_path / "ours.tsv", tmp_path / "theirs.tsv"
    ours.write_text("participant_id\tcode\nsub-01\t007\n")
    theirs.write_text("participant_id\tage\nsub-01\t9\nsub-02\t1.50\n")
    _bids.add_rows(ours, theirs)
    assert ours.read_text() == (
        "participant_id\tcode\tage\nsub-01\t007\tn/a\nsub-02\tn/a\t1.50\n"
    )


def test_bad_channels_are_left_out(one_session):
    source, bids = one_session
    things_eeg2.to_bids(source, bids, sessions=["01"])
    file = next(bids.rglob("*task-train_channels.tsv"))
    table = _bids.read_tsv(file)
    table.loc[table["name"] == "Oz", "status"] = "bad"
    _bids.write_tsv(file, table)
    epochs = things_eeg2.read_epochs(bids, 1, **PLAIN)
    assert len(epochs.ch_names) == 62
    assert "Oz" not in epochs.ch_names


def test_epochs_beyond_the_end_are_left_out(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write_things_eeg2(source, sessions=1, tail=500)
    things_eeg2.to_bids(source, tmp_path / "bids", sessions=["01"])
    with pytest.warns(RuntimeWarning, match="2 of 6 epochs .* left out"):
        epochs = things_eeg2.read_epochs(tmp_path / "bids", 1, **PLAIN)
    assert len(epochs) == 4


@pytest.mark.parametrize("sessions", [2, "02", "ses-02", [2], ["2"]])
def test_sessions_by_number_or_name(sessions, miniature):
    *_, bids = miniature
    epochs = things_eeg2.read_epochs(bids, 1, sessions=sessions, **PLAIN)
    assert set(epochs.metadata["session"]) == {"02"}


def test_bad_arguments(miniature):
    *_, bids = miniature
    for arguments, match in (
        ({"subject": 11}, "subject must be one of 01, .*, 10, got 11"),
        ({"partition": "training"}, "'partition' parameter"),
        ({"sfreq": 300.0}, "sfreq must be 1000 Hz.* divided by a whole number"),
        ({"tmax": -1.0}, "tmin and tmax enclose no sample"),
        ({"sessions": 5}, "no eeg recording .* sessions 05"),
        ({"output": "raw"}, "The 'output' parameter"),
        ({"subject": 2}, "no eeg recording of the task 'train' in .*sub-02"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=match):
            things_eeg2.read_epochs(bids, **({"subject": 1} | arguments))
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        things_eeg2.read_epochs(bids, 1, "test", mvnn=mne_brainae.MVNN(), **PLAIN)


def test_bad_source(one_session):
    source, bids = one_session
    file = source / "sub-01/ses-01/raw_eeg_test.npy"
    whole = np.load(file, allow_pickle=True).item()
    for change, match in (
        ({"ch_types": ["eeg"] * 64}, "0 of them of type stim"),
        ({"raw_eeg_data": whole["raw_eeg_data"][:10]}, r"shape \(10, "),
    ):
        np.save(file, whole | change)
        with pytest.raises(ValueError, match=f"raw_eeg_test.npy holds .*{match}"):
            things_eeg2.to_bids(source, bids, sessions=["01"])
    stim = whole["raw_eeg_data"].copy()
    stim[63, 10] = 777
    np.save(file, whole | {"raw_eeg_data": stim})
    with pytest.raises(ValueError, match=r"found codes such as \[.*777"):
        things_eeg2.to_bids(source, bids, sessions=["01"])
    np.save(file, {"raw_eeg_data": stim})
    with pytest.raises(ValueError, match=r"expected a dictionary with .*'sfreq'"):
        things_eeg2.to_bids(source, bids, sessions=["01"])
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"no sub-01/ses-01/raw_eeg_test\.npy"):
        things_eeg2.to_bids(source, bids, sessions=["01"])
    with pytest.raises(FileNotFoundError, match="no raw_eeg_training"):
        things_eeg2.to_bids(bids, bids)


def test_absent_pictures_are_named(one_session):
    source, bids = one_session
    with pytest.warns(RuntimeWarning, match=r"8 images are not in .*aardvark_01b"):
        things_eeg2.to_bids(source, bids, sessions=["01"], images=source)


def test_bids_validator(miniature, tmp_path):
    *_, bids = miniature
    assert_valid_bids(bids, tmp_path / "bare")


# ---- epochs that others have preprocessed ----------------------------------------


@pytest.fixture
def preprocessed(tmp_path):
    """Official files and those of NICE, both with the traps of theirs."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "image_metadata.npy", eeg2_image_table())
    posterior = [name for name in EEG2_CHANNELS if name[0] in "PO"]
    official = {
        "preprocessed_eeg_data": rng.standard_normal((6, 4, 17, 100)),
        "ch_names": posterior,
        "times": np.round(np.arange(-0.2, 0.8, 0.01), 2),
    }
    nice = {
        "preprocessed_eeg_data": rng.standard_normal((6, 4, 63, 250)),
        "ch_names": EEG2_CHANNELS,
        "times": np.arange(300) / 250 - 0.2,
    }
    folders = tmp_path / "official" / "sub-01", tmp_path / "nice" / "sub-01"
    for folder in folders:
        folder.mkdir(parents=True)
    np.save(folders[0] / "preprocessed_eeg_training.npy", official)
    with (folders[1] / "preprocessed_eeg_training.npy").open("wb") as file:
        pickle.dump(nice, file, protocol=4)
    return [
        (folder / "preprocessed_eeg_training.npy", contents)
        for folder, contents in zip(folders, (official, nice), strict=True)
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_read_preprocessed(which, preprocessed):
    file, contents = preprocessed[which]
    epochs = things_eeg2.read_preprocessed(file)
    data = contents["preprocessed_eeg_data"]
    assert_allclose(epochs.get_data(), data.reshape(24, *data.shape[2:]))
    assert_allclose(epochs.times[0], [-0.2, 0][which], atol=1e-12)
    assert_allclose(epochs.info["sfreq"], [100, 250][which])
    assert epochs.ch_names == list(contents["ch_names"])
    table = epochs.metadata
    assert list(table["repetition"]) == [1, 2, 3, 4] * 6
    assert list(table["image"])[::4] == eeg2_image_table()["train_img_files"]
    averaged = things_eeg2.read_preprocessed(file, average=True)
    assert_allclose(averaged.get_data(), data.mean(axis=1))
    assert set(averaged.metadata["n_averaged"]) == {4}


def test_read_preprocessed_bad_inputs(preprocessed, tmp_path):
    file, contents = preprocessed[0]
    with pytest.raises(ValueError, match="expected \\(2 test images"):
        things_eeg2.read_preprocessed(file, "test")
    np.save(file, contents | {"times": np.arange(5)})
    with pytest.raises(ValueError, match="5 times for 100 samples"):
        things_eeg2.read_preprocessed(file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(ValueError, match="not a complete npy file"):
        things_eeg2.read_preprocessed(file)
    file, _ = preprocessed[1]
    (tmp_path / "image_metadata.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"no image_metadata\.npy"):
        things_eeg2.read_preprocessed(file)
    table = eeg2_image_table()
    table["train_img_files"] = table["train_img_files"][:3]
    np.save(tmp_path / "image_metadata.npy", table)
    with pytest.raises(ValueError, match="train lists of unequal length"):
        things_eeg2.read_preprocessed(file)


# ---- fetch -----------------------------------------------------------------------


def test_fetch_one_participant(tmp_path, upstream):
    contents, asked = upstream
    source = tmp_path / "source"
    source.mkdir()
    write_things_eeg2(source, sessions=1)
    files = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in source.rglob("raw*.npy")
    }
    registered = _fetch.read_registry("things_eeg2").files
    contents[registered["raw/sub-01.zip"].url] = zipped(files)
    contents[registered["image_metadata.npy"].url] = (
        source / "image_metadata.npy"
    ).read_bytes()
    folder = things_eeg2.fetch(tmp_path / "data", subjects=1)
    assert len(asked) == 2
    things_eeg2.to_bids(folder, tmp_path / "bids", sessions=["01"])
    assert len(things_eeg2.read_epochs(tmp_path / "bids", 1, **PLAIN)) == 6
    things_eeg2.fetch(tmp_path / "data", subjects="01")
    assert len(asked) == 2


@pytest.mark.parametrize("top", ["", "training_images/"])
def test_fetch_pictures(top, tmp_path, upstream):
    """Whether or not the archives have a folder of their name."""
    contents, _ = upstream
    registered = _fetch.read_registry("things_eeg2").files
    table = eeg2_image_table()
    folders, files = table["train_img_concepts"], table["train_img_files"]
    names = [f"{a}/{b}" for a, b in zip(folders, files, strict=True)]
    (tmp_path / "source").mkdir()
    write_things_eeg2(tmp_path / "source", sessions=1)
    raw = {
        path.relative_to(tmp_path / "source").as_posix(): path.read_bytes()
        for path in (tmp_path / "source").rglob("raw*.npy")
    }
    for name, archive in {
        "raw/sub-01.zip": zipped(raw),
        "training_images.zip": zipped({top + name: b"image" for name in names}),
        "test_images.zip": zipped({"00001_aircraft_carrier/x.jpg": b"image"}),
        "image_metadata.npy": (tmp_path / "source/image_metadata.npy").read_bytes(),
    }.items():
        contents[registered[name].url] = archive
    folder = things_eeg2.fetch(tmp_path / "data", subjects=1, images=True)
    assert (folder / "training_images" / names[0]).is_file()
    assert (folder / "raw/sub-01/ses-01/raw_eeg_test.npy").is_file()


def test_fetch_preprocessed(tmp_path, upstream, preprocessed):
    contents, _ = upstream
    registered = _fetch.read_registry("things_eeg2").files
    file, expected = preprocessed[0]
    inner = zipped({"preprocessed_eeg_training.npy": file.read_bytes()})
    contents[registered["preprocessed.zip"].url] = zipped(
        {"sub-01.zip": inner, "sub-02.zip": inner}
    )
    contents[registered["image_metadata.npy"].url] = (
        tmp_path / "image_metadata.npy"
    ).read_bytes()
    folder = things_eeg2.fetch(tmp_path / "data", subjects=[1], kind="preprocessed")
    (found,) = folder.rglob("preprocessed_eeg_training.npy")
    epochs = things_eeg2.read_preprocessed(found)
    assert len(epochs) == np.prod(expected["preprocessed_eeg_data"].shape[:2])


def test_registry():
    registry = _fetch.read_registry("things_eeg2")
    assert {f"raw/sub-{s}.zip" for s in things_eeg2.SUBJECTS} < registry.files.keys()
    assert all(file.url.startswith("https://") for file in registry.files.values())
    assert json.dumps(registry.license) == '"CC BY 4.0"'
