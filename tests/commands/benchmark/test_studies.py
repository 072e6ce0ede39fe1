"""The commands of studies print what the studies find."""

import pandas as pd
import pytest

from mne_brainae.benchmark.studies import ablation, many, preprocessing
from mne_brainae.commands import main


def test_ablation_has_a_line_for_every_variant(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        ablation,
        "VARIANTS",
        {"linear": {}, "at most 32 dimensions": {"n_embedding": 32}},
    )
    words = ["--data", "simulated", "--recordings", "2", "--small", "--inner"]
    main(["benchmark", "ablation", *words, "--path", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "SIMULATED EEG, 2 recordings, a fifth of the training images" in printed
    for name in ("best", "linear", "at most 32 dimensions", ablation.SHUFFLED):
        (line,) = [line for line in printed.splitlines() if line.startswith(f"{name} ")]
        assert line.count("+-") == 4


def test_preprocessing_compares_both_ways(capsys):
    """In sizes that say nothing."""
    words = ["--images", "30", "--compare", "20", "--rounds", "1"]
    main(["benchmark", "preprocessing", *words])
    printed = capsys.readouterr().out
    assert "At 20 images, block by block is" in printed
    assert f"30     {preprocessing.WAYS[0]}" in printed


def test_many_says_how_many_times_faster(monkeypatch, capsys):
    monkeypatch.setattr(many, "time_fits", lambda *sizes: many.Seconds(3.0, 2.0))
    main(["benchmark", "many", "--fits", "3", "--images", "20"])
    assert capsys.readouterr().out == (
        "3 fits of 20 responses 63 x 250: 3.0 s one after another, 2.0 s in 2 jobs, "
        "1.50 times faster\n"
    )


def test_systems_and_what_does_not_apply(tmp_path, capsys):
    words = ["--systems", "ridge", "--concepts", "6", "--test", "6"]
    main(["benchmark", "systems", *words, "--path", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ridge image to brain ") for line in lines)
    assert lines[-1].startswith("best possible")
    assert lines[-1].split()[-2:] == ["-", "-"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(name, marks=pytest.mark.data(name))
        for name in ("macaque_it", "muse_n170")
    ],
)
def test_encoding_saves_its_pictures(data, tmp_path, capsys):
    main(["benchmark", "encoding", data, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert f"{data}_0.png" in printed
    assert all(path.stat().st_size > 0 for path in tmp_path.iterdir())


@pytest.mark.data("macaque_it")
def test_it_prints_every_part(tmp_path, capsys):
    main(["benchmark", "it", "--folds", "2", "--bin", "0.1", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Fitted to one window of 100 ms only" in printed
    assert "<Occlusion | pointwise" in printed
    assert printed.count("probabilistic PCA of 10 components") == 2
    assert (tmp_path / "it_pointwise.png").is_file()


@pytest.mark.data("muse_n170")
def test_muse_prints_differences(capsys):
    main(["benchmark", "muse", "--draws", "20"])
    printed = capsys.readouterr().out
    assert "BrainAE closed form minus shrinkage LDA: " in printed


@pytest.mark.data("macaque_v4")
def test_neurons_prints_a_table_per_session(capsys):
    words = ["--encoder", "gabor", "--session", "210225", "--folds", "1"]
    main(["benchmark", "neurons", *words, "--seeds", "2"])
    printed = capsys.readouterr().out
    assert "session 210225: 55 units" in printed
    assert "chance of top-1 is 0.0050" in printed
    (line,) = [
        x for x in printed.splitlines() if x.startswith("linear, images shuffled")
    ]
    assert line.count("+-") == 4


def test_things_prints_accuracies(monkeypatch, capsys):
    from mne_brainae.benchmark.studies import things
    from mne_brainae.benchmark.studies.finding import Finding

    given = {}

    def measure(recipes, **settings):
        given.update(settings, recipes=recipes)
        return Finding("What was done.", pd.DataFrame({"top-1": {"chance": 0.005}}))

    monkeypatch.setattr(things, "measure", measure)
    main(["benchmark", "things", "--systems", "paper", "--epochs", "3"])
    assert given["recipes"] == ["paper"]
    assert given["n_epochs"] == 3
    assert given["law"] == "linear"
    assert not given["whitened"]
    printed = capsys.readouterr().out
    assert printed.startswith("What was done.")
    assert printed.splitlines()[-1].split() == ["chance", "0.005"]


def test_few_images_prints_a_row_per_number_and_system(tmp_path, capsys):
    words = ["--images", "8", "12", "--candidates", "4", "--repetitions", "2"]
    main(["benchmark", "few-images", *words, "--seeds", "0", "--path", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "chance of top-1 is 0.250" in printed
    for name in ("linear", "images shuffled", "chance"):
        table = printed.partition("slope\n")[2].splitlines()
        assert sum(f" {name} " in line for line in table) == 2
