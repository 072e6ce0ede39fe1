"""A learned part beside a fixed one, for networks that start from a closed form."""

# License: BSD-3-Clause

from __future__ import annotations

import torch
from torch import Tensor, nn


class Added(nn.Module):
    """Add to a fixed module what a learned one finds: ``fixed(x) + gain * learned(x)``.

    The gain starts at 0, so that training starts from the fixed module alone.

    Parameters
    ----------
    fixed : Module
        The fixed part, such as a linear map of the closed form. Its parameters take no
        gradient, and it stays in evaluation mode.
    learned : Module
        The learned part, with input and output of the same shapes.

    Attributes
    ----------
    gain : Parameter, shape ()
        The learned weight of the learned part.

    Notes
    -----
    While the gain is 0 the learned part has no gradient; the gain itself has one, and
    moves first.
    """

    def __init__(self, fixed: nn.Module, learned: nn.Module):
        super().__init__()
        self.fixed = fixed.requires_grad_(False).eval()
        self.learned = learned
        self.gain = nn.Parameter(torch.zeros(()))

    def train(self, mode: bool = True) -> Added:
        """Set training or evaluation mode of the learned part."""
        super().train(mode)
        self.fixed.eval()
        return self

    def forward(self, rows: Tensor) -> Tensor:
        """Apply both parts and add them."""
        return self.fixed(rows) + self.gain * self.learned(rows)


def without_added(part: nn.Module) -> nn.Module:
    """Return a part without what was added to it."""
    return part.fixed if isinstance(part, Added) else part
