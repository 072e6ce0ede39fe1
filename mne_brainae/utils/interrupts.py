"""Whether Ctrl-C ends a whole call, or only a training, whose best so far is kept."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ENDS: ContextVar[bool] = ContextVar("interrupts_end", default=False)


@contextmanager
def ending_at_interrupt() -> Iterator[None]:
    """Let Ctrl-C end what is inside, such as many fits of which one is in training.

    Otherwise a training that is interrupted counts as done with its best weights so
    far, and the next fit begins.
    """
    token = _ENDS.set(True)
    try:
        yield
    finally:
        _ENDS.reset(token)


def interrupts_end() -> bool:
    """Tell whether Ctrl-C is to end the call."""
    return _ENDS.get()
