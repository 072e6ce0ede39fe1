"""Measured and predicted responses to the same images."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
import pandas as pd

from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import read_array
from ..utils.checks import (
    check_complete,
    check_evoked,
    check_finite,
    check_image_names,
    check_same_space,
    pick_channels,
)


@dataclass
class PairedResponses:
    """Measured and predicted responses to the same images, on the same channels.

    Parameters
    ----------
    measured, predicted, mean : array, shape (n_images, n_channels, n_times)
        Responses averaged over repetitions, predictions, and the mean response for
        every image.
    table : DataFrame, shape (n_images, n_columns)
        What the metadata say of every image, and ``n_averaged``.
    picks : array of int, shape (n_channels,)
        Where the channels are in the measured epochs.
    info : instance of Info
        The channels.
    tmin : float
        The first time in seconds.
    protocol : dict
        Images, repetitions, channels and window.
    """

    measured: np.ndarray
    predicted: np.ndarray
    mean: np.ndarray
    table: pd.DataFrame
    picks: np.ndarray
    info: mne.Info
    tmin: float
    protocol: dict

    @property
    def images(self) -> list[str]:
        """The names of the images."""
        return list(self.table["image"].astype(str))


def pair_responses(
    epochs, epochs_predicted, mean_response, picks=None
) -> PairedResponses:
    """Average repetitions, and bring the predictions into the same order.

    Parameters
    ----------
    epochs : instance of Epochs
        Measured responses with ``metadata["image"]``.
    epochs_predicted : instance of Epochs
        One predicted response per image; other images are left out.
    mean_response : instance of Evoked
        The mean training response, of the channels and times of the predictions.
    picks : str | array-like | slice | None
        Channels of ``epochs_predicted``; None takes all.

    Returns
    -------
    pairs : instance of PairedResponses
        The responses. Other channels or times, and missing images, are a ValueError.
    """
    check_evoked(mean_response, "mean_response")
    check_image_names(epochs)
    epochs.drop_bad(verbose=False)
    predicted_names = check_image_names(epochs_predicted)
    ch_names, times = epochs_predicted.ch_names, epochs_predicted.times
    in_measured = check_same_space(epochs, ch_names, times)
    same_channels = list(mean_response.ch_names) == list(ch_names)
    if not same_channels or mean_response.data.shape[1] != len(times):
        raise ValueError(
            "mean_response has other channels or times than epochs_predicted."
        )
    chosen = np.arange(len(ch_names))
    if picks is not None:
        chosen = pick_channels(epochs_predicted.info, picks)
    measured, table = average_by(epochs, "image", in_measured[chosen])
    shown = table["image"].astype(str)
    check_complete(shown, predicted_names, "epochs_predicted")
    rows = pd.Index(predicted_names).get_indexer(shown)
    predicted = read_array(epochs_predicted, chosen)[rows]
    check_finite(predicted, "epochs_predicted")
    counts = table["n_averaged"]
    return PairedResponses(
        measured,
        predicted,
        np.broadcast_to(mean_response.data[chosen], measured.shape),
        table,
        in_measured[chosen],
        mne.pick_info(epochs_predicted.info, chosen),
        times[0],
        {
            "images": len(table),
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": f"{len(chosen)} of {len(ch_names)}",
            "window": f"{times[0]:g} to {times[-1]:g} s",
        },
    )
