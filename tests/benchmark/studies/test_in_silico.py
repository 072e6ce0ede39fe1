"""Drawn beside measured trials, at a size that takes a moment."""

import numpy as np
import pytest

from mne_brainae.benchmark.studies import in_silico as study


@pytest.mark.stochastic
def test_drawn_trials_are_like_those_of_a_simulation(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "N_TREES", 20)
    found = study.measure(
        ["simulation"], n_trials=80, n_images=100, snr=0.2, seeds=(0,), path=tmp_path
    )
    drawn = found.table.xs(study.SAMPLED, level="trials").iloc[0]
    assert drawn["fitted to"] == 200
    # Of 80 trials the standard error of an area is .05.
    assert drawn["logistic regression"] < 0.95
    assert 0.8 < drawn["variance ratio"] < 1.25
    assert drawn["channel covariance r"] > 0.9
    assert drawn["spectrum (dB)"] < 2
    assert "80 measured trials" in found.protocol


@pytest.mark.data("muse_n170")
def test_trials_of_muse_are_split():
    train, held_out, features = study._muse(500, 0)
    assert len(held_out) == 500
    assert set(train.metadata["image"]) == set(features.index)
    assert len(features) == 12
    events = [
        set(zip(*x.metadata[["image", "repetition"]].T.to_numpy(), strict=True))
        for x in (train, held_out)
    ]
    assert not events[0] & events[1]


def test_classifiers_see_an_offset_and_another_power(monkeypatch):
    monkeypatch.setattr(study, "N_TREES", 10)
    rng = np.random.default_rng(0)
    first = rng.standard_normal((60, 3, 50))
    for second in (first + 1, 2 * first):
        areas = study._areas(first, second, 100.0, 0)
        assert max(areas.values()) > 0.9
    assert study._spectrum_difference(first, 2 * first, 100.0) == pytest.approx(
        6.02, abs=0.01
    )
    assert study._covariance_r(first, 2 * first) == pytest.approx(1)
