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
    """Of so few training images, with so much signal that nobody is near chance."""
    found = study.measure(n_concepts=25, snr=0.1, sfreq=50.0)
    assert origin in found.protocol
    assert "200 test images of other concepts are means of 80" in found.protocol
    assert list(found.table.columns) == list(study.COLUMNS)
    assert found.table.loc["chance"].tolist() == [1 / N_TEST, 5 / N_TEST] * 2
    p = {
        name: p_of(row["retrieval top-1"], N_TEST, 1 / N_TEST)
        for name, row in found.table.iterrows()
    }
    for name in ("BrainAE best, likelihood", "BrainAE best, cosine"):
        assert p[name] < 1e-6
        assert p[name.replace("best", "best, images shuffled")] > 1e-4
    assert p["ridge image to brain, encoding"] < 1e-6
    assert found.table.loc["best possible", "retrieval top-1"] > 0.95


def test_made_up_features_have_the_sizes_of_real_ones():
    law, gallery, templates, origin = study.draw_features(np.random.default_rng(0))
    assert "made up" in origin
    assert gallery.shape == templates.shape == (N_TEST, len(law.mean))
