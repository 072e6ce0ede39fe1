"""Files that are made to do harm are refused, and take little memory to refuse."""

import json
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

import mne_brainae
from mne_brainae.datasets._bids import add_stimuli
from mne_brainae.utils.bounds import inside

#: Of these the network is named that they announce.
UNNAMED = ("class.safetensors", "large.safetensors", "wide.safetensors")


@pytest.fixture(scope="module")
def found(tmp_path_factory, recording):
    """Read all files in a process of its own, whose memory is measured."""
    folder = tmp_path_factory.mktemp("hostile")
    epochs, features = recording
    model = mne_brainae.RidgeModel(verbose="ERROR").fit(epochs, features)
    model.save(folder / "model.safetensors")
    readers = hostile.make(folder)
    words = [sys.executable, hostile.__file__, str(folder), json.dumps(readers)]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


def test_every_file_is_refused(found):
    _, result = found
    wrong = {
        name: said
        for name, said in result["said"].items()
        if not said.startswith(("ValueError", "TypeError", "FileNotFoundError"))
    }
    # A link in an archive is left out, and so is what would lie behind it.
    assert set(wrong) <= {"link.tar"}, wrong
    assert len(result["said"]) >= 45


def test_refusals_name_the_file(found):
    for name, said in found[1]["said"].items():
        assert name in said or name in ("link.tar", *UNNAMED), said


def test_no_file_takes_much_memory(found):
    assert found[1]["grown"] < 2**30


def test_nothing_was_executed_or_written_elsewhere(found):
    folder, _ = found
    assert not list(folder.parent.rglob("harmed"))
    assert not Path("/tmp/harmed").exists()


def test_a_model_file_sets_no_path_to_write_to(tmp_path, recording):
    model = mne_brainae.LinearBrainAE(verbose="ERROR").fit(*recording)
    model.save(tmp_path / "model.safetensors")
    hostile.model_of(
        tmp_path, "paths.safetensors", params__memory_map=str(tmp_path / "harmed")
    )
    assert mne_brainae.read_brainae(tmp_path / "paths.safetensors").memory_map is None


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/etc/passwd"])
def test_names_stay_in_their_folder(tmp_path, name):
    with pytest.raises(ValueError, match="leads out of"):
        inside(tmp_path, name)
    with pytest.raises(ValueError, match="leads out of"):
        add_stimuli(tmp_path, [name], tmp_path)


def test_links_do_not_lead_out_of_a_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "stimuli").mkdir()
    (tmp_path / "stimuli" / "cat").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="leads out of"):
        inside(tmp_path / "stimuli", "cat/1.png")
    assert inside(tmp_path / "stimuli", "dog/1.png").name == "1.png"
