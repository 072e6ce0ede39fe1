"""The simulated recording: what it promises is so."""

# License: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest

from mne_brainae.datasets import SimulatedData, simulate
from mne_brainae.datasets import simulated as module
from mne_brainae.preprocessing.averaging import average_repetitions
from mne_brainae.scoring.identification import rank_of_truth

SMALL = {
    "n_train_concepts": 8,
    "n_test_concepts": 12,
    "n_exemplars": 2,
    "n_templates": 2,
    "n_train_repetitions": 2,
    "n_test_repetitions": 6,
}
COLUMNS = ["image", "concept", "category", "partition", "repetition", "session"]
RANGES = {"eeg": (2e-6, 30e-6), "meg": (5e-14, 2e-12), "mua": (0.3, 5)}


@pytest.fixture(scope="module")
def simulations(tmp_path_factory):
    path = tmp_path_factory.mktemp("images")
    return {kind: simulate(kind, path=path, **SMALL) for kind in module.KINDS}


@pytest.fixture(scope="module")
def eeg(simulations):
    return simulations["eeg"]


def test_one_seed_gives_one_recording(eeg, tmp_path):
    again = simulate("eeg", path=tmp_path, **SMALL)
    for name in ("train", "test", "truth"):
        one, two = getattr(eeg, name), getattr(again, name)
        np.testing.assert_array_equal(one.get_data(), two.get_data())
        assert one.metadata.equals(two.metadata)
    for image in sorted(eeg.images.rglob("*.png")):
        twin = again.images / image.relative_to(eeg.images)
        assert twin.read_bytes() == image.read_bytes()
    assert again.noise_ceiling == eeg.noise_ceiling


def test_another_seed_gives_another_recording(eeg):
    other = simulate("eeg", path=eeg.images.parents[1], random_state=1, **SMALL)
    assert other.images != eeg.images
    assert not np.allclose(other.truth.get_data(), eeg.truth.get_data())


def test_global_random_state_is_untouched(tmp_path):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate("mua", path=tmp_path, **SMALL)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_pictures_are_reused_and_replaced_when_missing(tmp_path):
    first = simulate("mua", path=tmp_path, **SMALL)
    files = sorted(first.images.rglob("*.png"))
    drawn = files[0].read_bytes()
    kept = files[1].stat().st_mtime_ns
    files[0].unlink()
    again = simulate("mua", path=tmp_path, **SMALL)
    assert again.images == first.images
    assert files[0].read_bytes() == drawn
    assert files[1].stat().st_mtime_ns == kept


def test_default_folder_is_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    data = simulate("mua", **SMALL)
    assert data.images.parents[1] == tmp_path / "MNE-brainae-data" / "simulated"


def test_test_concepts_and_templates_are_never_trained_on(eeg):
    train, test = eeg.train.metadata, eeg.test.metadata
    assert not set(train["concept"]) & set(test["concept"])
    shown = {*train["image"], *test["image"]}
    templates = {
        path.relative_to(eeg.templates).as_posix()
        for path in eeg.templates.rglob("*.png")
    }
    assert len(templates) == 12 * 2
    assert not templates & shown
    assert {name.split("/")[0] for name in templates} == set(test["concept"])
    on_disk = {
        path.relative_to(eeg.images).as_posix() for path in eeg.images.rglob("*.png")
    }
    assert on_disk == shown


def test_metadata_describe_every_trial(eeg):
    for epochs, n_images, n_repetitions in ((eeg.train, 16, 2), (eeg.test, 12, 6)):
        table = epochs.metadata
        assert list(table.columns) == COLUMNS
        assert len(table) == n_images * n_repetitions
        counts = table.groupby("image")["repetition"].agg(["nunique", "size"])
        assert (counts == n_repetitions).all(axis=None)
        assert sorted(table["session"].unique()) == [1, 2]
        assert len(epochs.annotations) == 0
    assert eeg.test.metadata.groupby("concept")["image"].nunique().eq(1).all()
    assert set(eeg.train.metadata["category"]) == {"animal", "food", "vehicle", "tool"}
    assert list(eeg.truth.metadata["image"]) == sorted(set(eeg.test.metadata["image"]))


def test_it_says_that_it_is_simulated(simulations):
    for data in simulations.values():
        assert isinstance(data, SimulatedData)
        assert "SIMULATED" in repr(data)
        for epochs in (data.train, data.test, data.truth):
            assert "SIMULATED" in epochs.info["description"]


@pytest.mark.parametrize("kind", module.KINDS)
def test_kinds_have_units_and_pass_through_mne(simulations, kind):
    data = simulations[kind]
    lowest, highest = RANGES[kind]
    assert lowest < data.test.get_data().std() < highest
    assert np.isfinite(data.train.get_data()).all()
    evoked = data.test.average()
    scaling = {"scalings": 1, "units": "a.u."} if kind == "mua" else {}
    assert evoked.plot_topomap(times=[0.1, 0.2], show=False, **scaling)
    assert evoked.plot(show=False)
    assert data.test.compute_psd(fmax=40).get_data().min() > 0
    before = data.truth.copy().crop(None, 0).get_data()
    assert np.abs(before).max() < 0.01 * np.abs(data.truth.get_data()).max()


def test_eeg_has_an_occipital_response_and_alpha(eeg):
    truth = eeg.truth.average()
    p1 = truth.data[:, truth.time_as_index(0.1)[0]]
    assert p1[truth.ch_names.index("PO7")] > 2e-6 > p1[truth.ch_names.index("FCz")]
    spectrum = eeg.test.copy().pick(["Oz", "O1", "O2"]).compute_psd(fmin=3, fmax=40)
    power = spectrum.get_data().mean(axis=(0, 1))
    peak = spectrum.freqs[power.argmax()]
    assert 6 < peak < 14


def test_mua_latencies_follow_the_ventral_stream(simulations):
    truth = simulations["mua"].truth.average()
    half = {}
    for area in ("V1", "V4", "IT"):
        rows = [name.startswith(f"{area}_") for name in truth.ch_names]
        course = truth.data[rows].mean(axis=0)
        half[area] = truth.times[np.argmax(course > course.max() / 2)]
    assert 0 < half["V1"] < half["V4"] < half["IT"]
    assert simulations["mua"].truth.get_data().min() >= 0


def test_ceiling_grows_with_the_signal(simulations):
    for data in simulations.values():
        for r in data.noise_ceiling.values():
            assert 0.2 < r < 1
    path = simulations["eeg"].images.parents[1]
    clean = simulate("eeg", path=path, snr=100, **SMALL)
    assert min(clean.noise_ceiling.values()) > 0.995
    assert clean.best_top1 == clean.best_top5 == 1


def test_smallest_experiment(tmp_path):
    sizes = dict.fromkeys(SMALL, np.int64(1)) | {"n_templates": 0, "n_sessions": 3}
    sizes |= {"n_train_concepts": 2, "n_test_concepts": 4}
    data = simulate("eeg", path=tmp_path, tmin=0, tmax=0.2, **sizes)
    assert (len(data.train), len(data.test)) == (2, 4)
    assert np.isfinite(data.train.get_data()).all()
    assert np.isfinite(list(data.noise_ceiling.values())).all()
    assert not data.templates.exists()


def test_snr_is_the_ratio_it_says(eeg):
    path = eeg.images.parents[1]
    settings = SMALL | {"n_train_repetitions": 12}
    data = simulate("eeg", path=path, snr=0.2, **settings)
    trials = data.train.get_data()
    _, image = np.unique(data.train.metadata["image"], return_inverse=True)
    means = np.stack([trials[image == i].mean(axis=0) for i in range(image.max() + 1)])
    noise = np.mean((trials - means[image]) ** 2) * 12 / 11
    after = data.train.times > 0
    everything = np.concatenate([means, data.truth.get_data()])[..., after]
    # 16 of 28 responses still hold a twelfth of the noise
    signal = everything.var(axis=0).mean() - noise / 12 * 16 / 28
    assert signal / noise == pytest.approx(0.2, rel=0.2)


@pytest.mark.parametrize("kind", module.KINDS)
def test_best_decoder_needs_the_right_labels(simulations, kind):
    data = simulations[kind]
    assert data.best_top1 > 5 / 12
    rng = np.random.default_rng(0)
    noise = module.make_noise(kind, data.test.info, data.test.times, rng)
    measured = average_repetitions(data.test)
    order = [
        list(measured.metadata["image"]).index(i) for i in data.truth.metadata.image
    ]
    measured, truth = measured.get_data()[order], data.truth.get_data()
    scores = module._likelihood(measured, truth, noise)
    rng = np.random.default_rng(0)
    hits = [rank_of_truth(scores, rng.permutation(12)) == 1 for _ in range(200)]
    assert np.mean(hits) == pytest.approx(1 / 12, abs=0.03)


def test_likelihood_is_that_of_the_dense_covariance(simulations):
    rng = np.random.default_rng(0)
    data = simulations["mua"]
    times = data.truth.times[:12]
    noise = module.make_noise("mua", data.truth.info, times, rng)
    truth = rng.standard_normal((4, 96, 12))
    measured = truth[::-1] + 0.1
    scores = module._likelihood(measured, truth, noise)
    covariance = sum(np.kron(m @ m.T, in_time) for m, in_time in noise.parts)
    distance = (measured[:, None] - truth).reshape(4, 4, -1)
    solved = np.linalg.solve(covariance, distance.reshape(16, -1).T).T
    dense = -0.5 * (solved.reshape(4, 4, -1) * distance).sum(axis=-1)
    difference = (scores - scores[:, :1]) - (dense - dense[:, :1])
    assert np.abs(difference).max() < 1e-2 * np.abs(dense).max()


@pytest.mark.parametrize(
    ("bad", "error", "match"),
    [
        ({"kind": "fmri"}, ValueError, "kind"),
        ({"law": "quadratic"}, ValueError, "law"),
        ({"n_test_concepts": 1}, ValueError, "n_test_concepts must be at least 2"),
        ({"n_exemplars": 1.5}, TypeError, "n_exemplars"),
        ({"snr": 0}, ValueError, "snr must be positive"),
        ({"snr": np.inf}, ValueError, "snr must be positive"),
        ({"snr": "high"}, TypeError, "snr"),
        ({"sfreq": 20}, ValueError, "sfreq must be at least 50 Hz"),
        ({"tmax": 0.1}, ValueError, "tmax=0.1"),
        ({"tmin": 0.1}, ValueError, "tmin=0.1"),
        ({"path": 3}, TypeError, "path"),
    ],
)
def test_bad_arguments_are_refused(bad, error, match):
    with pytest.raises(error, match=match):
        simulate(**bad)


@pytest.fixture(scope="module")
def bent(eeg):
    """Noise that is there, but hardly: what is left of a trial is its response."""
    path = eeg.images.parents[1]
    how = SMALL | {"law": "nonlinear", "snr": 1e8, "sfreq": 250.0}
    return simulate("eeg", path=path, **how)


def test_nonlinear_law_has_the_pictures_of_the_linear_one(eeg, bent):
    assert bent.images == eeg.images
    assert list(bent.train.metadata.columns) == COLUMNS
    assert bent.best_top1 == 1
    again = simulate("eeg", path=eeg.images.parents[1], law="nonlinear", **SMALL)
    twin = simulate("eeg", path=eeg.images.parents[1], law="nonlinear", **SMALL)
    np.testing.assert_array_equal(again.train.get_data(), twin.train.get_data())
    assert again.train.get_data().shape == eeg.train.get_data().shape
    assert not np.allclose(again.truth.get_data(), eeg.truth.get_data())
    assert again.noise_ceiling == twin.noise_ceiling


def test_gain_and_noise_vary_by_trial(bent, eeg):
    names = pd.Index(bent.truth.metadata["image"])
    rows = names.get_indexer(bent.test.metadata["image"])
    truth = bent.truth.get_data()[rows].reshape(len(rows), -1)
    trials = bent.test.get_data().reshape(len(rows), -1)
    gains = (trials * truth).sum(axis=1) / (truth**2).sum(axis=1)
    np.testing.assert_allclose(trials, gains[:, None] * truth, atol=1e-2 * truth.std())
    assert np.log(gains).std() == pytest.approx(0.2, rel=0.25)
    path = eeg.images.parents[1]
    noisy = simulate("eeg", path=path, law="nonlinear", snr=1e-4, **SMALL)
    levels = np.log(noisy.test.get_data().std(axis=(1, 2)))
    even = simulate("eeg", path=path, snr=1e-4, **SMALL).test.get_data()
    assert levels.std() > 1.5 * np.log(even.std(axis=(1, 2))).std()


def test_responses_come_early_and_late(bent, eeg):
    """The first peak of the spread over channels, which drives change little."""
    path = eeg.images.parents[1]
    how = SMALL | {"snr": 1e8, "sfreq": 250.0}
    linear = simulate("eeg", path=path, **how)

    def latencies(data):
        power = data.truth.get_data().std(axis=1)
        return data.truth.times[power[:, data.truth.times < 0.13].argmax(axis=1)]

    assert np.ptp(latencies(bent)) > np.ptp(latencies(linear))


def test_mua_bends_too(simulations):
    path = simulations["mua"].images.parents[1]
    bent = simulate("mua", path=path, law="nonlinear", **SMALL)
    assert bent.truth.get_data().min() >= 0
    assert not np.allclose(bent.truth.get_data(), simulations["mua"].truth.get_data())
