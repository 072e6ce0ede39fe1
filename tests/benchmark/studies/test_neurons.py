"""Encoding and decoding of real neurons, and the summary of scores."""

import pandas as pd
import pytest
from evidence import p_of

from mne_brainae.benchmark.studies import neurons
from mne_brainae.benchmark.studies.neurons import BEST, RIDGE, SHUFFLED

N_TEST = 200


@pytest.mark.data("macaque_v4")
@pytest.mark.stochastic
def test_best_predicts_as_ridge_and_its_control_is_at_chance():
    found = neurons.measure("210225", "gabor", n_folds=1, n_seeds=1)
    assert "1 of six folds of 200 unseen photographs" in found.protocol
    assert "chance of top-1 is 0.0050" in found.protocol
    table = found.table.set_index("system")
    assert list(table.index) == [BEST, RIDGE, SHUFFLED]
    r = table["encoding r"]
    assert r[BEST] > r[RIDGE] - 0.01
    assert abs(r[SHUFFLED]) < 0.1
    top_1 = table.filter(like="top-1")
    p = top_1.map(
        lambda accuracy: p_of(accuracy, N_TEST, 1 / N_TEST), na_action="ignore"
    )
    assert p.loc[BEST].max() < 1e-6
    assert p.loc[SHUFFLED].min() > 1e-4
    assert p.loc[RIDGE].notna().sum() == 1


def test_summary_is_over_folds_with_the_spread_over_seeds():
    rows = [
        {"system": "a", "fold": fold, "seed": seed, "r": fold + seed}
        for fold in (0, 1)
        for seed in (0, 2)
    ]
    rows.append({"system": "b", "fold": 0, "seed": 0, "r": 0.5})
    table = neurons.summarize(pd.DataFrame(rows))
    assert table["r"].to_dict() == {"a": "1.500 +- 1.414", "b": "0.500"}


def test_shuffled_features_are_the_same_ones_of_training_images(recording):
    _, features = recording
    some = features.index[:30]
    wrong = neurons.shuffle(features, some, seed=0)
    assert (wrong.loc[some].to_numpy() != features.loc[some].to_numpy()).any()
    pd.testing.assert_frame_equal(
        wrong.loc[some].sort_values(0, ignore_index=True),
        features.loc[some].sort_values(0, ignore_index=True),
    )
    pd.testing.assert_frame_equal(wrong.iloc[30:], features.iloc[30:])


def test_gallery_is_as_large_as_the_folds():
    words = neurons.gallery_of(range(20), 6)
    assert words.startswith("3 to 4 unseen photographs")
    assert "chance of top-1 is 0.3056" in words
