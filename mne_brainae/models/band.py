"""A predicted response, and the band in which responses lie."""

# License: BSD-3-Clause

from __future__ import annotations

from typing import NamedTuple

import mne
import numpy as np

from ..utils.checks import pick_channels
from ..utils.docs import fill_doc
from ..viz.responses import plot_band


class Band(NamedTuple):
    """A predicted response with the ends of its band, as ``predict_evoked`` returns it.

    Parameters
    ----------
    prediction : instance of EvokedArray
        The predicted response.
    lower, upper : instance of EvokedArray
        The ends of the band: at every channel and time, the stated share of responses
        lies between them.
    content : str
        What lies in the band, such as ``"90 % of responses"``.

    See Also
    --------
    mne_brainae.BrainAE.predict_evoked
    mne_brainae.score_coverage
    mne_brainae.viz.plot_band

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
    content: str

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
            The figure, or one for every channel of ``picks``.

        See Also
        --------
        mne_brainae.viz.plot_band

        Examples
        --------
        >>> band = model.predict_evoked(unseen.iloc[:1], interval=0.9)
        >>> fig = band.plot("Oz", show=False)
        """
        names = self.prediction.ch_names
        if picks is None:
            chosen = [int(np.abs(self.prediction.data).max(axis=1).argmax())]
        else:
            chosen = pick_channels(self.prediction.info, picks)
        figures = [plot_band(*self, names[row], axes=axes, show=show) for row in chosen]
        return figures[0] if len(figures) == 1 else figures
