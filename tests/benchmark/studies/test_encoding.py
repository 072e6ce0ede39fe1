"""What is predicted of real recordings."""

import pytest

from mne_brainae.benchmark.studies import encoding
from mne_brainae.benchmark.studies.encoding import BEST, CEILING, MEAN, RIDGE


@pytest.mark.data("macaque_it")
@pytest.mark.stochastic
def test_objects_at_a_new_place_in_it():
    scores, courses = encoding.predict_objects()
    assert "objects at 3 places" in scores.protocol
    assert {BEST, RIDGE, MEAN, CEILING} == set(scores.table.index)
    r = scores.table["r_images"]
    assert r[CEILING] > 0.1
    assert r[BEST] > 0
    assert r[MEAN] == pytest.approx(0)
    assert len(scores.figures) == 2
    assert {BEST, RIDGE, CEILING} == set(courses.table.columns)


@pytest.mark.data("muse_n170")
@pytest.mark.stochastic
def test_the_n170_of_a_run_that_was_held_out():
    found = encoding.predict_categories()
    assert "6 runs" in found.protocol
    wave = found.table.loc[(BEST, "face - house")]
    assert min(wave["TP9"], wave["TP10"]) > 0.4
    assert len(found.figures) == 1
