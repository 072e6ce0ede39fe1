"""The same name is the same text, whatever it comes from."""

from pathlib import PurePosixPath, PureWindowsPath
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest

from mne_brainae.utils.names import as_text, column_of_text

CAFE = "caf\u00e9.png"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a/b.png", "a/b.png"),
        (b"a.png", "a.png"),
        (np.bytes_(b"a.png"), "a.png"),
        (np.str_("a.png"), "a.png"),
        (CAFE.encode("latin-1"), CAFE),
        (CAFE.encode(), CAFE),
        (normalize("NFD", CAFE), CAFE),
        ("a\\b.png", "a/b.png"),
        (PurePosixPath("a/b.png"), "a/b.png"),
        (PureWindowsPath("a/b.png"), "a/b.png"),
        (7, "7"),
        (7.0, "7"),
        (np.int64(7), "7"),
        (7.5, "7.5"),
        (True, "True"),
    ],
)
def test_text(name, text):
    assert as_text(name) == text
    assert type(as_text(name)) is str


def test_column_keeps_its_index():
    column = column_of_text(pd.Series([b"a", "b", 1.0], index=[3, 1, 2]))
    assert column.to_dict() == {3: "a", 1: "b", 2: "1"}
