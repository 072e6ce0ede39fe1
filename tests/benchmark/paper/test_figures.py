"""The paper's figures: every panel has its numbers, or says why it is not shown."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_sdxl import write_tiny_sdxl

import mne_brainae
from mne_brainae import average_repetitions
from mne_brainae.benchmark.paper.figures import (
    FIGURES,
    WHOLE,
    Panel,
    _test,
)
from mne_brainae.benchmark.paper.fitted import Fitted
from mne_brainae.benchmark.paper.panels import measure_examples
from mne_brainae.commands import main
from mne_brainae.images.gabor import gabor_feature_names


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def panels(out):
    """Run a figure on the small simulation, and read the tables of its panels."""

    def run(name, *words):
        words = [*words, "--data", "simulated", "--small", "--out", str(out)]
        main(["benchmark", name, *words])
        tables = {}
        for file in (out / name).glob("*.csv"):
            tables[file.stem] = pd.read_csv(file, dtype={"subject": str})
        return tables

    return run


def test_figure_2(panels, out, capsys):
    tables = panels("figure2", "--subjects", "1")
    assert set(tables) == set("abcd")
    assert set(tables["a"]["region"]) == {"occipital", "temporal", "parietal"}
    assert set(tables["b"]["band"]) == {"theta", "alpha", "beta", "gamma"}
    assert len(tables["c"]) == 63 * 62 / 2
    one = tables["c"]
    assert one["r"].iloc[0] == pytest.approx(one["measured"].corr(one["predicted"]))
    for letter in ("a", "b", "c", "d_beta"):
        assert (out / "figure2" / f"{letter}.png").stat().st_size > 10_000
    assert "SIMULATED, not recorded." in capsys.readouterr().out


def test_figure_3(panels, out, capsys):
    tables = panels("figure3", "--subjects", "1-2")
    printed = capsys.readouterr().out
    assert "d, generated images: NOT SHOWN, painting takes the weights" in printed
    assert "not tested, 2 subjects; the signed-rank test needs at least 6" in printed
    a = tables["a"]
    assert set(a["way"]) == {"increasing", "decreasing", "pointwise"}
    assert set(a["subject"]) == {"01", "02"}
    whole = a[(a["way"] == "increasing") & (a["tmax"] > 0.39)]
    assert (whole["accuracy"] == whole["whole"]).all()
    assert {"occipital", "frontal"} < set(tables["b"]["region"])
    assert "visual" not in set(tables["b"]["region"])
    assert "all" in set(tables["c"]["category"])
    assert tables["e"]["channel"].nunique() == 63
    assert {"encoding", "decoding", "r", "p"} < set(tables["f"])
    for letter in "abcef":
        assert (out / "figure3" / f"{letter}.png").stat().st_size > 10_000
    assert not (out / "figure3" / "d.png").exists()


# The schedulers of diffusers turn tensors to arrays as NumPy 1 did.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_figure_3_with_a_painter(panels, out, tmp_path, capsys):
    """A tiny untrained SDXL, whose adapter takes the features of the simulation."""
    n_features = len(gabor_feature_names())
    folder, adapter = write_tiny_sdxl(tmp_path, n_features)
    words = ["--pipeline", str(folder), "--adapter", str(adapter)]
    table = panels("figure3", "--subjects", "1", *words)["d"]
    assert "d, generated images." in capsys.readouterr().out
    assert len(table) == 2 * table["image"].nunique()
    assert table[["similarity", "others"]].abs().max(axis=None) <= 1
    picture = Image.open(out / "figure3" / "d.png")
    assert len(np.unique(picture)) > 50
    narrow = tmp_path / "narrow"
    narrow.mkdir()
    folder, adapter = write_tiny_sdxl(narrow, 12)
    words = ["--pipeline", str(folder), "--adapter", str(adapter)]
    panels("figure3", "--subjects", "1", *words)
    assert "NOT SHOWN, the painter takes 12 features" in capsys.readouterr().out


def test_figure_4(panels, out):
    """From the models of the other figures."""
    before = {f: f.stat().st_mtime_ns for f in out.glob("figures/fits/*/01*tensors")}
    tables = panels("figure4", "--subjects", "1")
    after = {f: f.stat().st_mtime_ns for f in out.glob("figures/fits/*/01*tensors")}
    assert after.keys() >= before.keys()
    assert all(after[file] == then for file, then in before.items())
    a, b = tables["a"], tables["b"]
    assert a["channel"].nunique() == 3
    for kind, part in a.groupby("kind"):
        visible = part["visible"].notna()
        assert np.array_equal(part["visible"][visible], part["measured"][visible])
        assert kind in ("random", "spatial") or visible.mean() == pytest.approx(
            0.5, abs=0.15
        )
    assert set(b["kind"]) == {"random", "spatial", "temporal", "forecast"}
    assert sorted(b["ratio"].unique()) == [0.25, 0.5, 0.75]
    own = b[b["system"] == "model"]
    assert own[["r_all", "r_missing", "top_1"]].notna().all(axis=None)
    protocol = json.loads((out / "figure4" / "protocol.json").read_text())
    assert protocol["data"]["things_eeg2"]["simulated"]
    assert len(protocol["panels"]) == 1 + len(FIGURES["figure4"].panels)


def test_examples_are_of_the_channels_of_the_model(recording):
    """A test with one channel more, before the others, shows the same."""
    epochs, features = recording
    model = mne_brainae.fit(
        epochs, features, recipe="linear", picks=epochs.ch_names[1:]
    )
    some = epochs.copy().pick(epochs.ch_names[1:])
    tables = []
    for test in (some, epochs):
        fitted = Fitted(model, "a", None)
        fitted.averaged = average_repetitions(test)
        tables.append(measure_examples(fitted))
    pd.testing.assert_frame_equal(*tables)
    assert epochs.ch_names[0] not in set(tables[1]["channel"])


def test_parts_are_tested_across_subjects():
    rng = np.random.default_rng(0)
    rows = [
        {"subject": f"{s}", "region": region, "accuracy": 0.5 - loss + 0.01 * noise}
        for s in range(8)
        for (region, loss), noise in zip(
            (("occipital", 0.3), ("frontal", 0.0)), rng.standard_normal(2), strict=True
        )
    ]
    table = pd.DataFrame(rows).assign(whole=0.5)
    tests, why = _test(table, Panel("b", "", None, None, tested="region"))
    assert not why
    p = tests.set_index("region")["p"]
    assert p["occipital"] == pytest.approx(2 / 2**8)
    assert p["frontal"] > 0.05
    assert WHOLE not in p
    _, why = _test(
        table[table["subject"] < "5"], Panel("b", "", None, None, tested="region")
    )
    assert why.startswith("5 subjects")
