"""Partial to whole recording: what models do that complete recordings."""

# License: BSD-3-Clause

from __future__ import annotations

import numpy as np

from ..preprocessing.epochs import make_epochs_like
from ..utils.checks import (
    _check_option,
    check_finite,
)


class CompletesRecordings:
    """Partial recording to whole recording (reconstruction)."""

    def reconstruct(self, epochs, *, keep_observed=True, output="epochs"):
        """Complete a partial recording, or pass a whole one through the latent.

        Parameters
        ----------
        epochs : instance of Epochs
            Responses with the channels and times of the fit. What is missing is NaN,
            as :func:`mne_brainae.mask_epochs` makes it; so are channels that are absent
            or bad (``epochs.info["bads"]``).
        keep_observed : bool
            Whether what was observed stays as it was. False predicts it, too, which
            shows what the shared space holds of it.
        output : ``"epochs"`` | ``"array"``
            Whether to return Epochs or a float32 array.

        Returns
        -------
        epochs : instance of EpochsArray | array, shape (n_epochs, n_channels, n_times)
            The whole responses in SI units.

        See Also
        --------
        mne_brainae.mask_epochs
        mne_brainae.score_reconstruction

        Notes
        -----
        The encoder sees a missing entry at the mean of its channel, and the decoder
        says what it is. With ``imputation="gaussian"`` the encoder sees what the
        observed entries make expected; that is also what is returned for the missing
        ones, for passing the noise of the observed through the latent would add to it.

        Examples
        --------
        >>> masked = mne_brainae.mask_epochs(averaged, "spatial", 0.5, random_state=0)
        >>> whole = model.reconstruct(masked)
        >>> whole.get_data().shape
        (8, 6, 20)
        """
        _check_option("output", output, ("epochs", "array"))
        data = self._read_responses(epochs)
        check_finite(np.where(np.isnan(data), 0.0, data), "epochs")
        whole = self._fitted().complete(data)
        if keep_observed:
            whole = np.where(np.isnan(data), whole, data)
        if output == "array":
            return whole
        return make_epochs_like(epochs, whole, self.info_)
