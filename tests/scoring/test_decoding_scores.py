"""Galleries of any size, intervals, groups, averages and splits."""

import mne
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

import mne_brainae
from mne_brainae import Identification
from mne_brainae.scoring import comparison
from mne_brainae.scoring.comparison import Comparison, best_columns
from mne_brainae.scoring.identification import cosine_similarity

NAMES = [f"image-{i:02d}" for i in range(40)]
CATEGORY = {name: "animal" if i < 20 else "tool" for i, name in enumerate(NAMES)}


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((40, 6)).astype(np.float32)
    return images + 0.8 * rng.standard_normal(images.shape), images


@pytest.fixture
def found(pairs):
    return Identification(cosine_similarity(*pairs), NAMES, NAMES)


@pytest.mark.parametrize(("n_rows", "n_columns"), [(7, 9), (64, 16), (1, 40)])
def test_blocks_give_what_the_whole_matrix_gives(
    monkeypatch, pairs, found, n_rows, n_columns
):
    monkeypatch.setattr(comparison, "MOST_ENTRIES", 0)
    monkeypatch.setattr(comparison, "N_ROWS", n_rows)
    monkeypatch.setattr(comparison, "N_COLUMNS", n_columns)
    largest = []

    def compare(a, b):
        largest.append(a.shape[0] * b.shape[0])
        return cosine_similarity(a, b)

    blocked = Identification(Comparison(compare, *pairs), NAMES, NAMES)
    assert isinstance(blocked.similarity, Comparison)
    assert_array_equal(blocked.ranks, found.ranks)
    assert blocked.predicted == found.predicted
    pd.testing.assert_frame_equal(blocked.best(5), found.best(5))
    pd.testing.assert_frame_equal(blocked.to_data_frame(), found.to_data_frame())
    assert max(largest) <= n_rows * max(n_rows, n_columns)
    drawn = [x.sub_gallery(11, random_state=3) for x in (blocked, found)]
    assert_array_equal(*[x.ranks for x in drawn])
    assert "11 drawn from 40, seed 3" in repr(drawn[0])


def test_rounding_of_blocks_makes_no_rank_zero():
    """A truth that a block computes a hair lower is still counted itself."""
    calls = []

    def compare(a, b):
        calls.append(1)
        return a @ b.T - (1e-12 if len(calls) > 1 else 0)

    rows = np.eye(4)
    ranks = comparison.rank(Comparison(compare, rows, rows), np.arange(4)).ranks
    assert_array_equal(ranks, 1)


def test_best_columns_against_sorting():
    similarity = np.random.default_rng(0).integers(0, 5, (30, 20)).astype(float)
    expected = np.argsort(-similarity, axis=1, kind="stable")[:, :4]
    assert_array_equal(best_columns(similarity, 4), expected)


@pytest.mark.parametrize(("k", "n_way"), [(1, 2), (1, 10), (3, 10), (2, 40)])
def test_n_way_is_the_mean_over_drawn_galleries(found, k, n_way):
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(300):
        for row in range(40):
            others = rng.permutation(np.delete(np.arange(40), row))[: n_way - 1]
            own = found.similarity[row, row]
            hits.append(1 + np.sum(found.similarity[row, others] >= own) <= k)
    assert_allclose(found.top_k(k, n_way=n_way), np.mean(hits), atol=0.015)
    assert found.chance(k, n_way=n_way) == k / n_way


def test_interval_by_wilson_formula(found):
    n, p, z = 40, found.top_k(), norm.ppf(0.975)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert_allclose(found.interval(), (middle - half, middle + half))
    wide, narrow = found.interval(level=0.99), found.interval(level=0.5)
    assert wide[0] < narrow[0] < p < narrow[1] < wide[1]


def test_interval_covers_the_truth():
    """Of many 90 % intervals about 90 % hold the accuracy that was simulated."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        similarity = np.zeros((50, 3))
        similarity[:, 0] = np.where(rng.random(50) < 0.7, 1, -1)
        found = Identification(similarity, list("abc"), ["a"] * 50)
        low, high = found.interval(level=0.9)
        covered.append(low <= 0.7 <= high)
    assert 0.83 < np.mean(covered) < 0.97


def test_p_value_of_guessing_and_of_knowing(found):
    assert found.p_value() < 1e-6
    rng = np.random.default_rng(2)
    p = [
        Identification(rng.standard_normal((100, 4)), list("abcd"), list("abcd") * 25)
        for _ in range(100)
    ]
    assert np.mean([x.p_value() < 0.05 for x in p]) < 0.12
    assert found.p_value(40) == 1


def test_scores_and_ranks(found):
    table = found.scores((1, 5, 100))
    assert list(table.index) == ["top-1", "top-5"]
    assert (table["low"] < table["accuracy"]).all()
    assert (table["accuracy"] < table["high"]).all()
    assert table.loc["top-5", "chance"] == 5 / 40
    assert found.mean_rank == found.ranks.mean() >= found.median_rank >= 1
    assert f"median rank {found.median_rank:g} of 40" in repr(found)
    assert f"{table.loc['top-5', 'low']:.3g}" in repr(found)


def test_groups(found):
    by = found.accuracy_by(CATEGORY)
    hits = pd.Series(found.ranks == 1).groupby(list(CATEGORY.values())).mean()
    assert_allclose(by["accuracy"].sort_index(), hits)
    assert by["n_epochs"].tolist() == [20, 20]
    assert len(found.accuracy_by()) == 40
    table = found.confusion(pd.Series(CATEGORY))
    assert_allclose(table.sum(axis=1), 1)
    counts = found.confusion(CATEGORY, normalize=False)
    right = sum(
        CATEGORY[a] == CATEGORY[b]
        for a, b in zip(found.truth, found.predicted, strict=True)
    )
    assert np.trace(counts) == right
    assert found.confusion().shape == (40, 40)
    figure = found.plot_confusion(CATEGORY, show=False)
    assert figure.axes[0].get_xlabel() == "predicted"
    with pytest.raises(ValueError, match=r"group of these candidates: 'image-39'"):
        found.accuracy_by(dict.fromkeys(NAMES[:-1], "x"))


def test_bad_numbers(found):
    for call in (found.interval, found.p_value, found.best, found.accuracy_by):
        with pytest.raises(ValueError, match="between 1 and the 40 candidates"):
            call(k=41)
    with pytest.raises(ValueError, match="between 2 and the 40 candidates"):
        found.top_k(n_way=41)
    with pytest.raises(ValueError, match="between 1 and the 5 candidates"):
        found.top_k(6, n_way=5)
    with pytest.raises(ValueError, match="level"):
        found.interval(level=95)
    one = Identification(np.eye(40)[:1], NAMES, NAMES[:1])
    with pytest.raises(ValueError, match="was shown"):
        one.sub_gallery(2, random_state=0)


# -- a fitted model -----------------------------------------------------------------


@pytest.mark.parametrize("similarity", ["cosine", "encoding", "likelihood"])
def test_large_gallery_of_a_model(monkeypatch, model, unseen, similarity):
    epochs, table = unseen
    whole = model.retrieve(epochs, table, similarity=similarity)
    monkeypatch.setattr(comparison, "MOST_ENTRIES", 0)
    monkeypatch.setattr(comparison, "N_COLUMNS", 11)
    blocked = model.retrieve(epochs, table, similarity=similarity)
    assert_array_equal(blocked.ranks, whole.ranks)


@pytest.mark.stochastic
def test_permuted_labels_give_chance(recording, unseen):
    """A model fitted to permuted images identifies unseen ones at chance."""
    epochs, table = recording
    order = np.random.default_rng(0).permutation(len(table))
    dealt = pd.DataFrame(table.to_numpy()[order], index=table.index)
    with pytest.warns(RuntimeWarning, match="hardly follow these images"):
        model = mne_brainae.LinearBrainAE().fit(epochs, dealt)
    test = mne_brainae.average_repetitions(unseen[0])
    found = model.retrieve(test, unseen[1], similarity="likelihood")
    assert found.p_value() > 1e-3
    honest = mne_brainae.LinearBrainAE().fit(epochs, table)
    assert honest.retrieve(test, unseen[1], similarity="likelihood").p_value() < 1e-6


@pytest.mark.stochastic
def test_more_repetitions_decode_better(model, unseen):
    epochs, features = unseen
    noisy = epochs.copy()
    data = noisy.get_data(copy=False)
    data += 1e-5 * np.random.default_rng(0).standard_normal(data.shape)
    scores = mne_brainae.score_averages(
        lambda epochs: model.retrieve(epochs, features), noisy, random_state=0
    )
    table = scores.table
    assert sorted(table["n_averaged"].unique()) == [1, 2, 4, 6]
    assert (table.groupby("n_averaged").size() == [5, 5, 5, 1]).all()
    means = table.groupby("n_averaged")["top_1"].mean()
    assert means[1] < means[6]
    assert (table["chance"] == 1 / len(features)).all()
    assert (table["n_images"] == 40).all()
    again = mne_brainae.score_averages(
        lambda epochs: model.retrieve(epochs, features), noisy, random_state=0
    )
    pd.testing.assert_frame_equal(table, again.table)
    assert scores.protocol["gallery"] == "40 images"
    assert scores.protocol["repetitions averaged"] == "1, 2, 4, 6"
    with pytest.raises(ValueError, match="between 1 and 6"):
        mne_brainae.score_averages(model.retrieve, epochs, [7])
    with pytest.raises(ValueError, match="n_draws"):
        mne_brainae.score_averages(model.retrieve, epochs, [1], n_draws=0)


# -- splits -------------------------------------------------------------------------


@pytest.fixture
def shared():
    """Return four subjects who saw the same six images of three concepts."""
    table = pd.DataFrame(
        {
            "image": [f"{i}" for i in range(6)] * 4,
            "concept": list("aabbcc") * 4,
            "subject": np.repeat([1, 2, 3, 4], 6),
        }
    )
    info = mne.create_info(2, 100.0, "eeg")
    data = np.random.default_rng(0).standard_normal((24, 2, 3))
    return mne.EpochsArray(data, info, metadata=table)


def test_leave_one_subject_out(shared):
    parts = list(mne_brainae.split_epochs(shared, "subject"))
    assert len(parts) == 4
    for train, test in parts:
        assert test.metadata["subject"].nunique() == 1
        assert not set(test.metadata["subject"]) & set(train.metadata["subject"])
        assert len(train) + len(test) == 24
    tested = np.concatenate([test.selection for _, test in parts])
    assert sorted(tested) == list(range(24))


def test_other_concepts_in_training(shared):
    parts = list(mne_brainae.split_epochs(shared, "concept", disjoint="image"))
    assert len(parts) == 3
    some = shared[(shared.metadata["subject"] > 1) | (shared.metadata["image"] < "3")]
    for train, test in mne_brainae.split_epochs(some, "subject", disjoint=["concept"]):
        assert not set(test.metadata["concept"]) & set(train.metadata["concept"])
        break
    with pytest.raises(ValueError, match="nothing is left to train on"):
        list(mne_brainae.split_epochs(shared, "subject", disjoint="image"))


@pytest.mark.parametrize("level", ["INFO", "WARNING"])
def test_splits_say_what_they_draw_only_if_asked(shared, level):
    with mne.utils.catch_logging() as log:
        next(mne_brainae.split_epochs(shared, "subject", verbose=level))
    assert ("test epochs of subject" in log.getvalue()) == (level == "INFO")


def test_fewer_parts_than_groups(shared):
    parts = list(mne_brainae.split_epochs(shared, "subject", n_splits=2))
    assert [test.metadata["subject"].nunique() for _, test in parts] == [2, 2]
    with pytest.raises(ValueError, match="has 4"):
        mne_brainae.split_epochs(shared, "subject", n_splits=5)
    with pytest.raises(ValueError, match="by='session' is not a column"):
        mne_brainae.split_epochs(shared, "session")
