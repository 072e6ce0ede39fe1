"""``mne_brainae benchmark speed`` prints a table and writes its numbers."""

import json
from importlib.util import find_spec

import pytest

from mne_brainae.benchmark.studies.shapes import N_VALIDATION, SHAPES, Shape
from mne_brainae.commands import main


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let the recording be so small that nothing takes time."""
    monkeypatch.setitem(SHAPES, "eeg", Shape(5, 60, N_VALIDATION + 64))


def test_the_table_is_printed_and_its_numbers_written(tmp_path, capsys):
    out = tmp_path / "speed.json"
    words = ["--batch", "24", "--rounds", "1", "--chain", "linear", "--epochs", "2"]
    main(["benchmark", "speed", *words, "--compare", "reference", "--out", str(out)])
    printed = capsys.readouterr().out
    assert "EEG 5 x 60, batch 24" in printed
    assert "inner_activation=False" in printed
    assert "2 whole epochs, with laying out: " in printed
    assert "one epoch at a time: embed_epochs " in printed
    assert "Products of bf16 are " in printed
    results = json.loads(out.read_text())
    assert set(results["chains"]["linear"]["steps"]) == {"fast", "reference"}


def test_it_says_what_it_can_do(capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", "speed", "--shape", "fmri"])
    assert "invalid choice: 'fmri'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["benchmark"])


@pytest.mark.skipif(bool(find_spec("braindecode")), reason="braindecode is installed")
def test_without_braindecode(capsys):
    words = ["--batch", "4", "--rounds", "1", "--chain", "linear"]
    main(["benchmark", "speed", *words, "--compare", "braindecode"])
    printed = capsys.readouterr().out
    assert printed.startswith("Not timed: braindecode is missing; pip install")
    assert "braindecode" not in printed.splitlines()[-1]
