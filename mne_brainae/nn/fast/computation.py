"""Which computation of a network training uses: plain, or one of the fast forms.

All of them give the same losses and gradients to the last digits. The plain one is
the ``forward`` of the modules, which PyTorch differentiates. The fast ones hold where
encoder and decoder are the temporal-spatial convolution and upsampling repeats steps:
:class:`GramComputation` without an inner activation, :class:`FoldedComputation` with
it.
"""

# License: BSD-3-Clause

from __future__ import annotations

import torch

from ..network import BrainAENetwork
from ..tsconv import TSConvDecoder, TSConvEncoder
from .base import FastComputation
from .folded import FoldedComputation
from .gram import GramComputation
from .precision import Precision

COMPUTATIONS = ("auto", "fast", "plain")
Computation = BrainAENetwork | FastComputation


def choose_computation(
    network: BrainAENetwork,
    computation: str = "auto",
    precision: str = "float32",
    device: torch.device | None = None,
) -> Computation:
    """Choose how a network is computed in training.

    Parameters
    ----------
    network : instance of BrainAENetwork
        The network. Its parameters and running statistics are used in place.
    computation : ``"auto"`` | ``"fast"`` | ``"plain"``
        ``"auto"`` takes a fast form where one suits the network; ``"fast"`` insists.
    precision : ``"float32"`` | ``"bf16"`` | ``"auto"``
        The precision of the factors of large products, in the fast forms. ``"auto"``
        is bf16 where the device multiplies it faster, and float32 elsewhere.
    device : device | None
        Where to compute, None for the CPU.

    Returns
    -------
    computation : instance of BrainAENetwork | FastComputation
        What :class:`BrainAELoss` takes as its network.

    Raises
    ------
    ValueError
        If a fast form or bf16 is asked for, and no fast form suits the network.
    """
    device = device or torch.device("cpu")
    # The fast forms sum up in float64, which other devices may not have.
    form = _fast_form(network) if device.type in ("cpu", "cuda") else None
    if computation == "plain" or form is None:
        wanted = "computation='fast'" if computation == "fast" else ""
        wanted = "precision='bf16'" if precision == "bf16" else wanted
        if wanted:
            raise ValueError(
                f"{wanted} needs the temporal-spatial convolution as brain_encoder and "
                "brain_decoder, with the same inner_activation and "
                "upsampling='nearest', on CPU or CUDA, and computation='auto' or "
                "'fast'. Use computation='auto' and precision='float32' otherwise."
            )
        return network
    return form(network, Precision.named(precision, device))


def _fast_form(network: BrainAENetwork) -> type[FastComputation] | None:
    """Return the class that computes a network fast, None where there is none."""
    encoder, decoder = network.brain_encoder, network.brain_decoder
    if type(encoder) is not TSConvEncoder or type(decoder) is not TSConvDecoder:
        return None
    if decoder.upsampling != "nearest":
        return None
    forms = {(False, False): GramComputation, (True, True): FoldedComputation}
    return forms.get((encoder.inner_norm is not None, decoder.inner_activation))
