"""The closed form beside ridge regression of other packages."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mne_brainae.benchmark.studies import closed_form
from mne_brainae.benchmark.studies.closed_form import (
    FITS,
    HIMALAYA,
    PATH,
    SKLEARN,
    WHOLE,
    Size,
    draw,
    measure,
    take,
)
from mne_brainae.commands import main

SMALL = Size(60, 3, 8, 6)


@pytest.mark.parametrize("other", [SKLEARN, HIMALAYA])
def test_all_regressions_are_the_same(other):
    """One penalty, chosen from the same ones; the weights are those of it."""
    if other == HIMALAYA:
        pytest.importorskip("himalaya")
    features, responses = draw(Size(200, 3, 8, 6))
    weights = FITS[PATH](features, responses)()
    model = FITS[other](features, responses)()
    found = model.coef_ if other == HIMALAYA else model.coef_.T
    assert np.corrcoef(found.ravel(), weights.ravel())[0, 1] > 0.99
    if other == SKLEARN:  # by leave-one-out, too
        np.testing.assert_allclose(found, weights, rtol=1e-3, atol=1e-3)


def test_a_fit_takes_time_and_memory():
    taken = take(WHOLE, SMALL)
    assert taken["wall"] > 0
    assert taken["processor"] > 0
    assert taken["memory"] >= 0


def test_memory_before_a_fit_does_not_hide_its_own():
    """Large arrays that were freed have left a peak behind."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the system keeps its peak")
    # In a process of its own: memory that other tests have freed may be used again.
    code = """
import numpy as np
from mne_brainae.benchmark.studies.speed import forget_peak, peak

large = np.ones(20_000_000)
del large
before = forget_peak()
kept = np.ones(5_000_000)
print((peak() - before) / kept.nbytes)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert float(done.stdout) > 0.9


def test_the_table_has_a_row_per_size_and_system(monkeypatch, tmp_path, capsys):
    def pretend(system, size):
        return {"wall": 1.0, "processor": 2.0 + (system != WHOLE), "memory": 960.0}

    monkeypatch.setattr(closed_form, "_in_own_process", pretend)
    monkeypatch.setattr(closed_form, "find_spec", lambda name: None)
    out = tmp_path / "closed_form.json"
    sizes = ["--size", "10", "2", "3", "4", "--size", "20", "2", "3", "4"]
    main(["benchmark", "speed", "--closed-form", *sizes, "--out", str(out)])
    assert "x array" in capsys.readouterr().out
    rows = json.loads(out.read_text())
    assert [row["n_images"] for row in rows] == 3 * [10] + 3 * [20]
    assert rows[1] | {"system": PATH, "x": 1.5, "x array": 4.0} == rows[1]


def test_every_system_has_a_process_of_its_own():
    (row,) = measure([SMALL], [PATH]).to_dict("records")
    assert row["wall"] > 0
