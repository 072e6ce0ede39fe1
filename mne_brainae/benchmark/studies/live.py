"""How long a stream waits for its answer, from the last sample on."""

# License: BSD-3-Clause

from __future__ import annotations

import uuid

import mne
import numpy as np
import pandas as pd

from ... import LiveDecoder, datasets, fit
from ...images import compute_image_features
from .finding import Finding

#: Where the simulated stream has its events, and how far apart they are in seconds.
TRIGGER, STEP = "STI", 1.0


def play(epochs: mne.BaseEpochs, name: str):
    """Make a player of epochs, one after another, each with its number as the event.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs, shorter than a second.
    name : str
        The name of the stream.

    Returns
    -------
    player : instance of PlayerLSL
        The player, not started.
    """
    from mne_lsl.player import PlayerLSL

    sfreq, data = epochs.info["sfreq"], epochs.get_data(copy=False)
    step, shift = round(STEP * sfreq), round(epochs.tmin * sfreq)
    n_epochs, n_channels, n_times = data.shape
    track = np.zeros((n_channels + 1, (n_epochs + 1) * step))
    for row in range(n_epochs):
        onset = (row + 1) * step
        track[:-1, onset + shift : onset + shift + n_times] = data[row]
        track[-1, onset] = row + 1
    types = [*epochs.get_channel_types(), "stim"]
    info = mne.create_info([*epochs.ch_names, TRIGGER], sfreq, types)
    raw = mne.io.RawArray(track, info, verbose=False)
    return PlayerLSL(raw, chunk_size=1, name=name, source_id=name)


def measure(*, n_epochs: int = 50, seed: int = 0) -> Finding:
    """Play simulated EEG through LSL on this machine, and time every answer.

    Parameters
    ----------
    n_epochs : int
        How many epochs to play, one per second.
    seed : int
        Seed of simulation and fit.

    Returns
    -------
    finding : instance of Finding
        Milliseconds from when the last sample of an epoch is sent to the answer, and of
        these those that the model takes; medians, and 95 of 100.
    """
    from mne_lsl.lsl import local_clock
    from mne_lsl.stream import EpochsStream, StreamLSL

    data = datasets.simulate(n_templates=0, random_state=seed)
    features = compute_image_features(data.images, "gabor")
    model = fit(data.train, features, recipe="linear", random_state=seed)
    shown = list(dict.fromkeys(data.test.metadata["image"]))
    decoder = LiveDecoder(model, features.loc[shown])
    test = data.test[:n_epochs]
    name = f"mne_brainae-{uuid.uuid4().hex[:8]}"
    begin, end = decoder.window
    codes = {str(code): code for code in range(1, len(test) + 1)}
    rows = []
    with play(test, name):
        stream = StreamLSL(bufsize=10.0, name=name, source_id=name)
        stream.connect(acquisition_delay=0.001, timeout=30)
        stream.set_channel_types({TRIGGER: "stim"}, on_unit_change="ignore")
        live = EpochsStream(
            stream, 20, codes, TRIGGER, tmin=begin, tmax=end, baseline=None, picks="eeg"
        ).connect(acquisition_delay=None)
        for guess in decoder.listen(live, n_epochs=len(test), timeout=30.0):
            now = local_clock()
            track, stamps = stream.get_data(picks=TRIGGER, exclude=())
            onset = stamps[np.flatnonzero(track[0] == guess.event)[-1]]
            # The player sends a sample one interval before the time that it stamps.
            last = onset + model.times_[-1] - 1 / model.info_["sfreq"]
            is_right = guess.best == test.metadata["image"].iloc[guess.event - 1]
            rows.append((1e3 * (now - last), 1e3 * guess.seconds, is_right))
        live.disconnect()
        stream.disconnect()
    return _finding(rows, model, len(shown))


def _finding(rows: list, model, n_candidates: int) -> Finding:
    table = pd.DataFrame(rows, columns=["last sample to answer", "model", "right"])
    times = table.drop(columns="right").quantile([0.5, 0.95]).T
    times.columns = ["median (ms)", "95 of 100 (ms)"]
    n_channels, n_times = len(model.info_["ch_names"]), len(model.times_)
    protocol = (
        f"{len(table)} single trials of simulated EEG, {n_channels} channels x "
        f"{n_times} samples, played sample by sample through LSL on this machine; "
        f"{n_candidates} images to choose from, closed form, likelihood; "
        f"{table['right'].mean():.0%} right at once, chance {1 / n_candidates:.0%}."
    )
    return Finding(protocol, times)
