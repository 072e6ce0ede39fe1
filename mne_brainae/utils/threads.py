"""How many threads of the linear algebra library work on one product."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    """Find the libraries that are loaded, once: it takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def one_blas_thread(when: bool = True) -> Iterator[None]:
    """Let NumPy and SciPy multiply matrices with one thread, as many small ones need.

    Threads of a library wait for one another by spinning after every product. Where
    another program holds one of the processors, thousands of small products take twenty
    times as long with two threads as with one; on an idle machine they gain nothing.

    Parameters
    ----------
    when : bool
        False leaves the threads as they are.
    """
    if not when:
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield
