"""How long a fitted encoder takes for one response, and for two hundred."""

# License: BSD-3-Clause

from __future__ import annotations

import time
from statistics import median

import mne
import numpy as np
import pandas as pd
import torch

from ...live import LiveDecoder
from ...models.linear import LinearBrainAE
from ...models.linear_gaussian import Steps
from ...models.recipes import make_model
from ...nn.fast.frozen import freeze
from ...nn.fast.precision import Precision
from ...nn.reference import reference_of
from ...utils.torch_state import exact
from .shapes import CHAINS, CLOSED_FORM, N_FEATURES, Shape, make_network

#: Images among which one epoch is looked up, and images that a closed form learns from.
N_GALLERY, N_LEARNED = 100, 400


def finish(place: torch.device) -> None:
    """Wait until a card has done what was started."""
    if place.type == "cuda":
        torch.cuda.synchronize(place)


def time_inference(
    shape: Shape, chain: str, rounds: int, compare: list[str], device: str = "cpu"
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
        What else is compared: ``"bf16"`` rounds the factors of products, and of
        ``"braindecode"`` it is an encoder.
    device : str
        Where the encoders and the responses are.

    Returns
    -------
    times : dict of dict
        Median seconds per response, by batch.
    """
    place = torch.device(device)
    network = make_network(shape, chain).to(place).eval()
    encoders = {"ours": freeze(network).embed_brain}
    if "bf16" in compare:
        rounded = freeze(network, Precision.named("bf16", place))
        encoders["bf16"] = rounded.embed_brain
    encoders["reference"] = reference_of(network).eval().brain_encoder
    if "braindecode" in compare:
        encoders["braindecode"] = _braindecode_encoder(shape).to(place).eval()
    times = {}
    for batch in (1, 200):
        size = batch, shape.n_channels, shape.n_times
        brain = torch.randn(size, device=place)
        # One response is short work: many repetitions; reference would take minutes.
        given = {
            name: brain[:20] if name == "reference" else brain for name in encoders
        }
        walls = {name: [] for name in encoders}
        for _ in range(rounds * (10 if batch == 1 else 1) + 1):
            for name, encoder in encoders.items():
                finish(place)
                with torch.inference_mode(), exact():
                    start = time.perf_counter()
                    encoder(given[name])
                    finish(place)
                    seconds = time.perf_counter() - start
                walls[name].append(seconds / len(given[name]))
        times[batch] = {name: median(each[1:]) for name, each in walls.items()}
    return times


def time_one_epoch(
    shape: Shape, kind: str, rounds: int, device: str = "cpu"
) -> dict[str, float]:
    """Time what online use calls on one epoch in memory, or on one image.

    Parameters
    ----------
    shape : instance of Shape
        Size of the epoch.
    kind : ``"linear"`` | ``"activated"`` | ``"closed form"``
        The model: a network of the paper by its chain, or the closed form.
    rounds : int
        How often, times thirty.
    device : str
        Where the fitted model computes; the epoch is on the host.

    Returns
    -------
    seconds : dict of float
        Median seconds of ``embed_epochs``, of ``LiveDecoder.decode`` and ``retrieve``
        among 100 images and of ``predict_evoked`` of one image, reading and checking
        included. They take turns, so that each finds the caches as others left them.
    """
    rng = np.random.default_rng(0)
    n_epochs = N_LEARNED if kind == CLOSED_FORM else N_GALLERY
    epochs, features = _draw(shape, n_epochs, rng)
    model = _fit(kind, epochs, features).to(device)
    gallery = pd.DataFrame(
        rng.standard_normal((N_GALLERY, N_FEATURES)).astype(np.float32),
        index=[f"image-{i}" for i in range(N_GALLERY)],
    )
    decoder = LiveDecoder(model, gallery, similarity="cosine")
    one = epochs[:1]
    one.metadata["image"] = gallery.index[:1]
    calls = {
        "embed_epochs": lambda: model.embed_epochs(one),
        "LiveDecoder": lambda: decoder.decode(one),
        "retrieve": lambda: model.retrieve(one, gallery, similarity="cosine"),
        "predict_evoked": lambda: model.predict_evoked(gallery.iloc[:1]),
    }
    seconds = {name: [] for name in calls}
    for _ in range(30 * rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(each) for name, each in seconds.items()}


def _draw(shape: Shape, n_epochs: int, rng) -> tuple[mne.EpochsArray, np.ndarray]:
    """Draw epochs that one feature drives, and features."""
    features = rng.standard_normal((n_epochs, N_FEATURES), np.float32)
    pattern = rng.standard_normal((shape.n_channels, 1), np.float32)
    size = n_epochs, shape.n_channels, shape.n_times
    responses = rng.standard_normal(size, np.float32)
    responses += features[:, 0, None, None] * pattern
    epochs = mne.EpochsArray(
        1e-6 * responses,
        mne.create_info(shape.n_channels, 250.0, "eeg"),
        metadata=pd.DataFrame({"image": [f"other-{i}" for i in range(n_epochs)]}),
        verbose=False,
    )
    return epochs, features


def _fit(kind: str, epochs, features):
    """Fit a model as fast as it can be: what it has learned does not change its speed.

    The closed form has the axes that so many images give it.
    """
    if kind == CLOSED_FORM:
        steps = Steps(n_functions=2, n_folds=1)
        model = LinearBrainAE(steps=steps, imputation="mean", verbose="ERROR")
    else:
        brief = {"max_epochs": 1, "min_updates": 1, "verbose": "ERROR"}
        model = make_model("paper", inner_activation=CHAINS[kind], **brief)
    return model.set_params(device="cpu").fit(epochs, features)


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
