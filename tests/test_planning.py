"""Planned accuracies: what simulated experiments reach, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import mne_brainae


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mne_brainae.datasets.simulate(
        n_train_concepts=120,
        n_exemplars=1,
        n_templates=0,
        n_train_repetitions=4,
        n_test_concepts=60,
        snr=0.1,
        random_state=0,
        path=tmp_path_factory.mktemp("images"),
        verbose="ERROR",
    )


@pytest.fixture(scope="module")
def features(data):
    return mne_brainae.compute_image_features(data.images, verbose="ERROR")


@pytest.fixture(scope="module")
def model(data, features):
    return mne_brainae.fit(
        data.train, features, recipe="linear", random_state=0, verbose="ERROR"
    )


@pytest.fixture(scope="module")
def shown(data, features):
    return features.loc[data.test.metadata["image"].unique()]


@pytest.mark.stochastic
def test_plan_is_close_to_what_is_measured(data, model, shown):
    plan = mne_brainae.plan_experiment(
        model, shown, (1, 4, 20), (60,), random_state=0, verbose="ERROR"
    ).table
    plan = plan.set_index("n_averaged")["top_1"]
    measured = mne_brainae.score_averages(
        lambda epochs: model.retrieve(epochs, shown, similarity="likelihood"),
        data.test,
        [1, 4, 20],
        n_draws=3,
        random_state=0,
    ).table
    measured = measured.groupby("n_averaged")["top_1"].mean()
    assert plan.is_monotonic_increasing
    assert np.abs(plan - measured).max() < 0.15  # the error of 60 hits is .06


def test_rows_and_bands(model, shown):
    plan = mne_brainae.plan_experiment(model, shown, (1, 10), (4, 30), random_state=0)
    table = plan.table
    assert table[["n_averaged", "n_candidates"]].to_numpy().tolist() == [
        [1, 4],
        [1, 30],
        [10, 4],
        [10, 30],
    ]
    assert (table["low"] <= table["high"]).all()
    assert (table["high"] >= table["top_1"] - 1 / table["n_candidates"]).all()
    assert (table["low"] <= table["top_1"] + 1 / table["n_candidates"]).all()
    assert table["top_5"].isna().tolist() == [True, False, True, False]
    np.testing.assert_allclose(table["chance"], 1 / table["n_candidates"])
    easier = table.set_index(["n_averaged", "n_candidates"])["top_1"]
    assert easier[10, 4] > easier[10, 30]
    assert "60, of which every gallery is drawn" in repr(plan)
    again = mne_brainae.plan_experiment(model, shown, (1, 10), (4, 30), random_state=0)
    pd.testing.assert_frame_equal(table, again.table)


def test_draws_a_line_for_every_gallery(model, shown):
    plan = mne_brainae.plan_experiment(model, shown, (1, 10), (4, 30), random_state=0)
    axes = plan.plot(show=False).axes[0]
    for line, (_, rows) in zip(
        axes.lines, plan.table.groupby("n_candidates"), strict=True
    ):
        np.testing.assert_allclose(line.get_ydata(), 100 * rows["top_1"])


def test_images_without_any_relation_are_at_chance(model, shown):
    same = shown.iloc[np.zeros(len(shown), int)].set_axis(shown.index)
    plan = mne_brainae.plan_experiment(model, same, (20,), (60,), random_state=0)
    assert plan.table["top_1"].item() < 0.05


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"n_repetitions": ()}, "n_repetitions must be whole numbers of at least 1"),
        ({"n_repetitions": (0,)}, "at least 1, got 0"),
        ({"n_repetitions": (1.5,)}, "got 1.5"),
        ({"n_candidates": (1,)}, "at least 2 and at most 60, the images, got 1"),
        ({"n_candidates": (61,)}, "at most 60, the images, got 61"),
    ],
)
def test_impossible_sizes_are_refused(model, shown, how, message):
    with pytest.raises(ValueError, match=message):
        mne_brainae.plan_experiment(model, shown, **how)


def test_model_without_repetitions_is_refused(data, features, shown):
    means = mne_brainae.average_repetitions(data.train, verbose="ERROR")
    means.metadata = means.metadata.drop(columns="n_averaged")
    model = mne_brainae.fit(means, features, recipe="linear", verbose="ERROR")
    with pytest.raises(ValueError, match="knows the noise of a trial"):
        mne_brainae.plan_experiment(model, shown)


def test_few_concepts_are_warned_of(data, features, shown):
    concepts = data.train.metadata["concept"].unique()[:60]
    few = data.train[data.train.metadata["concept"].isin(concepts).to_numpy()]
    model = mne_brainae.fit(few, features, recipe="linear", verbose="ERROR")
    with pytest.warns(RuntimeWarning, match="concepts. With fewer than 100"):
        mne_brainae.plan_experiment(model, shown, (1,), (10,), random_state=0)
