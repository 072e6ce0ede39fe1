"""Scores at every time on the command line."""

import pandas as pd
import pytest

import mne_brainae
from mne_brainae.benchmark.studies import over_time
from mne_brainae.commands import main


def run(*words):
    main(["over-time", *map(str, words), "--folds", "2", "--picks", "Oz", "Pz"])


def test_simulation_has_tables_and_figures(tmp_path, capsys):
    run("--simulate", "24", "--out", tmp_path, "--generalize")
    printed = capsys.readouterr().out
    assert "SIMULATED EEG, signal to noise 0.2" in printed
    assert "chance 0.5" in printed
    assert "all groups" in printed
    scores = pd.read_csv(tmp_path / "table_0.csv", index_col="time")
    assert (scores["chance of identification"] == 0.5).all()
    assert scores["ceiling of encoding"].between(-1, 1).all()
    assert len(scores) == 41
    shares = pd.read_csv(tmp_path / "table_2.csv", index_col=0)
    total = shares.loc["all groups", "share"]
    groups = shares.drop(index=["all groups", "noise ceiling"])
    assert set(groups.index) >= {"lightness", "red-green", "blue-yellow"}
    assert groups["share"].sum() == pytest.approx(total, abs=1e-5)
    figures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert figures == [f"figure_{k}.png" for k in ("0_0", "0_1", "1_0", "2_0", "2_1")]


def test_files_are_read(tmp_path, capsys):
    data = mne_brainae.datasets.simulate(
        n_train_concepts=4,
        n_exemplars=2,
        n_templates=0,
        n_test_concepts=2,
        sfreq=50.0,
        path=tmp_path / "images",
        verbose="ERROR",
    )
    data.train.save(tmp_path / "train-epo.fif", verbose="ERROR")
    run(tmp_path / "train-epo.fif", data.images, "--by", "concept", "--out", tmp_path)
    printed = capsys.readouterr().out
    assert "SIMULATED" not in printed
    assert "8 images at 2 channels, held out concept by concept, in 2 folds" in printed
    with pytest.raises(SystemExit, match="Give the folder of images"):
        run(tmp_path / "train-epo.fif")


def test_features_are_grouped_by_layer_or_first_word():
    layers = pd.MultiIndex.from_product([["a", "b"], [0, 1]], names=["layer", "unit"])
    assert over_time.groups_of(pd.DataFrame([range(4)], columns=layers)) == "layer"
    plain = pd.DataFrame([range(3)], columns=["red 1", "blue 1", "red 2"])
    found = over_time.groups_of(plain)
    assert {name: list(columns) for name, columns in found.items()} == {
        "blue": ["blue 1"],
        "red": ["red 1", "red 2"],
    }
