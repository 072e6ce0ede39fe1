"""The real data sets, on miniature files of their formats and on the data."""

import io
import shutil
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from miniatures import in_memory, zipped
from mne.utils import catch_logging
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.io import savemat

from mne_brainae.datasets import (
    _fetch,
    macaque_it,
    macaque_v4,
    muse_n170,
)
from mne_brainae.datasets._montage import standard_montage

# ---- macaque V4 ------------------------------------------------------------------


def jpeg(gray):
    return in_memory(Image.new("RGB", (8, 8), (gray,) * 3).save, format="jpeg")


def v4_session(date, n_units=3, n_images=4, prefix="", **files):
    rng = np.random.default_rng(0)
    names = [f"{prefix}image{i:04d}.jpg" for i in range(1, n_images + 1)]
    return {
        f"images_{date}.zip": zipped({name: jpeg(i) for i, name in enumerate(names)}),
        f"responses_{date}.npy": in_memory(np.save, rng.random((n_units, n_images))),
    } | files


@pytest.mark.parametrize("prefix", ["", "images_200101/"])
def test_v4_miniature(prefix, register):
    contents = v4_session("200101", prefix=prefix)
    folder = register("macaque_v4", contents)
    epochs = macaque_v4.read_epochs("200101", folder)
    assert epochs.get_data().shape == (4, 3, 1)
    counts = np.load(folder / "responses_200101.npy")
    assert_array_equal(epochs.get_data()[:, :, 0], counts.T)
    assert set(epochs.get_channel_types()) == {"seeg"}
    assert epochs.ch_names == ["V4_01", "V4_02", "V4_03"]
    assert_array_equal(epochs.times, [0.0])
    assert epochs.info["sfreq"] == 10
    assert len(epochs.annotations) == 0
    assert list(epochs.metadata) == ["image", "image_path", "session"]
    assert list(epochs.metadata["image"]) == [f"image000{i}.jpg" for i in range(1, 5)]
    for i, picture in enumerate(epochs.metadata["image_path"]):
        assert Path(picture).is_absolute()
        assert _fetch.cache_dir("macaque_v4") in Path(picture).parents
        assert np.abs(np.asarray(Image.open(picture), int) - i).max() <= 1
    shutil.rmtree(_fetch.cache_dir("macaque_v4"))


def test_v4_sessions_need_both_files(register):
    contents = v4_session("200101") | v4_session("200102") | v4_session("200103")
    del contents["images_200102.zip"], contents["responses_200103.npy"]
    folder = register("macaque_v4", contents)
    assert macaque_v4.available_sessions() == ["200101"]
    assert macaque_v4.fetch("200101", folder) == folder
    for session in ("200102", "200103", 200101):
        with pytest.raises(ValueError, match=f"one of 200101, got .?{session}"):
            macaque_v4.fetch([session], folder)
        with pytest.raises(ValueError, match="one of 200101"):
            macaque_v4.read_epochs(session, folder)


WHOLE = in_memory(np.save, np.ones((3, 4)))


@pytest.mark.parametrize(
    ("responses", "match"),
    [
        (WHOLE[:-20], "not a complete array"),
        (b"no array", "not a complete array"),
        (b"", "not a complete array"),
        (in_memory(np.save, np.array([{}, {}])), "not a complete array"),
        (in_memory(np.save, np.ones(3)), r"shape \(3,\)"),
        (in_memory(np.save, np.full((3, 4), "x")), "type <U1"),
        (in_memory(np.save, np.full((3, 4), np.nan)), "must be finite"),
        (in_memory(np.save, np.ones((3, 5))), "responses to 5 images.*4 images"),
    ],
)
def test_v4_damaged_responses(responses, match, register):
    files = {"responses_200101.npy": responses}
    folder = register("macaque_v4", v4_session("200101", **files))
    with pytest.raises(ValueError, match=rf"responses_200101\.npy.*{match}"):
        macaque_v4.read_epochs("200101", folder)


@pytest.mark.data("macaque_v4")
@pytest.mark.parametrize(("session", "n_units"), [("190923", 33), ("210225", 55)])
def test_v4_neurons_see_their_pictures(session, n_units):
    """Responses follow the images, and only when images are in their order."""
    epochs = macaque_v4.read_epochs(session)
    counts = epochs.get_data()[:, :, 0]
    assert counts.shape == (1200, n_units)
    assert 0.5 < counts.mean() < 5
    assert epochs.metadata["image"].is_unique

    def thumbnail(path):
        with Image.open(path) as picture:
            assert picture.size == (112, 112)
            return np.asarray(picture.resize((8, 8)), float).ravel()

    pixels = np.array([thumbnail(path) for path in epochs.metadata["image_path"]])
    pixels = (pixels - pixels.mean(axis=0)) / pixels.std(axis=0)

    def score(pixels):
        train, test = slice(0, 800), slice(800, None)
        gram = pixels[train].T @ pixels[train] + 1e4 * np.eye(pixels.shape[1])
        centered = counts[train] - counts[train].mean(axis=0)
        pred = pixels[test] @ np.linalg.solve(gram, pixels[train].T @ centered)
        each = [
            np.corrcoef(*pair)[0, 1]
            for pair in zip(pred.T, counts[test].T, strict=True)
        ]
        return np.mean(each)

    assert score(pixels) > 0.1
    assert abs(score(np.random.default_rng(0).permutation(pixels))) < 0.05


@pytest.mark.data("macaque_v4")
def test_v4_signal_correlations_are_stable():
    counts = macaque_v4.read_epochs("190923").get_data()[:, :, 0]
    pairs = np.triu_indices(counts.shape[1], k=1)
    halves = [np.corrcoef(counts[half::2].T)[pairs] for half in (0, 1)]
    assert np.corrcoef(halves)[0, 1] > 0.8


# ---- macaque IT ------------------------------------------------------------------

STIMULI = [(concept, place) for concept in ("car", "kiwi") for place in ("lower", "up")]


def it_site(seed, n_trials=20, **overrides):
    """One site in raster format, and its spikes by stimulus and trial."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.repeat(np.arange(len(STIMULI)), n_trials))
    spikes = (rng.random((len(order), 1000)) < 0.02).astype(float)
    labels = np.array([STIMULI[i] for i in order], object)
    contents = {
        "raster_data": spikes,
        "raster_labels": {
            "stimulus_ID": labels[:, :1].T,
            "stimulus_position": labels[:, 1:].T,
            "combined_ID_position": (labels[:, :1] + "_" + labels[:, 1:]).T,
        },
        "raster_site_info": {
            "session_ID": 1001.0,
            "recording_channel": 1.0,
            "unit": "A",
            "alignment_event_time": 501.0,
        },
    } | overrides
    by_stimulus = [spikes[order == i][:19] for i in range(len(STIMULI))]
    return in_memory(savemat, contents, do_compression=True), np.concatenate(
        by_stimulus
    )


def it_file(unit):
    return f"bp1001spk_0{unit}A_raster_data.mat"


def it_population(register):
    sites = [it_site(0), it_site(1, n_trials=19), it_site(2)]
    contents = {it_file(i): site for i, (site, _) in enumerate(sites, 1)}
    folder = register("macaque_it", contents)
    return folder, np.stack([spikes for _, spikes in sites], axis=1)


def test_it_is_built_from_its_sites(register):
    folder, spikes = it_population(register)
    assert macaque_it.fetch(folder) == folder
    epochs = macaque_it.read_epochs(folder, bin_width=0.001)
    assert epochs.get_data().shape == (4 * 19, 3, 1000)
    assert_allclose(epochs.get_data(), spikes * 1000)
    assert epochs.ch_names == ["1001_01A", "1001_02A", "1001_03A"]
    assert set(epochs.get_channel_types()) == {"seeg"}
    assert len(epochs.annotations) == 0
    assert_allclose(epochs.times[[0, 500, -1]], [-0.5, 0.0, 0.499])
    metadata = epochs.metadata
    assert list(metadata) == ["image", "concept", "position", "repetition"]
    images = [f"{concept}_{place}" for concept, place in STIMULI]
    assert list(metadata["image"]) == list(np.repeat(images, 19))
    assert_array_equal(metadata["repetition"], np.tile(np.arange(1, 20), 4))
    assert len(epochs["car"]) == len(epochs["concept == 'car'"]) == 38


def test_it_bins_hold_rates(register):
    folder, spikes = it_population(register)
    epochs = macaque_it.read_epochs(folder, bin_width=0.05, tmin=-0.1, tmax=0.3)
    assert epochs.get_data().shape == (76, 3, 8)
    assert epochs.info["sfreq"] == 20
    assert_allclose(epochs.times, np.arange(-0.1, 0.3, 0.05), atol=1e-9)
    after_onset = spikes[:, :, 500:550].sum(axis=2) / 0.05
    assert_allclose(epochs.get_data()[:, :, 2], after_onset)


def test_it_ready_array_is_the_same(register, tmp_path):
    folder, spikes = it_population(register)
    built = macaque_it.read_epochs(folder)
    ready = tmp_path / "ready"
    ready.mkdir()
    np.savez_compressed(
        ready / "pseudopopulation.npz",
        spikes=spikes.astype(np.uint8),
        object=np.repeat([concept for concept, _ in STIMULI], 19),
        position=np.repeat([place for _, place in STIMULI], 19),
        sites=[it_file(unit) for unit in (1, 2, 3)],
    )
    assert macaque_it.fetch(ready) == ready
    epochs = macaque_it.read_epochs(ready)
    assert_array_equal(epochs.get_data(), built.get_data())
    assert_array_equal(epochs.events, built.events)
    assert epochs.ch_names == built.ch_names
    pd.testing.assert_frame_equal(epochs.metadata, built.metadata)


@pytest.mark.parametrize(
    ("window", "match"),
    [
        ({"bin_width": 0.03}, "whole number of bins.*bin_width=0.03"),
        ({"bin_width": 0}, "'bin_width' parameter"),
        ({"tmin": -0.6}, "between -0.5 and 0.5"),
        ({"tmin": 0.2, "tmax": 0.2}, "tmin=0.2, tmax=0.2"),
        ({"bin_width": 0.0205}, "bin_width must be a whole number of milliseconds"),
    ],
)
def test_it_window(window, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        macaque_it.read_epochs(tmp_path, **window)


@pytest.mark.parametrize(
    ("last", "match"),
    [
        ({"n_trials": 18}, r"does not have 19 trials of each .* bp1001spk_01A"),
        ({"raster_labels": {"stimulus_ID": "car"}}, "not a complete MATLAB file"),
        ({"raster_data": np.zeros((80, 999))}, r"shape \(80, 999\)"),
        ({"raster_data": np.full((80, 1000), 2.0)}, "expected zeros and ones"),
    ],
)
def test_it_foreign_site(last, match, register):
    contents = {it_file(1): it_site(0)[0], it_file(3): it_site(2, **last)[0]}
    folder = register("macaque_it", contents)
    with pytest.raises(ValueError, match=rf"bp1001spk_03A_raster_data\.mat.*{match}"):
        macaque_it.read_epochs(folder)


@pytest.mark.parametrize("cut", [0, 50, 150, 2000])
def test_it_truncated_site(cut, register):
    folder = register("macaque_it", {it_file(1): it_site(0)[0][:cut]})
    with pytest.raises(ValueError, match=r"bp1001spk_01A.*not a complete MATLAB file"):
        macaque_it.read_epochs(folder)


def test_it_damaged_ready_array(tmp_path):
    file = tmp_path / "pseudopopulation.npz"
    labels = {"object": ["a"], "position": ["b"], "sites": ["c"]}
    whole = in_memory(np.savez, spikes=np.zeros((1, 1, 1000)), **labels)
    for damaged in (whole[:-100], b"", b"no array", in_memory(np.savez, spikes=[])):
        file.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"population\.npz is not a complete pseudo-pop"
        ):
            macaque_it.read_epochs(tmp_path)
    file.write_bytes(in_memory(np.savez, spikes=np.zeros((2, 1, 1000)), **labels))
    with pytest.raises(ValueError, match=r"shape \(2, 1, 1000\).*\(1, 1, 1000\)"):
        macaque_it.read_epochs(tmp_path)


def test_it_without_network(tmp_path):
    with pytest.raises(RuntimeError, match=r"bp1001spk_01A_raster_data\.mat could not"):
        macaque_it.fetch(tmp_path / "empty")


@pytest.mark.data("macaque_it")
def test_it_responds_after_onset():
    epochs = macaque_it.read_epochs()
    assert epochs.get_data().shape == (399, 132, 50)
    assert epochs.metadata["image"].nunique() == 21
    assert epochs.metadata["concept"].nunique() == 7
    assert len(epochs.ch_names) == len(set(epochs.ch_names)) == 132
    before = epochs.copy().crop(-0.2, -0.02).get_data().mean()
    after = epochs.copy().crop(0.1, 0.28).get_data().mean()
    assert 5 < before < after < 20  # spikes per second
    assert after > 1.1 * before


@pytest.mark.data("macaque_it")
def test_it_is_tuned_after_onset_only():
    """Once they see them, sites prefer the same stimuli in both halves of trials."""
    epochs = macaque_it.read_epochs(bin_width=0.1)
    odd = epochs.metadata["repetition"] % 2 == 1

    def tuning(half):
        frame = epochs[half].get_data().reshape(half.sum(), -1)
        means = pd.DataFrame(frame).groupby(list(epochs[half].metadata["image"])).mean()
        return (means - means.mean()).to_numpy().reshape(21, 132, 10)

    first, second = tuning(odd), tuning(~odd)
    reliability = [
        np.corrcoef(first[..., t].ravel(), second[..., t].ravel())[0, 1]
        for t in range(10)
    ]
    assert np.abs(reliability[:5]).max() < 0.1
    assert np.max(reliability[6:9]) > 0.4


# ---- Muse N170 -------------------------------------------------------------------


def muse_run(markers=(1, 2, 2, 1), **columns):
    """Six seconds of noise in microvolts, one marker per second from the first on."""
    rng = np.random.default_rng(len(markers))
    n_samples = 6 * 256
    table = pd.DataFrame({"timestamps": 100 + np.arange(n_samples) / 256})
    for name in ("TP9", "AF7", "AF8", "TP10", "Right AUX"):
        table[name] = rng.normal(0, 10, n_samples).round(3)
    table["Marker0"] = 0
    table.loc[256 * np.arange(1, len(markers) + 1), "Marker0"] = markers
    return table.assign(**columns).to_csv(index=False).encode()


RUNS = ("data_2017-09-13-15.30.01.csv", "data_2017-09-13-15.32.50.csv")


def test_muse_miniature_raw(register):
    folder = register("muse_n170", {RUNS[1]: muse_run((2,)), RUNS[0]: muse_run()})
    assert muse_n170.fetch(folder) == folder
    raw = muse_n170.read_raw(1, folder)
    assert raw.ch_names == ["TP9", "AF7", "AF8", "TP10", "Marker0"]
    assert raw.get_channel_types() == ["eeg"] * 4 + ["stim"]
    assert raw.info["sfreq"] == 256
    table = pd.read_csv(folder / RUNS[0])
    assert_allclose(raw.get_data("TP10")[0], table["TP10"] * 1e-6, rtol=1e-9)
    assert_array_equal(raw.get_data("Marker0")[0], table["Marker0"])
    positions = raw.get_montage().get_positions()["ch_pos"]
    assert positions["TP9"][0] < 0 < positions["TP10"][0]  # left, right


def test_muse_miniature_epochs(register):
    folder = register("muse_n170", {RUNS[0]: muse_run(), RUNS[1]: muse_run((2, 2))})
    epochs = muse_n170.read_epochs(None, folder, l_freq=None, h_freq=40.0)
    assert epochs.get_data().shape == (6, 4, 232)
    assert epochs.event_id == {"house": 1, "face": 2}
    assert len(epochs.annotations) == 0
    expected = {
        "image": ["house", "face", "face", "house", "face", "face"],
        "concept": ["house", "face", "face", "house", "face", "face"],
        "session": [1, 1, 1, 1, 2, 2],
        "repetition": [1, 1, 2, 2, 1, 2],
    }
    pd.testing.assert_frame_equal(epochs.metadata, pd.DataFrame(expected))
    assert_array_equal(epochs.events[:, 2], [1, 2, 2, 1, 2, 2])
    one = muse_n170.read_epochs(2, folder, l_freq=None, h_freq=40.0)
    assert_allclose(one.get_data(), epochs[4:].get_data())


def test_muse_rejection_keeps_metadata(register):
    table = pd.read_csv(io.BytesIO(muse_run()))
    table.loc[2 * 256 : 2 * 256 + 20, "AF7"] = 500.0
    folder = register("muse_n170", {RUNS[0]: table.to_csv(index=False).encode()})
    with catch_logging(verbose="INFO") as log:
        epochs = muse_n170.read_epochs(
            1, folder, l_freq=None, h_freq=40.0, reject={"eeg": 200e-6}, verbose="INFO"
        )
    assert "3 of 4 epochs kept from 1 runs" in log.getvalue()
    assert list(epochs.metadata["image"]) == ["house", "face", "house"]
    assert list(epochs.metadata["repetition"]) == [1, 2, 2]


@pytest.mark.parametrize("run", [0, 3, "1", None])
def test_muse_unknown_run(run, register):
    folder = register("muse_n170", {RUNS[0]: muse_run(), RUNS[1]: muse_run()})
    with pytest.raises(ValueError, match="run must be one of 1 to 2, got"):
        muse_n170.read_raw(run, folder)
    with pytest.raises(ValueError, match="run must be one of 1 to 2, got"):
        muse_n170.read_epochs([run], folder)
    with pytest.raises(ValueError, match="at least one run"):
        muse_n170.read_epochs([], folder)


@pytest.mark.parametrize(
    ("contents", "match"),
    [
        (b"", "not a recording of a Muse"),
        (b"\x89PNG\xff\xfe", "not a recording of a Muse"),
        (b"timestamps,TP9\n1,2\n", "not a recording of a Muse.*TP9, AF7, AF8, TP10"),
        (muse_run(TP9="x"), "not a recording of a Muse"),
        (muse_run(TP9=np.nan), "must be finite"),
        (muse_run((1, 3)), r"other markers than 0, 1 and 2.*3\.0"),
        (muse_run()[:-8], "must be finite"),
    ],
)
def test_muse_damaged_run(contents, match, register):
    folder = register("muse_n170", {RUNS[0]: contents})
    with pytest.raises(ValueError, match=rf"15\.30\.01\.csv.*{match}"):
        muse_n170.read_raw(1, folder)


def test_standard_montage_of_old_and_new_releases(monkeypatch):
    asked = []
    monkeypatch.setattr(mne.channels, "make_standard_montage", asked.append)
    for names in (["standard_1005"], ["standard_1005", "colin27_1005"]):
        monkeypatch.setattr(
            mne.channels, "get_builtin_montages", lambda names=names: names
        )
        standard_montage()
    assert asked == ["standard_1005", "colin27_1005"]


def test_standard_montage_has_the_extended_positions():
    assert {"TP9", "AF7", "AF8", "TP10"} <= set(standard_montage().ch_names)


@pytest.mark.data("muse_n170")
def test_muse_n170():
    """Faces evoke a greater negativity than houses behind the ears, and only there."""
    epochs = muse_n170.read_epochs(reject={"eeg": 75e-6})
    assert len(epochs.drop_log) == 1174
    assert 1050 < len(epochs) < 1174
    assert epochs.metadata["session"].nunique() == 6
    everything = muse_n170.read_epochs()
    assert (len(everything["house"]), len(everything["face"])) == (591, 583)
    assert 2e-6 < everything.get_data().std() < 30e-6

    difference = mne.combine_evoked(
        [epochs["face"].average(), epochs["house"].average()], weights=[1, -1]
    )
    n170 = difference.copy().crop(0.195, 0.235).data.mean(axis=1)
    behind_ears, forehead = n170[[0, 3]], n170[[1, 2]]
    assert (behind_ears < -1e-6).all()
    assert (np.abs(forehead) < 0.5e-6).all()
