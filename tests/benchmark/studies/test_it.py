"""Which object macaque IT saw, with fewer folds and wider bins."""

import mne
import pytest

from mne_brainae.benchmark.studies import it

pytestmark = [pytest.mark.data("macaque_it"), pytest.mark.stochastic]


@pytest.fixture(scope="module")
def trials():
    with mne.utils.use_log_level("ERROR"):
        yield it.read_trials(bin_width=0.1, n_folds=2)


def test_objects_are_classified_and_dealt_labels_are_not(trials):
    assert "7 objects at 3 positions; 2 folds" in trials.protocol
    table = it.classify(trials)
    assert len(table) == 5
    assert table.loc["BrainAE closed form, likelihood", "accuracy"] > 0.7
    assert table.loc[it.LOGISTIC, "p"] < 1e-10
    assert table.loc[it.CONTROL, "accuracy"] < 0.25  # chance is 1 / 7


def test_objects_are_told_after_onset_only(trials):
    table = it.classify_windows(trials)
    assert len(table) == 7
    assert table.loc[["-200 to -100 ms", "-100 to 0 ms"], "p"].min() > 1e-3
    assert table.loc["100 to 200 ms", "p"] < 1e-10


def test_what_is_hidden_before_onset_costs_nothing(trials):
    found = dict(it.occlude(trials))
    assert list(found) == ["pointwise", "increasing", "decreasing"]
    hidden = found["pointwise"].table.assign(tmin=lambda t: t["tmin"].round(1))
    hidden = hidden.set_index("tmin")
    assert hidden["change"].idxmin() == 0.1
    assert hidden.loc[0.1, "p_change"] < 0.01
    assert hidden.loc[[-0.2, -0.1], "p_change"].min() > 0.01
    shown = found["increasing"].table.assign(tmax=lambda t: t["tmax"].round(1))
    shown = shown.set_index("tmax")
    assert shown.loc[[-0.1, 0.0], "p_chance"].min() > 1e-3
    assert shown.loc[0.2, "p_chance"] < 1e-10
