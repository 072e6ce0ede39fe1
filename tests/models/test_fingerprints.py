"""What tells one scorer from another, and finished fits of other scorers."""

import json
from dataclasses import dataclass
from functools import partial

import mne
import numpy as np
import pandas as pd
import pytest

import mne_brainae
from mne_brainae.models.fingerprints import fingerprint_score


def _one(model, subject):
    """Return one."""
    return {"score": 1.0}


def _scaled(model, subject, *, by, test=None):
    """Return what it is told."""
    return {"score": float(by)}


@dataclass
class _Holder:
    """A scorer with a number of its own."""

    number: float

    def __call__(self, model, subject):
        return {"score": self.number}

    def method(self, model, subject):
        return {"score": -self.number}


@dataclass
class _Named(_Holder):
    """A scorer that says itself what it is."""

    def fingerprint(self, subject):
        return f"{subject} {self.number > 0}"


def _inside(number):
    return lambda model, subject: {"score": number}


def _epochs(value):
    data = np.full((2, 1, 5), value)
    return mne.EpochsArray(data, mne.create_info(1, 100.0, "eeg"), verbose="ERROR")


def _scorers():
    """Return scorers that are all different."""
    twins = [lambda m, s: {"score": 1.0}, lambda m, s: {"score": 2.0}]
    typed = {}
    for value in ("3", "4"):
        exec(f"def score(m, s): return {{'score': {value}}}", typed)
        yield typed["score"]
    yield from [
        None,
        _one,
        *twins,
        _inside(1.0),
        _inside(2.0),
        partial(_scaled, by=1),
        partial(_scaled, by=2),
        partial(_scaled, by=2, test=_epochs(0.0)),
        partial(_scaled, by=2, test=_epochs(1.0)),
        _Holder(1.0),
        _Holder(2.0),
        _Holder(1.0).method,
        _Holder(2.0).method,
        _Named(1.0),
    ]


def test_scorers_are_told_apart_and_known_again():
    first, again = (
        [fingerprint_score(score, "a") for score in _scorers()] for _ in range(2)
    )
    assert first == again
    assert len(set(first)) == len(first)
    assert fingerprint_score(_Named(2.0), "a") == fingerprint_score(_Named(1.0), "a")
    assert fingerprint_score(_Named(2.0), "b") != fingerprint_score(_Named(1.0), "a")


def test_a_scorer_that_calls_itself():
    def count(n):
        return 1 if n == 0 else count(n - 1)

    def outer(model, subject):
        return {"score": count(3)}

    assert fingerprint_score(outer, "a") == fingerprint_score(outer, "a")


def test_what_cannot_be_told_says_what_to_do():
    with pytest.raises(ValueError, match="a method fingerprint"):
        fingerprint_score(partial(_scaled, by=(i for i in range(2))), "a")
    with pytest.raises(ValueError, match="a method fingerprint"):
        fingerprint_score(partial(_scaled, by=[lambda: 1]), "a")


@pytest.fixture
def fit(recording, small, tmp_path):
    """Fit one model in a folder."""
    epochs, features = recording
    short = small | {"max_epochs": 1, "min_updates": 1}
    short.pop("random_state", None)

    def fit_(score, **given):
        return mne_brainae.fit_many(
            epochs, features, folder=tmp_path, score=score, **short, **given
        )

    return fit_


def test_another_score_is_not_taken_for_the_former(fit, tmp_path):
    fits = fit(partial(_scaled, by=1))
    pd.testing.assert_frame_equal(fit(partial(_scaled, by=1)), fits)
    for other in (partial(_scaled, by=2), _one, None):
        with pytest.raises(ValueError, match="is of another score than this call"):
            fit(other)
    assert fit(partial(_scaled, by=2), overwrite=True)["score"].tolist() == [2.0]


def test_folders_of_former_versions_are_refused_or_replaced(fit, tmp_path):
    """Their results do not say by what they were scored."""
    fit(_one)
    (file,) = tmp_path.glob("*.json")
    result = json.loads(file.read_text())
    del result["score"]
    file.write_text(json.dumps(result))
    with pytest.raises(ValueError, match="overwrite=True"):
        fit(_one)
    assert fit(_one, overwrite=True)["score"].tolist() == [1.0]
    assert "score" in json.loads(file.read_text())


def test_a_score_that_fails_is_mended_without_another_fit(fit, tmp_path):
    """The model does not depend on it: the next call goes on from its last state."""
    with pytest.raises(ZeroDivisionError):
        fit(lambda model, subject: {"score": 1 / 0})
    (checkpoint,) = tmp_path.glob("*.checkpoint.safetensors")
    before = checkpoint.stat().st_mtime_ns
    seen = []

    def look(model, subject):
        seen.append(checkpoint.stat().st_mtime_ns)
        return {"score": len(model.history_)}

    assert fit(look)["score"].tolist() == [1]
    assert seen == [before]
