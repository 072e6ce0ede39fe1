"""Scores at every sample, against a plain loop over samples with scikit-learn."""

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

import mne_brainae
from mne_brainae.models.linear_gaussian.ridge import PENALTIES
from mne_brainae.models.over_time import TimeScores, two_way
from mne_brainae.preprocessing.splits import divide

N_CHANNELS, N_TIMES, N_FEATURES, N_IMAGES = 5, 8, 4, 60


def make_recording(seed=0, strength=1.0):
    """Features drive all channels at samples 3 to 5, in one pattern at 4 and 5."""
    rng = np.random.default_rng(seed)
    names = [f"c{i // 2}/{i}.png" for i in range(N_IMAGES)]
    features = rng.standard_normal((N_IMAGES, N_FEATURES))
    mixing = np.random.default_rng(7).standard_normal((2, N_FEATURES, N_CHANNELS))
    data = rng.standard_normal((N_IMAGES, N_CHANNELS, N_TIMES))
    for time, mix in ((3, mixing[0]), (4, mixing[1]), (5, mixing[1])):
        data[..., time] += strength * features @ mix
    info = mne.create_info(N_CHANNELS, 10.0, "eeg")
    table = pd.DataFrame({"image": names, "concept": [n.split("/")[0] for n in names]})
    epochs = mne.EpochsArray(1e-6 * data, info, metadata=table, verbose=False)
    return epochs, pd.DataFrame(features, index=pd.Index(names, name="image"))


@pytest.fixture(scope="module")
def recording():
    return make_recording()


def penalties_of(rows):
    """The penalties in the unit of scikit-learn."""
    return PENALTIES * np.square(rows - rows.mean(axis=0)).sum() / len(rows)


def regress(rows, targets):
    scaler = StandardScaler().fit(rows)
    scaled = scaler.transform(rows)
    return scaler, RidgeCV(penalties_of(scaled)).fit(scaled, targets)


def correlation(a, b):
    return np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])


def test_encoding_is_that_of_a_plain_loop(recording):
    epochs, features = recording
    data, rows = 1e6 * epochs.get_data(), features.to_numpy()
    found = mne_brainae.score_over_time(epochs, features, n_splits=3, random_state=0)
    expected, sizes = [], []
    for train, test in divide(features.index.to_numpy(), 3, 0):
        row = []
        for time in range(N_TIMES):
            # Channels count alike for the penalty.
            scale = data[train].std(axis=(0, 2))
            scaler, ridge = regress(rows[train], data[train][..., time] / scale)
            predicted = ridge.predict(scaler.transform(rows[test]))
            row.append(correlation(data[test][..., time], predicted))
        expected.append(row)
        sizes.append(len(test))
    assert_allclose(found.scores, np.average(expected, 0, sizes), atol=1e-4)
    assert_array_equal(found.times, epochs.times)
    assert found.table["score"].idxmax() in epochs.times[3:6]


@pytest.mark.parametrize("generalize", [False, True])
def test_identification_is_that_of_a_plain_loop(recording, generalize):
    epochs, features = recording
    data, rows = epochs.get_data(), features.to_numpy()
    found = mne_brainae.score_over_time(
        epochs,
        features,
        score="identification",
        n_splits=3,
        generalize=generalize,
        random_state=0,
    )
    expected, sizes = np.zeros((3, N_TIMES, N_TIMES)), []
    for fold, (train, test) in enumerate(divide(features.index.to_numpy(), 3, 0)):
        truth = StandardScaler().fit(rows[train])
        for time in range(N_TIMES):
            scaler, ridge = regress(
                data[train][..., time], truth.transform(rows[train])
            )
            for other in range(N_TIMES):
                decoded = ridge.predict(scaler.transform(data[test][..., other]))
                r = np.corrcoef(decoded, truth.transform(rows[test]))
                expected[fold, time, other] = two_way(r[: len(test), len(test) :])
        sizes.append(len(test))
    expected = np.average(expected, axis=0, weights=sizes)
    if not generalize:
        expected = np.diag(expected)
    assert_allclose(found.scores, expected, atol=2e-3)  # a pair of 3 x 190
    assert found.chance == 0.5


def test_one_pattern_generalizes_and_another_does_not(recording):
    found = mne_brainae.score_over_time(
        *recording, score="identification", generalize=True, random_state=0
    )
    scores = found.table.to_numpy()
    assert scores.shape == (N_TIMES, N_TIMES)
    assert min(scores[4, 5], scores[5, 4]) > 0.8
    assert scores[3, 4] < scores[4, 4] - 0.1
    assert abs(scores[:2, :2].mean() - 0.5) < 0.15


def test_whole_concepts_are_held_out(recording):
    epochs, features = recording
    by = mne_brainae.score_over_time(epochs, features, by="concept", random_state=0)
    assert by.protocol["held out"] == "concept by concept, in 5 folds"
    plain = mne_brainae.score_over_time(epochs, features, random_state=0)
    assert not np.allclose(by.scores, plain.scores)


def test_two_way_counts_pairs():
    similarity = np.array([[3.0, 1, 2], [5, 4, 1], [0, 0, 0]])
    assert two_way(similarity) == pytest.approx((2 + 1 + 0) / 6)


def test_features_of_other_images_score_nothing(recording):
    epochs, features = recording
    order = np.random.default_rng(3).permutation(N_IMAGES)
    wrong = features.iloc[order].set_axis(features.index)
    found = mne_brainae.score_over_time(epochs, wrong, random_state=0)
    assert np.abs(found.scores).max() < 0.35  # 60 images: .13 is a standard error


@pytest.fixture(scope="module")
def subjects():
    return [
        mne_brainae.score_over_time(*make_recording(seed, 0.7), random_state=0)
        for seed in range(8)
    ]


def test_clusters_are_where_the_signal_is(subjects):
    found = mne_brainae.find_time_clusters(subjects, n_permutations=200, random_state=0)
    assert set(np.flatnonzero(found.mask)) >= {3, 4, 5}
    assert not found.mask[[0, 7]].all()
    best = found.table.loc[found.table["statistic"].idxmax()]
    assert best["p"] < 0.05
    assert best["first"] <= subjects[0].times[3] <= best["last"]
    assert_allclose(found.mean.scores, np.mean([s.scores for s in subjects], axis=0))
    assert "8" in repr(found)


def test_clusters_of_matrices_and_plots(recording):
    rng = np.random.default_rng(0)
    times = np.arange(N_TIMES) / 10
    matrices = []
    for _ in range(8):
        scores = 0.5 + 0.02 * rng.standard_normal((N_TIMES, N_TIMES))
        scores[3:6, 3:6] += 0.2
        matrices.append(TimeScores(scores, times, 0.5, {"score": "two-way"}))
    found = mne_brainae.find_time_clusters(matrices, n_permutations=100, random_state=0)
    assert found.mask[3:6, 3:6].all()
    row = found.table.loc[found.table["statistic"].idxmax()]
    assert row["first"] <= 0.3
    assert row["last"] >= 0.5
    assert found.plot(show=False)
    assert matrices[0].plot(show=False)


def test_lines_show_chance(subjects):
    labels = [line.get_label() for line in subjects[0].plot(show=False).axes[0].lines]
    assert "chance" in labels
    found = mne_brainae.find_time_clusters(subjects, n_permutations=50, random_state=0)
    labels = [line.get_label() for line in found.plot(show=False).axes[0].lines]
    assert "significant" in labels


def test_what_is_impossible_is_refused(recording, subjects):
    with pytest.raises(ValueError, match="give score='identification'"):
        mne_brainae.score_over_time(*recording, generalize=True)
    with pytest.raises(ValueError, match="not a column of epochs"):
        mne_brainae.score_over_time(*recording, by="session")
    with pytest.raises(ValueError, match="at most 30"):
        mne_brainae.score_over_time(*recording, by="concept", n_splits=31)
    with pytest.raises(ValueError, match="needs two images"):
        mne_brainae.score_over_time(*recording, n_splits=50)
    with pytest.raises(ValueError, match="5 subjects"):
        mne_brainae.find_time_clusters(subjects[:5])
    other = TimeScores(subjects[0].scores[:4], subjects[0].times[:4], 0.0)
    with pytest.raises(ValueError, match="same times"):
        mne_brainae.find_time_clusters([*subjects, other])


def repeat(epochs, n, noise, seed=0):
    """Return n noisy trials of every response."""
    rng = np.random.default_rng(seed)
    data = np.repeat(epochs.get_data(), n, axis=0)
    data += 1e-6 * noise * rng.standard_normal(data.shape)
    table = epochs.metadata.loc[np.repeat(epochs.metadata.index, n)]
    table = table.reset_index(drop=True)
    return mne.EpochsArray(data, epochs.info, metadata=table, verbose=False)


def test_ceiling_is_the_correlation_with_the_response_itself(recording):
    epochs, features = recording
    trials = repeat(epochs, 8, 2.0)
    found = mne_brainae.score_over_time(trials, features, n_splits=3, random_state=0)
    means = mne_brainae.average_repetitions(trials, verbose="ERROR").get_data()
    # All that is the same in every trial counts as the response.
    expected = [
        correlation(means[..., time], epochs.get_data()[..., time])
        for time in range(N_TIMES)
    ]
    assert_allclose(found.ceiling, expected, atol=0.08)
    assert_array_equal(found.table["noise ceiling"], found.ceiling)
    labels = [line.get_label() for line in found.plot(show=False).axes[0].lines]
    assert "noise ceiling" in labels
    once = mne_brainae.score_over_time(epochs, features, n_splits=3, random_state=0)
    assert once.ceiling is None
    assert list(once.table.columns) == ["score"]


def test_mean_of_subjects_has_the_mean_ceiling(subjects):
    times = subjects[0].times
    known = [
        TimeScores(each.scores, times, 0.0, {}, np.full(N_TIMES, 0.1 * k))
        for k, each in enumerate(subjects)
    ]
    how = {"n_permutations": 20, "random_state": 0}
    found = mne_brainae.find_time_clusters(known, **how)
    assert_allclose(found.mean.ceiling, 0.35)
    found = mne_brainae.find_time_clusters([*known[1:], subjects[0]], **how)
    assert found.mean.ceiling is None
