"""Hidden parts: only where and when there is something to know does hiding cost."""

import mne
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest

import mne_brainae
from mne_brainae.scoring.occlusion import _mcnemar

SFREQ, ONSET = 100.0, 0.1
CHANNELS = ["Oz", "O1", "Pz", "P3", "Fz", "F3"]


@pytest.fixture(scope="module")
def brain():
    """Return a brain that only answers at the back, from 100 to 200 ms."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((8, 6, 40)) * [[2], [2], [1], [1], [0], [0]]
    times = np.arange(40) / SFREQ - 0.1
    mix *= (times >= ONSET - 1e-9) & (times < 0.2 - 1e-9)
    info = mne.create_info(CHANNELS, SFREQ, "eeg")
    info.set_montage("biosemi64")

    def record(n, prefix):
        features = rng.standard_normal((n, 8))
        data = 3 + np.tensordot(features, mix, 1) + rng.standard_normal((n, 6, 40))
        names = [f"{prefix}-{i}" for i in range(n)]
        table = pd.DataFrame(features, index=pd.Index(names, name="image"))
        metadata = pd.DataFrame({"image": names})
        epochs = mne.EpochsArray(1e-6 * data, info, tmin=-0.1, metadata=metadata)
        return epochs, table

    model = mne_brainae.fit(*record(200, "train"), recipe="linear", verbose="WARNING")
    epochs, table = record(60, "test")

    def identify(epochs):
        return model.retrieve(epochs, table, similarity="likelihood")

    return model, identify, epochs, table


@pytest.mark.stochastic
def test_pointwise(brain):
    model, identify, epochs, _ = brain
    before = epochs.get_data(copy=True)
    found = mne_brainae.occlude_times(identify, epochs, model.evoked_, window=0.05)
    assert_array_equal(epochs.get_data(copy=False), before)
    table = found.to_data_frame()
    assert_allclose(table["tmin"], np.arange(8) * 0.05 - 0.1, atol=1e-9)
    assert_allclose(table["tmax"] - table["tmin"], 0.05)
    informative = table["tmin"].between(0.09, 0.16)
    assert informative.sum() == 2
    assert (table["change"][informative] < -0.1).all()
    assert (table["p_change"][informative] < 0.01).all()
    assert (table["change"][~informative].abs() < 0.1).all()
    assert (table["p_change"][~informative] > 0.05).all()
    assert_allclose(table["accuracy"] - found.whole.top_k(1), table["change"])
    assert (table["low"] <= table["accuracy"]).all()
    assert "8 parts, top-1" in repr(found)
    assert "2 differ" in repr(found)


@pytest.mark.stochastic
def test_nothing_is_known_before_the_response(brain):
    model, identify, epochs, _ = brain
    found = {
        kind: mne_brainae.occlude_times(
            identify, epochs, model.evoked_, kind=kind, window=0.05
        ).table.set_index("tmin")
        for kind in ("increasing", "decreasing", "sliding")
    }
    early = found["increasing"].index < 0.09
    assert (found["increasing"]["p_chance"][early] > 0.05).all()
    assert (found["increasing"]["p_chance"][~early] < 0.001).all()
    late = found["decreasing"].index > 0.19
    assert (found["decreasing"]["p_chance"][late] > 0.05).all()
    assert (found["decreasing"]["p_chance"][~late] < 0.001).all()
    only = (found["sliding"].index > 0.09) & ~late
    assert (found["sliding"]["p_chance"][only] < 0.001).all()
    assert (found["sliding"]["p_chance"][~only] > 0.05).all()
    whole = identify(epochs).top_k(1)
    assert found["increasing"]["accuracy"].iloc[-1] == whole
    assert found["decreasing"]["accuracy"].iloc[0] == whole


@pytest.mark.stochastic
def test_channels_and_regions(brain):
    model, identify, epochs, _ = brain
    found = mne_brainae.occlude_channels(identify, epochs, model.evoked_)
    change = found.table.set_index("part")["change"]
    assert list(change.index) == CHANNELS
    assert change[["Oz", "O1"]].max() < change[["Fz", "F3"]].min()
    assert_allclose(found.change_map.data[:, 0], change)
    assert found.change_map.plot_topomap(times=[0.0], scalings=1, show=False)
    regions = mne_brainae.channel_regions(epochs.info)
    found = mne_brainae.occlude_channels(
        identify, epochs, model.evoked_, regions=regions
    )
    table = found.table.set_index("part")
    assert set(table.index) == {"occipital", "parietal", "frontal", "visual"}
    assert table.loc["visual", "p_change"] < 0.001 < table.loc["frontal", "p_change"]
    assert table.loc["visual", "p_chance"] > 0.05
    by_channel = dict(
        zip(found.change_map.ch_names, found.change_map.data[:, 0], strict=True)
    )
    assert by_channel["Oz"] == table.loc["occipital", "change"]


def test_other_channels_stay(brain):
    """Channels that the model does not know are neither hidden nor in the way."""
    model, identify, epochs, _ = brain
    more = epochs.copy()
    extra = more.copy().pick(["Fz"]).rename_channels({"Fz": "AF3"})
    more.add_channels([extra])
    one, two = (
        mne_brainae.occlude_times(identify, each, model.evoked_).table
        for each in (epochs, more)
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.stochastic
def test_consistency(brain):
    model, identify, epochs, table = brain
    scores = mne_brainae.score_encoding(
        epochs, model.predict_epochs(table), model.evoked_, n_splits=1
    )
    by_channel = mne_brainae.occlude_channels(identify, epochs, model.evoked_)
    by_time = mne_brainae.occlude_times(identify, epochs, model.evoked_, window=0.05)
    for occlusion, n, name in ((by_channel, 6, "channel"), (by_time, 8, "window")):
        found = mne_brainae.score_consistency(scores.r_map, occlusion)
        assert len(found.table) == n
        assert found.table.index.name == name
        assert_allclose(found.r, np.corrcoef(found.table.T)[0, 1])
        assert found.r > 0.4
        assert f"{n} {name}s" in repr(found)
        assert isinstance(found.plot(show=False), Figure)
    in_window = (scores.r_map.times > 0.099) & (scores.r_map.times < 0.149)
    row = np.argmin(np.abs(by_time.table["tmin"] - 0.1))
    found = mne_brainae.score_consistency(scores.r_map, by_time)
    assert_allclose(
        found.table["encoding"].iloc[row], scores.r_map.data[:, in_window].mean()
    )
    increasing = mne_brainae.occlude_times(
        identify, epochs, model.evoked_, kind="increasing"
    )
    with pytest.raises(ValueError, match="got 'increasing'"):
        mne_brainae.score_consistency(scores.r_map, increasing)
    with pytest.raises(ValueError, match="all channels and times"):
        mne_brainae.score_consistency(scores.r_map.copy().pick(["Oz"]), by_channel)


@pytest.mark.parametrize("kind", ["pointwise", "increasing", "decreasing", "sliding"])
def test_plots(brain, kind):
    model, identify, epochs, _ = brain
    found = mne_brainae.occlude_times(identify, epochs, model.evoked_, kind=kind)
    assert isinstance(found.plot(show=False), Figure)
    by_channel = mne_brainae.occlude_channels(identify, epochs, model.evoked_)
    assert by_channel.plot(show=False).axes[0].images
    by_channel.change_map = None  # as of channels that no head can show
    axes = by_channel.plot(show=False).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == CHANNELS


def test_mcnemar_by_hand():
    a = np.array([True] * 9 + [False] * 2 + [True] * 5)
    b = np.array([False] * 9 + [True] * 2 + [True] * 5)
    assert_allclose(_mcnemar(a, b), binomtest(2, 11).pvalue)
    assert _mcnemar(a, a) == 1


def test_bad_input(brain):
    model, identify, epochs, _ = brain
    with pytest.raises(ValueError, match="kind"):
        mne_brainae.occlude_times(identify, epochs, model.evoked_, kind="point")
    for window, step in ((0.001, None), (1.0, None), (0.1, 0.001)):
        with pytest.raises(ValueError, match="between one sample"):
            mne_brainae.occlude_times(
                identify, epochs, model.evoked_, window=window, step=step
            )
    with pytest.raises(ValueError, match="these do not: 'Cz'"):
        mne_brainae.occlude_channels(
            identify, epochs, model.evoked_, regions={"central": ["Cz"]}
        )
    with pytest.raises(TypeError, match="identify must return"):
        mne_brainae.occlude_times(model.embed_epochs, epochs, model.evoked_)
    with pytest.raises(ValueError, match="Crop or resample"):
        mne_brainae.occlude_times(
            identify, epochs, model.evoked_.copy().crop(0.0), window=0.05
        )
