"""Brain encoders that others trained on much EEG, as braindecode has them."""

# License: BSD-3-Clause

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.signal import resample
from torch import nn

from ..utils.checks import counted, five, logger
from ..utils.docs import fill_doc
from ..utils.hub import fetch_file, is_address
from .backbones import import_braindecode

CONFIG, WEIGHTS = "config.json", "model.safetensors"
#: The only texts of a configuration that name code.
ACTIVATION = re.compile(r"torch\.nn\.modules\.(activation|normalization)\.[A-Za-z]+")
#: Parameters of a configuration that the recording decides over.
OF_RECORDING = ("n_chans", "n_outputs", "n_times", "chs_info", "sfreq")
#: Names of the 10-20 system that later systems changed.
RENAMED = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}


@dataclass(frozen=True)
class Source:
    """A network of braindecode, and how it was trained.

    Parameters
    ----------
    network : str
        The class.
    address : str
        Where its weights are.
    sfreq : float
        The sampling frequency in hertz that it was trained at.
    patch : int
        Its windows have a whole number of so many samples.
    channels : str | None
        Where braindecode lists its channels: module and name. None takes any.
    of_time : tuple of str
        Weights with one row per patch, of which a short window takes the first.
    """

    network: str
    address: str
    sfreq: float
    patch: int
    channels: tuple[str, str] | None = None
    of_time: tuple[str, ...] = ()


SOURCES = {
    "labram": Source(
        "Labram",
        "hf://braindecode/labram-pretrained",
        200.0,
        200,
        ("labram", "LABRAM_CHANNEL_ORDER"),
        ("temporal_embedding",),
    ),
    "bendr": Source(
        "BENDR",
        "hf://braindecode/braindecode-bendr",
        256.0,
        96,
        ("bendr", "BENDR_CHANNEL_ORDER"),
    ),
    "cbramod": Source("CBraMod", "hf://braindecode/cbramod-pretrained", 200.0, 200),
}


@fill_doc
class PretrainedEncoder(nn.Module):
    """A pretrained network of braindecode behind a change of channels and times.

    Channels are matched by name. Channels of the network that were not recorded are 0,
    which is the mean of standardized responses. The window is resampled to the
    frequency of the network and filled up with 0. The last layer of the network is new
    and leads into the shared space; all weights are trained on.

    Parameters
    ----------
    name : ``"labram"`` | ``"bendr"`` | ``"cbramod"``
        The network.
    %(network_sizes)s
    weights : path-like | None
        A folder with ``config.json`` and ``model.safetensors``, or a repository of the
        Hugging Face Hub, ``"hf://owner/name"``; None is that of the authors.
    config : dict | None
        The settings of the network. :func:`know_recording` reads them.
    ch_names : list of str | None
        The channels of the recording, which it tells, too.
    sfreq : float | None
        The sampling frequency of the recording in hertz, as well.
    """

    def __init__(
        self,
        name: str,
        n_channels: int,
        n_times: int,
        n_embedding: int,
        *,
        weights=None,
        config: dict | None = None,
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
    ):
        super().__init__()
        if config is None:
            raise ValueError(
                f"brain_encoder={name!r} has to know the recording: give it to a "
                "model, and not to a network."
            )
        self.name = name
        source = SOURCES[name]
        own = network_channels(name)
        here, there = match_channels(ch_names, own)
        self.register_buffer("here", torch.tensor(here), persistent=False)
        self.register_buffer("there", torch.tensor(there), persistent=False)
        self.n_inside = n_channels if own is None else len(own)
        n_resampled = max(1, round(n_times * source.sfreq / sfreq))
        self.n_samples = source.patch * math.ceil(n_resampled / source.patch)
        # (n_times, n_resampled): resampling is linear.
        matrix = resample(np.eye(n_times), n_resampled).T
        self.register_buffer(
            "resampling", torch.tensor(matrix, dtype=torch.float32), persistent=False
        )
        self.network = build(name, config, self.n_inside, self.n_samples, n_embedding)

    def forward(self, brain: torch.Tensor) -> torch.Tensor:
        """Map responses into the shared space.

        Parameters
        ----------
        brain : tensor, shape (n, n_channels, n_times)
            Standardized responses.

        Returns
        -------
        z : tensor, shape (n, n_embedding)
            Their embeddings.
        """
        resampled = brain[:, self.here] @ self.resampling
        window = brain.new_zeros(len(brain), self.n_inside, self.n_samples)
        window[:, self.there, : resampled.shape[2]] = resampled
        return self.network(window)

    def load(self, weights) -> None:
        """Take the pretrained weights, all but those of the last layer.

        Parameters
        ----------
        weights : path-like | None
            As in the class.

        Raises
        ------
        ValueError
            If they are of another network.
        """
        source = SOURCES[self.name]
        found = load_file(locate(self.name, weights, WEIGHTS))
        renamed = self.network.mapping or {}
        found = {renamed.get(key, key): value for key, value in found.items()}
        wanted = self.network.state_dict()
        for key in source.of_time:
            if key in found and found[key].shape[1] > wanted[key].shape[1]:
                found[key] = found[key][:, : wanted[key].shape[1]]
        lost = [
            key
            for key, value in wanted.items()
            if not key.startswith("final_layer")
            and (key not in found or found[key].shape != value.shape)
        ]
        if lost:
            raise ValueError(
                f"The weights are of another network than {source.network}: "
                f"{five(lost)} are missing or of another shape."
            )
        kept = {key: found[key] for key in wanted if not key.startswith("final_layer")}
        self.network.load_state_dict(wanted | kept)


def network_channels(name: str) -> list[str] | None:
    """Return the channels that a network was trained on; None where it takes any."""
    source = SOURCES[name]
    if source.channels is None:
        return None
    module, attribute = source.channels
    return list(getattr(getattr(import_braindecode(name), module), attribute))


def match_channels(
    ch_names: Sequence[str], own: Sequence[str] | None
) -> tuple[list[int], list[int]]:
    """Find the channels of a recording among those of a network, by name.

    Parameters
    ----------
    ch_names : sequence of str
        The channels of the recording.
    own : sequence of str | None
        Those of the network; None takes all as they are.

    Returns
    -------
    here, there : list of int
        Where the shared channels are in the recording, and in the network.

    Examples
    --------
    >>> from mne_brainae.nn.pretrained import match_channels
    >>> match_channels(["Cz", "T3", "EOG"], ["T7", "CZ"])
    ([0, 1], [1, 0])
    """
    if own is None:
        return list(range(len(ch_names))), list(range(len(ch_names)))
    places = {_plain(name): place for place, name in enumerate(own)}
    pairs = [
        (number, places[_plain(name)])
        for number, name in enumerate(ch_names)
        if _plain(name) in places
    ]
    return [here for here, _ in pairs], [there for _, there in pairs]


def _plain(name: str) -> str:
    name = name.strip().casefold()
    return RENAMED.get(name, name)


def know_recording(name: str, options: Mapping, ch_names, sfreq: float) -> dict:
    """Return the options of a pretrained encoder that knows the recording.

    Parameters
    ----------
    name : str
        The network.
    options : dict
        The user's own, ``weights``.
    ch_names : list of str
        The channels.
    sfreq : float
        The sampling frequency in hertz.

    Returns
    -------
    options : dict
        What a model file holds to build the network again, without ``weights``.

    Raises
    ------
    ValueError
        If no channel of the recording is one of the network.
    """
    if unknown := set(options) - {"weights"}:
        raise ValueError(
            f"brain_encoder={name!r} has the option 'weights'; {min(unknown)!r} is "
            "taken from the recording."
        )
    own = network_channels(name)
    if own is not None:
        here, _ = match_channels(ch_names, own)
        if not here:
            raise ValueError(
                f"None of the channels, such as {five(ch_names)}, is one that "
                f"{name} was trained on, such as {five(own)}. Rename them by "
                "epochs.rename_channels(...)."
            )
        logger.info(
            f"{counted(len(here), 'channel')} of {len(ch_names)} are among the "
            f"{len(own)} that {name} was trained on; it does not see the others."
        )
    return {
        "config": read_config(name, options.get("weights")),
        "ch_names": list(ch_names),
        "sfreq": float(sfreq),
    }


def locate(name: str, weights, filename: str) -> Path:
    """Return a file of pretrained weights, downloaded where it has an address."""
    weights = SOURCES[name].address if weights is None else weights
    if is_address(weights):
        return fetch_file(weights, filename, "weights")
    path = Path(weights).expanduser() / filename
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. The weights of {name} are a folder with {CONFIG} "
            f"and {WEIGHTS}, as save_pretrained of braindecode writes it."
        )
    return path


def read_config(name: str, weights) -> dict:
    """Read the settings of a network, without those that the recording decides over.

    Parameters
    ----------
    name : str
        The network.
    weights : path-like | None
        As in :class:`PretrainedEncoder`.

    Returns
    -------
    config : dict
        Numbers, truth values, and names of activations.
    """
    path = locate(name, weights, CONFIG)
    try:
        config = dict(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} is no configuration in JSON ({error}).") from error
    ignored = (*OF_RECORDING, "input_window_seconds", "braindecode_version")
    config = {key: value for key, value in config.items() if key not in ignored}
    check_config(config)
    return config


def check_config(config: Mapping) -> None:
    """Refuse settings that name any code but activations of PyTorch.

    Parameters
    ----------
    config : dict
        The settings. braindecode imports what a dotted text names.
    """
    for key, value in config.items():
        is_text = isinstance(value, str)
        if is_text and ("." in value and not ACTIVATION.fullmatch(value)):
            raise ValueError(
                f"The configuration of a network sets {key} to {value!r}, which is not "
                "an activation of PyTorch and is therefore not used."
            )


def build(name: str, config: Mapping, n_channels: int, n_times: int, n_outputs: int):
    """Build a network with random weights and a last layer of ``n_outputs``.

    Parameters
    ----------
    name : str
        The network.
    config : dict
        Its settings.
    n_channels, n_times, n_outputs : int
        Its sizes.

    Returns
    -------
    network : Module
        The network.
    """
    check_config(config)
    source = SOURCES[name]
    cls = getattr(import_braindecode(name), source.network)
    sizes = {"n_chans": n_channels, "n_times": n_times, "n_outputs": n_outputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about montages
        try:
            network = cls.from_config(dict(config) | sizes | {"sfreq": source.sfreq})
            network.reset_head(n_outputs)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"The configuration of {name} is not of {source.network} ({error})."
            ) from error
    return network
