"""Table 3: what was published, beside scores that generate wrote."""

import json

import numpy as np
import pandas as pd
import pytest

from mne_brainae.benchmark.paper.table_3 import METRICS, published_scores, table_3
from mne_brainae.commands import main


@pytest.fixture
def folder(tmp_path):
    """Write scores as ``mne_brainae generate --score`` does, one judge missing."""
    folder = tmp_path / "mine"
    folder.mkdir()
    scores = pd.DataFrame(
        {"better": ["higher", "higher", "lower"]},
        index=["PixCorr", "CLIP", "SwAV"],
    ).assign(generated=[0.1, 0.7, 0.6], shuffled=[0.0, 0.5, 0.8])
    scores.to_csv(folder / "scores.csv")
    (folder / "protocol.json").write_text(json.dumps({"images": 8}), "utf-8")
    return folder


def test_published_rows_are_those_of_the_paper():
    table = published_scores()
    assert table.shape == (7, 8)
    ours = table.xs("BrainAE", level="system")
    np.testing.assert_allclose(ours["PixCorr"], [0.211, 0.181, 0.221])
    np.testing.assert_allclose(ours["SwAV"], [0.541, 0.553, 0.539])
    row = table.loc[("EEG (sub-08), published", "MB2C")]
    assert row[["PixCorr", "SSIM"]].tolist() == [0.188, 0.333]
    assert row.drop(["PixCorr", "SSIM"]).isna().all()
    assert ((table > 0) | table.isna()).all(axis=None)


def test_measured_rows_bear_the_name_of_their_folder(folder):
    table, (protocol,) = table_3([folder])
    assert list(table.columns) == list(METRICS)
    ours = table.loc["mine, measured"]
    assert ours.index.tolist() == ["generated", "shuffled"]
    assert ours.loc["generated", ["PixCorr", "CLIP", "SwAV"]].tolist() == [
        0.1,
        0.7,
        0.6,
    ]
    assert ours["SSIM"].isna().all()
    assert protocol == "images: 8"


def test_the_command_prints_and_writes_it(folder, tmp_path, capsys):
    main(["benchmark", "table3", str(folder), "--csv", str(tmp_path / "t.csv")])
    printed = capsys.readouterr().out
    assert "mine: images: 8" in printed
    assert "No scores of your own" not in printed
    assert len(pd.read_csv(tmp_path / "t.csv")) == 9
    main(["benchmark", "table3"])
    assert "No scores of your own" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"scores\.csv does not exist"):
        main(["benchmark", "table3", str(tmp_path)])
