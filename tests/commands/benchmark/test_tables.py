"""What the commands of tables are told of their data."""

import argparse

import pytest

from mne_brainae.benchmark.paper.plan import plan_fits
from mne_brainae.benchmark.paper.tables import TABLES
from mne_brainae.commands import main
from mne_brainae.commands.benchmark.data import DATA_SETS, find_roots, parse_subjects
from mne_brainae.many import name_of_fit


def test_all_systems_of_table_2_are_built(capsys):
    main(["benchmark", "table2", "--data", "simulated", "--dry-run"])
    printed = capsys.readouterr().out
    assert "BraVL" in printed
    assert "not built" not in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Give either"),
        (["--bids-root", "x"], "needs --images"),
        (["--bids-root", "tvsd=x", "--images", "x"], "table4 is about things_eeg2"),
        (
            ["--bids-root", "x", "--images", "x", "--subjects", "9-11", "--dry-run"],
            "not 11",
        ),
        (
            ["--bids-root", "tsvd=x", "--images", "x"],
            "'tsvd' is not one of the",
        ),
    ],
)
def test_bad_words(words, message):
    with pytest.raises(SystemExit, match=message):
        main(["benchmark", "table4", *words])


@pytest.mark.parametrize("words", ["a-b", "1-x", "1-", "3-1", "1,,2", "sub-01"])
def test_bad_subjects(words, capsys):
    """What is not a subject and no range is an error of the parser, not a traceback."""
    with pytest.raises(SystemExit) as caught:
        main(["benchmark", "table4", "--data", "simulated", "--subjects", words])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "argument --subjects: expected subjects and ranges of numbers" in said
    assert f"in {words!r}" in said


def test_subjects_are_numbers_ranges_and_names():
    assert parse_subjects("01, 3-5,F,10") == ["1", "3", "4", "5", "F", "10"]


def test_roots_of_any_name(tmp_path):
    """A sign = in a path is none of a name, unless a data set stands before it."""
    odd = tmp_path / "a=b"
    odd.mkdir()
    given = argparse.Namespace(data=None, images=tmp_path, bids_root=[str(odd)])
    assert find_roots(given, "table1", DATA_SETS) == {"things_eeg2": str(odd)}
    given.bids_root = [f"tvsd={odd}", f"things_meg={odd}=c"]
    found = {"tvsd": str(odd), "things_meg": f"{odd}=c"}
    assert find_roots(given, "table1", DATA_SETS) == found
    assert set(DATA_SETS) == {name for table in TABLES.values() for name in table.data}


def test_dry_run_counts_what_was_asked(tmp_path):
    """Fits of other subjects, seeds and controls are not part of the plan."""
    folder = tmp_path / "things_eeg2_gabor_rows"
    wrong = tmp_path / "things_eeg2_gabor_shuffled"
    table = TABLES["table1"]
    row = next(row for row in table.rows if row.data == "things_eeg2")
    for place in (folder, wrong):
        place.mkdir()
        for subject, seed in (("1", 0), ("1", 1), ("2", 0), ("11", 0)):
            name = f"{name_of_fit(subject, row.key, seed)}.json"
            (place / name).write_text('{"row": {"seconds": 2.0}}')
    plan = plan_fits(
        table,
        "things_eeg2",
        subjects=["1"],
        n_seeds=1,
        encoders=["gabor"],
        folder=tmp_path,
        shuffled=False,
        cross_subject=False,
    )
    assert [path.name for path in plan.done] == [f"{name_of_fit('1', row.key, 0)}.json"]
    assert plan.seconds == 2.0


def test_dry_run_names_the_folders_that_are_missing(tmp_path, capsys):
    words = ["benchmark", "table1", "--image-encoder", "gabor", "--subjects", "1"]
    words += ["--bids-root", str(tmp_path / "bids"), "--images", str(tmp_path)]
    main([*words, "--dry-run"])
    printed = capsys.readouterr().out
    assert printed.count("there is no folder") == 1
    assert f"there is no folder {tmp_path / 'bids'}" in printed
