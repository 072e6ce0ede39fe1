"""The benchmarks on real recordings, with fewer folds and draws."""

import os
from itertools import takewhile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mne_brainae import Identification, pool_identifications
from mne_brainae.commands import main
from mne_brainae.commands.benchmark.muse import CONTROL, SYSTEMS, _bootstrap
from mne_brainae.commands.benchmark.systems import SYSTEMS as NAMED


def need(folder):
    data = os.environ.get("MNE_BRAINAE_DATA")
    if data is None or not (Path(data) / folder).is_dir():
        pytest.skip(f"MNE_BRAINAE_DATA has no {folder}")


def rows_of(printed, after):
    """Read the numbers of a table by the first words of its rows."""
    lines = printed[printed.index(after) :].splitlines()[2:]
    rows = takewhile(lambda line: line and ":" not in line, lines)
    return [[float(word) for word in line.split()] for line in rows]


def test_it_tells_objects_after_onset_only(capsys, tmp_path):
    need("macaque_it")
    main(["benchmark", "it", "--folds", "2", "--bin", "0.1", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    scores = {
        line[:31].strip(): float(line[31:].split()[0])
        for line in printed.splitlines()
        if line.startswith(("BrainAE", "logistic"))
    }
    assert scores["BrainAE closed form, likelihood"] > 0.7
    assert scores["BrainAE, labels dealt out anew"] < 0.25
    hidden = rows_of(printed, "<Occlusion | pointwise")
    change = {round(row[0], 1): row[5] for row in hidden}
    p = {round(row[0], 1): row[7] for row in hidden}
    assert min(change, key=change.get) == 0.1
    assert p[0.1] < 0.01
    assert min(p[-0.2], p[-0.1], p[0.0]) > 0.05
    shown = {round(row[1], 1): row[8] for row in rows_of(printed, "increasing")}
    assert min(shown[-0.1], shown[0.0]) > 0.01
    assert shown[0.2] < 1e-10
    assert (tmp_path / "it_pointwise.png").is_file()
    assert "probabilistic PCA" in printed


def test_muse_tells_faces_from_houses_across_runs(capsys):
    need("muse_n170")
    main(["benchmark", "muse", "--draws", "50"])
    printed = capsys.readouterr().out
    low = {
        name: float(line[len(name) :].split()[1])
        for line in printed.splitlines()
        for name in (*SYSTEMS, CONTROL)
        if line.startswith(f"{name} ") and " minus " not in line
    }
    assert all(low[name] > 0.6 for name in SYSTEMS)
    assert low[CONTROL] < 0.5
    assert f"{SYSTEMS[0]} minus {SYSTEMS[1]}" in printed


def test_bootstrap_is_centred_on_the_area():
    rng = np.random.default_rng(0)
    face = rng.random(200) < 0.5
    scores = pd.DataFrame(
        {name: face + rng.standard_normal(200) for name in (*SYSTEMS, CONTROL)}
    ).assign(is_face=face, run=np.arange(200) % 2)
    draws = _bootstrap(scores, 300)[SYSTEMS[0]]
    a, b = scores.loc[face, SYSTEMS[0]], scores.loc[~face, SYSTEMS[0]]
    area = np.mean(a.to_numpy()[:, None] > b.to_numpy())
    assert abs(draws.mean() - area) < 0.02
    assert 0.02 < draws.std() < 0.06


def test_pooling():
    rng = np.random.default_rng(0)
    similarity = rng.standard_normal((6, 3))
    whole = Identification(similarity, list("abc"), list("abcabc"), {"seed": 0, "x": 1})
    parts = [
        Identification(similarity[:2], list("abc"), list("ab"), {"seed": 0, "x": 1}),
        Identification(
            similarity[2:][:, ::-1], list("cba"), list("cabc"), {"seed": 0, "x": 2}
        ),
    ]
    pooled = pool_identifications(parts)
    pd.testing.assert_frame_equal(pooled.to_data_frame(), whole.to_data_frame())
    assert pooled.protocol == {"seed": 0, "pooled over": "2 parts"}
    with pytest.raises(ValueError, match="'d'"):
        pool_identifications(
            [parts[0], Identification(similarity[:1], list("abd"), ["a"])]
        )


def test_classify_by_predicted_response(model, unseen):
    """The three similarities serve templates as they serve stimuli."""
    epochs, table = unseen
    templates = table.set_axis(
        pd.MultiIndex.from_tuples(
            [(f"new {name[4:6]}", f"other-{i}") for i, name in enumerate(table.index)]
        )
    )
    for similarity in ("cosine", "encoding", "likelihood"):
        found = model.classify(epochs, templates, similarity=similarity)
        assert found.p_value() < 1e-6


def test_systems_stand_between_chance_and_the_best_possible(capsys, tmp_path):
    arguments = ["--concepts", "20", "--test", "12", "--systems", "best", "ridge"]
    main(["benchmark", "systems", *arguments, "--path", str(tmp_path)])
    printed = capsys.readouterr().out
    names = [name for name, (recipe, _) in NAMED.items() if recipe in arguments]
    names += ["chance", "best possible"]
    table = {
        name: [float(word) for word in line[len(name) :].split() if word != "-"]
        for line in printed.splitlines()
        for name in names
        if line.startswith(name + " ")
    }
    assert set(table) == set(names)
    assert table["chance"] == [0.083, 0.417, 0.083, 0.417]
    for name in names[:-2]:
        assert table["chance"][1] < table[name][1] <= table["best possible"][1]
