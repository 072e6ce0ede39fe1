"""Pickles are read for their arrays, and nothing in them is executed."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from miniatures import in_memory
from numpy.testing import assert_array_equal

from mne_brainae.utils.unpickle import load_dict, load_npy

CONTENTS = {
    "preprocessed_eeg_data": np.arange(24.0).reshape(2, 3, 4),
    "ch_names": ["Pz", "P3"],
    "times": np.arange(4, dtype=np.float32),
    "sfreq": np.float64(100),
    "n": 3,
}


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert_array_equal(found[key], value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_dictionary_of_arrays(protocol, tmp_path):
    """Bare pickles of every protocol, and pickles in npy files, are read alike."""
    bare, official = tmp_path / "bare.npy", tmp_path / "official.npy"
    bare.write_bytes(pickle.dumps(CONTENTS, protocol=protocol))
    np.save(official, CONTENTS)
    same(load_npy(bare), CONTENTS)
    same(load_npy(official), CONTENTS)


def test_names_of_older_numpy(tmp_path):
    """NumPy 1 wrote numpy.core where NumPy 2 writes numpy._core."""
    file = tmp_path / "old.npy"
    data = pickle.dumps(CONTENTS, protocol=2)
    assert b"numpy._core.multiarray" in data
    file.write_bytes(data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    same(load_npy(file), CONTENTS)


def test_plain_arrays(tmp_path):
    for name, array in {
        "float": np.ones((2, 3), "f4"),
        "text": np.array(["a", "b"]),
        "objects": np.array(["a", None, 1], object),
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
        assert_array_equal(load_npy(tmp_path / f"{name}.npy"), array)


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = [
    Evil(os.system, "touch {mark}"),
    Evil(eval, "open('{mark}', 'w')"),
    Evil(exec, "open('{mark}', 'w')"),
    Evil(getattr, os, "system"),
    Evil(np.save, "{mark}", 1),
    Evil(np.load, "{mark}"),
    Evil(np.fromfile, "{mark}"),
]


@pytest.mark.parametrize("attack", range(len(ATTACKS)))
def test_attack_is_refused_and_not_run(attack, tmp_path):
    mark = tmp_path / "executed"
    function, arguments = ATTACKS[attack].call
    arguments = [
        given.format(mark=mark) if isinstance(given, str) else "posix"
        for given in arguments
    ]
    crafted = {"data": np.ones(2), "x": Evil(function, *arguments)}
    for name, data in {
        "bare.npy": pickle.dumps(crafted),
        "official.npy": in_memory(np.save, crafted),
        "array.npy": in_memory(np.save, np.array([crafted], object)),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=r"would call .* nothing was executed"):
            load_npy(tmp_path / name)
    assert not list(tmp_path.glob("executed*"))


def test_memmap_and_private_names_are_refused(tmp_path):
    file = tmp_path / "x.npy"
    for code in (b"cnumpy.testing._private.utils\nrunstring\n.", b"cos\nsystem\n."):
        file.write_bytes(code)
        with pytest.raises(ValueError, match="would call"):
            load_npy(file)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_truncated_file(share, tmp_path):
    for number, whole in enumerate(
        (
            pickle.dumps(CONTENTS, protocol=4),
            in_memory(np.save, CONTENTS),
            in_memory(np.save, np.ones(100)),
        )
    ):
        file = tmp_path / f"{number}.npy"
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(
            ValueError, match=r"\d\.npy is not a complete npy file or pickle"
        ):
            load_npy(file)


def test_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.npy does not exist"):
        load_npy(tmp_path / "no.npy")


def test_dictionary_without_a_key(tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, OrderedDict(a=1))
    assert load_dict(file, {"a": "a number"}) == {"a": 1}
    with pytest.raises(ValueError, match=r"holds \['a'\], expected .*'b' \(a letter\)"):
        load_dict(file, {"a": "a number", "b": "a letter"})
    np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="holds ndarray, expected a dictionary"):
        load_dict(file, {"a": "a number"})
