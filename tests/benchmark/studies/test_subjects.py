"""What a group tells of a newcomer: the study runs, and its scores are in order."""

import mne
import pytest

from mne_brainae.benchmark.studies import subjects
from mne_brainae.commands import main

SMALL = {
    "n_members": 3,
    "n_newcomers": 1,
    "n_images": 80,
    "n_channels": (8,),
    "snr": 0.2,
}


@pytest.fixture(scope="module")
def found():
    with mne.utils.use_log_level("ERROR"):
        return subjects.measure("12 common drives", (12, 40), **SMALL)


def test_every_system_has_a_row_at_every_number(found):
    newcomers = [(n, system) for n, system in found.table.index if n in (12, 40)]
    systems = {subjects.GROUP, subjects.OWN, subjects.SHUFFLED}
    assert set(newcomers) == {(n, system) for n in (12, 40) for system in systems}
    assert (0, subjects.ZERO) in found.table.index
    members = [n for n, _ in found.table.index if str(n).startswith("member")]
    assert len(set(members)) == 2  # the third is pure noise
    assert "3 subjects x 80 images" in found.protocol
    assert "Left the group: ['sub-04']" in found.protocol


@pytest.mark.stochastic
def test_a_group_helps_a_newcomer_of_few_images(found):
    skill = found.table["skill"].unstack("system")
    assert skill.loc[12, subjects.GROUP] > skill.loc[12, subjects.OWN] + 0.05
    # The mean map knows no images of the newcomer, and shuffling leaves it as it is.
    assert -0.15 < skill.loc[40, subjects.SHUFFLED] < skill.loc[40, subjects.GROUP]
    assert skill.loc[0, subjects.ZERO] > 0.05


def test_the_command_prints_a_table(capsys):
    words = ["--quick", "--cases", "nothing", "--images", "12", "--snr", "0.2"]
    main(["benchmark", "subjects", *words])
    printed = capsys.readouterr().out
    assert "SIMULATED EEG, nothing shared" in printed
    assert "own fit" in printed
