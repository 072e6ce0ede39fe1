"""Single trials that are read when they are asked for."""

# License: BSD-3-Clause

from __future__ import annotations

from dataclasses import dataclass, field

import mne
import numpy as np

from .scaling import Scaler


@dataclass
class Trials:
    """The standardized trials of epochs, as an array that is read row by row.

    Parameters
    ----------
    epochs : instance of Epochs
        The epochs, in memory or on disk.
    picks : array of int, shape (n_channels,)
        The channels.
    scaler : instance of Scaler
        Standardizes them.
    rows : array of int, shape (n_trials,) | None
        Which epochs these are; None is all.
    """

    epochs: mne.BaseEpochs
    picks: np.ndarray
    scaler: Scaler
    rows: np.ndarray | None = None
    shape: tuple[int, int, int] = field(init=False)
    dtype = np.dtype(np.float32)

    def __post_init__(self):
        if self.rows is None:
            self.rows = np.arange(len(self.epochs))
        n_times = len(self.epochs.times)
        self.shape = (len(self.rows), len(self.picks), n_times)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which) -> np.ndarray:
        """Read some trials, float32."""
        rows = self.rows[which]
        data = self.epochs.get_data(self.picks, rows, copy=False, verbose=False)
        return self.scaler.transform(np.asarray(data, np.float32))
