"""Epochs of BIDS data sets made by others: any format, any column of images."""

import logging
import shutil

import mne
import numpy as np
import pandas as pd
import pytest
from mne_bids import BIDSPath, write_raw_bids
from scipy.io import savemat

import mne_brainae
from mne_brainae.datasets import read_bids_epochs, things_eeg1
from mne_brainae.datasets._bids import write_brainvision

SFREQ, N_TIMES, STEP = 100.0, 3000, 60
NAMES = ["Oz", "O1", "O2"]
SHOWN = [f"cat/cat_{i % 4:02d}.jpg" for i in range(12)]


def signal(seed=0):
    """Return volts in which every event is followed by the number of its image."""
    data = 1e-7 * np.random.default_rng(seed).standard_normal((len(NAMES), N_TIMES))
    for i in range(len(SHOWN)):
        onset = 200 + i * STEP
        data[:, onset : onset + 30] += 1e-5 * (1 + i % 4)
    return data


def write_edf(file, data):
    """Write 16-bit EDF, by its specification, in records of one second."""
    physical, digital = 1e3, 32767

    def texts(values, width):
        return "".join(str(value).ljust(width)[:width] for value in values)

    n_channels, n_records = len(data), N_TIMES // int(SFREQ)
    header = texts(["0", "X X X X", "Startdate 01-JAN-2020 X X X"], 80)[:8]
    header += "X X X X".ljust(80) + "Startdate 01-JAN-2020 X X X".ljust(80)
    header += "01.01.20" + "00.00.00" + str(256 * (1 + n_channels)).ljust(8)
    header += " " * 44 + str(n_records).ljust(8) + "1".ljust(8)
    header += str(n_channels).ljust(4) + texts(NAMES, 16)
    header += texts(["AgCl"] * n_channels, 80) + texts(["uV"] * n_channels, 8)
    for value in (-physical, physical, -digital, digital):
        header += texts([f"{value:g}"] * n_channels, 8)
    header += " " * 80 * n_channels + texts([int(SFREQ)] * n_channels, 8)
    header += " " * 32 * n_channels
    counts = np.round(data * 1e6 / physical * digital).astype("<i2")
    records = counts.reshape(n_channels, n_records, -1).swapaxes(0, 1)
    file.write_bytes(header.encode("ascii") + records.tobytes())
    return mne.io.read_raw_edf(file, verbose="ERROR")


def write_set(file, data):
    """Write an EEGLAB file with its data beside it."""
    places = [
        {"labels": name, "X": 1.0 + i, "Y": 2.0, "Z": 3.0}
        for i, name in enumerate(NAMES)
    ]
    fields = {"nbchan": 3, "trials": 1, "pnts": N_TIMES, "srate": SFREQ, "xmin": 0.0}
    numbers = file.with_suffix(".fdt")
    (1e6 * data.T).astype("<f4").tofile(numbers)
    fields |= {"data": numbers.name, "chanlocs": places, "event": [], "setname": "x"}
    savemat(file, {"EEG": fields | {"ref": "common", "icawinv": [], "epoch": []}})
    return mne.io.read_raw_eeglab(file, verbose="ERROR")


def write_vhdr(file, data):
    return mne.io.read_raw_brainvision(
        write_brainvision(file, NAMES, SFREQ, [data.T]), verbose="ERROR"
    )


def write_fif(file, data):
    info = mne.create_info(NAMES, SFREQ, "mag")
    raw = mne.io.RawArray(1e-7 * data, info, verbose="ERROR")
    raw.save(file, verbose="ERROR")
    return mne.io.read_raw_fif(file, verbose="ERROR")


WRITERS = {".vhdr": write_vhdr, ".edf": write_edf, ".set": write_set, ".fif": write_fif}


def write_bids(root, extension=".vhdr", seed=0, events=None, **entities):
    """Write one recording and its events; return its path."""
    datatype = "meg" if extension == ".fif" else "eeg"
    entities = {"subject": "01", "task": "see"} | entities
    path = BIDSPath(root=root, datatype=datatype, **entities)
    source = root.parent / f"source{extension}".replace(".fif", "_raw.fif")
    raw = WRITERS[extension](source, signal(seed))
    raw.set_annotations(None)
    raw.info["line_freq"] = 50
    write_raw_bids(raw, path, overwrite=True, verbose="ERROR")
    source.unlink()
    table = pd.DataFrame(
        {
            "onset": 2.0 + 0.6 * np.arange(len(SHOWN)),
            "duration": 0.1,
            "trial_type": "image",
            "stim_file": ["stimuli/" + name for name in SHOWN],
        }
    )
    save_events(path, table if events is None else events(table))
    return path


def save_events(path, table):
    file = path.copy().update(suffix="events", extension=".tsv").fpath
    table.to_csv(file, sep="\t", index=False, na_rep="n/a")


def levels(epochs):
    """Return the number of the image that each epoch holds."""
    data = epochs.get_data(copy=False)[:, :, epochs.times >= 0].mean(axis=(1, 2))
    return data / data.min()


@pytest.mark.parametrize("extension", WRITERS)
def test_every_format_gives_the_same_epochs(tmp_path, extension):
    write_bids(tmp_path / "bids", extension)
    epochs = read_bids_epochs(tmp_path / "bids", 1, tmin=-0.1, tmax=0.25)
    assert len(epochs) == 12
    assert epochs.metadata["image"].tolist() == SHOWN
    assert set(epochs.metadata["subject"]) == {"01"}
    assert epochs.metadata["trial_type"].tolist() == ["image"] * 12
    assert epochs.metadata["repetition"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    np.testing.assert_allclose(levels(epochs), 1 + np.arange(12) % 4, rtol=0.05)
    expected = signal()[0, 190:226] - signal()[0, 190:201].mean()
    scale = 1e-7 if extension == ".fif" else 1.0
    measured = epochs.get_data(copy=False)[0, 0]
    np.testing.assert_allclose(measured, scale * expected, atol=scale * 4e-8)


def test_sessions_and_runs_are_told_apart(tmp_path):
    root = tmp_path / "bids"
    for session, run in (("pre", "1"), ("pre", "2"), ("post", "1")):
        write_bids(root, session=session, run=run)
    window = {"tmin": -0.1, "tmax": 0.2}
    epochs = read_bids_epochs(root, "sub-01", **window)
    assert epochs.metadata["session"].value_counts().to_dict() == {
        "pre": 24,
        "post": 12,
    }
    epochs = read_bids_epochs(root, "01", sessions="pre", runs=2, **window)
    assert set(epochs.metadata["run"]) == {"2"}
    means = read_bids_epochs(root, "01", average=True, **window)
    assert means.metadata["n_averaged"].tolist() == [9] * 4
    with pytest.raises(FileNotFoundError, match=r"'run': \[3\].*It has 'sub-01_ses-"):
        read_bids_epochs(root, "01", runs=3)
    with pytest.raises(FileNotFoundError, match=r"no subject 7.*'01'"):
        read_bids_epochs(root, 7)


def test_what_would_mix_is_refused(tmp_path):
    root = tmp_path / "bids"
    write_bids(root)
    write_bids(root, task="rest")
    with pytest.raises(ValueError, match=r"several: task \['rest', 'see'\].*task="):
        read_bids_epochs(root, 1)
    assert len(read_bids_epochs(root, 1, task="see", tmax=0.2)) == 12
    write_bids(root, acquisition="half")
    with pytest.raises(ValueError, match=r"same session and run.*acquisition="):
        read_bids_epochs(root, 1, task="see")
    halved = read_bids_epochs(root, 1, task="see", acquisition="half", tmax=0.2)
    assert len(halved) == 12


def test_a_table_names_images_and_concepts(tmp_path):
    root = tmp_path / "bids"
    write_bids(
        root,
        events=lambda table: table.drop(columns="stim_file").assign(
            stim_id=[i % 4 + 1.0 if i < 10 else np.nan for i in range(12)]
        ),
    )
    stimuli = pd.DataFrame(
        {"stim_id": ["1", "2", "4"], "file": ["a.png", "b.png", "d\\d.png"]}
    ).assign(kind=["x", "y", "y"])
    file = tmp_path / "stimuli.tsv"
    stimuli.to_csv(file, sep="\t", index=False)
    asked = {"image": "file", "concept": "kind", "tmin": -0.1, "tmax": 0.2}
    for given in (stimuli, file, stimuli.set_index("stim_id")):
        epochs = read_bids_epochs(root, 1, stimuli=given, **asked)
        assert epochs.metadata["image"].tolist() == [
            *("a.png", "b.png", "d/d.png") * 2,
            *("a.png", "b.png"),
        ]
        assert set(epochs.metadata["concept"]) == {"x", "y"}
    with pytest.raises(ValueError, match=r"no column 'stim_file'.*stim_id.*image="):
        read_bids_epochs(root, 1)
    with pytest.raises(ValueError, match="must share one column, but share none"):
        read_bids_epochs(root, 1, stimuli=stimuli.rename(columns={"stim_id": "x"}))
    twice = pd.concat([stimuli, stimuli])
    with pytest.raises(ValueError, match="more than once: '1', '2', '4'"):
        read_bids_epochs(root, 1, stimuli=twice, **asked)


def test_events_are_chosen_and_bad_stretches_left_out(tmp_path, caplog):
    def events(table):
        table["trial_type"] = ["image", "target"] * 6
        bad = {"onset": 2.1, "duration": 0.7, "trial_type": "BAD_blink"}
        return pd.concat([table, pd.DataFrame([bad])])

    write_bids(tmp_path / "bids", events=events)
    window = {"tmin": -0.1, "tmax": 0.2}
    epochs = read_bids_epochs(tmp_path / "bids", 1, **window)
    assert len(epochs) == 10  # the first and the second overlap
    epochs = read_bids_epochs(
        tmp_path / "bids", 1, query="trial_type == 'target'", **window
    )
    assert len(epochs) == 5
    with pytest.raises(ValueError, match=r"No event .* where trial_type == 'none'"):
        read_bids_epochs(tmp_path / "bids", 1, query="trial_type == 'none'")
    with pytest.raises(ValueError, match=r"cannot be applied to the events.*stim_file"):
        read_bids_epochs(tmp_path / "bids", 1, query="kind == 1")


def test_bad_channels_and_positions_come_along(tmp_path):
    path = write_bids(tmp_path / "bids")
    file = path.copy().update(suffix="channels", extension=".tsv").fpath
    table = pd.read_csv(file, sep="\t", keep_default_na=False)
    table.loc[table["name"] == "O1", "status"] = "bad"
    table.to_csv(file, sep="\t", index=False)
    epochs = read_bids_epochs(tmp_path / "bids", 1, tmax=0.2)
    assert epochs.ch_names == ["Oz", "O2"]
    epochs = read_bids_epochs(tmp_path / "bids", 1, tmax=0.2, picks=NAMES)
    assert epochs.info["bads"] == ["O1"]


def test_onset_counts_and_not_sample(tmp_path):
    path = write_bids(tmp_path / "bids", events=lambda t: t.assign(sample=7))
    with pytest.warns(RuntimeWarning, match=r"12 events.*The onset is taken"):
        epochs = read_bids_epochs(tmp_path / "bids", 1, tmin=-0.1, tmax=0.2)
    np.testing.assert_allclose(levels(epochs), 1 + np.arange(12) % 4, rtol=0.05)
    path.copy().update(suffix="events", extension=".tsv").fpath.unlink()
    with pytest.raises(FileNotFoundError, match=r"has no events"):
        read_bids_epochs(tmp_path / "bids", 1)


def test_damaged_recordings_are_named(tmp_path):
    path = write_bids(tmp_path / "bids")
    path.copy().update(suffix="eeg", extension=".eeg").fpath.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=r"sub-01_task-see_eeg"):
        read_bids_epochs(tmp_path / "bids", 1)


def test_a_model_learns_from_them(tmp_path):
    write_bids(tmp_path / "bids")
    epochs = read_bids_epochs(tmp_path / "bids", 1, tmin=-0.1, tmax=0.2)
    features = pd.DataFrame(np.eye(4), index=sorted(set(SHOWN)))
    ridge = mne_brainae.RidgeModel().fit(epochs, features)
    assert ridge.predict_epochs(features).ch_names == NAMES


@pytest.fixture
def eeg1(tmp_path):
    """Write a participant as THINGS-EEG1 has it: backslashes, tests at the end."""

    def events(table):
        table = table.drop(columns="stim_file")
        names = [f"{'cat' if i % 2 else 'dog1'}_{i + 1:02d}s.jpg" for i in range(9)]
        names += ["cat_14n.jpg", "emu_13s.jpg", "emu_13s.jpg"]
        words = pd.Series(names).str.split("_").str[0]
        is_test = [0] * 9 + [1] * 3
        return table.assign(
            object=np.where(is_test, "-1", words),
            stim="stimuli\\" + words + "\\" + names,
            stimname=names,
            isteststim=is_test,
            istarget=[1] + [0] * 11,
        )

    root = tmp_path / "bids"
    write_bids(root, subject="02", task="rsvp", events=events)
    write_bids(
        root,
        subject="01",
        task="rsvp",
        events=lambda table: events(table).iloc[:9].drop(columns="isteststim"),
    )
    return root


def test_things_eeg1(eeg1, caplog):
    window = {"tmin": -0.1, "tmax": 0.2, "l_freq": None, "h_freq": 40.0, "sfreq": None}
    test = things_eeg1.read_epochs(eeg1, 2, "test", **window)
    assert test.metadata["image"].tolist() == ["cat_14n.jpg"] + ["emu_13s.jpg"] * 2
    assert test.metadata["concept"].tolist() == ["cat", "emu", "emu"]
    assert test.metadata["stim_file"].tolist()[0] == "cat/cat_14n.jpg"
    train = things_eeg1.read_epochs(eeg1, 2, "train", **window)
    assert set(train.metadata["concept"]) == {"dog1"}  # cats are tested
    assert "dog1_01s.jpg" not in set(train.metadata["image"])  # a target
    with pytest.warns(RuntimeWarning, match="not zero-shot"):
        train = things_eeg1.read_epochs(eeg1, 2, "train", zero_shot=False, **window)
    assert len(train) == 8
    with pytest.raises(ValueError, match="participant 1 was shown no test images"):
        things_eeg1.read_epochs(eeg1, 1, "test", **window)
    alone = things_eeg1.read_epochs(eeg1, 1, "train", **window)
    assert len(alone) == 8


def test_things_eeg1_lists_what_was_shown(eeg1):
    shown = things_eeg1.shown_images(eeg1, 2)
    assert shown["n_repetitions"].tolist() == [1, 2] + [1] * 8
    findings = things_eeg1.check(eeg1, 2)
    assert not findings["is_ok"].all()  # it is a miniature
    shutil.rmtree(eeg1 / "sub-02")
    with pytest.raises(FileNotFoundError, match=r"no subject .02."):
        things_eeg1.read_epochs(eeg1, 2)


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.WARNING)
