"""The state of PyTorch for all computations, whatever a user has set.

A default type, a default device, gradients, autocast, the precision of products and
the random numbers are set for the whole process or thread, by the user or by another
package. Here they are set to what a result is to depend on, and set back afterwards.
"""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock

import torch

#: Of the whole process are the default type, the random numbers and the number of
#: threads of a product: fits in several threads wait for one another.
ONE_AT_A_TIME = RLock()


@contextmanager
def own_state() -> Iterator[None]:
    """Compute in float32 on the CPU by default, with gradients, alone in the process.

    The user's settings are back afterwards.
    """
    with ONE_AT_A_TIME:
        dtype = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            with torch.inference_mode(False), torch.enable_grad(), exact():
                yield
        finally:
            torch.set_default_dtype(dtype)


@contextmanager
def exact() -> Iterator[None]:
    """Multiply float32 as float32, and make new tensors on the CPU by default."""
    with ExitStack() as stack:
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(_float32_products())
        yield


@contextmanager
def _float32_products() -> Iterator[None]:
    """Allow no rounding of factors to TF32 or bf16."""
    settings = _settings()
    before = [getattr(place, name) for place, name, _ in settings]
    changed = [
        (*setting, value)
        for setting, value in zip(settings, before, strict=True)
        if value not in (setting[2], "none")
    ]
    for place, name, exact_value, _ in changed:
        setattr(place, name, exact_value)
    try:
        yield
    finally:
        for place, name, _, value in changed:
            setattr(place, name, _as_set(value))


def _settings() -> list[tuple]:
    """Return the place, name and exact value of every setting of precision."""
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if not hasattr(torch.backends, "fp32_precision"):  # PyTorch before 2.9
        return [(cuda, "allow_tf32", False), (cudnn, "allow_tf32", False)]
    # Once these are set, those of before are an error to read.
    mkldnn = torch.backends.mkldnn
    places = (cuda, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)
    return [(place, "fp32_precision", "ieee") for place in places]


def _as_set(value):
    """Return what makes a setting what it was: "none" follows the general one."""
    general = getattr(torch.backends, "fp32_precision", None)
    return "none" if value == general else value


@contextmanager
def own_random_numbers(seed: int) -> Iterator[None]:
    """Seed PyTorch inside, and give the user's random state back after.

    Parameters
    ----------
    seed : int
        The seed.
    """
    cards = range(torch.cuda.device_count())
    with ONE_AT_A_TIME, torch.random.fork_rng(cards):
        torch.manual_seed(seed)
        yield


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute single operations on so many threads, alone in the process.

    Parameters
    ----------
    n : int
        How many.
    """
    with ONE_AT_A_TIME:
        before = torch.get_num_threads()
        torch.set_num_threads(n)
        try:
            yield
        finally:
            torch.set_num_threads(before)
