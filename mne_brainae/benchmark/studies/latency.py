"""How long a fitted encoder takes for one response, and for two hundred."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from statistics import median

import mne
import numpy as np
import pandas as pd
import torch

from ...models.recipes import make_model
from ...nn.fast.frozen import freeze
from ...nn.reference import reference_of
from .shapes import CHAINS, N_FEATURES, Shape, make_network


def time_inference(
    shape: Shape, chain: str, rounds: int, compare: list[str]
) -> dict[str, dict]:
    """Time the encoder on one response and on two hundred, reference beside ours.

    Parameters
    ----------
    shape : instance of Shape
        Size of the responses.
    chain : ``"linear"`` | ``"activated"``
        The network.
    rounds : int
        How often, in turn.
    compare : list of str
        What else is compared; of ``"braindecode"`` an encoder.

    Returns
    -------
    times : dict of dict
        Median seconds per response, by batch.
    """
    network = make_network(shape, chain).eval()
    encoders = {"ours": freeze(network).embed_brain}
    encoders["reference"] = reference_of(network).eval().brain_encoder
    if "braindecode" in compare:
        encoders["braindecode"] = _braindecode_encoder(shape).eval()
    times = {}
    for batch in (1, 200):
        brain = torch.randn(batch, shape.n_channels, shape.n_times)
        # One response is short work: many repetitions; reference would take minutes.
        given = {
            name: brain[:20] if name == "reference" else brain for name in encoders
        }
        walls = {name: [] for name in encoders}
        for _ in range(rounds * (10 if batch == 1 else 1) + 1):
            for name, encoder in encoders.items():
                with torch.inference_mode():
                    start = time.perf_counter()
                    encoder(given[name])
                seconds = time.perf_counter() - start
                walls[name].append(seconds / len(given[name]))
        times[batch] = {name: median(each[1:]) for name, each in walls.items()}
    return times


def time_embedding(shape: Shape, chain: str, rounds: int) -> float:
    """Time ``BrainAE.embed_epochs`` on one epoch in memory, as online use calls it.

    Parameters
    ----------
    shape : instance of Shape
        Size of the epoch.
    chain : ``"linear"`` | ``"activated"``
        The network.
    rounds : int
        How often, times a hundred.

    Returns
    -------
    seconds : float
        The median, reading and checking the epoch included.
    """
    rng = np.random.default_rng(0)
    n_epochs = 16
    epochs = mne.EpochsArray(
        1e-6 * rng.standard_normal((n_epochs, shape.n_channels, shape.n_times)),
        mne.create_info(shape.n_channels, 250.0, "eeg"),
        metadata=pd.DataFrame({"image": [f"image-{i}" for i in range(n_epochs)]}),
        verbose=False,
    )
    model = make_model(
        "paper",
        inner_activation=CHAINS[chain],
        max_epochs=1,
        min_updates=1,
        verbose="ERROR",
    ).fit(epochs, rng.standard_normal((n_epochs, N_FEATURES)))
    one, seconds = epochs[:1], []
    for _ in range(100 * rounds):
        start = time.perf_counter()
        model.embed_epochs(one)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def _braindecode_encoder(shape: Shape):
    """Return braindecode's shallow network with the kernels and steps of ours.

    It squares and takes the logarithm where ours has ELU, and applies its two
    convolutions as one, at every sample.
    """
    from braindecode.models import ShallowFBCSPNet

    return ShallowFBCSPNet(
        n_chans=shape.n_channels,
        n_times=shape.n_times,
        n_outputs=1024,
        n_filters_time=40,
        filter_time_length=26,
        n_filters_spat=40,
        pool_time_length=5,
        pool_time_stride=5,
        final_conv_length="auto",
    )
