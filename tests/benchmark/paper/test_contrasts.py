"""The contrasts of section 4.3.1, with known differences."""

import numpy as np
import pandas as pd
import pytest

from mne_brainae.benchmark.paper import contrasts, rendering, runner
from mne_brainae.benchmark.paper.spec import Row, Table

R_ALL, R_VISUAL = "r all", "r visual"


def results(n_subjects):
    """Return scores in which alignment is worth 0.04, and the eye 0.1."""
    names = ("linear", "nonlinear", "linear + alignment", "nonlinear + alignment")
    table = Table(
        "table1",
        "a test",
        (R_ALL, R_VISUAL),
        tuple(Row(name, "0.5 0.6") for name in names),
        names[-1],
    )
    rng = np.random.default_rng(0)
    values = [
        (
            "things_eeg2",
            name,
            str(subject),
            seed,
            score,
            0.4
            + 0.04 * ("alignment" in name)
            + 0.1 * (score == R_VISUAL)
            + 1e-3 * rng.standard_normal(),
        )
        for name in names
        for score in (R_ALL, R_VISUAL)
        for subject in range(n_subjects)
        for seed in range(2)
    ]
    about = {
        "simulated": False,
        "subjects": list(range(n_subjects)),
        "image encoder": ["ready"],
    }
    protocol = {"data": {"things_eeg2": about}, "seeds": [0, 1], runner.SETTINGS: {}}
    scores = pd.DataFrame(values, columns=runner.LONG)
    return runner.Results(table, scores, {}, {}, protocol)


def test_alignment_and_channels_are_tested():
    found = contrasts.contrasts(results(7)).set_index(["what", "against"])
    assert len(found) == 2 * 2 + 4
    aligned = found.loc[
        (
            "linear + alignment, Pearson's r, all channels",
            "linear, Pearson's r, all channels",
        )
    ]
    assert aligned["difference"] == pytest.approx(0.04, abs=0.005)
    assert aligned["p"] == pytest.approx(2 / 2**7)
    seen = found.loc[
        ("linear, Pearson's r, visual channels", "linear, Pearson's r, all channels")
    ]
    assert seen["difference"] == pytest.approx(0.1, abs=0.005)
    assert (found["n_subjects"] == 7).all()


def test_few_subjects_are_not_tested():
    found = results(4)
    assert contrasts.contrasts(found)["p"].isna().all()
    lines = contrasts.in_words(contrasts.contrasts(found))
    assert all("4 subjects, not tested" in line for line in lines)
    assert set(lines) <= set(rendering.legend(found))


def test_other_tables_have_none():
    found = results(7)
    found.scores = found.scores[found.scores["row"] == "nonlinear"]
    found.table = Table("table0", "a test", (R_ALL,), found.table.rows[:1], "linear")
    kept = found.scores["score"] == R_ALL
    found.scores = found.scores[kept]
    assert contrasts.contrasts(found).empty
    assert contrasts.in_words(contrasts.contrasts(found)) == []
