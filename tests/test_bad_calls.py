"""Every bad call of the public API is answered by a check of its own."""

import traceback
from pathlib import Path

import pytest
from bad_calls import BAD_CALLS

#: Errors that say what was expected, what came and what to do.
ANSWERS = (ValueError, TypeError, RuntimeError, OSError)
#: Where a check may stand: this package, and the checks that it calls.
CHECKS = (
    "/mne_brainae/",
    "/mne/utils/check.py",
    "/sklearn/utils/_param_validation.py",
    "/sklearn/utils/validation.py",
)


def test_there_are_enough_bad_calls():
    assert len(BAD_CALLS) >= 400
    assert len({call.name for call in BAD_CALLS}) == len(BAD_CALLS)


@pytest.mark.parametrize("bad", BAD_CALLS, ids=lambda bad: bad.name)
def test_bad_call_is_answered(bad, world):
    with pytest.raises(ANSWERS) as caught:
        bad.call(world)
    message = str(caught.value)
    missing = [word for word in bad.words if word not in message]
    assert not missing, f"{missing} not in: {message}"
    last = traceback.extract_tb(caught.tb)[-1]
    place = Path(last.filename).as_posix()
    # A line that raises, for an error of Python within a check is no answer either.
    assert last.line.startswith("raise"), (place, last.line, message)
    assert any(check in place for check in CHECKS), (place, message)
