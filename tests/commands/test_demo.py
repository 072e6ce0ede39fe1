"""``mne_brainae demo`` prints one table and saves what it names."""

import pandas as pd
import pytest

import mne_brainae
from mne_brainae.commands import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.mark.stochastic
def test_one_table_and_files(folder, capsys):
    main(["demo", "--small", "--out", str(folder)])
    printed = capsys.readouterr().out
    assert "SIMULATED" in printed
    for column in ("BrainAE best", "BrainAE paper", "ridge, same features", "chance"):
        assert column in printed
    for name in (
        "measured_and_predicted.png",
        "retrieval.png",
        "training.png",
        "model.safetensors",
        "simulated.csv",
    ):
        assert name in printed
        assert (folder / name).stat().st_size > 0
    table = pd.read_csv(folder / "simulated.csv", index_col="score")
    assert table.loc["encoding r_images", "mean response"] == 0
    best = table["BrainAE best"]
    assert best.filter(like="of 10").between(0, 1).all()
    assert table.loc["retrieval (cosine) top-1 of 10", "chance"] == 0.1
    assert 0 < best["reconstruction r of missing half"] < 1
    model = mne_brainae.read_brainae(folder / "model.safetensors")
    assert "signal axes" in model.selection_
