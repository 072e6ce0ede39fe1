"""The tables from BIDS data sets: THINGS-EEG2, THINGS-MEG and TVSD in miniature."""

import json

import pandas as pd
import pytest
from miniatures import (
    EEG2_TEST,
    MEG_TEST,
    MEG_TRAIN,
    TVSD_TEST,
    eeg2_image_table,
    tvsd_pictures,
    write_pictures,
    write_things_eeg2,
    write_things_meg,
    write_things_meg_epochs,
    write_tvsd,
)

from mne_brainae.commands import main
from mne_brainae.datasets import things_eeg2, tvsd

#: The 0.1 Hz filter of the paper is 33 s long.
TAIL = 34


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The folder object_images, with the templates of the test concepts."""
    folder = tmp_path_factory.mktemp("object_images")
    table = eeg2_image_table()
    shown = {
        f"{concept.partition('_')[2]}/{file}"
        for part in ("train", "test")
        for concept, file in zip(
            table[f"{part}_img_concepts_THINGS"],
            table[f"{part}_img_files"],
            strict=True,
        )
    }
    shown |= {f"{c}/{file}" for rows in tvsd_pictures().values() for c, file in rows}
    for concept, numbers in MEG_TRAIN.items():
        for number in numbers:
            shown.add(f"{concept}/{concept}_{number - numbers[0] + 1:02d}b.jpg")
    for concept, number in MEG_TEST.items():
        shown.add(f"{concept}/{concept}_{number - MEG_TRAIN[concept][0] + 1:02d}s.jpg")
    tested = [*(concept[6:] for concept in EEG2_TEST), *MEG_TEST, *TVSD_TEST]
    shown |= {f"{concept}/{concept}_{i:02d}n.jpg" for concept in tested for i in (8, 9)}
    write_pictures(folder, sorted(shown))
    return folder


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """Run a table on a data set in two epochs, and return its folder."""
    out = tmp_path_factory.mktemp("out")

    def run_(table, *words):
        words = [*words, "--images", str(pictures), "--image-encoder", "gabor"]
        words += ["--small", "--seeds", "1", "--out", str(out)]
        main(["benchmark", table, *words])
        return out / table

    return run_


# A covariance from few trials of noise whitens other trials poorly.
@pytest.mark.filterwarnings("ignore:The eeg responses are .* times as large")
def test_table_4_from_things_eeg2(run, tmp_path_factory, capsys):
    """Two subjects as the paper reads them, and one subject more later."""
    source = tmp_path_factory.mktemp("source")
    write_things_eeg2(source, subjects=("01", "02"), sessions=2, tail=1000 * TAIL)
    bids = tmp_path_factory.mktemp("bids")
    things_eeg2.to_bids(source, bids, sessions=["01", "02"])
    given = ["--bids-root", str(bids)]
    folder = run("table4", *given, "--subjects", "1")
    first = pd.read_csv(folder / "scores.csv", dtype={"subject": str})
    capsys.readouterr()
    folder = run("table4", *given, "--subjects", "1-2")
    assert "settings that are not the paper's (n_embedding" in capsys.readouterr().out
    scores = pd.read_csv(folder / "scores.csv", dtype={"subject": str})
    assert set(scores["subject"]) == {"01", "02"}
    mine = scores[scores["subject"] == "01"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        *(
            part.sort_values(list(part)[:-1], ignore_index=True)
            for part in (mine, first)
        )
    )
    summary = pd.read_csv(folder / "summary.csv").set_index(["row", "score"])
    own = summary["mean"].unstack()
    assert own.loc["chance", "retrieval top-1"] == 50
    assert own.loc[:, ["classification top-1"]].loc["overall"].between(0, 100).all()
    assert own.loc["w/ L_con":"w/o L_recon_I", "mse all"].notna().all()
    # Two candidates: no five guesses. Other settings: no difference.
    assert own["retrieval top-5"].isna().all()
    assert summary["difference"].isna().all()
    assert "does not apply [63.5 ± 5.2]" in (folder / "table.md").read_text("utf-8")
    protocol = json.loads((folder / "protocol.json").read_text())
    about = protocol["data"]["things_eeg2"]
    assert not about["simulated"]
    assert about["subjects"] == ["01", "02"]
    assert about["images"] == 8
    # Another folder is another recording, even if its subjects have the same names.
    with pytest.raises(SystemExit, match="sub-01"):
        run("table4", "--bids-root", str(source), "--subjects", "1")


def test_tables_from_things_meg_and_tvsd(run, tmp_path_factory):
    """One command for two data sets, then subject by subject from the same fits."""
    meg = tmp_path_factory.mktemp("meg")
    write_things_meg(meg, tail=TAIL)
    source, mua = tmp_path_factory.mktemp("tvsd"), tmp_path_factory.mktemp("mua")
    write_tvsd(source)
    tvsd.to_bids(source, mua)
    roots = ["--bids-root", f"things_meg={meg}", f"tvsd={mua}", "--subjects", "1,F"]
    folder = run("table1", *roots)
    summary = pd.read_csv(folder / "summary.csv")
    fitted = summary[summary["mean"].notna()]
    assert set(fitted["data"]) == {"things_meg", "tvsd"}
    rows = fitted.groupby("data")["row"].nunique()
    # Four systems, mean response, ceiling, shuffled, single trials.
    assert rows["tvsd"] == 4 + 4
    assert "no data given [0.480 ± 0.069]" in (folder / "table.md").read_text("utf-8")
    done = {f: f.stat().st_mtime_ns for f in folder.glob("fits/*/*_seed-*.json")}
    folder = run("table11", "--bids-root", f"tvsd={mua}", "--subjects", "F")
    assert all(file.stat().st_mtime_ns == then for file, then in done.items())
    assert not (folder / "fits").exists()
    by_subject = pd.read_csv(folder / "summary.csv")
    by_subject = by_subject[by_subject["score"] == "r all"]
    one = by_subject[by_subject["row"] == "linear"].set_index("subject")
    is_same = (fitted["data"] == "tvsd") & (fitted["row"] == "linear")
    of_table_1 = fitted[is_same & (fitted["score"] == "r all")]
    assert one.loc["F", "mean"] == pytest.approx(of_table_1["mean"].item())
    assert list(one["published"]) == [0.755, 0.836, 0.796]
    assert list(one.index) == ["N", "F", "mean"]
    folder = run("table14", "--bids-root", f"tvsd={mua}", "--subjects", "F")
    text = (folder / "table.md").read_text("utf-8")
    assert "| row | score | N | F | mean |" in text
    assert "[49.6]" in text


def test_tables_from_what_others_preprocessed(run, tmp_path_factory, capsys):
    meg, mua = tmp_path_factory.mktemp("meg"), tmp_path_factory.mktemp("mua")
    (meg / "derivatives").mkdir()
    write_things_meg_epochs(meg / "derivatives")
    write_tvsd(mua)
    roots = ["--bids-root", f"things_meg={meg}", f"tvsd={mua}", "--subjects", "1,F"]
    folder = run("table16", *roots, "--preprocessed")
    printed = capsys.readouterr().out
    assert printed.count("preprocessed by the authors of the data") == 2
    summary = pd.read_csv(folder / "summary.csv").set_index(["data", "row", "score"])
    for data in ("things_meg", "tvsd"):
        assert summary["mean"][data, "BrainAE", "training time"] > 0
    assert summary["difference"].isna().all()
    with pytest.raises(SystemExit, match=r"0 files preprocessed_P1-epo\.fif below"):
        run("table16", "--bids-root", f"things_meg={mua}", "--preprocessed")
    with pytest.raises(SystemExit, match="--preprocessed goes with --bids-root"):
        main(["benchmark", "table2", "--data", "simulated", "--preprocessed"])
