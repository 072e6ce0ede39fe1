"""How far responses lie from their prediction at every channel and time."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

#: Quantiles that are kept of the errors of responses of one sample.
N_QUANTILES = 201


@dataclass
class Bands:
    """The variance of responses around their prediction, for any repetitions.

    Parameters
    ----------
    extra : array, shape (n_channels, n_times)
        Variance of the response itself around its prediction. Where no trial was
        repeated, it holds the noise of a measured response as well.
    noise : array, shape (n_channels, n_times)
        Variance of the noise of one trial; zeros where no trial was repeated.
    repetitions : float
        The number R of trials of a training response.
    quantiles : array, shape (n_quantiles, n_channels) | None
        Quantiles of the absolute error in units of its standard deviation, for
        responses of one sample; None takes those of the normal distribution.
    """

    extra: np.ndarray
    noise: np.ndarray
    repetitions: float = 1.0
    quantiles: np.ndarray | None = None

    @classmethod
    def of_errors(cls, errors: Iterable[np.ndarray], repetitions: float = 1.0) -> Bands:
        """Learn from errors of responses that were not repeated.

        Parameters
        ----------
        errors : iterable of array, shape (n_images, n_channels, n_times)
            Errors of predictions that did not see the response, block by block.
        repetitions : float
            The number R.

        Returns
        -------
        bands : instance of Bands
            The variances; for one sample also the quantiles.
        """
        total, n, kept = 0.0, 0, []
        for block in errors:
            total = total + np.einsum("nct,nct->ct", block, block, dtype=np.float64)
            n += len(block)
            if block.shape[2] == 1:
                kept.append(block[:, :, 0])
        found = cls(total / n, np.zeros_like(total), repetitions)
        if kept:
            sd = np.sqrt(np.maximum(found.extra[:, 0], np.finfo(float).tiny))
            levels = np.linspace(0, 1, N_QUANTILES)
            each = np.abs(np.concatenate(kept)) / sd
            found.quantiles = np.quantile(each, levels, axis=0)
        return found

    def of_mean_squares(self, squares: np.ndarray) -> Bands:
        """Return the bands of another prediction, whose mean squared error is known.

        Parameters
        ----------
        squares : array, shape (n_channels, n_times)
            Mean squared error of predictions that did not see the response.

        Returns
        -------
        bands : instance of Bands
            What the noise leaves of it, as the product of its means over channels and
            over times, since single entries are uncertain; without noise, all of it.
        """
        if not self.noise.any():
            return replace(self, extra=squares)
        left = squares - self.noise / self.repetitions
        of_channel = np.maximum(left.mean(axis=1), 0)
        of_time = np.maximum(left.mean(axis=0), 0)
        size = np.sqrt(max(of_channel.mean() * of_time.mean(), np.finfo(float).tiny))
        return replace(self, extra=np.outer(of_channel, of_time) / size)

    def variance(self, n_averaged: float | None = None, n_images: int = 1):
        """Return the variance of a response around its prediction.

        Parameters
        ----------
        n_averaged : float | None
            For the mean of so many trials; None is for the response itself.
        n_images : int
            Of how many images the prediction is the mean; their errors are taken as
            independent.

        Returns
        -------
        variance : array, shape (n_channels, n_times)
            The variance. Where no trial was repeated it is that of a measured response
            for at least R trials, and R / m times as much for fewer.
        """
        if self.noise.any():
            noise = 0.0 if n_averaged is None else self.noise / n_averaged
            return (self.extra + noise) / n_images
        fewer = 1.0 if n_averaged is None else max(self.repetitions / n_averaged, 1.0)
        return self.extra * fewer / n_images

    def half_width(
        self, level: float, n_averaged: float | None = None, n_images: int = 1
    ) -> np.ndarray:
        """Return half the width of the band that holds a share of the responses.

        Parameters
        ----------
        level : float
            The share.
        n_averaged : float | None
            For the mean of so many trials; None is for the response itself.
        n_images : int
            Of how many images the prediction is the mean.

        Returns
        -------
        half_width : array, shape (n_channels, n_times)
            From the prediction to either end of the band.
        """
        sd = np.sqrt(self.variance(n_averaged, n_images))
        if self.quantiles is None:
            return norm.ppf((1 + level) / 2) * sd
        place = level * (len(self.quantiles) - 1)
        low = int(place)
        ends = self.quantiles[low : low + 2]
        quantile = ends[0] + (place - low) * (ends[-1] - ends[0])
        return quantile[:, None] * sd
