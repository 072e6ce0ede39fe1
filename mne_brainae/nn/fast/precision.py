"""The precision of products: float32, or bf16 factors where these are faster.

Rounding a factor to bf16 keeps 8 significant bits, a relative error of at most 2^-8 per
factor: x y becomes x (1 + a) y (1 + b) with |a|, |b| <= 2^-8. The n terms of an inner
product are summed in float32, where errors of either sign average out. Only factors of
large products and stored responses are rounded; what is accumulated over a batch
(normalizations, losses, gradients) is not.
"""

# License: BSD-3-Clause

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ...utils.torch_state import exact, threads

PRECISIONS = ("float32", "bf16", "auto")
#: How many times faster than float32 a product of bf16 has to be.
LEAST_GAIN = 1.2
#: Rows and columns of the product that is timed, and how often it is.
SIZE, N_TIMES = 768, 3


@dataclass(frozen=True)
class Precision:
    """How the factors of large products are rounded.

    Parameters
    ----------
    bf16 : bool
        Whether factors are rounded to bf16. Parameters, normalizations, losses and
        the optimizer keep the precision of the network.
    native : bool
        Whether the hardware multiplies bf16 faster than float32. Without, rounded
        factors are multiplied in float32: nearly the same numbers, not faster, and
        never as slow as an emulation.
    """

    bf16: bool = False
    native: bool = False

    @classmethod
    def named(cls, name: str, device: torch.device) -> Precision:
        """Return the precision of a name of ``PRECISIONS`` on a device."""
        if name == "float32":
            return cls()
        native = multiplies_bf16(device)
        return cls(native or name == "bf16", native)

    @property
    def storage(self) -> torch.dtype | None:
        """What to store responses in, None for as they come."""
        return torch.bfloat16 if self.bf16 else None

    def factor(self, tensor: Tensor) -> Tensor:
        """Round a factor of a product."""
        if not self.bf16:
            return tensor
        rounded = tensor.to(torch.bfloat16)
        return rounded if self.native else rounded.float()

    def result(self, product: Tensor) -> Tensor:
        """Return a product in the precision of the network."""
        return product.float() if self.bf16 else product


def multiplies_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bf16 faster than float32.

    Parameters
    ----------
    device : device
        The device.

    Returns
    -------
    native : bool
        Of a card, whether it has instructions for it; of a processor, whether it is
        also measured to be faster, since with some of them PyTorch is slower. False
        where PyTorch cannot tell.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    has_instructions = any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return has_instructions and gain_of_bf16() >= LEAST_GAIN


@cache
def gain_of_bf16() -> float:
    """Return how many times faster this processor multiplies bf16 than float32.

    It is timed once, in less than a tenth of a second, on one thread, by the time of
    the processor, which other programs hardly change.
    """
    left, right = torch.ones(SIZE, SIZE), torch.ones(SIZE, SIZE)
    rounded = left.bfloat16(), right.bfloat16()
    with torch.no_grad(), exact(), threads(1):
        return _least(lambda: left @ right) / _least(lambda: rounded[0] @ rounded[1])


def _least(work: Callable[[], object]) -> float:
    """Return the least seconds of some work that has been done before."""
    work()
    seconds = []
    for _ in range(N_TIMES):
        start = time.thread_time()
        work()
        seconds.append(time.thread_time() - start)
    return max(min(seconds), 1e-9)
