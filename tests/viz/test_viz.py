"""Plots show the numbers that they are given, in units that a reader knows."""

import mne
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from PIL import Image

from mne_brainae import viz


def lines_of(axes):
    """Return the lines of a legend by their labels."""
    return dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))


def evoked(kinds, n_times=20, tmin=-0.05, scale=1e-6):
    info = mne.create_info([f"{i}" for i in range(len(kinds))], 100.0, kinds)
    data = scale * np.random.default_rng(0).standard_normal((len(kinds), n_times))
    return mne.EvokedArray(data, info, tmin, comment="measured")


def test_every_public_plot_is_there():
    assert all(callable(getattr(viz, name)) for name in viz.__all__)
    assert list(viz.__all__) == sorted(viz.__all__)


def test_encoding_scores_without_a_ceiling():
    r_map = evoked(["eeg"] * 3, scale=0.3)
    axes = viz.plot_encoding_scores(r_map, show=False).axes[0]
    drawn = lines_of(axes)
    assert set(drawn) == {"prediction", "mean response"}
    assert_allclose(drawn["prediction"].get_ydata(), r_map.data.mean(axis=0))
    assert_allclose(drawn["mean response"].get_ydata(), 0)


def test_onset_is_drawn_within_the_window_only():
    def onsets(tmin):
        figure = viz.plot_encoding_scores(evoked(["eeg"], tmin=tmin), show=False)
        lines = [line.get_xdata() for line in figure.axes[0].lines]
        return [x for x in lines if len(x) == 2 and list(x) == [0, 0]]

    assert len(onsets(-0.05)) == 1
    assert onsets(0.05) == []


@pytest.mark.parametrize(
    ("kinds", "scale", "unit"),
    [
        (["eeg"] * 2, 1e6, "µV"),
        (["mag"] * 2, 1e15, "fT"),
        (["grad"] * 2, 1e13, "fT/cm"),
        (["seeg"] * 2, 1e6, "µV"),
    ],
)
def test_mean_response_in_its_unit(kinds, scale, unit):
    response = evoked(kinds)
    axes = viz.plot_mean_response(response, show=False).axes[0]
    assert axes.get_ylabel() == unit
    spread = lines_of(axes)["GFP"].get_ydata()
    assert_allclose(spread, scale * response.data.std(axis=0))


def test_types_of_channels_are_not_mixed():
    response = evoked(["mag", "mag", "eeg", "eeg"])
    drawn = lines_of(viz.plot_mean_response(response, show=False).axes[0])
    assert_allclose(
        drawn["GFP, mag (fT)"].get_ydata(), 1e15 * response.data[:2].std(axis=0)
    )
    assert_allclose(
        drawn["GFP, eeg (µV)"].get_ydata(), 1e6 * response.data[2:].std(axis=0)
    )


def test_comparison_says_the_range_of_its_maps():
    info = mne.create_info(["Oz", "O1", "O2", "Pz", "Fz"], 100.0, "eeg")
    info.set_montage("biosemi64")
    data = 1e-6 * np.random.default_rng(0).standard_normal((5, 20))
    response = mne.EvokedArray(data, info, -0.05)
    figure = viz.plot_comparison(response, response, show=False)
    limit = f"{1e6 * np.abs(data).max():.3g}"
    assert [f.get_suptitle() for f in figure.subfigs[:2]] == [
        f"{name}, -{limit} to {limit} µV" for name in ("measured", "predicted")
    ]


def test_identification():
    table = pd.DataFrame(
        {"accuracy": [0.5, 0.75, 1.0], "chance": [1 / 3, 2 / 3, 1.0]}, index=[1, 2, 3]
    )
    axes = viz.plot_identification(table, title="retrieval", show=False).axes[0]
    drawn = lines_of(axes)
    assert_allclose(drawn["brain"].get_xdata(), [1, 2, 3])
    assert_allclose(drawn["brain"].get_ydata(), [50, 75, 100])
    assert_allclose(drawn["chance"].get_ydata(), 100 * table["chance"])
    assert axes.get_title() == "retrieval"


@pytest.mark.parametrize("top_5", [0.9, np.nan])
def test_averages(top_5):
    table = pd.DataFrame(
        {
            "n_averaged": [1, 1, 4],
            "top_1": [0.2, 0.4, 0.6],
            "top_5": top_5,
            "chance": 0.1,
        }
    )
    axes = viz.plot_averages(table, show=False).axes[0]
    drawn = lines_of(axes)
    assert_allclose(drawn["top-1"].get_ydata(), [30, 60])
    assert ("top-5" in drawn) == (top_5 == 0.9)
    assert_allclose(drawn["chance of top-1"].get_ydata(), 10)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "4"]


def test_subjects_have_the_reference_first():
    scores = pd.DataFrame({"best": [0.5, 0.7], "linear": [0.4, 0.5]})
    axes = viz.plot_subjects(scores, "linear", show=False).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["linear", "best"]
    assert_allclose(lines_of(axes)["mean of linear"].get_ydata(), 0.45)
    assert_allclose(axes.lines[0].get_ydata(), [0.4, 0.5])


def test_similarity():
    index = pd.MultiIndex.from_tuples([("power", "alpha"), ("pli", "beta")])
    table = pd.DataFrame({"prediction": [0.9, 0.2], "mean response": [0.8, 0]}, index)
    axes = viz.plot_similarity(table, show=False).axes[0]
    drawn = lines_of(axes)
    for column in table:
        assert_allclose(drawn[column].get_xdata(), table[column])
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["power: alpha", "pli: beta"]


def test_rdm_comparison():
    null = np.random.default_rng(0).normal(0, 0.1, 200)
    axes = viz.plot_rdm_comparison(0.4, null, show=False).axes[0]
    assert_allclose(lines_of(axes)["r = 0.40"].get_xdata(), 0.4)
    assert sum(patch.get_height() for patch in axes.patches) == 200


def test_sheet():
    figure = viz.plot_sheet(Image.new("RGB", (6, 4), "red"), show=False)
    assert isinstance(figure, Figure)
    assert figure.axes[0].images[0].get_array().shape == (4, 6, 3)


def test_matrices_have_a_color_bar_with_a_name():
    table = pd.DataFrame(np.eye(3), list("abc"), list("abc"))
    figure = viz.plot_matrices(table, table, label="Pearson r", show=False)
    assert figure.axes[-1].get_ylabel() == "Pearson r"
