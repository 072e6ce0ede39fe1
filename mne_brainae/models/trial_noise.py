"""The noise of single trials, kept so that others like them can be drawn."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from .linear_gaussian.blocks import row_blocks
from .linear_gaussian.contrasts import noise_of_trials

#: Rows that are kept at most, evenly spread over the trials.
MOST_ROWS = 4096
#: Rows that one trial is the sum of: many where their power varies as that of trials.
MANY, FEW = 8, 2
#: Share of the spread of the power of trials that sums of many rows need to have.
LEAST_SPREAD = 0.9
#: Sums that are drawn to know their power, and quantiles of it that are kept.
N_DRAWS, N_QUANTILES = 2000, 257
#: Trials that are drawn at a time.
BLOCK = 256


@dataclass
class TrialNoise:
    """Rows of noise, of which sums with random weights are new noise.

    A sum of rows with weights of unit norm has the covariance of the rows over all
    channels and times, whatever its structure; it is a smoothed bootstrap. Where the
    power of real trials varies more than that of such sums, as in real EEG, every sum
    is scaled to the power of the measured trial of its rank.

    Parameters
    ----------
    rows : array, shape (n_rows, n_channels, n_times)
        Standardized trials without what they share with others of their image, of the
        variance of single trials, float32.
    n_summed : int
        The number of rows that one trial is the sum of.
    log_power : array, shape (2, n_quantiles) | None
        Quantiles of the log power of sums, and of the trials that they are scaled to;
        None scales nothing.
    """

    rows: np.ndarray
    n_summed: int = MANY
    log_power: np.ndarray | None = None

    @classmethod
    def learn(cls, trials, images: np.ndarray, means: np.ndarray) -> TrialNoise:
        """Take the noise of repeated trials, and see how its power varies.

        Parameters
        ----------
        trials : array, shape (n_trials, n_channels, n_times)
            Standardized trials; can be read block by block.
        images : array of int, shape (n_trials,)
            The image of every trial, as a row of ``means``.
        means : array, shape (n_images, n_channels, n_times)
            The mean of the trials of every image.

        Returns
        -------
        noise : instance of TrialNoise
            The noise.
        """
        noise = cls(noise_of_trials(trials, images, means, MOST_ROWS))
        power = noise._log_power(noise.rows)
        drawn = noise._power_of_draws()
        if drawn.std() >= LEAST_SPREAD * power.std():
            return noise
        noise.n_summed = FEW
        levels = np.linspace(0, 1, N_QUANTILES)
        drawn, target = np.quantile(noise._power_of_draws(), levels), power
        target = np.quantile(target, levels)
        # The quantiles between those kept have less power than the trials by a little.
        target += np.log(np.exp(power).mean() / np.exp(target).mean())
        noise.log_power = np.stack([drawn, target])
        return noise

    def draw(self, n_trials: int, rng) -> Iterator[tuple[slice, np.ndarray]]:
        """Draw the noise of new trials, some at a time.

        Parameters
        ----------
        n_trials : int
            How many.
        rng : instance of Generator
            Where random numbers come from.

        Yields
        ------
        which : slice
            Which trials these are.
        noise : array, shape (n_block, n_channels, n_times)
            Their noise, float32.
        """
        size = n_trials, self.n_summed
        chosen = rng.integers(len(self.rows), size=size)
        weights = rng.standard_normal(size, np.float32)
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        flat = self.rows.reshape(len(self.rows), -1)
        for which in row_blocks(n_trials, BLOCK):
            starts = np.arange(0, weights[which].size + 1, self.n_summed)
            mix = csr_array(
                (weights[which].ravel(), chosen[which].ravel(), starts),
                shape=(len(starts) - 1, len(flat)),
            )
            sums = (mix @ flat).reshape(-1, *self.rows.shape[1:])
            yield which, self._scale(sums)

    def _scale(self, sums: np.ndarray) -> np.ndarray:
        if self.log_power is None:
            return sums
        power = self._log_power(sums)
        gain = np.exp((np.interp(power, *self.log_power) - power) / 2)
        return sums * gain[:, None, None].astype(np.float32)

    def _power_of_draws(self) -> np.ndarray:
        blocks = self.draw(N_DRAWS, np.random.default_rng(0))
        return np.concatenate([self._log_power(sums) for _, sums in blocks])

    @staticmethod
    def _log_power(rows: np.ndarray) -> np.ndarray:
        power = [np.square(row, dtype=np.float64).mean() for row in rows]
        return np.log(np.maximum(power, np.finfo(float).tiny))
