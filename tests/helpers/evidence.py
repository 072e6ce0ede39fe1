"""Real recordings, and exact tests of what was found in them."""

import os
from pathlib import Path

import pytest
from scipy.stats import binomtest

#: The environment variable that names the folder of all recordings.
DATA = "MNE_BRAINAE_DATA"


def need(folder):
    """Return where a recording is, or skip the test where it is not at hand."""
    path = Path(os.environ.get(DATA, "")) / folder
    if DATA not in os.environ or not path.is_dir():
        pytest.skip(f"{DATA} has no {folder}")
    return path


def p_of(accuracy, n, chance):
    """Test whether so many of n responses are identified by chance."""
    hits = round(accuracy * n)
    assert abs(hits - accuracy * n) < 0.2, "accuracy is no share of n"
    return binomtest(hits, n, chance, alternative="greater").pvalue
