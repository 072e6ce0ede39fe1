"""The precision of products: float32, or bf16 factors where the hardware has them.

Rounding a factor to bf16 keeps 8 significant bits, a relative error of at most 2^-8 per
factor: x y becomes x (1 + a) y (1 + b) with |a|, |b| <= 2^-8. The n terms of an inner
product are summed in float32, where errors of either sign average out. Only factors of
large products and stored responses are rounded; what is accumulated over a batch
(normalizations, losses, gradients) is not.
"""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PRECISIONS = ("float32", "bf16")


@dataclass(frozen=True)
class Precision:
    """How the factors of large products are rounded.

    Parameters
    ----------
    bf16 : bool
        Whether factors are rounded to bf16. Parameters, normalizations, losses and
        the optimizer keep the precision of the network.
    native : bool
        Whether the hardware multiplies bf16. Without, rounded factors are multiplied
        in float32: nearly the same numbers, not faster, and never as slow as an
        emulation.
    """

    bf16: bool = False
    native: bool = False

    @classmethod
    def named(cls, name: str, device: torch.device) -> Precision:
        """Return the precision of a name of ``PRECISIONS`` on a device."""
        return cls(name == "bf16", name == "bf16" and multiplies_bf16(device))

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
    """Return whether a device has instructions that multiply bf16.

    Parameters
    ----------
    device : device
        The device.

    Returns
    -------
    native : bool
        False also where PyTorch cannot tell.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
