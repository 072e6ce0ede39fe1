"""``mne_brainae datasets``, and the checks behind it."""

import shutil
import subprocess
import sys

import pytest
from miniatures import (
    eeg2_image_table,
    write_pictures,
    write_things_eeg2,
    write_things_meg,
    write_tvsd,
)

from mne_brainae.commands import main
from mne_brainae.commands.datasets import NAMES
from mne_brainae.datasets import (
    _bids,
    _fetch,
    things_eeg2,
    things_meg,
    tvsd,
)
from mne_brainae.datasets._things_eeg2_source import THEIR_NAMES


@pytest.fixture(scope="module")
def eeg2(tmp_path_factory):
    """Raw files and images of THINGS-EEG2."""
    source = tmp_path_factory.mktemp("source")
    write_things_eeg2(source)
    table = eeg2_image_table()
    for partition, theirs in THEIR_NAMES.items():
        folders, files = (table[f"{partition}_img_{w}"] for w in ("concepts", "files"))
        names = [f"{a}/{b}" for a, b in zip(folders, files, strict=True)]
        write_pictures(source / f"{theirs}_images", names)
    return source


@pytest.fixture
def complete(monkeypatch):
    """Let a complete participant be as small as the miniatures are."""
    monkeypatch.setattr(things_eeg2, "EXPECTED", {"train": (6, 4), "test": (2, 12)})
    monkeypatch.setattr(things_meg, "EXPECTED", {"train": (9, 1), "test": (1, 6)})
    monkeypatch.setattr(things_meg, "N_RECORDINGS", 2)
    monkeypatch.setattr(tvsd, "EXPECTED", {"train": (12, 1), "test": (2, 15)})


def test_list(capsys):
    main(["datasets", "list"])
    printed = capsys.readouterr().out
    assert all(name.replace("_", "-") in printed for name in NAMES)
    assert "things-meg   THINGS-MEG: four people" in printed
    assert "33.0 GB; CC0" in printed


@pytest.mark.parametrize("name", NAMES)
def test_info(name, capsys):
    main(["datasets", "info", name])
    printed = capsys.readouterr().out
    registry = _fetch.read_registry(name)
    for text in (registry.license, registry.citation, registry.url, "Download"):
        assert text in printed
    assert ":func:" not in printed


def test_from_fetch_to_check(eeg2, complete, tmp_path, capsys, upstream):
    """Convert, check; then damage one thing after another."""
    root = tmp_path / "bids"
    main(["datasets", "to-bids", "things_eeg2", str(eeg2), str(root),
          "--images", str(eeg2)])  # fmt: skip
    words = ["datasets", "check", "things_eeg2", str(root), "--subjects", "1"]
    words += ["--images", str(root / "stimuli")]
    main(words)
    assert "Complete." in capsys.readouterr().out
    next((root / "stimuli").rglob("*.jpg")).unlink()
    with pytest.raises(SystemExit, match="Not as expected: 1 of"):
        main(words)
    assert "7         8" in capsys.readouterr().out
    file = next(root.rglob("*ses-01_task-test_eeg.eeg"))
    file.write_bytes(file.read_bytes()[:-10_000])
    with pytest.raises(SystemExit, match="Not as expected: 3 of"):
        main(words)
    assert "is truncated" in capsys.readouterr().out
    shutil.rmtree(root / "sub-01" / "ses-02")
    with pytest.raises(SystemExit, match="Not as expected: 5 of"):
        main(words)


def test_check_finds_events_of_another_recording(eeg2, complete, tmp_path):
    root = things_eeg2.to_bids(eeg2, tmp_path / "bids")
    assert things_eeg2.check(root, 1)["is_ok"].all()
    file = next(root.rglob("*ses-01_task-train_events.tsv"))
    table = _bids.read_tsv(file)
    _bids.write_tsv(file, table.assign(onset=table["onset"] + 1))
    findings = things_eeg2.check(root, 1)
    wrong = findings[~findings["is_ok"]]
    assert "contradict themselves: in 6 of 6" in wrong["found"].iloc[0]
    with pytest.raises(ValueError, match="contradict themselves"):
        things_eeg2.read_epochs(root, 1, l_freq=None)
    _bids.write_tsv(file, table.assign(sample=10**6, onset=1000))
    findings = things_eeg2.check(root, 1)
    assert "it is truncated" in findings["found"].astype(str).iloc[0]


def test_check_of_meg_and_tvsd(complete, tmp_path, capsys):
    write_things_meg(tmp_path / "meg")
    main(["datasets", "check", "things_meg", str(tmp_path / "meg")])
    write_tvsd(tmp_path / "tvsd")
    main(["datasets", "to-bids", "tvsd", str(tmp_path / "tvsd"), str(tmp_path / "b")])
    # The trial without a value may be the only one of its image.
    findings = tvsd.check(tmp_path / "b", "F")
    assert findings["is_ok"].sum() >= len(findings) - 1
    assert "Complete." in capsys.readouterr().out


def test_fetch(tmp_path, upstream):
    contents, asked = upstream
    for file in _fetch.read_registry("muse_n170").files.values():
        contents[file.url] = b"x"
    with pytest.raises(SystemExit, match="hash"):
        main(["datasets", "fetch", "muse_n170", "--path", str(tmp_path)])
    assert len(asked) == 1
    with pytest.raises(SystemExit, match="muse_n170 takes no --kind, --subjects"):
        main(["datasets", "fetch", "muse_n170", "--kind", "raw", "--subjects", "1"])


def test_fetch_takes_what_is_there(tmp_path, upstream, capsys):
    """Nothing is asked of the server for files of the right size."""
    _, asked = upstream
    for name, file in _fetch.read_registry("muse_n170").files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * file.n_bytes)
    main(["datasets", "fetch", "muse_n170", "--path", str(tmp_path)])
    assert not asked
    assert "muse_n170 is in" in capsys.readouterr().out


def test_errors_in_words(tmp_path, capsys):
    for words, match in (
        (["to-bids", "things_meg", "a", "b"], "THINGS-MEG is BIDS already"),
        (["check", "muse_n170", str(tmp_path)], "muse_n170 is no BIDS data set"),
        (["check", "tvsd", str(tmp_path)], "no ieeg recording"),
        (["check", "things_eeg2", str(tmp_path), "--subjects", "3"], "sub-03"),
        (["fetch", "things_eeg2", "--subjects", "11"], "subject must be one of 01"),
        (["to-bids", "tvsd", str(tmp_path), "b"], "no folder monkeyF or monkeyN"),
    ):
        with pytest.raises(SystemExit, match=match):
            main(["datasets", *words])
    with pytest.raises(SystemExit):
        main(["datasets", "info", "imagenet"])
    assert "invalid choice" in capsys.readouterr().err


def test_output_that_nobody_reads_on():
    """Through ``head`` without a traceback."""
    words = [sys.executable, "-m", "mne_brainae", "datasets", "info", "tvsd"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
