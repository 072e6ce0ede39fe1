"""A predicted response, and the band in which responses lie."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import NamedTuple

import mne
import numpy as np

from ..utils.docs import fill_doc


class Band(NamedTuple):
    """A predicted response with the ends of its band, as ``predict_evoked`` returns it.

    Parameters
    ----------
    prediction : instance of EvokedArray
        The predicted response.
    lower, upper : instance of EvokedArray
        The ends of the band: at every channel and time, the stated share of responses
        lies between them.

    Examples
    --------
    >>> import mne_brainae
    >>> data = mne_brainae.datasets.simulate(random_state=0)  # doctest: +SKIP
    >>> model = mne_brainae.fit(data.train, data.images)  # doctest: +SKIP
    >>> band = model.predict_evoked(new_image, interval=0.9)  # doctest: +SKIP
    >>> band.prediction.plot_topomap()  # doctest: +SKIP
    >>> band.plot("Oz")  # doctest: +SKIP
    """

    prediction: mne.EvokedArray
    lower: mne.EvokedArray
    upper: mne.EvokedArray

    @fill_doc
    def plot(self, picks=None, *, axes=None, show: bool = True):
        """Plot the prediction of channels and its band.

        Parameters
        ----------
        picks : str | array-like | slice | None
            The channels, one figure for each; None takes the channel of the largest
            deflection.
        %(axes_show)s

        Returns
        -------
        fig : Figure | list of Figure
            What :func:`mne.viz.plot_compare_evokeds` returns.
        """
        if picks is None:
            size = np.abs(self.prediction.data).max(axis=1)
            picks = self.prediction.ch_names[int(size.argmax())]
        return mne.viz.plot_compare_evokeds(
            {self.prediction.comment: list(self)},
            picks=picks,
            ci=_ends,
            axes=axes,
            show=show,
        )


def _ends(rows: np.ndarray) -> np.ndarray:
    """Return the lowest and the highest of three courses, whose mean is the middle."""
    return np.stack([rows.min(axis=0), rows.max(axis=0)])
