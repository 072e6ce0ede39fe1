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
    mean, band = "prediction, mean of channels", "prediction, quartiles of channels"
    assert set(drawn) == {mean, band, "mean response"}
    assert_allclose(drawn[mean].get_ydata(), r_map.data.mean(axis=0))
    low, high = np.percentile(r_map.data, (25, 75), axis=0)
    ends = drawn[band].get_paths()[0].vertices[:, 1]
    assert_allclose([ends.min(), ends.max()], [low.min(), high.max()])
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
    courses = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 20]
    for row in response.data:
        assert any(np.allclose(course, scale * row) for course in courses)
    assert [list(line.get_xdata()) for line in axes.lines].count([0, 0]) == 1


def test_types_of_channels_are_not_mixed():
    response = evoked(["mag", "mag", "eeg", "eeg"])
    figure = viz.plot_mean_response(response, show=False)
    assert [axes.get_ylabel() for axes in figure.axes] == ["fT", "µV"]
    with pytest.raises(ValueError, match="2 channel types need as many axes, got 1"):
        viz.plot_mean_response(response, axes=figure.axes[0], show=False)


def on_head(kinds=("eeg",), n_times=20, unit=1e-6):
    """Return a response of five channels of every type at known places."""
    places = mne.channels.make_standard_montage("biosemi64").get_positions()
    names = ["Oz", "O1", "O2", "Pz", "Fz"]
    all_names = [f"{name} {kind}" for kind in kinds for name in names]
    of_each = [kind for kind in kinds for _ in names]
    info = mne.create_info(all_names, 100.0, of_each)
    for channel in info["chs"]:
        channel["loc"][:3] = places["ch_pos"][channel["ch_name"].split()[0]]
    data = np.random.default_rng(0).standard_normal((len(all_names), n_times))
    return mne.EvokedArray(unit * data, info, -0.05)


def test_comparison_has_one_scale_and_one_color_bar():
    response = on_head()
    louder = response.copy()
    louder.data *= 2
    figure = viz.plot_comparison(response, louder, times=[0.0, 0.1], show=False)
    maps = [axes.images[0] for axes in figure.axes if axes.images]
    shown = response.time_as_index([0.0, 0.1], use_rounding=True)
    most = 2e6 * np.abs(response.data[:, shown]).max()
    assert len(maps) == 4
    for image in maps:
        assert_allclose(image.get_clim(), (-most, most))
    assert [axes.get_ylabel() for axes in figure.axes].count("µV") == 2
    courses = [axes for axes in figure.axes if axes.get_xlabel() == "time (s)"]
    assert courses[0].get_ylim() == courses[1].get_ylim()


def test_comparison_of_every_type_and_of_one_time():
    both = on_head(("eeg", "hbo"))
    labels = {axes.get_ylabel() for axes in viz.plot_comparison(both, both).axes}
    assert {"measured, eeg", "predicted, hbo", "µV", "µM"} <= labels
    one = on_head(n_times=1)
    figure = viz.plot_comparison(one, one, show=False)
    assert not any(axes.get_xlabel() == "time (s)" for axes in figure.axes)
    neurons = evoked(["seeg"] * 3, n_times=1)
    (axes,) = viz.plot_comparison(neurons, neurons, show=False).axes
    assert_allclose(axes.lines[0].get_ydata(), 1e6 * neurons.data[:, 0])


def test_channels_of_a_pair_are_averaged_over_the_head():
    """The root mean square that MNE-Python draws of gradiometers has no sign."""
    info = mne.create_info([f"G{i}" for i in range(10)], 100.0, "grad")
    for number, channel in enumerate(on_head().info["chs"]):
        for of_pair in info["chs"][2 * number : 2 * number + 2]:
            of_pair["loc"][:3] = channel["loc"][:3]
    values = np.array([-1.0, -3.0] + 8 * [0.0])
    r_map = mne.EvokedArray(values[:, None] * np.ones(2), info)
    figure = viz.plot_channel_scores(r_map, show=False)
    image = figure.axes[0].images[0]
    assert_allclose(image.get_clim(), (-3, 3))
    assert -2 <= np.nanmin(image.get_array()) < -1
    assert figure.axes[-1].get_ylabel() == "r over images"


def test_scores_of_channels_without_a_head():
    r_map = evoked(["seeg"] * 3, scale=1.0)
    axes = viz.plot_channel_scores(r_map, r_map, show=False).axes[0]
    drawn = lines_of(axes)
    assert set(drawn) == {"prediction", "noise ceiling", "mean response"}
    best_first = np.sort(r_map.data.mean(axis=1))[::-1]
    assert_allclose(drawn["prediction"].get_ydata(), best_first)


def test_change_of_accuracy_over_the_head():
    change = on_head(n_times=1)
    change.data = np.array([[-0.5], [0.0], [0.0], [0.1], [0.0]])
    table = pd.DataFrame({"part": change.ch_names, "p_change": [0.01, 1, 1, 1, 1]})
    given = {"kind": "channel", "whole": 0.8, "chance": 0.1, "show": False}
    figure = viz.plot_occlusion(table, change_map=change, **given)
    assert_allclose(figure.axes[0].images[0].get_clim(), (-50, 50))
    assert figure.axes[0].get_title().endswith("whole response 80 %, chance 10 %")
    assert figure.axes[1].get_ylabel() == "change of accuracy (percentage points)"


def test_power_shares_its_scale():
    info = on_head().info
    measured = pd.DataFrame({"alpha": np.full(5, 1e-12)}, index=info["ch_names"])
    figure = viz.plot_band_power(measured, measured / 100, info, show=False)
    for axes in figure.axes[:2]:
        assert_allclose(axes.images[0].get_clim(), (-20, 0), atol=1e-9)
    assert figure.axes[2].get_xlabel() == "dB re 1 (µV)²/Hz"


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
    assert_allclose(drawn["top-1, mean of draws"].get_ydata(), [30, 60])
    assert ("top-5, mean of draws" in drawn) == (top_5 == 0.9)
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
