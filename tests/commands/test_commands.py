"""The command line does what it says, from end to end."""

import os
import re

import pandas as pd
import pytest

import mne_brainae
from mne_brainae.commands import main
from mne_brainae.commands.benchmark import ablation
from mne_brainae.commands.benchmark.ablation import SHUFFLED, VARIANTS


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


@pytest.mark.skipif(
    "MNE_BRAINAE_DATA" not in os.environ, reason="MNE_BRAINAE_DATA names no folder"
)
@pytest.mark.parametrize(
    ("data", "row", "least"),
    [("macaque_it", "BrainAE best", 0.1), ("muse_n170", "face - house", 0.4)],
)
def test_benchmark_encoding_on_real_recordings(data, row, least, tmp_path, capsys):
    """IT of objects at a new place, and the N170 of a run that was held out."""
    main(["benchmark", "encoding", data, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    found = re.findall(rf"{row} +(-?\d.*)", printed)
    table = [[float(word) for word in line.split()] for line in found]
    if data == "macaque_it":
        assert table[0][2] > least  # r over objects
    else:
        assert min(table[-1][0], table[-1][3]) > least  # TP9 and TP10
    assert all(path.stat().st_size > 0 for path in tmp_path.iterdir())
    assert f"{data}_0.png" in printed


@pytest.mark.skipif(
    "MNE_BRAINAE_DATA" not in os.environ, reason="MNE_BRAINAE_DATA names no folder"
)
def test_benchmark_neurons_beats_ridge_and_its_control_is_at_chance(capsys):
    options = "--encoder gabor --session 210225 --folds 1 --seeds 1"
    main(["benchmark", "neurons", *options.split()])
    printed = capsys.readouterr().out
    rows = {
        name: [float(word) for word in re.search(rf"{name} +(.*)", printed)[1].split()]
        for name in ("BrainAE best", "ridge, same features", "best, images shuffled")
    }
    r, cosine, encoding, likelihood = rows["BrainAE best"]
    assert r > rows["ridge, same features"][0] - 0.005
    assert min(cosine, likelihood) > rows["ridge, same features"][1]
    assert abs(rows["best, images shuffled"][0]) < 0.1
    assert max(rows["best, images shuffled"][1:]) < 0.04  # chance is 0.005
    assert encoding > 0.2


def test_benchmark_ablation_has_a_row_for_every_variant(capsys, tmp_path):
    options = "--data simulated --recordings 2 --small --inner --path"
    main(["benchmark", "ablation", *options.split(), str(tmp_path)])
    printed = capsys.readouterr().out
    # A fifth of 20 concepts of 4 images.
    assert "16 in every gallery" in printed
    assert "top-1 is 0.062" in printed
    assert "2 splits" in printed
    rows = {
        line[:28].strip(): [float(word) for word in re.findall(r"-?\d\.\d+", line[28:])]
        for line in printed.splitlines()
        if "+-" in line and not line.startswith("SIMULATED")
    }
    # The Gabor features of the simulation have neither layers nor maps.
    expected = set(VARIANTS) - {"no spatial window"} | {SHUFFLED}
    assert set(rows) == expected
    assert all(len(row) == 8 for row in rows.values())
    assert rows["best"][0] > rows[SHUFFLED][0] + 0.05
    assert rows["best"][6] > rows[SHUFFLED][6]


@pytest.mark.skipif(
    "MNE_BRAINAE_DATA" not in os.environ, reason="MNE_BRAINAE_DATA names no folder"
)
def test_benchmark_ablation_of_neurons(capsys, monkeypatch):
    monkeypatch.setattr(
        ablation, "VARIANTS", {"best": {}, "at most 8": {"n_embedding": 8}}
    )
    options = "--data macaque_v4 --encoder gabor --session 210225 --folds 1"
    main(["benchmark", "ablation", *options.split()])
    printed = capsys.readouterr().out
    assert "200 in every gallery" in printed
    rows = {
        name: [float(word) for word in re.search(rf"{name} +(.*)", printed)[1].split()]
        for name in ("best", "at most 8", SHUFFLED)
    }
    assert rows["best"][0] > 0.4
    assert rows["best"][3] > rows["at most 8"][3]
    assert max(rows[SHUFFLED][1:]) < 0.04  # chance is 0.005
