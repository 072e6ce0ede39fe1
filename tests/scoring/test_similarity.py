"""Similarity in time, space and frequency, on sources whose truth is known."""

import mne
import numpy as np
import pandas as pd
import pytest
from mne_connectivity import spectral_connectivity_epochs
from numpy.testing import assert_allclose

import mne_brainae
from mne_brainae import viz
from mne_brainae.scoring import rhythms
from mne_brainae.scoring.rhythms import BANDS, bands_in_window, decibel

SFREQ, N_TIMES = 128.0, 160
N_SOURCES, N_IMAGES = 8, 60


def _sources(rng):
    """Oscillations of known frequency, phase, delay and place, one per feature."""
    times = np.arange(N_TIMES) / SFREQ
    frequency = np.array([5.5, 6.5, 10.0, 11.0, 20.0, 22.0, 37.0, 38.0])
    phase = rng.uniform(0, 2 * np.pi, N_SOURCES)
    peak = rng.uniform(0.4, 0.8, N_SOURCES)
    # A phase lag needs power at every frequency of its band.
    width = np.array([0.1, 0.1, 0.08, 0.08, 0.025, 0.025, 0.015, 0.015])[:, None]
    envelope = np.exp(-((times - peak[:, None]) ** 2) / (2 * width**2))
    return envelope * np.cos(2 * np.pi * frequency[:, None] * times + phase[:, None])


def _epochs(features, noise, rng, n_repetitions=1):
    mixing_rng = np.random.default_rng(7)
    courses = _sources(mixing_rng)
    montage = mne.channels.make_standard_montage("biosemi16")
    info = mne.create_info(montage.ch_names, SFREQ, "eeg").set_montage(montage)
    # Two sources share a frequency, and are mixed into every channel by another angle.
    mixing = mixing_rng.standard_normal((16, N_SOURCES))
    common = mixing_rng.standard_normal((16, 4)) @ courses[1::2]
    truth = common + np.einsum("cs,is,st->ict", mixing, features, courses)
    rows = np.repeat(np.arange(len(features)), n_repetitions)
    data = truth[rows] + noise * rng.standard_normal((len(rows), 16, N_TIMES))
    metadata = pd.DataFrame({"image": features.index[rows]})
    return mne.EpochsArray(1e-6 * data, info, metadata=metadata, verbose=False)


@pytest.fixture(scope="module")
def known():
    """A model, its predictions of new images, their trials and the noise-free truth."""
    rng = np.random.default_rng(0)
    names = [f"image-{i:03d}" for i in range(5 * N_IMAGES)]
    features = pd.DataFrame(
        rng.standard_normal((len(names), N_SOURCES)),
        index=pd.Index(names, name="image"),
    ).astype(np.float32)
    old, new = features[:-N_IMAGES], features[-N_IMAGES:]
    # Regression keeps all frequencies; the closed form keeps those below 10 Hz.
    model = mne_brainae.RidgeModel().fit(_epochs(old, 0.1, rng), old)
    trials = _epochs(new, 0.3, rng, n_repetitions=4)
    return model, model.predict_epochs(new), trials, _epochs(new, 0.0, rng)


REGIONS = {"occipital": ["O1", "Oz", "O2"], "frontal": ["Fp1", "Fz", "Fp2"]}


@pytest.fixture(scope="module")
def similarity(known):
    model, predicted, _, truth = known
    return mne_brainae.score_similarity(
        truth,
        predicted,
        model.evoked_,
        regions=REGIONS,
        methods=("pli", "wpli", "dpli"),
    )


def test_prediction_is_like_the_noise_free_truth(similarity):
    table = similarity.table["prediction"]
    assert (table >= 0.9).all(), table.to_string()
    expected = [("time course", region) for region in REGIONS]
    expected += [("power", band) for band in BANDS]
    expected += [("channel correlation", "channels")]
    phases = ("theta", "alpha", "beta", "gamma")
    expected += [
        (method, band) for method in ("pli", "wpli", "dpli") for band in phases
    ]
    assert list(table.index) == expected


def test_mean_response_is_reported_and_below(similarity):
    mean = similarity.table["mean response"]
    assert (mean < similarity.table["prediction"]).all()
    # Identical epochs have the same lag in all of them, between all channels.
    assert (mean.loc["pli"] == 0).all()
    assert mean.loc["time course"].abs().max() > 0.1


def test_noise_lowers_similarity(known, similarity):
    model, predicted, trials, _ = known
    noisy = mne_brainae.score_similarity(trials, predicted, model.evoked_)
    assert (
        noisy.table.loc[("pli", "alpha"), "prediction"]
        < (similarity.table.loc[("pli", "alpha"), "prediction"])
    )
    assert noisy.protocol["repetitions averaged"] == "4 to 4"
    assert list(noisy.regions) == ["all channels"]


def test_order_and_surplus_of_predictions_do_not_matter(known):
    model, predicted, _, truth = known
    order = np.random.default_rng(0).permutation(len(predicted))
    kinds = {"methods": ("pli",)}
    first = mne_brainae.score_similarity(truth, predicted, model.evoked_, **kinds)
    other = mne_brainae.score_similarity(
        truth, predicted[order], model.evoked_, **kinds
    )
    pd.testing.assert_frame_equal(first.table, other.table)
    some = mne_brainae.score_similarity(truth[:20], predicted, model.evoked_, **kinds)
    assert some.protocol["images"] == 20


@pytest.mark.parametrize("method", ["pli", "wpli", "dpli"])
def test_phase_lag_is_that_of_mne_connectivity(known, method):
    truth = known[-1]
    found = mne_brainae.phase_lag(truth, method=method, bands={"alpha": (8, 13)})
    lower = spectral_connectivity_epochs(
        truth.get_data(copy=True),
        method=method,
        sfreq=SFREQ,
        mode="fourier",
        fmin=8,
        fmax=13,
        faverage=True,
        verbose="ERROR",
    ).get_data("dense")[..., 0]
    whole = found["alpha"].to_numpy()
    below = np.tril_indices(16, -1)
    assert_allclose(whole[below], lower[below], atol=1e-5)
    turned = 1 - whole.T if method == "dpli" else whole.T
    assert_allclose(whole[below], turned[below])
    assert_allclose(np.diag(whole), 0.5 if method == "dpli" else 0)
    assert list(found["alpha"].index) == truth.ch_names


def test_directed_lag_says_which_channel_leads():
    times = np.arange(256) / 128
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, (20, 1))
    first = np.cos(2 * np.pi * 10 * times + phase)
    second = np.cos(2 * np.pi * 10 * (times - 0.01) + phase)  # 10 ms later
    info = mne.create_info(["early", "late"], 128.0, "eeg")
    epochs = mne.EpochsArray(np.stack([first, second], axis=1), info, verbose=False)
    lag = mne_brainae.phase_lag(epochs, method="dpli", bands={"alpha": (8, 13)})
    assert lag["alpha"].loc["early", "late"] > 0.9
    assert lag["alpha"].loc["late", "early"] < 0.1


def test_channel_correlation_is_that_of_numpy(known):
    trials = known[2]
    found = mne_brainae.channel_correlation(trials)
    data = trials.get_data(copy=True).transpose(1, 0, 2).reshape(16, -1)
    assert_allclose(found, np.corrcoef(data), atol=1e-6)
    flat = trials.copy()
    flat.get_data(copy=False)[:, 3] = 2e-6
    found = mne_brainae.channel_correlation(flat, picks=[3, 4])
    assert list(found.index) == flat.ch_names[3:5]
    assert found.iloc[0, 1] == 0


@pytest.mark.parametrize("block", [rhythms.BLOCK, 3])
def test_band_power_is_that_of_mne_python(known, block, monkeypatch):
    """All epochs at a time, or a few, against one channel of one epoch at a time."""
    monkeypatch.setattr(rhythms, "BLOCK", block)
    truth = known[-1]
    found = mne_brainae.band_power(truth, bands={"alpha": (8, 13)})
    spectrum = truth.compute_psd("welch", n_fft=N_TIMES)
    density, frequencies = spectrum.get_data(return_freqs=True)
    in_band = (frequencies >= 8) & (frequencies < 13)
    expected = density[..., in_band].mean(axis=(0, 2))
    assert_allclose(found["alpha"], expected, rtol=1e-6)
    assert list(found.index) == truth.ch_names


@pytest.mark.parametrize(
    ("seconds", "n_cycles", "kept"),
    [
        (1.0, 1, ["delta", "theta", "alpha", "beta", "gamma"]),
        (1.0, 5, ["alpha", "beta", "gamma"]),
        (0.2, 1, ["alpha", "beta", "gamma"]),
        (0.2, 5, ["gamma"]),
        (0.02, 1, []),
    ],
)
def test_bands_that_the_window_cannot_hold(seconds, n_cycles, kept):
    info = mne.create_info(2, 1000.0, "eeg")
    found, left_out = bands_in_window(info, round(1000 * seconds), None, n_cycles)
    assert list(found) == kept
    assert set(left_out) == set(BANDS) - set(kept)
    assert all(f"{n_cycles} are needed" in reason for reason in left_out.values())


def test_bands_above_the_recording():
    info = mne.create_info(2, 80.0, "eeg")
    found, left_out = bands_in_window(info, 160, None, 1)
    assert "gamma" not in found
    assert left_out["gamma"] == "the recording ends at 40 Hz, below 45 Hz"
    with pytest.raises(ValueError, match=r"'odd'. must go from"):
        bands_in_window(info, 160, {"odd": (9.0, 9.0)}, 1)


def test_left_out_is_said(known):
    model, predicted, _, truth = known
    short = {"tmin": 0.4, "tmax": 0.6}
    found = mne_brainae.score_similarity(
        truth.copy().crop(**short),
        predicted.copy().crop(**short),
        model.evoked_.copy().crop(**short),
    )
    text = repr(found)
    assert "left out, power in theta: 0.210938 s hold 0.84 cycles of 4 Hz" in text
    assert ("pli", "gamma") in found.table.index
    with pytest.raises(ValueError, match="'band'"):
        found.plot_phase_lag("alpha", show=False)
    with pytest.raises(ValueError, match=r"holds none of the bands \(alpha: 0.210938"):
        mne_brainae.phase_lag(truth.copy().crop(**short), bands={"alpha": (8, 13)})


@pytest.mark.stochastic
def test_one_time_has_no_spectrum(known):
    """Spike counts: correlation between channels, and no band."""
    model, predicted, _, truth = known
    now = {"tmin": 0.5, "tmax": 0.5}
    found = mne_brainae.score_similarity(
        truth.copy().crop(**now),
        predicted.copy().crop(**now),
        model.evoked_.copy().crop(**now),
    )
    assert found.table.loc[("channel correlation", "channels"), "prediction"] > 0.9
    with pytest.raises(ValueError, match="No band fits the window: delta"):
        found.plot_power(show=False)
    with pytest.raises(ValueError, match="No band fits the window: delta"):
        found.plot_circle("alpha", show=False)
    points = found.plot_time_courses(show=False).axes[0].lines[0]
    assert len(points.get_xdata()) == N_IMAGES


def test_bad_input(known):
    model, predicted, _, truth = known
    with pytest.raises(ValueError, match=r"regions.'nowhere'. names channels.*Cz9"):
        mne_brainae.score_similarity(
            truth, predicted, model.evoked_, regions={"nowhere": ["Cz9"]}
        )
    with pytest.raises(ValueError, match=r"regions.'empty'. has no channels"):
        mne_brainae.score_similarity(
            truth, predicted, model.evoked_, regions={"empty": []}
        )
    with pytest.raises(ValueError, match="methods"):
        mne_brainae.score_similarity(truth, predicted, model.evoked_, methods=("coh",))
    with pytest.raises(ValueError, match="needs at least two, got 1"):
        mne_brainae.phase_lag(truth[:1])
    with pytest.raises(TypeError, match="epochs must be"):
        mne_brainae.band_power(truth.average())
    broken = truth.copy()
    broken.get_data(copy=False)[2, 0, 0] = np.nan
    with pytest.raises(ValueError, match="epochs must be finite"):
        mne_brainae.channel_correlation(broken)


def test_decibel():
    assert_allclose(decibel([1.0, 0.1, 0.0]), [0, -10, -300])
    assert_allclose(decibel([0.0, 0.0]), -300)


def test_plots_show_what_was_compared(similarity):
    figure = similarity.plot_time_courses(show=False)
    assert len(figure.axes) == 2
    for ax, region in zip(figure.axes, REGIONS, strict=True):
        r = similarity.table.loc[("time course", region), "prediction"]
        mean = similarity.table.loc[("time course", region), "mean response"]
        title = f"{region}: r = {r:.2f} (mean response {mean:.2f})"
        assert ax.get_title() == title
        drawn = {line.get_label(): line for line in ax.lines}
        epochs = similarity.predicted["epochs"]
        expected = 1e6 * epochs.get_data(picks=REGIONS[region]).mean(axis=(0, 1))
        found = next(
            line for name, line in drawn.items() if name.startswith("predicted")
        )
        assert_allclose(found.get_ydata(), expected, atol=1e-6)
    figure = similarity.plot_correlation(show=False)
    images = [ax.images[0].get_array() for ax in figure.axes[:2]]
    assert_allclose(images[0], similarity.measured["correlation"])
    assert_allclose(images[1], similarity.predicted["correlation"])
    figure = similarity.plot_phase_lag("alpha", method="dpli", show=False)
    assert_allclose(
        figure.axes[1].images[0].get_array(), similarity.predicted["dpli"]["alpha"]
    )
    r = similarity.table.loc[("dpli", "alpha"), "prediction"]
    assert f"dpli, alpha: r = {r:.2f}" in figure.get_suptitle()
    assert len(similarity.plot_power(show=False).axes) == 3 * len(BANDS)
    figure = similarity.plot_circle("alpha", n_lines=10, show=False)
    assert [ax.get_title() for ax in figure.axes[:2]] == ["measured", "predicted"]
    table = similarity.to_data_frame()
    table.iloc[:] = 0
    assert (similarity.table["prediction"] != 0).all()


def test_plots_into_axes(similarity):
    import matplotlib.pyplot as plt

    own, axes = plt.subplots(1, 2)
    assert similarity.plot_time_courses(axes=axes, show=False) is own
    own, axes = plt.subplots(2, 5)
    assert similarity.plot_power(axes=axes, show=False) is own
    own, axes = plt.subplots(1, 2)
    assert similarity.plot_correlation(axes=axes, show=False) is own
    with pytest.raises(ValueError, match="2 regions need as many axes"):
        similarity.plot_time_courses(axes=axes[:1], show=False)


def test_power_without_positions(similarity):
    info = mne.create_info(similarity.measured["epochs"].ch_names, SFREQ, "seeg")
    figure = viz.plot_band_power(
        similarity.measured["power"], similarity.predicted["power"], info, show=False
    )
    drawn = figure.axes[0].lines[0].get_ydata()
    power = 1e12 * similarity.measured["power"]["delta"]
    assert_allclose(drawn, 10 * np.log10(power))
    assert figure.axes[0].get_ylim() == figure.axes[len(BANDS)].get_ylim()


def test_area_maps():
    """One value per electrode, on the layout of the arrays."""
    names = [f"{area}_{i}" for area in ("V1", "V4", "IT") for i in range(16)]
    grid = np.array([(x, y, 0.0) for x in range(4) for y in range(4)]) * 4e-4
    places = np.concatenate([grid + np.array([x, 0, 0]) for x in (0, 0.01, 0.02)])
    info = mne.create_info(names, 100.0, "seeg")
    montage = mne.channels.make_dig_montage(
        dict(zip(names, places, strict=True)), coord_frame="head"
    )
    values = np.arange(48.0)[:, None] * np.array([1.0, 3.0])
    evoked = mne.EvokedArray(values, info, comment="r")
    areas = {area: [n for n in names if n.startswith(area)] for area in ("V1", "IT")}
    with pytest.raises(ValueError, match="no channel positions"):
        viz.plot_area_maps(evoked, areas, show=False)
    evoked.set_montage(montage)
    of_r = {"scalings": 1, "units": "r", "show": False}
    figure = viz.plot_area_maps(evoked, areas, time=0.01, **of_r)
    assert figure.axes[-1].get_ylabel() == "r"
    dots = figure.axes[1].collections[0]
    assert_allclose(dots.get_array(), values[32:, 1])
    assert_allclose(dots.get_offsets(), places[32:, :2], atol=1e-6)
    assert figure.axes[1].get_title() == f"IT: mean {values[32:, 1].mean():.3g}"
    figure = viz.plot_area_maps(evoked, areas, show=False)
    assert_allclose(
        figure.axes[0].collections[0].get_array(), 1e6 * values[:16].mean(axis=1)
    )
    assert figure.axes[-1].get_ylabel() == "µV"


def test_circle_of_equal_lags():
    """Few epochs may give many pairs the same lag."""
    names = list("abcd")
    lag = pd.DataFrame(1.0 - np.eye(4), index=names, columns=names)
    figure = viz.plot_connectivity_circles(lag, lag / 2, n_lines=3, show=False)
    assert [ax.get_title() for ax in figure.axes[:2]] == ["measured", "predicted"]


def test_a_band_between_two_frequencies_is_left_out(known):
    """A window of n samples has frequencies sfreq / n apart."""
    truth = known[3]
    step = truth.info["sfreq"] / len(truth.times)
    narrow = (3.2 * step, 3.8 * step)
    with pytest.raises(ValueError, match="none lies between"):
        mne_brainae.band_power(truth, bands={"narrow": narrow})
    whole = (3.2 * step, 4.8 * step)
    power = mne_brainae.band_power(truth, bands={"narrow": narrow, "whole": whole})
    assert list(power) == ["whole"]
