"""Fingerprints: other values have others, the same values the same."""

import copy
import functools
import os
import subprocess
import sys
import threading
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mne_brainae.utils.fingerprint import file_content, fingerprint

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.binary(max_size=4)
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def _typed(value):
    """Return a text that spells a value out with its types."""
    if isinstance(value, dict):
        pairs = sorted((key, _typed(each)) for key, each in value.items())
        return f"dict{pairs!r}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[_typed(each) for each in value]!r}"
    return f"{type(value).__name__} {value!r}"


@given(NESTED, NESTED)
def test_the_same_if_and_only_if_values_and_types_are(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (_typed(one) == _typed(other))
    assert fingerprint(copy.deepcopy(one)) == fingerprint(one)


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3)))
def test_values_never_run_into_each_other(one, other):
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


def _all_differ(values):
    prints = [fingerprint(value) for value in values]
    for (i, one), (j, other) in combinations(enumerate(prints), 2):
        assert one != other, f"{values[i]!r} and {values[j]!r}"


def _made(number):
    def inner():
        return number

    return inner


def _times(factor):
    def decorate(function):
        @functools.wraps(function)
        def wrapped():
            return factor * function()

        return wrapped

    return decorate


def _double(function):
    @functools.wraps(function)
    def wrapped():
        return 2 * function()

    return wrapped


def _triple(function):
    @functools.wraps(function)
    def wrapped():
        return 3 * function()

    return wrapped


def _one():
    return 1


@functools.lru_cache
def _cached():
    return 1


class _Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class _Settings:
    rate: float = 0.1
    verbose: bool = False
    names: list = field(default_factory=list)


@dataclass
class _Others:
    rate: float = 0.1
    verbose: bool = False
    names: list = field(default_factory=list)


class _Plain:
    def __init__(self, number):
        self.number = number

    def method(self):
        return self.number


class _Slots:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


class _Own:
    """An object that says itself what it is, and holds what nothing could tell."""

    def __init__(self, text):
        self.text, self.lock = text, threading.Lock()

    def fingerprint(self):
        return self.text


class _Scaled(torch.nn.Module):
    """A module whose repr does not say by what it scales."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x):
        return self.by * x


def _module(seed=0, hook=None):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    if hook is not None:
        module[0].register_forward_hook(hook)
    return module


def _twin_classes():
    """Return two classes of one name, as a notebook makes them when a cell changes."""

    def one():
        class Local:
            def __call__(self):
                return 1

        return Local

    first = one()

    def one():
        class Local:
            def __call__(self):
                return 2

        return Local

    second = one()
    first.__qualname__ = second.__qualname__ = "<locals>.Local"
    return first, second


Point = namedtuple("Point", "x y")
Place = namedtuple("Place", "x y")


def _values():
    """Return values that are all different."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=["x", "y"])
    masked = np.ma.masked_array([1, 2], [False, True])
    first, second = _twin_classes()
    return [
        None,
        *(1, True, 1.0, "1", b"1", 1 + 0j, 2**80, -0.5, float("nan"), float("inf")),
        *([], (), {}, set(), "", b"", np.array([]), [1], (1,), {1}, {1: None}),
        *([[1], 2], [1, [2]], [[1, 2]], [1, 2], (1, 2), Point(1, 2), Place(1, 2)),
        *({"a": 1}, {"a": 1.0}, {"a": {"b": 1}}, OrderedDict(a=1), {1: 2}, {2: 1}),
        *(
            array,
            array.T,
            array.ravel(),
            array.astype("f8"),
            array.view("i4"),
            array + 1,
        ),
        *(
            np.array(["a", "b"]),
            np.array(["a", "b"], object),
            np.array(["ab", ""], object),
        ),
        *(np.array([1, "b"], object), masked, np.array([1, 2]), np.datetime64(1, "s")),
        *(np.zeros(2, [("a", "i4")]), np.zeros(2, [("b", "i4")]), np.zeros((0, 3))),
        *(torch.from_numpy(array), torch.ones(2), torch.ones(2, dtype=torch.bfloat16)),
        *(torch.tensor(1.0), torch.ones(2, dtype=torch.float16), torch.ones(1, 2)),
        *(frame, frame.T, frame.rename_axis("image"), frame.astype("f4"), frame + 1),
        *(frame[["b", "a"]], frame.iloc[::-1], frame.assign(b="c"), frame["a"]),
        *(frame["a"].rename("b"), frame.index, frame.index.rename("image")),
        *(frame.set_index(["a", "b"]).index, pd.Index([1.0, 2.0]), pd.NaT, pd.NA),
        *(pd.Index(["x", "y"], dtype="category"), pd.Timestamp(0), pd.RangeIndex(3)),
        *(_Color.RED, _Color.BLUE, _Settings(), _Settings(0.2), _Others()),
        *(_Settings(names=["a"]), _Settings(names=["b"]), _Plain(1), _Plain(2)),
        *(_Slots(1), _Slots(2), _Own("a"), _Own("b"), _Plain, _Slots, first, second),
        *(first(), second(), _Plain(1).method, _Plain(2).method, _one, _cached),
        *(_made(1), _made(2), _times(2)(_one), _times(3)(_one), _double(_one)),
        *(_triple(_one), lambda: 1, lambda: 2, lambda x=1: x, lambda x=2: x),
        *(partial(_one), partial(_one, 1), partial(_one, a=1), partial(_cached, a=1)),
        *(len, max, np.mean, np.median, np.add, int, [1].append, [2].append, range(2)),
        *(np.random.RandomState(0), np.random.RandomState(1), np.random.default_rng(0)),
        *(Ridge(), Ridge(alpha=2.0), Ridge().fit([[0], [1]], [0, 1])),
        *(Ridge().fit([[0], [1]], [0, 2]), make_pipeline(StandardScaler(), Ridge())),
        make_pipeline(StandardScaler(), Ridge(alpha=2.0)),
        *(_module(), _module(1), _module(hook=_one), _Scaled(1.0), _Scaled(2.0)),
        *(torch.nn.ReLU(), torch.nn.ELU(), torch.nn.ELU(0.5), torch.float32),
        *(torch.nn.functional.relu, torch.device("cpu"), Path("nowhere"), "nowhere"),
        Image.new("RGB", (2, 3)),
        Image.new("RGB", (3, 2)),
        Image.new("RGB", (2, 3), "red"),
    ]


def test_all_kinds_of_values_differ_and_are_known_again():
    _all_differ(_values())
    again = [fingerprint(value) for value in _values()]
    assert again == [fingerprint(value) for value in _values()]


def test_numbers_of_numpy_are_numbers_and_nan_is_nan():
    assert fingerprint(np.int64(3), np.uint8(3)) == fingerprint(3, 3)
    assert fingerprint(np.float32(0.5), np.bool_(True)) == fingerprint(0.5, True)
    assert fingerprint(np.str_("a"), np.bytes_(b"a")) == fingerprint("a", b"a")
    assert fingerprint(np.nan) == fingerprint(float("nan")) == fingerprint(-np.nan)


def test_order_and_layout_do_not_count():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({3, 1, 2}) == fingerprint({2, 3, 1})
    array = np.random.default_rng(0).standard_normal((300, 70, 60))
    expected = fingerprint(array)
    assert fingerprint(np.asfortranarray(array)) == expected
    assert fingerprint(np.repeat(array, 2, axis=2)[:, :, ::2]) == expected
    frame = pd.DataFrame(array[0])
    assert fingerprint(pd.DataFrame(np.asfortranarray(array[0]))) == fingerprint(frame)


def test_a_memory_map_is_its_content(tmp_path):
    array = np.arange(10.0)
    np.save(tmp_path / "array.npy", array)
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert fingerprint(mapped) == fingerprint(array)


def test_texts_are_the_same_in_all_types_of_pandas():
    names = ["a", "b"]
    types = [pd.Index(names, dtype=dtype) for dtype in (object, "string")]
    assert len({fingerprint(index) for index in types}) == 1


def test_files_count_by_name_and_content_and_folders_by_state(tmp_path):
    one, folder = tmp_path / "one.txt", tmp_path / "folder"
    one.write_text("a")
    first = fingerprint(one)
    os.utime(one, ns=(0, 0))
    assert fingerprint(one) == first
    one.write_text("b")
    assert fingerprint(one) != first
    other = tmp_path / "other.txt"
    other.write_text("b")
    assert fingerprint(other) != fingerprint(one)
    assert file_content(other) == file_content(one)
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "x.txt").write_text("a")
    first = fingerprint(folder)
    assert fingerprint(str(folder)) != first
    assert fingerprint(folder.rename(tmp_path / "moved")) == first
    os.utime(tmp_path / "moved" / "sub" / "x.txt", ns=(0, 0))
    assert fingerprint(tmp_path / "moved") != first


def test_what_holds_itself_ends():
    ring = [1]
    ring.append(ring)
    assert fingerprint(ring) == fingerprint(copy.deepcopy(ring))

    def count(n):
        return 1 if n == 0 else count(n - 1)

    assert fingerprint(count) == fingerprint(count)


def test_left_out_at_every_depth():
    def of(verbose, rate=0.1):
        return [{"part": _Settings(rate, verbose)}]

    left_out = [fingerprint(of(each), without={"verbose"}) for each in (True, False)]
    assert left_out[0] == left_out[1]
    assert fingerprint(of(True)) != fingerprint(of(False))
    assert fingerprint(of(True, 0.2), without={"verbose"}) != left_out[0]
    ridges = [Ridge(copy_X=each) for each in (True, False)]
    assert len({fingerprint([each], without={"copy_X"}) for each in ridges}) == 1


@pytest.mark.parametrize(
    "value",
    [(i for i in range(2)), threading.Lock(), torch.ones(2, device="meta")],
    ids=["generator", "lock", "meta"],
)
def test_what_cannot_be_told_says_what_to_do(value):
    for each in (value, {"deep": [value]}, partial(_one, value), _Plain(value)):
        with pytest.raises(ValueError, match="a method fingerprint"):
            fingerprint(each)


def test_every_process_says_the_same():
    code = (
        "from mne_brainae.utils.fingerprint import fingerprint as f; import json, sys;"
        "print(f({'b', 'a', 'c'}, {'x': 1, 'y': (2.5, None)}, json.dumps, range(3)));"
        "assert 'torch' not in sys.modules"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1
