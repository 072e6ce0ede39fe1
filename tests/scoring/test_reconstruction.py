"""Scores of reconstruction against loops, and against what is simple."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from scipy.stats import pearsonr

import mne_brainae
from mne_brainae.preprocessing.scaling import Scaler
from mne_brainae.scoring.reconstruction import _compare


@pytest.fixture(scope="module")
def closed(recording):
    return mne_brainae.fit(*recording, recipe="linear", verbose="WARNING")


@pytest.fixture(scope="module")
def scored(closed, recording, unseen):
    epochs = mne_brainae.average_repetitions(unseen[0])
    scores = mne_brainae.score_reconstruction(
        closed,
        epochs,
        recording[0],
        ratios=(0.3, 0.6),
        block_length=0.05,
        identify=lambda epochs: closed.retrieve(epochs, unseen[1]),
        random_state=0,
    )
    return scores, epochs


def test_against_loops():
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((5, 3, 8)).astype(np.float32)
    guess = (whole + rng.standard_normal(whole.shape)).astype(np.float32)
    missing = rng.random(whole.shape) < 0.4
    mean = rng.standard_normal((3, 8)).astype(np.float32)
    sd = np.array([[0.5], [1.0], [2.0]], np.float32)
    found = _compare(whole, guess, missing, Scaler(mean, sd), 1.0)
    for name, where in (
        ("r_all", np.ones_like(missing)),
        ("r_missing", missing),
        ("r_visible", ~missing),
    ):
        r = [
            pearsonr(a[m], b[m]).statistic
            for a, b, m in zip(whole, guess, where, strict=True)
        ]
        assert_allclose(found[name], np.mean(r), rtol=1e-5)
    of_guess = (((whole - guess) / sd)[missing] ** 2).mean()
    of_mean = (((whole - mean) / sd)[missing] ** 2).mean()
    assert_allclose(found["skill"], 1 - of_guess / of_mean, rtol=1e-4)


@pytest.mark.stochastic
def test_table(scored):
    scores, epochs = scored
    table = scores.to_data_frame()
    assert len(table) == 4 * 2 * 3
    by_system = table.set_index("system")
    assert_allclose(by_system.loc["mean response", "skill"], 0, atol=1e-6)
    assert by_system.loc["mean response", "top_1"].isna().all()
    assert_allclose(by_system.loc["probabilistic PCA", "r_visible"], 1, atol=1e-5)
    drawn = table[table["kind"].isin(["random", "temporal"])].set_index("system")
    for system in ("model", "probabilistic PCA"):
        assert (drawn.loc[system, "skill"] > 0.3).all()
        assert (drawn.loc[system, "top_1"] > 5 / len(epochs)).all()
        assert (drawn.loc[system, "r_missing"] > 0.5).all()
    ratios = table[table["system"] == "model"].pivot_table("skill", "kind", "ratio")
    assert (ratios[0.3] > ratios[0.6]).loc[["random", "spatial"]].all()
    assert "seed: 0" in repr(scores)


def test_same_seed_same_masks(closed, scored):
    scores, epochs = scored
    again = mne_brainae.score_reconstruction(
        closed,
        epochs,
        kinds=["random"],
        ratios=[0.3],
        block_length=0.05,
        random_state=0,
    )
    assert list(again.table["system"]) == ["model", "mean response"]
    columns = list(again.table.columns)
    assert "top_1" not in columns
    first = scores.table[scores.table["kind"] == "random"].iloc[:2][columns]
    pd.testing.assert_frame_equal(again.table, first.reset_index(drop=True))


def test_scale_of_a_channel_does_not_matter(closed, recording, unseen):
    """Skill is the same in volts as in microvolts, channel by channel."""
    gain = np.geomspace(1e-3, 1e3, 16)[:, None]

    def louder(epochs):
        epochs = epochs.copy()
        epochs.get_data(copy=False)[:] *= gain
        return epochs

    options = {"kinds": ["random"], "ratios": [0.5], "random_state": 0}
    model = mne_brainae.fit(
        louder(recording[0]), recording[1], recipe="linear", verbose="WARNING"
    )
    one, two = (
        mne_brainae.score_reconstruction(*given, **options).table["skill"]
        for given in (
            (closed, unseen[0], recording[0]),
            (model, louder(unseen[0]), louder(recording[0])),
        )
    )
    assert_allclose(one, two, atol=0.01)


def test_plot(scored):
    figure = scored[0].plot(show=False)
    assert isinstance(figure, Figure)
    assert [axes.get_title() for axes in figure.axes] == list(
        scored[0].table["kind"].unique()
    )
    with pytest.raises(ValueError, match="score"):
        scored[0].plot("kind")


def test_bad_input(closed, unseen):
    epochs = unseen[0]
    with pytest.raises(ValueError, match="kinds"):
        mne_brainae.score_reconstruction(closed, epochs, kinds=["all"])
    with pytest.raises(TypeError, match="model"):
        mne_brainae.score_reconstruction(closed.predict_epochs, epochs)
    with pytest.raises(ValueError, match="ratio"):
        mne_brainae.score_reconstruction(closed, epochs, ratios=[1.0])
    broken = epochs.copy()
    broken.get_data(copy=False)[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        mne_brainae.score_reconstruction(closed, broken)
