"""What drives, delays, gains and noise levels are under the nonlinear law."""

# License: BSD-3-Clause

import numpy as np
from numpy.testing import assert_allclose

from mne_brainae.datasets import _nonlinearity as law


def test_drives_are_bent_by_turns():
    drives = np.array([[0.5, 2.0, -1.0, 0.3], [0.5, 0.0, 3.0, -0.2]])
    sd = law.SD_SATURATING
    expected = [
        [np.tanh(1.0) / sd, 3 / np.sqrt(2), -np.sqrt(2), np.tanh(0.6) / sd],
        [np.tanh(1.0) / sd, -1 / np.sqrt(2), 0.0, np.tanh(-0.4) / sd],
    ]
    assert_allclose(law.bend(drives), expected)


def test_bent_normal_drives_have_variance_1_and_are_half_linear():
    drives = np.random.default_rng(0).standard_normal((200_000, 6))
    bent = law.bend(drives)
    assert_allclose(bent.mean(axis=0), 0, atol=0.01)
    assert_allclose(bent.var(axis=0), 1, atol=0.02)
    linear = np.mean(bent * drives, axis=0) ** 2
    assert_allclose(linear, [0.84, 0, 0.5] * 2, atol=0.02)


def test_delays_are_even_up_to_12_ms():
    strength = np.random.default_rng(0).standard_normal(100_000)
    delays = law.delays_of(strength)
    assert set(delays) == set(law.all_delays())
    assert delays.min() == -0.012
    assert delays.max() == 0.012
    counts = np.unique(delays, return_counts=True)[1][1:-1]
    assert_allclose(counts, 100_000 / 24, rtol=0.1)
    assert np.corrcoef(delays, strength)[0, 1] < -0.95


def test_gains_and_levels_keep_signal_and_noise():
    gains = law.draw_gains(100_000, np.random.default_rng(0))
    levels = law.draw_levels(100_000, np.random.default_rng(1))
    assert_allclose(gains.mean(), 1, atol=0.005)
    assert_allclose(np.mean(levels**2), 1, atol=0.01)
    for drawn in (gains, levels):
        assert drawn.min() > 0
        assert_allclose(np.log(drawn).std(), 0.2, rtol=0.02)
