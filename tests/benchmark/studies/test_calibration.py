"""Probabilities of a fitted model, against what is true of a simulation."""

import numpy as np
import pytest

from mne_brainae.benchmark.studies import calibration as study


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return study.measure(
        (1, 6),
        n_concepts=60,
        n_exemplars=3,
        n_candidates=120,
        snr=0.2,
        seeds=(0,),
        path=tmp_path_factory.mktemp("images"),
    )


@pytest.mark.stochastic
def test_probabilities_hold(found):
    table = found.table.xs("linear", level="system")
    # The standard error of 120 hits is .05.
    assert table["gap"].abs().max() < 0.2
    for level in study.LEVELS:
        assert (table[f"sets of {level:g}"] - level).abs().max() < 0.2
    assert (table["planned"] - table["top-1"]).abs().max() < 0.25
    assert table.loc[6, "top-1"] > table.loc[1, "top-1"]


@pytest.mark.stochastic
def test_shuffled_images_have_no_confidence(found):
    table = found.table.xs(study.SHUFFLED, level="system")
    assert (table["gap"] + table["top-1"]).max() < 0.05  # mean confidence
    assert "chance of top-1 is 0.0083" in found.protocol


@pytest.mark.stochastic
def test_bands_hold_about_as_often_as_they_say(tmp_path):
    found = study.measure_bands(
        (1, 6),
        n_concepts=30,
        n_exemplars=2,
        n_candidates=30,
        snr=0.2,
        seeds=(0,),
        path=tmp_path,
    )
    mean = found.table["mean"]
    assert list(mean.columns) == [f"{level:g}" for level in study.LEVELS]
    assert list(mean.index) == [
        "the response itself",
        "a mean of 1 trial",
        "a mean of 6 trials",
    ]
    assert np.abs(mean.iloc[1:].to_numpy() - study.LEVELS).max() < 0.1
    # What the noise leaves of the error is known less well than the noise.
    assert np.abs(mean.iloc[0].to_numpy() - study.LEVELS).max() < 0.35
    assert mean.iloc[0].is_monotonic_increasing


@pytest.mark.data("macaque_v4")
@pytest.mark.stochastic
def test_bands_and_probabilities_of_neurons():
    found = study.measure_neurons(["190923"], n_folds=1)
    row = found.table.loc["190923"]
    for level in study.LEVELS:
        assert row[f"band of {level:g}"] == pytest.approx(level, abs=0.1)
    assert row["top-1"] > 0.3  # of 200
    assert abs(row["gap"]) < 0.2
    assert 0 < row["calibration error"] < 0.25
    assert "1 of six folds" in found.protocol
