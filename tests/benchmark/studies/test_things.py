"""THINGS-EEG2, simulated: with real image features where they are, and without."""

import numpy as np
import pytest
from evidence import p_of

from mne_brainae.benchmark.studies import things as study

N_TEST = 200


@pytest.mark.parametrize(
    "origin", ["made up", pytest.param("are real", marks=pytest.mark.data("things"))]
)
@pytest.mark.stochastic
def test_systems_find_images_and_their_control_does_not(origin):
    """With few training images and much signal, so that nobody is near chance."""
    found = study.measure(("linear",), n_concepts=25, snr=0.1, sfreq=50.0)
    assert origin in found.protocol
    assert "200 test images of other concepts are means of 80" in found.protocol
    assert "one of 200 candidates, so that chance of top-1 is 0.005" in found.protocol
    assert list(found.table.columns) == [
        *study.COLUMNS,
        study.PATTERN_R,
        study.PROCESSOR,
    ]
    chance = found.table.loc["chance", list(study.COLUMNS)]
    assert chance.tolist() == [1 / N_TEST, 5 / N_TEST] * 2
    pattern = found.table[study.PATTERN_R]
    assert pattern["linear, cosine"] > pattern[study.MEAN_RESPONSE] + 0.05
    assert pattern[f"{study.SHUFFLED}, cosine"] > pattern[study.MEAN_RESPONSE] - 0.02
    p = {
        name: p_of(row["retrieval top-1"], N_TEST, 1 / N_TEST)
        for name, row in found.table.drop(study.MEAN_RESPONSE).iterrows()
    }
    for similarity in ("likelihood", "cosine"):
        assert p[f"linear, {similarity}"] < 1e-6
        assert p[f"{study.SHUFFLED}, {similarity}"] > 1e-4
    assert p["ridge image to brain, encoding"] < 1e-6
    top_1 = found.table["retrieval top-1"]
    assert top_1["best possible"] > 0.95
    learnable = top_1["best that can be learned"]
    assert top_1["linear, likelihood"] < learnable + 0.05
    assert learnable <= top_1["best possible"]


@pytest.mark.stochastic
def test_nonlinear_and_whitened():
    found = study.measure(
        (), law="nonlinear", whitened=True, n_concepts=25, snr=0.1, sfreq=50.0
    )
    assert "nonlinear law" in found.protocol
    assert "whitened by MVNN of single trials" in found.protocol
    top_1 = found.table["retrieval top-1"]
    assert top_1["told the drives, learns what they evoke"] > 0.2
    assert p_of(top_1["ridge image to brain, encoding"], N_TEST, 1 / N_TEST) < 1e-3
    assert p_of(top_1[f"{study.SHUFFLED}, likelihood"], N_TEST, 1 / N_TEST) > 1e-4


@pytest.mark.stochastic
def test_single_trials_tell_the_noise():
    found = study.measure(("linear",), trials=True, n_concepts=25, snr=0.1, sfreq=50.0)
    assert "training images single trials of 4" in found.protocol
    top_1 = found.table["retrieval top-1"]
    assert p_of(top_1["linear, likelihood"], N_TEST, 1 / N_TEST) < 1e-6
    assert p_of(top_1[f"{study.SHUFFLED}, likelihood"], N_TEST, 1 / N_TEST) > 1e-4


def test_made_up_features_have_the_sizes_of_real_ones():
    law, gallery, templates, origin = study.draw_features(np.random.default_rng(0))
    assert "made up" in origin
    assert gallery.shape == templates.shape == (N_TEST, len(law.mean))
