"""TVSD, on miniature files in its exact format."""

import h5py
import mne
import numpy as np
import pandas as pd
import pytest
from miniatures import (
    N_REPEATS,
    N_SHOWN,
    TVSD_CONCEPTS,
    TVSD_TEST,
    assert_valid_bids,
    matlab,
    tvsd_pictures,
    write_pictures,
    write_tvsd,
)
from mne_bids import BIDSPath, read_epochs_bids
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import savemat

import mne_brainae
from mne_brainae.datasets import (
    _bids,
    _fetch,
    _tvsd_source,
    tvsd,
)

GOOD = np.setdiff1d(np.arange(32), [3, 5])
EVERYTHING = {"tmin": -0.099, "tmax": 0.2, "baseline": None}


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """The trials in physical order, their table, and the BIDS data set."""
    source = tmp_path_factory.mktemp("tvsd")
    data, about, times = write_tvsd(source)
    pictures = [f"{c}/{name}" for rows in tvsd_pictures().values() for c, name in rows]
    write_pictures(source / "object_images", pictures)
    bids = tmp_path_factory.mktemp("bids")
    tvsd.to_bids(source, bids, images=source / "object_images")
    return data, about, times, bids


def order_of(about, column):
    """Return the trials of a partition in the order of days, without the broken one."""
    rows = np.arange(about.shape[1])
    rows = rows[np.argsort(about[-1], kind="stable")]
    return np.array([row for row in rows if about[column, row] > 0 and row != 4])


@pytest.mark.parametrize("partition", ["train", "test"])
def test_round_trip(partition, miniature):
    """Names, days, repetitions and values survive: MATLAB -> BIDS -> Epochs."""
    data, about, times, bids = miniature
    column = {"train": 1, "test": 2}[partition]
    rows = order_of(about, column)
    shown = [tvsd_pictures()[partition][int(about[column, row]) - 1] for row in rows]
    if partition == "train":  # the test concepts are left out
        keep = [concept not in TVSD_TEST for concept, _ in shown]
        rows, shown = rows[keep], [s for s, k in zip(shown, keep, strict=True) if k]
    epochs = tvsd.read_epochs(bids, "F", partition, **EVERYTHING)
    table = epochs.metadata
    assert list(zip(table["concept"], table["image"], strict=True)) == shown
    assert list(table["session"]) == [f"{int(day):02d}" for day in about[-1, rows]]
    assert list(table["stim_file"]) == [f"{c}/{name}" for c, name in shown]
    assert set(table["subject"]) == {"F"}
    assert set(epochs.get_channel_types()) == {"seeg"}
    assert_allclose(epochs.times, times)
    assert_allclose(epochs.get_data(), 1e-6 * data[rows][:, GOOD], rtol=2e-7)
    for _, mine in table.groupby("image"):
        assert_array_equal(mine["repetition"], np.arange(1, len(mine) + 1))


def test_areas(miniature):
    """Monkey F has IT before V4; the mapping is applied."""
    *_, bids = miniature
    names = tvsd.channel_names("F")
    assert [names.index(n) for n in ("V1_001", "IT_001", "V4_001")] == [0, 512, 832]
    names = tvsd.channel_names("N")
    assert [names.index(n) for n in ("V1_001", "V4_001", "IT_001")] == [0, 512, 768]
    epochs = tvsd.read_epochs(bids, "F", "test")
    regions = mne_brainae.channel_regions(epochs.info)
    assert {area: len(found) for area, found in regions.items()} == {
        "V1": 14,
        "IT": 10,
        "V4": 6,
    }
    table = _bids.read_tsv(next(bids.rglob("*ses-01*channels.tsv")))
    assert list(table["area"]) == ["V1"] * 16 + ["IT"] * 10 + ["V4"] * 6
    assert list(table["status"][[3, 5, 7]]) == ["bad", "bad", "good"]
    assert sorted(table["recording_index"]) == list(range(1, 33))


def test_defaults_are_those_of_the_paper(miniature):
    data, about, times, bids = miniature
    epochs = tvsd.read_epochs(bids, "F", "test", average=True)
    assert epochs.get_data().shape == (2, 30, 200)
    assert epochs.info["sfreq"] == 1000
    rows = order_of(about, 2)
    first = [row for row in rows if about[2, row] == about[2, rows[0]]]
    expected = data[first][:, GOOD]
    expected = expected - expected[:, :, times <= 0].mean(axis=2, keepdims=True)
    expected = expected.mean(axis=0)[:, (times >= 0) & (times < 0.2)]
    assert_allclose(epochs.get_data()[0], 1e-6 * expected, rtol=1e-4, atol=1e-12)
    assert set(epochs.metadata["n_averaged"]) <= {15, 16}


def test_zero_shot(miniature):
    """The leaky protocol is had by name only, and warns."""
    *_, bids = miniature
    strict = tvsd.read_epochs(bids, "F").metadata
    assert set(strict["concept"]) == set(TVSD_CONCEPTS) - set(TVSD_TEST)
    with pytest.warns(RuntimeWarning, match="2 test concepts.* not zero-shot"):
        leaky = tvsd.read_epochs(bids, "F", zero_shot=False).metadata
    assert set(leaky["concept"]) == set(TVSD_CONCEPTS)
    assert len(leaky) - len(strict) in (2 * N_SHOWN, 2 * N_SHOWN - 1)
    one = tvsd.read_epochs(bids, "F", sessions=["01"]).metadata
    assert set(one["session"]) == {"01"}
    assert not set(one["concept"]) & set(TVSD_TEST)


def test_shown_images(miniature):
    *_, bids = miniature
    shown = tvsd.shown_images(bids, "F").set_index("image")["n_repetitions"]
    assert len(shown) == len(TVSD_CONCEPTS) * N_SHOWN + len(TVSD_TEST)
    assert shown["abacus_14s.jpg"] == N_REPEATS
    assert shown["abacus_01b.jpg"] == 1


@pytest.mark.parametrize("first", [-99, -100])
def test_begin_is_read_from_the_file(first, tmp_path):
    """Readers in use do not agree whether trials begin at -100 or -99 ms."""
    _, _, times = write_tvsd(tmp_path / "source", first=first, n_rows=7)
    tvsd.to_bids(tmp_path / "source", tmp_path / "bids")
    epochs = tvsd.read_epochs(tmp_path / "bids", "F", "test")
    assert len(epochs.times) == 200
    assert epochs.times[0] == 0
    with pytest.raises(ValueError, match=rf"trials last from {times[0]:g} to"):
        tvsd.read_epochs(tmp_path / "bids", "F", "test", tmin=-0.2)


def test_mne_bids_reads_it(miniature):
    """Other tools find the same trials."""
    data, about, _, bids = miniature
    path = BIDSPath(
        root=bids,
        subject="F",
        session="01",
        task="things",
        datatype="ieeg",
        extension=".vhdr",
    )
    epochs = read_epochs_bids(path, verbose="ERROR")
    mine = data[about[-1] == 1]
    assert len(epochs) == len(mine)
    found = epochs.get_data(picks="seeg", verbose="ERROR")
    present = np.isfinite(mine[:, GOOD])
    assert_allclose(found[present], 1e-6 * mine[:, GOOD][present], rtol=2e-7)
    assert epochs.info["bads"] == ["V1_004", "V1_006"]


def test_trials_can_be_standardized(miniature):
    bids = miniature[3]
    how = {"partition": "test", "baseline": None}
    plain = tvsd.read_epochs(bids, "F", **how)
    each = tvsd.read_epochs(bids, "F", standardize_trials=True, **how)
    data = plain.get_data(copy=False)
    mean = data.mean(axis=(1, 2), keepdims=True)
    expected = (data - mean) / data.std(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(each.get_data(copy=False), expected, atol=1e-5)
    means = tvsd.read_epochs(bids, "F", standardize_trials=True, average=True, **how)
    of_first = expected[plain.metadata["image"] == means.metadata["image"].iloc[0]]
    first = means.get_data(copy=False)[0]
    np.testing.assert_allclose(first, of_first.mean(axis=0), atol=1e-5)


def test_one_table_of_electrodes(miniature):
    """No position is known, and no band: MUA is an envelope of what was filtered."""
    folders = list(miniature[3].rglob("ieeg"))
    assert folders
    for folder in folders:
        assert len(list(folder.glob("*_electrodes.tsv"))) == 1
        assert len(list(folder.glob("*_coordsystem.json"))) == 1
        for file in folder.glob("*_channels.tsv"):
            table = pd.read_csv(file, sep="\t")
            assert table[["low_cutoff", "high_cutoff"]].isna().all(axis=None)


def test_bids_validator(miniature, tmp_path):
    *_, bids = miniature
    assert_valid_bids(bids, tmp_path / "bare")
    assert "not field potentials" in (bids / "README").read_text()


def test_fit_from_end_to_end(miniature, small):
    *_, bids = miniature
    train, test = (
        tvsd.read_epochs(bids, "F", part, average=True) for part in ("train", "test")
    )
    settings = small | {"max_epochs": 2, "min_updates": 2}
    model = mne_brainae.fit(train, bids / "stimuli", recipe="paper", **settings)
    found = model.retrieve(test, bids / "stimuli")
    assert len(found.ranks) == 2


@pytest.mark.parametrize(
    ("partition", "average", "n"),
    [("train", True, 6), ("test", True, 2), ("test", False, 32)],
)
def test_read_preprocessed(partition, average, n, tmp_path):
    write_tvsd(tmp_path)
    file = tmp_path / "monkeyF" / "THINGS_normMUA.mat"
    epochs = tvsd.read_preprocessed(file, "F", partition, average=average)
    assert epochs.get_data().shape == (n, 32, 1)
    names = set(np.array(epochs.ch_names)[[5, 7]])
    assert set(epochs.info["bads"]) <= names  # in either partition, the same
    assert epochs.info["bads"]
    concepts = set(epochs.metadata["concept"])
    assert concepts == (
        set(TVSD_CONCEPTS) - set(TVSD_TEST) if partition == "train" else set(TVSD_TEST)
    )
    with h5py.File(file) as opened:
        if partition == "train":
            rows = [c not in TVSD_TEST for c, _ in tvsd_pictures()["train"]]
            expected = opened["train_MUA"][()][rows]
        elif average:
            expected = opened["test_MUA"][()]
        else:
            expected = opened["test_MUA_reps"][()].transpose(1, 0, 2).reshape(32, 32)
    assert_allclose(epochs.get_data()[:, :, 0], 1e-6 * expected)


# ---- damaged files ---------------------------------------------------------------


def test_mapping_that_is_not_its_own_inverse(tmp_path):
    data, about, _ = write_tvsd(tmp_path / "source", swap=False)
    with pytest.warns(RuntimeWarning, match="not its own inverse"):
        tvsd.to_bids(tmp_path / "source", tmp_path / "bids")
    epochs = tvsd.read_epochs(tmp_path / "bids", "F", "test", **EVERYTHING)
    rows = order_of(about, 2)
    assert_allclose(epochs.get_data(), 1e-6 * data[rows][:, GOOD], rtol=2e-7)


def _rewrite(file, **contents):
    with h5py.File(file) as opened:
        old = {key: opened[key][()] for key in opened}
    new = {key: value for key, value in (old | contents).items() if value is not None}
    matlab(file, lambda opened: [opened.create_dataset(k, data=new[k]) for k in new])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"ALLMAT": None}, "lacks ALLMAT, it has"),
        ({"ALLMUA": np.zeros((32, 44, 300))}, r"shape \(32, 44,.*expected \(300, 44,"),
        ({"ALLMUA": np.zeros((300, 44, 30))}, "a multiple of 16"),
        ({"ALLMAT": np.zeros((6, 44))}, "neither training nor test"),
        ({"ALLMAT": np.full((6, 44), [[1], [999], [0], [1], [1], [1]])},
         "shows train image 999"),
        ({"tb": np.arange(300)[:, None] / 2}, "0.0005 s apart, expected .* 1000 Hz"),
    ],
)  # fmt: skip
def test_foreign_trials(change, match, tmp_path):
    write_tvsd(tmp_path)
    _rewrite(tmp_path / "monkeyF" / "THINGS_MUA_trials.mat", **change)
    with pytest.raises(ValueError, match=f"THINGS_MUA_trials.mat .*{match}"):
        tvsd.to_bids(tmp_path, tmp_path / "bids")


@pytest.mark.parametrize(
    "name",
    ["THINGS_MUA_trials.mat", "_logs/things_imgs.mat", f"_logs/{_tvsd_source.MAPPING}"],
)
def test_truncated_and_absent_files(name, tmp_path):
    write_tvsd(tmp_path)
    file = tmp_path / "monkeyF" / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"{file.name} is not a complete MATLAB file"):
        tvsd.to_bids(tmp_path, tmp_path / "bids")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=f"{file.name} does not exist"):
        tvsd.to_bids(tmp_path, tmp_path / "bids")


def test_a_second_call_finishes_a_stopped_one(tmp_path, monkeypatch):
    write_tvsd(tmp_path)
    bids = tmp_path / "bids"

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_bids, "_move", stop)
        with pytest.raises(KeyboardInterrupt):
            tvsd.to_bids(tmp_path, bids)
    assert not list(bids.rglob("*.vhdr"))
    with pytest.raises(FileNotFoundError, match="no ieeg recording"):
        tvsd.read_epochs(bids, "F")
    tvsd.to_bids(tmp_path, bids)
    assert not (bids / ".incomplete").exists()
    assert len(tvsd.read_epochs(bids, "F", average=True)) > 0


def test_mapping_that_is_no_permutation(tmp_path):
    write_tvsd(tmp_path)
    file = tmp_path / "monkeyF" / "_logs" / _tvsd_source.MAPPING
    savemat(file, {"mapping": np.ones((1, 32))})
    with pytest.raises(ValueError, match="not a permutation of 1 to 32"):
        tvsd.to_bids(tmp_path, tmp_path / "bids")


def test_foreign_pictures(tmp_path):
    write_tvsd(tmp_path)
    file = tmp_path / "monkeyF" / "_logs" / "things_imgs.mat"
    matlab(file, lambda opened: opened.create_group("train_imgs"))
    with pytest.raises(ValueError, match="not a table of the images of TVSD"):
        tvsd.to_bids(tmp_path, tmp_path / "bids")


def test_bad_arguments(miniature, tmp_path):
    *_, bids = miniature
    for arguments, match in (
        ({"subject": "A"}, "subject must be one of F, N, got 'A'"),
        ({"tmax": 0.3}, "but tmin=0, tmax=0.3"),
        (
            {"sessions": ["07"]},
            "No train trial .* the sessions 07; there are 01",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            tvsd.read_epochs(bids, **({"subject": "F"} | arguments))
    with pytest.raises(FileNotFoundError, match="no folder monkeyF or monkeyN"):
        tvsd.to_bids(tmp_path, tmp_path / "bids")
    with pytest.raises(FileNotFoundError, match="no ieeg recording"):
        tvsd.read_epochs(bids, "N")


def test_array_output_and_whitening(miniature):
    *_, bids = miniature
    mvnn = mne_brainae.MVNN()
    settings = {"picks": [0, 1, 2, 6], "output": "array"}
    white = tvsd.read_epochs(bids, "F", mvnn=mvnn, **settings)
    raw = tvsd.read_epochs(bids, "F", **settings)
    expected = mvnn.transform(raw.to_epochs()).get_data()
    assert_allclose(white.data, expected, rtol=1e-3, atol=1e-3)
    assert white.data.dtype == np.float32


def test_fetch(tmp_path, upstream):
    contents, asked = upstream
    write_tvsd(tmp_path / "source")
    registered = _fetch.read_registry("tvsd").files
    for name, file in registered.items():
        if name.startswith("monkeyF"):
            contents[file.url] = (tmp_path / "source" / name).read_bytes()
    folder = tvsd.fetch(tmp_path / "data", subjects="F")
    assert len(asked) == 3
    assert all(url.startswith("https://gin.g-node.org/") for url in asked)
    tvsd.to_bids(folder, tmp_path / "bids")
    assert len(tvsd.read_epochs(tmp_path / "bids", "F", "test")) in (31, 32)
    tvsd.fetch(tmp_path / "data", subjects="F", kind="normalized")
    assert len(asked) == 4


def test_average_with_mne_habits(miniature):
    """What is read goes through MNE-Python without a warning."""
    *_, bids = miniature
    evoked = tvsd.read_epochs(bids, "F", "test").average()
    assert isinstance(evoked, mne.Evoked)
    assert evoked.data.shape == (30, 200)
