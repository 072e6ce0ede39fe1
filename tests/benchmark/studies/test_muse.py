"""Faces and houses in human EEG, with fewer draws."""

import numpy as np
import pandas as pd
import pytest

from mne_brainae.benchmark.studies import muse
from mne_brainae.benchmark.studies.muse import CONTROL, SYSTEMS, bootstrap


@pytest.mark.data("muse_n170")
@pytest.mark.stochastic
def test_faces_are_told_from_houses_across_runs():
    found = muse.measure(n_draws=50)
    assert "each of 6 runs" in found.protocol
    table = found.table
    assert list(table.index) == [*SYSTEMS, CONTROL]
    assert list(table.columns) == [
        "mean",
        "low",
        "high",
        *(f"run {i}" for i in range(1, 7)),
    ]
    assert (table.loc[list(SYSTEMS), "low"] > 0.6).all()
    assert abs(table.loc[CONTROL, "mean"] - 0.5) < 0.1
    first, second, _ = SYSTEMS
    row = found.differences.loc[f"{first} minus {second}"]
    assert row["mean"] == table.loc[first, "mean"] - table.loc[second, "mean"]
    assert row["low"] < row["mean"] < row["high"]


def test_bootstrap_is_centered_on_the_area():
    rng = np.random.default_rng(0)
    face = rng.random(200) < 0.5
    scores = pd.DataFrame(
        {name: face + rng.standard_normal(200) for name in (*SYSTEMS, CONTROL)}
    ).assign(is_face=face, run=np.arange(200) % 2)
    draws = bootstrap(scores, 300)[SYSTEMS[0]]
    a, b = scores.loc[face, SYSTEMS[0]], scores.loc[~face, SYSTEMS[0]]
    area = np.mean(a.to_numpy()[:, None] > b.to_numpy())
    assert abs(draws.mean() - area) < 0.02
    assert 0.02 < draws.std() < 0.06
