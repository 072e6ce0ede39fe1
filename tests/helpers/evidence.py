"""Real recordings, and exact tests of what was found in them."""

import os
from pathlib import Path

import pytest
from scipy.stats import binomtest


def need(folder):
    """Skip a test where a recording is not at hand."""
    data = os.environ.get("MNE_BRAINAE_DATA")
    if data is None or not (Path(data) / folder).is_dir():
        pytest.skip(f"MNE_BRAINAE_DATA has no {folder}")


def p_of(accuracy, n, chance):
    """Test whether so many of n responses are identified by chance."""
    hits = round(accuracy * n)
    assert abs(hits - accuracy * n) < 0.2, "accuracy is no share of n"
    return binomtest(hits, n, chance, alternative="greater").pvalue
