"""Identifications of several folds as one."""

import numpy as np
import pandas as pd
import pytest

from mne_brainae import Identification, pool_identifications


def test_pooling():
    rng = np.random.default_rng(0)
    similarity = rng.standard_normal((6, 3))
    whole = Identification(similarity, list("abc"), list("abcabc"), {"seed": 0, "x": 1})
    parts = [
        Identification(similarity[:2], list("abc"), list("ab"), {"seed": 0, "x": 1}),
        Identification(
            similarity[2:][:, ::-1], list("cba"), list("cabc"), {"seed": 0, "x": 2}
        ),
    ]
    pooled = pool_identifications(parts)
    pd.testing.assert_frame_equal(pooled.to_data_frame(), whole.to_data_frame())
    assert pooled.protocol == {"seed": 0, "pooled over": "2 parts"}
    with pytest.raises(ValueError, match="'d'"):
        pool_identifications(
            [parts[0], Identification(similarity[:1], list("abd"), ["a"])]
        )


def test_what_spoils_one_part_is_said_of_all():
    def part(**protocol):
        return Identification(np.eye(2), list("ab"), list("ab"), protocol)

    seen, ways = "test images seen in fit", "transductive"
    parts = [
        part(**{seen: 0, ways: False}),
        part(**{seen: 2, ways: "yes, CSLS"}),
        part(**{seen: 1, ways: False}),
    ]
    pooled = pool_identifications(parts).protocol
    assert pooled[seen] == 3
    assert pooled[ways] == "yes, CSLS (1 of 3 parts)"
    honest = pool_identifications(parts[:1] * 2).protocol
    assert honest[seen] == 0
    assert honest[ways] is False
