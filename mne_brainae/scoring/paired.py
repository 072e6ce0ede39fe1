"""Measured and predicted responses to the same images."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import mne
import numpy as np
import pandas as pd

from ..images.pairing import match_names
from ..preprocessing.averaging import average_by
from ..preprocessing.epochs import read_array
from ..preprocessing.recorded import (
    describe_missing,
    locate_channels,
    missing_channels,
)
from ..utils.checks import (
    check_epochs,
    check_evoked,
    check_finite,
    check_image_names,
    pick_channels,
)
from ..utils.units import scale_by_type, units_of


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
    times : array, shape (n_times,)
        The times in seconds.
    n_predicted : int
        The number of channels that were predicted, good in the measured epochs or not.
    left_out : str
        The channels that were predicted and are not here, and why.
    """

    measured: np.ndarray
    predicted: np.ndarray
    mean: np.ndarray
    table: pd.DataFrame
    picks: np.ndarray
    info: mne.Info
    times: np.ndarray
    n_predicted: int
    left_out: str

    def part(self, rows: np.ndarray) -> PairedResponses:
        """Return some of the channels, as if the others had not been predicted."""
        return replace(
            self,
            measured=self.measured[:, rows],
            predicted=self.predicted[:, rows],
            mean=self.mean[:, rows],
            picks=self.picks[rows],
            info=mne.pick_info(self.info, rows),
        )

    @property
    def protocol(self) -> dict:
        """Images, repetitions, channels, units and window."""
        counts = self.table["n_averaged"]
        return {
            "images": len(self.table),
            "repetitions averaged": f"{counts.min()} to {counts.max()}",
            "channels": f"{len(self.picks)} of {self.n_predicted}",
            "channels left out": self.left_out,
            "units": _units(self.info),
            "window": f"{self.times[0]:g} to {self.times[-1]:g} s",
        }

    @cached_property
    def scale(self) -> np.ndarray:
        """The spread of every channel's type, shape (n_channels, 1); 1 for one type."""
        return scale_by_type(self.measured, self.info)

    def comparable(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return measured, predicted and mean with all types in one unit."""
        if (self.scale == 1).all():
            return self.measured, self.predicted, self.mean
        scale = self.scale.astype(np.float32)
        return self.measured / scale, self.predicted / scale, self.mean / scale

    @property
    def images(self) -> list[str]:
        """The names of the images."""
        return list(self.table["image"])


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
        The responses, on the channels that are good in ``epochs``.

    Raises
    ------
    ValueError
        If times differ, images are missing, or no channel is shared.
    """
    check_evoked(mean_response, "mean_response")
    check_image_names(epochs)
    check_epochs(epochs_predicted, "epochs_predicted")
    predicted_names = check_image_names(epochs_predicted)
    ch_names, times = epochs_predicted.ch_names, epochs_predicted.times
    seen, in_measured = locate_channels(epochs, epochs_predicted.info, times)
    missing = missing_channels(epochs, epochs_predicted.info)
    same_channels = list(mean_response.ch_names) == list(ch_names)
    if not same_channels or mean_response.data.shape[1] != len(times):
        raise ValueError(
            "mean_response has other channels or times than epochs_predicted."
        )
    chosen = np.arange(len(ch_names))
    if picks is not None:
        chosen = pick_channels(epochs_predicted.info, picks)
    is_chosen = np.isin(seen, chosen)
    chosen, in_measured = seen[is_chosen], in_measured[is_chosen]
    if not len(chosen):
        raise ValueError("All channels of picks are absent or bad in epochs.")
    measured, table = average_by(epochs, "image", in_measured)
    rows = match_names(table["image"], predicted_names, "epochs_predicted")
    predicted = read_array(epochs_predicted, chosen)[rows]
    check_finite(predicted, "epochs_predicted")
    return PairedResponses(
        measured,
        predicted,
        np.broadcast_to(mean_response.data[chosen], measured.shape),
        table,
        in_measured,
        mne.pick_info(epochs_predicted.info, chosen),
        times,
        len(ch_names),
        describe_missing(missing),
    )


def _units(info: mne.Info) -> str:
    """Say in which units responses are compared."""
    kinds = info.get_channel_types(unique=True)
    if len(kinds) == 1:
        return units_of(info)
    return f"every channel type ({', '.join(kinds)}) in its standard deviations"
