"""Scores against loops, and the noise ceiling against a known truth."""

from itertools import combinations

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import pearsonr, wilcoxon

import mne_brainae
from mne_brainae.scoring import correlation
from mne_brainae.scoring.correlation import correlate, correlate_resampled, standardize
from mne_brainae.scoring.encoding import written
from mne_brainae.scoring.noise_ceiling import split_halves

N_IMAGES, N_CHANNELS, N_TIMES = 40, 6, 20


def as_epochs(data, names):
    info = mne.create_info(N_CHANNELS, 100.0, "eeg")
    return mne.EpochsArray(data, info, metadata=pd.DataFrame({"image": names}))


def simulate(noise, n_repetitions, seed=0):
    """Return repeated trials and the truth; signal has variance 1, noise its own."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((N_IMAGES, N_CHANNELS, N_TIMES))
    rows = rng.permutation(np.repeat(np.arange(N_IMAGES), n_repetitions))
    data = truth[rows] + noise * rng.standard_normal((len(rows), N_CHANNELS, N_TIMES))
    names = [f"image-{i:02d}" for i in range(N_IMAGES)]
    return as_epochs(data, [names[row] for row in rows]), as_epochs(truth, names)


def flat(epochs, value=0.0):
    shape = (N_CHANNELS, N_TIMES)
    return mne.EvokedArray(np.full(shape, value), epochs.info.copy(), tmin=0.0)


@pytest.fixture(scope="module")
def scored():
    epochs, truth = simulate(1.0, 4)
    rng = np.random.default_rng(9)
    guess = truth.copy()
    data = guess.get_data(copy=False)
    data += 0.8 * rng.standard_normal(data.shape) + 0.3
    baseline = flat(truth)
    baseline.data[:] = rng.standard_normal(baseline.data.shape)
    scores = mne_brainae.score_encoding(
        epochs, guess, baseline, n_splits=5, random_state=0
    )
    return epochs, guess, baseline, scores


def measured_of(epochs, names):
    data, shown = epochs.get_data(copy=True), epochs.metadata["image"].to_numpy()
    return np.array([data[shown == name].mean(axis=0) for name in names])


def test_against_loops(scored):
    epochs, guess, baseline, scores = scored
    names = guess.metadata["image"].tolist()
    measured, predicted = measured_of(epochs, names), guess.get_data(copy=True)
    r, mse, r_base, mse_base = [], [], [], []
    for a, b in zip(measured, predicted, strict=True):
        r.append(pearsonr(a.ravel(), b.ravel()).statistic)
        mse.append(np.mean((a - b) ** 2))
        r_base.append(pearsonr(a.ravel(), baseline.data.ravel()).statistic)
        mse_base.append(np.mean((a - baseline.data) ** 2))
    r_map = np.empty((N_CHANNELS, N_TIMES))
    for channel, time in np.ndindex(*r_map.shape):
        r_map[channel, time] = pearsonr(
            measured[:, channel, time], predicted[:, channel, time]
        ).statistic
    table = scores.table[["r_pattern", "mse", "r_images"]]
    close = {"rtol": 1e-4, "atol": 1e-6}
    assert_allclose(
        table.loc["prediction"], [np.mean(r), np.mean(mse), r_map.mean()], **close
    )
    assert_allclose(
        table.loc["mean response"], [np.mean(r_base), np.mean(mse_base), 0], **close
    )
    per_image = scores.per_image.loc[names]
    assert_allclose(per_image["r_pattern (prediction)"], r, **close)
    assert_allclose(per_image["mse (prediction)"], mse, **close)
    assert_allclose(per_image["r_pattern (mean response)"], r_base, **close)
    assert_allclose(per_image["mse (mean response)"], mse_base, **close)
    assert_allclose(scores.r_map.data, r_map, **close)
    assert isinstance(scores.r_map, mne.Evoked)
    assert_allclose(
        scores.mse_map.data, np.mean((measured - predicted) ** 2, axis=0), **close
    )
    assert_allclose(
        scores.mse_mean_map.data,
        np.mean((measured - baseline.data) ** 2, axis=0),
        **close,
    )


def test_mean_response_scores_zero(scored):
    assert scored[-1].table.loc["mean response", "r_images"] == 0


def test_looks(scored):
    scores = scored[-1]
    text = repr(scores)
    for words in ("noise ceiling", "images: 40", "repetitions averaged: 4 to 4"):
        assert words in text
    low, high = (
        table.loc["prediction", "r_images"] for table in (scores.low, scores.high)
    )
    assert f"[{written(low, 2)}, {written(high, 2)}]" in text
    mse = 1e12 * scores.table.loc["prediction", "mse"]
    assert "mse (µV²)" in text
    assert f" {written(mse, 3)} [" in text
    assert max(map(len, text.splitlines())) <= 100
    axes = scores.plot(show=False).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert_allclose(
        drawn["prediction, mean of channels"], scores.r_map.data.mean(axis=0)
    )
    ceiling = drawn["noise ceiling, mean of channels"]
    assert_allclose(ceiling, scores.ceiling_map.data.mean(axis=0))


def test_numbers_have_no_needless_exponents():
    numbers = {270.4: "270", 0.05672: "0.057", 3.96e4: "40000", -1.0: "-1", 0.0: "0"}
    for number, text in numbers.items():
        assert written(number, 2) == text
    assert written(1.234e-9, 3) == "1.23e-09"
    assert written(np.nan, 3) == "nan"


def test_tables(scored):
    scores = scored[-1]
    long = scores.to_data_frame().set_index(["score", "of"])
    for score, of in long.index:
        value, low, high = long.loc[(score, of), ["value", "low", "high"]]
        assert value == scores.table.loc[of, score]
        assert low <= value <= high
    assert_allclose(
        long.loc[("r_images", "prediction - mean response"), "value"],
        scores.r_map.data.mean(),
    )
    share = scores.table.loc["prediction"] / scores.table.loc["noise ceiling"]
    assert_allclose(
        scores.table.loc["prediction / noise ceiling", "r_half"], share["r_half"]
    )
    pd.testing.assert_frame_equal(scores.to_data_frame("image"), scores.per_image)
    by_channel, by_time = scores.to_data_frame("channel"), scores.to_data_frame("time")
    assert list(by_channel.index) == scores.r_map.ch_names
    assert_allclose(by_time.index, scores.r_map.times)
    maps = {
        "r_images": scores.r_map,
        "r_half": scores.r_half_map,
        "noise ceiling": scores.ceiling_map,
        "mse": scores.mse_map,
        "mse (mean response)": scores.mse_mean_map,
    }
    for name, evoked in maps.items():
        assert_allclose(by_channel[name], evoked.data.mean(axis=1))
        assert_allclose(by_time[name], evoked.data.mean(axis=0))
    with pytest.raises(ValueError, match="The 'by' parameter"):
        scores.to_data_frame("epoch")


def test_half_of_the_repetitions():
    """Gifford's score, its ceiling and bounds against loops over the same halves."""
    epochs, guess = simulate(1.0, 5)
    scores = mne_brainae.score_encoding(
        epochs, guess, flat(guess), n_splits=7, n_bootstraps=0, random_state=3
    )
    names = list(epochs.metadata["image"].unique())
    codes = pd.Index(names).get_indexer(epochs.metadata["image"])
    rng = np.random.default_rng(3)
    rng.multinomial(N_IMAGES, np.full(N_IMAGES, 1 / N_IMAGES), 0)
    trials = epochs.get_data(copy=True).astype(np.float32)
    whole = measured_of(epochs, names)
    predicted = guess.get_data(copy=True)
    predicted = predicted[[guess.metadata["image"].tolist().index(n) for n in names]]
    found = {"own": [], "lower": [], "upper": []}
    for first, second in split_halves(trials, codes, 7, rng):
        for key, other in (("own", predicted), ("lower", second), ("upper", whole)):
            found[key].append(
                np.mean(
                    [
                        pearsonr(first[:, c, t], other[:, c, t]).statistic
                        for c in range(N_CHANNELS)
                        for t in range(N_TIMES)
                    ]
                )
            )
    column = scores.table["r_half"]
    assert_allclose(column["prediction"], np.mean(found["own"]), atol=1e-5)
    lower, upper = "lower bound of the ceiling", "upper bound of the ceiling"
    assert_allclose(column[lower], np.mean(found["lower"]), atol=1e-5)
    assert_allclose(column[upper], np.mean(found["upper"]), atol=1e-5)
    assert column[lower] < column["prediction"] < column[upper]


@pytest.mark.parametrize("n_trials", [2, 5, 8])
def test_halves(n_trials):
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(3), n_trials))
    data = rng.standard_normal((len(codes), 2, 4)).astype(np.float32)
    halves = list(split_halves(data, codes, 12, np.random.default_rng(1)))
    assert len(halves) == 12
    n_first = n_trials // 2
    for first, second in halves:
        for code in range(3):
            rows = data[codes == code]
            whole = (n_first * first[code] + (n_trials - n_first) * second[code]) / (
                n_trials
            )
            assert_allclose(whole, rows.mean(axis=0), atol=1e-6)
            possible = [
                rows[list(some)].mean(axis=0)
                for some in combinations(range(n_trials), n_first)
            ]
            distance = [np.abs(first[code] - mean).max() for mean in possible]
            assert min(distance) < 1e-6


@pytest.mark.parametrize(
    ("noise", "n_repetitions"), [(1.0, 2), (1.0, 10), (2.0, 8), (0.1, 4)]
)
def test_known_ceiling(noise, n_repetitions):
    epochs, truth = simulate(noise, n_repetitions)
    scores = mne_brainae.score_encoding(
        epochs, truth, flat(truth), n_splits=20, random_state=0
    )
    expected = np.sqrt(1 / (1 + noise**2 / n_repetitions))
    ceiling = scores.table.loc["noise ceiling"]
    assert_allclose(ceiling[["r_pattern", "r_images"]].tolist(), expected, atol=0.03)
    # what a perfect model reaches is what the truth reaches
    found = scores.table.loc["prediction", ["r_pattern", "r_images"]].tolist()
    assert_allclose(found, ceiling[["r_pattern", "r_images"]].tolist(), atol=0.03)
    assert scores.ceiling_map.data.shape == (N_CHANNELS, N_TIMES)
    assert_allclose(scores.ceiling_map.data.mean(), expected, atol=0.05)
    mse = scores.table.loc["prediction", "mse"]
    assert_allclose(mse, noise**2 / n_repetitions, rtol=0.1)
    assert_allclose(scores.table.loc["noise ceiling", "mse"], mse, rtol=0.1)
    half = np.sqrt(1 / (1 + noise**2 / (n_repetitions // 2)))
    found = scores.table["r_half"]
    assert_allclose(found[["prediction", "noise ceiling"]].tolist(), half, atol=0.03)
    assert_allclose(found["prediction / noise ceiling"], 1, atol=0.03)


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_a_score_above_its_ceiling_is_explained(error):
    """The truth as prediction is at the ceiling, here by chance above it."""
    epochs, guess = simulate(2.0, 4)
    data = guess.get_data(copy=False)
    data += error * np.random.default_rng(1).standard_normal(data.shape)
    scores = mne_brainae.score_encoding(
        epochs, guess, flat(guess), n_splits=4, n_bootstraps=0, random_state=0
    )
    is_above = (scores.table.loc["prediction / noise ceiling"] > 1).any()
    assert is_above == (error == 0)
    assert ("above 1 by chance: the ceiling is estimated" in repr(scores)) == is_above


def test_ceiling_where_few_channels_respond():
    """Silent channels lower the mean ceiling as they lower the mean score."""
    epochs, truth = simulate(1.0, 8)
    rng = np.random.default_rng(4)
    silent = slice(1, None)
    data = epochs.get_data(copy=False)
    data[:, silent] = rng.standard_normal(data[:, silent].shape)
    truth.get_data(copy=False)[:, silent] = 1e-3 * rng.standard_normal(
        (N_IMAGES, N_CHANNELS - 1, N_TIMES)
    )
    scores = mne_brainae.score_encoding(epochs, truth, flat(truth), random_state=0)
    expected = np.sqrt(1 / (1 + 1 / 8)) / N_CHANNELS
    for row in ("prediction", "noise ceiling"):
        assert_allclose(scores.table.loc[row, "r_images"], expected, atol=0.04)


def test_ceiling_of_noise():
    epochs, truth = simulate(1.0, 4)
    noise = np.random.default_rng(3).standard_normal((len(epochs), N_CHANNELS, N_TIMES))
    epochs = as_epochs(noise, epochs.metadata["image"].to_list())
    scores = mne_brainae.score_encoding(epochs, truth, flat(truth), random_state=0)
    assert abs(scores.table.loc["noise ceiling", "r_images"]) < 0.05


def test_seed_decides():
    epochs, truth = simulate(1.0, 3)
    one, same, other = (
        mne_brainae.score_encoding(
            epochs, truth, flat(truth), n_splits=2, random_state=seed
        ).table.loc["noise ceiling", "r_images"]
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_no_ceiling_without_repetitions():
    epochs, truth = simulate(1.0, 1)
    scores = mne_brainae.score_encoding(epochs, truth, flat(truth))
    assert scores.table.loc["noise ceiling"].isna().all()
    assert scores.ceiling_map is None
    assert scores.r_half_map is None
    found = scores.table.loc["prediction"].drop("r_half")
    assert np.isfinite(found).all()
    assert scores.to_data_frame("time")["noise ceiling"].isna().all()
    assert "lower bound" not in repr(scores)
    scores.plot(show=False)


def test_confidence_interval_covers():
    """Of many recordings about 95 % have the population's score in their interval."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(60):
        names = [f"image-{i:02d}" for i in range(N_IMAGES)]
        truth = rng.standard_normal((N_IMAGES, N_CHANNELS, N_TIMES))
        # The channels and times of an image share a deviation, as real ones do.
        noise = rng.standard_normal((N_IMAGES, 1, 1)) * rng.standard_normal(
            (1, N_CHANNELS, N_TIMES)
        )
        scores = mne_brainae.score_encoding(
            as_epochs(truth + noise, names),
            as_epochs(truth, names),
            flat(as_epochs(truth, names)),
            n_bootstraps=200,
            random_state=0,
            verbose="ERROR",
        )
        spread = np.sqrt(1 + noise.std(axis=0) ** 2)
        expected = np.mean(1 / spread)
        low, high = (
            table.loc["prediction", "r_images"] for table in (scores.low, scores.high)
        )
        covered.append(low <= expected <= high)
    assert 0.85 <= np.mean(covered) <= 1


def test_bootstrap_against_loops(monkeypatch):
    """The mean correlation of resampled images, drawn by hand."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, N_IMAGES, 7))
    a[:, 3] = 2.0
    b += a
    weights = rng.multinomial(N_IMAGES, np.full(N_IMAGES, 1 / N_IMAGES), 5)
    parts = np.array([np.ones(7), np.arange(7) % 2]).astype(bool)
    monkeypatch.setattr(correlation, "COLUMNS", 2)
    found = correlate_resampled(
        standardize(a), standardize(b), weights, (np.positive, np.square), parts
    )
    for resample, counts in enumerate(weights):
        rows = np.repeat(np.arange(N_IMAGES), counts)
        r = correlate(a[rows], b[rows], axis=0)
        for part, chosen in enumerate((r, r[1::2])):
            expected = [chosen.mean(), np.mean(chosen**2)]
            assert_allclose(found[:, part, resample], expected, atol=1e-5)


def test_without_bootstraps(scored):
    epochs, guess, baseline, scores = scored
    quick = mne_brainae.score_encoding(
        epochs, guess, baseline, n_splits=2, n_bootstraps=0, random_state=0
    )
    assert quick.low.isna().all(axis=None)
    assert "[" not in quick._summary().to_string()
    whole = ["r_pattern", "mse", "r_images"]
    pd.testing.assert_frame_equal(
        quick.table.loc[["prediction", "mean response"], whole],
        scores.table.loc[["prediction", "mean response"], whole],
    )


def test_picks(scored):
    """Visual channels alone are scored as if there were no others."""
    epochs, guess, baseline, _ = scored
    some = ["4", "1"]
    kinds = {"n_splits": 3, "n_bootstraps": 20, "random_state": 0}
    picked = mne_brainae.score_encoding(epochs, guess, baseline, picks=some, **kinds)
    names = picked.r_map.ch_names
    assert sorted(names) == ["1", "4"]
    alone = mne_brainae.score_encoding(
        *(inst.copy().pick(names) for inst in (epochs, guess, baseline)), **kinds
    )
    pd.testing.assert_frame_equal(picked.table, alone.table)
    pd.testing.assert_frame_equal(picked.high, alone.high)
    assert picked.protocol["channels"] == "2 of 6"
    with pytest.raises(ValueError, match="picks"):
        mne_brainae.score_encoding(epochs, guess, baseline, picks=["Oz"])


def test_pairs_by_name(scored):
    epochs, guess, baseline, scores = scored
    order = np.random.default_rng(0).permutation(N_IMAGES)
    shuffled = as_epochs(
        guess.get_data(copy=True)[order], guess.metadata["image"].iloc[order].tolist()
    )
    again = mne_brainae.score_encoding(
        epochs, shuffled, baseline, n_splits=5, random_state=0
    )
    pd.testing.assert_frame_equal(again.table, scores.table)
    pd.testing.assert_frame_equal(again.per_image, scores.per_image)
    assert_array_equal(again.r_map.data, scores.r_map.data)


def test_predictions_of_more_images(scored):
    epochs, guess, baseline, scores = scored
    some = epochs[(epochs.metadata["image"] < "image-30").to_numpy()]
    again = mne_brainae.score_encoding(some, guess, baseline, n_splits=2)
    assert len(again.per_image) == 30
    pd.testing.assert_frame_equal(
        again.per_image, scores.per_image.loc[again.per_image.index]
    )


@pytest.mark.stochastic
def test_fitted_model(model, unseen):
    epochs, table = unseen
    scores = mne_brainae.score_encoding(
        epochs, model.predict_epochs(table), model.evoked_, n_splits=5, random_state=0
    )
    found = scores.table.loc["prediction", "r_images"]
    assert_allclose(found, model.score(epochs, table), atol=1e-4)
    assert 0 < found <= scores.table.loc["noise ceiling", "r_images"]


def test_bad_epochs_dropped_while_reading(tmp_path):
    """Epochs on disk that rejection drops at reading are no different from loaded."""
    epochs, truth = simulate(0.5, 3)
    data = epochs.get_data(copy=False)
    data[4] *= 100.0
    data[11] *= 100.0
    raw = mne.io.RawArray(np.concatenate(list(data), axis=1), epochs.info.copy())
    onsets = np.arange(len(data)) * N_TIMES
    events = np.column_stack([onsets, 0 * onsets, 0 * onsets + 1])
    found = []
    for preload in (True, False):
        read = mne.Epochs(
            raw,
            events,
            tmin=0,
            tmax=(N_TIMES - 1) / 100,
            baseline=None,
            reject={"eeg": 50.0},
            metadata=epochs.metadata.copy(),
            preload=preload,
        )
        scores = mne_brainae.score_encoding(
            read, truth, flat(truth), n_splits=3, random_state=0
        )
        found.append(scores.table)
    pd.testing.assert_frame_equal(*found)


def test_errors(scored):
    epochs, guess, baseline, _ = scored
    with pytest.raises(ValueError, match=r"epochs_predicted lacks.*'image-00'"):
        mne_brainae.score_encoding(epochs, guess[1:], baseline)
    twice = mne.concatenate_epochs([guess, guess[:1]], on_mismatch="ignore")
    with pytest.raises(ValueError, match="more than once"):
        mne_brainae.score_encoding(epochs, twice, baseline)
    with pytest.raises(ValueError, match="mean_response has other channels"):
        mne_brainae.score_encoding(epochs, guess, baseline.copy().pick(["0", "1"]))
    with pytest.raises(ValueError, match="Crop or resample"):
        mne_brainae.score_encoding(epochs, guess.copy().crop(0.05), baseline)


def test_mean_response_of_other_times(scored):
    epochs, guess, baseline, _ = scored
    with pytest.raises(ValueError, match=r"mean_response has other .*times"):
        mne_brainae.score_encoding(epochs, guess, baseline.copy().crop(0.05))


def test_predicted_not_finite(scored):
    epochs, guess, baseline, _ = scored
    guess = guess.copy()
    guess.get_data(copy=False)[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"epochs_predicted.*finite"):
        mne_brainae.score_encoding(epochs, guess, baseline)


def subjects(n_subjects, gain=0.1):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.6, n_subjects)
    return pd.DataFrame(
        {
            "linear": base,
            "aligned": base + gain + 0.02 * rng.standard_normal(n_subjects),
            "same": base + 0.02 * rng.standard_normal(n_subjects),
        }
    )


def test_compare_subjects():
    scores = subjects(10)
    found = mne_brainae.compare_subjects(scores, "linear")
    table = found.table
    assert list(table.index) == ["aligned", "same"]
    for name in table.index:
        expected = wilcoxon(scores[name], scores["linear"])
        assert table.loc[name, "p"] == expected.pvalue
        assert table.loc[name, "statistic"] == expected.statistic
        assert table.loc[name, "p_bonferroni"] == min(2 * expected.pvalue, 1)
    assert table.loc["aligned", "p"] == 2 / 2**10
    assert table.loc["aligned", "n_above"] == 10
    assert (table["n_subjects"] == 10).all()
    assert table.loc["same", "p"] > 0.05
    assert found.protocol["test"] == "Wilcoxon signed-rank, two-sided"
    one_sided = mne_brainae.compare_subjects(scores, "linear", alternative="greater")
    assert one_sided.table.loc["aligned", "p"] == 1 / 2**10


def test_too_few_subjects():
    with pytest.raises(ValueError, match=r"4 subjects.*at least 6.*0\.125"):
        mne_brainae.compare_subjects(subjects(4), "linear")
    found = mne_brainae.compare_subjects(subjects(6), "linear")
    assert found.table.loc["aligned", "p"] < 0.05
    with pytest.raises(ValueError, match="same scores"):
        mne_brainae.compare_subjects(
            subjects(6)[["same", "same"]].set_axis(["a", "b"], axis=1), "a"
        )
    scores = subjects(7)
    scores.loc[2, "same"] = np.nan
    with pytest.raises(ValueError, match="missing for the subjects '2'"):
        mne_brainae.compare_subjects(scores, "linear")
    with pytest.raises(ValueError, match="reference"):
        mne_brainae.compare_subjects(scores, "ridge")
    with pytest.raises(ValueError, match="no other column"):
        mne_brainae.compare_subjects(subjects(7)[["same"]], "same")


@pytest.mark.parametrize(("name", "value"), [("n_splits", 0), ("n_bootstraps", -1)])
def test_bad_counts(scored, name, value):
    epochs, guess, baseline, _ = scored
    with pytest.raises(ValueError, match=f"'{name}' parameter.*Got {value}"):
        mne_brainae.score_encoding(epochs, guess, baseline, **{name: value})


@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1.0, 1e6])
def test_correlate(scale):
    rng = np.random.default_rng(0)
    a, b = scale * rng.standard_normal((2, 30, 4))
    expected = [pearsonr(a[:, i], b[:, i]).statistic for i in range(4)]
    assert_allclose(correlate(a, b, axis=0), expected, rtol=1e-10)
    b[:, 1] = 0.1 * scale
    found = correlate(a, b, axis=0)
    assert found[1] == 0
    assert_allclose(found[2:], expected[2:], rtol=1e-10)


@pytest.mark.parametrize("axis", [(1, 2), (-1, -2), 2, 0, (0, 2)])
def test_correlations_are_those_of_numpy_row_by_row(axis, monkeypatch):
    """In blocks of rows, with one array of all rows and with a constant row."""
    monkeypatch.setattr(correlation, "IN_CACHE", 40)  # two rows
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 4, 5)), rng.standard_normal((1, 4, 5))
    a[3] = 7.0
    r = correlate(a, b, axis=axis)
    axes = tuple(np.atleast_1d(axis) % 3)
    kept = [each for each in range(3) if each not in axes]
    a, b = (
        np.broadcast_to(array, (5, 4, 5)).transpose(*kept, *axes) for array in (a, b)
    )
    shape = a.shape[: len(kept)]
    assert r.shape == shape
    for place in np.ndindex(shape):
        pair = a[place].ravel(), b[place].ravel()
        varies = all(np.ptp(each) > 0 for each in pair)
        expected = np.corrcoef(*pair)[0, 1] if varies else 0.0
        assert_allclose(r[place], expected, atol=1e-12)
