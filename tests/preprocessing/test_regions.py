"""The regions of sensors are those that the paper counts."""

import mne
import pytest
from miniatures import EEG2_CHANNELS

import mne_brainae
from mne_brainae.datasets._montage import standard_montage


def regions(names, kind="eeg"):
    return mne_brainae.channel_regions(mne.create_info(names, 100.0, kind))


def ctf_names():
    """The 271 sensors of THINGS-MEG."""
    layout = mne.channels.read_layout("CTF275").names
    absent = {"MLF25", "MRF43", "MRO13", "MRO11"}
    return [f"{name}-1609" for name in layout if name not in absent and name[0] == "M"]


def counts(found):
    return {region: len(names) for region, names in found.items()}


def test_things_eeg2():
    found = regions(EEG2_CHANNELS)
    assert len(found["visual"]) == 34
    assert found["visual"] == [n for n in EEG2_CHANNELS if set(n) & set("OTP")]
    assert sum(counts(found).values()) == 63 + 34
    assert found["occipital"] == ["O1", "Oz", "O2", "PO7", "PO3", "POz", "PO4", "PO8"]


def test_things_meg():
    names = ctf_names()
    assert len(names) == 271
    found = counts(regions(names, "mag"))
    assert found == {
        "central": 52,
        "frontal": 67,
        "occipital": 39,
        "parietal": 45,
        "temporal": 68,
        "visual": 152,
    }


@pytest.mark.parametrize(("n_v4", "n_it"), [(256, 256), (192, 320)])
def test_tvsd(n_v4, n_it):
    names = [f"V1_{i:03d}" for i in range(1, 513)]
    names += [f"V4_{i:03d}" for i in range(1, n_v4 + 1)]
    names += [f"IT_{i:03d}" for i in range(1, n_it + 1)]
    found = counts(regions(names, "seeg"))
    assert found == {"V1": 512, "V4": n_v4, "IT": n_it}


def test_the_whole_10_05_system_has_regions():
    found = regions([n for n in standard_montage().ch_names if n[0] not in "AMNI"])
    assert len(found["visual"]) == sum(
        len(found[lobe]) for lobe in ("temporal", "parietal", "occipital")
    )


def test_others_are_left_out():
    assert regions(["Fp1", "Cz", "STI 014", "EOG", "ECG", "T3"]) == {
        "frontal": ["Fp1"],
        "central": ["Cz"],
        "temporal": ["T3"],
        "visual": ["T3"],
    }


def test_names_that_say_nothing():
    with pytest.raises(ValueError, match=r"says a region.*'PO7'.*got 'EEG 001'"):
        regions(["EEG 001", "EEG 002"])
    with pytest.raises(TypeError, match=r"'info' parameter.*Info"):
        mne_brainae.channel_regions(["Cz"])
