"""The command line does what it says, from end to end."""

import pandas as pd
import pytest

import mne_brainae
from mne_brainae.commands import main


def test_demo_prints_one_table_and_saves_what_it_names(tmp_path, capsys):
    main(["demo", "--small", "--out", str(tmp_path)])
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
        assert (tmp_path / name).stat().st_size > 0
    table = pd.read_csv(tmp_path / "simulated.csv", index_col="score")
    assert table.loc["encoding r_images", "mean response"] == 0
    best = table["BrainAE best"]
    assert best["encoding r_images"] > 0
    assert best["retrieval (cosine) top-1 of 10"] > table["chance"].max()
    assert 0 < best["reconstruction r of missing half"] < 1
    model = mne_brainae.read_brainae(tmp_path / "model.safetensors")
    assert "leave-one-out" in model.selection_


def test_without_a_command_help_is_printed(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "demo" in "".join(capsys.readouterr())


def test_sys_info_names_versions(capsys):
    main(["sys_info"])
    assert "mne" in capsys.readouterr().out
