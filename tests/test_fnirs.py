"""Oxygenated and deoxygenated hemoglobin pass through everything, each in its unit."""

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import mne_brainae

N_PAIRS, SFREQ = 6, 4.0


def optodes():
    """Six channels of each type at the back of a head."""
    angles = np.linspace(-1, 1, N_PAIRS)
    middle = np.c_[0.09 * np.sin(angles), -0.09 * np.cos(angles), 0.03 + 0 * angles]
    middle[::2, 2] += 0.02
    names = [f"S{i}_D{i} {kind}" for i in range(N_PAIRS) for kind in ("hbo", "hbr")]
    info = mne.create_info(names, SFREQ, ["hbo", "hbr"] * N_PAIRS)
    half = np.array([0.01, 0.0, 0.005])
    for number, channel in enumerate(info["chs"]):
        here = middle[number // 2]
        channel["loc"][:9] = np.r_[here, here - half, here + half]
    return info


def record(part, n_concepts, n_repetitions, seed):
    """Responses whose two types are opposite mixtures of the features."""
    rng = np.random.default_rng(seed)
    names = [f"{part}{c}/{part}{c}-{i}.png" for c in range(n_concepts) for i in "ab"]
    features = rng.standard_normal((len(names), 4)).astype(np.float32)
    mix = np.random.default_rng(9).standard_normal((4, N_PAIRS))
    mix = (mix[:, :, None] * [1.0, -0.3]).reshape(4, -1)
    times = np.arange(-4, 20) / SFREQ
    bump = np.exp(-((times - 3) ** 2))
    shown = np.tile(np.arange(len(names)), n_repetitions)
    data = (features[shown] @ mix)[:, :, None] * bump
    data = 1e-6 * (data + 0.5 * rng.standard_normal(data.shape))
    table = pd.DataFrame({"image": np.array(names)[shown]})
    table["concept"] = table["image"].str.partition("/")[0]
    epochs = mne.EpochsArray(data, optodes(), tmin=-1.0, metadata=table, verbose=False)
    return epochs, pd.DataFrame(features, index=names)


@pytest.fixture(scope="module")
def model():
    return mne_brainae.fit(*record("a", 40, 2, 0), recipe="linear", random_state=0)


@pytest.fixture(scope="module")
def unseen():
    return record("b", 6, 4, 1)


def test_a_prediction_keeps_types_and_unit(model, unseen):
    predicted = model.predict_evoked(unseen[1][:1])
    assert predicted.get_channel_types(unique=True) == ["hbo", "hbr"]
    hbo, hbr = (predicted.copy().pick(kind).data for kind in ("hbo", "hbr"))
    assert 1e-8 < np.abs(hbo).max() < 1e-4  # mol/l
    peak = predicted.time_as_index(3.0)[0]
    assert np.corrcoef(hbo[:, peak], hbr[:, peak])[0, 1] < -0.9
    for kind in ("hbo", "hbr"):
        predicted.plot_topomap(times=[3.0], ch_type=kind, show=False)


def test_scores_keep_the_types_apart(model, unseen):
    epochs, features = unseen
    scores = mne_brainae.score_encoding(
        epochs,
        model.predict_epochs(features),
        model.evoked_,
        n_splits=2,
        n_bootstraps=0,
        random_state=0,
    )
    assert "hbo, hbr" in scores.protocol["units"]
    peak = scores.r_map.time_as_index(3.0)[0]
    assert scores.r_map.data[:, peak].mean() > 0.5
    scores.plot(show=False)


def test_images_are_found_and_channels_completed(model, unseen):
    epochs, features = unseen
    averaged = mne_brainae.average_repetitions(epochs)
    assert model.retrieve(averaged, features).top_k() > 0.4  # 1 in 12 by chance
    partial = averaged.copy().drop_channels(averaged.ch_names[:2])
    whole = model.reconstruct(partial)
    assert whole.ch_names == averaged.ch_names
    assert_allclose(whole.get_data()[:, 2:], partial.get_data(), rtol=1e-5, atol=1e-12)


def test_the_report_has_maps_of_both(model, unseen, tmp_path):
    report = mne_brainae.make_report(
        model, *unseen, n_splits=2, n_bootstraps=0, random_state=0
    )
    report.save(tmp_path / "report.html", open_browser=False, verbose=False)
    text = (tmp_path / "report.html").read_text("utf-8")
    for word in ("hbo", "hbr", "µM"):
        assert word in text
