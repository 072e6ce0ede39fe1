"""What the tutorials show and do not run is right all the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from miniatures import eeg2_image_table, write_pictures, write_things_eeg2

from mne_brainae.datasets import things_eeg2
from mne_brainae.models.recipes import RECIPES

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))
TABLE_1 = ROOT / "tutorials" / "95_things_eeg2.py"


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.name)
def test_tutorial_has_a_place_among_the_others(tutorial):
    """Every page has a label, and the first page links to it."""
    text = tutorial.read_text("utf-8")
    label = re.match(r'"""\n\.\. _(\S+):\n', text)[1]
    if not tutorial.name.startswith("00_"):
        assert f":ref:`{label}`" in TUTORIALS[0].read_text("utf-8")
    assert re.search("^# What to read next$", text, re.MULTILINE)


@pytest.mark.filterwarnings("ignore:filter_length")  # of recordings of seconds
@pytest.mark.filterwarnings("ignore:The model was fitted on")
@pytest.mark.filterwarnings("ignore:Only .* hold for images")
def test_the_way_to_table_1_runs_on_a_miniature(tmp_path, monkeypatch, capsys):
    """The code of the page, on files of the authors' format and with few updates."""
    data = tmp_path / "data"
    (data / "source").mkdir(parents=True)
    write_things_eeg2(data / "source", sessions=2)
    things_eeg2.to_bids(data / "source", data / "things_eeg2", sessions=[1, 2])
    table = eeg2_image_table()
    names = [
        f"{concept[6:]}/{file}"
        for part in ("train", "test")
        for concept, file in zip(
            table[f"{part}_img_concepts_THINGS"],
            table[f"{part}_img_files"],
            strict=True,
        )
    ]
    others = [re.sub(r"_06s\.jpg$", "_01b.jpg", name) for name in names[-2:]]
    write_pictures(data / "things" / "object_images", [*names, *others])
    monkeypatch.chdir(tmp_path)
    brief = {"n_embedding": 16, "max_epochs": 1, "min_updates": 1, "n_kernels": 4}
    paper = RECIPES["paper"]
    brief = replace(paper, params=paper.params | brief)
    monkeypatch.setitem(RECIPES, "paper", brief)
    code = TABLE_1.read_text("utf-8")
    assert '"clip-vit-l-14"' in code
    code = code.replace('"clip-vit-l-14"', '"gabor"')  # needs no weights
    exec(compile(code, TABLE_1, "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "0 shared concepts" in printed
    assert re.search(r"nonlinear \+ alignment, visual: r -?\d", printed)
    assert "task: retrieval" in printed
    assert "task: classification" in printed
